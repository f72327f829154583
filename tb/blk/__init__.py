# SPDX-License-Identifier: Apache-2.0
"""The block device in the bench: both worlds with a disk each, held against one another."""
