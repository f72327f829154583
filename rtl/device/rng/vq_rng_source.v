// SPDX-License-Identifier: Apache-2.0
// vq_rng_source - a stream that looks random, for benches and demonstrations. NO ENTROPY.
//   Contract    64-bit xorshift (13, 7, 17) from SEED on, a step each 64 bits, the first ones in
//               the lowest lanes: whoever knows SEED knows every byte. In a product a true source
//               takes its place
//   Latency     DATA_W/64 cycles, reset to first beat
//   Throughput  1 beat per DATA_W/64 cycles
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_rng_source #(
    parameter        DATA_W = 64,                   // stream, bits; 64 to 512
    parameter [63:0] SEED   = 64'h2545f4914f6cdd1d  // first state, not 0
) (
    input  wire              clk,
    input  wire              rst,
    // The bytes
    output wire [DATA_W-1:0] m_ent_tdata,
    output wire              m_ent_tvalid,
    input  wire              m_ent_tready
);
    if (DATA_W < 64 || DATA_W > 512 || 2**$clog2(DATA_W) != DATA_W) begin : gen_bad_data
        ERROR_DATA_W_must_be_64_128_256_or_512 u_error ();
    end
    if (SEED == 64'd0) begin : gen_bad_seed
        ERROR_SEED_must_not_be_0 u_error ();
    end

    localparam WORDS = DATA_W / 64;

    reg  [63:0]        state_reg, state_next;
    reg  [DATA_W-1:0]  beat_reg,  beat_next;
    reg  [3:0]         count_reg, count_next;   // words in beat_reg

    // One step of the generator
    function [63:0] xorshift(input [63:0] state);
        begin
            xorshift = state ^ (state << 13);
            xorshift = xorshift ^ (xorshift >> 7);
            xorshift = xorshift ^ (xorshift << 17);
        end
    endfunction

    wire               taken = m_ent_tvalid && m_ent_tready;
    wire               step  = count_reg != WORDS[3:0] || taken;
    wire [63:0]        word  = xorshift(state_reg);
    wire [DATA_W+63:0] moved = {word, beat_reg};

    assign m_ent_tdata  = beat_reg;
    assign m_ent_tvalid = count_reg == WORDS[3:0];

    always @* begin
        state_next = state_reg;
        beat_next  = beat_reg;
        count_next = taken ? 4'd0 : count_reg;
        if (step) begin
            state_next = word;
            beat_next  = moved[DATA_W+63:64];
            count_next = (taken ? 4'd0 : count_reg) + 4'd1;
        end
    end

    always @(posedge clk) begin
        state_reg <= state_next;
        beat_reg  <= beat_next;
        count_reg <= count_next;
        if (rst) begin
            state_reg <= SEED;
            count_reg <= 4'd0;
        end
    end

    wire unused = &{1'b0, moved[63:0]};
endmodule
`resetall
