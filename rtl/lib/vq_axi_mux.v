// SPDX-License-Identifier: Apache-2.0
// vq_axi_mux - PORTS AXI4 masters share one slave.
//   Contract    requests are taken in turn, so one waits for at most PORTS - 1 others; a port's
//               number stands above its ids and leads each answer back, so answers may come in
//               any order that the ids allow. Write data follow in the order of their requests: a
//               port whose data come late holds up the writes behind it
//   Latency     1 cycle, requests and write data; 0 cycles, read data and write responses
//   Throughput  1 read request, 1 write request, 1 beat each way, a cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_axi_mux #(
    parameter PORTS  = 4,   // masters, 1 to 16
    parameter DATA_W = 64,  // data bus, bits
    parameter ID_W   = 2,   // ids of a master, bits
    parameter WRITES = 16,  // write requests whose data have not left; power of two, 2 or more
    parameter PORT_W = PORTS > 1 ? $clog2(PORTS) : 1    // derived, not to be set
) (
    input  wire                      clk,
    input  wire                      rst,
    // Masters, side by side
    input  wire [PORTS*ID_W-1:0]     s_axi_arid,
    input  wire [PORTS*64-1:0]       s_axi_araddr,
    input  wire [PORTS*8-1:0]        s_axi_arlen,
    input  wire [PORTS*3-1:0]        s_axi_arsize,
    input  wire [PORTS*2-1:0]        s_axi_arburst,
    input  wire [PORTS*4-1:0]        s_axi_arcache,
    input  wire [PORTS*3-1:0]        s_axi_arprot,
    input  wire [PORTS-1:0]          s_axi_arvalid,
    output wire [PORTS-1:0]          s_axi_arready,
    output wire [PORTS*ID_W-1:0]     s_axi_rid,
    output wire [PORTS*DATA_W-1:0]   s_axi_rdata,
    output wire [PORTS*2-1:0]        s_axi_rresp,
    output wire [PORTS-1:0]          s_axi_rlast,
    output wire [PORTS-1:0]          s_axi_rvalid,
    input  wire [PORTS-1:0]          s_axi_rready,
    input  wire [PORTS*ID_W-1:0]     s_axi_awid,
    input  wire [PORTS*64-1:0]       s_axi_awaddr,
    input  wire [PORTS*8-1:0]        s_axi_awlen,
    input  wire [PORTS*3-1:0]        s_axi_awsize,
    input  wire [PORTS*2-1:0]        s_axi_awburst,
    input  wire [PORTS*4-1:0]        s_axi_awcache,
    input  wire [PORTS*3-1:0]        s_axi_awprot,
    input  wire [PORTS-1:0]          s_axi_awvalid,
    output wire [PORTS-1:0]          s_axi_awready,
    input  wire [PORTS*DATA_W-1:0]   s_axi_wdata,
    input  wire [PORTS*DATA_W/8-1:0] s_axi_wstrb,
    input  wire [PORTS-1:0]          s_axi_wlast,
    input  wire [PORTS-1:0]          s_axi_wvalid,
    output wire [PORTS-1:0]          s_axi_wready,
    output wire [PORTS*ID_W-1:0]     s_axi_bid,
    output wire [PORTS*2-1:0]        s_axi_bresp,
    output wire [PORTS-1:0]          s_axi_bvalid,
    input  wire [PORTS-1:0]          s_axi_bready,
    // The slave
    output wire [PORT_W+ID_W-1:0]    m_axi_arid,
    output wire [63:0]               m_axi_araddr,
    output wire [7:0]                m_axi_arlen,
    output wire [2:0]                m_axi_arsize,
    output wire [1:0]                m_axi_arburst,
    output wire [3:0]                m_axi_arcache,
    output wire [2:0]                m_axi_arprot,
    output wire                      m_axi_arvalid,
    input  wire                      m_axi_arready,
    input  wire [PORT_W+ID_W-1:0]    m_axi_rid,
    input  wire [DATA_W-1:0]         m_axi_rdata,
    input  wire [1:0]                m_axi_rresp,
    input  wire                      m_axi_rlast,
    input  wire                      m_axi_rvalid,
    output wire                      m_axi_rready,
    output wire [PORT_W+ID_W-1:0]    m_axi_awid,
    output wire [63:0]               m_axi_awaddr,
    output wire [7:0]                m_axi_awlen,
    output wire [2:0]                m_axi_awsize,
    output wire [1:0]                m_axi_awburst,
    output wire [3:0]                m_axi_awcache,
    output wire [2:0]                m_axi_awprot,
    output wire                      m_axi_awvalid,
    input  wire                      m_axi_awready,
    output wire [DATA_W-1:0]         m_axi_wdata,
    output wire [DATA_W/8-1:0]       m_axi_wstrb,
    output wire                      m_axi_wlast,
    output wire                      m_axi_wvalid,
    input  wire                      m_axi_wready,
    input  wire [PORT_W+ID_W-1:0]    m_axi_bid,
    input  wire [1:0]                m_axi_bresp,
    input  wire                      m_axi_bvalid,
    output wire                      m_axi_bready
);
    if (PORTS < 1 || PORTS > 16) begin : gen_bad_ports
        ERROR_PORTS_must_be_1_to_16 u_error ();
    end

    localparam REQ_W  = ID_W + 64 + 8 + 3 + 2 + 4 + 3;
    localparam BEAT_W = DATA_W + DATA_W/8 + 1;

    // What each port offers, packed
    wire [REQ_W-1:0]  ar   [0:PORTS-1];
    wire [REQ_W-1:0]  aw   [0:PORTS-1];
    wire [BEAT_W-1:0] beat [0:PORTS-1];
    wire [PORT_W-1:0] ar_port, aw_port, w_port;
    wire              ar_some, aw_some, ar_room, aw_room, w_room;
    wire              order_room, order_valid;
    wire              ar_take = ar_some && ar_room;
    wire              aw_take = aw_some && aw_room && order_room;
    wire              w_take  = order_valid && s_axi_wvalid[w_port] && w_room;
    wire [PORT_W-1:0] r_port  = m_axi_rid[ID_W +: PORT_W];
    wire [PORT_W-1:0] b_port  = m_axi_bid[ID_W +: PORT_W];

    genvar p;
    generate
        for (p = 0; p < PORTS; p = p + 1) begin : gen_port
            assign ar[p] = {s_axi_arid[p*ID_W +: ID_W], s_axi_araddr[p*64 +: 64],
                            s_axi_arlen[p*8 +: 8], s_axi_arsize[p*3 +: 3],
                            s_axi_arburst[p*2 +: 2], s_axi_arcache[p*4 +: 4],
                            s_axi_arprot[p*3 +: 3]};
            assign aw[p] = {s_axi_awid[p*ID_W +: ID_W], s_axi_awaddr[p*64 +: 64],
                            s_axi_awlen[p*8 +: 8], s_axi_awsize[p*3 +: 3],
                            s_axi_awburst[p*2 +: 2], s_axi_awcache[p*4 +: 4],
                            s_axi_awprot[p*3 +: 3]};
            assign beat[p] = {s_axi_wdata[p*DATA_W +: DATA_W], s_axi_wstrb[p*DATA_W/8 +: DATA_W/8],
                              s_axi_wlast[p]};
            assign s_axi_arready[p] = ar_take && ar_port == p[PORT_W-1:0];
            assign s_axi_awready[p] = aw_take && aw_port == p[PORT_W-1:0];
            assign s_axi_wready[p]  = order_valid && w_room && w_port == p[PORT_W-1:0];
            assign s_axi_rvalid[p]  = m_axi_rvalid && r_port == p[PORT_W-1:0];
            assign s_axi_bvalid[p]  = m_axi_bvalid && b_port == p[PORT_W-1:0];
            assign s_axi_rid[p*ID_W +: ID_W] = m_axi_rid[ID_W-1:0];
            assign s_axi_bid[p*ID_W +: ID_W] = m_axi_bid[ID_W-1:0];
        end
    endgenerate

    assign s_axi_rdata  = {PORTS{m_axi_rdata}};
    assign s_axi_rresp  = {PORTS{m_axi_rresp}};
    assign s_axi_rlast  = {PORTS{m_axi_rlast}};
    assign s_axi_bresp  = {PORTS{m_axi_bresp}};
    assign m_axi_rready = s_axi_rready[r_port];
    assign m_axi_bready = s_axi_bready[b_port];

    vq_arbiter #(.PORTS(PORTS)) u_ar_turn (
        .clk(clk),
        .rst(rst),
        .request(s_axi_arvalid),
        .advance(ar_take),
        .index(ar_port),
        .valid(ar_some)
    );
    vq_skid #(.WIDTH(PORT_W+REQ_W)) u_ar (
        .clk(clk),
        .rst(rst),
        .s_data({ar_port, ar[ar_port]}),
        .s_valid(ar_take),
        .s_ready(ar_room),
        .m_data({m_axi_arid, m_axi_araddr, m_axi_arlen, m_axi_arsize, m_axi_arburst,
                 m_axi_arcache, m_axi_arprot}),
        .m_valid(m_axi_arvalid),
        .m_ready(m_axi_arready)
    );
    vq_arbiter #(.PORTS(PORTS)) u_aw_turn (
        .clk(clk),
        .rst(rst),
        .request(s_axi_awvalid),
        .advance(aw_take),
        .index(aw_port),
        .valid(aw_some)
    );
    vq_skid #(.WIDTH(PORT_W+REQ_W)) u_aw (
        .clk(clk),
        .rst(rst),
        .s_data({aw_port, aw[aw_port]}),
        .s_valid(aw_take),
        .s_ready(aw_room),
        .m_data({m_axi_awid, m_axi_awaddr, m_axi_awlen, m_axi_awsize, m_axi_awburst,
                 m_axi_awcache, m_axi_awprot}),
        .m_valid(m_axi_awvalid),
        .m_ready(m_axi_awready)
    );
    // Whose data are due, in the order of the requests
    vq_fifo #(.WIDTH(PORT_W), .DEPTH(WRITES)) u_order (
        .clk(clk),
        .rst(rst),
        .s_data(aw_port),
        .s_valid(aw_take),
        .s_ready(order_room),
        .m_data(w_port),
        .m_valid(order_valid),
        .m_ready(w_take && s_axi_wlast[w_port])
    );
    vq_skid #(.WIDTH(BEAT_W)) u_w (
        .clk(clk),
        .rst(rst),
        .s_data(beat[w_port]),
        .s_valid(w_take),
        .s_ready(w_room),
        .m_data({m_axi_wdata, m_axi_wstrb, m_axi_wlast}),
        .m_valid(m_axi_wvalid),
        .m_ready(m_axi_wready)
    );

    `VQ_ASSUME(a_known_port, (!m_axi_rvalid || {{(32-PORT_W){1'b0}}, r_port} < PORTS) &&
                             (!m_axi_bvalid || {{(32-PORT_W){1'b0}}, b_port} < PORTS))
endmodule
`resetall
