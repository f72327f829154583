// SPDX-License-Identifier: Apache-2.0
// vq_complete_publish - publish the used index of each acknowledged batch, then decide on the
// interrupt.
//   Contract    the index is written only after its batch was acknowledged; the driver's
//               suppression structure is read only after the index was acknowledged; a batch
//               counts as finished only after that. Batches of one queue that wait for the same
//               step become one: the last index is written, and one decision made for all.
//               Batches of a queue that is not alive pass without touching memory
//   Latency     1 cycle acknowledged batch to index write, 2 cycles index acknowledged to read
//   Throughput  1 batch per cycle, whatever the memory's latency
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_complete_publish #(
    parameter QUEUES  = 4,      // queues, 1 to 64
    parameter QID_W   = 2,      // queue number, bits
    parameter BATCHES = 16      // batches under way; power of two
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    input  wire [QUEUES-1:0] s_alive,
    input  wire              s_event_idx,
    // Batches acknowledged: the used index after them, and their elements
    input  wire [QID_W-1:0]  s_batch_queue,
    input  wire [15:0]       s_batch_index,
    input  wire [7:0]        s_batch_count,
    input  wire              s_batch_valid,
    output wire              s_batch_ready,
    // The used ring of the queue to publish
    output wire [QID_W-1:0]  m_used_queue,
    input  wire [63:0]       s_used_addr,
    // Index writes. m_write_data may grow until it is taken
    output wire [63:0]       m_write_addr,
    output wire [QID_W-1:0]  m_write_queue,
    output wire [15:0]       m_write_data,
    output wire              m_write_valid,
    input  wire              m_write_ready,
    input  wire              s_ack_valid,
    // The available ring of the queue whose suppression is read
    output wire [QID_W-1:0]  m_avail_queue,
    input  wire [15:0]       s_avail_size,
    input  wire [63:0]       s_avail_addr,
    // Reads of avail.flags or used_event
    output wire [63:0]       m_req_addr,
    output wire [13:0]       m_req_len,
    output wire [QID_W-1:0]  m_req_queue,
    output wire              m_req_valid,
    input  wire              m_req_ready,
    input  wire [15:0]       s_event_data,
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
    // Used index last published, for the registers
    input  wire [QID_W-1:0]  s_index_queue,
    output wire [15:0]       m_index_used
);
`include "vq_faults.vh"
    localparam NOTE_W = QID_W + 32;
    localparam PEND_W = $clog2(BATCHES) + 1;

    // The index to be written, and the elements that it publishes
    reg              write_reg;
    reg  [QID_W-1:0] write_queue_reg;
    reg  [63:0]      write_addr_reg;
    reg  [15:0]      write_index_reg, write_count_reg;
    wire             write_room;
    wire             written    = m_write_valid && m_write_ready;
    wire             write_free = !write_reg || written;
    wire             join_write = !write_free && s_batch_queue == write_queue_reg;

    assign m_used_queue  = s_batch_queue;
    assign m_write_addr  = write_addr_reg;
    assign m_write_queue = write_queue_reg;
    assign m_write_data  = write_index_reg;
    assign m_write_valid = write_reg && write_room;
    assign s_batch_ready = write_free || join_write;

    always @(posedge clk) begin
        if (write_free) write_reg <= s_batch_valid;
        if (s_batch_valid && s_batch_ready) begin
            write_queue_reg <= s_batch_queue;
            write_addr_reg  <= s_used_addr + 64'd2;
            write_index_reg <= s_batch_index;
            write_count_reg <= {8'd0, s_batch_count} + (join_write ? write_count_reg : 16'd0);
        end
        if (rst) write_reg <= 1'b0;
    end

    // Index writes in flight
    wire [QID_W-1:0]  i_queue;
    wire [15:0]       i_index, i_count, index_unused;
    wire              i_held;
    reg  [PEND_W-1:0] acked_reg;        // acknowledged, suppression not yet asked for
    wire              acked = acked_reg != {PEND_W{1'b0}};
    wire              asked;

    vq_fifo #(.WIDTH(NOTE_W), .DEPTH(BATCHES)) u_writes (
        .clk(clk),
        .rst(rst),
        .s_data({write_queue_reg, write_index_reg, write_count_reg}),
        .s_valid(write_reg && m_write_ready),
        .s_ready(write_room),
        .m_data({i_queue, i_index, i_count}),
        .m_valid(i_held),
        .m_ready(asked)
    );

    always @(posedge clk) begin
        if (s_ack_valid && !asked) acked_reg <= acked_reg + 1'b1;
        if (asked && !s_ack_valid) acked_reg <= acked_reg - 1'b1;
        if (rst) acked_reg <= {PEND_W{1'b0}};
    end

    // The suppression structure to be read, for the elements up to an index
    reg              read_reg;
    reg  [QID_W-1:0] read_queue_reg;
    reg  [63:0]      read_addr_reg;
    reg  [15:0]      read_index_reg, read_count_reg;
    wire             ask_room;
    wire             taken     = m_req_valid && m_req_ready;
    wire             read_free = !read_reg || taken;
    wire             join_read = !read_free && i_queue == read_queue_reg;

    assign asked         = acked && (read_free || join_read);
    assign m_avail_queue = i_queue;
    assign m_req_addr    = read_addr_reg;
    assign m_req_len     = 14'd2;
    assign m_req_queue   = read_queue_reg;
    assign m_req_valid   = read_reg && ask_room;

    always @(posedge clk) begin
        if (read_free) read_reg <= acked;
        if (asked) begin
            read_queue_reg <= i_queue;
            read_addr_reg  <= s_event_idx ? s_avail_addr + 64'd4 + {47'd0, s_avail_size, 1'b0}
                                          : s_avail_addr;
            read_index_reg <= i_index;
            read_count_reg <= i_count + (join_read ? read_count_reg : 16'd0);
        end
        if (rst) read_reg <= 1'b0;
    end

    // Reads of the suppression structure in flight
    wire [QID_W-1:0] e_queue;
    wire [15:0]      e_index;
    wire [15:0]      e_count;
    wire             e_held;

    vq_fifo #(.WIDTH(NOTE_W), .DEPTH(BATCHES)) u_reads (
        .clk(clk),
        .rst(rst),
        .s_data({read_queue_reg, read_index_reg, read_count_reg}),
        .s_valid(read_reg && m_req_ready),
        .s_ready(ask_room),
        .m_data({e_queue, e_index, e_count}),
        .m_valid(e_held),
        .m_ready(s_event_valid && s_event_ready)
    );

    vq_table #(.WIDTH(16), .ROWS(QUEUES)) u_published (
        .clk(clk),
        .clear(~s_ready),
        .write_en(asked && s_alive[i_queue]),
        .write_addr(i_queue),
        .write_data(i_index),
        .read_a_addr(s_index_queue),
        .read_a_data(m_index_used),
        .read_b_addr(s_index_queue),
        .read_b_data(index_unused)
    );

    // The decision (2.7.7.2): with EVENT_IDX if used_event was passed by these batches
    wire        alive  = s_alive[e_queue];
    wire [15:0] behind = e_index - s_event_data - 16'd1;        // wraps at 65536
    wire        wanted = s_event_idx ? behind < e_count : !s_event_data[0];
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

    wire unused = &{1'b0, index_unused};

    `VQ_ASSERT(a_write_held, !s_ack_valid || i_held)
    `VQ_ASSERT(a_event_held, !s_event_valid || e_held)
endmodule
`resetall
