// SPDX-License-Identifier: Apache-2.0
// axi_checks - AXI4 handshake checks; the first rule broken stops the run.
//   Contract    on all five channels valid and payload are kept until ready (IHI 0022 A3.2.1), and
//               valid, and the payload that steers, are never X. What needs to know a burst
//               (shape, 4 KiB, beats, strobes, answers owed) the native slave checks
//               (tb/native/guest_slave.cpp)
//   Latency     the message comes at the clock edge that shows the fault
// Written for speed under Icarus, which evaluates both sides of &&: wide payload stays in inner ifs.
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

    reg                       failed;
    reg                       ar_held, aw_held, w_held, r_held, b_held; // offered and not taken
    reg [AX_W-1:0]            ar_was, aw_was;
    reg [DATA_W+DATA_W/8:0]   w_was;
    reg [DATA_W+ID_W+2:0]     r_was;
    reg [ID_W+1:0]            b_was;

    initial begin
        failed = 1'b0;
        {ar_held, aw_held, w_held, r_held, b_held} = 5'd0;
    end

    task fail(input [8*40-1:0] what);
        begin
            if (!failed) $display("%0t CHECK FAILED %m: %0s", $time, what);
            failed = 1'b1;
            $finish;
        end
    endtask

    always @(posedge clk) if (rst === 1'b0) begin : channels
        if (ar_held) begin
            if (!axi_arvalid) fail("ARVALID fell before ARREADY");
            if (ar_was !== {axi_arid, axi_araddr, axi_arlen, axi_arsize, axi_arburst})
                fail("AR changed before ARREADY");
        end
        if (aw_held) begin
            if (!axi_awvalid) fail("AWVALID fell before AWREADY");
            if (aw_was !== {axi_awid, axi_awaddr, axi_awlen, axi_awsize, axi_awburst})
                fail("AW changed before AWREADY");
        end
        if (w_held) begin
            if (!axi_wvalid) fail("WVALID fell before WREADY");
            if (w_was !== {axi_wdata, axi_wstrb, axi_wlast}) fail("W changed before WREADY");
        end
        if (r_held) begin
            if (!axi_rvalid) fail("RVALID fell before RREADY");
            if (r_was !== {axi_rdata, axi_rid, axi_rresp, axi_rlast})
                fail("R changed before RREADY");
        end
        if (b_held) begin
            if (!axi_bvalid) fail("BVALID fell before BREADY");
            if (b_was !== {axi_bid, axi_bresp}) fail("B changed before BREADY");
        end
        if (axi_arvalid) begin
            if (^{axi_arid, axi_araddr, axi_arlen, axi_arsize, axi_arburst} === 1'bx)
                fail("AR is X");
            ar_held <= !axi_arready;
            if (!axi_arready) ar_was <= {axi_arid, axi_araddr, axi_arlen, axi_arsize, axi_arburst};
        end else if (axi_arvalid === 1'bx) fail("ARVALID is X");
        else if (ar_held) ar_held <= 1'b0;
        if (axi_awvalid) begin
            if (^{axi_awid, axi_awaddr, axi_awlen, axi_awsize, axi_awburst} === 1'bx)
                fail("AW is X");
            aw_held <= !axi_awready;
            if (!axi_awready) aw_was <= {axi_awid, axi_awaddr, axi_awlen, axi_awsize, axi_awburst};
        end else if (axi_awvalid === 1'bx) fail("AWVALID is X");
        else if (aw_held) aw_held <= 1'b0;
        if (axi_wvalid) begin
            if (^{axi_wstrb, axi_wlast} === 1'bx) fail("WSTRB or WLAST is X");
            if (!axi_wready) w_was <= {axi_wdata, axi_wstrb, axi_wlast};
            w_held <= !axi_wready;
        end else if (axi_wvalid === 1'bx) fail("WVALID is X");
        else if (w_held) w_held <= 1'b0;
        if (axi_rvalid) begin
            if (axi_rready === 1'bx) fail("RREADY is X");
            if (!axi_rready) r_was <= {axi_rdata, axi_rid, axi_rresp, axi_rlast};
            r_held <= !axi_rready;
        end else if (axi_rvalid === 1'bx) fail("RVALID is X");
        else if (r_held) r_held <= 1'b0;
        if (axi_bvalid) begin
            if (axi_bready === 1'bx) fail("BREADY is X");
            b_held <= !axi_bready;
            if (!axi_bready) b_was <= {axi_bid, axi_bresp};
        end else if (axi_bvalid === 1'bx) fail("BVALID is X");
        else if (b_held) b_held <= 1'b0;
    end else begin : reset
        ar_held <= 1'b0;
        aw_held <= 1'b0;
        w_held  <= 1'b0;
        r_held  <= 1'b0;
        b_held  <= 1'b0;
    end
endmodule
`resetall
