// SPDX-License-Identifier: Apache-2.0
// vq_share_control - several transports on one engine: set-up, notifications, resets, faults,
// interrupts and indices.
//   Contract    queue q of device d is queue d * QUEUES + q of the engine. A queue is ready in the
//               engine when all set-up of its device has reached it. A reset of a device takes its
//               queues away, waits until nothing of them is in flight, then resets its function;
//               other devices go on. Notifications of a queue that wait become one
//   Latency     2 cycles, set-up or notification to the engine, and as many more as others are
//               before it; an index DEVICES + 1 cycles; 0 cycles a fault, an interrupt
//   Throughput  1 set-up write and 1 notification per cycle, of all devices together
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_share_control #(
    parameter DEVICES = 2,      // devices, 2 to 8
    parameter QUEUES  = 4,      // queues of each; power of two; DEVICES * QUEUES at most 64
    parameter QID_W   = QUEUES > 1 ? $clog2(QUEUES) : 1,    // derived, not to be set
    parameter EID_W   = $clog2(DEVICES*QUEUES)              // derived, not to be set
) (
    input  wire                      clk,
    input  wire                      rst,
    // Transports, a lane each: set-up, always taken
    input  wire [DEVICES*QID_W-1:0]  s_setup_queue,
    input  wire [DEVICES*3-1:0]      s_setup_field,
    input  wire [DEVICES*32-1:0]     s_setup_data,
    input  wire [DEVICES-1:0]        s_setup_valid,
    // Queues that are ready; of which nothing is in flight
    input  wire [DEVICES*QUEUES-1:0] s_ready,
    output wire [DEVICES*QUEUES-1:0] m_quiet,
    input  wire [DEVICES*QUEUES-1:0] s_resume,  // until they are ready
    // Notifications, always taken
    input  wire [DEVICES*QID_W-1:0]  s_notify_queue,
    input  wire [DEVICES-1:0]        s_notify_valid,
    // Device reset; a function is held in reset while its device is
    input  wire [DEVICES-1:0]        s_reset,
    output wire [DEVICES-1:0]        m_reset_done,
    output wire [DEVICES-1:0]        m_fn_rst,
    // Faults and interrupts
    output wire [QID_W-1:0]          m_fault_queue,
    output wire [DEVICES-1:0]        m_fault_valid,
    input  wire [DEVICES-1:0]        m_fault_ready,
    output wire [DEVICES-1:0]        m_used_irq,
    output wire [QID_W-1:0]          m_used_queue,
    // Indices of the queue that each asks for
    input  wire [DEVICES*QID_W-1:0]  s_index_queue,
    output wire [DEVICES*16-1:0]     m_index_avail,
    output wire [DEVICES*16-1:0]     m_index_used,
    // Something has not reached the engine yet
    output wire                      m_busy,
    // The engine
    output wire [EID_W-1:0]          m_engine_setup_queue,
    output wire [2:0]                m_engine_setup_field,
    output wire [31:0]               m_engine_setup_data,
    output wire                      m_engine_setup_valid,
    output wire [DEVICES*QUEUES-1:0] m_engine_ready,
    output wire [DEVICES*QUEUES-1:0] m_engine_resume,
    input  wire [DEVICES*QUEUES-1:0] s_engine_quiet,
    output wire [EID_W-1:0]          m_engine_notify_queue,
    output wire                      m_engine_notify_valid,
    input  wire [EID_W-1:0]          s_engine_fault_queue,
    input  wire                      s_engine_fault_valid,
    output wire                      s_engine_fault_ready,
    input  wire [EID_W-1:0]          s_engine_used_queue,
    input  wire                      s_engine_used_irq,
    output wire [EID_W-1:0]          m_engine_index_queue,
    input  wire [15:0]               s_engine_index_avail,
    input  wire [15:0]               s_engine_index_used
);
    if (DEVICES < 2 || DEVICES > 8) begin : gen_bad_devices
        ERROR_DEVICES_must_be_2_to_8 u_error ();
    end
    if (2**$clog2(QUEUES) != QUEUES || DEVICES*QUEUES > 64) begin : gen_bad_queues
        ERROR_QUEUES_must_be_a_power_of_two_and_all_together_at_most_64 u_error ();
    end

    localparam ALL   = DEVICES * QUEUES;
    localparam LOG2  = $clog2(QUEUES);
    localparam DEV_W = $clog2(DEVICES);
    // After a reset a transport clears 8 fields of each queue, a field a cycle
    localparam DEPTH = QUEUES < 2 ? 16 : 8 * QUEUES;
    localparam PEND_W = $clog2(DEPTH) + 2;

    wire [DEVICES-1:0] one = {{(DEVICES-1){1'b0}}, 1'b1};

    // Set-up waits in a queue of its device's, and then comes before the queue's readiness
    wire [DEVICES-1:0]       setup_held, setup_pop, setup_room, setup_empty;
    wire [DEVICES*QID_W-1:0] setup_queue;
    wire [DEVICES*3-1:0]     setup_field;
    wire [DEVICES*32-1:0]    setup_data;
    wire [DEV_W-1:0]         setup_pick;

    vq_arbiter #(.PORTS(DEVICES)) u_setup_turn (
        .clk(clk),
        .rst(rst),
        .request(setup_held),
        .advance(1'b1),
        .index(setup_pick),
        .valid(m_engine_setup_valid)
    );
    assign setup_pop            = m_engine_setup_valid ? one << setup_pick : {DEVICES{1'b0}};
    assign m_engine_setup_field = setup_field[3*setup_pick +: 3];
    assign m_engine_setup_data  = setup_data[32*setup_pick +: 32];

    reg  [ALL-1:0] ready_reg;
    reg  [ALL-1:0] resume_reg;      // as of the last cycle in which the queue was not ready yet
    wire [ALL-1:0] quiet = s_engine_quiet;

    assign m_engine_ready = ready_reg & s_ready;
    assign m_engine_resume = resume_reg;

    always @(posedge clk) begin
        resume_reg <= (s_resume & ~s_ready) | (resume_reg & s_ready & ~ready_reg);
        if (rst) resume_reg <= {ALL{1'b0}};
    end
    assign m_quiet        = quiet;

    genvar d;
    generate
        if (QUEUES > 1) begin : gen_several
            assign m_engine_setup_queue = {setup_pick, setup_queue[QID_W*setup_pick +: QID_W]};
            assign index_queue = {ask_reg, s_index_queue[QID_W*ask_reg +: QID_W]};
            assign m_fault_queue = s_engine_fault_queue[QID_W-1:0];
            assign m_used_queue  = s_engine_used_queue[QID_W-1:0];
        end else begin : gen_single
            assign m_engine_setup_queue = setup_pick;
            assign index_queue = ask_reg;
            assign m_fault_queue = 1'b0;
            assign m_used_queue  = 1'b0;
        end
        for (d = 0; d < DEVICES; d = d + 1) begin : gen_device
            reg  [PEND_W-1:0] count_reg;            // set-up on its way
            reg               function_reg;         // its function is in reset
            reg               done_reg;
            wire              gone = &quiet[d*QUEUES +: QUEUES] && setup_empty[d] &&
                                     s_ready[d*QUEUES +: QUEUES] == {QUEUES{1'b0}};

            vq_fifo #(.WIDTH(QID_W+35), .DEPTH(DEPTH), .BLOCK_EN(DEPTH > 32)) u_setup (
                .clk(clk),
                .rst(rst),
                .s_data({s_setup_queue[QID_W*d +: QID_W], s_setup_field[3*d +: 3],
                         s_setup_data[32*d +: 32]}),
                .s_valid(s_setup_valid[d]),
                .s_ready(setup_room[d]),
                .m_data({setup_queue[QID_W*d +: QID_W], setup_field[3*d +: 3],
                         setup_data[32*d +: 32]}),
                .m_valid(setup_held[d]),
                .m_ready(setup_pop[d])
            );
            assign setup_empty[d] = count_reg == {PEND_W{1'b0}} && !s_setup_valid[d];

            always @(posedge clk) begin
                if (s_setup_valid[d] && !setup_pop[d]) count_reg <= count_reg + 1'b1;
                if (setup_pop[d] && !s_setup_valid[d]) count_reg <= count_reg - 1'b1;
                ready_reg[d*QUEUES +: QUEUES] <= s_ready[d*QUEUES +: QUEUES] &
                    (ready_reg[d*QUEUES +: QUEUES] | {QUEUES{setup_empty[d]}});
                function_reg <= s_reset[d] && (function_reg || gone);
                done_reg     <= s_reset[d] && function_reg;
                if (rst) begin
                    count_reg    <= {PEND_W{1'b0}};
                    function_reg <= 1'b0;
                    done_reg     <= 1'b0;
                    ready_reg[d*QUEUES +: QUEUES] <= {QUEUES{1'b0}};
                end
            end

            assign m_reset_done[d] = done_reg;
            assign m_fn_rst[d]     = rst || function_reg;

            // What comes from the engine with a queue's number
            assign m_fault_valid[d] = s_engine_fault_valid && fault_device == d;
            assign m_used_irq[d]    = s_engine_used_irq && used_device == d;

            // Indices, of each device in turn
            reg [15:0] avail_reg, used_reg;

            always @(posedge clk) if (asked_reg == d) begin
                avail_reg <= s_engine_index_avail;
                used_reg  <= s_engine_index_used;
            end
            assign m_index_avail[16*d +: 16] = avail_reg;
            assign m_index_used[16*d +: 16]  = used_reg;

            `VQ_ASSERT(a_setup_room, !s_setup_valid[d] || setup_room[d])
        end
    endgenerate

    wire [DEV_W-1:0] fault_device = s_engine_fault_queue[EID_W-1:LOG2];
    wire [DEV_W-1:0] used_device  = s_engine_used_queue[EID_W-1:LOG2];

    assign s_engine_fault_ready = m_fault_ready[fault_device];

    // Notifications
    reg  [ALL-1:0] due_reg;
    reg  [ALL-1:0] told;
    wire [EID_W-1:0] told_pick;
    wire [ALL-1:0] sent = m_engine_notify_valid ? {{(ALL-1){1'b0}}, 1'b1} << told_pick
                                                : {ALL{1'b0}};
    integer i;

    always @* begin
        told = {ALL{1'b0}};
        for (i = 0; i < DEVICES; i = i + 1)
            if (s_notify_valid[i])
                told[i*QUEUES + {{(32-QID_W){1'b0}}, s_notify_queue[QID_W*i +: QID_W]}] = 1'b1;
    end

    vq_arbiter #(.PORTS(ALL)) u_notify_turn (
        .clk(clk),
        .rst(rst),
        .request(due_reg & m_engine_ready),
        .advance(1'b1),
        .index(told_pick),
        .valid(m_engine_notify_valid)
    );
    assign m_engine_notify_queue = told_pick;

    always @(posedge clk) begin
        due_reg <= ((due_reg & ~sent) | told) & s_ready;
        if (rst) due_reg <= {ALL{1'b0}};
    end

    // Whose index is asked for
    reg  [DEV_W-1:0] ask_reg, asked_reg;
    reg  [EID_W-1:0] index_reg;
    wire [EID_W-1:0] index_queue;

    assign m_engine_index_queue = index_reg;
    assign m_busy = |due_reg || !(&setup_empty) || ready_reg != s_ready;

    always @(posedge clk) begin
        ask_reg   <= {{(32-DEV_W){1'b0}}, ask_reg} == DEVICES - 1 ? {DEV_W{1'b0}} : ask_reg + 1'b1;
        asked_reg <= ask_reg;
        index_reg <= index_queue;
        if (rst) ask_reg <= {DEV_W{1'b0}};
    end

    wire unused = &{1'b0, s_engine_used_queue, setup_queue};
endmodule
`resetall
