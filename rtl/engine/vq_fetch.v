// SPDX-License-Identifier: Apache-2.0
// vq_fetch - visits of queues in, whole checked chains out. With vq_complete the only part that
// knows the ring's format.
//   Contract    a chain's header leaves after its whole chain was checked and its segments
//               stored; chains leave in available order. The fault of a visit is reported only
//               after all chains started before it have left
//   Latency     from a visit: the dependent reads (index and entry, or flags; descriptors) and
//               about 20 cycles
//   Throughput  1 single-descriptor chain per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_fetch #(
    parameter QUEUES    = 4,        // queues, 1 to 64
    parameter QID_W     = 2,        // queue number, bits
    parameter DATA_W    = 64,       // beat, bits
    parameter TAG_W     = 8,        // chunk of the chain store, bits
    parameter ORDER_W   = 6,        // chains walked at once, 2**ORDER_W
    parameter MAX_CHAIN = 128,      // descriptors of a chain, at most
    parameter [0:0] SPLIT_EN  = 1'b1,   // 0: without split rings, s_packed is 1
    parameter [0:0] PACKED_EN = 1'b1    // 0: without packed rings, s_packed is 0
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    input  wire [QUEUES-1:0] s_fetchable,
    input  wire [QUEUES-1:0] s_resume,      // one that gets ready was served before
    input  wire [QUEUES-1:0] s_event_idx,
    input  wire              s_packed,      // RING_PACKED negotiated
    input  wire [QUEUES-1:0] s_indirect,
    // Queue set-up
    input  wire [QID_W-1:0]  s_setup_queue,
    input  wire [2:0]        s_setup_field,
    input  wire [31:0]       s_setup_data,
    input  wire              s_setup_valid,
    // Visits in, and their ends
    input  wire [QID_W-1:0]  s_visit_queue,
    input  wire [15:0]       s_visit_index,
    input  wire              s_visit_told,
    input  wire              s_visit_valid,
    output wire              s_visit_ready,
    output wire [QID_W-1:0]  m_done_queue,
    output wire              m_done_starved,
    output wire              m_done_valid,
    // Chains started, and the credit that the queue has
    output wire [QID_W-1:0]  m_started_queue,
    output wire [7:0]        m_started_count,
    output wire              m_started_valid,
    input  wire [15:0]       s_started_credit,
    // Bursts of the available rings or of packed rings' flags (0) and of descriptors (1) to the
    // read master, and their data
    output wire [127:0]      m_ar_addr,
    output wire [15:0]       m_ar_len,
    output wire [2*QID_W-1:0] m_ar_queue,
    output wire [1:0]        m_ar_valid,
    input  wire [1:0]        m_ar_ready,
    input  wire [1:0]        m_ar_dead,
    input  wire [DATA_W-1:0] s_r_data,
    input  wire              s_r_error,
    input  wire [1:0]        s_r_valid,
    // Writes of used.flags, avail_event or the device event suppression structure: two bytes, or
    // with m_write_wide four
    output wire [63:0]       m_write_addr,
    output wire [QID_W-1:0]  m_write_queue,
    output wire              m_write_null,
    output wire              m_write_wide,
    output wire [31:0]       m_write_data,
    output wire              m_write_valid,
    input  wire              m_write_ready,
    input  wire              s_ack_valid,
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
    // Faults of the visits (0) and of the chains (1)
    output wire [9:0]         m_fault_code,
    output wire [2*QID_W-1:0] m_fault_queue,
    output wire [33:0]        m_fault_desc,
    output wire [1:0]         m_fault_valid,
    input  wire [1:0]         m_fault_ready,
    // Next available index, for the registers
    input  wire [QID_W-1:0]  s_index_queue,
    output wire [15:0]       m_index_avail
);
    localparam COUNT_W = 16;                        // chains on their way, bits
    localparam SLOT_W  = $clog2(MAX_CHAIN + 2);     // descriptors of a packed ring in a chain

    wire [QID_W-1:0]  head_queue, leave_queue;
    wire [15:0]       head_index;
    wire [SLOT_W-1:0] head_slots, leave_slots;
    wire              head_error, head_valid, head_ready;
    wire              leave_given, leave_valid;
    wire              visit_fault, none_left;

    // What the two formats offer: one of them is at work
    wire [QID_W-1:0]  a_done_queue, a_started_queue, a_ar_queue, a_write_queue, a_head_queue;
    wire [QID_W-1:0]  p_done_queue, p_started_queue, p_ar_queue, p_write_queue, p_head_queue;
    wire              a_visit_ready, a_done_starved, a_done_valid, a_started_valid;
    wire              p_visit_ready, p_done_starved, p_done_valid, p_started_valid;
    wire [7:0]        a_started_count, a_ar_len, p_started_count, p_ar_len;
    wire [63:0]       a_ar_addr, a_write_addr, p_ar_addr, p_write_addr;
    wire              a_ar_valid, a_write_null, a_write_valid, a_head_error, a_head_valid;
    wire              p_ar_valid, p_write_null, p_write_valid, p_head_error, p_head_valid;
    wire              p_head_here;
    wire [127:0]      p_head_desc;
    wire              p_write_wide;
    wire [15:0]       a_write_data, a_head_index, a_index, p_head_index, p_index;
    wire [31:0]       p_write_data;
    wire [SLOT_W-1:0] p_head_slots;

    assign s_visit_ready    = s_packed ? p_visit_ready : a_visit_ready;
    assign m_done_queue     = s_packed ? p_done_queue : a_done_queue;
    assign m_done_starved   = s_packed ? p_done_starved : a_done_starved;
    assign m_done_valid     = s_packed ? p_done_valid : a_done_valid;
    assign m_started_queue  = s_packed ? p_started_queue : a_started_queue;
    assign m_started_count  = s_packed ? p_started_count : a_started_count;
    assign m_started_valid  = s_packed ? p_started_valid : a_started_valid;
    assign m_ar_addr[63:0]  = s_packed ? p_ar_addr : a_ar_addr;
    assign m_ar_len[7:0]    = s_packed ? p_ar_len : a_ar_len;
    assign m_ar_queue[QID_W-1:0] = s_packed ? p_ar_queue : a_ar_queue;
    assign m_ar_valid[0]    = s_packed ? p_ar_valid : a_ar_valid;
    assign m_write_addr     = s_packed ? p_write_addr : a_write_addr;
    assign m_write_queue    = s_packed ? p_write_queue : a_write_queue;
    assign m_write_null     = s_packed ? p_write_null : a_write_null;
    assign m_write_wide     = s_packed && p_write_wide;
    assign m_write_data     = s_packed ? p_write_data : {16'd0, a_write_data};
    assign m_write_valid    = s_packed ? p_write_valid : a_write_valid;
    assign head_queue      = s_packed ? p_head_queue : a_head_queue;
    assign head_index      = s_packed ? p_head_index : a_head_index;
    assign head_slots      = s_packed ? p_head_slots : {{(SLOT_W-1){1'b0}}, 1'b1};
    assign head_error      = s_packed ? p_head_error : a_head_error;
    assign head_valid      = s_packed ? p_head_valid : a_head_valid;
    assign m_index_avail    = s_packed ? p_index : a_index;

    generate
        if (SPLIT_EN) begin : gen_split
            vq_fetch_avail #(
                .QUEUES(QUEUES), .QID_W(QID_W), .DATA_W(DATA_W)
            ) u_avail (
                .clk(clk),
                .rst(rst),
                .s_ready(s_ready),
                .s_resume(s_resume),
                .s_event_idx(s_event_idx),
                .s_setup_queue(s_setup_queue),
                .s_setup_field(s_setup_field),
                .s_setup_data(s_setup_data),
                .s_setup_valid(s_setup_valid),
                .s_visit_queue(s_visit_queue),
                .s_visit_index(s_visit_index),
                .s_visit_told(s_visit_told),
                .s_visit_valid(s_visit_valid && !s_packed),
                .s_visit_ready(a_visit_ready),
                .m_done_queue(a_done_queue),
                .m_done_starved(a_done_starved),
                .m_done_valid(a_done_valid),
                .m_started_queue(a_started_queue),
                .m_started_count(a_started_count),
                .m_started_valid(a_started_valid),
                .s_started_credit(s_started_credit),
                .m_ar_addr(a_ar_addr),
                .m_ar_len(a_ar_len),
                .m_ar_queue(a_ar_queue),
                .m_ar_valid(a_ar_valid),
                .m_ar_ready(m_ar_ready[0]),
                .m_ar_dead(m_ar_dead[0]),
                .s_r_data(s_r_data),
                .s_r_error(s_r_error),
                .s_r_valid(s_r_valid[0] && !s_packed),
                .m_write_addr(a_write_addr),
                .m_write_queue(a_write_queue),
                .m_write_null(a_write_null),
                .m_write_data(a_write_data),
                .m_write_valid(a_write_valid),
                .m_write_ready(m_write_ready),
                .s_ack_valid(s_ack_valid && !s_packed),
                .m_head_queue(a_head_queue),
                .m_head_index(a_head_index),
                .m_head_error(a_head_error),
                .m_head_valid(a_head_valid),
                .m_head_ready(head_ready),
                .m_fault_code(m_fault_code[4:0]),
                .m_fault_queue(m_fault_queue[QID_W-1:0]),
                .m_fault_valid(visit_fault),
                .m_fault_ready(m_fault_ready[0] && none_left),
                .s_index_queue(s_index_queue),
                .m_index_avail(a_index)
            );
        end else begin : gen_no_split
            assign {a_visit_ready, a_done_queue, a_done_starved, a_done_valid} = 0;
            assign {a_started_queue, a_started_count, a_started_valid} = 0;
            assign {a_ar_addr, a_ar_len, a_ar_queue, a_ar_valid} = 0;
            assign {a_write_addr, a_write_queue, a_write_null, a_write_data, a_write_valid} = 0;
            assign {a_head_queue, a_head_index, a_head_error, a_head_valid, a_index} = 0;
            assign {m_fault_code[4:0], m_fault_queue[QID_W-1:0], visit_fault} = 0;
            wire unused = &{1'b0, m_fault_ready[0], s_visit_index, s_visit_told};
        end
        if (PACKED_EN) begin : gen_packed
            vq_fetch_packed #(
                .QUEUES(QUEUES), .QID_W(QID_W), .DATA_W(DATA_W), .MAX_CHAIN(MAX_CHAIN),
                .SLOT_W(SLOT_W)
            ) u_packed (
                .clk(clk),
                .rst(rst),
                .s_ready(s_ready),
                .s_fetchable(s_fetchable),
                .s_resume(s_resume),
                .s_event_idx(s_event_idx),
                .s_setup_queue(s_setup_queue),
                .s_setup_field(s_setup_field),
                .s_setup_data(s_setup_data),
                .s_setup_valid(s_setup_valid),
                .s_visit_queue(s_visit_queue),
                .s_visit_valid(s_visit_valid && s_packed),
                .s_visit_ready(p_visit_ready),
                .m_done_queue(p_done_queue),
                .m_done_starved(p_done_starved),
                .m_done_valid(p_done_valid),
                .m_started_queue(p_started_queue),
                .m_started_count(p_started_count),
                .m_started_valid(p_started_valid),
                .s_started_credit(s_started_credit),
                .m_ar_addr(p_ar_addr),
                .m_ar_len(p_ar_len),
                .m_ar_queue(p_ar_queue),
                .m_ar_valid(p_ar_valid),
                .m_ar_ready(m_ar_ready[0]),
                .m_ar_dead(m_ar_dead[0]),
                .s_r_data(s_r_data),
                .s_r_error(s_r_error),
                .s_r_valid(s_r_valid[0] && s_packed),
                .m_write_addr(p_write_addr),
                .m_write_queue(p_write_queue),
                .m_write_null(p_write_null),
                .m_write_wide(p_write_wide),
                .m_write_data(p_write_data),
                .m_write_valid(p_write_valid),
                .m_write_ready(m_write_ready),
                .s_ack_valid(s_ack_valid && s_packed),
                .m_head_queue(p_head_queue),
                .m_head_index(p_head_index),
                .m_head_slots(p_head_slots),
                .m_head_error(p_head_error),
                .m_head_here(p_head_here),
                .m_head_desc(p_head_desc),
                .m_head_valid(p_head_valid),
                .m_head_ready(head_ready),
                .s_leave_queue(leave_queue),
                .s_leave_slots(leave_slots),
                .s_leave_given(leave_given),
                .s_leave_valid(leave_valid && s_packed),
                .s_index_queue(s_index_queue),
                .m_index_avail(p_index)
            );
        end else begin : gen_no_packed
            assign {p_visit_ready, p_done_queue, p_done_starved, p_done_valid} = 0;
            assign {p_started_queue, p_started_count, p_started_valid} = 0;
            assign {p_ar_addr, p_ar_len, p_ar_queue, p_ar_valid} = 0;
            assign {p_write_addr, p_write_queue, p_write_null, p_write_wide, p_write_data} = 0;
            assign {p_write_valid, p_head_queue, p_head_index, p_head_slots, p_head_error} = 0;
            assign {p_head_valid, p_head_here, p_head_desc, p_index} = 0;
            wire unused = &{1'b0, leave_queue, leave_slots, leave_given, leave_valid};
        end
    endgenerate

    assign m_fault_desc[16:0] = 17'd0;
    assign m_fault_valid[0]   = visit_fault && none_left;

    // Chains that were started and have not left. While a fault waits no new one is started
    reg  [COUNT_W-1:0] left_reg;
    reg                leaves_reg;
    reg  [7:0]         started_reg;

    assign none_left = left_reg == {COUNT_W{1'b0}};

    always @(posedge clk) begin
        leaves_reg  <= (m_req_valid && m_req_ready) || (m_drop_valid && m_drop_ready);
        started_reg <= m_started_valid ? m_started_count : 8'd0;
        left_reg    <= left_reg - {{(COUNT_W-1){1'b0}}, leaves_reg} +
                       {{(COUNT_W-8){1'b0}}, started_reg};
        if (rst) begin
            leaves_reg  <= 1'b0;
            started_reg <= 8'd0;
            left_reg    <= {COUNT_W{1'b0}};
        end
    end

    vq_fetch_chains #(
        .QUEUES(QUEUES), .QID_W(QID_W), .DATA_W(DATA_W), .TAG_W(TAG_W), .ORDER_W(ORDER_W),
        .MAX_CHAIN(MAX_CHAIN), .SLOT_W(SLOT_W), .HERE_EN(PACKED_EN && DATA_W >= 128)
    ) u_chains (
        .clk(clk),
        .rst(rst),
        .s_fetchable(s_fetchable),
        .s_indirect(s_indirect),
        .s_packed(s_packed),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_head_queue(head_queue),
        .s_head_index(head_index),
        .s_head_slots(head_slots),
        .s_head_error(head_error),
        .s_head_here(s_packed && p_head_here),
        .s_head_desc(p_head_desc),
        .s_head_valid(head_valid),
        .s_head_ready(head_ready),
        .m_ar_addr(m_ar_addr[127:64]),
        .m_ar_len(m_ar_len[15:8]),
        .m_ar_queue(m_ar_queue[2*QID_W-1:QID_W]),
        .m_ar_valid(m_ar_valid[1]),
        .m_ar_ready(m_ar_ready[1]),
        .m_ar_dead(m_ar_dead[1]),
        .s_r_data(s_r_data),
        .s_r_error(s_r_error),
        .s_r_valid(s_r_valid[1]),
        .s_free_tag(s_free_tag),
        .s_free_count(s_free_count),
        .s_free_valid(s_free_valid),
        .m_free_take(m_free_take),
        .m_store_at(m_store_at),
        .m_store_data(m_store_data),
        .m_store_valid(m_store_valid),
        .m_link_tag(m_link_tag),
        .m_link_next(m_link_next),
        .m_link_valid(m_link_valid),
        .m_chain_tag(m_chain_tag),
        .m_chain_queue(m_chain_queue),
        .m_chain_head(m_chain_head),
        .m_chain_slots(m_chain_slots),
        .m_chain_writable(m_chain_writable),
        .m_chain_w_at(m_chain_w_at),
        .m_chain_last(m_chain_last),
        .m_chain_place(m_chain_place),
        .m_chain_valid(m_chain_valid),
        .m_req_queue(m_req_queue),
        .m_req_tag(m_req_tag),
        .m_req_readable(m_req_readable),
        .m_req_writable(m_req_writable),
        .m_req_valid(m_req_valid),
        .m_req_ready(m_req_ready),
        .m_gather_valid(m_gather_valid),
        .m_gather_ready(m_gather_ready),
        .m_release_first(m_release_first),
        .m_release_last(m_release_last),
        .m_release_valid(m_release_valid),
        .m_release_ready(m_release_ready),
        .m_drop_queue(m_drop_queue),
        .m_drop_valid(m_drop_valid),
        .m_drop_ready(m_drop_ready),
        .m_leave_queue(leave_queue),
        .m_leave_slots(leave_slots),
        .m_leave_given(leave_given),
        .m_leave_valid(leave_valid),
        .m_fault_code(m_fault_code[9:5]),
        .m_fault_queue(m_fault_queue[2*QID_W-1:QID_W]),
        .m_fault_desc(m_fault_desc[33:17]),
        .m_fault_valid(m_fault_valid[1]),
        .m_fault_ready(m_fault_ready[1])
    );
endmodule
`resetall
