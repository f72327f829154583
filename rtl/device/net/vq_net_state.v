// SPDX-License-Identifier: Apache-2.0
// vq_net_state - configuration space of the network device, link, counters.
//   Contract    reads belong to the address's cycle; nothing can be written. Counters count pulses
//               modulo 2^32, all 0 after reset. A change of the link or of the address is told
//   Latency     1 cycle, pulse to count; 2 cycles, link to m_change
//   Throughput  each counter 1 pulse per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_net_state #(
    parameter PAIRS = 1,        // queue pairs; 1 to 8
    parameter MTU   = 1500      // largest packet, bytes; 68 to 65535
) (
    input  wire        clk,
    input  wire        rst,
    // Byte offset in the configuration space, 4-aligned
    input  wire [10:0] s_cfg_addr,
    output wire [31:0] m_cfg_rdata,
    output wire        m_change,        // pulse: the configuration changed
    // State: link is up (level), address with its first byte lowest, enabled pairs
    input  wire        s_link_up,
    output wire        m_link,
    input  wire [47:0] s_mac,
    input  wire        s_mac_changed,   // pulse
    input  wire [3:0]  s_pairs,
    // Pulses, in the order of the counters
    input  wire [15:0] s_events
);
    `include "vq_net_config.vh"

    localparam COUNTERS = 16;

    reg                    link_reg;
    reg                    change_reg, change_next;
    reg  [32*COUNTERS-1:0] counts_reg, counts_next;
    reg  [95:0]            space;       // as bytes 0 to 11 read
    reg  [31:0]            word;
    integer                i;

    assign m_link      = link_reg;
    assign m_change    = change_reg;
    assign m_cfg_rdata = word;

    always @* begin
        space = 96'd0;
        space[8*NET_CFG_MAC +: 48]                 = s_mac;
        space[8*NET_CFG_STATUS +: 16]              = {15'd0, link_reg};
        space[8*NET_CFG_MAX_VIRTQUEUE_PAIRS +: 16] = PAIRS[15:0];
        space[8*NET_CFG_MTU +: 16]                 = MTU[15:0];
        word = 32'd0;
        for (i = 0; i < 3; i = i + 1)
            if (s_cfg_addr == 4 * i[10:0]) word = space[32*i +: 32];
        for (i = 0; i < COUNTERS; i = i + 1)
            if (s_cfg_addr == NET_CFG_TX_FRAMES + 4 * i[10:0]) word = counts_reg[32*i +: 32];
        if (s_cfg_addr == NET_CFG_PAIRS) word = {28'd0, s_pairs};
    end

    always @* begin
        change_next = s_mac_changed || s_link_up != link_reg;
        for (i = 0; i < COUNTERS; i = i + 1)
            counts_next[32*i +: 32] = counts_reg[32*i +: 32] + {31'd0, s_events[i]};
    end

    always @(posedge clk) begin
        link_reg   <= s_link_up;
        change_reg <= change_next;
        counts_reg <= counts_next;
        if (rst) begin
            change_reg <= 1'b0;
            counts_reg <= {(32*COUNTERS){1'b0}};
        end
    end
endmodule
`resetall
