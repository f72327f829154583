// SPDX-License-Identifier: Apache-2.0
// vq_fifo - first-in first-out queue with first-word fall-through.
//   Contract    words leave in the order they came; none is lost or repeated. s_ready and m_valid
//               come from registers. Holds DEPTH words (DEPTH + 1 with BLOCK_EN)
//   Latency     1 cycle, 2 with BLOCK_EN
//   Throughput  1 word per cycle in and out at once
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_fifo #(
    parameter       WIDTH    = 32,  // word, bits
    parameter       DEPTH    = 16,  // words; power of two, at least 2
    parameter [0:0] BLOCK_EN = 1'b0 // 1: clocked read, so that tools infer block RAM
) (
    input  wire             clk,
    input  wire             rst,
    // Words in
    input  wire [WIDTH-1:0] s_data,
    input  wire             s_valid,
    output wire             s_ready,
    // Words out
    output wire [WIDTH-1:0] m_data,
    output wire             m_valid,
    input  wire             m_ready
);
    if (DEPTH < 2 || 2**$clog2(DEPTH) != DEPTH) begin : gen_bad_depth
        ERROR_DEPTH_must_be_a_power_of_two_of_at_least_2 u_error ();
    end

    localparam PTR_W = $clog2(DEPTH);

    reg  [PTR_W-1:0] wr_reg, rd_reg;
    reg              full_reg;
    reg              some_reg;          // the memory is not empty
    wire [PTR_W-1:0] wr_next = wr_reg + 1'b1;
    wire [PTR_W-1:0] rd_next = rd_reg + 1'b1;
    wire             push    = s_valid && !full_reg;
    wire             pop;

    assign s_ready = !full_reg;

    always @(posedge clk) begin
        if (push) wr_reg <= wr_next;
        if (pop) rd_reg <= rd_next;
        full_reg <= !pop && (full_reg || (push && wr_next == rd_reg));
        some_reg <= push || (some_reg && !(pop && rd_next == wr_reg));
        if (rst) begin
            wr_reg   <= {PTR_W{1'b0}};
            rd_reg   <= {PTR_W{1'b0}};
            full_reg <= 1'b0;
            some_reg <= 1'b0;
        end
    end

    generate
        if (BLOCK_EN) begin : gen_block
            // A word is read only when it was written in an earlier cycle
            (* no_rw_check, ram_style = "block" *)
            reg [WIDTH-1:0] mem [0:DEPTH-1];
            reg [WIDTH-1:0] data_reg;
            reg             valid_reg;
            assign pop     = some_reg && (!valid_reg || m_ready);
            assign m_data  = data_reg;
            assign m_valid = valid_reg;
            always @(posedge clk) begin
                if (push) mem[wr_reg] <= s_data;
                if (pop) data_reg <= mem[rd_reg];
                valid_reg <= pop || (valid_reg && !m_ready);
                if (rst) valid_reg <= 1'b0;
            end
        end else begin : gen_small
            reg [WIDTH-1:0] mem [0:DEPTH-1];
            always @(posedge clk) if (push) mem[wr_reg] <= s_data;
            assign pop     = some_reg && m_ready;
            assign m_data  = mem[rd_reg];
            assign m_valid = some_reg;
        end
    endgenerate
endmodule
`resetall
