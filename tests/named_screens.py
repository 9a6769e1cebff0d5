"""A film of real GE screens with a patient's name on them: two layouts of one size, and a tone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

FPS, EACH = 10, 12
TONE_HZ, RATE_HZ = 440, 16_000


def named_screens(data_dir: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Two layouts of one size with names, and where these stand."""
    folder = data_dir / "sononet" / "example_images"
    one, other = (cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2RGB) for name in ("LIPS.png", "FEMUR.png"))
    moved = np.zeros_like(one)
    moved[300:667] = cv2.resize(other, None, fx=1.0, fy=0.5)[:367]
    pictures, letters = [], []
    for screen, places in ((one, [(90, 20), (90, 45), (600, 25)]), (moved, [(90, 120), (400, 200), (200, 270)])):
        written = screen.copy()
        for at in places:
            cv2.putText(written, "DOE^JANE 1985", at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (230, 230, 230), 1, cv2.LINE_AA)
        pictures.append(written)
        letters.append((written != screen).any(axis=2))
    return pictures, letters


def write_film(path: Path, pictures: list[np.ndarray]) -> Path:
    """The first layout, then the other, with a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=FPS)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "bgr0"
        sound = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        for number in range(2 * EACH):
            picture = av.VideoFrame.from_ndarray(pictures[number // EACH], format="rgb24").reformat(format="bgr0")
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(picture))
        count = 2 * EACH * RATE_HZ // FPS
        tone = (9000 * np.sin(2 * np.pi * TONE_HZ * np.arange(count) / RATE_HZ)).astype(np.int16)
        for first in range(0, count, 400):
            block = av.AudioFrame.from_ndarray(tone[None, first : first + 400], format="s16", layout="mono")
            block.sample_rate, block.pts, block.time_base = RATE_HZ, first, Fraction(1, RATE_HZ)
            container.mux(sound.encode(block))
        for stream in (video, sound):
            container.mux(stream.encode(None))
    return path
