// SPDX-License-Identifier: Apache-2.0
// vq_axi_master - the engine's AXI4 master: reads and writes are independent. Only wires.
//   Contract    as vq_axi_read and vq_axi_write
//   Latency     1 cycle
//   Throughput  1 beat per cycle each way
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_axi_master #(
    parameter QUEUES      = 4,      // queues, 1 to 64
    parameter QID_W       = 2,      // queue number, bits
    parameter DATA_W      = 64,     // beat, bits
    parameter READERS     = 4,      // requesters that read
    parameter WRITERS     = 4       // requesters that write, 3 or 4
) (
    input  wire                           clk,
    input  wire                           rst,
    input  wire [QUEUES-1:0]              s_alive,      // queues whose memory may be accessed
    input  wire                           s_halt,
    output wire                           m_drained,
    input  wire [WRITERS-1:0]             s_half,       // see vq_axi_write
    output wire                           m_write_busy, // beats wait for the data channel
    // Read bursts and data, one lane of each vector a requester
    input  wire [READERS*64-1:0]          s_ar_addr,
    input  wire [READERS*8-1:0]           s_ar_len,
    input  wire [READERS*QID_W-1:0]       s_ar_queue,
    input  wire [READERS-1:0]             s_ar_valid,
    output wire [READERS-1:0]             s_ar_ready,
    output wire [READERS-1:0]             s_ar_dead,
    output wire [DATA_W-1:0]              m_r_data,
    output wire                           m_r_error,
    output wire [READERS-1:0]             m_r_valid,
    // Write requests and their beats, one lane of each vector a requester
    input  wire [WRITERS*64-1:0]          s_req_addr,
    input  wire [WRITERS*13-1:0]          s_req_len,
    input  wire [WRITERS*QID_W-1:0]       s_req_queue,
    input  wire [WRITERS-1:0]             s_req_null,
    input  wire [WRITERS-1:0]             s_req_ack,
    input  wire [WRITERS-1:0]             s_req_valid,
    output wire [WRITERS-1:0]             s_req_ready,
    input  wire [WRITERS*DATA_W-1:0]      s_beat_data,
    input  wire [WRITERS-1:0]             s_beat_valid,
    output wire [WRITERS-1:0]             s_beat_ready,
    output wire [WRITERS-1:0]             m_ack_valid,
    output wire [1:0]                     m_error_port,
    output wire [QID_W-1:0]               m_error_queue,
    output wire                           m_error_valid,
    input  wire                           m_error_ready,
    // AXI4
    output wire [3:0]                            m_axi_arid,
    output wire [63:0]                           m_axi_araddr,
    output wire [7:0]                            m_axi_arlen,
    output wire [2:0]                            m_axi_arsize,
    output wire [1:0]                            m_axi_arburst,
    output wire [3:0]                            m_axi_arcache,
    output wire [2:0]                            m_axi_arprot,
    output wire                                  m_axi_arvalid,
    input  wire                                  m_axi_arready,
    input  wire [3:0]                            m_axi_rid,
    input  wire [DATA_W-1:0]                     m_axi_rdata,
    input  wire [1:0]                            m_axi_rresp,
    input  wire                                  m_axi_rlast,
    input  wire                                  m_axi_rvalid,
    output wire                                  m_axi_rready,
    output wire [3:0]                            m_axi_awid,
    output wire [63:0]                           m_axi_awaddr,
    output wire [7:0]                            m_axi_awlen,
    output wire [2:0]                            m_axi_awsize,
    output wire [1:0]                            m_axi_awburst,
    output wire [3:0]                            m_axi_awcache,
    output wire [2:0]                            m_axi_awprot,
    output wire                                  m_axi_awvalid,
    input  wire                                  m_axi_awready,
    output wire [DATA_W-1:0]                     m_axi_wdata,
    output wire [DATA_W/8-1:0]                   m_axi_wstrb,
    output wire                                  m_axi_wlast,
    output wire                                  m_axi_wvalid,
    input  wire                                  m_axi_wready,
    input  wire [3:0]                            m_axi_bid,
    input  wire [1:0]                            m_axi_bresp,
    input  wire                                  m_axi_bvalid,
    output wire                                  m_axi_bready
);
    wire read_drained, write_drained;

    assign m_drained = read_drained && write_drained;

    vq_axi_read #(.PORTS(READERS), .QUEUES(QUEUES), .DATA_W(DATA_W), .QID_W(QID_W)) u_axi_read (
        .clk(clk),
        .rst(rst),
        .s_alive(s_alive),
        .s_halt(s_halt),
        .m_drained(read_drained),
        .s_ar_addr(s_ar_addr),
        .s_ar_len(s_ar_len),
        .s_ar_queue(s_ar_queue),
        .s_ar_valid(s_ar_valid),
        .s_ar_ready(s_ar_ready),
        .s_ar_dead(s_ar_dead),
        .m_r_data(m_r_data),
        .m_r_error(m_r_error),
        .m_r_valid(m_r_valid),
        .m_axi_arid(m_axi_arid),
        .m_axi_araddr(m_axi_araddr),
        .m_axi_arlen(m_axi_arlen),
        .m_axi_arsize(m_axi_arsize),
        .m_axi_arburst(m_axi_arburst),
        .m_axi_arcache(m_axi_arcache),
        .m_axi_arprot(m_axi_arprot),
        .m_axi_arvalid(m_axi_arvalid),
        .m_axi_arready(m_axi_arready),
        .m_axi_rid(m_axi_rid),
        .m_axi_rdata(m_axi_rdata),
        .m_axi_rresp(m_axi_rresp),
        .m_axi_rlast(m_axi_rlast),
        .m_axi_rvalid(m_axi_rvalid),
        .m_axi_rready(m_axi_rready)
    );
    vq_axi_write #(
        .PORTS(WRITERS), .QUEUES(QUEUES), .DATA_W(DATA_W), .QID_W(QID_W)
    ) u_axi_write (
        .clk(clk),
        .rst(rst),
        .s_alive(s_alive),
        .s_halt(s_halt),
        .s_half(s_half),
        .m_drained(write_drained),
        .m_busy(m_write_busy),
        .s_req_addr(s_req_addr),
        .s_req_len(s_req_len),
        .s_req_queue(s_req_queue),
        .s_req_null(s_req_null),
        .s_req_ack(s_req_ack),
        .s_req_valid(s_req_valid),
        .s_req_ready(s_req_ready),
        .s_beat_data(s_beat_data),
        .s_beat_valid(s_beat_valid),
        .s_beat_ready(s_beat_ready),
        .m_ack_valid(m_ack_valid),
        .m_error_port(m_error_port),
        .m_error_queue(m_error_queue),
        .m_error_valid(m_error_valid),
        .m_error_ready(m_error_ready),
        .m_axi_awid(m_axi_awid),
        .m_axi_awaddr(m_axi_awaddr),
        .m_axi_awlen(m_axi_awlen),
        .m_axi_awsize(m_axi_awsize),
        .m_axi_awburst(m_axi_awburst),
        .m_axi_awcache(m_axi_awcache),
        .m_axi_awprot(m_axi_awprot),
        .m_axi_awvalid(m_axi_awvalid),
        .m_axi_awready(m_axi_awready),
        .m_axi_wdata(m_axi_wdata),
        .m_axi_wstrb(m_axi_wstrb),
        .m_axi_wlast(m_axi_wlast),
        .m_axi_wvalid(m_axi_wvalid),
        .m_axi_wready(m_axi_wready),
        .m_axi_bid(m_axi_bid),
        .m_axi_bresp(m_axi_bresp),
        .m_axi_bvalid(m_axi_bvalid),
        .m_axi_bready(m_axi_bready)
    );
endmodule
`resetall
