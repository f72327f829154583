// SPDX-License-Identifier: Apache-2.0
// vq_complete_batch - collect completed chains into used elements and write them in bursts.
//   Contract    a batch holds consecutive slots of one queue's used ring, up to BATCH_MAX. It is
//               closed when full, at the ring's end, when another queue completes, when nothing
//               more is under way in its queue, or after WAIT cycles without a completion.
//               m_batch_* names each batch whose elements, and all payload before them, the
//               memory has acknowledged
//   Latency     2 cycles, last completion of a queue to the write request
//   Throughput  1 chain per cycle, 1 more cycle a batch
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_complete_batch #(
    parameter QUEUES    = 4,    // queues, 1 to 64
    parameter QID_W     = 2,    // queue number, bits
    parameter DATA_W    = 64,   // beat, bits
    parameter BATCH_MAX = 16,   // elements of a batch; power of two, 8 to 32
    parameter BATCHES   = 32,   // batches under way; power of two
    parameter WAIT      = 16,   // cycles, up to 255
    parameter LANE_W    = $clog2(DATA_W/8)      // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    // Completed chains
    input  wire [QID_W-1:0]  s_used_queue,
    input  wire [15:0]       s_used_head,
    input  wire [31:0]       s_used_len,
    input  wire              s_used_valid,
    output wire              s_used_ready,
    input  wire              s_used_final,      // nothing more is under way in this queue
    // Queue at hand and its ring size; queue of the next request and its used ring
    output wire [QID_W-1:0]  m_open_queue,
    input  wire [15:0]       s_open_size,
    output wire [QID_W-1:0]  m_table_queue,
    input  wire [15:0]       s_table_size,
    input  wire [63:0]       s_table_used_addr,
    // Write requests and their beats
    output wire [63:0]       m_req_addr,
    output wire [12:0]       m_req_len,
    output wire [QID_W-1:0]  m_req_queue,
    output wire              m_req_valid,
    input  wire              m_req_ready,
    output wire [DATA_W-1:0] m_beat_data,
    output wire [LANE_W-1:0] m_beat_offset,
    output wire [LANE_W:0]   m_beat_count,
    output wire              m_beat_last,
    output wire              m_beat_valid,
    input  wire              m_beat_ready,
    input  wire              s_ack_valid,
    // Batches acknowledged: elements, and the used index after them
    output wire [QID_W-1:0]  m_batch_queue,
    output wire [15:0]       m_batch_index,
    output wire [7:0]        m_batch_count,
    output wire              m_batch_valid,
    input  wire              m_batch_ready
);
    localparam PER_BEAT = DATA_W / 64;                  // elements of a beat
    localparam PLACE_W  = PER_BEAT > 1 ? $clog2(PER_BEAT) : 1;
    localparam BEATS    = 4 * BATCH_MAX / PER_BEAT < 8 ? 8 : 4 * BATCH_MAX / PER_BEAT;
    localparam PEND_W   = $clog2(BATCHES) + 1;

    // The open batch
    reg                open_reg;
    reg  [QID_W-1:0]   queue_reg;
    reg  [15:0]        index_reg;       // used index of its first element
    reg  [7:0]         count_reg;
    reg                final_reg;       // nothing more is under way
    reg  [7:0]         wait_reg;
    reg  [DATA_W-1:0]  beat_reg;        // elements of the beat that is not full
    reg  [PLACE_W-1:0] place_reg;       // their number
    wire [15:0]        used_index;
    wire               beat_room, batch_room;
    wire               same    = s_used_queue == queue_reg;
    wire [15:0]        end_index = index_reg + {8'd0, count_reg};       // wraps at 65536
    wire               at_end  = (end_index & (s_open_size - 16'd1)) == 16'd0;
    wire               full    = count_reg == BATCH_MAX[7:0] || at_end;
    wire               close   = open_reg && (full || final_reg || wait_reg == 8'd0 ||
                                 (s_used_valid && !same));
    wire               closed  = close && beat_room && batch_room;
    wire               accept  = s_used_valid && s_used_ready;
    wire               top     = PER_BEAT == 1 || place_reg == PER_BEAT[PLACE_W-1:0] - 1'b1;
    wire [63:0]        element = {s_used_len, 16'd0, s_used_head};
    reg  [DATA_W-1:0]  filled;
    integer            i;

    always @* begin
        filled = beat_reg;
        for (i = 0; i < PER_BEAT; i = i + 1)
            if (PER_BEAT == 1 || place_reg == i[PLACE_W-1:0]) filled[64*i +: 64] = element;
    end

    assign s_used_ready = !close && beat_room;
    assign m_open_queue = queue_reg;

    vq_table #(.WIDTH(16), .ROWS(QUEUES)) u_used_index (
        .clk(clk),
        .clear(~s_ready),
        .write_en(closed),
        .write_addr(queue_reg),
        .write_data(end_index),
        .read_a_addr(s_used_queue),
        .read_a_data(used_index),
        .read_b_addr(s_used_queue),
        .read_b_data(used_copy)
    );
    wire [15:0] used_copy;

    always @(posedge clk) begin
        wait_reg <= accept ? WAIT[7:0] : wait_reg - {7'd0, wait_reg != 8'd0};
        if (accept) begin
            queue_reg <= s_used_queue;
            if (!open_reg) index_reg <= used_index;
            count_reg <= open_reg ? count_reg + 8'd1 : 8'd1;
            final_reg <= s_used_final;
            beat_reg  <= filled;
            place_reg <= top ? {PLACE_W{1'b0}} : place_reg + 1'b1;
            open_reg  <= 1'b1;
        end
        if (closed) begin
            open_reg  <= 1'b0;
            place_reg <= {PLACE_W{1'b0}};
        end
        if (rst) begin
            open_reg  <= 1'b0;
            place_reg <= {PLACE_W{1'b0}};
        end
    end

    // Full beats, and the last one of a batch
    vq_fifo #(.WIDTH(DATA_W), .DEPTH(BEATS)) u_beats (
        .clk(clk),
        .rst(rst),
        .s_data(closed ? beat_reg : filled),
        .s_valid((accept && top) || (closed && place_reg != {PLACE_W{1'b0}})),
        .s_ready(beat_room),
        .m_data(m_beat_data),
        .m_valid(beat_valid),
        .m_ready(m_beat_valid && m_beat_ready)
    );
    wire beat_valid;

    // Batches to be requested
    wire [15:0] first;
    wire [7:0]  many;
    wire        due_valid, note_room, sent_room;

    vq_fifo #(.WIDTH(QID_W+24), .DEPTH(4)) u_due (
        .clk(clk),
        .rst(rst),
        .s_data({queue_reg, index_reg, count_reg}),
        .s_valid(closed),
        .s_ready(batch_room),
        .m_data({m_table_queue, first, many}),
        .m_valid(due_valid),
        .m_ready(m_req_valid && m_req_ready)
    );

    wire [15:0] slot = first & (s_table_size - 16'd1);
    assign m_req_addr  = s_table_used_addr + 64'd4 + {45'd0, slot, 3'd0};
    assign m_req_len   = {2'd0, many, 3'd0};
    assign m_req_queue = m_table_queue;
    assign m_req_valid = due_valid && note_room && sent_room;

    // Beats of the requests
    wire [7:0] note_count;
    wire       note_valid;
    reg  [7:0] sent_reg;                // elements of the request that have left
    wire [7:0] rest = note_count - sent_reg;
    wire       last = rest <= PER_BEAT[7:0];
    wire [7:0] now  = last ? rest : PER_BEAT[7:0];
    wire       move = m_beat_valid && m_beat_ready;

    vq_fifo #(.WIDTH(8), .DEPTH(4)) u_notes (
        .clk(clk),
        .rst(rst),
        .s_data(many),
        .s_valid(m_req_valid && m_req_ready),
        .s_ready(note_room),
        .m_data(note_count),
        .m_valid(note_valid),
        .m_ready(move && last)
    );

    assign m_beat_offset = {LANE_W{1'b0}};
    assign m_beat_count  = {now[LANE_W-3:0], 3'd0};
    assign m_beat_last   = last;
    assign m_beat_valid  = note_valid && beat_valid;

    always @(posedge clk) begin
        if (move) sent_reg <= last ? 8'd0 : sent_reg + PER_BEAT[7:0];
        if (rst) sent_reg <= 8'd0;
    end

    // Batches requested, until acknowledged
    wire sent_valid;
    reg  [PEND_W-1:0] acked_reg;        // acknowledged, not yet handed on
    wire handed = m_batch_valid && m_batch_ready;

    vq_fifo #(.WIDTH(QID_W+24), .DEPTH(BATCHES)) u_sent (
        .clk(clk),
        .rst(rst),
        .s_data({m_table_queue, first + {8'd0, many}, many}),
        .s_valid(m_req_valid && m_req_ready),
        .s_ready(sent_room),
        .m_data({m_batch_queue, m_batch_index, m_batch_count}),
        .m_valid(sent_valid),
        .m_ready(handed)
    );

    assign m_batch_valid = sent_valid && acked_reg != {PEND_W{1'b0}};

    always @(posedge clk) begin
        if (s_ack_valid && !handed) acked_reg <= acked_reg + 1'b1;
        if (handed && !s_ack_valid) acked_reg <= acked_reg - 1'b1;
        if (rst) acked_reg <= {PEND_W{1'b0}};
    end

    wire unused = &{1'b0, used_copy, now[7:LANE_W-2]};

    `VQ_ASSERT(a_acked, acked_reg == {PEND_W{1'b0}} || sent_valid)
endmodule
`resetall
