// SPDX-License-Identifier: Apache-2.0
// vq_fetch_walk - check each descriptor, store its segment, and end or go on with its chain.
//   Contract    a chain ends with its totals, or with a fault in the order of checks of
//               docs/architecture.md; nothing of a chain is used before it ended. What was read
//               beyond the end of a chain is thrown away, errors and all. A walk that finds no
//               chunk free beyond the reserve is sent round again; the oldest one never is, for
//               long
//   Latency     0 cycles, descriptor to end
//   Throughput  1 descriptor per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_walk.vh"

module vq_fetch_walk #(
    parameter QID_W     = 2,    // queue number, bits
    parameter TAG_W     = 8,    // chunk of the chain store, bits
    parameter ORDER_W   = 6,    // place in the order of chains, bits
    parameter RESERVE   = 32,   // chunks that only the oldest chain may take
    parameter MAX_CHAIN = 128,  // descriptors of a chain, at most
    parameter COUNT_W   = 8,    // descriptors of a chain, bits
    parameter WALK_W    = `VQ_WALK_W    // derived, not to be set
) (
    input  wire               clk,
    input  wire               rst,
    input  wire               s_indirect,       // INDIRECT_DESC negotiated
    // Walks whose descriptors were asked for, in order; a bad one has none
    input  wire [ORDER_W-1:0] s_walk_order,
    input  wire               s_walk_fresh,     // nothing is known yet
    input  wire [3:0]         s_walk_count,     // descriptors asked for
    input  wire               s_walk_bad,
    input  wire               s_walk_error,     // bad: its entry could not be read
    input  wire [QID_W-1:0]   s_walk_queue,
    input  wire [15:0]        s_walk_head,
    input  wire [TAG_W-1:0]   s_walk_tag,
    input  wire [WALK_W-1:0]  s_walk_known,
    input  wire               s_walk_valid,
    output wire               s_walk_ready,
    // Descriptors, in the order of the walks
    input  wire [127:0]       s_desc_data,
    input  wire               s_desc_error,
    input  wire               s_desc_valid,
    output wire               s_desc_ready,
    // The queue's size
    output wire [QID_W-1:0]   m_table_queue,
    input  wire [15:0]        s_table_size,
    // Walks that go on (there is always room)
    output wire [ORDER_W-1:0] m_more_order,
    output wire [QID_W-1:0]   m_more_queue,
    output wire               m_more_sequel,    // where its last read ended
    output wire [WALK_W-1:0]  m_more_known,
    output wire [63:0]        m_more_table,
    output wire               m_more_jump,      // to the table at m_more_table
    output wire               m_more_valid,
    // Chunks: s_oldest is the oldest chain's place in the order
    input  wire [ORDER_W-1:0] s_oldest,
    input  wire [TAG_W-1:0]   s_free_tag,
    input  wire [TAG_W:0]     s_free_count,
    input  wire               s_free_valid,
    output wire               m_free_take,
    // Segments and links stored
    output wire [TAG_W+1:0]   m_write_at,
    output wire [95:0]        m_write_data,
    output wire               m_write_valid,
    output wire [TAG_W-1:0]   m_link_tag,
    output wire [TAG_W-1:0]   m_link_next,
    output wire               m_link_valid,
    // Ends of chains
    output wire [ORDER_W-1:0] m_end_order,
    output wire [QID_W-1:0]   m_end_queue,
    output wire [15:0]        m_end_head,
    output wire [TAG_W-1:0]   m_end_tag,
    output wire [TAG_W-1:0]   m_end_last,       // last chunk
    output wire [1:0]         m_end_place,      // place of the last segment in it
    output wire [31:0]        m_end_readable,
    output wire [31:0]        m_end_writable,
    output wire [TAG_W+1:0]   m_end_w_at,       // position of the first writable segment
    output wire               m_end_bad,
    output wire [4:0]         m_end_code,
    output wire [16:0]        m_end_desc,
    output wire               m_end_valid,
    // What a good chain was like, for vq_fetch_issue
    output wire [QID_W-1:0]   m_learn_queue,
    output wire [2:0]         m_learn_run,
    output wire               m_learn_valid
);
`include "vq_faults.vh"
    // What is known of the walk that comes; nothing where it is fresh
    wire [TAG_W-1:0]   k_chunk;
    wire [2:0]         k_pos, k_run;
    wire [COUNT_W-1:0] k_count;
    wire [31:0]        k_readable, k_writable;
    wire               k_some_writable, k_in_table, k_running;
    wire [TAG_W+1:0]   k_w_at;
    wire [16:0]        k_table_size;
    wire [15:0]        k_index;
    assign {k_chunk, k_pos, k_count, k_readable, k_writable, k_some_writable, k_w_at, k_in_table,
            k_table_size, k_index, k_run, k_running} = s_walk_known;

    // The walk at hand
    reg                valid_reg;
    reg                drain_reg;       // what is left of its descriptors is of no use
    reg  [3:0]         left_reg;        // descriptors that are left
    reg                bad_reg, error_reg;
    reg  [ORDER_W-1:0] order_reg;
    reg  [QID_W-1:0]   queue_reg;
    reg  [15:0]        head_reg, index_reg;
    reg  [TAG_W-1:0]   tag_reg, chunk_reg;
    reg  [2:0]         pos_reg, run_reg;
    reg  [COUNT_W-1:0] count_reg;
    reg  [31:0]        readable_reg, writable_reg;
    reg                some_writable_reg, in_table_reg, running_reg;
    reg  [TAG_W+1:0]   w_at_reg;
    reg  [16:0]        table_size_reg;

    // The descriptor
    wire [63:0] d_addr;
    wire [31:0] d_len;
    wire [15:0] d_flags, d_next;
    assign {d_next, d_flags, d_len, d_addr} = s_desc_data;
    wire        f_next     = d_flags[0];
    wire        f_write    = d_flags[1];
    wire        f_indirect = d_flags[2];

    // The checks
    wire [32:0] d_end   = {1'b0, d_addr[31:0]} + {1'b0, d_len};
    wire        wraps   = &d_addr[63:32] && d_end[32] && d_end[31:0] != 32'd0;
    wire [32:0] sum     = {1'b0, f_write ? writable_reg : readable_reg} + {1'b0, d_len};
    wire [16:0] bound   = in_table_reg ? table_size_reg : {1'b0, s_table_size};
    wire [15:0] count16 = {{(16-COUNT_W){1'b0}}, count_reg};
    reg  [4:0]  found;                  // fault of this descriptor, 0 for none

    always @* begin
        found = 5'd0;
        if (s_desc_error) found = in_table_reg ? FAULT_MEM_INDIRECT : FAULT_MEM_DESC;
        else if (f_indirect) begin
            if (in_table_reg) found = FAULT_INDIRECT_NESTED;
            else if (!s_indirect) found = FAULT_INDIRECT_NOT_NEGOTIATED;
            else if (f_next) found = FAULT_INDIRECT_WITH_NEXT;
            else if (d_len == 32'd0 || d_len[3:0] != 4'd0) found = FAULT_INDIRECT_SIZE;
            else if (wraps) found = FAULT_ADDR_WRAP;
        end
        else if (count16 == s_table_size) found = FAULT_CHAIN_TOO_LONG;
        else if (count16 == MAX_CHAIN[15:0]) found = FAULT_CHAIN_OVER_CAP;
        else if (some_writable_reg && !f_write) found = FAULT_READ_AFTER_WRITE;
        else if (wraps) found = FAULT_ADDR_WRAP;
        else if (sum[32]) found = FAULT_CHAIN_BYTES;
        else if (f_next && {1'b0, d_next} >= bound) found = FAULT_NEXT_RANGE;
    end

    // What happens with it
    wire go        = valid_reg && !drain_reg && (bad_reg || s_desc_valid);
    wire fails     = bad_reg || found != 5'd0;
    wire jumps     = !fails && f_indirect;              // on to the table
    wire full      = !fails && !jumps && pos_reg[2];    // needs another chunk
    wire may_grow  = s_free_valid && (order_reg == s_oldest || s_free_count > RESERVE[TAG_W:0]);
    wire again     = full && !may_grow;
    wire grow      = full && may_grow;
    wire stores    = !fails && !jumps && !again;
    wire ends      = fails || (stores && !f_next);
    wire last      = left_reg == 4'd1;
    wire in_row    = d_next == index_reg + 16'd1;
    wire follows   = stores && f_next && in_row && !last;
    wire more      = !ends && !follows;
    wire leaves    = bad_reg || (s_desc_valid && last);

    // What is known then
    wire [TAG_W-1:0]   at_chunk  = grow ? s_free_tag : chunk_reg;
    wire [1:0]         at_pos    = pos_reg[1:0];        // 0 in a new chunk: a full one has 4
    wire               w_first   = f_write && !some_writable_reg;
    wire [16:0]        d_entries = |d_len[31:20] ? 17'h10000 : {1'b0, d_len[19:4]};
    wire [2:0]         n_pos     = stores ? {1'b0, at_pos} + 3'd1 : pos_reg;
    wire [COUNT_W-1:0] n_count   = count_reg + {{(COUNT_W-1){1'b0}}, stores};
    wire [31:0]        n_readable = stores && !f_write ? sum[31:0] : readable_reg;
    wire [31:0]        n_writable = stores && f_write ? sum[31:0] : writable_reg;
    wire               n_some_writable = some_writable_reg || (stores && f_write);
    wire [TAG_W+1:0]   n_w_at    = stores && w_first ? {at_chunk, at_pos} : w_at_reg;
    wire               n_in_table = in_table_reg || jumps;
    wire [16:0]        n_table_size = jumps ? d_entries : table_size_reg;
    wire [15:0]        n_index   = jumps ? 16'd0 : again ? index_reg : d_next;
    wire               goes_on   = stores && f_next && running_reg;
    wire [2:0]         n_run     = run_reg + {2'd0, goes_on && in_row && run_reg != 3'd7};
    wire               n_running = running_reg && !jumps && (!goes_on || in_row);

    assign s_walk_ready  = !valid_reg || leaves;
    assign s_desc_ready  = valid_reg && !bad_reg;
    assign m_table_queue = queue_reg;
    assign m_more_order  = order_reg;
    assign m_more_queue  = queue_reg;
    assign m_more_sequel = stores && in_row;
    assign m_more_known  = {at_chunk, n_pos, n_count, n_readable, n_writable, n_some_writable,
                            n_w_at, n_in_table, n_table_size, n_index, n_run, n_running};
    assign m_more_table  = d_addr;
    assign m_more_jump   = jumps;
    assign m_more_valid  = go && more;
    assign m_free_take   = go && grow;
    assign m_write_at    = {at_chunk, at_pos};
    assign m_write_data  = {d_addr, d_len};
    assign m_write_valid = go && stores;
    assign m_link_tag    = chunk_reg;
    assign m_link_next   = s_free_tag;
    assign m_link_valid  = go && grow;

    always @(posedge clk) begin
        if (s_walk_ready) valid_reg <= s_walk_valid;
        if (go && !last && !follows) drain_reg <= 1'b1;
        if (s_desc_valid && s_desc_ready) left_reg <= left_reg - 4'd1;
        if (go) begin
            chunk_reg         <= at_chunk;
            pos_reg           <= n_pos;
            count_reg         <= n_count;
            readable_reg      <= n_readable;
            writable_reg      <= n_writable;
            some_writable_reg <= n_some_writable;
            w_at_reg          <= n_w_at;
            index_reg         <= n_index;
            run_reg           <= n_run;
        end
        if (s_walk_ready && s_walk_valid) begin
            drain_reg         <= 1'b0;
            left_reg          <= s_walk_count;
            bad_reg           <= s_walk_bad;
            error_reg         <= s_walk_error;
            order_reg         <= s_walk_order;
            queue_reg         <= s_walk_queue;
            head_reg          <= s_walk_head;
            tag_reg           <= s_walk_tag;
            chunk_reg         <= s_walk_fresh ? s_walk_tag : k_chunk;
            pos_reg           <= s_walk_fresh ? 3'd0 : k_pos;
            count_reg         <= s_walk_fresh ? {COUNT_W{1'b0}} : k_count;
            readable_reg      <= s_walk_fresh ? 32'd0 : k_readable;
            writable_reg      <= s_walk_fresh ? 32'd0 : k_writable;
            some_writable_reg <= !s_walk_fresh && k_some_writable;
            w_at_reg          <= s_walk_fresh ? {(TAG_W+2){1'b0}} : k_w_at;
            in_table_reg      <= !s_walk_fresh && k_in_table;
            table_size_reg    <= k_table_size;
            index_reg         <= s_walk_fresh ? s_walk_head : k_index;
            run_reg           <= s_walk_fresh ? 3'd0 : k_run;
            running_reg       <= s_walk_fresh || k_running;
        end
        if (rst) valid_reg <= 1'b0;
    end

    // The end
    assign m_end_order    = order_reg;
    assign m_end_queue    = queue_reg;
    assign m_end_head     = head_reg;
    assign m_end_tag      = tag_reg;
    assign m_end_last     = at_chunk;
    assign m_end_place    = at_pos;
    assign m_end_readable = n_readable;
    assign m_end_writable = n_writable;
    assign m_end_w_at     = n_w_at;
    assign m_end_bad      = fails;
    assign m_end_code     = !bad_reg ? found : error_reg ? FAULT_MEM_AVAIL : FAULT_HEAD_RANGE;
    assign m_end_desc     = {in_table_reg, error_reg ? 16'd0 : index_reg};
    assign m_end_valid    = go && ends;

    reg  [QID_W-1:0] learn_queue_reg;
    reg  [2:0]       learn_run_reg;
    reg              learn_valid_reg;

    always @(posedge clk) begin
        learn_valid_reg <= go && ends && !fails && !rst;
        if (go) begin
            learn_queue_reg <= queue_reg;
            learn_run_reg   <= run_reg;
        end
    end

    assign m_learn_queue = learn_queue_reg;
    assign m_learn_run   = learn_run_reg;
    assign m_learn_valid = learn_valid_reg;

    wire unused = &{1'b0, d_flags[15:3]};
endmodule
`resetall
