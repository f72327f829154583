// SPDX-License-Identifier: Apache-2.0
// vq_engine - the virtqueue DMA engine: the device's side of both rings. Only wires.
//   Contract    docs/architecture.md: rings, faults, the device function's boundary, the orders
//   Latency     notification to used index: the dependent accesses and about 40 cycles
//   Throughput  bounded by the bus while CHAINS, 2**ORDER_W and READ_BEATS cover the memory's
//               latency
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_engine #(
    parameter QUEUES         = 4,       // queues, 1 to 64
    parameter QUEUE_SIZE_MAX = 256,     // largest queue, descriptors; power of two, up to 32768
    parameter DATA_W         = 64,      // bus, bits; 64, 128, 256 or 512
    parameter MAX_CHAIN      = 128,     // longest chain, descriptors; up to 2 * CHAINS
    parameter CHAINS         = 4*DATA_W,    // chunks of four segments
    parameter ORDER_W        = $clog2(DATA_W) + 1,  // chains walked at once, 2**ORDER_W
    parameter READ_BEATS     = 640,     // payload beats in flight or waiting
    parameter [0:0] SPLIT_EN  = 1'b1,   // 0: no split rings, so s_packed must be 1
    parameter [0:0] PACKED_EN = 1'b1,   // 0: no packed rings, so s_packed must be 0
    parameter [0:0] ORDER_EN  = 1'b1,   // 0: no IN_ORDER, so s_in_order must be 0
    parameter QID_W          = QUEUES > 1 ? $clog2(QUEUES) : 1,     // derived, not to be set
    parameter TAG_W          = $clog2(CHAINS)                       // derived, not to be set
) (
    input  wire                clk,
    input  wire                rst,
    // From the transport: set-up, notifications, negotiated features of each queue, reset
    input  wire [QID_W-1:0]    s_setup_queue,
    input  wire [2:0]          s_setup_field,
    input  wire [31:0]         s_setup_data,
    input  wire                s_setup_valid,
    input  wire [QUEUES-1:0]   s_ready,
    input  wire [QUEUES-1:0]   s_resume,        // one that gets ready was served before
    output wire [QUEUES-1:0]   m_quiet,
    input  wire [QID_W-1:0]    s_notify_queue,
    input  wire [15:0]         s_notify_index,  // available index, if s_notify_data
    input  wire                s_notify_data,
    input  wire                s_notify_valid,
    input  wire [QUEUES-1:0]   s_run,
    input  wire [QUEUES-1:0]   s_event_idx,
    input  wire [QUEUES-1:0]   s_indirect,
    input  wire                s_packed,
    input  wire                s_in_order,
    input  wire                s_reset,
    output wire                m_reset_done,
    input  wire                s_suspend,
    output wire                m_suspended,
    // To the transport: faults, interrupts, indices
    output wire [4:0]          m_fault_code,
    output wire [QID_W-1:0]    m_fault_queue,
    output wire [16:0]         m_fault_desc,
    output wire                m_fault_valid,
    input  wire                m_fault_ready,
    output wire                m_used_irq,
    output wire [QID_W-1:0]    m_used_queue,   // whose interrupt that is
    input  wire [QID_W-1:0]    s_index_queue,
    output wire [15:0]         m_index_avail,
    output wire [15:0]         m_index_used,
    output wire                m_idle,
    // Device function: headers and readable bytes out
    output wire [QID_W-1:0]    m_req_queue,
    output wire [TAG_W-1:0]    m_req_tag,
    output wire [31:0]         m_req_readable,
    output wire [31:0]         m_req_writable,
    output wire                m_req_valid,
    input  wire                m_req_ready,
    output wire [DATA_W-1:0]   m_axis_tdata,
    output wire [DATA_W/8-1:0] m_axis_tkeep,
    output wire                m_axis_tlast,
    output wire                m_axis_tuser,
    output wire                m_axis_tvalid,
    input  wire                m_axis_tready,
    // Device function: responses and their bytes in, credits in
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
    input  wire [QID_W-1:0]    s_credit_queue,
    input  wire [15:0]         s_credit_count,
    input  wire                s_credit_valid,
    input  wire [15:0]         s_waiting,      // chains held that wait for the outside
    output wire [QUEUES-1:0]   m_live,
    output wire                m_fn_rst,
    // AXI4 master
    output wire [3:0]          m_axi_arid,
    output wire [63:0]         m_axi_araddr,
    output wire [7:0]          m_axi_arlen,
    output wire [2:0]          m_axi_arsize,
    output wire [1:0]          m_axi_arburst,
    output wire [3:0]          m_axi_arcache,
    output wire [2:0]          m_axi_arprot,
    output wire                m_axi_arvalid,
    input  wire                m_axi_arready,
    input  wire [3:0]          m_axi_rid,
    input  wire [DATA_W-1:0]   m_axi_rdata,
    input  wire [1:0]          m_axi_rresp,
    input  wire                m_axi_rlast,
    input  wire                m_axi_rvalid,
    output wire                m_axi_rready,
    output wire [3:0]          m_axi_awid,
    output wire [63:0]         m_axi_awaddr,
    output wire [7:0]          m_axi_awlen,
    output wire [2:0]          m_axi_awsize,
    output wire [1:0]          m_axi_awburst,
    output wire [3:0]          m_axi_awcache,
    output wire [2:0]          m_axi_awprot,
    output wire                m_axi_awvalid,
    input  wire                m_axi_awready,
    output wire [DATA_W-1:0]   m_axi_wdata,
    output wire [DATA_W/8-1:0] m_axi_wstrb,
    output wire                m_axi_wlast,
    output wire                m_axi_wvalid,
    input  wire                m_axi_wready,
    input  wire [3:0]          m_axi_bid,
    input  wire [1:0]          m_axi_bresp,
    input  wire                m_axi_bvalid,
    output wire                m_axi_bready
);
`include "vq_faults.vh"
    if (QUEUES < 1 || QUEUES > 64) begin : gen_bad_queues
        ERROR_QUEUES_must_be_1_to_64 u_error ();
    end
    if (QUEUE_SIZE_MAX < 1 || QUEUE_SIZE_MAX > 32768) begin : gen_bad_size
        ERROR_QUEUE_SIZE_MAX_must_be_1_to_32768 u_error ();
    end
    if (DATA_W != 64 && DATA_W != 128 && DATA_W != 256 && DATA_W != 512) begin : gen_bad_data
        ERROR_DATA_W_must_be_64_128_256_or_512 u_error ();
    end
    if (MAX_CHAIN < 1 || MAX_CHAIN > 2*CHAINS || CHAINS < 16) begin : gen_bad_chain
        ERROR_MAX_CHAIN_must_be_1_to_twice_CHAINS u_error ();
    end

    if (!SPLIT_EN && !PACKED_EN) begin : gen_no_ring
        ERROR_SPLIT_EN_or_PACKED_EN_must_be_1 u_error ();
    end

    localparam BURST_BYTES  = 256;
    localparam RSP_BEATS    = 256;      // beats of responses

    // The format of every ring, a constant where one is left out. It outlasts a device reset until
    // nothing is under way
    reg  packed_reg;
    wire packed_ring = PACKED_EN && (!SPLIT_EN || packed_reg);

    always @(posedge clk) if (rst || !s_reset) packed_reg <= s_packed;

    wire core_rst, resetting, halt, drained;

    vq_quiesce u_quiesce (
        .clk(clk),
        .rst(rst),
        .s_reset(s_reset),
        .s_drained(drained),
        .m_halt(resetting),
        .m_core_rst(core_rst),
        .m_reset_done(m_reset_done)
    );
    assign m_fn_rst = core_rst;

    // Suspended, the masters stand still too; what waits for them goes on from there
    wire standing;
    assign halt = resetting || standing;

    // Which queues may do what
    wire [QUEUES-1:0] alive, stopped, fetchable, busy;
    wire [QID_W-1:0]  stop_queue, started_queue, collected_queue, finished_queue;
    wire [7:0]        started_count;
    wire [15:0]       started_credit, finished_count;
    wire              stop_kill, stop_valid, started_valid, collected_valid, collected_all;
    wire              finished_valid, settled, schedule_idle;

    vq_liveness #(.QUEUES(QUEUES), .QID_W(QID_W)) u_liveness (
        .clk(clk),
        .rst(core_rst),
        .s_ready(s_ready),
        .s_run(s_run),
        .s_suspend(s_suspend),
        .s_busy(busy),
        .s_stop_queue(stop_queue),
        .s_stop_kill(stop_kill),
        .s_stop_valid(stop_valid),
        .s_credit_queue(s_credit_queue),
        .s_credit_count(s_credit_count),
        .s_credit_valid(s_credit_valid),
        .s_started_queue(started_queue),
        .s_started_count(started_count),
        .s_started_valid(started_valid),
        .m_started_credit(started_credit),
        .s_collected_queue(collected_queue),
        .s_collected_valid(collected_valid),
        .m_collected_all(collected_all),
        .s_finished_queue(finished_queue),
        .s_finished_count(finished_count),
        .s_finished_valid(finished_valid),
        .s_waiting(s_waiting),
        .m_alive(alive),
        .m_live(m_live),
        .m_stopped(stopped),
        .m_fetchable(fetchable),
        .m_quiet(m_quiet),
        .m_settled(settled)
    );

    // Faults: 0 visits, 1 chains, 2 gather, 3 writes, 4 publish
    wire [24:0]        fault_code;
    wire [5*QID_W-1:0] fault_queue;
    wire [84:0]        fault_desc;
    wire [4:0]         fault_valid, fault_ready;
    wire [1:0]         write_error_port;

    assign fault_code[14:10] = FAULT_MEM_READ;
    assign fault_code[19:15] = write_error_port == 2'd0 ? FAULT_MEM_WRITE : FAULT_MEM_USED;
    assign fault_desc[84:34] = 51'd0;

    vq_fault_collect #(
        .QUEUES(QUEUES), .QID_W(QID_W), .PORTS(5), .KILL(5'b01100)
    ) u_faults (
        .clk(clk),
        .rst(core_rst),
        .s_halt(resetting),
        .s_ready(s_ready),
        .s_stopped(stopped),
        .s_fault_code(fault_code),
        .s_fault_queue(fault_queue),
        .s_fault_desc(fault_desc),
        .s_fault_valid(fault_valid),
        .s_fault_ready(fault_ready),
        .m_stop_queue(stop_queue),
        .m_stop_kill(stop_kill),
        .m_stop_valid(stop_valid),
        .m_fault_code(m_fault_code),
        .m_fault_queue(m_fault_queue),
        .m_fault_desc(m_fault_desc),
        .m_fault_valid(m_fault_valid),
        .m_fault_ready(m_fault_ready)
    );

    // schedule
    wire [QID_W-1:0] visit_queue, done_queue;
    wire [15:0]      visit_index;
    wire             visit_told, visit_valid, visit_ready, done_starved, done_valid;

    vq_schedule #(.QUEUES(QUEUES), .QID_W(QID_W)) u_schedule (
        .clk(clk),
        .rst(core_rst),
        .s_ready(s_ready),
        .s_fetchable(fetchable),
        .s_suspend(s_suspend),
        .s_notify_queue(s_notify_queue),
        .s_notify_index(s_notify_index),
        .s_notify_data(s_notify_data),
        .s_notify_valid(s_notify_valid),
        .s_credit_queue(s_credit_queue),
        .s_credit_valid(s_credit_valid),
        .m_visit_queue(visit_queue),
        .m_visit_index(visit_index),
        .m_visit_told(visit_told),
        .m_visit_valid(visit_valid),
        .m_visit_ready(visit_ready),
        .s_done_queue(done_queue),
        .s_done_starved(done_starved),
        .s_done_valid(done_valid),
        .m_busy(busy),
        .m_idle(schedule_idle)
    );

    // Readers: 0 available rings, 1 descriptors, 2 suppression, 3 payload
    wire [255:0]       ar_addr;
    wire [31:0]        ar_len;
    wire [4*QID_W-1:0] ar_queue;
    wire [3:0]         ar_valid, ar_ready, ar_dead, r_valid;
    wire [DATA_W-1:0]  r_data;
    wire               r_error;

    // Writers: 0 payload, 1 used elements, 2 used index, 3 notification suppression
    wire [255:0]            w_addr;
    wire [51:0]             w_len;
    wire [4*QID_W-1:0]      w_queue;
    wire [3:0]              w_null, w_want, w_valid, w_ready, w_ack;
    wire [4*DATA_W-1:0]     b_data;
    wire [3:0]              b_valid, b_ready;

    wire                    write_busy;

    assign w_null[1]   = 1'b0;
    assign w_want[0]   = 1'b0;
    assign w_want[3]   = 1'b1;

    vq_axi_master #(
        .QUEUES(QUEUES), .QID_W(QID_W), .DATA_W(DATA_W)
    ) u_axi (
        .clk(clk),
        .rst(core_rst),
        .s_alive(alive),
        .s_halt(halt),
        .s_half({2'b00, packed_ring, 1'b0}),
        .m_drained(drained),
        .m_write_busy(write_busy),
        .s_ar_addr(ar_addr),
        .s_ar_len(ar_len),
        .s_ar_queue(ar_queue),
        .s_ar_valid(ar_valid),
        .s_ar_ready(ar_ready),
        .s_ar_dead(ar_dead),
        .m_r_data(r_data),
        .m_r_error(r_error),
        .m_r_valid(r_valid),
        .s_req_addr(w_addr),
        .s_req_len(w_len),
        .s_req_queue(w_queue),
        .s_req_null(w_null),
        .s_req_ack(w_want),
        .s_req_valid(w_valid),
        .s_req_ready(w_ready),
        .s_beat_data(b_data),
        .s_beat_valid(b_valid),
        .s_beat_ready(b_ready),
        .m_ack_valid(w_ack),
        .m_error_port(write_error_port),
        .m_error_queue(fault_queue[4*QID_W-1:3*QID_W]),
        .m_error_valid(fault_valid[3]),
        .m_error_ready(fault_ready[3]),
        .m_axi_arid(m_axi_arid),
        .m_axi_araddr(m_axi_araddr),
        .m_axi_arlen(m_axi_arlen),
        .m_axi_arsize(m_axi_arsize),
        .m_axi_arburst(m_axi_arburst),
        .m_axi_arcache(m_axi_arcache),
        .m_axi_arprot(m_axi_arprot),
        .m_axi_arvalid(m_axi_arvalid),
        .m_axi_arready(m_axi_arready),
        .m_axi_rid(m_axi_rid),
        .m_axi_rdata(m_axi_rdata),
        .m_axi_rresp(m_axi_rresp),
        .m_axi_rlast(m_axi_rlast),
        .m_axi_rvalid(m_axi_rvalid),
        .m_axi_rready(m_axi_rready),
        .m_axi_awid(m_axi_awid),
        .m_axi_awaddr(m_axi_awaddr),
        .m_axi_awlen(m_axi_awlen),
        .m_axi_awsize(m_axi_awsize),
        .m_axi_awburst(m_axi_awburst),
        .m_axi_awcache(m_axi_awcache),
        .m_axi_awprot(m_axi_awprot),
        .m_axi_awvalid(m_axi_awvalid),
        .m_axi_awready(m_axi_awready),
        .m_axi_wdata(m_axi_wdata),
        .m_axi_wstrb(m_axi_wstrb),
        .m_axi_wlast(m_axi_wlast),
        .m_axi_wvalid(m_axi_wvalid),
        .m_axi_wready(m_axi_wready),
        .m_axi_bid(m_axi_bid),
        .m_axi_bresp(m_axi_bresp),
        .m_axi_bvalid(m_axi_bvalid),
        .m_axi_bready(m_axi_bready)
    );

    // Chain store
    wire [TAG_W-1:0] free_tag, link_tag, link_next, drop_first, drop_last, rel_first, rel_last;
    wire [TAG_W:0]   free_count;
    wire             free_valid, free_take, store_valid, link_valid;
    wire             drop_rel_valid, drop_rel_ready, rel_valid, rel_ready;
    wire [TAG_W+1:0] store_at, gather_at, scatter_at;
    wire [95:0]      store_data, gather_segment, scatter_segment;
    wire [TAG_W-1:0] gather_tag, gather_next, scatter_next;
    wire             gather_en, scatter_en;

    vq_chain_store #(.CHAINS(CHAINS)) u_store (
        .clk(clk),
        .rst(core_rst),
        .m_free_tag(free_tag),
        .m_free_valid(free_valid),
        .m_free_ready(free_take),
        .m_free_count(free_count),
        .s_write_at(store_at),
        .s_write_data(store_data),
        .s_write_valid(store_valid),
        .s_link_tag(link_tag),
        .s_link_next(link_next),
        .s_link_valid(link_valid),
        .s_read_a_en(gather_en),
        .s_read_a_at(gather_at),
        .m_read_a_data(gather_segment),
        .m_after_a_next(gather_next),
        .s_read_b_en(scatter_en),
        .s_read_b_at(scatter_at),
        .m_read_b_data(scatter_segment),
        .m_after_b_next(scatter_next),
        .s_release_a_first(back_first),
        .s_release_a_last(back_last),
        .s_release_a_valid(back_valid),
        .s_release_a_ready(back_ready),
        .s_release_b_first(drop_first),
        .s_release_b_last(drop_last),
        .s_release_b_valid(drop_rel_valid),
        .s_release_b_ready(drop_rel_ready)
    );

    // Chunks on their way back hold up no completion
    wire [TAG_W-1:0] back_first, back_last;
    wire             back_valid, back_ready;

    vq_fifo #(.WIDTH(2*TAG_W), .DEPTH(4)) u_release (
        .clk(clk),
        .rst(core_rst),
        .s_data({rel_first, rel_last}),
        .s_valid(rel_valid),
        .s_ready(rel_ready),
        .m_data({back_first, back_last}),
        .m_valid(back_valid),
        .m_ready(back_ready)
    );

    // fetch
    wire [63:0]      flag_addr;
    wire [QID_W-1:0] flag_queue, chain_queue, whole_queue, drop_queue;
    wire [15:0]      chain_head, chain_slots;
    wire [31:0]      flag_data;
    wire             flag_null, flag_wide, flag_valid, flag_ready;
    wire [TAG_W-1:0] chain_tag, chain_last, whole_tag;
    wire [31:0]      chain_writable, whole_readable, whole_writable;
    wire [TAG_W+1:0] chain_w_at;
    wire [1:0]       chain_place;
    wire             chain_valid, whole_valid, whole_ready, gather_valid, gather_ready;
    wire             drop_valid, drop_ready;

    vq_fetch #(
        .QUEUES(QUEUES), .QID_W(QID_W), .DATA_W(DATA_W), .TAG_W(TAG_W), .ORDER_W(ORDER_W),
        .MAX_CHAIN(MAX_CHAIN), .SPLIT_EN(SPLIT_EN), .PACKED_EN(PACKED_EN)
    ) u_fetch (
        .clk(clk),
        .rst(core_rst),
        .s_ready(s_ready),
        .s_resume(s_resume),
        .s_fetchable(fetchable),
        .s_event_idx(s_event_idx),
        .s_indirect(s_indirect),
        .s_packed(packed_ring),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_visit_queue(visit_queue),
        .s_visit_index(visit_index),
        .s_visit_told(visit_told),
        .s_visit_valid(visit_valid),
        .s_visit_ready(visit_ready),
        .m_done_queue(done_queue),
        .m_done_starved(done_starved),
        .m_done_valid(done_valid),
        .m_started_queue(started_queue),
        .m_started_count(started_count),
        .m_started_valid(started_valid),
        .s_started_credit(started_credit),
        .m_ar_addr(ar_addr[127:0]),
        .m_ar_len(ar_len[15:0]),
        .m_ar_queue(ar_queue[2*QID_W-1:0]),
        .m_ar_valid(ar_valid[1:0]),
        .m_ar_ready(ar_ready[1:0]),
        .m_ar_dead(ar_dead[1:0]),
        .s_r_data(r_data),
        .s_r_error(r_error),
        .s_r_valid(r_valid[1:0]),
        .m_write_addr(flag_addr),
        .m_write_queue(flag_queue),
        .m_write_null(flag_null),
        .m_write_wide(flag_wide),
        .m_write_data(flag_data),
        .m_write_valid(flag_valid),
        .m_write_ready(flag_ready),
        .s_ack_valid(w_ack[3]),
        .s_free_tag(free_tag),
        .s_free_count(free_count),
        .s_free_valid(free_valid),
        .m_free_take(free_take),
        .m_store_at(store_at),
        .m_store_data(store_data),
        .m_store_valid(store_valid),
        .m_link_tag(link_tag),
        .m_link_next(link_next),
        .m_link_valid(link_valid),
        .m_chain_tag(chain_tag),
        .m_chain_queue(chain_queue),
        .m_chain_head(chain_head),
        .m_chain_slots(chain_slots),
        .m_chain_writable(chain_writable),
        .m_chain_w_at(chain_w_at),
        .m_chain_last(chain_last),
        .m_chain_place(chain_place),
        .m_chain_valid(chain_valid),
        .m_req_queue(whole_queue),
        .m_req_tag(whole_tag),
        .m_req_readable(whole_readable),
        .m_req_writable(whole_writable),
        .m_req_valid(whole_valid),
        .m_req_ready(whole_ready),
        .m_gather_valid(gather_valid),
        .m_gather_ready(gather_ready),
        .m_release_first(drop_first),
        .m_release_last(drop_last),
        .m_release_valid(drop_rel_valid),
        .m_release_ready(drop_rel_ready),
        .m_drop_queue(drop_queue),
        .m_drop_valid(drop_valid),
        .m_drop_ready(drop_ready),
        .m_fault_code(fault_code[9:0]),
        .m_fault_queue(fault_queue[2*QID_W-1:0]),
        .m_fault_desc(fault_desc[33:0]),
        .m_fault_valid(fault_valid[1:0]),
        .m_fault_ready(fault_ready[1:0]),
        .s_index_queue(s_index_queue),
        .m_index_avail(m_index_avail)
    );

    assign w_addr[255:192]              = flag_addr;
    assign w_queue[4*QID_W-1:3*QID_W]   = flag_queue;
    assign w_null[3]                    = flag_null;

    vq_write_word #(.DATA_W(DATA_W)) u_flag_word (
        .clk(clk),
        .rst(core_rst),
        .s_word_data(flag_data),
        .s_word_wide(flag_wide),
        .s_word_valid(flag_valid),
        .s_word_ready(flag_ready),
        .m_req_valid(w_valid[3]),
        .m_req_ready(w_ready[3]),
        .m_req_len(w_len[51:39]),
        .m_beat_data(b_data[4*DATA_W-1:3*DATA_W]),
        .m_beat_valid(b_valid[3]),
        .m_beat_ready(b_ready[3])
    );

    // Headers to the device function
    vq_fifo #(.WIDTH(QID_W+TAG_W+64), .DEPTH(16)) u_headers (
        .clk(clk),
        .rst(core_rst),
        .s_data({whole_queue, whole_tag, whole_readable, whole_writable}),
        .s_valid(whole_valid),
        .s_ready(whole_ready),
        .m_data({m_req_queue, m_req_tag, m_req_readable, m_req_writable}),
        .m_valid(m_req_valid),
        .m_ready(m_req_ready)
    );

    // gather
    vq_gather_path #(
        .DATA_W(DATA_W), .QUEUES(QUEUES), .QID_W(QID_W), .TAG_W(TAG_W),
        .MAX_BYTES(BURST_BYTES), .BEATS(READ_BEATS)
    ) u_gather (
        .clk(clk),
        .rst(core_rst),
        .s_alive(alive),
        .s_chain_queue(whole_queue),
        .s_chain_tag(whole_tag),
        .s_chain_readable(whole_readable),
        .s_chain_valid(gather_valid),
        .s_chain_ready(gather_ready),
        .m_read_en(gather_en),
        .m_read_at(gather_at),
        .s_read_data(gather_segment),
        .m_after_tag(gather_tag),
        .s_after_next(gather_next),
        .m_ar_addr(ar_addr[255:192]),
        .m_ar_len(ar_len[31:24]),
        .m_ar_queue(ar_queue[4*QID_W-1:3*QID_W]),
        .m_ar_valid(ar_valid[3]),
        .m_ar_ready(ar_ready[3]),
        .m_ar_dead(ar_dead[3]),
        .s_r_data(r_data),
        .s_r_error(r_error),
        .s_r_valid(r_valid[3]),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tkeep(m_axis_tkeep),
        .m_axis_tlast(m_axis_tlast),
        .m_axis_tuser(m_axis_tuser),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .m_fault_queue(fault_queue[3*QID_W-1:2*QID_W]),
        .m_fault_valid(fault_valid[2]),
        .m_fault_ready(fault_ready[2])
    );

    // scatter
    wire [QID_W-1:0] end_queue;
    wire [15:0]      end_head, end_slots;
    wire [31:0]      end_len;
    wire [TAG_W-1:0] end_tag, end_last;
    wire             end_whole, end_more, end_valid, end_ready, end_too;

    vq_scatter #(
        .DATA_W(DATA_W), .QID_W(QID_W), .TAG_W(TAG_W), .MAX_BYTES(BURST_BYTES), .BEATS(RSP_BEATS)
    ) u_scatter (
        .clk(clk),
        .rst(core_rst),
        .s_chain_tag(chain_tag),
        .s_chain_queue(chain_queue),
        .s_chain_head(chain_head),
        .s_chain_slots(chain_slots),
        .s_chain_writable(chain_writable),
        .s_chain_w_at(chain_w_at),
        .s_chain_last(chain_last),
        .s_chain_place(chain_place),
        .s_chain_valid(chain_valid),
        .s_rsp_tag(s_rsp_tag),
        .s_rsp_len(s_rsp_len),
        .s_rsp_more(s_rsp_more),
        .s_rsp_valid(s_rsp_valid),
        .s_rsp_ready(s_rsp_ready),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tkeep(s_axis_tkeep),
        .s_axis_tlast(s_axis_tlast),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .m_read_en(scatter_en),
        .m_read_at(scatter_at),
        .s_read_data(scatter_segment),
        .s_after_next(scatter_next),
        .m_req_addr(w_addr[63:0]),
        .m_req_len(w_len[12:0]),
        .m_req_queue(w_queue[QID_W-1:0]),
        .m_req_null(w_null[0]),
        .m_req_valid(w_valid[0]),
        .m_req_ready(w_ready[0]),
        .m_beat_data(b_data[DATA_W-1:0]),
        .m_beat_valid(b_valid[0]),
        .m_beat_ready(b_ready[0]),
        .m_used_queue(end_queue),
        .m_used_head(end_head),
        .m_used_slots(end_slots),
        .m_used_len(end_len),
        .m_used_whole(end_whole),
        .m_used_more(end_more),
        .m_used_valid(end_valid),
        .m_used_ready(end_ready),
        .m_release_first(end_tag),
        .m_release_last(end_last),
        .m_release_valid(end_too),
        .m_release_ready(1'b1)
    );

    // With IN_ORDER chains are put back into order; a chain keeps its chunks until its turn
    wire             in_order = ORDER_EN && s_in_order;
    wire [QID_W-1:0] used_queue;
    wire [15:0]      used_head, used_slots;
    wire [31:0]      used_len;
    wire             used_whole, used_more, used_valid, used_ready;

    generate
        if (ORDER_EN) begin : gen_order
            vq_complete_order #(.QID_W(QID_W), .TAG_W(TAG_W)) u_order (
                .clk(clk),
                .rst(core_rst),
                .s_in_order(s_in_order),
                .s_given_queue(whole_queue),
                .s_given_tag(whole_tag),
                .s_given_valid(whole_valid && whole_ready),
                .s_used_queue(end_queue),
                .s_used_head(end_head),
                .s_used_slots(end_slots),
                .s_used_len(end_len),
                .s_used_whole(end_whole),
                .s_used_more(end_more),
                .s_used_tag(end_tag),
                .s_used_last(end_last),
                .s_used_valid(end_valid),
                .s_used_ready(end_ready),
                .m_used_queue(used_queue),
                .m_used_head(used_head),
                .m_used_slots(used_slots),
                .m_used_len(used_len),
                .m_used_whole(used_whole),
                .m_used_more(used_more),
                .m_used_valid(used_valid),
                .m_used_ready(used_ready),
                .m_release_first(rel_first),
                .m_release_last(rel_last),
                .m_release_valid(rel_valid),
                .m_release_ready(rel_ready)
            );
        end else begin : gen_any_order
            assign {used_queue, used_head, used_slots, used_len, used_whole, used_more} =
                {end_queue, end_head, end_slots, end_len, end_whole, end_more};
            assign {rel_first, rel_last} = {end_tag, end_last};
            assign end_ready  = used_ready && rel_ready;
            assign used_valid = end_valid && rel_ready;
            assign rel_valid  = end_valid && used_ready;
        end
    endgenerate

    // complete
    vq_complete #(
        .QUEUES(QUEUES), .QID_W(QID_W), .DATA_W(DATA_W), .MAX_BYTES(BURST_BYTES),
        .PACKED_EN(PACKED_EN)
    ) u_complete (
        .clk(clk),
        .rst(core_rst),
        .s_ready(s_ready),
        .s_alive(alive),
        .s_event_idx(s_event_idx),
        .s_packed(packed_ring),
        .s_in_order(in_order),
        .s_write_busy(write_busy),
        .s_setup_queue(s_setup_queue),
        .s_setup_field(s_setup_field),
        .s_setup_data(s_setup_data),
        .s_setup_valid(s_setup_valid),
        .s_used_queue(used_queue),
        .s_used_head(used_head),
        .s_used_slots(used_slots),
        .s_used_len(used_len),
        .s_used_whole(used_whole),
        .s_used_more(used_more),
        .s_used_valid(used_valid),
        .s_used_ready(used_ready),
        .s_drop_queue(drop_queue),
        .s_drop_valid(drop_valid),
        .s_drop_ready(drop_ready),
        .m_collected_queue(collected_queue),
        .m_collected_valid(collected_valid),
        .s_collected_all(collected_all),
        .m_finished_queue(finished_queue),
        .m_finished_count(finished_count),
        .m_finished_valid(finished_valid),
        .m_req_addr(w_addr[191:64]),
        .m_req_len(w_len[38:13]),
        .m_req_queue(w_queue[3*QID_W-1:QID_W]),
        .m_req_null(w_null[2]),
        .m_req_ack(w_want[2:1]),
        .m_req_valid(w_valid[2:1]),
        .m_req_ready(w_ready[2:1]),
        .m_beat_data(b_data[3*DATA_W-1:DATA_W]),
        .m_beat_valid(b_valid[2:1]),
        .m_beat_ready(b_ready[2:1]),
        .s_ack_valid(w_ack[2:1]),
        .m_ar_addr(ar_addr[191:128]),
        .m_ar_len(ar_len[23:16]),
        .m_ar_queue(ar_queue[3*QID_W-1:2*QID_W]),
        .m_ar_valid(ar_valid[2]),
        .m_ar_ready(ar_ready[2]),
        .m_ar_dead(ar_dead[2]),
        .s_r_data(r_data),
        .s_r_error(r_error),
        .s_r_valid(r_valid[2]),
        .m_used_irq(m_used_irq),
        .m_used_queue(m_used_queue),
        .m_fault_code(fault_code[24:20]),
        .m_fault_queue(fault_queue[5*QID_W-1:4*QID_W]),
        .m_fault_valid(fault_valid[4]),
        .m_fault_ready(fault_ready[4]),
        .s_index_queue(s_index_queue),
        .m_index_used(m_index_used)
    );

    // suspend
    wire moved = (m_req_valid && m_req_ready) || (m_axis_tvalid && m_axis_tready) ||
                 (s_rsp_valid && s_rsp_ready) || (s_axis_tvalid && s_axis_tready);

    vq_suspend u_suspend (
        .clk(clk),
        .rst(core_rst),
        .s_suspend(s_suspend),
        .s_idle(schedule_idle && settled),
        .s_quiet(&(s_ready | m_quiet)),
        .s_drained(drained),
        .s_moved(moved),
        .m_halt(standing),
        .m_suspended(m_suspended)
    );
    assign m_idle = schedule_idle && settled && drained && !resetting;

    wire unused = &{1'b0, end_too, s_in_order, w_ack[0], gather_tag};
endmodule
`resetall
