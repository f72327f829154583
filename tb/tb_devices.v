// SPDX-License-Identifier: Apache-2.0
// tb_devices - several virtio devices on one bus: their registers side by side, one guest memory.
//   Contract    slot s has its registers at byte address s * 4096 on, and irq_<name>, idle_<name>;
//               a device that is not there is a placeholder (vq_axil_split). Python drives rst, the
//               s_axil pins, dump_enable and the track_ signals, and clears calls_<name>; what
//               happens every cycle happens here
`resetall
`timescale 1ns / 1ps
`default_nettype none

// A device's pins in slot S. Its ids are of two bits
`define TB_SLOT(S) \
    .clk(clk), .rst(rst), .irq(irq[S]), .idle(device_idle[S]), \
    .m_used_irq(used_irq), .m_used_queue(used_queue), \
    .s_axil_awaddr(slot_awaddr), .s_axil_awvalid(slot_awvalid[S]), \
    .s_axil_awready(slot_awready[S]), .s_axil_wdata(slot_wdata), .s_axil_wstrb(slot_wstrb), \
    .s_axil_wvalid(slot_wvalid[S]), .s_axil_wready(slot_wready[S]), \
    .s_axil_bresp(slot_bresp[S*2 +: 2]), .s_axil_bvalid(slot_bvalid[S]), \
    .s_axil_bready(slot_bready[S]), .s_axil_araddr(slot_araddr), \
    .s_axil_arvalid(slot_arvalid[S]), .s_axil_arready(slot_arready[S]), \
    .s_axil_rdata(slot_rdata[S*32 +: 32]), .s_axil_rresp(slot_rresp[S*2 +: 2]), \
    .s_axil_rvalid(slot_rvalid[S]), .s_axil_rready(slot_rready[S]), \
    .m_axi_arid({high_arid[S*2 +: 2], dev_arid[S*2 +: 2]}), \
    .m_axi_araddr(dev_araddr[S*64 +: 64]), .m_axi_arlen(dev_arlen[S*8 +: 8]), \
    .m_axi_arsize(dev_arsize[S*3 +: 3]), .m_axi_arburst(dev_arburst[S*2 +: 2]), \
    .m_axi_arcache(dev_arcache[S*4 +: 4]), .m_axi_arprot(dev_arprot[S*3 +: 3]), \
    .m_axi_arvalid(dev_arvalid[S]), .m_axi_arready(dev_arready[S]), \
    .m_axi_rid({2'b00, dev_rid[S*2 +: 2]}), .m_axi_rdata(dev_rdata[S*DATA_W +: DATA_W]), \
    .m_axi_rresp(dev_rresp[S*2 +: 2]), .m_axi_rlast(dev_rlast[S]), \
    .m_axi_rvalid(dev_rvalid[S]), .m_axi_rready(dev_rready[S]), \
    .m_axi_awid({high_awid[S*2 +: 2], dev_awid[S*2 +: 2]}), \
    .m_axi_awaddr(dev_awaddr[S*64 +: 64]), .m_axi_awlen(dev_awlen[S*8 +: 8]), \
    .m_axi_awsize(dev_awsize[S*3 +: 3]), .m_axi_awburst(dev_awburst[S*2 +: 2]), \
    .m_axi_awcache(dev_awcache[S*4 +: 4]), .m_axi_awprot(dev_awprot[S*3 +: 3]), \
    .m_axi_awvalid(dev_awvalid[S]), .m_axi_awready(dev_awready[S]), \
    .m_axi_wdata(dev_wdata[S*DATA_W +: DATA_W]), \
    .m_axi_wstrb(dev_wstrb[S*DATA_W/8 +: DATA_W/8]), .m_axi_wlast(dev_wlast[S]), \
    .m_axi_wvalid(dev_wvalid[S]), .m_axi_wready(dev_wready[S]), \
    .m_axi_bid({2'b00, dev_bid[S*2 +: 2]}), .m_axi_bresp(dev_bresp[S*2 +: 2]), \
    .m_axi_bvalid(dev_bvalid[S]), .m_axi_bready(dev_bready[S])

module tb_devices #(
    parameter [0:0] TEST_EN   = 1'b1,       // slot 0: the test device
    parameter TEST_QUEUES     = 4,
    parameter [0:0] PAIR_EN   = 1'b0,       // slots 0 and 1: two test devices on one engine, no other
    parameter [0:0] NET_EN    = 1'b0,       // slot 1: the network device, with a MAC
    parameter NET_PAIRS       = 1,
    parameter NET_MTU         = 1500,
    parameter NET_RX_CREDITS  = 64,
    parameter NET_RX_WAIT     = 4096,
    parameter NET_FRAME_BYTES = 16384,
    parameter [0:0] BLK_EN    = 1'b0,       // slot 2: the block device, disk 0
    parameter BLK_QUEUES      = 4,
    parameter [0:0] BLK_READ_ONLY = 1'b0,
    parameter BLK_RAM_SECTORS = 0,          // more: its store is a RAM of so many sectors
    parameter [0:0] RNG_EN    = 1'b0,       // slot 3: the entropy device
    parameter QUEUE_SIZE_MAX  = 256,
    parameter DATA_W          = 64,
    parameter MAX_CHAIN       = 128,
    parameter CHAINS          = 4*DATA_W,
    parameter [0:0] SPLIT_EN  = 1'b1,
    parameter [0:0] PACKED_EN = 1'b1,
    parameter [0:0] ORDER_EN  = 1'b1
`ifdef VERILATOR
) (
    input wire clk // toggled by tb/native/main.cpp
);
`else
);
    reg clk;
    initial begin
        clk = 1'b0;
        forever #2 clk = !clk;
    end
`endif

    reg        rst;
    reg [63:0] cycle;       // number of the next clock edge
    reg        dump_enable; // waves are written while high
    // Operation track, for people who look at waves: what the driver is doing now
    reg [63:0] track_op;    // up to 8 ASCII characters: add, sync, get, ...
    reg [15:0] track_queue;
    reg [31:0] track_token;

    // Queues whose interrupts were due, a bit each since Python last cleared it
    reg [63:0] calls_test;
    reg [63:0] calls_net;
    reg [63:0] calls_blk;
    reg [63:0] calls_rng;

    reg  [15:0] s_axil_awaddr;
    reg         s_axil_awvalid;
    wire        s_axil_awready;
    reg  [31:0] s_axil_wdata;
    reg  [3:0]  s_axil_wstrb;
    reg         s_axil_wvalid;
    wire        s_axil_wready;
    wire [1:0]  s_axil_bresp;
    wire        s_axil_bvalid;
    reg         s_axil_bready;
    reg  [15:0] s_axil_araddr;
    reg         s_axil_arvalid;
    wire        s_axil_arready;
    wire [31:0] s_axil_rdata;
    wire [1:0]  s_axil_rresp;
    wire        s_axil_rvalid;
    reg         s_axil_rready;

    // Slots, and which of them have a device
    localparam SLOTS = 4;
    localparam TEST_QUEUE_W = TEST_QUEUES > 1 ? $clog2(TEST_QUEUES) : 1;
    localparam BLK_QUEUE_W  = BLK_QUEUES > 1 ? $clog2(BLK_QUEUES) : 1;
    localparam TEST = 0;
    localparam NET  = 1;
    localparam BLK  = 2;
    localparam RNG  = 3;
    localparam [SLOTS-1:0] PRESENT = {RNG_EN, BLK_EN, NET_EN || PAIR_EN, TEST_EN};

    wire [SLOTS-1:0] irq;
    wire [SLOTS-1:0] device_idle;   // the device has nothing in hand
    wire             mac_busy;      // frames wait to go into the network device
    wire [SLOTS-1:0] idle = device_idle & ~({{(SLOTS-1){1'b0}}, mac_busy} << NET);
    wire             irq_test  = irq[TEST];
    wire             idle_test = idle[TEST];
    wire             irq_net   = irq[NET];
    wire             idle_net  = idle[NET];
    wire             irq_blk   = irq[BLK];
    wire             idle_blk  = idle[BLK];
    wire             irq_rng   = irq[RNG];
    wire             idle_rng  = idle[RNG];
    wire             published; // changes when used buffers are published, see axi_memory

    initial begin
        rst            = 1'b1;
        cycle          = 64'd0;
        dump_enable    = 1'b1;
        track_op       = 64'd0;
        track_queue    = 16'd0;
        track_token    = 32'd0;
        calls_test     = 64'd0;
        calls_net      = 64'd0;
        calls_blk      = 64'd0;
        calls_rng      = 64'd0;
        s_axil_awaddr  = 16'd0;
        s_axil_awvalid = 1'b0;
        s_axil_wdata   = 32'd0;
        s_axil_wstrb   = 4'd0;
        s_axil_wvalid  = 1'b0;
        s_axil_bready  = 1'b0;
        s_axil_araddr  = 16'd0;
        s_axil_arvalid = 1'b0;
        s_axil_rready  = 1'b0;
    end

    always @(posedge clk) cycle <= cycle + 64'd1;

`ifdef VERILATOR
    import "DPI-C" function void tb_waves(input bit on);
    always @(dump_enable) tb_waves(dump_enable);
`endif

    wire [11:0] slot_awaddr;
    wire [SLOTS-1:0] slot_awvalid;
    wire [SLOTS-1:0] slot_awready;
    wire [31:0] slot_wdata;
    wire [3:0] slot_wstrb;
    wire [SLOTS-1:0] slot_wvalid;
    wire [SLOTS-1:0] slot_wready;
    wire [SLOTS*2-1:0] slot_bresp;
    wire [SLOTS-1:0] slot_bvalid;
    wire [SLOTS-1:0] slot_bready;
    wire [11:0] slot_araddr;
    wire [SLOTS-1:0] slot_arvalid;
    wire [SLOTS-1:0] slot_arready;
    wire [SLOTS*32-1:0] slot_rdata;
    wire [SLOTS*2-1:0] slot_rresp;
    wire [SLOTS-1:0] slot_rvalid;
    wire [SLOTS-1:0] slot_rready;
    wire [SLOTS*2-1:0] dev_arid;
    wire [SLOTS*64-1:0] dev_araddr;
    wire [SLOTS*8-1:0] dev_arlen;
    wire [SLOTS*3-1:0] dev_arsize;
    wire [SLOTS*2-1:0] dev_arburst;
    wire [SLOTS*4-1:0] dev_arcache;
    wire [SLOTS*3-1:0] dev_arprot;
    wire [SLOTS-1:0] dev_arvalid;
    wire [SLOTS-1:0] dev_arready;
    wire [SLOTS*2-1:0] dev_rid;
    wire [SLOTS*DATA_W-1:0] dev_rdata;
    wire [SLOTS*2-1:0] dev_rresp;
    wire [SLOTS-1:0] dev_rlast;
    wire [SLOTS-1:0] dev_rvalid;
    wire [SLOTS-1:0] dev_rready;
    wire [SLOTS*2-1:0] dev_awid;
    wire [SLOTS*64-1:0] dev_awaddr;
    wire [SLOTS*8-1:0] dev_awlen;
    wire [SLOTS*3-1:0] dev_awsize;
    wire [SLOTS*2-1:0] dev_awburst;
    wire [SLOTS*4-1:0] dev_awcache;
    wire [SLOTS*3-1:0] dev_awprot;
    wire [SLOTS-1:0] dev_awvalid;
    wire [SLOTS-1:0] dev_awready;
    wire [SLOTS*DATA_W-1:0] dev_wdata;
    wire [SLOTS*DATA_W/8-1:0] dev_wstrb;
    wire [SLOTS-1:0] dev_wlast;
    wire [SLOTS-1:0] dev_wvalid;
    wire [SLOTS-1:0] dev_wready;
    wire [SLOTS*2-1:0] dev_bid;
    wire [SLOTS*2-1:0] dev_bresp;
    wire [SLOTS-1:0] dev_bvalid;
    wire [SLOTS-1:0] dev_bready;
    wire [SLOTS*2-1:0] high_arid, high_awid;

    wire [3:0]          axi_arid;
    wire [63:0]         axi_araddr;
    wire [7:0]          axi_arlen;
    wire [2:0]          axi_arsize;
    wire [1:0]          axi_arburst;
    wire [3:0]          axi_arcache;
    wire [2:0]          axi_arprot;
    wire                axi_arvalid;
    wire                axi_arready;
    wire [3:0]          axi_rid;
    wire [DATA_W-1:0]   axi_rdata;
    wire [1:0]          axi_rresp;
    wire                axi_rlast;
    wire                axi_rvalid;
    wire                axi_rready;
    wire [3:0]          axi_awid;
    wire [63:0]         axi_awaddr;
    wire [7:0]          axi_awlen;
    wire [2:0]          axi_awsize;
    wire [1:0]          axi_awburst;
    wire [3:0]          axi_awcache;
    wire [2:0]          axi_awprot;
    wire                axi_awvalid;
    wire                axi_awready;
    wire [DATA_W-1:0]   axi_wdata;
    wire [DATA_W/8-1:0] axi_wstrb;
    wire                axi_wlast;
    wire                axi_wvalid;
    wire                axi_wready;
    wire [3:0]          axi_bid;
    wire [1:0]          axi_bresp;
    wire                axi_bvalid;
    wire                axi_bready;

    generate
        if (PAIR_EN) begin : gen_pair
            wire [1:0]              used_irq;
            wire [TEST_QUEUE_W-1:0] used_queue;

            vq_test_pair #(
                .QUEUES(TEST_QUEUES),
                .QUEUE_SIZE_MAX(QUEUE_SIZE_MAX),
                .DATA_W(DATA_W),
                .MAX_CHAIN(MAX_CHAIN),
                .CHAINS(CHAINS),
                .PACKED_EN(PACKED_EN && !SPLIT_EN)
            ) u_devices (
                .clk(clk),
                .rst(rst),
                .s_axil_awaddr({2{slot_awaddr}}),
                .s_axil_awvalid(slot_awvalid[1:0]),
                .s_axil_awready(slot_awready[1:0]),
                .s_axil_wdata({2{slot_wdata}}),
                .s_axil_wstrb({2{slot_wstrb}}),
                .s_axil_wvalid(slot_wvalid[1:0]),
                .s_axil_wready(slot_wready[1:0]),
                .s_axil_bresp(slot_bresp[3:0]),
                .s_axil_bvalid(slot_bvalid[1:0]),
                .s_axil_bready(slot_bready[1:0]),
                .s_axil_araddr({2{slot_araddr}}),
                .s_axil_arvalid(slot_arvalid[1:0]),
                .s_axil_arready(slot_arready[1:0]),
                .s_axil_rdata(slot_rdata[63:0]),
                .s_axil_rresp(slot_rresp[3:0]),
                .s_axil_rvalid(slot_rvalid[1:0]),
                .s_axil_rready(slot_rready[1:0]),
                .m_axi_arid({high_arid[1:0], dev_arid[1:0]}),
                .m_axi_araddr(dev_araddr[63:0]),
                .m_axi_arlen(dev_arlen[7:0]),
                .m_axi_arsize(dev_arsize[2:0]),
                .m_axi_arburst(dev_arburst[1:0]),
                .m_axi_arcache(dev_arcache[3:0]),
                .m_axi_arprot(dev_arprot[2:0]),
                .m_axi_arvalid(dev_arvalid[0]),
                .m_axi_arready(dev_arready[0]),
                .m_axi_rid({2'b00, dev_rid[1:0]}),
                .m_axi_rdata(dev_rdata[DATA_W-1:0]),
                .m_axi_rresp(dev_rresp[1:0]),
                .m_axi_rlast(dev_rlast[0]),
                .m_axi_rvalid(dev_rvalid[0]),
                .m_axi_rready(dev_rready[0]),
                .m_axi_awid({high_awid[1:0], dev_awid[1:0]}),
                .m_axi_awaddr(dev_awaddr[63:0]),
                .m_axi_awlen(dev_awlen[7:0]),
                .m_axi_awsize(dev_awsize[2:0]),
                .m_axi_awburst(dev_awburst[1:0]),
                .m_axi_awcache(dev_awcache[3:0]),
                .m_axi_awprot(dev_awprot[2:0]),
                .m_axi_awvalid(dev_awvalid[0]),
                .m_axi_awready(dev_awready[0]),
                .m_axi_wdata(dev_wdata[DATA_W-1:0]),
                .m_axi_wstrb(dev_wstrb[DATA_W/8-1:0]),
                .m_axi_wlast(dev_wlast[0]),
                .m_axi_wvalid(dev_wvalid[0]),
                .m_axi_wready(dev_wready[0]),
                .m_axi_bid({2'b00, dev_bid[1:0]}),
                .m_axi_bresp(dev_bresp[1:0]),
                .m_axi_bvalid(dev_bvalid[0]),
                .m_axi_bready(dev_bready[0]),
                .m_used_irq(used_irq),
                .m_used_queue(used_queue),
                .irq(irq[1:0]),
                .idle(device_idle[1:0])
            );
            always @(posedge clk)
                if (used_irq[0]) calls_test <= calls_test | (64'd1 << used_queue);
            always @(posedge clk)
                if (used_irq[1]) calls_net <= calls_net | (64'd1 << used_queue);
        end else if (TEST_EN) begin : gen_test
            wire                    used_irq;
            wire [TEST_QUEUE_W-1:0] used_queue;

            vq_test_device #(
                .QUEUES(TEST_QUEUES),
                .QUEUE_SIZE_MAX(QUEUE_SIZE_MAX),
                .DATA_W(DATA_W),
                .MAX_CHAIN(MAX_CHAIN),
                .CHAINS(CHAINS),
                .SPLIT_EN(SPLIT_EN),
                .PACKED_EN(PACKED_EN),
                .ORDER_EN(ORDER_EN)
            ) u_device (
                `TB_SLOT(TEST)
            );

            always @(posedge clk)
                if (used_irq) calls_test <= calls_test | (64'd1 << used_queue);
        end
    endgenerate

    generate
        if (NET_EN) begin : gen_net
            wire [DATA_W-1:0]   out_tdata, in_tdata;
            wire [DATA_W/8-1:0] out_tkeep, in_tkeep;
            wire                out_tlast, out_tuser, out_tvalid, out_tready;
            wire                in_tlast, in_tuser, in_tvalid, in_tready;
            wire                link_up;
            wire                used_irq;
            wire [$clog2(2*NET_PAIRS+1)-1:0] used_queue;

            always @(posedge clk)
                if (used_irq) calls_net <= calls_net | (64'd1 << used_queue);

            vq_net_device #(
                .PAIRS(NET_PAIRS),
                .QUEUE_SIZE_MAX(QUEUE_SIZE_MAX),
                .DATA_W(DATA_W),
                .MAX_CHAIN(MAX_CHAIN),
                .CHAINS(CHAINS),
                .SPLIT_EN(SPLIT_EN),
                .PACKED_EN(PACKED_EN),
                .ORDER_EN(ORDER_EN),
                .RX_CREDITS(NET_RX_CREDITS),
                .MTU(NET_MTU),
                .FRAME_BYTES(NET_FRAME_BYTES),
                .RX_WAIT(NET_RX_WAIT)
            ) u_device (
                `TB_SLOT(NET),
                .s_link_up(link_up),
                .m_mac_tdata(out_tdata),
                .m_mac_tkeep(out_tkeep),
                .m_mac_tlast(out_tlast),
                .m_mac_tuser(out_tuser),
                .m_mac_tvalid(out_tvalid),
                .m_mac_tready(out_tready),
                .s_mac_tdata(in_tdata),
                .s_mac_tkeep(in_tkeep),
                .s_mac_tlast(in_tlast),
                .s_mac_tuser(in_tuser),
                .s_mac_tvalid(in_tvalid),
                .s_mac_tready(in_tready)
            );

            mac #(
                .DATA_W(DATA_W)
            ) u_mac (
                .clk(clk),
                .rst(rst),
                .cycle(cycle),
                .s_axis_tdata(out_tdata),
                .s_axis_tkeep(out_tkeep),
                .s_axis_tlast(out_tlast),
                .s_axis_tuser(out_tuser),
                .s_axis_tvalid(out_tvalid),
                .s_axis_tready(out_tready),
                .m_axis_tdata(in_tdata),
                .m_axis_tkeep(in_tkeep),
                .m_axis_tlast(in_tlast),
                .m_axis_tuser(in_tuser),
                .m_axis_tvalid(in_tvalid),
                .m_axis_tready(in_tready),
                .link_up(link_up),
                .busy(mac_busy)
            );
        end else begin : gen_no_mac
            assign mac_busy = 1'b0;
        end
        if (BLK_EN) begin : gen_blk
            wire [63:0]       capacity;
            wire [2:0]        cmd_op;
            wire [63:0]       cmd_sector;
            wire [31:0]       cmd_sectors;
            wire              cmd_stable, cmd_unmap, cmd_valid, cmd_ready;
            wire [DATA_W-1:0] wr_tdata, rd_tdata;
            wire              wr_tlast, wr_tuser, wr_tvalid, wr_tready;
            wire              rd_tlast, rd_tvalid, rd_tready;
            wire              done_ok, done_valid, done_ready, store_rst;
            wire              used_irq;
            wire [BLK_QUEUE_W-1:0] used_queue;

            always @(posedge clk)
                if (used_irq) calls_blk <= calls_blk | (64'd1 << used_queue);

            vq_blk_device #(
                .QUEUES(BLK_QUEUES),
                .QUEUE_SIZE_MAX(QUEUE_SIZE_MAX),
                .DATA_W(DATA_W),
                .MAX_CHAIN(MAX_CHAIN),
                .CHAINS(CHAINS),
                .SPLIT_EN(SPLIT_EN),
                .PACKED_EN(PACKED_EN),
                .ORDER_EN(ORDER_EN),
                .READ_ONLY(BLK_READ_ONLY),
                .SERIAL(160'h000000393837363534333231302d6b6c622d7176)    // tb.blk.SERIAL
            ) u_device (
                `TB_SLOT(BLK),
                .s_capacity(capacity),
                .m_cmd_op(cmd_op),
                .m_cmd_sector(cmd_sector),
                .m_cmd_sectors(cmd_sectors),
                .m_cmd_stable(cmd_stable),
                .m_cmd_unmap(cmd_unmap),
                .m_cmd_valid(cmd_valid),
                .m_cmd_ready(cmd_ready),
                .m_wr_tdata(wr_tdata),
                .m_wr_tlast(wr_tlast),
                .m_wr_tuser(wr_tuser),
                .m_wr_tvalid(wr_tvalid),
                .m_wr_tready(wr_tready),
                .s_rd_tdata(rd_tdata),
                .s_rd_tlast(rd_tlast),
                .s_rd_tvalid(rd_tvalid),
                .s_rd_tready(rd_tready),
                .s_done_ok(done_ok),
                .s_done_valid(done_valid),
                .s_done_ready(done_ready),
                .m_store_rst(store_rst)
            );

            if (BLK_RAM_SECTORS > 0) begin : gen_ram
                vq_blk_ram #(
                    .DATA_W(DATA_W),
                    .SECTORS(BLK_RAM_SECTORS)
                ) u_ram (
                    .clk(clk),
                    .rst(store_rst),
                    .m_capacity(capacity),
                    .s_cmd_op(cmd_op),
                    .s_cmd_sector(cmd_sector),
                    .s_cmd_sectors(cmd_sectors),
                    .s_cmd_stable(cmd_stable),
                    .s_cmd_unmap(cmd_unmap),
                    .s_cmd_valid(cmd_valid),
                    .s_cmd_ready(cmd_ready),
                    .s_wr_tdata(wr_tdata),
                    .s_wr_tlast(wr_tlast),
                    .s_wr_tuser(wr_tuser),
                    .s_wr_tvalid(wr_tvalid),
                    .s_wr_tready(wr_tready),
                    .m_rd_tdata(rd_tdata),
                    .m_rd_tlast(rd_tlast),
                    .m_rd_tvalid(rd_tvalid),
                    .m_rd_tready(rd_tready),
                    .m_done_ok(done_ok),
                    .m_done_valid(done_valid),
                    .m_done_ready(done_ready)
                );
            end else begin : gen_disk
                disk #(
                    .DATA_W(DATA_W),
                    .INDEX(0)
                ) u_disk (
                    .clk(clk),
                    .rst(store_rst),
                    .cycle(cycle),
                    .m_capacity(capacity),
                    .s_cmd_op(cmd_op),
                    .s_cmd_sector(cmd_sector),
                    .s_cmd_sectors(cmd_sectors),
                    .s_cmd_stable(cmd_stable),
                    .s_cmd_unmap(cmd_unmap),
                    .s_cmd_valid(cmd_valid),
                    .s_cmd_ready(cmd_ready),
                    .s_wr_tdata(wr_tdata),
                    .s_wr_tlast(wr_tlast),
                    .s_wr_tuser(wr_tuser),
                    .s_wr_tvalid(wr_tvalid),
                    .s_wr_tready(wr_tready),
                    .m_rd_tdata(rd_tdata),
                    .m_rd_tlast(rd_tlast),
                    .m_rd_tvalid(rd_tvalid),
                    .m_rd_tready(rd_tready),
                    .m_done_ok(done_ok),
                    .m_done_valid(done_valid),
                    .m_done_ready(done_ready)
                );
            end
        end
    endgenerate

    generate
        if (RNG_EN) begin : gen_rng
            wire [DATA_W-1:0] ent_tdata;
            wire              ent_tvalid, ent_tready;
            wire              used_irq;
            wire              used_queue;

            always @(posedge clk)
                if (used_irq) calls_rng <= calls_rng | (64'd1 << used_queue);

            vq_rng_source #(
                .DATA_W(DATA_W)
            ) u_source (
                .clk(clk),
                .rst(rst),
                .m_ent_tdata(ent_tdata),
                .m_ent_tvalid(ent_tvalid),
                .m_ent_tready(ent_tready)
            );

            vq_rng_device #(
                .QUEUE_SIZE_MAX(QUEUE_SIZE_MAX),
                .DATA_W(DATA_W),
                .MAX_CHAIN(MAX_CHAIN),
                .CHAINS(CHAINS),
                .SPLIT_EN(SPLIT_EN),
                .PACKED_EN(PACKED_EN),
                .ORDER_EN(ORDER_EN)
            ) u_device (
                .s_ent_tdata(ent_tdata),
                .s_ent_tvalid(ent_tvalid),
                .s_ent_tready(ent_tready),
                `TB_SLOT(RNG)
            );
        end
    endgenerate

    genvar s;
    generate
        for (s = 0; s < SLOTS; s = s + 1) begin : gen_slot
            if (!PRESENT[s] || (PAIR_EN && s == 1)) begin : gen_no_master
                assign dev_arid[s*2 +: 2] = 2'd0;
                assign dev_araddr[s*64 +: 64] = 64'd0;
                assign dev_arlen[s*8 +: 8] = 8'd0;
                assign dev_arsize[s*3 +: 3] = 3'd0;
                assign dev_arburst[s*2 +: 2] = 2'd0;
                assign dev_arcache[s*4 +: 4] = 4'd0;
                assign dev_arprot[s*3 +: 3] = 3'd0;
                assign dev_arvalid[s] = 1'b0;
                assign dev_rready[s] = 1'b1;
                assign dev_awid[s*2 +: 2] = 2'd0;
                assign dev_awaddr[s*64 +: 64] = 64'd0;
                assign dev_awlen[s*8 +: 8] = 8'd0;
                assign dev_awsize[s*3 +: 3] = 3'd0;
                assign dev_awburst[s*2 +: 2] = 2'd0;
                assign dev_awcache[s*4 +: 4] = 4'd0;
                assign dev_awprot[s*3 +: 3] = 3'd0;
                assign dev_awvalid[s] = 1'b0;
                assign dev_wdata[s*DATA_W +: DATA_W] = {DATA_W{1'b0}};
                assign dev_wstrb[s*DATA_W/8 +: DATA_W/8] = {DATA_W/8{1'b0}};
                assign dev_wlast[s] = 1'b0;
                assign dev_wvalid[s] = 1'b0;
                assign dev_bready[s] = 1'b1;
                assign high_arid[s*2 +: 2] = 2'd0;
                assign high_awid[s*2 +: 2] = 2'd0;
            end
            if (!PRESENT[s]) begin : gen_none
                assign irq[s]  = 1'b0;
                assign device_idle[s] = 1'b1;
                assign slot_awready[s] = 1'b0;
                assign slot_wready[s] = 1'b0;
                assign slot_bresp[s*2 +: 2] = 2'd0;
                assign slot_bvalid[s] = 1'b0;
                assign slot_arready[s] = 1'b0;
                assign slot_rdata[s*32 +: 32] = 32'd0;
                assign slot_rresp[s*2 +: 2] = 2'd0;
                assign slot_rvalid[s] = 1'b0;
            end
        end
    endgenerate

    vq_axil_split #(
        .SLOTS(SLOTS),
        .PRESENT(PRESENT)
    ) u_registers (
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
        .m_axil_awaddr(slot_awaddr),
        .m_axil_awvalid(slot_awvalid),
        .m_axil_awready(slot_awready),
        .m_axil_wdata(slot_wdata),
        .m_axil_wstrb(slot_wstrb),
        .m_axil_wvalid(slot_wvalid),
        .m_axil_wready(slot_wready),
        .m_axil_bresp(slot_bresp),
        .m_axil_bvalid(slot_bvalid),
        .m_axil_bready(slot_bready),
        .m_axil_araddr(slot_araddr),
        .m_axil_arvalid(slot_arvalid),
        .m_axil_arready(slot_arready),
        .m_axil_rdata(slot_rdata),
        .m_axil_rresp(slot_rresp),
        .m_axil_rvalid(slot_rvalid),
        .m_axil_rready(slot_rready)
    );

    vq_axi_mux #(
        .PORTS(SLOTS),
        .DATA_W(DATA_W),
        .ID_W(2)
    ) u_memory_bus (
        .clk(clk),
        .rst(rst),
        .s_axi_arid(dev_arid),
        .s_axi_araddr(dev_araddr),
        .s_axi_arlen(dev_arlen),
        .s_axi_arsize(dev_arsize),
        .s_axi_arburst(dev_arburst),
        .s_axi_arcache(dev_arcache),
        .s_axi_arprot(dev_arprot),
        .s_axi_arvalid(dev_arvalid),
        .s_axi_arready(dev_arready),
        .s_axi_rid(dev_rid),
        .s_axi_rdata(dev_rdata),
        .s_axi_rresp(dev_rresp),
        .s_axi_rlast(dev_rlast),
        .s_axi_rvalid(dev_rvalid),
        .s_axi_rready(dev_rready),
        .s_axi_awid(dev_awid),
        .s_axi_awaddr(dev_awaddr),
        .s_axi_awlen(dev_awlen),
        .s_axi_awsize(dev_awsize),
        .s_axi_awburst(dev_awburst),
        .s_axi_awcache(dev_awcache),
        .s_axi_awprot(dev_awprot),
        .s_axi_awvalid(dev_awvalid),
        .s_axi_awready(dev_awready),
        .s_axi_wdata(dev_wdata),
        .s_axi_wstrb(dev_wstrb),
        .s_axi_wlast(dev_wlast),
        .s_axi_wvalid(dev_wvalid),
        .s_axi_wready(dev_wready),
        .s_axi_bid(dev_bid),
        .s_axi_bresp(dev_bresp),
        .s_axi_bvalid(dev_bvalid),
        .s_axi_bready(dev_bready),
        .m_axi_arid(axi_arid),
        .m_axi_araddr(axi_araddr),
        .m_axi_arlen(axi_arlen),
        .m_axi_arsize(axi_arsize),
        .m_axi_arburst(axi_arburst),
        .m_axi_arcache(axi_arcache),
        .m_axi_arprot(axi_arprot),
        .m_axi_arvalid(axi_arvalid),
        .m_axi_arready(axi_arready),
        .m_axi_rid(axi_rid),
        .m_axi_rdata(axi_rdata),
        .m_axi_rresp(axi_rresp),
        .m_axi_rlast(axi_rlast),
        .m_axi_rvalid(axi_rvalid),
        .m_axi_rready(axi_rready),
        .m_axi_awid(axi_awid),
        .m_axi_awaddr(axi_awaddr),
        .m_axi_awlen(axi_awlen),
        .m_axi_awsize(axi_awsize),
        .m_axi_awburst(axi_awburst),
        .m_axi_awcache(axi_awcache),
        .m_axi_awprot(axi_awprot),
        .m_axi_awvalid(axi_awvalid),
        .m_axi_awready(axi_awready),
        .m_axi_wdata(axi_wdata),
        .m_axi_wstrb(axi_wstrb),
        .m_axi_wlast(axi_wlast),
        .m_axi_wvalid(axi_wvalid),
        .m_axi_wready(axi_wready),
        .m_axi_bid(axi_bid),
        .m_axi_bresp(axi_bresp),
        .m_axi_bvalid(axi_bvalid),
        .m_axi_bready(axi_bready)
    );

    axi_memory #(
        .DATA_W (DATA_W),
        .ID_W   (4)
    ) memory (
        .clk           (clk),
        .rst           (rst),
        .cycle         (cycle),
        .s_axi_arid    (axi_arid),
        .s_axi_araddr  (axi_araddr),
        .s_axi_arlen   (axi_arlen),
        .s_axi_arsize  (axi_arsize),
        .s_axi_arburst (axi_arburst),
        .s_axi_arvalid (axi_arvalid),
        .s_axi_arready (axi_arready),
        .s_axi_rid     (axi_rid),
        .s_axi_rdata   (axi_rdata),
        .s_axi_rresp   (axi_rresp),
        .s_axi_rlast   (axi_rlast),
        .s_axi_rvalid  (axi_rvalid),
        .s_axi_rready  (axi_rready),
        .s_axi_awid    (axi_awid),
        .s_axi_awaddr  (axi_awaddr),
        .s_axi_awlen   (axi_awlen),
        .s_axi_awsize  (axi_awsize),
        .s_axi_awburst (axi_awburst),
        .s_axi_awvalid (axi_awvalid),
        .s_axi_awready (axi_awready),
        .s_axi_wdata   (axi_wdata),
        .s_axi_wstrb   (axi_wstrb),
        .s_axi_wlast   (axi_wlast),
        .s_axi_wvalid  (axi_wvalid),
        .s_axi_wready  (axi_wready),
        .s_axi_bid     (axi_bid),
        .s_axi_bresp   (axi_bresp),
        .s_axi_bvalid  (axi_bvalid),
        .s_axi_bready  (axi_bready),
        .published     (published)
    );

    axi_checks #(
        .DATA_W (DATA_W),
        .ID_W   (4)
    ) checks (
        .clk         (clk),
        .rst         (rst),
        .axi_arid    (axi_arid),
        .axi_araddr  (axi_araddr),
        .axi_arlen   (axi_arlen),
        .axi_arsize  (axi_arsize),
        .axi_arburst (axi_arburst),
        .axi_arvalid (axi_arvalid),
        .axi_arready (axi_arready),
        .axi_rid     (axi_rid),
        .axi_rdata   (axi_rdata),
        .axi_rresp   (axi_rresp),
        .axi_rlast   (axi_rlast),
        .axi_rvalid  (axi_rvalid),
        .axi_rready  (axi_rready),
        .axi_awid    (axi_awid),
        .axi_awaddr  (axi_awaddr),
        .axi_awlen   (axi_awlen),
        .axi_awsize  (axi_awsize),
        .axi_awburst (axi_awburst),
        .axi_awvalid (axi_awvalid),
        .axi_awready (axi_awready),
        .axi_wdata   (axi_wdata),
        .axi_wstrb   (axi_wstrb),
        .axi_wlast   (axi_wlast),
        .axi_wvalid  (axi_wvalid),
        .axi_wready  (axi_wready),
        .axi_bid     (axi_bid),
        .axi_bresp   (axi_bresp),
        .axi_bvalid  (axi_bvalid),
        .axi_bready  (axi_bready)
    );

    wire unused = &{1'b0, slot_awvalid, slot_wvalid, slot_bready, slot_arvalid, slot_rready,
                    dev_arready, dev_rvalid, dev_awready, dev_wready, dev_bvalid,
                    axi_arcache, axi_arprot, axi_awcache, axi_awprot, track_op, track_queue,
                    track_token, high_arid, high_awid, dev_rid, dev_rdata, dev_rresp,
                    dev_rlast, dev_bid, dev_bresp, slot_bresp, slot_rdata, slot_rresp};
endmodule
`undef TB_SLOT
`resetall
