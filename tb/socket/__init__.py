# SPDX-License-Identifier: Apache-2.0
"""The socket port in a simulator: its bench, and its comparison with the model."""
