// SPDX-License-Identifier: Apache-2.0
// vq_sock_answers - the device function's answers: store them as words that the driver reads.
//   Contract    an answer shows only when it is whole; bytes beyond its length read as 0. That of a
//               queue that is not alive is thrown away. There is always room: it was kept
//   Latency     5 cycles and its words, from the response to the event
//   Throughput  1 word per cycle, 4 cycles per answer beside its bytes
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_sock_answers #(
    parameter QUEUES = 4,                               // queues; 1 to 64
    parameter SLOTS  = 64,                              // tags; power of two, 2 to 256
    parameter DATA_W = 64,                              // stream, bits; 64 to 512
    parameter WORDS  = 1024,                            // FIFO; power of two, 4 to 32768
    parameter QID_W  = QUEUES > 1 ? $clog2(QUEUES) : 1, // derived, not to be set
    parameter SLOT_W = $clog2(SLOTS),                   // derived, not to be set
    parameter PTR_W  = $clog2(WORDS) + 1                // derived, not to be set
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire [QUEUES-1:0]       s_clear,         // one bit a queue: it begins a life
    input  wire [QUEUES-1:0]       s_live,          // one bit a queue: it is alive
    // Words kept for the answer to a tag
    input  wire [QID_W+SLOT_W-1:0] s_keep_tag,
    input  wire [PTR_W-1:0]        s_keep_words,
    input  wire                    s_keep_valid,
    // Words of a queue that were given back or read so far
    input  wire [QID_W-1:0]        s_freed_queue,
    output wire [PTR_W-1:0]        m_freed_words,
    // Answers of the function
    input  wire [QID_W+SLOT_W-1:0] s_rsp_tag,
    input  wire [31:0]             s_rsp_len,
    input  wire                    s_rsp_valid,
    output wire                    s_rsp_ready,
    input  wire [DATA_W-1:0]       s_axis_tdata,
    input  wire [DATA_W/8-1:0]     s_axis_tkeep,
    input  wire                    s_axis_tlast,
    input  wire                    s_axis_tvalid,
    output wire                    s_axis_tready,
    // Driver's side of a queue: words that can be read; the next one, in the cycle after s_get_look
    input  wire [QID_W-1:0]        s_get_queue,
    input  wire                    s_get_look,
    input  wire                    s_get_take,
    output wire [31:0]             m_get_data,
    output wire [15:0]             m_get_fill,
    output wire [SLOTS-1:0]        m_get_answered,  // tags answered an odd number of times
    output wire [15:0]             m_get_finished,  // answers that were stored or thrown away
    // An answer can be read, or was thrown away; a pulse
    output wire [QID_W-1:0]        m_done_queue,
    output wire                    m_done_shown,
    output wire                    m_done_valid,
    output wire                    m_idle
);
    localparam LANES  = DATA_W / 32;
    localparam LANE_W = $clog2(LANES);
    localparam [1:0] ST_IDLE = 2'd0;    // no answer is held
    localparam [1:0] ST_HEAD = 2'd1;    // its header word is written
    localparam [1:0] ST_DATA = 2'd2;    // its bytes come
    localparam [1:0] ST_END  = 2'd3;    // it is shown

    reg  [1:0]        state_reg, state_next;
    reg  [QID_W-1:0]  queue_reg;
    reg  [SLOT_W-1:0] slot_reg;
    reg  [23:0]       len_reg;
    reg               live_reg;         // the answer is not thrown away
    reg  [15:0]       left_reg,  left_next;     // words to come
    reg  [LANE_W-1:0] lane_reg,  lane_next;
    reg  [PTR_W-1:0]  place_reg, place_next;
    reg               write;
    reg  [31:0]       word;
    wire [31:0]       lane_word  = s_axis_tdata[32*lane_reg +: 32];
    wire [15:0]       words      = len_reg[17:2] + {15'd0, |len_reg[1:0]};
    wire              final_word = left_reg == 16'd1;
    wire [31:0]       mask       = final_word && len_reg[1:0] != 2'd0 ?
                                   ~(32'hffffffff << {len_reg[1:0], 3'd0}) : 32'hffffffff;
    wire [PTR_W-1:0]  kept;             // words kept for this answer
    wire [PTR_W-1:0]  end_old, end_get;
    wire [15:0]       finished_old;
    wire [PTR_W-1:0]  back_old, back, taken, taken_old;
    wire [SLOTS-1:0]  answered_old;
    wire [SLOTS-1:0]  one = {{(SLOTS-1){1'b0}}, 1'b1};
    wire              ending = state_reg == ST_END;

    assign s_rsp_ready    = state_reg == ST_IDLE;
    assign s_axis_tready  = state_reg == ST_DATA &&
                            (!live_reg || final_word || lane_reg == {LANE_W{1'b1}});
    assign m_freed_words  = back + taken;
    assign m_get_fill     = {{(16-PTR_W){1'b0}}, end_get - taken_old};
    assign m_done_queue   = queue_reg;
    assign m_done_shown   = live_reg;
    assign m_done_valid   = ending;
    assign m_idle         = state_reg == ST_IDLE;

    always @* begin
        state_next = state_reg;
        left_next  = left_reg;
        lane_next  = lane_reg;
        place_next = place_reg;
        write      = 1'b0;
        word       = lane_word & mask;
        case (state_reg)
            ST_IDLE: if (s_rsp_valid) state_next = ST_HEAD;
            ST_HEAD: begin
                write      = s_live[queue_reg];
                word       = {{(8-SLOT_W){1'b0}}, slot_reg, len_reg};
                place_next = end_old + 1'b1;
                left_next  = words;
                lane_next  = {LANE_W{1'b0}};
                state_next = words == 16'd0 ? ST_END : ST_DATA;
            end
            ST_DATA: if (s_axis_tvalid) begin
                write      = live_reg;
                lane_next  = lane_reg + 1'b1;   // wraps
                place_next = place_reg + 1'b1;
                left_next  = left_reg - 16'd1;
                if (live_reg ? final_word : s_axis_tlast) state_next = ST_END;
            end
            default: state_next = ST_IDLE;
        endcase
    end

    always @(posedge clk) begin
        state_reg <= state_next;
        left_reg  <= left_next;
        lane_reg  <= lane_next;
        place_reg <= place_next;
        if (state_reg == ST_IDLE) begin
            {queue_reg, slot_reg} <= s_rsp_tag;
            len_reg               <= s_rsp_len[23:0];
        end
        if (state_reg == ST_HEAD) live_reg <= s_live[queue_reg];
        if (rst) state_reg <= ST_IDLE;
    end

    vq_ram #(
        .WIDTH(PTR_W),
        .DEPTH(2**(QID_W + SLOT_W))
    ) u_kept (
        .clk(clk),
        .write_en(s_keep_valid),
        .write_addr(s_keep_tag),
        .write_data(s_keep_words),
        .read_en(state_reg == ST_HEAD),
        .read_addr({queue_reg, slot_reg}),
        .read_data(kept)
    );

    vq_ram #(
        .WIDTH(32),
        .DEPTH(2**QID_W * WORDS)
    ) u_words (
        .clk(clk),
        .write_en(write),
        .write_addr({queue_reg, state_reg == ST_HEAD ? end_old[PTR_W-2:0] : place_reg[PTR_W-2:0]}),
        .write_data(word),
        .read_en(s_get_look),
        .read_addr({s_get_queue, taken_old[PTR_W-2:0]}),
        .read_data(m_get_data)
    );

    vq_table #(
        .WIDTH(16 + PTR_W),
        .ROWS(QUEUES)
    ) u_ends (
        .clk(clk),
        .clear(s_clear),
        .write_en(ending),
        .write_addr(queue_reg),
        .write_data({finished_old + 16'd1, live_reg ? place_reg : end_old}),
        .read_a_addr(queue_reg),
        .read_a_data({finished_old, end_old}),
        .read_b_addr(s_get_queue),
        .read_b_data({m_get_finished, end_get})
    );

    // What an answer leaves of the room that was kept for it
    vq_table #(
        .WIDTH(PTR_W),
        .ROWS(QUEUES)
    ) u_back (
        .clk(clk),
        .clear(s_clear),
        .write_en(ending),
        .write_addr(queue_reg),
        .write_data(back_old + kept - words[PTR_W-1:0] - 1'b1),
        .read_a_addr(queue_reg),
        .read_a_data(back_old),
        .read_b_addr(s_freed_queue),
        .read_b_data(back)
    );

    vq_table #(
        .WIDTH(PTR_W),
        .ROWS(QUEUES)
    ) u_taken (
        .clk(clk),
        .clear(s_clear),
        .write_en(s_get_take),
        .write_addr(s_get_queue),
        .write_data(taken_old + 1'b1),
        .read_a_addr(s_get_queue),
        .read_a_data(taken_old),
        .read_b_addr(s_freed_queue),
        .read_b_data(taken)
    );

    vq_table #(
        .WIDTH(SLOTS),
        .ROWS(QUEUES)
    ) u_answered (
        .clk(clk),
        .clear(s_clear),
        .write_en(ending),
        .write_addr(queue_reg),
        .write_data(answered_old ^ (ending ? one << slot_reg : {SLOTS{1'b0}})),
        .read_a_addr(queue_reg),
        .read_a_data(answered_old),
        .read_b_addr(s_get_queue),
        .read_b_data(m_get_answered)
    );

    // The function answers with what was asked for at most, and sends just that
    `VQ_ASSUME(a_within, !ending || words < {{(16-PTR_W){1'b0}}, kept})
    `VQ_ASSUME(a_packet, !(state_reg == ST_DATA && live_reg && s_axis_tvalid) ||
                         !s_axis_tready || s_axis_tlast == final_word)

    wire unused = &{1'b0, s_axis_tkeep, s_rsp_len[31:24], words};
endmodule
`resetall
