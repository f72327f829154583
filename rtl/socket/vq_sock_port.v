// SPDX-License-Identifier: Apache-2.0
// vq_sock_port - queues without shared memory: a register port on one side, the device function's
// boundary on the other.
//   Contract    docs/architecture.md, "The socket port"; the boundary is that of vq_engine
//   Latency     4 cycles, AXI4-Lite request to response; 9, a frame's last word to its header
//   Throughput  1 access per 4 cycles; see vq_sock_issue and vq_sock_answers for the boundary
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_sock_port #(
    parameter        QUEUES    = 4,                 // queues; 1 to 64
    parameter        SLOTS     = 64,                // frames of a queue; power of two, 2 to 256
    parameter        DATA_W    = 64,                // stream, bits; 64 to 512
    parameter        TX_WORDS  = 1024,              // frames; power of two, 4 to 32768
    parameter        RX_WORDS  = 1024,              // answers; power of two, 4 to 32768
    parameter [31:0] DEVICE_ID = 32'h0000003f,      // virtio device type
    parameter [31:0] VENDOR_ID = 32'h4f505256,      // any
    parameter        QID_W     = QUEUES > 1 ? $clog2(QUEUES) : 1,   // derived, not to be set
    parameter        TAG_W     = QID_W + $clog2(SLOTS)              // derived, not to be set
) (
    input  wire                    clk,
    input  wire                    rst,
    // Registers: AXI4-Lite slave, 32 bit, 8 KiB
    input  wire [12:0]             s_axil_awaddr,
    input  wire                    s_axil_awvalid,
    output wire                    s_axil_awready,
    input  wire [31:0]             s_axil_wdata,
    input  wire [3:0]              s_axil_wstrb,
    input  wire                    s_axil_wvalid,
    output wire                    s_axil_wready,
    output wire [1:0]              s_axil_bresp,
    output wire                    s_axil_bvalid,
    input  wire                    s_axil_bready,
    input  wire [12:0]             s_axil_araddr,
    input  wire                    s_axil_arvalid,
    output wire                    s_axil_arready,
    output wire [31:0]             s_axil_rdata,
    output wire [1:0]              s_axil_rresp,
    output wire                    s_axil_rvalid,
    input  wire                    s_axil_rready,
    // Device function: headers, bytes, answers, credits
    output wire [QID_W-1:0]        m_req_queue,
    output wire [TAG_W-1:0]        m_req_tag,
    output wire [31:0]             m_req_readable,
    output wire [31:0]             m_req_writable,
    output wire                    m_req_valid,
    input  wire                    m_req_ready,
    output wire [DATA_W-1:0]       m_axis_tdata,
    output wire [DATA_W/8-1:0]     m_axis_tkeep,
    output wire                    m_axis_tlast,
    output wire                    m_axis_tuser,
    output wire                    m_axis_tvalid,
    input  wire                    m_axis_tready,
    input  wire [TAG_W-1:0]        s_rsp_tag,
    input  wire [31:0]             s_rsp_len,
    input  wire                    s_rsp_valid,
    output wire                    s_rsp_ready,
    input  wire [DATA_W-1:0]       s_axis_tdata,
    input  wire [DATA_W/8-1:0]     s_axis_tkeep,
    input  wire                    s_axis_tlast,
    input  wire                    s_axis_tvalid,
    output wire                    s_axis_tready,
    input  wire [QID_W-1:0]        s_credit_queue,
    input  wire [15:0]             s_credit_count,
    input  wire                    s_credit_valid,
    output wire [QUEUES-1:0]       m_live,
    output wire                    m_fn_rst,
    // Configuration space: byte offset from 0x100; rdata belongs to m_cfg_addr's cycle
    output wire [10:0]             m_cfg_addr,
    output wire [31:0]             m_cfg_wdata,
    output wire [3:0]              m_cfg_wstrb,
    output wire                    m_cfg_write,
    input  wire [31:0]             s_cfg_rdata,
    // Interrupt line, high while an event is not acknowledged; nothing can go on by itself
    output wire                    irq,
    output wire                    idle
);
    if (QUEUES < 1 || QUEUES > 64) begin : gen_bad_queues
        ERROR_QUEUES_must_be_1_to_64 u_error ();
    end
    if (SLOTS < 2 || SLOTS > 256 || 2**$clog2(SLOTS) != SLOTS) begin : gen_bad_slots
        ERROR_SLOTS_must_be_a_power_of_two_2_to_256 u_error ();
    end
    if (TX_WORDS < 4 || TX_WORDS > 32768 || 2**$clog2(TX_WORDS) != TX_WORDS) begin : gen_bad_tx
        ERROR_TX_WORDS_must_be_a_power_of_two_4_to_32768 u_error ();
    end
    if (RX_WORDS < 4 || RX_WORDS > 32768 || 2**$clog2(RX_WORDS) != RX_WORDS) begin : gen_bad_rx
        ERROR_RX_WORDS_must_be_a_power_of_two_4_to_32768 u_error ();
    end
    if (DATA_W < 64 || DATA_W > 512 || 2**$clog2(DATA_W) != DATA_W) begin : gen_bad_data
        ERROR_DATA_W_must_be_64_128_256_or_512 u_error ();
    end

    localparam MAX_WRITE = 4 * (RX_WORDS - 1);
    localparam TX_W      = $clog2(TX_WORDS) + 1;
    localparam RX_W      = $clog2(RX_WORDS) + 1;

    wire [12:0]       reg_addr;
    wire [31:0]       reg_wdata;
    wire [3:0]        reg_wstrb;
    wire              reg_write;
    wire              reg_valid;
    wire              reg_ready;
    wire [31:0]       reg_rdata;
    wire [QID_W-1:0]  word_queue;
    wire [31:0]       word_data;
    wire              word_header;
    wire              word_whole;
    wire              word_look;
    wire              word_take;
    wire [4:0]        word_fault;
    wire [15:0]       word_room;
    wire [15:0]       word_expected;
    wire              word_midst;
    wire              get_look;
    wire              get_take;
    wire [31:0]       get_data;
    wire [15:0]       get_fill;
    wire [SLOTS-1:0]  get_answered;
    wire [15:0]       get_finished;
    wire [QUEUES-1:0] clear;
    wire              wake;
    wire              reset;
    wire [4:0]        own_code;
    wire [31:0]       own_queue;
    wire              own_exists;
    wire              own_valid;
    wire              forget_valid;
    wire [4:0]        sel_code;
    wire [4:0]        first_code;
    wire [31:0]       first_queue;
    wire [16:0]       first_desc;
    wire [15:0]       fault_count;
    wire              fault_event;
    wire              fault_ready;
    wire [QID_W-1:0]  frame_queue;
    wire [TX_W-1:0]   frame_start;
    wire [TX_W-1:0]   frame_end;
    wire              read_en;
    wire [TX_W-1:0]   read_place;
    wire [31:0]       read_data;
    wire [TX_W-1:0]   free_words;
    wire              free_valid;
    wire [RX_W-1:0]   freed_words;
    wire [TAG_W-1:0]  keep_tag;
    wire [RX_W-1:0]   keep_words;
    wire              keep_valid;
    wire [15:0]       started_count;
    wire              started_busy;
    wire [QID_W-1:0]  done_queue;
    wire              done_shown;
    wire              done_valid;
    wire              issue_idle;
    wire              answers_idle;
    reg  [TAG_W:0]    held_reg;         // chains in the function
    wire              port_rst = rst || reset;
    wire              quiet = started_count == get_finished && !started_busy;

    assign m_fn_rst = reset;

    always @(posedge clk) begin
        if (keep_valid != done_valid) held_reg <= keep_valid ? held_reg + 1'b1 : held_reg - 1'b1;
        if (port_rst) held_reg <= {(TAG_W+1){1'b0}};
    end

    vq_axil_slave #(
        .ADDR_W(13)
    ) u_axil (
        .clk(clk),
        .rst(rst),
        .s_axil_awaddr(s_axil_awaddr),
        .s_axil_awvalid(s_axil_awvalid),
        .s_axil_awready(s_axil_awready),
        .s_axil_wdata(s_axil_wdata),
        .s_axil_wstrb(s_axil_wstrb),
        .s_axil_wvalid(s_axil_wvalid),
        .s_axil_wready(s_axil_wready),
        .s_axil_bresp(s_axil_bresp),
        .s_axil_bvalid(s_axil_bvalid),
        .s_axil_bready(s_axil_bready),
        .s_axil_araddr(s_axil_araddr),
        .s_axil_arvalid(s_axil_arvalid),
        .s_axil_arready(s_axil_arready),
        .s_axil_rdata(s_axil_rdata),
        .s_axil_rresp(s_axil_rresp),
        .s_axil_rvalid(s_axil_rvalid),
        .s_axil_rready(s_axil_rready),
        .m_reg_addr(reg_addr),
        .m_reg_wdata(reg_wdata),
        .m_reg_wstrb(reg_wstrb),
        .m_reg_write(reg_write),
        .m_reg_valid(reg_valid),
        .m_reg_ready(reg_ready),
        .m_reg_rdata(reg_rdata)
    );

    vq_sock_regs #(
        .QUEUES(QUEUES),
        .SLOTS(SLOTS),
        .TX_WORDS(TX_WORDS),
        .RX_WORDS(RX_WORDS),
        .DEVICE_ID(DEVICE_ID),
        .VENDOR_ID(VENDOR_ID)
    ) u_regs (
        .clk(clk),
        .rst(rst),
        .s_reg_addr(reg_addr),
        .s_reg_wdata(reg_wdata),
        .s_reg_wstrb(reg_wstrb),
        .s_reg_write(reg_write),
        .s_reg_valid(reg_valid),
        .s_reg_ready(reg_ready),
        .s_reg_rdata(reg_rdata),
        .m_word_queue(word_queue),
        .m_word_data(word_data),
        .m_word_header(word_header),
        .m_word_whole(word_whole),
        .m_word_look(word_look),
        .m_word_take(word_take),
        .s_word_fault(word_fault),
        .s_word_room(word_room),
        .s_word_expected(word_expected),
        .s_word_midst(word_midst),
        .m_get_look(get_look),
        .m_get_take(get_take),
        .s_get_data(get_data),
        .s_get_fill(get_fill),
        .m_live(m_live),
        .s_quiet(quiet),
        .m_clear(clear),
        .m_wake(wake),
        .m_reset(reset),
        .m_own_code(own_code),
        .m_own_queue(own_queue),
        .m_own_exists(own_exists),
        .m_own_valid(own_valid),
        .m_forget_valid(forget_valid),
        .s_sel_code(sel_code),
        .s_first_code(first_code),
        .s_first_queue(first_queue),
        .s_fault_count(fault_count),
        .s_fault_event(fault_event),
        .s_done_queue(done_queue),
        .s_done_valid(done_valid && done_shown),
        .s_left_queue(frame_queue),
        .s_left_valid(free_valid),
        .m_cfg_addr(m_cfg_addr),
        .m_cfg_wdata(m_cfg_wdata),
        .m_cfg_wstrb(m_cfg_wstrb),
        .m_cfg_write(m_cfg_write),
        .s_cfg_rdata(s_cfg_rdata),
        .s_idle(issue_idle && answers_idle && held_reg == {(TAG_W+1){1'b0}}),
        .m_idle(idle),
        .irq(irq)
    );

    vq_mmio_faults #(
        .QUEUES(QUEUES)
    ) u_faults (
        .clk(clk),
        .rst(port_rst),
        .s_own_code(own_code),
        .s_own_queue(own_queue),
        .s_own_exists(own_exists),
        .s_own_valid(own_valid),
        .s_fault_code(5'd0),
        .s_fault_queue({QID_W{1'b0}}),
        .s_fault_desc(17'd0),
        .s_fault_valid(1'b0),
        .s_fault_ready(fault_ready),
        .s_clear_queue(word_queue),
        .s_clear_valid(forget_valid),
        .s_sel_queue(word_queue),
        .m_sel_code(sel_code),
        .m_first_code(first_code),
        .m_first_queue(first_queue),
        .m_first_desc(first_desc),
        .m_count(fault_count),
        .m_fault_event(fault_event)
    );

    vq_sock_frames #(
        .QUEUES(QUEUES),
        .SLOTS(SLOTS),
        .WORDS(TX_WORDS),
        .MAX_WRITE(MAX_WRITE)
    ) u_frames (
        .clk(clk),
        .s_clear(clear),
        .s_word_queue(word_queue),
        .s_word_data(word_data),
        .s_word_header(word_header),
        .s_word_whole(word_whole),
        .s_word_look(word_look),
        .s_word_take(word_take),
        .m_word_fault(word_fault),
        .s_word_answered(get_answered),
        .m_word_room(word_room),
        .m_word_expected(word_expected),
        .m_word_midst(word_midst),
        .s_frame_queue(frame_queue),
        .m_frame_start(frame_start),
        .m_frame_end(frame_end),
        .s_read_en(read_en),
        .s_read_place(read_place),
        .m_read_data(read_data),
        .s_free_words(free_words),
        .s_free_valid(free_valid)
    );

    vq_sock_issue #(
        .QUEUES(QUEUES),
        .SLOTS(SLOTS),
        .DATA_W(DATA_W),
        .TX_WORDS(TX_WORDS),
        .RX_WORDS(RX_WORDS)
    ) u_issue (
        .clk(clk),
        .rst(port_rst),
        .s_clear(clear),
        .s_live(m_live),
        .s_wake(wake || s_credit_valid || done_valid),
        .m_frame_queue(frame_queue),
        .s_frame_start(frame_start),
        .s_frame_end(frame_end),
        .m_read_en(read_en),
        .m_read_place(read_place),
        .s_read_data(read_data),
        .m_free_words(free_words),
        .m_free_valid(free_valid),
        .s_freed_words(freed_words),
        .m_keep_tag(keep_tag),
        .m_keep_words(keep_words),
        .m_keep_valid(keep_valid),
        .s_credit_queue(s_credit_queue),
        .s_credit_count(s_credit_count),
        .s_credit_valid(s_credit_valid),
        .m_req_queue(m_req_queue),
        .m_req_tag(m_req_tag),
        .m_req_readable(m_req_readable),
        .m_req_writable(m_req_writable),
        .m_req_valid(m_req_valid),
        .m_req_ready(m_req_ready),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tkeep(m_axis_tkeep),
        .m_axis_tlast(m_axis_tlast),
        .m_axis_tuser(m_axis_tuser),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .s_started_queue(word_queue),
        .m_started_count(started_count),
        .m_started_busy(started_busy),
        .m_idle(issue_idle)
    );

    vq_sock_answers #(
        .QUEUES(QUEUES),
        .SLOTS(SLOTS),
        .DATA_W(DATA_W),
        .WORDS(RX_WORDS)
    ) u_answers (
        .clk(clk),
        .rst(port_rst),
        .s_clear(clear),
        .s_live(m_live),
        .s_keep_tag(keep_tag),
        .s_keep_words(keep_words),
        .s_keep_valid(keep_valid),
        .s_freed_queue(frame_queue),
        .m_freed_words(freed_words),
        .s_rsp_tag(s_rsp_tag),
        .s_rsp_len(s_rsp_len),
        .s_rsp_valid(s_rsp_valid),
        .s_rsp_ready(s_rsp_ready),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tkeep(s_axis_tkeep),
        .s_axis_tlast(s_axis_tlast),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .s_get_queue(word_queue),
        .s_get_look(get_look),
        .s_get_take(get_take),
        .m_get_data(get_data),
        .m_get_fill(get_fill),
        .m_get_answered(get_answered),
        .m_get_finished(get_finished),
        .m_done_queue(done_queue),
        .m_done_shown(done_shown),
        .m_done_valid(done_valid),
        .m_idle(answers_idle)
    );

    wire unused = &{1'b0, first_desc, fault_ready};
endmodule
`resetall
