// SPDX-License-Identifier: Apache-2.0
// vq_fetch_hold - what is kept of the walks under way: in the order of their reads while these are
// on their way, then until their next reads are asked for.
//   Contract    walks come to vq_fetch_walk in the order of the notes, each with what its first
//               note said and what was last known of it; those that go on come to vq_fetch_issue
//               in the order in which they were sent round. There is always room
//   Latency     3 cycles, note to walk; 4 cycles, walk that goes on to vq_fetch_issue
//   Throughput  1 note and 1 walk that goes on per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_walk.vh"
`include "vq_check.vh"

module vq_fetch_hold #(
    parameter QID_W   = 2,  // queue number, bits
    parameter TAG_W   = 8,  // chunk of the chain store, bits
    parameter ORDER_W = 6,  // place in the order of chains, bits
    parameter COUNT_W = 8,  // descriptors of a chain, bits
    parameter SLOT_W  = 8,  // descriptors of a packed ring that a chain takes, bits
    parameter WALK_W  = `VQ_WALK_W      // derived, not to be set
) (
    input  wire               clk,
    input  wire               rst,
    // Notes, one a read of a chain's descriptors; a fresh one says all of its chain
    input  wire [ORDER_W-1:0] s_note_order,
    input  wire               s_note_fresh,
    input  wire [3:0]         s_note_count,     // descriptors read
    input  wire               s_note_bad,       // none: the head is out of range
    input  wire               s_note_error,     // none: the entry could not be read
    input  wire [QID_W-1:0]   s_note_queue,
    input  wire [15:0]        s_note_head,
    input  wire [SLOT_W-1:0]  s_note_slots,
    input  wire [TAG_W-1:0]   s_note_tag,
    input  wire               s_note_valid,
    // Walks, in the order of the notes; m_walk_known is of use where it is not fresh
    output wire [ORDER_W-1:0] m_walk_order,
    output wire               m_walk_fresh,
    output wire [3:0]         m_walk_count,
    output wire               m_walk_bad,
    output wire               m_walk_error,
    output wire [QID_W-1:0]   m_walk_queue,
    output wire [15:0]        m_walk_head,
    output wire [SLOT_W-1:0]  m_walk_slots,
    output wire [TAG_W-1:0]   m_walk_tag,
    output wire [WALK_W-1:0]  m_walk_known,
    output wire               m_walk_valid,
    input  wire               m_walk_ready,
    // Walks that go on, from vq_fetch_walk; s_more_jump: to the table at s_more_table
    input  wire [ORDER_W-1:0] s_more_order,
    input  wire [QID_W-1:0]   s_more_queue,
    input  wire               s_more_sequel,
    input  wire [WALK_W-1:0]  s_more_known,
    input  wire [63:0]        s_more_table,
    input  wire               s_more_jump,
    input  wire               s_more_valid,
    // Walks that go on, to vq_fetch_issue
    output wire [ORDER_W-1:0] m_next_order,
    output wire [QID_W-1:0]   m_next_queue,
    output wire               m_next_sequel,
    output wire               m_next_in_table,
    output wire [63:0]        m_next_table,
    output wire [16:0]        m_next_size,
    output wire [15:0]        m_next_index,
    output wire [3:0]         m_next_left,      // descriptors after it in its table; 8: or more
    output wire               m_next_valid,
    input  wire               m_next_ready
);
    localparam WALKS  = 2**ORDER_W;

    // Walks that go on, as they come
    localparam NEXT_W = ORDER_W + QID_W + 1 + 1 + 17 + 16;
    wire               in_table;        // of a walk that goes on
    wire [16:0]        size;
    wire [15:0]        index;
    wire [3:0]         run;
    wire [WALK_W-39:0] others;
    reg  [ORDER_W-1:0] more_order_reg;
    reg  [QID_W-1:0]   more_queue_reg;
    reg                more_sequel_reg, more_jump_reg, more_valid_reg;
    reg  [WALK_W-1:0]  known_reg;
    reg  [63:0]        table_reg;
    assign {others, in_table, size, index, run} = known_reg;

    always @(posedge clk) begin
        more_valid_reg  <= s_more_valid && !rst;
        more_order_reg  <= s_more_order;
        more_queue_reg  <= s_more_queue;
        more_sequel_reg <= s_more_sequel;
        more_jump_reg   <= s_more_jump;
        known_reg       <= s_more_known;
        table_reg       <= s_more_table;
    end

    // Notes, then what belongs to them
    wire [ORDER_W-1:0] note_order;
    wire               note_fresh, note_bad, note_error, note_valid, note_room;
    wire [3:0]         note_count;
    reg  [ORDER_W-1:0] order_reg;
    reg                fresh_reg, bad_reg, error_reg, valid_reg;
    reg  [3:0]         count_reg;
    wire               move = !valid_reg || m_walk_ready;
    wire               take = move && note_valid;

    vq_fifo #(.WIDTH(ORDER_W+7), .DEPTH(WALKS), .BLOCK_EN(1'b1)) u_notes (
        .clk(clk),
        .rst(rst),
        .s_data({s_note_order, s_note_fresh, s_note_count, s_note_bad, s_note_error}),
        .s_valid(s_note_valid),
        .s_ready(note_room),
        .m_data({note_order, note_fresh, note_count, note_bad, note_error}),
        .m_valid(note_valid),
        .m_ready(move)
    );
    vq_ram #(.WIDTH(QID_W+16+SLOT_W+TAG_W), .DEPTH(WALKS)) u_heads (
        .clk(clk),
        .write_en(s_note_valid && s_note_fresh),
        .write_addr(s_note_order),
        .write_data({s_note_queue, s_note_head, s_note_slots, s_note_tag}),
        .read_en(take),
        .read_addr(note_order),
        .read_data({m_walk_queue, m_walk_head, m_walk_slots, m_walk_tag})
    );
    vq_ram #(.WIDTH(WALK_W), .DEPTH(WALKS)) u_known (
        .clk(clk),
        .write_en(more_valid_reg),
        .write_addr(more_order_reg),
        .write_data(known_reg),
        .read_en(take),
        .read_addr(note_order),
        .read_data(m_walk_known)
    );

    always @(posedge clk) begin
        if (move) valid_reg <= note_valid;
        if (take) begin
            order_reg <= note_order;
            fresh_reg <= note_fresh;
            count_reg <= note_count;
            bad_reg   <= note_bad;
            error_reg <= note_error;
        end
        if (rst) valid_reg <= 1'b0;
    end

    assign m_walk_order = order_reg;
    assign m_walk_fresh = fresh_reg;
    assign m_walk_count = count_reg;
    assign m_walk_bad   = bad_reg;
    assign m_walk_error = error_reg;
    assign m_walk_valid = valid_reg;

    // Walks that go on, then the address of their tables
    wire [NEXT_W-1:0]  more;
    wire [16:0]        more_left = more[32:16] + ~{1'b0, more[15:0]};
    wire               more_valid, more_room;
    reg  [NEXT_W-1:0]  next_reg;
    reg  [3:0]         left_reg;
    reg                next_valid_reg;
    wire               pass = !next_valid_reg || m_next_ready;
    wire               step = pass && more_valid;

    vq_fifo #(.WIDTH(NEXT_W), .DEPTH(WALKS), .BLOCK_EN(1'b1)) u_more (
        .clk(clk),
        .rst(rst),
        .s_data({more_order_reg, more_queue_reg, more_sequel_reg, in_table, size, index}),
        .s_valid(more_valid_reg),
        .s_ready(more_room),
        .m_data(more),
        .m_valid(more_valid),
        .m_ready(pass)
    );
    vq_ram #(.WIDTH(64), .DEPTH(WALKS)) u_tables (
        .clk(clk),
        .write_en(more_valid_reg && more_jump_reg),
        .write_addr(more_order_reg),
        .write_data(table_reg),
        .read_en(step),
        .read_addr(more[NEXT_W-1 -: ORDER_W]),
        .read_data(m_next_table)
    );

    always @(posedge clk) begin
        if (pass) next_valid_reg <= more_valid;
        if (step) begin
            next_reg <= more;
            left_reg <= {|more_left[16:3], more_left[2:0]};
        end
        if (rst) next_valid_reg <= 1'b0;
    end

    assign {m_next_order, m_next_queue, m_next_sequel, m_next_in_table, m_next_size,
            m_next_index} = next_reg;
    assign m_next_left  = left_reg;
    assign m_next_valid = next_valid_reg;

    wire unused = &{1'b0, others, run};

    `VQ_ASSERT(a_room, (!s_note_valid || note_room) && (!more_valid_reg || more_room))
endmodule
`resetall
