// SPDX-License-Identifier: Apache-2.0
// axi_pins - memory slave and protocol checks, the master's pins in Python's hands.
`resetall
`timescale 1ns / 1ps
`default_nettype none

module axi_pins #(
    parameter DATA_W = 64
) (
    input  wire                clk,
    input  wire                rst,
    input  wire [3:0]          m_axi_arid,
    input  wire [63:0]         m_axi_araddr,
    input  wire [7:0]          m_axi_arlen,
    input  wire [2:0]          m_axi_arsize,
    input  wire [1:0]          m_axi_arburst,
    input  wire                m_axi_arvalid,
    output wire                m_axi_arready,
    output wire [3:0]          m_axi_rid,
    output wire [DATA_W-1:0]   m_axi_rdata,
    output wire [1:0]          m_axi_rresp,
    output wire                m_axi_rlast,
    output wire                m_axi_rvalid,
    input  wire                m_axi_rready,
    input  wire [3:0]          m_axi_awid,
    input  wire [63:0]         m_axi_awaddr,
    input  wire [7:0]          m_axi_awlen,
    input  wire [2:0]          m_axi_awsize,
    input  wire [1:0]          m_axi_awburst,
    input  wire                m_axi_awvalid,
    output wire                m_axi_awready,
    input  wire [DATA_W-1:0]   m_axi_wdata,
    input  wire [DATA_W/8-1:0] m_axi_wstrb,
    input  wire                m_axi_wlast,
    input  wire                m_axi_wvalid,
    output wire                m_axi_wready,
    output wire [3:0]          m_axi_bid,
    output wire [1:0]          m_axi_bresp,
    output wire                m_axi_bvalid,
    input  wire                m_axi_bready,
    output wire                published
);
    reg [63:0] cycle;
    initial cycle = 64'd0;
    always @(posedge clk) cycle <= cycle + 64'd1;

    axi_memory #(.DATA_W(DATA_W), .ID_W(4)) memory (
        .clk           (clk),
        .rst           (rst),
        .cycle         (cycle),
        .s_axi_arid    (m_axi_arid),
        .s_axi_araddr  (m_axi_araddr),
        .s_axi_arlen   (m_axi_arlen),
        .s_axi_arsize  (m_axi_arsize),
        .s_axi_arburst (m_axi_arburst),
        .s_axi_arvalid (m_axi_arvalid),
        .s_axi_arready (m_axi_arready),
        .s_axi_rid     (m_axi_rid),
        .s_axi_rdata   (m_axi_rdata),
        .s_axi_rresp   (m_axi_rresp),
        .s_axi_rlast   (m_axi_rlast),
        .s_axi_rvalid  (m_axi_rvalid),
        .s_axi_rready  (m_axi_rready),
        .s_axi_awid    (m_axi_awid),
        .s_axi_awaddr  (m_axi_awaddr),
        .s_axi_awlen   (m_axi_awlen),
        .s_axi_awsize  (m_axi_awsize),
        .s_axi_awburst (m_axi_awburst),
        .s_axi_awvalid (m_axi_awvalid),
        .s_axi_awready (m_axi_awready),
        .s_axi_wdata   (m_axi_wdata),
        .s_axi_wstrb   (m_axi_wstrb),
        .s_axi_wlast   (m_axi_wlast),
        .s_axi_wvalid  (m_axi_wvalid),
        .s_axi_wready  (m_axi_wready),
        .s_axi_bid     (m_axi_bid),
        .s_axi_bresp   (m_axi_bresp),
        .s_axi_bvalid  (m_axi_bvalid),
        .s_axi_bready  (m_axi_bready),
        .published     (published)
    );

    axi_checks #(.DATA_W(DATA_W), .ID_W(4)) checks (
        .clk         (clk),
        .rst         (rst),
        .axi_arid    (m_axi_arid),
        .axi_araddr  (m_axi_araddr),
        .axi_arlen   (m_axi_arlen),
        .axi_arsize  (m_axi_arsize),
        .axi_arburst (m_axi_arburst),
        .axi_arvalid (m_axi_arvalid),
        .axi_arready (m_axi_arready),
        .axi_rid     (m_axi_rid),
        .axi_rdata   (m_axi_rdata),
        .axi_rresp   (m_axi_rresp),
        .axi_rlast   (m_axi_rlast),
        .axi_rvalid  (m_axi_rvalid),
        .axi_rready  (m_axi_rready),
        .axi_awid    (m_axi_awid),
        .axi_awaddr  (m_axi_awaddr),
        .axi_awlen   (m_axi_awlen),
        .axi_awsize  (m_axi_awsize),
        .axi_awburst (m_axi_awburst),
        .axi_awvalid (m_axi_awvalid),
        .axi_awready (m_axi_awready),
        .axi_wdata   (m_axi_wdata),
        .axi_wstrb   (m_axi_wstrb),
        .axi_wlast   (m_axi_wlast),
        .axi_wvalid  (m_axi_wvalid),
        .axi_wready  (m_axi_wready),
        .axi_bid     (m_axi_bid),
        .axi_bresp   (m_axi_bresp),
        .axi_bvalid  (m_axi_bvalid),
        .axi_bready  (m_axi_bready)
    );
endmodule
`resetall
