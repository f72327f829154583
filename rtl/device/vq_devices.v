// SPDX-License-Identifier: Apache-2.0
// vq_devices - several virtio devices that share one engine, but for their functions. Only wires.
//   Contract    each device has registers, features, reset, interrupt, faults and queues of its
//               own, as a vq_device; docs/architecture.md says what they share. Rings of one format
//               only, no IN_ORDER, no SUSPEND; what a notification tells is not used. Lane d of
//               each vector is device d's. idle: nothing is pending or in flight in any device
//   Latency     that of vq_device, and 2 cycles on the way of a response
//   Throughput  that of one vq_engine, for all devices together
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_devices #(
    parameter        DEVICES        = 2,            // devices; 2 to 8
    parameter        QUEUES         = 4,            // queues of each; power of two; all at most 64
    parameter        QUEUE_SIZE_MAX = 256,          // descriptors; power of two to 32768
    parameter        DATA_W         = 64,           // memory bus, bits; 64 to 512
    parameter        MAX_CHAIN      = 128,          // descriptors of one chain; 1 to 32768
    parameter        CHAINS         = 4*DATA_W,     // chains at a time; power of two
    parameter [0:0]  PACKED_EN      = 1'b0,         // rings of all devices: 0 split, 1 packed
    parameter [DEVICES*32-1:0] DEVICE_IDS = {DEVICES{32'h0000003f}},    // virtio device types
    parameter [31:0] VENDOR_ID      = 32'h4f505256, // any
    parameter [DEVICES*64-1:0] DEVICE_FEATURES = {DEVICES{64'd0}},  // of the device types, offered
    parameter        QID_W = QUEUES > 1 ? $clog2(QUEUES) : 1,   // derived, not to be set
    parameter        TAG_W = $clog2(CHAINS)                     // derived, not to be set
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
    // Device functions (docs/architecture.md); one lane: as all of them see it
    output wire [QID_W-1:0]              m_req_queue,
    output wire [TAG_W-1:0]              m_req_tag,
    output wire [32-1:0]                 m_req_readable,
    output wire [32-1:0]                 m_req_writable,
    output wire [DEVICES-1:0]            m_req_valid,
    input  wire [DEVICES-1:0]            m_req_ready,
    output wire [DATA_W-1:0]             m_axis_tdata,
    output wire [DATA_W/8-1:0]           m_axis_tkeep,
    output wire                          m_axis_tlast,
    output wire                          m_axis_tuser,
    output wire [DEVICES-1:0]            m_axis_tvalid,
    input  wire [DEVICES-1:0]            m_axis_tready,
    input  wire [DEVICES*TAG_W-1:0]      s_rsp_tag,
    input  wire [DEVICES*32-1:0]         s_rsp_len,
    input  wire [DEVICES-1:0]            s_rsp_more,
    input  wire [DEVICES-1:0]            s_rsp_valid,
    output wire [DEVICES-1:0]            s_rsp_ready,
    input  wire [DEVICES*DATA_W-1:0]     s_axis_tdata,
    input  wire [DEVICES*DATA_W/8-1:0]   s_axis_tkeep,
    input  wire [DEVICES-1:0]            s_axis_tlast,
    input  wire [DEVICES-1:0]            s_axis_tvalid,
    output wire [DEVICES-1:0]            s_axis_tready,
    input  wire [DEVICES*QID_W-1:0]      s_credit_queue,
    input  wire [DEVICES*16-1:0]         s_credit_count,
    input  wire [DEVICES-1:0]            s_credit_valid,
    output wire [DEVICES*QUEUES-1:0]     m_live,
    input  wire [DEVICES*16-1:0]         s_waiting,
    input  wire [DEVICES-1:0]            s_busy,
    output wire [DEVICES*64-1:0]         m_features,
    input  wire [DEVICES-1:0]            s_features_ok,
    output wire [DEVICES*11-1:0]         m_cfg_addr,
    output wire [DEVICES*32-1:0]         m_cfg_wdata,
    output wire [DEVICES*4-1:0]          m_cfg_wstrb,
    output wire [DEVICES-1:0]            m_cfg_write,
    input  wire [DEVICES*32-1:0]         s_cfg_rdata,
    input  wire [DEVICES-1:0]            s_cfg_change,
    output wire [DEVICES-1:0]            m_fn_rst,
    // Interrupts by queue, for transports with a vector each: a pulse, and of which queue
    output wire [DEVICES-1:0]      m_used_irq,
    output wire [QID_W-1:0]        m_used_queue,
    // Interrupt lines, high while an event is not acknowledged
    output wire [DEVICES-1:0]      irq,
    output wire [DEVICES-1:0]      idle
);
    localparam ALL   = DEVICES * QUEUES;
    localparam EID_W = $clog2(ALL);

    // Transports
    wire [DEVICES*QID_W-1:0] setup_queue, notify_queue, index_queue;
    wire [DEVICES*3-1:0]     setup_field;
    wire [DEVICES*32-1:0]    setup_data;
    wire [DEVICES-1:0]       setup_valid, notify_valid, run, event_idx, indirect;
    wire [DEVICES-1:0]       reset, reset_done, fault_valid, fault_ready;
    wire [ALL-1:0]           ready, resume, quiet;
    wire [DEVICES*16-1:0]    index_avail, index_used;
    wire [QID_W-1:0]         fault_queue;
    wire [4:0]               fault_code;
    wire [16:0]              fault_desc;
    wire                     all_idle, control_busy, streams_busy;

    // The engine
    wire [EID_W-1:0] e_setup_queue, e_notify_queue, e_fault_queue, e_used_queue, e_index_queue;
    wire [2:0]       e_setup_field;
    wire [31:0]      e_setup_data;
    wire             e_setup_valid, e_notify_valid, e_fault_valid, e_fault_ready, e_used_irq;
    wire [ALL-1:0]   e_ready, e_resume, e_quiet, e_run, e_event_idx, e_indirect;
    wire [15:0]      e_index_avail, e_index_used;
    wire             e_idle, e_rst;
    wire [EID_W-1:0]    req_queue, credit_queue;
    wire                req_valid, req_ready, in_tvalid, in_tready;
    wire [TAG_W-1:0]    rsp_tag;
    wire [31:0]         rsp_len;
    wire                rsp_more, rsp_valid, rsp_ready;
    wire [DATA_W-1:0]   out_tdata;
    wire [DATA_W/8-1:0] out_tkeep;
    wire                out_tlast, out_tvalid, out_tready, credit_valid;
    wire [15:0]         credit_count, waiting;
    wire [DEVICES-1:0]  fn_rst;

    assign m_fn_rst = fn_rst | {DEVICES{e_rst}};
    assign all_idle = e_idle && !control_busy && !streams_busy;

    genvar d;
    generate
        for (d = 0; d < DEVICES; d = d + 1) begin : gen_device
            wire [15:0] notify_index;
            wire        notify_data, packed_ring, in_order, suspend;

            assign e_run[QUEUES*d +: QUEUES]       = {QUEUES{run[d]}};
            assign e_event_idx[QUEUES*d +: QUEUES] = {QUEUES{event_idx[d]}};
            assign e_indirect[QUEUES*d +: QUEUES]  = {QUEUES{indirect[d]}};

            vq_mmio #(
                .QUEUES(QUEUES),
                .QUEUE_SIZE_MAX(QUEUE_SIZE_MAX),
                .DATA_W(DATA_W),
                .MAX_CHAIN(MAX_CHAIN),
                .DEVICE_ID(DEVICE_IDS[32*d +: 32]),
                .VENDOR_ID(VENDOR_ID),
                .DEVICE_FEATURES(DEVICE_FEATURES[64*d +: 64]),
                .SPLIT_EN(!PACKED_EN),
                .PACKED_EN(PACKED_EN),
                .ORDER_EN(1'b0),
                .SUSPEND_EN(1'b0)
            ) u_mmio (
                .clk(clk),
                .rst(rst),
                .s_axil_awaddr(s_axil_awaddr[12*d +: 12]),
                .s_axil_awvalid(s_axil_awvalid[d]),
                .s_axil_awready(s_axil_awready[d]),
                .s_axil_wdata(s_axil_wdata[32*d +: 32]),
                .s_axil_wstrb(s_axil_wstrb[4*d +: 4]),
                .s_axil_wvalid(s_axil_wvalid[d]),
                .s_axil_wready(s_axil_wready[d]),
                .s_axil_bresp(s_axil_bresp[2*d +: 2]),
                .s_axil_bvalid(s_axil_bvalid[d]),
                .s_axil_bready(s_axil_bready[d]),
                .s_axil_araddr(s_axil_araddr[12*d +: 12]),
                .s_axil_arvalid(s_axil_arvalid[d]),
                .s_axil_arready(s_axil_arready[d]),
                .s_axil_rdata(s_axil_rdata[32*d +: 32]),
                .s_axil_rresp(s_axil_rresp[2*d +: 2]),
                .s_axil_rvalid(s_axil_rvalid[d]),
                .s_axil_rready(s_axil_rready[d]),
                .m_setup_queue(setup_queue[QID_W*d +: QID_W]),
                .m_setup_field(setup_field[3*d +: 3]),
                .m_setup_data(setup_data[32*d +: 32]),
                .m_setup_valid(setup_valid[d]),
                .m_ready(ready[QUEUES*d +: QUEUES]),
                .m_resume(resume[QUEUES*d +: QUEUES]),
                .s_quiet(quiet[QUEUES*d +: QUEUES]),
                .m_notify_queue(notify_queue[QID_W*d +: QID_W]),
                .m_notify_index(notify_index),
                .m_notify_data(notify_data),
                .m_notify_valid(notify_valid[d]),
                .m_run(run[d]),
                .m_event_idx(event_idx[d]),
                .m_indirect(indirect[d]),
                .m_packed(packed_ring),
                .m_in_order(in_order),
                .m_reset(reset[d]),
                .s_reset_done(reset_done[d]),
                .m_suspend(suspend),
                .s_suspended(1'b0),
                .s_fault_code(fault_code),
                .s_fault_queue(fault_queue),
                .s_fault_desc(fault_desc),
                .s_fault_valid(fault_valid[d]),
                .s_fault_ready(fault_ready[d]),
                .s_used_irq(m_used_irq[d]),
                .m_index_queue(index_queue[QID_W*d +: QID_W]),
                .s_index_avail(index_avail[16*d +: 16]),
                .s_index_used(index_used[16*d +: 16]),
                .s_idle(all_idle && !s_busy[d]),
                .m_idle(idle[d]),
                .m_cfg_addr(m_cfg_addr[11*d +: 11]),
                .m_cfg_wdata(m_cfg_wdata[32*d +: 32]),
                .m_cfg_wstrb(m_cfg_wstrb[4*d +: 4]),
                .m_cfg_write(m_cfg_write[d]),
                .s_cfg_rdata(s_cfg_rdata[32*d +: 32]),
                .s_cfg_change(s_cfg_change[d]),
                .m_features(m_features[64*d +: 64]),
                .s_features_ok(s_features_ok[d]),
                .irq(irq[d])
            );
            wire unused = &{1'b0, notify_index, notify_data, packed_ring, in_order, suspend};
        end
    endgenerate

    vq_share_control #(
        .DEVICES(DEVICES),
        .QUEUES(QUEUES)
    ) u_control (
        .clk(clk),
        .rst(rst),
        .s_setup_queue(setup_queue),
        .s_setup_field(setup_field),
        .s_setup_data(setup_data),
        .s_setup_valid(setup_valid),
        .s_ready(ready),
        .m_quiet(quiet),
        .s_resume(resume),
        .s_notify_queue(notify_queue),
        .s_notify_valid(notify_valid),
        .s_reset(reset),
        .m_reset_done(reset_done),
        .m_fn_rst(fn_rst),
        .m_fault_queue(fault_queue),
        .m_fault_valid(fault_valid),
        .m_fault_ready(fault_ready),
        .m_used_irq(m_used_irq),
        .m_used_queue(m_used_queue),
        .s_index_queue(index_queue),
        .m_index_avail(index_avail),
        .m_index_used(index_used),
        .m_busy(control_busy),
        .m_engine_setup_queue(e_setup_queue),
        .m_engine_setup_field(e_setup_field),
        .m_engine_setup_data(e_setup_data),
        .m_engine_setup_valid(e_setup_valid),
        .m_engine_ready(e_ready),
        .m_engine_resume(e_resume),
        .s_engine_quiet(e_quiet),
        .m_engine_notify_queue(e_notify_queue),
        .m_engine_notify_valid(e_notify_valid),
        .s_engine_fault_queue(e_fault_queue),
        .s_engine_fault_valid(e_fault_valid),
        .s_engine_fault_ready(e_fault_ready),
        .s_engine_used_queue(e_used_queue),
        .s_engine_used_irq(e_used_irq),
        .m_engine_index_queue(e_index_queue),
        .s_engine_index_avail(e_index_avail),
        .s_engine_index_used(e_index_used)
    );

    vq_share_streams #(
        .DEVICES(DEVICES),
        .QUEUES(QUEUES),
        .DATA_W(DATA_W),
        .CHAINS(CHAINS)
    ) u_streams (
        .clk(clk),
        .rst(rst),
        .s_req_queue(req_queue),
        .s_req_tag(m_req_tag),
        .s_req_readable(m_req_readable),
        .s_req_valid(req_valid),
        .s_req_ready(req_ready),
        .s_axis_tlast(m_axis_tlast),
        .s_axis_tvalid(in_tvalid),
        .s_axis_tready(in_tready),
        .m_rsp_tag(rsp_tag),
        .m_rsp_len(rsp_len),
        .m_rsp_more(rsp_more),
        .m_rsp_valid(rsp_valid),
        .m_rsp_ready(rsp_ready),
        .m_axis_tdata(out_tdata),
        .m_axis_tkeep(out_tkeep),
        .m_axis_tlast(out_tlast),
        .m_axis_tvalid(out_tvalid),
        .m_axis_tready(out_tready),
        .m_credit_queue(credit_queue),
        .m_credit_count(credit_count),
        .m_credit_valid(credit_valid),
        .s_live(m_live),
        .m_waiting(waiting),
        .m_busy(streams_busy),
        .m_fn_req_queue(m_req_queue),
        .m_fn_req_valid(m_req_valid),
        .m_fn_req_ready(m_req_ready),
        .m_fn_axis_tvalid(m_axis_tvalid),
        .m_fn_axis_tready(m_axis_tready),
        .s_fn_rsp_tag(s_rsp_tag),
        .s_fn_rsp_len(s_rsp_len),
        .s_fn_rsp_more(s_rsp_more),
        .s_fn_rsp_valid(s_rsp_valid),
        .s_fn_rsp_ready(s_rsp_ready),
        .s_fn_axis_tdata(s_axis_tdata),
        .s_fn_axis_tkeep(s_axis_tkeep),
        .s_fn_axis_tlast(s_axis_tlast),
        .s_fn_axis_tvalid(s_axis_tvalid),
        .s_fn_axis_tready(s_axis_tready),
        .s_fn_credit_queue(s_credit_queue),
        .s_fn_credit_count(s_credit_count),
        .s_fn_credit_valid(s_credit_valid),
        .s_fn_waiting(s_waiting)
    );

    wire e_reset_done, e_suspended;

    vq_engine #(
        .QUEUES(ALL),
        .QUEUE_SIZE_MAX(QUEUE_SIZE_MAX),
        .DATA_W(DATA_W),
        .MAX_CHAIN(MAX_CHAIN),
        .CHAINS(CHAINS),
        .SPLIT_EN(!PACKED_EN),
        .PACKED_EN(PACKED_EN),
        .ORDER_EN(1'b0)
    ) u_engine (
        .clk(clk),
        .rst(rst),
        .s_setup_queue(e_setup_queue),
        .s_setup_field(e_setup_field),
        .s_setup_data(e_setup_data),
        .s_setup_valid(e_setup_valid),
        .s_ready(e_ready),
        .s_resume(e_resume),
        .m_quiet(e_quiet),
        .s_notify_queue(e_notify_queue),
        .s_notify_index(16'd0),
        .s_notify_data(1'b0),
        .s_notify_valid(e_notify_valid),
        .s_run(e_run),
        .s_event_idx(e_event_idx),
        .s_indirect(e_indirect),
        .s_packed(PACKED_EN),
        .s_in_order(1'b0),
        .s_reset(1'b0),
        .m_reset_done(e_reset_done),
        .s_suspend(1'b0),
        .m_suspended(e_suspended),
        .m_fault_code(fault_code),
        .m_fault_queue(e_fault_queue),
        .m_fault_desc(fault_desc),
        .m_fault_valid(e_fault_valid),
        .m_fault_ready(e_fault_ready),
        .m_used_irq(e_used_irq),
        .m_used_queue(e_used_queue),
        .s_index_queue(e_index_queue),
        .m_index_avail(e_index_avail),
        .m_index_used(e_index_used),
        .m_idle(e_idle),
        .m_req_queue(req_queue),
        .m_req_tag(m_req_tag),
        .m_req_readable(m_req_readable),
        .m_req_writable(m_req_writable),
        .m_req_valid(req_valid),
        .m_req_ready(req_ready),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tkeep(m_axis_tkeep),
        .m_axis_tlast(m_axis_tlast),
        .m_axis_tuser(m_axis_tuser),
        .m_axis_tvalid(in_tvalid),
        .m_axis_tready(in_tready),
        .s_rsp_tag(rsp_tag),
        .s_rsp_len(rsp_len),
        .s_rsp_more(rsp_more),
        .s_rsp_valid(rsp_valid),
        .s_rsp_ready(rsp_ready),
        .s_axis_tdata(out_tdata),
        .s_axis_tkeep(out_tkeep),
        .s_axis_tlast(out_tlast),
        .s_axis_tvalid(out_tvalid),
        .s_axis_tready(out_tready),
        .s_credit_queue(credit_queue),
        .s_credit_count(credit_count),
        .s_credit_valid(credit_valid),
        .s_waiting(waiting),
        .m_live(m_live),
        .m_fn_rst(e_rst),
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
        .m_axi_bready(m_axi_bready)
    );

    wire unused = &{1'b0, e_reset_done, e_suspended};
endmodule
`resetall
