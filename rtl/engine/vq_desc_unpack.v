// SPDX-License-Identifier: Apache-2.0
// vq_desc_unpack - descriptors of 16 bytes out of the beats of reads.
//   Contract    the bytes of a read, 16 at a time, in order; m_desc_error says that a beat that
//               holds a part of this descriptor had an error
//   Latency     1 cycle, the beat that completes a descriptor to it
//   Throughput  1 descriptor per cycle, half of that on a bus of 64 bits. Reads that do not start
//               at a multiple of 16 (on 64 bits: of 8) take as many cycles more for each 16 (8)
//               bytes as they lie off it: only indirect tables may, and no usual driver's do
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_desc_unpack #(
    parameter DATA_W = 64,                  // beat, bits; 64, 128, 256 or 512
    parameter LANE_W = $clog2(DATA_W/8)     // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Beats: s_count bytes from lane s_offset, a multiple of 16 bytes a read
    input  wire [DATA_W-1:0] s_data,
    input  wire [LANE_W-1:0] s_offset,
    input  wire [LANE_W:0]   s_count,
    input  wire              s_error,
    input  wire              s_last,
    input  wire              s_valid,
    output wire              s_ready,
    // Descriptors
    output wire [127:0]      m_desc_data,
    output wire              m_desc_error,
    output wire              m_desc_valid,
    input  wire              m_desc_ready
);
    localparam UNIT   = DATA_W == 64 ? 64 : 128;    // bits that are handled at once
    localparam BYTE_W = $clog2(UNIT/8);

    // Units: aligned parts of the beats
    wire [UNIT-1:0]   unit;
    wire              unit_last, unit_ready;    // the read's last one
    reg               first_reg;                // the next unit starts a read
    wire [BYTE_W-1:0] skew = s_offset[BYTE_W-1:0];

    generate
        if (DATA_W == UNIT) begin : gen_whole
            assign unit      = s_data;
            assign unit_last = s_last;
            assign s_ready   = unit_ready;
        end else begin : gen_cut
            localparam POS_W = LANE_W - BYTE_W;
            reg  [POS_W-1:0]  pos_reg;
            reg               begun_reg;        // pos_reg counts; else the beat starts at s_offset
            wire [POS_W-1:0]  pos   = begun_reg ? pos_reg : s_offset[LANE_W-1:BYTE_W];
            wire [LANE_W:0]   reach = {1'b0, s_offset} + s_count - 1'b1;
            wire              final_unit = pos == reach[LANE_W-1:BYTE_W];
            assign unit      = s_data[UNIT*pos +: UNIT];
            assign unit_last = s_last && final_unit;
            assign s_ready   = unit_ready && final_unit;
            always @(posedge clk) begin
                if (s_valid && unit_ready) begin
                    pos_reg   <= pos + 1'b1;
                    begun_reg <= !final_unit;
                end
                if (rst) begun_reg <= 1'b0;
            end
            wire unused = &{1'b0, reach[LANE_W], reach[BYTE_W-1:0]};
        end
    endgenerate

    // A unit as it is, or made whole byte by byte with the low bytes of the next one
    reg  [UNIT-1:0]   turn_reg;
    reg  [BYTE_W-1:0] skew_reg;         // of the read at hand
    reg  [BYTE_W-1:0] step_reg;         // bytes of the next unit that are in
    reg               whole_reg;        // turn_reg may leave
    reg               part_reg;         // turn_reg waits for bytes of the next unit
    reg               error_reg;
    wire              turn_ready;
    wire              leave  = whole_reg && turn_ready;
    wire              shift  = part_reg && s_valid;
    wire              shifted = step_reg + 1'b1 == skew_reg;
    // The unit whose low bytes have left is the next one to be made whole, unless none follows
    wire              rest   = !first_reg && skew_reg != {BYTE_W{1'b0}};
    wire              load   = s_valid && !part_reg && (!whole_reg || turn_ready);
    wire              whole  = first_reg ? skew == {BYTE_W{1'b0}} : !rest;
    wire [7:0]        low_byte = unit[8*step_reg +: 8];

    assign unit_ready = load;

    always @(posedge clk) begin
        if (leave) whole_reg <= 1'b0;
        if (load) begin
            turn_reg  <= unit;
            error_reg <= s_error;
            whole_reg <= whole;
            part_reg  <= !whole && !unit_last;
            step_reg  <= {BYTE_W{1'b0}};
            first_reg <= unit_last;
            if (first_reg) skew_reg <= skew;
        end
        if (shift) begin
            turn_reg  <= {low_byte, turn_reg[UNIT-1:8]};
            error_reg <= error_reg || s_error;
            step_reg  <= step_reg + 1'b1;
            if (shifted) begin
                whole_reg <= 1'b1;
                part_reg  <= 1'b0;
            end
        end
        if (rst) begin
            first_reg <= 1'b1;
            whole_reg <= 1'b0;
            part_reg  <= 1'b0;
        end
    end

    // Two halves where a unit is half a descriptor
    generate
        if (UNIT == 64) begin : gen_join
            reg [63:0] low_reg;
            reg        low_error_reg;
            reg        half_reg;        // low_reg holds the first half
            assign turn_ready   = !half_reg || m_desc_ready;
            assign m_desc_data  = {turn_reg, low_reg};
            assign m_desc_error = low_error_reg || error_reg;
            assign m_desc_valid = whole_reg && half_reg;
            always @(posedge clk) begin
                if (whole_reg && !half_reg) begin
                    low_reg       <= turn_reg;
                    low_error_reg <= error_reg;
                end
                if (leave) half_reg <= !half_reg;
                if (rst) half_reg <= 1'b0;
            end
            wire unused = &{1'b0, s_count};
        end else begin : gen_pass
            assign turn_ready   = m_desc_ready;
            assign m_desc_data  = turn_reg;
            assign m_desc_error = error_reg;
            assign m_desc_valid = whole_reg;
            if (DATA_W == UNIT) begin : gen_unused
                wire unused = &{1'b0, s_count};
            end
        end
    endgenerate
endmodule
`resetall
