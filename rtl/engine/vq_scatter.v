// SPDX-License-Identifier: Apache-2.0
// vq_scatter - write each response's bytes into its chain's writable segments.
//   Contract    a chunk is requested only when all its bytes are here, so the write channel never
//               waits for the device function. A chain counts as completed once its last chunk
//               was taken. A response longer than the chain takes is not written at all and
//               returned with length 0
//   Latency     2 cycles, response without bytes to completion; 7 cycles, response to its first
//               request; 1 cycle, last byte of a chunk to its request
//   Throughput  1 beat per cycle, 1 response per cycle, 1 segment per cycle but for 1 more cycle
//               from chunk to chunk of the chain store
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_scatter #(
    parameter DATA_W    = 64,       // beat, bits
    parameter QID_W     = 2,        // queue number, bits
    parameter TAG_W     = 8,        // chunk of the chain store, bits
    parameter MAX_BYTES = 256,      // longest chunk, bytes; power of two, DATA_W/8 to 4096
    parameter BEATS     = 256       // beats of responses held; power of two, at least two chunks
) (
    input  wire                clk,
    input  wire                rst,
    // Ends of walks: what is kept of each chain under its tag; its writable segments lie from
    // s_chain_w_at to place s_chain_place of chunk s_chain_last
    input  wire [TAG_W-1:0]    s_chain_tag,
    input  wire [QID_W-1:0]    s_chain_queue,
    input  wire [15:0]         s_chain_head,
    input  wire [15:0]         s_chain_slots,
    input  wire [31:0]         s_chain_writable,
    input  wire [TAG_W+1:0]    s_chain_w_at,
    input  wire [TAG_W-1:0]    s_chain_last,
    input  wire [1:0]          s_chain_place,
    input  wire                s_chain_valid,
    // Responses: s_rsp_len bytes follow as one packet
    input  wire [TAG_W-1:0]    s_rsp_tag,
    input  wire [31:0]         s_rsp_len,
    input  wire                s_rsp_more,     // used only together with the next response
    input  wire                s_rsp_valid,
    output wire                s_rsp_ready,
    input  wire [DATA_W-1:0]   s_axis_tdata,
    input  wire [DATA_W/8-1:0] s_axis_tkeep,
    input  wire                s_axis_tlast,
    input  wire                s_axis_tvalid,
    output wire                s_axis_tready,
    // Segments of the chain store: a cycle after m_read_en their data, and the chunk after theirs
    output wire                m_read_en,
    output wire [TAG_W+1:0]    m_read_at,
    input  wire [95:0]         s_read_data,
    input  wire [TAG_W-1:0]    s_after_next,
    // Write requests and their beats, in the lanes of the memory
    output wire [63:0]         m_req_addr,
    output wire [12:0]         m_req_len,
    output wire [QID_W-1:0]    m_req_queue,
    output wire                m_req_null,
    output wire                m_req_valid,
    input  wire                m_req_ready,
    output wire [DATA_W-1:0]   m_beat_data,
    output wire                m_beat_valid,
    input  wire                m_beat_ready,
    // Completed chains
    output wire [QID_W-1:0]    m_used_queue,
    output wire [15:0]         m_used_head,
    output wire [15:0]         m_used_slots,   // places of the ring that it takes
    output wire [31:0]         m_used_len,
    output wire                m_used_whole,   // all its writable bytes were written
    output wire                m_used_more,    // used only together with the next one
    output wire                m_used_valid,
    input  wire                m_used_ready,
    // Their chunks, released
    output wire [TAG_W-1:0]    m_release_first,
    output wire [TAG_W-1:0]    m_release_last,
    output wire                m_release_valid,
    input  wire                m_release_ready
);
    localparam BYTES   = DATA_W / 8;
    localparam LANE_W  = $clog2(BYTES);
    localparam OFS_W   = $clog2(MAX_BYTES);
    localparam REQS    = 4;             // chunks cut and not yet taken
    // Beats are counted modulo 2**CNT_W: more than can be held, or asked for and not yet here
    localparam CNT_W   = $clog2((REQS + 1) * MAX_BYTES / BYTES + BEATS) + 2;
    localparam BURST_W = OFS_W - LANE_W + 1;    // beats of a chunk less one, bits

    if (MAX_BYTES > BEATS * BYTES / 2) begin : gen_bad_beats
        ERROR_BEATS_must_hold_two_chunks_of_MAX_BYTES u_error ();
    end
    if (MAX_BYTES < BYTES) begin : gen_bad_bytes
        ERROR_MAX_BYTES_must_be_a_beat_or_more u_error ();
    end

    // 1: the response at hand and its chain
    reg  [TAG_W-1:0]  tag_reg;
    reg  [31:0]       len_reg;
    reg               none_reg;         // it has no bytes
    reg               more_reg;
    reg               rsp_reg;
    wire [QID_W-1:0]  queue;
    wire [15:0]       head, slots;
    wire [31:0]       writable;
    wire [TAG_W+1:0]  w_at;
    wire [TAG_W-1:0]  last;
    wire [1:0]        place;
    wire              done_room, walk_room;
    wire              rsp_move = rsp_reg && done_room && (none_reg || walk_room);

    assign s_rsp_ready = !rsp_reg || rsp_move;

    vq_ram #(.WIDTH(QID_W+32+32+TAG_W+2+TAG_W+2), .DEPTH(2**TAG_W)) u_chains (
        .clk(clk),
        .write_en(s_chain_valid),
        .write_addr(s_chain_tag),
        .write_data({s_chain_queue, s_chain_head, s_chain_slots, s_chain_writable, s_chain_w_at,
                     s_chain_last, s_chain_place}),
        .read_en(s_rsp_ready && s_rsp_valid),
        .read_addr(s_rsp_tag),
        .read_data({queue, head, slots, writable, w_at, last, place})
    );

    always @(posedge clk) begin
        if (s_rsp_ready) rsp_reg <= s_rsp_valid;
        if (s_rsp_ready && s_rsp_valid) begin
            tag_reg  <= s_rsp_tag;
            len_reg  <= s_rsp_len;
            none_reg <= s_rsp_len == 32'd0;
            more_reg <= s_rsp_more;
        end
        if (rst) rsp_reg <= 1'b0;
    end

    // It goes on to its segments, or waits for them where no later stage is looked at
    wire [TAG_W+1:0]  walk_at, walk_end;
    wire [31:0]       walk_len, walk_writable;
    wire [QID_W-1:0]  walk_queue;
    wire              walk_valid, walk_free;
    wire              walk_load = walk_valid && walk_free;

    vq_skid #(.WIDTH(2*(TAG_W+2)+64+QID_W)) u_walk (
        .clk(clk),
        .rst(rst),
        .s_data({w_at, last, place, len_reg, writable, queue}),
        .s_valid(rsp_reg && done_room && !none_reg),
        .s_ready(walk_room),
        .m_data({walk_at, walk_end, walk_len, walk_writable, walk_queue}),
        .m_valid(walk_valid),
        .m_ready(walk_free)
    );

    // 2: read its segments, ahead of need
    reg  [TAG_W+1:0]  at_reg, end_reg;  // the next one, the chain's last one
    reg  [31:0]       walk_len_reg;
    reg  [QID_W-1:0]  walk_queue_reg;
    reg               walk_null_reg;    // longer than the chain: nothing is written
    reg               walk_reg;
    reg               fresh_reg;        // none of this chain was read
    reg               turned_reg;       // the next one begins the chunk s_after_next
    wire              read_free, skip, skip_walk;
    wire              at_end  = at_reg == end_reg;
    wire              read    = walk_reg && !skip_walk && read_free && !turned_reg;

    assign walk_free   = !walk_reg || (read && at_end);
    assign m_read_en   = read;
    assign m_read_at   = at_reg;

    always @(posedge clk) begin
        turned_reg <= read && at_reg[1:0] == 2'd3;
        if (turned_reg) at_reg <= {s_after_next, 2'd0};
        if (walk_free) walk_reg <= walk_load;
        else if (skip_walk) walk_reg <= 1'b0;
        if (read) begin
            at_reg    <= at_reg + 1'b1;
            fresh_reg <= 1'b0;
        end
        if (walk_load) begin
            at_reg         <= walk_at;
            end_reg        <= walk_end;
            walk_len_reg   <= walk_len;
            walk_null_reg  <= walk_len > walk_writable;
            walk_queue_reg <= walk_queue;
            fresh_reg      <= 1'b1;
            turned_reg     <= 1'b0;
        end
        if (rst) walk_reg <= 1'b0;
    end

    // 3: s_read_data is a segment, the first of its chain or the one after that in stage 4
    reg               read_reg, first_reg, read_null_reg;
    reg  [31:0]       read_len_reg;
    reg  [QID_W-1:0]  read_queue_reg;
    wire              seg_free;
    wire              seg_load = read_reg && seg_free && !(skip && !first_reg);

    assign read_free = !read_reg || seg_free;

    always @(posedge clk) begin
        if (read_free) read_reg <= read;
        if (read) begin
            first_reg <= fresh_reg;
            if (fresh_reg) begin
                read_len_reg   <= walk_len_reg;
                read_null_reg  <= walk_null_reg;
                read_queue_reg <= walk_queue_reg;
            end
        end
        if (rst) read_reg <= 1'b0;
    end

    // 4: how much of the segment the response fills. What was read beyond its end is skipped
    reg               seg_reg, null_reg;
    reg  [63:0]       seg_addr_reg;
    reg  [31:0]       seg_len_reg;
    reg  [31:0]       left_reg;         // bytes of the response for this segment and later ones
    reg  [QID_W-1:0]  queue_reg;
    wire              cut_free;
    wire              empty    = seg_len_reg == 32'd0 && !null_reg;
    // The response ends in this segment: so says the upper half of the lengths, or the lower one
    reg               fills_high_reg, fills_low_reg;
    wire              fills    = fills_high_reg || fills_low_reg;
    wire [31:0]       left_after = left_reg - seg_len_reg;
    wire              seg_move = seg_reg && cut_free;
    wire [31:0]       left     = first_reg ? read_len_reg : seg_reg ? left_after : left_reg;
    wire [31:0]       read_len = s_read_data[31:0];

    assign seg_free  = !seg_reg || seg_move;
    assign skip      = seg_move && fills;
    assign skip_walk = skip && !fresh_reg && !(read_reg && first_reg);

    always @(posedge clk) begin
        if (seg_free) seg_reg <= seg_load;
        if (seg_move) left_reg <= left_after;
        if (seg_load) begin
            {seg_addr_reg, seg_len_reg} <= s_read_data;
            fills_high_reg <= (first_reg ? read_null_reg : null_reg) ||
                              left[31:16] < read_len[31:16];
            fills_low_reg  <= left[31:16] == read_len[31:16] && left[15:0] <= read_len[15:0];
            if (first_reg) begin
                left_reg  <= read_len_reg;
                null_reg  <= read_null_reg;
                queue_reg <= read_queue_reg;
            end
        end
        if (rst) seg_reg <= 1'b0;
    end

    // 5: cut it into chunks
    reg               cut_reg, cut_last_reg, cut_null_reg;
    reg  [63:0]       cut_addr_reg;
    reg  [31:0]       cut_len_reg;
    reg  [OFS_W:0]    room_reg;         // bytes to the next boundary
    reg  [QID_W-1:0]  cut_queue_reg;
    reg  [CNT_W+LANE_W-1:0] pos_reg;    // of the next byte, in all bytes of all beats
    wire              req_room, note_room;
    reg               fits_reg;         // the rest is one chunk
    wire [OFS_W:0]    chunk    = fits_reg ? cut_len_reg[OFS_W:0] : room_reg;
    wire [31:0]       cut_rest = cut_len_reg - {{(31-OFS_W){1'b0}}, room_reg};
    wire [OFS_W:0]    seg_room = MAX_BYTES[OFS_W:0] - {1'b0, seg_addr_reg[OFS_W-1:0]};
    wire              cut      = cut_reg && req_room && note_room;
    wire              finish   = cut_last_reg && fits_reg;
    wire [CNT_W+LANE_W-1:0] pos_end = pos_reg + {{(CNT_W+LANE_W-OFS_W-1){1'b0}}, chunk};
    wire [CNT_W-1:0]  needed   = pos_end[CNT_W+LANE_W-1:LANE_W] +
                                 {{(CNT_W-1){1'b0}}, |pos_end[LANE_W-1:0]};
    wire [LANE_W-1:0] lane     = cut_addr_reg[LANE_W-1:0];
    wire [OFS_W:0]    reach    = chunk + {{(OFS_W+1-LANE_W){1'b0}}, lane} - 1'b1;

    assign cut_free = !cut_reg || (cut && fits_reg);

    always @(posedge clk) begin
        if (cut_free) cut_reg <= seg_move && !empty;
        if (cut) begin
            cut_addr_reg <= {cut_addr_reg[63:OFS_W] + 1'b1, {OFS_W{1'b0}}};
            cut_len_reg  <= cut_rest;
            room_reg     <= MAX_BYTES[OFS_W:0];
            fits_reg     <= cut_rest <= MAX_BYTES;
            pos_reg      <= finish ? {needed, {LANE_W{1'b0}}} : pos_end;
        end
        if (seg_move && !empty) begin
            cut_addr_reg  <= seg_addr_reg;
            cut_len_reg   <= fills ? left_reg : seg_len_reg;
            cut_last_reg  <= fills;
            cut_null_reg  <= null_reg;
            cut_queue_reg <= queue_reg;
            room_reg      <= seg_room;
            fits_reg      <= fills ? left_reg <= {{(31-OFS_W){1'b0}}, seg_room}
                                   : seg_len_reg <= {{(31-OFS_W){1'b0}}, seg_room};
        end
        if (rst) begin
            cut_reg <= 1'b0;
            pos_reg <= {(CNT_W+LANE_W){1'b0}};
        end
    end

    // 6: request the chunks whose bytes are here
    reg  [CNT_W-1:0]  in_reg;           // beats that came
    wire [OFS_W:0]    req_len;
    wire [CNT_W-1:0]  req_needed;
    wire              req_final, req_held;
    wire [CNT_W-1:0]  spare = in_reg - req_needed;      // wraps; negative: not all here
    wire              axis_in = s_axis_tvalid && s_axis_tready;

    vq_fifo #(.WIDTH(64+OFS_W+1+QID_W+2+CNT_W), .DEPTH(REQS)) u_reqs (
        .clk(clk),
        .rst(rst),
        .s_data({cut_addr_reg, chunk, cut_queue_reg, cut_null_reg, finish, needed}),
        .s_valid(cut),
        .s_ready(req_room),
        .m_data({m_req_addr, req_len, m_req_queue, m_req_null, req_final, req_needed}),
        .m_valid(req_held),
        .m_ready(m_req_valid && m_req_ready)
    );

    assign m_req_len   = {{(12-OFS_W){1'b0}}, req_len};
    assign m_req_valid = req_held && !spare[CNT_W-1];

    always @(posedge clk) begin
        if (axis_in) in_reg <= in_reg + 1'b1;
        if (rst) in_reg <= {CNT_W{1'b0}};
    end

    // Responses until they are completed: at once without bytes, else by their final chunk
    wire [31:0]       done_len;
    wire              done_none, done_held, end_null, end_held, end_room;
    wire              ending = done_held && (done_none || end_held);
    wire              ended  = ending && m_used_ready && m_release_ready;

    vq_fifo #(.WIDTH(QID_W+32+2+32+2*TAG_W+1), .DEPTH(16)) u_done (
        .clk(clk),
        .rst(rst),
        .s_data({queue, head, slots, len_reg == writable, more_reg, len_reg, tag_reg, last,
                 none_reg}),
        .s_valid(rsp_move),
        .s_ready(done_room),
        .m_data({m_used_queue, m_used_head, m_used_slots, m_used_whole, m_used_more, done_len,
                 m_release_first, m_release_last, done_none}),
        .m_valid(done_held),
        .m_ready(ended)
    );
    vq_fifo #(.WIDTH(1), .DEPTH(16)) u_ends (
        .clk(clk),
        .rst(rst),
        .s_data(m_req_null),
        .s_valid(m_req_valid && m_req_ready && req_final),
        .s_ready(end_room),
        .m_data(end_null),
        .m_valid(end_held),
        .m_ready(ended && !done_none)
    );

    assign m_used_len      = end_null && !done_none ? 32'd0 : done_len;
    assign m_used_valid    = ending && m_release_ready;
    assign m_release_valid = ending && m_used_ready;

    // Beats of the chunks: merge the two beats of a response that an output beat is made of, then
    // turn its lanes. A beat of which bytes are left waits in keep_reg
    wire [LANE_W-1:0]  n_from, n_turn;          // first byte in its beat; lanes to turn by
    wire [BURST_W-1:0] n_more;                  // beats after the first
    wire               n_first, n_last;         // these beats use another one of the response
    wire               n_finish, note_held;
    reg  [BURST_W-1:0] beat_reg;
    wire               beat_first = beat_reg == {BURST_W{1'b0}};
    wire               beat_last  = beat_reg == n_more;
    wire [LANE_W-1:0]  from  = beat_first ? n_from : {LANE_W{1'b0}} - n_turn;
    wire               whole = from == {LANE_W{1'b0}};  // no beat is kept
    wire               uses  = beat_first ? n_first : !beat_last || n_last;
    wire               data_held, data_last, merged_free, out_free;
    wire [DATA_W-1:0]  data;
    wire               merge = note_held && merged_free && (!uses || data_held);
    wire [BYTES-1:0]   new_lanes = whole ? {BYTES{1'b1}} : ~({BYTES{1'b1}} << from);
    reg  [DATA_W-1:0]  keep_reg, merged_reg, out_reg;
    reg  [LANE_W-1:0]  turn_reg;
    reg                merged_valid_reg, out_valid_reg;

    // What the merge needs of a chunk is worked out here: a beat uses another one of the response
    // if it has bytes beyond those kept, or none are kept
    wire [LANE_W-1:0]  c_from = pos_reg[LANE_W-1:0];
    wire [LANE_W-1:0]  c_turn = lane - c_from;                  // wraps
    wire [LANE_W-1:0]  c_next = {LANE_W{1'b0}} - c_turn;        // first byte of all later beats
    wire [LANE_W-1:0]  c_end  = |reach[OFS_W:LANE_W] ? {LANE_W{1'b1}} : reach[LANE_W-1:0];
    wire               c_first = c_from == {LANE_W{1'b0}} ||
                                 {1'b0, c_from} + {1'b0, c_end} >= BYTES[LANE_W:0] + {1'b0, lane};
    wire               c_last  = c_next == {LANE_W{1'b0}} ||
                                 {1'b0, c_next} + {1'b0, reach[LANE_W-1:0]} >= BYTES[LANE_W:0];

    vq_fifo #(.WIDTH(2*LANE_W+BURST_W+3), .DEPTH(16)) u_notes (
        .clk(clk),
        .rst(rst),
        .s_data({c_from, c_turn, reach[OFS_W:LANE_W], c_first, c_last, finish}),
        .s_valid(cut),
        .s_ready(note_room),
        .m_data({n_from, n_turn, n_more, n_first, n_last, n_finish}),
        .m_valid(note_held),
        .m_ready(merge && beat_last)
    );
    vq_fifo #(.WIDTH(DATA_W+1), .DEPTH(BEATS), .BLOCK_EN(BEATS > 16)) u_data (
        .clk(clk),
        .rst(rst),
        .s_data({s_axis_tlast, s_axis_tdata}),
        .s_valid(s_axis_tvalid),
        .s_ready(s_axis_tready),
        .m_data({data_last, data}),
        .m_valid(data_held),
        .m_ready(merge && uses)
    );

    reg  [DATA_W-1:0] turned;
    integer           g;

    always @* begin
        turned = merged_reg;
        for (g = 0; g < LANE_W; g = g + 1)
            if (turn_reg[g]) turned = (turned << (8 << g)) | (turned >> (DATA_W - (8 << g)));
    end

    assign out_free     = !out_valid_reg || m_beat_ready;
    assign merged_free  = !merged_valid_reg || out_free;
    assign m_beat_data  = out_reg;
    assign m_beat_valid = out_valid_reg;

    integer k;

    always @(posedge clk) begin
        if (merged_free) merged_valid_reg <= merge;
        if (merge) begin
            for (k = 0; k < BYTES; k = k + 1)
                merged_reg[8*k +: 8] <= new_lanes[k] ? data[8*k +: 8] : keep_reg[8*k +: 8];
            if (uses) keep_reg <= data;
            turn_reg <= n_turn;
            beat_reg <= beat_last ? {BURST_W{1'b0}} : beat_reg + 1'b1;
        end
        if (out_free) out_valid_reg <= merged_valid_reg;
        if (out_free && merged_valid_reg) out_reg <= turned;
        if (rst) begin
            merged_valid_reg <= 1'b0;
            out_valid_reg    <= 1'b0;
            beat_reg         <= {BURST_W{1'b0}};
        end
    end

    wire unused = &{1'b0, s_axis_tkeep};

    `VQ_ASSUME(a_length, !walk_valid || walk_len <= walk_writable)
    `VQ_ASSERT(a_packet_end, !(merge && beat_last && uses && n_finish) || data_last)
    `VQ_ASSERT(a_end_room, !(m_req_valid && m_req_ready && req_final) || end_room)
endmodule
`resetall
