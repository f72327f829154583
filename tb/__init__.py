# SPDX-License-Identifier: Apache-2.0
"""The bench: what surrounds the RTL in a simulator."""
