# SPDX-License-Identifier: Apache-2.0
"""Pictures of a ring for a terminal, at most 100 columns wide."""

from __future__ import annotations

from .compare import compare
from .draw_packed import draw_packed, short_packed
from .draw_pieces import (
    CHANGED,
    ROWS,
    WIDTH,
    DeviceIndices,
    DeviceView,
    DriverView,
    near_differences,
)
from .draw_split import draw_split, short_split
from .state import PackedState, RingState, SplitState

__all__ = ["DeviceIndices", "DeviceView", "DriverView", "draw_ring", "draw_side_by_side"]
_OWN_FIELDS = ("avail", "used", "table", "ring", "driver", "device")  # drawn, not listed


def draw_ring(
    state: RingState,
    *,
    driver: DriverView | None = None,
    device: DeviceView | None = None,
    before: RingState | None = None,
    tty: bool = False,
    rows: int = ROWS,
) -> str:
    """Draw a ring in the way of its format: its descriptors, who holds them, and the event fields.

    Args:
        state: the ring.
        driver: tells who holds which descriptor, and the driver's place in the used ring.
        device: tells the device's places; of a packed ring with both wrap counters.
        before: an earlier state of the same queue; what changed since is marked with `*`.
        tty: also colour what changed.
        rows: most lines in a box; of a larger ring only the active part is drawn.
    """
    if isinstance(state, PackedState):
        assert before is None or isinstance(before, PackedState)
        lines = draw_packed(state, driver, device, before, tty, rows)
    else:
        assert isinstance(state, SplitState)
        assert before is None or isinstance(before, SplitState)
        lines = draw_split(state, driver, device, before, tty, rows)
    return "\n".join(lines) + "\n"


def draw_side_by_side(
    a: RingState,
    b: RingState,
    names: tuple[str, str] = ("rtl", "model"),
    tty: bool = False,
    rows: int = ROWS,
) -> str:
    """Draw two states in two columns; `≠` marks each line that differs.

    Rows that are equal are left out but for those next to a difference; differences of further
    areas follow as a list.
    """
    half = (WIDTH - 7) // 2
    pairs: list[tuple[str, str]] = []
    for (title, left), (_, right) in zip(_short(a), _short(b)):
        pairs.append((f"── {title} ", f"── {title} "))
        pairs += near_differences(left, right, rows)
    lines = [f"┌{'─' * (half + 2)}┬{'─' * (half + 2)}┐"]
    for x, y in [names, *pairs]:
        differs = x != y and (x, y) != names
        fill = "─" if x.startswith("── ") else " "
        text = f"│ {x:{fill}<{half}.{half}} {'≠' if differs else '│'} {y:{fill}<{half}.{half}} │"
        lines.append(CHANGED.format(text) if tty and differs else text)
    lines.append(f"└{'─' * (half + 2)}┴{'─' * (half + 2)}┘")
    others = [str(d) for d in compare(a, b) if not d.field.startswith(_OWN_FIELDS)]
    lines += [f"≠ {other}"[:WIDTH] for other in others[:rows]]
    if len(others) > rows:
        lines.append(f"≠ and {len(others) - rows} more")
    return "\n".join(lines) + "\n"


def _short(state: RingState) -> list[tuple[str, list[str]]]:
    if isinstance(state, PackedState):
        return short_packed(state)
    assert isinstance(state, SplitState)
    return short_split(state)
