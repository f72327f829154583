// SPDX-License-Identifier: Apache-2.0
// vq_realign - join byte ranges of beats into one gapless packet.
//   Contract    the packet's bytes are the valid bytes of the input beats, in order, the first
//               one in lane s_start of the first output beat, each next one in the next lane.
//               m_count is the number of lanes up to the last valid one. m_error is raised on the
//               last beat if any input beat had s_error
//   Latency     2 cycles, the beat that completes an output beat to that beat
//   Throughput  1 input beat per cycle; 1 more cycle where a packet's last input beat spills over
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
    wire [LANE_W+1:0] reach  = {2'b00, fill} + {1'b0, s_count};
    wire [2*DATA_W-1:0] twice = {s_data, s_data} << {turn, 3'b000};

    reg  [DATA_W-1:0] turned_reg;
    reg  [LANE_W-1:0] turned_fill_reg;
    reg  [LANE_W+1:0] turned_reach_reg;
    reg               turned_last_reg, turned_error_reg, turned_valid_reg;

    // Stage 2: merge with the bytes kept back, give out full beats
    reg  [DATA_W-1:0] keep_reg;         // lanes below the next fill are valid
    reg  [LANE_W:0]   spill_count_reg;
    reg               spill_reg;        // keep_reg holds a packet's last bytes
    reg               error_reg;        // an earlier beat of this packet had an error
    reg  [DATA_W-1:0] out_data_reg;
    reg  [LANE_W:0]   out_count_reg;
    reg               out_error_reg, out_last_reg, out_valid_reg;

    wire out_free = !out_valid_reg || m_ready;
    wire take     = turned_valid_reg && out_free && !spill_reg;
    wire over     = turned_reach_reg > BYTES[LANE_W+1:0];
    wire full     = turned_reach_reg >= BYTES[LANE_W+1:0];
    wire error    = error_reg || turned_error_reg;
    wire [DATA_W-1:0] merged;
    wire [LANE_W+1:0] excess = turned_reach_reg - BYTES[LANE_W+1:0];  // used where full only

    wire [BYTES-1:0] kept = ~({BYTES{1'b1}} << turned_fill_reg);

    genvar g;
    generate
        for (g = 0; g < BYTES; g = g + 1) begin : gen_lane
            assign merged[8*g +: 8] = kept[g] ? keep_reg[8*g +: 8] : turned_reg[8*g +: 8];
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
            turned_reg       <= twice[2*DATA_W-1:DATA_W];
            turned_fill_reg  <= fill;
            turned_reach_reg <= reach;
            turned_last_reg  <= s_last;
            turned_error_reg <= s_error;
            first_reg        <= s_last;
            fill_reg         <= reach[LANE_W-1:0];
        end
        if (out_free) begin
            out_valid_reg <= 1'b0;
            if (spill_reg) begin
                out_data_reg  <= keep_reg;
                out_count_reg <= spill_count_reg;
                out_error_reg <= error_reg;
                out_last_reg  <= 1'b1;
                out_valid_reg <= 1'b1;
                spill_reg     <= 1'b0;
                error_reg     <= 1'b0;
            end
        end
        if (take) begin
            keep_reg        <= full ? turned_reg : merged;
            spill_count_reg <= excess[LANE_W:0];
            spill_reg       <= turned_last_reg && over;
            error_reg       <= error && (!turned_last_reg || over);
            out_data_reg    <= merged;
            out_count_reg   <= full ? BYTES[LANE_W:0] : turned_reach_reg[LANE_W:0];
            out_error_reg   <= error;
            out_last_reg    <= turned_last_reg && !over;
            out_valid_reg   <= full || turned_last_reg;
        end
        if (rst) begin
            first_reg        <= 1'b1;
            turned_valid_reg <= 1'b0;
            spill_reg        <= 1'b0;
            error_reg        <= 1'b0;
            out_valid_reg    <= 1'b0;
        end
    end

    wire unused = &{1'b0, twice[DATA_W-1:0], excess[LANE_W+1], reach[LANE_W+1]};

    `VQ_ASSUME(a_count, !s_valid || (s_count != {(LANE_W+1){1'b0}} &&
        {2'b00, s_offset} + {1'b0, s_count} <= BYTES[LANE_W+1:0]))
endmodule
`resetall
