"""What a machine's screen shows now: one B-mode image, or something that the model must not be asked about.

``shown_mode`` judges one picture; ``ScreenWatch`` follows a stream: a mode counts when it was seen for ``SETTLE_NS``, a
still that came by a cut and a cine that shows earlier images again are *stored*, and the layout is found once and again
when the field of view has changed. Everything rests on pixels and capture times, so that a replay says the same. Runs
on the inference thread, for every frame; ``docs/screen-modes.md`` says how often it is wrong.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from assistant.contracts import Abstention, Frame, UInt8Array
from assistant.screen_layout import (
    LIT_GREY,
    Glance,
    Mask,
    Rect,
    Region,
    ScreenLayout,
    find_layout,
    glance_at,
    regions,
)

SETTLE_NS = 120_000_000
"""A mode counts when every frame for so long showed it."""

STILL_NS = 200_000_000
"""A picture that does not change for so long stands still."""

LAYOUT_NS = 1_000_000_000
"""Over so much live B-mode the layout is gathered when a screen is new."""

_RECENT_NS = 200_000_000
_CHECK_NS = 90_000_000
_OLDER_NS, _MEMORY_NS = 250_000_000, 15_000_000_000
_MEMORY = 512
_MATCHES = 3  # images of before, one after the other: a cine
_SAMPLES = 24  # a fingerprint has so many rows and columns of single pixels

COLOUR_CHROMA = 45
"""Distance from grey, in levels of Cr or Cb, that no tint of a B-mode image has."""

_COLOUR_SHARE = 0.002  # of the image's rectangle
_FLAT_SHARE = 0.35  # of the image's rectangle: a menu over it
_STILL_GREY = 0.25  # mean difference of a picture that stands still
_SMOOTH = 0.08  # of brightness: differences from pixel to pixel of a surface that is rendered
_BESIDE = 4  # pixels of a glance: so near to a dark line there is an image
_LEAST_OVERLAP = 0.96  # of two fields of view that are taken for the same
_SAME_PART = 0.2  # of the difference between neighbouring frames: so near comes only the same image


@dataclass(frozen=True, slots=True)
class ScreenReading:
    """What the screen shows.

    Attributes:
        mode: why the model must not be asked, or None: one B-mode image.
        layout: where the image stands; None until it was found.
        changed: mode or layout became another with this frame.
    """

    mode: Abstention | None
    layout: ScreenLayout | None
    changed: bool


def shown_mode(glance: Glance, image: Rect | None = None) -> Abstention | None:
    """The mode that one picture shows; None: one B-mode image.

    Args:
        glance: at the screen.
        image: where the image stood until now, in pixels of the glance; None: all that shows echoes.
    """
    parts = regions(glance.tissue)
    if image is not None and _share(glance.flat, image) > _FLAT_SHARE:
        return Abstention.MENU
    if not parts:
        return Abstention.MENU if cv2.countNonZero(glance.flat) > 0.1 * glance.flat.size else Abstention.NO_IMAGE
    around = _around(parts)
    if _in_quarters(glance, around) or _rendered(glance, parts[0].rect):
        return Abstention.VOLUME
    if _doppler(glance, around):
        return Abstention.COLOUR_DOPPLER
    if _has_strip(glance.tissue, parts):
        return Abstention.STRIP
    if _two_images(glance, around):
        return Abstention.TWO_IMAGES
    return None


class ScreenWatch:
    """Follows what a screen shows, one frame after the other."""

    def __init__(self) -> None:
        self._stream = -1
        self._begin()

    def _begin(self) -> None:
        self._mode: Abstention | None = None
        self._layout: ScreenLayout | None = None
        self._seen: deque[tuple[int, Abstention | None]] = deque()
        self._gathered: Mask | None = None
        self._gathered_since_ns: int | None = None
        self._recent: deque[tuple[int, Mask]] = deque()
        self._checked_ns = 0
        self._repeats = _Repeats()

    def __call__(self, frame: Frame, scene: int) -> ScreenReading:
        """Look at the next frame, which belongs to a scene (``scene.py``)."""
        if frame.stream != self._stream:  # nothing of another stream holds
            self._stream = frame.stream
            self._begin()
        before = (self._mode, self._layout)
        glance = glance_at(frame.pixels)
        image = None if self._layout is None else _scaled(self._layout.rect_px, glance)
        stored = self._repeats(glance.grey, scene, frame.captured_ns)
        seen = shown_mode(glance, image) or (Abstention.STORED_IMAGE if stored else None)
        self._settle(seen, frame.captured_ns)
        if seen is None and self._mode is None:
            self._follow_layout(glance, frame)
        else:
            self._recent.clear()
        return ScreenReading(self._mode, self._layout, before != (self._mode, self._layout))

    def _settle(self, seen: Abstention | None, now_ns: int) -> None:
        """A mode counts when all recent frames agree; what the first frame shows, and a stored image, at once."""
        while self._seen and now_ns - self._seen[0][0] > SETTLE_NS:
            self._seen.popleft()
        long_enough = bool(self._seen) and now_ns - self._seen[0][0] >= 0.7 * SETTLE_NS
        agreed = all(mode == seen for _, mode in self._seen)
        if seen is Abstention.STORED_IMAGE or (agreed and (long_enough or not self._seen)):
            self._mode = seen
        self._seen.append((now_ns, seen))

    def _follow_layout(self, glance: Glance, frame: Frame) -> None:
        """Find the layout, gather it better for a while, and notice when the field of view became another."""
        now_ns, screen_px = frame.captured_ns, (frame.height_px, frame.width_px)
        if self._layout is None or self._gathered is None:
            self._begin_layout(glance.tissue, now_ns, find_layout(glance, screen_px))
            return
        if self._gathered_since_ns is not None:
            self._gathered = np.asarray(cv2.bitwise_or(self._gathered, glance.tissue), np.uint8)
            if now_ns - self._gathered_since_ns >= LAYOUT_NS:
                self._gathered_since_ns = None
                self._layout = find_layout(glance, screen_px, self._gathered)
            return
        self._recent.append((now_ns, glance.tissue))
        while now_ns - self._recent[0][0] > _RECENT_NS:
            self._recent.popleft()
        if now_ns - self._checked_ns < _CHECK_NS or len(self._recent) < 3:
            return
        self._checked_ns = now_ns
        shown: Mask = np.bitwise_or.reduce([mask for _, mask in self._recent])
        now = find_layout(glance, screen_px, shown)
        if now is not None and now.overlap(self._layout) < _LEAST_OVERLAP:
            self._begin_layout(shown, now_ns, now)

    def _begin_layout(self, tissue: Mask, now_ns: int, layout: ScreenLayout | None) -> None:
        self._layout = layout
        self._gathered, self._gathered_since_ns = tissue.copy(), now_ns
        self._recent.clear()


class _Repeats:
    """Knows a still that came by a cut, and a cine that shows images of the last seconds again.

    An image that was live and stands still is none of these: what the model said about it still holds.
    """

    def __init__(self) -> None:
        self._prints: UInt8Array = np.zeros((_MEMORY, _SAMPLES * _SAMPLES), np.uint8)
        self._times_ns: npt.NDArray[np.int64] = np.full(_MEMORY, -(1 << 62), np.int64)
        self._count = 0
        self._steps: deque[float] = deque(maxlen=10)
        self._scene: int | None = None
        self._cut_ns: int | None = None
        self._changed_ns = 0
        self._matches: deque[bool] = deque(maxlen=_MATCHES)

    def __call__(self, grey: UInt8Array, scene: int, now_ns: int) -> bool:
        """Whether the frame is a stored one."""
        rows, columns = (np.linspace(0.1, 0.9, _SAMPLES) * side for side in grey.shape)
        taken = grey[np.ix_(rows.astype(int), columns.astype(int))].reshape(1, -1)
        last = (self._count - 1) % _MEMORY
        step = float(cv2.norm(taken, self._prints[last : last + 1], cv2.NORM_L1)) / taken.size if self._count else 255.0
        cut = self._scene is not None and scene != self._scene
        self._scene = scene
        if step > _STILL_GREY or cut:
            if cut:
                self._cut_ns = now_ns
            elif self._cut_ns is not None and now_ns - self._cut_ns > STILL_NS // 2:
                self._cut_ns = None  # it moves: what came by the cut is no still
            self._changed_ns = now_ns
            self._matches.append(self._was_seen(taken, now_ns))
            at = self._count % _MEMORY
            self._prints[at], self._times_ns[at] = taken, now_ns
            self._count += 1
        if self._count > 1:
            self._steps.append(step)
        stands = now_ns - self._changed_ns >= STILL_NS
        return (stands and self._cut_ns is not None) or (len(self._matches) == _MATCHES and all(self._matches))

    def _was_seen(self, taken: UInt8Array, now_ns: int) -> bool:
        """Among the last seconds stands the same image, much nearer than neighbouring frames are to each other."""
        usual = max(self._steps, default=0.0)
        age_ns = now_ns - self._times_ns
        older = self._prints[(age_ns > _OLDER_NS) & (age_ns < _MEMORY_NS)]
        if len(older) == 0 or usual < 4 * _STILL_GREY:
            return False
        distances, _ = cv2.batchDistance(taken, older, dtype=cv2.CV_32S, normType=cv2.NORM_L1, K=1)
        return float(distances.min()) / taken.size < _SAME_PART * usual


# --------------------------------------------------------------------------------------------------------------------
# One picture
# --------------------------------------------------------------------------------------------------------------------


def _scaled(rect_px: Rect, glance: Glance) -> Rect:
    top, left, bottom, right = (edge // glance.step_px for edge in rect_px)
    return top, left, max(bottom, top + 1), max(right, left + 1)


def _share(mask: Mask, rect: Rect) -> float:
    """Of a rectangle's pixels, in [0, 1]."""
    part = mask[rect[0] : rect[2], rect[1] : rect[3]]
    return cv2.countNonZero(part) / max(part.size, 1)


def _around(parts: list[Region]) -> Rect:
    """The rectangle around all parts that are not small beside the largest."""
    rects = [part.rect for part in parts if part.area > 0.1 * parts[0].area]
    tops, lefts, bottoms, rights = zip(*rects, strict=True)
    return min(tops), min(lefts), max(bottoms), max(rights)


def _doppler(glance: Glance, image: Rect) -> bool:
    """Colours over the image that no tint of grey has, or a colour scale beside it."""
    if glance.colour is None:
        return False
    low, high = (128 - COLOUR_CHROMA,) * 2, (128 + COLOUR_CHROMA,) * 2
    strong = cv2.bitwise_not(cv2.inRange(glance.colour, np.array((0, *low)), np.array((255, *high))))
    if cv2.countNonZero(strong) == 0:
        return False
    solid = np.asarray(cv2.morphologyEx(strong, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)), np.uint8)
    if _share(solid, image) > _COLOUR_SHARE:
        return True
    count, _, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=8, ltype=cv2.CV_16U)
    for _, _, wide, high, area in stats[1:count].tolist():
        if high >= 0.05 * strong.shape[0] and high >= 2.5 * wide and area >= 0.8 * wide * high:
            return True
    return False


def _rendered(glance: Glance, rect: Rect) -> bool:
    """A surface in the colours of skin, smooth where B-mode has speckle."""
    if glance.colour is None:
        return False
    part = np.s_[rect[0] : rect[2], rect[1] : rect[3]]
    luma, cr, cb = (glance.colour[part][:, :, channel] for channel in range(3))
    lit = (luma > 40) & (luma < 235)
    warm = lit & (cr > 128 + 6) & (cb < 128 - 10)
    if np.count_nonzero(warm) < 0.7 * np.count_nonzero(lit) or np.count_nonzero(lit) < 100:
        return False
    grain = cv2.absdiff(luma[:, 1:], luma[:, :-1])[warm[:, 1:]]
    return float(grain.mean()) < _SMOOTH * float(luma[warm].mean())


def _in_quarters(glance: Glance, image: Rect) -> bool:
    """Planes of a volume: dark lines across the middle, level and upright, and echoes in three quarters at least."""
    top, left, bottom, right = image
    column, row = _seam(glance.grey, image), _seam(glance.grey.T, (left, top, right, bottom))
    if column is None or row is None:
        return False
    quarters = [(y, x) for y in ((top, row), (row, bottom)) for x in ((left, column), (column, right))]
    filled = [_share(glance.tissue, (y[0], x[0], y[1], x[1])) > 0.15 for y, x in quarters]
    return sum(filled) >= 3


def _seam(grey: UInt8Array, image: Rect) -> int | None:
    """A dark upright line through the whole height, near the middle, between lit neighbours: its column, or None."""
    top, left, bottom, right = image
    reach = max(int(0.08 * (right - left)), 2)
    middle = (left + right) // 2
    begin, end = max(middle - reach, _BESIDE), min(middle + reach, grey.shape[1] - _BESIDE)
    if end <= begin:
        return None
    lit = (grey[top:bottom, begin - _BESIDE : end + _BESIDE] > LIT_GREY).mean(axis=0)
    dark = np.flatnonzero(lit[_BESIDE:-_BESIDE] < 0.01)
    for at in dark.tolist():
        if min(lit[at : at + _BESIDE].max(), lit[at + _BESIDE : at + 2 * _BESIDE + 1].max()) > 0.15:
            return begin + int(at)
    return None


def _has_strip(tissue: Mask, parts: list[Region]) -> bool:
    """Below the image a second one, wide and with a straight level edge: a trace over time."""
    for strip in parts:
        top, left, bottom, right = strip.rect
        if strip.width < 0.35 * tissue.shape[1] or strip.height > 0.6 * tissue.shape[0]:
            continue
        above = [part for part in parts if part is not strip and part.rect[2] <= top + 3 and part.area > 300]
        if not above:
            continue
        inside = tissue[top:bottom, left:right] > 0
        first, last = inside.argmax(axis=0), inside[::-1].argmax(axis=0)
        covered = inside.any(axis=0)
        straight_above = float(np.mean((first <= 1) & covered))
        straight_below = float(np.mean((last <= 1) & covered))
        wider = strip.width > 1.15 * max(part.width for part in above)
        if straight_above > 0.8 or (straight_below > 0.9 and wider):
            return True
    return False


def _two_images(glance: Glance, image: Rect) -> bool:
    """Two halves of a like weight, between them a dark gap near the probe or a dark line through the whole height."""
    top, left, bottom, right = image
    if right - left < 0.4 * glance.grey.shape[1]:
        return False
    middle = _seam(glance.grey, image)
    if middle is None:
        middle = _gap(glance.grey, image)
    if middle is None:
        return False
    halves = _share(glance.tissue, (top, left, bottom, middle)), _share(glance.tissue, (top, middle, bottom, right))
    return min(halves) > 0.4 * max(halves)


def _gap(grey: UInt8Array, image: Rect) -> int | None:
    """Near the probe, a dark gap in the middle between two parts of a like width: its middle column, or None."""
    top, left, bottom, right = image
    # A little from above it: the skin's thin bright line is no tissue, and closes a gap of fluid behind it.
    begin = max(top - _BESIDE - 1, 0)
    near = grey[begin : top + max(int(0.35 * (bottom - top)), 1), left:right] > LIT_GREY
    lit = np.asarray(near.mean(axis=0) > 0.015, np.int8)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], lit, [0])))).tolist()
    runs = sorted(zip(edges[::2], edges[1::2], strict=True), key=lambda run: run[0] - run[1])[:2]
    if len(runs) < 2:
        return None
    (begin, end), (next_begin, next_end) = sorted(runs)
    widths = end - begin, next_end - next_begin
    middle = (end + next_begin) // 2
    wide = grey.shape[1]
    if (
        next_begin - end > 0.03 * wide
        and min(widths) > max(0.06 * wide, 0.6 * max(widths))
        and abs(middle - 0.5 * (right - left)) < 0.1 * (right - left)
    ):
        return left + middle
    return None
