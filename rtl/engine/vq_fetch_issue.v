// SPDX-License-Identifier: Apache-2.0
// vq_fetch_issue - ask for the next descriptors of the chains that are being walked.
//   Contract    chains that go on come before new ones. A new chain starts only while RESERVE
//               chunks stay free for the oldest one, so the walks never wait for each other. Of
//               an indirect table up to TABLE_READ descriptors are asked for at once, ahead of
//               need
//   Latency     2 cycles, head to read
//   Throughput  1 read per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_walk.vh"

module vq_fetch_issue #(
    parameter QID_W      = 2,   // queue number, bits
    parameter TAG_W      = 8,   // chunk of the chain store, bits
    parameter ORDER_W    = 6,   // place in the order of chains, bits
    parameter RESERVE    = 32,  // chunks that only the oldest chain may take
    parameter TABLE_READ = 8,   // descriptors of an indirect table read at once, 1 to 256
    parameter WALK_W     = `VQ_WALK_W    // derived, not to be set
) (
    input  wire               clk,
    input  wire               rst,
    // Chain heads
    input  wire [QID_W-1:0]   s_head_queue,
    input  wire [15:0]        s_head_index,
    input  wire               s_head_error,     // the entry could not be read
    input  wire               s_head_valid,
    output wire               s_head_ready,
    // Walks that go on
    input  wire [WALK_W-1:0]  s_more_walk,
    input  wire               s_more_valid,
    output wire               s_more_ready,
    // The queue's table
    output wire [QID_W-1:0]   m_table_queue,
    input  wire [15:0]        s_table_size,
    input  wire [63:0]        s_table_desc_addr,
    // A place in the order, and a chunk
    input  wire [ORDER_W-1:0] s_order_index,
    input  wire               s_order_empty,
    input  wire               s_order_valid,
    output wire               m_order_take,
    input  wire [TAG_W-1:0]   s_free_tag,
    input  wire [TAG_W:0]     s_free_count,
    input  wire               s_free_valid,
    output wire               m_free_take,
    // Reads
    output wire [63:0]        m_req_addr,
    output wire [13:0]        m_req_len,
    output wire [QID_W-1:0]   m_req_queue,
    output wire               m_req_valid,
    input  wire               m_req_ready,
    // The walk that each read belongs to, in order; a bad one has no read
    output wire [WALK_W-1:0]  m_walk,
    output wire               m_walk_valid,
    input  wire               m_walk_ready
);
`include "vq_faults.vh"
    localparam TAIL_W = 1 + 64 + 17 + 16 + 1 + 5;   // the fields from in_table on
    localparam HEAD_W = WALK_W - TAIL_W;

    // Stage 1: choose
    reg  [WALK_W-1:0] walk_reg;
    reg  [63:0]       base_reg;         // of the queue's descriptor table
    reg               valid_reg;
    wire              move      = !valid_reg || (m_walk_valid && m_walk_ready);
    wire              reserved  = s_free_count > RESERVE[TAG_W:0];
    wire              new_room  = s_order_valid && s_free_valid && (reserved || s_order_empty);
    wire              take_more = move && s_more_valid;
    wire              take_head = move && !s_more_valid && s_head_valid && new_room;
    wire              head_out  = s_head_index >= s_table_size;
    wire [4:0]        head_code = s_head_error ? FAULT_MEM_AVAIL : FAULT_HEAD_RANGE;
    wire [WALK_W-1:0] fresh     = {
        s_head_queue, s_head_index, s_order_index, s_free_tag,
        s_free_tag, 3'd0, 16'd0, 32'd0, 32'd0, 1'b0, s_free_tag, 2'd0,
        1'b0, 64'd0, 17'd0, s_head_error ? 16'd0 : s_head_index,
        s_head_error || head_out, head_code};

    assign s_more_ready  = move;
    assign s_head_ready  = move && !s_more_valid && new_room;
    assign m_order_take  = take_head;
    assign m_free_take   = take_head;
    assign m_table_queue = s_more_valid ? s_more_walk[WALK_W-1 -: QID_W] : s_head_queue;

    always @(posedge clk) begin
        if (move) valid_reg <= take_more || take_head;
        if (take_more || take_head) begin
            walk_reg <= s_more_valid ? s_more_walk : fresh;
            base_reg <= s_table_desc_addr;
        end
        if (rst) valid_reg <= 1'b0;
    end

    // Stage 2: ask
    wire        in_table, bad;
    wire [63:0] table_addr;
    wire [16:0] table_size;
    wire [15:0] index;
    wire [4:0]  code;
    wire [HEAD_W-1:0] head_fields;
    assign {head_fields, in_table, table_addr, table_size, index, bad, code} = walk_reg;

    wire [16:0] left  = table_size - {1'b0, index};
    wire [16:0] many  = left < TABLE_READ[16:0] ? left : TABLE_READ[16:0];
    wire [8:0]  count = in_table ? many[8:0] : 9'd1;

    assign m_req_addr   = (in_table ? table_addr : base_reg) + {44'd0, index, 4'd0};
    assign m_req_len    = {1'b0, count, 4'd0};
    assign m_req_queue  = walk_reg[WALK_W-1 -: QID_W];
    assign m_req_valid  = valid_reg && !bad && m_walk_ready;
    assign m_walk       = walk_reg;
    assign m_walk_valid = valid_reg && (bad || m_req_ready);

    wire unused = &{1'b0, head_fields, many[16:9], code};
endmodule
`resetall
