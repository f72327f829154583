// SPDX-License-Identifier: Apache-2.0
// vq_burst_split - cut one byte-range request into AXI4-legal bursts.
//   Contract    bursts tile the request exactly, in order; none is longer than MAX_BYTES or
//               crosses a MAX_BYTES boundary, so none crosses 4 KiB (AXI4 A3.4.1)
//   Latency     1 cycle, request to first burst; 0 with PASS_EN
//   Throughput  1 burst per cycle, also from one request to the next
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_burst_split #(
    parameter ADDR_W    = 64,   // byte address, bits; more than 13
    parameter LEN_W     = 32,   // byte count, bits; more than 13
    parameter INFO_W    = 1,    // requester's note, bits
    parameter MAX_BYTES = 256,  // burst limit, bytes; power of two, 2 to 4096
    parameter [0:0] PASS_EN = 1'b0  // 1: the first burst leaves in the request's own cycle
) (
    input  wire              clk,
    input  wire              rst,
    // Request in: s_req_len bytes (never 0) from s_req_addr
    input  wire [ADDR_W-1:0] s_req_addr,
    input  wire [LEN_W-1:0]  s_req_len,
    input  wire [INFO_W-1:0] s_req_info,
    input  wire              s_req_valid,
    output wire              s_req_ready,
    // Bursts out: 1 to MAX_BYTES bytes each; m_burst_last ends the request
    output wire [ADDR_W-1:0] m_burst_addr,
    output wire [12:0]       m_burst_len,
    output wire [INFO_W-1:0] m_burst_info,
    output wire              m_burst_last,
    output wire              m_burst_valid,
    input  wire              m_burst_ready
);
    if (ADDR_W < 14 || LEN_W < 14) begin : gen_bad_width
        ERROR_ADDR_W_and_LEN_W_must_be_more_than_13 u_error ();
    end
    if (MAX_BYTES < 2 || MAX_BYTES > 4096 || 2**$clog2(MAX_BYTES) != MAX_BYTES) begin : gen_bad_max
        ERROR_MAX_BYTES_must_be_a_power_of_two_2_to_4096 u_error ();
    end

    localparam OFS_W = $clog2(MAX_BYTES);

    reg  [ADDR_W-1:0] addr_reg;         // next byte to hand over
    reg  [LEN_W-1:0]  left_reg;         // bytes that remain
    reg  [INFO_W-1:0] info_reg;
    reg               held_reg;         // a request is held
    wire              pass = PASS_EN && !held_reg;
    wire [ADDR_W-1:0] addr = pass ? s_req_addr : addr_reg;
    wire [LEN_W-1:0]  left = pass ? s_req_len : left_reg;
    wire [INFO_W-1:0] info = pass ? s_req_info : info_reg;
    wire [12:0]       room = MAX_BYTES[12:0] - {{(13-OFS_W){1'b0}}, addr[OFS_W-1:0]};
    wire              fits = left <= {{(LEN_W-13){1'b0}}, room};
    wire [12:0]       take = fits ? left[12:0] : room;
    wire              go   = m_burst_valid && m_burst_ready;
    wire              load = s_req_valid && s_req_ready;
    // The rest starts at the next boundary
    wire [ADDR_W-OFS_W-1:0] window = addr[ADDR_W-1:OFS_W] + 1'b1;   // wraps with the address

    assign s_req_ready   = !held_reg || (m_burst_ready && fits);
    assign m_burst_valid = held_reg || (PASS_EN && s_req_valid);
    assign m_burst_addr  = addr;
    assign m_burst_len   = take;
    assign m_burst_info  = info;
    assign m_burst_last  = fits;

    always @(posedge clk) begin
        if (go && !fits) begin
            addr_reg <= {window, {OFS_W{1'b0}}};
            left_reg <= left - {{(LEN_W-13){1'b0}}, room};
            info_reg <= info;
            held_reg <= 1'b1;
        end else begin
            if (load) begin
                addr_reg <= s_req_addr;
                left_reg <= s_req_len;
                info_reg <= s_req_info;
            end
            held_reg <= load ? !(pass && go) : held_reg && !go;
        end
        if (rst) held_reg <= 1'b0;
    end

    `VQ_ASSUME(a_len_nonzero, !s_req_valid || s_req_len != {LEN_W{1'b0}})
    `VQ_ASSERT(a_in_window, !m_burst_valid || (take != 13'd0 && take <= room))
endmodule
`resetall
