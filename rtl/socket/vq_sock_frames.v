// SPDX-License-Identifier: Apache-2.0
// vq_sock_frames - the frames that drivers write: check each word, store it, count the room.
//   Contract    a word is stored only if the frame's form lets it come next, its lengths and tag
//               are right, and there is room; a frame is shown to the reader only when it is whole
//   Latency     1 cycle, word to its effect; m_word_fault belongs to the cycle after s_word_look
//   Throughput  1 word per 2 cycles in, 1 word per cycle out
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_sock_frames #(
    parameter QUEUES    = 4,                                // queues; 1 to 64
    parameter SLOTS     = 64,                               // tags; power of two, 2 to 256
    parameter WORDS     = 1024,                             // FIFO; power of two, 4 to 32768
    parameter MAX_WRITE = 4092,                             // writable bytes of a frame at most
    parameter QID_W     = QUEUES > 1 ? $clog2(QUEUES) : 1,  // derived, not to be set
    parameter PTR_W     = $clog2(WORDS) + 1                 // derived, not to be set
) (
    input  wire              clk,
    // One bit a queue: it begins a life
    input  wire [QUEUES-1:0] s_clear,
    // Words: held for two cycles, s_word_look in the first one; taken in the second, if at all
    input  wire [QID_W-1:0]  s_word_queue,
    input  wire [31:0]       s_word_data,
    input  wire              s_word_header,     // written to TxHeader, else to TxData
    input  wire              s_word_whole,      // all four bytes were written
    input  wire              s_word_look,
    input  wire              s_word_take,
    output wire [4:0]        m_word_fault,      // why it must not be taken, or 0
    // Of s_word_queue: tags that were answered an odd number of times; free words; words due
    input  wire [SLOTS-1:0]  s_word_answered,
    output wire [15:0]       m_word_room,
    output wire [15:0]       m_word_expected,
    output wire              m_word_midst,      // a frame is begun and not whole
    // Reader: where the whole frames of a queue begin and end, and words by their place
    input  wire [QID_W-1:0]  s_frame_queue,
    output wire [PTR_W-1:0]  m_frame_start,
    output wire [PTR_W-1:0]  m_frame_end,
    input  wire              s_read_en,
    input  wire [PTR_W-1:0]  s_read_place,
    output wire [31:0]       m_read_data,
    // Words of s_frame_queue that are not needed any more
    input  wire [PTR_W-1:0]  s_free_words,
    input  wire              s_free_valid
);
    `include "vq_faults.vh"

    localparam SLOT_W = $clog2(SLOTS);
    localparam MAX_READ = 4 * (WORDS - 2);
    localparam [1:0] ST_FIRST  = 2'd0;  // the first header word is due
    localparam [1:0] ST_SECOND = 2'd1;  // the second one
    localparam [1:0] ST_DATA   = 2'd2;  // left words of data

    // Of each queue: what is due, data words left, ends of the whole frames and of all words
    wire [1:0]        state,  state_unused;
    wire [15:0]       left,   left_unused;
    wire [PTR_W-1:0]  whole,  write, write_unused;
    reg  [1:0]        state_next;
    reg  [15:0]       left_next;
    reg  [PTR_W-1:0]  whole_next;
    wire [PTR_W-1:0]  write_next = write + 1'b1;
    wire [PTR_W-1:0]  start;            // of s_word_queue
    wire [PTR_W-1:0]  used = write - start;
    wire [PTR_W-1:0]  room = WORDS[PTR_W-1:0] - used;
    wire [SLOTS-1:0]  named, named_unused;      // tags that were named an odd number of times
    wire [SLOTS-1:0]  busy = named ^ s_word_answered;
    wire [7:0]        tag  = s_word_data[31:24];
    wire [SLOT_W-1:0] slot = s_word_data[24 +: SLOT_W];
    wire [SLOTS-1:0]  one  = {{(SLOTS-1){1'b0}}, 1'b1};

    // What was found in the first cycle
    reg [1:0]         state_reg;
    reg               full_reg, size_reg, cap_reg, tag_reg;
    reg [4:0]         fault;

    assign m_word_fault    = fault;
    assign m_word_room     = {{(16-PTR_W){1'b0}}, room};
    assign m_word_expected = state == ST_FIRST ? 16'd0 : left;
    assign m_word_midst    = state != ST_FIRST;

    always @* begin
        case (state_reg)
            ST_FIRST:  fault = !s_word_header ? FAULT_FRAME_DATA :
                               tag_reg ? FAULT_FRAME_TAG : size_reg ? FAULT_FRAME_SIZE : 5'd0;
            ST_SECOND: fault = !s_word_header ? FAULT_FRAME_DATA :
                               cap_reg ? FAULT_FRAME_SIZE : 5'd0;
            default:   fault = s_word_header ? FAULT_FRAME_HEADER : 5'd0;
        endcase
        if (full_reg) fault = FAULT_PORT_FULL;
        if (!s_word_whole) fault = FAULT_PORT_STROBE;
    end

    always @* begin
        state_next = state;
        left_next  = left;
        whole_next = whole;
        case (state)
            ST_FIRST: begin
                state_next = ST_SECOND;
                left_next  = s_word_data[17:2] + {15'd0, |s_word_data[1:0]};
            end
            ST_SECOND: begin
                state_next = left == 16'd0 ? ST_FIRST : ST_DATA;
                if (left == 16'd0) whole_next = write_next;
            end
            default: begin
                left_next = left - 16'd1;
                if (left == 16'd1) begin
                    state_next = ST_FIRST;
                    whole_next = write_next;
                end
            end
        endcase
    end

    always @(posedge clk) begin
        if (s_word_look) begin
            state_reg <= state;
            full_reg  <= used == WORDS[PTR_W-1:0];
            size_reg  <= {8'd0, s_word_data[23:0]} > MAX_READ;
            cap_reg   <= s_word_data > MAX_WRITE;
            tag_reg   <= {24'd0, tag} >= SLOTS || busy[slot];
        end
    end

    vq_table #(
        .WIDTH(18 + 2*PTR_W),
        .ROWS(QUEUES)
    ) u_writers (
        .clk(clk),
        .clear(s_clear),
        .write_en(s_word_take),
        .write_addr(s_word_queue),
        .write_data({state_next, left_next, whole_next, write_next}),
        .read_a_addr(s_word_queue),
        .read_a_data({state, left, whole, write}),
        .read_b_addr(s_frame_queue),
        .read_b_data({state_unused, left_unused, m_frame_end, write_unused})
    );

    vq_table #(
        .WIDTH(PTR_W),
        .ROWS(QUEUES)
    ) u_readers (
        .clk(clk),
        .clear(s_clear),
        .write_en(s_free_valid),
        .write_addr(s_frame_queue),
        .write_data(m_frame_start + s_free_words),
        .read_a_addr(s_word_queue),
        .read_a_data(start),
        .read_b_addr(s_frame_queue),
        .read_b_data(m_frame_start)
    );

    vq_table #(
        .WIDTH(SLOTS),
        .ROWS(QUEUES)
    ) u_named (
        .clk(clk),
        .clear(s_clear),
        .write_en(s_word_take && state == ST_FIRST),
        .write_addr(s_word_queue),
        .write_data(named ^ (s_word_take ? one << slot : {SLOTS{1'b0}})),
        .read_a_addr(s_word_queue),
        .read_a_data(named),
        .read_b_addr(s_word_queue),
        .read_b_data(named_unused)
    );

    vq_ram #(
        .WIDTH(32),
        .DEPTH(2**QID_W * WORDS)
    ) u_words (
        .clk(clk),
        .write_en(s_word_take),
        .write_addr({s_word_queue, write[PTR_W-2:0]}),
        .write_data(s_word_data),
        .read_en(s_read_en),
        .read_addr({s_frame_queue, s_read_place[PTR_W-2:0]}),
        .read_data(m_read_data)
    );

    wire unused = &{1'b0, state_unused, left_unused, write_unused, named_unused,
                    s_read_place[PTR_W-1]};
endmodule
`resetall
