"""How fast the software scanner is: rendering, whole scans, recording a data set, and playing live.

``python scripts/bench_phantom.py [--size 640x480] [--live-size 1280x1024] [--seconds 12] [--subjects 4]``. A recording
is made by as many processes as there are processors, with sound and all; rendering and playing use one each.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from assistant.clock import MonotonicClock
from assistant.contracts import Frame
from plugins.phantom.dataset import Recipe, make_dataset
from plugins.phantom.device import Phantom
from plugins.phantom.scan import FPS, Scan
from plugins.phantom.settings import ScanSettings, parse_settings


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--live-size", default="1280x1024")
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--subjects", type=int, default=4)
    parser.add_argument("--subject-seconds", type=float, default=60.0)
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {platform.machine()}")
    for size in dict.fromkeys((wanted.size, wanted.live_size)):
        _render(parse_settings(f"1,seconds={wanted.seconds},size={size}"), size)
    _record(wanted.size, wanted.subjects, wanted.subject_seconds)
    _play(parse_settings(f"1,seconds={wanted.seconds},size={wanted.live_size}"), wanted.live_size)


def _render(settings: ScanSettings, size: str) -> None:
    begin = time.perf_counter()
    scan = Scan(settings)
    built_s = time.perf_counter() - begin
    frame_ms = []
    frames = scan.frames()
    while True:
        begin = time.perf_counter()
        if next(frames, None) is None:
            break
        frame_ms.append((time.perf_counter() - begin) * 1e3)
    begin, cpu = time.perf_counter(), time.process_time()
    count = sum(isinstance(item, Frame) for item in scan.items())
    wall, used = time.perf_counter() - begin, time.process_time() - cpu
    print(
        f"rendering {size}: subject built in {built_s:.1f} s; {np.median(frame_ms):.1f} ms a frame (median), ", end=""
    )
    print(
        f"{np.percentile(frame_ms, 95):.1f} ms (p95); with sound, gaze and truth {used / count * 1e3:.1f} ms of ",
        end="",
    )
    print(f"processor a frame, {count / wall / FPS:.1f} x real time on one core")


def _record(size: str, subjects: int, seconds: float) -> None:
    settings = parse_settings(f"0,seconds={seconds},size={size}")
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        make_dataset(Path(folder) / "set", Recipe(subjects, 9, settings, unseen=0))
        wall = time.perf_counter() - begin
    print(f"recording {size}: {subjects} subjects of {seconds:g} s in {wall:.0f} s, ", end="")
    print(f"{subjects * seconds / wall:.1f} x real time, processes and encoding included")


def _play(settings: ScanSettings, size: str) -> None:
    device = Phantom(settings, paced=True)
    begin = time.perf_counter()
    device.open(MonotonicClock())
    opened_s = time.perf_counter() - begin
    try:
        arrivals: list[tuple[int, int]] = []
        used_s: list[tuple[float, float]] = []
        while (
            len(arrivals) < ((settings.seconds or 0.0) - 2.0) * FPS
        ):  # it renders ahead and ends before the last frame
            item = device.read("video", 1.0)
            if item is None:
                continue
            arrivals.append((item.captured_ns, time.perf_counter_ns()))
            used_s.append((_processor_seconds(device.renderer_pid), time.process_time()))
    finally:
        device.close()
    late_ms = [(arrived - due) / 1e6 for due, arrived in arrivals]
    played_s = (arrivals[-1][1] - arrivals[0][1]) / 1e9
    steady = 2 * FPS  # by then the renderer waits for its reader, and no longer fills the queue
    steady_s = (arrivals[-1][1] - arrivals[steady][1]) / 1e9
    shares = [(last - first) / steady_s for first, last in zip(used_s[steady], used_s[-1], strict=True)]
    print(f"playing {size}: open {opened_s:.1f} s, {(len(arrivals) - 1) / played_s:.2f} fps, ", end="")
    print(f"late {np.median(late_ms):.1f} ms (median), {max(late_ms):.1f} ms (worst); ", end="")
    print(f"{shares[0]:.0%} of a core in the renderer's process, {shares[1]:.0%} in the reader's")


def _processor_seconds(pid: int | None) -> float:
    """User and system time of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
