// SPDX-License-Identifier: Apache-2.0
// vq_complete_batch - collect completed chains into used elements and write them in bursts.
//   Contract    a batch holds consecutive slots of one queue's used ring, up to BATCH_MAX. It is
//               closed when full, at the ring's end, when another queue completes, when nothing
//               more is under way in its queue, or by time: at once if no chain had completed for
//               WAIT cycles before its last one, else after WAIT cycles without one, or AGE
//               cycles after its first. Of the WAIT cycles only those count in which the write
//               channel is not busy. m_batch_* names each batch whose elements, and all payload
//               before them, the memory has acknowledged
//   Latency     2 cycles, last completion of a queue to the write request; 1 cycle, its
//               acknowledgement to m_batch
//   Throughput  1 chain per cycle, 1 more cycle a batch
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_complete_batch #(
    parameter QUEUES    = 4,    // queues, 1 to 64
    parameter QID_W     = 2,    // queue number, bits
    parameter DATA_W    = 64,   // beat, bits
    parameter MAX_BYTES = 256,  // longest burst, bytes; power of two, DATA_W/8 to 4096
    parameter BATCH_MAX = 64,   // elements of a batch; power of two, 8 to 64
    parameter BATCHES   = 16,   // batches under way; power of two
    parameter WAIT      = 64,   // cycles; power of two
    parameter AGE       = 512   // cycles; power of two
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    input  wire              s_busy,            // other beats wait for the write channel
    // Completed chains
    input  wire [QID_W-1:0]  s_used_queue,
    input  wire [15:0]       s_used_head,
    input  wire [31:0]       s_used_len,
    input  wire              s_used_valid,
    output wire              s_used_ready,
    input  wire              s_used_final,      // nothing more is under way in this queue
    input  wire [15:0]       s_used_size,       // of its ring
    // The ring of the queue at hand
    output wire [QID_W-1:0]  m_open_queue,
    input  wire [63:0]       s_open_used_addr,
    // Write requests, those with m_req_ack end a batch; their beats, in the lanes of the memory
    output wire [63:0]       m_req_addr,
    output wire [12:0]       m_req_len,
    output wire [QID_W-1:0]  m_req_queue,
    output wire              m_req_ack,
    output wire              m_req_valid,
    input  wire              m_req_ready,
    output wire [DATA_W-1:0] m_beat_data,
    output wire              m_beat_valid,
    input  wire              m_beat_ready,
    input  wire              s_ack_valid,
    // Batches acknowledged: elements, and the used index after them
    output wire [QID_W-1:0]  m_batch_queue,
    output wire [15:0]       m_batch_index,
    output wire [7:0]        m_batch_count,
    output wire              m_batch_valid,
    input  wire              m_batch_ready
);
    localparam WORDS   = DATA_W / 32;               // of a beat; an element has two
    localparam WORD_W  = $clog2(WORDS);
    localparam BEATS   = 16384 / DATA_W;            // more than two batches
    localparam OFS_W   = $clog2(MAX_BYTES);
    localparam COUNT_W = $clog2(BATCH_MAX) + 1;
    localparam LEN_W   = COUNT_W + 3 > OFS_W + 1 ? COUNT_W + 3 : OFS_W + 1;
    localparam WAIT_W  = $clog2(WAIT) + 1;
    localparam AGE_W   = $clog2(AGE) + 1;
    localparam PEND_W  = $clog2(BATCHES) + 1;

    // The open batch
    reg                open_reg;
    reg  [QID_W-1:0]   queue_reg;
    reg  [15:0]        first_reg;       // used index before its first element
    reg  [15:0]        next_reg;        // ... after its last one
    reg                final_reg;       // nothing more is under way
    reg                steady_reg;      // the last completion came soon after the one before
    reg  [WAIT_W-1:0]  quiet_reg;       // idle cycles without a completion, up to WAIT
    reg  [AGE_W-1:0]   age_reg;
    wire [15:0]        used_index;
    wire               beat_room, sent_room, req_free;
    reg  [15:0]        mask_reg;        // size of its ring - 1
    reg                at_end_reg;      // its last element is the ring's last one
    wire [15:0]        last_index = open_reg ? next_reg : used_index;
    wire [15:0]        mask    = s_used_size - 16'd1;
    wire [COUNT_W-1:0] count   = next_reg[COUNT_W-1:0] - first_reg[COUNT_W-1:0];
    wire               timely  = !steady_reg || quiet_reg[WAIT_W-1] || age_reg[AGE_W-1];
    wire               close   = open_reg && (count[COUNT_W-1] || at_end_reg || final_reg ||
                                 timely || (s_used_valid && s_used_queue != queue_reg));
    wire               closed  = close && beat_room && req_free;
    wire               accept  = s_used_valid && s_used_ready;

    assign s_used_ready = !close && beat_room;
    assign m_open_queue = queue_reg;

    vq_table #(.WIDTH(16), .ROWS(QUEUES)) u_used_index (
        .clk(clk),
        .clear(~s_ready),
        .write_en(closed),
        .write_addr(queue_reg),
        .write_data(next_reg),
        .read_a_addr(s_used_queue),
        .read_a_data(used_index),
        .read_b_addr(s_used_queue),
        .read_b_data(used_copy)
    );
    wire [15:0] used_copy;

    always @(posedge clk) begin
        if (accept) quiet_reg <= {WAIT_W{1'b0}};
        else if (!s_busy && !quiet_reg[WAIT_W-1]) quiet_reg <= quiet_reg + 1'b1;
        if (!open_reg) age_reg <= {AGE_W{1'b0}};
        else if (!age_reg[AGE_W-1]) age_reg <= age_reg + 1'b1;
        if (accept) begin
            queue_reg  <= s_used_queue;
            if (!open_reg) first_reg <= used_index;
            next_reg   <= last_index + 16'd1;       // wraps
            mask_reg   <= mask;
            at_end_reg <= (last_index & mask) == mask;
            final_reg  <= s_used_final;
            steady_reg <= !quiet_reg[WAIT_W-1];
            open_reg   <= 1'b1;
        end
        if (closed) open_reg <= 1'b0;
        if (rst) begin
            open_reg  <= 1'b0;
            quiet_reg <= WAIT[WAIT_W-1:0];
        end
    end

    // Its elements, a cycle later, put where they lie in the beats of the memory: the head in
    // word place, the length in the word after it, which may be the next beat's first one
    reg                element_reg;
    reg  [15:0]        head_reg;
    reg  [31:0]        len_reg;
    reg                part_reg;        // beat_reg holds words that have not left
    reg                flush_reg;       // ... and the batch is closed
    reg  [DATA_W-1:0]  beat_reg;
    reg  [DATA_W-1:0]  beat;
    wire [15:0]        newest = (next_reg - 16'd1) & mask_reg;
    wire [WORD_W-1:0]  place  = s_open_used_addr[WORD_W+1:2] + 1'b1 +
                                {newest[WORD_W-1:0] << 1};      // wraps
    wire               pack   = element_reg && beat_room;
    wire               brim   = place == {{(WORD_W-1){1'b1}}, 1'b0};
    wire               over   = place == {WORD_W{1'b1}};
    wire               spill  = flush_reg && part_reg;
    integer            i;

    always @* begin
        beat = beat_reg;
        for (i = 0; i < WORDS; i = i + 1) begin
            if (element_reg && place == i[WORD_W-1:0]) beat[32*i +: 32] = {16'd0, head_reg};
            if (element_reg && !over && place + 1'b1 == i[WORD_W-1:0]) beat[32*i +: 32] = len_reg;
        end
    end

    always @(posedge clk) begin
        if (accept) begin
            head_reg <= s_used_head;
            len_reg  <= s_used_len;
        end
        if (beat_room) element_reg <= accept;
        if (pack) begin
            beat_reg <= beat;
            if (over) beat_reg[31:0] <= len_reg;
            part_reg <= !brim;
        end
        if (beat_room) flush_reg <= closed;
        if (rst) begin
            element_reg <= 1'b0;
            flush_reg   <= 1'b0;
        end
    end

    vq_fifo #(.WIDTH(DATA_W), .DEPTH(BEATS), .BLOCK_EN(1'b1)) u_beats (
        .clk(clk),
        .rst(rst),
        .s_data(beat),
        .s_valid((element_reg && (brim || over)) || spill),
        .s_ready(beat_room),
        .m_data(m_beat_data),
        .m_valid(m_beat_valid),
        .m_ready(m_beat_ready)
    );

    // The closed batch, in bursts that cross no boundary
    reg                req_reg;
    reg  [63:0]        req_addr_reg;
    reg  [LEN_W-1:0]   req_len_reg;
    reg  [QID_W-1:0]   req_queue_reg;
    reg  [15:0]        req_index_reg;
    reg  [COUNT_W-1:0] req_count_reg;
    wire [15:0]        slot = first_reg & mask_reg;
    wire [OFS_W:0]     room = MAX_BYTES[OFS_W:0] - {1'b0, req_addr_reg[OFS_W-1:0]};
    wire               fits = req_len_reg <= {{(LEN_W-OFS_W-1){1'b0}}, room};
    wire [LEN_W-1:0]   take = fits ? req_len_reg : {{(LEN_W-OFS_W-1){1'b0}}, room};
    wire               sent = m_req_valid && m_req_ready;

    assign req_free    = !req_reg || (sent && fits);
    assign m_req_addr  = req_addr_reg;
    assign m_req_len   = {{(13-LEN_W){1'b0}}, take};
    assign m_req_queue = req_queue_reg;
    assign m_req_ack   = fits;
    assign m_req_valid = req_reg && sent_room;

    always @(posedge clk) begin
        if (req_free) req_reg <= closed;
        if (sent) begin
            req_addr_reg <= {req_addr_reg[63:OFS_W] + 1'b1, {OFS_W{1'b0}}};
            req_len_reg  <= req_len_reg - take;
        end
        if (closed) begin
            req_addr_reg  <= s_open_used_addr + 64'd4 + {45'd0, slot, 3'd0};
            req_len_reg   <= {{(LEN_W-COUNT_W-3){1'b0}}, count, 3'd0};
            req_queue_reg <= queue_reg;
            req_index_reg <= next_reg;
            req_count_reg <= count;
        end
        if (rst) req_reg <= 1'b0;
    end

    // Batches requested, until acknowledged
    wire [COUNT_W-1:0] batch_count;
    wire               sent_held;
    reg  [PEND_W-1:0]  acked_reg;       // acknowledged, not yet handed on
    wire               handed = m_batch_valid && m_batch_ready;

    vq_fifo #(.WIDTH(QID_W+16+COUNT_W), .DEPTH(BATCHES)) u_sent (
        .clk(clk),
        .rst(rst),
        .s_data({req_queue_reg, req_index_reg, req_count_reg}),
        .s_valid(req_reg && m_req_ready && fits),
        .s_ready(sent_room),
        .m_data({m_batch_queue, m_batch_index, batch_count}),
        .m_valid(sent_held),
        .m_ready(handed)
    );

    assign m_batch_count = {{(8-COUNT_W){1'b0}}, batch_count};
    assign m_batch_valid = sent_held && acked_reg != {PEND_W{1'b0}};

    always @(posedge clk) begin
        if (s_ack_valid && !handed) acked_reg <= acked_reg + 1'b1;
        if (handed && !s_ack_valid) acked_reg <= acked_reg - 1'b1;
        if (rst) acked_reg <= {PEND_W{1'b0}};
    end

    wire unused = &{1'b0, used_copy, newest[15:WORD_W-1]};

    `VQ_ASSERT(a_acked, acked_reg == {PEND_W{1'b0}} || sent_held)
endmodule
`resetall
