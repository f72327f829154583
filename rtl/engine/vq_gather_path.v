// SPDX-License-Identifier: Apache-2.0
// vq_gather_path - chains in, their readable bytes out as packets. Only wires.
//   Contract    packets in the order of the chains; as vq_gather and vq_gather_stream
//   Latency     one read and about 10 cycles
//   Throughput  1 beat per cycle while BEATS covers the memory's latency
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_gather_path #(
    parameter DATA_W    = 64,       // beat, bits
    parameter QUEUES    = 4,        // queues, 1 to 64
    parameter QID_W     = 2,        // queue number, bits
    parameter TAG_W     = 8,        // chunk of the chain store, bits
    parameter MAX_BYTES = 256,      // longest burst, bytes; power of two
    parameter BEATS     = 640       // beats in flight or waiting
) (
    input  wire                clk,
    input  wire                rst,
    input  wire [QUEUES-1:0]   s_alive,     // queues whose memory may be accessed
    // Chains with readable bytes
    input  wire [QID_W-1:0]    s_chain_queue,
    input  wire [TAG_W-1:0]    s_chain_tag,
    input  wire [31:0]         s_chain_readable,
    input  wire                s_chain_valid,
    output wire                s_chain_ready,
    // Segments of the chain store
    output wire                m_read_en,
    output wire [TAG_W+1:0]    m_read_at,
    input  wire [95:0]         s_read_data,
    output wire [TAG_W-1:0]    m_after_tag,
    input  wire [TAG_W-1:0]    s_after_next,
    // Bursts to the read master, and their data
    output wire [63:0]         m_ar_addr,
    output wire [7:0]          m_ar_len,
    output wire [QID_W-1:0]    m_ar_queue,
    output wire                m_ar_valid,
    input  wire                m_ar_ready,
    input  wire                m_ar_dead,
    input  wire [DATA_W-1:0]   s_r_data,
    input  wire                s_r_error,
    input  wire                s_r_valid,
    // Packets to the device function
    output wire [DATA_W-1:0]   m_axis_tdata,
    output wire [DATA_W/8-1:0] m_axis_tkeep,
    output wire                m_axis_tlast,
    output wire                m_axis_tuser,
    output wire                m_axis_tvalid,
    input  wire                m_axis_tready,
    // Faults
    output wire [QID_W-1:0]    m_fault_queue,
    output wire                m_fault_valid,
    input  wire                m_fault_ready
);
    localparam LANE_W = $clog2(DATA_W/8);
    // No more than BEATS, since what is asked for ahead of need delays other reads
    localparam DEPTH  = 2**$clog2(BEATS);
    localparam BURSTS = DEPTH * DATA_W / 512;   // in flight: DEPTH in bursts of 64 bytes

    wire [QID_W-1:0]  g_queue, gp_queue, gb_queue;
    wire [TAG_W-1:0]  g_tag;
    wire [31:0]       g_readable, gp_len;
    wire              g_valid, g_ready;
    wire [63:0]       gp_addr;
    wire              gp_last, gp_valid, gp_ready;
    wire [DATA_W-1:0] gb_data;
    wire [LANE_W-1:0] gb_offset, gb_end;
    wire [LANE_W:0]   gb_count;
    wire              gb_final, gb_error, gb_last, gb_valid, gb_ready;

    // Chains wait here, so that headers do not
    vq_fifo #(.WIDTH(QID_W+TAG_W+32), .DEPTH(16)) u_to_gather (
        .clk(clk),
        .rst(rst),
        .s_data({s_chain_queue, s_chain_tag, s_chain_readable}),
        .s_valid(s_chain_valid),
        .s_ready(s_chain_ready),
        .m_data({g_queue, g_tag, g_readable}),
        .m_valid(g_valid),
        .m_ready(g_ready)
    );
    // Up to 256 bit a segment of 64 bytes leaves time to register it
    vq_gather #(.QID_W(QID_W), .TAG_W(TAG_W), .HOLD_EN(DATA_W < 512)) u_gather (
        .clk(clk),
        .rst(rst),
        .s_chain_queue(g_queue),
        .s_chain_tag(g_tag),
        .s_chain_readable(g_readable),
        .s_chain_valid(g_valid),
        .s_chain_ready(g_ready),
        .m_read_en(m_read_en),
        .m_read_at(m_read_at),
        .s_read_data(s_read_data),
        .m_after_tag(m_after_tag),
        .s_after_next(s_after_next),
        .m_req_addr(gp_addr),
        .m_req_len(gp_len),
        .m_req_queue(gp_queue),
        .m_req_last(gp_last),
        .m_req_valid(gp_valid),
        .m_req_ready(gp_ready)
    );
    // What decides on the next segment does not wait for the bus
    localparam OFS_W = $clog2(MAX_BYTES);
    wire [32:0]      gp_upto = {1'b0, gp_len} - 33'd1 + {{(33-OFS_W){1'b0}}, gp_addr[OFS_W-1:0]};
    wire [63:0]      gs_addr;
    wire [32:0]      gs_upto;
    wire [QID_W-1:0] gs_queue;
    wire             gs_last, gs_valid, gs_ready;

    vq_skid #(.WIDTH(64+33+QID_W+1)) u_requests (
        .clk(clk),
        .rst(rst),
        .s_data({gp_addr, gp_upto, gp_queue, gp_last}),
        .s_valid(gp_valid),
        .s_ready(gp_ready),
        .m_data({gs_addr, gs_upto, gs_queue, gs_last}),
        .m_valid(gs_valid),
        .m_ready(gs_ready)
    );
    vq_read_port #(
        .DATA_W(DATA_W), .UPTO_W(33), .INFO_W(QID_W+1), .QID_W(QID_W), .MAX_BYTES(MAX_BYTES),
        .BEATS(DEPTH), .LIMIT(BEATS), .BURSTS(BURSTS), .BLOCK_EN(1'b1)
    ) u_payload_port (
        .clk(clk),
        .rst(rst),
        .s_req_addr(gs_addr),
        .s_req_upto(gs_upto),
        .s_req_queue(gs_queue),
        .s_req_info({gs_last, gs_queue}),
        .s_req_valid(gs_valid),
        .s_req_ready(gs_ready),
        .m_ar_addr(m_ar_addr),
        .m_ar_len(m_ar_len),
        .m_ar_queue(m_ar_queue),
        .m_ar_valid(m_ar_valid),
        .m_ar_ready(m_ar_ready),
        .m_ar_dead(m_ar_dead),
        .s_r_data(s_r_data),
        .s_r_error(s_r_error),
        .s_r_valid(s_r_valid),
        .m_beat_data(gb_data),
        .m_beat_offset(gb_offset),
        .m_beat_count(gb_count),
        .m_beat_end(gb_end),
        .m_beat_info({gb_final, gb_queue}),
        .m_beat_error(gb_error),
        .m_beat_last(gb_last),
        .m_beat_valid(gb_valid),
        .m_beat_ready(gb_ready)
    );
    vq_gather_stream #(.DATA_W(DATA_W), .QUEUES(QUEUES), .QID_W(QID_W)) u_gather_stream (
        .clk(clk),
        .rst(rst),
        .s_alive(s_alive),
        .s_beat_data(gb_data),
        .s_beat_offset(gb_offset),
        .s_beat_count(gb_count),
        .s_beat_queue(gb_queue),
        .s_beat_error(gb_error),
        .s_beat_last(gb_last && gb_final),
        .s_beat_valid(gb_valid),
        .s_beat_ready(gb_ready),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tkeep(m_axis_tkeep),
        .m_axis_tlast(m_axis_tlast),
        .m_axis_tuser(m_axis_tuser),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .m_fault_queue(m_fault_queue),
        .m_fault_valid(m_fault_valid),
        .m_fault_ready(m_fault_ready)
    );

    wire unused = &{1'b0, gb_end};
endmodule
`resetall
