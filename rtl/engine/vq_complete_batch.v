// SPDX-License-Identifier: Apache-2.0
// vq_complete_batch - collect completed chains into used elements and write them in bursts.
//   Contract    a batch holds completions of one queue that follow each other in its ring, up to
//               BATCH_MAX. It is closed when full, at the ring's end, when another queue
//               completes, when nothing more is under way in its queue, or by time: at once if no
//               chain had completed for WAIT cycles before its last one, else after WAIT cycles
//               without one, or AGE cycles after its first. Of the WAIT cycles only those count in
//               which the write channel is not busy. Split: the elements leave in bursts. Packed:
//               used descriptors side by side in a beat leave as one burst, and only after the
//               memory has acknowledged all payload before them, which m_fence asks for where
//               there is any. With IN_ORDER a chain whose writable bytes were all written shares
//               the element of the next one, at the place of the first; that closes the batch.
//               Inside a group (s_used_more) a batch ends only where it is full or at the ring's
//               end; it is then marked part, and the next one ends with the group. Packed: the
//               group's first descriptor is written as one that is not used, and shows only by
//               m_batch_word, which the batch's end in m_batch_* asks for; it ends the batch.
//               m_batch_* names each batch whose elements, and all payload before them, the
//               memory has acknowledged
//   Latency     2 cycles, last completion of a queue to the write request or the fence; packed: 4
//               cycles to the request where nothing was written, 5 where the beat has room for
//               more, and 2 after the fence; 1 more with IN_ORDER; 1 cycle, acknowledgement to
//               m_batch
//   Throughput  1 chain per cycle, 1 more cycle a batch, with IN_ORDER 2, packed 1 more a group
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
    parameter AGE       = 512,  // cycles; power of two
    parameter [0:0] PACKED_EN = 1'b1    // 0: split rings only
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    // Set-up: field 7 is where it starts
    input  wire [QID_W-1:0]  s_setup_queue,
    input  wire [2:0]        s_setup_field,
    input  wire [31:0]       s_setup_data,
    input  wire              s_setup_valid,
    input  wire              s_packed,
    input  wire              s_in_order,
    input  wire              s_busy,            // other beats wait for the write channel
    // Completed chains
    input  wire [QID_W-1:0]  s_used_queue,
    input  wire [15:0]       s_used_head,       // packed: buffer id
    input  wire [15:0]       s_used_slots,      // places of the ring that it takes; split: 1
    input  wire [31:0]       s_used_len,
    input  wire              s_used_whole,      // all its writable bytes were written
    input  wire              s_used_more,       // used only together with the queue's next one
    input  wire              s_used_valid,
    output wire              s_used_ready,
    input  wire              s_used_final,      // nothing more is under way in this queue
    input  wire [15:0]       s_used_size,       // of its ring
    input  wire [3:0]        s_used_place,      // of its ring in 64 bytes, in words of 4 bytes
    // The used ring, or descriptor ring, of the queue at hand
    output wire [QID_W-1:0]  m_open_queue,
    input  wire [63:0]       s_open_addr,
    // Packed: asks that all payload before be acknowledged, and that it was
    output wire              m_fence_valid,
    input  wire              m_fence_ready,
    input  wire              s_fenced_valid,
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
    // Batches acknowledged: chains, and the used index before and after them. Packed: the position,
    // with the wrap counter inverted in bit 15
    output wire [QID_W-1:0]  m_batch_queue,
    output wire [15:0]       m_batch_first,
    output wire [15:0]       m_batch_index,
    output wire [7:0]        m_batch_count,
    output wire              m_batch_part,      // to be published only with the next one
    output wire              m_batch_mark,      // packed: by the flags of descriptor m_batch_slot
    output wire [14:0]       m_batch_slot,
    output wire [31:0]       m_batch_word,      // its id and flags
    output wire              m_batch_valid,
    input  wire              m_batch_ready
);
    localparam WORDS   = DATA_W / 32;               // of a beat; an element has two
    localparam WORD_W  = $clog2(WORDS);
    // More than two batches, and packed what completes until its payload is acknowledged
    localparam BEATS   = PACKED_EN ? 256 : 16384 / DATA_W;
    localparam OFS_W   = $clog2(MAX_BYTES);
    localparam COUNT_W = $clog2(BATCH_MAX) + 1;
    localparam LEN_W   = COUNT_W + 3 > OFS_W + 1 ? COUNT_W + 3 : OFS_W + 1;
    localparam WAIT_W  = $clog2(WAIT) + 1;
    localparam AGE_W   = $clog2(AGE) + 1;
    localparam PEND_W  = $clog2(BATCHES) + 1;
    localparam FIRST_W = PACKED_EN ? 16 : 1;    // split: first follows from the counts

    // The open batch
    reg                open_reg;
    reg  [QID_W-1:0]   queue_reg;
    reg  [15:0]        first_reg;       // used index before its first element
    reg  [15:0]        next_reg;        // ... after its last one
    reg  [COUNT_W-1:0] count_reg;       // its chains
    reg  [COUNT_W-1:0] elements_reg;    // its elements
    reg                written_reg;     // bytes were written for it
    reg                more_reg;        // the last chain is one of a group, and not its last
    reg                carry_reg;       // it begins inside a group
    reg                veiled_reg;      // packed: a group's first element does not show yet
    reg                plain_reg;       // packed: an element shows as soon as it is written
    reg                final_reg;       // nothing more is under way
    reg                steady_reg;      // the last completion came soon after the one before
    reg  [WAIT_W-1:0]  quiet_reg;       // idle cycles without a completion, up to WAIT
    reg  [AGE_W-1:0]   age_reg;
    reg                hold_reg;        // the next chain shares the last element
    reg  [15:0]        mask_reg;        // size of its ring - 1
    reg                at_end_reg;      // nothing may follow its last element
    wire               fence;           // one waits to be asked for
    wire [15:0]        used_index;
    wire               beat_room, sent_room, req_free;
    wire [15:0]        last_index = open_reg ? next_reg : used_index;
    wire [15:0]        mask    = s_used_size - 16'd1;
    wire               timely  = !steady_reg || quiet_reg[WAIT_W-1] || age_reg[AGE_W-1];
    // Packed: a group whose first element is veiled ends its batch, which unveils that one
    wire               over_now = final_reg || timely || carry_reg || veiled_reg;
    wire               close   = open_reg && (count_reg[COUNT_W-1] || at_end_reg ||
                                 (!more_reg && (over_now ||
                                 (s_used_valid && s_used_queue != queue_reg))));
    wire               closed  = close && !hold_reg && beat_room && sent_room &&
                                 (s_packed ? !fence : req_free);
    wire               accept  = s_used_valid && s_used_ready;
    wire               wrote   = s_used_len != 32'd0;

    // The used index after it. Packed: a position, whose wrap counter toggles at the ring's end
    wire [15:0]        ahead   = last_index + (s_packed ? s_used_slots : 16'd1);    // wraps
    wire [16:0]        behind  = {1'b0, s_used_slots} - {1'b0, s_used_size};    // negative, or 0
    wire [16:0]        beyond  = {2'b00, last_index[14:0]} + behind;
    wire               around  = s_packed && !beyond[16];
    wire [15:0]        next_index = around ? {~last_index[15], beyond[14:0]} : ahead;

    assign s_used_ready = !close && beat_room;

    vq_index_table #(.QUEUES(QUEUES), .QID_W(QID_W), .USED(1'b1)) u_used_index (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
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
            next_reg     <= next_index;
            count_reg    <= (open_reg ? count_reg : {COUNT_W{1'b0}}) + 1'b1;
            elements_reg <= (open_reg ? elements_reg : {COUNT_W{1'b0}}) +
                            {{(COUNT_W-1){1'b0}}, !hold_reg};
            written_reg  <= wrote || (open_reg && written_reg);
            mask_reg     <= mask;
            at_end_reg   <= (s_packed ? around : (last_index & mask) == mask) ||
                            (hold_reg && !s_used_whole);
            final_reg    <= s_used_final;
            if (!more_reg) steady_reg <= !quiet_reg[WAIT_W-1];
            more_reg     <= s_used_more;
            if (!open_reg) carry_reg <= more_reg;
            open_reg     <= 1'b1;
            hold_reg     <= s_in_order && s_used_whole;
        end
        if (close) hold_reg <= 1'b0;
        if (closed) open_reg <= 1'b0;
        if (rst) begin
            open_reg  <= 1'b0;
            hold_reg  <= 1'b0;
            more_reg  <= 1'b0;
            quiet_reg <= WAIT[WAIT_W-1:0];
        end
    end

    // Its elements, a cycle later or when none shares them any more, put where they lie in the
    // beats of the memory: the first half in word place, the other in the word after it, which may
    // be the next beat's first one. Packed: length, then id and flags
    reg                element_reg;
    reg  [31:0]        low_reg, high_reg;
    reg  [WORD_W-1:0]  place_reg;
    reg                part_reg;        // beat_reg holds words that have not left
    reg                flush_reg;       // ... and the batch is closed
    reg                alone_reg;       // the next element is not beside it
    reg  [DATA_W-1:0]  beat_reg;
    reg  [DATA_W-1:0]  beat;
    // A group's first packed descriptor is written as one that is not used, until the others are
    wire [31:0]        high   = {high_reg[31] ^ veil, high_reg[30:0]};
    wire [2:0]         slot_low = last_index[2:0] & mask[2:0];
    wire [3:0]         place  = s_used_place + (s_packed ? {last_index[1:0], 2'd2}
                                                         : {slot_low, 1'b1});       // wraps
    wire               pack   = element_reg && !hold_reg;
    wire               veil;
    wire               shows  = pack && !veiled_reg && !veil;
    wire               brim   = place_reg == {{(WORD_W-1){1'b1}}, 1'b0} || alone_reg;
    wire               over   = place_reg == {WORD_W{1'b1}};
    wire               spill  = flush_reg && part_reg;
    wire               push   = (pack && (brim || over)) || spill;
    integer            i;

    always @* begin
        beat = beat_reg;
        for (i = 0; i < WORDS; i = i + 1) begin
            if (pack && place_reg == i[WORD_W-1:0]) beat[32*i +: 32] = low_reg;
            if (pack && !over && place_reg + 1'b1 == i[WORD_W-1:0]) beat[32*i +: 32] = high;
        end
    end

    always @(posedge clk) begin
        if (accept) begin
            low_reg  <= s_packed ? s_used_len : {16'd0, s_used_head};
            high_reg <= s_packed ? {!last_index[15], 7'd0, !last_index[15], 5'd0, wrote, 1'b0,
                                    s_used_head} : s_used_len;
        end
        if (accept && !hold_reg) begin
            place_reg <= place[WORD_W-1:0];
            alone_reg <= s_packed && s_used_slots != 16'd1;
        end
        if (accept) element_reg <= 1'b1;
        else if (pack && beat_room) element_reg <= 1'b0;
        if (pack && beat_room) begin
            beat_reg <= beat;
            if (over) beat_reg[31:0] <= high_reg;       // split
            part_reg <= !brim;
        end
        if (beat_room) flush_reg <= closed;
        veiled_reg <= (veiled_reg || (veil && beat_room)) && !(closed && !more_reg);
        plain_reg  <= (plain_reg || shows) && !closed;
        if (rst) begin
            element_reg <= 1'b0;
            flush_reg   <= 1'b0;
            veiled_reg  <= 1'b0;
            plain_reg   <= 1'b0;
            beat_reg    <= {DATA_W{1'b0}};  // lanes that no element is in have strobes of 0
        end
    end

    wire beats_ready, notes_ready, firsts_ready;

    assign beat_room = beats_ready && notes_ready && firsts_ready;

    vq_fifo #(.WIDTH(DATA_W), .DEPTH(BEATS), .BLOCK_EN(1'b1)) u_beats (
        .clk(clk),
        .rst(rst),
        .s_data(beat),
        .s_valid(push && notes_ready && firsts_ready),
        .s_ready(beats_ready),
        .m_data(m_beat_data),
        .m_valid(m_beat_valid),
        .m_ready(m_beat_ready)
    );

    // Packed: a burst for each beat that has left, once the payload before its batch is
    // acknowledged
    wire [QID_W-1:0]   send_queue;
    wire [14:0]        send_slot;       // of the beat's first element
    wire [1:0]         send_more;       // its elements after that
    wire               send_valid, send_final;
    wire               send = send_valid && req_free;

    assign m_fence_valid = fence;

    generate
        if (PACKED_EN) begin : gen_packed
            reg  [14:0]        at_reg;          // slot of the last element
            reg  [1:0]         held_reg;        // elements in beat_reg
            wire [1:0]         more = held_reg - {1'b0, spill};
            // What lies behind a veiled descriptor needs no fence: it shows only when a later write
            // than its own was acknowledged
            wire               fenced = written_reg && (plain_reg || shows);
            wire               first_held;

            assign veil = pack && more_reg && !veiled_reg && s_packed;

            always @(posedge clk) begin
                if (accept && !hold_reg) at_reg <= last_index[14:0];
                if (beat_room && pack) held_reg <= brim ? 2'd0 : held_reg + 1'b1;
                if (beat_room && spill) held_reg <= 2'd0;
                if (rst) held_reg <= 2'd0;
            end

            vq_complete_fence #(
                .QID_W(QID_W), .COUNT_W(COUNT_W), .BEATS(BEATS), .BATCHES(BATCHES)
            ) u_fence (
                .clk(clk),
                .rst(rst),
                .s_beat_slot(at_reg - {13'd0, more}),
                .s_beat_more(more),
                .s_beat_valid(push && beats_ready && firsts_ready && s_packed),
                .s_beat_ready(notes_ready),
                .s_batch_queue(queue_reg),
                .s_batch_count(elements_reg),
                .s_batch_fence(fenced),
                .s_batch_valid(closed && s_packed),
                .m_fence_valid(fence),
                .m_fence_ready(m_fence_ready),
                .s_fenced_valid(s_fenced_valid),
                .m_send_queue(send_queue),
                .m_send_slot(send_slot),
                .m_send_more(send_more),
                .m_send_final(send_final),
                .m_send_valid(send_valid),
                .m_send_ready(req_free)
            );
            vq_fifo #(.WIDTH(47), .DEPTH(BATCHES)) u_firsts (
                .clk(clk),
                .rst(rst),
                .s_data({at_reg, high_reg}),
                .s_valid(veil && beats_ready && notes_ready),
                .s_ready(firsts_ready),
                .m_data({m_batch_slot, m_batch_word}),
                .m_valid(first_held),
                .m_ready(handed && m_batch_mark)
            );

            `VQ_ASSERT(a_first, !(m_batch_valid && m_batch_mark) || first_held)
        end else begin : gen_split
            assign notes_ready = 1'b1;
            assign firsts_ready = 1'b1;
            assign veil        = 1'b0;
            assign {m_batch_slot, m_batch_word} = 47'd0;
            assign send_valid  = 1'b0;
            assign send_final  = 1'b0;
            assign send_queue  = {QID_W{1'b0}};
            assign send_slot   = 15'd0;
            assign send_more   = 2'd0;
            assign fence       = 1'b0;
            wire unused_fence = &{1'b0, m_fence_ready, s_fenced_valid, elements_reg, written_reg};
        end
    endgenerate

    // Requests. Split: of the closed batch, in bursts that cross no boundary
    reg                req_reg, req_final_reg;
    reg  [63:0]        req_addr_reg;
    reg  [LEN_W-1:0]   req_len_reg;
    reg  [QID_W-1:0]   req_queue_reg;
    wire [15:0]        slot = first_reg & mask_reg;
    reg                fits_reg;        // the rest is one burst
    reg  [LEN_W-1:0]   take_reg;        // bytes of the burst
    wire [63:0]        req_addr = s_open_addr + (s_packed ? {45'd0, send_slot, 4'd8}
                                                          : {45'd0, slot, 3'd4});
    wire [LEN_W-1:0]   req_len  = s_packed ? {{(LEN_W-6){1'b0}}, send_more, 4'd8}
                                           : {{(LEN_W-COUNT_W-3){1'b0}}, elements_reg, 3'd0};
    wire [LEN_W-1:0]   rest     = req_len_reg - take_reg;
    wire [LEN_W-1:0]   room     = MAX_BYTES[LEN_W-1:0] -
                                  {{(LEN_W-OFS_W){1'b0}}, req_addr[OFS_W-1:0]};
    wire               sent = m_req_valid && m_req_ready;
    wire               load = s_packed ? send : closed;

    assign m_open_queue = s_packed ? send_queue : queue_reg;
    assign req_free    = !req_reg || (sent && fits_reg);
    assign m_req_addr  = req_addr_reg;
    assign m_req_len   = {{(13-LEN_W){1'b0}}, take_reg};
    assign m_req_queue = req_queue_reg;
    assign m_req_ack   = fits_reg && req_final_reg;
    assign m_req_valid = req_reg;

    always @(posedge clk) begin
        if (req_free) req_reg <= load;
        if (sent) begin
            req_addr_reg <= {req_addr_reg[63:OFS_W] + 1'b1, {OFS_W{1'b0}}};
            req_len_reg  <= rest;
            fits_reg     <= rest <= MAX_BYTES[LEN_W-1:0];
            take_reg     <= rest <= MAX_BYTES[LEN_W-1:0] ? rest : MAX_BYTES[LEN_W-1:0];
        end
        if (load) begin
            req_addr_reg  <= req_addr;
            req_len_reg   <= req_len;
            fits_reg      <= req_len <= room;
            take_reg      <= req_len <= room ? req_len : room;
            req_queue_reg <= m_open_queue;
            req_final_reg <= !s_packed || send_final;
        end
        if (rst) req_reg <= 1'b0;
    end

    // Closed batches, until acknowledged
    wire [COUNT_W-1:0] batch_count;
    wire [FIRST_W-1:0] batch_first;
    wire [15+FIRST_W:0] batch_wide = {16'd0, batch_first};
    wire               sent_held;
    reg  [PEND_W-1:0]  acked_reg;       // acknowledged, not yet handed on
    wire               handed = m_batch_valid && m_batch_ready;

    vq_fifo #(.WIDTH(QID_W+FIRST_W+18+COUNT_W), .DEPTH(BATCHES)) u_sent (
        .clk(clk),
        .rst(rst),
        .s_data({queue_reg, first_reg[FIRST_W-1:0], next_reg, more_reg, veiled_reg && !more_reg,
                 count_reg}),
        .s_valid(closed),
        .s_ready(sent_room),
        .m_data({m_batch_queue, batch_first, m_batch_index, m_batch_part, m_batch_mark,
                 batch_count}),
        .m_valid(sent_held),
        .m_ready(handed)
    );

    assign m_batch_first = batch_wide[15:0];
    assign m_batch_count = {{(8-COUNT_W){1'b0}}, batch_count};
    assign m_batch_valid = sent_held && acked_reg != {PEND_W{1'b0}};

    always @(posedge clk) begin
        if (s_ack_valid && !handed) acked_reg <= acked_reg + 1'b1;
        if (handed && !s_ack_valid) acked_reg <= acked_reg - 1'b1;
        if (rst) acked_reg <= {PEND_W{1'b0}};
    end

    wire unused = &{1'b0, used_copy, beyond[15], place, batch_wide};

    `VQ_ASSUME(a_group_queue, !(s_used_valid && more_reg) || s_used_queue == queue_reg)
    `VQ_ASSERT(a_acked, acked_reg == {PEND_W{1'b0}} || sent_held)
endmodule
`resetall
