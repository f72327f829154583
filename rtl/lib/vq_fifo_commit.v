// SPDX-License-Identifier: Apache-2.0
// vq_fifo_commit - queue whose words can be read only once they are committed, and that forgets
// what is not.
//   Contract    committed words leave in the order they came; none is lost or repeated. With
//               s_drop all words since the last commit are forgotten, that of its cycle too. A
//               commit holds for the word of its cycle too. Holds DEPTH words and one that is shown
//   Latency     2 cycles, commit to the first word
//   Throughput  1 word per cycle in and out at once
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_fifo_commit #(
    parameter WIDTH = 32,   // word, bits
    parameter DEPTH = 16    // words; power of two, at least 2
) (
    input  wire             clk,
    input  wire             rst,
    // Words in
    input  wire [WIDTH-1:0] s_data,
    input  wire             s_valid,
    output wire             s_ready,
    // Pulses, not both in one cycle
    input  wire             s_commit,
    input  wire             s_drop,
    // Words out
    output wire [WIDTH-1:0] m_data,
    output wire             m_valid,
    input  wire             m_ready
);
    if (DEPTH < 2 || 2**$clog2(DEPTH) != DEPTH) begin : gen_bad_depth
        ERROR_DEPTH_must_be_a_power_of_two_of_at_least_2 u_error ();
    end

    localparam PTR_W = $clog2(DEPTH);

    // Places, with one bit more so that full and empty differ
    reg  [PTR_W:0] write_reg, write_next;       // of the next word
    reg  [PTR_W:0] end_reg,   end_next;         // behind the committed words
    reg  [PTR_W:0] read_reg,  read_next;        // of the next word to show
    reg            valid_reg, valid_next;       // a word is shown
    wire [PTR_W:0] held = write_reg - read_reg; // wraps with the places
    wire           push = s_valid && s_ready;
    wire           pop  = end_reg != read_reg && (!valid_reg || m_ready);

    assign s_ready = !held[PTR_W];
    assign m_valid = valid_reg;

    vq_ram #(
        .WIDTH(WIDTH),
        .DEPTH(DEPTH)
    ) u_words (
        .clk(clk),
        .write_en(push),
        .write_addr(write_reg[PTR_W-1:0]),
        .write_data(s_data),
        .read_en(pop),
        .read_addr(read_reg[PTR_W-1:0]),
        .read_data(m_data)
    );

    always @* begin
        write_next = write_reg;
        end_next   = end_reg;
        read_next  = read_reg;
        valid_next = pop || (valid_reg && !m_ready);
        if (push) write_next = write_reg + 1'b1;
        if (s_commit) end_next = write_next;
        if (s_drop) write_next = end_reg;
        if (pop) read_next = read_reg + 1'b1;
    end

    always @(posedge clk) begin
        write_reg <= write_next;
        end_reg   <= end_next;
        read_reg  <= read_next;
        valid_reg <= valid_next;
        if (rst) begin
            write_reg <= {(PTR_W+1){1'b0}};
            end_reg   <= {(PTR_W+1){1'b0}};
            read_reg  <= {(PTR_W+1){1'b0}};
            valid_reg <= 1'b0;
        end
    end

    `VQ_ASSUME(a_one_pulse, !s_commit || !s_drop)
    `VQ_ASSERT(a_room, held <= DEPTH[PTR_W:0])
endmodule
`resetall
