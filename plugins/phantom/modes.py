"""The scanner's screen in modes other than B: drawn over its B-mode screen, in small form.

They are there to see whether a mode is noticed (``assistant/screen_mode.py``), not to look real: a Doppler signal
is a coloured ellipse that pulses, a trace is noise under an envelope, a rendered face is a lit bump. Pure functions of
a screen, the sector's rectangle and the time; the same arguments give the same picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import cv2
import numpy as np

from assistant.contracts import Float32Array, UInt8Array

ScreenMode = Literal[
    "colour Doppler", "power Doppler", "PW", "M-mode", "two images", "3D", "3D and planes", "menu", "popup"
]
Rect = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels, half open."""

_BOX_COLOUR = (60, 220, 60)
_GAP = 0.02  # of the rectangle's sides


def draw(mode: ScreenMode, screen: UInt8Array, image: Rect, time_s: float) -> UInt8Array:
    """The screen in a mode.

    Args:
        mode: which.
        screen: ``(H, W)`` uint8, in B-mode.
        image: the rectangle of the screen that holds the sector.
        time_s: since the scan began.

    Returns:
        ``(H, W, 3)`` uint8 RGB.
    """
    shown = np.asarray(cv2.cvtColor(screen, cv2.COLOR_GRAY2RGB), np.uint8)
    _DRAWN[mode](shown, image, time_s)
    return shown


def _colour_doppler(shown: UInt8Array, image: Rect, time_s: float) -> None:
    _flow(shown, image, time_s, ((220, 40, 30), (40, 70, 230)))


def _power_doppler(shown: UInt8Array, image: Rect, time_s: float) -> None:
    _flow(shown, image, time_s, ((240, 130, 20), (250, 200, 60)))


def _flow(shown: UInt8Array, image: Rect, time_s: float, colours: tuple[tuple[int, int, int], ...]) -> None:
    """A box with two vessels that pulse, and the colour scale beside the sector."""
    top, left, bottom, right = image
    high, wide = bottom - top, right - left
    corner = (left + int(0.36 * wide), top + int(0.35 * high))
    other = (left + int(0.62 * wide), top + int(0.68 * high))
    pulse = 0.5 + 0.5 * float(np.sin(2 * np.pi * 2.3 * time_s)) ** 2
    for number, colour in enumerate(colours):
        middle = (left + int((0.43 + 0.12 * number) * wide), top + int((0.47 + 0.07 * number) * high))
        axes = (max(2, int(0.05 * wide * pulse)), max(2, int(0.022 * high * pulse)))
        patch = np.zeros(shown.shape[:2], np.uint8)
        cv2.ellipse(patch, middle, axes, 20 + 40 * number, 0, 360, 255, -1)
        grain = np.random.default_rng([number, int(time_s * 1000)]).uniform(0.7, 1.0, (int(patch.sum() // 255), 1))
        shown[patch > 0] = (grain * np.array(colour)).astype(np.uint8)
    cv2.rectangle(shown, corner, other, _BOX_COLOUR, 1)
    scale = np.linspace(colours[0], colours[-1], int(0.2 * high)).astype(np.uint8)[:, None]
    x_px = max(left - int(0.05 * wide), 2)
    shown[top : top + len(scale), x_px : x_px + max(int(0.015 * shown.shape[1]), 4)] = scale


def _with_trace(shown: UInt8Array, image: Rect, trace: UInt8Array) -> None:
    """The sector in the upper part of its rectangle, a trace below."""
    top, left, bottom, right = image
    high, wide = bottom - top, right - left
    small = cv2.resize(
        shown[top:bottom, left:right], (int(0.55 * wide), int(0.55 * high)), interpolation=cv2.INTER_AREA
    )
    shown[top:bottom, left:right] = 0
    x_px = left + (wide - small.shape[1]) // 2
    shown[top : top + small.shape[0], x_px : x_px + small.shape[1]] = small
    begins = top + int(0.6 * high)
    stretched = cv2.resize(trace, (wide, bottom - begins), interpolation=cv2.INTER_LINEAR)
    shown[begins:bottom, left:right] = stretched[:, :, None]


def _pulsed_wave(shown: UInt8Array, image: Rect, time_s: float) -> None:
    """A spectrum over a baseline, written anew from left to right every three seconds."""
    rows, columns = 160, 480
    since = np.linspace(0, 3, columns)
    now = time_s % 3
    age = np.where(since <= now, time_s - now + since, time_s - now - 3 + since)
    envelope = 0.25 + 0.6 * np.abs(np.sin(np.pi * 2.3 * age)) ** 3
    height = np.linspace(1.33, -0.33, rows)[:, None]
    inside = (height > 0) & (height < envelope[None])
    grain = np.random.default_rng(5).rayleigh(1.0, (rows, columns))  # each column stays as it was written
    trace = np.where(inside, 70 + 60 * grain, 4 * grain)
    trace[np.abs(height[:, 0]).argmin()] = 190
    trace[:, np.abs(since - now) < 0.06] = 0
    _with_trace(shown, image, np.clip(trace, 0, 255).astype(np.uint8))


def _m_mode(shown: UInt8Array, image: Rect, time_s: float) -> None:
    """Echoes along the middle beam over time, moving to the left."""
    top, left, bottom, right = image
    beam = shown[top:bottom, (left + right) // 2, 0].astype(np.float32)
    rows, columns = len(beam), 480
    age = time_s - np.linspace(3, 0, columns)
    shift = 4 * np.sin(2 * np.pi * 2.3 * age)
    at = np.clip(np.arange(rows)[:, None] + shift[None], 0, rows - 1).astype(np.int64)
    grain = np.random.default_rng(6).uniform(0.7, 1.3, (rows, columns))
    grain = np.roll(grain, -int(time_s * columns / 3), axis=1)
    _with_trace(shown, image, np.clip(np.maximum(beam, 14)[at] * grain, 0, 255).astype(np.uint8))


def _two_images(shown: UInt8Array, image: Rect, _time_s: float) -> None:
    top, left, bottom, right = image
    wide = (right - left) // 2
    high = int((bottom - top) * wide / (right - left))
    half = cv2.resize(shown[top:bottom, left:right], (wide, high), interpolation=cv2.INTER_AREA)
    shown[top:bottom, left:right] = 0
    y_px = top + (bottom - top - high) // 2
    shown[y_px : y_px + high, left : left + wide] = half
    shown[y_px : y_px + high, left + wide : left + 2 * wide] = half[:, ::-1]


def _surface(side: int, time_s: float) -> UInt8Array:
    """A rendered head: lit bumps in the colours of skin."""
    line = np.linspace(-1, 1, side, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    turn = 0.3 * float(np.sin(time_s))
    depth: Float32Array = np.zeros((side, side), np.float32)
    for at_x, at_y, size, lift in (
        (0, 0, 0.8, 1.0),
        (0.15, 0.05, 0.18, 0.5),
        (-0.3, -0.2, 0.15, -0.3),
        (0.3, -0.2, 0.15, -0.3),
    ):
        away = ((x - at_x - 0.2 * turn) ** 2 + (y - at_y) ** 2) / size**2
        depth += np.float32(lift) * np.sqrt(np.clip(1 - away, 0, None)) * np.float32(size)
    slope_y, slope_x = np.gradient(depth, 2 / side)
    light = np.clip((1 + 0.5 * slope_x - 0.5 * slope_y) / np.sqrt(1 + slope_x**2 + slope_y**2), 0.05, 1.4) / 1.4
    lit = np.where(depth > 0, light, 0)[:, :, None] * np.array([235, 165, 100])
    return np.asarray(lit, np.uint8)


def _rendered(shown: UInt8Array, image: Rect, time_s: float) -> None:
    top, left, bottom, right = image
    side = min(bottom - top, right - left)
    shown[top:bottom, left:right] = 0
    x_px = (left + right - side) // 2
    shown[top : top + side, x_px : x_px + side] = _surface(side, time_s)


def _with_planes(shown: UInt8Array, image: Rect, time_s: float) -> None:
    """Three planes and the rendered surface in the quarters of the rectangle."""
    top, left, bottom, right = image
    high, wide = (bottom - top) // 2, (right - left) // 2
    gap_y, gap_x = max(int(_GAP * high), 6), max(int(_GAP * wide), 6)
    whole = shown[top:bottom, left:right].copy()
    cut = whole[int(0.2 * high) : int(1.6 * high), int(0.5 * wide) : int(1.5 * wide)]
    shown[top:bottom, left:right] = 0
    size = (wide - gap_x, high - gap_y)
    for number, plane in enumerate((cut, cut[:, ::-1], cut[::-1])):
        y_px, x_px = top + (number // 2) * high, left + (number % 2) * wide
        shown[y_px : y_px + size[1], x_px : x_px + size[0]] = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    side = min(size)
    shown[top + high : top + high + side, left + wide : left + wide + side] = _surface(side, time_s)


def _menu(shown: UInt8Array, image: Rect, _time_s: float) -> None:
    top, left, bottom, right = image
    _panel(shown, (top, left, bottom, right), ("Patient", "Examination", "Report", "Biometry", "Worksheet", "Network"))


def _popup(shown: UInt8Array, image: Rect, _time_s: float) -> None:
    """A window over the middle of the image; the scan goes on behind it."""
    top, left, bottom, right = image
    high, wide = bottom - top, right - left
    panel = (top + int(0.12 * high), left + int(0.15 * wide), bottom - int(0.12 * high), right - int(0.15 * wide))
    _panel(shown, panel, ("Save image?", "Yes", "No", "Cancel"))


def _panel(shown: UInt8Array, where: Rect, lines: tuple[str, ...]) -> None:
    top, left, bottom, right = where
    cv2.rectangle(shown, (left, top), (right - 1, bottom - 1), (62, 66, 74), -1)
    step = (bottom - top) // (len(lines) + 1)
    for number, line in enumerate(lines, start=1):
        at = (left + 20, top + number * step)
        cv2.putText(shown, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.7, (220, 220, 220), 1, cv2.LINE_AA)


_DRAWN: Mapping[ScreenMode, Callable[[UInt8Array, Rect, float], None]] = {
    "colour Doppler": _colour_doppler,
    "power Doppler": _power_doppler,
    "PW": _pulsed_wave,
    "M-mode": _m_mode,
    "two images": _two_images,
    "3D": _rendered,
    "3D and planes": _with_planes,
    "menu": _menu,
    "popup": _popup,
}
MODES: tuple[ScreenMode, ...] = tuple(_DRAWN)
