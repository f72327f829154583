// SPDX-License-Identifier: Apache-2.0
// vq_fetch_retire - give whole, checked chains to the device function; throw the others away.
//   Contract    a chain with a fault reports it and stops its queue; it and every later chain of
//               the queue are thrown away: released and counted as finished, never seen by the
//               device function
//   Latency     0 cycles
//   Throughput  1 chain per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_fetch_retire #(
    parameter QUEUES = 4,   // queues, 1 to 64
    parameter QID_W  = 2,   // queue number, bits
    parameter TAG_W  = 8    // chunk of the chain store, bits
) (
    input  wire [QUEUES-1:0] s_fetchable,
    // Chains in order
    input  wire [QID_W-1:0]  s_chain_queue,
    input  wire [TAG_W-1:0]  s_chain_tag,
    input  wire [TAG_W-1:0]  s_chain_last,      // last chunk
    input  wire [31:0]       s_chain_readable,
    input  wire [31:0]       s_chain_writable,
    input  wire              s_chain_bad,
    input  wire [4:0]        s_chain_code,
    input  wire [16:0]       s_chain_desc,
    input  wire              s_chain_valid,
    output wire              s_chain_ready,
    // Headers to the device function
    output wire [QID_W-1:0]  m_req_queue,
    output wire [TAG_W-1:0]  m_req_tag,
    output wire [31:0]       m_req_readable,
    output wire [31:0]       m_req_writable,
    output wire              m_req_valid,
    input  wire              m_req_ready,
    // Chains with readable bytes, to be gathered
    output wire              m_gather_valid,
    input  wire              m_gather_ready,
    // Faults
    output wire [4:0]        m_fault_code,
    output wire [QID_W-1:0]  m_fault_queue,
    output wire [16:0]       m_fault_desc,
    output wire              m_fault_valid,
    input  wire              m_fault_ready,
    // Chains thrown away: released, and counted
    output wire [TAG_W-1:0]  m_release_first,
    output wire [TAG_W-1:0]  m_release_last,
    output wire              m_release_valid,
    input  wire              m_release_ready,
    output wire [QID_W-1:0]  m_drop_queue,
    output wire              m_drop_valid,
    input  wire              m_drop_ready
);
    // A reported fault stops the queue; in the next cycle its chain is thrown away
    wire good  = s_fetchable[s_chain_queue];
    wire give  = s_chain_valid && good && !s_chain_bad;
    wire drop  = s_chain_valid && !good;
    wire bytes = s_chain_readable != 32'd0;

    wire unused = &{1'b0, m_fault_ready};   // the queue's stop is the answer

    assign s_chain_ready   = drop ? m_release_ready && m_drop_ready
                                  : give && m_req_ready && m_gather_ready;
    assign m_req_queue     = s_chain_queue;
    assign m_req_tag       = s_chain_tag;
    assign m_req_readable  = s_chain_readable;
    assign m_req_writable  = s_chain_writable;
    assign m_req_valid     = give && m_gather_ready;
    assign m_gather_valid  = give && bytes && m_req_ready;
    assign m_fault_code    = s_chain_code;
    assign m_fault_queue   = s_chain_queue;
    assign m_fault_desc    = s_chain_desc;
    assign m_fault_valid   = s_chain_valid && good && s_chain_bad;
    assign m_release_first = s_chain_tag;
    assign m_release_last  = s_chain_last;
    assign m_release_valid = drop && m_drop_ready;
    assign m_drop_queue    = s_chain_queue;
    assign m_drop_valid    = drop && m_release_ready;
endmodule
`resetall
