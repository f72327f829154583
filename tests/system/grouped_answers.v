// SPDX-License-Identifier: Apache-2.0
// grouped_answers - for a test: a device function's answers in groups, each to be seen as a whole.
//   Contract    with GROUP every GROUP answers that follow each other are a group. Else an answer of
//               an odd number of bytes is one with the next answer, where that is of the same queue
//               and comes within PATIENCE cycles, up to 64
//   Latency     1 cycle, and until the next answer where it is waited for
//   Throughput  1 answer per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module grouped_answers #(
    parameter QID_W    = 2,     // queue, bits
    parameter TAG_W    = 8,     // tag, bits
    parameter GROUP    = 0,     // answers of a group; 0: as their lengths say
    parameter PATIENCE = 16     // cycles
) (
    input  wire             clk,
    input  wire             rst,
    // Chains that the function is given
    input  wire [QID_W-1:0] s_req_queue,
    input  wire [TAG_W-1:0] s_req_tag,
    input  wire             s_req_valid,
    // Its answers
    input  wire [TAG_W-1:0] s_rsp_tag,
    input  wire [31:0]      s_rsp_len,
    input  wire             s_rsp_valid,
    output wire             s_rsp_ready,
    output wire [TAG_W-1:0] m_rsp_tag,
    output wire [31:0]      m_rsp_len,
    output wire             m_rsp_more,
    output wire             m_rsp_valid,
    input  wire             m_rsp_ready
);
    reg  [QID_W-1:0] queue_mem [0:2**TAG_W-1];
    reg              held_reg, shown_reg, more_reg;
    reg  [TAG_W-1:0] tag_reg;
    reg  [31:0]      len_reg;
    reg  [7:0]       wait_reg;
    reg  [5:0]       count_reg;
    wire             last  = GROUP != 0 ? {26'd0, count_reg} == GROUP - 1 :
                             !len_reg[0] || (&count_reg);
    wire             beside = queue_mem[s_rsp_tag] == queue_mem[tag_reg];
    wire             tired = GROUP == 0 && {24'd0, wait_reg} == PATIENCE;
    wire             next  = s_rsp_valid && beside;
    wire             more  = shown_reg ? more_reg : !last && next;
    wire             sure  = shown_reg || last || s_rsp_valid || tired;
    wire             left  = m_rsp_valid && m_rsp_ready;

    assign s_rsp_ready = !held_reg || left;
    assign m_rsp_tag   = tag_reg;
    assign m_rsp_len   = len_reg;
    assign m_rsp_more  = more;
    assign m_rsp_valid = held_reg && sure;

    always @(posedge clk) begin
        if (s_req_valid) queue_mem[s_req_tag] <= s_req_queue;
        wait_reg  <= !held_reg || left ? 8'd0 : wait_reg == PATIENCE[7:0] ? wait_reg
                                                                        : wait_reg + 8'd1;
        shown_reg <= m_rsp_valid && !m_rsp_ready && !rst;
        more_reg  <= more;
        if (left) count_reg <= more ? count_reg + 6'd1 : 6'd0;
        if (s_rsp_ready) begin
            held_reg <= s_rsp_valid;
            tag_reg  <= s_rsp_tag;
            len_reg  <= s_rsp_len;
        end
        if (rst) begin
            held_reg  <= 1'b0;
            count_reg <= 6'd0;
        end
    end
endmodule
`resetall
