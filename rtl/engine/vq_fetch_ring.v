// SPDX-License-Identifier: Apache-2.0
// vq_fetch_ring - visit a queue's available ring: look at its index, ask for the new entries, go
// idle.
//   Contract    entries are asked for only after the index that covers them was seen. A visit
//               ends only after notifications were asked for (avail_event or used.flags), that
//               write was acknowledged, and one more look found nothing; or for want of credit. A
//               visit yields to waiting ones after VISIT_MAX entries. No request of entries
//               crosses a boundary of 2 * ENTRIES_MAX bytes
//   Latency     1 cycle visit to look; 3 cycles index to request of entries
//   Throughput  3 cycles per ENTRIES_MAX entries; visits of different queues overlap
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_fetch_ring #(
    parameter QUEUES      = 4,      // queues, 1 to 64
    parameter QID_W       = 2,      // queue number, bits
    parameter ENTRIES_MAX = 32,     // entries asked for at once; power of two, 2 to 64
    parameter VISIT_MAX   = 64,     // entries after which a visit yields, up to 128
    parameter EW = $clog2(ENTRIES_MAX)      // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    input  wire [QUEUES-1:0] s_resume,      // one that gets ready was served before
    input  wire [QUEUES-1:0] s_event_idx,
    // Set-up: field 7 is where it starts
    input  wire [QID_W-1:0]  s_setup_queue,
    input  wire [2:0]        s_setup_field,
    input  wire [31:0]       s_setup_data,
    input  wire              s_setup_valid,
    // Visits in, with the available index if the driver told it, and their ends
    input  wire [QID_W-1:0]  s_visit_queue,
    input  wire [15:0]       s_visit_index,
    input  wire              s_visit_told,
    input  wire              s_visit_valid,
    output wire              s_visit_ready,
    output wire [QID_W-1:0]  m_done_queue,
    output wire              m_done_starved,
    output wire              m_done_valid,
    // The queue's rings
    output wire [QID_W-1:0]  m_table_queue,
    input  wire [15:0]       s_table_size,
    input  wire [63:0]       s_table_avail_addr,
    input  wire [63:0]       s_table_used_addr,
    // Reads of the available ring: the index (look 1) or entries
    output wire [63:0]       m_req_addr,
    output wire [EW:0]       m_req_upto,       // last byte, from a boundary of 2*ENTRIES_MAX
    output wire [QID_W-1:0]  m_req_queue,
    output wire              m_req_look,
    output wire              m_req_valid,
    input  wire              m_req_ready,
    // Answers to the looks
    input  wire [QID_W-1:0]  s_look_queue,
    input  wire [15:0]       s_look_index,
    input  wire              s_look_error,
    input  wire              s_look_valid,
    output wire              s_look_ready,
    // Writes of used.flags or avail_event: two bytes of m_write_data
    output wire [63:0]       m_write_addr,
    output wire [QID_W-1:0]  m_write_queue,
    output wire              m_write_null,
    output wire [15:0]       m_write_data,
    output wire              m_write_valid,
    input  wire              m_write_ready,
    input  wire              s_ack_valid,
    // Chains started, and the credit that the queue has
    output wire [QID_W-1:0]  m_started_queue,
    output wire [7:0]        m_started_count,
    output wire              m_started_valid,
    input  wire [15:0]       s_started_credit,
    // Faults
    output wire [4:0]        m_fault_code,
    output wire [QID_W-1:0]  m_fault_queue,
    output wire              m_fault_valid,
    input  wire              m_fault_ready,
    // Next available index, for the registers
    input  wire [QID_W-1:0]  s_index_queue,
    output wire [15:0]       m_index_avail
);
`include "vq_faults.vh"
    localparam LIST = 2**QID_W < 2 ? 2 : 2**QID_W;  // visits under way at most

    localparam [3:0] ST_PICK     = 4'd0;    // nothing in hand
    localparam [3:0] ST_LOOK     = 4'd1;    // asks for the index of queue_reg
    localparam [3:0] ST_JUDGE    = 4'd2;    // compares the index seen with the next one to fetch
    localparam [3:0] ST_ENTRIES  = 4'd3;    // asks for entries; at first: no notifications, please
    localparam [3:0] ST_SUPPRESS = 4'd4;    // the entries were asked for, that write was not
    localparam [3:0] ST_REARM    = 4'd5;    // asks for notifications
    localparam [3:0] ST_STARVED  = 4'd6;    // no credit: ends when all writes are acknowledged
    localparam [3:0] ST_FAULT    = 4'd7;    // reports code_reg
    localparam [3:0] ST_END      = 4'd8;    // nothing new and notifications on: the visit ends
    localparam [3:0] ST_COUNT    = 4'd9;    // works out how many entries to ask for

    // What an acknowledged write leads to
    localparam [1:0] NOTE_NONE    = 2'd0;
    localparam [1:0] NOTE_LOOK    = 2'd1;
    localparam [1:0] NOTE_STARVED = 2'd2;

    reg  [3:0]        state_reg;
    reg  [QID_W-1:0]  queue_reg;
    reg               error_reg;        // the index could not be read
    reg               told_reg;         // it was not read: the driver told it
    reg  [7:0]        turn_reg;         // entries asked for since the visit was taken up
    reg  [4:0]        code_reg;
    reg  [QUEUES-1:0] dirty_reg;        // notifications are suppressed, or avail_event is behind
    wire [QUEUES-1:0] mine = {{(QUEUES-1){1'b0}}, 1'b1} << queue_reg;
    wire              dirty = dirty_reg[queue_reg];
    // A queue that was served before may hold the wish of who did that
    wire [QUEUES-1:0] dirty_held = (dirty_reg & s_ready) | (s_resume & ~s_ready);
    wire              event_idx = s_event_idx[queue_reg];

    // Next index to fetch
    wire [15:0] next;
    reg         poor_reg;               // the function takes no chain
    wire        starved = state_reg == ST_ENTRIES && poor_reg;
    wire        started = state_reg == ST_ENTRIES && !poor_reg && m_req_ready;
    reg  [EW-1:0] most_reg;             // entries of the request, less one

    vq_index_table #(.QUEUES(QUEUES), .QID_W(QID_W)) u_next (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .clear(~s_ready),
        .write_en(started),
        .write_addr(queue_reg),
        .write_data(next - ~{{(16-EW){1'b0}}, most_reg}),
        .read_a_addr(queue_reg),
        .read_a_data(next),
        .read_b_addr(s_index_queue),
        .read_b_data(m_index_avail)
    );

    // Index last seen of each queue
    reg  [15:0] seen_mem [0:2**QID_W-1];
    wire [15:0] seen = seen_mem[queue_reg];

    // ST_JUDGE. Numbers of entries are held as one less, where an inversion subtracts
    wire [15:0]   mask    = s_table_size - 16'd1;
    wire [15:0]   slot    = next & mask;
    wire [15:0]   entry   = slot + 16'd2;                               // words from the ring
    wire [15:0]   news    = seen + ~next;                               // wraps at 65536
    wire          none    = seen == next;
    wire [15:0]   ahead   = mask & ~next;                               // up to the ring's end
    wire [EW-1:0] origin  = s_table_avail_addr[EW:1] + {{(EW-2){1'b0}}, 2'd2};
    wire [EW-1:0] at      = origin + slot[EW-1:0];                      // words from a boundary
    wire [EW-1:0] border  = ~at;                                        // up to the next one
    wire          far     = |ahead[15:EW];
    wire [EW-1:0] to_end  = far || ahead[EW-1:0] > border ? border : ahead[EW-1:0];
    // ST_COUNT
    reg  [EW-1:0] at_reg;
    reg  [EW-1:0] limit_reg;            // what ring and boundary allow
    reg  [EW-1:0] credit_reg;           // chains that the function takes; this is a number
    reg           rich_reg;             // credit_reg is not all of them
    reg  [EW-1:0] news_reg;             // new entries
    reg           more_reg;             // news_reg is not all of them
    reg  [15:0]   entry_reg;            // the next one's place
    wire          short = !rich_reg && credit_reg <= limit_reg;
    wire          fits  = !more_reg && news_reg <= limit_reg &&
                          (rich_reg || news_reg < credit_reg);
    wire [EW-1:0] most  = fits ? news_reg : short ? credit_reg - 1'b1 : limit_reg;
    // ST_ENTRIES
    reg           fits_reg;             // these are all of them
    reg  [EW-1:0] end_reg;              // the last one's place, words from a boundary

    // Notes of the writes in flight; acknowledged ones that lead to another look wait in line
    wire        note_room, note_valid;
    wire [1:0]  note_kind;
    wire [QID_W-1:0] note_queue, acked_queue;
    wire        acked_valid, acked_room;
    wire        entering = state_reg == ST_ENTRIES || state_reg == ST_SUPPRESS;
    wire        suppress = entering && !starved && !event_idx && !dirty;
    wire        write    = m_write_valid && m_write_ready;
    wire [1:0]  kind = state_reg == ST_REARM   ? NOTE_LOOK :
                       state_reg == ST_STARVED ? NOTE_STARVED : NOTE_NONE;
    wire        leave = (started || state_reg == ST_SUPPRESS) && (!suppress || write);

    // Nothing waits for an acknowledgement from one cycle to the next, so it goes by a register
    reg acked_reg;
    always @(posedge clk) acked_reg <= s_ack_valid && !rst;
    // A starved end comes from an acknowledgement, another from the state: the latter waits
    wire end_starved = acked_reg && note_kind == NOTE_STARVED;

    // What is taken up next, in turn, so that visits under way never keep a new one waiting
    wire [1:0]  pick;
    wire        any;
    wire        ends       = state_reg == ST_PICK || (state_reg == ST_LOOK && m_req_ready) ||
                             ((state_reg == ST_REARM || state_reg == ST_STARVED) &&
                              note_room && m_write_ready) ||
                             (state_reg == ST_END && !end_starved);
    wire        take       = ends && any;
    wire        pick_index = take && pick == 2'd0;
    wire        pick_acked = take && pick == 2'd1;
    wire        pick_visit = take && pick == 2'd2;
    wire        pick_look  = pick_index && s_look_valid;
    wire        pick_told  = pick_visit && s_visit_told;
    // Visits that yielded, with an index seen: taken up after the answers to looks
    wire [QID_W-1:0] rest_queue;
    wire        rest_valid, rest_room;
    wire        yield = turn_reg >= VISIT_MAX[7:0] &&
                        (s_look_valid || rest_valid || acked_valid || s_visit_valid);

    vq_arbiter #(.PORTS(3)) u_pick (
        .clk(clk),
        .rst(rst),
        .request({s_visit_valid, acked_valid, s_look_valid || rest_valid}),
        .advance(take),
        .index(pick),
        .valid(any)
    );
    vq_fifo #(.WIDTH(QID_W), .DEPTH(LIST)) u_rest (
        .clk(clk),
        .rst(rst),
        .s_data(queue_reg),
        .s_valid(leave && !fits_reg && yield),
        .s_ready(rest_room),
        .m_data(rest_queue),
        .m_valid(rest_valid),
        .m_ready(pick_index && !s_look_valid)
    );
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
    vq_fifo #(.WIDTH(QID_W), .DEPTH(LIST)) u_acked (
        .clk(clk),
        .rst(rst),
        .s_data(note_queue),
        .s_valid(acked_reg && note_kind == NOTE_LOOK),
        .s_ready(acked_room),
        .m_data(acked_queue),
        .m_valid(acked_valid),
        .m_ready(pick_acked)
    );

    assign m_done_queue   = end_starved ? note_queue : queue_reg;
    assign m_done_starved = end_starved;
    assign m_done_valid   = end_starved || state_reg == ST_END;

    assign s_visit_ready   = pick_visit;
    assign s_look_ready    = pick_look;
    assign m_table_queue   = queue_reg;
    assign m_req_look      = state_reg == ST_LOOK;
    assign m_req_addr      = s_table_avail_addr + {47'd0, m_req_look ? 16'd1 : entry_reg, 1'b0};
    assign m_req_upto      = {m_req_look ? s_table_avail_addr[EW:1] + 1'b1 : end_reg, 1'b1};
    assign m_req_queue     = queue_reg;
    assign m_req_valid     = state_reg == ST_LOOK || (state_reg == ST_ENTRIES && !poor_reg);
    // avail_event lies 4 + 8 * size bytes from the used ring's start, flags at it
    assign m_write_addr    = s_table_used_addr +
                             {45'd0, event_idx ? {s_table_size, 3'd4} : 19'd0};
    assign m_write_queue   = queue_reg;
    assign m_write_null    = state_reg == ST_STARVED;
    assign m_write_data    = event_idx ? next : {15'd0, entering};
    assign m_write_valid   = note_room && (state_reg == ST_REARM || state_reg == ST_STARVED ||
                                           suppress);
    assign m_started_queue = queue_reg;
    assign m_started_count = {{(8-EW){1'b0}}, most_reg} + 8'd1;
    assign m_started_valid = started;
    assign m_fault_code    = code_reg;
    assign m_fault_queue   = queue_reg;
    assign m_fault_valid   = state_reg == ST_FAULT;

    always @(posedge clk) begin
        if (pick_look || pick_told)
            seen_mem[pick_look ? s_look_queue : s_visit_queue]
                <= pick_look ? s_look_index : s_visit_index;
        dirty_reg <= dirty_held;
        case (state_reg)
            ST_JUDGE: begin
                limit_reg  <= to_end;
                credit_reg <= s_started_credit[EW-1:0];
                rich_reg   <= |s_started_credit[15:EW];
                poor_reg   <= s_started_credit == 16'd0;
                news_reg  <= news[EW-1:0];
                more_reg  <= |news[15:EW];
                entry_reg <= entry;
                at_reg    <= at;
                code_reg  <= error_reg ? FAULT_MEM_AVAIL : FAULT_AVAIL_JUMP;
                // A size is a power of two: news + 1 entries are too many if a bit above is set.
                // What was told and cannot be is old, or a lie: look
                if (told_reg && (none || |(news & ~mask))) state_reg <= ST_LOOK;
                else if (error_reg || (!none && |(news & ~mask))) state_reg <= ST_FAULT;
                else if (none) state_reg <= dirty ? ST_REARM : ST_END;
                else state_reg <= ST_COUNT;
            end
            ST_COUNT: begin
                most_reg  <= most;
                end_reg   <= at_reg + most;
                fits_reg  <= fits;
                state_reg <= ST_ENTRIES;
            end
            ST_ENTRIES, ST_SUPPRESS: begin
                if (write || (started && event_idx)) dirty_reg <= dirty_held | (mine & s_ready);
                if (started && turn_reg < VISIT_MAX[7:0])
                    turn_reg <= turn_reg - ~{{(8-EW){1'b0}}, most_reg};
                if (starved) state_reg <= ST_STARVED;
                else if (leave) state_reg <= fits_reg ? ST_LOOK : yield ? ST_PICK : ST_JUDGE;
                else if (started) state_reg <= ST_SUPPRESS;
            end
            ST_REARM: if (write) dirty_reg <= dirty_held & ~mine;
            ST_FAULT: if (m_fault_ready) state_reg <= dirty ? ST_REARM : ST_END;
            default: ;
        endcase
        if (ends) state_reg <= !any ? ST_PICK : pick_index || pick_told ? ST_JUDGE : ST_LOOK;
        if (take) begin
            queue_reg <= pick_look  ? s_look_queue :
                         pick_index ? rest_queue   :
                         pick_acked ? acked_queue  : s_visit_queue;
            error_reg <= pick_look && s_look_error;
            told_reg  <= pick_told;
            turn_reg  <= 8'd0;
        end
        if (rst) begin
            state_reg <= ST_PICK;
            dirty_reg <= {QUEUES{1'b0}};
        end
    end

    wire unused = &{1'b0, note_valid, acked_room, rest_room};
endmodule
`resetall
