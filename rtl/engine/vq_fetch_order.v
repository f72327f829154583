// SPDX-License-Identifier: Apache-2.0
// vq_fetch_order - put the chains back into the order in which they were available.
//   Contract    a place is given to each chain at its start; chains leave in the order of their
//               places, each once, after its end came
//   Latency     3 cycles, end to output
//   Throughput  1 chain per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_fetch_order #(
    parameter WIDTH   = 32,     // what is kept of a chain, bits
    parameter ORDER_W = 6       // places, 2**ORDER_W
) (
    input  wire               clk,
    input  wire               rst,
    // Places given out
    output wire [ORDER_W-1:0] m_place,
    output wire               m_place_valid,
    input  wire               m_place_take,
    output wire [ORDER_W-1:0] m_oldest,
    output wire               m_empty,
    // Ends, in any order
    input  wire [ORDER_W-1:0] s_end_place,
    input  wire [WIDTH-1:0]   s_end_data,
    input  wire               s_end_valid,
    // Chains in order
    output wire [WIDTH-1:0]   m_data,
    output wire               m_valid,
    input  wire               m_ready
);
    localparam PLACES = 2**ORDER_W;

    reg  [ORDER_W:0]   tail_reg, head_reg;      // one bit more than an index tells full from empty
    reg  [PLACES-1:0]  done_reg;
    reg                valid_reg;
    wire               full = tail_reg == (head_reg ^ {1'b1, {ORDER_W{1'b0}}});
    wire               step = done_reg[head_reg[ORDER_W-1:0]] && (!valid_reg || m_ready);

    assign m_place       = tail_reg[ORDER_W-1:0];
    assign m_place_valid = !full;
    assign m_oldest      = head_reg[ORDER_W-1:0];
    assign m_empty       = tail_reg == head_reg;
    assign m_valid       = valid_reg;

    vq_ram #(.WIDTH(WIDTH), .DEPTH(PLACES)) u_ends (
        .clk(clk),
        .write_en(s_end_valid),
        .write_addr(s_end_place),
        .write_data(s_end_data),
        .read_en(step),
        .read_addr(head_reg[ORDER_W-1:0]),
        .read_data(m_data)
    );

    always @(posedge clk) begin
        if (m_place_take) tail_reg <= tail_reg + 1'b1;
        if (step) head_reg <= head_reg + 1'b1;
        valid_reg <= step || (valid_reg && !m_ready);
        if (s_end_valid) done_reg[s_end_place] <= 1'b1;
        if (step) done_reg[head_reg[ORDER_W-1:0]] <= 1'b0;
        if (rst) begin
            tail_reg  <= {(ORDER_W+1){1'b0}};
            head_reg  <= {(ORDER_W+1){1'b0}};
            done_reg  <= {PLACES{1'b0}};
            valid_reg <= 1'b0;
        end
    end

    `VQ_ASSERT(a_once, !s_end_valid || !done_reg[s_end_place])
endmodule
`resetall
