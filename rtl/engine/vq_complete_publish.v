// SPDX-License-Identifier: Apache-2.0
// vq_complete_publish - publish the used index of each acknowledged batch, then decide on the
// interrupt.
//   Contract    split: the index is written only after its batch was acknowledged, and the
//               driver's suppression structure is read only after the index was acknowledged.
//               Packed: there is no index, so it is read after the batch was acknowledged. A batch
//               counts as finished only after that. Batches of one queue that wait for the same
//               step become one: the last index is written, and one decision made for all; packed
//               ones only where the wrap counter is the same after both. Batches of a queue that
//               is not alive pass without touching memory. A batch that is part of a group waits
//               for the next one. Packed: one with s_batch_mark is published by a write of id and
//               flags of a group's first descriptor, as a split one is by its index
//   Latency     1 cycle acknowledged batch to index write, 2 cycles index acknowledged to read;
//               packed: 3 cycles acknowledged batch to read
//   Throughput  1 batch per cycle, whatever the memory's latency
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_complete_publish #(
    parameter QUEUES  = 4,      // queues, 1 to 64
    parameter QID_W   = 2,      // queue number, bits
    parameter BATCHES = 16,     // batches under way; power of two
    parameter [0:0] PACKED_EN = 1'b1    // 0: split rings only
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    input  wire [QUEUES-1:0] s_alive,
    input  wire [QUEUES-1:0] s_event_idx,
    // Set-up: field 7 is where it starts
    input  wire [QID_W-1:0]  s_setup_queue,
    input  wire [2:0]        s_setup_field,
    input  wire [31:0]       s_setup_data,
    input  wire              s_setup_valid,
    input  wire              s_packed,
    // Batches acknowledged: the used index before and after them, and their chains. Packed: the
    // position, with the wrap counter inverted in bit 15
    input  wire [QID_W-1:0]  s_batch_queue,
    input  wire [15:0]       s_batch_first,
    input  wire [15:0]       s_batch_index,
    input  wire [7:0]        s_batch_count,
    input  wire              s_batch_part,      // to be published only with the next one
    input  wire              s_batch_mark,      // packed: by the flags of descriptor s_batch_slot
    input  wire [14:0]       s_batch_slot,
    input  wire [31:0]       s_batch_word,      // its id and flags
    input  wire              s_batch_valid,
    output wire              s_batch_ready,
    // The used ring of the queue to publish, packed its descriptor ring
    output wire [QID_W-1:0]  m_used_queue,
    input  wire [63:0]       s_used_addr,
    // Index writes; m_write_data may grow until it is taken. Packed: id and flags, 4 bytes
    output wire [63:0]       m_write_addr,
    output wire [QID_W-1:0]  m_write_queue,
    output wire [31:0]       m_write_data,
    output wire              m_write_valid,
    input  wire              m_write_ready,
    input  wire              s_ack_valid,
    // The available ring of the queue whose suppression is read
    output wire [QID_W-1:0]  m_avail_queue,
    input  wire [15:0]       s_avail_size,
    input  wire [63:0]       s_avail_addr,
    // Reads of avail.flags, used_event, or packed of both halves of the driver's structure
    output wire [63:0]       m_req_addr,
    output wire [QID_W-1:0]  m_req_queue,
    output wire              m_req_valid,
    input  wire              m_req_ready,
    input  wire [15:0]       s_event_data,
    input  wire [1:0]        s_event_flags,     // of the half after that
    input  wire              s_event_error,
    input  wire              s_event_valid,
    output wire              s_event_ready,
    // Outcome
    output wire              m_used_irq,        // pulse
    output wire [QID_W-1:0]  m_finished_queue,
    output wire [15:0]       m_finished_count,
    output wire              m_finished_valid,
    output wire [4:0]        m_fault_code,
    output wire [QID_W-1:0]  m_fault_queue,
    output wire              m_fault_valid,
    input  wire              m_fault_ready,
    // Used index last published, for the registers; packed: the position with its wrap counter
    input  wire [QID_W-1:0]  s_index_queue,
    output wire [15:0]       m_index_used
);
`include "vq_faults.vh"
    localparam FIRST_W = PACKED_EN ? 16 : 1;    // split: first follows from the counts
    localparam NOTE_W  = QID_W + 32 + FIRST_W;
    localparam WORD_W  = PACKED_EN ? 32 : 16;   // what is written
    localparam PEND_W  = $clog2(BATCHES) + 1;

    // The index to be written, and the elements that it publishes
    reg              write_reg;
    reg  [QID_W-1:0] write_queue_reg;
    reg  [63:0]      write_addr_reg;
    reg  [15:0]      write_index_reg, write_count_reg;
    reg  [FIRST_W-1:0] write_first_reg;
    reg              write_part_reg;    // they wait for the next batch
    reg              write_mark_reg;    // something is to be written; split: always
    reg  [WORD_W-1:0] write_word_reg;   // that; split: the index
    wire             write_room;
    wire             write_due  = write_reg && write_room && !write_part_reg;
    wire             written    = write_due && (!write_mark_reg || m_write_ready);
    wire             write_free = !write_reg || written;
    // What waits for its write does not begin to wait for a group. Packed: those that join wrap
    // once at most, which holds for the parts of a group too, and one write makes them visible
    wire             join_whole = !s_batch_part &&
                                  (!s_packed || (s_batch_index[15] == write_index_reg[15] &&
                                                 !(s_batch_mark && write_mark_reg)));
    wire             join_write = !write_free && s_batch_queue == write_queue_reg &&
                                  (write_part_reg || join_whole);
    wire [31:0]      publish_word = s_packed ? s_batch_word : {16'd0, s_batch_index};
    wire [63:0]      publish_at = s_used_addr + (s_packed ? {45'd0, s_batch_slot, 4'd12} : 64'd2);

    assign m_used_queue  = s_batch_queue;
    assign m_write_addr  = write_addr_reg;
    assign m_write_queue = write_queue_reg;
    assign m_write_data  = {{(32-WORD_W){1'b0}}, write_word_reg};
    assign m_write_valid = write_due && write_mark_reg;
    assign s_batch_ready = write_free || join_write;

    always @(posedge clk) begin
        if (write_free) write_reg <= s_batch_valid;
        if (s_batch_valid && s_batch_ready) begin
            write_queue_reg <= s_batch_queue;
            write_index_reg <= s_batch_index;
            write_part_reg  <= s_batch_part;
            write_mark_reg  <= !s_packed || s_batch_mark || (join_write && write_mark_reg);
            write_count_reg <= {8'd0, s_batch_count} + (join_write ? write_count_reg : 16'd0);
            if (!join_write) write_first_reg <= s_batch_first[FIRST_W-1:0];
            if (!s_packed || s_batch_mark) begin
                write_addr_reg <= publish_at;
                write_word_reg <= publish_word[WORD_W-1:0];
            end
        end
        if (rst) write_reg <= 1'b0;
    end

    // Index writes in flight. Packed: what needs no write goes on in its turn
    wire [QID_W-1:0]  i_queue;
    wire [15:0]       i_index, i_count, index_unused;
    wire              i_held, i_mark;
    wire [FIRST_W-1:0] i_first;
    reg  [PEND_W-1:0] acked_reg;        // acknowledged, suppression not yet asked for
    wire              acked = i_held && (!i_mark || acked_reg != {PEND_W{1'b0}});
    wire              asked;
    wire              ended = asked && i_mark;

    vq_fifo #(.WIDTH(NOTE_W+1), .DEPTH(BATCHES)) u_writes (
        .clk(clk),
        .rst(rst),
        .s_data({write_mark_reg, write_queue_reg, write_first_reg, write_index_reg,
                 write_count_reg}),
        .s_valid(write_reg && !write_part_reg && (!write_mark_reg || m_write_ready)),
        .s_ready(write_room),
        .m_data({i_mark, i_queue, i_first, i_index, i_count}),
        .m_valid(i_held),
        .m_ready(asked)
    );

    always @(posedge clk) begin
        if (s_ack_valid && !ended) acked_reg <= acked_reg + 1'b1;
        if (ended && !s_ack_valid) acked_reg <= acked_reg - 1'b1;
        if (rst) acked_reg <= {PEND_W{1'b0}};
    end

    // The suppression structure to be read, for the elements up to an index
    reg              read_reg;
    reg  [QID_W-1:0] read_queue_reg;
    reg  [63:0]      read_addr_reg;
    reg  [15:0]      read_index_reg, read_count_reg;
    reg  [FIRST_W-1:0] read_first_reg, read_size_reg;
    wire             ask_room;
    wire             taken     = m_req_valid && m_req_ready;
    wire             read_free = !read_reg || taken;
    wire             join_read = !read_free && i_queue == read_queue_reg &&
                                 (!s_packed || i_index[15] == read_index_reg[15]);

    assign asked         = acked && (read_free || join_read);
    assign m_avail_queue = i_queue;
    assign m_req_addr    = read_addr_reg;
    assign m_req_queue   = read_queue_reg;
    assign m_req_valid   = read_reg && ask_room;

    always @(posedge clk) begin
        if (read_free) read_reg <= acked;
        if (asked) begin
            read_queue_reg <= i_queue;
            read_addr_reg  <= s_event_idx[i_queue] && !s_packed
                              ? s_avail_addr + 64'd4 + {47'd0, s_avail_size, 1'b0} : s_avail_addr;
            read_size_reg  <= s_avail_size[FIRST_W-1:0];
            if (!join_read) read_first_reg <= i_first;
            read_index_reg <= i_index;
            read_count_reg <= i_count + (join_read ? read_count_reg : 16'd0);
        end
        if (rst) read_reg <= 1'b0;
    end

    // Reads of the suppression structure in flight
    wire [QID_W-1:0] e_queue;
    wire [15:0]      e_index;
    wire [15:0]      e_count;
    wire [FIRST_W-1:0] e_first, e_size;
    wire             e_held;

    vq_fifo #(.WIDTH(NOTE_W+FIRST_W), .DEPTH(BATCHES)) u_reads (
        .clk(clk),
        .rst(rst),
        .s_data({read_queue_reg, read_first_reg, read_size_reg, read_index_reg, read_count_reg}),
        .s_valid(read_reg && m_req_ready),
        .s_ready(ask_room),
        .m_data({e_queue, e_first, e_size, e_index, e_count}),
        .m_valid(e_held),
        .m_ready(s_event_valid && s_event_ready)
    );

    wire [15:0] published;

    assign m_index_used = {published[15] ^ (s_packed && s_ready[s_index_queue]), published[14:0]};

    vq_index_table #(.QUEUES(QUEUES), .QID_W(QID_W), .USED(1'b1)) u_published (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .clear(~s_ready),
        .write_en(asked && s_alive[i_queue]),
        .write_addr(i_queue),
        .write_data(i_index),
        .read_a_addr(s_index_queue),
        .read_a_data(published),
        .read_b_addr(s_index_queue),
        .read_b_data(index_unused)
    );

    // Packed (2.8.10): whether these batches, which wrap once at most, passed the position that the
    // driver named. Its wrap counter is equal to that of the place after them if the bits differ
    wire passed;

    generate
        if (PACKED_EN) begin : gen_packed
            wire [14:0] at      = s_event_data[14:0];
            wire        lap     = s_event_data[15] != e_index[15];
            wire        wrapped = e_first[15] != e_index[15];
            wire        below   = at < e_index[14:0];
            wire        from    = at >= e_first[14:0];
            wire        exists  = {1'b0, at} < e_size;
            assign passed = lap ? below && (wrapped || from) : wrapped && from && exists;
        end else begin : gen_split
            assign passed = 1'b0;
            wire unused_packed = &{1'b0, e_first, e_size};
        end
    endgenerate

    // The decision (2.7.7.2): with EVENT_IDX if used_event was passed by these batches
    wire        alive  = s_alive[e_queue];
    wire [15:0] behind = e_index - s_event_data - 16'd1;        // wraps at 65536
    wire        event_idx = s_event_idx[e_queue];
    wire        split_wanted  = event_idx ? behind < e_count : !s_event_data[0];
    wire        packed_wanted = event_idx && s_event_flags == 2'd2 ? passed
                                                                     : s_event_flags != 2'd1;
    wire        wanted = s_packed ? packed_wanted : split_wanted;
    wire        failed = s_event_error && alive;
    wire        done   = s_event_valid && s_event_ready;

    assign s_event_ready    = !failed || m_fault_ready;
    assign m_used_irq       = done && alive && !s_event_error && wanted;
    assign m_finished_queue = e_queue;
    assign m_finished_count = e_count;
    assign m_finished_valid = done;
    assign m_fault_code     = FAULT_MEM_AVAIL;
    assign m_fault_queue    = e_queue;
    assign m_fault_valid    = s_event_valid && failed;

    wire unused = &{1'b0, index_unused, s_batch_first, publish_word};

    `VQ_ASSUME(a_part_queue, !(s_batch_valid && write_reg && write_part_reg) ||
                             s_batch_queue == write_queue_reg)
    `VQ_ASSERT(a_write_held, !s_ack_valid || i_held)
    `VQ_ASSERT(a_event_held, !s_event_valid || e_held)
endmodule
`resetall
