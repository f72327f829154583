// SPDX-License-Identifier: Apache-2.0
// vq_table - a small table with one row a queue, two unclocked read ports, and rows that read as
// zero from their clear until they are written.
//   Contract    clear wins over a write of the same row in the same cycle
//   Latency     0 cycles to read, 1 cycle from a write to its effect
//   Throughput  1 write and 2 reads per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_table #(
    parameter WIDTH  = 16,                              // row, bits
    parameter ROWS   = 4,                               // rows, 1 to 64
    parameter ADDR_W = ROWS > 1 ? $clog2(ROWS) : 1      // derived, not to be set
) (
    input  wire              clk,
    input  wire [ROWS-1:0]   clear,         // one bit a row, level
    // Write port
    input  wire              write_en,
    input  wire [ADDR_W-1:0] write_addr,
    input  wire [WIDTH-1:0]  write_data,
    // Read ports
    input  wire [ADDR_W-1:0] read_a_addr,
    output wire [WIDTH-1:0]  read_a_data,
    input  wire [ADDR_W-1:0] read_b_addr,
    output wire [WIDTH-1:0]  read_b_data
);
    reg [WIDTH-1:0] mem [0:2**ADDR_W-1];
    reg [ROWS-1:0]  written_reg;
    wire [ROWS-1:0] one = {{(ROWS-1){1'b0}}, 1'b1};
    wire [WIDTH-1:0] word_a = mem[read_a_addr];
    wire [WIDTH-1:0] word_b = mem[read_b_addr];

    assign read_a_data = word_a & {WIDTH{written_reg[read_a_addr]}};
    assign read_b_data = word_b & {WIDTH{written_reg[read_b_addr]}};

    always @(posedge clk) begin
        if (write_en) mem[write_addr] <= write_data;
        written_reg <= (written_reg | (write_en ? one << write_addr : {ROWS{1'b0}})) & ~clear;
    end
endmodule
`resetall
