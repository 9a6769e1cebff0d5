"""How fast the image changes: while a probe sweeps, no plane is named.

Compares thumbnails a tenth of a second apart, so that the frame rate, and frames that inference skipped, matter little.
Arithmetic on pixels and capture times, so that a replay says the same. Runs on the inference thread.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from assistant.contracts import Float32Array, Frame
from assistant.scene import thumbnail

APART_NS = 100_000_000
"""Images so far apart are compared."""

FAST = 0.15
"""Mean absolute difference over mean brightness of images ``APART_NS`` apart, above which motion is fast.

99 % of the software scanner's validation frames on a plane stay under 0.135; a third of those off it do not stay under
this (``docs/decision-quality.md``).
"""

_LONGEST_NS = 250_000_000  # older images say nothing about the motion now


class MotionMeter:
    """Follows a stream; forgets at each new scene or stream."""

    def __init__(self) -> None:
        self._scene = (-1, -1)
        self._past: deque[tuple[int, Float32Array]] = deque()

    def __call__(self, frame: Frame, scene: int) -> float:
        """Mean absolute difference over mean brightness for ``APART_NS``; 0 while nothing can be compared.

        Args:
            frame: the next image of the stream; images may have been left out.
            scene: number of its scene (``scene.py``).
        """
        if (frame.stream, scene) != self._scene:
            self._scene = (frame.stream, scene)
            self._past.clear()
        now = thumbnail(frame)
        while len(self._past) > 1 and frame.captured_ns - self._past[1][0] >= APART_NS:
            self._past.popleft()
        motion = 0.0
        if self._past:
            then_ns, then = self._past[0]
            passed_ns = frame.captured_ns - then_ns
            if APART_NS <= passed_ns <= _LONGEST_NS:
                brightness = float(now.mean() + then.mean()) / 2 + 1.0
                motion = float(np.abs(now - then).mean()) / brightness
        self._past.append((frame.captured_ns, now))
        return motion
