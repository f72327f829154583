// SPDX-License-Identifier: Apache-2.0
// vq_axi_write - the write half of the AXI4 master: PORTS requesters share it under one id.
//   Contract    a request is one burst: it crosses no 4 KiB boundary, and its beats hold its bytes
//               in the lanes of the memory. Requests reach the memory and are acknowledged in the
//               order in which they were taken, so an acknowledgement vouches for every earlier
//               request too. A requester has all beats of a request at hand when it asks. A
//               request that is null, or of a queue that is not alive, never reaches the bus but
//               is acknowledged in its turn. An error is handed over on m_error before its request
//               is acknowledged. While halted no request is taken. A higher requester goes first:
//               what it writes must be bounded by what lower ones bring
//   Latency     1 cycle, request to both write channels
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
    parameter BURSTS    = 2*DATA_W, // bursts in flight; power of two
    parameter LANE_W    = $clog2(DATA_W/8),     // derived, not to be set
    parameter PORT_W    = $clog2(PORTS)         // derived, not to be set
) (
    input  wire                         clk,
    input  wire                         rst,
    input  wire [QUEUES-1:0]            s_alive,    // queues whose memory may be written
    input  wire                         s_halt,
    input  wire [PORTS-1:0]             s_half,     // requesters that write, where a beat has more
                                                    // than 8 bytes, the upper 8 of each 16 only
    output wire                         m_drained,
    output wire                         m_busy,     // beats wait for the data channel
    // Requests, one lane of each vector a requester: s_req_len bytes (1 to 4096) to s_req_addr;
    // only those with s_req_ack are acknowledged
    input  wire [PORTS*64-1:0]          s_req_addr,
    input  wire [PORTS*13-1:0]          s_req_len,
    input  wire [PORTS*QID_W-1:0]       s_req_queue,
    input  wire [PORTS-1:0]             s_req_null,
    input  wire [PORTS-1:0]             s_req_ack,
    input  wire [PORTS-1:0]             s_req_valid,
    output wire [PORTS-1:0]             s_req_ready,
    // Their beats, in the lanes of the memory
    input  wire [PORTS*DATA_W-1:0]      s_beat_data,
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

    // Choice of a requester: the highest one that asks
    wire [PORTS-1:0]   chosen, dead;
    wire               can, go;
    reg  [PORT_W-1:0]  index;
    reg  [63:0]        req_addr;
    reg  [12:0]        reach;           // of the last byte, from the first beat's start
    reg  [QID_W-1:0]   req_queue;
    wire [PORTS*13-1:0] reaches;
    integer            i;

    genvar g;
    generate
        for (g = 0; g < PORTS; g = g + 1) begin : gen_port
            wire higher = |((s_req_valid >> g) >> 1);
            assign chosen[g]      = s_req_valid[g] && !higher;
            assign dead[g]        = s_req_null[g] || !s_alive[s_req_queue[QID_W*g +: QID_W]];
            assign s_req_ready[g] = can && chosen[g];
            assign reaches[13*g +: 13] = {{(13-LANE_W){1'b0}}, s_req_addr[64*g +: LANE_W]} +
                                         s_req_len[13*g +: 13] - 13'd1;
        end
    endgenerate

    always @* begin
        index     = {PORT_W{1'b0}};
        req_addr  = 64'd0;
        reach     = 13'd0;
        req_queue = {QID_W{1'b0}};
        for (i = 0; i < PORTS; i = i + 1) begin
            index     = index | (i[PORT_W-1:0] & {PORT_W{chosen[i]}});
            req_addr  = req_addr | (s_req_addr[64*i +: 64] & {64{chosen[i]}});
            reach     = reach | (reaches[13*i +: 13] & {13{chosen[i]}});
            req_queue = req_queue | (s_req_queue[QID_W*i +: QID_W] & {QID_W{chosen[i]}});
        end
    end

    // Address channel
    wire        aw_free;
    wire        w_note_ready, b_note_ready;
    wire        req_ack     = |(chosen & s_req_ack);
    wire        null_burst  = |(chosen & dead);
    wire [12:0] reach_beats = reach >> LANE_W;

    assign can = !s_halt && aw_free && w_note_ready && b_note_ready;
    assign go  = can && |s_req_valid;

    vq_skid #(.WIDTH(64+8)) u_aw (
        .clk(clk),
        .rst(rst),
        .s_data({req_addr, reach_beats[7:0]}),
        .s_valid(go && !null_burst),
        .s_ready(aw_free),
        .m_data({m_axi_awaddr, m_axi_awlen}),
        .m_valid(m_axi_awvalid),
        .m_ready(m_axi_awready)
    );

    // Data channel: the beats of the oldest request that has not sent all of them, with strobes
    // from the burst's first and last lane
    wire [LANE_W-1:0] w_first, w_end;
    wire [7:0]        w_len;
    wire [PORT_W-1:0] w_port;
    wire              w_null, w_valid;
    reg  [7:0]        w_beat_reg;
    reg  [DATA_W-1:0] w_data;
    reg               w_here;
    wire              w_final = w_beat_reg == w_len;
    wire              w_move  = w_here && w_valid && (w_null || m_axi_wready);
    wire [BYTES-1:0]  from    = {BYTES{1'b1}} << w_first;
    wire [BYTES-1:0]  upto    = {BYTES{1'b1}} >> ~w_end;
    wire [BYTES-1:0]  lanes;            // that the requester writes at all
    integer           j;

    generate
        for (g = 0; g < BYTES; g = g + 1) begin : gen_lane
            assign lanes[g] = BYTES == 8 || g % 16 >= 8 || !s_half[w_port];
        end
    endgenerate

    vq_fifo #(.WIDTH(2*LANE_W+9+PORT_W), .DEPTH(16)) u_w_notes (
        .clk(clk),
        .rst(rst),
        .s_data({req_addr[LANE_W-1:0], reach[LANE_W-1:0], reach_beats[7:0], index, null_burst}),
        .s_valid(go),
        .s_ready(w_note_ready),
        .m_data({w_first, w_end, w_len, w_port, w_null}),
        .m_valid(w_valid),
        .m_ready(w_move && w_final)
    );

    always @* begin
        w_data = {DATA_W{1'b0}};
        w_here = 1'b0;
        for (j = 0; j < PORTS; j = j + 1)
            if (w_port == j[PORT_W-1:0]) begin
                w_data = s_beat_data[DATA_W*j +: DATA_W];
                w_here = s_beat_valid[j];
            end
    end

    assign s_beat_ready = w_valid && (w_null || m_axi_wready) ? one << w_port : {PORTS{1'b0}};
    assign m_axi_wdata  = w_data;
    assign m_axi_wstrb  = lanes & (w_beat_reg == 8'd0 ? from : {BYTES{1'b1}}) &
                          (w_final ? upto : {BYTES{1'b1}});
    assign m_axi_wlast  = w_final;
    assign m_axi_wvalid = w_here && w_valid && !w_null;

    always @(posedge clk) begin
        if (w_move) w_beat_reg <= w_final ? 8'd0 : w_beat_reg + 8'd1;
        if (rst) w_beat_reg <= 8'd0;
    end

    // Responses
    wire [PORT_W-1:0] b_port;
    wire [QID_W-1:0]  b_queue;
    wire              b_null, b_ack, b_note_valid;
    wire              b_error  = m_axi_bvalid && m_axi_bresp[1];
    wire              b_accept = b_note_valid && !b_null && (!b_error || m_error_ready);
    wire              b_move   = b_note_valid && (b_null || (b_accept && m_axi_bvalid));

    vq_fifo #(.WIDTH(PORT_W+QID_W+2), .DEPTH(BURSTS), .BLOCK_EN(BURSTS > 16)) u_b_notes (
        .clk(clk),
        .rst(rst),
        .s_data({index, req_queue, null_burst, req_ack}),
        .s_valid(go),
        .s_ready(b_note_ready),
        .m_data({b_port, b_queue, b_null, b_ack}),
        .m_valid(b_note_valid),
        .m_ready(b_move)
    );

    assign m_ack_valid   = b_move && b_ack ? one << b_port : {PORTS{1'b0}};
    assign m_error_port  = b_port;
    assign m_error_queue = b_queue;
    assign m_error_valid = b_note_valid && !b_null && b_error;
    assign m_axi_bready  = b_accept;
    assign m_axi_awid    = 4'd0;
    assign m_axi_awsize  = SIZE;
    assign m_axi_awburst = 2'b01;       // INCR
    assign m_axi_awcache = 4'b0011;     // normal, not cacheable, bufferable
    assign m_axi_awprot  = 3'b000;
    assign m_busy        = w_valid;
    // A burst is seen by one of the three from the cycle after its request on
    assign m_drained     = !m_axi_awvalid && !b_note_valid && !w_valid;

    wire unused = &{1'b0, reach_beats[12:8], m_axi_bid, m_axi_bresp[0]};

    `VQ_ASSUME(a_one_burst, !go || {1'b0, req_addr[11:LANE_W], {LANE_W{1'b0}}} + reach < 13'd4096)
    `VQ_ASSUME(a_beats, !go || reach_beats < 13'd256)
endmodule
`resetall
