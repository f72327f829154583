# SPDX-License-Identifier: Apache-2.0
"""What continuous integration and a new machine run."""
