// SPDX-License-Identifier: Apache-2.0
// vq_complete_order - with IN_ORDER: put completed chains back into the order in which each queue's
// chains were given to the device function.
//   Contract    chains of a queue leave in the order of s_given, each once and after it was
//               completed; queues do not wait for each other. A chain keeps its tag until it
//               leaves, when its chunks are released. While s_in_order is 0 all passes through
//   Latency     0 cycles while s_in_order is 0, else 2 cycles for a chain whose turn it is
//   Throughput  1 chain per cycle, given and leaving, where chains complete in their turn; one that
//               had to wait takes 2 cycles more. A chain stands for 1 more while one is given to
//               an empty queue, or it is its queue's only one, or is to be put aside
`resetall
`timescale 1ns / 1ps
`default_nettype none
`include "vq_check.vh"

module vq_complete_order #(
    parameter QID_W  = 2,   // queue number, bits
    parameter TAG_W  = 8    // chunk of the chain store, bits
) (
    input  wire              clk,
    input  wire              rst,
    input  wire              s_in_order,    // stable while chains are under way
    // Chains given to the device function, always taken
    input  wire [QID_W-1:0]  s_given_queue,
    input  wire [TAG_W-1:0]  s_given_tag,
    input  wire              s_given_valid,
    // Completed chains, in any order
    input  wire [QID_W-1:0]  s_used_queue,
    input  wire [15:0]       s_used_head,
    input  wire [15:0]       s_used_slots,
    input  wire [31:0]       s_used_len,
    input  wire              s_used_whole,
    input  wire              s_used_more,
    input  wire [TAG_W-1:0]  s_used_tag,
    input  wire [TAG_W-1:0]  s_used_last,   // its last chunk
    input  wire              s_used_valid,
    output wire              s_used_ready,
    // Completed chains, in order of each queue
    output wire [QID_W-1:0]  m_used_queue,
    output wire [15:0]       m_used_head,
    output wire [15:0]       m_used_slots,
    output wire [31:0]       m_used_len,
    output wire              m_used_whole,
    output wire              m_used_more,
    output wire              m_used_valid,
    input  wire              m_used_ready,
    // Their chunks, released
    output wire [TAG_W-1:0]  m_release_first,
    output wire [TAG_W-1:0]  m_release_last,
    output wire              m_release_valid,
    input  wire              m_release_ready
);
    localparam ROWS   = 2**QID_W;
    localparam INFO_W = TAG_W + 66;         // last chunk, whole, more, slots, head, length

    // 1: the completed chain at hand, and the chain after it in its queue
    reg              hand_reg;
    reg  [QID_W-1:0] queue_reg;
    reg  [TAG_W-1:0] tag_reg;
    reg  [INFO_W-1:0] info_reg;
    reg              link_reg;          // a chain was given in the cycle before, after this one:
    reg  [TAG_W-1:0] link_from_reg, link_to_reg;
    reg              walk_reg;          // the chain at hand came out of the wait, not from outside
    reg              look_reg;          // ... and is being looked up
    wire [TAG_W-1:0] after_ram;
    wire [TAG_W-1:0] after = link_reg && link_from_reg == tag_reg ? link_to_reg : after_ram;
    wire [INFO_W:0]  kept;              // and, in the top bit, that it was completed

    // The chain that was given a cycle ago; a completion of it takes longer
    reg              given_reg;
    reg  [QID_W-1:0] given_queue_reg;
    reg  [TAG_W-1:0] given_tag_reg;

    // First and last chain of each queue
    reg  [TAG_W-1:0] first_mem [0:ROWS-1];
    reg  [TAG_W-1:0] last_mem  [0:ROWS-1];
    reg  [ROWS-1:0] some_reg;
    wire [ROWS-1:0] one    = {{(ROWS-1){1'b0}}, 1'b1};
    wire [TAG_W-1:0] newest = last_mem[given_queue_reg];
    wire             link   = given_reg && some_reg[given_queue_reg];
    wire             turn   = first_mem[queue_reg] == tag_reg;
    wire             only   = last_mem[queue_reg] == tag_reg;

    // What the chain at hand does: it leaves, waits, or ends a walk. It does so a cycle later if
    // it would write where the given one does
    wire [TAG_W:0]   waiting;           // chains of its queue that were completed before their turn
    wire [TAG_W:0]   waiting_copy;      // of no use
    wire             out_free;
    wire             clash  = given_reg && (!link || only || (!walk_reg && !turn));
    wire             act    = hand_reg && !clash && !look_reg && out_free;
    wire             done   = !walk_reg || kept[INFO_W];
    wire             leave  = act && done && (walk_reg || turn);
    wire             keep   = act && !walk_reg && !turn;
    wire             follow = leave && !only && waiting != {{TAG_W{1'b0}}, walk_reg};
    wire             take   = s_used_valid && s_in_order && (!hand_reg || (act && !follow));

    always @(posedge clk) begin
        given_reg <= s_given_valid && s_in_order && !rst;
        if (s_given_valid) begin
            given_queue_reg <= s_given_queue;
            given_tag_reg   <= s_given_tag;
        end
        if (given_reg && !link) first_mem[given_queue_reg] <= given_tag_reg;
        else if (leave && !only) first_mem[queue_reg] <= after;
        if (given_reg) last_mem[given_queue_reg] <= given_tag_reg;
        if (given_reg) some_reg <= some_reg | (one << given_queue_reg);
        else if (leave && only) some_reg <= some_reg & ~(one << queue_reg);
        if (rst) some_reg <= {ROWS{1'b0}};
    end

    vq_table #(.WIDTH(TAG_W+1), .ROWS(ROWS)) u_waiting (
        .clk(clk),
        .clear({ROWS{rst}}),
        .write_en(keep || (leave && walk_reg)),
        .write_addr(queue_reg),
        .write_data(keep ? waiting + 1'b1 : waiting - 1'b1),
        .read_a_addr(queue_reg),
        .read_a_data(waiting),
        .read_b_addr(queue_reg),
        .read_b_data(waiting_copy)
    );

    always @(posedge clk) begin
        if (act) hand_reg <= take || follow;
        else if (take) hand_reg <= 1'b1;
        if (take) begin
            queue_reg <= s_used_queue;
            tag_reg   <= s_used_tag;
            info_reg  <= {s_used_last, s_used_whole, s_used_more, s_used_slots, s_used_head,
                          s_used_len};
            walk_reg  <= 1'b0;
        end
        if (follow) begin
            tag_reg  <= after;
            walk_reg <= 1'b1;
        end
        look_reg <= follow;
        link_reg <= link;
        if (link) begin
            link_from_reg <= newest;
            link_to_reg   <= given_tag_reg;
        end
        if (rst) begin
            hand_reg <= 1'b0;
            look_reg <= 1'b0;
            link_reg <= 1'b0;
        end
    end

    // The chain after each one is read again in each cycle, since it may be given at any time
    vq_ram #(.WIDTH(TAG_W), .DEPTH(2**TAG_W)) u_after (
        .clk(clk),
        .write_en(link),
        .write_addr(newest),
        .write_data(given_tag_reg),
        .read_en(s_in_order),
        .read_addr(take ? s_used_tag : tag_reg),
        .read_data(after_ram)
    );
    vq_ram #(.WIDTH(INFO_W+1), .DEPTH(2**TAG_W)) u_kept (
        .clk(clk),
        .write_en(given_reg || keep),
        .write_addr(given_reg ? given_tag_reg : tag_reg),
        .write_data({!given_reg, info_reg}),
        .read_en(look_reg),
        .read_addr(tag_reg),
        .read_data(kept)
    );

    // 2: chains that leave
    wire [QID_W-1:0]  out_queue;
    wire [TAG_W-1:0]  out_tag;
    wire [INFO_W-1:0] out_info;
    wire              out_held;
    wire              valid = s_in_order ? out_held : s_used_valid;

    vq_fifo #(.WIDTH(QID_W+TAG_W+INFO_W), .DEPTH(2)) u_out (
        .clk(clk),
        .rst(rst),
        .s_data({queue_reg, tag_reg, walk_reg ? kept[INFO_W-1:0] : info_reg}),
        .s_valid(leave),
        .s_ready(out_free),
        .m_data({out_queue, out_tag, out_info}),
        .m_valid(out_held),
        .m_ready(m_used_ready && m_release_ready)
    );

    assign s_used_ready    = s_in_order ? !hand_reg || (act && !follow)
                                        : m_used_ready && m_release_ready;
    assign m_used_queue    = s_in_order ? out_queue : s_used_queue;
    assign m_release_first = s_in_order ? out_tag : s_used_tag;
    assign {m_release_last, m_used_whole, m_used_more, m_used_slots, m_used_head, m_used_len} =
        s_in_order ? out_info : {s_used_last, s_used_whole, s_used_more, s_used_slots,
                                 s_used_head, s_used_len};
    assign m_used_valid    = valid && m_release_ready;
    assign m_release_valid = valid && m_used_ready;

    wire unused = &{1'b0, waiting_copy};

    `VQ_ASSERT(a_known, !act || some_reg[queue_reg])
    `VQ_ASSERT(a_walked, !(act && walk_reg) || turn)
endmodule
`resetall
