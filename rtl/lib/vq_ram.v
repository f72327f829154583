// SPDX-License-Identifier: Apache-2.0
// vq_ram - memory with one write port and one clocked read port; tools infer block RAM.
//   Contract    a word must not be read in the cycle of its own write: what is read then is
//               undefined (X in simulation), until the next read
//   Latency     1 cycle, address to data; data holds while read_en is low
//   Throughput  1 write and 1 read per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_ram #(
    parameter WIDTH  = 32,              // word, bits
    parameter DEPTH  = 256,             // words; power of two
    parameter ADDR_W = $clog2(DEPTH)    // derived, not to be set
) (
    input  wire              clk,
    // Write port
    input  wire              write_en,
    input  wire [ADDR_W-1:0] write_addr,
    input  wire [WIDTH-1:0]  write_data,
    // Read port
    input  wire              read_en,
    input  wire [ADDR_W-1:0] read_addr,
    output wire [WIDTH-1:0]  read_data
);
    (* no_rw_check *)   // the contract spares the logic that would keep old or new apart
    reg [WIDTH-1:0] mem [0:DEPTH-1];
    reg [WIDTH-1:0] read_reg;

    assign read_data = read_reg;

    always @(posedge clk) begin
        if (write_en) mem[write_addr] <= write_data;
        if (read_en) begin
            read_reg <= mem[read_addr];
`ifndef SYNTHESIS
            if (write_en && write_addr == read_addr) read_reg <= {WIDTH{1'bx}};
`endif
        end
    end
endmodule
`resetall
