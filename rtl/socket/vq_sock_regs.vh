// SPDX-License-Identifier: Apache-2.0
// vq_sock_regs.vh - byte offsets of the socket port's registers, and in a queue's window.
// Generated from pymodel/socket_registers.py by 'make generate': change that instead.
/* verilator lint_off UNUSEDPARAM */
localparam [11:0] PORT_MAGIC_VALUE      = 12'h000;
localparam [11:0] PORT_VERSION          = 12'h004;
localparam [11:0] PORT_DEVICE_ID        = 12'h008;
localparam [11:0] PORT_VENDOR_ID        = 12'h00c;
localparam [11:0] PORT_INTERRUPT_STATUS = 12'h060;
localparam [11:0] PORT_INTERRUPT_ACK    = 12'h064;
localparam [11:0] PORT_STATUS           = 12'h070;
localparam [11:0] PORT_FAULT_CODE       = 12'h800;
localparam [11:0] PORT_FAULT_QUEUE      = 12'h804;
localparam [11:0] PORT_FAULT_COUNT      = 12'h80c;
localparam [11:0] PORT_PORT_INFO        = 12'h814;
localparam [11:0] PORT_PORT_STATE       = 12'h820;
localparam [5:0] WIN_CONTROL           = 6'h00;
localparam [5:0] WIN_STATUS            = 6'h04;
localparam [5:0] WIN_TX_HEADER         = 6'h08;
localparam [5:0] WIN_TX_DATA           = 6'h0c;
localparam [5:0] WIN_RX_DATA           = 6'h10;
localparam [5:0] WIN_QUEUE_FAULT       = 6'h14;
localparam [5:0] WIN_TX_EXPECTED       = 6'h18;
localparam [31:0] PORT_IS_MAGIC         = 32'h6b737176;
localparam [31:0] PORT_IS_VERSION       = 32'd1;
/* verilator lint_on UNUSEDPARAM */
