// SPDX-License-Identifier: Apache-2.0
// vq_blk_ranges - check the ranges of a discard or write-zeroes request, and keep them.
//   Contract    ranges of 16 bytes (sector, sectors, flags) out of one body at a time. When it
//               has gone, m_status says UNSUPP if any range has a flag that is unknown, or unmap in
//               a discard; else IOERR if any has no sector, more than MAX_SECTORS or sectors past
//               the capacity, if there are more than MAX_RANGES, or if bytes are damaged; else OK.
//               The ranges kept are given out in order; all must be taken before the next body
//   Latency     2 cycles, a body's last range to its status
//   Throughput  1 range per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_blk_ranges #(
    parameter        DATA_W      = 64,              // stream, bits; 64 to 512
    parameter        MAX_RANGES  = 16,              // ranges in a request; power of two, 2 or more
    parameter [31:0] MAX_SECTORS = 32'h003fffff,    // sectors in a range
    parameter        COUNT_W     = $clog2(MAX_RANGES) + 1   // derived, not to be set
) (
    input  wire               clk,
    input  wire               rst,
    // Levels: sectors of the store; the body is that of a discard; its number of ranges
    input  wire [63:0]        s_capacity,
    input  wire               s_discard,
    input  wire [27:0]        s_count,
    // The body
    input  wire [DATA_W-1:0]  s_body_data,
    input  wire               s_body_user,
    input  wire               s_body_last,
    input  wire               s_body_valid,
    output wire               s_body_ready,
    // Pulse before a body: forget the one before
    input  wire               s_clear,
    // Level: every range was checked; what came of it, and how many were kept
    output wire               m_checked,
    output wire [1:0]         m_status,
    output wire [COUNT_W-1:0] m_kept,
    // Ranges kept
    output wire [63:0]        m_range_sector,
    output wire [31:0]        m_range_sectors,
    output wire               m_range_unmap,
    output wire               m_range_valid,
    input  wire               m_range_ready
);
    `include "vq_blk.vh"

    localparam [0:0] NARROW = DATA_W < 128;         // a range takes two beats
    localparam PER_BEAT = NARROW ? 1 : DATA_W / 128;
    localparam SLOT_W   = PER_BEAT > 1 ? $clog2(PER_BEAT) : 1;
    localparam LAST     = PER_BEAT - 1;

    reg                half_valid_reg;  // narrow: the first beat of a range is kept
    reg  [SLOT_W-1:0]  slot_reg;        // range of the beat that is looked at
    reg  [27:0]        seen_reg;        // ranges of this body that were looked at
    reg  [127:0]       range_reg;       // the range that is checked
    reg  [64:0]        end_reg;
    reg                range_valid_reg;
    reg                unsupp_reg, bad_reg, ended_reg;
    reg  [COUNT_W-1:0] kept_reg;

    wire [127:0]       range;
    wire               whole   = !NARROW || half_valid_reg;     // a whole range is at hand
    wire               looks   = s_body_valid && whole;
    wire               final_range = seen_reg + 28'd1 == s_count;
    wire               beat_done   = final_range || slot_reg == LAST[SLOT_W-1:0];
    wire [31:0]        flags   = range_reg[127:96];
    wire [31:0]        sectors = range_reg[95:64];
    wire               unsupp  = flags[31:1] != 31'd0 || (s_discard && flags[0]);
    wire               bad     = sectors == 32'd0 || sectors > MAX_SECTORS ||
                                 end_reg > {1'b0, s_capacity};
    wire               room;
    wire               keep    = range_valid_reg && !unsupp && !bad;

    generate
        if (NARROW) begin : gen_narrow
            reg [63:0] half_reg;
            always @(posedge clk) if (s_body_valid && !whole) half_reg <= s_body_data;
            assign range = {s_body_data, half_reg};
        end else begin : gen_wide
            assign range = s_body_data[128*slot_reg +: 128];
        end
    endgenerate

    assign s_body_ready = !whole || beat_done;
    assign m_checked    = ended_reg && !range_valid_reg;
    assign m_status     = unsupp_reg ? STATUS_UNSUPP : bad_reg ? STATUS_IOERR : STATUS_OK;
    assign m_kept       = kept_reg;

    vq_fifo #(.WIDTH(97), .DEPTH(MAX_RANGES)) u_ranges (
        .clk(clk),
        .rst(rst),
        .s_data({flags[0], sectors, range_reg[63:0]}),
        .s_valid(keep),
        .s_ready(room),
        .m_data({m_range_unmap, m_range_sectors, m_range_sector}),
        .m_valid(m_range_valid),
        .m_ready(m_range_ready)
    );

    always @(posedge clk) begin
        if (s_body_valid) half_valid_reg <= NARROW && !whole;
        range_valid_reg <= looks;
        if (looks) begin
            range_reg <= range;
            end_reg   <= {1'b0, range[63:0]} + {33'd0, range[95:64]};
            seen_reg  <= seen_reg + 28'd1;
            slot_reg  <= beat_done ? {SLOT_W{1'b0}} : slot_reg + 1'b1;
            bad_reg   <= bad_reg || s_body_user;
        end
        if (looks && s_body_last && beat_done) ended_reg <= 1'b1;
        if (range_valid_reg) begin
            unsupp_reg <= unsupp_reg || unsupp;
            if (bad || !room) bad_reg <= 1'b1;
        end
        if (keep && room) kept_reg <= kept_reg + 1'b1;
        if (rst || s_clear) begin
            half_valid_reg  <= 1'b0;
            slot_reg        <= {SLOT_W{1'b0}};
            seen_reg        <= 28'd0;
            range_valid_reg <= 1'b0;
            unsupp_reg      <= 1'b0;
            bad_reg         <= 1'b0;
            ended_reg       <= 1'b0;
            kept_reg        <= {COUNT_W{1'b0}};
        end
    end
endmodule
`resetall
