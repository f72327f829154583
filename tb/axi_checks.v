// SPDX-License-Identifier: Apache-2.0
// axi_checks - AXI4 handshake checks; the first rule broken stops the run.
//   Contract    on all five channels valid and payload are kept until ready (IHI 0022 A3.2.1), and
//               valid, and the payload that steers, are never X. What needs to know a burst
//               (shape, 4 KiB, beats, strobes, answers owed) the native slave checks
//               (tb/native/guest_slave.cpp)
//   Latency     the message comes at the clock edge that shows the fault
// Written for Icarus' speed: it evaluates both sides of &&, and each signal that a process reads
// costs, so processes read few and packed ones.
`resetall
`timescale 1ns / 1ps
`default_nettype none

module axi_checks #(
    parameter DATA_W = 64, // data bus, bits
    parameter ID_W   = 4   // ids, bits
) (
    input  wire                clk,
    input  wire                rst,
    input  wire [ID_W-1:0]     axi_arid,
    input  wire [63:0]         axi_araddr,
    input  wire [7:0]          axi_arlen,
    input  wire [2:0]          axi_arsize,
    input  wire [1:0]          axi_arburst,
    input  wire                axi_arvalid,
    input  wire                axi_arready,
    input  wire [ID_W-1:0]     axi_rid,
    input  wire [DATA_W-1:0]   axi_rdata,
    input  wire [1:0]          axi_rresp,
    input  wire                axi_rlast,
    input  wire                axi_rvalid,
    input  wire                axi_rready,
    input  wire [ID_W-1:0]     axi_awid,
    input  wire [63:0]         axi_awaddr,
    input  wire [7:0]          axi_awlen,
    input  wire [2:0]          axi_awsize,
    input  wire [1:0]          axi_awburst,
    input  wire                axi_awvalid,
    input  wire                axi_awready,
    input  wire [DATA_W-1:0]   axi_wdata,
    input  wire [DATA_W/8-1:0] axi_wstrb,
    input  wire                axi_wlast,
    input  wire                axi_wvalid,
    input  wire                axi_wready,
    input  wire [ID_W-1:0]     axi_bid,
    input  wire [1:0]          axi_bresp,
    input  wire                axi_bvalid,
    input  wire                axi_bready
);
    localparam AX_W = ID_W + 64 + 8 + 3 + 2;
    localparam AR = 0, AW = 1, W = 2, R = 3, B = 4;

    // Payloads as they were while their channel waited
    reg [4:0]               held;
    reg [AX_W-1:0]          ar_was, aw_was;
    reg [DATA_W+DATA_W/8:0] w_was;
    reg [DATA_W+ID_W+2:0]   r_was;
    reg [ID_W+1:0]          b_was;

    wire [AX_W-1:0] ar = {axi_arid, axi_araddr, axi_arlen, axi_arsize, axi_arburst};
    wire [AX_W-1:0] aw = {axi_awid, axi_awaddr, axi_awlen, axi_awsize, axi_awburst};
    wire [4:0] valid   = {axi_bvalid, axi_rvalid, axi_wvalid, axi_awvalid, axi_arvalid};
    wire [4:0] ready   = {axi_bready, axi_rready, axi_wready, axi_awready, axi_arready};
    wire [4:0] waiting = valid & ~ready;
    // X while anything that steers is X: this reduces to one bit that is looked at each cycle
    wire       steer   = ^{valid, axi_bready, axi_rready, axi_arvalid & ^ar, axi_awvalid & ^aw,
                           axi_wvalid & ^{axi_wstrb, axi_wlast}};

    initial held = 5'd0;

    task fail(input [8*40-1:0] what);
        begin
            $display("%0t CHECK FAILED %m: %0s; valid %b, ready %b (b r w aw ar)", $time, what,
                     valid, ready);
            $finish;
        end
    endtask

    always @(posedge clk) if (rst === 1'b0) begin : channels
        if (steer === 1'bx) fail("X on a pin that steers");
        if (held != 5'd0) begin
            if ((held & ~valid) != 5'd0) fail("a valid fell before its ready");
            else begin
                if (held[AR]) if (ar_was !== ar) fail("AR changed before ARREADY");
                if (held[AW]) if (aw_was !== aw) fail("AW changed before AWREADY");
                if (held[W])
                    if (w_was !== {axi_wdata, axi_wstrb, axi_wlast}) fail("W changed before WREADY");
                if (held[R])
                    if (r_was !== {axi_rdata, axi_rid, axi_rresp, axi_rlast})
                        fail("R changed before RREADY");
                if (held[B]) if (b_was !== {axi_bid, axi_bresp}) fail("B changed before BREADY");
            end
        end
        if (waiting != 5'd0) begin
            if (waiting[AR]) ar_was <= ar;
            if (waiting[AW]) aw_was <= aw;
            if (waiting[W]) w_was <= {axi_wdata, axi_wstrb, axi_wlast};
            if (waiting[R]) r_was <= {axi_rdata, axi_rid, axi_rresp, axi_rlast};
            if (waiting[B]) b_was <= {axi_bid, axi_bresp};
        end
        if (held != waiting) held <= waiting;
    end else if (held !== 5'd0) held <= 5'd0;
endmodule
`resetall
