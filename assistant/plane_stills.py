"""Writes the best frame of each plane into the session as PNG, on a thread of its own, so that nobody else waits.

A plane that is improved faster than it can be encoded keeps only the newest; so no more waits than there are planes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import cv2

from assistant.contracts import TimelineEvent
from assistant.examination import BestFrame
from assistant.session.attached import SessionFile

_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]


class StillKeeper:
    """Call it with each best frame; ``close`` writes what waits.

    Args:
        put: takes the file and the event about it; called on the keeper's thread.
    """

    def __init__(self, put: Callable[[SessionFile | TimelineEvent], None]) -> None:
        self._put = put
        self._waiting: dict[str, BestFrame] = {}
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="stills", daemon=True)
        self._thread.start()

    def __call__(self, best: BestFrame) -> None:
        """Keep this frame; returns at once."""
        with self._changed:
            self._waiting[best.plane] = best
            self._changed.notify()

    def close(self) -> None:
        """Write what waits and end. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closing)
                if not self._waiting:
                    return
                best = self._waiting.pop(next(iter(self._waiting)))
            name = file_name(best.plane)
            self._put(SessionFile(name, _png(best)))
            facts = {
                "event": "best frame",
                "plane": best.plane,
                "frame_index": best.frame.index,
                "score": best.score,
                "file": name,
            }
            self._put(TimelineEvent(best.frame.captured_ns, "event", facts))


def file_name(plane: str) -> str:
    """Of a plane's best frame in a session's folder."""
    return f"best-{re.sub('[^a-z0-9]+', '-', plane.lower()).strip('-')[:80]}.png"


def _png(best: BestFrame) -> bytes:
    pixels = best.frame.pixels
    image = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".png", image, _PNG)
    return data.tobytes()
