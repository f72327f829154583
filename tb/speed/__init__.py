# SPDX-License-Identifier: Apache-2.0
"""How fast the co-simulation is: one workload on three benches around the same RTL."""
