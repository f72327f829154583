// SPDX-License-Identifier: Apache-2.0
// vq_net_ctrl - the control queue's commands, and the state that they set.
//   Contract    one answer per command, in order: 1 byte, 0 done or 1 refused; without room for it
//               the answer is empty and the command not done. Done are MAC_ADDR_SET and
//               VQ_PAIRS_SET of the right length and value, where their feature was negotiated; the
//               state changes before the answer is given out
//   Latency     1 cycle, end of the command to its answer
//   Throughput  1 command per 2 cycles
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_net_ctrl #(
    parameter        PAIRS  = 1,                    // queue pairs; 1 to 8
    parameter        TAG_W  = 8,                    // tags, bits
    parameter [47:0] MAC    = 48'h525400123456      // physical address, first byte highest
) (
    input  wire              clk,
    input  wire              rst,
    // What was negotiated
    input  wire              s_has_mq,
    input  wire              s_has_mac_addr,
    // Commands. Beats; with the end (s_end) what is known of the chain: bytes (15: 15 or more),
    // room for the answer, and that it is void: damaged, or of a queue that has stopped
    input  wire [63:0]       s_data,                // the first bytes of a beat
    input  wire              s_beat,
    input  wire              s_end,
    input  wire [TAG_W-1:0]  s_tag,
    input  wire [3:0]        s_len,
    input  wire              s_room,
    input  wire              s_void,
    output wire              s_ready,               // for beats and the end
    // Answers
    output wire [TAG_W-1:0]  m_ack_tag,
    output wire              m_ack_some,            // one byte, else none
    output wire [7:0]        m_ack_byte,
    output wire              m_ack_valid,
    input  wire              m_ack_ready,
    // State
    output wire [47:0]       m_mac,                 // first byte lowest, as it is read
    output wire [3:0]        m_pairs,               // enabled
    output wire              m_mac_changed,         // pulse
    // Pulses, for counting
    output wire              m_done,
    output wire              m_refused
);
    localparam [15:0] MAC_ADDR_SET = 16'h0101;      // command, class
    localparam [15:0] VQ_PAIRS_SET = 16'h0004;

    reg  [63:0]       first_reg,  first_next;       // first bytes of the command
    reg               midst_reg,  midst_next;       // they have come
    reg  [47:0]       mac_reg,    mac_next;
    reg  [3:0]        pairs_reg,  pairs_next;
    reg               change_reg, change_next;
    reg  [TAG_W-1:0]  tag_reg;
    reg               some_reg;
    reg               error_reg;
    reg               valid_reg,  valid_next;
    reg               done_reg,   done_next;
    reg               refuse_reg, refuse_next;

    wire [63:0]       first   = midst_reg ? first_reg : s_data;
    wire [15:0]       code    = first[15:0];
    wire [15:0]       number  = first[31:16];
    wire              set_mac = code == MAC_ADDR_SET && s_len == 4'd8 && s_has_mac_addr;
    wire              in_range = number != 16'd0 && number <= PAIRS[15:0];
    wire              set_pairs = code == VQ_PAIRS_SET && s_len == 4'd4 && s_has_mq && in_range;
    wire              finish  = s_end && s_ready;
    wire              may     = finish && s_room && !s_void;
    wire              is_done = may && (set_mac || set_pairs);

    assign s_ready       = !valid_reg;
    assign m_ack_tag     = tag_reg;
    assign m_ack_some    = some_reg;
    assign m_ack_byte    = {7'd0, error_reg};
    assign m_ack_valid   = valid_reg;
    assign m_mac         = mac_reg;
    assign m_pairs       = pairs_reg;
    assign m_mac_changed = change_reg;
    assign m_done        = done_reg;
    assign m_refused     = refuse_reg;

    always @* begin
        first_next  = first;
        midst_next  = midst_reg;
        mac_next    = mac_reg;
        pairs_next  = pairs_reg;
        valid_next  = valid_reg && !m_ack_ready;
        change_next = 1'b0;
        done_next   = is_done;
        refuse_next = finish && !s_void && !is_done;
        if (s_beat && s_ready) midst_next = 1'b1;
        if (finish) begin
            midst_next = 1'b0;
            valid_next = 1'b1;
        end
        if (may && set_mac) begin
            mac_next    = first[63:16];
            change_next = first[63:16] != mac_reg;
        end
        if (may && set_pairs) pairs_next = number[3:0];
    end

    always @(posedge clk) begin
        if (s_beat && s_ready) first_reg <= first_next;
        if (finish) begin
            tag_reg   <= s_tag;
            some_reg  <= s_room;
            error_reg <= !is_done;
        end
        midst_reg  <= midst_next;
        mac_reg    <= mac_next;
        pairs_reg  <= pairs_next;
        change_reg <= change_next;
        valid_reg  <= valid_next;
        done_reg   <= done_next;
        refuse_reg <= refuse_next;
        if (rst) begin
            midst_reg  <= 1'b0;
            mac_reg    <= {MAC[7:0], MAC[15:8], MAC[23:16], MAC[31:24], MAC[39:32], MAC[47:40]};
            pairs_reg  <= 4'd1;
            change_reg <= 1'b0;
            valid_reg  <= 1'b0;
            done_reg   <= 1'b0;
            refuse_reg <= 1'b0;
        end
    end
endmodule
`resetall
