// SPDX-License-Identifier: Apache-2.0
// vq_fault_collect - bring the faults of all stages to one report, and stop their queues.
//   Contract    a source is held until its fault took effect: the queue is stopped (and cut off
//               from memory where KILL says so) in the cycle after. Of a queue only the first
//               fault is reported; a fault of a queue that is not ready, or while halted, is not
//   Latency     3 cycles, fault to report
//   Throughput  1 fault in 3 cycles; they are rare, and this cuts their way to all queues
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_fault_collect #(
    parameter               QUEUES = 4,     // queues, 1 to 64
    parameter               QID_W  = 2,     // queue number, bits
    parameter               PORTS  = 5,     // sources
    parameter [PORTS-1:0]   KILL   = 5'd0   // sources whose faults cut the queue off from memory
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   s_halt,
    input  wire [QUEUES-1:0]      s_ready,
    input  wire [QUEUES-1:0]      s_stopped,
    // Sources, one lane of each vector each
    input  wire [PORTS*5-1:0]     s_fault_code,
    input  wire [PORTS*QID_W-1:0] s_fault_queue,
    input  wire [PORTS*17-1:0]    s_fault_desc,
    input  wire [PORTS-1:0]       s_fault_valid,
    output wire [PORTS-1:0]       s_fault_ready,
    // Effect on the queue (pulse)
    output wire [QID_W-1:0]       m_stop_queue,
    output wire                   m_stop_kill,
    output wire                   m_stop_valid,
    // Report
    output wire [4:0]             m_fault_code,
    output wire [QID_W-1:0]       m_fault_queue,
    output wire [16:0]            m_fault_desc,
    output wire                   m_fault_valid,
    input  wire                   m_fault_ready
);
    localparam PORT_W = PORTS > 1 ? $clog2(PORTS) : 1;

    wire [PORT_W-1:0] index;
    wire              any;
    reg  [4:0]        code, code_reg;
    reg  [QID_W-1:0]  queue, queue_reg;
    reg  [16:0]       desc, desc_reg;
    reg               kill, kill_reg;
    reg  [PORTS-1:0]  wait_reg;         // sources that hold a fault
    reg  [PORTS-1:0]  taken_reg;        // the source whose fault is judged in this cycle
    reg               valid_reg;        // the fault is reported
    integer           i;

    wire judge = |taken_reg;
    wire load  = any && !judge && (!valid_reg || m_fault_ready);

    vq_arbiter #(.PORTS(PORTS)) u_arbiter (
        .clk(clk),
        .rst(rst),
        .request(wait_reg),
        .advance(load),
        .index(index),
        .valid(any)
    );

    always @* begin
        code  = 5'd0;
        queue = {QID_W{1'b0}};
        desc  = 17'd0;
        kill  = 1'b0;
        for (i = 0; i < PORTS; i = i + 1)
            if (index == i[PORT_W-1:0]) begin
                code  = s_fault_code[5*i +: 5];
                queue = s_fault_queue[QID_W*i +: QID_W];
                desc  = s_fault_desc[17*i +: 17];
                kill  = KILL[i];
            end
    end

    wire ready = s_ready[queue_reg];
    wire first = ready && !s_stopped[queue_reg] && !s_halt;

    assign s_fault_ready = taken_reg;
    assign m_stop_queue  = queue_reg;
    assign m_stop_kill   = kill_reg;
    assign m_stop_valid  = judge && ready;
    assign m_fault_code  = code_reg;
    assign m_fault_queue = queue_reg;
    assign m_fault_desc  = desc_reg;
    assign m_fault_valid = valid_reg;

    always @(posedge clk) begin
        wait_reg  <= s_fault_valid & ~taken_reg;
        taken_reg <= load ? {{(PORTS-1){1'b0}}, 1'b1} << index : {PORTS{1'b0}};
        if (load) begin
            code_reg  <= code;
            queue_reg <= queue;
            desc_reg  <= desc;
            kill_reg  <= kill;
        end
        valid_reg <= judge ? first : valid_reg && !m_fault_ready;
        if (rst) begin
            wait_reg  <= {PORTS{1'b0}};
            taken_reg <= {PORTS{1'b0}};
            valid_reg <= 1'b0;
        end
    end
endmodule
`resetall
