"""Small files that tests make: a DICOM cine and a tracked sequence, whose pictures tell their number."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid

Pictures = npt.NDArray[np.uint8]


def shades(count: int, height_px: int, width_px: int, channels: int = 1) -> Pictures:
    """``(count, H, W)`` or ``(count, H, W, 3)``: picture n is ``8 n`` all over, with a white corner at the top left."""
    shape = (count, height_px, width_px) if channels == 1 else (count, height_px, width_px, channels)
    pictures = np.empty(shape, np.uint8)
    pictures[:] = (8 * np.arange(count) % 256).reshape(-1, *[1] * (len(shape) - 1))
    pictures[:, :8, :8] = 255
    return pictures


def write_dicom(path: Path, pictures: Pictures, **facts: Any) -> Path:
    """A cine of ``(n, H, W)`` or ``(n, H, W, 3)``; ``facts`` are DICOM attributes on top, None leaves one out."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    cine = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    cine.SOPClassUID, cine.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    cine.NumberOfFrames, cine.Rows, cine.Columns = pictures.shape[:3]
    cine.SamplesPerPixel = 3 if pictures.ndim == 4 else 1
    cine.PhotometricInterpretation = "RGB" if pictures.ndim == 4 else "MONOCHROME2"
    if pictures.ndim == 4:
        cine.PlanarConfiguration = 0
    cine.BitsAllocated = cine.BitsStored = 8
    cine.HighBit, cine.PixelRepresentation = 7, 0
    cine.FrameTime = "40"
    cine.PixelData = pictures.tobytes()
    for name, value in facts.items():
        if value is None:
            delattr(cine, name)
        else:
            setattr(cine, name, value)
    cine.save_as(path, enforce_file_format=True)
    return path


def write_tracked(
    path: Path,
    pictures: Pictures,
    times_s: Sequence[float] | None = None,
    *,
    compressed: bool = True,
    invalid: Sequence[int] = (),
    **fields: str | None,
) -> Path:
    """A sequence of ``(n, H, W)`` or ``(n, H, W, 3)``; ``fields`` of the header on top, None leaves one out."""
    count, height_px, width_px = pictures.shape[:3]
    times_s = [5 + index / 25 for index in range(count)] if times_s is None else times_s
    header: dict[str, str | None] = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "CompressedData": str(compressed),
        "DimSize": f"{width_px} {height_px} {count}",
        "ElementNumberOfChannels": "3" if pictures.ndim == 4 else "1",
        "ElementType": "MET_UCHAR",
        "UltrasoundImageOrientation": "MF",
    }
    for index, time_s in enumerate(times_s):
        frame = f"Seq_Frame{index:04d}_"
        header[f"{frame}ProbeToTrackerTransform"] = f"1 0 0 {index} 0 1 0 0 0 0 1 0 0 0 0 1"
        header[f"{frame}ProbeToTrackerTransformStatus"] = "INVALID" if index % 10 == 9 else "OK"
        header[f"{frame}Timestamp"] = f"{time_s:.6f}"
        header[f"{frame}ImageStatus"] = "INVALID" if index in invalid else "OK"
    header |= fields
    header["ElementDataFile"] = fields.get("ElementDataFile", "LOCAL")
    lines = "".join(f"{name} = {value}\n" for name, value in header.items() if value is not None)
    content = pictures.tobytes()
    path.write_bytes(lines.encode() + (zlib.compress(content) if compressed else content))
    return path
