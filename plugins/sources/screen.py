"""A part of this machine's screen as a device (``screen:800x600+100+50``): scanners' own programs, remote desktops.

``screen:`` alone is the first monitor; options: ``fps=30``, on X11 ``display=:1``. The mouse pointer is left out. X11,
Windows and macOS through mss; under Wayland a program may not look at the screen, and mss sees X11 programs only.

A thread of the device takes the pictures (``assistant/grabbing.py``); ``captured_ns`` is the moment before each.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import cv2
import mss
import numpy as np

from assistant.contracts import Clock, DeviceInfo, StreamItem, StreamKind, UInt8Array
from assistant.errors import ConfigError, EndOfStream, SourceError
from assistant.grabbing import Grab, Grabber
from assistant.screen_region import ScreenRegion, parse_region
from assistant.source_options import positive_number, split_options

OPEN_TIMEOUT_S: Final = 5.0


def create(argument: str, *, paced: bool) -> Screen:
    """The device for ``screen:REGION``. Raises ``ConfigError`` or ``SourceError`` when it cannot be what is asked."""
    if not paced:
        raise SourceError("a screen only runs live: it cannot be read in lock-step; record it, then replay it")
    text, options = split_options("screen", argument, ("display", "fps"))
    fps = positive_number("screen", options, "fps", 30.0, 240.0)
    region = parse_region(text)
    if text and region is None:
        raise ConfigError(
            f"screen: expected a region WIDTHxHEIGHT+LEFT+TOP in pixels, such as 800x600+100+50, got '{text}'"
        )
    return Screen(region, fps, options.get("display"))


class Screen:
    """See the module."""

    needs_consent = False

    def __init__(self, region: ScreenRegion | None, fps: float, display: str | None) -> None:
        self._region = region
        self._fps = fps
        self._display = display
        self._grabber: Grabber | None = None

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``contracts.Device.open``."""

        @contextmanager
        def begin() -> Iterator[Grab]:
            with self._connect() as screen:
                region = self._checked(screen.monitors)
                box = {"left": region.left, "top": region.top, "width": region.width, "height": region.height}

                def grab() -> tuple[int, UInt8Array]:
                    now_ns = clock.now_ns()
                    try:
                        shot = screen.grab(box)
                    except mss.ScreenShotError as error:
                        raise SourceError(f"screen: no picture any more: {' '.join(str(error).split())}") from error
                    bgra = np.frombuffer(shot.bgra, np.uint8).reshape(shot.height, shot.width, 4)
                    return now_ns, np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGB), np.uint8)

                yield grab

        grabber = Grabber("screen", begin, clock, self._fps)
        first = grabber.start(OPEN_TIMEOUT_S)
        self._grabber = grabber
        return DeviceInfo(
            name=f"screen: {self._region or 'first monitor'}",
            streams=frozenset({"video"}),
            width_px=first.width_px,
            height_px=first.height_px,
            fps=self._fps,
        )

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``contracts.Device.read``."""
        if self._grabber is None or stream != "video":
            raise EndOfStream
        return self._grabber.read(timeout_s)

    def close(self) -> None:
        """See ``contracts.Device.close``."""
        if self._grabber is not None:
            self._grabber.close()

    def _connect(self) -> Any:
        on_x11 = platform.system() == "Linux"
        if on_x11 and not (self._display or os.environ.get("DISPLAY")):
            raise SourceError("screen: there is no X11 screen: DISPLAY is not set; name one with display=:0")
        try:
            return mss.MSS(display=self._display) if on_x11 and self._display else mss.MSS()
        except mss.ScreenShotError as error:
            shown = f" '{self._display or os.environ.get('DISPLAY')}'" if on_x11 else ""
            raise SourceError(f"screen{shown} cannot be opened: {' '.join(str(error).split())}") from error

    def _checked(self, monitors: list[dict[str, int]]) -> ScreenRegion:
        """The region, of which all must lie on the desktop (the first of mss's monitors is all of them)."""
        if self._region is None:
            first = monitors[min(1, len(monitors) - 1)]
            return ScreenRegion(first["width"], first["height"], first["left"], first["top"])
        whole, region = monitors[0], self._region
        fits_x = whole["left"] <= region.left and region.left + region.width <= whole["left"] + whole["width"]
        fits_y = whole["top"] <= region.top and region.top + region.height <= whole["top"] + whole["height"]
        if not (fits_x and fits_y):
            raise SourceError(
                f"screen: expected a region of the {whole['width']}x{whole['height']} screen, got {region}"
            )
        return region
