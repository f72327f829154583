// SPDX-License-Identifier: Apache-2.0
// vq_walk.vh - what is known of a chain between two reads of its descriptors.
// Fields, from the top:
//   chunk TAG_W and pos 3 (where the next segment goes; pos 4: chunk full), count COUNT_W (data
//   descriptors), readable 32, writable 32 (bytes), some_writable 1, w_at TAG_W+2 (position of the
//   first writable segment), in_table 1, table_size 17 (of an indirect table, descriptors),
//   index 16 (descriptor to read next), run 3 and running 1 (descriptors that followed each other
//   from the head on, and whether all did)
// In a packed ring: id 16 (buffer id of the descriptor that names the table) comes first;
// table_size is of the ring the descriptors of the chain that are left, and bit 15 of index the
// lap
`ifndef VQ_WALK_VH
`define VQ_WALK_VH
`define VQ_WALK_W (16 + 2*TAG_W + COUNT_W + 3 + 32 + 32 + 1 + 2 + 1 + 17 + 16 + 3 + 1)
`endif
