"""How fast the software scanner is: ms a frame, whole scans a second, and what the live device costs.

``python scripts/bench_phantom.py [--size 800x600] [--seconds 10]``. One thread, as in the live device's process.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import cv2
import numpy as np

from assistant.clock import MonotonicClock
from assistant.contracts import Frame
from plugins.phantom.device import Phantom
from plugins.phantom.scan import FPS, Scan
from plugins.phantom.settings import parse_settings


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="800x600")
    parser.add_argument("--seconds", type=float, default=12.0)
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    settings = parse_settings(f"1,seconds={wanted.seconds},size={wanted.size}")
    begin = time.perf_counter()
    scan = Scan(settings)
    print(f"subject built in {time.perf_counter() - begin:.2f} s")

    frame_ms = []
    frames = scan.frames()
    while True:
        begin = time.perf_counter()
        if next(frames, None) is None:
            break
        frame_ms.append((time.perf_counter() - begin) * 1e3)
    print(f"{wanted.size}: {np.median(frame_ms):.1f} ms a frame (median), {np.percentile(frame_ms, 95):.1f} ms (p95)")

    begin, cpu = time.perf_counter(), time.process_time()
    count = sum(isinstance(item, Frame) for item in scan.items())
    wall = time.perf_counter() - begin
    print(
        f"unpaced, with sound, gaze and truth: {count / wall:.0f} frames/s, {count / wall / FPS:.1f} x real time",
        end="",
    )
    print(f", {(time.process_time() - cpu) / count * 1e3:.1f} ms of processor a frame")

    device = Phantom(settings, paced=True)
    begin = time.perf_counter()
    device.open(MonotonicClock())
    opened_s = time.perf_counter() - begin
    try:
        arrivals: list[tuple[int, int]] = []
        used_s: list[float] = []
        while len(arrivals) < (wanted.seconds - 2.0) * FPS:  # it renders ahead and ends before the last frame
            item = device.read("video", 1.0)
            if item is None:
                continue
            arrivals.append((item.captured_ns, time.perf_counter_ns()))
            used_s.append(_processor_seconds(device.renderer_pid))
    finally:
        device.close()
    late_ms = [(arrived - due) / 1e6 for due, arrived in arrivals]
    played_s = (arrivals[-1][1] - arrivals[0][1]) / 1e9
    print(f"live: open {opened_s:.1f} s, {(len(arrivals) - 1) / played_s:.2f} fps, ", end="")
    print(f"late {np.median(late_ms):.1f} ms (median), {max(late_ms):.1f} ms (worst), ", end="")
    steady = 2 * FPS  # by then the renderer waits for its reader, and no longer fills the queue
    share = (used_s[-1] - used_s[steady]) / ((arrivals[-1][1] - arrivals[steady][1]) / 1e9)
    print(f"{share:.0%} of a core in its process")


def _processor_seconds(pid: int | None) -> float:
    """User and system time of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
