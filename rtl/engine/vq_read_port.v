// SPDX-License-Identifier: Apache-2.0
// vq_read_port - one requester's way to the AXI4 read master: byte ranges in, beats out.
//   Contract    the beats of a request come out in order, requests in order; a burst is asked for
//               only when all its beats have room here, so the read data channel never waits for
//               a requester. m_beat_offset and m_beat_count name the beat's bytes of the request
//   Latency     1 cycle request to burst; 1 cycle (2 with BLOCK_EN) data to beat
//   Throughput  1 beat per cycle, whatever the memory's latency, while BEATS covers it
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_read_port #(
    parameter       DATA_W    = 64,     // beat, bits
    parameter       LEN_W     = 32,     // byte count of a request, bits; 14 to 32
    parameter       INFO_W    = 1,      // requester's note that comes back with each beat, bits
    parameter       QID_W     = 2,      // queue number, bits
    parameter       MAX_BYTES = 256,    // longest burst, bytes; power of two, up to 4096
    parameter       BEATS     = 64,     // beats in flight or waiting; power of two of 2 bursts
    parameter       BURSTS    = 16,     // bursts in flight; power of two
    parameter [0:0] BLOCK_EN  = 1'b0,   // data in block RAM
    parameter       LANE_W    = $clog2(DATA_W/8)    // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Request in: s_req_len bytes (not 0) from s_req_addr
    input  wire [63:0]       s_req_addr,
    input  wire [LEN_W-1:0]  s_req_len,
    input  wire [QID_W-1:0]  s_req_queue,
    input  wire [INFO_W-1:0] s_req_info,
    input  wire              s_req_valid,
    output wire              s_req_ready,
    // Bursts to the read master: m_ar_beats 1 to 256
    output wire [63:0]       m_ar_addr,
    output wire [8:0]        m_ar_beats,
    output wire [QID_W-1:0]  m_ar_queue,
    output wire              m_ar_valid,
    input  wire              m_ar_ready,
    // Data from the read master, always taken
    input  wire [DATA_W-1:0] s_r_data,
    input  wire              s_r_error,
    input  wire              s_r_valid,
    // Beats out: m_beat_count bytes from lane m_beat_offset; m_beat_last ends the request
    output wire [DATA_W-1:0] m_beat_data,
    output wire [LANE_W-1:0] m_beat_offset,
    output wire [LANE_W:0]   m_beat_count,
    output wire [INFO_W-1:0] m_beat_info,
    output wire              m_beat_error,
    output wire              m_beat_last,
    output wire              m_beat_valid,
    input  wire              m_beat_ready
);
    localparam BYTES  = DATA_W / 8;
    localparam ROOM_W = $clog2(BEATS) + 1;

    if (MAX_BYTES > BEATS * BYTES / 2 || MAX_BYTES > 256 * BYTES) begin : gen_bad_beats
        ERROR_BEATS_must_hold_two_bursts_of_MAX_BYTES u_error ();
    end

    // Bursts, each with the lanes of its first and last byte
    wire [63:0]       burst_addr;
    wire [12:0]       burst_len;
    wire [QID_W+INFO_W-1:0] burst_info;
    wire              burst_last, burst_valid, burst_ready;

    vq_burst_split #(
        .ADDR_W(64), .LEN_W(LEN_W), .INFO_W(QID_W+INFO_W), .MAX_BYTES(MAX_BYTES)
    ) u_split (
        .clk(clk),
        .rst(rst),
        .s_req_addr(s_req_addr),
        .s_req_len(s_req_len),
        .s_req_info({s_req_queue, s_req_info}),
        .s_req_valid(s_req_valid),
        .s_req_ready(s_req_ready),
        .m_burst_addr(burst_addr),
        .m_burst_len(burst_len),
        .m_burst_info(burst_info),
        .m_burst_last(burst_last),
        .m_burst_valid(burst_valid),
        .m_burst_ready(burst_ready)
    );

    wire [12:0] reach = {{(13-LANE_W){1'b0}}, burst_addr[LANE_W-1:0]} + burst_len - 13'd1;
    wire [12:0] reach_beats = reach >> LANE_W;
    wire [8:0]  beats = reach_beats[8:0] + 9'd1;

    // Room: beats not yet promised to a burst
    reg  [ROOM_W-1:0] room_reg;
    wire [ROOM_W+8:0] room_wide = {9'd0, room_reg};
    wire              has_room  = room_wide >= {{ROOM_W{1'b0}}, beats};
    wire              note_ready, note_valid, beat_taken;
    wire              issue = burst_valid && has_room && note_ready && m_ar_ready;

    assign m_ar_addr   = burst_addr;
    assign m_ar_beats  = beats;
    assign m_ar_queue  = burst_info[INFO_W +: QID_W];
    assign m_ar_valid  = burst_valid && has_room && note_ready;
    assign burst_ready = m_ar_ready && has_room && note_ready;

    wire [ROOM_W+8:0] promised = issue ? {{ROOM_W{1'b0}}, beats} : {(ROOM_W+9){1'b0}};

    always @(posedge clk) begin
        room_reg <= room_reg - promised[ROOM_W-1:0] + {{(ROOM_W-1){1'b0}}, beat_taken};
        if (rst) room_reg <= BEATS[ROOM_W-1:0];
    end

    // A note for each burst in flight: where its bytes lie
    wire [LANE_W-1:0] note_first, note_end;
    wire [8:0]        note_beats;
    wire [INFO_W-1:0] note_info;
    wire              note_last, note_ready_out;

    vq_fifo #(.WIDTH(2*LANE_W+9+INFO_W+1), .DEPTH(BURSTS)) u_notes (
        .clk(clk),
        .rst(rst),
        .s_data({burst_addr[LANE_W-1:0], reach[LANE_W-1:0], beats,
                 burst_info[INFO_W-1:0], burst_last}),
        .s_valid(issue),
        .s_ready(note_ready),
        .m_data({note_first, note_end, note_beats, note_info, note_last}),
        .m_valid(note_valid),
        .m_ready(note_ready_out)
    );

    // Data, in the order of the bursts
    wire data_valid, data_room;
    vq_fifo #(.WIDTH(DATA_W+1), .DEPTH(BEATS), .BLOCK_EN(BLOCK_EN)) u_data (
        .clk(clk),
        .rst(rst),
        .s_data({s_r_error, s_r_data}),
        .s_valid(s_r_valid),
        .s_ready(data_room),
        .m_data({m_beat_error, m_beat_data}),
        .m_valid(data_valid),
        .m_ready(beat_taken)
    );

    reg  [8:0] beat_reg;                // beats of the burst that have left
    wire       beat_first = beat_reg == 9'd0;
    wire       beat_final = beat_reg + 9'd1 == note_beats;
    wire [LANE_W-1:0] from = beat_first ? note_first : {LANE_W{1'b0}};
    wire [LANE_W-1:0] upto = beat_final ? note_end : {LANE_W{1'b1}};

    assign m_beat_offset  = from;
    assign m_beat_count   = {1'b0, upto} - {1'b0, from} + 1'b1;
    assign m_beat_info    = note_info;
    assign m_beat_last    = note_last && beat_final;
    assign m_beat_valid   = data_valid && note_valid;
    assign beat_taken     = m_beat_valid && m_beat_ready;
    assign note_ready_out = beat_taken && beat_final;

    always @(posedge clk) begin
        if (beat_taken) beat_reg <= beat_final ? 9'd0 : beat_reg + 9'd1;
        if (rst) beat_reg <= 9'd0;
    end

    wire unused = &{1'b0, reach_beats[12:9], promised[ROOM_W+8:ROOM_W]};

    `VQ_ASSERT(a_room, !s_r_valid || data_room)
endmodule
`resetall
