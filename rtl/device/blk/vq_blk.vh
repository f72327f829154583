// SPDX-License-Identifier: Apache-2.0
// vq_blk.vh - what the block device does with a request: a command of its store, or another thing.
/* verilator lint_off UNUSEDPARAM */
`include "vq_blk_types.vh"
localparam [2:0] ACT_READ    = OP_READ;
localparam [2:0] ACT_WRITE   = OP_WRITE;
localparam [2:0] ACT_FLUSH   = OP_FLUSH;
localparam [2:0] ACT_DISCARD = OP_DISCARD;
localparam [2:0] ACT_ZEROES  = OP_WRITE_ZEROES;
localparam [2:0] ACT_ID      = 3'd5;     // answer with the serial number
localparam [2:0] ACT_NONE    = 3'd6;     // answer with a status, and zeros before it
/* verilator lint_on UNUSEDPARAM */
