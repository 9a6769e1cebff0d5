"""The best image of each plane as a PNG, with where the trainee looked, and the reference where it may be seen."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np

from assistant.contracts import UInt8Array
from assistant.session.reader import SessionReader
from assistant.teaching.recording import Float64Array, Guided, Recording

WIDTH_PX = 420
GAZE_AROUND_NS = 500_000_000
_WHITE, _BLACK, _ORANGE = (255, 255, 255), (0, 0, 0), (0, 159, 230)  # BGR; Okabe and Ito's orange
_CONTOURS = (0.25, 0.6)
"""Of the densest place: where the predicted gaze is outlined, thin and thick."""


def still(recording: Recording, frame_index: int, *, with_prediction: bool) -> str:
    """A recorded image as a data URL (PNG), with gaze as white rings and, if wanted, predicted gaze as outlines.

    Raises:
        SessionError: the image cannot be read.
    """
    place = int(np.searchsorted(recording.frame_indices, frame_index))
    frame = next(iter(SessionReader(recording.path).frames(start=place, stop=place + 1)))
    scale = WIDTH_PX / frame.width_px
    size = (WIDTH_PX, max(round(frame.height_px * scale), 1))
    pixels = cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA)
    picture = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR if pixels.ndim == 2 else cv2.COLOR_RGB2BGR), np.uint8)
    if with_prediction:
        guided = next((item for item in recording.guided if item.frame_index == frame_index), None)
        if guided is not None and guided.gaze_map is not None:
            _outline(picture, guided, scale)
    _rings(picture, _gaze_around(recording, frame.captured_ns), scale)
    good, png = cv2.imencode(".png", picture)
    assert good  # noqa: S101 - an array of bytes can always be written as PNG
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode("ascii")


def _gaze_around(recording: Recording, time_ns: int) -> Float64Array:
    first, last = np.searchsorted(recording.gaze_ns, [time_ns - GAZE_AROUND_NS, time_ns + GAZE_AROUND_NS])
    points = recording.gaze_px[first:last]
    found: Float64Array = points[~np.isnan(points[:, 0])]
    return found


def _rings(picture: UInt8Array, points_px: Sequence[Float64Array] | Float64Array, scale: float) -> None:
    height, width = picture.shape[:2]
    for x_px, y_px in points_px:
        at = round(float(x_px) * scale), round(float(y_px) * scale)
        if 0 <= at[0] < width and 0 <= at[1] < height:
            cv2.circle(picture, at, 5, _BLACK, 3, cv2.LINE_AA)
            cv2.circle(picture, at, 5, _WHITE, 1, cv2.LINE_AA)


def _outline(picture: UInt8Array, guided: Guided, scale: float) -> None:
    top, left, bottom, right = (round(edge * scale) for edge in guided.gaze_rect_px)
    if guided.gaze_map is None or right <= left or bottom <= top:
        return
    density = cv2.resize(guided.gaze_map, (right - left, bottom - top), interpolation=cv2.INTER_CUBIC)
    peak = float(density.max())
    for share, width in zip(_CONTOURS, (1, 2), strict=True):
        above = (density > share * peak).astype(np.uint8)
        lines, _ = cv2.findContours(above, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(left, top))
        cv2.drawContours(picture, lines, -1, _ORANGE, width, cv2.LINE_AA)
