"""Delivers what lies in a file as a device would: when it is due, or as fast as it is asked for.

Shared by the devices that play something recorded (``session:PATH``, ``file:PATH``). Each stream is read by one thread,
several at a time; an item is decoded on the thread that asks for it, ahead of the moment when it is due.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from dataclasses import replace

from assistant.contracts import AudioBlock, Clock, StreamItem, StreamKind, TimelineEvent
from assistant.errors import EndOfStream
from assistant.session.timeline import shifted

MediaStream = Generator[StreamItem, None, None]
"""Items whose ``captured_ns`` are on the medium's own clock, in order; closing it releases what it holds."""

_LOOK_AGAIN_S = 0.02  # a clock may be moved by hand: look at it at least so often while waiting


class Playback:
    """Reads streams in step with a clock."""

    def __init__(self, streams: Mapping[StreamKind, MediaStream], clock: Clock, *, paced: bool) -> None:
        """Decode the first item of every stream.

        Args:
            streams: what to play; an empty one ends at once.
            clock: the run's clock.
            paced: wait until each item is due. Time begins to run with the first ``read``, so that a run which takes a
                while to start does not find everything overdue; unpaced, it begins now.

        Raises:
            SourceError: whatever a stream raises.
        """
        self._clock = clock
        self._paced = paced
        self._closed = threading.Event()
        self._streams = dict(streams)
        self._locks: dict[StreamKind, threading.Lock] = {stream: threading.Lock() for stream in streams}
        self._waiting: dict[StreamKind, StreamItem] = {}
        try:
            for stream in streams:
                self._peek(stream)
        except BaseException:
            self.close()
            raise
        self._media_start_ns = min((item.captured_ns for item in self._waiting.values()), default=0)
        self._start_lock = threading.Lock()
        self._start_ns = None if paced else clock.now_ns()

    def first(self, stream: StreamKind) -> StreamItem | None:
        """The stream's first item, on the medium's clock, or None when it is empty. Only before the first ``read``."""
        return self._waiting.get(stream)

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``contracts.Device.read``."""
        if stream not in self._streams:
            raise EndOfStream
        with self._locks[stream]:
            # Decoding happens here, right after the last item was taken and so ahead of when this one is due.
            item = None if self._closed.is_set() else self._peek(stream)
            if item is None:
                raise EndOfStream
            offset_ns = self._started_ns() - self._media_start_ns
            if self._paced and not self._wait_until(_due_ns(item) + offset_ns, timeout_s):
                return None
            del self._waiting[stream]
        if isinstance(item, TimelineEvent):
            return shifted(item, offset_ns)
        return replace(item, captured_ns=item.captured_ns + offset_ns)

    def close(self) -> None:
        """End every ``read`` that waits, and release the files. Idempotent, from any thread."""
        self._closed.set()
        for stream, items in self._streams.items():
            with self._locks[stream]:  # a decoder must not vanish under the thread that decodes
                items.close()

    def _peek(self, stream: StreamKind) -> StreamItem | None:
        """The stream's next item, decoded now if it was not yet; None at its end."""
        if stream not in self._waiting:
            item = next(self._streams[stream], None)
            if item is None:
                return None
            self._waiting[stream] = item
        return self._waiting[stream]

    def _started_ns(self) -> int:
        with self._start_lock:
            if self._start_ns is None:
                self._start_ns = self._clock.now_ns()
            return self._start_ns

    def _wait_until(self, due_ns: int, timeout_s: float) -> bool:
        """True once the clock says ``due_ns``; False when that took longer than ``timeout_s`` of real time."""
        waited_s = 0.0
        while (left_s := (due_ns - self._clock.now_ns()) / 1e9) > 0:
            if waited_s >= timeout_s:
                return False
            pause_s = min(left_s, timeout_s - waited_s, _LOOK_AGAIN_S)
            if self._closed.wait(pause_s):
                raise EndOfStream
            waited_s += pause_s
        return True


def _due_ns(item: StreamItem) -> int:
    """When a live device would hand it over: a block of sound only once its last sample was heard."""
    return item.captured_ns + item.duration_ns if isinstance(item, AudioBlock) else item.captured_ns
