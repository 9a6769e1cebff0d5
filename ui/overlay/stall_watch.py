"""Takes the overlay away while Qt's thread hangs: below it another program goes on, and what it says would be stale.

A thread of its own. On X11 alone; elsewhere nothing but the thread that made a window may take it away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

from ui.overlay.x_screen import XScreen

STALLED_S: Final = 0.4
_LOOK_S: Final = 0.1


class StallWatch:
    """Expects a ``beat`` from Qt's thread, many times a second, from its making on.

    Args:
        screen: takes the windows away.
        windows: their numbers.
    """

    def __init__(self, screen: XScreen, windows: Sequence[int]) -> None:
        self._screen, self._windows = screen, windows
        self._last_s = time.monotonic()
        self._took_away = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="overlay-stall-watch", daemon=True)
        self._thread.start()

    def beat(self) -> bool:
        """Qt's thread lives. True when the windows were taken away since the last beat, and must be shown anew."""
        self._last_s = time.monotonic()
        took_away, self._took_away = self._took_away, False
        return took_away

    def close(self) -> None:
        """End the thread. Idempotent."""
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(_LOOK_S):
            if time.monotonic() - self._last_s > STALLED_S and not self._took_away:
                self._screen.take_away(self._windows)
                self._took_away = True  # after it, so that no beat shows them before
