// SPDX-License-Identifier: Apache-2.0
// vq_desc_unpack - descriptors of 16 bytes out of packed beats.
//   Contract    descriptors leave in order; m_desc_error is raised from the first beat with an
//               error on
//   Latency     0 cycles; 1 cycle where a descriptor takes two beats
//   Throughput  1 descriptor per cycle, half of that where it takes two beats
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_desc_unpack #(
    parameter DATA_W = 64,                  // beat, bits
    parameter LANE_W = $clog2(DATA_W/8)     // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Packed beats, a multiple of 16 bytes a packet
    input  wire [DATA_W-1:0] s_data,
    input  wire [LANE_W:0]   s_count,
    input  wire              s_error,
    input  wire              s_last,
    input  wire              s_valid,
    output wire              s_ready,
    // Descriptors; m_desc_last ends the packet
    output wire [127:0]      m_desc_data,
    output wire              m_desc_error,
    output wire              m_desc_last,
    output wire              m_desc_valid,
    input  wire              m_desc_ready
);
    generate
        if (DATA_W == 64) begin : gen_join
            reg [63:0] low_reg;
            reg        half_reg;    // low_reg holds the first half
            assign s_ready      = !half_reg || m_desc_ready;
            assign m_desc_data  = {s_data, low_reg};
            assign m_desc_error = s_error;
            assign m_desc_last  = s_last;
            assign m_desc_valid = s_valid && half_reg;
            always @(posedge clk) begin
                if (s_valid && !half_reg) low_reg <= s_data;
                if (s_valid && s_ready) half_reg <= !half_reg;
                if (rst) half_reg <= 1'b0;
            end
            wire unused = &{1'b0, s_count};
        end else if (DATA_W == 128) begin : gen_pass
            assign s_ready      = m_desc_ready;
            assign m_desc_data  = s_data;
            assign m_desc_error = s_error;
            assign m_desc_last  = s_last;
            assign m_desc_valid = s_valid;
            wire unused = &{1'b0, clk, rst, s_count};
        end else begin : gen_cut
            reg  [LANE_W-5:0] done_reg;     // descriptors of the beat that have left
            wire              final_desc = {1'b0, done_reg} + 1'b1 == s_count[LANE_W:4];
            assign s_ready      = m_desc_ready && final_desc;
            assign m_desc_data  = s_data[128*done_reg +: 128];
            assign m_desc_error = s_error;
            assign m_desc_last  = s_last && final_desc;
            assign m_desc_valid = s_valid;
            always @(posedge clk) begin
                if (s_valid && m_desc_ready)
                    done_reg <= final_desc ? {(LANE_W-4){1'b0}} : done_reg + 1'b1;
                if (rst) done_reg <= {(LANE_W-4){1'b0}};
            end
            wire unused = &{1'b0, s_count[3:0]};
        end
    endgenerate
endmodule
`resetall
