"""Scans to measure with when a user names none: moving speckle with sound, labels and gaze, as video files.

They mean nothing; only their size is that of real ones. Called by the command's only thread.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from assistant.class_list import load_class_list
from trainer.config import TrainConfig

SUBJECTS, SECONDS, FRAMES_HZ = 5, 12, 30
HEIGHT_PX, WIDTH_PX = 480, 640
_RATE_HZ = 16_000


def make_scans(folder: Path, config: TrainConfig) -> None:
    """Write ``SUBJECTS`` videos (H.264) of ``SECONDS`` each, and their tables."""
    folder.mkdir(parents=True)
    planes = (config.classes or load_class_list(config.class_list).classes)[:4]
    background = load_class_list(config.class_list).background
    rng = np.random.default_rng(0)
    rows = []
    for number in range(SUBJECTS):
        name = f"scan-{number}"
        _write_video(folder / f"{name}.mp4", rng)
        shown = [*planes, background]
        step_s = SECONDS / len(shown)
        rows += [(f"{name}.mp4", i * step_s, (i + 1) * step_s, plane) for i, plane in enumerate(shown)]
        gaze = [
            (f"{t:.3f}", *rng.uniform((0, 0), (WIDTH_PX, HEIGHT_PX)).round(1), 1) for t in np.arange(0, SECONDS, 0.1)
        ]
        _write_table(folder / f"{name}.gaze.csv", ("time_s", "x_px", "y_px", "valid"), gaze)
    _write_table(folder / "labels.csv", ("file", "start_s", "end_s", "plane"), rows)


def _write_video(file: Path, rng: np.random.Generator) -> None:
    size = (HEIGHT_PX + SECONDS * FRAMES_HZ, WIDTH_PX)
    speckle = np.clip(cv2.GaussianBlur(rng.gamma(1.0, 60.0, size), (0, 0), 1.8), 0, 255).astype(np.uint8)
    with av.open(str(file), "w") as container:
        video = container.add_stream("libx264", rate=FRAMES_HZ, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        track = container.add_stream("aac", rate=_RATE_HZ, layout="mono")
        for i in range(SECONDS * FRAMES_HZ):
            moved = np.ascontiguousarray(speckle[i : i + HEIGHT_PX])
            container.mux(video.encode(av.VideoFrame.from_ndarray(moved, format="gray")))
        container.mux(video.encode())
        sound = rng.normal(0, 0.05, (1, SECONDS * _RATE_HZ)).astype(np.float32)
        block = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
        block.sample_rate = _RATE_HZ
        container.mux(track.encode(block))
        container.mux(track.encode())


def _write_table(file: Path, names: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        writer.writerows(rows)
