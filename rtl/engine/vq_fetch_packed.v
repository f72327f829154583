// SPDX-License-Identifier: Apache-2.0
// vq_fetch_packed - visits of packed rings in, chain heads out. Only wires.
//   Contract    as vq_fetch_probe and vq_fetch_flags. The descriptor of a chain that has no other
//               one leaves with its head where it came in one beat with its flags: on a bus of
//               128 bits or more
//   Latency     from a visit: one read of flags and about 10 cycles
//   Throughput  16 chains of one descriptor in 23 cycles, 37 on a bus of 64 bits
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_fetch_packed #(
    parameter QUEUES    = 4,        // queues, 1 to 64
    parameter QID_W     = 2,        // queue number, bits
    parameter DATA_W    = 64,       // beat, bits
    parameter MAX_CHAIN = 128,      // descriptors of a chain, at most
    parameter SLOT_W    = 8         // descriptors of a chain that is too long by one, bits
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    input  wire [QUEUES-1:0] s_fetchable,
    input  wire [QUEUES-1:0] s_resume,      // one that gets ready was served before
    input  wire [QUEUES-1:0] s_event_idx,
    // Queue set-up
    input  wire [QID_W-1:0]  s_setup_queue,
    input  wire [2:0]        s_setup_field,
    input  wire [31:0]       s_setup_data,
    input  wire              s_setup_valid,
    // Visits in, and their ends
    input  wire [QID_W-1:0]  s_visit_queue,
    input  wire              s_visit_valid,
    output wire              s_visit_ready,
    output wire [QID_W-1:0]  m_done_queue,
    output wire              m_done_starved,
    output wire              m_done_valid,
    // Chains started, and the credit that the queue has
    output wire [QID_W-1:0]  m_started_queue,
    output wire [7:0]        m_started_count,
    output wire              m_started_valid,
    input  wire [15:0]       s_started_credit,
    // Bursts to the read master, and their data
    output wire [63:0]       m_ar_addr,
    output wire [7:0]        m_ar_len,
    output wire [QID_W-1:0]  m_ar_queue,
    output wire              m_ar_valid,
    input  wire              m_ar_ready,
    input  wire              m_ar_dead,
    input  wire [DATA_W-1:0] s_r_data,
    input  wire              s_r_error,
    input  wire              s_r_valid,
    // Writes of the device event suppression structure: two bytes, or with m_write_wide four
    output wire [63:0]       m_write_addr,
    output wire [QID_W-1:0]  m_write_queue,
    output wire              m_write_null,
    output wire              m_write_wide,
    output wire [31:0]       m_write_data,
    output wire              m_write_valid,
    input  wire              m_write_ready,
    input  wire              s_ack_valid,
    // Chain heads, and the descriptors of the ring that each takes
    output wire [QID_W-1:0]  m_head_queue,
    output wire [15:0]       m_head_index,
    output wire [SLOT_W-1:0] m_head_slots,
    output wire              m_head_error,
    output wire              m_head_here,       // m_head_desc is all of the chain in the ring
    output wire [127:0]      m_head_desc,
    output wire              m_head_valid,
    input  wire              m_head_ready,
    // Chains that left, in order, given to the function or thrown away
    input  wire [QID_W-1:0]  s_leave_queue,
    input  wire [SLOT_W-1:0] s_leave_slots,
    input  wire              s_leave_given,
    input  wire              s_leave_valid,
    // Next position, for the registers
    input  wire [QID_W-1:0]  s_index_queue,
    output wire [15:0]       m_index_avail
);
    localparam LANE_W  = $clog2(DATA_W/8);
    localparam BYTES   = 256;           // of a window
    localparam WINDOWS = DATA_W == 64 ? 8 : DATA_W == 128 ? 16 : 32;
    // Twice the windows, so that none of them ever waits for room: the probe asks and takes in turn
    localparam BEATS   = 2 * WINDOWS * BYTES * 8 / DATA_W;
    localparam INFO_W  = QID_W + 18;

    wire [QID_W-1:0] ring_queue, window_queue, desc_queue;
    wire [15:0]      ring_size, leave_size, window_start, desc_start;
    wire [63:0]      ring_desc, ring_avail, ring_used, leave_desc, leave_avail, leave_used;
    wire [63:0]      window_addr, event_addr;
    wire [8:0]       window_len;
    wire [$clog2(BYTES):0] window_upto = {1'b0, window_addr[$clog2(BYTES)-1:0]} +
                                         window_len - 1'b1;
    wire             window_vouched, window_sole, window_valid, window_ready;
    wire             desc_vouched, desc_sole, desc_avail, desc_used, desc_next, desc_error;
    wire             desc_last, desc_final, desc_valid, desc_ready, desc_skip;
    wire [QID_W-1:0] event_queue;
    wire             event_null, event_wide, event_valid, event_ready;
    wire [31:0]      event_data;

    vq_queue_table #(.QUEUES(QUEUES), .QID_W(QID_W)) u_ring_table (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_queue(ring_queue),
        .size(ring_size),
        .desc_addr(ring_desc),
        .avail_addr(ring_avail),
        .used_addr(ring_used)
    );
    vq_queue_table #(.QUEUES(QUEUES), .QID_W(QID_W)) u_leave_table (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_queue(s_leave_queue),
        .size(leave_size),
        .desc_addr(leave_desc),
        .avail_addr(leave_avail),
        .used_addr(leave_used)
    );
    vq_fetch_probe #(
        .QUEUES(QUEUES), .QID_W(QID_W), .MAX_CHAIN(MAX_CHAIN), .SLOT_W(SLOT_W), .WINDOWS(WINDOWS)
    ) u_probe (
        .clk(clk),
        .rst(rst),
        .s_ready(s_ready),
        .s_fetchable(s_fetchable),
        .s_resume(s_resume),
        .s_event_idx(s_event_idx),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_visit_queue(s_visit_queue),
        .s_visit_valid(s_visit_valid),
        .s_visit_ready(s_visit_ready),
        .m_done_queue(m_done_queue),
        .m_done_starved(m_done_starved),
        .m_done_valid(m_done_valid),
        .m_table_queue(ring_queue),
        .s_table_size(ring_size),
        .s_table_desc_addr(ring_desc),
        .s_table_used_addr(ring_used),
        .m_req_addr(window_addr),
        .m_req_len(window_len),
        .m_req_queue(window_queue),
        .m_req_start(window_start),
        .m_req_vouched(window_vouched),
        .m_req_sole(window_sole),
        .m_req_valid(window_valid),
        .m_req_ready(window_ready),
        .s_desc_queue(desc_queue),
        .s_desc_start(desc_start),
        .s_desc_vouched(desc_vouched),
        .s_desc_sole(desc_sole),
        .s_desc_avail(desc_avail),
        .s_desc_used(desc_used),
        .s_desc_next(desc_next),
        .s_desc_error(desc_error),
        .s_desc_last(desc_last),
        .s_desc_final(desc_final),
        .s_desc_valid(desc_valid),
        .s_desc_ready(desc_ready),
        .m_desc_skip(desc_skip),
        .m_write_addr(event_addr),
        .m_write_queue(event_queue),
        .m_write_null(event_null),
        .m_write_wide(event_wide),
        .m_write_data(event_data),
        .m_write_valid(event_valid),
        .m_write_ready(event_ready),
        .s_ack_valid(s_ack_valid),
        .m_started_queue(m_started_queue),
        .m_started_count(m_started_count),
        .m_started_valid(m_started_valid),
        .s_started_credit(s_started_credit),
        .m_head_queue(m_head_queue),
        .m_head_index(m_head_index),
        .m_head_slots(m_head_slots),
        .m_head_error(m_head_error),
        .m_head_valid(m_head_valid),
        .m_head_ready(m_head_ready),
        .s_leave_queue(s_leave_queue),
        .s_leave_slots(s_leave_slots),
        .s_leave_given(s_leave_given),
        .s_leave_valid(s_leave_valid),
        .s_leave_size(leave_size),
        .s_index_queue(s_index_queue),
        .m_index_avail(m_index_avail)
    );
    // No visit waits for a write of suppression to be taken
    vq_fifo #(.WIDTH(64+QID_W+2+32), .DEPTH(4)) u_writes (
        .clk(clk),
        .rst(rst),
        .s_data({event_addr, event_queue, event_null, event_wide, event_data}),
        .s_valid(event_valid),
        .s_ready(event_ready),
        .m_data({m_write_addr, m_write_queue, m_write_null, m_write_wide, m_write_data}),
        .m_valid(m_write_valid),
        .m_ready(m_write_ready)
    );

    wire [DATA_W-1:0] wb_data;
    wire [LANE_W-1:0] wb_offset, wb_end;
    wire [LANE_W:0]   wb_count;
    wire [INFO_W-1:0] wb_info;
    wire              wb_error, wb_last, wb_valid, wb_ready;

    vq_read_port #(
        .DATA_W(DATA_W), .UPTO_W($clog2(BYTES)+1), .INFO_W(INFO_W), .QID_W(QID_W),
        .MAX_BYTES(BYTES), .BEATS(BEATS), .BURSTS(WINDOWS), .BLOCK_EN(1'b1), .SPLIT_EN(1'b0)
    ) u_window_port (
        .clk(clk),
        .rst(rst),
        .s_req_addr(window_addr),
        .s_req_upto(window_upto),
        .s_req_queue(window_queue),
        .s_req_info({window_queue, window_start, window_vouched, window_sole}),
        .s_req_valid(window_valid),
        .s_req_ready(window_ready),
        .m_ar_addr(m_ar_addr),
        .m_ar_len(m_ar_len),
        .m_ar_queue(m_ar_queue),
        .m_ar_valid(m_ar_valid),
        .m_ar_ready(m_ar_ready),
        .m_ar_dead(m_ar_dead),
        .s_r_data(s_r_data),
        .s_r_error(s_r_error),
        .s_r_valid(s_r_valid),
        .m_beat_data(wb_data),
        .m_beat_offset(wb_offset),
        .m_beat_count(wb_count),
        .m_beat_end(wb_end),
        .m_beat_info(wb_info),
        .m_beat_error(wb_error),
        .m_beat_last(wb_last),
        .m_beat_valid(wb_valid),
        .m_beat_ready(wb_ready)
    );
    vq_fetch_flags #(.DATA_W(DATA_W), .INFO_W(INFO_W)) u_flags (
        .clk(clk),
        .rst(rst),
        .s_beat_data(wb_data),
        .s_beat_offset(wb_offset),
        .s_beat_end(wb_end),
        .s_beat_info(wb_info),
        .s_beat_error(wb_error),
        .s_beat_last(wb_last),
        .s_beat_valid(wb_valid),
        .s_beat_ready(wb_ready),
        .m_desc_info({desc_queue, desc_start, desc_vouched, desc_sole}),
        .m_desc_avail(desc_avail),
        .m_desc_used(desc_used),
        .m_desc_next(desc_next),
        .m_desc_data(m_head_desc),
        .m_desc_error(desc_error),
        .m_desc_last(desc_last),
        .m_desc_final(desc_final),
        .m_desc_valid(desc_valid),
        .m_desc_ready(desc_ready),
        .s_skip(desc_skip)
    );

    // A head of one descriptor leaves while that is at hand, as it came in one beat with its flags
    assign m_head_here = DATA_W >= 128 && m_head_slots == {{(SLOT_W-1){1'b0}}, 1'b1} &&
                         !desc_next && !desc_error;

    wire unused = &{1'b0, wb_count, ring_avail, leave_desc, leave_avail, leave_used};
endmodule
`resetall
