// SPDX-License-Identifier: Apache-2.0
// vq_fetch_order - put the chains back into the order in which they were available.
//   Contract    a place is given to each chain at its start; chains leave in the order of their
//               places, each once, after its end came
//   Latency     2 cycles, end to output; the first place 2 cycles after a reset
//   Throughput  1 chain per cycle; 1 in 2 cycles for the first 2**ORDER_W after a reset
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_fetch_order #(
    parameter WIDTH   = 32,     // what is kept of a chain, bits
    parameter KEY_W   = 4,      // of it, what decides on the chain's way: early in the cycle, bits
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
    input  wire [KEY_W-1:0]   s_end_key,
    input  wire [WIDTH-1:0]   s_end_data,
    input  wire               s_end_valid,
    // Chains in order
    output wire [KEY_W-1:0]   m_key,
    output wire [WIDTH-1:0]   m_data,
    output wire               m_valid,
    input  wire               m_ready
);
    localparam PLACES = 2**ORDER_W;

    // A place's mark says in which round of the places its last chain ended: rounds 0 and 1 take
    // turns. After a reset all marks are set to the round that is not expected next, each before
    // its place is given out
    localparam [ORDER_W:0] ROUND = {1'b1, {ORDER_W{1'b0}}};
    reg  [ORDER_W:0]   tail_reg, head_reg;      // the top bit is the round
    reg  [ORDER_W:0]   limit_reg;               // what tail_reg may go up to
    reg                marks [0:PLACES-1];
    reg  [KEY_W-1:0]   keys [0:PLACES-1];
    reg  [KEY_W-1:0]   key_reg;
    reg                clear_reg;               // limit_reg goes through all marks
    reg                valid_reg;
    wire [ORDER_W-1:0] head      = head_reg[ORDER_W-1:0];
    wire [ORDER_W:0]   head_next = head_reg + 1'b1;
    wire               end_round = head_reg[ORDER_W] ^ (s_end_place < head);
    wire               done      = marks[head] == head_reg[ORDER_W] && !(clear_reg && m_empty);
    wire               wipe      = clear_reg && !s_end_valid;
    wire               step      = done && (!valid_reg || m_ready);

    assign m_place       = tail_reg[ORDER_W-1:0];
    assign m_place_valid = tail_reg != limit_reg;
    assign m_oldest      = head;
    assign m_empty       = tail_reg == head_reg;
    assign m_key         = key_reg;
    assign m_valid       = valid_reg;

    vq_ram #(.WIDTH(WIDTH), .DEPTH(PLACES)) u_ends (
        .clk(clk),
        .write_en(s_end_valid),
        .write_addr(s_end_place),
        .write_data(s_end_data),
        .read_en(step),
        .read_addr(head),
        .read_data(m_data)
    );

    always @(posedge clk) begin
        if (clear_reg || s_end_valid)
            marks[wipe ? limit_reg[ORDER_W-1:0] : s_end_place] <= !wipe && end_round;
        if (s_end_valid) keys[s_end_place] <= s_end_key;
        if (step) key_reg <= keys[head];
        if (m_place_take) tail_reg <= tail_reg + 1'b1;
        if (step) head_reg <= head_next;
        limit_reg <= clear_reg ? limit_reg + {{ORDER_W{1'b0}}, wipe} :
                     step      ? head_next ^ ROUND : head_reg ^ ROUND;
        if (wipe && &limit_reg[ORDER_W-1:0]) clear_reg <= 1'b0;
        valid_reg <= step || (valid_reg && !m_ready);
        if (rst) begin
            tail_reg  <= ROUND;
            head_reg  <= ROUND;
            limit_reg <= ROUND;
            clear_reg <= 1'b1;
            valid_reg <= 1'b0;
        end
    end

    `VQ_ASSERT(a_once, !s_end_valid || marks[s_end_place] != end_round)
endmodule
`resetall
