"""What one repaint of the window costs: processor time at 1920x1080 with heatmap and all panels, as one JSON line.

    python scripts/bench_window.py [--repaints N] [--colour]

Measured is the process's own time over all threads, from a new snapshot to the painted window; the X server's time is
not in it. Without a display it starts Xvfb, or says that there is none.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from assistant.contracts import Decision, Frame, Guidance
from assistant.snapshot import Counters, PlaneProgress, Snapshot, SoundLevel, StageLatency

FPS = 30
WARM_UP = 30


@contextmanager
def a_display() -> Iterator[None]:
    """The user's display, or a virtual one for as long as this lasts."""
    if os.environ.get("DISPLAY") or os.environ.get("QT_QPA_PLATFORM"):
        yield
        return
    if shutil.which("Xvfb") is None:
        raise SystemExit("bench_window: no display, and Xvfb is not installed")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1920x1080x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server, os.fdopen(reading) as told:
        os.close(writing)
        os.environ["DISPLAY"] = f":{told.readline().strip()}"
        try:
            yield
        finally:
            server.terminate()


class MovingScene:
    """A run whose image, gaze map and numbers all change with every snapshot: the dearest case."""

    def __init__(self, *, colour: bool) -> None:
        rng = np.random.default_rng(0)
        grey = cv2.GaussianBlur(rng.integers(0, 256, (1024, 1280), np.uint8), (0, 0), 2).astype(np.uint8)
        image = cv2.applyColorMap(grey, cv2.COLORMAP_BONE).astype(np.uint8) if colour else grey
        self._images = [np.ascontiguousarray(np.roll(image, 40 * step, axis=1)) for step in range(8)]
        rows, columns = np.mgrid[0:56, 0:72] / 64.0
        hills = [np.exp(-((rows - 0.4) ** 2 + (columns - 0.2 - 0.08 * step) ** 2) / 0.02) for step in range(8)]
        self._maps = [(hill / hill.sum()).astype(np.float32) for hill in hills]
        self._number = 0

    def snapshot(self) -> Snapshot:
        """The next image."""
        self._number += 1
        number, captured_ns = self._number, self._number * 1_000_000_000 // FPS
        frame = Frame(number, captured_ns, self._images[number % 8])
        guidance = Guidance(
            frame_index=number, captured_ns=captured_ns, stream=0, scene=0, ready_ns=captured_ns,
            probabilities=np.full(14, 1 / 14, np.float32), decision=Decision("abdomen", "abdomen", 0.9),
            gaze_map=self._maps[number % 8], gaze_rect_px=(100, 100, 924, 1180), model_id="bench@0",
        )  # fmt: skip
        return Snapshot(
            number=number, frame=frame, guidance=guidance, guidance_age_ms=30.0 + number % 7, gaze=None,
            sound=SoundLevel(-40.0 + number % 30, speech=number % 2 == 0, clipped=False), recording=True, session=None,
            elapsed_s=number / FPS, fps=30.0, guidance_fps=28.0, counters=Counters(number, number, number, 0, 0),
            latency={"total": StageLatency(28.0, 44.0, 50.0)},
            planes=tuple(PlaneProgress(f"plane {item}", number / FPS, seen=item % 2 == 0) for item in range(13)),
            source="bench", engine="none", notices=("A notice.",), faults=(), ended=False,
        )  # fmt: skip

    def stop(self) -> None:
        """Nothing runs."""


class SteadyClock:
    """Moves by one frame at each repaint, so that the panels come at their usual pace."""

    def __init__(self) -> None:
        self.ns = 0

    def now_ns(self) -> int:
        """See ``Clock``."""
        return self.ns


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Processor time of one repaint of the window, as one JSON line.")
    parser.add_argument("--repaints", type=int, default=300)
    parser.add_argument("--colour", action="store_true", help="RGB images instead of grey ones")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)  # as in a live run
    with a_display():
        from PyQt6.QtWidgets import QApplication

        from ui.window import Window

        application = QApplication(["bench_window"])
        clock = SteadyClock()
        window = Window(MovingScene(colour=arguments.colour), title="Sonocue", clock=clock)
        window.resize(1920, 1080)
        window.show()
        cost_ms = []
        for number in range(WARM_UP + arguments.repaints):
            clock.ns += 1_000_000_000 // FPS
            began = time.process_time_ns()
            window.pull()
            application.processEvents()
            if number >= WARM_UP:
                cost_ms.append((time.process_time_ns() - began) / 1e6)
        print(
            json.dumps(
                {
                    "repaints": len(cost_ms),
                    "window": [window.width(), window.height()],
                    "image": [1280, 1024],
                    "colour": arguments.colour,
                    "platform": application.platformName(),
                    "cpu_ms_median": round(float(np.median(cost_ms)), 2),
                    "cpu_ms_p95": round(float(np.percentile(cost_ms, 95)), 2),
                    "core_share_at_30_fps": round(float(np.mean(cost_ms)) * FPS / 1000, 3),
                }
            )
        )
        window.deleteLater()
        application.processEvents()
        del window, application


if __name__ == "__main__":
    main()
