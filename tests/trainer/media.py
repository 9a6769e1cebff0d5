"""Real files for the import: video with sound by FFmpeg, DICOM by pydicom."""

from pathlib import Path

import av
import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid

RATE_HZ = 48_000


def grey_steps(seconds, fps, size=(96, 128)):
    """Frames whose level tells their time: 20 more each second, from 20 on."""
    return [np.full(size, min(20 + 20 * (i / fps), 250), np.uint8) for i in range(round(seconds * fps))]


def write_video(path: Path, frames, fps=20, sound=None, codec="ffv1", sound_codec="pcm_s16le") -> Path:
    """Frames ``(H, W)`` uint8, and ``(N,)`` float32 sound at 48 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=fps)
        video.height, video.width = frames[0].shape
        video.pix_fmt = "gray" if codec == "ffv1" else "yuv420p"
        track = None
        if sound is not None:
            track = container.add_stream(sound_codec, rate=RATE_HZ, layout="mono")
        for image in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        container.mux(video.encode())
        if track is not None:
            block = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16)[None], format="s16", layout="mono")
            block.sample_rate = RATE_HZ
            container.mux(track.encode(block))
            container.mux(track.encode())
    return path


def write_dicom(path: Path, pixels, photometric, **tags) -> Path:
    """``(n, H, W)`` or ``(n, H, W, 3)`` uint8 or uint16, uncompressed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = UltrasoundMultiFrameImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.Modality = "US"
    data.NumberOfFrames, data.Rows, data.Columns = pixels.shape[:3]
    data.SamplesPerPixel = 3 if pixels.ndim == 4 else 1
    if pixels.ndim == 4:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = photometric
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.FrameTime = 100
    data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path
