# SPDX-License-Identifier: Apache-2.0
"""The bench of network devices: both worlds with a MAC beside each, and captures."""
