// SPDX-License-Identifier: Apache-2.0
// vq_fn_credit - grant a device function's chains per queue.
//   Contract    a queue is granted CREDITS chains (ODD_CREDITS if its number is odd) when it goes
//               live and one more for each chain returned while it is live, so at most as many of
//               its chains are in the function
//   Latency     1 cycle, return to credit; at most QUEUES + 1 cycles from going live
//   Throughput  1 return per cycle, but none in the cycle of a grant
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_fn_credit #(
    parameter QUEUES  = 4,                              // queues; 1 to 64
    parameter CREDITS = 256,                            // chains per queue; 1 to 16384
    parameter ODD_CREDITS = CREDITS,                    // of a queue with an odd number; 1 to 16384
    parameter QID_W   = QUEUES > 1 ? $clog2(QUEUES) : 1 // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Level per queue: it works
    input  wire [QUEUES-1:0] s_live,
    // Chains returned, by queue
    input  wire [QID_W-1:0]  s_return_queue,
    input  wire              s_return_valid,
    output wire              s_return_ready,
    // Credits, always taken
    output wire [QID_W-1:0]  m_credit_queue,
    output wire [15:0]       m_credit_count,
    output wire              m_credit_valid
);
    if (CREDITS < 1 || CREDITS > 16384) begin : gen_bad_credits
        ERROR_CREDITS_must_be_1_to_16384 u_error ();
    end
    if (ODD_CREDITS < 1 || ODD_CREDITS > 16384) begin : gen_bad_odd_credits
        ERROR_ODD_CREDITS_must_be_1_to_16384 u_error ();
    end

    localparam LAST = QUEUES - 1;

    reg  [QID_W-1:0]  scan_reg,  scan_next;     // the queue that may be granted in this cycle
    reg  [QUEUES-1:0] live_reg;
    reg  [QUEUES-1:0] due_reg,   due_next;      // went live, not yet granted
    reg  [QID_W-1:0]  queue_reg, queue_next;
    reg  [15:0]       count_reg, count_next;
    reg               valid_reg, valid_next;
    wire              grant = due_reg[scan_reg];

    assign s_return_ready = !grant;
    assign m_credit_queue = queue_reg;
    assign m_credit_count = count_reg;
    assign m_credit_valid = valid_reg && s_live[queue_reg];

    always @* begin
        scan_next  = scan_reg;
        if (|due_reg) scan_next = scan_reg == LAST[QID_W-1:0] ? {QID_W{1'b0}} : scan_reg + 1'b1;
        due_next   = (due_reg | ~live_reg) & s_live;
        queue_next = s_return_queue;
        count_next = 16'd1;
        valid_next = s_return_valid;
        if (grant) begin
            due_next[scan_reg] = 1'b0;
            queue_next         = scan_reg;
            count_next         = scan_reg[0] ? ODD_CREDITS[15:0] : CREDITS[15:0];
            valid_next         = 1'b1;
        end
        if (!s_live[queue_next]) valid_next = 1'b0;
    end

    always @(posedge clk) begin
        scan_reg  <= scan_next;
        live_reg  <= s_live;
        due_reg   <= due_next;
        queue_reg <= queue_next;
        count_reg <= count_next;
        valid_reg <= valid_next;
        if (rst) begin
            scan_reg  <= {QID_W{1'b0}};
            live_reg  <= {QUEUES{1'b0}};
            due_reg   <= {QUEUES{1'b0}};
            valid_reg <= 1'b0;
        end
    end
endmodule
`resetall
