// SPDX-License-Identifier: Apache-2.0
// vq_dev_pattern - device function that fills chains with a test pattern and checks theirs.
//   Contract    answers in order with all writable bytes. Byte i of chain n (per queue, from 0
//               since reset) of queue q is ((i + 29 n + 101 q) ^ (i >> 8)) mod 256; readable bytes
//               that differ from the same pattern are counted. The last beat, or the response if
//               it is empty, leaves only when the chain's whole packet was taken
//   Latency     3 cycles, header to response and to first beat (2 with CHAINS up to 32)
//   Throughput  1 beat per cycle in each direction, 1 chain per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_dev_pattern #(
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
    output wire                m_credit_valid,
    // Chain that another function takes in this cycle, which counts too; not with s_req_valid
    input  wire [QID_W-1:0]    s_other_queue,
    input  wire                s_other_valid,
    // Readable bytes that differed, saturating
    output wire [31:0]         m_errors
);
    if (DATA_W < 64 || DATA_W > 512 || 2**$clog2(DATA_W) != DATA_W) begin : gen_bad_data
        ERROR_DATA_W_must_be_64_128_256_or_512 u_error ();
    end

    wire              has_read  = s_req_readable != 32'd0;
    wire              has_write = s_req_writable != 32'd0;
    wire              answer_ready;
    wire              sink_ready;
    wire              source_ready;
    wire              taken;
    wire              taken_write;      // its chain has writable bytes
    wire              req = s_req_valid && s_req_ready;

    // Start value of each queue's next chain: 29 n here, and 101 q; all modulo 256
    wire [QID_W-1:0]  count_queue = s_other_valid ? s_other_queue : s_req_queue;
    wire [7:0]        count;
    wire [7:0]        count_unused;
    wire [7:0]        queue_number = {{(8-QID_W){1'b0}}, s_req_queue};   // at most 63
    wire [7:0]        start = count + {queue_number[1:0], 6'd0} + {queue_number[2:0], 5'd0} +
                              {queue_number[5:0], 2'd0} + queue_number;     // 101 = 64 + 32 + 4 + 1

    assign s_req_ready = answer_ready && sink_ready && source_ready;

    vq_table #(
        .WIDTH(8),
        .ROWS(QUEUES)
    ) u_counts (
        .clk(clk),
        .clear({QUEUES{rst}}),
        .write_en(req || s_other_valid),
        .write_addr(count_queue),
        .write_data(count + 8'd29),
        .read_a_addr(count_queue),
        .read_a_data(count),
        .read_b_addr(count_queue),
        .read_b_data(count_unused)
    );

    vq_fn_answer #(
        .QUEUES(QUEUES),
        .CHAINS(CHAINS),
        .CREDITS(CREDITS)
    ) u_answer (
        .clk(clk),
        .rst(rst),
        .s_chain_queue(s_req_queue),
        .s_chain_tag(s_req_tag),
        .s_chain_len(s_req_writable),
        .s_chain_wait(has_read && !has_write),
        .s_chain_valid(s_req_valid && sink_ready && source_ready),
        .s_chain_ready(answer_ready),
        .s_taken(taken && !taken_write),
        .m_rsp_tag(m_rsp_tag),
        .m_rsp_len(m_rsp_len),
        .m_rsp_valid(m_rsp_valid),
        .m_rsp_ready(m_rsp_ready),
        .s_live(s_live),
        .m_credit_queue(m_credit_queue),
        .m_credit_count(m_credit_count),
        .m_credit_valid(m_credit_valid)
    );

    vq_pattern_sink #(
        .DATA_W(DATA_W),
        .CHAINS(CHAINS)
    ) u_sink (
        .clk(clk),
        .rst(rst),
        .s_chain_start(start),
        .s_chain_mark(has_write),
        .s_chain_valid(req && has_read),
        .s_chain_ready(sink_ready),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tkeep(s_axis_tkeep),
        .s_axis_tlast(s_axis_tlast),
        .s_axis_tuser(s_axis_tuser),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .m_taken(taken),
        .m_taken_mark(taken_write),
        .m_errors(m_errors)
    );

    vq_pattern_source #(
        .DATA_W(DATA_W),
        .CHAINS(CHAINS)
    ) u_source (
        .clk(clk),
        .rst(rst),
        .s_chain_start(start),
        .s_chain_len(s_req_writable),
        .s_chain_wait(has_read),
        .s_chain_valid(req && has_write),
        .s_chain_ready(source_ready),
        .s_taken(taken && taken_write),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tkeep(m_axis_tkeep),
        .m_axis_tlast(m_axis_tlast),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready)
    );

    wire unused = &{1'b0, count_unused};
endmodule
`resetall
