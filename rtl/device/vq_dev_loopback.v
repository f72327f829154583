// SPDX-License-Identifier: Apache-2.0
// vq_dev_loopback - device function that gives each chain's readable bytes back.
//   Contract    answers in order; the response has min(readable, writable) bytes, the first
//               readable ones; what the packet holds beyond is swallowed. The last beat, or the
//               response if it is empty, leaves only when the whole packet was taken
//   Latency     3 cycles, header to response (2 with CHAINS up to 32); 1 cycle, beat to beat
//   Throughput  1 beat per cycle, 1 chain per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_dev_loopback #(
    parameter QUEUES  = 4,                                  // queues; 1 to 64
    parameter DATA_W  = 64,                                 // stream, bits; 64 to 512
    parameter CHAINS  = 256,                                // chains at a time; power of two
    parameter CREDITS = CHAINS,                             // chains per queue; 1 to 16384
    parameter QID_W   = QUEUES > 1 ? $clog2(QUEUES) : 1,    // derived, not to be set
    parameter TAG_W   = $clog2(CHAINS)                      // derived, not to be set
) (
    input  wire                clk,
    input  wire                rst,
    // Chain headers; sizes in bytes
    input  wire [QID_W-1:0]    s_req_queue,
    input  wire [TAG_W-1:0]    s_req_tag,
    input  wire [31:0]         s_req_readable,
    input  wire [31:0]         s_req_writable,
    input  wire                s_req_valid,
    output wire                s_req_ready,
    // One packet per header with readable bytes
    input  wire [DATA_W-1:0]   s_axis_tdata,
    input  wire [DATA_W/8-1:0] s_axis_tkeep,
    input  wire                s_axis_tlast,
    input  wire                s_axis_tuser,
    input  wire                s_axis_tvalid,
    output wire                s_axis_tready,
    // Responses
    output wire [TAG_W-1:0]    m_rsp_tag,
    output wire [31:0]         m_rsp_len,
    output wire                m_rsp_valid,
    input  wire                m_rsp_ready,
    // One packet per response that is not empty
    output wire [DATA_W-1:0]   m_axis_tdata,
    output wire [DATA_W/8-1:0] m_axis_tkeep,
    output wire                m_axis_tlast,
    output wire                m_axis_tvalid,
    input  wire                m_axis_tready,
    // Level per queue: it works. Credits, always taken
    input  wire [QUEUES-1:0]   s_live,
    output wire [QID_W-1:0]    m_credit_queue,
    output wire [15:0]         m_credit_count,
    output wire                m_credit_valid
);
    if (DATA_W < 64 || DATA_W > 512 || 2**$clog2(DATA_W) != DATA_W) begin : gen_bad_data
        ERROR_DATA_W_must_be_64_128_256_or_512 u_error ();
    end

    localparam BYTES = DATA_W / 8;
    localparam LB    = $clog2(BYTES);
    localparam [0:0] BLOCK_EN = CHAINS > 32;

    wire [31:0]       req_len   = s_req_readable < s_req_writable ? s_req_readable : s_req_writable;
    wire              req_bytes = s_req_readable != 32'd0;
    wire              answer_ready;
    wire              packet_ready;
    wire [31:0]       head_len;         // bytes of the packet to give back
    wire              head_valid;

    reg               first_reg;        // the next beat starts a packet
    reg  [31:0]       left_reg;         // bytes still to give back, of a packet under way
    reg  [DATA_W-1:0] data_reg;
    reg  [BYTES-1:0]  keep_reg;
    reg               last_reg;
    reg               valid_reg, valid_next;
    reg               held_reg,  held_next;     // last beat in data_reg, its packet still coming in

    wire [31:0]       left  = first_reg ? head_len : left_reg;
    wire              none  = left == 32'd0;
    wire              final_beat = left <= BYTES;
    wire              beat  = s_axis_tvalid && s_axis_tready;
    wire              load  = beat && !none;

    assign s_req_ready   = answer_ready && packet_ready;
    assign s_axis_tready = head_valid && (none || !valid_reg || m_axis_tready);
    assign m_axis_tdata  = data_reg;
    assign m_axis_tkeep  = keep_reg;
    assign m_axis_tlast  = last_reg;
    assign m_axis_tvalid = valid_reg;

    vq_fn_answer #(
        .QUEUES(QUEUES),
        .CHAINS(CHAINS),
        .CREDITS(CREDITS)
    ) u_answer (
        .clk(clk),
        .rst(rst),
        .s_chain_queue(s_req_queue),
        .s_chain_tag(s_req_tag),
        .s_chain_len(req_len),
        .s_chain_wait(req_bytes && s_req_writable == 32'd0),
        .s_chain_valid(s_req_valid && packet_ready),
        .s_chain_ready(answer_ready),
        .s_taken(beat && s_axis_tlast && head_len == 32'd0),
        .m_rsp_tag(m_rsp_tag),
        .m_rsp_len(m_rsp_len),
        .m_rsp_valid(m_rsp_valid),
        .m_rsp_ready(m_rsp_ready),
        .s_live(s_live),
        .m_credit_queue(m_credit_queue),
        .m_credit_count(m_credit_count),
        .m_credit_valid(m_credit_valid)
    );

    vq_fifo #(
        .WIDTH(32),
        .DEPTH(CHAINS),
        .BLOCK_EN(BLOCK_EN)
    ) u_packets (
        .clk(clk),
        .rst(rst),
        .s_data(req_len),
        .s_valid(s_req_valid && answer_ready && req_bytes),
        .s_ready(packet_ready),
        .m_data(head_len),
        .m_valid(head_valid),
        .m_ready(beat && s_axis_tlast)
    );

    always @* begin
        valid_next = valid_reg && !m_axis_tready;
        held_next  = held_reg;
        if (load) begin
            valid_next = !final_beat || s_axis_tlast;
            held_next  = final_beat && !s_axis_tlast;
        end else if (beat && s_axis_tlast && held_reg) begin
            valid_next = 1'b1;
            held_next  = 1'b0;
        end
    end

    always @(posedge clk) begin
        valid_reg <= valid_next;
        held_reg  <= held_next;
        if (beat) begin
            first_reg <= s_axis_tlast;
            left_reg  <= final_beat ? 32'd0 : left - BYTES;
        end
        if (load) begin
            data_reg <= s_axis_tdata;
            keep_reg <= final_beat ? ~({BYTES{1'b1}} << left[LB:0]) : {BYTES{1'b1}};
            last_reg <= final_beat;
        end
        if (rst) begin
            valid_reg <= 1'b0;
            held_reg  <= 1'b0;
            first_reg <= 1'b1;
        end
    end

    // A packet is never shorter than its header said, and not a beat longer than it may be
    `VQ_ASSUME(a_packet_whole, !(beat && s_axis_tlast) || final_beat)
    `VQ_ASSUME(a_packet_packed, !s_axis_tvalid || s_axis_tlast || s_axis_tkeep == {BYTES{1'b1}})
    `VQ_ASSERT(a_held_alone, !held_reg || !valid_reg)

    wire unused = &{1'b0, s_axis_tkeep, s_axis_tuser};
endmodule
`resetall
