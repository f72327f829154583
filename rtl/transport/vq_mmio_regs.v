// SPDX-License-Identifier: Apache-2.0
// vq_mmio_regs - status, features, interrupt and reset, the register decoder and the read mux.
//   Contract    status only gains bits until it is reset; an interrupt event is never lost; no
//               access is taken while a reset or a queue stop runs
//   Latency     0 cycles, read; 1 cycle, write to output
//   Throughput  1 access per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_mmio_regs #(
    parameter        QUEUES         = 4,            // queues; 1 to 64
    parameter        QUEUE_SIZE_MAX = 256,          // descriptors; power of two
    parameter        DATA_W         = 64,           // memory bus, bits
    parameter        MAX_CHAIN      = 128,          // descriptors
    parameter [31:0] DEVICE_ID      = 32'h0000003f, // virtio device type
    parameter [31:0] VENDOR_ID      = 32'h4f505256, // any
    parameter [63:0] DEVICE_FEATURES = 64'd0,       // of the device type, offered
    parameter [0:0]  SPLIT_EN       = 1'b1,         // 0: only packed rings
    parameter [0:0]  PACKED_EN      = 1'b1,         // 0: only split rings
    parameter [0:0]  ORDER_EN       = 1'b1,         // 0: no IN_ORDER
    parameter [0:0]  SUSPEND_EN     = 1'b1          // 0: no SUSPEND
) (
    input  wire        clk,
    input  wire        rst,
    // Register accesses; addresses are of bytes, bits 1:0 disregarded
    input  wire [11:0] s_reg_addr,
    input  wire [31:0] s_reg_wdata,
    input  wire [3:0]  s_reg_wstrb,
    input  wire        s_reg_write,
    input  wire        s_reg_valid,
    output wire        s_reg_ready,
    output wire [31:0] s_reg_rdata,
    // Control register writes, whole words
    output wire [11:0] m_write_addr,
    output wire [31:0] m_write_data,
    output wire        m_write_valid,
    // Configuration space: byte offset from 0x100; m_cfg_write is a pulse. From 0x700 on the
    // function's own registers, which the driver finds from 0xf00 on
    output wire [10:0] m_cfg_addr,
    output wire [31:0] m_cfg_wdata,
    output wire [3:0]  m_cfg_wstrb,
    output wire        m_cfg_write,
    input  wire [31:0] s_cfg_rdata,
    // The function's configuration changed by itself, a pulse
    input  wire        s_cfg_change,
    // Features that the driver has chosen so far, and whether the function can do with them
    output wire [63:0] m_features,
    input  wire        s_features_ok,
    // Queue block: accesses wait while s_queue_busy; the selected queue
    input  wire        s_queue_busy,
    input  wire        s_sel_exists,
    input  wire        s_sel_ready,
    input  wire        s_sel_resetting,
    // A reset of some queue is under way
    input  wire        s_resetting,
    input  wire [15:0] s_index_avail,
    input  wire [15:0] s_index_used,
    // Fault block
    input  wire        s_fault_event,
    input  wire [4:0]  s_sel_code,
    input  wire [4:0]  s_first_code,
    input  wire [31:0] s_first_queue,
    input  wire [16:0] s_first_desc,
    input  wire [15:0] s_fault_count,
    // Engine: device reset and suspend handshakes, levels, used-buffer event
    output wire        m_reset,
    input  wire        s_reset_done,
    output wire        m_suspend,
    input  wire        s_suspended,
    output wire        m_run,
    output wire        m_event_idx,
    output wire        m_indirect,
    output wire        m_packed,
    output wire        m_in_order,
    output wire        m_ring_reset,
    output wire        m_notify_data,
    input  wire        s_used_irq,
    input  wire        s_idle,
    // Nothing pending, nothing in flight, and no access in the last cycles that could change that
    output wire        m_idle,
    // Interrupt line, high while an event is not acknowledged
    output wire        irq
);
    `include "vq_regs.vh"

    // Feature words offered: INDIRECT_DESC (28), EVENT_IDX (29); VERSION_1 (32), RING_PACKED (34),
    // IN_ORDER (35), NOTIFICATION_DATA (38), RING_RESET (40), SUSPEND (43)
    localparam [31:0] OFFER_LOW  = 32'h30000000 | DEVICE_FEATURES[31:0];
    localparam [31:0] OFFER_HIGH = {20'd0, SUSPEND_EN, 7'b0010100, ORDER_EN, PACKED_EN, 2'b01} |
                                   DEVICE_FEATURES[63:32];

    localparam [2:0] RESET_WAIT = 3'd5; // cycles from m_reset to a meaningful s_reset_done
    localparam [2:0] IDLE_WAIT  = 3'd7; // cycles from a write to its effect on s_idle
    localparam       BUS_LOG2   = $clog2(DATA_W / 8);

    reg        reset_reg,      reset_next;
    reg [2:0]  reset_wait_reg, reset_wait_next;
    reg [2:0]  idle_wait_reg,  idle_wait_next;
    // Status bits of section 2.1
    reg        acknowledge_reg, acknowledge_next;
    reg        driver_reg,      driver_next;
    reg        driver_ok_reg,   driver_ok_next;
    reg        features_ok_reg, features_ok_next;
    reg        needs_reset_reg, needs_reset_next;
    reg        failed_reg,      failed_next;
    reg        suspend_reg,     suspend_next;   // asked for; SUSPEND itself is s_suspended
    reg        late_reg,        late_next;      // a configuration change to be told on resume
    // A bit beyond the offer's two words was accepted; no taking back before a reset
    reg        beyond_reg, beyond_next;
    reg [31:0] device_sel_reg,  device_sel_next;
    reg [31:0] driver_sel_reg,  driver_sel_next;
    reg [31:0] driver_low_reg,  driver_low_next;
    reg [31:0] driver_high_reg, driver_high_next;
    reg [1:0]  events_reg, events_next; // InterruptStatus
    reg [31:0] generation_reg, generation_next;
    reg [1:0]  ack;
    reg [31:0] rdata;

    wire        take    = s_reg_valid && s_reg_ready;
    wire [11:0] address = {s_reg_addr[11:2], 2'b00};
    wire        own_space    = address >= REG_OWN;
    wire        config_space = (address >= 12'h100 && address < 12'h800) || own_space;
    wire        change       = s_fault_event || s_cfg_change;
    wire        control_write = take && s_reg_write && !config_space && s_reg_wstrb == 4'hf;
    // What a suspended device keeps as it is
    wire        set_up = address == REG_QUEUE_SIZE || address == REG_QUEUE_READY ||
                         (address >= REG_QUEUE_DESC_LOW && address <= REG_QUEUE_DEVICE_HIGH) ||
                         address == REG_QUEUE_RESET || address == REG_QUEUE_START;
    wire        can_suspend = driver_ok_reg && features_ok_reg && driver_high_reg[11];
    wire        acceptable = (driver_low_reg & ~OFFER_LOW) == 32'd0 &&
                             (driver_high_reg & ~OFFER_HIGH) == 32'd0 &&
                             driver_high_reg[0] && !beyond_reg &&
                             (SPLIT_EN || driver_high_reg[2]) && s_features_ok;
    wire [7:0]  status = {failed_reg, needs_reset_reg, 1'b0, s_suspended, features_ok_reg,
                          driver_ok_reg && !s_suspended, driver_reg, acknowledge_reg};

    assign s_reg_ready   = !reset_reg && !s_queue_busy;
    assign s_reg_rdata   = config_space ? s_cfg_rdata : rdata;
    assign m_write_addr  = address;
    assign m_write_data  = s_reg_wdata;
    assign m_write_valid = control_write && !(suspend_reg && set_up);
    assign m_cfg_addr    = own_space ? address[10:0] : address[10:0] - 11'h100;
    assign m_cfg_wdata   = s_reg_wdata;
    assign m_cfg_wstrb   = s_reg_wstrb;
    assign m_cfg_write   = take && s_reg_write && config_space && !suspend_reg;
    assign m_features    = {driver_high_reg, driver_low_reg};
    assign m_reset       = reset_reg;
    assign m_suspend     = suspend_reg;
    assign m_run         = driver_ok_reg && features_ok_reg;
    assign m_event_idx   = features_ok_reg && driver_low_reg[29];
    assign m_indirect    = features_ok_reg && driver_low_reg[28];
    assign m_packed      = features_ok_reg && driver_high_reg[2];
    assign m_in_order    = features_ok_reg && driver_high_reg[3];
    assign m_notify_data = features_ok_reg && driver_high_reg[6];
    assign m_ring_reset  = features_ok_reg && driver_high_reg[8];
    assign m_idle        = s_idle && s_reg_ready && !s_resetting && idle_wait_reg == 3'd0;
    assign irq           = events_reg != 2'b00;

    always @* begin
        reset_next       = reset_reg;
        reset_wait_next  = RESET_WAIT;
        idle_wait_next   = idle_wait_reg == 3'd0 ? 3'd0 : idle_wait_reg - 3'd1;
        acknowledge_next = acknowledge_reg;
        driver_next      = driver_reg;
        driver_ok_next   = driver_ok_reg;
        features_ok_next = features_ok_reg;
        failed_next      = failed_reg;
        needs_reset_next = needs_reset_reg || s_fault_event;
        suspend_next     = suspend_reg;
        late_next        = s_suspended && (late_reg || change);
        generation_next  = generation_reg + {31'd0, s_cfg_change};  // wraps
        beyond_next      = beyond_reg;
        device_sel_next  = device_sel_reg;
        driver_sel_next  = driver_sel_reg;
        driver_low_next  = driver_low_reg;
        driver_high_next = driver_high_reg;
        ack              = 2'b00;
        if (take && s_reg_write || !s_reg_ready) idle_wait_next = IDLE_WAIT;
        if (control_write) begin
            case (address)
                REG_DEVICE_FEATURES_SEL: device_sel_next = s_reg_wdata;
                REG_DRIVER_FEATURES_SEL: driver_sel_next = s_reg_wdata;
                REG_DRIVER_FEATURES: if (!features_ok_reg) begin
                    case (driver_sel_reg)
                        32'd0:   driver_low_next  = s_reg_wdata;
                        32'd1:   driver_high_next = s_reg_wdata;
                        default: beyond_next      = beyond_reg || s_reg_wdata != 32'd0;
                    endcase
                end
                REG_INTERRUPT_ACK: ack = s_reg_wdata[1:0];
                REG_STATUS: begin
                    reset_next       = s_reg_wdata == 32'd0;
                    acknowledge_next = acknowledge_reg || s_reg_wdata[0];
                    driver_next      = driver_reg || s_reg_wdata[1];
                    driver_ok_next   = driver_ok_reg || s_reg_wdata[2];
                    features_ok_next = features_ok_reg || (s_reg_wdata[3] && acceptable);
                    failed_next      = failed_reg || s_reg_wdata[7];
                    // A suspended device's driver writes DRIVER_OK to go on
                    if (s_suspended) suspend_next = !s_reg_wdata[2];
                    else if (s_reg_wdata[4] && can_suspend) suspend_next = 1'b1;
                end
                default: ack = 2'b00;
            endcase
        end
        // An event beats an acknowledgement that comes with it.
        events_next = (events_reg & ~ack) | {change && driver_ok_next, s_used_irq};
        if (s_suspended) events_next[1] = events_reg[1] && !ack[1];
        else if (late_reg) events_next[1] = 1'b1;
        if (reset_reg) begin
            reset_wait_next = reset_wait_reg == 3'd0 ? 3'd0 : reset_wait_reg - 3'd1;
            if (reset_wait_reg == 3'd0 && s_reset_done) reset_next = 1'b0;
        end
    end

    always @* begin
        case (address)
            REG_MAGIC_VALUE:       rdata = 32'h74726976;
            REG_VERSION:           rdata = 32'd2;
            REG_DEVICE_ID:         rdata = DEVICE_ID;
            REG_VENDOR_ID:         rdata = VENDOR_ID;
            REG_DEVICE_FEATURES:   rdata = device_sel_reg == 32'd0 ? OFFER_LOW :
                                           device_sel_reg == 32'd1 ? OFFER_HIGH : 32'd0;
            REG_QUEUE_SIZE_MAX:    rdata = s_sel_exists ? QUEUE_SIZE_MAX : 32'd0;
            REG_QUEUE_READY:       rdata = {31'd0, s_sel_ready};
            REG_QUEUE_RESET:       rdata = {31'd0, s_sel_resetting};
            REG_INTERRUPT_STATUS:  rdata = {30'd0, events_reg};
            REG_STATUS:            rdata = {24'd0, status};
            REG_CONFIG_GENERATION: rdata = generation_reg;
            // No shared memory region exists: length and base are all ones
            REG_SHM_LEN_LOW:       rdata = 32'hffffffff;
            REG_SHM_LEN_HIGH:      rdata = 32'hffffffff;
            REG_SHM_BASE_LOW:      rdata = 32'hffffffff;
            REG_SHM_BASE_HIGH:     rdata = 32'hffffffff;
            REG_FAULT_CODE:        rdata = {27'd0, s_first_code};
            REG_FAULT_QUEUE:       rdata = s_first_queue;
            REG_FAULT_DESCRIPTOR:  rdata = {s_first_desc[16], 15'd0, s_first_desc[15:0]};
            REG_FAULT_COUNT:       rdata = {16'd0, s_fault_count};
            REG_QUEUE_FAULT:       rdata = s_sel_exists ? {27'd0, s_sel_code} : 32'd0;
            REG_ENGINE_INFO:       rdata = {MAX_CHAIN[15:0], BUS_LOG2[7:0], QUEUES[7:0]};
            REG_QUEUE_AVAIL_INDEX: rdata = s_sel_ready ? {16'd0, s_index_avail} : 32'd0;
            REG_QUEUE_USED_INDEX:  rdata = s_sel_ready ? {16'd0, s_index_used} : 32'd0;
            REG_ENGINE_STATE:      rdata = {31'd0, m_idle};
            default:               rdata = 32'd0;
        endcase
    end

    always @(posedge clk) begin
        reset_reg       <= reset_next;
        reset_wait_reg  <= reset_wait_next;
        idle_wait_reg   <= idle_wait_next;
        acknowledge_reg <= acknowledge_next;
        driver_reg      <= driver_next;
        driver_ok_reg   <= driver_ok_next;
        features_ok_reg <= features_ok_next;
        needs_reset_reg <= needs_reset_next;
        failed_reg      <= failed_next;
        suspend_reg     <= suspend_next;
        late_reg        <= late_next;
        beyond_reg      <= beyond_next;
        device_sel_reg  <= device_sel_next;
        driver_sel_reg  <= driver_sel_next;
        driver_low_reg  <= driver_low_next;
        driver_high_reg <= driver_high_next;
        events_reg      <= events_next;
        generation_reg  <= generation_next;
        if (rst || reset_reg) begin
            generation_reg  <= 32'd0;
            acknowledge_reg <= 1'b0;
            driver_reg      <= 1'b0;
            driver_ok_reg   <= 1'b0;
            features_ok_reg <= 1'b0;
            needs_reset_reg <= 1'b0;
            failed_reg      <= 1'b0;
            suspend_reg     <= 1'b0;
            late_reg        <= 1'b0;
            beyond_reg      <= 1'b0;
            device_sel_reg  <= 32'd0;
            driver_sel_reg  <= 32'd0;
            driver_low_reg  <= 32'd0;
            driver_high_reg <= 32'd0;
            events_reg      <= 2'b00;
        end
        if (rst) begin
            reset_reg      <= 1'b0;
            reset_wait_reg <= RESET_WAIT;
            idle_wait_reg  <= IDLE_WAIT;
        end
    end

    `VQ_ASSERT(a_run_negotiated, !m_run || acceptable)

    wire unused = &{1'b0, s_reg_addr[1:0]};
endmodule
`resetall
