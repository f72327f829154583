// SPDX-License-Identifier: Apache-2.0
// vq_share_streams - several device functions on one engine: headers, packets, responses, credits.
//   Contract    queue q of device d is queue d * QUEUES + q of the engine. Each function sees the
//               boundary of docs/architecture.md as if it were alone. A response is taken up when
//               the packet of its chain has come or is the next to come, so no function waits for
//               bytes that lie behind another one's; a group is not interrupted. The packets of a
//               group's chains have been taken before its first response
//   Latency     2 cycles, a response; 1 cycle or as many as queues have some, a credit; 1 cycle
//               from a header to its packet, 2 with CHAINS over 32; 0 cycles all other
//   Throughput  1 header, 1 response, 1 beat each way and 1 queue's credits per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_share_streams #(
    parameter DEVICES = 2,      // devices, 2 to 8
    parameter QUEUES  = 4,      // queues of each; power of two; DEVICES * QUEUES at most 64
    parameter DATA_W  = 64,     // streams, bits; 64 to 512
    parameter CHAINS  = 256,    // chains at a time; power of two
    parameter QID_W   = QUEUES > 1 ? $clog2(QUEUES) : 1,    // derived, not to be set
    parameter EID_W   = $clog2(DEVICES*QUEUES),             // derived, not to be set
    parameter TAG_W   = $clog2(CHAINS)                      // derived, not to be set
) (
    input  wire                        clk,
    input  wire                        rst,
    // The engine's boundary, as it is to one function
    input  wire [EID_W-1:0]            s_req_queue,
    input  wire [TAG_W-1:0]            s_req_tag,
    input  wire [31:0]                 s_req_readable,
    input  wire                        s_req_valid,
    output wire                        s_req_ready,
    input  wire                        s_axis_tlast,
    input  wire                        s_axis_tvalid,
    output wire                        s_axis_tready,
    output wire [TAG_W-1:0]            m_rsp_tag,
    output wire [31:0]                 m_rsp_len,
    output wire                        m_rsp_more,
    output wire                        m_rsp_valid,
    input  wire                        m_rsp_ready,
    output wire [DATA_W-1:0]           m_axis_tdata,
    output wire [DATA_W/8-1:0]         m_axis_tkeep,
    output wire                        m_axis_tlast,
    output wire                        m_axis_tvalid,
    input  wire                        m_axis_tready,
    output wire [EID_W-1:0]            m_credit_queue,
    output wire [15:0]                 m_credit_count,
    output wire                        m_credit_valid,
    input  wire [DEVICES*QUEUES-1:0]   s_live,
    output wire [15:0]                 m_waiting,
    output wire                        m_busy,         // credits that have not reached the engine
    // Functions, a lane each; what is not here goes to all of them straight from the engine
    output wire [QID_W-1:0]            m_fn_req_queue,
    output wire [DEVICES-1:0]          m_fn_req_valid,
    input  wire [DEVICES-1:0]          m_fn_req_ready,
    output wire [DEVICES-1:0]          m_fn_axis_tvalid,
    input  wire [DEVICES-1:0]          m_fn_axis_tready,
    input  wire [DEVICES*TAG_W-1:0]    s_fn_rsp_tag,
    input  wire [DEVICES*32-1:0]       s_fn_rsp_len,
    input  wire [DEVICES-1:0]          s_fn_rsp_more,
    input  wire [DEVICES-1:0]          s_fn_rsp_valid,
    output wire [DEVICES-1:0]          s_fn_rsp_ready,
    input  wire [DEVICES*DATA_W-1:0]   s_fn_axis_tdata,
    input  wire [DEVICES*DATA_W/8-1:0] s_fn_axis_tkeep,
    input  wire [DEVICES-1:0]          s_fn_axis_tlast,
    input  wire [DEVICES-1:0]          s_fn_axis_tvalid,
    output wire [DEVICES-1:0]          s_fn_axis_tready,
    input  wire [DEVICES*QID_W-1:0]    s_fn_credit_queue,
    input  wire [DEVICES*16-1:0]       s_fn_credit_count,
    input  wire [DEVICES-1:0]          s_fn_credit_valid,
    input  wire [DEVICES*16-1:0]       s_fn_waiting
);
    if (DEVICES < 2 || DEVICES > 8) begin : gen_bad_devices
        ERROR_DEVICES_must_be_2_to_8 u_error ();
    end
    if (2**$clog2(QUEUES) != QUEUES || DEVICES*QUEUES > 64) begin : gen_bad_queues
        ERROR_QUEUES_must_be_a_power_of_two_and_all_together_at_most_64 u_error ();
    end

    localparam ALL   = DEVICES * QUEUES;
    localparam LOG2  = $clog2(QUEUES);
    localparam DEV_W = $clog2(DEVICES);

    wire [DEVICES-1:0] one = {{(DEVICES-1){1'b0}}, 1'b1};

    // Headers, in the engine's order
    wire [DEV_W-1:0] req_device = s_req_queue[EID_W-1:LOG2];
    wire             req_packet = s_req_readable != 32'd0;
    wire             req_room;
    wire             req = s_req_valid && s_req_ready;

    assign m_fn_req_valid = s_req_valid && req_room ? one << req_device : {DEVICES{1'b0}};
    assign s_req_ready    = req_room && m_fn_req_ready[req_device];

    // Packets, in the order of their headers
    wire [DEV_W-1:0] in_device;
    wire [TAG_W-1:0] in_tag;
    wire             in_held;
    wire             in_end = s_axis_tvalid && s_axis_tready && s_axis_tlast;

    assign m_fn_axis_tvalid = s_axis_tvalid && in_held ? one << in_device : {DEVICES{1'b0}};
    assign s_axis_tready    = in_held && m_fn_axis_tready[in_device];

    vq_fifo #(.WIDTH(DEV_W+TAG_W), .DEPTH(CHAINS), .BLOCK_EN(CHAINS > 32)) u_packets (
        .clk(clk),
        .rst(rst),
        .s_data({req_device, s_req_tag}),
        .s_valid(s_req_valid && m_fn_req_ready[req_device] && req_packet),
        .s_ready(req_room),
        .m_data({in_device, in_tag}),
        .m_valid(in_held),
        .m_ready(in_end)
    );

    // Whether a chain's packet has come or is the next one: its two bits are equal. A header makes
    // them differ, if it has a packet; the packet's turn makes them equal
    reg  begun_mem [0:CHAINS-1];        // written by headers
    reg  turn_mem  [0:CHAINS-1];        // written by the turns of packets
    wire turned   = turn_mem[s_req_tag];
    wire in_begun = begun_mem[in_tag];
    integer j;

    initial for (j = 0; j < CHAINS; j = j + 1) begin
        begun_mem[j] = 1'b0;
        turn_mem[j]  = 1'b0;
    end

    always @(posedge clk) begin
        if (req) begun_mem[s_req_tag] <= turned ^ req_packet;
        if (in_held) turn_mem[in_tag] <= in_begun;
    end

    // Responses
    wire [DEVICES*TAG_W-1:0] rsp_tag;
    wire [DEVICES*32-1:0]    rsp_len;
    wire [DEVICES-1:0]       rsp_more, rsp_held, rsp_pop, rsp_may;
    reg  [DEVICES-1:0]       group_reg;         // the one whose group goes on
    wire [DEV_W-1:0]         rsp_pick;
    wire [31:0]              out_len  = rsp_len[32*rsp_pick +: 32];
    wire                     out_none = out_len == 32'd0;
    wire                     out_more = rsp_more[rsp_pick];
    wire                     rsp_any, out_room, order_room;
    wire                     out_go = rsp_any && out_room && (out_none || order_room);

    assign rsp_pop = out_go ? one << rsp_pick : {DEVICES{1'b0}};

    vq_arbiter #(.PORTS(DEVICES)) u_rsp_turn (
        .clk(clk),
        .rst(rst),
        .request(|group_reg ? rsp_may & group_reg : rsp_may),
        .advance(out_go),
        .index(rsp_pick),
        .valid(rsp_any)
    );
    vq_skid #(.WIDTH(TAG_W+33)) u_rsp (
        .clk(clk),
        .rst(rst),
        .s_data({rsp_tag[TAG_W*rsp_pick +: TAG_W], out_len, out_more}),
        .s_valid(rsp_any && (out_none || order_room)),
        .s_ready(out_room),
        .m_data({m_rsp_tag, m_rsp_len, m_rsp_more}),
        .m_valid(m_rsp_valid),
        .m_ready(m_rsp_ready)
    );

    always @(posedge clk) begin
        if (out_go) group_reg <= out_more ? one << rsp_pick : {DEVICES{1'b0}};
        if (rst) group_reg <= {DEVICES{1'b0}};
    end

    // Their packets, in the order of the responses
    wire [DEV_W-1:0] out_device;
    wire             out_held;

    vq_fifo #(.WIDTH(DEV_W), .DEPTH(16)) u_order (
        .clk(clk),
        .rst(rst),
        .s_data(rsp_pick),
        .s_valid(rsp_any && out_room && !out_none),
        .s_ready(order_room),
        .m_data(out_device),
        .m_valid(out_held),
        .m_ready(m_axis_tvalid && m_axis_tready && m_axis_tlast)
    );
    assign m_axis_tdata     = s_fn_axis_tdata[DATA_W*out_device +: DATA_W];
    assign m_axis_tkeep     = s_fn_axis_tkeep[DATA_W/8*out_device +: DATA_W/8];
    assign m_axis_tlast     = s_fn_axis_tlast[out_device];
    assign m_axis_tvalid    = out_held && s_fn_axis_tvalid[out_device];
    assign s_fn_axis_tready = out_held && m_axis_tready ? one << out_device : {DEVICES{1'b0}};

    // Credits: of each queue what has not reached the engine; void when it is not live
    wire [ALL-1:0]    credit_some;
    wire [ALL*16-1:0] credit_left;
    wire [EID_W-1:0]  credit_pick;

    vq_arbiter #(.PORTS(ALL)) u_credit_turn (
        .clk(clk),
        .rst(rst),
        .request(credit_some),
        .advance(1'b1),
        .index(credit_pick),
        .valid(m_credit_valid)
    );
    assign m_credit_queue = credit_pick;
    assign m_credit_count = credit_left[16*credit_pick +: 16];
    assign m_busy         = |credit_some;

    genvar d, q;
    generate
        if (QUEUES > 1) begin : gen_several
            assign m_fn_req_queue = s_req_queue[QID_W-1:0];
        end else begin : gen_single
            assign m_fn_req_queue = 1'b0;
        end
        for (d = 0; d < DEVICES; d = d + 1) begin : gen_device
            vq_skid #(.WIDTH(TAG_W+33)) u_rsp (
                .clk(clk),
                .rst(rst),
                .s_data({s_fn_rsp_tag[TAG_W*d +: TAG_W], s_fn_rsp_len[32*d +: 32],
                         s_fn_rsp_more[d]}),
                .s_valid(s_fn_rsp_valid[d]),
                .s_ready(s_fn_rsp_ready[d]),
                .m_data({rsp_tag[TAG_W*d +: TAG_W], rsp_len[32*d +: 32], rsp_more[d]}),
                .m_valid(rsp_held[d]),
                .m_ready(rsp_pop[d])
            );
            wire begun = begun_mem[rsp_tag[TAG_W*d +: TAG_W]];
            wire turn  = turn_mem[rsp_tag[TAG_W*d +: TAG_W]];

            assign rsp_may[d] = rsp_held[d] && begun == turn;

            for (q = 0; q < QUEUES; q = q + 1) begin : gen_queue
                localparam NUMBER = d * QUEUES + q;
                reg  [15:0] left_reg;
                wire        comes = s_fn_credit_valid[d] &&
                                    (QUEUES == 1 || s_fn_credit_queue[QID_W*d +: QID_W] == q);
                wire        goes  = m_credit_valid && credit_pick == NUMBER[EID_W-1:0];

                assign credit_left[16*NUMBER +: 16] = left_reg;
                assign credit_some[NUMBER]          = left_reg != 16'd0 && s_live[NUMBER];

                always @(posedge clk) begin
                    left_reg <= (goes ? 16'd0 : left_reg) +
                                (comes ? s_fn_credit_count[16*d +: 16] : 16'd0);
                    if (rst || !s_live[NUMBER]) left_reg <= 16'd0;
                end
            end
        end
    endgenerate

    // Chains that wait, of all functions
    reg  [15:0] waiting;
    integer     i;

    always @* begin
        waiting = 16'd0;
        for (i = 0; i < DEVICES; i = i + 1) waiting = waiting + s_fn_waiting[16*i +: 16];
    end
    assign m_waiting = waiting;
endmodule
`resetall
