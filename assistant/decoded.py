"""What a decoder gives, as the contracts want it.

One conversion for files and network streams, so that the same picture has the same pixels. Runs on the thread that
reads the device.
"""

from __future__ import annotations

import av
import cv2
import numpy as np

from assistant.contracts import Float32Array, UInt8Array

_BT601 = {2, 5, 6}  # unspecified (FFmpeg then takes BT.601 too), BT.470BG, SMPTE 170M
_FULL_RANGE = 2


def to_pixels(picture: av.VideoFrame) -> UInt8Array:
    """The picture upright, ``(H, W)`` when it is grey, else ``(H, W, 3)`` RGB.

    An interlaced picture is two moments, one in the even and one in the odd lines: only the even ones' is kept.
    """
    if picture.format.name.startswith("gray"):
        pixels = np.asarray(picture.to_ndarray(format="gray"), np.uint8)
    elif (
        picture.format.name == "yuv420p" and picture.colorspace in _BT601 and picture.color_range != _FULL_RANGE
    ):  # what most files are; a fraction of the time that FFmpeg's own converter takes
        pixels = _rgb_of_yuv420p(picture)
    else:
        pixels = np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
    if picture.interlaced_frame:
        pixels = _first_field(pixels)
    upright = np.rot90(pixels, k=round(picture.rotation / 90)) if picture.rotation else pixels
    return np.ascontiguousarray(upright)


def _first_field(pixels: UInt8Array) -> UInt8Array:
    """The even lines, and between them their means."""
    full = pixels.copy()
    if len(full) > 2:
        below = full[2::2]
        full[1 : 2 * len(below) : 2] = cv2.addWeighted(full[: 2 * len(below) : 2], 0.5, below, 0.5, 0)
    if len(full) % 2 == 0:
        full[-1] = full[-2]  # there is no line below
    return full


def _rgb_of_yuv420p(picture: av.VideoFrame) -> UInt8Array:
    """``(H, W, 3)``. Odd sizes are converted one row and column larger, from the decoder's padding, and cut."""
    height, width = picture.height, picture.width
    even_height, even_width = height + height % 2, width + width % 2
    luma, *chroma = (np.frombuffer(memoryview(p), np.uint8).reshape(p.height, p.line_size) for p in picture.planes)
    packed = np.empty((even_height * 3 // 2, even_width), np.uint8)
    packed[:height] = luma[:, :even_width]
    halves = packed[even_height:].reshape(2, even_height // 2, even_width // 2)
    for half, plane in zip(halves, chroma, strict=True):
        half[:] = plane[:, : even_width // 2]
    return np.asarray(cv2.cvtColor(packed, cv2.COLOR_YUV2RGB_I420), np.uint8)[:height, :width]


def to_mono(decoded: av.AudioFrame) -> Float32Array:
    """All channels' mean, ``(n,)`` float32 in [-1, 1]."""
    resampler = av.AudioResampler(format="fltp", layout=decoded.layout)
    planes = np.concatenate([frame.to_ndarray() for frame in resampler.resample(decoded)], axis=1)
    return np.asarray(np.clip(planes.mean(axis=0), -1.0, 1.0), np.float32)
