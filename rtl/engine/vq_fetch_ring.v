// SPDX-License-Identifier: Apache-2.0
// vq_fetch_ring - visit a queue's available ring: look at its index, ask for the new entries, go
// idle.
//   Contract    entries are asked for only after the index that covers them was seen. A visit
//               ends only after notifications were asked for (avail_event or used.flags), that
//               write was acknowledged, and one more look found nothing; or for want of credit. A
//               visit yields to waiting ones after VISIT_MAX entries
//   Latency     1 cycle visit to look; 3 cycles index to request of entries
//   Throughput  2 cycles per ENTRIES_MAX entries; visits of different queues overlap
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_fetch_ring #(
    parameter QUEUES      = 4,      // queues, 1 to 64
    parameter QID_W       = 2,      // queue number, bits
    parameter ENTRIES_MAX = 32,     // entries asked for at once, up to 128
    parameter VISIT_MAX   = 64      // entries after which a visit yields, up to 128
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    input  wire              s_event_idx,
    // Visits in, and their ends
    input  wire [QID_W-1:0]  s_visit_queue,
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
    output wire [13:0]       m_req_len,
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
    localparam [3:0] ST_JUDGE    = 4'd2;    // index_reg was seen
    localparam [3:0] ST_SUPPRESS = 4'd3;    // left_reg entries are new: no notifications, please
    localparam [3:0] ST_COUNT    = 4'd4;    // chooses how many entries to ask for
    localparam [3:0] ST_ENTRIES  = 4'd5;    // asks for count_reg entries
    localparam [3:0] ST_REARM    = 4'd6;    // asks for notifications
    localparam [3:0] ST_STARVED  = 4'd7;    // no credit: ends when all writes are acknowledged
    localparam [3:0] ST_FAULT    = 4'd8;    // reports code_reg
    localparam [3:0] ST_END      = 4'd9;    // nothing new and notifications on: the visit ends

    // What an acknowledged write leads to
    localparam [1:0] NOTE_NONE    = 2'd0;
    localparam [1:0] NOTE_LOOK    = 2'd1;
    localparam [1:0] NOTE_STARVED = 2'd2;

    reg  [3:0]        state_reg;
    reg  [QID_W-1:0]  queue_reg;
    reg  [15:0]       index_reg;        // available index seen
    reg               error_reg;        // it could not be read
    reg  [15:0]       left_reg;         // new entries not yet asked for
    reg  [7:0]        count_reg;        // entries of the next request
    reg  [7:0]        turn_reg;         // entries asked for since the look
    reg  [4:0]        code_reg;
    reg  [QUEUES-1:0] dirty_reg;        // notifications are suppressed, or avail_event is behind
    wire [QUEUES-1:0] mine = {{(QUEUES-1){1'b0}}, 1'b1} << queue_reg;
    wire              dirty = dirty_reg[queue_reg];

    // Next index to fetch
    wire [15:0] next;
    wire        started = state_reg == ST_ENTRIES && m_req_ready;

    vq_table #(.WIDTH(16), .ROWS(QUEUES)) u_next (
        .clk(clk),
        .clear(~s_ready),
        .write_en(started),
        .write_addr(queue_reg),
        .write_data(next + {8'd0, count_reg}),
        .read_a_addr(queue_reg),
        .read_a_data(next),
        .read_b_addr(s_index_queue),
        .read_b_data(m_index_avail)
    );

    wire [15:0] news   = index_reg - next;                          // wraps at 65536
    wire [15:0] slot   = next & (s_table_size - 16'd1);
    wire [15:0] ahead  = s_table_size - slot;                       // entries up to the ring's end
    wire [15:0] limit0 = left_reg < ahead ? left_reg : ahead;
    wire [15:0] limit1 = limit0 < s_started_credit ? limit0 : s_started_credit;
    wire [15:0] limit2 = limit1 < ENTRIES_MAX[15:0] ? limit1 : ENTRIES_MAX[15:0];

    // Notes of the writes in flight; acknowledged ones that lead to another look wait in line
    wire        note_room, note_valid;
    wire [1:0]  note_kind;
    wire [QID_W-1:0] note_queue, acked_queue;
    wire        acked_valid, acked_room;
    wire        write_state = state_reg == ST_REARM || state_reg == ST_STARVED ||
                              (state_reg == ST_SUPPRESS && !s_event_idx);
    wire [1:0]  kind = state_reg == ST_REARM   ? NOTE_LOOK :
                       state_reg == ST_STARVED ? NOTE_STARVED : NOTE_NONE;

    // What is taken up next, in turn, so that visits under way never keep a new one waiting
    wire [1:0]  pick;
    wire        any;
    wire        take       = state_reg == ST_PICK && any;
    wire        pick_look  = take && pick == 2'd0;
    wire        pick_acked = take && pick == 2'd1;
    wire        pick_visit = take && pick == 2'd2;
    wire        yield = turn_reg >= VISIT_MAX[7:0] &&
                        (s_look_valid || acked_valid || s_visit_valid);

    vq_arbiter #(.PORTS(3)) u_pick (
        .clk(clk),
        .rst(rst),
        .request({s_visit_valid, acked_valid, s_look_valid}),
        .advance(take),
        .index(pick),
        .valid(any)
    );
    vq_fifo #(.WIDTH(2+QID_W), .DEPTH(2*LIST)) u_notes (
        .clk(clk),
        .rst(rst),
        .s_data({kind, queue_reg}),
        .s_valid(m_write_valid && m_write_ready),
        .s_ready(note_room),
        .m_data({note_kind, note_queue}),
        .m_valid(note_valid),
        .m_ready(s_ack_valid)
    );
    vq_fifo #(.WIDTH(QID_W), .DEPTH(LIST)) u_acked (
        .clk(clk),
        .rst(rst),
        .s_data(note_queue),
        .s_valid(s_ack_valid && note_kind == NOTE_LOOK),
        .s_ready(acked_room),
        .m_data(acked_queue),
        .m_valid(acked_valid),
        .m_ready(pick_acked)
    );

    // A starved end comes from an acknowledgement, another from the state: the latter waits
    wire end_starved = s_ack_valid && note_kind == NOTE_STARVED;
    assign m_done_queue   = end_starved ? note_queue : queue_reg;
    assign m_done_starved = end_starved;
    assign m_done_valid   = end_starved || state_reg == ST_END;

    assign s_visit_ready   = pick_visit;
    assign s_look_ready    = pick_look;
    assign m_table_queue   = queue_reg;
    assign m_req_look      = state_reg == ST_LOOK;
    assign m_req_addr      = m_req_look ? s_table_avail_addr + 64'd2
                                        : s_table_avail_addr + 64'd4 + {47'd0, slot, 1'b0};
    assign m_req_len       = m_req_look ? 14'd2 : {5'd0, count_reg, 1'b0};
    assign m_req_queue     = queue_reg;
    assign m_req_valid     = state_reg == ST_LOOK || state_reg == ST_ENTRIES;
    assign m_write_addr    = s_event_idx ? s_table_used_addr + 64'd4 + {45'd0, s_table_size, 3'd0}
                                         : s_table_used_addr;
    assign m_write_queue   = queue_reg;
    assign m_write_null    = state_reg == ST_STARVED;
    assign m_write_data    = s_event_idx ? next : {15'd0, state_reg == ST_SUPPRESS};
    assign m_write_valid   = write_state && note_room;
    assign m_started_queue = queue_reg;
    assign m_started_count = count_reg;
    assign m_started_valid = started;
    assign m_fault_code    = code_reg;
    assign m_fault_queue   = queue_reg;
    assign m_fault_valid   = state_reg == ST_FAULT;

    always @(posedge clk) begin
        dirty_reg <= dirty_reg & s_ready;
        case (state_reg)
            ST_PICK: if (take) begin
                queue_reg <= pick_look ? s_look_queue : pick_acked ? acked_queue : s_visit_queue;
                index_reg <= s_look_index;
                error_reg <= s_look_error;
                if (pick_look) state_reg <= ST_JUDGE;
                else state_reg <= ST_LOOK;
            end
            ST_LOOK: if (m_req_ready) state_reg <= ST_PICK;
            ST_JUDGE: begin
                left_reg <= news;
                turn_reg <= 8'd0;
                code_reg <= error_reg ? FAULT_MEM_AVAIL : FAULT_AVAIL_JUMP;
                if (error_reg || news > s_table_size) state_reg <= ST_FAULT;
                else if (news != 16'd0) state_reg <= dirty ? ST_COUNT : ST_SUPPRESS;
                else state_reg <= dirty ? ST_REARM : ST_END;
            end
            ST_SUPPRESS: if (s_event_idx || (note_room && m_write_ready)) begin
                dirty_reg <= (dirty_reg | mine) & s_ready;
                state_reg <= ST_COUNT;
            end
            ST_COUNT: begin
                count_reg <= limit2[7:0];
                state_reg <= limit2 == 16'd0 ? ST_STARVED : ST_ENTRIES;
            end
            ST_ENTRIES: if (m_req_ready) begin
                left_reg  <= left_reg - {8'd0, count_reg};
                if (turn_reg < VISIT_MAX[7:0]) turn_reg <= turn_reg + count_reg;
                state_reg <= left_reg == {8'd0, count_reg} || yield ? ST_LOOK : ST_COUNT;
            end
            ST_REARM: if (note_room && m_write_ready) begin
                dirty_reg <= dirty_reg & s_ready & ~mine;
                state_reg <= ST_PICK;
            end
            ST_STARVED: if (note_room && m_write_ready) state_reg <= ST_PICK;
            ST_FAULT: if (m_fault_ready) state_reg <= dirty ? ST_REARM : ST_END;
            ST_END: if (!end_starved) state_reg <= ST_PICK;
            default: state_reg <= ST_PICK;
        endcase
        if (rst) begin
            state_reg <= ST_PICK;
            dirty_reg <= {QUEUES{1'b0}};
        end
    end

    wire unused = &{1'b0, note_valid, acked_room};
endmodule
`resetall
