// SPDX-License-Identifier: Apache-2.0
// vq_liveness - which queues may touch memory, which may start chains, and when a stopped one is
// quiet.
//   Contract    alive: ready and not killed by a memory error. live: alive, running and known to
//               the device function, whose credits are counted from the rise. fetchable: live and
//               not stopped by a fault. quiet: not ready, and nothing started is unfinished.
//               settled: all that is started and unfinished waits in the device function for the
//               outside
//   Latency     a fall shows 1 cycle after its cause; a rise and quiet within QUEUES + 2 cycles
//   Throughput  one queue a cycle is looked at
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_liveness #(
    parameter QUEUES  = 4,  // queues, 1 to 64
    parameter QID_W   = 2,  // queue number, bits
    parameter COUNT_W = 16  // chains started or finished, bits; 9 to 16
) (
    input  wire               clk,
    input  wire               rst,
    input  wire [QUEUES-1:0]  s_ready,      // set up by the driver
    input  wire [QUEUES-1:0]  s_run,        // DRIVER_OK
    input  wire               s_suspend,    // no chain may be started
    input  wire [QUEUES-1:0]  s_busy,       // a visit of the available ring is under way
    // A fault of a queue (pulse): it starts no more chains; with s_stop_kill no more memory access
    input  wire [QID_W-1:0]   s_stop_queue,
    input  wire               s_stop_kill,
    input  wire               s_stop_valid,
    // Credits from the device function
    input  wire [QID_W-1:0]   s_credit_queue,
    input  wire [COUNT_W-1:0] s_credit_count,
    input  wire               s_credit_valid,
    // Chains started by the visits, with the credit left before it
    input  wire [QID_W-1:0]   s_started_queue,
    input  wire [7:0]         s_started_count,
    input  wire               s_started_valid,
    output wire [COUNT_W-1:0] m_started_credit,     // of s_started_queue
    // Chains completed (collected) and finished (published or thrown away)
    input  wire [QID_W-1:0]   s_collected_queue,
    input  wire               s_collected_valid,
    output wire               m_collected_all,      // this one was the queue's last one started
    input  wire [QID_W-1:0]   s_finished_queue,
    input  wire [15:0]        s_finished_count,
    input  wire               s_finished_valid,
    // Chains that the device function holds and that wait for the outside
    input  wire [COUNT_W-1:0] s_waiting,
    // What holds of each queue
    output wire [QUEUES-1:0]  m_alive,
    output wire [QUEUES-1:0]  m_live,
    output wire [QUEUES-1:0]  m_stopped,
    output wire [QUEUES-1:0]  m_fetchable,
    output wire [QUEUES-1:0]  m_quiet,
    output wire               m_settled     // no other chain is under way
);
    reg [QUEUES-1:0] killed_reg, stopped_reg, known_reg, quiet_reg, open_reg;
    wire [QUEUES-1:0] one = {{(QUEUES-1){1'b0}}, 1'b1};

    assign m_alive     = s_ready & ~killed_reg;
    assign m_live      = m_alive & known_reg;
    assign m_stopped   = stopped_reg;
    assign m_fetchable = s_ready & open_reg;    // as m_live & ~m_stopped, in fewer terms
    assign m_quiet     = quiet_reg & ~s_ready;

    // Running totals, each with a single writer; their differences are what is under way
    wire [QUEUES-1:0]  none = {QUEUES{rst}};
    wire [COUNT_W-1:0] started_old, granted_start, collected_old, finished_old;
    wire [COUNT_W-1:0] started_scan, started_collect, granted_old, finished_scan;
    wire [COUNT_W-1:0] started_new   = started_old + {{(COUNT_W-8){1'b0}}, s_started_count};
    wire [COUNT_W-1:0] collected_new = collected_old + {{(COUNT_W-1){1'b0}}, 1'b1};
    wire [COUNT_W-1:0] finished_new  = finished_old + s_finished_count[COUNT_W-1:0];

    reg  [QID_W-1:0]   scan_reg;        // the queue looked at
    wire               scan_last = {{(32-QID_W){1'b0}}, scan_reg} == QUEUES - 1;
    wire               seek = |(~s_ready & ~quiet_reg) || |(s_run & m_alive & ~known_reg);
    wire               scan_live = m_alive[scan_reg] && s_run[scan_reg];
    // A queue becomes known with no credit: what it was granted is what it has started
    wire               meet = scan_live && !known_reg[scan_reg] && !s_credit_valid &&
                              started_scan == finished_scan && !s_busy[scan_reg];

    vq_table #(.WIDTH(COUNT_W), .ROWS(QUEUES)) u_started (
        .clk(clk),
        .clear(none),
        .write_en(s_started_valid),
        .write_addr(s_started_queue),
        .write_data(started_new),
        .read_a_addr(s_started_queue),
        .read_a_data(started_old),
        .read_b_addr(scan_reg),
        .read_b_data(started_scan)
    );
    // A cycle later, which no chain is collected in: the number of chains before the last one
    reg  [COUNT_W-1:0] late_started_reg;
    reg  [QID_W-1:0]   late_queue_reg;
    reg  [7:0]         late_count_reg;
    reg                late_valid_reg;

    always @(posedge clk) begin
        late_valid_reg <= s_started_valid && !rst;
        late_count_reg <= s_started_valid ? s_started_count : 8'd0;
        if (s_started_valid) begin
            late_started_reg <= started_new;
            late_queue_reg   <= s_started_queue;
        end
        if (rst) late_count_reg <= 8'd0;
    end

    vq_table #(.WIDTH(COUNT_W), .ROWS(QUEUES)) u_started_copy (
        .clk(clk),
        .clear(none),
        .write_en(late_valid_reg),
        .write_addr(late_queue_reg),
        .write_data(late_started_reg - 1'b1),
        .read_a_addr(s_collected_queue),
        .read_a_data(started_collect),
        .read_b_addr(s_collected_queue),
        .read_b_data(started_unused)
    );
    wire [COUNT_W-1:0] started_unused, collected_unused;

    vq_table #(.WIDTH(COUNT_W), .ROWS(QUEUES)) u_granted (
        .clk(clk),
        .clear(none),
        .write_en(s_credit_valid || meet),
        .write_addr(s_credit_valid ? s_credit_queue : scan_reg),
        .write_data(s_credit_valid ? granted_old + s_credit_count
                                   : started_scan),
        .read_a_addr(s_credit_queue),
        .read_a_data(granted_old),
        .read_b_addr(s_started_queue),
        .read_b_data(granted_start)
    );
    vq_table #(.WIDTH(COUNT_W), .ROWS(QUEUES)) u_collected (
        .clk(clk),
        .clear(none),
        .write_en(s_collected_valid),
        .write_addr(s_collected_queue),
        .write_data(collected_new),
        .read_a_addr(s_collected_queue),
        .read_a_data(collected_old),
        .read_b_addr(s_collected_queue),
        .read_b_data(collected_unused)
    );
    vq_table #(.WIDTH(COUNT_W), .ROWS(QUEUES)) u_finished (
        .clk(clk),
        .clear(none),
        .write_en(s_finished_valid),
        .write_addr(s_finished_queue),
        .write_data(finished_new),
        .read_a_addr(s_finished_queue),
        .read_a_data(finished_old),
        .read_b_addr(scan_reg),
        .read_b_data(finished_scan)
    );

    // Void when the queue is not live, so that a visit of it soon ends. The difference wraps
    wire               may_start = m_live[s_started_queue] && !s_suspend;
    assign m_started_credit = (granted_start - started_old) & {COUNT_W{may_start}};
    assign m_collected_all  = collected_old == started_collect;

    wire [QUEUES-1:0] stops   = s_stop_valid ? one << s_stop_queue : {QUEUES{1'b0}};
    wire [QUEUES-1:0] killed  = killed_reg | (stops & {QUEUES{s_stop_kill}});
    wire [QUEUES-1:0] stopped = stopped_reg | stops;
    wire [QUEUES-1:0] known   = known_reg | (meet ? one << scan_reg : {QUEUES{1'b0}});

    reg [COUNT_W-1:0] total_reg;        // chains under way in all queues
    assign m_settled = total_reg == s_waiting;

    always @(posedge clk) begin
        if (seek) scan_reg <= scan_last ? {QID_W{1'b0}} : scan_reg + 1'b1;
        if (late_valid_reg || s_finished_valid) total_reg <= total_reg
            + {{(COUNT_W-8){1'b0}}, late_count_reg}
            - (s_finished_valid ? s_finished_count[COUNT_W-1:0] : {COUNT_W{1'b0}});

        killed_reg  <= s_ready & killed;
        stopped_reg <= s_ready & stopped;
        known_reg   <= m_alive & known;
        open_reg    <= m_alive & known & ~killed & ~stopped;
        quiet_reg   <= ~s_ready & (quiet_reg | (!s_ready[scan_reg] && !s_busy[scan_reg] &&
                       started_scan == finished_scan ? one << scan_reg : {QUEUES{1'b0}}));
        if (rst) begin
            scan_reg    <= {QID_W{1'b0}};
            total_reg   <= {COUNT_W{1'b0}};
            killed_reg  <= {QUEUES{1'b0}};
            stopped_reg <= {QUEUES{1'b0}};
            known_reg   <= {QUEUES{1'b0}};
            open_reg    <= {QUEUES{1'b0}};
            quiet_reg   <= {QUEUES{1'b0}};
        end
    end

    wire unused = &{1'b0, started_unused, collected_unused};

    `VQ_ASSUME(a_waiting, s_waiting <= total_reg)
endmodule
`resetall
