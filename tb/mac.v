// SPDX-License-Identifier: Apache-2.0
// mac - the MAC beside a network device, in front of the native one (tb/native/guest_mac.h).
//   Contract    the native MAC decides which frames go into the device and when, how fast it takes
//               those that come out, and the link's level
//   Latency     1 cycle
//   Throughput  1 beat per cycle each way
// A rule of AXI4-Stream that the device breaks ends the run.
`resetall
`timescale 1ns / 1ps
`default_nettype none

module mac #(
    parameter DATA_W = 64   // stream, bits; 64, 128, 256 or 512
) (
    input  wire                clk,
    input  wire                rst,
    input  wire [63:0]         cycle,       // number of this clock edge
    // Frames out of the device
    input  wire [DATA_W-1:0]   s_axis_tdata,
    input  wire [DATA_W/8-1:0] s_axis_tkeep,
    input  wire                s_axis_tlast,
    input  wire                s_axis_tuser,
    input  wire                s_axis_tvalid,
    output wire                s_axis_tready,
    // Frames into it
    output wire [DATA_W-1:0]   m_axis_tdata,
    output wire [DATA_W/8-1:0] m_axis_tkeep,
    output wire                m_axis_tlast,
    output wire                m_axis_tuser,
    output wire                m_axis_tvalid,
    input  wire                m_axis_tready,
    output wire                link_up,
    output wire                busy         // frames wait to go in
);
    // Packed as tb/native/guest_mac_pins.h says
    wire [31:0] control = {27'd0, m_axis_tready, s_axis_tuser, s_axis_tlast, s_axis_tvalid, rst};
    wire [63:0] keep    = 64'd0 | {{(64-DATA_W/8){1'b0}}, s_axis_tkeep};

    reg [31:0]         control_next;
    reg [5:0]          control_reg;
    reg [63:0]         keep_next;
    reg [DATA_W/8-1:0] keep_reg;
    reg [DATA_W-1:0]   data_reg;
    wire               unused = &{1'b0, control_next[31:7], keep_next};

    assign busy          = control_reg[0];
    assign link_up       = control_reg[1];
    assign s_axis_tready = control_reg[2];
    assign m_axis_tvalid = control_reg[3];
    assign m_axis_tlast  = control_reg[4];
    assign m_axis_tuser  = control_reg[5];
    assign m_axis_tdata  = data_reg;
    assign m_axis_tkeep  = keep_reg;

`ifdef VERILATOR
    import "DPI-C" function void gm_mac_clock(
        input longint unsigned cycle, input int unsigned bus_bytes, input int unsigned control,
        input longint unsigned out_keep, input bit [511:0] out_data,
        output int unsigned control_out, output longint unsigned in_keep,
        output bit [511:0] in_data);

    /* verilator lint_off UNUSEDSIGNAL */ // a narrow bus uses the low part
    reg [511:0] data_next;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [511:0] data = 512'd0 | {{(512-DATA_W){1'b0}}, s_axis_tdata};
`else
    reg [DATA_W-1:0] data_next;
`endif

    always @(posedge clk) begin
`ifdef VERILATOR
        gm_mac_clock(cycle, DATA_W / 8, control, keep, data, control_next, keep_next, data_next);
`else
        $gm_mac_clock(cycle, DATA_W / 8, control, keep, s_axis_tdata, control_next, keep_next,
                      data_next);
`endif
        control_reg <= control_next[5:0];
        keep_reg    <= keep_next[DATA_W/8-1:0];
        data_reg    <= data_next[DATA_W-1:0];
        if (control_next[6]) begin
            $display("%0t CHECK FAILED %m", $time);
            $finish;
        end
    end
endmodule
`resetall
