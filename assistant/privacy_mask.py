"""Blackens what a machine's screen shows outside the ultrasound image: the patient's name stands there.

Runs on the capture thread, on every frame, before anything else of the program sees it (``guarded_device.py``), so
nothing that is written, published or shown holds what was masked. Each frame is judged by itself: where its own echoes
are, nothing is masked but drawn things that touch the outside; around them, what is soft and dark may stay (fluid and
shadow at the rim of the sector), and whatever is drawn is masked. So a layout that changes leaks in no frame, and a
screen whose layout is not known is black but for its echoes. Why so: ``docs/decisions/0803``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from assistant.contracts import Frame, UInt8Array
from assistant.mask_layouts import MaskLayouts
from assistant.screen_layout import SOFT_GREY, Glance, Mask, above, glance_at, regions

STROKE_GREY: Final = 40
"""Grey levels above (or below) the opening (closing) by three pixels of a row: a drawn stroke. Every letter has upright
ones; echoes are wide, since a beam is wider than its pulse is long."""

BROAD_GREY: Final = 90
"""The same above the opening by nine pixels of a row: bold letters."""

_SOME, _MANY = 2, 10  # of 255: share of a neighbourhood that is strokes; beside echoes, and among them
_GRAIN: Final = 13  # pixels of a glance: echoes that are narrower do not count
_SMALL: Final = 0.1  # of the largest part's area: smaller parts are thumbnails and logos
_SAME: Final = 0.8  # of two fields of view that overlap less, the earlier is forgotten
_REMEMBERED_NS: Final = 2_000_000_000


class PrivacyMask:
    """Masks one stream of frames, one after the other.

    Args:
        layouts: rectangles of the site's machines; they win over what is found. None: everything is found.
    """

    def __init__(self, layouts: MaskLayouts | None = None) -> None:
        self._layouts = layouts
        self._stream = -1
        self._seen: Mask | None = None  # echoes of the last seconds, in pixels of a glance
        self._seen_since_ns = 0
        self._earlier: Mask | None = None
        self._strokes: _Strokes | None = None

    def __call__(self, frame: Frame) -> Frame:
        """The same frame with everything outside the ultrasound image black; the given one is left as it is."""
        kept = None if self._layouts is None else self._layouts.kept(frame.height_px, frame.width_px)
        if kept is None:
            kept = self._found(frame)
        return replace(frame, pixels=np.asarray(cv2.bitwise_and(frame.pixels, frame.pixels, mask=kept), np.uint8))

    def _found(self, frame: Frame) -> Mask:
        """``(H, W)`` uint8, 255 where pixels stay."""
        glance = glance_at(frame.pixels)
        size = frame.height_px, frame.width_px
        if self._strokes is None or frame.stream != self._stream or self._strokes.large.shape != size:
            self._strokes = _Strokes(*size, glance)
            self._stream, self._seen, self._earlier = frame.stream, None, None
        strokes = self._strokes(frame.pixels, glance)
        echoes = _echoes(glance, strokes)
        image = _filled(echoes)
        field = self._field(echoes, frame.captured_ns)
        # Words, panels and sharp edges, and a little around them.
        drawn = cv2.bitwise_or(above(strokes, _SOME), cv2.bitwise_or(glance.flat, _edges(glance)))
        drawn = cv2.dilate(drawn, np.ones((9, 9), np.uint8))
        kept = np.asarray(cv2.bitwise_or(image, cv2.bitwise_and(field, cv2.bitwise_not(drawn))), np.uint8)
        rows, columns = (side * glance.step_px for side in kept.shape)
        enlarged = cv2.resize(kept, (columns, rows), interpolation=cv2.INTER_NEAREST)[: size[0], : size[1]]
        self._strokes.large[: len(enlarged), : enlarged.shape[1]] = enlarged
        return self._strokes.large

    def _field(self, echoes: Mask, now_ns: int) -> Mask:
        """The convex field of view of this frame and the last seconds' echoes; another picture begins anew."""
        shown = _hull(echoes)
        before = [mask for mask in (self._seen, self._earlier) if mask is not None]
        together = _hull(np.asarray(np.bitwise_or.reduce([echoes, *before]), np.uint8))
        if self._seen is None or cv2.countNonZero(shown) < _SAME * cv2.countNonZero(together):
            self._seen, self._seen_since_ns, self._earlier = echoes, now_ns, None
            return shown
        self._seen = np.asarray(cv2.bitwise_or(self._seen, echoes), np.uint8)
        if now_ns - self._seen_since_ns > _REMEMBERED_NS:
            self._earlier, self._seen, self._seen_since_ns = self._seen, echoes, now_ns
        return together


class _Strokes:
    """Finds thin upright lines at full resolution. Keeps its arrays: new ones cost more than the work."""

    def __init__(self, height_px: int, width_px: int, glance: Glance) -> None:
        rows, columns = (side * glance.step_px for side in glance.grey.shape)
        self._grey, self._bright, self._dark = (np.empty((height_px, width_px), np.uint8) for _ in range(3))
        self._even = np.zeros((max(rows, height_px), max(columns, width_px)), np.uint8)
        self._inside = self._even[:height_px, :width_px]
        self._blocks = self._even[:rows, :columns]
        self._thin, self._broad = np.ones((1, 3), np.uint8), np.ones((1, 9), np.uint8)
        self.large = np.zeros((height_px, width_px), np.uint8)

    def __call__(self, pixels: UInt8Array, glance: Glance) -> Mask:
        """Share of strokes (255: all) around each pixel of a glance."""
        grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY, dst=self._grey)
        cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, self._thin, dst=self._bright)
        cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, self._thin, dst=self._dark)
        cv2.max(self._bright, self._dark, dst=self._dark)
        cv2.threshold(self._dark, STROKE_GREY, 255, cv2.THRESH_BINARY, dst=self._dark)
        cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, self._broad, dst=self._bright)
        cv2.threshold(self._bright, BROAD_GREY, 255, cv2.THRESH_BINARY, dst=self._bright)
        cv2.max(self._bright, self._dark, dst=self._bright)
        for rim in (self._bright[:2], self._bright[-2:], self._bright[:, :2], self._bright[:, -2:]):
            rim[:] = 0  # captured screens often end with a black line; no letter is so small
        self._inside[:] = self._bright
        share = cv2.resize(self._blocks, glance.grey.shape[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.blur(share, (15, 7)), np.uint8)


def _echoes(glance: Glance, strokes: Mask) -> Mask:
    """255 where the image shows echoes, without the words that touch it; small parts elsewhere do not count."""
    words = cv2.dilate(above(strokes, _MANY), np.ones((7, 9), np.uint8))
    left = cv2.bitwise_and(glance.tissue, cv2.bitwise_not(words))
    broad = np.asarray(cv2.morphologyEx(left, cv2.MORPH_OPEN, np.ones((_GRAIN, _GRAIN), np.uint8)), np.uint8)
    found = np.zeros_like(broad)
    parts = regions(broad)
    for part in parts:
        if part.area > _SMALL * parts[0].area:
            top, left_edge, bottom, right = part.rect
            area = np.s_[top:bottom, left_edge:right]
            found[area] = broad[area]
    return found


def _filled(echoes: Mask) -> Mask:
    """With what echoes enclose: fluid, and calipers or words in the middle of the image."""
    around = cv2.copyMakeBorder(echoes, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
    cv2.floodFill(around, None, (0, 0), (128,))
    outside = cv2.inRange(around, np.array(128), np.array(128))
    return np.asarray(cv2.bitwise_not(outside)[1:-1, 1:-1], np.uint8)


def _edges(glance: Glance) -> Mask:
    """255 where neighbours in a row of the glance differ more than echoes do: large letters, frames, scales."""
    beside = np.ones((1, 3), np.uint8)
    return above(cv2.subtract(cv2.dilate(glance.grey, beside), cv2.erode(glance.grey, beside)), SOFT_GREY)


def _hull(echoes: Mask) -> Mask:
    """255 inside the convex hull of all echoes; nothing where there are none."""
    hull = np.zeros_like(echoes)
    rows = np.flatnonzero(echoes.any(axis=1))
    if len(rows):
        lit = echoes[rows] > 0  # the ends of each row are enough to know the hull
        ends = lit.argmax(axis=1), echoes.shape[1] - 1 - lit[:, ::-1].argmax(axis=1)
        points = np.concatenate([np.stack([end, rows], axis=1) for end in ends]).astype(np.int32)
        cv2.fillConvexPoly(hull, cv2.convexHull(points), (255,))
    return hull
