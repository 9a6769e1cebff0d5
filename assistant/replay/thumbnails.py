"""Small pictures of moments that the mouse passes over, decoded on a thread of their own so that nothing waits."""

from __future__ import annotations

import threading
from collections import OrderedDict

import cv2
import numpy as np

from assistant.contracts import UInt8Array
from assistant.errors import SessionError
from assistant.session.frame_access import FrameAccess
from assistant.session.reader import SessionReader

WIDTH_PX = 240
_KEPT = 400


class Thumbnails:
    """The newest wish is fulfilled first, older ones are dropped. ``close`` ends the thread.

    Args:
        reader: the session.
    """

    def __init__(self, reader: SessionReader) -> None:
        self._reader = reader
        self._changed = threading.Condition()
        self._wanted: int | None = None
        self._closing = False
        self._kept: OrderedDict[int, UInt8Array] = OrderedDict()
        self._thread = threading.Thread(target=self._work, name="replay thumbnails", daemon=True)
        self._thread.start()

    def get(self, position: int) -> UInt8Array | None:
        """``(h, 240)`` or ``(h, 240, 3)`` RGB uint8 of the keyframe at or up to a second before ``position``.

        None while it is being made: ask again. Frames of the same second share a picture.
        """
        key = self._key(position)
        with self._changed:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            self._wanted = position
            self._changed.notify()
        return None

    def close(self) -> None:
        """End the thread. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _key(self, position: int) -> int:
        return int(self._reader.frame_times_ns[position]) // 500_000_000

    def _work(self) -> None:
        frames = FrameAccess(self._reader, kept_bytes=0)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted is not None or self._closing)
                if self._closing or self._wanted is None:
                    break
                position, self._wanted = self._wanted, None
            try:
                pixels = frames.keyframe_before(position).pixels
            except SessionError:
                continue  # the image says so when it is sought
            height = max(round(pixels.shape[0] * WIDTH_PX / pixels.shape[1]), 1)
            small = cv2.resize(pixels, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
            with self._changed:
                self._kept[self._key(position)] = np.ascontiguousarray(small, np.uint8)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        frames.close()
