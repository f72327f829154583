// SPDX-License-Identifier: Apache-2.0
// vq_pattern_source - packets of the test pattern.
//   Contract    one packet of s_chain_len bytes per chain, in order; the last beat of one with
//               s_chain_wait leaves only after its s_taken pulse
//   Latency     2 cycles, chain to first beat, 3 with CHAINS over 32
//   Throughput  1 beat per cycle, no gap between packets
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_pattern_source #(
    parameter DATA_W = 64,              // stream, bits; 64 to 512
    parameter CHAINS = 256,             // chains at a time; power of two
    parameter TAG_W  = $clog2(CHAINS)   // derived, not to be set
) (
    input  wire                clk,
    input  wire                rst,
    // Chains to fill: s_chain_len bytes, not 0, of the pattern from s_chain_start
    input  wire [7:0]          s_chain_start,
    input  wire [31:0]         s_chain_len,
    input  wire                s_chain_wait,
    input  wire                s_chain_valid,
    output wire                s_chain_ready,
    // Pulse: the packet of the next chain with s_chain_wait was taken
    input  wire                s_taken,
    // Packets
    output wire [DATA_W-1:0]   m_axis_tdata,
    output wire [DATA_W/8-1:0] m_axis_tkeep,
    output wire                m_axis_tlast,
    output wire                m_axis_tvalid,
    input  wire                m_axis_tready
);
    localparam BYTES = DATA_W / 8;
    localparam LB    = $clog2(BYTES);
    localparam [0:0] BLOCK_EN = CHAINS > 32;

    reg               first_reg;                // the next beat starts a packet
    reg  [31:0]       left_reg;                 // bytes not yet made, of a packet under way
    reg  [15:0]       offset_reg;               // bytes made, modulo 2^16
    reg  [TAG_W:0]    taken_reg, taken_next;    // packets taken whose chain is not yet finished
    reg  [DATA_W-1:0] data_reg;
    reg  [BYTES-1:0]  keep_reg;
    reg               last_reg;
    reg               valid_reg, valid_next;

    wire [7:0]        head_start;
    wire [31:0]       head_len;
    wire              head_wait;
    wire              head_valid;
    wire [31:0]       left   = first_reg ? head_len : left_reg;
    wire [15:0]       offset = first_reg ? 16'd0 : offset_reg;
    wire              final_beat = left <= BYTES;
    wire              free   = !valid_reg || m_axis_tready;
    wire              may_go = !final_beat || !head_wait || taken_reg != {(TAG_W+1){1'b0}} ||
                               s_taken;
    wire              load   = head_valid && may_go && free;
    wire              finish = load && final_beat;
    wire [DATA_W-1:0] data;

    assign m_axis_tdata  = data_reg;
    assign m_axis_tkeep  = keep_reg;
    assign m_axis_tlast  = last_reg;
    assign m_axis_tvalid = valid_reg;

    vq_fifo #(
        .WIDTH(41),
        .DEPTH(CHAINS),
        .BLOCK_EN(BLOCK_EN)
    ) u_chains (
        .clk(clk),
        .rst(rst),
        .s_data({s_chain_start, s_chain_len, s_chain_wait}),
        .s_valid(s_chain_valid),
        .s_ready(s_chain_ready),
        .m_data({head_start, head_len, head_wait}),
        .m_valid(head_valid),
        .m_ready(finish)
    );

    vq_pattern_beat #(
        .DATA_W(DATA_W)
    ) u_beat (
        .s_start(head_start),
        .s_offset(offset),
        .m_data(data)
    );

    always @* begin
        valid_next = load || !free;
        taken_next = taken_reg;
        if (s_taken && !(finish && head_wait)) taken_next = taken_reg + 1'b1;
        if (!s_taken && finish && head_wait) taken_next = taken_reg - 1'b1;
    end

    always @(posedge clk) begin
        valid_reg <= valid_next;
        taken_reg <= taken_next;
        if (load) begin
            first_reg  <= final_beat;
            left_reg   <= left - BYTES;
            offset_reg <= offset + BYTES[15:0];     // modulo 2^16, where the pattern repeats
            data_reg   <= data;
            keep_reg   <= final_beat ? ~({BYTES{1'b1}} << left[LB:0]) : {BYTES{1'b1}};
            last_reg   <= final_beat;
        end
        if (rst) begin
            valid_reg <= 1'b0;
            taken_reg <= {(TAG_W+1){1'b0}};
            first_reg <= 1'b1;
        end
    end

    `VQ_ASSUME(a_len_nonzero, !s_chain_valid || s_chain_len != 32'd0)
    `VQ_ASSERT(a_taken_bound, taken_reg <= CHAINS[TAG_W:0])
endmodule
`resetall
