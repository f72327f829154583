// SPDX-License-Identifier: Apache-2.0
// vq_blk_split - part the packets of block requests into their headers and what follows them.
//   Contract    one record a chain, in order: the 16 bytes of its header, and how many bytes
//               follow. These come as a packet on m_body, packed from lane 0, its last beat maybe
//               in part; m_body_user marks the first damaged beat and all behind it. A record
//               without packet, or of a packet shorter than a header, has no body
//   Latency     0 cycles, the beat that ends a header to its record; a body of more than 128 bits a
//               beat comes one beat later than its packet
//   Throughput  1 beat per cycle; 1 more cycle where a packet's last beat spills over
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_blk_split #(
    parameter DATA_W = 64               // stream, bits; 64 to 512
) (
    input  wire                clk,
    input  wire                rst,
    // Chains, sizes in bytes; those with readable bytes have a packet each
    input  wire [31:0]         s_chain_readable,
    input  wire [31:0]         s_chain_writable,
    input  wire                s_chain_valid,
    output wire                s_chain_ready,
    input  wire [DATA_W-1:0]   s_axis_tdata,
    input  wire [DATA_W/8-1:0] s_axis_tkeep,
    input  wire                s_axis_tlast,
    input  wire                s_axis_tuser,
    input  wire                s_axis_tvalid,
    output wire                s_axis_tready,
    // Records: broken means no whole header, or a damaged one
    output wire [31:0]         m_rec_type,
    output wire [63:0]         m_rec_sector,
    output wire [31:0]         m_rec_body,
    output wire [31:0]         m_rec_writable,
    output wire                m_rec_broken,
    output wire                m_rec_valid,
    input  wire                m_rec_ready,
    // Bodies
    output wire [DATA_W-1:0]   m_body_data,
    output wire                m_body_user,
    output wire                m_body_last,
    output wire                m_body_valid,
    input  wire                m_body_ready
);
    localparam HEADER = 16;             // bytes
    localparam [0:0] NARROW = DATA_W < 128;     // a header takes two beats
    localparam [0:0] SHIFT  = DATA_W > 128;     // a body begins within a beat

    reg               half_valid_reg, half_valid_next;    // the first beat of a header
    reg               body_reg,  body_next;     // the packet's header has gone
    reg               spill_reg, spill_next;    // its last bytes are kept, and nothing else
    reg               user_reg,  user_next;     // damage was seen in this packet

    wire              none   = s_chain_readable == 32'd0;
    wire              short  = s_chain_readable < HEADER;
    wire              longer = s_chain_readable > HEADER;
    wire              user   = user_reg || s_axis_tuser;
    wire              ends   = !NARROW || half_valid_reg || s_axis_tlast;   // the header, here
    wire              at_header = s_chain_valid && !body_reg && !spill_reg;
    wire              beat   = s_axis_tvalid && s_axis_tready;
    wire              more;             // the last beat has bytes that come after it
    wire [127:0]      header;

    generate
        if (NARROW) begin : gen_narrow
            reg [63:0] half_reg;
            always @(posedge clk) if (beat) half_reg <= s_axis_tdata;
            assign header      = {s_axis_tdata, half_reg};
            assign more        = 1'b0;
            assign m_body_data = s_axis_tdata;
        end else if (SHIFT) begin : gen_shift
            reg [DATA_W-129:0] hold_reg;
            assign header      = s_axis_tdata[127:0];
            assign more        = s_axis_tkeep[HEADER];
            assign m_body_data = {s_axis_tdata[127:0], hold_reg};
            always @(posedge clk) if (beat) hold_reg <= s_axis_tdata[DATA_W-1:128];
        end else begin : gen_same
            assign header      = s_axis_tdata[127:0];
            assign more        = 1'b0;
            assign m_body_data = s_axis_tdata;
        end
    endgenerate

    assign m_rec_type     = header[31:0];
    assign m_rec_sector   = header[127:64];
    assign m_rec_body     = short ? 32'd0 : s_chain_readable - HEADER;
    assign m_rec_writable = s_chain_writable;
    assign m_rec_broken   = short || user;
    assign m_rec_valid    = at_header && (none || (s_axis_tvalid && ends));
    assign m_body_valid   = spill_reg || (body_reg && s_axis_tvalid);
    assign m_body_last    = spill_reg || (s_axis_tlast && !more);
    assign m_body_user    = spill_reg ? user_reg : user;
    assign s_axis_tready  = at_header ? !none && (!ends || m_rec_ready) :
                            body_reg && m_body_ready;
    assign s_chain_ready  = at_header ? m_rec_valid && m_rec_ready && !body_next && !spill_next :
                            m_body_valid && m_body_ready && m_body_last;

    always @* begin
        half_valid_next = half_valid_reg;
        body_next       = body_reg;
        spill_next      = spill_reg && !m_body_ready;
        user_next       = user_reg;
        if (beat) begin
            user_next       = user;
            half_valid_next = !ends && !body_reg;
            if (s_axis_tlast) begin
                body_next  = 1'b0;
                spill_next = SHIFT && longer && (body_reg ? more : 1'b1);
            end else if (ends) begin
                body_next  = 1'b1;
            end
        end
        if (s_chain_valid && s_chain_ready) user_next = 1'b0;
    end

    always @(posedge clk) begin
        half_valid_reg <= half_valid_next;
        body_reg       <= body_next;
        spill_reg      <= spill_next;
        user_reg       <= user_next;
        if (rst) begin
            half_valid_reg <= 1'b0;
            body_reg       <= 1'b0;
            spill_reg      <= 1'b0;
            user_reg       <= 1'b0;
        end
    end

    `VQ_ASSERT(a_one_place, !(body_reg && spill_reg))

    wire unused = &{1'b0, header[63:32], s_axis_tkeep};
endmodule
`resetall
