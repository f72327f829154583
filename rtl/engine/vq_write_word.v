// SPDX-License-Identifier: Apache-2.0
// vq_write_word - a write of two or four bytes as a request with its one beat.
//   Contract    the beat follows its request, in order, with the word in each pair of lanes, or
//               the two words in each four
//   Latency     0 cycles, request to request; 1 cycle to the beat
//   Throughput  1 word per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_write_word #(
    parameter DATA_W = 64   // beat, bits
) (
    input  wire              clk,
    input  wire              rst,
    // Words in; the request's other fields go straight to the write master
    input  wire [31:0]       s_word_data,   // the second word is that of bytes 2 and 3
    input  wire              s_word_wide,   // both are written, at a multiple of 4; else the first
    input  wire              s_word_valid,
    output wire              s_word_ready,
    // Request and beat
    output wire              m_req_valid,
    input  wire              m_req_ready,
    output wire [12:0]       m_req_len,
    output wire [DATA_W-1:0] m_beat_data,
    output wire              m_beat_valid,
    input  wire              m_beat_ready
);
    wire        room;
    wire [31:0] data;

    assign s_word_ready  = room && m_req_ready;
    assign m_req_valid   = room && s_word_valid;
    assign m_req_len     = s_word_wide ? 13'd4 : 13'd2;
    assign m_beat_data   = {(DATA_W/32){data}};

    vq_fifo #(.WIDTH(32), .DEPTH(4)) u_data (
        .clk(clk),
        .rst(rst),
        .s_data({s_word_wide ? s_word_data[31:16] : s_word_data[15:0], s_word_data[15:0]}),
        .s_valid(s_word_valid && m_req_ready),
        .s_ready(room),
        .m_data(data),
        .m_valid(m_beat_valid),
        .m_ready(m_beat_ready)
    );
endmodule
`resetall
