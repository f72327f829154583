// SPDX-License-Identifier: Apache-2.0
// vq_queue_table - the ring addresses and size of each queue, as the driver set them.
//   Contract    a field holds what was last written for its queue; stable while the queue is
//               ready
//   Latency     0 cycles to read, 1 cycle from a write to its effect
//   Throughput  1 write and 1 read of all fields per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_queue_table #(
    parameter QUEUES = 4,   // queues, 1 to 64
    parameter QID_W  = 2    // queue number, bits
) (
    input  wire             clk,
    // Set-up: field 0 size, then low and high words of 1 table, 3 available ring, 5 used ring;
    // field 7 is not kept here
    input  wire [QID_W-1:0] s_setup_queue,
    input  wire [2:0]       s_setup_field,
    input  wire [31:0]      s_setup_data,
    input  wire             s_setup_valid,
    // Read
    input  wire [QID_W-1:0] s_queue,
    output wire [15:0]      size,
    output wire [63:0]      desc_addr,
    output wire [63:0]      avail_addr,
    output wire [63:0]      used_addr
);
    reg [15:0] size_mem       [0:QUEUES-1];
    reg [31:0] desc_low_mem   [0:QUEUES-1];
    reg [31:0] desc_high_mem  [0:QUEUES-1];
    reg [31:0] avail_low_mem  [0:QUEUES-1];
    reg [31:0] avail_high_mem [0:QUEUES-1];
    reg [31:0] used_low_mem   [0:QUEUES-1];
    reg [31:0] used_high_mem  [0:QUEUES-1];

    assign size       = size_mem[s_queue];
    assign desc_addr  = {desc_high_mem[s_queue], desc_low_mem[s_queue]};
    assign avail_addr = {avail_high_mem[s_queue], avail_low_mem[s_queue]};
    assign used_addr  = {used_high_mem[s_queue], used_low_mem[s_queue]};

    always @(posedge clk) if (s_setup_valid)
        case (s_setup_field)
            3'd0:    size_mem[s_setup_queue]       <= s_setup_data[15:0];
            3'd1:    desc_low_mem[s_setup_queue]   <= s_setup_data;
            3'd2:    desc_high_mem[s_setup_queue]  <= s_setup_data;
            3'd3:    avail_low_mem[s_setup_queue]  <= s_setup_data;
            3'd4:    avail_high_mem[s_setup_queue] <= s_setup_data;
            3'd5:    used_low_mem[s_setup_queue]   <= s_setup_data;
            3'd6:    used_high_mem[s_setup_queue]  <= s_setup_data;
            default: ;
        endcase
endmodule
`resetall
