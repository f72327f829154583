// SPDX-License-Identifier: Apache-2.0
// vq_net_plan - keeps the receive buffers, and finds those of each received frame.
//   Contract    buffers of a pair are used in the order they came. A frame goes to its pair, or if
//               that is not live to the first live and enabled one. It gets as many buffers as it
//               needs (without s_merge one, else up to 32) when they are there, or is dropped: no
//               pair is live, it does not fit, or it has waited for RX_WAIT cycles. The first
//               buffer is returned empty if no frame could ever use it. Buffers of a pair that is
//               not live are returned. A plan is shown only when it is whole
//   Latency     4 cycles, frame to its first step
//   Throughput  1 buffer per 2 cycles
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_net_plan #(
    parameter PAIRS   = 1,                              // queue pairs; 1 to 8
    parameter TAG_W   = 8,                              // tags, bits
    parameter BUFFERS = 64,                             // of a pair at most; power of two
    parameter RX_WAIT = 4096,                           // cycles; 1 to 2^20 - 1
    parameter PAIR_W  = PAIRS > 1 ? $clog2(PAIRS) : 1   // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    // Levels: receive queues that are live, pairs that are enabled, MRG_RXBUF
    input  wire [PAIRS-1:0]  s_live,
    input  wire [3:0]        s_pairs,
    input  wire              s_merge,
    // Buffers in, always taken; bytes, 2^17 - 1 for more
    input  wire [PAIR_W-1:0] s_buffer_pair,
    input  wire [TAG_W-1:0]  s_buffer_tag,
    input  wire [16:0]       s_buffer_len,
    input  wire              s_buffer_valid,
    // Frames in: bytes, pair
    input  wire [16:0]       s_frame_len,
    input  wire [PAIR_W-1:0] s_frame_pair,
    input  wire              s_frame_valid,
    output wire              s_frame_ready,
    // Steps out: return a buffer with so many bytes of the frame, or (m_step_drop) forget the frame
    output wire [TAG_W-1:0]  m_step_tag,
    output wire [PAIR_W-1:0] m_step_pair,
    output wire [16:0]       m_step_len,
    output wire              m_step_drop,
    output wire              m_step_first,      // begins the frame; m_count buffers in all
    output wire              m_step_last,       // ends it; set for a buffer returned empty too
    output wire              m_step_valid,
    input  wire              m_step_ready,
    output wire [5:0]        m_count,
    output wire              m_count_valid,
    input  wire              m_count_ready,
    // Buffers that wait
    output wire [15:0]       m_waiting,
    // Pulses, for counting
    output wire              m_given,
    output wire              m_no_buffer,
    output wire              m_small,
    output wire              m_stopped,
    output wire              m_returned
);
    if (BUFFERS < 2 || 2**$clog2(BUFFERS) != BUFFERS) begin : gen_bad_buffers
        ERROR_BUFFERS_must_be_a_power_of_two_of_at_least_2 u_error ();
    end
    if (RX_WAIT < 1 || RX_WAIT >= 1048576) begin : gen_bad_wait
        ERROR_RX_WAIT_must_be_1_to_2_to_the_20 u_error ();
    end

    localparam MAX_MERGE = 32;
    localparam HEADER    = 12;
    localparam MIN_ONE   = 26;          // header and shortest frame
    localparam IDX_W  = $clog2(BUFFERS);
    localparam CNT_W  = IDX_W + 1;
    localparam PLACES = BUFFERS * 2**PAIR_W;
    localparam STEP_W = TAG_W + PAIR_W + 20;
    localparam [1:0] ST_PICK   = 2'd0;  // nothing is being read
    localparam [1:0] ST_CHECK  = 2'd1;  // a buffer has been read
    localparam [1:0] ST_REFUSE = 2'd2;  // the frame is given up; no buffer is in the plan
    localparam [1:0] CAUSE_NONE_LIVE = 2'd0;
    localparam [1:0] CAUSE_LATE      = 2'd1;
    localparam [1:0] CAUSE_TIGHT     = 2'd2;

    reg  [1:0]        state_reg, state_next;
    reg  [1:0]        cause_reg, cause_next;    // why it is given up
    reg               flush_reg, flush_next;    // it is read to be returned
    reg  [PAIR_W-1:0] pair_reg,  pair_next;     // whose it is; of the plan if number is not 0
    reg  [5:0]        number_reg, number_next;  // buffers in the plan so far
    reg  [17:0]       left_reg,  left_next;     // bytes that they do not hold, if number is not 0
    reg  [19:0]       wait_reg,  wait_next;     // cycles that the frame has waited
    reg  [PAIRS*IDX_W-1:0] head_reg, head_next; // of each pair: place of the oldest buffer
    reg  [PAIRS*IDX_W-1:0] tail_reg, tail_next; // place of the next one
    reg  [PAIRS*CNT_W-1:0] held_reg, held_next; // how many
    reg  [15:0]       waiting_reg, waiting_next;

    // Which pair
    reg  [PAIRS-1:0]  usable;           // live and enabled
    reg  [PAIRS-1:0]  stale;            // not live, and has buffers
    reg  [PAIR_W-1:0] first_usable, first_stale;
    wire              none   = usable == {PAIRS{1'b0}};
    wire              flush  = stale != {PAIRS{1'b0}};
    wire [PAIR_W-1:0] target = usable[s_frame_pair] ? s_frame_pair : first_usable;
    integer p;

    always @* begin
        first_usable = {PAIR_W{1'b0}};
        first_stale  = {PAIR_W{1'b0}};
        for (p = PAIRS - 1; p >= 0; p = p - 1) begin
            usable[p] = s_live[p] && p[3:0] < s_pairs;
            stale[p]  = !s_live[p] && held_reg[CNT_W*p +: CNT_W] != {CNT_W{1'b0}};
            if (usable[p]) first_usable = p[PAIR_W-1:0];
            if (stale[p]) first_stale = p[PAIR_W-1:0];
        end
    end

    // The buffer that is looked at, and the place of one that comes
    wire [PAIR_W-1:0] look   = flush ? first_stale : target;
    reg  [15:0]       look_place;       // modulo BUFFERS
    reg  [15:0]       look_held;
    reg  [IDX_W-1:0]  tail;
    wire              there  = look_held > {10'd0, number_reg};
    integer q;

    always @* begin
        look_place = 16'd0;
        look_held  = 16'd0;
        tail       = {IDX_W{1'b0}};
        for (q = 0; q < PAIRS; q = q + 1) begin
            if (look == q[PAIR_W-1:0]) begin
                look_place = {{(16-IDX_W){1'b0}}, head_reg[IDX_W*q +: IDX_W]} + {10'd0, number_reg};
                look_held  = {{(16-CNT_W){1'b0}}, held_reg[CNT_W*q +: CNT_W]};
            end
            if (s_buffer_pair == q[PAIR_W-1:0]) tail = tail_reg[IDX_W*q +: IDX_W];
        end
    end

    wire [TAG_W-1:0]  tag;
    wire [16:0]       len;
    reg               read;

    wire              started = number_reg != 6'd0;
    wire [17:0]       total = {1'b0, s_frame_len} + HEADER[17:0];
    wire [17:0]       left  = started ? left_reg : total;
    wire              fits  = {1'b0, len} >= left;
    wire [16:0]       least = s_merge ? HEADER[16:0] : MIN_ONE[16:0];
    wire              late  = wait_reg == RX_WAIT[19:0];

    reg               comes;
    reg  [15:0]       goes, count, first;
    integer           r;

    // Steps
    reg  [STEP_W-1:0] step;
    reg               step_valid, commit, drop, take;
    reg               count_valid;
    reg  [5:0]        used;             // buffers of pair_reg that are taken out
    reg               given, no_buffer, tight, none_live, returned;
    wire              steps_ready;
    wire              counts_ready;
    wire              room = steps_ready && counts_ready;

    assign s_frame_ready = take;
    assign m_waiting   = waiting_reg;
    assign m_given     = given;
    assign m_no_buffer = no_buffer;
    assign m_small     = tight;
    assign m_stopped   = none_live;
    assign m_returned  = returned;

    vq_ram #(
        .WIDTH(TAG_W + 17),
        .DEPTH(PLACES)
    ) u_buffers (
        .clk(clk),
        .write_en(s_buffer_valid),
        .write_addr({s_buffer_pair, tail}),
        .write_data({s_buffer_tag, s_buffer_len}),
        .read_en(read),
        .read_addr({look, look_place[IDX_W-1:0]}),
        .read_data({tag, len})
    );

    vq_fifo_commit #(
        .WIDTH(STEP_W),
        .DEPTH(2*MAX_MERGE)
    ) u_steps (
        .clk(clk),
        .rst(rst),
        .s_data(step),
        .s_valid(step_valid),
        .s_ready(steps_ready),
        .s_commit(commit),
        .s_drop(drop),
        .m_data({m_step_tag, m_step_pair, m_step_len, m_step_drop, m_step_first, m_step_last}),
        .m_valid(m_step_valid),
        .m_ready(m_step_ready)
    );

    vq_fifo #(
        .WIDTH(6),
        .DEPTH(16)
    ) u_counts (
        .clk(clk),
        .rst(rst),
        .s_data(number_reg + 6'd1),
        .s_valid(count_valid),
        .s_ready(counts_ready),
        .m_data(m_count),
        .m_valid(m_count_valid),
        .m_ready(m_count_ready)
    );

    always @* begin
        state_next  = state_reg;
        cause_next  = cause_reg;
        flush_next  = flush_reg;
        pair_next   = pair_reg;
        number_next = number_reg;
        left_next   = left_reg;
        read        = 1'b0;
        step        = {tag, pair_reg, len, 3'b000};
        step_valid  = 1'b0;
        commit      = 1'b0;
        drop        = 1'b0;
        take        = 1'b0;
        count_valid = 1'b0;
        used        = 6'd0;
        given       = 1'b0;
        no_buffer   = 1'b0;
        tight       = 1'b0;
        none_live   = 1'b0;
        returned    = 1'b0;
        case (state_reg)
            ST_PICK: begin
                if (started && (flush || none || target != pair_reg)) begin
                    drop        = 1'b1;         // the plan does not hold any more
                    number_next = 6'd0;
                end else if (flush || (s_frame_valid && !none && there)) begin
                    read       = 1'b1;
                    flush_next = flush;
                    pair_next  = look;
                    state_next = ST_CHECK;
                end else if (s_frame_valid && (none || late)) begin
                    drop        = started;
                    number_next = 6'd0;
                    cause_next  = none ? CAUSE_NONE_LIVE : CAUSE_LATE;
                    state_next  = ST_REFUSE;
                end
            end
            ST_CHECK: if (room) begin
                state_next = ST_PICK;
                if (flush_reg || (!started && len < least)) begin
                    step       = {tag, pair_reg, 17'd0, 3'b001};
                    step_valid = 1'b1;
                    commit     = 1'b1;
                    used       = 6'd1;
                    returned   = !flush_reg;
                end else if (fits) begin
                    step        = {tag, pair_reg, left[16:0], 1'b0, !started, 1'b1};
                    step_valid  = 1'b1;
                    commit      = 1'b1;
                    count_valid = 1'b1;
                    take        = 1'b1;
                    used        = number_reg + 6'd1;
                    number_next = 6'd0;
                    given       = 1'b1;
                end else if (!s_merge || number_reg == MAX_MERGE[5:0] - 6'd1) begin
                    drop        = started;
                    number_next = 6'd0;
                    cause_next  = CAUSE_TIGHT;
                    state_next  = ST_REFUSE;
                end else begin
                    step        = {tag, pair_reg, len, 1'b0, !started, 1'b0};
                    step_valid  = 1'b1;
                    left_next   = left - {1'b0, len};
                    number_next = number_reg + 6'd1;
                end
            end
            ST_REFUSE: if (room) begin
                step       = {tag, pair_reg, 17'd0, 3'b101};
                step_valid = 1'b1;
                commit     = 1'b1;
                take       = 1'b1;
                tight      = cause_reg == CAUSE_TIGHT;
                no_buffer  = cause_reg == CAUSE_LATE;
                none_live  = cause_reg == CAUSE_NONE_LIVE;
                state_next = ST_PICK;
            end
            default: state_next = ST_PICK;
        endcase
    end

    always @* begin
        wait_next = take || !s_frame_valid ? 20'd0 : late ? wait_reg : wait_reg + 20'd1;
        head_next = head_reg;
        tail_next = tail_reg;
        held_next = held_reg;
        for (r = 0; r < PAIRS; r = r + 1) begin
            comes = s_buffer_valid && s_buffer_pair == r[PAIR_W-1:0];
            goes  = pair_reg == r[PAIR_W-1:0] ? {10'd0, used} : 16'd0;
            count = {{(16-CNT_W){1'b0}}, held_reg[CNT_W*r +: CNT_W]} + {15'd0, comes} - goes;
            first = {{(16-IDX_W){1'b0}}, head_reg[IDX_W*r +: IDX_W]} + goes;    // wraps
            held_next[CNT_W*r +: CNT_W] = count[CNT_W-1:0];
            head_next[IDX_W*r +: IDX_W] = first[IDX_W-1:0];
            if (comes) tail_next[IDX_W*r +: IDX_W] = tail_reg[IDX_W*r +: IDX_W] + 1'b1;
        end
        waiting_next = waiting_reg + {15'd0, s_buffer_valid} - {10'd0, used};
    end

    always @(posedge clk) begin
        state_reg   <= state_next;
        cause_reg   <= cause_next;
        flush_reg   <= flush_next;
        pair_reg    <= pair_next;
        number_reg  <= number_next;
        left_reg    <= left_next;
        wait_reg    <= wait_next;
        head_reg    <= head_next;
        tail_reg    <= tail_next;
        held_reg    <= held_next;
        waiting_reg <= waiting_next;
        if (rst) begin
            state_reg   <= ST_PICK;
            number_reg  <= 6'd0;
            wait_reg    <= 20'd0;
            head_reg    <= {(PAIRS*IDX_W){1'b0}};
            tail_reg    <= {(PAIRS*IDX_W){1'b0}};
            held_reg    <= {(PAIRS*CNT_W){1'b0}};
            waiting_reg <= 16'd0;
        end
    end

    `VQ_ASSERT(a_frame, !(commit && take) || s_frame_valid)
    `VQ_ASSERT(a_whole, !count_valid || (commit && step_valid && room))

    wire unused = &{1'b0, look_place[15:IDX_W], count[15:CNT_W], first[15:IDX_W]};
endmodule
`resetall
