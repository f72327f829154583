// SPDX-License-Identifier: Apache-2.0
// vq_mmio - virtio-mmio register block (virtio 4.2.2) on AXI4-Lite, the transport of one engine.
//   Contract    the register map and rules of docs/architecture.md
//   Latency     3 cycles, AXI4-Lite request to response, if no reset or queue stop runs
//   Throughput  1 access per 3 cycles
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_mmio #(
    parameter        QUEUES         = 4,                    // queues; 1 to 64
    parameter        QUEUE_SIZE_MAX = 256,                  // descriptors; power of two to 32768
    parameter        DATA_W         = 64,                   // memory bus, bits; 64 to 512
    parameter        MAX_CHAIN      = 128,                  // descriptors; 1 to 32768
    parameter [31:0] DEVICE_ID      = 32'h0000003f,         // virtio device type
    parameter [31:0] VENDOR_ID      = 32'h4f505256,         // any
    parameter [63:0] DEVICE_FEATURES = 64'd0,               // of the device type, offered
    parameter [0:0]  SPLIT_EN       = 1'b1,                 // 0: only packed rings
    parameter [0:0]  PACKED_EN      = 1'b1,                 // 0: only split rings
    parameter [0:0]  ORDER_EN       = 1'b1,                 // 0: no IN_ORDER
    parameter [0:0]  SUSPEND_EN     = 1'b1,                 // 0: no SUSPEND
    parameter        QID_W = QUEUES > 1 ? $clog2(QUEUES) : 1    // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Registers: AXI4-Lite slave, 32 bit, 4 KiB
    input  wire [11:0]       s_axil_awaddr,
    input  wire              s_axil_awvalid,
    output wire              s_axil_awready,
    input  wire [31:0]       s_axil_wdata,
    input  wire [3:0]        s_axil_wstrb,
    input  wire              s_axil_wvalid,
    output wire              s_axil_wready,
    output wire [1:0]        s_axil_bresp,
    output wire              s_axil_bvalid,
    input  wire              s_axil_bready,
    input  wire [11:0]       s_axil_araddr,
    input  wire              s_axil_arvalid,
    output wire              s_axil_arready,
    output wire [31:0]       s_axil_rdata,
    output wire [1:0]        s_axil_rresp,
    output wire              s_axil_rvalid,
    input  wire              s_axil_rready,
    // Queue set-up, always taken; field 0 size, 1/2 descriptors, 3/4 driver, 5/6 device low/high,
    // 7 used and available index to start at
    output wire [QID_W-1:0]  m_setup_queue,
    output wire [2:0]        m_setup_field,
    output wire [31:0]       m_setup_data,
    output wire              m_setup_valid,
    // Queue is ready, a level; nothing of it is in flight (sampled 4 cycles after ready's fall)
    output wire [QUEUES-1:0] m_ready,
    // Queue is to go on where it was served before, a level until it is ready
    output wire [QUEUES-1:0] m_resume,
    input  wire [QUEUES-1:0] s_quiet,
    // Notifications of ready queues, always taken; with NOTIFICATION_DATA (a level) they carry the
    // index up to which buffers are available
    output wire [QID_W-1:0]  m_notify_queue,
    output wire [15:0]       m_notify_index,
    output wire              m_notify_data,
    output wire              m_notify_valid,
    // Levels: the engine may work; negotiated features
    output wire              m_run,
    output wire              m_event_idx,
    output wire              m_indirect,
    output wire              m_packed,
    output wire              m_in_order,
    // Device reset: held until s_reset_done (sampled 4 cycles after the rise)
    output wire              m_reset,
    input  wire              s_reset_done,
    // Device suspend: asked for until it falls, and in force
    output wire              m_suspend,
    input  wire              s_suspended,
    // Engine's faults; s_fault_desc is {in an indirect table, index}
    input  wire [4:0]        s_fault_code,
    input  wire [QID_W-1:0]  s_fault_queue,
    input  wire [16:0]       s_fault_desc,
    input  wire              s_fault_valid,
    output wire              s_fault_ready,
    // A used-buffer notification is due, a pulse
    input  wire              s_used_irq,
    // Ring indices of the queue asked for, valid 3 cycles after the question
    output wire [QID_W-1:0]  m_index_queue,
    input  wire [15:0]       s_index_avail,
    input  wire [15:0]       s_index_used,
    // Engine has nothing pending and nothing in flight; m_idle: nor has the transport
    input  wire              s_idle,
    output wire              m_idle,
    // Configuration space: byte offset from 0x100, 4-aligned; rdata belongs to m_cfg_addr's cycle.
    // From 0x700 on the function's own registers, which the driver finds from 0xf00 on
    output wire [10:0]       m_cfg_addr,
    output wire [31:0]       m_cfg_wdata,
    output wire [3:0]        m_cfg_wstrb,
    output wire              m_cfg_write,
    input  wire [31:0]       s_cfg_rdata,
    // The function's configuration changed by itself, a pulse
    input  wire              s_cfg_change,
    // Features that the driver has chosen so far, final from FEATURES_OK on, and whether the
    // function can do with them
    output wire [63:0]       m_features,
    input  wire              s_features_ok,
    // Interrupt line, high while an event is not acknowledged
    output wire              irq
);
    if (QUEUES < 1 || QUEUES > 64) begin : gen_bad_queues
        ERROR_QUEUES_must_be_1_to_64 u_error ();
    end
    if (QUEUE_SIZE_MAX < 1 || QUEUE_SIZE_MAX > 32768 ||
        2**$clog2(QUEUE_SIZE_MAX) != QUEUE_SIZE_MAX) begin : gen_bad_size
        ERROR_QUEUE_SIZE_MAX_must_be_a_power_of_two_1_to_32768 u_error ();
    end
    if (DATA_W < 64 || DATA_W > 512 || 2**$clog2(DATA_W) != DATA_W) begin : gen_bad_data
        ERROR_DATA_W_must_be_64_128_256_or_512 u_error ();
    end
    if (MAX_CHAIN < 1 || MAX_CHAIN > 32768) begin : gen_bad_chain
        ERROR_MAX_CHAIN_must_be_1_to_32768 u_error ();
    end

    wire [11:0]      reg_addr;
    wire [31:0]      reg_wdata;
    wire [3:0]       reg_wstrb;
    wire             reg_write;
    wire             reg_valid;
    wire             reg_ready;
    wire [31:0]      reg_rdata;
    wire [11:0]      write_addr;
    wire [31:0]      write_data;
    wire             write_valid;
    wire             queue_busy;
    wire [QID_W-1:0] sel_queue;
    wire             sel_exists;
    wire             sel_ready;
    wire             sel_resetting;
    wire             resetting;
    wire             ring_reset;
    wire [4:0]       own_code;
    wire [31:0]      own_queue;
    wire             own_exists;
    wire             own_valid;
    wire [QID_W-1:0] clear_queue;
    wire             clear_valid;
    wire [4:0]       sel_code;
    wire [4:0]       first_code;
    wire [31:0]      first_queue;
    wire [16:0]      first_desc;
    wire [15:0]      fault_count;
    wire             fault_event;
    wire             device_rst = rst || m_reset;

    assign m_index_queue = sel_queue;

    vq_axil_slave #(
        .ADDR_W(12)
    ) u_axil (
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
        .m_reg_addr(reg_addr),
        .m_reg_wdata(reg_wdata),
        .m_reg_wstrb(reg_wstrb),
        .m_reg_write(reg_write),
        .m_reg_valid(reg_valid),
        .m_reg_ready(reg_ready),
        .m_reg_rdata(reg_rdata)
    );

    vq_mmio_regs #(
        .QUEUES(QUEUES),
        .QUEUE_SIZE_MAX(QUEUE_SIZE_MAX),
        .DATA_W(DATA_W),
        .MAX_CHAIN(MAX_CHAIN),
        .DEVICE_ID(DEVICE_ID),
        .VENDOR_ID(VENDOR_ID),
        .DEVICE_FEATURES(DEVICE_FEATURES),
        .SPLIT_EN(SPLIT_EN),
        .PACKED_EN(PACKED_EN),
        .ORDER_EN(ORDER_EN),
        .SUSPEND_EN(SUSPEND_EN)
    ) u_regs (
        .clk(clk),
        .rst(rst),
        .s_reg_addr(reg_addr),
        .s_reg_wdata(reg_wdata),
        .s_reg_wstrb(reg_wstrb),
        .s_reg_write(reg_write),
        .s_reg_valid(reg_valid),
        .s_reg_ready(reg_ready),
        .s_reg_rdata(reg_rdata),
        .m_write_addr(write_addr),
        .m_write_data(write_data),
        .m_write_valid(write_valid),
        .m_cfg_addr(m_cfg_addr),
        .m_cfg_wdata(m_cfg_wdata),
        .m_cfg_wstrb(m_cfg_wstrb),
        .m_cfg_write(m_cfg_write),
        .s_cfg_rdata(s_cfg_rdata),
        .s_cfg_change(s_cfg_change),
        .m_features(m_features),
        .s_features_ok(s_features_ok),
        .s_queue_busy(queue_busy),
        .s_sel_exists(sel_exists),
        .s_sel_ready(sel_ready),
        .s_sel_resetting(sel_resetting),
        .s_resetting(resetting),
        .s_index_avail(s_index_avail),
        .s_index_used(s_index_used),
        .s_fault_event(fault_event),
        .s_sel_code(sel_code),
        .s_first_code(first_code),
        .s_first_queue(first_queue),
        .s_first_desc(first_desc),
        .s_fault_count(fault_count),
        .m_reset(m_reset),
        .s_reset_done(s_reset_done),
        .m_suspend(m_suspend),
        .s_suspended(s_suspended),
        .m_run(m_run),
        .m_event_idx(m_event_idx),
        .m_indirect(m_indirect),
        .m_packed(m_packed),
        .m_in_order(m_in_order),
        .m_ring_reset(ring_reset),
        .m_notify_data(m_notify_data),
        .s_used_irq(s_used_irq),
        .s_idle(s_idle),
        .m_idle(m_idle),
        .irq(irq)
    );

    vq_mmio_queues #(
        .QUEUES(QUEUES),
        .QUEUE_SIZE_MAX(QUEUE_SIZE_MAX)
    ) u_queues (
        .clk(clk),
        .rst(device_rst),
        .s_write_addr(write_addr),
        .s_write_data(write_data),
        .s_write_valid(write_valid),
        .s_packed(m_packed),
        .m_busy(queue_busy),
        .m_sel_queue(sel_queue),
        .m_sel_exists(sel_exists),
        .m_sel_ready(sel_ready),
        .m_sel_resetting(sel_resetting),
        .s_ring_reset(ring_reset),
        .m_resetting(resetting),
        .m_setup_queue(m_setup_queue),
        .m_setup_field(m_setup_field),
        .m_setup_data(m_setup_data),
        .m_setup_valid(m_setup_valid),
        .m_ready(m_ready),
        .m_resume(m_resume),
        .s_quiet(s_quiet),
        .s_notify_data(m_notify_data),
        .m_notify_queue(m_notify_queue),
        .m_notify_index(m_notify_index),
        .m_notify_valid(m_notify_valid),
        .m_own_code(own_code),
        .m_own_queue(own_queue),
        .m_own_exists(own_exists),
        .m_own_valid(own_valid),
        .m_clear_queue(clear_queue),
        .m_clear_valid(clear_valid)
    );

    vq_mmio_faults #(
        .QUEUES(QUEUES)
    ) u_faults (
        .clk(clk),
        .rst(device_rst),
        .s_own_code(own_code),
        .s_own_queue(own_queue),
        .s_own_exists(own_exists),
        .s_own_valid(own_valid),
        .s_fault_code(s_fault_code),
        .s_fault_queue(s_fault_queue),
        .s_fault_desc(s_fault_desc),
        .s_fault_valid(s_fault_valid),
        .s_fault_ready(s_fault_ready),
        .s_clear_queue(clear_queue),
        .s_clear_valid(clear_valid),
        .s_sel_queue(sel_queue),
        .m_sel_code(sel_code),
        .m_first_code(first_code),
        .m_first_queue(first_queue),
        .m_first_desc(first_desc),
        .m_count(fault_count),
        .m_fault_event(fault_event)
    );
endmodule
`resetall
