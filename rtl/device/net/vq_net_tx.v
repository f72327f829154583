// SPDX-License-Identifier: Apache-2.0
// vq_net_tx - frames to send: take the header off, give the frame to the MAC.
//   Contract    of a packet that is passed, the bytes behind the first 12 are one frame, packed;
//               any other is swallowed. m_out_tuser on the last beat: bytes are damaged. Of each
//               frame given out undamaged the flow's hash is told with its pair
//   Latency     2 cycles, beat to beat
//   Throughput  1 beat per cycle in
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_net_tx #(
    parameter DATA_W = 64,                              // stream, bits; 64 to 512
    parameter PAIRS  = 1,                               // queue pairs; 1 to 8
    parameter PAIR_W = PAIRS > 1 ? $clog2(PAIRS) : 1,   // derived, not to be set
    parameter LANE_W = $clog2(DATA_W/8)                 // derived, not to be set
) (
    input  wire                clk,
    input  wire                rst,
    // Packets, with what holds of all their beats: passed (then more than 12 bytes long), the pair,
    // and the bytes of the last beat
    input  wire                s_packet_pass,
    input  wire [PAIR_W-1:0]   s_packet_pair,
    input  wire [LANE_W:0]     s_packet_rest,
    input  wire [DATA_W-1:0]   s_axis_tdata,
    input  wire [DATA_W/8-1:0] s_axis_tkeep,
    input  wire                s_axis_tlast,
    input  wire                s_axis_tuser,
    input  wire                s_axis_tvalid,
    output wire                s_axis_tready,
    // Frames
    output wire [DATA_W-1:0]   m_out_tdata,
    output wire [DATA_W/8-1:0] m_out_tkeep,
    output wire                m_out_tlast,
    output wire                m_out_tuser,
    output wire                m_out_tvalid,
    input  wire                m_out_tready,
    // Flows seen, a pulse each
    output wire [15:0]         m_flow_hash,
    output wire [PAIR_W-1:0]   m_flow_pair,
    output wire                m_flow_valid
);
    localparam BYTES = DATA_W / 8;
    localparam HEADER = 12;
    localparam [0:0] WIDE = BYTES > HEADER;     // the frame begins in the first beat

    reg  [1:0]        place_reg, place_next;    // beats of the packet so far, up to 2
    reg               flow_reg,  flow_next;     // a frame has ended
    reg  [PAIR_W-1:0] pair_reg;
    wire              first  = place_reg == 2'd0;
    // The beat in which the frame begins, that before it
    wire              starts = WIDE ? first : place_reg == 2'd1;
    wire              early  = !WIDE && first;
    wire [LANE_W:0]   here   = s_axis_tlast ? s_packet_rest : BYTES[LANE_W:0];
    wire [LANE_W-1:0] offset = starts ? HEADER[LANE_W-1:0] : {LANE_W{1'b0}};   // modulo a beat
    wire              gives  = s_packet_pass && !early;
    wire              in_ready;
    wire              beat   = s_axis_tvalid && s_axis_tready;
    wire [LANE_W:0]   out_count;
    wire              out_error;
    wire              out_last;

    assign s_axis_tready = !gives || in_ready;
    assign m_out_tkeep   = ~({BYTES{1'b1}} << out_count);
    assign m_out_tlast   = out_last;
    assign m_out_tuser   = out_last && out_error;
    assign m_flow_pair   = pair_reg;
    assign m_flow_valid  = flow_reg;

    vq_realign #(
        .DATA_W(DATA_W)
    ) u_realign (
        .clk(clk),
        .rst(rst),
        .s_data(s_axis_tdata),
        .s_offset(offset),
        .s_count(here - {1'b0, offset}),
        .s_start({LANE_W{1'b0}}),
        .s_error(s_axis_tuser),
        .s_last(s_axis_tlast),
        .s_valid(s_axis_tvalid && gives),
        .s_ready(in_ready),
        .m_data(m_out_tdata),
        .m_count(out_count),
        .m_error(out_error),
        .m_last(out_last),
        .m_valid(m_out_tvalid),
        .m_ready(m_out_tready)
    );

    vq_net_flow #(
        .DATA_W(DATA_W),
        .SKIP(HEADER)
    ) u_flow (
        .clk(clk),
        .rst(rst),
        .s_data(s_axis_tdata),
        .s_keep(s_axis_tkeep),
        .s_last(s_axis_tlast),
        .s_valid(beat),
        .m_hash(m_flow_hash)
    );

    always @* begin
        place_next = place_reg;
        if (beat) place_next = s_axis_tlast ? 2'd0 : place_reg[1] ? 2'd2 : place_reg + 2'd1;
        flow_next = beat && s_axis_tlast && s_packet_pass && !s_axis_tuser;
    end

    always @(posedge clk) begin
        place_reg <= place_next;
        flow_reg  <= flow_next;
        pair_reg  <= s_packet_pair;
        if (rst) begin
            place_reg <= 2'd0;
            flow_reg  <= 1'b0;
        end
    end

    // A packet that is passed does not end in its header
    `VQ_ASSUME(a_frame, !(beat && s_packet_pass && s_axis_tlast) ||
                        (!early && here > {1'b0, offset}))
endmodule
`resetall
