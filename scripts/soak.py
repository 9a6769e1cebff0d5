"""Does a long run grow? Two hours' worth of frames in lock-step, recorded and guided; prints one JSON line.

    python scripts/soak.py [--frames 216000] [--every 10000] [--model default] [--source phantom:1,size=640x480]

Memory is read every so many frames. Its growth is the slope of the straight line through the readings of the second
half (least squares): in the first, caches fill, most of all the software scanner's, which renders here in the same
process (64 phrases, 16 settings of its console). Handles and threads are counted before the run and after its end. The
exit status is 1 when memory grows by 1 MB per 10,000 frames or more, over at least 100,000, or anything is left open.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from assistant.config import load_config
from assistant.contracts import Guidance
from assistant.pipeline import start_run
from assistant.process_watch import memory_mb, native_threads, open_handles

FPS = 30
MOST_MB_PER_10000 = 1.0
LEAST_FRAMES = 100_000
"""The growth over fewer is told, but not judged: caches still fill."""
SETTLED_WITHIN_S = 10.0
"""A library's threads end a little after what they worked for."""


def counted() -> dict[str, int]:
    """What may be left behind."""
    return {"handles": open_handles(), "threads": threading.active_count(), "native_threads": native_threads()}


def settled(before: dict[str, int]) -> dict[str, int]:
    """The same after a run: as soon as nothing is left behind, at the latest when nothing will settle any more."""
    deadline_s = time.monotonic() + SETTLED_WITHIN_S
    while True:
        after = counted()
        if all(after[name] <= before[name] for name in before) or time.monotonic() > deadline_s:
            return after
        time.sleep(0.05)  # libraries tell nobody


def run_once(source: str, model: str, folder: Path, frames: int, every: int) -> list[tuple[int, float]]:
    """One run to its end: memory in MB by number of frames."""
    readings: list[tuple[int, float]] = []

    def look(guidance: Guidance) -> None:
        if (guidance.frame_index + 1) % every == 0:
            readings.append((guidance.frame_index + 1, memory_mb()))
            print(f"  {guidance.frame_index + 1} frames, {readings[-1][1]:.1f} MB", file=sys.stderr)

    config = load_config(
        None,
        {"source": source, "model": model, "record": folder, "subject": "soak", "lockstep": True,
         "seconds": frames / FPS},
    )  # fmt: skip
    run = start_run(config, on_guidance=look)
    run.wait()
    if run.failed:
        raise SystemExit("; ".join(run.summary()["faults"]))
    return readings


def growth_mb(readings: list[tuple[int, float]]) -> float | None:
    """Per 10,000 frames, over the second half; None with too few readings for a line."""
    late = readings[len(readings) // 2 :]
    if len(late) < 3:
        return None
    numbers, memory = np.array(late).T
    return float(np.polyfit(numbers / 10_000, memory, 1)[0])


def main() -> None:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description="Memory, handles and threads over a long run in lock-step.")
    parser.add_argument("--frames", type=int, default=2 * 3600 * FPS)
    parser.add_argument("--every", type=int, default=10_000, help="frames between readings of memory")
    parser.add_argument("--model", default="default")
    parser.add_argument("--source", default="phantom:1,size=640x480")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sonocue-soak-") as folder:
        # What Python and libraries keep once they were used (thread pools, imported modules) is no leak: use them.
        run_once(arguments.source, arguments.model, Path(folder) / "warm-up", 60, arguments.every)
        before, began_s = counted(), time.monotonic()
        readings = run_once(arguments.source, arguments.model, Path(folder) / "run", arguments.frames, arguments.every)
        passed_s, after = time.monotonic() - began_s, settled(before)
    growth = growth_mb(readings)
    left = {name: after[name] - before[name] for name in before}
    print(
        json.dumps(
            {
                "frames": arguments.frames,
                "source": arguments.source,
                "wall_s": round(passed_s, 1),
                "memory_mb": [[number, round(memory, 1)] for number, memory in readings],
                "growth_mb_per_10000_frames": None if growth is None else round(growth, 3),
                "before": before,
                "left": left,
            }
        )
    )
    grows = growth is not None and arguments.frames >= LEAST_FRAMES and growth >= MOST_MB_PER_10000
    if grows or any(count > 0 for count in left.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
