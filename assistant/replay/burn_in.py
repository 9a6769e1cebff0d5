"""A frame as it goes into an exported video or still: gaze map over the image, what was said of it in a bar below.

Nothing but the gaze map and the observer's ring lies over the image. Drawn with OpenCV, so that an export needs no
window. Pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from assistant.contracts import Float32Array, Frame, GazeSample, Guidance, UInt8Array

RESEARCH_USE = "Research use only - not for diagnosis"

Heat = Callable[[Float32Array], UInt8Array | None]
"""A gaze map as ``(h, w, 4)`` uint8 premultiplied BGRA (``ui/colormap.py``)."""

_FONT = cv2.FONT_HERSHEY_DUPLEX
_GROUND, _TEXT, _MUTED, _CAUTION = (15, 11, 8), (247, 243, 238), (186, 171, 154), (80, 185, 255)  # BGR


def annotated(
    frame: Frame, guidance: Guidance | None, gaze: GazeSample | None, heat: Heat, lines: Sequence[str]
) -> UInt8Array:
    """``(H + bar, W, 3)`` uint8 RGB, both even: the image with its gaze map, and below it what is said.

    Args:
        frame: the image.
        guidance: whose gaze map is laid over it, and whose decision is written; None: none.
        gaze: where the observer looked, drawn as a ring; None: nowhere.
        heat: colours a gaze map.
        lines: written below the decision, small.
    """
    pixels = frame.pixels
    image = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR if pixels.ndim == 2 else cv2.COLOR_RGB2BGR)
    if guidance is not None and guidance.gaze_map is not None:
        _lay_over(image, guidance, heat)
    if gaze is not None:
        radius = max(frame.width_px // 60, 4)
        centre = (round(gaze.x_px), round(gaze.y_px))
        cv2.circle(image, centre, radius, (0, 0, 0), 4, cv2.LINE_AA)
        cv2.circle(image, centre, radius, (255, 255, 255), 2, cv2.LINE_AA)
    size = max(frame.width_px / 42, 9.0)
    height = round(size * (2.2 + 1.4 * len(lines)))
    bar = np.full((height + (frame.height_px + height) % 2, frame.width_px, 3), _GROUND, np.uint8)
    half = frame.width_px // 2
    _write(bar, decision_words(guidance), (0.6 * size, 1.5 * size), size, half, _TEXT)
    _write(bar, RESEARCH_USE, (half + 1.2 * size, 1.5 * size), 0.8 * size, half - round(1.8 * size), _CAUTION)
    for number, line in enumerate(lines):
        at = (0.6 * size, (2.9 + 1.4 * number) * size)
        _write(bar, line, at, 0.75 * size, frame.width_px - round(1.2 * size), _MUTED)
    whole = np.concatenate([np.asarray(image, np.uint8), bar])
    if frame.width_px % 2:
        whole = np.concatenate([whole, whole[:, -1:]], axis=1)
    return np.ascontiguousarray(whole[:, :, ::-1])


def decision_words(guidance: Guidance | None) -> str:
    """What was decided, in one line."""
    if guidance is None:
        return "No guidance"
    decision = guidance.decision
    if decision.plane is None:
        return f"Not sure ({decision.abstention or 'no reason given'})"
    return f"{decision.plane[:1].upper()}{decision.plane[1:]} {100 * decision.confidence:.0f} %"


def _lay_over(image: np.ndarray, guidance: Guidance, heat: Heat) -> None:
    colours = heat(guidance.gaze_map) if guidance.gaze_map is not None else None
    if colours is None:
        return
    height, width = image.shape[:2]
    top, left, bottom, right = guidance.gaze_rect_px
    top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, height), min(right, width)
    if bottom <= top or right <= left:
        return
    scaled = cv2.resize(colours, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    part = image[top:bottom, left:right].astype(np.float32)
    seen = part * (1.0 - scaled[..., 3:].astype(np.float32) / 255.0) + scaled[..., :3]
    image[top:bottom, left:right] = np.rint(seen).clip(0, 255).astype(np.uint8)


def _write(
    bar: np.ndarray, text: str, at: tuple[float, float], size_px: float, room_px: int, colour: tuple[int, int, int]
) -> None:
    """Letters ``size_px`` high, smaller where the room asks for it; what the font has not becomes a question mark."""
    plain = text.encode("ascii", "replace").decode("ascii")
    scale = size_px / 30.0
    (width, _), _ = cv2.getTextSize(plain, _FONT, scale, 1)
    if width > room_px > 0:
        scale *= room_px / width
    cv2.putText(bar, plain, (round(at[0]), round(at[1])), _FONT, scale, colour, 1, cv2.LINE_AA)
