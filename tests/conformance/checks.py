# SPDX-License-Identifier: Apache-2.0
"""What the rules' functions check."""

from __future__ import annotations

import errno
from collections.abc import Coroutine
from typing import Any

from pymodel import RingState, compare


async def refused(code: int, operation: Coroutine[Any, Any, Any]) -> OSError:
    """Run an operation that must raise an error with this `errno`; return the error."""
    try:
        result = await operation
    except OSError as error:
        found = errno.errorcode.get(error.errno or 0)
        assert error.errno == code, f"{found} ({error}), not {errno.errorcode[code]}"
        return error
    raise AssertionError(f"{result!r} was returned, {errno.errorcode[code]} was due")


def changes(before: Any, after: Any) -> list[Any]:
    """What differs between two states of a queue: shared memory first, then the books."""
    if isinstance(before[0], RingState):
        found: list[Any] = list(compare(before[0], after[0]))
    else:
        found = [] if before[0] == after[0] else [(before[0], after[0])]
    return found + ([(before[1], after[1])] if before[1] != after[1] else [])
