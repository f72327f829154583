// SPDX-License-Identifier: Apache-2.0
// vq_skid - two-entry register that cuts every path between its two sides.
//   Contract    words pass in order; all outputs are registered
//   Latency     1 cycle
//   Throughput  1 word per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_skid #(
    parameter WIDTH = 32    // word, bits
) (
    input  wire             clk,
    input  wire             rst,
    // Words in
    input  wire [WIDTH-1:0] s_data,
    input  wire             s_valid,
    output wire             s_ready,
    // Words out
    output wire [WIDTH-1:0] m_data,
    output wire             m_valid,
    input  wire             m_ready
);
    reg [WIDTH-1:0] out_reg, spare_reg;
    reg             out_valid_reg, spare_valid_reg;
    wire            move = !out_valid_reg || m_ready;   // the output can take a word

    assign s_ready = !spare_valid_reg;
    assign m_data  = out_reg;
    assign m_valid = out_valid_reg;

    always @(posedge clk) begin
        if (s_valid && !spare_valid_reg) spare_reg <= s_data;
        if (move && (spare_valid_reg || s_valid)) out_reg <= spare_valid_reg ? spare_reg : s_data;
        if (move) begin
            out_valid_reg   <= spare_valid_reg || s_valid;
            spare_valid_reg <= 1'b0;
        end else if (s_valid) begin
            spare_valid_reg <= 1'b1;
        end
        if (rst) begin
            out_valid_reg   <= 1'b0;
            spare_valid_reg <= 1'b0;
        end
    end
endmodule
`resetall
