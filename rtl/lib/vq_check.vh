// SPDX-License-Identifier: Apache-2.0
// vq_check.vh - one line that serves simulation, proof and synthesis. Include before the module.
//   VQ_ASSERT   what this module promises
//   VQ_ASSUME   what its neighbour promises; simulation checks it too
// Both look at every rising edge of `clk` at which `rst` is low. There is no include guard because
// Icarus 11 crashes on a macro with arguments that an earlier file defined; the same text twice
// is no redefinition.
`ifdef FORMAL           // proven (assert) or taken as given (assume)
    `define VQ_ASSERT(LABEL, EXPR) always @(posedge clk) if (!rst) LABEL: assert (EXPR);
    `define VQ_ASSUME(LABEL, EXPR) always @(posedge clk) if (!rst) LABEL: assume (EXPR);
`elsif SYNTHESIS        // gone
    `define VQ_ASSERT(LABEL, EXPR)
    `define VQ_ASSUME(LABEL, EXPR)
`else                   // simulated: both stop the run, and an X counts as a failure
    `define VQ_ASSERT(LABEL, EXPR) always @(posedge clk) begin : LABEL \
        if (rst === 1'b0 && (EXPR) !== 1'b1) begin \
            $display("%0t CHECK FAILED %m", $time); $finish; end end
    `define VQ_ASSUME(LABEL, EXPR) `VQ_ASSERT(LABEL, EXPR)
`endif
