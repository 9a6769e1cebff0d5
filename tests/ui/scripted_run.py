"""A run that follows a script, for tests of the window: images, guidance and faults without an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from assistant.class_list import load_class_list
from assistant.contracts import Abstention, Decision, Float32Array, Frame, Guidance, UInt8Array
from assistant.snapshot import Counters, PlaneProgress, Snapshot, SoundLevel, StageLatency

PLANES = load_class_list("sononet13").planes
FPS = 30


class ScriptedRun:
    """Gives the snapshots one by one, one at each call, then the last one again and again until it is stopped."""

    def __init__(self, snapshots: Iterable[Snapshot], *, obeys_stop: bool = True) -> None:
        self._rest: Iterator[Snapshot] = iter(snapshots)
        self._now = next(self._rest)
        self._obeys_stop = obeys_stop
        self.asked = 0
        self.stops = 0

    def snapshot(self) -> Snapshot:
        self.asked += 1
        if not self._now.ended:
            self._now = next(self._rest, self._now) if self.asked > 1 else self._now
            if self.stops and self._obeys_stop:
                self._now = replace(self._now, number=self._now.number + 1, ended=True, recording=False)
        return self._now

    def stop(self) -> None:
        self.stops += 1


def sector_image(height_px: int = 735, width_px: int = 975, seed: int = 0) -> UInt8Array:
    """``(H, W)`` uint8: a sector of speckle with an ellipse and a shadow, dark around it."""
    rng = np.random.default_rng(seed)
    speckle = cv2.GaussianBlur(rng.rayleigh(1.0, (height_px, width_px)).astype(np.float32), (0, 0), 1.3)
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    apex_x, apex_y = width_px / 2, -0.15 * height_px
    radius = np.hypot(x - apex_x, y - apex_y) / height_px
    angle = np.arctan2(x - apex_x, y - apex_y)
    inside = (np.abs(angle) < 0.6) & (radius > 0.22) & (radius < 1.1)
    ring = np.hypot((x - width_px / 2) / (0.19 * width_px), (y - 0.55 * height_px) / (0.24 * height_px))
    tissue = 62 * speckle * np.exp(-0.8 * (radius - 0.22)) * np.where(ring < 0.93, 0.35, 1.0)
    tissue += 120 * np.exp(-(((ring - 1.0) / 0.05) ** 2))
    image: UInt8Array = np.where(inside, tissue, 6).clip(0, 255).astype(np.uint8)
    return image


def gaze_blob(height: int = 56, width: int = 72, *, x: float = 0.5, y: float = 0.55) -> Float32Array:
    """``(h, w)`` float32 density, sums to 1: two hills."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    rows, columns = rows / height, columns / width
    hills = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 0.012)
    hills += 0.5 * np.exp(-((columns - x + 0.2) ** 2 + (rows - y - 0.12) ** 2) / 0.006) + 1e-4
    density: Float32Array = (hills / hills.sum()).astype(np.float32)
    return density


def frame_of(pixels: UInt8Array, index: int = 0) -> Frame:
    return Frame(index, 1_000_000_000 + index * 1_000_000_000 // FPS, pixels)


def guidance_for(
    frame: Frame,
    plane: str | None = "four-chamber view",
    *,
    confidence: float = 0.93,
    gaze: bool = True,
    abstention: Abstention | None = None,
) -> Guidance:
    """Guidance with a gaze map over the middle of ``frame``; it abstains when ``plane`` is None."""
    reason = abstention or (Abstention.LOW_CONFIDENCE if plane is None else None)
    top, left = round(0.15 * frame.height_px), round(0.1 * frame.width_px)
    probabilities = np.full(14, 1 / 14, np.float32)
    return Guidance(
        frame_index=frame.index,
        captured_ns=frame.captured_ns,
        stream=0,
        scene=0,
        ready_ns=frame.captured_ns + 30_000_000,
        probabilities=probabilities,
        decision=Decision(plane, plane or "lips", confidence, reason),
        gaze_map=gaze_blob() if gaze else None,
        gaze_rect_px=(top, left, frame.height_px - top, frame.width_px - left),
        model_id="phantom-small@0123456789ab",
    )


def snapshot_of(frame: Frame | None, guidance: Guidance | None = None, *, number: int = 1, **changes: Any) -> Snapshot:
    """A snapshot of a run in good health; ``changes`` replaces fields."""
    done = {"transcerebellar brain": 12.4, "abdomen": 3.1, "femur": 5.8, "four-chamber view": 1.4}
    usual = Snapshot(
        number=number,
        frame=frame,
        guidance=guidance,
        guidance_age_ms=None if guidance is None else 38.2,
        gaze=None,
        sound=SoundLevel(-23.0, speech=True, clipped=False),
        recording=True,
        session=None,
        elapsed_s=754.2,
        fps=29.97,
        guidance_fps=28.4,
        counters=Counters(captured=22_601, recorded=22_601, guided=21_433, skipped=1_168, lost=0),
        latency={"total": StageLatency(28.7, 44.1, 52.0)},
        planes=tuple(PlaneProgress(name, done.get(name, 0.0), done.get(name, 0.0) > 2) for name in PLANES),
        source="file: heart_and_spine_second_trimester.mp4",
        engine="phantom-small@0123456789ab on OpenVINO 2026.4, int8, CPU",
        notices=(),
        faults=(),
        ended=False,
    )
    return replace(usual, **changes)


def live_snapshots(pixels: Iterable[UInt8Array], plane: str | None = "abdomen") -> Iterator[Snapshot]:
    """A live run over the images: each with guidance about itself."""
    for index, image in enumerate(pixels):
        frame = frame_of(image, index)
        yield snapshot_of(frame, guidance_for(frame, plane), number=index + 1)


def video_images(file: Path, count: int) -> list[UInt8Array]:
    """The first ``count`` images of a video, ``(H, W, 3)`` uint8 RGB."""
    with av.open(str(file)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in islice(container.decode(video=0), count)]


IMAGE = sector_image(245, 325)


def live(plane="abdomen", **changes):
    """A moment of a live run: an image with guidance that names ``plane``."""
    frame = frame_of(IMAGE)
    return snapshot_of(frame, guidance_for(frame, plane), **changes)
