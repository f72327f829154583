// SPDX-License-Identifier: Apache-2.0
// late_answers - for a test: a device function's answers out of order.
//   Contract    answers without bytes are held back at random, up to four at a time, while later
//               ones pass; those with bytes stay in order, as their packets do
//   Latency     1 cycle, more for an answer that is held back
//   Throughput  1 answer per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module late_answers #(
    parameter TAG_W = 8     // tag, bits
) (
    input  wire             clk,
    input  wire             rst,
    input  wire [TAG_W-1:0] s_rsp_tag,
    input  wire [31:0]      s_rsp_len,
    input  wire             s_rsp_valid,
    output wire             s_rsp_ready,
    output wire [TAG_W-1:0] m_rsp_tag,
    output wire [31:0]      m_rsp_len,
    output wire             m_rsp_valid,
    input  wire             m_rsp_ready
);
    reg  [TAG_W-1:0] held_mem [0:3];
    reg  [3:0]       held_reg;
    reg  [15:0]      dice_reg;
    reg              out_reg;
    reg  [TAG_W-1:0] tag_reg;
    reg  [31:0]      len_reg;
    wire [1:0]       slot = dice_reg[1:0];
    wire             some = dice_reg[4:2] == 3'd0;
    wire             free = !out_reg || m_rsp_ready;
    wire             back = held_reg[slot] && some && free;
    wire             hold = s_rsp_valid && s_rsp_len == 32'd0 && !held_reg[slot] && dice_reg[5];
    wire             pass = s_rsp_valid && !hold && !back && free;

    assign s_rsp_ready = hold || pass;
    assign m_rsp_tag   = tag_reg;
    assign m_rsp_len   = len_reg;
    assign m_rsp_valid = out_reg;

    always @(posedge clk) begin
        dice_reg <= {dice_reg[14:0], dice_reg[15] ^ dice_reg[13] ^ dice_reg[12] ^ dice_reg[10]};
        if (hold) begin
            held_mem[slot] <= s_rsp_tag;
            held_reg[slot] <= 1'b1;
        end
        if (back) held_reg[slot] <= 1'b0;
        if (free) begin
            out_reg <= back || pass;
            tag_reg <= back ? held_mem[slot] : s_rsp_tag;
            len_reg <= back ? 32'd0 : s_rsp_len;
        end
        if (rst) begin
            held_reg <= 4'd0;
            dice_reg <= 16'd1;
            out_reg  <= 1'b0;
        end
    end
endmodule
`resetall
