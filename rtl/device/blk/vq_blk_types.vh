// SPDX-License-Identifier: Apache-2.0
// vq_blk_types.vh - types and status of requests (section 5.2.6), commands of the store.
// Generated from pymodel/blk_function.py by 'make generate': change that instead.
/* verilator lint_off UNUSEDPARAM */
localparam [31:0] TYPE_IN           = 32'd0;
localparam [31:0] TYPE_OUT          = 32'd1;
localparam [31:0] TYPE_FLUSH        = 32'd4;
localparam [31:0] TYPE_GET_ID       = 32'd8;
localparam [31:0] TYPE_DISCARD      = 32'd11;
localparam [31:0] TYPE_WRITE_ZEROES = 32'd13;
localparam [1:0] STATUS_OK         = 2'd0;
localparam [1:0] STATUS_IOERR      = 2'd1;
localparam [1:0] STATUS_UNSUPP     = 2'd2;
localparam [2:0] OP_READ           = 3'd0;
localparam [2:0] OP_WRITE          = 3'd1;
localparam [2:0] OP_FLUSH          = 3'd2;
localparam [2:0] OP_DISCARD        = 3'd3;
localparam [2:0] OP_WRITE_ZEROES   = 3'd4;
/* verilator lint_on UNUSEDPARAM */
