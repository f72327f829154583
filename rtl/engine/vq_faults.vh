// SPDX-License-Identifier: Apache-2.0
// vq_faults.vh - fault codes, as FaultCode reports them (docs/architecture.md).
// Generated from pymodel/faults.py by 'make generate': change that instead.
/* verilator lint_off UNUSEDPARAM */
localparam [4:0] FAULT_AVAIL_JUMP              = 5'd1;
localparam [4:0] FAULT_HEAD_RANGE              = 5'd2;
localparam [4:0] FAULT_NEXT_RANGE              = 5'd3;
localparam [4:0] FAULT_CHAIN_TOO_LONG          = 5'd4;
localparam [4:0] FAULT_CHAIN_OVER_CAP          = 5'd5;
localparam [4:0] FAULT_READ_AFTER_WRITE        = 5'd6;
localparam [4:0] FAULT_INDIRECT_NOT_NEGOTIATED = 5'd7;
localparam [4:0] FAULT_INDIRECT_NESTED         = 5'd8;
localparam [4:0] FAULT_INDIRECT_WITH_NEXT      = 5'd9;
localparam [4:0] FAULT_INDIRECT_SIZE           = 5'd10;
localparam [4:0] FAULT_ADDR_WRAP               = 5'd11;
localparam [4:0] FAULT_CHAIN_BYTES             = 5'd12;
localparam [4:0] FAULT_MEM_AVAIL               = 5'd13;
localparam [4:0] FAULT_MEM_DESC                = 5'd14;
localparam [4:0] FAULT_MEM_INDIRECT            = 5'd15;
localparam [4:0] FAULT_MEM_READ                = 5'd16;
localparam [4:0] FAULT_MEM_WRITE               = 5'd17;
localparam [4:0] FAULT_MEM_USED                = 5'd18;
localparam [4:0] FAULT_QUEUE_SIZE              = 5'd19;
localparam [4:0] FAULT_QUEUE_ALIGN             = 5'd20;
localparam [4:0] FAULT_NO_SUCH_QUEUE           = 5'd21;
localparam [4:0] FAULT_FRAME_TAG               = 5'd22;
localparam [4:0] FAULT_FRAME_SIZE              = 5'd23;
localparam [4:0] FAULT_FRAME_HEADER            = 5'd24;
localparam [4:0] FAULT_FRAME_DATA              = 5'd25;
localparam [4:0] FAULT_FRAME_CUT               = 5'd26;
localparam [4:0] FAULT_PORT_STROBE             = 5'd27;
localparam [4:0] FAULT_PORT_FULL               = 5'd28;
localparam [4:0] FAULT_PORT_EMPTY              = 5'd29;
localparam [4:0] FAULT_PORT_OFF                = 5'd30;
localparam [4:0] FAULT_QUEUE_START             = 5'd31;
/* verilator lint_on UNUSEDPARAM */
