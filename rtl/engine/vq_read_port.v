// SPDX-License-Identifier: Apache-2.0
// vq_read_port - one requester's way to the AXI4 read master: byte ranges in, beats out.
//   Contract    the beats of a request come out in order, requests in order; a burst is asked for
//               only when all its beats have room here, so the read data channel never waits for
//               a requester. m_beat_offset and m_beat_count name the beat's bytes of the request.
//               The beats of a burst that m_ar_dead says no data will come for are errors of zeros
//   Latency     0 cycles request to burst; 0 cycles (1 with BLOCK_EN) data to beat, 1 (2) without
//               PAST_EN
//   Throughput  1 beat per cycle, whatever the memory's latency, while LIMIT less a burst covers it
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_read_port #(
    parameter       DATA_W    = 64,     // beat, bits
    parameter       UPTO_W    = 33,     // place of a request's last byte, bits
    parameter       INFO_W    = 1,      // requester's note that comes back with each beat, bits
    parameter       QID_W     = 2,      // queue number, bits
    parameter       MAX_BYTES = 256,    // longest burst, bytes; power of two, up to 4096
    parameter       BEATS     = 128,    // beats in flight or waiting; power of two
    parameter       LIMIT     = BEATS,  // of them, in use at once; 2 bursts at least
    parameter       BURSTS    = 16,     // bursts in flight; power of two
    parameter [0:0] BLOCK_EN  = 1'b0,   // data and notes in block RAM
    parameter [0:0] SPLIT_EN  = 1'b1,   // 0: no request crosses a MAX_BYTES boundary
    parameter [0:0] PAST_EN   = 1'b1,   // 0: beats always go through the FIFO
    parameter       LANE_W    = $clog2(DATA_W/8)    // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Request in: from the byte at s_req_addr to the one s_req_upto bytes after the boundary of
    // MAX_BYTES at or below s_req_addr
    input  wire [63:0]       s_req_addr,
    input  wire [UPTO_W-1:0] s_req_upto,
    input  wire [QID_W-1:0]  s_req_queue,
    input  wire [INFO_W-1:0] s_req_info,
    input  wire              s_req_valid,
    output wire              s_req_ready,
    // Bursts to the read master: m_ar_len beats after the first
    output wire [63:0]       m_ar_addr,
    output wire [7:0]        m_ar_len,
    output wire [QID_W-1:0]  m_ar_queue,
    output wire              m_ar_valid,
    input  wire              m_ar_ready,
    input  wire              m_ar_dead,
    // Data from the read master, always taken
    input  wire [DATA_W-1:0] s_r_data,
    input  wire              s_r_error,
    input  wire              s_r_valid,
    // Beats out: m_beat_count bytes from lane m_beat_offset; m_beat_last ends the request
    output wire [DATA_W-1:0] m_beat_data,
    output wire [LANE_W-1:0] m_beat_offset,
    output wire [LANE_W:0]   m_beat_count,
    output wire [LANE_W-1:0] m_beat_end,        // its last byte's lane
    output wire [INFO_W-1:0] m_beat_info,
    output wire              m_beat_error,
    output wire              m_beat_last,
    output wire              m_beat_valid,
    input  wire              m_beat_ready
);
    localparam BYTES   = DATA_W / 8;
    localparam LONGEST = MAX_BYTES > BYTES ? MAX_BYTES / BYTES : 1;     // beats of a burst
    localparam BEAT_W  = $clog2(LONGEST) + 1;
    localparam SPAN_W  = $clog2(MAX_BYTES > BYTES ? MAX_BYTES : BYTES);
    localparam ROOM_W  = $clog2(BEATS) + 1;

    if (MAX_BYTES > LIMIT * BYTES / 2 || MAX_BYTES > 256 * BYTES ||
        LIMIT > BEATS) begin : gen_bad_beats
        ERROR_LIMIT_must_hold_two_bursts_of_MAX_BYTES u_error ();
    end

    // Bursts, each with the lanes of its first and last byte
    localparam OFS_W = $clog2(MAX_BYTES);
    wire [63:0]       burst_addr;
    wire [OFS_W-1:0]  burst_end;
    wire              burst_last, burst_valid, burst_ready;

    generate
        if (SPLIT_EN) begin : gen_split
            vq_burst_split #(
                .ADDR_W(64), .UPTO_W(UPTO_W), .MAX_BYTES(MAX_BYTES)
            ) u_split (
                .clk(clk),
                .rst(rst),
                .s_req_addr(s_req_addr),
                .s_req_upto(s_req_upto),
                .s_req_valid(s_req_valid),
                .s_req_ready(s_req_ready),
                .m_burst_addr(burst_addr),
                .m_burst_end(burst_end),
                .m_burst_last(burst_last),
                .m_burst_valid(burst_valid),
                .m_burst_ready(burst_ready)
            );
        end else begin : gen_whole
            assign burst_addr  = s_req_addr;
            assign burst_end   = s_req_upto[OFS_W-1:0];
            assign burst_last  = 1'b1;
            assign burst_valid = s_req_valid;
            assign s_req_ready = burst_ready;
            `VQ_ASSUME(a_one_burst, !s_req_valid || s_req_upto[UPTO_W-1:OFS_W] == 0)
        end
    endgenerate

    // No burst crosses a boundary of SPAN_W bits
    wire [SPAN_W-1:0] reach;            // its last byte
    wire [BEAT_W-1:0] more;             // beats after the burst's first one

    generate
        if (SPAN_W > OFS_W) begin : gen_part
            assign reach = {burst_addr[SPAN_W-1:OFS_W], burst_end};
        end else begin : gen_all
            assign reach = burst_end;
        end
        if (BEAT_W > 1) begin : gen_many
            assign more = {1'b0, reach[SPAN_W-1:LANE_W] - burst_addr[SPAN_W-1:LANE_W]};
        end else begin : gen_one
            assign more = 1'b0;
        end
    endgenerate

    // Room: beats, at first LIMIT, not promised to a burst. Each is promised as for the longest
    // one at first; what it does not need comes back a cycle later, as do beats that left
    localparam LONG_W = BEAT_W - 1;
    localparam ONES = LONGEST - 1;
    reg  [ROOM_W-1:0]      room_reg;
    reg  [BEAT_W-1:0]      spare_reg;   // promised to the last cycle's burst, but not needed
    reg                    roomy_reg;   // room for the longest burst
    reg                    taken_reg;   // a beat of data left in the last cycle
    wire                   note_ready, note_valid, data_taken;
    wire                   may   = roomy_reg && note_ready;
    wire                   issue = m_ar_valid && m_ar_ready;
    wire [ROOM_W-1:0]      room  = room_reg + {{(ROOM_W-BEAT_W){1'b0}}, spare_reg} +
                                   {{(ROOM_W-1){1'b0}}, taken_reg};
    wire [ROOM_W-1:LONG_W] longest = room[ROOM_W-1:LONG_W];     // bursts that it holds

    assign m_ar_addr   = burst_addr;
    assign m_ar_queue  = s_req_queue;
    assign m_ar_valid  = burst_valid && may;
    assign burst_ready = m_ar_ready && may;

    generate
        if (BEAT_W > 8) begin : gen_longest
            assign m_ar_len = more[7:0];
        end else begin : gen_shorter
            assign m_ar_len = {{(8-BEAT_W){1'b0}}, more};
        end
    endgenerate

    always @(posedge clk) begin
        spare_reg <= !issue    ? {BEAT_W{1'b0}} :
                     m_ar_dead ? LONGEST[BEAT_W-1:0] : ONES[BEAT_W-1:0] ^ more;
        taken_reg <= data_taken;
        roomy_reg <= issue ? |longest[ROOM_W-1:LONG_W+1] : |longest;
        room_reg  <= issue ? room - LONGEST[ROOM_W-1:0] : room;
        if (rst) begin
            spare_reg <= {BEAT_W{1'b0}};
            taken_reg <= 1'b0;
            roomy_reg <= 1'b0;
            room_reg  <= LIMIT[ROOM_W-1:0];
        end
    end

    // A note for each burst in flight: where its bytes lie
    wire [LANE_W-1:0] note_first, note_end;
    wire [BEAT_W-1:0] note_more;
    wire [INFO_W-1:0] note_info;
    wire              note_last, note_dead, note_ready_out, next_valid, next_ready;
    localparam NOTE_W = 2*LANE_W + BEAT_W + INFO_W + 2;
    wire [NOTE_W-1:0] next_note;

    vq_fifo #(.WIDTH(NOTE_W), .DEPTH(BURSTS), .BLOCK_EN(BLOCK_EN)) u_notes (
        .clk(clk),
        .rst(rst),
        .s_data({burst_addr[LANE_W-1:0], reach[LANE_W-1:0], more,
                 s_req_info, burst_last, m_ar_dead}),
        .s_valid(issue),
        .s_ready(note_ready),
        .m_data(next_note),
        .m_valid(next_valid),
        .m_ready(next_ready)
    );
    // At hand in registers when the data comes
    vq_skid #(.WIDTH(NOTE_W)) u_note (
        .clk(clk),
        .rst(rst),
        .s_data(next_note),
        .s_valid(next_valid),
        .s_ready(next_ready),
        .m_data({note_first, note_end, note_more, note_info, note_last, note_dead}),
        .m_valid(note_valid),
        .m_ready(note_ready_out)
    );

    // Data, in the order of the bursts: a beat that finds none before it goes past the FIFO
    wire              beat_taken;
    wire              fifo_push, fifo_pop, fifo_error, fifo_valid, fifo_room;
    wire [DATA_W-1:0] fifo_data, data;
    wire              data_valid, data_error;

    vq_fifo #(.WIDTH(DATA_W+1), .DEPTH(BEATS), .BLOCK_EN(BLOCK_EN)) u_data (
        .clk(clk),
        .rst(rst),
        .s_data({s_r_error, s_r_data}),
        .s_valid(fifo_push),
        .s_ready(fifo_room),
        .m_data({fifo_error, fifo_data}),
        .m_valid(fifo_valid),
        .m_ready(fifo_pop)
    );

    generate
        if (!PAST_EN) begin : gen_through
            assign fifo_push    = s_r_valid;
            assign fifo_pop     = data_taken;
            assign data_valid   = fifo_valid;
            assign data         = fifo_data;
            assign data_error   = fifo_error;
        end else if (BLOCK_EN) begin : gen_past_block
            // A word of block RAM shows late, and has a long way: registers lie in front of it
            reg  [ROOM_W-1:0] count_reg;        // beats in the FIFO
            wire              front_ready;
            wire              past = count_reg == {ROOM_W{1'b0}};
            assign fifo_push = s_r_valid && !(past && front_ready);
            assign fifo_pop  = fifo_valid && front_ready;
            vq_skid #(.WIDTH(DATA_W+1)) u_front (
                .clk(clk),
                .rst(rst),
                .s_data(past ? {s_r_error, s_r_data} : {fifo_error, fifo_data}),
                .s_valid(past ? s_r_valid : fifo_valid),
                .s_ready(front_ready),
                .m_data({data_error, data}),
                .m_valid(data_valid),
                .m_ready(data_taken)
            );
            always @(posedge clk) begin
                if (fifo_push && !fifo_pop) count_reg <= count_reg + 1'b1;
                if (fifo_pop && !fifo_push) count_reg <= count_reg - 1'b1;
                if (rst) count_reg <= {ROOM_W{1'b0}};
            end
        end else begin : gen_past
            assign fifo_push    = s_r_valid && (fifo_valid || !data_taken);
            assign fifo_pop     = data_taken;
            assign data_valid   = fifo_valid || s_r_valid;
            assign data         = fifo_valid ? fifo_data : s_r_data;
            assign data_error   = fifo_valid ? fifo_error : s_r_error;
        end
    endgenerate

    reg  [BEAT_W-1:0] beat_reg;         // beats of the burst that have left
    wire              beat_first = beat_reg == {BEAT_W{1'b0}};
    wire              beat_final = beat_reg == note_more;
    wire [LANE_W-1:0] from = beat_first ? note_first : {LANE_W{1'b0}};
    wire [LANE_W-1:0] upto = beat_final ? note_end : {LANE_W{1'b1}};

    assign m_beat_offset  = from;
    assign m_beat_count   = {1'b0, upto} - {1'b0, from} + 1'b1;
    assign m_beat_end     = upto;
    assign m_beat_info    = note_info;
    assign m_beat_last    = note_last && beat_final;
    assign m_beat_data    = data & {DATA_W{!note_dead}};
    assign m_beat_error   = note_dead || data_error;
    assign m_beat_valid   = note_valid && (note_dead || data_valid);
    assign beat_taken     = m_beat_valid && m_beat_ready;
    assign data_taken     = beat_taken && !note_dead;
    assign note_ready_out = beat_taken && beat_final;

    always @(posedge clk) begin
        if (beat_taken) beat_reg <= beat_final ? {BEAT_W{1'b0}} : beat_reg + 1'b1;
        if (rst) beat_reg <= {BEAT_W{1'b0}};
    end

    `VQ_ASSERT(a_room, !fifo_push || fifo_room)
endmodule
`resetall
