// SPDX-License-Identifier: Apache-2.0
// vq_rng_device - vq_device with vq_dev_rng: a whole virtio entropy device.
//   Contract    docs/architecture.md; virtio type 4, one request queue, no features of its own, no
//               configuration (virtio 5.4). The source is given from outside
//   Latency     that of its parts
//   Throughput  that of vq_dev_rng
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_rng_device #(
    parameter QUEUE_SIZE_MAX = 256,     // descriptors; power of two to 32768
    parameter DATA_W         = 64,      // memory bus, bits; 64 to 512
    parameter MAX_CHAIN      = 128,     // descriptors of one chain; 1 to 32768
    parameter CHAINS         = 4*DATA_W,    // chains at a time; power of two
    parameter [0:0] SPLIT_EN  = 1'b1,       // 0: only packed rings
    parameter [0:0] PACKED_EN = 1'b1,       // 0: only split rings
    parameter [0:0] ORDER_EN  = 1'b1,       // 0: no IN_ORDER
    parameter MAX_BYTES       = 64          // of an answer; 1 to 65535
) (
    input  wire                clk,
    input  wire                rst,
    // Registers: AXI4-Lite slave, 32 bit, 4 KiB
    input  wire [11:0]         s_axil_awaddr,
    input  wire                s_axil_awvalid,
    output wire                s_axil_awready,
    input  wire [31:0]         s_axil_wdata,
    input  wire [3:0]          s_axil_wstrb,
    input  wire                s_axil_wvalid,
    output wire                s_axil_wready,
    output wire [1:0]          s_axil_bresp,
    output wire                s_axil_bvalid,
    input  wire                s_axil_bready,
    input  wire [11:0]         s_axil_araddr,
    input  wire                s_axil_arvalid,
    output wire                s_axil_arready,
    output wire [31:0]         s_axil_rdata,
    output wire [1:0]          s_axil_rresp,
    output wire                s_axil_rvalid,
    input  wire                s_axil_rready,
    // Guest memory: AXI4 master
    output wire [3:0]          m_axi_arid,
    output wire [63:0]         m_axi_araddr,
    output wire [7:0]          m_axi_arlen,
    output wire [2:0]          m_axi_arsize,
    output wire [1:0]          m_axi_arburst,
    output wire [3:0]          m_axi_arcache,
    output wire [2:0]          m_axi_arprot,
    output wire                m_axi_arvalid,
    input  wire                m_axi_arready,
    input  wire [3:0]          m_axi_rid,
    input  wire [DATA_W-1:0]   m_axi_rdata,
    input  wire [1:0]          m_axi_rresp,
    input  wire                m_axi_rlast,
    input  wire                m_axi_rvalid,
    output wire                m_axi_rready,
    output wire [3:0]          m_axi_awid,
    output wire [63:0]         m_axi_awaddr,
    output wire [7:0]          m_axi_awlen,
    output wire [2:0]          m_axi_awsize,
    output wire [1:0]          m_axi_awburst,
    output wire [3:0]          m_axi_awcache,
    output wire [2:0]          m_axi_awprot,
    output wire                m_axi_awvalid,
    input  wire                m_axi_awready,
    output wire [DATA_W-1:0]   m_axi_wdata,
    output wire [DATA_W/8-1:0] m_axi_wstrb,
    output wire                m_axi_wlast,
    output wire                m_axi_wvalid,
    input  wire                m_axi_wready,
    input  wire [3:0]          m_axi_bid,
    input  wire [1:0]          m_axi_bresp,
    input  wire                m_axi_bvalid,
    output wire                m_axi_bready,
    // The source: every bit random
    input  wire [DATA_W-1:0]   s_ent_tdata,
    input  wire                s_ent_tvalid,
    output wire                s_ent_tready,
    // Interrupts by queue, for a transport with a vector each: a pulse, and of which queue
    output wire                m_used_irq,
    output wire [0:0]          m_used_queue,
    // Interrupt line, high while an event is not acknowledged
    output wire                irq,
    output wire                idle
);
    localparam QUEUES  = 1;
    localparam CREDITS = 16;    // one chain is served at a time, the others only wait
    localparam TAG_W   = $clog2(CHAINS);

    wire [10:0]               cfg_addr;
    wire [31:0]               cfg_wdata;
    wire [3:0]                cfg_wstrb;
    wire                      cfg_write;
    wire                      req_queue;
    wire [TAG_W-1:0]          req_tag;
    wire [31:0]               req_readable;
    wire [31:0]               req_writable;
    wire                      req_valid;
    wire                      req_ready;
    wire [DATA_W-1:0]         out_tdata;
    wire [DATA_W/8-1:0]       out_tkeep;
    wire                      out_tlast;
    wire                      out_tuser;
    wire                      out_tvalid;
    wire                      out_tready;
    wire [TAG_W-1:0]          rsp_tag;
    wire [31:0]               rsp_len;
    wire                      rsp_valid;
    wire                      rsp_ready;
    wire [DATA_W-1:0]         in_tdata;
    wire [DATA_W/8-1:0]       in_tkeep;
    wire                      in_tlast;
    wire                      in_tvalid;
    wire                      in_tready;
    wire                      credit_queue;
    wire [15:0]               credit_count;
    wire                      credit_valid;
    wire                      live;
    wire [63:0]               features;
    wire                      function_rst;

    vq_device #(
        .QUEUES(QUEUES),
        .QUEUE_SIZE_MAX(QUEUE_SIZE_MAX),
        .DATA_W(DATA_W),
        .MAX_CHAIN(MAX_CHAIN),
        .CHAINS(CHAINS),
        .SPLIT_EN(SPLIT_EN),
        .PACKED_EN(PACKED_EN),
        .ORDER_EN(ORDER_EN),
        .DEVICE_ID(32'd4)
    ) u_device (
        .clk(clk),
        .rst(rst),
        .s_axil_awaddr(s_axil_awaddr),
        .s_axil_awvalid(s_axil_awvalid),
        .s_axil_awready(s_axil_awready),
        .s_axil_wdata(s_axil_wdata),
        .s_axil_wstrb(s_axil_wstrb),
        .s_axil_wvalid(s_axil_wvalid),
        .s_axil_wready(s_axil_wready),
        .s_axil_bresp(s_axil_bresp),
        .s_axil_bvalid(s_axil_bvalid),
        .s_axil_bready(s_axil_bready),
        .s_axil_araddr(s_axil_araddr),
        .s_axil_arvalid(s_axil_arvalid),
        .s_axil_arready(s_axil_arready),
        .s_axil_rdata(s_axil_rdata),
        .s_axil_rresp(s_axil_rresp),
        .s_axil_rvalid(s_axil_rvalid),
        .s_axil_rready(s_axil_rready),
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
        .m_axi_rready(m_axi_rready),
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
        .m_axi_bready(m_axi_bready),
        .m_req_queue(req_queue),
        .m_req_tag(req_tag),
        .m_req_readable(req_readable),
        .m_req_writable(req_writable),
        .m_req_valid(req_valid),
        .m_req_ready(req_ready),
        .m_axis_tdata(out_tdata),
        .m_axis_tkeep(out_tkeep),
        .m_axis_tlast(out_tlast),
        .m_axis_tuser(out_tuser),
        .m_axis_tvalid(out_tvalid),
        .m_axis_tready(out_tready),
        .s_rsp_tag(rsp_tag),
        .s_rsp_len(rsp_len),
        .s_rsp_more(1'b0),
        .s_rsp_valid(rsp_valid),
        .s_rsp_ready(rsp_ready),
        .s_axis_tdata(in_tdata),
        .s_axis_tkeep(in_tkeep),
        .s_axis_tlast(in_tlast),
        .s_axis_tvalid(in_tvalid),
        .s_axis_tready(in_tready),
        .s_credit_queue(credit_queue),
        .s_credit_count(credit_count),
        .s_credit_valid(credit_valid),
        .m_live(live),
        .s_waiting(16'd0),
        .s_busy(1'b0),
        .m_features(features),
        .s_features_ok(1'b1),
        .m_cfg_addr(cfg_addr),
        .m_cfg_wdata(cfg_wdata),
        .m_cfg_wstrb(cfg_wstrb),
        .m_cfg_write(cfg_write),
        .s_cfg_rdata(32'd0),
        .s_cfg_change(1'b0),
        .m_fn_rst(function_rst),
        .m_used_irq(m_used_irq),
        .m_used_queue(m_used_queue),
        .irq(irq),
        .idle(idle)
    );

    vq_dev_rng #(
        .QUEUES(QUEUES),
        .DATA_W(DATA_W),
        .CHAINS(CHAINS),
        .CREDITS(CREDITS),
        .MAX_BYTES(MAX_BYTES)
    ) u_function (
        .clk(clk),
        .rst(function_rst),
        .s_req_queue(req_queue),
        .s_req_tag(req_tag),
        .s_req_readable(req_readable),
        .s_req_writable(req_writable),
        .s_req_valid(req_valid),
        .s_req_ready(req_ready),
        .s_axis_tdata(out_tdata),
        .s_axis_tkeep(out_tkeep),
        .s_axis_tlast(out_tlast),
        .s_axis_tuser(out_tuser),
        .s_axis_tvalid(out_tvalid),
        .s_axis_tready(out_tready),
        .m_rsp_tag(rsp_tag),
        .m_rsp_len(rsp_len),
        .m_rsp_valid(rsp_valid),
        .m_rsp_ready(rsp_ready),
        .m_axis_tdata(in_tdata),
        .m_axis_tkeep(in_tkeep),
        .m_axis_tlast(in_tlast),
        .m_axis_tvalid(in_tvalid),
        .m_axis_tready(in_tready),
        .m_credit_queue(credit_queue),
        .m_credit_count(credit_count),
        .m_credit_valid(credit_valid),
        .s_live(live),
        .s_ent_tdata(s_ent_tdata),
        .s_ent_tvalid(s_ent_tvalid),
        .s_ent_tready(s_ent_tready)
    );

    wire unused = &{1'b0, features, cfg_addr, cfg_wdata, cfg_wstrb, cfg_write};
endmodule
`resetall
