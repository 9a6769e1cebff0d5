"""Images from what must be asked for each of them, a camera's driver or a screen: a thread that asks, and a queue.

The thread stamps an image, numbers it and puts it into a bounded queue; what is not read in time gives way to what is
newer, and the gap in the index tells. An engine's thread reads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from assistant.arrival import Lane
from assistant.contracts import Clock, Frame, UInt8Array
from assistant.errors import SonocueError, SourceError

QUEUED_FRAMES: Final = 30
END_S: Final = 3.0  # a driver may wait so long for an image before it looks up

Grab = Callable[[], tuple[int, UInt8Array] | None]
"""The next image and when it was captured, on the run's clock; None when none came, in a time well under a second."""


class Grabber:
    """See the module. ``begin`` is entered and left on the thread that grabs: drivers want it so."""

    def __init__(
        self, source: str, begin: Callable[[], AbstractContextManager[Grab]], clock: Clock, fps: float | None = None
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            source: its name, for errors.
            begin: opens it and gives what grabs; raises ``SourceError`` when it cannot.
            clock: the run's clock.
            fps: how often to ask a second, at most; None: as often as it answers.
        """
        self._source = source
        self._begin = begin
        self._clock = clock
        self._period_ns = None if fps is None else round(1e9 / fps)
        self._lane: Lane[Frame] = Lane(QUEUED_FRAMES)
        self._closed = threading.Event()
        self._began = threading.Event()
        self._first: Frame | None = None
        self._failure = ""
        self._thread = threading.Thread(target=self._work, name=f"grab {source}", daemon=True)

    def start(self, timeout_s: float) -> Frame:
        """Begin, and wait for the first image, which ``read`` gives too.

        Raises:
            SourceError: it cannot be opened, or gives no image in time.
        """
        self._thread.start()
        self._began.wait(timeout_s)
        if self._first is None:
            self.close()
            raise SourceError(self._failure or f"{self._source}: no image came within {timeout_s:.0f} s")
        return self._first

    def read(self, timeout_s: float) -> Frame | None:
        """See ``contracts.Device.read``."""
        return self._lane.take(timeout_s)

    def close(self) -> None:
        """End the thread. Idempotent, from any thread."""
        self._closed.set()
        self._lane.end(now=True)
        if self._thread.is_alive():
            self._thread.join(END_S)

    def _work(self) -> None:
        try:
            with self._begin() as grab:
                self._grab_all(grab)
        except SonocueError as error:
            self._failure = str(error)
        except Exception as error:  # noqa: BLE001 - a worker's loop: `read` tells what it met
            self._failure = f"{self._source} failed: {error!r}"
        finally:
            self._lane.end(self._failure)
            self._began.set()

    def _grab_all(self, grab: Grab) -> None:
        index, generation, size = 0, 0, None
        due_ns = self._clock.now_ns()
        while not self._closed.is_set():
            if self._period_ns is not None:
                wait_ns = due_ns - self._clock.now_ns()
                if wait_ns > 0 and self._closed.wait(wait_ns / 1e9):
                    return
                due_ns = max(due_ns + self._period_ns, self._clock.now_ns() - self._period_ns)
            grabbed = grab()
            if grabbed is None:
                continue
            captured_ns, pixels = grabbed
            generation += size is not None and size != pixels.shape[:2]
            size = pixels.shape[:2]
            frame = Frame(index, captured_ns, pixels, generation)
            self._lane.put(frame)
            index += 1
            if self._first is None:
                self._first = frame
                self._began.set()
