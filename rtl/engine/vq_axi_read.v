// SPDX-License-Identifier: Apache-2.0
// vq_axi_read - the read half of the AXI4 master: PORTS requesters share it, one id each.
//   Contract    a requester's data comes back in the order of its bursts. A burst of a queue that
//               is not alive is taken, but never reaches the bus: s_ar_dead tells its requester
//               that no data will come. While halted no burst is taken; drained says that none is
//               in flight. The highest requester has every other turn; among the others a lower
//               one goes first: what it asks for must be bounded by what they bring
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
    // Bursts in, one lane of each vector a requester; s_ar_len beats after the first
    input  wire [PORTS*64-1:0]     s_ar_addr,
    input  wire [PORTS*8-1:0]      s_ar_len,
    input  wire [PORTS*QID_W-1:0]  s_ar_queue,
    input  wire [PORTS-1:0]        s_ar_valid,
    output wire [PORTS-1:0]        s_ar_ready,
    output wire [PORTS-1:0]        s_ar_dead,   // no data will come for this burst
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
    localparam COUNT_W = 12;            // bursts in flight, bits
    localparam [2:0] SIZE = DATA_W == 64  ? 3'd3 : DATA_W == 128 ? 3'd4 :
                            DATA_W == 256 ? 3'd5 : 3'd6;
    localparam [PORTS-1:0] ONE = 1;

    wire [PORT_W-1:0]  ar_id;
    wire               ar_free;
    reg  [COUNT_W-1:0] count_reg;       // bursts on the bus
    reg                sent_reg;        // another one than count_reg says
    wire               done = m_axi_rvalid && m_axi_rlast;

    // Choice of a requester: the highest one, where it asked when another was chosen, or the lowest
    wire [PORTS-1:0]   chosen, living;
    reg                turn_reg;        // the highest one's: it asks until it is chosen
    wire               can   = ar_free && !s_halt;
    wire               take  = can && |s_ar_valid;
    wire               send  = can && |(chosen & living);
    reg  [PORT_W-1:0]  index;
    reg  [63:0]        addr;
    reg  [7:0]         len;
    integer            i;

    genvar g;
    generate
        for (g = 0; g < PORTS; g = g + 1) begin : gen_port
            wire lower = |(s_ar_valid & ((ONE << g) - ONE));
            wire waits = g == PORTS - 1 ? lower && !turn_reg : lower || turn_reg;
            assign chosen[g]     = s_ar_valid[g] && !waits;
            assign living[g]     = s_alive[s_ar_queue[QID_W*g +: QID_W]];
            assign s_ar_ready[g] = can && !waits;
        end
    endgenerate

    always @* begin
        index = {PORT_W{1'b0}};
        addr  = 64'd0;
        len   = 8'd0;
        for (i = 0; i < PORTS; i = i + 1) begin
            index = index | (i[PORT_W-1:0] & {PORT_W{chosen[i]}});
            addr  = addr | (s_ar_addr[64*i +: 64] & {64{chosen[i]}});
            len   = len | (s_ar_len[8*i +: 8] & {8{chosen[i]}});
        end
    end

    assign s_ar_dead = ~living;
    assign m_drained = count_reg == {COUNT_W{1'b0}} && !sent_reg;

    always @(posedge clk) begin
        if (take) turn_reg <= s_ar_valid[PORTS-1] && !chosen[PORTS-1];
        sent_reg  <= send;
        if (sent_reg && !done) count_reg <= count_reg + 1'b1;
        if (done && !sent_reg) count_reg <= count_reg - 1'b1;
        if (rst) begin
            turn_reg  <= 1'b0;
            sent_reg  <= 1'b0;
            count_reg <= {COUNT_W{1'b0}};
        end
    end

    vq_skid #(.WIDTH(PORT_W+64+8)) u_ar (
        .clk(clk),
        .rst(rst),
        .s_data({index, addr, len}),
        .s_valid(send),
        .s_ready(ar_free),
        .m_data({ar_id, m_axi_araddr, m_axi_arlen}),
        .m_valid(m_axi_arvalid),
        .m_ready(m_axi_arready)
    );

    // Data, one register on the way
    reg [DATA_W-1:0] r_data_reg;
    reg              r_error_reg;
    reg [PORTS-1:0]  r_valid_reg;

    always @(posedge clk) begin
        if (m_axi_rvalid) r_data_reg <= m_axi_rdata;
        r_error_reg <= m_axi_rresp[1];
        r_valid_reg <= m_axi_rvalid ? ONE << m_axi_rid : {PORTS{1'b0}};
        if (rst) r_valid_reg <= {PORTS{1'b0}};
    end

    assign m_r_data      = r_data_reg;
    assign m_r_error     = r_error_reg;
    assign m_r_valid     = r_valid_reg;
    assign m_axi_arid    = {{(4-PORT_W){1'b0}}, ar_id};
    assign m_axi_arsize  = SIZE;
    assign m_axi_arburst = 2'b01;       // INCR
    assign m_axi_arcache = 4'b0011;     // normal, not cacheable, bufferable
    assign m_axi_arprot  = 3'b000;
    assign m_axi_rready  = 1'b1;        // room was reserved before the burst was asked for

    wire unused = &{1'b0, m_axi_rresp[0], m_axi_rid};
endmodule
`resetall
