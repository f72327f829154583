// SPDX-License-Identifier: Apache-2.0
// vq_walk.vh - what is known of a chain while its descriptors are read; it travels with each read.
// Fields, from the top:
//   queue QID_W, head 16, order ORDER_W (place in the order of chains), tag TAG_W (first chunk),
//   chunk TAG_W and pos 3 (where the next segment goes; pos 4: chunk full), count 16 (data
//   descriptors), readable 32, writable 32 (bytes), some_writable 1, w_chunk TAG_W and w_pos 2
//   (first writable segment), in_table 1, table_addr 64, table_size 17 (of an indirect table,
//   descriptors), index 16 (descriptor to read next), bad 1, code 5 (fault found already)
`ifndef VQ_WALK_VH
`define VQ_WALK_VH
`define VQ_WALK_W (QID_W + ORDER_W + 3*TAG_W + 16 + 3 + 16 + 32 + 32 + 1 + 2 \
                   + 1 + 64 + 17 + 16 + 1 + 5)
`endif
