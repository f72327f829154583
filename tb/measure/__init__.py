# SPDX-License-Identifier: Apache-2.0
"""`make bench`: throughput and latency of the engine, beside the limit of its bus."""
