// SPDX-License-Identifier: Apache-2.0
// vq_suspend - device suspend: finish what is in progress, let the bus run dry, and stand still.
//   Contract    while s_suspend is high no visit begins and no chain is started; that is the
//               schedule's and the credit's part. When nothing is in progress, or for PATIENCE
//               cycles nothing moves (the device function keeps chains), no burst is started any
//               more; when none is in flight m_suspended holds until s_suspend falls. Nothing is
//               lost by standing still: what waits goes on from there
//   Latency     what is in progress, and 4 cycles; 1 cycle to go on
//   Throughput  does not apply
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_suspend #(
    parameter PATIENCE = 1024   // cycles; power of two, 2 or more
) (
    input  wire clk,
    input  wire rst,
    input  wire s_suspend,
    input  wire s_idle,         // no visit is under way, every chain is finished or waits
    input  wire s_quiet,        // of each queue that is not ready nothing is in flight
    input  wire s_drained,      // no burst is in flight
    input  wire s_moved,        // the device function gave or took something
    output wire m_halt,
    output wire m_suspended
);
    localparam WAIT_W = $clog2(PATIENCE);

    localparam [1:0] ST_RUN    = 2'd0;  // at work
    localparam [1:0] ST_FINISH = 2'd1;  // nothing new is begun
    localparam [1:0] ST_DRAIN  = 2'd2;  // no new bursts
    localparam [1:0] ST_STILL  = 2'd3;  // suspended

    reg [1:0]        state_reg;
    reg [1:0]        still_reg;         // cycles for which what is waited for was so
    reg [WAIT_W-1:0] wait_reg;          // cycles in which nothing moved

    wire moves    = !s_drained || s_moved;
    wire finished = (s_idle && s_drained) || &wait_reg;
    wire want     = state_reg == ST_DRAIN ? s_drained : finished && s_quiet;

    assign m_halt      = state_reg[1];
    assign m_suspended = state_reg == ST_STILL;

    always @(posedge clk) begin
        still_reg <= want && !(&still_reg) && state_reg != ST_RUN ? {still_reg[0], 1'b1} : 2'b00;
        wait_reg  <= state_reg != ST_FINISH || moves ? {WAIT_W{1'b0}} :
                     &wait_reg ? wait_reg : wait_reg + 1'b1;
        case (state_reg)
            ST_RUN:    if (s_suspend) state_reg <= ST_FINISH;
            ST_FINISH: if (&still_reg && want) state_reg <= ST_DRAIN;
            ST_DRAIN:  if (&still_reg && want) state_reg <= ST_STILL;
            default:   if (!s_suspend) state_reg <= ST_RUN;
        endcase
        if (rst) state_reg <= ST_RUN;
    end
endmodule
`resetall
