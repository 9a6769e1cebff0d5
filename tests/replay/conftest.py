"""Sessions that tell which frame is which: the index is drawn into the pixels, and guidance names its frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.clock import MonotonicClock
from assistant.contracts import Abstention, AudioBlock, Decision, DeviceInfo, Frame, GazeSample, Guidance, TimelineEvent
from assistant.session.writer import SessionHeader, SessionWriter

STEP_NS, START_NS, RATE_HZ = 33_366_700, 5_000_000_123, 16_000


def numbered(index: int) -> np.ndarray:
    image = np.full((96, 208), 60, np.uint8)
    for bit in range(12):
        image[:16, bit * 16 : (bit + 1) * 16] = 230 if index >> bit & 1 else 25
    return image


def number_in(pixels: np.ndarray) -> int:
    return sum(int(pixels[4:12, bit * 16 + 4 : bit * 16 + 12].mean() > 127) << bit for bit in range(12))


def plane_of(index: int) -> str | None:
    """Thirty frames each: background, abdomen, femur, abstention, and so on."""
    return ("background", "abdomen", "femur", None)[index // 30 % 4]


def guidance(index: int) -> Guidance:
    plane = plane_of(index)
    gaze = np.zeros((6, 13), np.float32)
    gaze[index % 6, index % 13] = 1.0
    decision = Decision(plane, plane or "femur", (index % 100) / 100, None if plane else Abstention.LOW_CONFIDENCE)
    at_ns = START_NS + index * STEP_NS
    thirds = np.full(3, 1 / 3, np.float32)
    return Guidance(index, at_ns, 0, 0, at_ns + 9_000_000, thirds, decision, gaze, (0, 0, 96, 208), "tiny@0123456789ab")


def record(
    folder: Path, frames: int = 240, *, sound: bool = True, guided: bool = True, close: bool = True, name: str = "scan"
) -> Path:
    """A session; every third frame has no guidance, as when inference is late."""
    streams = frozenset({"video", "gaze", *(("sound",) if sound else ())})
    info = DeviceInfo("drawn", streams, "phantom", 208, 96, 29.97, RATE_HZ if sound else 0)
    header = SessionHeader("subject-7", True, "phantom", (info,), {}, "tiny@0123456789ab" if guided else None)
    writer = SessionWriter(folder, header, MonotonicClock(), session_id=name)
    heard = 0
    for index in range(frames):
        at_ns = START_NS + index * STEP_NS
        while sound and START_NS + heard * 10**9 // RATE_HZ <= at_ns:
            tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(heard, heard + 400) / RATE_HZ)
            writer.put(AudioBlock(heard, START_NS + heard * 10**9 // RATE_HZ, RATE_HZ, tone.astype(np.float32)))
            heard += 400
        writer.put(Frame(index, at_ns, numbered(index)))
        writer.put(GazeSample(at_ns, float(index % 208), 40.0))
        writer.put(TimelineEvent(at_ns, "truth", {"frame_index": index, "plane": plane_of(index) or "femur"}))
        if guided and index % 3 != 1:
            writer.put(guidance(index))
        if index in (50, 150):
            writer.put(TimelineEvent(at_ns, "event", {"event": "screen", "mode": "B-mode"}))
    if frames:
        said = {"end_ns": START_NS + 60 * STEP_NS, "utterance": "here is the abdomen", "relevant": True, "plane": None}
        writer.put(TimelineEvent(START_NS + 30 * STEP_NS, "truth", said))
    if close:
        return writer.close()
    writer._segment.close()  # as after a kill: nothing is renamed
    return writer.path


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of 240 frames, eight seconds. Not to be written to."""
    return record(tmp_path_factory.mktemp("sessions"))
