// SPDX-License-Identifier: Apache-2.0
// vq_fetch_flags - packed descriptors out of the beats of windows.
//   Contract    one descriptor after the other, in order: what its flags say, and where one beat
//               holds all of it (128 bits and more), the descriptor itself, for which they vouch.
//               The rest of a window is thrown away in whole beats where s_skip asks for it
//   Latency     1 cycle, the beat that holds a descriptor's flags to it
//   Throughput  1 descriptor per cycle, half of that on a bus of 64 bits
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_fetch_flags #(
    parameter DATA_W = 64,                  // beat, bits; 64, 128, 256 or 512
    parameter INFO_W = 8,                   // what is known of a window, bits
    parameter LANE_W = $clog2(DATA_W/8)     // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Beats of windows, which are whole descriptors
    input  wire [DATA_W-1:0] s_beat_data,
    input  wire [LANE_W-1:0] s_beat_offset,
    input  wire [LANE_W-1:0] s_beat_end,        // lane of the beat's last byte
    input  wire [INFO_W-1:0] s_beat_info,
    input  wire              s_beat_error,
    input  wire              s_beat_last,
    input  wire              s_beat_valid,
    output wire              s_beat_ready,
    // Descriptors; s_skip: drop the beat at hand instead, and those after it until m_desc_final
    output wire [INFO_W-1:0] m_desc_info,
    output wire              m_desc_avail,
    output wire              m_desc_used,
    output wire              m_desc_next,
    output wire [127:0]      m_desc_data,       // 0 on a bus of 64 bits
    output wire              m_desc_error,
    output wire              m_desc_last,       // of its window
    output wire              m_desc_final,      // it is in the window's last beat
    output wire              m_desc_valid,
    input  wire              m_desc_ready,
    input  wire              s_skip
);
    localparam DESCS = DATA_W < 128 ? 1 : DATA_W / 128;     // that a beat holds
    localparam NUM_W = DESCS > 1 ? $clog2(DESCS) : 1;
    localparam WORD  = DATA_W < 128 ? 64 : 128;             // the flags are its top 16 bits

    reg  [DESCS-1:0]  avail_reg, used_reg, next_reg;
    reg  [NUM_W-1:0]  at_reg, end_reg;
    reg  [INFO_W-1:0] info_reg;
    reg               error_reg, last_reg, valid_reg;
    wire              at_end = at_reg == end_reg;
    wire              leave  = valid_reg && (s_skip || (m_desc_ready && at_end));
    wire              half;             // a beat without flags
    wire              half_error;       // the beat before this one, of the same descriptor
    wire              load   = s_beat_valid && !half && (!valid_reg || leave);
    wire [NUM_W-1:0]  first, final_one;
    integer           i;

    assign s_beat_ready = half || !valid_reg || leave;
    assign m_desc_info  = info_reg;
    assign m_desc_avail = avail_reg[at_reg];
    assign m_desc_used  = used_reg[at_reg];
    assign m_desc_next  = next_reg[at_reg];
    assign m_desc_error = error_reg;
    assign m_desc_last  = last_reg && at_end;
    assign m_desc_final = last_reg;
    assign m_desc_valid = valid_reg;

    generate
        if (DATA_W < 128) begin : gen_halves
            reg half_reg, half_error_reg;
            assign half       = !half_reg;
            assign half_error = half_error_reg;
            assign first      = 1'b0;
            assign final_one  = 1'b0;
            assign m_desc_data = 128'd0;
            always @(posedge clk) begin
                if (s_beat_valid && s_beat_ready) begin
                    half_reg       <= half;
                    half_error_reg <= s_beat_error;
                end
                if (rst) half_reg <= 1'b0;
            end
            wire unused = &{1'b0, s_beat_offset, s_beat_end, s_beat_data};
        end else begin : gen_beats
            reg [DATA_W-1:0] data_reg;
            assign half       = 1'b0;
            assign half_error = 1'b0;
            assign m_desc_data = data_reg[128*at_reg +: 128];
            always @(posedge clk) if (load) data_reg <= s_beat_data;
            if (DESCS > 1) begin : gen_many
                assign first     = s_beat_offset[LANE_W-1:4];
                assign final_one = s_beat_end[LANE_W-1:4];
            end else begin : gen_one
                assign first     = 1'b0;
                assign final_one = 1'b0;
            end
            wire unused = &{1'b0, s_beat_offset, s_beat_end, s_beat_data};
        end
    endgenerate

    always @(posedge clk) begin
        if (leave) valid_reg <= 1'b0;
        else if (valid_reg && m_desc_ready) at_reg <= at_reg + 1'b1;
        if (load) begin
            valid_reg <= 1'b1;
            at_reg    <= first;
            end_reg   <= final_one;
            info_reg  <= s_beat_info;
            error_reg <= s_beat_error || half_error;
            last_reg  <= s_beat_last;
            for (i = 0; i < DESCS; i = i + 1) begin
                next_reg[i]  <= s_beat_data[WORD*i + WORD - 16];
                avail_reg[i] <= s_beat_data[WORD*i + WORD - 9];
                used_reg[i]  <= s_beat_data[WORD*i + WORD - 1];
            end
        end
        if (rst) valid_reg <= 1'b0;
    end
endmodule
`resetall
