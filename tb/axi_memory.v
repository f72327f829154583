// SPDX-License-Identifier: Apache-2.0
// axi_memory - AXI4 slave in front of the native guest memory.
//   Contract    the native slave (tb/native/guest_slave.h) decides latency, bandwidth, stalls,
//               order, responses; a beat's bytes are read when it is first shown, and written
//               at the handshake of its W beat
//   Latency     as set, from 1 cycle: AR to first R handshake, last W to B handshake
//   Throughput  1 beat per cycle each way at any latency
// The native slave checks the master's bursts; a rule broken stops the run.
// Native code is called only at clock edges at which something is offered or in flight.
`resetall
`timescale 1ns / 1ps
`default_nettype none

module axi_memory #(
    parameter DATA_W = 64, // data bus, bits; 64, 128, 256 or 512
    parameter ID_W   = 4   // ids, bits; 1 to 4
) (
    input  wire                clk,
    input  wire                rst,
    input  wire [63:0]         cycle,        // number of this clock edge
    input  wire [ID_W-1:0]     s_axi_arid,
    input  wire [63:0]         s_axi_araddr,
    input  wire [7:0]          s_axi_arlen,
    input  wire [2:0]          s_axi_arsize,
    input  wire [1:0]          s_axi_arburst,
    input  wire                s_axi_arvalid,
    output wire                s_axi_arready,
    output wire [ID_W-1:0]     s_axi_rid,
    output wire [DATA_W-1:0]   s_axi_rdata,
    output wire [1:0]          s_axi_rresp,
    output wire                s_axi_rlast,
    output wire                s_axi_rvalid,
    input  wire                s_axi_rready,
    input  wire [ID_W-1:0]     s_axi_awid,
    input  wire [63:0]         s_axi_awaddr,
    input  wire [7:0]          s_axi_awlen,
    input  wire [2:0]          s_axi_awsize,
    input  wire [1:0]          s_axi_awburst,
    input  wire                s_axi_awvalid,
    output wire                s_axi_awready,
    input  wire [DATA_W-1:0]   s_axi_wdata,
    input  wire [DATA_W/8-1:0] s_axi_wstrb,
    input  wire                s_axi_wlast,
    input  wire                s_axi_wvalid,
    output wire                s_axi_wready,
    output wire [ID_W-1:0]     s_axi_bid,
    output wire [1:0]          s_axi_bresp,
    output wire                s_axi_bvalid,
    input  wire                s_axi_bready,
    output wire                published     // changes after a write that publishes used buffers
);
    if (DATA_W != 64 && DATA_W != 128 && DATA_W != 256 && DATA_W != 512) begin : gen_bad_data_w
        ERROR_DATA_W_must_be_64_128_256_or_512 u_error ();
    end
    if (ID_W < 1 || ID_W > 4) begin : gen_bad_id_w
        ERROR_ID_W_must_be_1_to_4 u_error ();
    end

    // Packed as tb/native/guest_pins.h says
    wire [31:0] control = {25'd0, rst, s_axi_wlast, s_axi_bready, s_axi_rready, s_axi_wvalid,
                           s_axi_awvalid, s_axi_arvalid};
    wire [3:0]  arid    = {{(4-ID_W){1'b0}}, s_axi_arid};
    wire [3:0]  awid    = {{(4-ID_W){1'b0}}, s_axi_awid};
    wire [31:0] ar      = {15'd0, s_axi_arburst, s_axi_arsize, s_axi_arlen, arid};
    wire [31:0] aw      = {15'd0, s_axi_awburst, s_axi_awsize, s_axi_awlen, awid};
    wire [63:0] strobes = {{(64-DATA_W/8){1'b0}}, s_axi_wstrb};

    reg [31:0]       control_next;
    reg [22:0]       control_reg;
    reg [DATA_W-1:0] data_reg;
    wire             busy = control_reg[0];
    wire             unused = &{1'b0, control_reg[15:14], control_reg[7], control_next[31:23]};
    wire             active = rst !== 1'b0 | busy !== 1'b0 | s_axi_arvalid | s_axi_awvalid
                            | s_axi_wvalid;

    assign s_axi_arready = control_reg[1];
    assign s_axi_awready = control_reg[2];
    assign s_axi_wready  = control_reg[3];
    assign s_axi_rvalid  = control_reg[4];
    assign s_axi_rlast   = control_reg[5];
    assign s_axi_bvalid  = control_reg[6];
    assign s_axi_rid     = control_reg[8 +: ID_W];
    assign s_axi_rresp   = control_reg[13:12];
    assign s_axi_bid     = control_reg[16 +: ID_W];
    assign s_axi_bresp   = control_reg[21:20];
    assign published     = control_reg[22];
    assign s_axi_rdata   = data_reg;

`ifdef VERILATOR
    import "DPI-C" function void gm_clock(
        input longint unsigned cycle, input int unsigned bus_bytes, input int unsigned control,
        input longint unsigned ar_addr, input int unsigned ar,
        input longint unsigned aw_addr, input int unsigned aw,
        input bit [511:0] w_data, input longint unsigned w_strobes,
        output int unsigned control_out, output bit [511:0] r_data);

    /* verilator lint_off UNUSEDSIGNAL */ // a narrow bus uses the low part
    reg [511:0] data_next;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [511:0] wdata = 512'd0 | {{(512-DATA_W){1'b0}}, s_axi_wdata};

    always @(posedge clk) begin
        if (active) begin
            gm_clock(cycle, DATA_W / 8, control, s_axi_araddr, ar, s_axi_awaddr, aw, wdata,
                     strobes, control_next, data_next);
            control_reg <= control_next[22:0];
            data_reg <= data_next[DATA_W-1:0];
            if (control_next[7]) begin
                $display("%0t CHECK FAILED %m", $time);
                $finish;
            end
        end
    end
`else
    reg [DATA_W-1:0] data_next;

    always @(posedge clk) begin
        if (active) begin
            $gm_clock(cycle, DATA_W / 8, control, s_axi_araddr, ar, s_axi_awaddr, aw, s_axi_wdata,
                      strobes, control_next, data_next);
            control_reg <= control_next[22:0];
            data_reg <= data_next;
            if (control_next[7]) begin
                $display("%0t CHECK FAILED %m", $time);
                $finish;
            end
        end
    end
`endif
endmodule
`resetall
