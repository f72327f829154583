// SPDX-License-Identifier: Apache-2.0
// vq_fetch_issue - ask for the next descriptors of the chains that are being walked.
//   Contract    of a new chain as many descriptors in a row are asked for as its queue's last two
//               chains both had, so with luck all of them; of a table up to TABLE_READ. None lies
//               past the end of its table. Chains whose descriptors lie in a row are asked for in
//               one read: it stays open while it waits to be taken, and where a beat holds more
//               descriptors, while the next head is there. A head that brings its descriptor asks
//               for a read of its own that need not be made. A new chain starts only while RESERVE
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
    input  wire               s_head_out,       // the index is out of range
    input  wire [3:0]         s_head_left,      // descriptors after it in its table; 8: or more
    input  wire               s_head_here,      // s_head_desc is its only descriptor in the ring
    input  wire [127:0]       s_head_desc,
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
    input  wire [3:0]         s_next_left,      // as s_head_left
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
    output wire [8:0]         m_req_upto,       // its last byte, from a boundary of 256 bytes
    output wire [QID_W-1:0]   m_req_queue,
    output wire               m_req_here,       // m_req_desc is what would be read
    output wire [127:0]       m_req_desc,
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
    wire        single   = pick_next ? !s_next_in_table && !s_next_sequel : s_head_here;
    wire        in_ring  = s_packed && !in_table;
    wire [15:0] position = pick_next ? s_next_index : s_head_index;
    wire [15:0] index    = {position[15] && !in_ring, position[14:0]};
    // Numbers of descriptors are held as one less, where subtracting an inversion adds one more.
    // Up to 8 of a packed ring: what the chain takes, and what is left up to the ring's end
    wire [16:0] length   = pick_next ? s_next_size : {{(17-SLOT_W){1'b0}}, s_head_slots};
    wire [2:0]  ringful  = |length[16:3] ? 3'd7 : length[2:0] - 3'd1;
    wire [16:0] to_end   = {1'b0, s_table_size} + ~{1'b0, index};
    wire [3:0]  left     = in_ring   ? {|to_end[16:3], to_end[2:0]} :
                           pick_next ? s_next_left : s_head_left;
    wire [2:0]  wanted   = in_table ? TABLE_READ[2:0] - 3'd1 : s_packed ? ringful :
                           single ? 3'd0 : row[2:0];
    wire        brim     = in_ring && !left[3] && left[2:0] <= wanted;
    wire [2:0]  count    = !left[3] && left[2:0] < wanted ? left[2:0] : wanted;
    wire [63:0] addr     = (in_table ? s_next_table : s_table_desc_addr) + {44'd0, index, 4'd0};
    wire [15:0] after    = position - ~{13'd0, count};
    wire [8:0]  upto     = {1'b0, addr[7:0]} + {2'd0, count, 4'hF};
    // Another chain may join
    wire        goes_on  = {1'b0, addr[7:4]} - ~{2'd0, wanted} < 5'd16;
    wire        head_bad = s_head_error || s_head_out;

    // The read at hand
    reg  [63:0]      addr_reg;
    reg  [8:0]       upto_reg;
    reg  [QID_W-1:0] queue_reg;
    reg  [15:0]      after_reg;         // index of the descriptor after its last one
    reg              valid_reg;
    reg              open_reg;          // the chain at after_reg may join
    reg              here_reg;
    reg  [127:0]     desc_reg;
    wire             has_room;
    wire             joins = valid_reg && open_reg && !pick_next && s_head_valid && has_room &&
                             !head_bad && !s_head_here && s_head_index == after_reg &&
                             s_head_queue == queue_reg;
    wire             full_beat = (upto_reg[7:4] & IN_BEAT) == IN_BEAT;
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
    assign m_req_upto   = upto_reg;
    assign m_req_queue  = queue_reg;
    assign m_req_here   = here_reg;
    assign m_req_desc   = desc_reg;
    assign m_req_valid  = valid_reg && (full_beat || !joins);

    always @(posedge clk) begin
        head_turn_reg <= take_head && !head_bad && goes_on;
        if (start) begin
            addr_reg  <= addr;
            queue_reg <= m_table_queue;
            here_reg  <= !pick_next && s_head_here;
            desc_reg  <= s_head_desc;
        end
        if (start || add) begin
            upto_reg  <= upto;
            after_reg <= after;
            open_reg  <= !pick_next && !s_head_here && goes_on && !brim;
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
    assign m_note_count = {1'b0, count} + 4'd1;
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
