// SPDX-License-Identifier: Apache-2.0
// vq_sock_regs - the socket port's registers: lives and wishes of queues, words in and out, events.
//   Contract    the register map and rules of docs/architecture.md; an access that ends a queue's
//               life is answered when the device function has given up its frames
//   Latency     2 cycles, access to answer, if it ends no life and resets nothing
//   Throughput  1 access per 2 cycles
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_sock_regs #(
    parameter        QUEUES    = 4,                 // queues; 1 to 64
    parameter        SLOTS     = 64,                // tags; power of two, 2 to 256
    parameter        TX_WORDS  = 1024,              // frames; power of two, 4 to 32768
    parameter        RX_WORDS  = 1024,              // answers; power of two, 4 to 32768
    parameter [31:0] DEVICE_ID = 32'h0000003f,      // virtio device type
    parameter [31:0] VENDOR_ID = 32'h4f505256,      // any
    parameter        QID_W     = QUEUES > 1 ? $clog2(QUEUES) : 1    // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Register accesses, byte offsets in 8 KiB; rdata belongs to the cycle in which one is taken
    input  wire [12:0]       s_reg_addr,
    input  wire [31:0]       s_reg_wdata,
    input  wire [3:0]        s_reg_wstrb,
    input  wire              s_reg_write,
    input  wire              s_reg_valid,
    output wire              s_reg_ready,
    output wire [31:0]       s_reg_rdata,
    // Words of frames: held for two cycles, look in the first one; the fault belongs to the second
    output wire [QID_W-1:0]  m_word_queue,
    output wire [31:0]       m_word_data,
    output wire              m_word_header,
    output wire              m_word_whole,
    output wire              m_word_look,
    output wire              m_word_take,
    input  wire [4:0]        s_word_fault,
    input  wire [15:0]       s_word_room,
    input  wire [15:0]       s_word_expected,
    input  wire              s_word_midst,
    // Words of answers, likewise
    output wire              m_get_look,
    output wire              m_get_take,
    input  wire [31:0]       s_get_data,
    input  wire [15:0]       s_get_fill,
    // Levels: a queue is alive; nothing of m_word_queue is in the function or on its way. Pulses:
    // a queue begins its life; something was done that may let a frame go
    output wire [QUEUES-1:0] m_live,
    input  wire              s_quiet,
    output wire [QUEUES-1:0] m_clear,
    output wire              m_wake,
    // Device reset, two cycles
    output wire              m_reset,
    // Faults as vq_mmio_faults takes them, and what it keeps
    output wire [4:0]        m_own_code,
    output wire [31:0]       m_own_queue,
    output wire              m_own_exists,
    output wire              m_own_valid,
    output wire              m_forget_valid,    // the faults of m_word_queue
    input  wire [4:0]        s_sel_code,
    input  wire [4:0]        s_first_code,
    input  wire [31:0]       s_first_queue,
    input  wire [15:0]       s_fault_count,
    input  wire              s_fault_event,
    // Pulses: an answer of a queue can be read; a frame of a queue has left
    input  wire [QID_W-1:0]  s_done_queue,
    input  wire              s_done_valid,
    input  wire [QID_W-1:0]  s_left_queue,
    input  wire              s_left_valid,
    // Configuration space: byte offset from 0x100; rdata belongs to m_cfg_addr's cycle
    output wire [10:0]       m_cfg_addr,
    output wire [31:0]       m_cfg_wdata,
    output wire [3:0]        m_cfg_wstrb,
    output wire              m_cfg_write,
    input  wire [31:0]       s_cfg_rdata,
    // The port's other parts have nothing to do; m_idle: nor has this one
    input  wire              s_idle,
    output wire              m_idle,
    // Interrupt line, high while an event is not acknowledged
    output wire              irq
);
    `include "vq_faults.vh"
    `include "vq_sock_regs.vh"

    localparam [31:0] INFO = ($clog2(RX_WORDS) << 24) | ($clog2(TX_WORDS) << 16) |
                             ($clog2(SLOTS) << 8) | QUEUES;
    localparam [1:0] ST_LOOK  = 2'd0;   // an access is looked at, if there is one
    localparam [1:0] ST_ACT   = 2'd1;   // it is done
    localparam [1:0] ST_END   = 2'd2;   // a life has been ended, its frames are being given up
    localparam [1:0] ST_RESET = 2'd3;   // the device is reset
    localparam [1:0] SETTLE   = 2'd3;   // cycles of ST_END before s_quiet counts

    reg  [1:0]        state_reg, state_next;
    reg  [1:0]        wait_reg,  wait_next;
    reg  [QUEUES-1:0] on_reg, stopped_reg, ask_reg, room_reg;
    reg  [QUEUES-1:0] on_next, stopped_next, ask_next, room_next, clear;
    reg  [1:0]        events_reg, events_next;
    reg  [1:0]        ack;
    reg  [4:0]        code, code_reg;
    reg  [31:0]       rdata, rdata_reg;
    reg               fill_reg;         // an answer's word is there
    reg  [5:0]        own_queue_reg;
    reg               own_exists_reg, own_valid_reg;
    reg               word_take, get_take, forget;
    wire              act     = state_reg == ST_ACT;
    wire [11:0]       address = {s_reg_addr[11:2], 2'b00};
    wire              window  = s_reg_addr[12];
    wire [5:0]        place   = {s_reg_addr[5:2], 2'b00};
    wire [5:0]        number  = s_reg_addr[11:6];
    wire              exists  = {26'd0, number} < QUEUES;
    wire [QID_W-1:0]  queue   = number[QID_W-1:0];
    wire              whole   = s_reg_wstrb == 4'hf;
    wire              on      = exists && on_reg[queue];
    wire              stopped = exists && stopped_reg[queue];
    wire              config_space = !window && address >= 12'h100 && address < 12'h800;
    wire              word    = place == WIN_TX_HEADER || place == WIN_TX_DATA;
    wire              control = place == WIN_CONTROL;

    assign s_reg_ready    = (act && state_next == ST_LOOK) ||
                            (!act && state_reg != ST_LOOK && state_next == ST_LOOK);
    assign s_reg_rdata    = window && place == WIN_RX_DATA ?
                            (fill_reg ? s_get_data : 32'd0) : rdata_reg;
    assign m_word_queue   = queue;
    assign m_word_data    = s_reg_wdata;
    assign m_word_header  = place == WIN_TX_HEADER;
    assign m_word_whole   = whole;
    assign m_word_look    = state_reg == ST_LOOK && s_reg_valid;
    assign m_word_take    = word_take;
    assign m_get_look     = m_word_look && !s_reg_write;
    assign m_get_take     = get_take;
    assign m_live         = on_reg;
    assign m_clear        = clear | {QUEUES{rst || m_reset}};
    assign m_wake         = act && (s_reg_write || get_take);
    assign m_reset        = state_reg == ST_RESET;
    assign m_own_code     = code_reg;
    assign m_own_queue    = {26'd0, own_queue_reg};
    assign m_own_exists   = own_exists_reg;
    assign m_own_valid    = own_valid_reg;
    assign m_forget_valid = forget;
    assign m_cfg_addr     = address[10:0] - 11'h100;
    assign m_cfg_wdata    = s_reg_wdata;
    assign m_cfg_wstrb    = s_reg_wstrb;
    assign m_cfg_write    = act && s_reg_write && config_space;
    assign m_idle         = s_idle && state_reg == ST_LOOK;
    assign irq            = events_reg != 2'b00;

    always @* begin
        state_next   = state_reg;
        wait_next    = wait_reg == 2'd0 ? 2'd0 : wait_reg - 2'd1;
        on_next      = on_reg;
        stopped_next = stopped_reg;
        ask_next     = ask_reg;
        room_next    = room_reg;
        clear        = {QUEUES{1'b0}};
        ack          = 2'b00;
        code         = 5'd0;
        word_take    = 1'b0;
        get_take     = 1'b0;
        forget       = 1'b0;
        case (state_reg)
            ST_LOOK: if (s_reg_valid) state_next = ST_ACT;
            ST_ACT: begin
                state_next = ST_LOOK;
                wait_next  = SETTLE;
                if (!window) begin
                    if (s_reg_write && whole && address == PORT_INTERRUPT_ACK)
                        ack = s_reg_wdata[1:0];
                    if (s_reg_write && whole && address == PORT_STATUS && s_reg_wdata == 32'd0)
                        state_next = ST_RESET;
                end else if (!s_reg_write) begin
                    get_take = place == WIN_RX_DATA && exists && fill_reg;
                    if (place == WIN_RX_DATA && !fill_reg && on && !stopped)
                        code = FAULT_PORT_EMPTY;
                end else if (!exists) begin
                    if (word || control) code = FAULT_NO_SUCH_QUEUE;
                end else if (control && whole) begin
                    ask_next[queue]  = s_reg_wdata[1];
                    room_next[queue] = s_reg_wdata[2];
                    if (s_reg_wdata[0] && !on) begin
                        on_next[queue] = 1'b1;
                        clear[queue]   = 1'b1;
                        forget         = 1'b1;
                    end
                    if (!s_reg_wdata[0] && on) begin
                        on_next[queue]      = 1'b0;
                        stopped_next[queue] = 1'b0;
                        state_next          = ST_END;
                        if (s_word_midst && !stopped) code = FAULT_FRAME_CUT;
                    end
                end else if (word && !on) code = FAULT_PORT_OFF;
                else if (word && !stopped) begin
                    code      = s_word_fault;
                    word_take = s_word_fault == 5'd0;
                end
                if (code != 5'd0 && on && state_next != ST_END) stopped_next[queue] = 1'b1;
            end
            ST_END: if (wait_reg == 2'd0 && s_quiet) state_next = ST_LOOK;
            default: if (wait_reg == 2'd1) state_next = ST_LOOK;
        endcase
    end

    // An event beats an acknowledgement that comes with it
    always @* begin
        events_next = events_reg & ~ack;
        if (s_done_valid && ask_reg[s_done_queue]) events_next[0] = 1'b1;
        if (s_left_valid && room_reg[s_left_queue]) events_next[0] = 1'b1;
        if (s_fault_event) events_next[1] = 1'b1;
    end

    always @* begin
        rdata = 32'd0;
        if (config_space) rdata = s_cfg_rdata;
        else if (!window) begin
            case (address)
                PORT_MAGIC_VALUE:      rdata = PORT_IS_MAGIC;
                PORT_VERSION:          rdata = PORT_IS_VERSION;
                PORT_DEVICE_ID:        rdata = DEVICE_ID;
                PORT_VENDOR_ID:        rdata = VENDOR_ID;
                PORT_INTERRUPT_STATUS: rdata = {30'd0, events_reg};
                PORT_FAULT_CODE:       rdata = {27'd0, s_first_code};
                PORT_FAULT_QUEUE:      rdata = s_first_queue;
                PORT_FAULT_COUNT:      rdata = {16'd0, s_fault_count};
                PORT_PORT_INFO:        rdata = INFO;
                PORT_PORT_STATE:       rdata = {31'd0, m_idle};
                default:               rdata = 32'd0;
            endcase
        end else if (exists) begin
            case (place)
                WIN_CONTROL:     rdata = {28'd0, stopped, room_reg[queue], ask_reg[queue], on};
                WIN_STATUS:      rdata = {s_get_fill, on && !stopped ? s_word_room : 16'd0};
                WIN_QUEUE_FAULT: rdata = {27'd0, s_sel_code};
                WIN_TX_EXPECTED: rdata = {16'd0, on && !stopped ? s_word_expected : 16'd0};
                default:         rdata = 32'd0;
            endcase
        end
    end

    always @(posedge clk) begin
        state_reg     <= state_next;
        wait_reg      <= wait_next;
        on_reg        <= on_next;
        stopped_reg   <= stopped_next;
        ask_reg       <= ask_next;
        room_reg      <= room_next;
        events_reg    <= events_next;
        own_valid_reg <= code != 5'd0;
        if (act) {own_exists_reg, own_queue_reg, code_reg} <= {exists, number, code};
        if (m_word_look) begin
            rdata_reg <= rdata;
            fill_reg  <= exists && s_get_fill != 16'd0;
        end
        if (rst || m_reset) begin
            on_reg        <= {QUEUES{1'b0}};
            stopped_reg   <= {QUEUES{1'b0}};
            ask_reg       <= {QUEUES{1'b0}};
            room_reg      <= {QUEUES{1'b0}};
            events_reg    <= 2'b00;
            own_valid_reg <= 1'b0;
        end
        if (rst) begin
            state_reg <= ST_LOOK;
            wait_reg  <= 2'd0;
        end
    end

    `VQ_ASSERT(a_stopped_on, (stopped_reg & ~on_reg) == {QUEUES{1'b0}})

    wire unused = &{1'b0, s_reg_addr[1:0]};
endmodule
`resetall
