// SPDX-License-Identifier: Apache-2.0
// vq_net_flow - hash of a frame's flow, the same for both its directions.
//   Contract    exclusive or of 16-bit words, big-endian, of: the IPv4 or IPv6 addresses; of IPv4
//               without options that is no fragment, and of IPv6 without extension headers, the TCP
//               or UDP ports too; of any other frame the physical addresses. One VLAN tag is
//               skipped. What a frame is too short for counts as zeros
//   Latency     1 cycle, last beat to m_hash, which holds until the next frame's first beat
//   Throughput  1 beat per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_net_flow #(
    parameter DATA_W = 64,  // stream, bits; 64 to 512
    parameter SKIP   = 0    // bytes before the frame; even, 0 to 16
) (
    input  wire                clk,
    input  wire                rst,
    // Beats that are taken; tkeep without a gap
    input  wire [DATA_W-1:0]   s_data,
    input  wire [DATA_W/8-1:0] s_keep,
    input  wire                s_last,
    input  wire                s_valid,
    output wire [15:0]         m_hash
);
    localparam LANES = DATA_W / 16;     // words in a beat
    localparam FIRST = SKIP / 2;        // words before the frame
    localparam WORDS = 31;              // words of a frame that matter
    localparam BEATS = (FIRST + WORDS + LANES - 1) / LANES;
    localparam BEAT_W = $clog2(BEATS + 1);

    reg  [BEAT_W-1:0]   beat_reg;       // of the frame; BEATS for all that do not matter
    reg  [16*WORDS-1:0] now;            // words that this beat brings, others 0
    wire [DATA_W-1:0]   bytes;          // without those that are not kept
    integer i, lane;

    genvar g;
    generate
        for (g = 0; g < DATA_W/8; g = g + 1) begin : gen_byte
            assign bytes[8*g +: 8] = s_data[8*g +: 8] & {8{s_keep[g]}};
        end
    endgenerate

    always @* begin
        now  = {(16*WORDS){1'b0}};
        lane = 0;
        for (i = 0; i < WORDS; i = i + 1) begin
            lane = (FIRST + i) % LANES;
            if ({{(32-BEAT_W){1'b0}}, beat_reg} == (FIRST + i) / LANES)
                now[16*i +: 16] = {bytes[16*lane +: 8], bytes[16*lane+8 +: 8]};
        end
    end

    // Sums of words, and fields, each where no tag is skipped [0] and where one is [1]
    reg  [15:0] mac_reg,    mac_next;
    reg         tag_reg,    tag_next;
    reg  [31:0] kind_reg,   kind_next;      // type of what follows
    reg  [31:0] start_reg,  start_next;     // first word of the packet
    reg  [31:0] part_reg,   part_next;      // IPv4: flags and offset of a fragment
    reg  [15:0] six_reg,    six_next;       // IPv6: next header
    reg  [15:0] four_reg,   four_next;      // IPv4: protocol
    reg  [31:0] addr4_reg,  addr4_next;
    reg  [31:0] port4_reg,  port4_next;
    reg  [31:0] addr6_reg,  addr6_next;
    reg  [31:0] port6_reg,  port6_next;
    integer v, w;

    always @* begin
        mac_next   = beat_reg == {BEAT_W{1'b0}} ? 16'd0 : mac_reg;
        tag_next   = tag_reg;
        kind_next  = kind_reg;
        start_next = start_reg;
        part_next  = part_reg;
        six_next   = six_reg;
        four_next  = four_reg;
        addr4_next = addr4_reg;
        port4_next = port4_reg;
        addr6_next = addr6_reg;
        port6_next = port6_reg;
        if (beat_reg == {BEAT_W{1'b0}}) begin
            tag_next = 1'b0;
            kind_next = 32'd0;
            start_next = 32'd0;
            part_next = 32'd0;
            six_next = 16'd0;
            four_next = 16'd0;
            addr4_next = 32'd0;
            port4_next = 32'd0;
            addr6_next = 32'd0;
            port6_next = 32'd0;
        end
        for (w = 0; w < 6; w = w + 1) mac_next = mac_next ^ now[16*w +: 16];
        tag_next = tag_next || now[16*6 +: 16] == 16'h8100;
        for (v = 0; v < 2; v = v + 1) begin
            kind_next[16*v +: 16]  = kind_next[16*v +: 16] | now[16*(6+2*v) +: 16];
            start_next[16*v +: 16] = start_next[16*v +: 16] | now[16*(7+2*v) +: 16];
            part_next[16*v +: 16]  = part_next[16*v +: 16] | now[16*(10+2*v) +: 16];
            six_next[8*v +: 8]     = six_next[8*v +: 8] | now[16*(10+2*v)+8 +: 8];
            four_next[8*v +: 8]    = four_next[8*v +: 8] | now[16*(11+2*v) +: 8];
            for (w = 13; w < 17; w = w + 1)
                addr4_next[16*v +: 16] = addr4_next[16*v +: 16] ^ now[16*(w+2*v) +: 16];
            for (w = 17; w < 19; w = w + 1)
                port4_next[16*v +: 16] = port4_next[16*v +: 16] ^ now[16*(w+2*v) +: 16];
            for (w = 11; w < 27; w = w + 1)
                addr6_next[16*v +: 16] = addr6_next[16*v +: 16] ^ now[16*(w+2*v) +: 16];
            for (w = 27; w < 29; w = w + 1)
                port6_next[16*v +: 16] = port6_next[16*v +: 16] ^ now[16*(w+2*v) +: 16];
        end
    end

    always @(posedge clk) begin
        if (s_valid) begin
            mac_reg   <= mac_next;
            tag_reg   <= tag_next;
            kind_reg  <= kind_next;
            start_reg <= start_next;
            part_reg  <= part_next;
            six_reg   <= six_next;
            four_reg  <= four_next;
            addr4_reg <= addr4_next;
            port4_reg <= port4_next;
            addr6_reg <= addr6_next;
            port6_reg <= port6_next;
            if (s_last) beat_reg <= {BEAT_W{1'b0}};
            else if (beat_reg != BEATS[BEAT_W-1:0]) beat_reg <= beat_reg + 1'b1;
        end
        if (rst) beat_reg <= {BEAT_W{1'b0}};
    end

    // Which sum it is
    wire [15:0] kind   = tag_reg ? kind_reg[31:16] : kind_reg[15:0];
    wire [15:0] start  = tag_reg ? start_reg[31:16] : start_reg[15:0];
    wire [15:0] part   = tag_reg ? part_reg[31:16] : part_reg[15:0];
    wire [7:0]  six    = tag_reg ? six_reg[15:8] : six_reg[7:0];
    wire [7:0]  four   = tag_reg ? four_reg[15:8] : four_reg[7:0];
    wire [15:0] addr4  = tag_reg ? addr4_reg[31:16] : addr4_reg[15:0];
    wire [15:0] port4  = tag_reg ? port4_reg[31:16] : port4_reg[15:0];
    wire [15:0] addr6  = tag_reg ? addr6_reg[31:16] : addr6_reg[15:0];
    wire [15:0] port6  = tag_reg ? port6_reg[31:16] : port6_reg[15:0];
    wire        is4    = kind == 16'h0800 && start[15:12] == 4'd4;
    wire        is6    = kind == 16'h86dd && start[15:12] == 4'd6;
    wire        ports4 = start[11:8] == 4'd5 && part[13:0] == 14'd0 &&
                         (four == 8'd6 || four == 8'd17);
    wire        ports6 = six == 8'd6 || six == 8'd17;

    assign m_hash = is4 ? addr4 ^ (ports4 ? port4 : 16'd0) :
                    is6 ? addr6 ^ (ports6 ? port6 : 16'd0) : mac_reg;

    wire unused = &{1'b0, start[7:0], part[15:14]};
endmodule
`resetall
