# SPDX-License-Identifier: Apache-2.0
"""What a ring's driver side tells of its outstanding buffers."""

from __future__ import annotations

from collections.abc import Hashable

from .driver_chains import ChainBook
from .guard import GuardedVirtqueue


class BookedVirtqueue(GuardedVirtqueue):
    """A queue whose outstanding buffers are in a `ChainBook`."""

    _book: ChainBook

    @property
    def num_free(self) -> int:
        """Descriptors that no outstanding buffer takes."""
        return self._book.num_free

    @property
    def avail_index(self) -> int:
        """Ring index up to which buffers were published."""
        return self._book.avail_index

    @property
    def next_avail_index(self) -> int:
        """Ring index that the next `sync` publishes."""
        return self._book.next_avail_index

    @property
    def outstanding(self) -> dict[Hashable, tuple[int, ...]]:
        """The descriptors, the first one first, of each outstanding token, in order of adding."""
        return {token: tuple(chain.descriptors) for token, chain in self._book.by_token.items()}

    @property
    def unpublished(self) -> tuple[Hashable, ...]:
        """Tokens added and not yet published, in order."""
        return tuple(chain.token for chain in self._book.unpublished)
