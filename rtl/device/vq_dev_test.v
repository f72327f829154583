// SPDX-License-Identifier: Apache-2.0
// vq_dev_test - device function of the test device: loopback or pattern, as its mode says.
//   Contract    configuration space 0x000 mode (R/W; 0 loopback, 1 pattern), 0x004 sink_errors (R).
//               The mode changes only while no chain is in the function; a chain counts in the
//               pattern's numbering whatever the mode. Both functions always see s_live and grant
//               alike, so that the one that takes over finds its credits granted
//   Latency     that of the function
//   Throughput  that of the function
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_dev_test #(
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
    // Configuration space: byte offset from its start, 4-aligned; s_cfg_write is a pulse
    input  wire [10:0]         s_cfg_addr,
    input  wire [31:0]         s_cfg_wdata,
    input  wire [3:0]          s_cfg_wstrb,
    input  wire                s_cfg_write,
    output wire [31:0]         m_cfg_rdata
);
    localparam [10:0] CFG_MODE        = 11'h000;
    localparam [10:0] CFG_SINK_ERRORS = 11'h004;

    reg                       mode_reg, mode_next;  // 0 loopback, 1 pattern

    wire                      loop_req_ready;
    wire                      loop_axis_ready;
    wire [TAG_W-1:0]          loop_rsp_tag;
    wire [31:0]               loop_rsp_len;
    wire                      loop_rsp_valid;
    wire [DATA_W-1:0]         loop_axis_tdata;
    wire [DATA_W/8-1:0]       loop_axis_tkeep;
    wire                      loop_axis_tlast;
    wire                      loop_axis_tvalid;
    wire [QID_W-1:0]          loop_credit_queue;
    wire [15:0]               loop_credit_count;
    wire                      loop_credit_valid;
    wire                      pat_req_ready;
    wire                      pat_axis_ready;
    wire [TAG_W-1:0]          pat_rsp_tag;
    wire [31:0]               pat_rsp_len;
    wire                      pat_rsp_valid;
    wire [DATA_W-1:0]         pat_axis_tdata;
    wire [DATA_W/8-1:0]       pat_axis_tkeep;
    wire                      pat_axis_tlast;
    wire                      pat_axis_tvalid;
    wire [QID_W-1:0]          pat_credit_queue;
    wire [15:0]               pat_credit_count;
    wire                      pat_credit_valid;
    wire [31:0]               sink_errors;

    assign s_req_ready    = mode_reg ? pat_req_ready : loop_req_ready;
    assign s_axis_tready  = mode_reg ? pat_axis_ready : loop_axis_ready;
    assign m_rsp_tag      = mode_reg ? pat_rsp_tag : loop_rsp_tag;
    assign m_rsp_len      = mode_reg ? pat_rsp_len : loop_rsp_len;
    assign m_rsp_valid    = mode_reg ? pat_rsp_valid : loop_rsp_valid;
    assign m_axis_tdata   = mode_reg ? pat_axis_tdata : loop_axis_tdata;
    assign m_axis_tkeep   = mode_reg ? pat_axis_tkeep : loop_axis_tkeep;
    assign m_axis_tlast   = mode_reg ? pat_axis_tlast : loop_axis_tlast;
    assign m_axis_tvalid  = mode_reg ? pat_axis_tvalid : loop_axis_tvalid;
    assign m_credit_queue = mode_reg ? pat_credit_queue : loop_credit_queue;
    assign m_credit_count = mode_reg ? pat_credit_count : loop_credit_count;
    assign m_credit_valid = mode_reg ? pat_credit_valid : loop_credit_valid;
    assign m_cfg_rdata    = s_cfg_addr == CFG_MODE ? {31'd0, mode_reg} :
                            s_cfg_addr == CFG_SINK_ERRORS ? sink_errors : 32'd0;

    vq_dev_loopback #(
        .QUEUES(QUEUES),
        .DATA_W(DATA_W),
        .CHAINS(CHAINS),
        .CREDITS(CREDITS)
    ) u_loopback (
        .clk(clk),
        .rst(rst),
        .s_req_queue(s_req_queue),
        .s_req_tag(s_req_tag),
        .s_req_readable(s_req_readable),
        .s_req_writable(s_req_writable),
        .s_req_valid(s_req_valid && !mode_reg),
        .s_req_ready(loop_req_ready),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tkeep(s_axis_tkeep),
        .s_axis_tlast(s_axis_tlast),
        .s_axis_tuser(s_axis_tuser),
        .s_axis_tvalid(s_axis_tvalid && !mode_reg),
        .s_axis_tready(loop_axis_ready),
        .m_rsp_tag(loop_rsp_tag),
        .m_rsp_len(loop_rsp_len),
        .m_rsp_valid(loop_rsp_valid),
        .m_rsp_ready(m_rsp_ready && !mode_reg),
        .m_axis_tdata(loop_axis_tdata),
        .m_axis_tkeep(loop_axis_tkeep),
        .m_axis_tlast(loop_axis_tlast),
        .m_axis_tvalid(loop_axis_tvalid),
        .m_axis_tready(m_axis_tready && !mode_reg),
        .s_live(s_live),
        .m_credit_queue(loop_credit_queue),
        .m_credit_count(loop_credit_count),
        .m_credit_valid(loop_credit_valid)
    );

    vq_dev_pattern #(
        .QUEUES(QUEUES),
        .DATA_W(DATA_W),
        .CHAINS(CHAINS),
        .CREDITS(CREDITS)
    ) u_pattern (
        .clk(clk),
        .rst(rst),
        .s_req_queue(s_req_queue),
        .s_req_tag(s_req_tag),
        .s_req_readable(s_req_readable),
        .s_req_writable(s_req_writable),
        .s_req_valid(s_req_valid && mode_reg),
        .s_req_ready(pat_req_ready),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tkeep(s_axis_tkeep),
        .s_axis_tlast(s_axis_tlast),
        .s_axis_tuser(s_axis_tuser),
        .s_axis_tvalid(s_axis_tvalid && mode_reg),
        .s_axis_tready(pat_axis_ready),
        .m_rsp_tag(pat_rsp_tag),
        .m_rsp_len(pat_rsp_len),
        .m_rsp_valid(pat_rsp_valid),
        .m_rsp_ready(m_rsp_ready && mode_reg),
        .m_axis_tdata(pat_axis_tdata),
        .m_axis_tkeep(pat_axis_tkeep),
        .m_axis_tlast(pat_axis_tlast),
        .m_axis_tvalid(pat_axis_tvalid),
        .m_axis_tready(m_axis_tready && mode_reg),
        .s_live(s_live),
        .m_credit_queue(pat_credit_queue),
        .m_credit_count(pat_credit_count),
        .m_credit_valid(pat_credit_valid),
        .s_other_queue(s_req_queue),
        .s_other_valid(s_req_valid && s_req_ready && !mode_reg),
        .m_errors(sink_errors)
    );

    always @* begin
        mode_next = mode_reg;
        if (s_cfg_write && s_cfg_addr == CFG_MODE && s_cfg_wstrb[0]) mode_next = s_cfg_wdata[0];
    end

    always @(posedge clk) begin
        mode_reg <= mode_next;
        if (rst) mode_reg <= 1'b0;
    end

    wire unused = &{1'b0, s_cfg_wdata[31:1], s_cfg_wstrb[3:1]};
endmodule
`resetall
