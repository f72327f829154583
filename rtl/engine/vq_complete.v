// SPDX-License-Identifier: Apache-2.0
// vq_complete - completed chains in; used elements and interrupts out, for either ring format.
//   Contract    split: the used index is published only after all that it vouches for was
//               acknowledged; the interrupt is decided after the index was acknowledged (2.7.7,
//               2.7.8). Packed: a used descriptor is written only after its payload was
//               acknowledged; the interrupt is decided after it was acknowledged (2.8.8 to 2.8.10).
//               Chains of a group (s_used_more) show together (2.8.9)
//   Latency     from a completion: three dependent accesses (split: elements, index, suppression;
//               packed: payload's acknowledgement where there is any, used descriptors,
//               suppression) and about 8 cycles
//   Throughput  1 chain per cycle, 1 more cycle a batch
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_complete #(
    parameter QUEUES = 4,       // queues, 1 to 64
    parameter QID_W  = 2,       // queue number, bits
    parameter DATA_W = 64,      // beat, bits
    parameter MAX_BYTES = 256,  // longest burst, bytes; power of two
    parameter [0:0] PACKED_EN = 1'b1,   // 0: split rings only
    parameter LANE_W = $clog2(DATA_W/8)     // derived, not to be set
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    input  wire [QUEUES-1:0] s_alive,
    input  wire [QUEUES-1:0] s_event_idx,
    input  wire              s_packed,      // RING_PACKED negotiated
    input  wire              s_in_order,    // IN_ORDER negotiated: chains of a queue come in order
    input  wire              s_write_busy,  // beats wait for the write data channel
    // Queue set-up
    input  wire [QID_W-1:0]  s_setup_queue,
    input  wire [2:0]        s_setup_field,
    input  wire [31:0]       s_setup_data,
    input  wire              s_setup_valid,
    // Completed chains
    input  wire [QID_W-1:0]  s_used_queue,
    input  wire [15:0]       s_used_head,
    input  wire [15:0]       s_used_slots,  // places of the ring that it takes
    input  wire [31:0]       s_used_len,
    input  wire              s_used_whole,  // all its writable bytes were written
    input  wire              s_used_more,   // used only together with the queue's next one
    input  wire              s_used_valid,
    output wire              s_used_ready,
    // Chains thrown away: only counted
    input  wire [QID_W-1:0]  s_drop_queue,
    input  wire              s_drop_valid,
    output wire              s_drop_ready,
    // Counts
    output wire [QID_W-1:0]  m_collected_queue,
    output wire              m_collected_valid,
    input  wire              s_collected_all,
    output wire [QID_W-1:0]  m_finished_queue,
    output wire [15:0]       m_finished_count,
    output wire              m_finished_valid,
    // Write requests and beats: elements (0), and (1) the index, packed the USED flag of a
    // group's first descriptor, or a null one that is acknowledged after all payload before it
    output wire [127:0]            m_req_addr,
    output wire [25:0]             m_req_len,
    output wire [2*QID_W-1:0]      m_req_queue,
    output wire                    m_req_null,
    output wire [1:0]              m_req_ack,
    output wire [1:0]              m_req_valid,
    input  wire [1:0]              m_req_ready,
    output wire [2*DATA_W-1:0]     m_beat_data,
    output wire [1:0]              m_beat_valid,
    input  wire [1:0]              m_beat_ready,
    input  wire [1:0]              s_ack_valid,
    // Bursts to the read master, and their data
    output wire [63:0]       m_ar_addr,
    output wire [7:0]        m_ar_len,
    output wire [QID_W-1:0]  m_ar_queue,
    output wire              m_ar_valid,
    input  wire              m_ar_ready,
    input  wire              m_ar_dead,
    input  wire [DATA_W-1:0] s_r_data,
    input  wire              s_r_error,
    input  wire              s_r_valid,
    // Outcome
    output wire              m_used_irq,
    output wire [QID_W-1:0]  m_used_queue,  // whose interrupt that is
    output wire [4:0]        m_fault_code,
    output wire [QID_W-1:0]  m_fault_queue,
    output wire              m_fault_valid,
    input  wire              m_fault_ready,
    // Used index last published, for the registers
    input  wire [QID_W-1:0]  s_index_queue,
    output wire [15:0]       m_index_used
);
    localparam BATCHES = 16;

    // The queue's rings, for each step that needs them
    wire [QID_W-1:0] open_queue, used_queue, avail_queue;
    wire [15:0]      open_size, ring_size, used_size, avail_size;
    wire [63:0]      ring_desc, ring_avail, ring_used;
    wire [63:0]      open_desc, open_avail, open_used;
    wire [63:0]      used_desc, used_avail, used_addr, avail_desc, avail_addr, avail_used;

    vq_queue_table #(.QUEUES(QUEUES), .QID_W(QID_W)) u_size_table (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_queue(s_used_queue),
        .size(ring_size),
        .desc_addr(ring_desc),
        .avail_addr(ring_avail),
        .used_addr(ring_used)
    );
    vq_queue_table #(.QUEUES(QUEUES), .QID_W(QID_W)) u_open_table (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_queue(open_queue),
        .size(open_size),
        .desc_addr(open_desc),
        .avail_addr(open_avail),
        .used_addr(open_used)
    );
    vq_queue_table #(.QUEUES(QUEUES), .QID_W(QID_W)) u_index_table (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_queue(used_queue),
        .size(used_size),
        .desc_addr(used_desc),
        .avail_addr(used_avail),
        .used_addr(used_addr)
    );
    vq_queue_table #(.QUEUES(QUEUES), .QID_W(QID_W)) u_event_table (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_queue(avail_queue),
        .size(avail_size),
        .desc_addr(avail_desc),
        .avail_addr(avail_addr),
        .used_addr(avail_used)
    );

    // Counting: a chain thrown away takes the turn of a completed or finished one. It waits where
    // the walks that throw it away are not told to wait by what is published in the same cycle
    wire [QID_W-1:0] done_queue, drop_queue;
    wire [15:0]      done_count;
    wire             done_valid, used_accept, drop_valid;
    wire             drop = drop_valid && !s_used_valid && !done_valid;

    vq_skid #(.WIDTH(QID_W)) u_drop (
        .clk(clk),
        .rst(rst),
        .s_data(s_drop_queue),
        .s_valid(s_drop_valid),
        .s_ready(s_drop_ready),
        .m_data(drop_queue),
        .m_valid(drop_valid),
        .m_ready(drop)
    );

    assign m_used_queue      = done_queue;
    assign used_accept       = s_used_valid && s_used_ready;
    assign m_collected_queue = s_used_valid ? s_used_queue : drop_queue;
    assign m_collected_valid = used_accept || drop;

    reg  [QID_W-1:0] finished_queue_reg;
    reg  [15:0]      finished_count_reg;
    reg              finished_reg;
    assign m_finished_queue  = finished_queue_reg;
    assign m_finished_count  = finished_count_reg;
    assign m_finished_valid  = finished_reg;

    always @(posedge clk) begin
        finished_reg <= (done_valid || drop) && !rst;
        if (done_valid || drop) begin
            finished_queue_reg <= done_valid ? done_queue : drop_queue;
            finished_count_reg <= done_valid ? done_count : 16'd1;
        end
    end

    wire [QID_W-1:0] batch_queue;
    wire [15:0]      batch_first, batch_index;
    wire [7:0]       batch_count;
    wire             batch_valid, batch_ready, batch_part, batch_mark, fence_valid;
    wire             fence_go;          // a fence is the word that is shown
    wire [14:0]      batch_slot;
    wire [31:0]      batch_word;

    vq_complete_batch #(
        .QUEUES(QUEUES), .QID_W(QID_W), .DATA_W(DATA_W), .MAX_BYTES(MAX_BYTES),
        .BATCHES(BATCHES), .PACKED_EN(PACKED_EN)
    ) u_batch (
        .clk(clk),
        .rst(rst),
        .s_ready(s_ready),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_packed(s_packed),
        .s_in_order(s_in_order),
        .s_busy(s_write_busy),
        .s_used_queue(s_used_queue),
        .s_used_head(s_used_head),
        .s_used_slots(s_used_slots),
        .s_used_len(s_used_len),
        .s_used_whole(s_used_whole),
        .s_used_more(s_used_more),
        .s_used_valid(s_used_valid),
        .s_used_ready(s_used_ready),
        .s_used_final(s_collected_all),
        .s_used_size(ring_size),
        .s_used_place(s_packed ? ring_desc[5:2] : ring_used[5:2]),
        .m_open_queue(open_queue),
        .s_open_addr(s_packed ? open_desc : open_used),
        .m_fence_valid(fence_valid),
        .m_fence_ready(word_free && fence_go),
        .s_fenced_valid(s_ack_valid[1] && ack_fence),
        .m_req_addr(m_req_addr[63:0]),
        .m_req_len(m_req_len[12:0]),
        .m_req_queue(m_req_queue[QID_W-1:0]),
        .m_req_ack(m_req_ack[0]),
        .m_req_valid(m_req_valid[0]),
        .m_req_ready(m_req_ready[0]),
        .m_beat_data(m_beat_data[DATA_W-1:0]),
        .m_beat_valid(m_beat_valid[0]),
        .m_beat_ready(m_beat_ready[0]),
        .s_ack_valid(s_ack_valid[0]),
        .m_batch_queue(batch_queue),
        .m_batch_first(batch_first),
        .m_batch_index(batch_index),
        .m_batch_count(batch_count),
        .m_batch_part(batch_part),
        .m_batch_mark(batch_mark),
        .m_batch_slot(batch_slot),
        .m_batch_word(batch_word),
        .m_batch_valid(batch_valid),
        .m_batch_ready(batch_ready)
    );

    wire [31:0]       word;
    wire              word_valid, word_free, index_valid, ack_fence;
    wire [63:0]       index_addr;
    wire [63:0]       event_addr;
    wire [QID_W-1:0]  event_queue;
    wire              event_ask, event_taken, event_error, event_valid, event_ready;
    wire [DATA_W-1:0] event_beat;
    wire [LANE_W-1:0] event_offset, event_end;
    wire [LANE_W:0]   event_count;
    wire              event_info, event_last;

    vq_complete_publish #(
        .QUEUES(QUEUES), .QID_W(QID_W), .BATCHES(BATCHES), .PACKED_EN(PACKED_EN)
    ) u_publish (
        .clk(clk),
        .rst(rst),
        .s_ready(s_ready),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_alive(s_alive),
        .s_event_idx(s_event_idx),
        .s_packed(s_packed),
        .s_batch_queue(batch_queue),
        .s_batch_first(batch_first),
        .s_batch_index(batch_index),
        .s_batch_count(batch_count),
        .s_batch_part(batch_part),
        .s_batch_mark(batch_mark),
        .s_batch_slot(batch_slot),
        .s_batch_word(batch_word),
        .s_batch_valid(batch_valid),
        .s_batch_ready(batch_ready),
        .m_used_queue(used_queue),
        .s_used_addr(s_packed ? used_desc : used_addr),
        .m_write_addr(index_addr),
        .m_write_queue(m_req_queue[2*QID_W-1:QID_W]),
        .m_write_data(word),
        .m_write_valid(index_valid),
        .m_write_ready(word_free && !fence_go),
        .s_ack_valid(s_ack_valid[1] && !ack_fence),
        .m_avail_queue(avail_queue),
        .s_avail_size(avail_size),
        .s_avail_addr(avail_addr),
        .m_req_addr(event_addr),
        .m_req_queue(event_queue),
        .m_req_valid(event_ask),
        .m_req_ready(event_taken),
        .s_event_data(event_beat[16*event_offset[LANE_W-1:1] +: 16]),
        .s_event_flags(event_beat[32*event_offset[LANE_W-1:2]+16 +: 2]),
        .s_event_error(event_error),
        .s_event_valid(event_valid),
        .s_event_ready(event_ready),
        .m_used_irq(m_used_irq),
        .m_finished_queue(done_queue),
        .m_finished_count(done_count),
        .m_finished_valid(done_valid),
        .m_fault_code(m_fault_code),
        .m_fault_queue(m_fault_queue),
        .m_fault_valid(m_fault_valid),
        .m_fault_ready(m_fault_ready),
        .s_index_queue(s_index_queue),
        .m_index_used(m_index_used)
    );
    assign m_req_ack[1]        = 1'b1;
    assign m_req_addr[127:64] = fence_go ? 64'd0 : index_addr;
    assign m_req_null         = fence_go;
    assign word_valid         = fence_valid || index_valid;

    // Whose acknowledgement is the next one: of a fence, or of what was published
    generate
        if (PACKED_EN) begin : gen_fence
            reg  shown_reg;             // a word that is no fence is shown, and waits
            wire kind_room, kind_held;

            assign fence_go = fence_valid && !shown_reg;

            always @(posedge clk) shown_reg <= word_valid && !fence_go && !word_free && !rst;

            vq_fifo #(.WIDTH(1), .DEPTH(2*BATCHES)) u_kinds (
                .clk(clk),
                .rst(rst),
                .s_data(fence_go),
                .s_valid(word_valid && word_free),
                .s_ready(kind_room),
                .m_data(ack_fence),
                .m_valid(kind_held),
                .m_ready(s_ack_valid[1])
            );

            `VQ_ASSERT(a_kind_room, !word_valid || !word_free || kind_room)
            `VQ_ASSERT(a_kind_held, !s_ack_valid[1] || kind_held)
        end else begin : gen_index
            assign fence_go  = 1'b0;
            assign ack_fence = 1'b0;
        end
    endgenerate

    vq_write_word #(.DATA_W(DATA_W)) u_index_word (
        .clk(clk),
        .rst(rst),
        .s_word_data(word),
        .s_word_wide(s_packed),
        .s_word_valid(word_valid),
        .s_word_ready(word_free),
        .m_req_valid(m_req_valid[1]),
        .m_req_ready(m_req_ready[1]),
        .m_req_len(m_req_len[25:13]),
        .m_beat_data(m_beat_data[2*DATA_W-1:DATA_W]),
        .m_beat_valid(m_beat_valid[1]),
        .m_beat_ready(m_beat_ready[1])
    );
    vq_read_port #(
        .DATA_W(DATA_W), .UPTO_W(LANE_W+1), .INFO_W(1), .QID_W(QID_W), .MAX_BYTES(DATA_W/8),
        .BEATS(BATCHES), .BURSTS(BATCHES), .SPLIT_EN(1'b0), .PAST_EN(1'b0)
    ) u_event_port (
        .clk(clk),
        .rst(rst),
        .s_req_addr(event_addr),
        .s_req_upto({1'b0, event_addr[LANE_W-1:2], event_addr[1] || s_packed, 1'b1}),
        .s_req_queue(event_queue),
        .s_req_info(1'b0),
        .s_req_valid(event_ask),
        .s_req_ready(event_taken),
        .m_ar_addr(m_ar_addr),
        .m_ar_len(m_ar_len),
        .m_ar_queue(m_ar_queue),
        .m_ar_valid(m_ar_valid),
        .m_ar_ready(m_ar_ready),
        .m_ar_dead(m_ar_dead),
        .s_r_data(s_r_data),
        .s_r_error(s_r_error),
        .s_r_valid(s_r_valid),
        .m_beat_data(event_beat),
        .m_beat_offset(event_offset),
        .m_beat_count(event_count),
        .m_beat_end(event_end),
        .m_beat_info(event_info),
        .m_beat_error(event_error),
        .m_beat_last(event_last),
        .m_beat_valid(event_valid),
        .m_beat_ready(event_ready)
    );

    wire unused = &{1'b0, ring_desc, ring_avail, ring_used, open_avail, open_size,
                    used_avail, used_size, avail_desc, avail_used, event_count,
                    event_end, event_info, event_last, event_offset[0]};
endmodule
`resetall
