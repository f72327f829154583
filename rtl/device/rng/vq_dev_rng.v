// SPDX-License-Identifier: Apache-2.0
// vq_dev_rng - device function of an entropy device (virtio 5.4): random bytes into every buffer.
//   Contract    a chain is answered with min(writable, MAX_BYTES) bytes of the source, so with at
//               least one where there is room for one (RNG-DEV-01); what it has to read is
//               swallowed. Each answer begins with a beat of its own, and the rest of its last one
//               is thrown away: no byte of the source is given out twice. A chain whose queue has
//               stopped does not wait for the source: it is answered with zeros, which the engine
//               throws away
//   Latency     2 cycles, header to response, and as many as the packet has beats; 1 cycle more to
//               the first beat, if the source has one
//   Throughput  1 chain at a time, 1 beat per cycle, 3 cycles beside the beats of a chain
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_dev_rng #(
    parameter QUEUES    = 1,                                // queues; 1 to 64
    parameter DATA_W    = 64,                               // stream, bits; 64 to 512
    parameter CHAINS    = 256,                              // chains at a time; power of two
    parameter CREDITS   = CHAINS,                           // chains per queue; 1 to 16384
    parameter MAX_BYTES = 64,                               // of an answer; 1 to 65535
    parameter QID_W     = QUEUES > 1 ? $clog2(QUEUES) : 1,  // derived, not to be set
    parameter TAG_W     = $clog2(CHAINS)                    // derived, not to be set
) (
    input  wire                clk,
    input  wire                rst,
    // Chain headers; sizes in bytes
    input  wire [QID_W-1:0]    s_req_queue,
    input  wire [TAG_W-1:0]    s_req_tag,
    input  wire [31:0]         s_req_readable,
    input  wire [31:0]         s_req_writable,
    input  wire                s_req_valid,
    output wire                s_req_ready,
    // One packet per header with readable bytes
    input  wire [DATA_W-1:0]   s_axis_tdata,
    input  wire [DATA_W/8-1:0] s_axis_tkeep,
    input  wire                s_axis_tlast,
    input  wire                s_axis_tuser,
    input  wire                s_axis_tvalid,
    output wire                s_axis_tready,
    // Responses
    output wire [TAG_W-1:0]    m_rsp_tag,
    output wire [31:0]         m_rsp_len,
    output wire                m_rsp_valid,
    input  wire                m_rsp_ready,
    // One packet per response that is not empty
    output wire [DATA_W-1:0]   m_axis_tdata,
    output wire [DATA_W/8-1:0] m_axis_tkeep,
    output wire                m_axis_tlast,
    output wire                m_axis_tvalid,
    input  wire                m_axis_tready,
    // Level per queue: it works. Credits, always taken
    input  wire [QUEUES-1:0]   s_live,
    output wire [QID_W-1:0]    m_credit_queue,
    output wire [15:0]         m_credit_count,
    output wire                m_credit_valid,
    // The source: every bit random
    input  wire [DATA_W-1:0]   s_ent_tdata,
    input  wire                s_ent_tvalid,
    output wire                s_ent_tready
);
    if (DATA_W < 64 || DATA_W > 512 || 2**$clog2(DATA_W) != DATA_W) begin : gen_bad_data
        ERROR_DATA_W_must_be_64_128_256_or_512 u_error ();
    end
    if (MAX_BYTES < 1 || MAX_BYTES > 65535) begin : gen_bad_max
        ERROR_MAX_BYTES_must_be_1_to_65535 u_error ();
    end

    localparam BYTES = DATA_W / 8;
    localparam LB    = $clog2(BYTES);
    localparam [2:0] ST_IDLE    = 3'd0;     // no chain is here
    localparam [2:0] ST_SWALLOW = 3'd1;     // its packet is being taken
    localparam [2:0] ST_ANSWER  = 3'd2;     // its response is offered
    localparam [2:0] ST_FILL    = 3'd3;     // left_reg bytes are still to be given
    localparam [2:0] ST_RETURN  = 3'd4;     // its credit is to be given back

    reg  [2:0]        state_reg, state_next;
    reg  [QID_W-1:0]  queue_reg, queue_next;
    reg  [TAG_W-1:0]  tag_reg,   tag_next;
    reg  [15:0]       left_reg,  left_next;     // bytes
    reg               zero_reg,  zero_next;     // the queue stopped: what is left is zeros

    wire              return_ready;
    wire [15:0]       most       = MAX_BYTES[15:0];
    wire              over       = s_req_writable > {16'd0, most};
    wire              final_beat = left_reg <= BYTES[15:0];
    wire              filling    = state_reg == ST_FILL;

    assign s_req_ready   = state_reg == ST_IDLE;
    assign s_axis_tready = state_reg == ST_SWALLOW;
    assign m_rsp_tag     = tag_reg;
    assign m_rsp_len     = {16'd0, left_reg};
    assign m_rsp_valid   = state_reg == ST_ANSWER;
    assign m_axis_tdata  = zero_reg ? {DATA_W{1'b0}} : s_ent_tdata;
    assign m_axis_tkeep  = final_beat ? ~({BYTES{1'b1}} << left_reg[LB:0]) : {BYTES{1'b1}};
    assign m_axis_tlast  = final_beat;
    assign m_axis_tvalid = filling && (zero_reg || s_ent_tvalid);
    assign s_ent_tready  = filling && !zero_reg && m_axis_tready;

    vq_fn_credit #(
        .QUEUES(QUEUES),
        .CREDITS(CREDITS)
    ) u_credit (
        .clk(clk),
        .rst(rst),
        .s_live(s_live),
        .s_return_queue(queue_reg),
        .s_return_valid(state_reg == ST_RETURN),
        .s_return_ready(return_ready),
        .m_credit_queue(m_credit_queue),
        .m_credit_count(m_credit_count),
        .m_credit_valid(m_credit_valid)
    );

    always @* begin
        state_next = state_reg;
        queue_next = queue_reg;
        tag_next   = tag_reg;
        left_next  = left_reg;
        zero_next  = zero_reg;
        case (state_reg)
            ST_IDLE: if (s_req_valid) begin
                queue_next = s_req_queue;
                tag_next   = s_req_tag;
                left_next  = over ? most : s_req_writable[15:0];
                zero_next  = 1'b0;
                state_next = s_req_readable != 32'd0 ? ST_SWALLOW : ST_ANSWER;
            end
            ST_SWALLOW: if (s_axis_tvalid && s_axis_tlast) state_next = ST_ANSWER;
            ST_ANSWER: if (m_rsp_ready) state_next = left_reg != 16'd0 ? ST_FILL : ST_RETURN;
            ST_FILL: begin
                // A beat that was offered stays as it is, so only where there is none
                if (!s_live[queue_reg] && !s_ent_tvalid) zero_next = 1'b1;
                if (m_axis_tvalid && m_axis_tready) begin
                    left_next = left_reg - BYTES[15:0];
                    if (final_beat) state_next = ST_RETURN;
                end
            end
            ST_RETURN: if (return_ready) state_next = ST_IDLE;
            default: state_next = ST_IDLE;
        endcase
    end

    always @(posedge clk) begin
        state_reg <= state_next;
        queue_reg <= queue_next;
        tag_reg   <= tag_next;
        left_reg  <= left_next;
        zero_reg  <= zero_next;
        if (rst) state_reg <= ST_IDLE;
    end

    `VQ_ASSERT(a_left, !filling || left_reg != 16'd0)

    wire unused = &{1'b0, s_axis_tdata, s_axis_tkeep, s_axis_tuser};
endmodule
`resetall
