// SPDX-License-Identifier: Apache-2.0
// vq_blk_ram - the store of a block device as a RAM.
//   Contract    commands are carried out one after the other; completions in order. What was
//               written is there at once, and lost with the power, so a flush does nothing; what is
//               discarded keeps its content. A write with a damaged beat fails, that beat and those
//               behind it are not written. Sectors past the capacity must not be named
//   Latency     3 cycles, command to first beat read; 1 cycle, last beat written to completion
//   Throughput  1 beat per cycle, no gap between commands
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_blk_ram #(
    parameter DATA_W  = 64,     // stream, bits; 64 to 512
    parameter SECTORS = 128     // of 512 bytes; 2 or more
) (
    input  wire              clk,
    input  wire              rst,
    // Level: its size
    output wire [63:0]       m_capacity,
    // Commands
    input  wire [2:0]        s_cmd_op,
    input  wire [63:0]       s_cmd_sector,
    input  wire [31:0]       s_cmd_sectors,
    input  wire              s_cmd_stable,
    input  wire              s_cmd_unmap,
    input  wire              s_cmd_valid,
    output wire              s_cmd_ready,
    // Bytes to write
    input  wire [DATA_W-1:0] s_wr_tdata,
    input  wire              s_wr_tlast,
    input  wire              s_wr_tuser,
    input  wire              s_wr_tvalid,
    output wire              s_wr_tready,
    // Bytes read
    output wire [DATA_W-1:0] m_rd_tdata,
    output wire              m_rd_tlast,
    output wire              m_rd_tvalid,
    input  wire              m_rd_tready,
    // Completions
    output wire              m_done_ok,
    output wire              m_done_valid,
    input  wire              m_done_ready
);
    if (SECTORS < 2) begin : gen_bad_sectors
        ERROR_SECTORS_must_be_2_or_more u_error ();
    end

    `include "vq_blk.vh"

    localparam BEATS  = 4096 / DATA_W;      // of a sector
    localparam BEAT_W = $clog2(BEATS);
    localparam DEPTH  = 2**$clog2(SECTORS*BEATS);
    localparam ADDR_W = $clog2(DEPTH);
    localparam LEFT_W = 32 + BEAT_W;

    reg  [ADDR_W-1:0] at_reg;           // the beat that comes next, of a command under way
    reg  [LEFT_W-1:0] left_reg;         // beats behind it
    reg               begun_reg;
    reg               rd_valid_reg, rd_last_reg;

    wire [2:0]        op;
    wire [ADDR_W-1:0] first;            // its first beat
    wire [31:0]       sectors;
    wire              valid;
    wire              done_ready;
    wire [ADDR_W-1:0] at       = begun_reg ? at_reg : first;
    wire [LEFT_W-1:0] left     = begun_reg ? left_reg :
                                 {sectors, {BEAT_W{1'b0}}} - {{(LEFT_W-1){1'b0}}, 1'b1};
    wire              reads    = op == OP_READ;
    wire              writes   = op == OP_WRITE;
    wire              zeroes   = op == OP_WRITE_ZEROES;
    wire              beats    = reads || writes || zeroes;
    wire              last     = !beats || left == {LEFT_W{1'b0}};
    wire              may      = valid && (!last || done_ready);
    wire              rd_free  = !rd_valid_reg || m_rd_tready;
    wire              step     = may && (reads ? rd_free : !writes || s_wr_tvalid);

    assign m_capacity  = {32'd0, SECTORS[31:0]};
    assign s_wr_tready = may && writes;
    assign m_rd_tlast  = rd_last_reg;
    assign m_rd_tvalid = rd_valid_reg;

    vq_fifo #(.WIDTH(ADDR_W + 35), .DEPTH(4)) u_commands (
        .clk(clk),
        .rst(rst),
        .s_data({s_cmd_op, s_cmd_sectors, s_cmd_sector[ADDR_W-BEAT_W-1:0], {BEAT_W{1'b0}}}),
        .s_valid(s_cmd_valid),
        .s_ready(s_cmd_ready),
        .m_data({op, sectors, first}),
        .m_valid(valid),
        .m_ready(step && last)
    );

    vq_fifo #(.WIDTH(1), .DEPTH(4)) u_done (
        .clk(clk),
        .rst(rst),
        .s_data(!(writes && s_wr_tuser)),
        .s_valid(step && last),
        .s_ready(done_ready),
        .m_data(m_done_ok),
        .m_valid(m_done_valid),
        .m_ready(m_done_ready)
    );

    vq_ram #(.WIDTH(DATA_W), .DEPTH(DEPTH)) u_ram (
        .clk(clk),
        .write_en(step && (zeroes || (writes && !s_wr_tuser))),
        .write_addr(at),
        .write_data(zeroes ? {DATA_W{1'b0}} : s_wr_tdata),
        .read_en(step && reads),
        .read_addr(at),
        .read_data(m_rd_tdata)
    );

    always @(posedge clk) begin
        if (step) begin
            at_reg    <= at + 1'b1;
            left_reg  <= left - 1'b1;
            begun_reg <= !last;
        end
        if (rd_free) rd_valid_reg <= step && reads;
        if (step && reads) rd_last_reg <= last;
        if (rst) begin
            begun_reg    <= 1'b0;
            rd_valid_reg <= 1'b0;
        end
    end

    `VQ_ASSUME(a_within, !s_cmd_valid || s_cmd_op == OP_FLUSH ||
                         {1'b0, s_cmd_sector} + {33'd0, s_cmd_sectors} <= {1'b0, m_capacity})
    `VQ_ASSUME(a_write_whole, !(s_wr_tvalid && s_wr_tready) || s_wr_tlast == last)

    wire unused = &{1'b0, s_cmd_sector, s_cmd_stable, s_cmd_unmap, s_wr_tlast};
endmodule
`resetall
