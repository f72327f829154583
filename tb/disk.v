// SPDX-License-Identifier: Apache-2.0
// disk - the store of a block device, in front of a native disk: an image file, or memory.
//   Contract    the native store (tb/native/guest_store.h) decides latency and stalls, and holds the
//               function to the rules of the store's port; a rule broken stops the run. Without a
//               disk it takes no command. The capacity follows within 64 cycles
//   Latency     as set, from 1 cycle: command to first beat read, last beat written to completion
//   Throughput  1 beat per cycle each way at any latency
// Native code is called only at clock edges at which something is offered or under way.
`resetall
`timescale 1ns / 1ps
`default_nettype none

module disk #(
    parameter DATA_W = 64,      // stream, bits; 64, 128, 256 or 512
    parameter INDEX  = 0        // which of the native disks; 0 to 3
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [63:0]       cycle,         // number of this clock edge
    output wire [63:0]       m_capacity,
    input  wire [2:0]        s_cmd_op,
    input  wire [63:0]       s_cmd_sector,
    input  wire [31:0]       s_cmd_sectors,
    input  wire              s_cmd_stable,
    input  wire              s_cmd_unmap,
    input  wire              s_cmd_valid,
    output wire              s_cmd_ready,
    input  wire [DATA_W-1:0] s_wr_tdata,
    input  wire              s_wr_tlast,
    input  wire              s_wr_tuser,
    input  wire              s_wr_tvalid,
    output wire              s_wr_tready,
    output wire [DATA_W-1:0] m_rd_tdata,
    output wire              m_rd_tlast,
    output wire              m_rd_tvalid,
    input  wire              m_rd_tready,
    output wire              m_done_ok,
    output wire              m_done_valid,
    input  wire              m_done_ready
);
    // Packed as tb/native/guest_store_pins.h says
    wire [31:0] control = {21'd0, s_cmd_stable, s_cmd_op, rst, m_done_ready, m_rd_tready,
                           s_wr_tuser, s_wr_tlast, s_wr_tvalid, s_cmd_valid};

    reg [31:0]       control_next;
    reg [7:0]        control_reg;
    reg [63:0]       capacity_next, capacity_reg;
    reg [DATA_W-1:0] data_reg;
    wire             busy   = control_reg[0];
    wire             active = rst !== 1'b0 | busy !== 1'b0 | s_cmd_valid | s_wr_tvalid
                              | cycle[5:0] == 6'd0;
    wire             unused = &{1'b0, s_cmd_unmap, control_next[31:8], control_reg[7]};

    assign m_capacity   = capacity_reg;
    assign s_cmd_ready  = control_reg[1];
    assign s_wr_tready  = control_reg[2];
    assign m_rd_tvalid  = control_reg[3];
    assign m_rd_tlast   = control_reg[4];
    assign m_done_valid = control_reg[5];
    assign m_done_ok    = control_reg[6];
    assign m_rd_tdata   = data_reg;

`ifdef VERILATOR
    import "DPI-C" function void gd_clock(
        input int unsigned index, input longint unsigned cycle, input int unsigned bus_bytes,
        input int unsigned control, input longint unsigned sector, input int unsigned sectors,
        input bit [511:0] wr_data, output int unsigned control_out,
        output longint unsigned capacity, output bit [511:0] rd_data);

    /* verilator lint_off UNUSEDSIGNAL */ // a narrow bus uses the low part
    reg [511:0] data_next;
    /* verilator lint_on UNUSEDSIGNAL */
    wire [511:0] wr_data = 512'd0 | {{(512-DATA_W){1'b0}}, s_wr_tdata};

    always @(posedge clk) begin
        if (active) begin
            gd_clock(INDEX, cycle, DATA_W / 8, control, s_cmd_sector, s_cmd_sectors, wr_data,
                     control_next, capacity_next, data_next);
            control_reg  <= control_next[7:0];
            capacity_reg <= capacity_next;
            data_reg     <= data_next[DATA_W-1:0];
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
            $gd_clock(INDEX, cycle, DATA_W / 8, control, s_cmd_sector, s_cmd_sectors, s_wr_tdata,
                      control_next, capacity_next, data_next);
            control_reg  <= control_next[7:0];
            capacity_reg <= capacity_next;
            data_reg     <= data_next;
            if (control_next[7]) begin
                $display("%0t CHECK FAILED %m", $time);
                $finish;
            end
        end
    end
`endif
endmodule
`resetall
