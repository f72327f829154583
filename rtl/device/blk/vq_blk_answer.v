// SPDX-License-Identifier: Apache-2.0
// vq_blk_answer - the bytes that block requests are answered with: data, then the status.
//   Contract    one packet an answer, in order: all writable bytes, of which the last one is the
//               status. What is before it is the store's data (a read), the serial number, or
//               zeros. It ends only when every completion of its commands has come; the status is
//               IOERR if one of them failed. m_end pulses with the last beat
//   Latency     2 cycles, an answer without completions to its first beat; 1 cycle from the data,
//               and from the last completion
//   Throughput  1 beat per cycle, no gap between packets
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_blk_answer #(
    parameter         DATA_W      = 64,     // stream, bits; 64 to 512
    parameter         OUTSTANDING = 32,     // answers kept; power of two, 2 or more
    parameter         COUNT_W     = 5,      // completions of one answer, bits
    parameter [159:0] SERIAL      = 160'd0  // serial number, the first character lowest
) (
    input  wire                clk,
    input  wire                rst,
    // Answers to give
    input  wire [2:0]          s_answer_action,
    input  wire [1:0]          s_answer_status,
    input  wire [31:0]         s_answer_writable,
    input  wire [COUNT_W-1:0]  s_answer_count,
    input  wire                s_answer_valid,
    output wire                s_answer_ready,
    // Data of the reads, a packet each
    input  wire [DATA_W-1:0]   s_rd_tdata,
    input  wire                s_rd_tlast,
    input  wire                s_rd_tvalid,
    output wire                s_rd_tready,
    // Completions
    input  wire                s_done_ok,
    input  wire                s_done_valid,
    output wire                s_done_ready,
    // Packets
    output wire [DATA_W-1:0]   m_axis_tdata,
    output wire [DATA_W/8-1:0] m_axis_tkeep,
    output wire                m_axis_tlast,
    output wire                m_axis_tvalid,
    input  wire                m_axis_tready,
    // Pulse: an answer has ended, with its status
    output wire                m_end,
    output wire [2:0]          m_end_action,
    output wire [1:0]          m_end_status
);
    `include "vq_blk.vh"

    localparam BYTES = DATA_W / 8;
    localparam LB    = $clog2(BYTES);
    localparam PAD_W = DATA_W < 256 ? 256 : DATA_W;     // whole beats of the serial number

    reg                first_reg;                   // the next beat starts a packet
    reg  [31:0]        left_reg;                    // bytes not yet given, of a packet under way
    reg  [1:0]         beat_reg;                    // of the serial number
    reg  [COUNT_W-1:0] got_reg,  got_next;          // completions that have come
    reg                fail_reg, fail_next;         // one of them failed
    reg  [DATA_W-1:0]  data_reg;
    reg  [BYTES-1:0]   keep_reg;
    reg                last_reg;
    reg                valid_reg, valid_next;

    wire [2:0]         action;
    wire [1:0]         status;
    wire [31:0]        writable;
    wire [COUNT_W-1:0] count;
    wire               head_valid;
    wire [31:0]        left       = first_reg ? writable : left_reg;
    wire [1:0]         beat       = first_reg ? 2'd0 : beat_reg;
    wire               final_beat = left <= BYTES;
    wire [LB-1:0]      lane       = left[LB-1:0] - 1'b1;        // of the status, in a final beat
    wire               reads      = action == ACT_READ;
    wire               free       = !valid_reg || m_axis_tready;
    wire               come       = s_done_valid && s_done_ready;
    wire [COUNT_W-1:0] got        = got_reg + {{(COUNT_W-1){1'b0}}, come};
    wire               fail       = fail_reg || (come && !s_done_ok);
    wire               ready      = final_beat ? got == count : !reads || s_rd_tvalid;
    wire               load       = head_valid && free && ready;
    wire               finish     = load && final_beat;
    wire [1:0]         told       = status == STATUS_OK && fail ? STATUS_IOERR : status;
    wire [PAD_W-1:0]   serial     = {{(PAD_W-160){1'b0}}, SERIAL};
    wire [DATA_W-1:0]  fill       = action == ACT_ID ? serial[DATA_W*beat +: DATA_W] :
                                    reads && !final_beat ? s_rd_tdata : {DATA_W{1'b0}};
    wire [DATA_W-1:0]  status_at  = {{(DATA_W-2){1'b0}}, told} << {lane, 3'd0};

    assign s_rd_tready   = head_valid && free && reads && !final_beat;
    assign s_done_ready  = head_valid && got_reg != count;
    assign m_axis_tdata  = data_reg;
    assign m_axis_tkeep  = keep_reg;
    assign m_axis_tlast  = last_reg;
    assign m_axis_tvalid = valid_reg;
    assign m_end         = finish;
    assign m_end_action  = action;
    assign m_end_status  = told;

    vq_fifo #(.WIDTH(37 + COUNT_W), .DEPTH(OUTSTANDING)) u_answers (
        .clk(clk),
        .rst(rst),
        .s_data({s_answer_action, s_answer_status, s_answer_writable, s_answer_count}),
        .s_valid(s_answer_valid),
        .s_ready(s_answer_ready),
        .m_data({action, status, writable, count}),
        .m_valid(head_valid),
        .m_ready(finish)
    );

    always @* begin
        valid_next = load || !free;
        got_next   = got;
        fail_next  = fail;
        if (finish) begin
            got_next  = {COUNT_W{1'b0}};
            fail_next = 1'b0;
        end
    end

    always @(posedge clk) begin
        valid_reg <= valid_next;
        got_reg   <= got_next;
        fail_reg  <= fail_next;
        if (load) begin
            first_reg <= final_beat;
            left_reg  <= left - BYTES;
            beat_reg  <= beat + 1'b1;
            data_reg  <= final_beat ? fill | status_at : fill;
            keep_reg  <= final_beat ? ~({BYTES{1'b1}} << left[LB:0]) : {BYTES{1'b1}};
            last_reg  <= final_beat;
        end
        if (rst) begin
            valid_reg <= 1'b0;
            got_reg   <= {COUNT_W{1'b0}};
            fail_reg  <= 1'b0;
            first_reg <= 1'b1;
        end
    end

    `VQ_ASSUME(a_answer_room, !s_answer_valid || s_answer_writable != 32'd0)
    `VQ_ASSUME(a_read_whole, !(s_rd_tvalid && s_rd_tready) || s_rd_tlast == (left == BYTES + 1))
endmodule
`resetall
