// SPDX-License-Identifier: Apache-2.0
// vq_pattern_beat - one beat of the test pattern.
//   Contract    byte i of the packet is ((i + start) ^ (i >> 8)) mod 256; the beat begins at byte
//               s_offset, a multiple of the beat's size; s_start is 29 n + 101 q of the chain
//   Latency     0 cycles
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_pattern_beat #(
    parameter DATA_W = 64   // stream, bits; 64 to 512
) (
    input  wire [7:0]        s_start,
    input  wire [15:0]       s_offset,
    output wire [DATA_W-1:0] m_data
);
    wire [7:0] low = s_offset[7:0] + s_start;   // modulo 256
    genvar     lane;

    generate
        for (lane = 0; lane < DATA_W / 8; lane = lane + 1) begin : gen_lane
            localparam LANE = lane;
            wire [7:0] sum = low + LANE[7:0];   // modulo 256
            assign m_data[8*lane +: 8] = sum ^ s_offset[15:8];
        end
    endgenerate
endmodule
`resetall
