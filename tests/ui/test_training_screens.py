"""The screens of a training session: calibration check, case library, and the watch over the window."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QCursor
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication, QPushButton

from assistant.clock import MonotonicClock
from assistant.plugin_loader import load_plugin
from assistant.teaching.cases import Case
from assistant.teaching.gaze_mapping import on_image
from assistant.teaching.observer import Observer
from tests.ui.conftest import ARTEFACTS, discard
from tests.ui.scripted_run import ScriptedRun, frame_of, live, snapshot_of
from ui.gaze_legend import GazeLegend
from ui.image_view import ImageView
from ui.training import calibration_screen
from ui.training.calibration_screen import CalibrationScreen
from ui.training.case_screen import CaseScreen
from ui.training.watch import HIDDEN_AFTER_NS, TrainingWatch, screen_view

ARTEFACTS.mkdir(exist_ok=True)


@pytest.fixture
def mouse():
    device = load_plugin("sonocue.gaze", "mouse")("", paced=True)
    device.open(MonotonicClock())
    yield device
    device.close()


@pytest.fixture
def screen(mouse, qtbot, monkeypatch):
    monkeypatch.setattr(calibration_screen, "SETTLE_NS", 60_000_000)
    monkeypatch.setattr(calibration_screen, "LOOK_NS", 400_000_000)
    shown = CalibrationScreen(mouse, "mouse", 600.0)
    shown.resize(1280, 800)
    shown.show()
    qtbot.waitExposed(shown)
    yield shown
    shown.end()
    discard(shown)


def look_at_points(screen, mouse, off=0.0):
    """The eye is where the point is, or beside it, until the check is over."""
    deadline = time.monotonic() + 20
    while screen.result is None and time.monotonic() < deadline:
        if screen.target is not None:
            mouse.point_at((screen.target[0] + off, screen.target[1]))
        QApplication.processEvents()
        time.sleep(0.005)  # the tracker's thread needs the processor
    assert screen.result is not None


def test_five_points_by_keys_alone(screen, mouse, qtbot):
    finished = []
    screen.finished.connect(lambda: finished.append(True))
    screen.grab().save(str(ARTEFACTS / "calibration_begin.png"))
    QTest.keyClick(screen.focusWidget() or screen.findChildren(QPushButton)[0], Qt.Key.Key_Space)
    assert screen.target == (0.5, 0.5)
    screen.grab().save(str(ARTEFACTS / "calibration_point.png"))
    look_at_points(screen, mouse)
    assert screen.result.passed and len(screen.result.points) == 5
    screen.grab().save(str(ARTEFACTS / "calibration_passed.png"))
    QTest.keyClick(screen.focusWidget(), Qt.Key.Key_Space)
    assert screen.goes_on and finished


def test_a_tracker_that_is_off_is_not_passed_and_may_be_checked_again(screen, mouse):
    screen.begin()
    look_at_points(screen, mouse, off=0.2)
    assert not screen.result.passed and not screen.goes_on
    again, goes_on, _ = screen.findChildren(QPushButton)
    assert again.text() == "Check again" and "without scored gaze" in goes_on.text()
    QApplication.processEvents()
    screen.grab().save(str(ARTEFACTS / "calibration_refused.png"))
    assert all(button.width() >= button.sizeHint().width() for button in (again, goes_on)), "no word is cut off"
    QTest.keyClick(screen, Qt.Key.Key_Escape)
    assert not screen.goes_on


@pytest.fixture
def cases():
    return tuple(Case(n, f"20261125T0{n}-abcd", Path("c"), 60.0 * n, n == 2, n == 1) for n in range(1, 5))


@pytest.mark.parametrize("blinded", [False, True])
def test_the_library_begins_with_what_is_not_done(cases, blinded, qtbot):
    screen = CaseScreen(cases, blinded=blinded)
    screen.resize(1280, 800)
    screen.show()
    qtbot.waitExposed(screen)
    screen.grab().save(str(ARTEFACTS / f"cases{'_blinded' if blinded else ''}.png"))
    lines = [screen.list.item(row).text() for row in range(4)]
    assert ("abcd" in lines[0]) is not blinded
    assert lines[0].endswith("\N{MIDDLE DOT}   done") and lines[1].endswith("not done yet")
    QTest.keyClick(screen.list, Qt.Key.Key_Down)
    QTest.keyClick(screen.list, Qt.Key.Key_Return)
    assert screen.chosen.number == 3
    discard(screen)


class ObservedRun(ScriptedRun):
    def __init__(self, snapshots, observer):
        super().__init__(snapshots)
        self.observer = observer


def test_the_watch_tells_where_the_image_is_and_whether_gaze_is_shown(open_window, manual_clock, mouse):
    noted = []
    observer = Observer(manual_clock, noted.append, print, mouse)
    bare = snapshot_of(frame_of(live().frame.pixels), number=5)
    window = open_window(ObservedRun([live(), live(), bare], observer), clock=manual_clock)
    view = window.findChild(ImageView)
    (watch,) = window.findChildren(TrainingWatch)
    watch.stop()
    watch._clock = manual_clock
    noted.clear()  # the timer may have looked before there was an image
    window.pull()
    watch.look()
    assert [event.data.get("mode") for event in noted if event.data["event"] == "heatmap"] == ["shown"]

    # A point on the monitor over the image's middle lies in the image's middle.
    area, ratio = view.image_rect(), view.devicePixelRatioF()
    at = view.mapToGlobal(QPoint(round(area.center().x() / ratio), round(area.center().y() / ratio)))
    QCursor.setPos(at)
    QApplication.processEvents()
    watch.look()
    deadline = time.monotonic() + 5
    while not (sample := mouse.read("gaze", 0.1)).valid and time.monotonic() < deadline:
        pass
    found = on_image(sample, screen_view(view))
    frame = live().frame
    assert found.x_px == pytest.approx(frame.width_px / 2, abs=2)
    assert found.y_px == pytest.approx(frame.height_px / 2, abs=2)

    window.press("freeze")
    watch.look()
    while (held := mouse.read("gaze", 0.1)).valid and time.monotonic() < deadline:
        pass
    assert not held.valid, "what is looked at is not the image that is recorded now"
    window.press("freeze")

    window.pull()
    window.pull()  # the image without guidance
    watch.look()
    manual_clock.advance(HIDDEN_AFTER_NS / 1e9 - 0.1)
    watch.look()
    modes = [event.data["mode"] for event in noted if event.data["event"] == "heatmap"]
    assert modes == ["shown"], "what was seen a moment ago is in the mind"
    manual_clock.advance(0.2)
    watch.look()
    assert [event.data["mode"] for event in noted if event.data["event"] == "heatmap"] == ["shown", "hidden"]


def test_hidden_gaze_has_no_key_and_no_legend(open_window, manual_clock):
    observer = Observer(manual_clock, None, print, hides_gaze=True)
    window = open_window(ObservedRun([live()], observer), clock=manual_clock)
    assert not window.findChild(GazeLegend).isVisible()
    window.findChildren(TrainingWatch)[0].stop()
