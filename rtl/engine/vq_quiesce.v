// SPDX-License-Identifier: Apache-2.0
// vq_quiesce - device reset: let the bus run dry, then reset the engine.
//   Contract    from s_reset on no new burst starts; when none is in flight the engine is held in
//               reset, and m_reset_done holds, until s_reset falls
//   Latency     the memory's latency and 4 cycles
//   Throughput  does not apply
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_quiesce (
    input  wire clk,
    input  wire rst,
    input  wire s_reset,
    input  wire s_drained,
    output wire m_halt,
    output wire m_core_rst,
    output wire m_reset_done
);
    localparam [1:0] ST_RUN   = 2'd0;   // at work
    localparam [1:0] ST_DRAIN = 2'd1;   // no new bursts
    localparam [1:0] ST_CLEAR = 2'd2;   // the engine is held in reset

    reg [1:0] state_reg;
    reg [1:0] still_reg;                // cycles for which the bus was dry

    assign m_halt       = state_reg != ST_RUN;
    assign m_core_rst   = rst || state_reg == ST_CLEAR;
    assign m_reset_done = state_reg == ST_CLEAR;

    always @(posedge clk) begin
        still_reg <= state_reg == ST_DRAIN && s_drained ? {still_reg[0], 1'b1} : 2'b00;
        case (state_reg)
            ST_RUN:   if (s_reset) state_reg <= ST_DRAIN;
            ST_DRAIN: if (&still_reg) state_reg <= ST_CLEAR;
            ST_CLEAR: if (!s_reset) state_reg <= ST_RUN;
            default:  state_reg <= ST_RUN;
        endcase
        if (rst) state_reg <= ST_RUN;
    end
endmodule
`resetall
