// SPDX-License-Identifier: Apache-2.0
// vq_test_pair - two test devices, each a vq_test_device but for what vq_devices leaves out, that
// share one engine.
//   Contract    docs/architecture.md; lane d of each vector is device d's
//   Latency     that of vq_devices
//   Throughput  that of one vq_engine, for both together
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_test_pair #(
    parameter QUEUES         = 4,       // queues of each; power of two, up to 32
    parameter QUEUE_SIZE_MAX = 256,     // descriptors; power of two to 32768
    parameter DATA_W         = 64,      // memory bus, bits; 64 to 512
    parameter MAX_CHAIN      = 128,     // descriptors of one chain; 1 to 32768
    parameter CHAINS         = 4*DATA_W,    // chains at a time; power of two
    parameter [0:0] PACKED_EN = 1'b0,   // rings of both: 0 split, 1 packed
    parameter DEVICES        = 2,       // not to be set
    parameter QID_W = QUEUES > 1 ? $clog2(QUEUES) : 1   // derived, not to be set
) (
    input  wire                clk,
    input  wire                rst,
    // Registers: AXI4-Lite slaves, 32 bit, 4 KiB each
    input  wire [DEVICES*12-1:0]         s_axil_awaddr,
    input  wire [DEVICES-1:0]            s_axil_awvalid,
    output wire [DEVICES-1:0]            s_axil_awready,
    input  wire [DEVICES*32-1:0]         s_axil_wdata,
    input  wire [DEVICES*4-1:0]          s_axil_wstrb,
    input  wire [DEVICES-1:0]            s_axil_wvalid,
    output wire [DEVICES-1:0]            s_axil_wready,
    output wire [DEVICES*2-1:0]          s_axil_bresp,
    output wire [DEVICES-1:0]            s_axil_bvalid,
    input  wire [DEVICES-1:0]            s_axil_bready,
    input  wire [DEVICES*12-1:0]         s_axil_araddr,
    input  wire [DEVICES-1:0]            s_axil_arvalid,
    output wire [DEVICES-1:0]            s_axil_arready,
    output wire [DEVICES*32-1:0]         s_axil_rdata,
    output wire [DEVICES*2-1:0]          s_axil_rresp,
    output wire [DEVICES-1:0]            s_axil_rvalid,
    input  wire [DEVICES-1:0]            s_axil_rready,
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
    // Interrupts by queue, for transports with a vector each: a pulse, and of which queue
    output wire [DEVICES-1:0]      m_used_irq,
    output wire [QID_W-1:0]        m_used_queue,
    // Interrupt lines, high while an event is not acknowledged
    output wire [DEVICES-1:0]      irq,
    output wire [DEVICES-1:0]      idle
);
    localparam CREDITS = CHAINS < 256 ? CHAINS : 8*DATA_W;
    localparam TAG_W = $clog2(CHAINS);

    wire [QID_W-1:0]              fn_req_queue;
    wire [TAG_W-1:0]              fn_req_tag;
    wire [32-1:0]                 fn_req_readable;
    wire [32-1:0]                 fn_req_writable;
    wire [DEVICES-1:0]            fn_req_valid;
    wire [DEVICES-1:0]            fn_req_ready;
    wire [DATA_W-1:0]             fn_axis_tdata;
    wire [DATA_W/8-1:0]           fn_axis_tkeep;
    wire                          fn_axis_tlast;
    wire                          fn_axis_tuser;
    wire [DEVICES-1:0]            fn_axis_tvalid;
    wire [DEVICES-1:0]            fn_axis_tready;
    wire [DEVICES*TAG_W-1:0]      to_rsp_tag;
    wire [DEVICES*32-1:0]         to_rsp_len;
    wire [DEVICES-1:0]            to_rsp_valid;
    wire [DEVICES-1:0]            to_rsp_ready;
    wire [DEVICES*DATA_W-1:0]     to_axis_tdata;
    wire [DEVICES*DATA_W/8-1:0]   to_axis_tkeep;
    wire [DEVICES-1:0]            to_axis_tlast;
    wire [DEVICES-1:0]            to_axis_tvalid;
    wire [DEVICES-1:0]            to_axis_tready;
    wire [DEVICES*QID_W-1:0]      to_credit_queue;
    wire [DEVICES*16-1:0]         to_credit_count;
    wire [DEVICES-1:0]            to_credit_valid;
    wire [DEVICES*QUEUES-1:0]     fn_live;
    wire [DEVICES*64-1:0]         fn_features;
    wire [DEVICES*11-1:0]         fn_cfg_addr;
    wire [DEVICES*32-1:0]         fn_cfg_wdata;
    wire [DEVICES*4-1:0]          fn_cfg_wstrb;
    wire [DEVICES-1:0]            fn_cfg_write;
    wire [DEVICES*32-1:0]         to_cfg_rdata;
    wire [DEVICES-1:0]            fn_fn_rst;

    vq_devices #(
        .DEVICES(DEVICES),
        .QUEUES(QUEUES),
        .QUEUE_SIZE_MAX(QUEUE_SIZE_MAX),
        .DATA_W(DATA_W),
        .MAX_CHAIN(MAX_CHAIN),
        .CHAINS(CHAINS),
        .PACKED_EN(PACKED_EN)
    ) u_devices (
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
        .m_req_queue(fn_req_queue),
        .m_req_tag(fn_req_tag),
        .m_req_readable(fn_req_readable),
        .m_req_writable(fn_req_writable),
        .m_req_valid(fn_req_valid),
        .m_req_ready(fn_req_ready),
        .m_axis_tdata(fn_axis_tdata),
        .m_axis_tkeep(fn_axis_tkeep),
        .m_axis_tlast(fn_axis_tlast),
        .m_axis_tuser(fn_axis_tuser),
        .m_axis_tvalid(fn_axis_tvalid),
        .m_axis_tready(fn_axis_tready),
        .s_rsp_tag(to_rsp_tag),
        .s_rsp_len(to_rsp_len),
        .s_rsp_more({DEVICES{1'b0}}),
        .s_rsp_valid(to_rsp_valid),
        .s_rsp_ready(to_rsp_ready),
        .s_axis_tdata(to_axis_tdata),
        .s_axis_tkeep(to_axis_tkeep),
        .s_axis_tlast(to_axis_tlast),
        .s_axis_tvalid(to_axis_tvalid),
        .s_axis_tready(to_axis_tready),
        .s_credit_queue(to_credit_queue),
        .s_credit_count(to_credit_count),
        .s_credit_valid(to_credit_valid),
        .m_live(fn_live),
        .s_waiting({DEVICES{16'd0}}),
        .s_busy({DEVICES{1'b0}}),
        .m_features(fn_features),
        .s_features_ok({DEVICES{1'b1}}),
        .m_cfg_addr(fn_cfg_addr),
        .m_cfg_wdata(fn_cfg_wdata),
        .m_cfg_wstrb(fn_cfg_wstrb),
        .m_cfg_write(fn_cfg_write),
        .s_cfg_rdata(to_cfg_rdata),
        .s_cfg_change({DEVICES{1'b0}}),
        .m_fn_rst(fn_fn_rst),
        .m_used_irq(m_used_irq),
        .m_used_queue(m_used_queue),
        .irq(irq),
        .idle(idle)
    );

    genvar d;
    generate
        for (d = 0; d < DEVICES; d = d + 1) begin : gen_function
            vq_dev_test #(
                .QUEUES(QUEUES),
                .DATA_W(DATA_W),
                .CHAINS(CHAINS),
                .CREDITS(CREDITS)
            ) u_function (
                .clk(clk),
                .rst(fn_fn_rst[d]),
                .s_req_queue(fn_req_queue),
                .s_req_tag(fn_req_tag),
                .s_req_readable(fn_req_readable),
                .s_req_writable(fn_req_writable),
                .s_req_valid(fn_req_valid[d]),
                .s_req_ready(fn_req_ready[d]),
                .s_axis_tdata(fn_axis_tdata),
                .s_axis_tkeep(fn_axis_tkeep),
                .s_axis_tlast(fn_axis_tlast),
                .s_axis_tuser(fn_axis_tuser),
                .s_axis_tvalid(fn_axis_tvalid[d]),
                .s_axis_tready(fn_axis_tready[d]),
                .m_rsp_tag(to_rsp_tag[TAG_W*d +: TAG_W]),
                .m_rsp_len(to_rsp_len[32*d +: 32]),
                .m_rsp_valid(to_rsp_valid[d]),
                .m_rsp_ready(to_rsp_ready[d]),
                .m_axis_tdata(to_axis_tdata[DATA_W*d +: DATA_W]),
                .m_axis_tkeep(to_axis_tkeep[DATA_W/8*d +: DATA_W/8]),
                .m_axis_tlast(to_axis_tlast[d]),
                .m_axis_tvalid(to_axis_tvalid[d]),
                .m_axis_tready(to_axis_tready[d]),
                .m_credit_queue(to_credit_queue[QID_W*d +: QID_W]),
                .m_credit_count(to_credit_count[16*d +: 16]),
                .m_credit_valid(to_credit_valid[d]),
                .s_live(fn_live[QUEUES*d +: QUEUES]),
                .s_cfg_addr(fn_cfg_addr[11*d +: 11]),
                .s_cfg_wdata(fn_cfg_wdata[32*d +: 32]),
                .s_cfg_wstrb(fn_cfg_wstrb[4*d +: 4]),
                .s_cfg_write(fn_cfg_write[d]),
                .m_cfg_rdata(to_cfg_rdata[32*d +: 32])
            );
        end
    endgenerate

    wire unused = &{1'b0, fn_features};
endmodule
`resetall
