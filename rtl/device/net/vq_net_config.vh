// SPDX-License-Identifier: Apache-2.0
// vq_net_config.vh - byte offsets in the configuration space; numbers of feature bits.
// Generated from pymodel/net_function.py by 'make generate': change that instead.
/* verilator lint_off UNUSEDPARAM */
localparam [10:0] NET_CFG_MAC                 = 11'h000;
localparam [10:0] NET_CFG_STATUS              = 11'h006;
localparam [10:0] NET_CFG_MAX_VIRTQUEUE_PAIRS = 11'h008;
localparam [10:0] NET_CFG_MTU                 = 11'h00a;
localparam [10:0] NET_CFG_TX_FRAMES           = 11'h700;
localparam [10:0] NET_CFG_TX_RUNT             = 11'h704;
localparam [10:0] NET_CFG_TX_OVERSIZED        = 11'h708;
localparam [10:0] NET_CFG_TX_LINK_DOWN        = 11'h70c;
localparam [10:0] NET_CFG_TX_DAMAGED          = 11'h710;
localparam [10:0] NET_CFG_RX_FRAMES           = 11'h714;
localparam [10:0] NET_CFG_RX_BAD              = 11'h718;
localparam [10:0] NET_CFG_RX_RUNT             = 11'h71c;
localparam [10:0] NET_CFG_RX_OVERSIZED        = 11'h720;
localparam [10:0] NET_CFG_RX_OVERFLOW         = 11'h724;
localparam [10:0] NET_CFG_RX_NO_BUFFER        = 11'h728;
localparam [10:0] NET_CFG_RX_SMALL_BUFFER     = 11'h72c;
localparam [10:0] NET_CFG_RX_STOPPED          = 11'h730;
localparam [10:0] NET_CFG_RX_RETURNED         = 11'h734;
localparam [10:0] NET_CFG_CTRL_OK             = 11'h738;
localparam [10:0] NET_CFG_CTRL_ERROR          = 11'h73c;
localparam [10:0] NET_CFG_PAIRS               = 11'h740;
localparam [5:0] NET_F_MTU                   = 6'd3;
localparam [5:0] NET_F_MAC                   = 6'd5;
localparam [5:0] NET_F_MRG_RXBUF             = 6'd15;
localparam [5:0] NET_F_STATUS                = 6'd16;
localparam [5:0] NET_F_CTRL_VQ               = 6'd17;
localparam [5:0] NET_F_MQ                    = 6'd22;
localparam [5:0] NET_F_CTRL_MAC_ADDR         = 6'd23;
/* verilator lint_on UNUSEDPARAM */
