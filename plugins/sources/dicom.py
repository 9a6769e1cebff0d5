"""The device ``dicom:PATH``: an ultrasound cine or a single image in DICOM, in its own time.

Grey levels are mapped by the file's own bit depth, never by the brightest pixel; colours stay. What is not known to be
right is refused by name. Pace and time: see ``assistant/playback.py``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.pixels.utils import iter_pixels

from assistant.contracts import Clock, DeviceInfo, Frame, StreamItem, StreamKind, UInt8Array
from assistant.errors import EndOfStream, SourceError
from assistant.playback import MediaStream, Playback

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


def create(argument: str, *, paced: bool) -> DicomDevice:
    """The device for ``dicom:PATH``. Touches no file yet."""
    return DicomDevice(Path(argument), paced=paced)


class DicomDevice:
    """A DICOM file as a device."""

    needs_consent = False

    def __init__(self, path: Path, *, paced: bool) -> None:
        self._path = path
        self._paced = paced
        self._playback: Playback | None = None

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``contracts.Device.open``."""
        if not self._path.is_file():
            raise SourceError(f"DICOM file '{self._path}' does not exist")
        with self._reading():
            header = pydicom.dcmread(self._path)
            self._check(header)
            times_ns = self._times_ns(header)
        playback = Playback({"video": self._frames(header, times_ns)}, clock, paced=self._paced)
        first = playback.first("video")
        if not isinstance(first, Frame):
            playback.close()
            raise SourceError(f"DICOM file '{self._path}' holds no image that can be decoded")
        self._playback = playback
        seconds = (times_ns[-1] - times_ns[0]) / 1e9
        return DeviceInfo(
            name=f"dicom: {self._path.name}",
            streams=frozenset({"video"}),
            width_px=first.width_px,
            height_px=first.height_px,
            fps=(len(times_ns) - 1) / seconds if seconds else 0.0,
            paced=self._paced,
        )

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``contracts.Device.read``."""
        if self._playback is None:
            raise EndOfStream
        return self._playback.read(stream, timeout_s)

    def close(self) -> None:
        """See ``contracts.Device.close``."""
        if self._playback is not None:
            self._playback.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """What pydicom raises over a file that is not as it should be, as one line; it raises many kinds."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what matters is checked here
                yield
        except InvalidDicomError as error:
            raise SourceError(f"'{self._path}' is no DICOM file") from error
        except (
            AttributeError, EOFError, KeyError, NotImplementedError, OSError, RuntimeError, TypeError, ValueError
        ) as error:  # fmt: skip
            text = " ".join(str(error).split())[:200]
            raise SourceError(f"DICOM file '{self._path}' cannot be read: {text}") from error

    def _check(self, header: pydicom.Dataset) -> None:
        photometric = str(header.get("PhotometricInterpretation") or "none")
        bits = int(header.get("BitsStored") or 0)
        known = photometric in _GREY or (photometric in _COLOUR and bits == 8)
        if not known or header.get("PixelRepresentation") or not 8 <= bits <= 16:
            signed = ", signed" if header.get("PixelRepresentation") else ""
            raise SourceError(
                f"DICOM file '{self._path}': expected unsigned grey levels of 8 to 16 bits or colours of 8, got "
                f"{photometric} of {bits} bits{signed}"
            )

    def _times_ns(self, header: pydicom.Dataset) -> list[int]:
        """Of each frame since the first (DICOM PS3.3, C.7.6.5)."""
        count = int(header.get("NumberOfFrames") or 1)
        if vector := header.get("FrameTimeVector"):
            times_ms = np.cumsum(np.asarray(vector, np.float64))
            if len(times_ms) == count and (np.diff(times_ms) > 0).all():
                return [round((float(time_ms) - float(times_ms[0])) * 1e6) for time_ms in times_ms]
        step_ms = float(header.get("FrameTime") or 0)
        rate_hz = float(header.get("CineRate") or header.get("RecommendedDisplayFrameRate") or 0)
        if step_ms <= 0 and rate_hz > 0:
            step_ms = 1000 / rate_hz
        if count > 1 and step_ms <= 0:
            raise SourceError(f"DICOM file '{self._path}': nothing says when its {count} frames were taken")
        return [round(index * step_ms * 1e6) for index in range(count)]

    def _frames(self, header: pydicom.Dataset, times_ns: list[int]) -> MediaStream:
        bits, inverted = int(header.BitsStored), header.PhotometricInterpretation == "MONOCHROME1"
        with self._reading():
            images = iter_pixels(header)
        for index, captured_ns in enumerate(times_ns):
            with self._reading():
                image = next(images, None)
            if image is None:
                raise SourceError(f"DICOM file '{self._path}': expected {len(times_ns)} frames, got {index}")
            yield Frame(index, captured_ns, _eight_bits(image, bits, inverted=inverted))


def _eight_bits(image: npt.NDArray[Any], bits: int, *, inverted: bool) -> UInt8Array:
    """``(H, W)`` or ``(H, W, 3)`` RGB; white is the highest value that the bit depth allows."""
    levels = image
    if bits > 8:
        levels = np.minimum(image.astype(np.uint32) * 255 // (2**bits - 1), 255)
    return np.ascontiguousarray(255 - levels if inverted else levels, np.uint8)
