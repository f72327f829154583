// SPDX-License-Identifier: Apache-2.0
// vq_fetch_issue - ask for the next descriptors of the chains that are being walked.
//   Contract    of a new chain as many descriptors in a row are asked for as its queue's last two
//               chains both had, so with luck all of them; of a table up to TABLE_READ. None lies
//               past the end of its table. Chains whose descriptors lie in a row are asked for in
//               one read: it stays open while it waits to be taken, and where a beat holds more
//               descriptors, while the next head is there. A new chain starts only while RESERVE
//               chunks stay free for the oldest one, so the walks never wait for each other
//   Latency     1 cycle, head to read
//   Throughput  1 chain per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_fetch_issue #(
    parameter QUEUES     = 4,   // queues, 1 to 64
    parameter QID_W      = 2,   // queue number, bits
    parameter DATA_W     = 64,  // beat, bits
    parameter TAG_W      = 8,   // chunk of the chain store, bits
    parameter ORDER_W    = 6,   // place in the order of chains, bits
    parameter SLOT_W     = 8,   // descriptors of a packed ring that a chain takes, bits
    parameter RESERVE    = 32,  // chunks that only the oldest chain may take
    parameter TABLE_READ = 8    // descriptors of an indirect table read at once, 1 to 8
) (
    input  wire               clk,
    input  wire               rst,
    input  wire [QUEUES-1:0]  s_fetchable,
    input  wire               s_packed,
    // Chain heads; in a packed ring a position, bit 15 the lap, and the descriptors it takes
    input  wire [QID_W-1:0]   s_head_queue,
    input  wire [15:0]        s_head_index,
    input  wire [SLOT_W-1:0]  s_head_slots,
    input  wire               s_head_error,     // the entry could not be read
    input  wire               s_head_valid,
    output wire               s_head_ready,
    // Walks that go on; s_next_sequel: with the descriptor that lies after the last one read;
    // s_next_size: of a table, descriptors; in a packed ring, those that are left
    input  wire [ORDER_W-1:0] s_next_order,
    input  wire [QID_W-1:0]   s_next_queue,
    input  wire               s_next_sequel,
    input  wire               s_next_in_table,
    input  wire [63:0]        s_next_table,
    input  wire [16:0]        s_next_size,
    input  wire [15:0]        s_next_index,
    input  wire               s_next_valid,
    output wire               s_next_ready,
    // The queue's table
    output wire [QID_W-1:0]   m_table_queue,
    input  wire [15:0]        s_table_size,
    input  wire [63:0]        s_table_desc_addr,
    // What a chain was like: descriptors that followed each other from its head on, 1 to 8, less 1
    input  wire [QID_W-1:0]   s_learn_queue,
    input  wire [2:0]         s_learn_run,
    input  wire               s_learn_valid,
    // A place in the order, and a chunk
    input  wire [ORDER_W-1:0] s_order_index,
    input  wire               s_order_empty,
    input  wire               s_order_valid,
    output wire               m_order_take,
    input  wire [TAG_W-1:0]   s_free_tag,
    input  wire [TAG_W:0]     s_free_count,
    input  wire               s_free_valid,
    output wire               m_free_take,
    // Reads; one may still grow while it is not taken
    output wire [63:0]        m_req_addr,
    output wire [13:0]        m_req_len,
    output wire [QID_W-1:0]   m_req_queue,
    output wire               m_req_valid,
    input  wire               m_req_ready,
    // The chain that each part of a read belongs to, in order; a bad one has no part
    output wire [ORDER_W-1:0] m_note_order,
    output wire               m_note_fresh,
    output wire [3:0]         m_note_count,
    output wire               m_note_bad,
    output wire               m_note_error,
    output wire [QID_W-1:0]   m_note_queue,
    output wire [15:0]        m_note_head,
    output wire [SLOT_W-1:0]  m_note_slots,
    output wire [TAG_W-1:0]   m_note_tag,
    output wire               m_note_valid
);
    localparam BEAT_DESCS = DATA_W < 128 ? 1 : DATA_W / 128;    // descriptors that start in a beat
    localparam [3:0] IN_BEAT = BEAT_DESCS[3:0] - 4'd1;

    if (TABLE_READ < 1 || TABLE_READ > 8) begin : gen_bad_read
        ERROR_TABLE_READ_must_be_1_to_8 u_error ();
    end

    // Whose turn it is: after a head comes another one, in case it joins; else walks that go on
    reg  head_turn_reg;
    wire pick_next = s_next_valid && !head_turn_reg;

    assign m_table_queue = pick_next ? s_next_queue : s_head_queue;

    // How many descriptors in a row a chain of this queue is expected to have: as many as the
    // shorter one of its last two chains
    wire [5:0] row, learned;            // {last run, the shorter one of the last two}
    wire [2:0] shorter = s_learn_run < learned[5:3] ? s_learn_run : learned[5:3];

    vq_table #(.WIDTH(6), .ROWS(QUEUES)) u_runs (
        .clk(clk),
        .clear(~s_fetchable),
        .write_en(s_learn_valid),
        .write_addr(s_learn_queue),
        .write_data({s_learn_run, shorter}),
        .read_a_addr(m_table_queue),
        .read_a_data(row),
        .read_b_addr(s_learn_queue),
        .read_b_data(learned)
    );

    // The chain at hand: where it reads, and how many descriptors
    wire        in_table = pick_next && s_next_in_table;
    wire        single   = pick_next && !s_next_in_table && !s_next_sequel;
    wire        in_ring  = s_packed && !in_table;
    wire [15:0] position = pick_next ? s_next_index : s_head_index;
    wire [15:0] index    = {position[15] && !in_ring, position[14:0]};
    wire [16:0] length   = pick_next ? s_next_size : {{(17-SLOT_W){1'b0}}, s_head_slots};
    wire [3:0]  ringful  = |length[16:3] ? 4'd8 : length[3:0];     // in a packed ring, up to 8
    wire [16:0] bound    = in_table ? s_next_size : {1'b0, s_table_size};
    wire [16:0] left     = bound - {1'b0, index};           // of use where the index is in range
    wire [3:0]  wanted   = in_table ? TABLE_READ[3:0] : s_packed ? ringful :
                           single ? 4'd1 : {1'b0, row[2:0]} + 4'd1;
    wire        clip     = left[16:4] == 13'd0 && left[3:0] < wanted;
    wire        brim     = in_ring && left[16:4] == 13'd0 && left[3:0] <= wanted;
    wire [3:0]  count    = clip ? left[3:0] : wanted;
    wire [63:0] addr     = (in_table ? s_next_table : s_table_desc_addr) + {44'd0, index, 4'd0};
    wire [15:0] after    = position + {12'd0, count};
    wire [3:0]  end_at   = addr[7:4] + count;   // in a window of 256 bytes
    // Another chain may join; at the table's end only a bad head could, and that adds nothing
    wire        goes_on  = {1'b0, addr[7:4]} + {1'b0, wanted} < 5'd16;
    wire        head_out = !s_packed && s_head_index >= s_table_size;
    wire        head_bad = s_head_error || head_out;

    // The read at hand
    reg  [63:0]      addr_reg;
    reg  [4:0]       count_reg;
    reg  [QID_W-1:0] queue_reg;
    reg  [15:0]      after_reg;         // index of the descriptor after its last one
    reg  [3:0]       end_at_reg;
    reg              valid_reg;
    reg              open_reg;          // the chain at after_reg may join
    wire             has_room;
    wire             joins = valid_reg && open_reg && !pick_next && s_head_valid && has_room &&
                             !s_head_error && s_head_index == after_reg &&
                             s_head_queue == queue_reg;
    wire             full_beat = (end_at_reg & IN_BEAT) == 4'd0;
    wire             taken = m_req_valid && m_req_ready;
    wire             free  = !valid_reg || taken;
    wire             add   = joins && !taken;
    wire             take_next = pick_next && free;
    wire             take_head = s_head_valid && s_head_ready;
    wire             start = take_next || (take_head && !head_bad && !add);

    assign s_next_ready = !head_turn_reg && free;
    assign s_head_ready = !pick_next && has_room && (head_bad || free || joins);
    assign m_order_take = take_head;
    assign m_req_addr   = addr_reg;
    assign m_req_len    = {5'd0, count_reg, 4'd0};
    assign m_req_queue  = queue_reg;
    assign m_req_valid  = valid_reg && (full_beat || !joins);

    always @(posedge clk) begin
        head_turn_reg <= take_head && !head_bad && goes_on;
        if (start) begin
            addr_reg  <= addr;
            queue_reg <= m_table_queue;
        end
        if (start || add) begin
            count_reg  <= (add ? count_reg : 5'd0) + {1'b0, count};
            after_reg  <= after;
            end_at_reg <= end_at;
            open_reg   <= !pick_next && goes_on && !brim;
        end
        if (free) valid_reg <= start;
        if (rst) begin
            head_turn_reg <= 1'b0;
            valid_reg     <= 1'b0;
        end
    end

    // A chunk for the next new chain, taken before it is needed
    reg  [TAG_W-1:0] tag_reg;
    reg              tag_valid_reg;
    wire             reserved = s_free_count > RESERVE[TAG_W:0];

    assign has_room    = s_order_valid && tag_valid_reg;
    assign m_free_take = s_free_valid && (reserved ? !tag_valid_reg || take_head
                                                   : !tag_valid_reg && s_order_empty);

    always @(posedge clk) begin
        if (m_free_take) tag_reg <= s_free_tag;
        tag_valid_reg <= m_free_take || (tag_valid_reg && !take_head);
        if (rst) tag_valid_reg <= 1'b0;
    end

    assign m_note_order = pick_next ? s_next_order : s_order_index;
    assign m_note_fresh = !pick_next;
    assign m_note_count = count;
    assign m_note_bad   = !pick_next && head_bad;
    assign m_note_error = !pick_next && s_head_error;
    assign m_note_queue = s_head_queue;
    assign m_note_head  = s_head_index;
    assign m_note_slots = s_head_slots;
    assign m_note_tag   = tag_reg;
    assign m_note_valid = take_next || take_head;

    wire unused = &{1'b0, row[5:3], learned[2:0]};
endmodule
`resetall
