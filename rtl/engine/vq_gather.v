// SPDX-License-Identifier: Apache-2.0
// vq_gather - ask for the readable bytes of each chain, in order.
//   Contract    one read a readable segment that has bytes; m_req_last marks the chain's last one
//   Latency     1 cycle (2 with HOLD_EN), chain to first read
//   Throughput  1 segment per cycle (every 2 cycles with HOLD_EN), from one chain to the next too
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_gather #(
    parameter       QID_W   = 2,    // queue number, bits
    parameter       TAG_W   = 8,    // chunk of the chain store, bits
    parameter [0:0] HOLD_EN = 1'b0  // 1: what comes out of block RAM is registered at once
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
    reg  [TAG_W+1:0] at_reg;            // segment at hand
    reg  [31:0]      left_reg;          // bytes of the chain not yet asked for
    reg              valid_reg;
    wire [95:0]      segment;
    wire             here;              // segment is the one at hand
    wire [31:0]      len   = segment[31:0];
    wire             empty = len == 32'd0;
    wire             final_segment = ~|(len ^ left_reg);   // no carry chain
    wire             step  = valid_reg && here && (empty || m_req_ready);
    wire             load  = (!valid_reg || (step && final_segment)) && s_chain_valid;
    wire [TAG_W+1:0] next_at = at_reg[1:0] == 2'd3 ? {s_after_next, 2'd0} : at_reg + 1'b1;

    assign s_chain_ready = !valid_reg || (step && final_segment);
    assign m_read_en     = load || step;
    assign m_read_at     = load ? {s_chain_tag, 2'd0} : next_at;
    assign m_after_tag   = at_reg[TAG_W+1:2];
    assign m_req_addr    = segment[95:32];
    assign m_req_len     = len;
    assign m_req_queue   = queue_reg;
    assign m_req_last    = final_segment;
    assign m_req_valid   = valid_reg && here && !empty;

    generate
        if (HOLD_EN) begin : gen_hold
            reg [95:0] segment_reg;
            reg        here_reg;
            assign segment = segment_reg;
            assign here    = here_reg;
            always @(posedge clk) begin
                if (!here_reg) segment_reg <= s_read_data;
                here_reg <= !m_read_en;
            end
        end else begin : gen_pass
            assign segment = s_read_data;
            assign here    = 1'b1;
        end
    endgenerate

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
