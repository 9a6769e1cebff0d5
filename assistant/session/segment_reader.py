"""Reads one Matroska file of a session, also one whose writer was killed in the middle.

Runs on whichever thread iterates; each iterator has a container and a decoder of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError

from assistant.contracts import Float32Array, UInt8Array
from assistant.errors import SessionError
from assistant.session.manifest import Segment


def decode_frames(folder: Path, segment: Segment, *, grey: bool, from_ms: int = 0) -> Iterator[tuple[int, UInt8Array]]:
    """Yield ``(container_ms, pixels)`` from ``from_ms`` on; pixels ``(H, W)`` when the segment or ``grey`` says so.

    Raises:
        SessionError: the file is missing or damaged.
    """
    try:
        with av.open(str(folder / segment.file), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            stream.thread_count = 1  # whoever reads has the other processor for what is done with the frames
            if from_ms:
                container.seek(from_ms * 1000)  # in microseconds; lands on the keyframe before
            for picture in container.decode(stream):
                container_ms = round((picture.time or 0.0) * 1000)
                if container_ms >= from_ms:
                    yield container_ms, pixels_of(picture, segment, grey)
    except (OSError, FFmpegError, IndexError) as error:
        raise SessionError(f"'{folder / segment.file}' cannot be read: {error}") from error


def decode_sound(folder: Path, segment: Segment) -> Iterator[Float32Array]:
    """Yield the samples of each packet, ``(n,)`` float32. Raises ``SessionError`` as ``decode_frames`` does."""
    try:
        with av.open(str(folder / segment.file), metadata_errors="replace") as container:
            for block in container.decode(container.streams.audio[0]):
                samples = block.to_ndarray().reshape(-1)
                if samples.dtype == np.int16:
                    yield samples.astype(np.float32) / np.float32(32768.0)
                else:
                    yield samples.astype(np.float32)
    except (OSError, FFmpegError, IndexError) as error:
        raise SessionError(f"'{folder / segment.file}' cannot be read: {error}") from error


def count_content(folder: Path, segment: Segment) -> tuple[int, int]:
    """Frames and sound samples that the file holds, found without decoding; zeros when it cannot be opened at all."""
    frames = sound_bytes = 0
    try:
        with av.open(str(folder / segment.file), metadata_errors="replace") as container:
            for packet in container.demux():
                if packet.stream.type == "video":
                    frames += packet.size > 0
                else:
                    sound_bytes += packet.size
    except (OSError, FFmpegError):
        pass  # what came before the damage counts
    return frames, sound_bytes // segment.sample_bytes


def frame_times_ms(folder: Path, segment: Segment) -> list[int]:
    """The container's time of each image, rising, found without decoding. Raises ``SessionError``."""
    try:
        with av.open(str(folder / segment.file)) as container:
            stream = container.streams.video[0]
            times = [float(p.pts * p.time_base) for p in container.demux(stream) if p.size and p.pts is not None]
    except (OSError, FFmpegError, IndexError) as error:
        raise SessionError(f"'{folder / segment.file}' cannot be read: {error}") from error
    return sorted(round(1000 * time_s) for time_s in times)


def pixels_of(picture: av.VideoFrame, segment: Segment, grey: bool) -> UInt8Array:
    """The true image: one channel or RGB, without the row and column that 4:2:0 coding may have added."""
    if segment.video_codec == "h264":
        planes = _array(picture, "yuv420p")
        if segment.grey or grey:  # luma is the grey image itself: no conversion
            luma = planes[: picture.height]
            if not segment.grey:
                luma = _full_range(luma)
            return np.ascontiguousarray(luma[: segment.height_px, : segment.width_px])
        image = cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420)
        return np.ascontiguousarray(image[: segment.height_px, : segment.width_px], dtype=np.uint8)
    if segment.grey:
        return _array(picture, "gray")
    image = _array(picture, "rgb24")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8) if grey else image


def _array(picture: av.VideoFrame, pixel_format: str) -> UInt8Array:
    return np.ascontiguousarray(picture.to_ndarray(format=pixel_format), dtype=np.uint8)


_STRETCH = np.clip(np.rint((np.arange(256) - 16.0) * 255.0 / 219.0), 0, 255).astype(np.uint8)


def _full_range(luma: UInt8Array) -> UInt8Array:
    """Luma of 16..235 as grey of 0..255."""
    return np.asarray(cv2.LUT(luma, _STRETCH), dtype=np.uint8)
