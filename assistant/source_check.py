"""Looks at a source for a moment: what it gives, how often, what repeats, which values; for ``sonocue devices``.

Runs on the caller's thread.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from assistant.clock import MonotonicClock
from assistant.contracts import Clock, DeviceInfo, Frame, UInt8Array
from assistant.errors import ConfigError, EndOfStream, SourceError
from assistant.open_sources import create_device
from assistant.privacy_mask import PrivacyMask

NO_IMAGE_S = 5.0  # a source that gives none for so long is said to give none


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """What a source turned out to be.

    Attributes:
        source: ``name:argument``.
        name: what it calls itself.
        width_px, height_px, colour: of its images.
        nominal_fps: what it says; 0 when it does not.
        measured_fps: what came, by the capture times; 0 with fewer than two frames.
        frames: how many were looked at.
        repeated: how many of them were the same pixels as the one before.
        lost: gaps in their numbers.
        lowest, highest: values in them, in [0, 255]: 16 and 235 speak of a range that somebody forgot to widen.
        notes: what else it says: codec, pixel format, what a driver refused.
    """

    source: str
    name: str
    width_px: int
    height_px: int
    colour: bool
    nominal_fps: float
    measured_fps: float
    frames: int
    repeated: int
    lost: int
    lowest: int
    highest: int
    notes: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """All of it, JSON-serialisable."""
        return asdict(self)

    def as_text(self) -> str:
        """One line for people."""
        kind = "colour" if self.colour else "grey"
        nominal = f" of {self.nominal_fps:g}" if self.nominal_fps else ""
        notes = "".join(f", {key} {value}" for key, value in self.notes.items() if value not in ("", None))
        return (
            f"{self.width_px}x{self.height_px} {kind}, {self.measured_fps:.2f}{nominal} fps, {self.repeated} of "
            f"{self.frames} repeated, {self.lost} lost, values {self.lowest} to {self.highest}{notes}"
        )


def check_source(
    source: str, seconds: float, *, consent: bool = False, picture: Path | None = None, clock: Clock | None = None
) -> SourceCheck:
    """Open a source, look at its images for ``seconds``, and close it.

    Args:
        source: ``name:argument``.
        seconds: of capture time, from the first image.
        consent: everybody who may be heard agreed; only then a source with sound is opened, whose sound is not read.
        picture: PNG file for the last image, or None.
        clock: the clock; ``MonotonicClock`` when None.

    Raises:
        SonocueError: it cannot be opened, or gives no image.
    """
    clock = clock or MonotonicClock()
    device = create_device(source, paced=True, consent=consent)
    try:
        info = device.open(clock)
        if device.needs_consent and not consent:
            raise ConfigError(f"'{source}' hears everybody in the room: add --consent when all of them agreed to that")
        if "video" not in info.streams:
            raise SourceError(f"source '{source}' gives no images")
        frames = _Frames()
        waited_from_ns = clock.now_ns()
        while frames.seconds < seconds:
            try:
                item = device.read("video", 0.1)
            except EndOfStream:
                break
            if isinstance(item, Frame):
                frames.look_at(item)
                waited_from_ns = clock.now_ns()
            elif clock.now_ns() - waited_from_ns > NO_IMAGE_S * 1e9:
                break
    finally:
        device.close()
    if frames.newest is None:
        raise SourceError(f"source '{source}' gave no image within {NO_IMAGE_S:.0f} s")
    if picture is not None:
        masked = frames.newest if info.origin == "phantom" else PrivacyMask()(frames.newest)
        _save(masked.pixels, picture)
    return frames.said_by(source, info, frames.newest)


class _Frames:
    """Counts what it is shown."""

    def __init__(self) -> None:
        self.newest: Frame | None = None
        self.seconds = 0.0
        self._first: Frame | None = None
        self._count = self._repeated = self._lost = 0
        self._lowest, self._highest = 255, 0

    def look_at(self, frame: Frame) -> None:
        """Count one image."""
        before, self.newest = self.newest, frame
        self._first = self._first or frame
        self._count += 1
        self.seconds = (frame.captured_ns - self._first.captured_ns) / 1e9
        if before is not None:
            self._lost += frame.index - before.index - 1
            self._repeated += np.array_equal(frame.pixels, before.pixels)
        self._lowest = min(self._lowest, int(frame.pixels.min()))
        self._highest = max(self._highest, int(frame.pixels.max()))

    def said_by(self, source: str, info: DeviceInfo, newest: Frame) -> SourceCheck:
        """The result; ``newest`` is the last image that was looked at."""
        return SourceCheck(
            source=source,
            name=info.name,
            width_px=newest.width_px,
            height_px=newest.height_px,
            colour=newest.pixels.ndim == 3,
            nominal_fps=info.fps,
            measured_fps=round((self._count + self._lost - 1) / self.seconds, 2) if self.seconds > 0 else 0.0,
            frames=self._count,
            repeated=self._repeated,
            lost=self._lost,
            lowest=self._lowest,
            highest=self._highest,
            notes=dict(info.notes),
        )


def _save(pixels: UInt8Array, file: Path) -> None:
    """Write a PNG. Raises ``ConfigError`` when the folder cannot be written to."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        packed = cv2.imencode(".png", pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1]
        file.write_bytes(packed.tobytes())
    except OSError as error:
        raise ConfigError(f"'{file}' cannot be written: {error.strerror}") from error
