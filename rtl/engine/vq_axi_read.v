// SPDX-License-Identifier: Apache-2.0
// vq_axi_read - the read half of the AXI4 master: PORTS requesters share it, one id each.
//   Contract    a requester's data comes back in the order of its bursts. A burst of a queue that
//               is not alive never reaches the bus: its beats come back with an error. While
//               halted no burst is started; drained says that none is in flight
//   Latency     1 cycle burst to address channel; 1 cycle data channel to requester
//   Throughput  1 burst and 1 beat per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_axi_read #(
    parameter PORTS  = 4,   // requesters, 1 to 16
    parameter QUEUES = 4,   // queues, 1 to 64
    parameter DATA_W = 64,  // beat, bits
    parameter QID_W  = 2    // queue number, bits
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire [QUEUES-1:0]       s_alive,     // queues whose memory may be read
    input  wire                    s_halt,
    output wire                    m_drained,
    // Bursts in, one lane of each vector a requester
    input  wire [PORTS*64-1:0]     s_ar_addr,
    input  wire [PORTS*9-1:0]      s_ar_beats,
    input  wire [PORTS*QID_W-1:0]  s_ar_queue,
    input  wire [PORTS-1:0]        s_ar_valid,
    output wire [PORTS-1:0]        s_ar_ready,
    // Data out, to the requester whose valid bit is set
    output wire [DATA_W-1:0]       m_r_data,
    output wire                    m_r_error,
    output wire [PORTS-1:0]        m_r_valid,
    // AXI4 read channels
    output wire [3:0]              m_axi_arid,
    output wire [63:0]             m_axi_araddr,
    output wire [7:0]              m_axi_arlen,
    output wire [2:0]              m_axi_arsize,
    output wire [1:0]              m_axi_arburst,
    output wire [3:0]              m_axi_arcache,
    output wire [2:0]              m_axi_arprot,
    output wire                    m_axi_arvalid,
    input  wire                    m_axi_arready,
    input  wire [3:0]              m_axi_rid,
    input  wire [DATA_W-1:0]       m_axi_rdata,
    input  wire [1:0]              m_axi_rresp,
    input  wire                    m_axi_rlast,
    input  wire                    m_axi_rvalid,
    output wire                    m_axi_rready
);
    localparam PORT_W  = PORTS > 1 ? $clog2(PORTS) : 1;
    localparam COUNT_W = 12;            // bursts in flight of one requester, bits
    localparam [2:0] SIZE = DATA_W == 64  ? 3'd3 : DATA_W == 128 ? 3'd4 :
                            DATA_W == 256 ? 3'd5 : 3'd6;

    // Choice of a requester
    wire [PORT_W-1:0] index;
    wire              any, take;
    reg  [63:0]       addr;
    reg  [8:0]        beats;
    reg  [QID_W-1:0]  queue;
    integer           i;

    vq_arbiter #(.PORTS(PORTS)) u_arbiter (
        .clk(clk),
        .rst(rst),
        .request(s_ar_valid),
        .advance(take),
        .index(index),
        .valid(any)
    );

    always @* begin
        addr  = 64'd0;
        beats = 9'd0;
        queue = {QID_W{1'b0}};
        for (i = 0; i < PORTS; i = i + 1)
            if (index == i[PORT_W-1:0]) begin
                addr  = s_ar_addr[64*i +: 64];
                beats = s_ar_beats[9*i +: 9];
                queue = s_ar_queue[QID_W*i +: QID_W];
            end
    end

    // The address channel's register, and the burst that is answered here instead
    reg [PORT_W-1:0]  id_reg;
    reg [63:0]        addr_reg;
    reg [8:0]         beats_reg;
    reg               valid_reg;
    reg [PORT_W-1:0]  null_port_reg;
    reg [8:0]         null_beats_reg;   // beats still to be answered with an error
    wire              dead     = !s_alive[queue];
    wire              busy     = null_beats_reg != 9'd0;
    wire [PORTS-1:0]  in_flight;        // requesters with a burst on the bus
    wire              port_idle = !in_flight[index];
    wire              can_send = !valid_reg || m_axi_arready;
    // A dead burst waits until its requester has nothing in flight: so its answer is in order
    wire              go       = any && !s_halt && !busy && (dead ? port_idle : can_send);
    wire              done     = m_axi_rvalid && m_axi_rlast;

    assign take       = go;
    assign s_ar_ready = {{(PORTS-1){1'b0}}, go} << index;
    assign m_drained  = !valid_reg && !busy && !(|in_flight);

    genvar g;
    generate
        for (g = 0; g < PORTS; g = g + 1) begin : gen_count
            reg [COUNT_W-1:0] count_reg;
            wire plus  = go && !dead && index == g;
            wire minus = done && m_axi_rid == g;
            assign in_flight[g] = count_reg != {COUNT_W{1'b0}};
            always @(posedge clk) begin
                if (plus && !minus) count_reg <= count_reg + 1'b1;
                if (minus && !plus) count_reg <= count_reg - 1'b1;
                if (rst) count_reg <= {COUNT_W{1'b0}};
            end
        end
    endgenerate

    always @(posedge clk) begin
        if (m_axi_arready) valid_reg <= 1'b0;
        if (go && !dead) begin
            id_reg    <= index;
            addr_reg  <= addr;
            beats_reg <= beats - 9'd1;
            valid_reg <= 1'b1;
        end
        if (go && dead) begin
            null_port_reg  <= index;
            null_beats_reg <= beats;
        end else if (busy && !m_axi_rvalid) begin
            null_beats_reg <= null_beats_reg - 9'd1;
        end
        if (rst) begin
            valid_reg      <= 1'b0;
            null_beats_reg <= 9'd0;
        end
    end

    // Data, one register on the way; real data goes first
    reg [DATA_W-1:0] r_data_reg;
    reg              r_error_reg;
    reg [PORTS-1:0]  r_valid_reg;

    always @(posedge clk) begin
        if (m_axi_rvalid) r_data_reg <= m_axi_rdata;
        r_error_reg <= !m_axi_rvalid || m_axi_rresp[1];
        r_valid_reg <= {PORTS{1'b0}};
        if (m_axi_rvalid) r_valid_reg <= {{(PORTS-1){1'b0}}, 1'b1} << m_axi_rid;
        else if (busy) r_valid_reg <= {{(PORTS-1){1'b0}}, 1'b1} << null_port_reg;
        if (rst) r_valid_reg <= {PORTS{1'b0}};
    end

    assign m_r_data      = r_data_reg;
    assign m_r_error     = r_error_reg;
    assign m_r_valid     = r_valid_reg;
    assign m_axi_arid    = {{(4-PORT_W){1'b0}}, id_reg};
    assign m_axi_araddr  = addr_reg;
    assign m_axi_arlen   = beats_reg[7:0];
    assign m_axi_arsize  = SIZE;
    assign m_axi_arburst = 2'b01;       // INCR
    assign m_axi_arcache = 4'b0011;     // normal, not cacheable, bufferable
    assign m_axi_arprot  = 3'b000;
    assign m_axi_arvalid = valid_reg;
    assign m_axi_rready  = 1'b1;        // room was reserved before the burst was asked for

    wire unused = &{1'b0, beats_reg[8], m_axi_rresp[0], m_axi_rid};
endmodule
`resetall
