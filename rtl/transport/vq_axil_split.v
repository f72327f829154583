// SPDX-License-Identifier: Apache-2.0
// vq_axil_split - one AXI4-Lite master reaches SLOTS register blocks of 4 KiB, side by side.
//   Contract    slot s is at byte addresses s * 4096 on. A slot that is not PRESENT, or beyond the
//               last one, is a placeholder (virtio 4.2.2): MagicValue and Version are as they
//               must be, all else reads as 0, DeviceID too, and writes do nothing. One read and one
//               write at a time, each apart from the other
//   Latency     1 cycle to the slot, 0 cycles back; 2 cycles, an access of a placeholder
//   Throughput  1 read per round trip, 1 write per round trip
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_axil_split #(
    parameter             SLOTS   = 4,              // register blocks, 1 to 16
    parameter [SLOTS-1:0] PRESENT = {SLOTS{1'b1}}   // which there are
) (
    input  wire                clk,
    input  wire                rst,
    // The master: 32 bit, bits 15:12 of an address are the slot
    input  wire [15:0]         s_axil_awaddr,
    input  wire                s_axil_awvalid,
    output wire                s_axil_awready,
    input  wire [31:0]         s_axil_wdata,
    input  wire [3:0]          s_axil_wstrb,
    input  wire                s_axil_wvalid,
    output wire                s_axil_wready,
    output wire [1:0]          s_axil_bresp,
    output wire                s_axil_bvalid,
    input  wire                s_axil_bready,
    input  wire [15:0]         s_axil_araddr,
    input  wire                s_axil_arvalid,
    output wire                s_axil_arready,
    output wire [31:0]         s_axil_rdata,
    output wire [1:0]          s_axil_rresp,
    output wire                s_axil_rvalid,
    input  wire                s_axil_rready,
    // The slots: address and data are all slots', the rest is side by side
    output wire [11:0]         m_axil_awaddr,
    output wire [SLOTS-1:0]    m_axil_awvalid,
    input  wire [SLOTS-1:0]    m_axil_awready,
    output wire [31:0]         m_axil_wdata,
    output wire [3:0]          m_axil_wstrb,
    output wire [SLOTS-1:0]    m_axil_wvalid,
    input  wire [SLOTS-1:0]    m_axil_wready,
    input  wire [SLOTS*2-1:0]  m_axil_bresp,
    input  wire [SLOTS-1:0]    m_axil_bvalid,
    output wire [SLOTS-1:0]    m_axil_bready,
    output wire [11:0]         m_axil_araddr,
    output wire [SLOTS-1:0]    m_axil_arvalid,
    input  wire [SLOTS-1:0]    m_axil_arready,
    input  wire [SLOTS*32-1:0] m_axil_rdata,
    input  wire [SLOTS*2-1:0]  m_axil_rresp,
    input  wire [SLOTS-1:0]    m_axil_rvalid,
    output wire [SLOTS-1:0]    m_axil_rready
);
    if (SLOTS < 1 || SLOTS > 16) begin : gen_bad_slots
        ERROR_SLOTS_must_be_1_to_16 u_error ();
    end

    `include "vq_regs.vh"
    localparam SLOT_W = SLOTS > 1 ? $clog2(SLOTS) : 1;

    // A write: its address, its data, then its response
    reg               aw_held_reg, aw_sent_reg;     // it is here, and the slot has taken it
    reg               w_held_reg, w_sent_reg;
    reg  [15:0]       aw_addr_reg;
    reg  [31:0]       w_data_reg;
    reg  [3:0]        w_strb_reg;
    // A read: its address, then its data
    reg               ar_held_reg, ar_sent_reg;
    reg  [15:0]       ar_addr_reg;

    wire [SLOT_W-1:0] w_slot   = aw_addr_reg[12 +: SLOT_W];
    wire [SLOT_W-1:0] r_slot   = ar_addr_reg[12 +: SLOT_W];
    wire              w_inside = {28'd0, aw_addr_reg[15:12]} < SLOTS && PRESENT[w_slot];
    wire              r_inside = {28'd0, ar_addr_reg[15:12]} < SLOTS && PRESENT[r_slot];
    wire [SLOTS-1:0]  w_one    = w_inside ? {{(SLOTS-1){1'b0}}, 1'b1} << w_slot : {SLOTS{1'b0}};
    wire [SLOTS-1:0]  r_one    = r_inside ? {{(SLOTS-1){1'b0}}, 1'b1} << r_slot : {SLOTS{1'b0}};
    wire              whole    = aw_held_reg && w_held_reg;     // both parts of a write are here
    wire [31:0]       placeholder = ar_addr_reg[11:0] == REG_MAGIC_VALUE ? 32'h74726976 :
                                    ar_addr_reg[11:0] == REG_VERSION ? 32'd2 : 32'd0;
    wire              b_done   = s_axil_bvalid && s_axil_bready;
    wire              r_done   = s_axil_rvalid && s_axil_rready;

    assign s_axil_awready = !aw_held_reg;
    assign s_axil_wready  = !w_held_reg;
    assign s_axil_bvalid  = whole && (w_inside ? m_axil_bvalid[w_slot] : 1'b1);
    assign s_axil_bresp   = w_inside ? m_axil_bresp[w_slot*2 +: 2] : 2'b00;
    assign s_axil_arready = !ar_held_reg;
    assign s_axil_rvalid  = ar_held_reg && (r_inside ? m_axil_rvalid[r_slot] : 1'b1);
    assign s_axil_rresp   = r_inside ? m_axil_rresp[r_slot*2 +: 2] : 2'b00;
    assign s_axil_rdata   = r_inside ? m_axil_rdata[r_slot*32 +: 32] : placeholder;

    assign m_axil_awaddr  = aw_addr_reg[11:0];
    assign m_axil_awvalid = whole && !aw_sent_reg ? w_one : {SLOTS{1'b0}};
    assign m_axil_wdata   = w_data_reg;
    assign m_axil_wstrb   = w_strb_reg;
    assign m_axil_wvalid  = whole && !w_sent_reg ? w_one : {SLOTS{1'b0}};
    assign m_axil_bready  = whole && s_axil_bready ? w_one : {SLOTS{1'b0}};
    assign m_axil_araddr  = ar_addr_reg[11:0];
    assign m_axil_arvalid = ar_held_reg && !ar_sent_reg ? r_one : {SLOTS{1'b0}};
    assign m_axil_rready  = ar_held_reg && s_axil_rready ? r_one : {SLOTS{1'b0}};

    always @(posedge clk) begin
        if (s_axil_awvalid && s_axil_awready) aw_addr_reg <= s_axil_awaddr;
        if (s_axil_wvalid && s_axil_wready) begin
            w_data_reg <= s_axil_wdata;
            w_strb_reg <= s_axil_wstrb;
        end
        if (s_axil_arvalid && s_axil_arready) ar_addr_reg <= s_axil_araddr;
        aw_held_reg <= !b_done && (aw_held_reg || s_axil_awvalid);
        w_held_reg  <= !b_done && (w_held_reg || s_axil_wvalid);
        ar_held_reg <= !r_done && (ar_held_reg || s_axil_arvalid);
        aw_sent_reg <= !b_done && (aw_sent_reg || |(m_axil_awvalid & m_axil_awready));
        w_sent_reg  <= !b_done && (w_sent_reg || |(m_axil_wvalid & m_axil_wready));
        ar_sent_reg <= !r_done && (ar_sent_reg || |(m_axil_arvalid & m_axil_arready));
        if (rst) begin
            aw_held_reg <= 1'b0;
            w_held_reg  <= 1'b0;
            ar_held_reg <= 1'b0;
            aw_sent_reg <= 1'b0;
            w_sent_reg  <= 1'b0;
            ar_sent_reg <= 1'b0;
        end
    end
endmodule
`resetall
