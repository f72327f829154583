// SPDX-License-Identifier: Apache-2.0
// vq_mmio_queues - the queue registers: selection, set-up and its checks, ready, stop, notify.
//   Contract    a queue gets ready only with a set-up that passed every check; once stopped it
//               reads not ready only after the engine is quiet on it, and its reset is done only
//               then; set-up is all zero after reset, in the engine too, and where a queue
//               starts is that again with each life
//   Latency     1 cycle, write to output
//   Throughput  1 write per cycle, but none while m_busy: 8 * QUEUES cycles after reset,
//               5 cycles after QueueSel, QueueSize and QueueStart, and while a queue stops, but not
//               while one is reset
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_mmio_queues #(
    parameter QUEUES         = 4,                               // queues; 1 to 64
    parameter QUEUE_SIZE_MAX = 256,                             // descriptors; power of two
    parameter QID_W          = QUEUES > 1 ? $clog2(QUEUES) : 1  // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Control register writes, whole words; never while m_busy
    input  wire [11:0]       s_write_addr,
    input  wire [31:0]       s_write_data,
    input  wire              s_write_valid,
    input  wire              s_packed,      // RING_PACKED negotiated
    output wire              m_busy,
    // The selected queue
    output wire [QID_W-1:0]  m_sel_queue,
    output wire              m_sel_exists,
    output wire              m_sel_ready,
    output wire              m_sel_resetting,
    // RING_RESET is negotiated; the reset of some queue is under way
    input  wire              s_ring_reset,
    output wire              m_resetting,
    // Set-up to the engine; field 0 size, 1/2 descriptors, 3/4 driver, 5/6 device low/high, 7 used
    // and available index to start at, packed with the wrap counters inverted
    output wire [QID_W-1:0]  m_setup_queue,
    output wire [2:0]        m_setup_field,
    output wire [31:0]       m_setup_data,
    output wire              m_setup_valid,
    // Level per queue, and the engine's answer: nothing in flight
    output wire [QUEUES-1:0] m_ready,
    output wire [QUEUES-1:0] m_resume,      // it starts where the driver said; until it is ready
    input  wire [QUEUES-1:0] s_quiet,
    // Notifications of ready queues, always taken; with s_notify_data (NOTIFICATION_DATA) their
    // upper half is the index up to which buffers are available
    input  wire              s_notify_data,
    output wire [QID_W-1:0]  m_notify_queue,
    output wire [15:0]       m_notify_index,
    output wire              m_notify_valid,
    // Faults of set-up and notification, always taken
    output wire [4:0]        m_own_code,
    output wire [31:0]       m_own_queue,
    output wire              m_own_exists,
    output wire              m_own_valid,
    // Forget the fault of one queue
    output wire [QID_W-1:0]  m_clear_queue,
    output wire              m_clear_valid
);
    `include "vq_regs.vh"
    `include "vq_faults.vh"

    localparam LAST = QUEUES - 1;

    localparam [1:0] ST_CLEAR = 2'd0;   // writing zeros to the engine's set-up
    localparam [1:0] ST_IDLE  = 2'd1;   // taking writes
    localparam [1:0] ST_STOP  = 2'd2;   // ready of the selected queue dropped, engine not yet quiet
    localparam [1:0] ST_WAIT  = 2'd3;   // the selection moved, what follows it settles

    // Cycles from m_ready's fall to a meaningful s_quiet, and from a selection to its indices
    localparam [2:0] SETTLE = 3'd4;

    reg [1:0]        state_reg, state_next;
    reg [2:0]        wait_reg,  wait_next;
    reg [QID_W+2:0]  scan_reg,  scan_next;  // {queue, field} of ST_CLEAR
    reg [31:0]       sel_reg,   sel_next;
    reg [QUEUES-1:0] ready_reg, ready_next;
    reg [QUEUES-1:0] resetting_reg, resetting_next;
    reg [QID_W-1:0]  watch_reg;             // the queue whose reset may be done
    reg [QUEUES-1:0] resume_reg, resume_next;
    reg [QUEUES-1:0] size_bad_reg,   size_bad_next;
    reg [QUEUES-1:0] desc_bad_reg,   desc_bad_next;
    reg [QUEUES-1:0] driver_bad_reg, driver_bad_next;
    // Where rings are split, respectively packed, this is bad too
    reg [QUEUES-1:0] odd_size_reg,   odd_size_next;
    reg [QUEUES-1:0] driver_odd_reg, driver_odd_next;
    reg [QUEUES-1:0] device_bad_reg, device_bad_next;
    reg [QID_W-1:0]  setup_queue_reg, setup_queue_next;
    reg [2:0]        setup_field_reg, setup_field_next;
    reg [31:0]       setup_data_reg,  setup_data_next;
    reg              setup_valid_reg, setup_valid_next;
    reg              notify_reg,      notify_next;
    reg [4:0]        own_code_reg,    own_code_next;    // 0: none
    reg              own_exists_reg,  own_exists_next;
    reg [31:0]       own_queue_reg;
    reg [QID_W-1:0]  notify_queue_reg;
    reg [15:0]       notify_index_reg;
    reg              clear;
    // Packed: where the selected queue starts lies outside of its ring
    reg [15:0]       size_mem [0:QUEUES-1];
    reg [14:0]       avail_mem [0:QUEUES-1];
    reg [14:0]       used_mem [0:QUEUES-1];
    reg              start_bad_reg;

    wire             exists        = sel_reg < QUEUES;
    wire [QID_W-1:0] sel           = exists ? sel_reg[QID_W-1:0] : {QID_W{1'b0}};
    wire             sel_ready     = exists && ready_reg[sel];
    wire             sel_resetting = exists && resetting_reg[sel];
    wire             may_setup     = exists && !ready_reg[sel] && !sel_resetting;
    wire             reset_done    = resetting_reg[watch_reg] && s_quiet[watch_reg] &&
                                     wait_reg == 3'd0 && state_reg != ST_STOP;
    wire [31:0]      named         = s_notify_data ? {16'd0, s_write_data[15:0]} : s_write_data;
    wire             data_exists   = named < QUEUES;
    wire [QID_W-1:0] data_queue    = data_exists ? s_write_data[QID_W-1:0] : {QID_W{1'b0}};
    wire             data_pow2     = (s_write_data & (s_write_data - 32'd1)) == 32'd0;
    wire             data_size_bad = s_write_data == 32'd0 || s_write_data > QUEUE_SIZE_MAX;
    wire             is_notify     = s_write_addr == REG_QUEUE_NOTIFY;

    assign m_busy         = state_reg != ST_IDLE;
    assign m_sel_queue    = sel;
    assign m_sel_exists   = exists;
    assign m_sel_ready    = sel_ready;
    assign m_sel_resetting = sel_resetting;
    assign m_resetting    = |resetting_reg;
    assign m_setup_queue  = setup_queue_reg;
    assign m_setup_field  = setup_field_reg;
    assign m_setup_data   = setup_data_reg;
    assign m_setup_valid  = setup_valid_reg;
    assign m_ready        = ready_reg;
    assign m_resume       = resume_reg;
    assign m_notify_queue = notify_queue_reg;
    assign m_notify_index = notify_index_reg;
    assign m_notify_valid = notify_reg;
    assign m_own_code     = own_code_reg;
    assign m_own_queue    = own_queue_reg;
    assign m_own_exists   = own_exists_reg;
    assign m_own_valid    = own_code_reg != 5'd0;
    assign m_clear_queue  = clear ? sel : watch_reg;
    assign m_clear_valid  = clear || reset_done;

    always @* begin
        state_next       = state_reg;
        wait_next        = wait_reg == 3'd0 ? 3'd0 : wait_reg - 3'd1;
        scan_next        = scan_reg;
        sel_next         = sel_reg;
        ready_next       = ready_reg;
        resetting_next   = resetting_reg;
        resume_next      = resume_reg;
        size_bad_next    = size_bad_reg;
        desc_bad_next    = desc_bad_reg;
        driver_bad_next  = driver_bad_reg;
        odd_size_next    = odd_size_reg;
        driver_odd_next  = driver_odd_reg;
        device_bad_next  = device_bad_reg;
        setup_queue_next = sel;
        setup_field_next = 3'd0;
        setup_data_next  = s_write_data;
        setup_valid_next = 1'b0;
        notify_next      = 1'b0;
        own_code_next    = 5'd0;
        own_exists_next  = exists;
        clear            = 1'b0;
        if (reset_done) resetting_next[watch_reg] = 1'b0;
        case (state_reg)
            ST_CLEAR: begin
                setup_queue_next = scan_reg[QID_W+2:3];
                setup_field_next = scan_reg[2:0];
                setup_data_next  = 32'd0;
                setup_valid_next = 1'b1;
                scan_next        = scan_reg + 1'b1;
                if (scan_reg == {LAST[QID_W-1:0], 3'd7}) state_next = ST_IDLE;
            end
            ST_IDLE: if (s_write_valid) begin
                case (s_write_addr)
                    REG_QUEUE_SEL: begin
                        sel_next   = s_write_data;
                        wait_next  = SETTLE;
                        state_next = ST_WAIT;
                    end
                    REG_QUEUE_SIZE: if (may_setup) begin
                        setup_valid_next   = 1'b1;
                        setup_field_next   = 3'd0;
                        size_bad_next[sel] = data_size_bad;
                        odd_size_next[sel] = !data_pow2;
                        wait_next          = SETTLE;
                        state_next         = ST_WAIT;
                    end
                    REG_QUEUE_DESC_LOW: if (may_setup) begin
                        setup_valid_next   = 1'b1;
                        setup_field_next   = 3'd1;
                        desc_bad_next[sel] = s_write_data[3:0] != 4'd0;
                    end
                    REG_QUEUE_DESC_HIGH: begin
                        setup_valid_next   = may_setup;
                        setup_field_next   = 3'd2;
                    end
                    REG_QUEUE_DRIVER_LOW: if (may_setup) begin
                        setup_valid_next     = 1'b1;
                        setup_field_next     = 3'd3;
                        driver_bad_next[sel] = s_write_data[0];
                        driver_odd_next[sel] = s_write_data[1];
                    end
                    REG_QUEUE_DRIVER_HIGH: begin
                        setup_valid_next     = may_setup;
                        setup_field_next     = 3'd4;
                    end
                    REG_QUEUE_DEVICE_LOW: if (may_setup) begin
                        setup_valid_next     = 1'b1;
                        setup_field_next     = 3'd5;
                        device_bad_next[sel] = s_write_data[1:0] != 2'd0;
                    end
                    REG_QUEUE_DEVICE_HIGH: begin
                        setup_valid_next     = may_setup;
                        setup_field_next     = 3'd6;
                    end
                    REG_QUEUE_START: if (may_setup) begin
                        setup_valid_next = 1'b1;
                        setup_field_next = 3'd7;
                        setup_data_next  = s_write_data ^ {2{s_packed, 15'd0}};
                        resume_next[sel] = 1'b1;
                        wait_next        = SETTLE;
                        state_next       = ST_WAIT;
                    end
                    REG_QUEUE_READY: begin
                        if (s_write_data[0]) begin
                            if (!exists) own_code_next = FAULT_NO_SUCH_QUEUE;
                            else if (sel_ready || sel_resetting) own_code_next = 5'd0;
                            else if (size_bad_reg[sel] || (odd_size_reg[sel] && !s_packed))
                                own_code_next = FAULT_QUEUE_SIZE;
                            else if (desc_bad_reg[sel] || driver_bad_reg[sel] ||
                                     device_bad_reg[sel] || (driver_odd_reg[sel] && s_packed))
                                own_code_next = FAULT_QUEUE_ALIGN;
                            else if (start_bad_reg && resume_reg[sel] && s_packed)
                                own_code_next = FAULT_QUEUE_START;
                            else begin
                                ready_next[sel]  = 1'b1;
                                resume_next[sel] = 1'b0;
                                setup_valid_next = !resume_reg[sel];    // at the first index
                                setup_field_next = 3'd7;
                                setup_data_next  = 32'd0;
                            end
                        end else if (exists) begin
                            ready_next[sel]  = 1'b0;
                            resume_next[sel] = 1'b0;
                            wait_next        = SETTLE;
                            state_next       = ST_STOP;
                        end
                    end
                    REG_QUEUE_RESET:
                        if (s_ring_reset && s_write_data[0] && exists && !sel_resetting) begin
                            ready_next[sel]     = 1'b0;
                            resetting_next[sel] = 1'b1;
                            resume_next[sel]    = 1'b0;
                            wait_next           = SETTLE;
                        end
                    REG_QUEUE_NOTIFY: begin
                        if (!data_exists) own_code_next = FAULT_NO_SUCH_QUEUE;
                        else notify_next = ready_reg[data_queue];
                        own_exists_next = data_exists;
                    end
                    default: state_next = ST_IDLE;
                endcase
            end
            ST_STOP: if (wait_reg == 3'd0 && s_quiet[sel]) begin
                clear      = 1'b1;
                state_next = ST_IDLE;
            end
            ST_WAIT: if (wait_reg == 3'd0) state_next = ST_IDLE;
            default: state_next = ST_IDLE;
        endcase
    end

    always @(posedge clk) begin
        state_reg        <= state_next;
        wait_reg         <= wait_next;
        scan_reg         <= scan_next;
        sel_reg          <= sel_next;
        ready_reg        <= ready_next;
        resetting_reg    <= resetting_next;
        resume_reg       <= resume_next;
        if (setup_valid_reg && setup_field_reg == 3'd0)
            size_mem[setup_queue_reg] <= setup_data_reg[15:0];
        if (setup_valid_reg && setup_field_reg == 3'd7) begin
            avail_mem[setup_queue_reg] <= setup_data_reg[14:0];
            used_mem[setup_queue_reg]  <= setup_data_reg[30:16];
        end
        start_bad_reg <= {1'b0, avail_mem[sel]} >= size_mem[sel] ||
                         {1'b0, used_mem[sel]} >= size_mem[sel];
        if (m_resetting)
            watch_reg <= watch_reg == LAST[QID_W-1:0] ? {QID_W{1'b0}} : watch_reg + 1'b1;
        size_bad_reg     <= size_bad_next;
        desc_bad_reg     <= desc_bad_next;
        driver_bad_reg   <= driver_bad_next;
        odd_size_reg     <= odd_size_next;
        driver_odd_reg   <= driver_odd_next;
        device_bad_reg   <= device_bad_next;
        setup_queue_reg  <= setup_queue_next;
        setup_field_reg  <= setup_field_next;
        setup_data_reg   <= setup_data_next;
        setup_valid_reg  <= setup_valid_next;
        notify_reg       <= notify_next;
        own_code_reg     <= own_code_next;
        own_exists_reg   <= own_exists_next;
        own_queue_reg    <= is_notify ? named : sel_reg;
        notify_queue_reg <= data_queue;
        notify_index_reg <= s_write_data[31:16];
        if (rst) begin
            state_reg       <= ST_CLEAR;
            wait_reg        <= 3'd0;
            scan_reg        <= {(QID_W+3){1'b0}};
            sel_reg         <= 32'd0;
            ready_reg       <= {QUEUES{1'b0}};
            resetting_reg   <= {QUEUES{1'b0}};
            resume_reg      <= {QUEUES{1'b0}};
            watch_reg       <= {QID_W{1'b0}};
            size_bad_reg    <= {QUEUES{1'b1}};  // a size of 0
            desc_bad_reg    <= {QUEUES{1'b0}};
            driver_bad_reg  <= {QUEUES{1'b0}};
            odd_size_reg    <= {QUEUES{1'b0}};
            driver_odd_reg  <= {QUEUES{1'b0}};
            device_bad_reg  <= {QUEUES{1'b0}};
            setup_valid_reg <= 1'b0;
            notify_reg      <= 1'b0;
            own_code_reg    <= 5'd0;
        end
    end

    `VQ_ASSERT(a_write_not_busy, !s_write_valid || !m_busy)
    `VQ_ASSERT(a_one_life, (ready_reg & resetting_reg) == {QUEUES{1'b0}})
    `VQ_ASSERT(a_notify_ready, !m_notify_valid || ready_reg[notify_queue_reg])
endmodule
`resetall
