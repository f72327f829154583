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

    wire [ADDR_W-1:0] addr;             // next byte to hand over
    wire [LEN_W-1:0]  left;             // bytes that remain
    wire [OFS_W:0]    room = MAX_BYTES[OFS_W:0] - {1'b0, addr[OFS_W-1:0]};
    wire              fits;             // the burst ends the request
    wire [OFS_W:0]    take = fits ? left[OFS_W:0] : room;
    wire              go   = m_burst_valid && m_burst_ready;
    // The next burst starts at the boundary
    wire [ADDR_W-OFS_W-1:0] next = addr[ADDR_W-1:OFS_W] + 1'b1;     // wraps with the address
    wire [LEN_W-1:0]  rest = left - {{(LEN_W-OFS_W-1){1'b0}}, room};

    assign m_burst_addr = addr;
    assign m_burst_len  = {{(12-OFS_W){1'b0}}, take};
    assign m_burst_last = fits;

    generate
        if (PASS_EN) begin : gen_pass
            // The requester holds the request until its last burst is taken
            reg [ADDR_W-OFS_W-1:0] next_reg;
            reg [LEN_W-1:0]        rest_reg;
            reg                    begun_reg;   // a burst of it was taken
            assign addr          = begun_reg ? {next_reg, {OFS_W{1'b0}}} : s_req_addr;
            assign left          = begun_reg ? rest_reg : s_req_len;
            assign fits          = left[LEN_W-1:OFS_W+1] == 0 && left[OFS_W:0] <= room;
            assign s_req_ready   = m_burst_ready && fits;
            assign m_burst_info  = s_req_info;
            assign m_burst_valid = s_req_valid;
            always @(posedge clk) begin
                if (go) begin
                    next_reg  <= next;
                    rest_reg  <= rest;
                    begun_reg <= !fits;
                end
                if (rst) begun_reg <= 1'b0;
            end
        end else begin : gen_hold
            reg [ADDR_W-1:0] addr_reg;
            reg [LEN_W-1:0]  left_reg;
            reg [INFO_W-1:0] info_reg;
            reg              held_reg;          // a request is held
            reg              fits_reg;
            wire [OFS_W:0]   first_room = MAX_BYTES[OFS_W:0] - {1'b0, s_req_addr[OFS_W-1:0]};
            assign addr          = addr_reg;
            assign left          = left_reg;
            assign fits          = fits_reg;
            assign s_req_ready   = !held_reg || (m_burst_ready && fits);
            assign m_burst_info  = info_reg;
            assign m_burst_valid = held_reg;
            always @(posedge clk) begin
                if (s_req_ready) begin
                    if (s_req_valid) begin
                        addr_reg <= s_req_addr;
                        left_reg <= s_req_len;
                        info_reg <= s_req_info;
                        fits_reg <= s_req_len[LEN_W-1:OFS_W+1] == 0 &&
                                    s_req_len[OFS_W:0] <= first_room;
                    end
                    held_reg <= s_req_valid;
                end else if (go) begin
                    addr_reg <= {next, {OFS_W{1'b0}}};
                    left_reg <= rest;
                    fits_reg <= rest[LEN_W-1:OFS_W+1] == 0 && rest[OFS_W:0] <= MAX_BYTES[OFS_W:0];
                end
                if (rst) held_reg <= 1'b0;
            end
        end
    endgenerate

    `VQ_ASSUME(a_len_nonzero, !s_req_valid || s_req_len != {LEN_W{1'b0}})
    `VQ_ASSERT(a_in_window, !m_burst_valid || (take != 0 && take <= room))
endmodule
`resetall
