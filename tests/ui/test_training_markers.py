"""The markers of a scene camera on a real screen: they stand where they are said to stand, and cover no image."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PyQt6.QtCore import QRect
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QApplication, QWidget

from assistant.clock import MonotonicClock
from assistant.contracts import DeviceInfo, GazeSample
from assistant.teaching.calibration import TARGETS
from assistant.teaching.observer import Observer
from assistant.teaching.scene_markers import TAGS, Markers, ScreenFinder
from tests.ui.conftest import ARTEFACTS, discard
from tests.ui.scripted_run import ScriptedRun, live
from tests.ui.test_training_screens import ObservedRun
from ui.image_view import ImageView
from ui.training.calibration_screen import LOOK_NS, SETTLE_NS, CalibrationScreen
from ui.training.markers import MarkerCorners, MarkerSquare
from ui.training.watch import TrainingWatch


class SceneTracker:
    """A tracker whose scene camera is the screen itself: it sees what stands there, without lens or angle."""

    needs_consent = False

    def __init__(self) -> None:
        self.markers: Markers | None = None
        self.markers_seen = 0

    def open(self, clock) -> DeviceInfo:
        return DeviceInfo("scene", frozenset({"gaze"}), notes={"coordinates": "monitor"})

    def look_for(self, markers: Markers | None) -> None:
        self.markers = markers
        self.markers_seen = 0 if markers is None else len(markers.squares_px)

    def read(self, stream, timeout_s):
        time.sleep(timeout_s)
        return GazeSample(0, float("nan"), float("nan"), valid=False)

    def close(self) -> None:
        """Nothing is open."""


def whole_screen(name: str) -> np.ndarray:
    """``(h, w)`` what stands on the screen."""
    QApplication.processEvents()
    shot = QApplication.primaryScreen().grabWindow(0).toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    shot.save(str(ARTEFACTS / name))
    pixels = np.frombuffer(shot.constBits().asarray(shot.sizeInBytes()), np.uint8)
    return pixels.reshape(shot.height(), shot.bytesPerLine())[:, : shot.width()].copy()  # the picture's memory goes


def assert_found_where_told(picture: np.ndarray, markers: Markers) -> None:
    """The camera, led by what it was told, sees each point of the screen at its own place."""
    assert markers.monitor_px == picture.shape[::-1]
    finder = ScreenFinder(None)
    sight = finder.look(0, picture, markers)
    assert sight.seen == len(TAGS)
    for at in ((200.0, 150.0), (960.0, 540.0), (1500.0, 900.0)):
        led = sight.lead(finder.straightened(*at)) * markers.monitor_px
        assert led == pytest.approx(np.array(at) + 0.5, abs=1.0)  # the camera counts from the first pixel's centre


def test_the_window_shows_markers_around_the_image(open_window, manual_clock):
    tracker = SceneTracker()
    observer = Observer(manual_clock, None, print, tracker)
    window = open_window(ObservedRun([live()], observer), clock=manual_clock, size=(1600, 900))
    (watch,) = window.findChildren(TrainingWatch)
    watch.stop()
    window.pull()
    QApplication.processEvents()
    watch.look()
    view = window.findChild(ImageView)
    assert window.focusWidget() is view, "keys reach the window as before"
    assert_found_where_told(whole_screen("markers_window.png"), tracker.markers)
    placed = [QRect(square.mapTo(window, square.rect().topLeft()), square.size()) for square in squares_of(window)]
    image = QRect(view.mapTo(window, view.rect().topLeft()), view.size())
    assert len(placed) == 4 and not any(rect.intersects(image) for rect in placed)
    assert view.width() > 0.45 * window.width(), "the image keeps most of its room"
    assert all(len(square.accessibleName()) > 5 for square in squares_of(window))

    before = tracker.markers
    window.resize(1300, 800)
    QApplication.processEvents()
    watch.look()
    assert tracker.markers != before
    assert_found_where_told(whole_screen("markers_window_smaller.png"), tracker.markers)
    window.hide()
    watch.look()
    assert tracker.markers is None, "what is not shown is not looked for"


def squares_of(widget: QWidget) -> list[MarkerSquare]:
    return widget.findChildren(MarkerSquare)


def test_without_a_scene_camera_there_are_no_markers(open_window, manual_clock):
    window = open_window(ObservedRun([live()], Observer(manual_clock, None, print, object())), clock=manual_clock)
    window.findChildren(TrainingWatch)[0].stop()
    assert not squares_of(window)
    plain = open_window(ScriptedRun([live()]))
    assert not squares_of(plain)


def test_the_check_shows_markers_in_the_corners_and_how_many_are_seen(qtbot):
    tracker = SceneTracker()
    screen = CalibrationScreen(tracker, "scene", 600.0, MonotonicClock())
    try:
        screen.showFullScreen()
        qtbot.waitExposed(screen)
        screen.resize(1920, 1080)
        screen.move(0, 0)
        QApplication.processEvents()
        screen.step()
        QApplication.processEvents()
        assert_found_where_told(whole_screen("calibration_markers.png"), tracker.markers)
        assert "4 of 4 markers" in screen._markers_seen.text() and screen._markers_seen.isVisible()
        assert screen._markers_seen.accessibleName() == screen._markers_seen.text()
        tracker.markers_seen = 1
        tracker.look_for = lambda _: None
        screen.step()
        assert "1 of 4 markers" in screen._markers_seen.text()
        screen.begin()
        assert not screen._markers_seen.isVisible(), "nothing to read while points are looked at"
    finally:
        screen.end()
        discard(screen)


@pytest.mark.parametrize("size", [(1280, 800), (1280, 1024), (1920, 1080), (3840, 2160)])
def test_no_point_of_the_check_lies_on_a_marker(size, qtbot, monkeypatch):
    """The ring begins with 32 pixels around the point; its dot is what is looked at."""
    monkeypatch.setattr(MarkerSquare, "module_px", property(lambda _: max(round(0.09 * min(size) / 8), 5)))
    holder = QWidget()
    holder.resize(*size)
    MarkerCorners(holder)
    for square in squares_of(holder):
        area = QRect(square.pos(), square.size())
        assert holder.rect().contains(area)
        near = area.adjusted(-6, -6, 6, 6)
        assert not any(near.contains(round(x * size[0]), round(y * size[1])) for x, y in TARGETS)
    discard(holder)


def test_gaze_that_comes_late_counts_for_the_point_it_was_on(qtbot, manual_clock):
    """Gaze of a scene camera waits for a picture: the next point may be there by then."""
    screen = CalibrationScreen(SceneTracker(), "scene", 600.0, manual_clock)
    try:
        screen.begin()
        screen._timer.stop()
        begun_ns = manual_clock.now_ns()
        manual_clock.advance((SETTLE_NS + LOOK_NS) / 1e9)
        screen.step()
        first, second = TARGETS[:2]
        assert screen.target == second
        nan = float("nan")
        for captured_ns in (begun_ns, begun_ns + SETTLE_NS + 1, begun_ns + SETTLE_NS + LOOK_NS + 1):
            screen._samples.append(GazeSample(captured_ns, nan, nan, device_x=first[0], device_y=first[1]))
        screen.step()
        assert [len(looked) for looked in screen._looked] == [1, 0]
        assert screen._looked[0][0].captured_ns == begun_ns + SETTLE_NS + 1
    finally:
        screen.end()
        discard(screen)
