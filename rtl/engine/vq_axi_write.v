// SPDX-License-Identifier: Apache-2.0
// vq_axi_write - the write half of the AXI4 master: PORTS requesters share it under one id.
//   Contract    requests reach the memory and are acknowledged in the order in which they were
//               taken, so an acknowledgement vouches for every earlier request too. A requester
//               has all beats of a request at hand when it asks. A request that is null, or of a
//               queue that is not alive, never reaches the bus but is acknowledged in its turn.
//               An error is handed over on m_error before its request is acknowledged. While
//               halted no request is taken
//   Latency     4 cycles, request to write data channel
//   Throughput  1 beat and 1 request per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_axi_write #(
    parameter PORTS     = 3,        // requesters, 2 to 4
    parameter QUEUES    = 4,        // queues, 1 to 64
    parameter DATA_W    = 64,       // beat, bits
    parameter QID_W     = 2,        // queue number, bits
    parameter MAX_BYTES = 256,      // longest burst, bytes; power of two, up to 4096
    parameter BURSTS    = 64,       // bursts in flight; power of two
    parameter LANE_W    = $clog2(DATA_W/8),     // derived, not to be set
    parameter PORT_W    = $clog2(PORTS)         // derived, not to be set
) (
    input  wire                         clk,
    input  wire                         rst,
    input  wire [QUEUES-1:0]            s_alive,    // queues whose memory may be written
    input  wire                         s_halt,
    output wire                         m_drained,
    // Requests, one lane of each vector a requester: s_req_len bytes (1 to 4096) to s_req_addr
    input  wire [PORTS*64-1:0]          s_req_addr,
    input  wire [PORTS*13-1:0]          s_req_len,
    input  wire [PORTS*QID_W-1:0]       s_req_queue,
    input  wire [PORTS-1:0]             s_req_null,
    input  wire [PORTS-1:0]             s_req_valid,
    output wire [PORTS-1:0]             s_req_ready,
    // Their beats: s_beat_count bytes from lane s_beat_offset
    input  wire [PORTS*DATA_W-1:0]      s_beat_data,
    input  wire [PORTS*LANE_W-1:0]      s_beat_offset,
    input  wire [PORTS*(LANE_W+1)-1:0]  s_beat_count,
    input  wire [PORTS-1:0]             s_beat_last,
    input  wire [PORTS-1:0]             s_beat_valid,
    output wire [PORTS-1:0]             s_beat_ready,
    // Acknowledgements, in the order of each requester's requests, always taken
    output wire [PORTS-1:0]             m_ack_valid,
    // An error response: requester and queue
    output wire [PORT_W-1:0]            m_error_port,
    output wire [QID_W-1:0]             m_error_queue,
    output wire                         m_error_valid,
    input  wire                         m_error_ready,
    // AXI4 write channels
    output wire [3:0]                   m_axi_awid,
    output wire [63:0]                  m_axi_awaddr,
    output wire [7:0]                   m_axi_awlen,
    output wire [2:0]                   m_axi_awsize,
    output wire [1:0]                   m_axi_awburst,
    output wire [3:0]                   m_axi_awcache,
    output wire [2:0]                   m_axi_awprot,
    output wire                         m_axi_awvalid,
    input  wire                         m_axi_awready,
    output wire [DATA_W-1:0]            m_axi_wdata,
    output wire [DATA_W/8-1:0]          m_axi_wstrb,
    output wire                         m_axi_wlast,
    output wire                         m_axi_wvalid,
    input  wire                         m_axi_wready,
    input  wire [3:0]                   m_axi_bid,
    input  wire [1:0]                   m_axi_bresp,
    input  wire                         m_axi_bvalid,
    output wire                         m_axi_bready
);
    localparam BYTES = DATA_W / 8;
    localparam [2:0] SIZE = DATA_W == 64  ? 3'd3 : DATA_W == 128 ? 3'd4 :
                            DATA_W == 256 ? 3'd5 : 3'd6;

    wire [PORTS-1:0] one = {{(PORTS-1){1'b0}}, 1'b1};

    // Choice of a requester, at a request's start
    wire [PORT_W-1:0]  index;
    wire               any, take, split_ready, feed_ready, feed_end;
    reg  [63:0]        req_addr;
    reg  [12:0]        req_len;
    reg  [QID_W-1:0]   req_queue;
    reg                req_null;
    integer            i;

    vq_arbiter #(.PORTS(PORTS)) u_arbiter (
        .clk(clk),
        .rst(rst),
        .request(s_req_valid),
        .advance(take),
        .index(index),
        .valid(any)
    );

    always @* begin
        req_addr  = 64'd0;
        req_len   = 13'd0;
        req_queue = {QID_W{1'b0}};
        req_null  = 1'b0;
        for (i = 0; i < PORTS; i = i + 1)
            if (index == i[PORT_W-1:0]) begin
                req_addr  = s_req_addr[64*i +: 64];
                req_len   = s_req_len[13*i +: 13];
                req_queue = s_req_queue[QID_W*i +: QID_W];
                req_null  = s_req_null[i];
            end
    end

    // The request whose beats flow
    reg                feed_reg;
    reg  [PORT_W-1:0]  feed_port_reg;
    reg  [LANE_W-1:0]  feed_start_reg;
    reg  [DATA_W-1:0]  feed_data;
    reg  [LANE_W-1:0]  feed_offset;
    reg  [LANE_W:0]    feed_count;
    reg                feed_last, feed_valid;
    integer            j;

    assign take        = any && !s_halt && split_ready && (!feed_reg || feed_end);
    assign s_req_ready = take ? one << index : {PORTS{1'b0}};
    assign feed_end    = feed_valid && feed_ready && feed_last;

    always @* begin
        feed_data   = {DATA_W{1'b0}};
        feed_offset = {LANE_W{1'b0}};
        feed_count  = {(LANE_W+1){1'b0}};
        feed_last   = 1'b0;
        feed_valid  = 1'b0;
        for (j = 0; j < PORTS; j = j + 1)
            if (feed_port_reg == j[PORT_W-1:0]) begin
                feed_data   = s_beat_data[DATA_W*j +: DATA_W];
                feed_offset = s_beat_offset[LANE_W*j +: LANE_W];
                feed_count  = s_beat_count[(LANE_W+1)*j +: LANE_W+1];
                feed_last   = s_beat_last[j];
                feed_valid  = feed_reg && s_beat_valid[j];
            end
    end

    assign s_beat_ready = feed_reg && feed_ready ? one << feed_port_reg : {PORTS{1'b0}};

    always @(posedge clk) begin
        if (feed_end) feed_reg <= 1'b0;
        if (take) begin
            feed_reg       <= 1'b1;
            feed_port_reg  <= index;
            feed_start_reg <= req_addr[LANE_W-1:0];
        end
        if (rst) feed_reg <= 1'b0;
    end

    wire [DATA_W-1:0] lanes_data;
    wire [LANE_W:0]   lanes_count;
    wire              lanes_error, lanes_last, lanes_valid, lanes_ready;

    vq_realign #(.DATA_W(DATA_W)) u_realign (
        .clk(clk),
        .rst(rst),
        .s_data(feed_data),
        .s_offset(feed_offset),
        .s_count(feed_count),
        .s_start(feed_start_reg),
        .s_error(1'b0),
        .s_last(feed_last),
        .s_valid(feed_valid),
        .s_ready(feed_ready),
        .m_data(lanes_data),
        .m_count(lanes_count),
        .m_error(lanes_error),
        .m_last(lanes_last),
        .m_valid(lanes_valid),
        .m_ready(lanes_ready)
    );

    // Bursts of the request
    wire [63:0]       burst_addr;
    wire [12:0]       burst_len;
    wire [PORT_W-1:0] burst_port;
    wire [QID_W-1:0]  burst_queue;
    wire              burst_null, burst_last, burst_valid, burst_ready;

    vq_burst_split #(
        .ADDR_W(64), .LEN_W(14), .INFO_W(PORT_W+QID_W+1), .MAX_BYTES(MAX_BYTES)
    ) u_split (
        .clk(clk),
        .rst(rst),
        .s_req_addr(req_addr),
        .s_req_len({1'b0, req_len}),
        .s_req_info({index, req_queue, req_null || !s_alive[req_queue]}),
        .s_req_valid(take),
        .s_req_ready(split_ready),
        .m_burst_addr(burst_addr),
        .m_burst_len(burst_len),
        .m_burst_info({burst_port, burst_queue, burst_null}),
        .m_burst_last(burst_last),
        .m_burst_valid(burst_valid),
        .m_burst_ready(burst_ready)
    );

    wire [12:0] reach = {{(13-LANE_W){1'b0}}, burst_addr[LANE_W-1:0]} + burst_len - 13'd1;
    wire [12:0] reach_beats = reach >> LANE_W;

    // Address channel
    reg  [63:0] aw_addr_reg;
    reg  [7:0]  aw_len_reg;
    reg         aw_valid_reg;
    wire        w_note_ready, b_note_ready;
    wire        aw_free = !aw_valid_reg || m_axi_awready;
    wire        go      = burst_valid && aw_free && w_note_ready && b_note_ready;

    assign burst_ready = aw_free && w_note_ready && b_note_ready;

    always @(posedge clk) begin
        if (m_axi_awready) aw_valid_reg <= 1'b0;
        if (go && !burst_null) begin
            aw_addr_reg  <= burst_addr;
            aw_len_reg   <= reach_beats[7:0];
            aw_valid_reg <= 1'b1;
        end
        if (rst) aw_valid_reg <= 1'b0;
    end

    // Data channel: strobes from the burst's first and last lane
    wire [LANE_W-1:0] w_first, w_end;
    wire [7:0]        w_len;
    wire              w_null, w_valid;
    reg  [7:0]        w_beat_reg;
    wire              w_final = w_beat_reg == w_len;
    wire              w_move  = lanes_valid && w_valid && (w_null || m_axi_wready);
    wire [BYTES-1:0]  from    = {BYTES{1'b1}} << w_first;
    wire [BYTES-1:0]  upto    = {BYTES{1'b1}} >> ~w_end;

    vq_fifo #(.WIDTH(2*LANE_W+9), .DEPTH(8)) u_w_notes (
        .clk(clk),
        .rst(rst),
        .s_data({burst_addr[LANE_W-1:0], reach[LANE_W-1:0], reach_beats[7:0], burst_null}),
        .s_valid(go),
        .s_ready(w_note_ready),
        .m_data({w_first, w_end, w_len, w_null}),
        .m_valid(w_valid),
        .m_ready(w_move && w_final)
    );

    assign lanes_ready  = w_valid && (w_null || m_axi_wready);
    assign m_axi_wdata  = lanes_data;
    assign m_axi_wstrb  = (w_beat_reg == 8'd0 ? from : {BYTES{1'b1}}) &
                          (w_final ? upto : {BYTES{1'b1}});
    assign m_axi_wlast  = w_final;
    assign m_axi_wvalid = lanes_valid && w_valid && !w_null;

    always @(posedge clk) begin
        if (w_move) w_beat_reg <= w_final ? 8'd0 : w_beat_reg + 8'd1;
        if (rst) w_beat_reg <= 8'd0;
    end

    // Responses
    wire [PORT_W-1:0] b_port;
    wire [QID_W-1:0]  b_queue;
    wire              b_null, b_last, b_note_valid;
    wire              b_error  = m_axi_bvalid && m_axi_bresp[1];
    wire              b_accept = b_note_valid && !b_null && (!b_error || m_error_ready);
    wire              b_move   = b_note_valid && (b_null || (b_accept && m_axi_bvalid));

    vq_fifo #(.WIDTH(PORT_W+QID_W+2), .DEPTH(BURSTS)) u_b_notes (
        .clk(clk),
        .rst(rst),
        .s_data({burst_port, burst_queue, burst_null, burst_last}),
        .s_valid(go),
        .s_ready(b_note_ready),
        .m_data({b_port, b_queue, b_null, b_last}),
        .m_valid(b_note_valid),
        .m_ready(b_move)
    );

    assign m_ack_valid   = b_move && b_last ? one << b_port : {PORTS{1'b0}};
    assign m_error_port  = b_port;
    assign m_error_queue = b_queue;
    assign m_error_valid = b_note_valid && !b_null && b_error;
    assign m_axi_bready  = b_accept;
    assign m_axi_awid    = 4'd0;
    assign m_axi_awaddr  = aw_addr_reg;
    assign m_axi_awlen   = aw_len_reg;
    assign m_axi_awsize  = SIZE;
    assign m_axi_awburst = 2'b01;       // INCR
    assign m_axi_awcache = 4'b0011;     // normal, not cacheable, bufferable
    assign m_axi_awprot  = 3'b000;
    assign m_axi_awvalid = aw_valid_reg;
    assign m_drained     = !feed_reg && !burst_valid && !aw_valid_reg && !b_note_valid && !w_valid;

    wire unused = &{1'b0, lanes_count, lanes_error, reach_beats[12:8], m_axi_bid, m_axi_bresp[0]};

    `VQ_ASSERT(a_lanes_last, !(w_move && lanes_last) || w_final)
endmodule
`resetall
