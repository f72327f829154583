// SPDX-License-Identifier: Apache-2.0
// vq_blk_check - judge block requests by their headers and lengths (virtio 5.2.6).
//   Contract    one verdict a record, in order. Checks, the first that fails decides: a writable
//               byte for the status (else ACT_NONE without an answer), a whole header (IOERR), a
//               write to a read-only device (IOERR), a type that is known and whose feature was
//               negotiated (UNSUPP), direction and length (IOERR), sectors within the capacity
//               (IOERR). Of ranges only the direction and the length are judged here
//   Latency     2 cycles
//   Throughput  1 request per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_blk_check #(
    parameter [0:0] READ_ONLY = 1'b0    // 1: RO is offered
) (
    input  wire        clk,
    input  wire        rst,
    // Levels: sectors of the store; negotiated features
    input  wire [63:0] s_capacity,
    input  wire        s_flush_en,
    input  wire        s_discard_en,
    input  wire        s_zeroes_en,
    // Records of requests; bytes
    input  wire [31:0] s_rec_type,
    input  wire [63:0] s_rec_sector,
    input  wire [31:0] s_rec_body,
    input  wire [31:0] s_rec_writable,
    input  wire        s_rec_broken,
    input  wire        s_rec_valid,
    output wire        s_rec_ready,
    // Verdicts: what to do; the status where nothing is done; sectors of a read or write, or how
    // many ranges; whether a body comes; whether there is a status byte at all
    output wire [2:0]  m_req_action,
    output wire [1:0]  m_req_status,
    output wire [63:0] m_req_sector,
    output wire [27:0] m_req_count,
    output wire [31:0] m_req_writable,
    output wire        m_req_body,
    output wire        m_req_answer,
    output wire        m_req_valid,
    input  wire        m_req_ready
);
    `include "vq_blk.vh"

    reg         act_in, act_out, act_flush, act_id, act_discard, act_zeroes;
    wire [31:0] data_in  = s_rec_writable - 32'd1;      // bytes before the status
    wire [31:0] data     = act_in ? data_in : s_rec_body;
    wire        no_body  = s_rec_body == 32'd0;
    wire        no_in    = data_in == 32'd0;
    wire        whole    = data != 32'd0 && data[8:0] == 9'd0;
    wire        ranges   = act_discard || act_zeroes;
    wire        enabled  = act_in || act_out || act_id || (act_flush && s_flush_en) ||
                           (act_discard && s_discard_en) || (act_zeroes && s_zeroes_en);
    wire        shape_ok = act_in ? no_body && whole :
                           act_out ? no_in && whole :
                           act_id ? no_body && data_in == 32'd20 :
                           ranges ? no_in && !no_body && s_rec_body[3:0] == 4'd0 : 1'b1;

    // After the first stage: what to do unless the sectors are out of range
    reg  [2:0]  action_reg;
    reg  [1:0]  status_reg;
    reg  [63:0] sector_reg;
    reg  [27:0] count_reg;
    reg  [64:0] end_reg;
    reg  [31:0] writable_reg;
    reg         body_reg, answer_reg, valid_reg;
    // After the second
    reg  [2:0]  out_action_reg;
    reg  [1:0]  out_status_reg;
    reg  [63:0] out_sector_reg;
    reg  [27:0] out_count_reg;
    reg  [31:0] out_writable_reg;
    reg         out_body_reg, out_answer_reg, out_valid_reg;

    wire        free     = !out_valid_reg || m_req_ready;
    wire        outside  = (action_reg == ACT_READ || action_reg == ACT_WRITE) &&
                           end_reg > {1'b0, s_capacity};
    reg  [2:0]  action;
    reg  [1:0]  status;

    assign s_rec_ready    = !valid_reg || free;
    assign m_req_action   = out_action_reg;
    assign m_req_status   = out_status_reg;
    assign m_req_sector   = out_sector_reg;
    assign m_req_count    = out_count_reg;
    assign m_req_writable = out_writable_reg;
    assign m_req_body     = out_body_reg;
    assign m_req_answer   = out_answer_reg;
    assign m_req_valid    = out_valid_reg;

    always @* begin
        act_in      = s_rec_type == TYPE_IN;
        act_out     = s_rec_type == TYPE_OUT;
        act_flush   = s_rec_type == TYPE_FLUSH;
        act_id      = s_rec_type == TYPE_GET_ID;
        act_discard = s_rec_type == TYPE_DISCARD;
        act_zeroes  = s_rec_type == TYPE_WRITE_ZEROES;
        status = STATUS_IOERR;
        action = ACT_NONE;
        if (s_rec_broken || s_rec_writable == 32'd0 || (READ_ONLY && (act_out || ranges)))
            status = STATUS_IOERR;
        else if (!enabled)
            status = STATUS_UNSUPP;
        else if (shape_ok)
            action = act_in ? ACT_READ : act_out ? ACT_WRITE : act_flush ? ACT_FLUSH :
                     act_id ? ACT_ID : act_discard ? ACT_DISCARD : ACT_ZEROES;
    end

    always @(posedge clk) begin
        if (s_rec_ready) begin
            action_reg   <= action;
            status_reg   <= status;
            sector_reg   <= s_rec_sector;
            count_reg    <= ranges ? data[31:4] : {5'd0, data[31:9]};
            end_reg      <= {1'b0, s_rec_sector} + {42'd0, data[31:9]};
            writable_reg <= s_rec_writable;
            body_reg     <= !no_body;
            answer_reg   <= s_rec_writable != 32'd0;
            valid_reg    <= s_rec_valid;
        end
        if (free) begin
            out_action_reg   <= outside ? ACT_NONE : action_reg;
            out_status_reg   <= status_reg;
            out_sector_reg   <= sector_reg;
            out_count_reg    <= count_reg;
            out_writable_reg <= writable_reg;
            out_body_reg     <= body_reg;
            out_answer_reg   <= answer_reg;
            out_valid_reg    <= valid_reg;
        end
        if (rst) begin
            valid_reg     <= 1'b0;
            out_valid_reg <= 1'b0;
        end
    end
endmodule
`resetall
