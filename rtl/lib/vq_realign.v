// SPDX-License-Identifier: Apache-2.0
// vq_realign - join byte ranges of beats into one gapless packet.
//   Contract    the packet's bytes are the valid bytes of the input beats, in order, the first
//               one in lane s_start of the first output beat, each next one in the next lane.
//               m_count is the number of lanes up to the last valid one. m_error is raised on the
//               last beat if any input beat had s_error
//   Latency     2 cycles, the beat that completes an output beat to that beat
//   Throughput  1 input beat per cycle; 1 more cycle where a packet's last input beat spills over
//               and the next packet's first one gives an output beat of its own
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_realign #(
    parameter DATA_W = 64,                  // beat, bits; 64, 128, 256 or 512
    parameter LANE_W = $clog2(DATA_W/8)     // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Beats in: s_count bytes (1 to DATA_W/8) from lane s_offset; s_start with a packet's first
    input  wire [DATA_W-1:0] s_data,
    input  wire [LANE_W-1:0] s_offset,
    input  wire [LANE_W:0]   s_count,
    input  wire [LANE_W-1:0] s_start,
    input  wire              s_error,
    input  wire              s_last,
    input  wire              s_valid,
    output wire              s_ready,
    // Packet out
    output wire [DATA_W-1:0] m_data,
    output wire [LANE_W:0]   m_count,
    output wire              m_error,
    output wire              m_last,
    output wire              m_valid,
    input  wire              m_ready
);
    localparam BYTES = DATA_W / 8;

    // Stage 1: turn the beat so that its first byte meets the lane that is filled next
    reg               first_reg;        // the next beat starts a packet
    reg  [LANE_W-1:0] fill_reg;         // lane that is filled next, within a packet
    wire [LANE_W-1:0] fill   = first_reg ? s_start : fill_reg;
    wire [LANE_W-1:0] turn   = fill - s_offset;             // wraps: lanes turn around
    wire [LANE_W:0]   reach  = {1'b0, fill} + s_count;      // less than 2 * BYTES
    reg  [DATA_W-1:0] turned;           // lanes turned up by `turn`
    integer           i;

    always @* begin
        turned = s_data;
        for (i = 0; i < LANE_W; i = i + 1)
            if (turn[i]) turned = (turned << (8 << i)) | (turned >> (DATA_W - (8 << i)));
    end

    reg  [DATA_W-1:0] turned_reg;
    reg  [LANE_W-1:0] turned_fill_reg;
    reg  [LANE_W:0]   turned_reach_reg;
    reg               turned_last_reg, turned_error_reg, turned_valid_reg;

    // Stage 2: merge with the bytes kept back, give out full beats
    reg  [DATA_W-1:0] keep_reg;         // lanes below the next fill are valid
    reg  [LANE_W-1:0] spill_count_reg;
    reg               spill_reg;        // keep_reg holds a packet's last bytes
    reg               error_reg;        // an earlier beat of that packet had an error
    reg  [DATA_W-1:0] out_data_reg;
    reg  [LANE_W:0]   out_count_reg;
    reg               out_error_reg, out_last_reg, out_valid_reg;

    wire [LANE_W-1:0] rest     = turned_reach_reg[LANE_W-1:0];  // where full: bytes beyond
    wire              full     = turned_reach_reg[LANE_W];
    wire              over     = full && rest != {LANE_W{1'b0}};
    wire              gives    = full || turned_last_reg;       // an output beat
    wire              out_free = !out_valid_reg || m_ready;
    // A beat that gives none moves while the spill before it leaves
    wire              take     = turned_valid_reg && out_free && !(spill_reg && gives);
    wire              error    = (error_reg && !spill_reg) || turned_error_reg;
    wire [BYTES-1:0]  kept     = ~({BYTES{1'b1}} << turned_fill_reg);
    wire [DATA_W-1:0] merged;

    genvar g;
    generate
        for (g = 0; g < BYTES; g = g + 1) begin : gen_lane
            assign merged[8*g +: 8] = kept[g] || spill_reg ? keep_reg[8*g +: 8]
                                                           : turned_reg[8*g +: 8];
            always @(posedge clk)
                if (take && (full || !kept[g])) keep_reg[8*g +: 8] <= turned_reg[8*g +: 8];
        end
    endgenerate

    assign s_ready = !turned_valid_reg || take;
    assign m_data  = out_data_reg;
    assign m_count = out_count_reg;
    assign m_error = out_error_reg;
    assign m_last  = out_last_reg;
    assign m_valid = out_valid_reg;

    always @(posedge clk) begin
        if (s_ready) turned_valid_reg <= s_valid;
        if (s_ready && s_valid) begin
            turned_reg       <= turned;
            turned_fill_reg  <= fill;
            turned_reach_reg <= reach;
            turned_last_reg  <= s_last;
            turned_error_reg <= s_error;
            first_reg        <= s_last;
            fill_reg         <= reach[LANE_W-1:0];
        end
        if (out_free) begin
            out_valid_reg <= spill_reg || (turned_valid_reg && gives);
            spill_reg     <= 1'b0;
            error_reg     <= error_reg && !spill_reg;
        end
        if (out_free && (spill_reg || turned_valid_reg)) begin
            out_data_reg  <= merged;
            out_count_reg <= spill_reg ? {1'b0, spill_count_reg} :
                             full      ? BYTES[LANE_W:0]         : {1'b0, rest};
            out_error_reg <= spill_reg ? error_reg : error;
            out_last_reg  <= spill_reg || (turned_last_reg && !over);
        end
        if (take) begin
            spill_count_reg <= rest;
            spill_reg       <= turned_last_reg && over;
            error_reg       <= error && (!turned_last_reg || over);
        end
        if (rst) begin
            first_reg        <= 1'b1;
            turned_valid_reg <= 1'b0;
            spill_reg        <= 1'b0;
            error_reg        <= 1'b0;
            out_valid_reg    <= 1'b0;
        end
    end

    `VQ_ASSUME(a_count, !s_valid || (s_count != {(LANE_W+1){1'b0}} &&
        {2'b00, s_offset} + {1'b0, s_count} <= BYTES[LANE_W+1:0]))
endmodule
`resetall
