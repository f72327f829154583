// SPDX-License-Identifier: Apache-2.0
// vq_blk_body - bring the bodies of block requests where they belong.
//   Contract    each body goes where the route given for it says: to the store, to the check of
//               ranges, or nowhere. m_taken pulses with the last beat of one not for the store
//   Latency     1 cycle
//   Throughput  1 beat per cycle, no gap between bodies
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_blk_body #(
    parameter DATA_W = 64,              // stream, bits; 64 to 512
    parameter BEATS  = 16               // beats kept before their route is known; power of two
) (
    input  wire              clk,
    input  wire              rst,
    // Bodies, a packet each
    input  wire [DATA_W-1:0] s_body_data,
    input  wire              s_body_user,
    input  wire              s_body_last,
    input  wire              s_body_valid,
    output wire              s_body_ready,
    // Routes, one a body, in order: to the store, to the check of ranges, or none of them
    input  wire              s_route_store,
    input  wire              s_route_ranges,
    input  wire              s_route_valid,
    output wire              s_route_ready,
    // Bodies for the store
    output wire [DATA_W-1:0] m_wr_tdata,
    output wire              m_wr_tlast,
    output wire              m_wr_tuser,
    output wire              m_wr_tvalid,
    input  wire              m_wr_tready,
    // Ranges
    output wire [DATA_W-1:0] m_ranges_data,
    output wire              m_ranges_user,
    output wire              m_ranges_last,
    output wire              m_ranges_valid,
    input  wire              m_ranges_ready,
    // Pulse: a body that was not the store's has gone
    output wire              m_taken
);
    wire [DATA_W-1:0] data;
    wire              user, last, valid;
    wire              to_store, to_ranges, routed;
    wire              ready = routed && (to_store ? m_wr_tready : !to_ranges || m_ranges_ready);
    wire              gone  = valid && ready && last;

    vq_fifo #(.WIDTH(DATA_W + 2), .DEPTH(BEATS)) u_beats (
        .clk(clk),
        .rst(rst),
        .s_data({s_body_user, s_body_last, s_body_data}),
        .s_valid(s_body_valid),
        .s_ready(s_body_ready),
        .m_data({user, last, data}),
        .m_valid(valid),
        .m_ready(ready)
    );

    vq_fifo #(.WIDTH(2), .DEPTH(4)) u_routes (
        .clk(clk),
        .rst(rst),
        .s_data({s_route_ranges, s_route_store}),
        .s_valid(s_route_valid),
        .s_ready(s_route_ready),
        .m_data({to_ranges, to_store}),
        .m_valid(routed),
        .m_ready(gone)
    );

    assign m_wr_tdata     = data;
    assign m_wr_tlast     = last;
    assign m_wr_tuser     = user;
    assign m_wr_tvalid    = valid && routed && to_store;
    assign m_ranges_data  = data;
    assign m_ranges_user  = user;
    assign m_ranges_last  = last;
    assign m_ranges_valid = valid && routed && to_ranges;
    assign m_taken        = gone && !to_store;
endmodule
`resetall
