// SPDX-License-Identifier: Apache-2.0
// vq_blk_issue - turn judged block requests into commands of the store and answers.
//   Contract    commands in the order of their requests, one a read, write or flush, one a range
//               of a discard or write-zeroes, of which all were checked before. An answer is told
//               to m_answer before the completions that it waits for can come. Bodies are routed;
//               one that is not the store's has gone before its request is answered. m_silent
//               pulses for a request that has no room for a status: nothing is done for it
//   Latency     1 cycle, request to command
//   Throughput  1 read, write, flush or answer without a body per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_blk_issue #(
    parameter COUNT_W = 5                   // completions of one answer, bits
) (
    input  wire               clk,
    input  wire               rst,
    // Level: writes must be stable when they complete
    input  wire               s_stable,
    // Requests
    input  wire [2:0]         s_req_action,
    input  wire [1:0]         s_req_status,
    input  wire [63:0]        s_req_sector,
    input  wire [27:0]        s_req_count,
    input  wire [31:0]        s_req_writable,
    input  wire               s_req_body,
    input  wire               s_req_answer,
    input  wire               s_req_valid,
    output wire               s_req_ready,
    // Routes of bodies, and the pulse when one that is not the store's has gone
    output wire               m_route_store,
    output wire               m_route_ranges,
    output wire               m_route_valid,
    input  wire               m_route_ready,
    input  wire               s_taken,
    // Ranges: forget those before; what came of the check, and those that were kept
    output wire               m_clear,
    input  wire               s_checked,
    input  wire [1:0]         s_status,
    input  wire [COUNT_W-1:0] s_kept,
    input  wire [63:0]        s_range_sector,
    input  wire [31:0]        s_range_sectors,
    input  wire               s_range_unmap,
    input  wire               s_range_valid,
    output wire               s_range_ready,
    // Commands of the store
    output wire [2:0]         m_cmd_op,
    output wire [63:0]        m_cmd_sector,
    output wire [31:0]        m_cmd_sectors,
    output wire               m_cmd_stable,
    output wire               m_cmd_unmap,
    output wire               m_cmd_valid,
    input  wire               m_cmd_ready,
    // Answers: what was done, the status known so far, and how many completions to wait for
    output wire [2:0]         m_answer_action,
    output wire [1:0]         m_answer_status,
    output wire [31:0]        m_answer_writable,
    output wire [COUNT_W-1:0] m_answer_count,
    output wire               m_answer_valid,
    input  wire               m_answer_ready,
    output wire               m_silent
);
    `include "vq_blk.vh"

    localparam [1:0] ST_RUN    = 2'd0;
    localparam [1:0] ST_BODY   = 2'd1;      // the body goes where nobody stores it
    localparam [1:0] ST_AFTER  = 2'd2;      // it has gone
    localparam [1:0] ST_RANGES = 2'd3;      // the answer is told, the commands of its ranges go
    localparam [COUNT_W-1:0] ONE = {{(COUNT_W-1){1'b0}}, 1'b1};

    reg  [1:0] state_reg, state_next;

    wire is_read   = s_req_action == ACT_READ;
    wire is_write  = s_req_action == ACT_WRITE;
    wire is_ranges = s_req_action == ACT_DISCARD || s_req_action == ACT_ZEROES;
    wire commands  = is_read || is_write || s_req_action == ACT_FLUSH;
    wire leads     = s_req_body && !is_write;   // a body has to go before anything else
    wire fine      = s_status == STATUS_OK;     // the ranges
    wire in_ranges = state_reg == ST_RANGES;
    wire may       = s_req_valid && ((state_reg == ST_RUN && !leads) ||
                                     (state_reg == ST_AFTER && (!is_ranges || s_checked)));
    wire cmd_ready;
    wire room      = (cmd_ready || !commands) && (m_answer_ready || !s_req_answer) &&
                     (m_route_ready || !is_write);
    wire go        = may && room;
    wire lead      = s_req_valid && state_reg == ST_RUN && leads && m_route_ready;
    wire to_ranges = in_ranges && s_range_valid && fine;

    assign s_req_ready       = in_ranges ? !s_range_valid : go && !is_ranges;
    assign m_route_store     = is_write;
    assign m_route_ranges    = is_ranges;
    assign m_route_valid     = (go && is_write) || lead;
    assign m_clear           = lead;
    assign s_range_ready     = in_ranges && (!fine || cmd_ready);
    assign m_answer_action   = s_req_action;
    assign m_answer_status   = is_ranges ? s_status :
                               s_req_action == ACT_NONE ? s_req_status : STATUS_OK;
    assign m_answer_writable = s_req_writable;
    assign m_answer_count    = is_ranges ? (fine ? s_kept : {COUNT_W{1'b0}}) :
                               commands ? ONE : {COUNT_W{1'b0}};
    assign m_answer_valid    = go && s_req_answer;
    assign m_silent          = go && !s_req_answer;

    vq_skid #(.WIDTH(101)) u_cmd (
        .clk(clk),
        .rst(rst),
        .s_data({in_ranges ? s_range_sector : s_req_sector,
                 in_ranges ? s_range_sectors : {9'd0, s_req_count[22:0]}, s_req_action,
                 s_stable && (is_write || s_req_action == ACT_ZEROES),
                 in_ranges && s_range_unmap}),
        .s_valid((go && commands) || to_ranges),
        .s_ready(cmd_ready),
        .m_data({m_cmd_sector, m_cmd_sectors, m_cmd_op, m_cmd_stable, m_cmd_unmap}),
        .m_valid(m_cmd_valid),
        .m_ready(m_cmd_ready)
    );

    always @* begin
        state_next = state_reg;
        case (state_reg)
            ST_RUN:  if (lead) state_next = ST_BODY;
            ST_BODY: if (s_taken) state_next = ST_AFTER;
            ST_AFTER: if (go) state_next = is_ranges ? ST_RANGES : ST_RUN;
            default: if (!s_range_valid) state_next = ST_RUN;
        endcase
    end

    always @(posedge clk) begin
        state_reg <= state_next;
        if (rst) state_reg <= ST_RUN;
    end
    wire unused = &{1'b0, s_req_count[27:23]};
endmodule
`resetall
