// SPDX-License-Identifier: Apache-2.0
// vq_index_table - ring indices of each queue, with two unclocked read ports; from its clear until
// it is written a row reads as the index at which the queue starts.
//   Contract    a row is COPIES indices, all equal at the start, and EXTRA bits that are 0 then.
//               Clear wins over a write of the same row in the same cycle. The start is that of
//               the last set-up
//   Latency     0 cycles to read, 1 cycle from a write or set-up to its effect
//   Throughput  1 write, 1 set-up and 2 reads per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_index_table #(
    parameter QUEUES = 4,       // queues, 1 to 64
    parameter QID_W  = 2,       // queue number, bits
    parameter [0:0] USED = 1'b0,    // 0: starts as available index, 1: as used index
    parameter COPIES = 1,       // indices in a row
    parameter EXTRA  = 0,       // bits besides
    parameter WIDTH  = 16*COPIES + EXTRA    // derived, not to be set
) (
    input  wire              clk,
    // Set-up: field 7, available index in bits 15:0, used index in bits 31:16
    input  wire [QID_W-1:0]  s_setup_queue,
    input  wire [2:0]        s_setup_field,
    input  wire [31:0]       s_setup_data,
    input  wire              s_setup_valid,
    input  wire [QUEUES-1:0] clear,         // one bit a row, level
    // Write port
    input  wire              write_en,
    input  wire [QID_W-1:0]  write_addr,
    input  wire [WIDTH-1:0]  write_data,
    // Read ports
    input  wire [QID_W-1:0]  read_a_addr,
    output wire [WIDTH-1:0]  read_a_data,
    input  wire [QID_W-1:0]  read_b_addr,
    output wire [WIDTH-1:0]  read_b_data
);
    reg [WIDTH-1:0]  mem [0:2**QID_W-1];
    reg [15:0]       start_mem [0:2**QID_W-1];
    reg [QUEUES-1:0] written_reg;
    wire [QUEUES-1:0] one = {{(QUEUES-1){1'b0}}, 1'b1};
    wire [WIDTH-1:0] word_a = mem[read_a_addr];
    wire [WIDTH-1:0] word_b = mem[read_b_addr];
    wire [WIDTH-1:0] start_a, start_b;

    // The row's bits above EXTRA are the indices
    genvar i;
    generate
        for (i = 0; i < WIDTH; i = i + 1) begin : gen_bit
            if (i < EXTRA) begin : gen_extra
                assign start_a[i] = 1'b0;
                assign start_b[i] = 1'b0;
            end else begin : gen_index
                assign start_a[i] = from_a[(i - EXTRA) % 16];
                assign start_b[i] = from_b[(i - EXTRA) % 16];
            end
        end
    endgenerate
    wire [15:0] from_a = start_mem[read_a_addr];
    wire [15:0] from_b = start_mem[read_b_addr];

    assign read_a_data = written_reg[read_a_addr] ? word_a : start_a;
    assign read_b_data = written_reg[read_b_addr] ? word_b : start_b;

    always @(posedge clk) begin
        if (s_setup_valid && s_setup_field == 3'd7)
            start_mem[s_setup_queue] <= USED ? s_setup_data[31:16] : s_setup_data[15:0];
        if (write_en) mem[write_addr] <= write_data;
        written_reg <= (written_reg | (write_en ? one << write_addr : {QUEUES{1'b0}})) & ~clear;
    end

    wire unused = &{1'b0, s_setup_data};
endmodule
`resetall
