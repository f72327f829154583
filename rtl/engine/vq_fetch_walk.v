// SPDX-License-Identifier: Apache-2.0
// vq_fetch_walk - check each descriptor, store its segment, and end or go on with its chain.
//   Contract    a chain ends with its totals, or with a fault in the order of checks of
//               docs/architecture.md; nothing of a chain is used before it ended. What was read
//               beyond the end of a chain is thrown away, errors and all. A walk that finds no
//               chunk free beyond the reserve is sent round again; the oldest one never is, for
//               long
//   Latency     1 cycle, descriptor to end
//   Throughput  1 descriptor per cycle
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_walk.vh"

module vq_fetch_walk #(
    parameter QUEUES    = 4,    // queues, 1 to 64
    parameter QID_W     = 2,    // queue number, bits
    parameter TAG_W     = 8,    // chunk of the chain store, bits
    parameter ORDER_W   = 6,    // place in the order of chains, bits
    parameter RESERVE   = 32,   // chunks that only the oldest chain may take
    parameter MAX_CHAIN = 128,  // descriptors of a chain, at most
    parameter COUNT_W   = 8,    // descriptors of a chain, bits
    parameter SLOT_W    = 8,    // descriptors of a packed ring that a chain takes, bits
    parameter WALK_W    = `VQ_WALK_W    // derived, not to be set
) (
    input  wire               clk,
    input  wire               rst,
    input  wire [QUEUES-1:0]  s_indirect,       // INDIRECT_DESC negotiated
    input  wire               s_packed,         // RING_PACKED negotiated
    // Walks whose descriptors were asked for, in order; a bad one has none
    input  wire [ORDER_W-1:0] s_walk_order,
    input  wire               s_walk_fresh,     // nothing is known yet
    input  wire [3:0]         s_walk_count,     // descriptors asked for
    input  wire               s_walk_bad,
    input  wire               s_walk_error,     // bad: its entry could not be read
    input  wire [QID_W-1:0]   s_walk_queue,
    input  wire [15:0]        s_walk_head,
    input  wire [SLOT_W-1:0]  s_walk_slots,     // descriptors of a packed ring
    input  wire [TAG_W-1:0]   s_walk_tag,
    input  wire [WALK_W-1:0]  s_walk_known,
    input  wire               s_walk_valid,
    output wire               s_walk_ready,
    // Descriptors, in the order of the walks
    input  wire [127:0]       s_desc_data,
    input  wire               s_desc_error,
    input  wire               s_desc_valid,
    output wire               s_desc_ready,
    // The size of the next walk's queue
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
    output wire [15:0]        m_end_head,       // head, or in a packed ring the buffer id
    output wire [SLOT_W-1:0]  m_end_slots,
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
    wire [15:0]        k_index, k_id;
    assign {k_id, k_chunk, k_pos, k_count, k_readable, k_writable, k_some_writable, k_w_at,
            k_in_table, k_table_size, k_index, k_run, k_running} = s_walk_known;

    // The walk at hand
    reg                valid_reg;
    reg                drain_reg;       // what is left of its descriptors is of no use
    reg  [3:0]         left_reg;        // descriptors that are left
    reg                bad_reg, error_reg;
    reg  [ORDER_W-1:0] order_reg;
    reg  [QID_W-1:0]   queue_reg;
    reg                indirect_reg;    // it may have an indirect table
    reg  [15:0]        head_reg, index_reg;
    reg  [TAG_W-1:0]   tag_reg, chunk_reg;
    reg  [2:0]         pos_reg, run_reg;
    reg  [COUNT_W-1:0] count_reg;
    reg                too_long_reg, over_cap_reg;      // count_reg allows no more descriptors
    reg  [31:0]        readable_reg, writable_reg;
    reg                some_writable_reg, in_table_reg, running_reg;
    reg  [TAG_W+1:0]   w_at_reg;
    reg                oldest_reg;      // its chain was the oldest one in the last cycle
    reg  [15:0]        size_reg;        // of the queue
    reg  [14:0]        last_reg;        // its last index
    reg  [16:0]        bound_reg;       // of the table at hand: every next is below it; of a
                                        // packed ring: the chain's descriptors that are left
    reg                final_reg;       // the packed ring or its table has none after this one
    reg                data_reg;        // the chain has data descriptors
    reg  [SLOT_W-1:0]  slots_reg;
    reg  [15:0]        id_reg;          // of the descriptor that names the table

    // The descriptor, and what can be said of it alone
    wire [63:0] s_addr;
    wire [31:0] s_len;
    wire [15:0] s_high, s_mid;
    assign {s_high, s_mid, s_len, s_addr} = s_desc_data;
    wire [15:0] s_flags = s_packed ? s_high : s_mid;
    wire [15:0] s_next  = s_packed ? s_mid : s_high;    // packed: the buffer id
    wire [32:0] s_end = {1'b0, s_addr[31:0]} + {1'b0, s_len};
    reg  [63:0] d_addr;
    reg  [31:0] d_len;
    reg  [15:0] d_next, d_before;       // d_before: the index that d_next follows
    reg         d_valid, d_error, d_next_flag, d_indirect, f_write, f_avail, f_used;
    reg         wraps, odd_size, huge;
    wire        d_take;

    assign s_desc_ready = !d_valid || d_take;

    always @(posedge clk) begin
        if (s_desc_ready) d_valid <= s_desc_valid;
        if (s_desc_ready && s_desc_valid) begin
            d_addr     <= s_addr;
            d_len      <= s_len;
            d_next     <= s_next;
            d_before   <= s_next - 16'd1;
            d_error    <= s_desc_error;
            d_next_flag <= s_flags[0];
            d_indirect <= s_flags[2];
            f_write    <= s_flags[1];
            f_avail    <= s_flags[7];
            f_used     <= s_flags[15];
            wraps      <= &s_addr[63:32] && s_end[32] && s_end[31:0] != 32'd0;
            odd_size   <= s_len == 32'd0 || s_len[3:0] != 4'd0;
            huge       <= |s_len[31:20];
        end
        if (rst) begin
            d_valid <= 1'b0;
            f_write <= 1'b0;    // a bad chain may end before any descriptor came
        end
    end

    // A packed ring: its tables have an end and no flags but WRITE; its own descriptors are
    // available in the lap at hand
    wire        in_packed  = s_packed && in_table_reg;
    wire        in_ring    = s_packed && !in_table_reg;
    wire        f_next     = in_packed ? !final_reg : d_next_flag;
    wire        f_indirect = d_indirect && !in_packed;
    wire        stray      = in_ring && (f_avail == index_reg[15] || f_used != index_reg[15]);
    wire        endless    = in_ring && f_next && final_reg;

    // The checks
    wire [32:0] sum     = {1'b0, f_write ? writable_reg : readable_reg} + {1'b0, d_len};
    wire        backwards = some_writable_reg && !f_write;
    wire        astray    = s_packed ? endless : f_next && {1'b0, d_next} >= bound_reg;
    wire        linked    = f_next || (s_packed && data_reg);
    wire        bad_table = in_table_reg || !indirect_reg || linked || odd_size || wraps;
    wire        bad_data  = too_long_reg || over_cap_reg || backwards || wraps || sum[32] ||
                            astray;
    wire        found     = d_error || stray || (f_indirect ? bad_table : bad_data);
    reg  [4:0]  fault;                  // of this descriptor, where one was found

    always @* begin
        if (d_error) fault = in_table_reg ? FAULT_MEM_INDIRECT : FAULT_MEM_DESC;
        else if (stray) fault = FAULT_NEXT_RANGE;
        else if (f_indirect) fault = in_table_reg ? FAULT_INDIRECT_NESTED
                                   : !indirect_reg ? FAULT_INDIRECT_NOT_NEGOTIATED
                                   : linked       ? FAULT_INDIRECT_WITH_NEXT
                                   : odd_size     ? FAULT_INDIRECT_SIZE : FAULT_ADDR_WRAP;
        else fault = too_long_reg ? FAULT_CHAIN_TOO_LONG
                   : over_cap_reg ? FAULT_CHAIN_OVER_CAP
                   : backwards ? FAULT_READ_AFTER_WRITE
                   : wraps     ? FAULT_ADDR_WRAP
                   : sum[32]   ? FAULT_CHAIN_BYTES
                   : s_packed  ? FAULT_CHAIN_TOO_LONG : FAULT_NEXT_RANGE;
    end

    // What happens with it. A faulty one may take a chunk and be stored: its chain is thrown away
    wire go        = valid_reg && !drain_reg && (bad_reg || d_valid);
    wire fails     = bad_reg || found;
    wire full      = !bad_reg && !f_indirect && pos_reg[2];     // needs another chunk
    wire may_grow  = s_free_valid && (oldest_reg || s_free_count > RESERVE[TAG_W:0]);
    wire again     = full && !may_grow;
    wire grow      = full && may_grow;
    wire stores    = !bad_reg && !f_indirect && !again;
    wire ends      = fails || (stores && !f_next);
    wire last      = left_reg == 4'd1;
    wire in_row    = s_packed || d_before == index_reg;
    wire follows   = stores && f_next && in_row && !last && !fails;
    wire more      = !ends && !follows;
    wire leaves    = bad_reg || (d_valid && last);

    // What is known then, where it is not at fault
    wire [TAG_W-1:0]   at_chunk  = grow ? s_free_tag : chunk_reg;
    wire [1:0]         at_pos    = pos_reg[1:0];        // 0 in a new chunk: a full one has 4
    wire               w_first   = f_write && !some_writable_reg;
    wire [16:0]        d_entries = huge ? 17'h10000 : {1'b0, d_len[19:4]};
    wire [2:0]         n_pos     = stores ? {1'b0, at_pos} + 3'd1 : pos_reg;
    wire [COUNT_W-1:0] n_count   = count_reg + {{(COUNT_W-1){1'b0}}, stores};
    wire [31:0]        n_readable = stores && !f_write ? sum[31:0] : readable_reg;
    wire [31:0]        n_writable = stores && f_write ? sum[31:0] : writable_reg;
    wire               n_some_writable = some_writable_reg || (stores && f_write);
    wire [TAG_W+1:0]   n_w_at    = stores && w_first ? {at_chunk, at_pos} : w_at_reg;
    wire               n_in_table = in_table_reg || f_indirect;
    wire [16:0]        n_table_size = f_indirect ? d_entries
                                    : bound_reg - {16'd0, in_ring && stores};
    wire               ring_end  = in_ring && index_reg[14:0] == last_reg;
    wire [15:0]        n_place   = ring_end ? {!index_reg[15], 15'd0} : index_reg + 16'd1;
    wire [15:0]        n_index   = f_indirect ? 16'd0 : again ? index_reg
                                 : s_packed   ? n_place : d_next;
    wire [15:0]        n_id      = f_indirect ? d_next : id_reg;
    wire               goes_on   = stores && f_next && running_reg;
    wire [2:0]         n_run     = run_reg + {2'd0, goes_on && in_row && run_reg != 3'd7};
    wire               n_running = running_reg && !f_indirect && (!goes_on || in_row);

    assign s_walk_ready  = !valid_reg || leaves;
    assign d_take        = valid_reg && !bad_reg;
    assign m_table_queue = s_walk_queue;
    assign m_more_order  = order_reg;
    assign m_more_queue  = queue_reg;
    assign m_more_sequel = stores && in_row;
    assign m_more_known  = {n_id, at_chunk, n_pos, n_count, n_readable, n_writable, n_some_writable,
                            n_w_at, n_in_table, n_table_size, n_index, n_run, n_running};
    assign m_more_table  = d_addr;
    assign m_more_jump   = f_indirect;
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
        oldest_reg <= s_walk_ready ? s_walk_order == s_oldest : order_reg == s_oldest;
        if (go && !last && !follows) drain_reg <= 1'b1;
        if (d_valid && d_take) left_reg <= left_reg - 4'd1;
        if (go) begin
            chunk_reg         <= at_chunk;
            pos_reg           <= n_pos;
            count_reg         <= n_count;
            too_long_reg      <= {{(16-COUNT_W){1'b0}}, n_count} == size_reg;
            over_cap_reg      <= {{(16-COUNT_W){1'b0}}, n_count} == MAX_CHAIN[15:0];
            readable_reg      <= n_readable;
            writable_reg      <= n_writable;
            some_writable_reg <= n_some_writable;
            w_at_reg          <= n_w_at;
            index_reg         <= n_index;
            run_reg           <= n_run;
            data_reg          <= data_reg || stores;
            bound_reg         <= n_table_size;
            final_reg         <= in_table_reg ? {1'b0, index_reg} + 17'd2 == bound_reg
                                              : bound_reg == 17'd2;
        end
        if (s_walk_ready && s_walk_valid) begin
            drain_reg         <= 1'b0;
            left_reg          <= s_walk_count;
            bad_reg           <= s_walk_bad;
            error_reg         <= s_walk_error;
            order_reg         <= s_walk_order;
            queue_reg         <= s_walk_queue;
            indirect_reg      <= s_indirect[s_walk_queue];
            head_reg          <= s_walk_head;
            tag_reg           <= s_walk_tag;
            chunk_reg         <= s_walk_fresh ? s_walk_tag : k_chunk;
            pos_reg           <= s_walk_fresh ? 3'd0 : k_pos;
            count_reg         <= s_walk_fresh ? {COUNT_W{1'b0}} : k_count;
            too_long_reg      <= !s_walk_fresh && {{(16-COUNT_W){1'b0}}, k_count} == s_table_size;
            over_cap_reg      <= !s_walk_fresh &&
                                 {{(16-COUNT_W){1'b0}}, k_count} == MAX_CHAIN[15:0];
            readable_reg      <= s_walk_fresh ? 32'd0 : k_readable;
            writable_reg      <= s_walk_fresh ? 32'd0 : k_writable;
            some_writable_reg <= !s_walk_fresh && k_some_writable;
            w_at_reg          <= s_walk_fresh ? {(TAG_W+2){1'b0}} : k_w_at;
            in_table_reg      <= !s_walk_fresh && k_in_table;
            size_reg          <= s_table_size;
            last_reg          <= s_table_size[14:0] - 15'd1;
            bound_reg         <= !s_walk_fresh ? k_table_size
                               : s_packed ? {{(17-SLOT_W){1'b0}}, s_walk_slots}
                               : {1'b0, s_table_size};
            final_reg         <= s_walk_fresh ? s_walk_slots == {{(SLOT_W-1){1'b0}}, 1'b1}
                               : k_in_table ? {1'b0, k_index} + 17'd1 == k_table_size
                               : k_table_size == 17'd1;
            data_reg          <= !s_walk_fresh && k_count != {COUNT_W{1'b0}};
            slots_reg         <= s_walk_slots;
            id_reg            <= k_id;
            index_reg         <= s_walk_fresh ? s_walk_head : k_index;
            run_reg           <= s_walk_fresh ? 3'd0 : k_run;
            running_reg       <= s_walk_fresh || k_running;
        end
        if (rst) valid_reg <= 1'b0;
    end

    // The end. A chain that goes through all of a packed ring is named by its head
    wire [15:0] end_index = bad_reg && error_reg && !s_packed ? 16'd0 :
                            !bad_reg && endless && fault == FAULT_CHAIN_TOO_LONG ? head_reg
                                                                                 : index_reg;
    assign m_end_order    = order_reg;
    assign m_end_queue    = queue_reg;
    assign m_end_head     = !s_packed ? head_reg : in_table_reg ? id_reg : d_next;
    assign m_end_slots    = slots_reg;
    assign m_end_tag      = tag_reg;
    assign m_end_last     = at_chunk;
    assign m_end_place    = at_pos;
    assign m_end_readable = f_write ? readable_reg : sum[31:0];
    assign m_end_writable = f_write ? sum[31:0] : writable_reg;
    assign m_end_w_at     = w_first ? {at_chunk, at_pos} : w_at_reg;
    assign m_end_bad      = fails;
    assign m_end_code     = !bad_reg   ? fault            : !error_reg ? FAULT_HEAD_RANGE
                          : s_packed  ? FAULT_MEM_DESC   : FAULT_MEM_AVAIL;
    assign m_end_desc     = {in_table_reg, end_index[15] && !in_ring, end_index[14:0]};
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

    wire unused = &{1'b0, s_flags[14:8], s_flags[6:3]};
endmodule
`resetall
