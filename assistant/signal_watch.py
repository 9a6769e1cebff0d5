"""Tells whether a source shows anything: no signal, an image that the operator froze, or live images.

A grabber goes on delivering when its cable is out: black, one colour, or test bars. And the same image again and again
is no fault: the operator froze it, and guidance stays bound to it. Runs on the capture thread for every frame, so it
looks at a few thousand pixels only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np

from assistant.contracts import Float32Array, Frame, TimelineEvent, UInt8Array

SILENT_NS: Final = 500_000_000
"""No frame for so long is no signal."""

BLANK_NS: Final = 300_000_000
"""A card for so long is no signal; a scanner is black for a moment when its preset changes."""

FROZEN_NS: Final = 1_000_000_000
"""The same image for so long is a frozen one; a slow scanner repeats its images for less."""

BLOCKS: Final = 90
"""The coarse picture's shorter side. Its blocks average what a codec does to fine texture at every keyframe."""

CHANGED_LEVELS: Final = 3.0
CHANGED_SHARE: Final = 0.003
"""An image differs when so many blocks differ by so many grey levels; a clock on the screen or a caliper moves fewer.

See ``tests/assistant/test_signal_watch.py`` for both sides.
"""

_ONE_COLOUR_LEVELS: Final = 6  # what noise and codecs leave of one colour
_DARK: Final = 24  # brightest level of what is called black
_COLOURED: Final = 60  # highest less lowest channel of a colour that no ultrasound image is made of
_CARD_SHARE: Final = 0.8  # of a coloured card, the rest is words
_WHOLE: Final = 0.999
_UPRIGHT_SHARE: Final = 0.95
_BARS: Final = 6

_SILENT: Final = "no images come"

SignalKind = Literal["live", "frozen", "none"]


@dataclass(frozen=True, slots=True)
class Signal:
    """What a source shows.

    Attributes:
        kind: ``live``; ``frozen``: the same image since ``since_ns``; ``none``: no signal since then.
        since_ns: see there; for ``live`` when that began. On the run's clock.
        reason: why there is no signal, for people; else empty.
    """

    kind: SignalKind
    since_ns: int
    reason: str = ""


class SignalWatch:
    """Looks at one source. Not safe for several threads.

    Args:
        started_ns: since when it may be silent.
    """

    def __init__(self, started_ns: int) -> None:
        self._signal = Signal("live", started_ns)
        self._reference: Float32Array | None = None
        self._stream = -1
        self._image_ns = self._last_ns = started_ns
        self._blank_since_ns: int | None = None
        self._blank = ""
        self._waited_until_ns = started_ns
        self._has_image = False

    def frame(self, frame: Frame) -> Signal:
        """What the source shows with this frame."""
        now_ns = frame.captured_ns
        coarse = coarse_picture(frame.pixels)
        reference = self._reference
        if (
            reference is None
            or reference.shape != coarse.shape
            or frame.stream != self._stream
            or float((np.abs(coarse - reference) > CHANGED_LEVELS).mean()) > CHANGED_SHARE
        ):
            self._reference, self._stream, self._image_ns = coarse, frame.stream, now_ns
            self._blank = card(frame.pixels)
            if not self._blank:
                self._blank_since_ns = None
            elif self._blank_since_ns is None:
                self._blank_since_ns = now_ns
        self._last_ns, self._has_image = now_ns, True
        if self._signal.reason == _SILENT and now_ns <= self._waited_until_ns - SILENT_NS:
            return self._signal  # a receiver held it back until the next came: it is from before the silence
        return self._now(now_ns)

    def nothing(self, now_ns: int) -> Signal:
        """What it shows when no frame came until now."""
        self._waited_until_ns = now_ns
        if now_ns - self._last_ns > SILENT_NS:
            return self._became("none", self._last_ns, _SILENT)
        return self._now(now_ns) if self._has_image else self._signal

    def _now(self, now_ns: int) -> Signal:
        if self._blank_since_ns is not None and now_ns - self._blank_since_ns >= BLANK_NS:
            return self._became("none", self._blank_since_ns, self._blank)
        if self._blank_since_ns is not None and self._signal.kind == "none":
            return self._signal  # from one kind of nothing to the next
        if self._blank_since_ns is None and now_ns - self._image_ns >= FROZEN_NS:
            return self._became("frozen", self._image_ns, "")
        return self._became("live", self._image_ns, "")

    def _became(self, kind: SignalKind, since_ns: int, reason: str) -> Signal:
        if kind == self._signal.kind and (kind != "none" or reason == self._signal.reason):
            return self._signal
        self._signal = Signal(kind, since_ns, reason)
        return self._signal


class SignalTeller:
    """A ``SignalWatch`` whose changes are told.

    Args:
        started_ns: since when the source may be silent.
        tell: takes what the timeline says, or None.
    """

    def __init__(self, started_ns: int, tell: Callable[[TimelineEvent], None] | None) -> None:
        self._watch = SignalWatch(started_ns)
        self._tell = tell
        self._signal = Signal("live", started_ns)

    def frame(self, frame: Frame) -> Signal:
        """See ``SignalWatch.frame``."""
        return self._told(self._watch.frame(frame), frame.captured_ns)

    def nothing(self, now_ns: int) -> Signal:
        """See ``SignalWatch.nothing``."""
        return self._told(self._watch.nothing(now_ns), now_ns)

    def _told(self, signal: Signal, now_ns: int) -> Signal:
        if self._tell is not None:
            for event in signal_events(self._signal, signal, now_ns):
                self._tell(event)
        self._signal = signal
        return signal


def signal_events(before: Signal, after: Signal, now_ns: int) -> list[TimelineEvent]:
    """What the timeline says when a source goes from ``before`` to ``after``: the end of one state, and the next."""
    events: list[TimelineEvent] = []
    if (before.kind, before.reason) == (after.kind, after.reason):
        return events
    names = {"none": ("no signal", "signal back"), "frozen": ("image frozen", "image live")}
    if before.kind != "live":
        ended = {"event": names[before.kind][1], "from_ns": before.since_ns, "to_ns": now_ns, "reason": before.reason}
        events.append(TimelineEvent(now_ns, "event", ended))
    if after.kind != "live":
        begun = {"event": names[after.kind][0], "from_ns": after.since_ns, "reason": after.reason}
        events.append(TimelineEvent(now_ns, "event", begun))
    return events


def coarse_picture(pixels: UInt8Array) -> Float32Array:
    """Means over blocks of the green channel or the grey levels: ``(h, w)`` float32 in [0, 255], shorter side ~90."""
    height, width = pixels.shape[:2]
    block = max(1, round(min(height, width) / BLOCKS))
    step = max(1, block // 4)  # a few pixels of each block
    sparse = pixels[::step, ::step] if pixels.ndim == 2 else pixels[::step, ::step, 1]
    size = max(1, width // block), max(1, height // block)
    return cv2.resize(np.ascontiguousarray(sparse), size, interpolation=cv2.INTER_AREA).astype(np.float32)


def card(pixels: UInt8Array) -> str:
    """What a grabber shows without a signal, for people; empty for every other image.

    Args:
        pixels: ``(H, W, 3)`` uint8 RGB or ``(H, W)`` uint8 grey.
    """
    height, width = pixels.shape[:2]
    levels = np.ascontiguousarray(pixels[:: max(1, height // 60), :: max(1, width // 80)])
    brightest = levels if levels.ndim == 2 else levels.max(axis=2)
    if int(brightest.max()) <= _DARK:
        return "the image is black, or all of it is masked" if int(pixels.max()) <= _DARK else ""
    if int((brightest <= _DARK).sum()) > brightest.size // 2:
        return ""  # most images end here: black around, and something in it
    if levels.ndim == 2:
        levels = np.repeat(levels[:, :, None], 3, axis=2)
    middle = np.median(levels.reshape(-1, 3), axis=0)
    same = float((np.abs(levels - middle).max(axis=2) <= _ONE_COLOUR_LEVELS).mean())
    is_coloured = float(middle.max() - middle.min()) >= _COLOURED
    if same >= _WHOLE or (is_coloured and same >= _CARD_SHARE):
        return "the image has one colour"
    return "the image shows test bars" if _has_bars(levels) else ""


def _has_bars(levels: UInt8Array) -> bool:
    """At least six upright bars over the upper half of ``(h, w, 3)``; below, test pictures differ."""
    upper = levels[: max(1, len(levels) // 2)].astype(np.int16)
    columns = upper[len(upper) // 2]  # (w, 3)
    if float((np.abs(upper - columns).max(axis=2) <= 2 * _ONE_COLOUR_LEVELS).mean()) < _UPRIGHT_SHARE:
        return False
    edges = np.flatnonzero(np.abs(np.diff(columns, axis=0)).max(axis=1) > 2 * _ONE_COLOUR_LEVELS) + 1
    widths = np.diff([0, *edges, len(columns)])
    return int((widths >= len(columns) / 20).sum()) >= _BARS
