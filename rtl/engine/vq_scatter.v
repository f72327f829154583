// SPDX-License-Identifier: Apache-2.0
// vq_scatter - write each response's bytes into its chain's writable segments.
//   Contract    a chunk is requested only when all its bytes are here, so the write channel never
//               waits for the device function. A chain counts as completed once its last chunk
//               was requested. A response longer than the chain takes is not written at all and
//               returned with length 0
//   Latency     4 cycles, last byte of a chunk to its request
//   Throughput  1 beat per cycle; 1 cycle a response without bytes, else 2 a response and 2 a
//               segment
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_scatter #(
    parameter DATA_W    = 64,       // beat, bits
    parameter QID_W     = 2,        // queue number, bits
    parameter TAG_W     = 8,        // chunk of the chain store, bits
    parameter MAX_BYTES = 256,      // longest chunk, bytes; power of two
    parameter BEATS     = 128,      // beats of responses held; power of two, at least two chunks
    parameter LANE_W    = $clog2(DATA_W/8)      // derived, not to be set
) (
    input  wire                clk,
    input  wire                rst,
    // Ends of walks: what is kept of each chain under its tag
    input  wire [TAG_W-1:0]    s_chain_tag,
    input  wire [QID_W-1:0]    s_chain_queue,
    input  wire [15:0]         s_chain_head,
    input  wire [31:0]         s_chain_writable,
    input  wire [TAG_W+1:0]    s_chain_w_at,
    input  wire [TAG_W-1:0]    s_chain_last,
    input  wire                s_chain_valid,
    // Responses: s_rsp_len bytes follow as one packet
    input  wire [TAG_W-1:0]    s_rsp_tag,
    input  wire [31:0]         s_rsp_len,
    input  wire                s_rsp_valid,
    output wire                s_rsp_ready,
    input  wire [DATA_W-1:0]   s_axis_tdata,
    input  wire [DATA_W/8-1:0] s_axis_tkeep,
    input  wire                s_axis_tlast,
    input  wire                s_axis_tvalid,
    output wire                s_axis_tready,
    // Segments of the chain store
    output wire                m_read_en,
    output wire [TAG_W+1:0]    m_read_at,
    input  wire [95:0]         s_read_data,
    output wire [TAG_W-1:0]    m_after_tag,
    input  wire [TAG_W-1:0]    s_after_next,
    // Write requests and their beats
    output wire [63:0]         m_req_addr,
    output wire [12:0]         m_req_len,
    output wire [QID_W-1:0]    m_req_queue,
    output wire                m_req_null,
    output wire                m_req_valid,
    input  wire                m_req_ready,
    output wire [DATA_W-1:0]   m_beat_data,
    output wire [LANE_W-1:0]   m_beat_offset,
    output wire [LANE_W:0]     m_beat_count,
    output wire                m_beat_last,
    output wire                m_beat_valid,
    input  wire                m_beat_ready,
    // Completed chains
    output wire [QID_W-1:0]    m_used_queue,
    output wire [15:0]         m_used_head,
    output wire [31:0]         m_used_len,
    output wire                m_used_valid,
    input  wire                m_used_ready,
    // Their chunks, released
    output wire [TAG_W-1:0]    m_release_first,
    output wire [TAG_W-1:0]    m_release_last,
    output wire                m_release_valid,
    input  wire                m_release_ready
);
    localparam BYTES   = DATA_W / 8;
    localparam OFS_W   = $clog2(MAX_BYTES);
    localparam HELD_W  = $clog2(BEATS*BYTES) + 1;
    localparam NOTE_W  = 14;            // chunk length and "last of its response"

    if (MAX_BYTES > BEATS * BYTES / 2) begin : gen_bad_beats
        ERROR_BEATS_must_hold_two_chunks_of_MAX_BYTES u_error ();
    end

    localparam [1:0] ST_START = 2'd0;   // the response at hand, if any, has its record
    localparam [1:0] ST_NODE  = 2'd1;   // s_read_data is the segment to be filled next
    localparam [1:0] ST_CHUNK = 2'd2;   // seg_reg bytes of the response go to addr_reg
    localparam [1:0] ST_END   = 2'd3;   // all chunks were requested

    // The response at hand and its chain
    reg  [TAG_W-1:0]  tag_reg;
    reg  [31:0]       len_reg;
    reg               rsp_reg;
    wire              rsp_done;
    wire [QID_W-1:0]  queue;
    wire [15:0]       head;
    wire [31:0]       writable;
    wire [TAG_W+1:0]  w_at;
    wire [TAG_W-1:0]  last;

    assign s_rsp_ready = !rsp_reg || rsp_done;

    vq_ram #(.WIDTH(QID_W+16+32+TAG_W+2+TAG_W), .DEPTH(2**TAG_W)) u_chains (
        .clk(clk),
        .write_en(s_chain_valid),
        .write_addr(s_chain_tag),
        .write_data({s_chain_queue, s_chain_head, s_chain_writable, s_chain_w_at, s_chain_last}),
        .read_en(s_rsp_ready && s_rsp_valid),
        .read_addr(s_rsp_tag),
        .read_data({queue, head, writable, w_at, last})
    );

    always @(posedge clk) begin
        if (s_rsp_ready) rsp_reg <= s_rsp_valid;
        if (s_rsp_ready && s_rsp_valid) begin
            tag_reg <= s_rsp_tag;
            len_reg <= s_rsp_len;
        end
        if (rst) rsp_reg <= 1'b0;
    end

    // Bytes held and not yet promised to a chunk
    reg  [LANE_W:0]   in_count;
    reg  [HELD_W-1:0] held_reg;
    wire              axis_in = s_axis_tvalid && s_axis_tready;
    integer           k;

    always @* begin
        in_count = {(LANE_W+1){1'b0}};
        for (k = 0; k < BYTES; k = k + 1)
            in_count = in_count + {{LANE_W{1'b0}}, s_axis_tkeep[k]};
    end

    // Requests
    reg  [1:0]        state_reg;
    reg  [TAG_W+1:0]  at_reg;
    reg  [63:0]       addr_reg;
    reg  [31:0]       seg_reg;          // bytes that go to the segment at hand
    reg  [31:0]       left_reg;         // bytes of the response not yet requested
    reg               null_reg;
    wire              too_long = len_reg > writable;
    wire [31:0]       seg_len  = s_read_data[31:0];
    wire [OFS_W:0]    room     = MAX_BYTES[OFS_W:0] - {1'b0, addr_reg[OFS_W-1:0]};
    wire              fits     = seg_reg <= {{(31-OFS_W){1'b0}}, room};
    wire [OFS_W:0]    chunk    = fits ? seg_reg[OFS_W:0] : room;
    wire [HELD_W-1:0] chunk_held = {{(HELD_W-OFS_W-1){1'b0}}, chunk};
    wire [31:0]       chunk_len  = {{(31-OFS_W){1'b0}}, chunk};
    wire              final_chunk = chunk_len == left_reg;
    wire              note_room;
    wire              request  = state_reg == ST_CHUNK && held_reg >= chunk_held && note_room;
    wire              issue    = request && m_req_ready;
    wire              no_bytes = state_reg == ST_START && rsp_reg && len_reg == 32'd0;
    wire              ending   = no_bytes || state_reg == ST_END;
    wire              skip     = state_reg == ST_NODE && seg_len == 32'd0;
    wire [TAG_W+1:0]  next_at  = at_reg[1:0] == 2'd3 ? {s_after_next, 2'd0} : at_reg + 1'b1;

    assign rsp_done        = ending && m_used_ready && m_release_ready;
    assign m_read_en       = state_reg == ST_START || skip || (issue && fits);
    assign m_read_at       = state_reg == ST_START ? w_at : next_at;
    assign m_after_tag     = at_reg[TAG_W+1:2];
    assign m_req_addr      = addr_reg;
    assign m_req_len       = {{(12-OFS_W){1'b0}}, chunk};
    assign m_req_queue     = queue;
    assign m_req_null      = null_reg;
    assign m_req_valid     = request;
    assign m_used_queue    = queue;
    assign m_used_head     = head;
    assign m_used_len      = too_long ? 32'd0 : len_reg;
    assign m_used_valid    = ending && m_release_ready;
    assign m_release_first = tag_reg;
    assign m_release_last  = last;
    assign m_release_valid = ending && m_used_ready;

    always @(posedge clk) begin
        if (axis_in || issue)
            held_reg <= held_reg - (issue ? chunk_held : {HELD_W{1'b0}}) +
                        (axis_in ? {{(HELD_W-LANE_W-1){1'b0}}, in_count} : {HELD_W{1'b0}});
        case (state_reg)
            ST_START: if (rsp_reg) begin
                at_reg   <= w_at;
                addr_reg <= 64'd0;
                seg_reg  <= len_reg;
                left_reg <= len_reg;
                null_reg <= too_long;
                if (len_reg != 32'd0) state_reg <= too_long ? ST_CHUNK : ST_NODE;
            end
            ST_NODE: if (skip) at_reg <= next_at;
            else begin
                addr_reg  <= s_read_data[95:32];
                seg_reg   <= seg_len < left_reg ? seg_len : left_reg;
                state_reg <= ST_CHUNK;
            end
            ST_CHUNK: if (issue) begin
                addr_reg <= addr_reg + {32'd0, chunk_len};
                seg_reg  <= seg_reg - chunk_len;
                left_reg <= left_reg - chunk_len;
                if (final_chunk) state_reg <= ST_END;
                else if (fits) begin
                    at_reg    <= next_at;
                    state_reg <= ST_NODE;
                end
            end
            ST_END: if (rsp_done) state_reg <= ST_START;
            default: state_reg <= ST_START;
        endcase
        if (rst) begin
            state_reg <= ST_START;
            held_reg  <= {HELD_W{1'b0}};
        end
    end

    // Beats of the chunks, cut out of the responses' beats
    wire [12:0]       note_len;
    wire              note_last, note_valid, note_done, data_valid, data_last, data_done;
    reg  [12:0]       sent_reg;         // bytes of the chunk that have left
    reg  [LANE_W-1:0] offset_reg;       // first byte of the beat that has not left
    wire [12:0]       rest     = note_len - sent_reg;
    wire [12:0]       lanes    = BYTES[12:0] - {{(13-LANE_W){1'b0}}, offset_reg};
    wire              all_rest = rest <= lanes;
    wire [12:0]       count    = all_rest ? rest : lanes;
    wire              move     = m_beat_valid && m_beat_ready;

    vq_fifo #(.WIDTH(NOTE_W), .DEPTH(8)) u_notes (
        .clk(clk),
        .rst(rst),
        .s_data({m_req_len, final_chunk}),
        .s_valid(issue),
        .s_ready(note_room),
        .m_data({note_len, note_last}),
        .m_valid(note_valid),
        .m_ready(note_done)
    );
    vq_fifo #(.WIDTH(DATA_W+1), .DEPTH(BEATS)) u_data (
        .clk(clk),
        .rst(rst),
        .s_data({s_axis_tlast, s_axis_tdata}),
        .s_valid(s_axis_tvalid),
        .s_ready(s_axis_tready),
        .m_data({data_last, m_beat_data}),
        .m_valid(data_valid),
        .m_ready(data_done)
    );

    assign m_beat_offset = offset_reg;
    assign m_beat_count  = count[LANE_W:0];
    assign m_beat_last   = all_rest;
    assign m_beat_valid  = note_valid && data_valid;
    assign note_done     = move && all_rest;
    assign data_done     = move && (count == lanes || (all_rest && note_last));

    always @(posedge clk) begin
        if (move) begin
            sent_reg   <= all_rest ? 13'd0 : sent_reg + count;
            offset_reg <= data_done ? {LANE_W{1'b0}} : offset_reg + count[LANE_W-1:0];
        end
        if (rst) begin
            sent_reg   <= 13'd0;
            offset_reg <= {LANE_W{1'b0}};
        end
    end

    wire unused = &{1'b0, count[12:LANE_W+1]};

    `VQ_ASSUME(a_length, !(state_reg == ST_START && rsp_reg) || !too_long)
    `VQ_ASSERT(a_packet_end, !(data_done && all_rest && note_last) || data_last)
endmodule
`resetall
