// SPDX-License-Identifier: Apache-2.0
// vq_fetch_split - visits of split queues in, whole checked chains out. With vq_complete the only
// part that knows the ring's format.
//   Contract    a chain's header leaves after its whole chain was checked and its segments
//               stored; chains leave in available order. The fault of a visit is reported only
//               after all chains started before it have left
//   Latency     from a visit: the dependent reads (index, entry, descriptors) and about 20 cycles
//   Throughput  1 single-descriptor chain per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_fetch_split #(
    parameter QUEUES    = 4,        // queues, 1 to 64
    parameter QID_W     = 2,        // queue number, bits
    parameter DATA_W    = 64,       // beat, bits
    parameter TAG_W     = 8,        // chunk of the chain store, bits
    parameter ORDER_W   = 6,        // chains walked at once, 2**ORDER_W
    parameter MAX_CHAIN = 128       // descriptors of a chain, at most
) (
    input  wire              clk,
    input  wire              rst,
    input  wire [QUEUES-1:0] s_ready,
    input  wire [QUEUES-1:0] s_fetchable,
    input  wire              s_event_idx,
    input  wire              s_packed,      // RING_PACKED negotiated
    input  wire              s_indirect,
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
    // Bursts of the available rings (0) and of descriptors (1) to the read master, and their data
    output wire [127:0]      m_ar_addr,
    output wire [15:0]       m_ar_len,
    output wire [2*QID_W-1:0] m_ar_queue,
    output wire [1:0]        m_ar_valid,
    input  wire [1:0]        m_ar_ready,
    input  wire [DATA_W-1:0] s_r_data,
    input  wire              s_r_error,
    input  wire [1:0]        s_r_valid,
    // Writes of used.flags or avail_event
    output wire [63:0]       m_write_addr,
    output wire [QID_W-1:0]  m_write_queue,
    output wire              m_write_null,
    output wire [15:0]       m_write_data,
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
    localparam COUNT_W = 16;    // chains on their way, bits

    wire [QID_W-1:0] head_queue;
    wire [15:0]      head_index;
    wire             head_error, head_valid, head_ready;
    wire [QID_W-1:0] entry_queue;
    wire [15:0]      entry_index;
    wire             entry_error, entry_valid, entry_ready;
    wire             visit_fault, none_left;

    vq_fetch_avail #(
        .QUEUES(QUEUES), .QID_W(QID_W), .DATA_W(DATA_W)
    ) u_avail (
        .clk(clk),
        .rst(rst),
        .s_ready(s_ready),
        .s_event_idx(s_event_idx),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_visit_queue(s_visit_queue),
        .s_visit_index(s_visit_index),
        .s_visit_told(s_visit_told),
        .s_visit_valid(s_visit_valid),
        .s_visit_ready(s_visit_ready),
        .m_done_queue(m_done_queue),
        .m_done_starved(m_done_starved),
        .m_done_valid(m_done_valid),
        .m_started_queue(m_started_queue),
        .m_started_count(m_started_count),
        .m_started_valid(m_started_valid),
        .s_started_credit(s_started_credit),
        .m_ar_addr(m_ar_addr[63:0]),
        .m_ar_len(m_ar_len[7:0]),
        .m_ar_queue(m_ar_queue[QID_W-1:0]),
        .m_ar_valid(m_ar_valid[0]),
        .m_ar_ready(m_ar_ready[0]),
        .s_r_data(s_r_data),
        .s_r_error(s_r_error),
        .s_r_valid(s_r_valid[0]),
        .m_write_addr(m_write_addr),
        .m_write_queue(m_write_queue),
        .m_write_null(m_write_null),
        .m_write_data(m_write_data),
        .m_write_valid(m_write_valid),
        .m_write_ready(m_write_ready),
        .s_ack_valid(s_ack_valid),
        .m_head_queue(entry_queue),
        .m_head_index(entry_index),
        .m_head_error(entry_error),
        .m_head_valid(entry_valid),
        .m_head_ready(entry_ready),
        .m_fault_code(m_fault_code[4:0]),
        .m_fault_queue(m_fault_queue[QID_W-1:0]),
        .m_fault_valid(visit_fault),
        .m_fault_ready(m_fault_ready[0] && none_left),
        .s_index_queue(s_index_queue),
        .m_index_avail(m_index_avail)
    );
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

    vq_skid #(.WIDTH(QID_W+17)) u_heads (
        .clk(clk),
        .rst(rst),
        .s_data({entry_queue, entry_index, entry_error}),
        .s_valid(entry_valid),
        .s_ready(entry_ready),
        .m_data({head_queue, head_index, head_error}),
        .m_valid(head_valid),
        .m_ready(head_ready)
    );
    vq_fetch_chains #(
        .QUEUES(QUEUES), .QID_W(QID_W), .DATA_W(DATA_W), .TAG_W(TAG_W), .ORDER_W(ORDER_W),
        .MAX_CHAIN(MAX_CHAIN)
    ) u_chains (
        .clk(clk),
        .rst(rst),
        .s_fetchable(s_fetchable),
        .s_indirect(s_indirect),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_head_queue(head_queue),
        .s_head_index(head_index),
        .s_head_error(head_error),
        .s_head_valid(head_valid),
        .s_head_ready(head_ready),
        .m_ar_addr(m_ar_addr[127:64]),
        .m_ar_len(m_ar_len[15:8]),
        .m_ar_queue(m_ar_queue[2*QID_W-1:QID_W]),
        .m_ar_valid(m_ar_valid[1]),
        .m_ar_ready(m_ar_ready[1]),
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
        .m_fault_code(m_fault_code[9:5]),
        .m_fault_queue(m_fault_queue[2*QID_W-1:QID_W]),
        .m_fault_desc(m_fault_desc[33:17]),
        .m_fault_valid(m_fault_valid[1]),
        .m_fault_ready(m_fault_ready[1])
    );

    wire unused = &{1'b0, s_packed};
endmodule
`resetall
