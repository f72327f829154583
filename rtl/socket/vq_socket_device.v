// SPDX-License-Identifier: Apache-2.0
// vq_socket_device - socket port and test function: a whole device without shared memory.
//   Contract    docs/architecture.md; idle is high while nothing can go on without the driver
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_socket_device #(
    parameter QUEUES   = 4,         // queues; 1 to 64
    parameter SLOTS    = 64,        // frames of a queue at a time; power of two, 2 to 256
    parameter DATA_W   = 64,        // stream to the function, bits; 64 to 512
    parameter TX_WORDS = 1024,      // words of frames of a queue; power of two, 4 to 32768
    parameter RX_WORDS = 1024       // words of answers of a queue; power of two, 4 to 32768
) (
    input  wire                    clk,
    input  wire                    rst,
    // Registers: AXI4-Lite slave, 32 bit, 8 KiB
    input  wire [12:0]             s_axil_awaddr,
    input  wire                    s_axil_awvalid,
    output wire                    s_axil_awready,
    input  wire [31:0]             s_axil_wdata,
    input  wire [3:0]              s_axil_wstrb,
    input  wire                    s_axil_wvalid,
    output wire                    s_axil_wready,
    output wire [1:0]              s_axil_bresp,
    output wire                    s_axil_bvalid,
    input  wire                    s_axil_bready,
    input  wire [12:0]             s_axil_araddr,
    input  wire                    s_axil_arvalid,
    output wire                    s_axil_arready,
    output wire [31:0]             s_axil_rdata,
    output wire [1:0]              s_axil_rresp,
    output wire                    s_axil_rvalid,
    input  wire                    s_axil_rready,
    // Interrupt line, high while an event is not acknowledged
    output wire                    irq,
    output wire                    idle
);
    localparam QID_W = QUEUES > 1 ? $clog2(QUEUES) : 1;
    localparam TAG_W = QID_W + $clog2(SLOTS);

    wire [QID_W-1:0]    req_queue;
    wire [TAG_W-1:0]    req_tag;
    wire [31:0]         req_readable;
    wire [31:0]         req_writable;
    wire                req_valid;
    wire                req_ready;
    wire [DATA_W-1:0]   out_tdata;
    wire [DATA_W/8-1:0] out_tkeep;
    wire                out_tlast;
    wire                out_tuser;
    wire                out_tvalid;
    wire                out_tready;
    wire [TAG_W-1:0]    rsp_tag;
    wire [31:0]         rsp_len;
    wire                rsp_valid;
    wire                rsp_ready;
    wire [DATA_W-1:0]   in_tdata;
    wire [DATA_W/8-1:0] in_tkeep;
    wire                in_tlast;
    wire                in_tvalid;
    wire                in_tready;
    wire [QID_W-1:0]    credit_queue;
    wire [15:0]         credit_count;
    wire                credit_valid;
    wire [QUEUES-1:0]   live;
    wire                fn_rst;
    wire [10:0]         cfg_addr;
    wire [31:0]         cfg_wdata;
    wire [3:0]          cfg_wstrb;
    wire                cfg_write;
    wire [31:0]         cfg_rdata;

    vq_sock_port #(
        .QUEUES(QUEUES),
        .SLOTS(SLOTS),
        .DATA_W(DATA_W),
        .TX_WORDS(TX_WORDS),
        .RX_WORDS(RX_WORDS)
    ) u_port (
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
        .m_fn_rst(fn_rst),
        .m_cfg_addr(cfg_addr),
        .m_cfg_wdata(cfg_wdata),
        .m_cfg_wstrb(cfg_wstrb),
        .m_cfg_write(cfg_write),
        .s_cfg_rdata(cfg_rdata),
        .irq(irq),
        .idle(idle)
    );

    vq_dev_test #(
        .QUEUES(QUEUES),
        .DATA_W(DATA_W),
        .CHAINS(2**TAG_W),
        .CREDITS(SLOTS)
    ) u_function (
        .clk(clk),
        .rst(rst || fn_rst),
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
        .s_cfg_addr(cfg_addr),
        .s_cfg_wdata(cfg_wdata),
        .s_cfg_wstrb(cfg_wstrb),
        .s_cfg_write(cfg_write),
        .m_cfg_rdata(cfg_rdata)
    );
endmodule
`resetall
