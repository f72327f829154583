// SPDX-License-Identifier: Apache-2.0
// vq_net_store - received frames: keep the good ones whole, count the others by cause.
//   Contract    a frame is told (m_frame) once all its beats are stored; their first byte lies
//               behind 12 modulo DATA_W/8 others, which are undefined. One that the MAC says is
//               bad, one of less than 14 or more than MAX_BYTES bytes and one for which there is no
//               room are forgotten, each counted once, in this order of causes
//   Latency     4 cycles, last beat to the frame, 1 more where it spills over
//   Throughput  1 beat per cycle; 1 more cycle for a frame whose end and the next one's beginning
//               each give a beat
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_net_store #(
    parameter DATA_W    = 64,       // stream, bits; 64 to 512
    parameter MAX_BYTES = 1518,     // longest frame, bytes; up to 65553
    parameter BEATS     = 2048,     // room, beats; power of two
    parameter FRAMES    = 256       // frames at a time; power of two
) (
    input  wire                clk,
    input  wire                rst,
    // Frames from the MAC
    input  wire [DATA_W-1:0]   s_axis_tdata,
    input  wire [DATA_W/8-1:0] s_axis_tkeep,
    input  wire                s_axis_tlast,
    input  wire                s_axis_tuser,
    input  wire                s_axis_tvalid,
    output wire                s_axis_tready,
    // Frames that are kept: bytes, and the hash of the flow
    output wire [16:0]         m_frame_len,
    output wire [15:0]         m_frame_hash,
    output wire                m_frame_valid,
    input  wire                m_frame_ready,
    // Their beats
    output wire [DATA_W-1:0]   m_beat_data,
    output wire                m_beat_last,
    output wire                m_beat_valid,
    input  wire                m_beat_ready,
    // Pulses: a frame begins, one is forgotten for a cause
    output wire                m_begin,
    output wire                m_bad,
    output wire                m_runt,
    output wire                m_oversized,
    output wire                m_overflow
);
    localparam BYTES  = DATA_W / 8;
    localparam LANE_W = $clog2(BYTES);
    localparam START  = 12 % BYTES;
    localparam MIN_BYTES = 14;
    localparam PENDING = 8;             // frames between their end and its end in the store

    // What comes in
    reg               midst_reg, midst_next;    // a frame is begun
    reg  [16:0]       len_reg,   len_next;      // its bytes so far, up to 2^17 - 1
    reg               end_reg,   end_next;      // a frame has ended
    reg  [16:0]       total_reg;                // its bytes
    reg               bad_reg, runt_reg, over_reg;
    reg  [LANE_W:0]   count;                    // bytes in this beat
    wire [17:0]       sum = {1'b0, midst_reg ? len_reg : 17'd0} + {{(17-LANE_W){1'b0}}, count};
    wire [16:0]       len = sum[17] ? {17{1'b1}} : sum[16:0];
    wire              beat = s_axis_tvalid && s_axis_tready;
    wire              is_bad  = s_axis_tuser;
    wire              is_long = len > MAX_BYTES[16:0];
    wire              is_runt = len < MIN_BYTES[16:0];
    wire              in_ready;
    wire              pending_ready;
    wire [15:0]       hash;
    integer           i;

    always @* begin
        count = {(LANE_W+1){1'b0}};
        for (i = 0; i < BYTES; i = i + 1) if (s_axis_tkeep[i]) count = i[LANE_W:0] + 1'b1;
    end

    assign s_axis_tready = in_ready && pending_ready;
    assign m_begin       = beat && !midst_reg;
    assign m_bad         = end_reg && bad_reg;
    assign m_runt        = end_reg && runt_reg;
    assign m_oversized   = end_reg && over_reg;

    // What is stored
    wire [DATA_W-1:0] out_data;
    wire [LANE_W:0]   out_count;
    wire              out_error;
    wire              out_last;
    wire              out_valid;
    wire              words_ready;
    reg               full_reg, full_next;      // a beat of this frame found no room
    wire [16:0]       info_len;
    wire [15:0]       info_hash;
    wire              info_valid;
    wire              frames_ready;
    wire              no_room = full_reg || !words_ready || !frames_ready;
    wire              finish  = out_valid && out_last;
    wire              keep    = finish && !out_error && !no_room;

    assign m_overflow = finish && !out_error && no_room;

    vq_realign #(
        .DATA_W(DATA_W)
    ) u_realign (
        .clk(clk),
        .rst(rst),
        .s_data(s_axis_tdata),
        .s_offset({LANE_W{1'b0}}),
        .s_count(count),
        .s_start(START[LANE_W-1:0]),
        .s_error(s_axis_tlast && (is_bad || is_long || is_runt)),
        .s_last(s_axis_tlast),
        .s_valid(s_axis_tvalid && pending_ready),
        .s_ready(in_ready),
        .m_data(out_data),
        .m_count(out_count),
        .m_error(out_error),
        .m_last(out_last),
        .m_valid(out_valid),
        .m_ready(1'b1)
    );

    vq_net_flow #(
        .DATA_W(DATA_W)
    ) u_flow (
        .clk(clk),
        .rst(rst),
        .s_data(s_axis_tdata),
        .s_keep(s_axis_tkeep),
        .s_last(s_axis_tlast),
        .s_valid(beat),
        .m_hash(hash)
    );

    vq_fifo #(
        .WIDTH(33),
        .DEPTH(PENDING)
    ) u_pending (
        .clk(clk),
        .rst(rst),
        .s_data({total_reg, hash}),
        .s_valid(end_reg),
        .s_ready(pending_ready),
        .m_data({info_len, info_hash}),
        .m_valid(info_valid),
        .m_ready(finish)
    );

    vq_fifo_commit #(
        .WIDTH(DATA_W + 1),
        .DEPTH(BEATS)
    ) u_words (
        .clk(clk),
        .rst(rst),
        .s_data({out_last, out_data}),
        .s_valid(out_valid && !full_reg),
        .s_ready(words_ready),
        .s_commit(keep),
        .s_drop(finish && !keep),
        .m_data({m_beat_last, m_beat_data}),
        .m_valid(m_beat_valid),
        .m_ready(m_beat_ready)
    );

    vq_fifo #(
        .WIDTH(33),
        .DEPTH(FRAMES),
        .BLOCK_EN(1'b1)
    ) u_frames (
        .clk(clk),
        .rst(rst),
        .s_data({info_len, info_hash}),
        .s_valid(keep),
        .s_ready(frames_ready),
        .m_data({m_frame_len, m_frame_hash}),
        .m_valid(m_frame_valid),
        .m_ready(m_frame_ready)
    );

    always @* begin
        midst_next = beat ? !s_axis_tlast : midst_reg;
        len_next   = beat ? len : len_reg;
        end_next   = beat && s_axis_tlast;
        full_next  = full_reg;
        if (out_valid) full_next = !out_last && (full_reg || !words_ready);
    end

    always @(posedge clk) begin
        midst_reg <= midst_next;
        len_reg   <= len_next;
        end_reg   <= end_next;
        full_reg  <= full_next;
        total_reg <= len;
        bad_reg   <= is_bad;
        runt_reg  <= !is_bad && is_runt;
        over_reg  <= !is_bad && is_long;
        if (rst) begin
            midst_reg <= 1'b0;
            end_reg   <= 1'b0;
            full_reg  <= 1'b0;
        end
    end

    wire unused = &{1'b0, out_count};

    `VQ_ASSUME(a_packed, !s_axis_tvalid || (s_axis_tkeep & (s_axis_tkeep + 1'b1)) == {BYTES{1'b0}})
    `VQ_ASSUME(a_full_beats, !s_axis_tvalid || (s_axis_tlast ? s_axis_tkeep[0] : &s_axis_tkeep))
    `VQ_ASSERT(a_told, !finish || info_valid)
    `VQ_ASSERT(a_pending, !end_reg || pending_ready)
endmodule
`resetall
