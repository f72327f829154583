// SPDX-License-Identifier: Apache-2.0
// vq_fetch_avail - visits of the available rings in, chain heads out. Only wires.
//   Contract    as vq_fetch_ring and vq_fetch_entries
//   Latency     from a visit: two dependent reads (index, entry) and about 10 cycles
//   Throughput  1 head per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_fetch_avail #(
    parameter QUEUES    = 4,        // queues, 1 to 64
    parameter QID_W     = 2,        // queue number, bits
    parameter DATA_W    = 64        // beat, bits
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    input  wire [QUEUES-1:0] s_resume,      // one that gets ready was served before
    input  wire [QUEUES-1:0] s_event_idx,
    // Queue set-up
    input  wire [QID_W-1:0]  s_setup_queue,
    input  wire [2:0]        s_setup_field,
    input  wire [31:0]       s_setup_data,
    input  wire              s_setup_valid,
    // Visits in, and their ends
    input  wire [QID_W-1:0]  s_visit_queue,
    input  wire [15:0]       s_visit_index,
    input  wire              s_visit_told,
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
    // Writes of used.flags or avail_event
    output wire [63:0]       m_write_addr,
    output wire [QID_W-1:0]  m_write_queue,
    output wire              m_write_null,
    output wire [15:0]       m_write_data,
    output wire              m_write_valid,
    input  wire              m_write_ready,
    input  wire              s_ack_valid,
    // Chain heads
    output wire [QID_W-1:0]  m_head_queue,
    output wire [15:0]       m_head_index,
    output wire              m_head_error,
    output wire              m_head_valid,
    input  wire              m_head_ready,
    // Faults
    output wire [4:0]        m_fault_code,
    output wire [QID_W-1:0]  m_fault_queue,
    output wire              m_fault_valid,
    input  wire              m_fault_ready,
    // Next available index, for the registers
    input  wire [QID_W-1:0]  s_index_queue,
    output wire [15:0]       m_index_avail
);
    localparam LANE_W      = $clog2(DATA_W/8);
    localparam ENTRIES_MAX = 32;        // entries asked for at once
    localparam AVAIL_BEATS = 32;
    localparam BURSTS      = 32;

    wire [QID_W-1:0] ring_queue, avail_queue, look_queue;
    wire [15:0]      ring_size, look_index;
    wire [63:0]      ring_avail, ring_used, avail_addr, ring_desc;
    wire [$clog2(ENTRIES_MAX):0] avail_upto;
    wire [63:0]      flag_addr;
    wire [QID_W-1:0] flag_queue;
    wire [15:0]      flag_data;
    wire             flag_null, flag_valid, flag_ready;
    wire             avail_look, avail_valid, avail_ready, look_error, look_valid, look_ready;

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
    vq_fetch_ring #(
        .QUEUES(QUEUES), .QID_W(QID_W), .ENTRIES_MAX(ENTRIES_MAX)
    ) u_ring (
        .clk(clk),
        .rst(rst),
        .s_ready(s_ready),
        .s_resume(s_resume),
        .s_event_idx(s_event_idx),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_visit_queue(s_visit_queue),
        .s_visit_index(s_visit_index),
        .s_visit_told(s_visit_told),
        .s_visit_valid(s_visit_valid),
        .s_visit_ready(s_visit_ready),
        .m_done_queue(m_done_queue),
        .m_done_starved(m_done_starved),
        .m_done_valid(m_done_valid),
        .m_table_queue(ring_queue),
        .s_table_size(ring_size),
        .s_table_avail_addr(ring_avail),
        .s_table_used_addr(ring_used),
        .m_req_addr(avail_addr),
        .m_req_upto(avail_upto),
        .m_req_queue(avail_queue),
        .m_req_look(avail_look),
        .m_req_valid(avail_valid),
        .m_req_ready(avail_ready),
        .s_look_queue(look_queue),
        .s_look_index(look_index),
        .s_look_error(look_error),
        .s_look_valid(look_valid),
        .s_look_ready(look_ready),
        .m_write_addr(flag_addr),
        .m_write_queue(flag_queue),
        .m_write_null(flag_null),
        .m_write_data(flag_data),
        .m_write_valid(flag_valid),
        .m_write_ready(flag_ready),
        .s_ack_valid(s_ack_valid),
        .m_started_queue(m_started_queue),
        .m_started_count(m_started_count),
        .m_started_valid(m_started_valid),
        .s_started_credit(s_started_credit),
        .m_fault_code(m_fault_code),
        .m_fault_queue(m_fault_queue),
        .m_fault_valid(m_fault_valid),
        .m_fault_ready(m_fault_ready),
        .s_index_queue(s_index_queue),
        .m_index_avail(m_index_avail)
    );
    // No visit waits for a write of suppression to be taken
    vq_fifo #(.WIDTH(64+QID_W+1+16), .DEPTH(4)) u_writes (
        .clk(clk),
        .rst(rst),
        .s_data({flag_addr, flag_queue, flag_null, flag_data}),
        .s_valid(flag_valid),
        .s_ready(flag_ready),
        .m_data({m_write_addr, m_write_queue, m_write_null, m_write_data}),
        .m_valid(m_write_valid),
        .m_ready(m_write_ready)
    );

    wire [DATA_W-1:0] ab_data;
    wire [LANE_W-1:0] ab_offset, ab_end;
    wire [LANE_W:0]   ab_count;
    wire [QID_W-1:0]  ab_queue;
    wire              ab_look, ab_error, ab_last, ab_valid, ab_ready;

    vq_read_port #(
        .DATA_W(DATA_W), .UPTO_W($clog2(ENTRIES_MAX)+2), .INFO_W(QID_W+1), .QID_W(QID_W),
        .MAX_BYTES(2*ENTRIES_MAX), .BEATS(AVAIL_BEATS), .BURSTS(BURSTS), .SPLIT_EN(1'b0)
    ) u_avail_port (
        .clk(clk),
        .rst(rst),
        .s_req_addr(avail_addr),
        .s_req_upto({1'b0, avail_upto}),
        .s_req_queue(avail_queue),
        .s_req_info({avail_look, avail_queue}),
        .s_req_valid(avail_valid),
        .s_req_ready(avail_ready),
        .m_ar_addr(m_ar_addr),
        .m_ar_len(m_ar_len),
        .m_ar_queue(m_ar_queue),
        .m_ar_valid(m_ar_valid),
        .m_ar_ready(m_ar_ready),
        .m_ar_dead(m_ar_dead),
        .s_r_data(s_r_data),
        .s_r_error(s_r_error),
        .s_r_valid(s_r_valid),
        .m_beat_data(ab_data),
        .m_beat_offset(ab_offset),
        .m_beat_count(ab_count),
        .m_beat_end(ab_end),
        .m_beat_info({ab_look, ab_queue}),
        .m_beat_error(ab_error),
        .m_beat_last(ab_last),
        .m_beat_valid(ab_valid),
        .m_beat_ready(ab_ready)
    );

    vq_fetch_entries #(.DATA_W(DATA_W), .QID_W(QID_W)) u_entries (
        .clk(clk),
        .rst(rst),
        .s_beat_data(ab_data),
        .s_beat_offset(ab_offset),
        .s_beat_end(ab_end),
        .s_beat_look(ab_look),
        .s_beat_queue(ab_queue),
        .s_beat_error(ab_error),
        .s_beat_valid(ab_valid),
        .s_beat_ready(ab_ready),
        .m_look_queue(look_queue),
        .m_look_index(look_index),
        .m_look_error(look_error),
        .m_look_valid(look_valid),
        .m_look_ready(look_ready),
        .m_head_queue(m_head_queue),
        .m_head_index(m_head_index),
        .m_head_error(m_head_error),
        .m_head_valid(m_head_valid),
        .m_head_ready(m_head_ready)
    );

    wire unused = &{1'b0, ab_count, ring_desc, ab_last};
endmodule
`resetall
