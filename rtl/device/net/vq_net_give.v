// SPDX-License-Identifier: Apache-2.0
// vq_net_give - the answers of receive, transmit and control queues, and the bytes with them.
//   Contract    answers leave as m_rsp; those of one frame's buffers without another between,
//               m_rsp_more on all but the last. Chains to return empty go at once where no frame
//               was given for 32 cycles, else when BUNDLE of them wait, or one for 256 cycles,
//               since the engine tells of runs of one queue together. For each answer with bytes
//               one packet follows, in their order: of a frame 12 bytes of header, all 0 but the
//               number of buffers, and its bytes; of a command its acknowledgement. Frames to be
//               forgotten are read away
//   Latency     1 cycle, step to answer; 3 cycles, step to first beat
//   Throughput  1 answer per cycle, but for cycles in which a queue that went live is granted;
//               1 beat per cycle and 1 more for each buffer that ends within a beat of the frame
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_net_give #(
    parameter DATA_W = 64,                              // stream, bits; 64 to 512
    parameter PAIRS  = 1,                               // queue pairs; 1 to 8
    parameter TAG_W  = 8,                               // tags, bits
    parameter RX_CREDITS = 64,                          // chains of a receive queue; 1 to 16384
    parameter TX_CREDITS = 128,                         // chains of a transmit queue; 1 to 16384
    parameter PAIR_W = PAIRS > 1 ? $clog2(PAIRS) : 1,   // derived, not to be set
    parameter QUEUES = 2*PAIRS + 1,                     // derived, not to be set
    parameter QID_W  = $clog2(2*PAIRS + 1)              // derived, not to be set
) (
    input  wire                clk,
    input  wire                rst,
    // Steps of received frames, see vq_net_plan
    input  wire [TAG_W-1:0]    s_step_tag,
    input  wire [PAIR_W-1:0]   s_step_pair,
    input  wire [16:0]         s_step_len,
    input  wire                s_step_drop,
    input  wire                s_step_first,
    input  wire                s_step_last,
    input  wire                s_step_valid,
    output wire                s_step_ready,
    input  wire [5:0]          s_count,
    input  wire                s_count_valid,
    output wire                s_count_ready,
    // Beats of received frames, see vq_net_store
    input  wire [DATA_W-1:0]   s_beat_data,
    input  wire                s_beat_last,
    input  wire                s_beat_valid,
    output wire                s_beat_ready,
    // Chains to return empty
    input  wire [QID_W-1:0]    s_done_queue,
    input  wire [TAG_W-1:0]    s_done_tag,
    input  wire                s_done_valid,
    output wire                s_done_ready,
    input  wire [6:0]          s_done_count,    // how many wait
    // Answers of the control queue, with its number
    input  wire [QID_W-1:0]    s_ack_queue,
    input  wire [TAG_W-1:0]    s_ack_tag,
    input  wire                s_ack_some,
    input  wire [7:0]          s_ack_byte,
    input  wire                s_ack_valid,
    output wire                s_ack_ready,
    // Responses and their packets
    output wire [TAG_W-1:0]    m_rsp_tag,
    output wire [31:0]         m_rsp_len,
    output wire                m_rsp_more,
    output wire                m_rsp_valid,
    input  wire                m_rsp_ready,
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
    // Pulse: a frame has left, or was read away
    output wire                m_end
);
    localparam BYTES  = DATA_W / 8;
    localparam LANE_W = $clog2(BYTES);
    localparam HEADER = 12;
    localparam COUNT_AT = 10 % BYTES;           // lane of the number of buffers
    localparam [0:0] LEAD_EN = BYTES < HEADER;  // a beat of header comes before the frame's first
    localparam JOB_W  = 28;
    localparam BUNDLE = TX_CREDITS >= 128 ? 32 : TX_CREDITS >= 8 ? TX_CREDITS / 4 : 1;
    localparam QUIET  = 32;
    localparam AGE    = 256;

    // ---- answers: 0 received frames, 1 chains to return, 2 control

    reg               bundle_reg, bundle_next;  // chains are returned, one after the other
    reg  [5:0]        bundle_left_reg, bundle_left_next;    // so many more of them at most
    reg  [5:0]        quiet_reg,  quiet_next;   // cycles without a frame, up to QUIET
    reg  [8:0]        age_reg,    age_next;     // cycles that a chain has waited, up to AGE
    wire              due = s_done_count >= BUNDLE[6:0] || quiet_reg == QUIET[5:0] ||
                            age_reg == AGE[8:0];
    reg               lock_reg, lock_next;      // within the buffers of a frame
    wire              step_more = !s_step_last;
    wire              step_byte = s_step_drop || s_step_len != 17'd0;
    wire              jobs_ready;
    wire              rsp_ready;
    wire              credit_ready;
    wire [2:0]        want;
    wire [1:0]        turn;
    wire              some;
    wire              is_step = turn == 2'd0;
    wire              is_done = turn == 2'd1;
    wire              drop    = is_step && s_step_drop;
    wire              go      = some && (drop || (rsp_ready && credit_ready));
    wire [QID_W-1:0]  queue   = is_step ? {{(QID_W-PAIR_W){1'b0}}, s_step_pair} << 1 :
                                is_done ? s_done_queue : s_ack_queue;
    wire [TAG_W-1:0]  tag     = is_step ? s_step_tag : is_done ? s_done_tag : s_ack_tag;
    wire [16:0]       len     = is_step ? s_step_len : {16'd0, !is_done && s_ack_some};
    wire              more    = is_step && step_more;
    wire [16:0]       rsp_len;

    assign want[0] = s_step_valid && jobs_ready && !(bundle_reg && s_done_valid) &&
                     (!s_step_first || s_step_drop || s_count_valid);
    assign want[1] = s_done_valid && !lock_reg && bundle_reg;
    assign want[2] = s_ack_valid && jobs_ready && !lock_reg;
    assign s_step_ready  = go && is_step;
    assign s_count_ready = s_step_ready && s_step_first && !s_step_drop;
    assign s_done_ready  = go && is_done;
    assign s_ack_ready   = go && !is_step && !is_done;
    assign m_rsp_len     = {15'd0, rsp_len};

    vq_arbiter #(
        .PORTS(3)
    ) u_turn (
        .clk(clk),
        .rst(rst),
        .request(want),
        .advance(go),
        .index(turn),
        .valid(some)
    );

    vq_skid #(
        .WIDTH(TAG_W + 18)
    ) u_rsp (
        .clk(clk),
        .rst(rst),
        .s_data({tag, len, more}),
        .s_valid(some && !drop && credit_ready),
        .s_ready(rsp_ready),
        .m_data({m_rsp_tag, rsp_len, m_rsp_more}),
        .m_valid(m_rsp_valid),
        .m_ready(m_rsp_ready)
    );

    vq_fn_credit #(
        .QUEUES(QUEUES),
        .CREDITS(RX_CREDITS),
        .ODD_CREDITS(TX_CREDITS)
    ) u_credit (
        .clk(clk),
        .rst(rst),
        .s_live(s_live),
        .s_return_queue(queue),
        .s_return_valid(some && !drop && rsp_ready),
        .s_return_ready(credit_ready),
        .m_credit_queue(m_credit_queue),
        .m_credit_count(m_credit_count),
        .m_credit_valid(m_credit_valid)
    );

    // ---- jobs: bytes to give, in the answers' order

    wire              job_valid;
    wire              job_ack;                  // one byte, job_value
    wire              job_drop;
    wire              job_first, job_last;
    wire [6:0]        job_value;                // the acknowledgement, or the number of buffers
    wire [16:0]       job_len;
    wire              job_end;

    vq_fifo #(
        .WIDTH(JOB_W),
        .DEPTH(32)
    ) u_jobs (
        .clk(clk),
        .rst(rst),
        .s_data({!is_step, drop, is_step && s_step_first, is_step && s_step_last,
                 is_step ? {1'b0, s_count} : s_ack_byte[6:0], len}),
        .s_valid(go && (is_step ? step_byte : !is_done && s_ack_some)),
        .s_ready(jobs_ready),
        .m_data({job_ack, job_drop, job_first, job_last, job_value, job_len}),
        .m_valid(job_valid),
        .m_ready(job_end)
    );

    // ---- bytes: ranges of the frame's beats, joined to packets

    reg  [LANE_W-1:0] lane_reg,  lane_next;     // of the frame's next byte in its beat
    reg  [16:0]       left_reg,  left_next;     // bytes of the job to give, if it is begun
    reg               begun_reg, begun_next;    // the job is
    reg               head_reg,  head_next;     // the frame's first beat is not yet read away
    reg               lead_reg,  lead_next;     // the beat of header before it is given
    wire              lead   = LEAD_EN && job_first && !lead_reg && !job_ack && !job_drop;
    wire [16:0]       left   = begun_reg ? left_reg : job_len;
    wire [LANE_W-1:0] offset = job_ack || lead ? {LANE_W{1'b0}} : lane_reg;
    wire [LANE_W:0]   room   = BYTES[LANE_W:0] - {1'b0, offset};
    wire              ends   = left <= {{(16-LANE_W){1'b0}}, room};
    wire [LANE_W:0]   count  = ends ? left[LANE_W:0] : room;
    wire              frame  = !job_ack && !lead;       // bytes are the frame's
    wire              give_ready;
    wire              give_valid = job_valid && !job_drop && (!frame || s_beat_valid);
    wire              give   = give_valid && give_ready;
    wire              away   = job_valid && job_drop && s_beat_valid;
    wire              frame_end = (give && frame && ends && job_last) || (away && s_beat_last);
    wire              beat_end  = (give && frame && (!ends || count == room || job_last)) || away;
    reg  [DATA_W-1:0] data;
    wire [LANE_W:0]   out_count;
    wire              error_unused;

    assign job_end      = (give && ends) || (away && s_beat_last);
    assign s_beat_ready = beat_end;
    assign m_end        = frame_end;
    assign m_axis_tkeep = ~({BYTES{1'b1}} << out_count);

    always @* begin
        data = s_beat_data;
        if (!frame) data = {DATA_W{1'b0}};
        if (frame && head_reg) begin
            data[0 +: 8*(HEADER % BYTES)] = {(8*(HEADER % BYTES)){1'b0}};
            data[8*COUNT_AT +: 8]         = {1'b0, job_value};
        end
        if (job_ack) data[7:0] = {1'b0, job_value};
    end

    vq_realign #(
        .DATA_W(DATA_W)
    ) u_realign (
        .clk(clk),
        .rst(rst),
        .s_data(data),
        .s_offset(offset),
        .s_count(count),
        .s_start({LANE_W{1'b0}}),
        .s_error(1'b0),
        .s_last(ends),
        .s_valid(give_valid),
        .s_ready(give_ready),
        .m_data(m_axis_tdata),
        .m_count(out_count),
        .m_error(error_unused),
        .m_last(m_axis_tlast),
        .m_valid(m_axis_tvalid),
        .m_ready(m_axis_tready)
    );

    always @* begin
        lock_next  = lock_reg;
        lane_next  = lane_reg;
        left_next  = left_reg;
        begun_next = begun_reg;
        head_next  = head_reg;
        lead_next  = lead_reg;
        if (go && is_step) lock_next = more;
        bundle_next      = bundle_reg;
        bundle_left_next = bundle_left_reg;
        if (bundle_reg) begin
            if (go && is_done) begin
                bundle_left_next = bundle_left_reg - 6'd1;
                if (bundle_left_reg == 6'd0) bundle_next = 1'b0;
            end
            if (go && is_step) bundle_next = 1'b0;
        end else if (s_done_valid && due && !lock_reg && !lock_next) begin
            bundle_next      = 1'b1;
            bundle_left_next = 6'd63;
        end
        quiet_next = go && is_step ? 6'd0 : quiet_reg == QUIET[5:0] ? quiet_reg : quiet_reg + 6'd1;
        age_next   = bundle_reg || !s_done_valid ? 9'd0 :
                     age_reg == AGE[8:0] ? age_reg : age_reg + 9'd1;
        if (give) begin
            left_next  = left - {{(16-LANE_W){1'b0}}, count};
            begun_next = !ends;
            if (frame) lane_next = offset + count[LANE_W-1:0];      // modulo a beat
            if (lead) lead_next = 1'b1;
            if (ends) lead_next = 1'b0;
        end
        if (beat_end) head_next = 1'b0;
        if (frame_end) begin
            lane_next = {LANE_W{1'b0}};
            head_next = 1'b1;
        end
    end

    always @(posedge clk) begin
        lock_reg  <= lock_next;
        bundle_reg      <= bundle_next;
        bundle_left_reg <= bundle_left_next;
        quiet_reg <= quiet_next;
        age_reg   <= age_next;
        lane_reg  <= lane_next;
        left_reg  <= left_next;
        begun_reg <= begun_next;
        head_reg  <= head_next;
        lead_reg  <= lead_next;
        if (rst) begin
            lock_reg  <= 1'b0;
            bundle_reg <= 1'b0;
            quiet_reg <= QUIET[5:0];
            age_reg   <= 9'd0;
            lane_reg  <= {LANE_W{1'b0}};
            begun_reg <= 1'b0;
            head_reg  <= 1'b1;
            lead_reg  <= 1'b0;
        end
    end

    `VQ_ASSERT(a_end_together, !(give && frame && ends && job_last) || s_beat_last)
    `VQ_ASSERT(a_midst, !(give && frame && !(ends && job_last)) || !s_beat_last || !beat_end)

    wire unused = &{1'b0, error_unused, s_ack_byte[7]};
endmodule
`resetall
