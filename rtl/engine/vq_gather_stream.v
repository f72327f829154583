// SPDX-License-Identifier: Apache-2.0
// vq_gather_stream - the bytes that were gathered, as one packet a chain.
//   Contract    packets are packed from lane 0; m_axis_tuser says that bytes of this beat or of one
//               before it in its packet are damaged. A read error is reported before the beat it
//               came with moves on, but for those of a queue that is not alive, which nobody asks
//               for
//   Latency     2 cycles
//   Throughput  1 beat per cycle; 1 more cycle where a packet's last beat spills over
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_gather_stream #(
    parameter DATA_W = 64,                  // beat, bits
    parameter QUEUES = 4,                   // queues, 1 to 64
    parameter QID_W  = 2,                   // queue number, bits
    parameter LANE_W = $clog2(DATA_W/8)     // derived, not to be set
) (
    input  wire                clk,
    input  wire                rst,
    input  wire [QUEUES-1:0]   s_alive,     // queues whose memory may be accessed
    // Beats read: s_beat_last ends a packet
    input  wire [DATA_W-1:0]   s_beat_data,
    input  wire [LANE_W-1:0]   s_beat_offset,
    input  wire [LANE_W:0]     s_beat_count,
    input  wire [QID_W-1:0]    s_beat_queue,
    input  wire                s_beat_error,
    input  wire                s_beat_last,
    input  wire                s_beat_valid,
    output wire                s_beat_ready,
    // Packets to the device function
    output wire [DATA_W-1:0]   m_axis_tdata,
    output wire [DATA_W/8-1:0] m_axis_tkeep,
    output wire                m_axis_tlast,
    output wire                m_axis_tuser,
    output wire                m_axis_tvalid,
    input  wire                m_axis_tready,
    // Faults
    output wire [QID_W-1:0]    m_fault_queue,
    output wire                m_fault_valid,
    input  wire                m_fault_ready
);
    wire            ready, error;
    wire [LANE_W:0] count;

    // A fault that was offered stays so, whatever becomes of its queue
    reg  offered_reg;
    wire told = s_beat_error && (s_alive[s_beat_queue] || offered_reg);
    wire move = !told || m_fault_ready;

    assign m_fault_queue = s_beat_queue;
    assign m_fault_valid = s_beat_valid && told && ready;
    assign s_beat_ready  = ready && move;

    always @(posedge clk) offered_reg <= m_fault_valid && !m_fault_ready && !rst;

    vq_realign #(.DATA_W(DATA_W)) u_realign (
        .clk(clk),
        .rst(rst),
        .s_data(s_beat_data),
        .s_offset(s_beat_offset),
        .s_count(s_beat_count),
        .s_start({LANE_W{1'b0}}),
        .s_error(s_beat_error),
        .s_last(s_beat_last),
        .s_valid(s_beat_valid && move),
        .s_ready(ready),
        .m_data(m_axis_tdata),
        .m_count(count),
        .m_error(error),
        .m_last(m_axis_tlast),
        .m_valid(m_axis_tvalid),
        .m_ready(m_axis_tready)
    );

    assign m_axis_tkeep = ~({DATA_W/8{1'b1}} << count);
    assign m_axis_tuser = error;
endmodule
`resetall
