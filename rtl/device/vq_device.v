// SPDX-License-Identifier: Apache-2.0
// vq_device - engine and virtio-mmio transport: a virtio device but for its function.
//   Contract    docs/architecture.md, for the registers, the memory and the function's boundary;
//               idle is high while nothing is pending or in flight but chains that wait for the
//               outside, also nothing that a register access of the last cycles will start
//   Latency     that of vq_engine and vq_mmio
//   Throughput  that of vq_engine
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_device #(
    parameter        QUEUES         = 4,            // queues; 1 to 64
    parameter        QUEUE_SIZE_MAX = 256,          // descriptors; power of two to 32768
    parameter        DATA_W         = 64,           // memory bus, bits; 64 to 512
    parameter        MAX_CHAIN      = 128,          // descriptors of one chain; 1 to 32768
    parameter        CHAINS         = 4*DATA_W,     // chains at a time; power of two
    parameter [0:0]  SPLIT_EN       = 1'b1,         // 0: only packed rings
    parameter [0:0]  PACKED_EN      = 1'b1,         // 0: only split rings
    parameter [0:0]  ORDER_EN       = 1'b1,         // 0: no IN_ORDER
    parameter [31:0] DEVICE_ID      = 32'h0000003f, // virtio device type
    parameter [31:0] VENDOR_ID      = 32'h4f505256, // any
    parameter [63:0] DEVICE_FEATURES = 64'd0,       // of the device type, offered
    parameter        QID_W = QUEUES > 1 ? $clog2(QUEUES) : 1,   // derived, not to be set
    parameter        TAG_W = $clog2(CHAINS)                     // derived, not to be set
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
    // The device function: chains, their bytes, its answers and credits (docs/architecture.md)
    output wire [QID_W-1:0]    m_req_queue,
    output wire [TAG_W-1:0]    m_req_tag,
    output wire [31:0]         m_req_readable,
    output wire [31:0]         m_req_writable,
    output wire                m_req_valid,
    input  wire                m_req_ready,
    output wire [DATA_W-1:0]   m_axis_tdata,
    output wire [DATA_W/8-1:0] m_axis_tkeep,
    output wire                m_axis_tlast,
    output wire                m_axis_tuser,
    output wire                m_axis_tvalid,
    input  wire                m_axis_tready,
    input  wire [TAG_W-1:0]    s_rsp_tag,
    input  wire [31:0]         s_rsp_len,
    input  wire                s_rsp_more,
    input  wire                s_rsp_valid,
    output wire                s_rsp_ready,
    input  wire [DATA_W-1:0]   s_axis_tdata,
    input  wire [DATA_W/8-1:0] s_axis_tkeep,
    input  wire                s_axis_tlast,
    input  wire                s_axis_tvalid,
    output wire                s_axis_tready,
    input  wire [QID_W-1:0]    s_credit_queue,
    input  wire [15:0]         s_credit_count,
    input  wire                s_credit_valid,
    output wire [QUEUES-1:0]   m_live,
    // Chains in the function that wait for the outside; work in it that no chain shows
    input  wire [15:0]         s_waiting,
    input  wire                s_busy,
    // Its features and its configuration space
    output wire [63:0]         m_features,
    input  wire                s_features_ok,
    output wire [10:0]         m_cfg_addr,
    output wire [31:0]         m_cfg_wdata,
    output wire [3:0]          m_cfg_wstrb,
    output wire                m_cfg_write,
    input  wire [31:0]         s_cfg_rdata,
    input  wire                s_cfg_change,
    // Its reset: at power-on and with each device reset
    output wire                m_fn_rst,
    // Interrupts by queue, for a transport with a vector each: a pulse, and of which queue
    output wire                m_used_irq,
    output wire [QID_W-1:0]    m_used_queue,
    // Interrupt line, high while an event is not acknowledged
    output wire                irq,
    output wire                idle
);
    wire [QID_W-1:0]          setup_queue;
    wire [2:0]                setup_field;
    wire [31:0]               setup_data;
    wire                      setup_valid;
    wire [QUEUES-1:0]         ready;
    wire [QUEUES-1:0]         resume;
    wire [QUEUES-1:0]         quiet;
    wire [QID_W-1:0]          notify_queue;
    wire [15:0]               notify_index;
    wire                      notify_data;
    wire                      notify_valid;
    wire                      run;
    wire                      event_idx;
    wire                      indirect;
    wire                      packed_ring, in_order;
    wire                      reset;
    wire                      reset_done;
    wire                      suspend;
    wire                      suspended;
    wire [4:0]                fault_code;
    wire [QID_W-1:0]          fault_queue;
    wire [16:0]               fault_desc;
    wire                      fault_valid;
    wire                      fault_ready;
    wire [QID_W-1:0]          index_queue;
    wire [15:0]               index_avail;
    wire [15:0]               index_used;
    wire                      engine_idle;
    wire                      fn_rst;

    assign m_fn_rst = rst || fn_rst;

    vq_mmio #(
        .QUEUES(QUEUES),
        .QUEUE_SIZE_MAX(QUEUE_SIZE_MAX),
        .DATA_W(DATA_W),
        .MAX_CHAIN(MAX_CHAIN),
        .DEVICE_ID(DEVICE_ID),
        .VENDOR_ID(VENDOR_ID),
        .DEVICE_FEATURES(DEVICE_FEATURES),
        .SPLIT_EN(SPLIT_EN),
        .PACKED_EN(PACKED_EN),
        .ORDER_EN(ORDER_EN)
    ) u_mmio (
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
        .m_setup_queue(setup_queue),
        .m_setup_field(setup_field),
        .m_setup_data(setup_data),
        .m_setup_valid(setup_valid),
        .m_ready(ready),
        .m_resume(resume),
        .s_quiet(quiet),
        .m_notify_queue(notify_queue),
        .m_notify_index(notify_index),
        .m_notify_data(notify_data),
        .m_notify_valid(notify_valid),
        .m_run(run),
        .m_event_idx(event_idx),
        .m_indirect(indirect),
        .m_packed(packed_ring),
        .m_in_order(in_order),
        .m_reset(reset),
        .s_reset_done(reset_done),
        .m_suspend(suspend),
        .s_suspended(suspended),
        .s_fault_code(fault_code),
        .s_fault_queue(fault_queue),
        .s_fault_desc(fault_desc),
        .s_fault_valid(fault_valid),
        .s_fault_ready(fault_ready),
        .s_used_irq(m_used_irq),
        .m_index_queue(index_queue),
        .s_index_avail(index_avail),
        .s_index_used(index_used),
        .s_idle(engine_idle && !s_busy),
        .m_idle(idle),
        .m_cfg_addr(m_cfg_addr),
        .m_cfg_wdata(m_cfg_wdata),
        .m_cfg_wstrb(m_cfg_wstrb),
        .m_cfg_write(m_cfg_write),
        .s_cfg_rdata(s_cfg_rdata),
        .s_cfg_change(s_cfg_change),
        .m_features(m_features),
        .s_features_ok(s_features_ok),
        .irq(irq)
    );

    vq_engine #(
        .QUEUES(QUEUES),
        .QUEUE_SIZE_MAX(QUEUE_SIZE_MAX),
        .DATA_W(DATA_W),
        .MAX_CHAIN(MAX_CHAIN),
        .CHAINS(CHAINS),
        .SPLIT_EN(SPLIT_EN),
        .PACKED_EN(PACKED_EN),
        .ORDER_EN(ORDER_EN)
    ) u_engine (
        .clk(clk),
        .rst(rst),
        .s_setup_queue(setup_queue),
        .s_setup_field(setup_field),
        .s_setup_data(setup_data),
        .s_setup_valid(setup_valid),
        .s_ready(ready),
        .s_resume(resume),
        .m_quiet(quiet),
        .s_notify_queue(notify_queue),
        .s_notify_index(notify_index),
        .s_notify_data(notify_data),
        .s_notify_valid(notify_valid),
        .s_run({QUEUES{run}}),
        .s_event_idx({QUEUES{event_idx}}),
        .s_indirect({QUEUES{indirect}}),
        .s_packed(packed_ring),
        .s_in_order(in_order),
        .s_reset(reset),
        .m_reset_done(reset_done),
        .s_suspend(suspend),
        .m_suspended(suspended),
        .m_fault_code(fault_code),
        .m_fault_queue(fault_queue),
        .m_fault_desc(fault_desc),
        .m_fault_valid(fault_valid),
        .m_fault_ready(fault_ready),
        .m_used_irq(m_used_irq),
        .m_used_queue(m_used_queue),
        .s_index_queue(index_queue),
        .m_index_avail(index_avail),
        .m_index_used(index_used),
        .m_idle(engine_idle),
        .m_req_queue(m_req_queue),
        .m_req_tag(m_req_tag),
        .m_req_readable(m_req_readable),
        .m_req_writable(m_req_writable),
        .m_req_valid(m_req_valid),
        .m_req_ready(m_req_ready),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tkeep(m_axis_tkeep),
        .m_axis_tlast(m_axis_tlast),
        .m_axis_tuser(m_axis_tuser),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .s_rsp_tag(s_rsp_tag),
        .s_rsp_len(s_rsp_len),
        .s_rsp_more(s_rsp_more),
        .s_rsp_valid(s_rsp_valid),
        .s_rsp_ready(s_rsp_ready),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tkeep(s_axis_tkeep),
        .s_axis_tlast(s_axis_tlast),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .s_credit_queue(s_credit_queue),
        .s_credit_count(s_credit_count),
        .s_credit_valid(s_credit_valid),
        .s_waiting(s_waiting),
        .m_live(m_live),
        .m_fn_rst(fn_rst),
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
endmodule
`resetall
