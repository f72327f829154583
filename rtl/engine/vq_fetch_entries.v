// SPDX-License-Identifier: Apache-2.0
// vq_fetch_entries - sort what was read from the available rings into index values and chain
// heads.
//   Contract    answers keep the order of the requests. A beat's values leave one by one
//   Latency     0 cycles
//   Throughput  1 head or 1 answer per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_fetch_entries #(
    parameter DATA_W = 64,                  // beat, bits
    parameter QID_W  = 2,                   // queue number, bits
    parameter LANE_W = $clog2(DATA_W/8)     // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Beats of the available rings
    input  wire [DATA_W-1:0] s_beat_data,
    input  wire [LANE_W-1:0] s_beat_offset,
    input  wire [LANE_W-1:0] s_beat_end,        // lane of the beat's last byte
    input  wire              s_beat_look,
    input  wire [QID_W-1:0]  s_beat_queue,
    input  wire              s_beat_error,
    input  wire              s_beat_valid,
    output wire              s_beat_ready,
    // Answers to the looks
    output wire [QID_W-1:0]  m_look_queue,
    output wire [15:0]       m_look_index,
    output wire              m_look_error,
    output wire              m_look_valid,
    input  wire              m_look_ready,
    // Chain heads
    output wire [QID_W-1:0]  m_head_queue,
    output wire [15:0]       m_head_index,
    output wire              m_head_error,
    output wire              m_head_valid,
    input  wire              m_head_ready
);
    localparam LIST = 2**QID_W < 2 ? 2 : 2**QID_W;  // looks under way at most

    reg  [LANE_W-2:0] done_reg;         // values of the beat that have left
    wire [LANE_W-2:0] which = s_beat_offset[LANE_W-1:1] + done_reg;
    wire [15:0]       value = s_beat_data[16*which +: 16];
    wire              final_value = which == s_beat_end[LANE_W-1:1];
    wire              look_room, held_valid;
    wire              look = s_beat_valid && s_beat_look;
    wire [QID_W+16:0] answer = {s_beat_queue, value, s_beat_error};
    wire [QID_W+16:0] held;
    wire              move = s_beat_valid && (s_beat_look ? look_room : m_head_ready);

    assign s_beat_ready = (s_beat_look ? look_room : m_head_ready) && final_value;
    assign m_head_queue = s_beat_queue;
    assign m_head_index = value;
    assign m_head_error = s_beat_error;
    assign m_head_valid = s_beat_valid && !s_beat_look;

    assign {m_look_queue, m_look_index, m_look_error} = held_valid ? held : answer;
    assign m_look_valid = held_valid || look;

    // Answers that are not taken at once
    vq_fifo #(.WIDTH(QID_W+17), .DEPTH(LIST)) u_looks (
        .clk(clk),
        .rst(rst),
        .s_data(answer),
        .s_valid(look && (held_valid || !m_look_ready)),
        .s_ready(look_room),
        .m_data(held),
        .m_valid(held_valid),
        .m_ready(m_look_ready)
    );

    always @(posedge clk) begin
        if (move) done_reg <= final_value ? {(LANE_W-1){1'b0}} : done_reg + 1'b1;
        if (rst) done_reg <= {(LANE_W-1){1'b0}};
    end

    wire unused = &{1'b0, s_beat_offset[0], s_beat_end[0]};

    `VQ_ASSERT(a_look_room, !look || look_room)
endmodule
`resetall
