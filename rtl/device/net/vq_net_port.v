// SPDX-License-Identifier: Apache-2.0
// vq_net_port - keeps frames on the MAC's side whole when the function is reset in their midst.
//   Contract    frames pass as they are. Of a frame going out at a reset (rst) the MAC sees one
//               more beat, the last one, with tuser; of a frame coming in the rest is swallowed.
//               s_mac_rst resets the port too, at power on
//   Latency     1 cycle out, 0 cycles in
//   Throughput  1 beat per cycle each way
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_net_port #(
    parameter DATA_W = 64   // stream, bits; 64 to 512
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                s_mac_rst,
    // Frames to send
    input  wire [DATA_W-1:0]   s_out_tdata,
    input  wire [DATA_W/8-1:0] s_out_tkeep,
    input  wire                s_out_tlast,
    input  wire                s_out_tuser,
    input  wire                s_out_tvalid,
    output wire                s_out_tready,
    output wire [DATA_W-1:0]   m_mac_tdata,
    output wire [DATA_W/8-1:0] m_mac_tkeep,
    output wire                m_mac_tlast,
    output wire                m_mac_tuser,
    output wire                m_mac_tvalid,
    input  wire                m_mac_tready,
    // Frames received; their bytes go past this module
    input  wire                s_mac_tlast,
    input  wire                s_mac_tvalid,
    output wire                s_mac_tready,
    output wire                m_in_tvalid,
    input  wire                m_in_tready
);
    localparam BYTES = DATA_W / 8;

    // Out
    reg  out_midst_reg, out_midst_next;     // a frame is begun
    reg  cut_reg,       cut_next;           // its last beat is due
    wire skid_ready;
    wire out_valid = cut_reg || (s_out_tvalid && !rst);
    wire out_last  = cut_reg || s_out_tlast;
    wire out_beat  = out_valid && skid_ready;

    assign s_out_tready = skid_ready && !cut_reg && !rst;

    vq_skid #(
        .WIDTH(DATA_W + BYTES + 2)
    ) u_out (
        .clk(clk),
        .rst(s_mac_rst),
        .s_data({s_out_tdata, s_out_tkeep | {BYTES{cut_reg}}, out_last,
                 cut_reg || s_out_tuser}),
        .s_valid(out_valid),
        .s_ready(skid_ready),
        .m_data({m_mac_tdata, m_mac_tkeep, m_mac_tlast, m_mac_tuser}),
        .m_valid(m_mac_tvalid),
        .m_ready(m_mac_tready)
    );

    // In
    reg  in_midst_reg, in_midst_next;       // a frame is begun
    reg  skip_reg,     skip_next;           // its rest is swallowed
    wire in_beat = s_mac_tvalid && s_mac_tready;

    assign s_mac_tready = (skip_reg || m_in_tready) && !rst;
    assign m_in_tvalid  = s_mac_tvalid && !skip_reg && !rst;

    always @* begin
        out_midst_next = out_beat ? !out_last : out_midst_reg;
        in_midst_next  = in_beat ? !s_mac_tlast : in_midst_reg;
        cut_next       = (cut_reg || rst) && out_midst_next;
        skip_next      = (skip_reg || rst) && in_midst_next;
    end

    always @(posedge clk) begin
        out_midst_reg <= out_midst_next;
        in_midst_reg  <= in_midst_next;
        cut_reg       <= cut_next;
        skip_reg      <= skip_next;
        if (s_mac_rst) begin
            out_midst_reg <= 1'b0;
            in_midst_reg  <= 1'b0;
            cut_reg       <= 1'b0;
            skip_reg      <= 1'b0;
        end
    end
endmodule
`resetall
