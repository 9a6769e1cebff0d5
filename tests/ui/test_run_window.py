"""``run_window`` from its opening to its end, as the command line calls it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PyQt6.QtWidgets import QApplication, QWidget

from assistant.errors import SessionError, SonocueError
from assistant.session.verify import verify_session
from tests.sonocue_command import finish, start_sonocue
from tests.ui.conftest import ARTEFACTS
from tests.ui.scripted_run import IMAGE, ScriptedRun, live, live_snapshots, snapshot_of, video_images
from ui import app, window
from ui.app import run_window
from ui.display import require_display
from ui.stills import ScreenshotKeeper


class RunWithEvent(ScriptedRun):
    """Does something once, while the window asks for the snapshot of the given number."""

    def __init__(self, snapshots, at, event, **settings):
        super().__init__(snapshots, **settings)
        self._at, self._event = at, event

    def snapshot(self):
        now = super().snapshot()
        if self.asked == self._at:
            self._event()
        return now


def the_window():
    (opened,) = [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()]
    return opened


def ending(snapshots):
    """The same, with an end of its own."""
    *first, last = snapshots
    return [*first, snapshot_of(last.frame, number=last.number + 1, ended=True)]


def test_the_screenshot_is_the_last_one_with_live_guidance(data_dir, tmp_path):
    images = video_images(data_dir / "us_video" / "clarius-ocular-short.mp4", 12)
    run = ScriptedRun(ending(live_snapshots(images)))  # guidance is gone at the end
    file = tmp_path / "folder" / "overlay.png"
    run_window(run, title="Sonocue", screenshot=file)
    shot = cv2.imread(str(file))
    assert shot.shape == (1080, 1920, 3)
    assert [path.name for path in file.parent.iterdir()] == ["overlay.png"]
    # The probe's image fills the left: its bright pixels stand in the picture, and the heatmap's colours over them.
    left = shot[100:1000, :1400].astype(int)
    spread = left.max(axis=2) - left.min(axis=2)
    assert (left.max(axis=2) > 100).mean() > 0.02
    assert (spread > 60).mean() > 0.02, "no heatmap"
    assert run.stops >= 1
    ARTEFACTS.mkdir(exist_ok=True)
    (ARTEFACTS / "run-window-screenshot.png").write_bytes(file.read_bytes())


def test_a_screenshot_without_guidance_is_better_than_none(tmp_path):
    run = ScriptedRun([snapshot_of(None), snapshot_of(None, number=2, ended=True)])
    run_window(run, title="Sonocue", screenshot=tmp_path / "shot.png")
    assert cv2.imread(str(tmp_path / "shot.png")).any()


def test_a_screenshot_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    run = ScriptedRun(ending(live_snapshots([IMAGE, IMAGE])))
    with pytest.raises(SessionError, match=r"picture '.*shot.png' cannot be written"):
        run_window(run, title="Sonocue", screenshot=tmp_path / "file" / "shot.png")
    assert run.stops >= 1


def test_seconds_stop_the_run_and_close_the_window():
    run = ScriptedRun(live_snapshots([IMAGE] * 10_000))
    run_window(run, title="Sonocue", seconds=0.3)
    assert run.stops >= 1
    assert run.snapshot().ended
    assert run.asked > 2


def test_the_last_image_stays_until_the_user_closes():
    run = ScriptedRun(ending(live_snapshots([IMAGE] * 4)))
    seen = []

    def close():
        seen.append(the_window().isVisible())
        the_window().close()

    closer = RunWithEvent(ending(live_snapshots([IMAGE] * 4)), at=30, event=close)
    run_window(closer, title="Sonocue")
    assert seen == [True]
    assert closer.asked == 30
    assert run.stops == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_run_through_the_handler_before_and_closes_the_window(number):
    handled = []
    before = signal.signal(number, lambda *_: handled.append(threading.current_thread()))
    ours = signal.getsignal(number)
    try:
        run = RunWithEvent(live_snapshots([IMAGE] * 100), at=5, event=lambda: os.kill(os.getpid(), number))
        run_window(run, title="Sonocue")
        assert signal.getsignal(number) is ours, "the handler before is in its place again"
    finally:
        signal.signal(number, before)
    assert handled == [threading.main_thread()]
    assert run.stops >= 1
    assert run.asked < 20


def test_ctrl_c_closes_the_window_also_when_nobody_else_handles_it():
    run = RunWithEvent(live_snapshots([IMAGE] * 100), at=5, event=lambda: os.kill(os.getpid(), signal.SIGINT))
    run_window(run, title="Sonocue")
    assert run.stops >= 1


def test_ctrl_c_in_a_real_process_closes_window_and_session(data_dir, tiny_bundle, tmp_path, display):
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed (apt-get install xdotool)")
    film = data_dir / "us_video" / "butterfly-ocular-phantom.mp4"  # 29 s: it does not end by itself
    process = start_sonocue(
        "live", "--source", f"file:{film}", "--model", tiny_bundle.path, "--json", folder=tmp_path,
        env={"QT_QPA_PLATFORM": "xcb", "DISPLAY": display},
    )  # fmt: skip
    try:
        subprocess.run(
            ["xdotool", "search", "--sync", "--onlyvisible", "--name", "^Sonocue$"],
            check=True, capture_output=True, timeout=60, env=os.environ | {"DISPLAY": display},
        )  # fmt: skip
    finally:
        process.send_signal(signal.SIGINT)
        status, out, err = finish(process)
    assert status == 0, err
    summary = json.loads(out)
    assert summary["captured"] == summary["recorded"]
    (session,) = (tmp_path / "recordings").iterdir()
    assert verify_session(session) == []


def test_a_defect_stops_the_run_and_is_raised():
    def defect():
        raise ZeroDivisionError("a defect in the window")

    run = RunWithEvent(live_snapshots([IMAGE] * 100), at=5, event=defect)
    with pytest.raises(ZeroDivisionError):
        run_window(run, title="Sonocue")
    assert run.stops == 1


def test_a_run_that_never_ends_is_said(monkeypatch):
    for module in (app, window):
        monkeypatch.setattr(module, "STOP_DEADLINE_NS", 100_000_000)
    run = ScriptedRun(live_snapshots([IMAGE] * 10_000), obeys_stop=False)
    with pytest.raises(SonocueError, match="did not end within"):
        run_window(run, title="Sonocue", seconds=0.1)


@pytest.mark.parametrize(
    ("name", "words"), [("", "DISPLAY is not set"), (":4711", "no X server answers at DISPLAY=:4711")]
)
def test_no_screen_is_one_line_and_not_the_end_of_the_process(name, words):
    """In a process of its own: here there is a screen already."""
    program = (
        "from tests.ui.scripted_run import *; from ui.app import run_window; from assistant.errors import ConfigError\n"
        "run = ScriptedRun(live_snapshots([sector_image(30, 40)]))\n"
        "try: run_window(run, title='Sonocue')\n"
        "except ConfigError as error: print(run.stops, error)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "WAYLAND_DISPLAY"}
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60,
        env=environment | {"DISPLAY": name, "QT_QPA_PLATFORM": "xcb"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("1 window: ")
    assert words in ended.stdout


def test_a_screen_that_answers_is_found(monkeypatch, display):
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    require_display()


def test_colour_images_keep_their_colours_in_the_screenshot(tmp_path):
    red = np.zeros((90, 120, 3), np.uint8)
    red[..., 0] = 200
    still = [snapshot_of(snapshot.frame, number=snapshot.number) for snapshot in live_snapshots([red] * 3)]
    run_window(ScriptedRun(ending(still)), title="Sonocue", screenshot=tmp_path / "red.png")
    assert tuple(cv2.imread(str(tmp_path / "red.png"))[540, 700]) == (0, 0, 200)


def test_the_screenshot_prefers_the_surest_standard_plane(qtbot, tmp_path):
    """Background, an abdomen at two confidences, a later doubtful one, and background again: the surest one stays."""
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.resize(20, 20)
    keeper = ScreenshotKeeper(widget)
    shown = [("background", 0.99, "#000000"), ("abdomen", 0.7, "#400000"), ("abdomen", 0.95, "#00ff00"),
             ("abdomen", 0.7, "#000040"), ("background", 0.99, "#404040")]  # fmt: skip
    for second, (plane, confidence, colour) in enumerate(shown):
        widget.setStyleSheet(f"background: {colour}")
        snapshot = live(plane)
        decision = replace(snapshot.guidance.decision, confidence=confidence)
        snapshot = replace(snapshot, guidance=replace(snapshot.guidance, decision=decision))
        keeper.consider(snapshot, heat_visible=True, now_ns=second * 10**9, last=second == len(shown) - 1)
    keeper.save(tmp_path / "kept.png")
    assert cv2.imread(str(tmp_path / "kept.png"))[10, 10].tolist() == [0, 255, 0]
