"""What a timeline shows between two moments, column by column. Pure functions on the window's thread."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.replay.annotations import Annotations
from assistant.replay.moments import Int16Array, columns, plane_stretches
from assistant.replay.recording import Recording
from assistant.replay.timeline_index import UNSAID, TimelineIndex

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Lanes:
    """One entry a column: a plane by number (or ``UNSAID``, ``ABSTAINS``), or whether there is any.

    Attributes:
        planes: what the model named.
        labels: what a person named.
        speech, gaze, events, notes: whether there is any.
        other: what another model named; None without one.
    """

    planes: Int16Array
    labels: Int16Array
    speech: BoolArray
    gaze: BoolArray
    events: BoolArray
    notes: BoolArray
    other: Int16Array | None = None


def background_of(index: TimelineIndex, background: str) -> int:
    """Number of the class that means no standard plane in an index; -1 when it was never named."""
    return index.names.index(background) if background in index.names else -1


def plane_starts(index: TimelineIndex, recording: Recording, background: str) -> list[int]:
    """Positions at which a standard plane comes into view."""
    number = background_of(index, background)
    return [found.start for found in plane_stretches(index.decided, recording.times_ns, number)]


def lanes(
    recording: Recording,
    notes: Annotations,
    background: str,
    from_ns: int,
    to_ns: int,
    count: int,
    other: TimelineIndex | None = None,
) -> tuple[Lanes, tuple[str, ...]]:
    """The lanes from ``from_ns`` to ``to_ns`` in ``count`` columns, and the planes' names by number."""
    index, times_ns = recording.index, recording.times_ns
    names = list(index.names)
    own = index.labels.copy()
    for label in notes.labels:
        if label.text not in names:
            names.append(label.text)
        own[label.start : label.stop] = names.index(label.text)
    own[own < 0] = UNSAID
    edges_ns = np.linspace(from_ns, to_ns, count + 1)

    def any_in(times: Sequence[int]) -> BoolArray:
        return np.diff([bisect_left(times, edge) for edge in edges_ns]) > 0

    idle = background_of(index, background)
    speech = np.zeros(count, bool)
    per_s = count / max((to_ns - from_ns) / 1e9, 1e-9)
    offset_s = (from_ns - recording.start_ns) / 1e9
    spoken = [
        ((u.start_ns - recording.start_ns) / 1e9, (u.end_ns - recording.start_ns) / 1e9) for u in index.utterances
    ]
    for start_s, end_s in [*recording.speech_s, *spoken]:
        first, last = (start_s - offset_s) * per_s, (end_s - offset_s) * per_s
        if last > 0 and first < count:
            speech[max(int(first), 0) : max(int(np.ceil(last)), 0)] = True
    theirs = None
    if other is not None:
        names += [name for name in other.names if name not in names]
        number_of = np.array([names.index(name) for name in other.names] or [0], np.int16)
        said = np.where(other.decided >= 0, number_of[np.maximum(other.decided, 0)], other.decided).astype(np.int16)
        idle_there = names.index(background) if background in names else -1
        theirs = columns(said, times_ns, from_ns, to_ns, count, idle_there)
    found = Lanes(
        planes=columns(index.decided, times_ns, from_ns, to_ns, count, idle),
        labels=columns(own, times_ns, from_ns, to_ns, count, -1),
        speech=speech,
        gaze=any_in(index.gaze_times_ns),
        events=any_in([int(times_ns[at]) for at in recording.event_positions()]),
        notes=any_in([int(times_ns[note.start]) for note in notes.notes]),
        other=theirs,
    )
    return found, tuple(names)
