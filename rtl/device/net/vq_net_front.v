// SPDX-License-Identifier: Apache-2.0
// vq_net_front - sort chains by their queues, and their packets with them.
//   Contract    transmit and control chains, and those of queues that do not exist, are served in
//               the order they came, each once its packet is taken. Receive chains become buffers
//               at once, in their order; what such a chain holds to read is swallowed before
//   Latency     header to buffer 0 cycles; header to packet 1 cycle, 2 with CHAINS over 32
//   Throughput  1 chain and 1 beat per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_net_front #(
    parameter DATA_W = 64,                              // stream, bits; 64 to 512
    parameter PAIRS  = 1,                               // queue pairs; 1 to 8
    parameter CHAINS = 256,                             // chains at a time; power of two
    parameter MAX_BYTES = 1518,                         // longest frame, bytes; up to 65553
    parameter PAIR_W = PAIRS > 1 ? $clog2(PAIRS) : 1,   // derived, not to be set
    parameter QUEUES = 2*PAIRS + 1,                     // derived, not to be set
    parameter QID_W  = $clog2(2*PAIRS + 1),             // derived, not to be set
    parameter TAG_W  = $clog2(CHAINS),                  // derived, not to be set
    parameter LANE_W = $clog2(DATA_W/8)                 // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Levels: MQ and CTRL_VQ were negotiated, the link is up, queues that work
    input  wire              s_has_mq,
    input  wire              s_has_ctrl,
    input  wire              s_link,
    input  wire [QUEUES-1:0] s_live,
    // Chain headers; sizes in bytes
    input  wire [QID_W-1:0]  s_req_queue,
    input  wire [TAG_W-1:0]  s_req_tag,
    input  wire [31:0]       s_req_readable,
    input  wire [31:0]       s_req_writable,
    input  wire              s_req_valid,
    output wire              s_req_ready,
    // Beats of their packets; the bytes go past this module
    input  wire              s_axis_tlast,
    input  wire              s_axis_tuser,
    input  wire              s_axis_tvalid,
    output wire              s_axis_tready,
    // Receive buffers, always taken; bytes, 2^17 - 1 for more
    output wire [PAIR_W-1:0] m_buffer_pair,
    output wire [TAG_W-1:0]  m_buffer_tag,
    output wire [16:0]       m_buffer_len,
    output wire              m_buffer_valid,
    // To transmit: the packet's beats, and what holds of all of them
    output wire              m_packet_pass,
    output wire [PAIR_W-1:0] m_packet_pair,
    output wire [LANE_W:0]   m_packet_rest,
    output wire              m_tx_tvalid,
    input  wire              m_tx_tready,
    // To the control queue's part
    output wire              m_ctrl_beat,
    output wire              m_ctrl_end,
    output wire [TAG_W-1:0]  m_ctrl_tag,
    output wire [3:0]        m_ctrl_len,
    output wire              m_ctrl_room,
    output wire              m_ctrl_void,
    input  wire              m_ctrl_ready,
    output wire [QID_W-1:0]  m_ctrl_queue,          // the control queue's number
    // Chains to return empty
    output wire [QID_W-1:0]  m_done_queue,
    output wire [TAG_W-1:0]  m_done_tag,
    output wire              m_done_valid,
    input  wire              m_done_ready,
    output wire [6:0]        m_done_count,          // how many wait, up to 64
    // Pulses, for counting frames to send
    output wire              m_sent,
    output wire              m_runt,
    output wire              m_oversized,
    output wire              m_link_down,
    output wire              m_damaged
);
    localparam HEADER    = 12;
    localparam MIN_BYTES = HEADER + 14;
    localparam MOST      = HEADER + MAX_BYTES;
    localparam [0:0] BLOCK_EN = CHAINS > 32;
    localparam ENTRY_W   = 2 + QID_W + TAG_W + 1 + 2 + (LANE_W + 1) + 4 + 17;
    localparam [1:0] KIND_TX   = 2'd0;
    localparam [1:0] KIND_RX   = 2'd1;
    localparam [1:0] KIND_CTRL = 2'd2;
    localparam [1:0] KIND_NONE = 2'd3;  // of a queue that the driver has not negotiated
    localparam [1:0] SIZE_OK   = 2'd0;
    localparam [1:0] SIZE_RUNT = 2'd1;
    localparam [1:0] SIZE_LONG = 2'd2;

    // ---- headers

    wire [QID_W:0]    queues   = s_has_mq ? PAIRS[QID_W:0] << 1 : {{(QID_W-1){1'b0}}, 2'd2};
    wire              is_pair  = {1'b0, s_req_queue} < queues;
    wire              is_ctrl  = {1'b0, s_req_queue} == queues && s_has_ctrl;
    wire [1:0]        req_kind = is_ctrl ? KIND_CTRL : !is_pair ? KIND_NONE :
                                 s_req_queue[0] ? KIND_TX : KIND_RX;
    wire [1:0]        req_size = s_req_readable < MIN_BYTES ? SIZE_RUNT :
                                 s_req_readable > MOST ? SIZE_LONG : SIZE_OK;
    wire [LANE_W-1:0] req_over = s_req_readable[LANE_W-1:0] - 1'b1;     // wraps
    wire [LANE_W:0]   req_rest = {1'b0, req_over} + 1'b1;
    wire [3:0]        req_len  = s_req_readable > 32'd14 ? 4'd15 : s_req_readable[3:0];
    wire [16:0]       req_room = |s_req_writable[31:17] ? {17{1'b1}} : s_req_writable[16:0];
    wire              req_some = s_req_readable != 32'd0;

    // A receive chain goes past the others, unless it or one before it has bytes to be swallowed
    reg  [TAG_W:0]    odd_reg, odd_next;        // receive chains that wait with the others
    wire              past  = req_kind == KIND_RX && !req_some && odd_reg == {(TAG_W+1){1'b0}};
    wire              chains_ready;
    wire              req   = s_req_valid && s_req_ready;

    wire [1:0]        kind;
    wire [QID_W-1:0]  queue;
    wire [TAG_W-1:0]  tag;
    wire              some;                     // there is a packet
    wire [1:0]        size;
    wire [LANE_W:0]   rest;
    wire [3:0]        len;
    wire [16:0]       room;
    wire              valid;
    wire              finish;

    assign s_req_ready = chains_ready;

    vq_fifo #(
        .WIDTH(ENTRY_W),
        .DEPTH(CHAINS),
        .BLOCK_EN(BLOCK_EN)
    ) u_chains (
        .clk(clk),
        .rst(rst),
        .s_data({req_kind, s_req_queue, s_req_tag, req_some, req_size, req_rest, req_len,
                 req_room}),
        .s_valid(s_req_valid && !past),
        .s_ready(chains_ready),
        .m_data({kind, queue, tag, some, size, rest, len, room}),
        .m_valid(valid),
        .m_ready(finish)
    );

    // ---- packets

    reg               midst_reg, midst_next;    // the packet is begun
    reg               pass_reg,  pass_next;     // and passed
    reg  [6:0]        done_reg,  done_next;     // chains that wait to be returned
    wire              is_tx   = kind == KIND_TX;
    wire              is_rx   = kind == KIND_RX;
    wire              to_ctrl = kind == KIND_CTRL;
    wire              to_done = is_tx || kind == KIND_NONE;
    wire              pass    = is_tx && size == SIZE_OK && (midst_reg ? pass_reg : s_link);
    wire              done_ready;
    wire              may     = valid && (to_ctrl ? m_ctrl_ready : is_rx || done_ready);
    wire              beat    = s_axis_tvalid && s_axis_tready;
    wire              rx_end  = finish && is_rx;
    wire              tx_end  = finish && is_tx;
    wire              damaged = some && s_axis_tuser;

    assign finish        = may && (some ? beat && s_axis_tlast : 1'b1);
    assign s_axis_tready = may && some && (!is_tx || m_tx_tready);
    assign m_tx_tvalid   = s_axis_tvalid && may && some && is_tx;
    assign m_packet_pass = pass;
    assign m_packet_pair = queue[PAIR_W:1];
    assign m_packet_rest = rest;
    assign m_ctrl_beat   = beat && to_ctrl;
    assign m_ctrl_end    = valid && to_ctrl && (some ? s_axis_tvalid && s_axis_tlast : 1'b1);
    assign m_ctrl_tag    = tag;
    assign m_ctrl_len    = len;
    assign m_ctrl_room   = room != 17'd0;
    assign m_ctrl_void   = damaged || !s_live[queue];
    assign m_ctrl_queue  = queues[QID_W-1:0];
    assign m_sent        = tx_end && pass && !damaged;
    assign m_damaged     = tx_end && pass && damaged;
    assign m_runt        = tx_end && size == SIZE_RUNT;
    assign m_oversized   = tx_end && size == SIZE_LONG;
    assign m_link_down   = tx_end && size == SIZE_OK && !pass;

    assign m_done_count   = done_reg;

    assign m_buffer_pair  = rx_end ? queue[PAIR_W:1] : s_req_queue[PAIR_W:1];
    assign m_buffer_tag   = rx_end ? tag : s_req_tag;
    assign m_buffer_len   = rx_end ? room : req_room;
    assign m_buffer_valid = rx_end || (req && past);

    vq_fifo #(
        .WIDTH(QID_W + TAG_W),
        .DEPTH(64)
    ) u_done (
        .clk(clk),
        .rst(rst),
        .s_data({queue, tag}),
        .s_valid(finish && to_done),
        .s_ready(done_ready),
        .m_data({m_done_queue, m_done_tag}),
        .m_valid(m_done_valid),
        .m_ready(m_done_ready)
    );

    always @* begin
        midst_next = midst_reg;
        pass_next  = pass_reg;
        odd_next   = odd_reg;
        done_next  = done_reg + {6'd0, finish && to_done} - {6'd0, m_done_valid && m_done_ready};
        if (beat) begin
            midst_next = !s_axis_tlast;
            pass_next  = pass;
        end
        if (req && !past && req_kind == KIND_RX && !rx_end) odd_next = odd_reg + 1'b1;
        if (!(req && !past && req_kind == KIND_RX) && rx_end) odd_next = odd_reg - 1'b1;
    end

    always @(posedge clk) begin
        midst_reg <= midst_next;
        pass_reg  <= pass_next;
        odd_reg   <= odd_next;
        done_reg  <= done_next;
        if (rst) begin
            midst_reg <= 1'b0;
            odd_reg   <= {(TAG_W+1){1'b0}};
            done_reg  <= 7'd0;
        end
    end

    `VQ_ASSERT(a_one_buffer, !(rx_end && req && past))
endmodule
`resetall
