// SPDX-License-Identifier: Apache-2.0
// vq_complete_fence - packed: let used descriptors of closed batches leave, each batch after the
// memory has acknowledged the payload that it vouches for.
//   Contract    beats leave in order, those of a batch only after it was closed. For a batch with
//               s_batch_fence a fence is asked for, and its beats leave only after that one was
//               acknowledged; others wait for those before them only
//   Latency     2 cycles, closed batch to its first beat; 1 cycle to its fence, and from the
//               fence's acknowledgement to the beat
//   Throughput  1 beat per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_complete_fence #(
    parameter QID_W   = 2,      // queue number, bits
    parameter COUNT_W = 7,      // elements of a batch, bits; more than 2
    parameter BEATS   = 256,    // beats held; power of two
    parameter BATCHES = 16      // batches under way; power of two
) (
    input  wire               clk,
    input  wire               rst,
    // Beats of used descriptors: slot of the first one, and how many follow it
    input  wire [14:0]        s_beat_slot,
    input  wire [1:0]         s_beat_more,
    input  wire               s_beat_valid,
    output wire               s_beat_ready,
    // Closed batches, always taken but while a fence is shown: used descriptors
    input  wire [QID_W-1:0]   s_batch_queue,
    input  wire [COUNT_W-1:0] s_batch_count,
    input  wire               s_batch_fence,
    input  wire               s_batch_valid,
    // Asks that all payload before be acknowledged, and that it was
    output wire               m_fence_valid,
    input  wire               m_fence_ready,
    input  wire               s_fenced_valid,
    // Beats that may be written; m_send_final ends a batch
    output wire [QID_W-1:0]   m_send_queue,
    output wire [14:0]        m_send_slot,
    output wire [1:0]         m_send_more,
    output wire               m_send_final,
    output wire               m_send_valid,
    input  wire               m_send_ready
);
    localparam PEND_W = $clog2(BATCHES) + 1;

    reg                fence_reg;
    reg  [COUNT_W-1:0] asked_reg;       // elements that have left, of the batch
    reg  [PEND_W-1:0]  fenced_reg;      // fences acknowledged, whose batch has not left
    wire [COUNT_W-1:0] asked = asked_reg + {{(COUNT_W-2){1'b0}}, m_send_more} + 1'b1;
    wire [COUNT_W-1:0] b_count;
    wire               b_fence, b_valid, b_room, n_valid;
    wire               send = m_send_valid && m_send_ready;
    wire               free = send && m_send_final && b_fence;

    assign m_fence_valid = fence_reg;
    assign m_send_final  = asked == b_count;
    assign m_send_valid  = b_valid && n_valid && (!b_fence || fenced_reg != {PEND_W{1'b0}});

    vq_fifo #(.WIDTH(17), .DEPTH(BEATS), .BLOCK_EN(1'b1)) u_notes (
        .clk(clk),
        .rst(rst),
        .s_data({s_beat_slot, s_beat_more}),
        .s_valid(s_beat_valid),
        .s_ready(s_beat_ready),
        .m_data({m_send_slot, m_send_more}),
        .m_valid(n_valid),
        .m_ready(send)
    );
    vq_fifo #(.WIDTH(QID_W+COUNT_W+1), .DEPTH(BATCHES)) u_counts (
        .clk(clk),
        .rst(rst),
        .s_data({s_batch_queue, s_batch_count, s_batch_fence}),
        .s_valid(s_batch_valid),
        .s_ready(b_room),
        .m_data({m_send_queue, b_count, b_fence}),
        .m_valid(b_valid),
        .m_ready(send && m_send_final)
    );

    always @(posedge clk) begin
        if (send) asked_reg <= m_send_final ? {COUNT_W{1'b0}} : asked;
        if (s_fenced_valid && !free) fenced_reg <= fenced_reg + 1'b1;
        if (free && !s_fenced_valid) fenced_reg <= fenced_reg - 1'b1;
        if (m_fence_ready) fence_reg <= 1'b0;
        if (s_batch_valid) fence_reg <= s_batch_fence;
        if (rst) begin
            asked_reg  <= {COUNT_W{1'b0}};
            fenced_reg <= {PEND_W{1'b0}};
            fence_reg  <= 1'b0;
        end
    end

    `VQ_ASSUME(a_batch, !s_batch_valid || (b_room && !fence_reg))
endmodule
`resetall
