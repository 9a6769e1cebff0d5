"""Sessions that carry their own truth: the frame's index is drawn into its pixels, so that loss and reordering show."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.contracts import AudioBlock, DeviceInfo, Frame
from assistant.session.writer import SessionHeader

FRAME_STEP_NS = 33_366_700  # 29.97 frames a second: no whole number of milliseconds
RATE_HZ = 16_000


def numbered_pixels(index: int, shape: tuple[int, ...]) -> np.ndarray:
    """A smooth moving image with ``index`` as 12 black and white blocks along its top edge."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = (127 + 60 * np.sin((columns + 5 * index) / 17) * np.cos(rows / 23)).astype(np.uint8)
    for bit in range(12):
        image[:16, bit * 16 : (bit + 1) * 16] = 230 if index >> bit & 1 else 25
    if len(shape) == 2:
        return image
    return np.stack([image, image[::-1], 255 - image], axis=2)


def number_in(pixels: np.ndarray) -> int:
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    return sum(int(grey[4:12, bit * 16 + 4 : bit * 16 + 12].mean() > 127) << bit for bit in range(12))


class Recording:
    """What a scanner and a microphone might deliver."""

    step_ns = FRAME_STEP_NS
    rate_hz = RATE_HZ
    numbered_pixels = staticmethod(numbered_pixels)
    number_in = staticmethod(number_in)

    @staticmethod
    def header(*streams: str, rate_hz: int = RATE_HZ) -> SessionHeader:
        info = DeviceInfo(
            name="drawn", streams=frozenset(streams), width_px=0, height_px=0, fps=29.97,
            sample_rate_hz=rate_hz if "sound" in streams else 0, sector_crop=(0.1, 0.2, 0.9, 0.8),
        )  # fmt: skip
        return SessionHeader("subject-7", True, "phantom", (info,), {"seed": 7}, "tiny@0123456789ab")

    @staticmethod
    def frame(index: int, shape: tuple[int, ...] = (120, 224), start_ns: int = 5_000_000_123, stream: int = 0) -> Frame:
        return Frame(index, start_ns + index * FRAME_STEP_NS, numbered_pixels(index, shape), stream)

    @staticmethod
    def block(number: int, start_ns: int = 5_000_000_123, size: int = 400) -> AudioBlock:
        """25 ms of a tone whose 16-bit samples stand for themselves."""
        first = number * size
        tone = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(first, first + size) / RATE_HZ)) / 32768
        return AudioBlock(first, start_ns + first * 1_000_000_000 // RATE_HZ, RATE_HZ, tone.astype(np.float32))


@pytest.fixture
def recording() -> type[Recording]:
    return Recording
