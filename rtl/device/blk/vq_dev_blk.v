// SPDX-License-Identifier: Apache-2.0
// vq_dev_blk - device function of a block device (virtio 5.2) in front of a store of sectors.
//   Contract    every chain of every queue is one request, answered in order with all writable
//               bytes: data or zeros, then the status. Reads, writes, flushes, discards and
//               write-zeroes become commands of the store, in order; what is malformed, out of
//               range or unknown reaches it in no part (docs/architecture.md). Of a damaged
//               packet only whole beats before the damage are given to the store, and their
//               write is to fail
//   Latency     3 cycles, the end of a request's header to its command; 1 cycle from the store's
//               data and completion to the answer
//   Throughput  1 beat per cycle in each direction; a 16-byte header costs 2, 1 or part of a beat
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_dev_blk #(
    parameter         QUEUES      = 4,                  // queues; 1 to 64
    parameter         DATA_W      = 64,                 // stream, bits; 64 to 512
    parameter         CHAINS      = 256,                // chains at a time; power of two
    parameter         CREDITS     = CHAINS,             // chains per queue; 1 to 16384
    parameter         OUTSTANDING = 32,                 // commands in the store; power of two
    parameter [0:0]   READ_ONLY   = 1'b0,               // 1: RO is offered
    parameter [31:0]  SIZE_MAX    = 32'h00010000,       // bytes of a segment, as told
    parameter [31:0]  SEG_MAX     = 32'd126,            // segments of a request, as told
    parameter [31:0]  BLK_SIZE    = 32'd512,            // preferred block, bytes, as told
    parameter         MAX_RANGES  = 16,                 // ranges of a request; power of two
    parameter [31:0]  MAX_SECTORS = 32'h003fffff,       // sectors in a range
    parameter [0:0]   UNMAP_EN    = 1'b0,               // 1: write-zeroes may deallocate
    parameter [159:0] SERIAL      = 160'd0,             // GET_ID's; the first character lowest
    parameter         QID_W       = QUEUES > 1 ? $clog2(QUEUES) : 1,    // derived, not to be set
    parameter         TAG_W       = $clog2(CHAINS)                      // derived, not to be set
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
    // One packet per header with readable bytes; tuser: bytes of this beat or before are damaged
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
    // Level: feature bits that the driver has chosen
    input  wire [63:0]         s_features,
    // Configuration space: byte offset from its start, 4-aligned; s_cfg_write is a pulse
    input  wire [10:0]         s_cfg_addr,
    input  wire [31:0]         s_cfg_wdata,
    input  wire [3:0]          s_cfg_wstrb,
    input  wire                s_cfg_write,
    output wire [31:0]         m_cfg_rdata,
    output wire                m_cfg_change,
    // Level: sectors of the store
    input  wire [63:0]         s_capacity,
    // Commands of the store, in order
    output wire [2:0]          m_cmd_op,
    output wire [63:0]         m_cmd_sector,
    output wire [31:0]         m_cmd_sectors,
    output wire                m_cmd_stable,
    output wire                m_cmd_unmap,
    output wire                m_cmd_valid,
    input  wire                m_cmd_ready,
    // Bytes of its writes; tuser: this beat and those behind it must not be written
    output wire [DATA_W-1:0]   m_wr_tdata,
    output wire                m_wr_tlast,
    output wire                m_wr_tuser,
    output wire                m_wr_tvalid,
    input  wire                m_wr_tready,
    // Bytes of its reads
    input  wire [DATA_W-1:0]   s_rd_tdata,
    input  wire                s_rd_tlast,
    input  wire                s_rd_tvalid,
    output wire                s_rd_tready,
    // Its completions, one a command, in order
    input  wire                s_done_ok,
    input  wire                s_done_valid,
    output wire                s_done_ready
);
    if (DATA_W < 64 || DATA_W > 512 || 2**$clog2(DATA_W) != DATA_W) begin : gen_bad_data
        ERROR_DATA_W_must_be_64_128_256_or_512 u_error ();
    end
    if (MAX_RANGES < 2 || 2**$clog2(MAX_RANGES) != MAX_RANGES) begin : gen_bad_ranges
        ERROR_MAX_RANGES_must_be_a_power_of_two_of_at_least_2 u_error ();
    end

    `include "vq_blk.vh"
    `include "vq_blk_config.vh"

    localparam COUNT_W = $clog2(MAX_RANGES) + 1;
    localparam [0:0] BLOCK_EN = CHAINS > 32;

    wire [31:0]        chain_readable, chain_writable;
    wire               chain_valid, chain_ready, chains_ready, answer_ready;
    wire [31:0]        rec_type;
    wire [63:0]        rec_sector;
    wire [31:0]        rec_body, rec_writable;
    wire               rec_broken, rec_valid, rec_ready;
    wire [2:0]         req_action;
    wire [1:0]         req_status;
    wire [63:0]        req_sector;
    wire [27:0]        req_count;
    wire [31:0]        req_writable;
    wire               req_body, req_answer, req_valid, req_ready, answers_ready;
    wire [DATA_W-1:0]  split_data, ranges_data;
    wire               split_user, split_last, split_body_valid, split_body_ready;
    wire               ranges_user, ranges_last, ranges_valid, ranges_ready, route_store;
    wire               route_ranges, route_valid, route_ready, taken, clear, checked, silent;
    wire [1:0]         range_status;
    wire [COUNT_W-1:0] kept;
    wire [63:0]        range_sector;
    wire [31:0]        range_sectors;
    wire               range_unmap, range_valid, range_ready;
    wire [2:0]         answer_action, end_action;
    wire [1:0]         answer_status, end_status;
    wire [31:0]        answer_writable;
    wire [COUNT_W-1:0] answer_count;
    wire               answer_valid, ends;
    wire [63:0]        capacity;
    wire               stable;

    assign s_req_ready = chains_ready && answers_ready;

    vq_fn_answer #(
        .QUEUES(QUEUES),
        .CHAINS(CHAINS),
        .CREDITS(CREDITS)
    ) u_responses (
        .clk(clk),
        .rst(rst),
        .s_chain_queue(s_req_queue),
        .s_chain_tag(s_req_tag),
        .s_chain_len(s_req_writable),
        .s_chain_wait(s_req_writable == 32'd0),
        .s_chain_valid(s_req_valid && chains_ready),
        .s_chain_ready(answers_ready),
        .s_taken(silent),
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
        .WIDTH(64),
        .DEPTH(CHAINS),
        .BLOCK_EN(BLOCK_EN)
    ) u_chains (
        .clk(clk),
        .rst(rst),
        .s_data({s_req_readable, s_req_writable}),
        .s_valid(s_req_valid && answers_ready),
        .s_ready(chains_ready),
        .m_data({chain_readable, chain_writable}),
        .m_valid(chain_valid),
        .m_ready(chain_ready)
    );

    vq_blk_split #(
        .DATA_W(DATA_W)
    ) u_split (
        .clk(clk),
        .rst(rst),
        .s_chain_readable(chain_readable),
        .s_chain_writable(chain_writable),
        .s_chain_valid(chain_valid),
        .s_chain_ready(chain_ready),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tkeep(s_axis_tkeep),
        .s_axis_tlast(s_axis_tlast),
        .s_axis_tuser(s_axis_tuser),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .m_rec_type(rec_type),
        .m_rec_sector(rec_sector),
        .m_rec_body(rec_body),
        .m_rec_writable(rec_writable),
        .m_rec_broken(rec_broken),
        .m_rec_valid(rec_valid),
        .m_rec_ready(rec_ready),
        .m_body_data(split_data),
        .m_body_user(split_user),
        .m_body_last(split_last),
        .m_body_valid(split_body_valid),
        .m_body_ready(split_body_ready)
    );

    vq_blk_check #(
        .READ_ONLY(READ_ONLY)
    ) u_check (
        .clk(clk),
        .rst(rst),
        .s_capacity(capacity),
        .s_flush_en(s_features[BLK_F_FLUSH]),
        .s_discard_en(s_features[BLK_F_DISCARD]),
        .s_zeroes_en(s_features[BLK_F_WRITE_ZEROES]),
        .s_rec_type(rec_type),
        .s_rec_sector(rec_sector),
        .s_rec_body(rec_body),
        .s_rec_writable(rec_writable),
        .s_rec_broken(rec_broken),
        .s_rec_valid(rec_valid),
        .s_rec_ready(rec_ready),
        .m_req_action(req_action),
        .m_req_status(req_status),
        .m_req_sector(req_sector),
        .m_req_count(req_count),
        .m_req_writable(req_writable),
        .m_req_body(req_body),
        .m_req_answer(req_answer),
        .m_req_valid(req_valid),
        .m_req_ready(req_ready)
    );

    vq_blk_body #(
        .DATA_W(DATA_W)
    ) u_body (
        .clk(clk),
        .rst(rst),
        .s_body_data(split_data),
        .s_body_user(split_user),
        .s_body_last(split_last),
        .s_body_valid(split_body_valid),
        .s_body_ready(split_body_ready),
        .s_route_store(route_store),
        .s_route_ranges(route_ranges),
        .s_route_valid(route_valid),
        .s_route_ready(route_ready),
        .m_wr_tdata(m_wr_tdata),
        .m_wr_tlast(m_wr_tlast),
        .m_wr_tuser(m_wr_tuser),
        .m_wr_tvalid(m_wr_tvalid),
        .m_wr_tready(m_wr_tready),
        .m_ranges_data(ranges_data),
        .m_ranges_user(ranges_user),
        .m_ranges_last(ranges_last),
        .m_ranges_valid(ranges_valid),
        .m_ranges_ready(ranges_ready),
        .m_taken(taken)
    );

    vq_blk_ranges #(
        .DATA_W(DATA_W),
        .MAX_RANGES(MAX_RANGES),
        .MAX_SECTORS(MAX_SECTORS)
    ) u_ranges (
        .clk(clk),
        .rst(rst),
        .s_capacity(capacity),
        .s_discard(req_action == ACT_DISCARD),
        .s_count(req_count),
        .s_body_data(ranges_data),
        .s_body_user(ranges_user),
        .s_body_last(ranges_last),
        .s_body_valid(ranges_valid),
        .s_body_ready(ranges_ready),
        .s_clear(clear),
        .m_checked(checked),
        .m_status(range_status),
        .m_kept(kept),
        .m_range_sector(range_sector),
        .m_range_sectors(range_sectors),
        .m_range_unmap(range_unmap),
        .m_range_valid(range_valid),
        .m_range_ready(range_ready)
    );

    vq_blk_issue #(
        .COUNT_W(COUNT_W)
    ) u_issue (
        .clk(clk),
        .rst(rst),
        .s_stable(stable),
        .s_req_action(req_action),
        .s_req_status(req_status),
        .s_req_sector(req_sector),
        .s_req_count(req_count),
        .s_req_writable(req_writable),
        .s_req_body(req_body),
        .s_req_answer(req_answer),
        .s_req_valid(req_valid),
        .s_req_ready(req_ready),
        .m_route_store(route_store),
        .m_route_ranges(route_ranges),
        .m_route_valid(route_valid),
        .m_route_ready(route_ready),
        .s_taken(taken),
        .m_clear(clear),
        .s_checked(checked),
        .s_status(range_status),
        .s_kept(kept),
        .s_range_sector(range_sector),
        .s_range_sectors(range_sectors),
        .s_range_unmap(range_unmap && UNMAP_EN),
        .s_range_valid(range_valid),
        .s_range_ready(range_ready),
        .m_cmd_op(m_cmd_op),
        .m_cmd_sector(m_cmd_sector),
        .m_cmd_sectors(m_cmd_sectors),
        .m_cmd_stable(m_cmd_stable),
        .m_cmd_unmap(m_cmd_unmap),
        .m_cmd_valid(m_cmd_valid),
        .m_cmd_ready(m_cmd_ready),
        .m_answer_action(answer_action),
        .m_answer_status(answer_status),
        .m_answer_writable(answer_writable),
        .m_answer_count(answer_count),
        .m_answer_valid(answer_valid),
        .m_answer_ready(answer_ready),
        .m_silent(silent)
    );

    vq_blk_answer #(
        .DATA_W(DATA_W),
        .OUTSTANDING(OUTSTANDING),
        .COUNT_W(COUNT_W),
        .SERIAL(SERIAL)
    ) u_answer (
        .clk(clk),
        .rst(rst),
        .s_answer_action(answer_action),
        .s_answer_status(answer_status),
        .s_answer_writable(answer_writable),
        .s_answer_count(answer_count),
        .s_answer_valid(answer_valid),
        .s_answer_ready(answer_ready),
        .s_rd_tdata(s_rd_tdata),
        .s_rd_tlast(s_rd_tlast),
        .s_rd_tvalid(s_rd_tvalid),
        .s_rd_tready(s_rd_tready),
        .s_done_ok(s_done_ok),
        .s_done_valid(s_done_valid),
        .s_done_ready(s_done_ready),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tkeep(m_axis_tkeep),
        .m_axis_tlast(m_axis_tlast),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .m_end(ends),
        .m_end_action(end_action),
        .m_end_status(end_status)
    );

    vq_blk_config #(
        .QUEUES(QUEUES),
        .SIZE_MAX(SIZE_MAX),
        .SEG_MAX(SEG_MAX),
        .BLK_SIZE(BLK_SIZE),
        .MAX_SECTORS(MAX_SECTORS),
        .MAX_RANGES(MAX_RANGES[31:0]),
        .UNMAP_EN(UNMAP_EN)
    ) u_config (
        .clk(clk),
        .rst(rst),
        .s_capacity(s_capacity),
        .s_features(s_features),
        .s_cfg_addr(s_cfg_addr),
        .s_cfg_wdata(s_cfg_wdata),
        .s_cfg_wstrb(s_cfg_wstrb),
        .s_cfg_write(s_cfg_write),
        .m_cfg_rdata(m_cfg_rdata),
        .m_cfg_change(m_cfg_change),
        .s_end(ends),
        .s_end_action(end_action),
        .s_end_status(end_status),
        .m_capacity(capacity),
        .m_stable(stable)
    );
endmodule
`resetall
