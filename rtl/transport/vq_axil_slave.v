// SPDX-License-Identifier: Apache-2.0
// vq_axil_slave - AXI4-Lite slave that turns both channels into single register accesses.
//   Contract    each AXI access becomes one register access and one OKAY response, one at a time;
//               reads and writes that wait together take turns
//   Latency     3 cycles, address (and data) handshake to response, if the registers are ready
//   Throughput  1 access per 3 cycles
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_axil_slave #(
    parameter ADDR_W = 12   // byte address, bits; at least 3
) (
    input  wire              clk,
    input  wire              rst,
    // AXI4-Lite slave, 32 bit
    input  wire [ADDR_W-1:0] s_axil_awaddr,
    input  wire              s_axil_awvalid,
    output wire              s_axil_awready,
    input  wire [31:0]       s_axil_wdata,
    input  wire [3:0]        s_axil_wstrb,
    input  wire              s_axil_wvalid,
    output wire              s_axil_wready,
    output wire [1:0]        s_axil_bresp,
    output wire              s_axil_bvalid,
    input  wire              s_axil_bready,
    input  wire [ADDR_W-1:0] s_axil_araddr,
    input  wire              s_axil_arvalid,
    output wire              s_axil_arready,
    output wire [31:0]       s_axil_rdata,
    output wire [1:0]        s_axil_rresp,
    output wire              s_axil_rvalid,
    input  wire              s_axil_rready,
    // Register access out; m_reg_rdata belongs to the cycle in which a read is taken
    output wire [ADDR_W-1:0] m_reg_addr,
    output wire [31:0]       m_reg_wdata,
    output wire [3:0]        m_reg_wstrb,
    output wire              m_reg_write,
    output wire              m_reg_valid,
    input  wire              m_reg_ready,
    input  wire [31:0]       m_reg_rdata
);
    if (ADDR_W < 3) begin : gen_bad_addr
        ERROR_ADDR_W_must_be_at_least_3 u_error ();
    end

    localparam [1:0] ST_IDLE  = 2'd0;   // no access offered
    localparam [1:0] ST_WRITE = 2'd1;   // the held write is offered, its response slot is free
    localparam [1:0] ST_READ  = 2'd2;   // the held read is offered, its response slot is free

    reg [1:0]        state_reg, state_next;
    reg              aw_valid_reg, aw_valid_next;
    reg              w_valid_reg,  w_valid_next;
    reg              ar_valid_reg, ar_valid_next;
    reg              b_valid_reg,  b_valid_next;
    reg              r_valid_reg,  r_valid_next;
    reg [ADDR_W-1:0] aw_addr_reg, ar_addr_reg;
    reg [31:0]       w_data_reg, r_data_reg;
    reg [3:0]        w_strb_reg;
    wire             can_write = aw_valid_reg && w_valid_reg && (!b_valid_reg || s_axil_bready);
    wire             can_read  = ar_valid_reg && (!r_valid_reg || s_axil_rready);

    assign s_axil_awready = !aw_valid_reg;
    assign s_axil_wready  = !w_valid_reg;
    assign s_axil_bresp   = 2'b00;
    assign s_axil_bvalid  = b_valid_reg;
    assign s_axil_arready = !ar_valid_reg;
    assign s_axil_rdata   = r_data_reg;
    assign s_axil_rresp   = 2'b00;
    assign s_axil_rvalid  = r_valid_reg;

    assign m_reg_addr  = m_reg_write ? aw_addr_reg : ar_addr_reg;
    assign m_reg_wdata = w_data_reg;
    assign m_reg_wstrb = w_strb_reg;
    assign m_reg_write = state_reg == ST_WRITE;
    assign m_reg_valid = state_reg != ST_IDLE;

    always @* begin
        state_next    = state_reg;
        aw_valid_next = aw_valid_reg || s_axil_awvalid;
        w_valid_next  = w_valid_reg || s_axil_wvalid;
        ar_valid_next = ar_valid_reg || s_axil_arvalid;
        b_valid_next  = b_valid_reg && !s_axil_bready;
        r_valid_next  = r_valid_reg && !s_axil_rready;
        case (state_reg)
            // A write goes first, yet neither kind starves the other: its channel is empty after it
            ST_IDLE: begin
                if (can_write) state_next = ST_WRITE;
                else if (can_read) state_next = ST_READ;
            end
            ST_WRITE: if (m_reg_ready) begin
                aw_valid_next = 1'b0;
                w_valid_next  = 1'b0;
                b_valid_next  = 1'b1;
                state_next    = ST_IDLE;
            end
            ST_READ: if (m_reg_ready) begin
                ar_valid_next = 1'b0;
                r_valid_next  = 1'b1;
                state_next    = ST_IDLE;
            end
            default: state_next = ST_IDLE;
        endcase
    end

    always @(posedge clk) begin
        state_reg    <= state_next;
        aw_valid_reg <= aw_valid_next;
        w_valid_reg  <= w_valid_next;
        ar_valid_reg <= ar_valid_next;
        b_valid_reg  <= b_valid_next;
        r_valid_reg  <= r_valid_next;
        if (!aw_valid_reg) aw_addr_reg <= s_axil_awaddr;
        if (!w_valid_reg) {w_strb_reg, w_data_reg} <= {s_axil_wstrb, s_axil_wdata};
        if (!ar_valid_reg) ar_addr_reg <= s_axil_araddr;
        if (state_reg == ST_READ && m_reg_ready) r_data_reg <= m_reg_rdata;
        if (rst) begin
            state_reg    <= ST_IDLE;
            aw_valid_reg <= 1'b0;
            w_valid_reg  <= 1'b0;
            ar_valid_reg <= 1'b0;
            b_valid_reg  <= 1'b0;
            r_valid_reg  <= 1'b0;
        end
    end

    `VQ_ASSERT(a_write_slot, state_reg != ST_WRITE || (aw_valid_reg && w_valid_reg && !b_valid_reg))
    `VQ_ASSERT(a_read_slot, state_reg != ST_READ || (ar_valid_reg && !r_valid_reg))
endmodule
`resetall
