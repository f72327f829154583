// SPDX-License-Identifier: Apache-2.0
// vq_burst_split - cut one byte-range request into AXI4-legal bursts.
//   Contract    bursts tile the request exactly, in order; none is longer than MAX_BYTES or
//               crosses a MAX_BYTES boundary, so none crosses 4 KiB (AXI4 A3.4.1)
//   Latency     0 cycles; the requester holds its request until the last burst is taken
//   Throughput  1 burst per cycle, also from one request to the next
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_burst_split #(
    parameter ADDR_W    = 64,   // byte address, bits; more than 12
    parameter UPTO_W    = 33,   // place of a request's last byte, bits; more than log2(MAX_BYTES)
    parameter MAX_BYTES = 256,  // burst limit, bytes; power of two, 2 to 4096
    parameter OFS_W     = $clog2(MAX_BYTES)     // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Request in: from the byte at s_req_addr to the one s_req_upto bytes after the boundary of
    // MAX_BYTES at or below s_req_addr
    input  wire [ADDR_W-1:0] s_req_addr,
    input  wire [UPTO_W-1:0] s_req_upto,
    input  wire              s_req_valid,
    output wire              s_req_ready,
    // Bursts out: from m_burst_addr to m_burst_end bytes after that boundary; m_burst_last ends
    // the request
    output wire [ADDR_W-1:0] m_burst_addr,
    output wire [OFS_W-1:0]  m_burst_end,
    output wire              m_burst_last,
    output wire              m_burst_valid,
    input  wire              m_burst_ready
);
    if (ADDR_W < 13 || UPTO_W <= OFS_W) begin : gen_bad_width
        ERROR_ADDR_W_must_be_more_than_12_and_UPTO_W_more_than_OFS_W u_error ();
    end
    if (MAX_BYTES < 2 || MAX_BYTES > 4096 || 2**$clog2(MAX_BYTES) != MAX_BYTES) begin : gen_bad_max
        ERROR_MAX_BYTES_must_be_a_power_of_two_2_to_4096 u_error ();
    end

    localparam BLOCK_W = ADDR_W - OFS_W;
    localparam MORE_W  = UPTO_W - OFS_W;

    // Of a request that has begun: the next boundary, and how many more lie in it
    reg  [BLOCK_W-1:0] block_reg;
    reg  [MORE_W-1:0]  more_reg;
    reg                begun_reg;
    wire [BLOCK_W-1:0] block = begun_reg ? block_reg : s_req_addr[ADDR_W-1:OFS_W];
    wire [MORE_W-1:0]  more  = begun_reg ? more_reg : s_req_upto[UPTO_W-1:OFS_W];
    wire               last  = more == {MORE_W{1'b0}};

    assign s_req_ready   = m_burst_ready && last;
    assign m_burst_addr  = {block, s_req_addr[OFS_W-1:0] & {OFS_W{!begun_reg}}};
    assign m_burst_end   = s_req_upto[OFS_W-1:0] | {OFS_W{!last}};
    assign m_burst_last  = last;
    assign m_burst_valid = s_req_valid;

    always @(posedge clk) begin
        if (m_burst_valid && m_burst_ready) begin
            block_reg <= block + 1'b1;      // wraps with the address
            more_reg  <= more - 1'b1;
            begun_reg <= !last;
        end
        if (rst) begun_reg <= 1'b0;
    end

    `VQ_ASSUME(a_forward, !s_req_valid || s_req_upto[UPTO_W-1:OFS_W] != {MORE_W{1'b0}} ||
                          s_req_addr[OFS_W-1:0] <= s_req_upto[OFS_W-1:0])
endmodule
`resetall
