// SPDX-License-Identifier: Apache-2.0
// vq_chain_store - the segments of the chains under way, in chunks of four.
//   Contract    a chain's first chunk is its tag; further chunks are linked in order. A chunk
//               that was allocated is given again only after its chain was released
//   Latency     1 cycle, segment address to data and to the chunk after the segment's
//   Throughput  1 chunk allocated and 1 segment written per cycle, 1 segment per cycle and read
//               port; a release takes 1 cycle a chunk
`resetall
`timescale 1ns / 1ps
`default_nettype none

module vq_chain_store #(
    parameter CHAINS = 256,             // chunks, so chains under way; power of two, 4 to 4096
    parameter TAG_W  = $clog2(CHAINS)   // derived, not to be set
) (
    input  wire             clk,
    input  wire             rst,
    // Free chunks: m_free_count of them
    output wire [TAG_W-1:0] m_free_tag,
    output wire             m_free_valid,
    input  wire             m_free_ready,
    output wire [TAG_W:0]   m_free_count,
    // Segments written: {address, length} at position {chunk, 0 to 3}
    input  wire [TAG_W+1:0] s_write_at,
    input  wire [95:0]      s_write_data,
    input  wire             s_write_valid,
    // Links written: the chunk after s_link_tag
    input  wire [TAG_W-1:0] s_link_tag,
    input  wire [TAG_W-1:0] s_link_next,
    input  wire             s_link_valid,
    // Two readers of segments, and of the chunk after that of the segment
    input  wire             s_read_a_en,
    input  wire [TAG_W+1:0] s_read_a_at,
    output wire [95:0]      m_read_a_data,
    output wire [TAG_W-1:0] m_after_a_next,
    input  wire             s_read_b_en,
    input  wire [TAG_W+1:0] s_read_b_at,
    output wire [95:0]      m_read_b_data,
    output wire [TAG_W-1:0] m_after_b_next,
    // Two releasers: first and last chunk of the chain
    input  wire [TAG_W-1:0] s_release_a_first,
    input  wire [TAG_W-1:0] s_release_a_last,
    input  wire             s_release_a_valid,
    output wire             s_release_a_ready,
    input  wire [TAG_W-1:0] s_release_b_first,
    input  wire [TAG_W-1:0] s_release_b_last,
    input  wire             s_release_b_valid,
    output wire             s_release_b_ready
);
    if (CHAINS < 4 || CHAINS > 4096 || 2**$clog2(CHAINS) != CHAINS) begin : gen_bad_chains
        ERROR_CHAINS_must_be_a_power_of_two_4_to_4096 u_error ();
    end

    // Segments, once for each reader
    vq_ram #(.WIDTH(96), .DEPTH(4*CHAINS)) u_segments_a (
        .clk(clk),
        .write_en(s_write_valid),
        .write_addr(s_write_at),
        .write_data(s_write_data),
        .read_en(s_read_a_en),
        .read_addr(s_read_a_at),
        .read_data(m_read_a_data)
    );
    vq_ram #(.WIDTH(96), .DEPTH(4*CHAINS)) u_segments_b (
        .clk(clk),
        .write_en(s_write_valid),
        .write_addr(s_write_at),
        .write_data(s_write_data),
        .read_en(s_read_b_en),
        .read_addr(s_read_b_at),
        .read_data(m_read_b_data)
    );

    // Links, for both readers and the release
    wire             walk_read;
    wire [TAG_W-1:0] walk_at, walk_next;

    vq_ram #(.WIDTH(TAG_W), .DEPTH(CHAINS)) u_links_a (
        .clk(clk),
        .write_en(s_link_valid),
        .write_addr(s_link_tag),
        .write_data(s_link_next),
        .read_en(s_read_a_en),
        .read_addr(s_read_a_at[TAG_W+1:2]),
        .read_data(m_after_a_next)
    );
    vq_ram #(.WIDTH(TAG_W), .DEPTH(CHAINS)) u_links_b (
        .clk(clk),
        .write_en(s_link_valid),
        .write_addr(s_link_tag),
        .write_data(s_link_next),
        .read_en(s_read_b_en),
        .read_addr(s_read_b_at[TAG_W+1:2]),
        .read_data(m_after_b_next)
    );
    vq_ram #(.WIDTH(TAG_W), .DEPTH(CHAINS)) u_links_walk (
        .clk(clk),
        .write_en(s_link_valid),
        .write_addr(s_link_tag),
        .write_data(s_link_next),
        .read_en(walk_read),
        .read_addr(walk_at),
        .read_data(walk_next)
    );

    // Release: one chain at a time, chunk by chunk
    reg  [TAG_W-1:0] walk_reg, walk_last_reg;
    reg              walk_valid_reg;
    wire             back_ready;
    wire             walk_final = walk_reg == walk_last_reg;
    wire             walk_free  = !walk_valid_reg || (back_ready && walk_final);
    wire             walk_begin = walk_free && (s_release_a_valid || s_release_b_valid);

    assign walk_read = walk_free || back_ready;
    assign walk_at   = !walk_free        ? walk_next
                     : s_release_a_valid ? s_release_a_first : s_release_b_first;

    assign s_release_a_ready = walk_free;
    assign s_release_b_ready = walk_free && !s_release_a_valid;

    always @(posedge clk) begin
        if (walk_begin || (walk_valid_reg && back_ready)) walk_reg <= walk_at;
        if (walk_begin) walk_last_reg <= s_release_a_valid ? s_release_a_last : s_release_b_last;
        if (walk_free) walk_valid_reg <= walk_begin;
        if (rst) walk_valid_reg <= 1'b0;
    end

    // Free chunks: first the ones never used, then those given back
    reg  [TAG_W:0]   fresh_reg, free_reg;
    wire             fresh = !fresh_reg[TAG_W];
    wire [TAG_W-1:0] back_tag;
    wire             back_valid;
    wire             taken = m_free_valid && m_free_ready;
    wire             given = walk_valid_reg && back_ready;

    vq_fifo #(.WIDTH(TAG_W), .DEPTH(CHAINS), .BLOCK_EN(1'b1)) u_free (
        .clk(clk),
        .rst(rst),
        .s_data(walk_reg),
        .s_valid(walk_valid_reg),
        .s_ready(back_ready),
        .m_data(back_tag),
        .m_valid(back_valid),
        .m_ready(taken && !fresh)
    );

    assign m_free_tag   = fresh ? fresh_reg[TAG_W-1:0] : back_tag;
    assign m_free_valid = fresh || back_valid;
    assign m_free_count = free_reg;

    always @(posedge clk) begin
        if (taken && fresh) fresh_reg <= fresh_reg + 1'b1;
        if (taken && !given) free_reg <= free_reg - 1'b1;
        if (given && !taken) free_reg <= free_reg + 1'b1;
        if (rst) begin
            fresh_reg <= {(TAG_W+1){1'b0}};
            free_reg  <= CHAINS[TAG_W:0];
        end
    end
endmodule
`resetall
