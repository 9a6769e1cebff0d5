"""Sessions for the scores, written by the real writer: who looks where is known exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assistant.contracts import (
    Abstention,
    Decision,
    DeviceInfo,
    Frame,
    GazeSample,
    Guidance,
    TimelineEvent,
)
from assistant.session.writer import SessionHeader, SessionWriter
from tests.conftest import ManualClock

FPS, SECONDS = 20, 6
WIDTH, HEIGHT = 320, 240
RECT = (0, 0, HEIGHT, WIDTH)
HOT_PX = (240.0, 60.0)
"""Where the predicted gaze lies."""


def gaze_map() -> np.ndarray:
    """``(24, 32)`` a hill at ``HOT_PX``."""
    y, x = np.mgrid[0:24, 0:32]
    hill = np.exp(-((x - HOT_PX[0] / 10) ** 2 + (y - HOT_PX[1] / 10) ** 2) / 8.0) + 1e-4
    return (hill / hill.sum()).astype(np.float32)


MakeSession = Callable[..., Path]


@pytest.fixture
def make_session(tmp_path: Path) -> MakeSession:
    """Writes a session of 6 s at 20 frames a second.

    On screen: background, from 1 s on the abdomen, from 4 s to 4.5 s the femur (too short). The heatmap is shown until
    ``hidden_at_s``; from 5 s on the screen shows ``last``.
    """

    def make(
        *,
        trainee: str | None = "T01",
        source: str = "phantom:7,steer=live",
        plays: str = "",
        looks_at: tuple[float, float] | None = HOT_PX,
        hidden_at_s: float | None = 0.0,
        last: Abstention | None = None,
        tracker: dict | None = None,
        calibration: dict | None = None,
        truth: bool = True,
        gaze_offset_s: float = 0.0,
        folder: str = "recordings",
    ) -> Path:
        notes = {"session_id": plays} if plays else {}
        devices = [DeviceInfo("source", frozenset({"video", "events"}), origin="phantom", notes=notes)]
        if tracker is not None:
            devices.append(DeviceInfo("tracker", frozenset({"gaze"}), notes=tracker))
        config = {"source": source, "trainee": trainee, "dwell_s": 1.0, "predicted_gaze": "afterwards", "case": plays}
        header = SessionHeader("unnamed", False, "phantom", tuple(devices), config, "tiny@0")
        clock = ManualClock()
        writer = SessionWriter(tmp_path / folder, header, clock)
        begin = clock.now_ns()
        if calibration is not None:
            writer.put(TimelineEvent(begin, "event", {"event": "calibration", **calibration}))
        if hidden_at_s is not None:
            if hidden_at_s > 0:
                writer.put(TimelineEvent(begin, "event", {"event": "heatmap", "mode": "shown"}))
            hidden_ns = begin + round(hidden_at_s * 1e9)
            writer.put(TimelineEvent(hidden_ns, "event", {"event": "heatmap", "mode": "hidden"}))
        rng = np.random.default_rng(0)
        for index in range(SECONDS * FPS):
            time_ns = begin + index * 1_000_000_000 // FPS
            at_s = index / FPS
            plane = "femur" if 4 <= at_s < 4.5 else "abdomen" if at_s >= 1 else "background"
            if truth:
                score = 0.5 + 0.05 * min(index / FPS, 5)
                errors = {"abdomen": [10.0 - at_s, 2.0], "femur": [40.0, 20.0]}
                quality = {"plane": "abdomen", "score": score, "criteria": {"angle": at_s > 3, "level": True}}
                facts = {"frame_index": index, "plane": plane, "errors": errors, "quality": quality}
                writer.put(TimelineEvent(time_ns, "truth", facts))
            pixels = rng.integers(0, 200, (HEIGHT, WIDTH), dtype=np.uint8)
            writer.put(Frame(index, time_ns, pixels))
            abstention = last if at_s >= 5 else None
            decision = Decision(None if abstention else plane, plane, 0.9, abstention)
            probabilities = np.full(14, 1 / 14, np.float32)
            writer.put(Guidance(index, time_ns, 0, 0, time_ns, probabilities, decision, gaze_map(), RECT, "tiny@0"))
            for part in range(3):  # 60 samples a second
                sample_ns = time_ns + part * 16_000_000 + round(gaze_offset_s * 1e9)
                if looks_at is None:
                    writer.put(GazeSample(sample_ns, np.nan, np.nan, valid=False))
                else:
                    writer.put(GazeSample(sample_ns, *(np.array(looks_at) + rng.normal(0, 3, 2))))
        return writer.close(complete=True)

    return make
