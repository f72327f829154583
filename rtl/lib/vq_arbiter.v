// SPDX-License-Identifier: Apache-2.0
// vq_arbiter - round-robin choice among PORTS requests.
//   Contract    while valid, index names a raised request; after advance the one chosen becomes
//               the last in turn, so no request waits for more than PORTS - 1 others
//   Latency     0 cycles, request to index
//   Throughput  1 choice per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_arbiter #(
    parameter PORTS   = 4,                              // requests, 1 to 64
    parameter INDEX_W = PORTS > 1 ? $clog2(PORTS) : 1   // derived, not to be set
) (
    input  wire               clk,
    input  wire               rst,
    input  wire [PORTS-1:0]   request,
    input  wire               advance,  // the choice is taken in this cycle
    output reg  [INDEX_W-1:0] index,
    output wire               valid
);
    reg  [PORTS-1:0] later_reg;         // ports that come after the last one chosen
    wire [PORTS-1:0] later = request & later_reg;
    wire [PORTS-1:0] pick  = |later ? later : request;
    reg  [PORTS-1:0] after;             // ports above the one that is chosen
    integer i;

    assign valid = |request;

    always @* begin
        index = {INDEX_W{1'b0}};
        for (i = PORTS - 1; i >= 0; i = i - 1)
            if (pick[i]) index = i[INDEX_W-1:0];
        after[0] = 1'b0;
        for (i = 1; i < PORTS; i = i + 1) after[i] = after[i-1] || pick[i-1];
    end

    always @(posedge clk) begin
        if (advance) later_reg <= after;
        if (rst) later_reg <= {PORTS{1'b0}};
    end
endmodule
`resetall
