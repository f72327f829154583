// SPDX-License-Identifier: Apache-2.0
// vq_sock_issue - give whole frames to the device function: a header each, and their bytes.
//   Contract    frames of a queue leave in order, each only with a credit of the function and with
//               room for the largest answer, which is then kept for it; queues take turns, and one
//               whose frame cannot go holds up no other
//   Latency     7 cycles, whole frame to header, if it is the queue's turn
//   Throughput  1 word per cycle, 9 cycles per frame beside its words
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_sock_issue #(
    parameter QUEUES   = 4,                                 // queues; 1 to 64
    parameter SLOTS    = 64,                                // tags; power of two, 2 to 256
    parameter DATA_W   = 64,                                // stream, bits; 64 to 512
    parameter TX_WORDS = 1024,                              // frames; power of two, 4 to 32768
    parameter RX_WORDS = 1024,                              // answers; power of two, 4 to 32768
    parameter QID_W    = QUEUES > 1 ? $clog2(QUEUES) : 1,   // derived, not to be set
    parameter SLOT_W   = $clog2(SLOTS),                     // derived, not to be set
    parameter TX_W     = $clog2(TX_WORDS) + 1,              // derived, not to be set
    parameter RX_W     = $clog2(RX_WORDS) + 1               // derived, not to be set
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire [QUEUES-1:0]       s_clear,         // one bit a queue: it begins a life
    input  wire [QUEUES-1:0]       s_live,          // one bit a queue: it is alive
    input  wire                    s_wake,          // something may have made a frame able to go
    // Frames of the queue looked at, and words of it
    output wire [QID_W-1:0]        m_frame_queue,
    input  wire [TX_W-1:0]         s_frame_start,
    input  wire [TX_W-1:0]         s_frame_end,
    output wire                    m_read_en,
    output wire [TX_W-1:0]         m_read_place,
    input  wire [31:0]             s_read_data,
    output wire [TX_W-1:0]         m_free_words,
    output wire                    m_free_valid,
    // Answer words of m_frame_queue given back or read so far; words kept for the answer to a tag
    input  wire [RX_W-1:0]         s_freed_words,
    output wire [QID_W+SLOT_W-1:0] m_keep_tag,
    output wire [RX_W-1:0]         m_keep_words,
    output wire                    m_keep_valid,
    // Credits of the function
    input  wire [QID_W-1:0]        s_credit_queue,
    input  wire [15:0]             s_credit_count,
    input  wire                    s_credit_valid,
    // Headers and bytes to the function
    output wire [QID_W-1:0]        m_req_queue,
    output wire [QID_W+SLOT_W-1:0] m_req_tag,
    output wire [31:0]             m_req_readable,
    output wire [31:0]             m_req_writable,
    output wire                    m_req_valid,
    input  wire                    m_req_ready,
    output wire [DATA_W-1:0]       m_axis_tdata,
    output wire [DATA_W/8-1:0]     m_axis_tkeep,
    output wire                    m_axis_tlast,
    output wire                    m_axis_tuser,
    output wire                    m_axis_tvalid,
    input  wire                    m_axis_tready,
    // Frames started of a queue asked for; one of it is being read; nothing can go on by itself
    input  wire [QID_W-1:0]        s_started_queue,
    output wire [15:0]             m_started_count,
    output wire                    m_started_busy,
    output wire                    m_idle
);
    localparam BYTES  = DATA_W / 8;
    localparam LB     = $clog2(BYTES);
    localparam LANES  = DATA_W / 32;
    localparam LANE_W = $clog2(LANES);
    localparam LAST   = QUEUES - 1;

    localparam [2:0] ST_SCAN   = 3'd0;  // the queue is looked at, unless nothing can go on
    localparam [2:0] ST_PICK   = 3'd1;  // it has a frame and a credit, or the next one's turn comes
    localparam [2:0] ST_FIRST  = 3'd2;  // the first header word is there
    localparam [2:0] ST_SECOND = 3'd3;  // the second one
    localparam [2:0] ST_ROOM   = 3'd4;  // words needed and free are known
    localparam [2:0] ST_REQ    = 3'd5;  // the header is offered
    localparam [2:0] ST_DATA   = 3'd6;  // words are read and packed

    reg  [2:0]        state_reg, state_next;
    reg  [QID_W-1:0]  queue_reg, queue_next;
    reg  [6:0]        looks_reg, looks_next;    // queues to look at before it is idle
    reg               frame_reg, credit_reg;    // what ST_SCAN found
    reg               wake_reg;         // as late as what it tells of is seen
    reg  [SLOT_W-1:0] slot_reg;
    reg  [23:0]       readable_reg;
    reg  [31:0]       writable_reg;
    reg  [RX_W-1:0]   free_reg;         // answer words that are free
    reg  [15:0]       reads_reg, reads_next;    // words still to be read
    reg  [15:0]       left_reg, left_next;      // words still to be packed
    reg  [TX_W-1:0]   place_reg, place_next;
    reg               have_reg, have_next;      // the memory's output is a word not yet packed
    reg  [LANE_W-1:0] lane_reg;
    reg  [DATA_W-1:0] pack_reg;         // words of the beat before this one
    reg  [DATA_W-1:0] pack;
    reg  [DATA_W-1:0] data_reg;
    reg  [BYTES-1:0]  keep_reg;
    reg               last_reg;
    reg               valid_reg;
    wire [15:0]       started, granted, granted_old;
    wire [15:0]       started_old = started;
    wire [RX_W-1:0]   kept, kept_unused;        // answer words ever kept of the queue
    wire [15:0]       words  = readable_reg[17:2] + {15'd0, |readable_reg[1:0]};
    wire [15:0]       answer = writable_reg[17:2] + {15'd0, |writable_reg[1:0]} + 16'd1;
    wire              fits   = answer <= {{(16-RX_W){1'b0}}, free_reg};
    wire              req    = state_reg == ST_REQ && m_req_ready;
    wire              final_word = left_reg == 16'd1;
    wire              full_beat  = final_word || lane_reg == {LANE_W{1'b1}};
    wire              move = have_reg && (!full_beat || !valid_reg || m_axis_tready);
    wire              read = state_reg == ST_DATA && reads_reg != 16'd0 && (!have_reg || move);
    wire [QID_W-1:0]  queue_after = queue_reg == LAST[QID_W-1:0] ? {QID_W{1'b0}} : queue_reg + 1'b1;

    assign m_frame_queue  = queue_reg;
    assign m_read_en      = read || state_reg == ST_PICK || state_reg == ST_FIRST;
    assign m_read_place   = state_reg == ST_PICK ? s_frame_start : place_reg;
    assign m_free_words   = words[TX_W-1:0] + {{(TX_W-2){1'b0}}, 2'd2};
    assign m_free_valid   = (req && words == 16'd0) || (state_reg == ST_DATA && move && final_word);
    assign m_keep_tag     = {queue_reg, slot_reg};
    assign m_keep_words   = answer[RX_W-1:0];
    assign m_keep_valid   = req;
    assign m_req_queue    = queue_reg;
    assign m_req_tag      = {queue_reg, slot_reg};
    assign m_req_readable = {8'd0, readable_reg};
    assign m_req_writable = writable_reg;
    assign m_req_valid    = state_reg == ST_REQ;
    assign m_axis_tdata   = data_reg;
    assign m_axis_tkeep   = keep_reg;
    assign m_axis_tlast   = last_reg;
    assign m_axis_tuser   = 1'b0;
    assign m_axis_tvalid  = valid_reg;
    assign m_started_busy = state_reg != ST_SCAN && queue_reg == s_started_queue;
    assign m_idle         = state_reg == ST_SCAN && looks_reg == 7'd0 && !wake_reg && !s_wake;

    always @* begin
        pack = lane_reg == {LANE_W{1'b0}} ? {DATA_W{1'b0}} : pack_reg;
        pack[32*lane_reg +: 32] = s_read_data;
    end

    always @* begin
        state_next = state_reg;
        queue_next = queue_reg;
        looks_next = looks_reg;
        reads_next = reads_reg;
        left_next  = left_reg;
        place_next = place_reg;
        have_next  = read || (have_reg && !move);
        case (state_reg)
            ST_SCAN: if (looks_reg != 7'd0) state_next = ST_PICK;
            ST_PICK: begin
                place_next = s_frame_start + 1'b1;
                if (frame_reg && credit_reg) state_next = ST_FIRST;
                else begin
                    // A frame without a credit is looked at until it has one
                    if (!frame_reg) looks_next = looks_reg - 7'd1;
                    queue_next = queue_after;
                    state_next = ST_SCAN;
                end
            end
            ST_FIRST: begin
                place_next = place_reg + 1'b1;
                state_next = ST_SECOND;
            end
            ST_SECOND: state_next = ST_ROOM;
            ST_ROOM: begin
                reads_next = words;
                left_next  = words;
                state_next = ST_REQ;
                if (!fits || !s_live[queue_reg]) begin
                    looks_next = looks_reg - 7'd1;
                    queue_next = queue_after;
                    state_next = ST_SCAN;
                end
            end
            ST_REQ: if (m_req_ready) begin
                state_next = words == 16'd0 ? ST_SCAN : ST_DATA;
                looks_next = QUEUES[6:0];
                if (words == 16'd0) queue_next = queue_after;
            end
            ST_DATA: begin
                if (read) begin
                    place_next = place_reg + 1'b1;
                    reads_next = reads_reg - 16'd1;
                end
                if (move) left_next = left_reg - 16'd1;
                if (move && final_word) begin
                    queue_next = queue_after;
                    state_next = ST_SCAN;
                end
            end
            default: state_next = ST_SCAN;
        endcase
        if (wake_reg) looks_next = QUEUES[6:0];
    end

    always @(posedge clk) begin
        state_reg <= state_next;
        queue_reg <= queue_next;
        looks_reg <= looks_next;
        wake_reg  <= s_wake;
        reads_reg <= reads_next;
        left_reg  <= left_next;
        place_reg <= place_next;
        have_reg  <= have_next;
        valid_reg <= (move && full_beat) || (valid_reg && !m_axis_tready);
        if (state_reg == ST_SCAN) begin
            frame_reg  <= s_frame_start != s_frame_end && s_live[queue_reg];
            credit_reg <= granted != started;
        end
        if (state_reg == ST_FIRST) {slot_reg, readable_reg} <= s_read_data[24+SLOT_W-1:0];
        if (state_reg == ST_SECOND) begin
            writable_reg <= s_read_data;
            free_reg     <= RX_WORDS[RX_W-1:0] - (kept - s_freed_words);
        end
        if (state_reg == ST_REQ) lane_reg <= {LANE_W{1'b0}};
        if (move) begin
            lane_reg <= lane_reg + 1'b1;        // wraps
            pack_reg <= pack;
            if (full_beat) begin
                data_reg <= pack;
                last_reg <= final_word;
                keep_reg <= final_word && readable_reg[LB-1:0] != {LB{1'b0}} ?
                            ~({BYTES{1'b1}} << readable_reg[LB-1:0]) : {BYTES{1'b1}};
            end
        end
        if (rst) begin
            state_reg <= ST_SCAN;
            queue_reg <= {QID_W{1'b0}};
            looks_reg <= 7'd0;
            wake_reg  <= 1'b0;
            have_reg  <= 1'b0;
            valid_reg <= 1'b0;
        end
    end

    vq_table #(
        .WIDTH(16 + RX_W),
        .ROWS(QUEUES)
    ) u_started (
        .clk(clk),
        .clear(s_clear),
        .write_en(req),
        .write_addr(queue_reg),
        .write_data({started_old + 16'd1, kept + answer[RX_W-1:0]}),
        .read_a_addr(queue_reg),
        .read_a_data({started, kept}),
        .read_b_addr(s_started_queue),
        .read_b_data({m_started_count, kept_unused})
    );

    vq_table #(
        .WIDTH(16),
        .ROWS(QUEUES)
    ) u_granted (
        .clk(clk),
        .clear(s_clear),
        .write_en(s_credit_valid),
        .write_addr(s_credit_queue),
        .write_data(granted_old + s_credit_count),
        .read_a_addr(s_credit_queue),
        .read_a_data(granted_old),
        .read_b_addr(queue_reg),
        .read_b_data(granted)
    );

    `VQ_ASSERT(a_one_frame, state_reg == ST_DATA || !have_reg)

    wire unused = &{1'b0, kept_unused, answer, words};
endmodule
`resetall
