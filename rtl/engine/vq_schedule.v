// SPDX-License-Identifier: Apache-2.0
// vq_schedule - choose the next queue to visit, fairly; never lose a notification.
//   Contract    a notified queue is visited, once it is fetchable, after at most QUEUES - 1 other
//               visits; a notification that comes during a visit leads to another visit after it.
//               A visit that ended for want of credit is repeated when one comes. A visit is told
//               the index of the queue's last notification, if no other visit came between
//   Latency     1 cycle, notification to visit
//   Throughput  1 visit every 2 cycles of one queue, 1 per cycle of all
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_schedule #(
    parameter QUEUES = 4,   // queues, 1 to 64
    parameter QID_W  = 2    // queue number, bits
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    input  wire [QUEUES-1:0] s_fetchable,
    input  wire              s_suspend,     // no visit begins; those under way end soon
    // Notifications, always taken; with s_notify_data they carry the available index
    input  wire [QID_W-1:0]  s_notify_queue,
    input  wire [15:0]       s_notify_index,
    input  wire              s_notify_data,
    input  wire              s_notify_valid,
    // Credits from the device function, always taken
    input  wire [QID_W-1:0]  s_credit_queue,
    input  wire              s_credit_valid,
    // Visits out; m_visit_told says that a notification told the index
    output wire [QID_W-1:0]  m_visit_queue,
    output wire [15:0]       m_visit_index,
    output wire              m_visit_told,
    output wire              m_visit_valid,
    input  wire              m_visit_ready,
    // End of a visit: s_done_starved says that entries are left for want of credit
    input  wire [QID_W-1:0]  s_done_queue,
    input  wire              s_done_starved,
    input  wire              s_done_valid,
    output wire [QUEUES-1:0] m_busy,
    output wire              m_idle         // no visit is due, chosen or under way
);
    reg  [QUEUES-1:0] pend_reg, busy_reg, starved_reg;
    reg  [QUEUES-1:0] credit_reg;       // a credit came since the visit began
    reg  [QUEUES-1:0] told_reg;         // index_mem holds what was told since the last visit
    reg  [QID_W-1:0]  visit_reg;
    reg               visit_valid_reg, visit_told_reg;
    // What was told of a queue stays true until a visit moves its index on
    reg  [15:0]       index_mem [0:QUEUES-1];
    wire              fresh = s_notify_valid && !busy_reg[s_notify_queue];
    wire [QUEUES-1:0] zero   = {QUEUES{1'b0}};
    wire [QUEUES-1:0] one    = {{(QUEUES-1){1'b0}}, 1'b1};
    wire [QUEUES-1:0] notify = s_notify_valid ? one << s_notify_queue : zero;
    wire [QUEUES-1:0] credit = s_credit_valid ? one << s_credit_queue : zero;
    wire [QUEUES-1:0] done   = s_done_valid ? one << s_done_queue : zero;
    wire [QUEUES-1:0] starve = s_done_starved ? done : zero;
    wire [QUEUES-1:0] may    = s_suspend ? zero : s_fetchable & ~busy_reg;
    wire [QUEUES-1:0] due    = (pend_reg | notify) & may;
    wire [QUEUES-1:0] told   = told_reg | (s_notify_data ? notify & ~busy_reg : zero);
    wire [QID_W-1:0]  index;
    wire              any;
    wire              choose = any && (!visit_valid_reg || m_visit_ready);
    wire [QUEUES-1:0] chosen = choose ? one << index : zero;

    vq_arbiter #(.PORTS(QUEUES)) u_arbiter (
        .clk(clk),
        .rst(rst),
        .request(due),
        .advance(choose),
        .index(index),
        .valid(any)
    );

    assign m_visit_queue = visit_reg;
    assign m_visit_index = index_mem[visit_reg];
    assign m_visit_told  = visit_told_reg;
    assign m_visit_valid = visit_valid_reg;
    assign m_busy        = busy_reg;
    assign m_idle        = !(|(pend_reg & may)) && !(|busy_reg);

    always @(posedge clk) begin
        if (fresh) index_mem[s_notify_queue] <= s_notify_index;
        told_reg <= s_ready & told & ~chosen;
        if (m_visit_ready) visit_valid_reg <= 1'b0;
        if (choose) begin
            visit_reg       <= index;
            visit_told_reg  <= told[index];
            visit_valid_reg <= 1'b1;
        end
        // A credit that races with the end of a starved visit counts: look again
        pend_reg    <= s_ready & (((pend_reg | notify) & ~chosen) | (starved_reg & credit) |
                                  (starve & (credit | credit_reg)));
        starved_reg <= s_ready & ((starved_reg & ~credit) | (starve & ~(credit | credit_reg)));
        // A visit that had to end for a suspension begins again after it
        credit_reg  <= (credit_reg | credit | {QUEUES{s_suspend}}) & ~chosen;
        busy_reg    <= (busy_reg & ~done) | chosen;
        if (rst) begin
            pend_reg        <= zero;
            told_reg        <= zero;
            starved_reg     <= zero;
            credit_reg      <= zero;
            busy_reg        <= zero;
            visit_valid_reg <= 1'b0;
        end
    end
endmodule
`resetall
