"""Notices scene cuts: a label of one scene is never drawn over an image of the next.

Runs on the capture thread for every frame, so it looks at a few hundred pixels only.
"""

from __future__ import annotations

import cv2
import numpy as np

from assistant.contracts import Float32Array, Frame

CUT_DIFFERENCE = 0.3
"""Mean absolute difference over mean brightness of two images, at which they no longer show one scene.

A probe that moves at 30 images a second stays well below; see ``tests/assistant/test_scene.py`` for both sides.
"""

_THUMBNAIL_PX = 24


class SceneCounter:
    """Numbers the scenes of a stream of frames."""

    def __init__(self) -> None:
        self._scene = 0
        self._stream = -1
        self._previous: Float32Array | None = None

    def __call__(self, frame: Frame) -> int:
        """The number of the scene that ``frame`` belongs to; goes up at each cut and each new stream."""
        now = thumbnail(frame)
        if self._previous is not None:
            brightness = float(now.mean() + self._previous.mean()) / 2 + 1.0
            difference = float(np.abs(now - self._previous).mean()) / brightness
            if frame.stream != self._stream or difference > CUT_DIFFERENCE:
                self._scene += 1
        self._previous, self._stream = now, frame.stream
        return self._scene


def thumbnail(frame: Frame) -> Float32Array:
    """``(24, 24)`` float32 in [0, 255]: the image's grey levels, speckle averaged out."""
    step = max(1, min(frame.height_px, frame.width_px) // (4 * _THUMBNAIL_PX))
    sparse = np.ascontiguousarray(frame.pixels[::step, ::step])
    small = cv2.resize(sparse, (_THUMBNAIL_PX, _THUMBNAIL_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    return small if small.ndim == 2 else small.mean(axis=2)
