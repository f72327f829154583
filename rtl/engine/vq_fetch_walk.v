// SPDX-License-Identifier: Apache-2.0
// vq_fetch_walk - check each descriptor, store its segment, and end or go on with its chain.
//   Contract    a chain ends with its totals, or with a fault in the order of checks of
//               docs/architecture.md; nothing of a chain is used before it ended. A walk that
//               finds no chunk free beyond the reserve is sent round again; the oldest one never
//               is, for long
//   Latency     1 cycle, descriptor to end
//   Throughput  1 descriptor per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_walk.vh"
`include "vq_check.vh"

module vq_fetch_walk #(
    parameter QID_W     = 2,    // queue number, bits
    parameter TAG_W     = 8,    // chunk of the chain store, bits
    parameter ORDER_W   = 6,    // place in the order of chains, bits
    parameter RESERVE   = 32,   // chunks that only the oldest chain may take
    parameter MAX_CHAIN = 128,  // descriptors of a chain, at most
    parameter WALK_W    = `VQ_WALK_W    // derived, not to be set
) (
    input  wire               clk,
    input  wire               rst,
    input  wire               s_indirect,       // INDIRECT_DESC negotiated
    // Walks whose descriptors were asked for, in order; a bad one has none
    input  wire [WALK_W-1:0]  s_walk,
    input  wire               s_walk_valid,
    output wire               s_walk_ready,
    // Descriptors, one packet a walk
    input  wire [127:0]       s_desc_data,
    input  wire               s_desc_error,
    input  wire               s_desc_last,
    input  wire               s_desc_valid,
    output wire               s_desc_ready,
    // The queue's size
    output wire [QID_W-1:0]   m_table_queue,
    input  wire [15:0]        s_table_size,
    // Walks that go on (there is always room)
    output wire [WALK_W-1:0]  m_more_walk,
    output wire               m_more_valid,
    // Chunks: s_oldest is the oldest chain's place in the order
    input  wire [ORDER_W-1:0] s_oldest,
    input  wire [TAG_W-1:0]   s_free_tag,
    input  wire [TAG_W:0]     s_free_count,
    input  wire               s_free_valid,
    output wire               m_free_take,
    // Segments and links stored
    output wire [TAG_W+1:0]   m_write_at,
    output wire [95:0]        m_write_data,
    output wire               m_write_valid,
    output wire [TAG_W-1:0]   m_link_tag,
    output wire [TAG_W-1:0]   m_link_next,
    output wire               m_link_valid,
    // Ends of chains
    output wire [ORDER_W-1:0] m_end_order,
    output wire [QID_W-1:0]   m_end_queue,
    output wire [15:0]        m_end_head,
    output wire [TAG_W-1:0]   m_end_tag,
    output wire [TAG_W-1:0]   m_end_last,       // last chunk
    output wire [31:0]        m_end_readable,
    output wire [31:0]        m_end_writable,
    output wire [TAG_W+1:0]   m_end_w_at,       // position of the first writable segment
    output wire               m_end_bad,
    output wire [4:0]         m_end_code,
    output wire [16:0]        m_end_desc,
    output wire               m_end_valid
);
`include "vq_faults.vh"
    // The walk at hand: from the list at a packet's start, then from the register
    reg  [WALK_W-1:0]  walk_reg;
    reg                first_reg;       // the next descriptor starts a packet
    reg                drain_reg;       // the rest of the packet is of no use
    wire [WALK_W-1:0]  walk = first_reg ? s_walk : walk_reg;

    wire [QID_W-1:0]   queue;
    wire [15:0]        head, count, index;
    wire [ORDER_W-1:0] order;
    wire [TAG_W-1:0]   tag, chunk, w_chunk;
    wire [2:0]         pos;
    wire [1:0]         w_pos;
    wire [31:0]        readable, writable;
    wire               some_writable, in_table, bad;
    wire [63:0]        table_addr;
    wire [16:0]        table_size;
    wire [4:0]         code;
    assign {queue, head, order, tag, chunk, pos, count, readable, writable, some_writable,
            w_chunk, w_pos, in_table, table_addr, table_size, index, bad, code} = walk;

    // The descriptor
    wire [63:0] d_addr;
    wire [31:0] d_len;
    wire [15:0] d_flags, d_next;
    assign {d_next, d_flags, d_len, d_addr} = s_desc_data;
    wire        f_next     = d_flags[0];
    wire        f_write    = d_flags[1];
    wire        f_indirect = d_flags[2];

    // The checks
    wire [64:0] d_end   = {1'b0, d_addr} + {33'd0, d_len};
    wire        wraps   = d_end[64] && d_end[63:0] != 64'd0;
    wire [32:0] sum     = {1'b0, f_write ? writable : readable} + {1'b0, d_len};
    wire [16:0] next_bound = in_table ? table_size : {1'b0, s_table_size};
    reg  [4:0]  found;                  // fault of this descriptor, 0 for none

    always @* begin
        found = 5'd0;
        if (s_desc_error) found = in_table ? FAULT_MEM_INDIRECT : FAULT_MEM_DESC;
        else if (f_indirect) begin
            if (in_table) found = FAULT_INDIRECT_NESTED;
            else if (!s_indirect) found = FAULT_INDIRECT_NOT_NEGOTIATED;
            else if (f_next) found = FAULT_INDIRECT_WITH_NEXT;
            else if (d_len == 32'd0 || d_len[3:0] != 4'd0) found = FAULT_INDIRECT_SIZE;
            else if (wraps) found = FAULT_ADDR_WRAP;
        end
        else if (count == s_table_size) found = FAULT_CHAIN_TOO_LONG;
        else if (count == MAX_CHAIN[15:0]) found = FAULT_CHAIN_OVER_CAP;
        else if (some_writable && !f_write) found = FAULT_READ_AFTER_WRITE;
        else if (wraps) found = FAULT_ADDR_WRAP;
        else if (sum[32]) found = FAULT_CHAIN_BYTES;
        else if (f_next && {1'b0, d_next} >= next_bound) found = FAULT_NEXT_RANGE;
    end

    // What happens with it
    wire no_desc   = first_reg && bad;                  // a bad walk comes without descriptors
    wire go        = (!first_reg || s_walk_valid) && !drain_reg && (no_desc || s_desc_valid);
    wire fails     = no_desc || found != 5'd0;
    wire jumps     = !fails && f_indirect;              // on to the table
    wire grow      = !fails && !jumps && pos[2];        // needs another chunk
    wire may_grow  = s_free_valid && (order == s_oldest || s_free_count > RESERVE[TAG_W:0]);
    wire again     = grow && !may_grow;
    wire stores    = !fails && !jumps && !again;
    wire ends      = fails || (stores && !f_next);
    wire follows   = stores && f_next && in_table && !s_desc_last && d_next == index + 16'd1;
    wire more      = !ends && !follows;

    wire [TAG_W-1:0] at_chunk  = grow ? s_free_tag : chunk;
    wire [1:0]       at_pos    = grow ? 2'd0 : pos[1:0];
    wire             w_first   = f_write && !some_writable;
    wire [16:0]      d_entries = |d_len[31:20] ? 17'h10000 : {1'b0, d_len[19:4]};

    wire [WALK_W-1:0] stored = {
        queue, head, order, tag, at_chunk, {1'b0, at_pos} + 3'd1, count + 16'd1,
        f_write ? readable : sum[31:0], f_write ? sum[31:0] : writable, some_writable || f_write,
        w_first ? at_chunk : w_chunk, w_first ? at_pos : w_pos,
        in_table, table_addr, table_size, d_next, bad, code};
    wire [WALK_W-1:0] jumped = {
        queue, head, order, tag, chunk, pos, count, readable, writable, some_writable,
        w_chunk, w_pos, 1'b1, d_addr, d_entries, 16'd0, bad, code};

    assign s_walk_ready  = go && first_reg;
    assign s_desc_ready  = drain_reg || (go && !no_desc);
    assign m_table_queue = queue;
    assign m_more_walk   = jumps ? jumped : again ? walk : stored;
    assign m_more_valid  = go && more;
    assign m_free_take   = go && stores && grow;
    assign m_write_at    = {at_chunk, at_pos};
    assign m_write_data  = {d_addr, d_len};
    assign m_write_valid = go && stores;
    assign m_link_tag    = chunk;
    assign m_link_next   = s_free_tag;
    assign m_link_valid  = go && stores && grow;

    always @(posedge clk) begin
        if (go) begin
            walk_reg <= stored;
            if (no_desc || s_desc_last) first_reg <= 1'b1;
            else begin
                first_reg <= !follows;
                drain_reg <= !follows;
            end
        end
        if (drain_reg && s_desc_valid && s_desc_last) drain_reg <= 1'b0;
        if (rst) begin
            first_reg <= 1'b1;
            drain_reg <= 1'b0;
        end
    end

    // The end, through a register
    reg                end_valid_reg, end_bad_reg;
    reg  [4:0]         end_code_reg;
    reg  [16:0]        end_desc_reg;
    reg  [ORDER_W-1:0] end_order_reg;
    reg  [QID_W-1:0]   end_queue_reg;
    reg  [15:0]        end_head_reg;
    reg  [TAG_W-1:0]   end_tag_reg, end_last_reg;
    reg  [31:0]        end_readable_reg, end_writable_reg;
    reg  [TAG_W+1:0]   end_w_at_reg;

    always @(posedge clk) begin
        end_valid_reg <= go && ends && !rst;
        if (go && ends) begin
            end_bad_reg      <= fails;
            end_code_reg     <= no_desc ? code : found;
            end_desc_reg     <= {in_table, index};
            end_order_reg    <= order;
            end_queue_reg    <= queue;
            end_head_reg     <= head;
            end_tag_reg      <= tag;
            end_last_reg     <= stores ? at_chunk : chunk;
            end_readable_reg <= f_write ? readable : sum[31:0];
            end_writable_reg <= f_write ? sum[31:0] : writable;
            end_w_at_reg     <= w_first ? {at_chunk, at_pos} : {w_chunk, w_pos};
        end
    end

    assign m_end_order    = end_order_reg;
    assign m_end_queue    = end_queue_reg;
    assign m_end_head     = end_head_reg;
    assign m_end_tag      = end_tag_reg;
    assign m_end_last     = end_last_reg;
    assign m_end_readable = end_readable_reg;
    assign m_end_writable = end_writable_reg;
    assign m_end_w_at     = end_w_at_reg;
    assign m_end_bad      = end_bad_reg;
    assign m_end_code     = end_code_reg;
    assign m_end_desc     = end_desc_reg;
    assign m_end_valid    = end_valid_reg;

    wire unused = &{1'b0, d_flags[15:3]};
endmodule
`resetall
