// SPDX-License-Identifier: Apache-2.0
// vq_pattern_sink - check packets against the test pattern, byte by byte.
//   Contract    m_errors is the number of bytes that differed in whole, undamaged packets since
//               reset, saturating; a packet that ends with tuser set is not counted
//   Latency     4 cycles, last beat to m_errors; 0 cycles to m_taken
//   Throughput  1 beat per cycle, no gap between packets
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_pattern_sink #(
    parameter DATA_W = 64,              // stream, bits; 64 to 512
    parameter CHAINS = 256              // chains at a time; power of two
) (
    input  wire                clk,
    input  wire                rst,
    // Packets to expect: the pattern from s_chain_start; s_chain_mark comes back with m_taken
    input  wire [7:0]          s_chain_start,
    input  wire                s_chain_mark,
    input  wire                s_chain_valid,
    output wire                s_chain_ready,
    // Packets
    input  wire [DATA_W-1:0]   s_axis_tdata,
    input  wire [DATA_W/8-1:0] s_axis_tkeep,
    input  wire                s_axis_tlast,
    input  wire                s_axis_tuser,
    input  wire                s_axis_tvalid,
    output wire                s_axis_tready,
    // Pulse: a whole packet was taken
    output wire                m_taken,
    output wire                m_taken_mark,
    // Bytes that differed
    output wire [31:0]         m_errors
);
    localparam BYTES = DATA_W / 8;
    localparam [0:0] BLOCK_EN = CHAINS > 32;

    reg  [15:0]       offset_reg;                           // bytes taken of a packet, modulo 2^16
    reg  [BYTES-1:0]  differ_reg;                           // stage 1: per byte
    reg               last1_reg, bad1_reg, valid1_reg;
    reg  [7:0]        count_reg;                            // stage 2: of a beat
    reg               last2_reg, bad2_reg, valid2_reg;
    reg  [31:0]       packet_reg;                           // stage 3: of a packet so far
    reg               more_reg, last3_reg;                  // it goes on; it is whole
    reg  [31:0]       errors_reg;                           // stage 4: of all packets
    reg  [BYTES-1:0]  differ;

    wire [7:0]        head_start;
    wire              head_valid;
    wire              beat = s_axis_tvalid && s_axis_tready;
    wire [DATA_W-1:0] expected;
    wire [32:0]       sum = {1'b0, errors_reg} + {1'b0, packet_reg};
    integer           lane;

    assign s_axis_tready = head_valid;
    assign m_taken       = beat && s_axis_tlast;
    assign m_errors      = errors_reg;

    vq_fifo #(
        .WIDTH(9),
        .DEPTH(CHAINS),
        .BLOCK_EN(BLOCK_EN)
    ) u_chains (
        .clk(clk),
        .rst(rst),
        .s_data({s_chain_start, s_chain_mark}),
        .s_valid(s_chain_valid),
        .s_ready(s_chain_ready),
        .m_data({head_start, m_taken_mark}),
        .m_valid(head_valid),
        .m_ready(m_taken)
    );

    vq_pattern_beat #(
        .DATA_W(DATA_W)
    ) u_beat (
        .s_start(head_start),
        .s_offset(offset_reg),
        .m_data(expected)
    );

    always @*
        for (lane = 0; lane < BYTES; lane = lane + 1)
            differ[lane] = s_axis_tkeep[lane] &&
                           s_axis_tdata[8*lane +: 8] != expected[8*lane +: 8];

    // Number of ones
    function [7:0] ones(input [BYTES-1:0] word);
        integer i;
        begin
            ones = 8'd0;
            for (i = 0; i < BYTES; i = i + 1) ones = ones + {7'd0, word[i]};
        end
    endfunction

    always @(posedge clk) begin
        if (beat) offset_reg <= s_axis_tlast ? 16'd0 : offset_reg + BYTES[15:0];
        if (beat) differ_reg <= differ;
        last1_reg  <= s_axis_tlast;
        bad1_reg   <= s_axis_tlast && s_axis_tuser;
        valid1_reg <= beat;
        if (valid1_reg) count_reg <= ones(differ_reg);
        last2_reg  <= last1_reg;
        bad2_reg   <= bad1_reg;
        valid2_reg <= valid1_reg;
        last3_reg  <= valid2_reg && last2_reg && !bad2_reg;
        if (valid2_reg) begin
            packet_reg <= (more_reg ? packet_reg : 32'd0) + {24'd0, count_reg};
            more_reg   <= !last2_reg;
        end
        if (last3_reg) errors_reg <= sum[32] ? 32'hffffffff : sum[31:0];
        if (rst) begin
            offset_reg <= 16'd0;
            valid1_reg <= 1'b0;
            valid2_reg <= 1'b0;
            more_reg   <= 1'b0;
            last3_reg  <= 1'b0;
            errors_reg <= 32'd0;
        end
    end

    `VQ_ASSUME(a_packet_packed, !s_axis_tvalid || s_axis_tlast || s_axis_tkeep == {BYTES{1'b1}})
endmodule
`resetall
