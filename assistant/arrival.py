"""What devices share that are sent to rather than asked: when an item was captured, and a queue that never blocks.

A device's receiving thread puts, an engine's thread takes.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final, Generic, TypeVar

from assistant.errors import EndOfStream, SourceError

DRIFT: Final = 500e-6  # how much two quartzes may differ, generously
NEW_TIMELINE_NS: Final = 10_000_000_000  # a sender's clock that steps further than this began anew
STEP_BACK_NS: Final = 300_000_000  # one that goes back by this did too: a false guess costs one jitter of the network

T = TypeVar("T")


class MediaClock:
    """Capture times on the run's clock from the times that a sender writes into its stream.

    Every item arrives late by the delay of the network, and some later still. The least delayed one tells best how the
    sender's clock stands to ours, so the smallest difference between arrival and sender's time counts; it may rise by
    the drift of the sender's clock. A capture time is thus never after the arrival, and images and sound keep the
    distances that the sender gave them.
    """

    def __init__(self) -> None:
        self._offset_ns: float | None = None
        self._last_arrival_ns = 0
        self._latest_sent_ns = 0

    @property
    def known(self) -> bool:
        """It has learnt from at least one item."""
        return self._offset_ns is not None

    def arrived(self, sent_ns: int, arrived_ns: int) -> None:
        """Learn from an item: its time by the sender's clock, and its arrival on the run's clock."""
        offset_ns = arrived_ns - sent_ns
        began_anew = sent_ns < self._latest_sent_ns - STEP_BACK_NS
        if self._offset_ns is None or began_anew or abs(offset_ns - self._offset_ns) > NEW_TIMELINE_NS:
            self._offset_ns = offset_ns
            self._latest_sent_ns = sent_ns
        else:
            drifted_ns = self._offset_ns + max(0, arrived_ns - self._last_arrival_ns) * DRIFT
            self._offset_ns = min(offset_ns, drifted_ns)
        self._last_arrival_ns = arrived_ns
        self._latest_sent_ns = max(self._latest_sent_ns, sent_ns)

    def captured_ns(self, sent_ns: int) -> int:
        """When an item with this time of the sender's was captured, on the run's clock. Learn from one item first."""
        if self._offset_ns is None:
            raise ValueError("no item has arrived yet")
        return sent_ns + round(self._offset_ns)


class Lane(Generic[T]):
    """A bounded queue for one stream: the oldest gives way, and the end is told after the last item."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[T] = deque(maxlen=capacity)
        self._ended = False
        self._failure = ""
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Add an item; when the queue is full, the oldest is dropped. After the end, nothing is taken."""
        with self._changed:
            if not self._ended:
                self._items.append(item)
                self._changed.notify()

    def end(self, failure: str = "", *, now: bool = False) -> None:
        """No more items come, for the reason ``failure`` if there is one. ``now``: not even those that wait."""
        with self._changed:
            if now:
                self._items.clear()
            if not self._ended:
                self._ended, self._failure = True, failure
            self._changed.notify_all()

    def take(self, timeout_s: float) -> T | None:
        """The oldest item, or None when none came in time.

        Raises:
            EndOfStream: there are no more.
            SourceError: there are no more, because the device failed.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items) or self._ended, timeout_s)
            if self._items:
                return self._items.popleft()
            if not self._ended:
                return None
        if self._failure:
            raise SourceError(self._failure)
        raise EndOfStream
