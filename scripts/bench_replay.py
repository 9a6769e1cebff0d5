"""How soon a long session opens in the replay window, and how soon it shows any frame: one JSON line.

    PYTHONPATH=. python scripts/bench_replay.py [--minutes 60] [--seeks 40] [--session FOLDER]

Without ``--session`` it writes one of small synthetic images with sound, gaze and guidance by the session writer, which
takes a while. Measured is what a user waits for: from the call that makes the window to the first painted image, and
from a seek to a random frame to that frame painted, while the timeline is still being read and after. Needs a display,
or Xvfb.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from assistant.class_list import load_class_list
from assistant.clock import MonotonicClock
from assistant.contracts import AudioBlock, Decision, DeviceInfo, Frame, GazeSample, Guidance
from assistant.session.writer import SessionHeader, SessionWriter
from assistant.virtual_screen import any_screen

FPS, RATE_HZ, SHAPE, MAP = 30, 16_000, (240, 320), (56, 72)


def write_session(folder: Path, minutes: float) -> Path:
    """A guided session with sound; every frame is a moving pattern of speckle."""
    rng = np.random.default_rng(0)
    speckle = rng.integers(0, 200, (SHAPE[0], 4 * SHAPE[1]), np.uint8)
    planes = load_class_list().classes
    gaze_map = rng.random(MAP).astype(np.float32)
    gaze_map /= gaze_map.sum()
    info = DeviceInfo(
        "bench", frozenset({"video", "sound", "gaze"}), "phantom", SHAPE[1], SHAPE[0], FPS, RATE_HZ
    )  # fmt: skip
    writer = SessionWriter(folder, SessionHeader("bench", True, "phantom", (info,), {}, "bench@0"), MonotonicClock())
    samples = (0.1 * rng.standard_normal(RATE_HZ)).astype(np.float32)
    for index in range(round(minutes * 60 * FPS)):
        at_ns = index * 1_000_000_000 // FPS
        if index % FPS == 0:
            writer.put(AudioBlock(index // FPS * RATE_HZ, at_ns, RATE_HZ, samples.copy()))
        shift = 2 * index % (3 * SHAPE[1])
        writer.put(Frame(index, at_ns, np.ascontiguousarray(speckle[:, shift : shift + SHAPE[1]])))
        writer.put(GazeSample(at_ns, 100.0, 100.0))
        plane = planes[index // 150 % len(planes)]
        chances = np.full(len(planes), 1 / len(planes), np.float32)
        writer.put(
            Guidance(
                index, at_ns, 0, 0, at_ns, chances, Decision(plane, plane, 0.9), gaze_map, (0, 0, *SHAPE), "bench@0"
            )
        )
    return writer.close()


def measure(session: Path, seeks: int) -> dict[str, object]:
    """Open, seek while the timeline is read, wait for it, seek again."""
    from PyQt6.QtCore import QEvent
    from PyQt6.QtWidgets import QApplication

    from ui.image_view import ImageView
    from ui.replay.window import ReplayWindow

    application = QApplication(["bench_replay"])
    rng = np.random.default_rng(1)

    def until(condition: Callable[[], bool]) -> None:
        while not condition():
            application.processEvents()
            time.sleep(0.0005)

    began = time.perf_counter()
    window = ReplayWindow(session, load_class_list(), with_sound=False)
    window.resize(1440, 900)
    window.show()
    view = window.findChild(ImageView)

    def shown() -> int:
        return -1 if view is None or view._frame is None else view._frame.index

    until(lambda: shown() >= 0)
    application.processEvents()
    open_s = time.perf_counter() - began
    sitting = window.sitting
    if sitting is None or sitting.player is None:
        raise SystemExit("bench_replay: the session cannot be shown")
    player, recording = sitting.player, sitting.recording

    def seek_ms() -> float:
        position = int(rng.integers(len(recording.times_ns)))
        wanted = int(recording.reader.frame_indices[position])
        start = time.perf_counter()
        player.seek(position)
        until(lambda: shown() == wanted)
        application.processEvents()
        return 1000 * (time.perf_counter() - start)

    early = [seek_ms() for _ in range(seeks)]
    until(lambda: recording.index.complete)
    read_s = time.perf_counter() - began
    late = [seek_ms() for _ in range(seeks)]
    window.close()
    window.deleteLater()
    application.sendPostedEvents(window, QEvent.Type.DeferredDelete)
    return {
        "frames": len(recording.times_ns),
        "minutes": round(recording.duration_s / 60, 1),
        "open_s": round(open_s, 3),
        "timeline_read_s": round(read_s, 1),
        "seek_while_reading_ms": {"median": round(float(np.median(early)), 1), "max": round(max(early), 1)},
        "seek_ms": {"median": round(float(np.median(late)), 1), "max": round(max(late), 1)},
    }


def main() -> None:
    """Write, measure and print."""
    parser = argparse.ArgumentParser(description="Opening and seeking of the replay window, as one JSON line.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seeks", type=int, default=40)
    parser.add_argument("--session", type=Path, help="an existing session instead")
    arguments = parser.parse_args()
    with any_screen(), tempfile.TemporaryDirectory() as scratch:
        session = arguments.session or write_session(Path(scratch), arguments.minutes)
        print(json.dumps(measure(session, arguments.seeks)))


if __name__ == "__main__":
    main()
