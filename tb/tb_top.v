// SPDX-License-Identifier: Apache-2.0
// tb_top - the whole device in its bench: clock, guest memory, protocol checks, register pins.
//   Contract    Python drives rst, the s_axil pins, dump_enable and the track_ signals, waits on
//               irq and idle, and clears calls; everything that happens every cycle happens here
`resetall
`timescale 1ns / 1ps
`default_nettype none

module tb_top #(
    parameter QUEUES         = 4,
    parameter QUEUE_SIZE_MAX = 256,
    parameter DATA_W         = 64,
    parameter MAX_CHAIN      = 128,
    parameter CHAINS         = 4*DATA_W,
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

    localparam QID_W = QUEUES > 1 ? $clog2(QUEUES) : 1;

    reg        rst;
    reg [63:0] cycle;       // number of the next clock edge
    reg        dump_enable; // waves are written while high
    // Operation track, for people who look at waves: what the driver is doing now
    reg [63:0] track_op;    // up to 8 ASCII characters: add, sync, get, ...
    reg [15:0] track_queue;
    reg [31:0] track_token;

    reg [63:0] calls;       // queues whose interrupts were due, since Python last cleared it

    reg  [11:0] s_axil_awaddr;
    reg         s_axil_awvalid;
    wire        s_axil_awready;
    reg  [31:0] s_axil_wdata;
    reg  [3:0]  s_axil_wstrb;
    reg         s_axil_wvalid;
    wire        s_axil_wready;
    wire [1:0]  s_axil_bresp;
    wire        s_axil_bvalid;
    reg         s_axil_bready;
    reg  [11:0] s_axil_araddr;
    reg         s_axil_arvalid;
    wire        s_axil_arready;
    wire [31:0] s_axil_rdata;
    wire [1:0]  s_axil_rresp;
    wire        s_axil_rvalid;
    reg         s_axil_rready;
    wire        irq;
    wire        idle;
    wire        published;   // changes when used buffers are published, see axi_memory

    initial begin
        rst            = 1'b1;
        cycle          = 64'd0;
        dump_enable    = 1'b1;
        track_op       = 64'd0;
        track_queue    = 16'd0;
        track_token    = 32'd0;
        calls          = 64'd0;
        s_axil_awaddr  = 12'd0;
        s_axil_awvalid = 1'b0;
        s_axil_wdata   = 32'd0;
        s_axil_wstrb   = 4'd0;
        s_axil_wvalid  = 1'b0;
        s_axil_bready  = 1'b0;
        s_axil_araddr  = 12'd0;
        s_axil_arvalid = 1'b0;
        s_axil_rready  = 1'b0;
    end

    wire             used_irq;
    wire [QID_W-1:0] used_queue;

    always @(posedge clk) begin
        cycle <= cycle + 64'd1;
        if (used_irq) calls <= calls | (64'd1 << used_queue);
    end

`ifdef VERILATOR
    import "DPI-C" function void tb_waves(input bit on);
    always @(dump_enable) tb_waves(dump_enable);
`endif

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

    vq_test_device #(
        .QUEUES         (QUEUES),
        .QUEUE_SIZE_MAX (QUEUE_SIZE_MAX),
        .DATA_W         (DATA_W),
        .MAX_CHAIN      (MAX_CHAIN),
        .CHAINS         (CHAINS),
        .SPLIT_EN       (SPLIT_EN),
        .PACKED_EN      (PACKED_EN),
        .ORDER_EN       (ORDER_EN)
    ) dut (
        .clk            (clk),
        .rst            (rst),
        .s_axil_awaddr  (s_axil_awaddr),
        .s_axil_awvalid (s_axil_awvalid),
        .s_axil_awready (s_axil_awready),
        .s_axil_wdata   (s_axil_wdata),
        .s_axil_wstrb   (s_axil_wstrb),
        .s_axil_wvalid  (s_axil_wvalid),
        .s_axil_wready  (s_axil_wready),
        .s_axil_bresp   (s_axil_bresp),
        .s_axil_bvalid  (s_axil_bvalid),
        .s_axil_bready  (s_axil_bready),
        .s_axil_araddr  (s_axil_araddr),
        .s_axil_arvalid (s_axil_arvalid),
        .s_axil_arready (s_axil_arready),
        .s_axil_rdata   (s_axil_rdata),
        .s_axil_rresp   (s_axil_rresp),
        .s_axil_rvalid  (s_axil_rvalid),
        .s_axil_rready  (s_axil_rready),
        .m_axi_arid     (axi_arid),
        .m_axi_araddr   (axi_araddr),
        .m_axi_arlen    (axi_arlen),
        .m_axi_arsize   (axi_arsize),
        .m_axi_arburst  (axi_arburst),
        .m_axi_arcache  (axi_arcache),
        .m_axi_arprot   (axi_arprot),
        .m_axi_arvalid  (axi_arvalid),
        .m_axi_arready  (axi_arready),
        .m_axi_rid      (axi_rid),
        .m_axi_rdata    (axi_rdata),
        .m_axi_rresp    (axi_rresp),
        .m_axi_rlast    (axi_rlast),
        .m_axi_rvalid   (axi_rvalid),
        .m_axi_rready   (axi_rready),
        .m_axi_awid     (axi_awid),
        .m_axi_awaddr   (axi_awaddr),
        .m_axi_awlen    (axi_awlen),
        .m_axi_awsize   (axi_awsize),
        .m_axi_awburst  (axi_awburst),
        .m_axi_awcache  (axi_awcache),
        .m_axi_awprot   (axi_awprot),
        .m_axi_awvalid  (axi_awvalid),
        .m_axi_awready  (axi_awready),
        .m_axi_wdata    (axi_wdata),
        .m_axi_wstrb    (axi_wstrb),
        .m_axi_wlast    (axi_wlast),
        .m_axi_wvalid   (axi_wvalid),
        .m_axi_wready   (axi_wready),
        .m_axi_bid      (axi_bid),
        .m_axi_bresp    (axi_bresp),
        .m_axi_bvalid   (axi_bvalid),
        .m_axi_bready   (axi_bready),
        .m_used_irq     (used_irq),
        .m_used_queue   (used_queue),
        .irq            (irq),
        .idle           (idle)
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

    wire unused = &{1'b0, axi_arcache, axi_arprot, axi_awcache, axi_awprot, track_op, track_queue,
                    track_token};
endmodule
`resetall
