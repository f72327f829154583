// SPDX-License-Identifier: Apache-2.0
// vq_mmio_faults - merge the transport's and the engine's faults, and keep what the driver reads.
//   Contract    every fault of either source is counted and told by one m_fault_event, none is
//               lost; the first since reset stays readable, and the first of each queue until
//               that queue's is cleared
//   Latency     1 cycle, fault to registers
//   Throughput  1 fault per cycle; the transport's go first
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_mmio_faults #(
    parameter QUEUES = 4,                               // queues; 1 to 64
    parameter QID_W  = QUEUES > 1 ? $clog2(QUEUES) : 1  // derived, not to be set
) (
    input  wire             clk,
    input  wire             rst,
    // The transport's own: queue number as the driver wrote it, and whether that queue exists
    input  wire [4:0]       s_own_code,
    input  wire [31:0]      s_own_queue,
    input  wire             s_own_exists,
    input  wire             s_own_valid,
    // The engine's: s_fault_desc is {in an indirect table, index}
    input  wire [4:0]       s_fault_code,
    input  wire [QID_W-1:0] s_fault_queue,
    input  wire [16:0]      s_fault_desc,
    input  wire             s_fault_valid,
    output wire             s_fault_ready,
    // Forget the fault of one queue
    input  wire [QID_W-1:0] s_clear_queue,
    input  wire             s_clear_valid,
    // Register values: the first fault, the count, and the first fault of queue s_sel_queue
    input  wire [QID_W-1:0] s_sel_queue,
    output wire [4:0]       m_sel_code,
    output wire [4:0]       m_first_code,
    output wire [31:0]      m_first_queue,
    output wire [16:0]      m_first_desc,
    output wire [15:0]      m_count,
    // One fault was taken in this cycle
    output wire             m_fault_event
);
    reg  [4:0]        first_code_reg;   // 0: no fault yet
    reg  [31:0]       first_queue_reg;
    reg  [16:0]       first_desc_reg;
    reg  [15:0]       count_reg;
    reg  [QUEUES-1:0] clear;
    wire [4:0]        code     = s_own_valid ? s_own_code : s_fault_code;
    wire [QID_W-1:0]  queue    = s_own_valid ? s_own_queue[QID_W-1:0] : s_fault_queue;
    wire              of_queue = m_fault_event && (!s_own_valid || s_own_exists);
    wire [4:0]        old_code;

    assign s_fault_ready = !s_own_valid;
    assign m_fault_event = s_own_valid || s_fault_valid;
    assign m_first_code  = first_code_reg;
    assign m_first_queue = first_queue_reg;
    assign m_first_desc  = first_desc_reg;
    assign m_count       = count_reg;

    // First fault of each queue; one that meets the clearing belongs to the life that ends
    vq_table #(
        .WIDTH(5),
        .ROWS(QUEUES)
    ) u_codes (
        .clk(clk),
        .clear(clear),
        .write_en(of_queue && old_code == 5'd0),
        .write_addr(queue),
        .write_data(code),
        .read_a_addr(queue),
        .read_a_data(old_code),
        .read_b_addr(s_sel_queue),
        .read_b_data(m_sel_code)
    );

    always @* begin
        clear = {QUEUES{rst}};
        if (s_clear_valid) clear[s_clear_queue] = 1'b1;
    end

    always @(posedge clk) begin
        if (m_fault_event && first_code_reg == 5'd0) begin
            first_code_reg  <= code;
            first_queue_reg <= s_own_valid ? s_own_queue : {{(32-QID_W){1'b0}}, s_fault_queue};
            first_desc_reg  <= s_own_valid ? 17'd0 : s_fault_desc;
        end
        if (m_fault_event && count_reg != 16'hffff) count_reg <= count_reg + 1'b1;
        if (rst) begin
            first_code_reg  <= 5'd0;
            first_queue_reg <= 32'd0;
            first_desc_reg  <= 17'd0;
            count_reg       <= 16'd0;
        end
    end
endmodule
`resetall
