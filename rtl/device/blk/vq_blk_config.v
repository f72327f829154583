// SPDX-License-Identifier: Apache-2.0
// vq_blk_config - configuration space of the block device, its cache mode and its counters.
//   Contract    reads are right in the address's cycle. The cache is written back where FLUSH was
//               negotiated, until a driver with CONFIG_WCE writes another mode. A change of the
//               capacity pulses m_cfg_change in the cycle in which it can be read
//   Latency     0 cycles to read, 1 cycle to write
//   Throughput  1 access per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_blk_config #(
    parameter        QUEUES      = 4,               // queues; 1 to 64
    parameter [31:0] SIZE_MAX    = 32'h00010000,    // bytes of a segment
    parameter [31:0] SEG_MAX     = 32'd126,         // segments of a request
    parameter [31:0] BLK_SIZE    = 32'd512,         // preferred block, bytes
    parameter [31:0] MAX_SECTORS = 32'h003fffff,    // sectors in a range
    parameter [31:0] MAX_RANGES  = 32'd16,          // ranges in a request
    parameter [0:0]  UNMAP_EN    = 1'b0             // 1: write-zeroes may deallocate
) (
    input  wire        clk,
    input  wire        rst,
    // Levels: sectors of the store; features that the driver has chosen
    input  wire [63:0] s_capacity,
    input  wire [63:0] s_features,
    // Configuration space: byte offset from its start, 4-aligned; s_cfg_write is a pulse
    input  wire [10:0] s_cfg_addr,
    input  wire [31:0] s_cfg_wdata,
    input  wire [3:0]  s_cfg_wstrb,
    input  wire        s_cfg_write,
    output reg  [31:0] m_cfg_rdata,
    output wire        m_cfg_change,
    // Pulse: a request was answered
    input  wire        s_end,
    input  wire [2:0]  s_end_action,
    input  wire [1:0]  s_end_status,
    // Levels: sectors that may be accessed; writes must be stable when they complete
    output wire [63:0] m_capacity,
    output wire        m_stable
);
    `include "vq_blk.vh"
    `include "vq_blk_config.vh"

    reg [63:0] capacity_reg;
    reg        change_reg;
    reg        chosen_reg;          // the driver has written a cache mode,
    reg        writeback_reg;       // which is this one
    reg [31:0] reads_reg, writes_reg, flushes_reg, ranges_reg, ids_reg, failed_reg, unsupp_reg;

    wire wce       = s_features[BLK_F_CONFIG_WCE];
    wire writeback = chosen_reg && wce ? writeback_reg : s_features[BLK_F_FLUSH];
    wire ok        = s_end && s_end_status == STATUS_OK;

    assign m_cfg_change = change_reg;
    assign m_capacity   = capacity_reg;
    assign m_stable     = !writeback;

    always @* begin
        case (s_cfg_addr)
            BLK_CFG_CAPACITY:                 m_cfg_rdata = capacity_reg[31:0];
            BLK_CFG_CAPACITY + 11'd4:         m_cfg_rdata = capacity_reg[63:32];
            BLK_CFG_SIZE_MAX:                 m_cfg_rdata = SIZE_MAX;
            BLK_CFG_SEG_MAX:                  m_cfg_rdata = SEG_MAX;
            BLK_CFG_BLK_SIZE:                 m_cfg_rdata = BLK_SIZE;
            BLK_CFG_WRITEBACK:                m_cfg_rdata = {QUEUES[15:0], 15'd0, writeback};
            BLK_CFG_MAX_DISCARD_SECTORS:      m_cfg_rdata = MAX_SECTORS;
            BLK_CFG_MAX_DISCARD_SEG:          m_cfg_rdata = MAX_RANGES;
            BLK_CFG_DISCARD_SECTOR_ALIGNMENT: m_cfg_rdata = 32'd1;
            BLK_CFG_MAX_WRITE_ZEROES_SECTORS: m_cfg_rdata = MAX_SECTORS;
            BLK_CFG_MAX_WRITE_ZEROES_SEG:     m_cfg_rdata = MAX_RANGES;
            BLK_CFG_WRITE_ZEROES_MAY_UNMAP:   m_cfg_rdata = {31'd0, UNMAP_EN};
            BLK_CFG_READS:                    m_cfg_rdata = reads_reg;
            BLK_CFG_WRITES:                   m_cfg_rdata = writes_reg;
            BLK_CFG_FLUSHES:                  m_cfg_rdata = flushes_reg;
            BLK_CFG_RANGES:                   m_cfg_rdata = ranges_reg;
            BLK_CFG_IDS:                      m_cfg_rdata = ids_reg;
            BLK_CFG_FAILED:                   m_cfg_rdata = failed_reg;
            BLK_CFG_UNSUPPORTED:              m_cfg_rdata = unsupp_reg;
            default:                          m_cfg_rdata = 32'd0;
        endcase
    end

    always @(posedge clk) begin
        capacity_reg <= s_capacity;
        change_reg   <= s_capacity != capacity_reg;
        if (s_cfg_write && s_cfg_addr == BLK_CFG_WRITEBACK && s_cfg_wstrb[0] && wce) begin
            chosen_reg    <= 1'b1;
            writeback_reg <= s_cfg_wdata[0];
        end
        if (ok) begin
            case (s_end_action)
                ACT_READ:  reads_reg   <= reads_reg + 32'd1;
                ACT_WRITE: writes_reg  <= writes_reg + 32'd1;
                ACT_FLUSH: flushes_reg <= flushes_reg + 32'd1;
                ACT_ID:    ids_reg     <= ids_reg + 32'd1;
                default:   ranges_reg  <= ranges_reg + 32'd1;
            endcase
        end
        if (s_end && s_end_status == STATUS_IOERR) failed_reg <= failed_reg + 32'd1;
        if (s_end && s_end_status == STATUS_UNSUPP) unsupp_reg <= unsupp_reg + 32'd1;
        if (rst) begin
            change_reg  <= 1'b0;
            chosen_reg  <= 1'b0;
            reads_reg   <= 32'd0;
            writes_reg  <= 32'd0;
            flushes_reg <= 32'd0;
            ranges_reg  <= 32'd0;
            ids_reg     <= 32'd0;
            failed_reg  <= 32'd0;
            unsupp_reg  <= 32'd0;
        end
    end

    wire unused = &{1'b0, s_features, s_cfg_wdata[31:1], s_cfg_wstrb[3:1]};
endmodule
`resetall
