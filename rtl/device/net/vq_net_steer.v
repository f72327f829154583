// SPDX-License-Identifier: Apache-2.0
// vq_net_steer - the pair by which a received frame goes.
//   Contract    frames pass in order. One whose flow is in the table gets the pair that the flow
//               was last sent by, if that is enabled; any other its hash modulo the enabled pairs.
//               The table has one row for each value of the hash's low 8 bits; it is empty 256
//               cycles after a reset, and used from then on
//   Latency     1 cycle
//   Throughput  1 frame per cycle, but not in the cycle in which its row is written
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_net_steer #(
    parameter PAIRS  = 2,                               // queue pairs; 1 to 8
    parameter PAIR_W = PAIRS > 1 ? $clog2(PAIRS) : 1    // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Pairs that are enabled, 1 to PAIRS
    input  wire [3:0]        s_pairs,
    // Flows that were sent
    input  wire [15:0]       s_flow_hash,
    input  wire [PAIR_W-1:0] s_flow_pair,
    input  wire              s_flow_valid,
    // Frames in: bytes and hash
    input  wire [16:0]       s_frame_len,
    input  wire [15:0]       s_frame_hash,
    input  wire              s_frame_valid,
    output wire              s_frame_ready,
    // Frames out; the pair follows s_pairs
    output wire [16:0]       m_frame_len,
    output wire [PAIR_W-1:0] m_frame_pair,
    output wire              m_frame_valid,
    input  wire              m_frame_ready
);
    localparam ROWS  = 256;
    localparam ROW_W = $clog2(ROWS);

    reg  [ROW_W:0] clear_reg, clear_next;   // rows cleared so far, ROWS when all are
    reg  [16:0]    len_reg;
    reg  [15:0]    hash_reg;
    reg            known_reg;               // the table was used for this frame
    reg            valid_reg, valid_next;
    wire           cleared = clear_reg[ROW_W];
    wire           write   = !cleared || s_flow_valid;
    wire [7:0]     row     = cleared ? s_flow_hash[7:0] : clear_reg[ROW_W-1:0];
    wire           meets   = write && row == s_frame_hash[7:0];
    wire           read    = s_frame_valid && s_frame_ready;
    wire           row_valid;
    wire [7:0]     row_rest;
    wire [PAIR_W-1:0] row_pair;
    wire [7:0]     mixed = hash_reg[15:8] ^ hash_reg[7:0];
    wire [7:0]     spread = mixed % {4'd0, s_pairs};
    wire           learnt = known_reg && row_valid && row_rest == hash_reg[15:8] &&
                            {{(4-PAIR_W){1'b0}}, row_pair} < s_pairs;

    assign s_frame_ready = (!valid_reg || m_frame_ready) && !meets;
    assign m_frame_len   = len_reg;
    assign m_frame_pair  = learnt ? row_pair : spread[PAIR_W-1:0];
    assign m_frame_valid = valid_reg;

    vq_ram #(
        .WIDTH(PAIR_W + 9),
        .DEPTH(ROWS)
    ) u_rows (
        .clk(clk),
        .write_en(write),
        .write_addr(row),
        .write_data({cleared, s_flow_hash[15:8], s_flow_pair}),
        .read_en(read),
        .read_addr(s_frame_hash[7:0]),
        .read_data({row_valid, row_rest, row_pair})
    );

    always @* begin
        clear_next = cleared ? clear_reg : clear_reg + 1'b1;
        valid_next = read || (valid_reg && !m_frame_ready);
    end

    always @(posedge clk) begin
        clear_reg <= clear_next;
        valid_reg <= valid_next;
        if (read) begin
            len_reg   <= s_frame_len;
            hash_reg  <= s_frame_hash;
            known_reg <= cleared;
        end
        if (rst) begin
            clear_reg <= {(ROW_W+1){1'b0}};
            valid_reg <= 1'b0;
        end
    end

    wire unused = &{1'b0, spread[7:PAIR_W]};
endmodule
`resetall
