// SPDX-License-Identifier: Apache-2.0
// vq_gather - ask for the readable bytes of each chain, in order.
//   Contract    one read a readable segment that has bytes; m_req_last marks the chain's last one
//   Latency     1 cycle, chain to first read
//   Throughput  1 segment per cycle, from one chain to the next too
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_gather #(
    parameter QID_W = 2,    // queue number, bits
    parameter TAG_W = 8     // chunk of the chain store, bits
) (
    input  wire             clk,
    input  wire             rst,
    // Chains with readable bytes
    input  wire [QID_W-1:0] s_chain_queue,
    input  wire [TAG_W-1:0] s_chain_tag,
    input  wire [31:0]      s_chain_readable,
    input  wire             s_chain_valid,
    output wire             s_chain_ready,
    // Segments of the chain store
    output wire             m_read_en,
    output wire [TAG_W+1:0] m_read_at,
    input  wire [95:0]      s_read_data,
    output wire [TAG_W-1:0] m_after_tag,
    input  wire [TAG_W-1:0] s_after_next,
    // Reads
    output wire [63:0]      m_req_addr,
    output wire [31:0]      m_req_len,
    output wire [QID_W-1:0] m_req_queue,
    output wire             m_req_last,
    output wire             m_req_valid,
    input  wire             m_req_ready
);
    reg  [QID_W-1:0] queue_reg;
    reg  [TAG_W+1:0] at_reg;            // segment at hand: s_read_data
    reg  [31:0]      left_reg;          // bytes of the chain not yet asked for
    reg              valid_reg;
    wire [31:0]      len   = s_read_data[31:0];
    wire             empty = len == 32'd0;
    wire             final_segment = len == left_reg;
    wire             step  = valid_reg && (empty || m_req_ready);
    wire             load  = (!valid_reg || (step && final_segment)) && s_chain_valid;
    wire [TAG_W+1:0] next_at = at_reg[1:0] == 2'd3 ? {s_after_next, 2'd0} : at_reg + 1'b1;

    assign s_chain_ready = !valid_reg || (step && final_segment);
    assign m_read_en     = load || step;
    assign m_read_at     = load ? {s_chain_tag, 2'd0} : next_at;
    assign m_after_tag   = at_reg[TAG_W+1:2];
    assign m_req_addr    = s_read_data[95:32];
    assign m_req_len     = len;
    assign m_req_queue   = queue_reg;
    assign m_req_last    = final_segment;
    assign m_req_valid   = valid_reg && !empty;

    always @(posedge clk) begin
        if (load) begin
            queue_reg <= s_chain_queue;
            at_reg    <= {s_chain_tag, 2'd0};
            left_reg  <= s_chain_readable;
            valid_reg <= 1'b1;
        end else if (step) begin
            at_reg    <= next_at;
            left_reg  <= left_reg - len;
            valid_reg <= !final_segment;
        end
        if (rst) valid_reg <= 1'b0;
    end
endmodule
`resetall
