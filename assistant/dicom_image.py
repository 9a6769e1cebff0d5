"""A DICOM multi-frame image: its frames' times, its grey levels as they are, its sector.

One reading for the live engine and the trainer. Grey levels are mapped by the file's own bit depth, never by the
brightest pixel: the same echo is the same grey in every frame and file. What is not known to be right is refused by
name.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import iter_pixels

from assistant.contracts import UInt8Array
from assistant.errors import SourceError

Float64Array = npt.NDArray[np.float64]
Crop = tuple[float, float, float, float]

UNREADABLE: Final = (
    *(ValueError, RuntimeError, EOFError, OSError, AttributeError, TypeError, KeyError, IndexError, struct.error),
    *(MemoryError, OverflowError, ZeroDivisionError, RecursionError, pydicom.errors.BytesLengthException),
)
"""What pydicom and its decoders raise on damaged files."""

MOST_FRAMES: Final = 1_000_000

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_2D, _TISSUE = 1, 1  # Region Spatial Format and Region Data Type (DICOM PS3.3, C.8.5.5)


def read_header(path: Path) -> pydicom.Dataset:
    """The file without its pixels decoded. Raises ``SourceError`` when it is no DICOM."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matters is checked here
        try:
            return pydicom.dcmread(path)
        except (pydicom.errors.InvalidDicomError, *UNREADABLE) as error:
            raise SourceError(f"'{path}' cannot be read as DICOM: {error}") from error


def images(header: pydicom.Dataset, indices: list[int]) -> Iterator[UInt8Array]:
    """The frames with these numbers in 8 bits, ``(H, W)`` or ``(H, W, 3)`` RGB, decoded one at a time."""
    bits, inverted = int(header.BitsStored), header.PhotometricInterpretation == "MONOCHROME1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for image in iter_pixels(header, indices=indices):
            yield grey_levels(image, bits, inverted=inverted)


def frame_times_s(header: pydicom.Dataset, path: Path) -> Float64Array:
    """Seconds of each frame since the first, ``(n,)`` (DICOM PS3.3, C.7.6.5).

    Raises:
        SourceError: it does not say when its frames were taken.
    """
    count = int(header.get("NumberOfFrames") or 1)
    if count > MOST_FRAMES:
        raise SourceError(f"'{path}': expected at most {MOST_FRAMES} frames, got {count}")
    if count < 2:
        return np.zeros(1)
    if vector := header.get("FrameTimeVector"):
        times_ms = np.cumsum(np.asarray(vector, np.float64)).astype(np.float64)
        if len(times_ms) != count or not (np.diff(times_ms) > 0).all():
            raise SourceError(f"'{path}': Frame Time Vector does not give each of {count} frames a later time")
        since_s: Float64Array = (times_ms - times_ms[0]) / 1000
        return since_s
    step_ms = float(header.get("FrameTime") or 0)
    rate_hz = float(header.get("CineRate") or header.get("RecommendedDisplayFrameRate") or 0)
    if step_ms > 0 or rate_hz > 0:
        return np.arange(count, dtype=np.float64) * (step_ms / 1000 if step_ms > 0 else 1 / rate_hz)
    raise SourceError(f"'{path}': no Frame Time, Frame Time Vector or Cine Rate says when its frames were taken")


def check_coding(header: pydicom.Dataset, path: Path) -> None:
    """Raise ``SourceError`` when the images are coded in a way that is not known to be read rightly."""
    photometric = str(header.get("PhotometricInterpretation") or "none")
    if photometric not in (*_GREY, *_COLOUR):
        raise SourceError(
            f"'{path}': photometric interpretation {photometric} is not handled: expected one of "
            f"{', '.join((*_GREY, *_COLOUR))}"
        )
    bits = int(header.get("BitsStored") or 0)
    if header.get("PixelRepresentation") or (photometric in _COLOUR and bits != 8) or not 8 <= bits <= 16:
        raise SourceError(
            f"'{path}': expected unsigned grey levels of 8 to 16 bits or colours of 8, got {photometric} of {bits} bits"
            f"{', signed' if header.get('PixelRepresentation') else ''}"
        )
    syntax = header.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise SourceError(f"'{path}' does not say how its images are coded: expected a Transfer Syntax UID")
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise SourceError(
            f"'{path}': transfer syntax {syntax.name} needs a decoder that is not installed: convert the file, or "
            "install pylibjpeg with its plugins"
        )


def grey_levels(image: npt.NDArray[Any], bits: int, *, inverted: bool) -> UInt8Array:
    """An image in 8 bits, ``(H, W)`` or ``(H, W, 3)`` RGB; white is the highest value that the bit depth allows."""
    levels = image
    if bits > 8:
        levels = np.minimum(image.astype(np.uint32) * 255 // (2**bits - 1), 255)
    return (255 - levels if inverted else levels).astype(np.uint8)


def sector(header: pydicom.Dataset) -> tuple[Crop | None, tuple[str, ...]]:
    """The largest region that the file calls a two-dimensional image of tissue, and a note if it cannot be right."""
    rows, columns = int(header.Rows), int(header.Columns)
    found: list[tuple[int, Crop]] = []
    outside = False
    for region in header.get("SequenceOfUltrasoundRegions") or ():
        if (region.get("RegionSpatialFormat"), region.get("RegionDataType")) != (_2D, _TISSUE):
            continue
        left, top = int(region.RegionLocationMinX0), int(region.RegionLocationMinY0)
        right, bottom = int(region.RegionLocationMaxX1) + 1, int(region.RegionLocationMaxY1) + 1
        if not (0 <= left < right <= columns + 1 and 0 <= top < bottom <= rows + 1):
            outside = True
            continue
        crop = (top / rows, left / columns, min(bottom / rows, 1.0), min(right / columns, 1.0))
        found.append(((bottom - top) * (right - left), crop))
    if found:
        return max(found)[1], ()
    note = f"its ultrasound region does not lie in its {columns} x {rows} image: the whole image is used"
    return None, (note,) if outside else ()
