"""``mouse``: the mouse stands in for an eye tracker. It is no gaze: where somebody points, he may not look.

The window tells where the mouse is (``point_at``, on Qt's main thread); the gaze thread reads it 60 times a second.
"""

from __future__ import annotations

import threading
from math import nan

from assistant.contracts import Clock, DeviceInfo, GazeSample, StreamItem, StreamKind
from assistant.errors import ConfigError, EndOfStream, SourceError

RATE_HZ = 60
_PERIOD_NS = 1_000_000_000 // RATE_HZ


def create(argument: str, *, paced: bool) -> MouseGaze:
    """The device ``mouse``."""
    if argument:
        raise ConfigError(f"gaze 'mouse' has no settings: expected 'mouse', got 'mouse:{argument}'")
    if not paced:
        raise SourceError("gaze 'mouse' can only be live: leave out --lockstep")
    return MouseGaze()


class MouseGaze:
    """The mouse as a gaze device; see ``assistant.teaching.observer.Pointed``."""

    needs_consent = False

    def __init__(self) -> None:
        self._place: tuple[float, float] | None = None
        self._clock: Clock | None = None
        self._due_ns = 0
        self._closed = threading.Event()

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``Device``."""
        self._clock, self._due_ns = clock, clock.now_ns()
        notes = {"coordinates": "monitor", "stand_in": "the mouse stands in for an eye tracker: it is no gaze"}
        return DeviceInfo(name="mouse (stands in for gaze)", streams=frozenset({"gaze"}), fps=RATE_HZ, notes=notes)

    def point_at(self, place: tuple[float, float] | None) -> None:
        """See ``Pointed``."""
        self._place = place

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``Device``."""
        if self._clock is None or stream != "gaze" or self._closed.is_set():
            raise EndOfStream
        wait_s = (self._due_ns - self._clock.now_ns()) / 1e9
        if wait_s > 0 and self._closed.wait(min(wait_s, timeout_s)):
            raise EndOfStream
        now_ns = self._clock.now_ns()
        if now_ns < self._due_ns:
            return None
        # After a pause it does not hurry after what it has missed.
        self._due_ns = max(self._due_ns + _PERIOD_NS, now_ns)
        place = self._place
        if place is None:
            return GazeSample(now_ns, nan, nan, valid=False)
        return GazeSample(now_ns, nan, nan, device_x=place[0], device_y=place[1])

    def close(self) -> None:
        """See ``Device``."""
        self._closed.set()
