"""For how long the disk has room: free space over what the session has grown by lately. On the recorder's thread."""

from __future__ import annotations

import shutil
from collections import deque
from pathlib import Path

LOOK_EVERY_NS = 1_000_000_000
WINDOW_NS = 30_000_000_000
"""The rate is that of so much recording: long enough that the encoder's bursts even out."""
KNOWN_AFTER_NS = 3_000_000_000
"""Of recording; before, headers and buffers say more than the images."""


class DiskRoom:
    """Looks at a growing folder, once a second of recording.

    Args:
        folder: of the session that is being written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._grown: deque[tuple[int, int]] = deque()
        self._due_ns: int | None = None
        self._seconds_left: float | None = None

    def seconds_left(self, captured_ns: int) -> float | None:
        """Seconds of recording that fit at the present rate; None before it is known, or where the disk does not say.

        Args:
            captured_ns: of the frame that was written last.
        """
        if self._due_ns is None or captured_ns >= self._due_ns:
            self._due_ns = captured_ns + LOOK_EVERY_NS
            self._seconds_left = self._look(captured_ns)
        return self._seconds_left

    def _look(self, captured_ns: int) -> float | None:
        try:
            size = sum(file.stat().st_size for file in self._folder.iterdir())
            free = shutil.disk_usage(self._folder).free
        except OSError:  # the recorder itself says what is wrong with the folder
            return None
        self._grown.append((captured_ns, size))
        while self._grown[-1][0] - self._grown[0][0] > WINDOW_NS:
            self._grown.popleft()
        passed_ns, grown = (newest - oldest for newest, oldest in zip(self._grown[-1], self._grown[0], strict=True))
        if passed_ns < KNOWN_AFTER_NS or grown <= 0:
            return None
        return free / grown * passed_ns / 1e9
