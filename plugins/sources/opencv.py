"""A capture card or camera through OpenCV (``opencv:0``, ``opencv:/dev/video0``).

Options: ``size=1920x1080``, ``fps=60``, ``fourcc=YUYV`` ask the driver for a format, and what it gives instead is told;
``system=v4l2|dshow|msmf|avfoundation`` names the operating system's way to it, which is otherwise that of the platform.

Only the refusals, the conversion and the loop were run (on OpenCV's own reader of files): no capture card was at hand,
and never Windows or macOS. A thread of the device grabs (``assistant/grabbing.py``); ``captured_ns`` is the moment at
which the driver handed the image over, so it is late by the card's own delay, which nobody tells.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from assistant.contracts import Clock, DeviceInfo, StreamItem, StreamKind, UInt8Array
from assistant.errors import ConfigError, EndOfStream, SourceError
from assistant.grabbing import Grab, Grabber
from assistant.source_options import positive_number, size_px, split_options

OPEN_TIMEOUT_S: Final = 15.0  # some cards look for a signal first
SYSTEMS: Final = {
    "v4l2": cv2.CAP_V4L2,
    "dshow": cv2.CAP_DSHOW,
    "msmf": cv2.CAP_MSMF,
    "avfoundation": cv2.CAP_AVFOUNDATION,
}
_OF_PLATFORM: Final = {"Linux": "v4l2", "Windows": "dshow", "Darwin": "avfoundation"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of the driver.

    Attributes:
        device: a number, or on Linux a path.
        system: one of ``SYSTEMS``.
        size_px: width and height, or None: as it is.
        fps: images a second, or None.
        fourcc: four letters of the pixel format, or None.
    """

    device: int | str
    system: str
    size_px: tuple[int, int] | None
    fps: float | None
    fourcc: str | None


def create(argument: str, *, paced: bool) -> Camera:
    """The device for ``opencv:DEVICE``. Raises ``ConfigError`` or ``SourceError`` when it cannot be what is asked."""
    if not paced:
        raise SourceError("a camera only runs live: it cannot be read in lock-step; record it, then replay it")
    return Camera(parse_wish(argument))


def list_cameras() -> list[str]:
    """What can stand after ``opencv:`` on this machine, in order.

    On Windows and macOS no list is to be had without another package: the first four numbers that open.
    """
    if platform.system() == "Linux":
        # A card's second node carries its metadata, not images: it does not open.
        return [name for name in sorted(map(str, Path("/dev").glob("video*"))) if _opens(parse_wish(name))]
    return [str(number) for number in range(4) if _opens(parse_wish(str(number)))]


def _opens(wish: Wish) -> bool:
    try:
        connect(wish).release()
    except SourceError:
        return False
    return True


def parse_wish(argument: str) -> Wish:
    """Check an argument. Raises ``ConfigError``."""
    text, options = split_options("opencv", argument, ("fourcc", "fps", "size", "system"))
    system = options.get("system") or _OF_PLATFORM.get(platform.system(), "v4l2")
    if system not in SYSTEMS:
        raise ConfigError(f"opencv: system: expected one of {', '.join(SYSTEMS)}, got '{system}'")
    text = text or "0"
    if not text.isdecimal() and not (system == "v4l2" and text.startswith("/dev/")):
        raise ConfigError(f"opencv: expected a number or a path such as /dev/video0, got '{text}'")
    fourcc = options.get("fourcc")
    if fourcc is not None and not (len(fourcc) == 4 and fourcc.isascii()):
        raise ConfigError(f"opencv: fourcc: expected four letters such as YUYV, got '{fourcc}'")
    fps = positive_number("opencv", options, "fps", 0.5, 1000.0) if "fps" in options else None
    return Wish(int(text) if text.isdecimal() else text, system, size_px("opencv", options), fps, fourcc)


def connect(wish: Wish) -> cv2.VideoCapture:
    """Open the driver and ask for the format. Raises ``SourceError`` when there is none."""
    if SYSTEMS[wish.system] not in cv2.videoio_registry.getCameraBackends():
        raise SourceError(f"camera '{wish.device}': this machine's OpenCV was built without {wish.system}")
    capture = cv2.VideoCapture(wish.device, SYSTEMS[wish.system])
    if not capture.isOpened():
        capture.release()
        there = ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none" if wish.system == "v4l2" else ""
        raise SourceError(
            f"camera '{wish.device}' cannot be opened through {wish.system}"
            + (f": there are {there}" if there else "")
            + ": is it plugged in, and used by no other program?"
        )
    if wish.fourcc is not None:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*wish.fourcc))
    if wish.size_px is not None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, wish.size_px[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wish.size_px[1])
    if wish.fps is not None:
        capture.set(cv2.CAP_PROP_FPS, wish.fps)
    return capture


def to_rgb(pixels: Any) -> UInt8Array:
    """What OpenCV gives as ``(H, W, 3)`` RGB or ``(H, W)`` grey. Raises ``SourceError`` when it is something else."""
    if pixels is not None and pixels.dtype == np.uint8:
        if pixels.ndim == 3 and pixels.shape[2] == 3:
            return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
        if pixels.ndim == 3 and pixels.shape[2] == 1:
            pixels = pixels[:, :, 0]
        if pixels.ndim == 2 and pixels.shape[0] > 1:  # one row: a compressed image that OpenCV did not decode
            return np.ascontiguousarray(pixels)
    got = "nothing" if pixels is None else f"{pixels.shape} {pixels.dtype}"
    raise SourceError(f"camera: expected images of one or three 8-bit channels, got {got}: ask for fourcc=YUYV or MJPG")


class Camera:
    """See the module. ``opening`` is how the driver is reached; tests on machines without a camera bring another."""

    needs_consent = False

    def __init__(self, wish: Wish, opening: Callable[[Wish], cv2.VideoCapture] = connect) -> None:
        self._wish = wish
        self._opening = opening
        self._grabber: Grabber | None = None
        self._facts: dict[str, Any] = {}

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``contracts.Device.open``."""

        @contextmanager
        def begin() -> Iterator[Grab]:
            capture = self._opening(self._wish)
            self._facts = _negotiated(capture)

            def grab() -> tuple[int, UInt8Array]:
                if not capture.grab():
                    raise SourceError(f"camera '{self._wish.device}' gives no images any more: unplugged?")
                now_ns = clock.now_ns()
                return now_ns, to_rgb(capture.retrieve()[1])

            try:
                yield grab
            finally:
                capture.release()

        grabber = Grabber(f"camera '{self._wish.device}'", begin, clock)
        first = grabber.start(OPEN_TIMEOUT_S)
        self._grabber = grabber
        notes = dict(self._facts)
        refused = self._refused(first.width_px, first.height_px)
        if refused:
            notes["refused"] = "the driver gave another " + ", ".join(refused)
        return DeviceInfo(
            name=f"camera: {self._wish.device}",
            streams=frozenset({"video"}),
            width_px=first.width_px,
            height_px=first.height_px,
            fps=self._facts["fps"],
            notes=notes,
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

    def _refused(self, width_px: int, height_px: int) -> list[str]:
        """Which wishes the driver did not fulfil."""
        wish, refused = self._wish, []
        if wish.size_px is not None and wish.size_px != (width_px, height_px):
            refused.append(f"size than {wish.size_px[0]}x{wish.size_px[1]}")
        if wish.fps is not None and abs(wish.fps - self._facts["fps"]) > 0.5:
            refused.append(f"rate than {wish.fps:g} fps")
        if wish.fourcc is not None and wish.fourcc != self._facts["fourcc"]:
            refused.append(f"format than {wish.fourcc}")
        return refused


def _negotiated(capture: cv2.VideoCapture) -> dict[str, Any]:
    """What the driver says that it gives."""
    fps, code = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FOURCC))
    letters = bytes(code >> shift & 255 for shift in (0, 8, 16, 24))
    return {
        "fps": round(fps, 3) if 0 < fps < 1000 else 0.0,
        "fourcc": letters.decode("ascii", "replace").strip("\0 "),
        "system": capture.getBackendName(),
    }
