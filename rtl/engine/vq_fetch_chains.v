// SPDX-License-Identifier: Apache-2.0
// vq_fetch_chains - chain heads in, whole checked chains out, in the order of their heads. Only
// wires.
//   Contract    as vq_fetch_issue, vq_fetch_hold, vq_fetch_walk, vq_fetch_order and
//               vq_fetch_retire
//   Latency     2 cycles, head to burst; 4 cycles, the beat of vq_read_port that completes a
//               chain to its header
//   Throughput  1 single-descriptor chain per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_walk.vh"

module vq_fetch_chains #(
    parameter QUEUES    = 4,        // queues, 1 to 64
    parameter QID_W     = 2,        // queue number, bits
    parameter DATA_W    = 64,       // beat, bits
    parameter TAG_W     = 8,        // chunk of the chain store, bits
    parameter ORDER_W   = 6,        // chains walked at once, 2**ORDER_W
    parameter MAX_CHAIN = 128,      // descriptors of a chain, at most
    parameter SLOT_W    = 8,        // descriptors of a packed ring that a chain takes, bits
    parameter [0:0] HERE_EN = 1'b0  // heads may bring their descriptors; 128 bits or more
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_fetchable,
    input  wire [QUEUES-1:0] s_indirect,
    input  wire              s_packed,      // RING_PACKED negotiated
    // Queue set-up
    input  wire [QID_W-1:0]  s_setup_queue,
    input  wire [2:0]        s_setup_field,
    input  wire [31:0]       s_setup_data,
    input  wire              s_setup_valid,
    // Chain heads; of a packed ring positions, and the descriptors of it that each chain takes
    input  wire [QID_W-1:0]  s_head_queue,
    input  wire [15:0]       s_head_index,
    input  wire [SLOT_W-1:0] s_head_slots,
    input  wire              s_head_error,
    input  wire              s_head_here,   // s_head_desc is all of the chain in the ring
    input  wire [127:0]      s_head_desc,
    input  wire              s_head_valid,
    output wire              s_head_ready,
    // Bursts to the read master, which may grow, or wait to, until they are taken; their data
    output wire [63:0]       m_ar_addr,
    output wire [7:0]        m_ar_len,
    output wire [QID_W-1:0]  m_ar_queue,
    output wire              m_ar_valid,
    input  wire              m_ar_ready,
    input  wire              m_ar_dead,
    input  wire [DATA_W-1:0] s_r_data,
    input  wire              s_r_error,
    input  wire              s_r_valid,
    // The chain store
    input  wire [TAG_W-1:0]  s_free_tag,
    input  wire [TAG_W:0]    s_free_count,
    input  wire              s_free_valid,
    output wire              m_free_take,
    output wire [TAG_W+1:0]  m_store_at,
    output wire [95:0]       m_store_data,
    output wire              m_store_valid,
    output wire [TAG_W-1:0]  m_link_tag,
    output wire [TAG_W-1:0]  m_link_next,
    output wire              m_link_valid,
    // Ends of walks, for the scatter stage
    output wire [TAG_W-1:0]  m_chain_tag,
    output wire [QID_W-1:0]  m_chain_queue,
    output wire [15:0]       m_chain_head,
    output wire [15:0]       m_chain_slots,
    output wire [31:0]       m_chain_writable,
    output wire [TAG_W+1:0]  m_chain_w_at,
    output wire [TAG_W-1:0]  m_chain_last,
    output wire [1:0]        m_chain_place,
    output wire              m_chain_valid,
    // Whole chains in order
    output wire [QID_W-1:0]  m_req_queue,
    output wire [TAG_W-1:0]  m_req_tag,
    output wire [31:0]       m_req_readable,
    output wire [31:0]       m_req_writable,
    output wire              m_req_valid,
    input  wire              m_req_ready,
    output wire              m_gather_valid,
    input  wire              m_gather_ready,
    // Chains thrown away
    output wire [TAG_W-1:0]  m_release_first,
    output wire [TAG_W-1:0]  m_release_last,
    output wire              m_release_valid,
    input  wire              m_release_ready,
    output wire [QID_W-1:0]  m_drop_queue,
    output wire              m_drop_valid,
    input  wire              m_drop_ready,
    // Chains that left, given to the function or thrown away
    output wire [QID_W-1:0]  m_leave_queue,
    output wire [SLOT_W-1:0] m_leave_slots,
    output wire              m_leave_given,
    output wire              m_leave_valid,
    // Faults
    output wire [4:0]        m_fault_code,
    output wire [QID_W-1:0]  m_fault_queue,
    output wire [16:0]       m_fault_desc,
    output wire              m_fault_valid,
    input  wire              m_fault_ready
);
    localparam COUNT_W    = $clog2(MAX_CHAIN + 1);
    localparam WALK_W     = `VQ_WALK_W;
    localparam LANE_W     = $clog2(DATA_W/8);
    localparam RESERVE    = (MAX_CHAIN + 3) / 4;    // chunks of the longest chain
    localparam TABLE_READ = 8;                      // descriptors of an indirect table at once
    localparam DESC_BEATS = DATA_W <= 128 ? 256 : 512;
    localparam DESC_READS = DATA_W == 64 ? 128 : DATA_W == 512 ? 512 : 256;
    localparam END_W      = 2*TAG_W + 64 + 5 + 17 + SLOT_W;

    // Walks of the chains
    wire [ORDER_W-1:0] place, oldest, note_order, walk_order, more_order, next_order, end_order;
    wire               place_valid, place_take, order_empty, issue_take, walk_take;
    wire [QID_W-1:0]   issue_queue, walk_table_queue, desc_queue;
    wire [QID_W-1:0]   note_queue, walk_queue, more_queue, next_queue, learn_queue;
    wire [15:0]        note_head, walk_head, next_index;
    wire [SLOT_W-1:0]  note_slots, walk_slots, end_slots;
    wire [TAG_W-1:0]   note_tag, walk_tag;
    wire [3:0]         note_count, walk_count;
    wire               note_fresh, note_bad, note_error, note_valid;
    wire               walk_fresh, walk_bad, walk_error, walk_valid, walk_ready;
    wire [WALK_W-1:0]  walk_known, more_known;
    wire [63:0]        more_table, next_table, desc_addr;
    wire               more_sequel, more_jump, more_valid;
    wire               next_sequel, next_in_table, next_valid, next_ready;
    wire [16:0]        next_size;
    wire [3:0]         next_left;
    wire [2:0]         learn_run;
    wire               learn_valid, desc_here, desc_valid, desc_ready;
    wire [127:0]       desc_data;
    wire [8:0]         desc_upto;
    wire [15:0]        issue_size, walk_size;
    wire [63:0]        issue_desc, issue_avail, issue_used;
    wire [63:0]        walk_desc, walk_avail, walk_used;

    vq_queue_table #(.QUEUES(QUEUES), .QID_W(QID_W)) u_issue_table (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_queue(issue_queue),
        .size(issue_size),
        .desc_addr(issue_desc),
        .avail_addr(issue_avail),
        .used_addr(issue_used)
    );
    vq_queue_table #(.QUEUES(QUEUES), .QID_W(QID_W)) u_walk_table (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_queue(walk_table_queue),
        .size(walk_size),
        .desc_addr(walk_desc),
        .avail_addr(walk_avail),
        .used_addr(walk_used)
    );

    // Heads, and how they lie in their tables
    wire [QID_W-1:0] head_queue;
    wire [15:0]      head_index, head_size;
    wire [63:0]      head_desc, head_avail, head_used;
    wire [3:0]       head_left;
    wire [SLOT_W-1:0] head_slots;
    wire             head_error, head_out, head_here, head_valid, head_ready;
    wire [127:0]     brought;
    wire [16:0]      head_after = {1'b0, head_size} + ~{1'b0, s_head_index};    // one less

    vq_queue_table #(.QUEUES(QUEUES), .QID_W(QID_W)) u_head_table (
        .clk(clk),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_queue(s_head_queue),
        .size(head_size),
        .desc_addr(head_desc),
        .avail_addr(head_avail),
        .used_addr(head_used)
    );
    vq_skid #(.WIDTH(QID_W+16+SLOT_W+1+1+4+1+128)) u_heads (
        .clk(clk),
        .rst(rst),
        .s_data({s_head_queue, s_head_index, s_head_slots, s_head_error,
                 !s_packed && head_after[16], |head_after[15:3], head_after[2:0],
                 HERE_EN && s_head_here, s_head_desc & {128{HERE_EN}}}),
        .s_valid(s_head_valid),
        .s_ready(s_head_ready),
        .m_data({head_queue, head_index, head_slots, head_error, head_out, head_left,
                 head_here, brought}),
        .m_valid(head_valid),
        .m_ready(head_ready)
    );

    // A chunk goes to a chain that grows before it goes to a new one
    assign m_free_take = issue_take || walk_take;

    vq_fetch_issue #(
        .QUEUES(QUEUES), .QID_W(QID_W), .DATA_W(DATA_W), .TAG_W(TAG_W), .ORDER_W(ORDER_W),
        .SLOT_W(SLOT_W), .RESERVE(RESERVE), .TABLE_READ(TABLE_READ)
    ) u_issue (
        .clk(clk),
        .rst(rst),
        .s_fetchable(s_fetchable),
        .s_packed(s_packed),
        .s_head_queue(head_queue),
        .s_head_index(head_index),
        .s_head_slots(head_slots),
        .s_head_error(head_error),
        .s_head_out(head_out),
        .s_head_left(head_left),
        .s_head_here(head_here),
        .s_head_desc(brought),
        .s_head_valid(head_valid),
        .s_head_ready(head_ready),
        .s_next_order(next_order),
        .s_next_queue(next_queue),
        .s_next_sequel(next_sequel),
        .s_next_in_table(next_in_table),
        .s_next_table(next_table),
        .s_next_size(next_size),
        .s_next_index(next_index),
        .s_next_left(next_left),
        .s_next_valid(next_valid),
        .s_next_ready(next_ready),
        .m_table_queue(issue_queue),
        .s_table_size(issue_size),
        .s_table_desc_addr(issue_desc),
        .s_learn_queue(learn_queue),
        .s_learn_run(learn_run),
        .s_learn_valid(learn_valid),
        .s_order_index(place),
        .s_order_empty(order_empty),
        .s_order_valid(place_valid),
        .m_order_take(place_take),
        .s_free_tag(s_free_tag),
        .s_free_count(s_free_count),
        .s_free_valid(s_free_valid && !walk_take),
        .m_free_take(issue_take),
        .m_req_addr(desc_addr),
        .m_req_upto(desc_upto),
        .m_req_queue(desc_queue),
        .m_req_here(desc_here),
        .m_req_desc(desc_data),
        .m_req_valid(desc_valid),
        .m_req_ready(desc_ready),
        .m_note_order(note_order),
        .m_note_fresh(note_fresh),
        .m_note_count(note_count),
        .m_note_bad(note_bad),
        .m_note_error(note_error),
        .m_note_queue(note_queue),
        .m_note_head(note_head),
        .m_note_slots(note_slots),
        .m_note_tag(note_tag),
        .m_note_valid(note_valid)
    );
    vq_fetch_hold #(
        .QID_W(QID_W), .TAG_W(TAG_W), .ORDER_W(ORDER_W), .COUNT_W(COUNT_W), .SLOT_W(SLOT_W)
    ) u_hold (
        .clk(clk),
        .rst(rst),
        .s_note_order(note_order),
        .s_note_fresh(note_fresh),
        .s_note_count(note_count),
        .s_note_bad(note_bad),
        .s_note_error(note_error),
        .s_note_queue(note_queue),
        .s_note_head(note_head),
        .s_note_slots(note_slots),
        .s_note_tag(note_tag),
        .s_note_valid(note_valid),
        .m_walk_order(walk_order),
        .m_walk_fresh(walk_fresh),
        .m_walk_count(walk_count),
        .m_walk_bad(walk_bad),
        .m_walk_error(walk_error),
        .m_walk_queue(walk_queue),
        .m_walk_head(walk_head),
        .m_walk_slots(walk_slots),
        .m_walk_tag(walk_tag),
        .m_walk_known(walk_known),
        .m_walk_valid(walk_valid),
        .m_walk_ready(walk_ready),
        .s_more_order(more_order),
        .s_more_queue(more_queue),
        .s_more_sequel(more_sequel),
        .s_more_known(more_known),
        .s_more_table(more_table),
        .s_more_jump(more_jump),
        .s_more_valid(more_valid),
        .m_next_order(next_order),
        .m_next_queue(next_queue),
        .m_next_sequel(next_sequel),
        .m_next_in_table(next_in_table),
        .m_next_table(next_table),
        .m_next_size(next_size),
        .m_next_index(next_index),
        .m_next_left(next_left),
        .m_next_valid(next_valid),
        .m_next_ready(next_ready)
    );

    // Descriptors read. One that its head brought takes its turn among them: its read goes through
    // the port as one of a dead queue would, and its note says what would have come
    localparam INFO_W = HERE_EN ? 129 : 1;
    wire [INFO_W-1:0] desc_info, db_info;
    wire              port_valid;
    wire [DATA_W-1:0] read_data;
    wire              read_error;
    wire [DATA_W-1:0] db_data;
    wire [LANE_W-1:0] db_offset, db_end;
    wire [LANE_W:0]   db_count;
    wire              db_error, db_last, db_valid, db_ready;
    wire [127:0]      d_data;
    wire              d_error, d_valid, d_ready;

    generate
        if (HERE_EN) begin : gen_here
            assign desc_info = {desc_here, desc_data};
            assign db_data   = db_info[128] ? {(DATA_W/128){db_info[127:0]}} : read_data;
            assign db_error  = !db_info[128] && read_error;
        end else begin : gen_read
            assign desc_info = 1'b0;
            assign db_data   = read_data;
            assign db_error  = read_error;
            wire unused = &{1'b0, db_info, desc_data};
        end
    endgenerate

    assign m_ar_valid = port_valid && !desc_here;

    vq_read_port #(
        .DATA_W(DATA_W), .UPTO_W(9), .INFO_W(INFO_W), .QID_W(QID_W), .MAX_BYTES(256),
        .BEATS(DESC_BEATS), .BURSTS(DESC_READS), .BLOCK_EN(1'b1)
    ) u_desc_port (
        .clk(clk),
        .rst(rst),
        .s_req_addr(desc_addr),
        .s_req_upto(desc_upto),
        .s_req_queue(desc_queue),
        .s_req_info(desc_info),
        .s_req_valid(desc_valid),
        .s_req_ready(desc_ready),
        .m_ar_addr(m_ar_addr),
        .m_ar_len(m_ar_len),
        .m_ar_queue(m_ar_queue),
        .m_ar_valid(port_valid),
        .m_ar_ready(desc_here || m_ar_ready),
        .m_ar_dead(desc_here || m_ar_dead),
        .s_r_data(s_r_data),
        .s_r_error(s_r_error),
        .s_r_valid(s_r_valid),
        .m_beat_data(read_data),
        .m_beat_offset(db_offset),
        .m_beat_count(db_count),
        .m_beat_end(db_end),
        .m_beat_info(db_info),
        .m_beat_error(read_error),
        .m_beat_last(db_last),
        .m_beat_valid(db_valid),
        .m_beat_ready(db_ready)
    );
    vq_desc_unpack #(.DATA_W(DATA_W)) u_unpack (
        .clk(clk),
        .rst(rst),
        .s_data(db_data),
        .s_offset(db_offset),
        .s_count(db_count),
        .s_error(db_error),
        .s_last(db_last),
        .s_valid(db_valid),
        .s_ready(db_ready),
        .m_desc_data(d_data),
        .m_desc_error(d_error),
        .m_desc_valid(d_valid),
        .m_desc_ready(d_ready)
    );

    wire [31:0] end_readable;
    wire        end_bad;
    wire [4:0]  end_code;
    wire [16:0] end_desc;

    vq_fetch_walk #(
        .QUEUES(QUEUES), .QID_W(QID_W), .TAG_W(TAG_W), .ORDER_W(ORDER_W), .RESERVE(RESERVE),
        .MAX_CHAIN(MAX_CHAIN), .COUNT_W(COUNT_W), .SLOT_W(SLOT_W)
    ) u_walk (
        .clk(clk),
        .rst(rst),
        .s_indirect(s_indirect),
        .s_packed(s_packed),
        .s_walk_order(walk_order),
        .s_walk_fresh(walk_fresh),
        .s_walk_count(walk_count),
        .s_walk_bad(walk_bad),
        .s_walk_error(walk_error),
        .s_walk_queue(walk_queue),
        .s_walk_head(walk_head),
        .s_walk_slots(walk_slots),
        .s_walk_tag(walk_tag),
        .s_walk_known(walk_known),
        .s_walk_valid(walk_valid),
        .s_walk_ready(walk_ready),
        .s_desc_data(d_data),
        .s_desc_error(d_error),
        .s_desc_valid(d_valid),
        .s_desc_ready(d_ready),
        .m_table_queue(walk_table_queue),
        .s_table_size(walk_size),
        .m_more_order(more_order),
        .m_more_queue(more_queue),
        .m_more_sequel(more_sequel),
        .m_more_known(more_known),
        .m_more_table(more_table),
        .m_more_jump(more_jump),
        .m_more_valid(more_valid),
        .s_oldest(oldest),
        .s_free_tag(s_free_tag),
        .s_free_count(s_free_count),
        .s_free_valid(s_free_valid),
        .m_free_take(walk_take),
        .m_write_at(m_store_at),
        .m_write_data(m_store_data),
        .m_write_valid(m_store_valid),
        .m_link_tag(m_link_tag),
        .m_link_next(m_link_next),
        .m_link_valid(m_link_valid),
        .m_end_order(end_order),
        .m_end_queue(m_chain_queue),
        .m_end_head(m_chain_head),
        .m_end_slots(end_slots),
        .m_end_tag(m_chain_tag),
        .m_end_last(m_chain_last),
        .m_end_place(m_chain_place),
        .m_end_readable(end_readable),
        .m_end_writable(m_chain_writable),
        .m_end_w_at(m_chain_w_at),
        .m_end_bad(end_bad),
        .m_end_code(end_code),
        .m_end_desc(end_desc),
        .m_end_valid(m_chain_valid),
        .m_learn_queue(learn_queue),
        .m_learn_run(learn_run),
        .m_learn_valid(learn_valid)
    );

    assign m_chain_slots = {{(16-SLOT_W){1'b0}}, end_slots};

    // Back in order, and out
    wire [QID_W-1:0] c_queue;
    wire [TAG_W-1:0] c_tag, c_last;
    wire [31:0]      c_readable, c_writable;
    wire             c_bad;
    wire [4:0]       c_code;
    wire [16:0]      c_desc;
    wire [SLOT_W-1:0] c_slots;
    wire [END_W-1:0] chain;
    wire             chain_valid, chain_ready;

    assign {c_tag, c_last, c_readable, c_writable, c_code, c_desc, c_slots} = chain;

    vq_fetch_order #(.WIDTH(END_W), .KEY_W(QID_W+1), .ORDER_W(ORDER_W)) u_order (
        .clk(clk),
        .rst(rst),
        .m_place(place),
        .m_place_valid(place_valid),
        .m_place_take(place_take),
        .m_oldest(oldest),
        .m_empty(order_empty),
        .s_end_place(end_order),
        .s_end_key({m_chain_queue, end_bad}),
        .s_end_data({m_chain_tag, m_chain_last, end_readable, m_chain_writable, end_code,
                     end_desc, end_slots}),
        .s_end_valid(m_chain_valid),
        .m_key({c_queue, c_bad}),
        .m_data(chain),
        .m_valid(chain_valid),
        .m_ready(chain_ready)
    );

    vq_fetch_retire #(.QUEUES(QUEUES), .QID_W(QID_W), .TAG_W(TAG_W)) u_retire (
        .s_fetchable(s_fetchable),
        .s_chain_queue(c_queue),
        .s_chain_tag(c_tag),
        .s_chain_last(c_last),
        .s_chain_readable(c_readable),
        .s_chain_writable(c_writable),
        .s_chain_bad(c_bad),
        .s_chain_code(c_code),
        .s_chain_desc(c_desc),
        .s_chain_valid(chain_valid),
        .s_chain_ready(chain_ready),
        .m_req_queue(m_req_queue),
        .m_req_tag(m_req_tag),
        .m_req_readable(m_req_readable),
        .m_req_writable(m_req_writable),
        .m_req_valid(m_req_valid),
        .m_req_ready(m_req_ready),
        .m_gather_valid(m_gather_valid),
        .m_gather_ready(m_gather_ready),
        .m_fault_code(m_fault_code),
        .m_fault_queue(m_fault_queue),
        .m_fault_desc(m_fault_desc),
        .m_fault_valid(m_fault_valid),
        .m_fault_ready(m_fault_ready),
        .m_release_first(m_release_first),
        .m_release_last(m_release_last),
        .m_release_valid(m_release_valid),
        .m_release_ready(m_release_ready),
        .m_drop_queue(m_drop_queue),
        .m_drop_valid(m_drop_valid),
        .m_drop_ready(m_drop_ready)
    );

    assign m_leave_queue = c_queue;
    assign m_leave_slots = c_slots;
    assign m_leave_given = m_req_valid;
    assign m_leave_valid = chain_valid && chain_ready;

    wire unused = &{1'b0, head_desc, head_avail, head_used, db_end, db_info, issue_avail,
                    issue_used, walk_desc, walk_avail,
                    walk_used};
endmodule
`resetall
