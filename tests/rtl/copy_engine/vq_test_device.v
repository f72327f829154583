// SPDX-License-Identifier: Apache-2.0
// vq_test_device - stands in for the device where only the bench is under test: a copy engine.
//   Contract    register 0x10 holds the count of bursts to copy, of 16 beats each, from 0x100000 on
//               to 0x200000 on; writing it starts. Register 0x14 keeps what is written, by
//               bytes. Writes are answered in the cycle of the handshake itself
//   Throughput  1 beat per cycle each way at any latency
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_test_device #(
    parameter QUEUES         = 4,
    parameter QUEUE_SIZE_MAX = 256,
    parameter DATA_W         = 64,
    parameter MAX_CHAIN      = 128,
    parameter CHAINS         = 256,
    parameter [0:0] SPLIT_EN  = 1'b1,
    parameter [0:0] PACKED_EN = 1'b1,
    parameter [0:0] ORDER_EN  = 1'b1,
    parameter QID_W = QUEUES > 1 ? $clog2(QUEUES) : 1
) (
    input  wire                clk,
    input  wire                rst,
    input  wire [11:0]         s_axil_awaddr,
    input  wire                s_axil_awvalid,
    output wire                s_axil_awready,
    input  wire [31:0]         s_axil_wdata,
    input  wire [3:0]          s_axil_wstrb,
    input  wire                s_axil_wvalid,
    output wire                s_axil_wready,
    output wire [1:0]          s_axil_bresp,
    output wire                s_axil_bvalid,
    input  wire                s_axil_bready,
    input  wire [11:0]         s_axil_araddr,
    input  wire                s_axil_arvalid,
    output wire                s_axil_arready,
    output wire [31:0]         s_axil_rdata,
    output wire [1:0]          s_axil_rresp,
    output reg                 s_axil_rvalid,
    input  wire                s_axil_rready,
    output wire [3:0]          m_axi_arid,
    output wire [63:0]         m_axi_araddr,
    output wire [7:0]          m_axi_arlen,
    output wire [2:0]          m_axi_arsize,
    output wire [1:0]          m_axi_arburst,
    output wire [3:0]          m_axi_arcache,
    output wire [2:0]          m_axi_arprot,
    output wire                m_axi_arvalid,
    input  wire                m_axi_arready,
    input  wire [3:0]          m_axi_rid,
    input  wire [DATA_W-1:0]   m_axi_rdata,
    input  wire [1:0]          m_axi_rresp,
    input  wire                m_axi_rlast,
    input  wire                m_axi_rvalid,
    output wire                m_axi_rready,
    output wire [3:0]          m_axi_awid,
    output wire [63:0]         m_axi_awaddr,
    output wire [7:0]          m_axi_awlen,
    output wire [2:0]          m_axi_awsize,
    output wire [1:0]          m_axi_awburst,
    output wire [3:0]          m_axi_awcache,
    output wire [2:0]          m_axi_awprot,
    output wire                m_axi_awvalid,
    input  wire                m_axi_awready,
    output wire [DATA_W-1:0]   m_axi_wdata,
    output wire [DATA_W/8-1:0] m_axi_wstrb,
    output wire                m_axi_wlast,
    output wire                m_axi_wvalid,
    input  wire                m_axi_wready,
    input  wire [3:0]          m_axi_bid,
    input  wire [1:0]          m_axi_bresp,
    input  wire                m_axi_bvalid,
    output wire                m_axi_bready,
    output wire                m_used_irq,
    output wire [QID_W-1:0]    m_used_queue,
    output wire                irq,
    output wire                idle
);
    localparam [7:0]  BEATS  = 8'd16;
    localparam [31:0] STRIDE = DATA_W / 8 * 16;
    localparam [2:0]  SIZE   = DATA_W == 64 ? 3'd3 : DATA_W == 128 ? 3'd4 : DATA_W == 256 ? 3'd5
                                                   : 3'd6;

    reg [31:0] total_reg, scratch_reg, rdata_reg;
    reg [31:0] reads_reg, writes_reg, done_reg; // bursts asked for, asked for, answered
    reg [7:0]  beat_reg;
    integer    k;

    // Registers
    reg  answer_reg;    // a write's answer that was not taken at once
    wire write = s_axil_awvalid && s_axil_wvalid && !answer_reg;
    assign s_axil_awready = write;
    assign s_axil_wready  = write;
    assign s_axil_bvalid  = write || answer_reg;
    assign s_axil_bresp   = 2'd0;
    assign s_axil_arready = !s_axil_rvalid;
    assign s_axil_rdata   = rdata_reg;
    assign s_axil_rresp   = 2'd0;

    always @(posedge clk) begin
        answer_reg <= s_axil_bvalid && !s_axil_bready;
        if (write && s_axil_awaddr == 12'h010) total_reg <= s_axil_wdata;
        for (k = 0; k < 4; k = k + 1)
            if (write && s_axil_awaddr == 12'h014 && s_axil_wstrb[k])
                scratch_reg[8*k +: 8] <= s_axil_wdata[8*k +: 8];
        if (s_axil_arvalid && s_axil_arready) begin
            s_axil_rvalid <= 1'b1;
            rdata_reg <= s_axil_araddr == 12'h014 ? scratch_reg
                       : s_axil_araddr == 12'h820 ? {31'd0, idle} : done_reg;
        end else if (s_axil_rready) s_axil_rvalid <= 1'b0;
        if (rst) begin
            answer_reg    <= 1'b0;
            total_reg     <= 32'd0;
            scratch_reg   <= 32'd0;
            s_axil_rvalid <= 1'b0;
        end
    end

    // Copy: R beats go straight out as W beats
    assign m_axi_arid    = reads_reg[3:0];
    assign m_axi_araddr  = 64'h100000 + {32'd0, (reads_reg & 32'h1ff) * STRIDE};
    assign m_axi_arlen   = BEATS - 8'd1;
    assign m_axi_arsize  = SIZE;
    assign m_axi_arburst = 2'd1;
    assign m_axi_arcache = 4'd3;
    assign m_axi_arprot  = 3'd0;
    assign m_axi_arvalid = reads_reg != total_reg;
    assign m_axi_rready  = m_axi_wready;
    assign m_axi_awid    = 4'd0;
    assign m_axi_awaddr  = 64'h200000 + {32'd0, (writes_reg & 32'h1ff) * STRIDE};
    assign m_axi_awlen   = BEATS - 8'd1;
    assign m_axi_awsize  = SIZE;
    assign m_axi_awburst = 2'd1;
    assign m_axi_awcache = 4'd3;
    assign m_axi_awprot  = 3'd0;
    assign m_axi_awvalid = writes_reg != total_reg;
    assign m_axi_wdata   = m_axi_rdata;
    assign m_axi_wstrb   = {DATA_W/8{1'b1}};
    assign m_axi_wlast   = beat_reg == BEATS - 8'd1;
    assign m_axi_wvalid  = m_axi_rvalid;
    assign m_axi_bready  = 1'b1;
    assign irq           = done_reg == total_reg && total_reg != 32'd0;
    assign m_used_irq    = 1'b0;
    assign m_used_queue  = {QID_W{1'b0}};
    assign idle          = done_reg == total_reg;

    always @(posedge clk) begin
        if (m_axi_arvalid && m_axi_arready) reads_reg <= reads_reg + 32'd1;
        if (m_axi_awvalid && m_axi_awready) writes_reg <= writes_reg + 32'd1;
        if (m_axi_wvalid && m_axi_wready) beat_reg <= m_axi_wlast ? 8'd0 : beat_reg + 8'd1;
        if (m_axi_bvalid) done_reg <= done_reg + 32'd1;
        if (rst || write && s_axil_awaddr == 12'h010) begin
            reads_reg  <= 32'd0;
            writes_reg <= 32'd0;
            done_reg   <= 32'd0;
            beat_reg   <= 8'd0;
        end
    end

    wire unused = &{1'b0, m_axi_rid, m_axi_rresp, m_axi_rlast, m_axi_bid, m_axi_bresp, QUEUES[0],
                    QUEUE_SIZE_MAX[0], MAX_CHAIN[0], CHAINS[0], SPLIT_EN, PACKED_EN,
                    ORDER_EN};
endmodule
`resetall
