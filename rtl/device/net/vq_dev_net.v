// SPDX-License-Identifier: Apache-2.0
// vq_dev_net - device function of a network device: frames between virtqueues and a MAC.
//   Contract    virtio 5.1 with MAC, MTU, MRG_RXBUF, STATUS, CTRL_VQ, CTRL_MAC_ADDR, and MQ where
//               there are several pairs. Every frame is passed whole, or dropped and counted. A
//               frame waits RX_WAIT cycles for its buffers at most, so no pair holds up the others
//   Latency     5 cycles, packet to frame; 16 cycles, frame to packet, if its buffer is there
//   Throughput  1 beat per cycle each way; 1 frame per 2 cycles each way
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_dev_net #(
    parameter        PAIRS   = 1,                   // queue pairs; 1 to 8
    parameter        DATA_W  = 64,                  // stream, bits; 64 to 512
    parameter        CHAINS  = 256,                 // chains at a time; power of two, at least 8
    // Chains of a receive queue, and of a transmit queue, at a time; 1 to 16384
    parameter        RX_CREDITS = CHAINS >= 8*PAIRS ? CHAINS/(4*PAIRS) : 2,
    parameter        TX_CREDITS = CHAINS >= 8*PAIRS ? CHAINS/(2*PAIRS) : 2,
    parameter        MTU     = 1500,                // largest packet, bytes; 68 to 65535
    parameter        FRAME_BYTES = 16384,           // memory for received frames; power of two
    parameter        RX_WAIT = 4096,                // cycles for a buffer to come; 1 to 2^20 - 1
    parameter [47:0] MAC     = 48'h525400123456,    // physical address, first byte highest
    parameter        QUEUES  = 2*PAIRS + 1,         // derived, not to be set
    parameter        QID_W   = $clog2(2*PAIRS + 1), // derived, not to be set
    parameter        TAG_W   = $clog2(CHAINS)       // derived, not to be set
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
    output wire                m_rsp_more,      // used only together with the next one
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
    // Feature bits that the driver chose, and whether they go together
    input  wire [63:0]         s_features,
    output wire                m_features_ok,
    // Configuration space: byte offset from its start, 4-aligned; s_cfg_write is a pulse
    input  wire [10:0]         s_cfg_addr,
    input  wire [31:0]         s_cfg_wdata,
    input  wire [3:0]          s_cfg_wstrb,
    input  wire                s_cfg_write,
    output wire [31:0]         m_cfg_rdata,
    output wire                m_cfg_change,    // pulse: it changed by itself
    // Receive buffers that wait for a frame; a frame is under way
    output wire [15:0]         m_waiting,
    output wire                m_busy,
    // The MAC's side. s_mac_rst at power on only; tuser on the last beat: the frame is bad
    input  wire                s_mac_rst,
    input  wire                s_link_up,
    output wire [DATA_W-1:0]   m_mac_tdata,
    output wire [DATA_W/8-1:0] m_mac_tkeep,
    output wire                m_mac_tlast,
    output wire                m_mac_tuser,
    output wire                m_mac_tvalid,
    input  wire                m_mac_tready,
    input  wire [DATA_W-1:0]   s_mac_tdata,
    input  wire [DATA_W/8-1:0] s_mac_tkeep,
    input  wire                s_mac_tlast,
    input  wire                s_mac_tuser,
    input  wire                s_mac_tvalid,
    output wire                s_mac_tready
);
    if (PAIRS < 1 || PAIRS > 8) begin : gen_bad_pairs
        ERROR_PAIRS_must_be_1_to_8 u_error ();
    end
    if (DATA_W < 64 || DATA_W > 512 || 2**$clog2(DATA_W) != DATA_W) begin : gen_bad_data
        ERROR_DATA_W_must_be_64_128_256_or_512 u_error ();
    end
    if (MTU < 68 || MTU > 65535) begin : gen_bad_mtu
        ERROR_MTU_must_be_68_to_65535 u_error ();
    end

    `include "vq_net_config.vh"

    localparam PAIR_W    = PAIRS > 1 ? $clog2(PAIRS) : 1;
    localparam LANE_W    = $clog2(DATA_W/8);
    localparam MAX_BYTES = MTU + 18;            // header of a frame, and a VLAN tag
    localparam BUFFERS   = RX_CREDITS > 2 ? 2**$clog2(RX_CREDITS) : 2;
    localparam BEATS     = FRAME_BYTES / (DATA_W/8);
    localparam FRAMES    = FRAME_BYTES / 64;
    localparam UNDER_W   = $clog2(FRAMES) + 2;

    wire has_ctrl  = s_features[NET_F_CTRL_VQ];
    wire has_mq    = PAIRS > 1 && s_features[NET_F_MQ];
    wire has_mac   = s_features[NET_F_CTRL_MAC_ADDR];
    wire has_merge = s_features[NET_F_MRG_RXBUF];

    assign m_features_ok = has_ctrl || !(s_features[NET_F_MQ] || has_mac);

    wire              link;
    wire [47:0]       mac;
    wire              mac_changed;
    wire [3:0]        pairs;
    reg  [15:0]       events;

    wire [PAIR_W-1:0] buffer_pair;
    wire [TAG_W-1:0]  buffer_tag;
    wire [16:0]       buffer_len;
    wire              buffer_valid;
    wire              packet_pass;
    wire [PAIR_W-1:0] packet_pair;
    wire [LANE_W:0]   packet_rest;
    wire              tx_tvalid, tx_tready;
    wire              ctrl_beat, ctrl_end, ctrl_room, ctrl_void, ctrl_ready;
    wire [TAG_W-1:0]  ctrl_tag;
    wire [3:0]        ctrl_len;
    wire [QID_W-1:0]  ctrl_queue;
    wire [QID_W-1:0]  done_queue;
    wire [TAG_W-1:0]  done_tag;
    wire              done_valid, done_ready;
    wire [6:0]        done_count;
    wire              tx_sent, tx_runt, tx_oversized, tx_link_down, tx_damaged;

    vq_net_front #(
        .DATA_W(DATA_W),
        .PAIRS(PAIRS),
        .CHAINS(CHAINS),
        .MAX_BYTES(MAX_BYTES)
    ) u_front (
        .clk(clk),
        .rst(rst),
        .s_has_mq(has_mq),
        .s_has_ctrl(has_ctrl),
        .s_link(link),
        .s_live(s_live),
        .s_req_queue(s_req_queue),
        .s_req_tag(s_req_tag),
        .s_req_readable(s_req_readable),
        .s_req_writable(s_req_writable),
        .s_req_valid(s_req_valid),
        .s_req_ready(s_req_ready),
        .s_axis_tlast(s_axis_tlast),
        .s_axis_tuser(s_axis_tuser),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .m_buffer_pair(buffer_pair),
        .m_buffer_tag(buffer_tag),
        .m_buffer_len(buffer_len),
        .m_buffer_valid(buffer_valid),
        .m_packet_pass(packet_pass),
        .m_packet_pair(packet_pair),
        .m_packet_rest(packet_rest),
        .m_tx_tvalid(tx_tvalid),
        .m_tx_tready(tx_tready),
        .m_ctrl_beat(ctrl_beat),
        .m_ctrl_end(ctrl_end),
        .m_ctrl_tag(ctrl_tag),
        .m_ctrl_len(ctrl_len),
        .m_ctrl_room(ctrl_room),
        .m_ctrl_void(ctrl_void),
        .m_ctrl_ready(ctrl_ready),
        .m_ctrl_queue(ctrl_queue),
        .m_done_queue(done_queue),
        .m_done_tag(done_tag),
        .m_done_valid(done_valid),
        .m_done_ready(done_ready),
        .m_done_count(done_count),
        .m_sent(tx_sent),
        .m_runt(tx_runt),
        .m_oversized(tx_oversized),
        .m_link_down(tx_link_down),
        .m_damaged(tx_damaged)
    );

    // ---- transmit

    wire [DATA_W-1:0]   out_tdata;
    wire [DATA_W/8-1:0] out_tkeep;
    wire                out_tlast, out_tuser, out_tvalid, out_tready;
    wire [15:0]         flow_hash;
    wire [PAIR_W-1:0]   flow_pair;
    wire                flow_valid;
    wire                in_tvalid, in_tready;

    vq_net_tx #(
        .DATA_W(DATA_W),
        .PAIRS(PAIRS)
    ) u_tx (
        .clk(clk),
        .rst(rst),
        .s_packet_pass(packet_pass),
        .s_packet_pair(packet_pair),
        .s_packet_rest(packet_rest),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tkeep(s_axis_tkeep),
        .s_axis_tlast(s_axis_tlast),
        .s_axis_tuser(s_axis_tuser),
        .s_axis_tvalid(tx_tvalid),
        .s_axis_tready(tx_tready),
        .m_out_tdata(out_tdata),
        .m_out_tkeep(out_tkeep),
        .m_out_tlast(out_tlast),
        .m_out_tuser(out_tuser),
        .m_out_tvalid(out_tvalid),
        .m_out_tready(out_tready),
        .m_flow_hash(flow_hash),
        .m_flow_pair(flow_pair),
        .m_flow_valid(flow_valid)
    );

    vq_net_port #(
        .DATA_W(DATA_W)
    ) u_port (
        .clk(clk),
        .rst(rst),
        .s_mac_rst(s_mac_rst),
        .s_out_tdata(out_tdata),
        .s_out_tkeep(out_tkeep),
        .s_out_tlast(out_tlast),
        .s_out_tuser(out_tuser),
        .s_out_tvalid(out_tvalid),
        .s_out_tready(out_tready),
        .m_mac_tdata(m_mac_tdata),
        .m_mac_tkeep(m_mac_tkeep),
        .m_mac_tlast(m_mac_tlast),
        .m_mac_tuser(m_mac_tuser),
        .m_mac_tvalid(m_mac_tvalid),
        .m_mac_tready(m_mac_tready),
        .s_mac_tlast(s_mac_tlast),
        .s_mac_tvalid(s_mac_tvalid),
        .s_mac_tready(s_mac_tready),
        .m_in_tvalid(in_tvalid),
        .m_in_tready(in_tready)
    );

    // ---- control

    wire [TAG_W-1:0]  ack_tag;
    wire              ack_some;
    wire [7:0]        ack_byte;
    wire              ack_valid, ack_ready;
    wire              ctrl_done, ctrl_refused;

    vq_net_ctrl #(
        .PAIRS(PAIRS),
        .TAG_W(TAG_W),
        .MAC(MAC)
    ) u_ctrl (
        .clk(clk),
        .rst(rst),
        .s_has_mq(has_mq),
        .s_has_mac_addr(has_mac),
        .s_data(s_axis_tdata[63:0]),
        .s_beat(ctrl_beat),
        .s_end(ctrl_end),
        .s_tag(ctrl_tag),
        .s_len(ctrl_len),
        .s_room(ctrl_room),
        .s_void(ctrl_void),
        .s_ready(ctrl_ready),
        .m_ack_tag(ack_tag),
        .m_ack_some(ack_some),
        .m_ack_byte(ack_byte),
        .m_ack_valid(ack_valid),
        .m_ack_ready(ack_ready),
        .m_mac(mac),
        .m_pairs(pairs),
        .m_mac_changed(mac_changed),
        .m_done(ctrl_done),
        .m_refused(ctrl_refused)
    );

    // ---- receive

    wire [16:0]       kept_len, frame_len;
    wire [15:0]       kept_hash;
    wire              kept_valid, kept_ready, frame_valid, frame_ready;
    wire [PAIR_W-1:0] frame_pair;
    wire [DATA_W-1:0] beat_data;
    wire              beat_last, beat_valid, beat_ready;
    wire              rx_begin, rx_bad, rx_runt, rx_oversized, rx_overflow;
    wire              rx_given, rx_no_buffer, rx_small, rx_stopped, rx_returned, rx_end;
    reg  [PAIRS-1:0]  rx_live;
    integer           i;

    always @* for (i = 0; i < PAIRS; i = i + 1) rx_live[i] = s_live[2*i];

    vq_net_store #(
        .DATA_W(DATA_W),
        .MAX_BYTES(MAX_BYTES),
        .BEATS(BEATS),
        .FRAMES(FRAMES)
    ) u_store (
        .clk(clk),
        .rst(rst),
        .s_axis_tdata(s_mac_tdata),
        .s_axis_tkeep(s_mac_tkeep),
        .s_axis_tlast(s_mac_tlast),
        .s_axis_tuser(s_mac_tuser),
        .s_axis_tvalid(in_tvalid),
        .s_axis_tready(in_tready),
        .m_frame_len(kept_len),
        .m_frame_hash(kept_hash),
        .m_frame_valid(kept_valid),
        .m_frame_ready(kept_ready),
        .m_beat_data(beat_data),
        .m_beat_last(beat_last),
        .m_beat_valid(beat_valid),
        .m_beat_ready(beat_ready),
        .m_begin(rx_begin),
        .m_bad(rx_bad),
        .m_runt(rx_runt),
        .m_oversized(rx_oversized),
        .m_overflow(rx_overflow)
    );

    vq_net_steer #(
        .PAIRS(PAIRS)
    ) u_steer (
        .clk(clk),
        .rst(rst),
        .s_pairs(pairs),
        .s_flow_hash(flow_hash),
        .s_flow_pair(flow_pair),
        .s_flow_valid(flow_valid),
        .s_frame_len(kept_len),
        .s_frame_hash(kept_hash),
        .s_frame_valid(kept_valid),
        .s_frame_ready(kept_ready),
        .m_frame_len(frame_len),
        .m_frame_pair(frame_pair),
        .m_frame_valid(frame_valid),
        .m_frame_ready(frame_ready)
    );

    wire [TAG_W-1:0]  step_tag;
    wire [PAIR_W-1:0] step_pair;
    wire [16:0]       step_len;
    wire              step_drop, step_first, step_last, step_valid, step_ready;
    wire [5:0]        count;
    wire              count_valid, count_ready;

    vq_net_plan #(
        .PAIRS(PAIRS),
        .TAG_W(TAG_W),
        .BUFFERS(BUFFERS),
        .RX_WAIT(RX_WAIT)
    ) u_plan (
        .clk(clk),
        .rst(rst),
        .s_live(rx_live),
        .s_pairs(pairs),
        .s_merge(has_merge),
        .s_buffer_pair(buffer_pair),
        .s_buffer_tag(buffer_tag),
        .s_buffer_len(buffer_len),
        .s_buffer_valid(buffer_valid),
        .s_frame_len(frame_len),
        .s_frame_pair(frame_pair),
        .s_frame_valid(frame_valid),
        .s_frame_ready(frame_ready),
        .m_step_tag(step_tag),
        .m_step_pair(step_pair),
        .m_step_len(step_len),
        .m_step_drop(step_drop),
        .m_step_first(step_first),
        .m_step_last(step_last),
        .m_step_valid(step_valid),
        .m_step_ready(step_ready),
        .m_count(count),
        .m_count_valid(count_valid),
        .m_count_ready(count_ready),
        .m_waiting(m_waiting),
        .m_given(rx_given),
        .m_no_buffer(rx_no_buffer),
        .m_small(rx_small),
        .m_stopped(rx_stopped),
        .m_returned(rx_returned)
    );

    // ---- answers

    vq_net_give #(
        .DATA_W(DATA_W),
        .PAIRS(PAIRS),
        .TAG_W(TAG_W),
        .RX_CREDITS(RX_CREDITS),
        .TX_CREDITS(TX_CREDITS)
    ) u_give (
        .clk(clk),
        .rst(rst),
        .s_step_tag(step_tag),
        .s_step_pair(step_pair),
        .s_step_len(step_len),
        .s_step_drop(step_drop),
        .s_step_first(step_first),
        .s_step_last(step_last),
        .s_step_valid(step_valid),
        .s_step_ready(step_ready),
        .s_count(count),
        .s_count_valid(count_valid),
        .s_count_ready(count_ready),
        .s_beat_data(beat_data),
        .s_beat_last(beat_last),
        .s_beat_valid(beat_valid),
        .s_beat_ready(beat_ready),
        .s_done_queue(done_queue),
        .s_done_tag(done_tag),
        .s_done_valid(done_valid),
        .s_done_ready(done_ready),
        .s_done_count(done_count),
        .s_ack_queue(ctrl_queue),
        .s_ack_tag(ack_tag),
        .s_ack_some(ack_some),
        .s_ack_byte(ack_byte),
        .s_ack_valid(ack_valid),
        .s_ack_ready(ack_ready),
        .m_rsp_tag(m_rsp_tag),
        .m_rsp_len(m_rsp_len),
        .m_rsp_more(m_rsp_more),
        .m_rsp_valid(m_rsp_valid),
        .m_rsp_ready(m_rsp_ready),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tkeep(m_axis_tkeep),
        .m_axis_tlast(m_axis_tlast),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .s_live(s_live),
        .m_credit_queue(m_credit_queue),
        .m_credit_count(m_credit_count),
        .m_credit_valid(m_credit_valid),
        .m_end(rx_end)
    );

    // ---- configuration, counters

    always @* begin
        events = 16'd0;
        events[NET_CFG_TX_FRAMES[5:2]]       = tx_sent;
        events[NET_CFG_TX_RUNT[5:2]]         = tx_runt;
        events[NET_CFG_TX_OVERSIZED[5:2]]    = tx_oversized;
        events[NET_CFG_TX_LINK_DOWN[5:2]]    = tx_link_down;
        events[NET_CFG_TX_DAMAGED[5:2]]      = tx_damaged;
        events[NET_CFG_RX_FRAMES[5:2]]       = rx_given;
        events[NET_CFG_RX_BAD[5:2]]          = rx_bad;
        events[NET_CFG_RX_RUNT[5:2]]         = rx_runt;
        events[NET_CFG_RX_OVERSIZED[5:2]]    = rx_oversized;
        events[NET_CFG_RX_OVERFLOW[5:2]]     = rx_overflow;
        events[NET_CFG_RX_NO_BUFFER[5:2]]    = rx_no_buffer;
        events[NET_CFG_RX_SMALL_BUFFER[5:2]] = rx_small;
        events[NET_CFG_RX_STOPPED[5:2]]      = rx_stopped;
        events[NET_CFG_RX_RETURNED[5:2]]     = rx_returned;
        events[NET_CFG_CTRL_OK[5:2]]         = ctrl_done;
        events[NET_CFG_CTRL_ERROR[5:2]]      = ctrl_refused;
    end

    vq_net_state #(
        .PAIRS(PAIRS),
        .MTU(MTU)
    ) u_state (
        .clk(clk),
        .rst(rst),
        .s_cfg_addr(s_cfg_addr),
        .m_cfg_rdata(m_cfg_rdata),
        .m_change(m_cfg_change),
        .s_link_up(s_link_up),
        .m_link(link),
        .s_mac(mac),
        .s_mac_changed(mac_changed),
        .s_pairs(pairs),
        .s_events(events)
    );

    // ---- frames under way: out of a chain and not with the MAC; from the MAC and not in a chain

    reg  [3:0]         out_reg, out_next;
    reg  [UNDER_W-1:0] in_reg,  in_next;

    assign m_busy = out_reg != 4'd0 || m_mac_tvalid || in_reg != {UNDER_W{1'b0}};

    always @* begin
        out_next = out_reg + {3'd0, tx_sent || tx_damaged} -
                   {3'd0, out_tvalid && out_tready && out_tlast};
        in_next  = in_reg + {{(UNDER_W-1){1'b0}}, rx_begin} -
                   {{(UNDER_W-1){1'b0}}, rx_bad || rx_runt || rx_oversized} -
                   {{(UNDER_W-1){1'b0}}, rx_overflow} - {{(UNDER_W-1){1'b0}}, rx_end};
    end

    always @(posedge clk) begin
        out_reg <= out_next;
        in_reg  <= in_next;
        if (rst) begin
            out_reg <= 4'd0;
            in_reg  <= {UNDER_W{1'b0}};
        end
    end

    wire unused = &{1'b0, s_cfg_wdata, s_cfg_wstrb, s_cfg_write, s_features};
endmodule
`resetall
