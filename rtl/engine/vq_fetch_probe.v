// SPDX-License-Identifier: Apache-2.0
// vq_fetch_probe - visit a queue's packed ring: find the available chains, go idle.
//   Contract    reads windows of the descriptor ring, several in flight, and looks at flags only. A
//               head leaves after its flags were seen to be available, so whoever reads its chain
//               then reads what they vouch for. Where chains have more than one descriptor, the
//               descriptors that were seen to be available are read once more: only what was read
//               after the flags of its head says where a chain ends. The memory reads the beats of
//               one burst in order, those of several bursts in any. A visit ends only after
//               notifications were asked for in the device event suppression structure, that
//               write was acknowledged, and one more look found nothing; or for want of credit.
//               It ends when its chains have left fetch: after a fault the next position is that
//               of the first chain thrown away, and is written as such
//   Latency     4 cycles visit to window; 2 cycles descriptor to head
//   Throughput  1 chain of one descriptor per cycle, 7 more cycles a window; windows of different
//               queues overlap
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_fetch_probe #(
    parameter QUEUES    = 4,    // queues, 1 to 64
    parameter QID_W     = 2,    // queue number, bits
    parameter MAX_CHAIN = 128,  // descriptors of a chain, at most
    parameter SLOT_W    = 8,    // descriptors of a chain that is too long by one, bits
    parameter WINDOWS   = 8     // windows in flight; power of two, at least 4
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    input  wire [QUEUES-1:0] s_fetchable,
    input  wire [QUEUES-1:0] s_resume,      // one that gets ready was served before
    input  wire [QUEUES-1:0] s_event_idx,
    // Set-up: field 7 is where it starts
    input  wire [QID_W-1:0]  s_setup_queue,
    input  wire [2:0]        s_setup_field,
    input  wire [31:0]       s_setup_data,
    input  wire              s_setup_valid,
    // Visits in, and their ends
    input  wire [QID_W-1:0]  s_visit_queue,
    input  wire              s_visit_valid,
    output wire              s_visit_ready,
    output wire [QID_W-1:0]  m_done_queue,
    output wire              m_done_starved,
    output wire              m_done_valid,
    // The queue's ring
    output wire [QID_W-1:0]  m_table_queue,
    input  wire [15:0]       s_table_size,
    input  wire [63:0]       s_table_desc_addr,
    input  wire [63:0]       s_table_used_addr,
    // Windows: up to 16 descriptors of the ring
    output wire [63:0]       m_req_addr,
    output wire [8:0]        m_req_len,
    output wire [QID_W-1:0]  m_req_queue,
    output wire [15:0]       m_req_start,       // position of the first one
    output wire              m_req_vouched,     // all of it was seen to be available
    output wire              m_req_sole,        // nothing else of the queue is in flight
    output wire              m_req_valid,
    input  wire              m_req_ready,
    // Their descriptors; m_desc_skip: drop a beat instead, until s_desc_final
    input  wire [QID_W-1:0]  s_desc_queue,
    input  wire [15:0]       s_desc_start,
    input  wire              s_desc_vouched,
    input  wire              s_desc_sole,
    input  wire              s_desc_avail,
    input  wire              s_desc_used,
    input  wire              s_desc_next,
    input  wire              s_desc_error,
    input  wire              s_desc_last,
    input  wire              s_desc_final,
    input  wire              s_desc_valid,
    output wire              s_desc_ready,
    output wire              m_desc_skip,
    // Writes of the device event suppression structure: its flags, or with m_write_wide all of it
    output wire [63:0]       m_write_addr,
    output wire [QID_W-1:0]  m_write_queue,
    output wire              m_write_null,
    output wire              m_write_wide,
    output wire [31:0]       m_write_data,
    output wire              m_write_valid,
    input  wire              m_write_ready,
    input  wire              s_ack_valid,
    // Chains started, and the credit that the queue has
    output wire [QID_W-1:0]  m_started_queue,
    output wire [7:0]        m_started_count,
    output wire              m_started_valid,
    input  wire [15:0]       s_started_credit,
    // Heads: position, and descriptors of the ring up to the chain's end or its first bad one
    output wire [QID_W-1:0]  m_head_queue,
    output wire [15:0]       m_head_index,
    output wire [SLOT_W-1:0] m_head_slots,
    output wire              m_head_error,      // its flags could not be read
    output wire              m_head_valid,
    input  wire              m_head_ready,
    // Chains that left, in order, given to the function or thrown away; the size of their ring
    input  wire [QID_W-1:0]  s_leave_queue,
    input  wire [SLOT_W-1:0] s_leave_slots,
    input  wire              s_leave_given,
    input  wire              s_leave_valid,
    input  wire [15:0]       s_leave_size,
    // Next position, for the registers
    input  wire [QID_W-1:0]  s_index_queue,
    output wire [15:0]       m_index_avail
);
    // A position is {lap, offset}: the lap is 0 while the wrap counter is 1
    localparam LIST     = 2**QID_W < 2 ? 2 : 2**QID_W;      // visits under way at most
    localparam COUNT_W  = 16;               // chains on their way, bits
    localparam FLIGHT_W = $clog2(WINDOWS) + 1;
    localparam [FLIGHT_W-1:0] ALL    = WINDOWS[FLIGHT_W-1:0];
    localparam [FLIGHT_W-1:0] ALMOST = ALL - 1'b1;
    localparam [FLIGHT_W-1:0] LIMIT  = ALMOST - 1'b1;       // one queue grows up to these
    localparam [15:0] CAP = MAX_CHAIN[15:0] + 16'd1;    // descriptors of a chain looked at

    localparam [3:0] ST_PICK     = 4'd0;    // puts queue_reg back, takes up what comes next
    localparam [3:0] ST_OPEN     = 4'd1;    // loads what is known of queue_reg
    localparam [3:0] ST_SCAN     = 4'd2;    // goes through a window
    localparam [3:0] ST_SKIP     = 4'd3;    // throws away the rest of it
    localparam [3:0] ST_CLOSE    = 4'd4;    // decides what the window leads to
    localparam [3:0] ST_SUPPRESS = 4'd5;    // no notifications, please
    localparam [3:0] ST_AIM      = 4'd6;    // where the next window lies
    localparam [3:0] ST_ASK      = 4'd7;    // asks for it
    localparam [3:0] ST_REARM    = 4'd8;    // asks for notifications
    localparam [3:0] ST_QUIT     = 4'd9;    // waits for all writes, to look once more
    localparam [3:0] ST_WAKE     = 4'd10;   // all chains of the queue have left
    localparam [3:0] ST_END      = 4'd11;   // the visit ends

    // What is taken up
    localparam [1:0] DO_WINDOW = 2'd0;      // a window is here
    localparam [1:0] DO_LOOK   = 2'd1;      // the queue is to be looked at
    localparam [1:0] DO_WAKE   = 2'd2;      // its chains have left
    localparam [1:0] DO_END    = 2'd3;      // its visit ends

    reg  [3:0]        state_reg, then_reg;
    reg  [1:0]        what_reg;
    reg  [QID_W-1:0]  queue_reg;
    reg               known_reg;        // what is known of queue_reg is in hand
    reg  [QUEUES-1:0] active_reg;       // is visited
    reg  [QUEUES-1:0] dirty_reg;        // notifications are not asked for
    reg  [QUEUES-1:0] broken_reg;       // starts no chain: one before was bad, or it is stopped
    reg  [QUEUES-1:0] starved_reg;      // its visit ends for want of credit
    reg  [QUEUES-1:0] parked_reg;       // its visit ends when its chains have left
    wire [QUEUES-1:0] one   = {{(QUEUES-1){1'b0}}, 1'b1};
    wire [QUEUES-1:0] mine  = one << queue_reg;
    wire              dirty = dirty_reg[queue_reg];
    // A queue that was served before may hold the wish of who did that
    wire [QUEUES-1:0] dirty_held = (dirty_reg & s_ready) | (s_resume & ~s_ready);
    wire              event_idx = s_event_idx[queue_reg];
    wire              put_back = state_reg == ST_PICK && known_reg;

    // What is known of each queue: the next head; where the scan is, and how many descriptors
    // between belong to its chain; up to where all were seen to be available, or asked for
    localparam ROW_W = 64 + SLOT_W;
    wire [ROW_W-1:0]  row, shown;
    wire [15:0]       row_head, row_scan, row_scout, row_ask;
    wire [SLOT_W-1:0] row_slots;
    reg  [15:0]       head_reg, scan_reg, scout_reg, ask_reg;
    reg  [SLOT_W-1:0] slots_reg;
    assign {row_head, row_scan, row_scout, row_ask, row_slots} = row;

    vq_index_table #(
        .QUEUES(QUEUES), .QID_W(QID_W), .COPIES(4), .EXTRA(SLOT_W)
    ) u_rows (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .clear(~s_ready & ~active_reg),
        .write_en(put_back),
        .write_addr(queue_reg),
        .write_data({head_reg, scan_reg, scout_reg, ask_reg, slots_reg}),
        .read_a_addr(queue_reg),
        .read_a_data(row),
        .read_b_addr(s_index_queue),
        .read_b_data(shown)
    );
    assign m_index_avail = shown[ROW_W-1 -: 16] ^ 16'h8000;

    // Chains started and chains that left, by queue; the position after those that were given
    wire [COUNT_W-1:0] out_old, out_poll, gone_old, gone_poll;
    reg  [COUNT_W-1:0] out_reg;
    reg  [QID_W-1:0]   poll_reg, left_queue_reg;
    reg                poll_valid_reg, left_valid_reg, left_given_reg;
    reg  [SLOT_W-1:0]  left_slots_reg;
    reg  [15:0]        left_over_reg, left_size_reg;
    wire [15:0]        keep, keep_old;
    wire [15:0]        left_sum  = {1'b0, keep_old[14:0]} + {{(16-SLOT_W){1'b0}}, left_slots_reg};
    wire [15:0]        left_rest = {1'b0, keep_old[14:0]} + left_over_reg;      // wraps
    wire               left_wraps = left_sum >= left_size_reg;
    wire [15:0]        keep_new  = left_wraps ? {!keep_old[15], left_rest[14:0]}
                                              : {keep_old[15], left_sum[14:0]};

    vq_table #(.WIDTH(COUNT_W), .ROWS(QUEUES)) u_out (
        .clk(clk),
        .clear({QUEUES{rst}}),
        .write_en(put_back),
        .write_addr(queue_reg),
        .write_data(out_reg),
        .read_a_addr(queue_reg),
        .read_a_data(out_old),
        .read_b_addr(poll_reg),
        .read_b_data(out_poll)
    );
    vq_table #(.WIDTH(COUNT_W), .ROWS(QUEUES)) u_gone (
        .clk(clk),
        .clear({QUEUES{rst}}),
        .write_en(left_valid_reg),
        .write_addr(left_queue_reg),
        .write_data(gone_old + 1'b1),
        .read_a_addr(left_queue_reg),
        .read_a_data(gone_old),
        .read_b_addr(poll_reg),
        .read_b_data(gone_poll)
    );
    vq_index_table #(.QUEUES(QUEUES), .QID_W(QID_W)) u_keep (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .clear(~s_ready & ~active_reg),
        .write_en(left_valid_reg && left_given_reg),
        .write_addr(left_queue_reg),
        .write_data(keep_new),
        .read_a_addr(left_queue_reg),
        .read_a_data(keep_old),
        .read_b_addr(queue_reg),
        .read_b_data(keep)
    );

    wire poll_last = {{(32-QID_W){1'b0}}, poll_reg} == QUEUES - 1;
    wire pick_wake;

    always @(posedge clk) begin
        left_valid_reg <= s_leave_valid && !rst;
        if (s_leave_valid) begin
            left_queue_reg <= s_leave_queue;
            left_given_reg <= s_leave_given;
            left_slots_reg <= s_leave_slots;
            left_size_reg  <= s_leave_size;
            left_over_reg  <= {{(16-SLOT_W){1'b0}}, s_leave_slots} - s_leave_size;
        end
        // Parked queues, one after the other
        if (pick_wake) poll_valid_reg <= 1'b0;
        else if (!poll_valid_reg && |parked_reg) begin
            if (parked_reg[poll_reg] && out_poll == gone_poll) poll_valid_reg <= 1'b1;
            else poll_reg <= poll_last ? {QID_W{1'b0}} : poll_reg + 1'b1;
        end
        if (rst) begin
            poll_reg       <= {QID_W{1'b0}};
            poll_valid_reg <= 1'b0;
        end
    end

    // The window at hand
    reg  [15:0]       cur_reg;          // position of the descriptor at hand
    reg  [15:0]       mark_reg;         // of the first one that is to be read once more
    reg  [4:0]        count_reg;        // how many are
    reg  [14:0]       last_reg;         // offset of the ring's last descriptor
    reg  [SLOT_W-1:0] limit_reg;        // descriptors of a chain that are looked at
    reg  [4:0]        credit_reg;       // chains that the function takes, up to 31
    reg               tail_reg;         // in a chain: slots_reg is not 0
    reg               here_reg;         // it lies where the scan is
    reg               direct_reg;       // ... and nothing was seen beyond
    reg               beyond_reg;       // it lies where nothing was seen yet, beyond the scan
    reg               scouting_reg;     // heads wait for another read
    reg               halted_reg;       // no chain may be started
    reg               sole_reg;         // nothing else of the queue is in flight
    reg               moved_reg;        // something was found
    reg               started_reg;      // a chain was started
    reg               full_reg;         // all of it was of use
    reg               cut_reg;          // a bad chain, or want of credit
    reg               poor_reg;         // want of credit
    wire              here   = s_desc_start == row_scan;
    wire              same   = row_scan == row_scout;
    wire              beyond = s_desc_start == row_scout && !here;
    wire              halted = !s_fetchable[queue_reg] || broken_reg[queue_reg];

    // The descriptor at hand
    wire              lap    = cur_reg[15];
    wire [15:0]       after  = cur_reg[14:0] == last_reg ? {!lap, 15'd0} : cur_reg + 16'd1;
    wire              avail  = !s_desc_error && s_desc_avail != lap && s_desc_used == lap;
    wire [SLOT_W-1:0] slots  = slots_reg + 1'b1;
    wire              brim   = slots == limit_reg;
    wire              scan   = state_reg == ST_SCAN && s_desc_valid;
    wire              poor   = !tail_reg && (avail || s_desc_error) && credit_reg == 5'd0;
    wire              none   = !tail_reg && !avail && !s_desc_error;
    wire              stops  = scouting_reg ? !avail : none || poor;
    wire              bad    = tail_reg ? !avail || (s_desc_next && brim)
                                        : s_desc_error || (s_desc_next && s_desc_vouched && brim);
    wire              closes = !scouting_reg && !stops && (bad || !s_desc_next);
    wire              closed = scan && closes && m_head_ready;
    wire              goes   = scan && !stops && !closes;
    wire              seeks  = !scouting_reg && !tail_reg && !s_desc_vouched;   // where it goes on

    assign s_desc_ready    = goes || (closed && !bad);
    assign m_desc_skip     = state_reg == ST_SKIP;
    assign m_head_queue    = queue_reg;
    assign m_head_index    = head_reg;
    assign m_head_error    = s_desc_error && !tail_reg;
    assign m_head_slots    = m_head_error ? {SLOT_W{1'b0}} : slots;
    assign m_head_valid    = scan && closes;
    assign m_started_queue = queue_reg;
    assign m_started_count = 8'd1;
    assign m_started_valid = closed;

    // Requests of windows, one after the other: one of what is to be read once more, or a short
    // one where the scan is; longer ones ahead of it
    reg                 again_reg, look_reg;
    reg                 lone_reg;       // nothing else is in flight when it comes back
    reg  [1:0]          ahead_reg;      // longer ones
    reg                 must_reg;       // the first of these takes the room of the window at hand
    reg  [63:0]         addr_reg;
    reg  [15:0]         aim_reg, left_reg, free_reg;
    reg  [FLIGHT_W-1:0] flight_reg;     // windows in flight
    wire [15:0]         aim    = again_reg ? mark_reg : look_reg ? scan_reg : ask_reg;
    wire [15:0]         turn   = ask_reg[15] != head_reg[15] ? s_table_size : 16'd0;
    wire [15:0]         span   = {1'b0, ask_reg[14:0]} - {1'b0, head_reg[14:0]} + turn;
    wire [4:0]          border = look_reg ? 5'd4 - {3'd0, addr_reg[5:4]}
                                          : 5'd16 - {1'b0, addr_reg[7:4]};
    wire                near   = left_reg[15:5] == 11'd0 && left_reg[4:0] < border;
    wire [4:0]          number = again_reg ? count_reg : near ? left_reg[4:0] : border;
    wire                ends   = {11'd0, number} == left_reg;
    wire [15:0]         fore   = ends ? {!aim_reg[15], 15'd0} : aim_reg + {11'd0, number};
    wire                bare   = ask_reg == scan_reg;   // nothing else is asked for
    wire                fits   = bare || |free_reg[15:5] || number <= free_reg[4:0];
    wire                others;                         // wait for room
    wire                full   = others && flight_reg >= ALMOST;
    wire                may    = again_reg || lone_reg || (!full &&
                                 (look_reg || (fits && (must_reg || flight_reg < LIMIT))));
    wire                rest   = state_reg == ST_ASK && !again_reg && !lone_reg && full && bare;
    wire                asked  = m_req_valid && m_req_ready;
    wire                more   = again_reg ? ahead_reg != 2'd0 : ahead_reg == 2'd2;

    assign m_req_addr    = addr_reg;
    assign m_req_len     = {number, 4'd0};
    assign m_req_queue   = queue_reg;
    assign m_req_start   = aim_reg;
    assign m_req_vouched = again_reg;
    assign m_req_sole    = lone_reg;
    assign m_req_valid   = state_reg == ST_ASK && may;

    // Notes of the writes in flight, and what their acknowledgements lead to
    localparam [1:0] NOTE_NONE = 2'd0;
    localparam [1:0] NOTE_LOOK = 2'd1;
    localparam [1:0] NOTE_END  = 2'd2;
    wire             note_room, note_valid, acked_valid, acked_room, acked_ends;
    wire             rest_valid, rest_room, pick_acked, pick_rest;
    wire [1:0]       note_kind;
    wire [QID_W-1:0] note_queue, acked_queue, rest_queue;
    wire             suppress = state_reg == ST_SUPPRESS;
    wire             write    = m_write_valid && m_write_ready;
    wire [1:0]       kind     = suppress ? NOTE_NONE :
                                state_reg == ST_REARM && what_reg == DO_WAKE ? NOTE_END : NOTE_LOOK;
    reg              acked_reg;

    always @(posedge clk) acked_reg <= s_ack_valid && !rst;

    assign m_write_addr  = s_table_used_addr + {62'd0, !m_write_wide, 1'b0};
    assign m_write_queue = queue_reg;
    assign m_write_null  = state_reg == ST_QUIT;
    assign m_write_wide  = event_idx;
    assign m_write_data  = event_idx ? {16'd2, head_reg ^ 16'h8000} : {2{15'd0, suppress}};
    assign m_write_valid = note_room && (suppress || state_reg == ST_REARM ||
                                         state_reg == ST_QUIT);

    vq_fifo #(.WIDTH(2+QID_W), .DEPTH(2*LIST)) u_notes (
        .clk(clk),
        .rst(rst),
        .s_data({kind, queue_reg}),
        .s_valid(write),
        .s_ready(note_room),
        .m_data({note_kind, note_queue}),
        .m_valid(note_valid),
        .m_ready(acked_reg)
    );
    vq_fifo #(.WIDTH(1+QID_W), .DEPTH(LIST)) u_acked (
        .clk(clk),
        .rst(rst),
        .s_data({note_kind == NOTE_END, note_queue}),
        .s_valid(acked_reg && note_kind != NOTE_NONE),
        .s_ready(acked_room),
        .m_data({acked_ends, acked_queue}),
        .m_valid(acked_valid),
        .m_ready(pick_acked)
    );
    // Queues that gave way to others
    vq_fifo #(.WIDTH(QID_W), .DEPTH(LIST)) u_rest (
        .clk(clk),
        .rst(rst),
        .s_data(queue_reg),
        .s_valid(rest),
        .s_ready(rest_room),
        .m_data(rest_queue),
        .m_valid(rest_valid),
        .m_ready(pick_rest)
    );

    // What is taken up next, in turn
    wire [2:0] pick;
    wire       any;
    wire       room       = flight_reg != ALL;
    wire       take       = state_reg == ST_PICK && any;
    wire       pick_visit = take && pick == 3'd3;

    assign pick_acked    = take && pick == 3'd1;
    assign pick_rest     = take && pick == 3'd2;
    assign pick_wake     = take && pick == 3'd4;
    assign others        = acked_valid || rest_valid || s_visit_valid;
    assign s_visit_ready = pick_visit;

    vq_arbiter #(.PORTS(5)) u_pick (
        .clk(clk),
        .rst(rst),
        .request({poll_valid_reg, {s_visit_valid, rest_valid, acked_valid} & {3{room}},
                  s_desc_valid}),
        .advance(take),
        .index(pick),
        .valid(any)
    );

    assign m_table_queue  = queue_reg;
    assign m_done_queue   = queue_reg;
    assign m_done_starved = starved_reg[queue_reg];
    assign m_done_valid   = state_reg == ST_END;

    reg parks_reg;                      // queue_reg is parked when it is put back
    reg goes_idle;                      // of the window at hand: it found nothing
    reg [3:0] next;                     // what a window leads to

    always @* begin
        goes_idle = 1'b0;
        next      = ST_PICK;
        if (here_reg && (cut_reg || halted_reg)) begin
            if (!sole_reg || moved_reg) next = ST_QUIT;
        end else if (count_reg != 5'd0) next = ST_AIM;
        else if (here_reg && full_reg) begin
            if (direct_reg || (cur_reg == scout_reg && cur_reg == ask_reg)) next = ST_AIM;
        end else if (here_reg) begin
            goes_idle = !moved_reg;
            next = moved_reg ? ST_AIM : dirty ? ST_REARM : sole_reg ? ST_PICK : ST_QUIT;
        end
    end

    always @(posedge clk) begin
        dirty_reg <= dirty_held;
        case (state_reg)
            ST_PICK: begin
                known_reg <= 1'b0;
                parks_reg <= 1'b0;
                if (any) state_reg <= ST_OPEN;
            end
            ST_OPEN: begin
                known_reg      <= 1'b1;
                head_reg       <= row_head;
                scan_reg       <= row_scan;
                scout_reg      <= row_scout;
                ask_reg        <= row_ask;
                slots_reg      <= row_slots;
                out_reg        <= out_old;
                cur_reg        <= s_desc_start;
                mark_reg       <= s_desc_start;
                count_reg      <= 5'd0;
                last_reg       <= s_table_size[14:0] - 15'd1;
                limit_reg      <= s_table_size > CAP ? CAP[SLOT_W-1:0] : s_table_size[SLOT_W-1:0];
                credit_reg     <= |s_started_credit[15:5] ? 5'd31 : s_started_credit[4:0];
                tail_reg       <= here && row_slots != {SLOT_W{1'b0}};
                here_reg       <= here;
                direct_reg     <= here && same;
                beyond_reg     <= beyond && !halted;
                scouting_reg   <= beyond;
                halted_reg     <= halted;
                sole_reg       <= s_desc_sole;
                moved_reg      <= 1'b0;
                started_reg    <= 1'b0;
                full_reg       <= 1'b0;
                cut_reg        <= 1'b0;
                poor_reg       <= 1'b0;
                again_reg      <= 1'b0;
                look_reg       <= 1'b1;
                lone_reg       <= 1'b1;
                ahead_reg      <= 2'd0;
                must_reg       <= 1'b0;
                case (what_reg)
                    DO_WINDOW: state_reg <= (here || beyond) && !halted ? ST_SCAN : ST_SKIP;
                    DO_LOOK:   state_reg <= ST_AIM;
                    DO_WAKE:   state_reg <= ST_WAKE;
                    default:   state_reg <= ST_END;
                endcase
            end
            ST_SCAN: if (s_desc_valid) begin
                if (stops) begin
                    cut_reg   <= !scouting_reg && poor;
                    poor_reg  <= !scouting_reg && poor;
                    state_reg <= ST_SKIP;
                end else if (closes) begin
                    if (m_head_ready) begin
                        out_reg    <= out_reg + 1'b1;
                        credit_reg <= credit_reg - 5'd1;
                        slots_reg  <= {SLOT_W{1'b0}};
                        tail_reg   <= 1'b0;
                        cur_reg    <= after;
                        cut_reg    <= bad;
                        if (!m_head_error) begin
                            head_reg    <= after;
                            moved_reg   <= 1'b1;
                            started_reg <= 1'b1;
                        end
                        if (bad) state_reg <= ST_SKIP;
                    end
                end else begin
                    cur_reg <= after;
                    if (seeks) mark_reg <= cur_reg;
                    if (scouting_reg || seeks) begin
                        scouting_reg <= 1'b1;
                        count_reg    <= count_reg + 5'd1;
                    end else begin
                        slots_reg <= slots;
                        tail_reg  <= 1'b1;
                        moved_reg <= 1'b1;
                    end
                end
                if (s_desc_ready && s_desc_last) begin
                    full_reg  <= 1'b1;
                    state_reg <= ST_CLOSE;
                end
            end
            ST_SKIP: if (s_desc_valid && s_desc_final) state_reg <= ST_CLOSE;
            ST_CLOSE: begin
                look_reg  <= 1'b0;
                lone_reg  <= 1'b0;
                if (here_reg && (cut_reg || halted_reg)) begin
                    scan_reg  <= head_reg;
                    scout_reg <= head_reg;
                    ask_reg   <= head_reg;
                    slots_reg <= {SLOT_W{1'b0}};
                    if (!poor_reg) broken_reg <= broken_reg | mine;
                    else if (sole_reg && !moved_reg) starved_reg <= starved_reg | mine;
                    parks_reg <= sole_reg && !moved_reg;
                end else if (count_reg != 5'd0) begin
                    again_reg <= 1'b1;
                    ahead_reg <= full_reg ? 2'd2 : 2'd0;
                    scout_reg <= cur_reg;
                    if (here_reg) scan_reg <= mark_reg;
                    if (!full_reg) ask_reg <= cur_reg;
                end else if (here_reg && full_reg) begin
                    ahead_reg <= direct_reg ? 2'd2 : 2'd1;
                    must_reg  <= 1'b1;
                    scan_reg  <= cur_reg;
                    if (direct_reg) scout_reg <= cur_reg;
                end else if (here_reg) begin
                    look_reg  <= 1'b1;
                    scan_reg  <= head_reg;
                    scout_reg <= head_reg;
                    ask_reg   <= head_reg;
                    parks_reg <= goes_idle && !dirty && sole_reg;
                end else if (beyond_reg) ask_reg <= cur_reg;
                // The first chain of a visit: what asks for no notifications goes out before
                then_reg  <= next;
                state_reg <= started_reg && !dirty && !event_idx ? ST_SUPPRESS : next;
                if (started_reg && event_idx) dirty_reg <= dirty_held | (mine & s_ready);
            end
            ST_SUPPRESS: if (write) begin
                dirty_reg <= dirty_held | (mine & s_ready);
                state_reg <= then_reg;
            end
            ST_AIM: begin
                aim_reg   <= aim;
                addr_reg  <= s_table_desc_addr + {45'd0, aim[14:0], 4'd0};
                left_reg  <= s_table_size - {1'b0, aim[14:0]};
                free_reg  <= s_table_size - span;
                state_reg <= ST_ASK;
            end
            ST_ASK: begin
                if (asked) begin
                    again_reg <= 1'b0;
                    look_reg  <= 1'b0;
                    lone_reg  <= 1'b0;
                    must_reg  <= 1'b0;
                    if (!again_reg) begin
                        ask_reg   <= fore;
                        ahead_reg <= ahead_reg - 2'd1;
                    end
                end
                if (asked || !may) state_reg <= asked && more ? ST_AIM : ST_PICK;
            end
            ST_REARM: if (write) begin
                dirty_reg <= dirty_held & ~mine;
                state_reg <= ST_PICK;
            end
            ST_QUIT: if (write) state_reg <= ST_PICK;
            ST_WAKE: begin
                broken_reg <= broken_reg & ~mine;
                state_reg  <= ST_END;
                if (!s_fetchable[queue_reg]) begin
                    starved_reg <= starved_reg & ~mine;
                    head_reg    <= keep;
                    scan_reg    <= keep;
                    scout_reg   <= keep;
                    ask_reg     <= keep;
                    slots_reg   <= {SLOT_W{1'b0}};
                    if (s_ready[queue_reg] && (dirty || (event_idx && keep != head_reg)))
                        state_reg <= ST_REARM;
                end else if (broken_reg[queue_reg]) state_reg <= ST_AIM;
            end
            ST_END: begin
                active_reg <= active_reg & ~mine;
                state_reg  <= ST_PICK;
            end
            default: state_reg <= ST_PICK;
        endcase
        if (take) begin
            what_reg  <= pick == 3'd0 ? DO_WINDOW : pick == 3'd4 ? DO_WAKE :
                         pick == 3'd1 && acked_ends ? DO_END : DO_LOOK;
            queue_reg <= pick == 3'd0 ? s_desc_queue : pick == 3'd1 ? acked_queue :
                         pick == 3'd2 ? rest_queue : pick == 3'd3 ? s_visit_queue : poll_reg;
        end
        if (pick_visit) begin
            active_reg  <= active_reg | (one << s_visit_queue);
            starved_reg <= starved_reg & ~(one << s_visit_queue);
        end
        parked_reg <= (parked_reg | (put_back && parks_reg ? mine : {QUEUES{1'b0}})) &
                      ~(pick_wake ? one << poll_reg : {QUEUES{1'b0}});
        case ({asked, state_reg == ST_CLOSE})
            2'b10:   flight_reg <= flight_reg + 1'b1;
            2'b01:   flight_reg <= flight_reg - 1'b1;
            default: ;
        endcase
        if (rst) begin
            state_reg   <= ST_PICK;
            known_reg   <= 1'b0;
            parks_reg   <= 1'b0;
            active_reg  <= {QUEUES{1'b0}};
            dirty_reg   <= {QUEUES{1'b0}};
            broken_reg  <= {QUEUES{1'b0}};
            starved_reg <= {QUEUES{1'b0}};
            parked_reg  <= {QUEUES{1'b0}};
            flight_reg  <= {FLIGHT_W{1'b0}};
        end
    end

    wire unused = &{1'b0, note_valid, acked_room, rest_room, left_rest[15], shown[ROW_W-17:0]};

    `VQ_ASSERT(a_flight, flight_reg <= ALL)
endmodule
`resetall
