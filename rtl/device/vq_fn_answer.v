// SPDX-License-Identifier: Apache-2.0
// vq_fn_answer - answer chains in the order they came, and grant new ones for them.
//   Contract    one response per chain, in order; that of a chain with s_chain_wait comes only
//               after its s_taken pulse. Credits as vq_fn_credit gives them, a chain counting as
//               returned when its response is ready to go
//   Latency     2 cycles, chain to response, 3 with CHAINS over 32; 1 cycle from s_taken
//   Throughput  1 chain per cycle, but for the cycles in which a queue that went live is granted
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_fn_answer #(
    parameter QUEUES  = 4,                              // queues; 1 to 64
    parameter CHAINS  = 256,                            // chains at a time; power of two, 2 or more
    parameter CREDITS = CHAINS,                         // chains per queue; 1 to 16384
    parameter QID_W   = QUEUES > 1 ? $clog2(QUEUES) : 1,    // derived, not to be set
    parameter TAG_W   = $clog2(CHAINS)                      // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Chains to answer; s_chain_len bytes will follow the response
    input  wire [QID_W-1:0]  s_chain_queue,
    input  wire [TAG_W-1:0]  s_chain_tag,
    input  wire [31:0]       s_chain_len,
    input  wire              s_chain_wait,
    input  wire              s_chain_valid,
    output wire              s_chain_ready,
    // Pulse: the packet of the next chain with s_chain_wait was taken
    input  wire              s_taken,
    // Responses
    output wire [TAG_W-1:0]  m_rsp_tag,
    output wire [31:0]       m_rsp_len,
    output wire              m_rsp_valid,
    input  wire              m_rsp_ready,
    // Level per queue: it works. Credits, always taken
    input  wire [QUEUES-1:0] s_live,
    output wire [QID_W-1:0]  m_credit_queue,
    output wire [15:0]       m_credit_count,
    output wire              m_credit_valid
);
    localparam WIDTH = QID_W + TAG_W + 33;
    localparam [0:0] BLOCK_EN = CHAINS > 32;

    reg  [TAG_W:0]    taken_reg, taken_next;    // packets taken whose response is still here
    wire [QID_W-1:0]  head_queue;
    wire [TAG_W-1:0]  head_tag;
    wire [31:0]       head_len;
    wire              head_wait;
    wire              head_valid;
    wire              may_go = head_valid &&
                               (!head_wait || taken_reg != {(TAG_W+1){1'b0}} || s_taken);
    wire              rsp_ready;
    wire              return_ready;
    wire              go = may_go && rsp_ready && return_ready;

    vq_fifo #(
        .WIDTH(WIDTH),
        .DEPTH(CHAINS),
        .BLOCK_EN(BLOCK_EN)
    ) u_chains (
        .clk(clk),
        .rst(rst),
        .s_data({s_chain_queue, s_chain_tag, s_chain_len, s_chain_wait}),
        .s_valid(s_chain_valid),
        .s_ready(s_chain_ready),
        .m_data({head_queue, head_tag, head_len, head_wait}),
        .m_valid(head_valid),
        .m_ready(go)
    );

    vq_skid #(
        .WIDTH(TAG_W + 32)
    ) u_rsp (
        .clk(clk),
        .rst(rst),
        .s_data({head_tag, head_len}),
        .s_valid(may_go && return_ready),
        .s_ready(rsp_ready),
        .m_data({m_rsp_tag, m_rsp_len}),
        .m_valid(m_rsp_valid),
        .m_ready(m_rsp_ready)
    );

    vq_fn_credit #(
        .QUEUES(QUEUES),
        .CREDITS(CREDITS)
    ) u_credit (
        .clk(clk),
        .rst(rst),
        .s_live(s_live),
        .s_return_queue(head_queue),
        .s_return_valid(may_go && rsp_ready),
        .s_return_ready(return_ready),
        .m_credit_queue(m_credit_queue),
        .m_credit_count(m_credit_count),
        .m_credit_valid(m_credit_valid)
    );

    always @* begin
        taken_next = taken_reg;
        if (s_taken && !(go && head_wait)) taken_next = taken_reg + 1'b1;
        if (!s_taken && go && head_wait) taken_next = taken_reg - 1'b1;
    end

    always @(posedge clk) begin
        taken_reg <= taken_next;
        if (rst) taken_reg <= {(TAG_W+1){1'b0}};
    end

    `VQ_ASSERT(a_taken_bound, taken_reg <= CHAINS[TAG_W:0])
endmodule
`resetall
