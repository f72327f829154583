// SPDX-License-Identifier: Apache-2.0
// axi_checks - AXI4 protocol checks; the first rule broken stops the run.
//   Contract    the master keeps valid and payload until ready, asks for INCR bursts that stay
//               within 4 KiB, gives as many W beats as it asked for with strobes inside the
//               transfer; no control is X. The slave answers only what was asked, in order per
//               id, with the right number of beats. Sections: IHI 0022 A3.2.1, A3.4.1, A5.3
//   Latency     the message comes at the clock edge that shows the fault
`resetall
`timescale 1ns / 1ps
`default_nettype none

module axi_checks #(
    parameter DATA_W = 64,  // data bus, bits
    parameter ID_W   = 4,   // ids, bits
    parameter DEPTH  = 1024 // bursts outstanding each way, at most; power of two
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
    localparam BUS_BYTES = DATA_W / 8;
    localparam IDS       = 1 << ID_W;
    localparam PTR_W     = $clog2(DEPTH);
    localparam ADDR_W    = 2 + ID_W + 3 + 8 + 64; // address channel payload
    localparam SHAPE_W   = ID_W + 3 + 8 + 6;
    localparam [1:0] INCR = 2'd1;

    reg failed;
    initial failed = 1'b0;

    task fail(input [8*40-1:0] what);
        begin
            if (!failed) $display("%0t CHECK FAILED %m: %0s", $time, what);
            failed = 1'b1;
            $finish;
        end
    endtask

    // ---- Address channels and W, R, B: valid and payload hold; no X on control
    wire [ADDR_W-1:0]               ar = {axi_arburst, axi_arid, axi_arsize, axi_arlen, axi_araddr};
    wire [ADDR_W-1:0]               aw = {axi_awburst, axi_awid, axi_awsize, axi_awlen, axi_awaddr};
    wire [DATA_W+BUS_BYTES:0]       w  = {axi_wlast, axi_wstrb, axi_wdata};
    wire [DATA_W+ID_W+2:0]          r  = {axi_rlast, axi_rresp, axi_rid, axi_rdata};
    wire [ID_W+1:0]                 b  = {axi_bresp, axi_bid};
    reg  [ADDR_W-1:0]               ar_was, aw_was;
    reg  [DATA_W+BUS_BYTES:0]       w_was;
    reg  [DATA_W+ID_W+2:0]          r_was;
    reg  [ID_W+1:0]                 b_was;
    reg  [4:0]                      held;  // offered at the last edge and not taken: ar aw w r b
    initial held = 5'd0;

    always @(posedge clk) begin : hold
        if (^{axi_arvalid, axi_awvalid, axi_wvalid, axi_rvalid, axi_bvalid, rst} === 1'bx) begin
            if (rst === 1'b0) fail("valid is X");
        end
        if (axi_arvalid) ar_was <= ar;
        if (axi_awvalid) aw_was <= aw;
        if (axi_wvalid) w_was <= w;
        if (axi_rvalid) r_was <= r;
        if (axi_bvalid) b_was <= b;
        if (held != 5'd0) begin
            if (held[0] && (!axi_arvalid || ar !== ar_was)) fail("AR changed before ARREADY");
            if (held[1] && (!axi_awvalid || aw !== aw_was)) fail("AW changed before AWREADY");
            if (held[2] && (!axi_wvalid || w !== w_was)) fail("W changed before WREADY");
            if (held[3] && (!axi_rvalid || r !== r_was)) fail("R changed before RREADY");
            if (held[4] && (!axi_bvalid || b !== b_was)) fail("B changed before BREADY");
        end
        held <= {axi_bvalid && !axi_bready, axi_rvalid && !axi_rready, axi_wvalid && !axi_wready,
                 axi_awvalid && !axi_awready, axi_arvalid && !axi_arready};
        if (rst) held <= 5'd0;
    end

    // ---- Bursts: legal shape
    task check_burst(input [63:0] addr, input [7:0] len, input [2:0] size, input [1:0] burst);
        reg [15:0] bytes, offset;
        begin
            bytes  = ({8'd0, len} + 16'd1) << size;
            offset = ({4'd0, addr[11:0]} >> size) << size;
            if (^{addr, len, size, burst} === 1'bx) fail("address payload is X");
            if (burst != INCR) fail("burst is not INCR");
            if ((32'd1 << size) > BUS_BYTES) fail("size is more than the bus");
            if (offset + bytes > 16'd4096) fail("burst crosses 4 KiB");
        end
    endtask

    always @(posedge clk) if (rst === 1'b0) begin : bursts
        if (axi_arvalid) check_burst(axi_araddr, axi_arlen, axi_arsize, axi_arburst);
        if (axi_awvalid) check_burst(axi_awaddr, axi_awlen, axi_awsize, axi_awburst);
    end

    // ---- Reads: per id, how many bursts wait, and beats left of the oldest
    reg [7:0]     read_len [0:IDS*DEPTH-1];  // ring of lengths for each id
    reg [PTR_W:0] read_in  [0:IDS-1];
    reg [PTR_W:0] read_out [0:IDS-1];
    reg [7:0]     read_beat [0:IDS-1];
    integer i;

    always @(posedge clk) begin : reads
        if (rst) begin
            for (i = 0; i < IDS; i = i + 1) begin
                read_in[i]   <= 0;
                read_out[i]  <= 0;
                read_beat[i] <= 8'd0;
            end
        end else begin
            if (axi_arvalid && axi_arready) begin
                read_len[{axi_arid, read_in[axi_arid][PTR_W-1:0]}] <= axi_arlen;
                read_in[axi_arid] <= read_in[axi_arid] + 1'b1;
            end
            if (axi_rvalid) begin
                if (read_in[axi_rid] === read_out[axi_rid]) fail("R with an id that has no read");
                if (axi_rlast !== (read_beat[axi_rid]
                                   == read_len[{axi_rid, read_out[axi_rid][PTR_W-1:0]}]))
                    fail("RLAST does not agree with ARLEN");
            end
            if (axi_rvalid && axi_rready) begin
                read_beat[axi_rid] <= axi_rlast ? 8'd0 : read_beat[axi_rid] + 8'd1;
                if (axi_rlast) read_out[axi_rid] <= read_out[axi_rid] + 1'b1;
            end
        end
    end

    // ---- Writes: address and data may come in either order, so both wait in rings
    reg [SHAPE_W-1:0]   aw_ring [0:DEPTH-1];  // id, size, length, place in the bus word
    reg [BUS_BYTES:0]   w_ring  [0:DEPTH-1];  // last, strobes
    reg [PTR_W:0]       aw_in, aw_out, w_in, w_out;
    reg [7:0]           w_beat;               // of the burst at aw_out
    reg [PTR_W:0]       owed [0:IDS-1];       // bursts complete and not answered
    reg [SHAPE_W-1:0]   aw_now;
    reg [BUS_BYTES:0]   w_now;
    reg [BUS_BYTES-1:0] lanes;
    reg [2:0]           size_now;
    reg [31:0]          low, high;            // first byte of the beat, and behind its last
    integer j;

    always @(posedge clk) begin : writes
        /* verilator lint_off BLKSEQ */ // a bookkeeper: one process, nothing else reads these
        if (rst) begin
            aw_in = 0;
            aw_out = 0;
            w_in = 0;
            w_out = 0;
            w_beat = 8'd0;
            for (j = 0; j < IDS; j = j + 1) owed[j] = 0;
        end else begin
            // an answer shown at this edge was decided before what is taken at this edge
            if (axi_bvalid && (axi_bready || held[4] == 1'b0)) begin
                if (owed[axi_bid] === 0) fail("B with an id that has no write");
            end
            if (axi_bvalid && axi_bready) owed[axi_bid] = owed[axi_bid] - 1'b1;
            if (axi_awvalid && axi_awready) begin
                aw_ring[aw_in[PTR_W-1:0]] = {axi_awid, axi_awsize, axi_awlen, axi_awaddr[5:0]};
                aw_in = aw_in + 1'b1;
            end
            if (axi_wvalid && axi_wready) begin
                if (^{axi_wlast, axi_wstrb} === 1'bx) fail("WLAST or WSTRB is X");
                w_ring[w_in[PTR_W-1:0]] = {axi_wlast, axi_wstrb};
                w_in = w_in + 1'b1;
            end
            while (aw_in != aw_out && w_in != w_out) begin
                aw_now = aw_ring[aw_out[PTR_W-1:0]];
                w_now = w_ring[w_out[PTR_W-1:0]];
                w_out = w_out + 1'b1;
                size_now = aw_now[16:14];
                low = (({26'd0, aw_now[5:0]} >> size_now) + {24'd0, w_beat}) << size_now;
                high = low + (32'd1 << size_now);
                if (w_beat == 8'd0) low = {26'd0, aw_now[5:0]};
                lanes = {BUS_BYTES{1'b1}} << (low % BUS_BYTES);
                if (high % BUS_BYTES != 0)
                    lanes = lanes & ~({BUS_BYTES{1'b1}} << (high % BUS_BYTES));
                if ((w_now[BUS_BYTES-1:0] & ~lanes) != 0) fail("WSTRB outside the transfer");
                if (w_now[BUS_BYTES] != (w_beat == aw_now[13:6]))
                    fail("WLAST does not agree with AWLEN");
                w_beat = w_beat + 8'd1;
                if (w_now[BUS_BYTES]) begin
                    w_beat = 8'd0;
                    aw_out = aw_out + 1'b1;
                    owed[aw_now[17 +: ID_W]] = owed[aw_now[17 +: ID_W]] + 1'b1;
                end
            end
        end
        /* verilator lint_on BLKSEQ */
    end
endmodule
`resetall
