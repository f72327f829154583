# SPDX-License-Identifier: Apache-2.0
"""Hardware in the loop: drivers that are not this project's, on the simulated Verilog."""
