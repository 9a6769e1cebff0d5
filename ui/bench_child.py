# ruff: noqa: T201 - what it prints is read by the parent
"""One measurement of ``sonocue bench ui``, in a process of its own: ``python -m ui.bench_child WHAT ...``.

Prints one JSON line. On the main thread.
"""

from __future__ import annotations

import json
import sys
import time

import cv2
import numpy as np

from assistant.contracts import Decision, Frame, GazeSample, Guidance
from assistant.snapshot import ChecklistItem, Counters, PlaneProgress, Snapshot, SoundLevel, StageLatency

FPS, WIDTH_PX, HEIGHT_PX = 30, 1920, 1080
_WARM_UP, _STEPS = 30, 8


class MovingScene:
    """A run whose image, gaze map, thumbnails and numbers all change with every snapshot: the dearest case."""

    def __init__(self, *, colour: bool) -> None:
        rng = np.random.default_rng(0)
        grey = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT_PX, WIDTH_PX), np.uint8), (0, 0), 2).astype(np.uint8)
        image = cv2.applyColorMap(grey, cv2.COLORMAP_BONE).astype(np.uint8) if colour else grey
        self._images = [np.ascontiguousarray(np.roll(image, 40 * step, axis=1)) for step in range(_STEPS)]
        rows, columns = np.mgrid[0:56, 0:72] / 64.0
        hills = [np.exp(-((rows - 0.4) ** 2 + (columns - 0.2 - 0.08 * step) ** 2) / 0.02) for step in range(_STEPS)]
        self._maps = [(hill / hill.sum()).astype(np.float32) for hill in hills]
        self._thumbnail = np.ascontiguousarray(grey[:96, :128])
        self._number = 0
        self._now = self._moment()

    def advance(self) -> None:
        """The next moment."""
        self._number += 1
        self._now = self._moment()

    def snapshot(self) -> Snapshot:
        """See ``SnapshotSource``."""
        return self._now

    def stop(self) -> None:
        """Nothing runs."""

    def _moment(self) -> Snapshot:
        number, captured_ns = self._number, self._number * 1_000_000_000 // FPS
        frame = Frame(number, captured_ns, self._images[number % _STEPS])
        guidance = Guidance(
            frame_index=number, captured_ns=captured_ns, stream=0, scene=0, ready_ns=captured_ns,
            probabilities=np.full(14, 1 / 14, np.float32), decision=Decision("abdomen", "abdomen", 0.9),
            gaze_map=self._maps[number % _STEPS], gaze_rect_px=(100, 200, 1000, 1700), model_id="bench@0",
        )  # fmt: skip
        planes = tuple(PlaneProgress(f"plane {item}", number / FPS, seen=item % 2 == 0) for item in range(13))
        return Snapshot(
            number=number, frame=frame, guidance=guidance, guidance_age_ms=30.0 + number % 7,
            gaze=GazeSample(captured_ns, 900.0 + number % 100, 500.0),
            sound=SoundLevel(-40.0 + number % 30, speech=number % 2 == 0, clipped=False), recording=True, session=None,
            elapsed_s=number / FPS, fps=30.0, guidance_fps=28.0, counters=Counters(number, number, number, 0, 0),
            latency={"total": StageLatency(28.0, 44.0, 50.0)}, planes=planes, source="bench", engine="none",
            notices=("A notice.",), faults=(), ended=False, disk_s_left=3600.0 + number,
            checklist=tuple(ChecklistItem(one.plane, None, "suggested", 2.0, 0.9, self._thumbnail) for one in planes),
        )  # fmt: skip


class SteadyClock:
    """Moves by one image at each repaint, so that the panels come at their usual pace."""

    def __init__(self) -> None:
        self.ns = 0

    def now_ns(self) -> int:
        """See ``Clock``."""
        return self.ns


def paint(image: str, repaints: int, seconds: float) -> dict[str, object]:
    """Processor time of a repaint; share of a core at 30 images a second; what is painted when nothing is new."""
    cv2.setNumThreads(1)  # as in a live run
    from PyQt6.QtCore import QTimer

    from ui.app import new_application
    from ui.window import Window

    application = new_application("en")
    scene, clock = MovingScene(colour=image == "colour"), SteadyClock()
    window = Window(scene, title="Sonocue", clock=clock)
    window.resize(WIDTH_PX, HEIGHT_PX)
    window.show()
    cost_ms = []
    for number in range(_WARM_UP + repaints):
        scene.advance()
        clock.ns += 1_000_000_000 // FPS
        began = time.process_time_ns()
        window.pull()
        application.processEvents()
        if number >= _WARM_UP:
            cost_ms.append((time.process_time_ns() - began) / 1e6)
    window.hide()
    window.deleteLater()

    live = Window(scene, title="Sonocue")
    painted = _paints_counted(live)
    live.resize(WIDTH_PX, HEIGHT_PX)
    live.show()
    live.start()
    source = QTimer()
    source.timeout.connect(scene.advance)
    source.start(round(1000 / FPS))
    _run_for(1.0)
    count, cpu_s, began_s = painted[0], time.process_time(), time.perf_counter()
    _run_for(seconds)
    passed_s = time.perf_counter() - began_s
    share, images = (time.process_time() - cpu_s) / passed_s, painted[0] - count
    source.stop()
    _run_for(0.5)
    count = painted[1]
    _run_for(1.0)
    return {
        "repaints": len(cost_ms),
        "window": [WIDTH_PX, HEIGHT_PX],
        "frame": [WIDTH_PX, HEIGHT_PX],
        "cpu_ms_median": round(float(np.median(cost_ms)), 2),
        "cpu_ms_p95": round(float(np.percentile(cost_ms, 95)), 2),
        "core_share_at_30_fps": round(share, 3),
        "painted_fps": round(images / passed_s, 2),
        "paints_without_news": painted[1] - count,
    }


def first_image() -> dict[str, object]:
    """The moment when the first image of the software scanner stands in the live window."""
    from assistant.config import load_config
    from assistant.pipeline import start_run
    from ui.app import new_application
    from ui.window import Window

    application = new_application("en")
    run = start_run(load_config(None, {}).model_copy(update={"record": None}))
    window = Window(run, title="Sonocue")
    painted = _paints_counted(window)
    window.resize(WIDTH_PX, HEIGHT_PX)
    window.show()
    window.start()
    while window.shown_frame is None or painted[0] == 0:
        _run_for(0.005)
    painted_ns = time.perf_counter_ns()
    run.stop()
    run.wait()
    del window, application
    return {"painted_ns": painted_ns}


def start_page() -> dict[str, object]:
    """The moment when the start page stands there; what it looks for comes later."""
    from ui.app import new_application
    from ui.remembered import recall
    from ui.start_page import StartPage

    application = new_application("en")
    page = StartPage(recall())
    page.resize(WIDTH_PX, HEIGHT_PX)
    page.show()
    application.processEvents()
    page.repaint()
    painted_ns = time.perf_counter_ns()
    page.hide()
    page.wait_left()
    del page, application
    return {"painted_ns": painted_ns}


def engine(how: str, seconds: float) -> dict[str, object]:
    """The median latency of a run on the software scanner, with a window or without."""
    from assistant.config import load_config
    from assistant.pipeline import start_run
    from ui.app import run_window

    run = start_run(load_config(None, {"seconds": seconds}).model_copy(update={"record": None}))
    if how == "window":
        run_window(run, title="Sonocue", seconds=seconds, language="en")
    run.wait()
    latency = run.summary()["latency_ms"]
    return {"p50_ms": None if latency is None else latency["p50"]}


def _paints_counted(window: object) -> list[int]:
    """How often the image, and how often anything, was painted so far; goes on counting."""
    from PyQt6.QtCore import QEvent, QObject
    from PyQt6.QtWidgets import QWidget

    from ui.image_view import ImageView

    counts = [0, 0]

    class Count(QObject):
        def eventFilter(self, a0: QObject | None, a1: QEvent | None) -> bool:
            if a1 is not None and a1.type() == QEvent.Type.Paint:
                counts[0] += isinstance(a0, ImageView)
                counts[1] += 1
            return False

    assert isinstance(window, QWidget)  # noqa: S101 - for the type
    counter = Count(window)
    for widget in (window, *window.findChildren(QWidget)):
        widget.installEventFilter(counter)
    return counts


def _run_for(seconds: float) -> None:
    from PyQt6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def main() -> None:
    """Measure what is asked for, and print it."""
    what, *arguments = sys.argv[1:]
    if what == "paint":
        found = paint(arguments[0], int(arguments[1]), float(arguments[2]))
    elif what == "engine":
        found = engine(arguments[0], float(arguments[1]))
    else:
        found = {"first-image": first_image, "start-page": start_page}[what]()
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
