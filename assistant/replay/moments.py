"""Where planes and events begin and end in a recording, and what lies in each column of a timeline. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.replay.timeline_index import ABSTAINS, GUIDANCE_HOLDS_NS, UNSAID

Int16Array = npt.NDArray[np.int16]
Int64Array = npt.NDArray[np.int64]

BRIDGED_NS = 500_000_000
"""A plane that is lost for less than this and named again was one and the same view."""
TOO_SHORT_NS = 200_000_000
"""A plane that is named for less than this is nothing to jump to."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames of one kind: positions from ``start`` up to, not at, ``stop``, and what they have in common."""

    start: int
    stop: int
    value: int


def held(decided: Int16Array, times_ns: Int64Array) -> Int16Array:
    """``decided`` with the frames that inference skipped filled by the guidance that was shown with them."""
    said = decided != UNSAID
    if not said.any():
        return decided
    last = np.maximum.accumulate(np.where(said, np.arange(len(decided)), -1))
    fresh = (last >= 0) & (times_ns - times_ns[np.maximum(last, 0)] <= GUIDANCE_HOLDS_NS)
    return np.where(fresh, decided[np.maximum(last, 0)], np.int16(UNSAID)).astype(np.int16)


def stretches(values: Int16Array) -> list[Stretch]:
    """The whole of ``values`` as runs of equal ones."""
    if len(values) == 0:
        return []
    edges = np.flatnonzero(np.diff(values)) + 1
    starts, stops = [0, *edges.tolist()], [*edges.tolist(), len(values)]
    return [Stretch(a, b, int(values[a])) for a, b in zip(starts, stops, strict=True)]


def plane_stretches(decided: Int16Array, times_ns: Int64Array, background: int) -> list[Stretch]:
    """Where a standard plane was named, in order: short gaps bridged, very short ones left out.

    Args:
        decided: as ``TimelineIndex.decided``.
        times_ns: of the frames.
        background: number of the class that means no standard plane; -1 when there is none.
    """
    planes = [s for s in stretches(held(decided, times_ns)) if s.value >= 0 and s.value != background]
    joined: list[Stretch] = []
    for found in planes:
        if joined and joined[-1].value == found.value:
            gap_ns = int(times_ns[found.start] - times_ns[joined[-1].stop - 1])
            if gap_ns <= BRIDGED_NS:
                joined[-1] = Stretch(joined[-1].start, found.stop, found.value)
                continue
        joined.append(found)
    return [s for s in joined if times_ns[s.stop - 1] - times_ns[s.start] >= TOO_SHORT_NS]


def differences(ours: Sequence[str], theirs: Sequence[str], times_ns: Int64Array) -> list[Stretch]:
    """Where two models decided differently for at least ``TOO_SHORT_NS``; ``value`` is 0.

    Args:
        ours: what one decided about each frame, by name; "" where nothing was, which is no difference.
        theirs: what the other decided.
        times_ns: of the frames.
    """
    pairs: dict[tuple[str, str], int] = {}
    numbers = np.zeros(len(times_ns), np.int16)
    for position, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if a and b and a != b:
            numbers[position] = pairs.setdefault((a, b), len(pairs) + 1)
    found = [s for s in stretches(numbers) if s.value]
    return [Stretch(s.start, s.stop, 0) for s in found if times_ns[s.stop - 1] - times_ns[s.start] >= TOO_SHORT_NS]


def columns(values: Int16Array, times_ns: Int64Array, from_ns: int, to_ns: int, count: int, idle: int) -> Int16Array:
    """What to paint in each of ``count`` columns from ``from_ns`` to ``to_ns``: nothing that was named is lost.

    A column shows the plane that most of its frames show; ``idle`` (background) only when there is no other, then
    ``ABSTAINS``, then ``UNSAID``.
    """
    painted = np.full(count, UNSAID, np.int16)
    edges = np.searchsorted(times_ns, np.linspace(from_ns, to_ns, count + 1))
    for column in range(count):
        a, b = int(edges[column]), int(edges[column + 1])
        if a == b and 0 < a < len(values):  # enlarged: the frame before still shows
            a, b = a - 1, a
        part = values[a:b]
        if len(part) == 0:
            continue
        named = part[(part >= 0) & (part != idle)]
        if len(named):
            painted[column] = np.bincount(named).argmax()
        elif (part == idle).any():
            painted[column] = idle
        elif (part == ABSTAINS).any():
            painted[column] = ABSTAINS
    return painted


def neighbour(marks: Sequence[int], position: int, step: int) -> int | None:
    """The nearest mark after (``step`` 1) or before (``step`` -1) ``position``; None when there is none."""
    if step > 0:
        return min((mark for mark in marks if mark > position), default=None)
    return max((mark for mark in marks if mark < position), default=None)
