"""Opens the screens of a training session: entry points ``calibration`` and ``cases`` of ``sonocue.views``.

On the process's main thread, before the run and its window begin.
"""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QCoreApplication, QEvent, QEventLoop
from PyQt6.QtWidgets import QApplication, QWidget

from assistant.clock import MonotonicClock
from assistant.contracts import Device
from assistant.teaching.calibration import Calibration
from assistant.teaching.cases import Case
from assistant.teaching.observer import ON_IMAGE
from ui.app import new_application
from ui.training.calibration_screen import CalibrationScreen
from ui.training.case_screen import CaseScreen

_KEPT: list[QApplication] = []
"""Qt wants one application a process: these screens come before the window, which takes the same."""


def check_tracker(tracker: Device, *, distance_mm: float) -> tuple[bool, Calibration | None]:
    """Check a tracker's calibration on a screen of its own, where it has one to check.

    Args:
        tracker: not yet opened; it is opened here, and closed at the end.
        distance_mm: from the eyes to the monitor.

    Returns:
        Whether the session goes on, and what was found; None for a stand-in and for recorded gaze.

    Raises:
        SonocueError: there is no screen, or the tracker cannot be opened.
    """
    application = QCoreApplication.instance() or _new_application()
    info = tracker.open(MonotonicClock())
    try:
        if info.notes.get("coordinates") == ON_IMAGE or "stand_in" in info.notes:
            return True, None
        screen = CalibrationScreen(tracker, info.name, distance_mm)
        try:
            _show_until(screen)
            return screen.goes_on, screen.result
        finally:
            screen.end()
            _discard(application, screen)
    finally:
        tracker.close()


def choose_case(cases: Sequence[Case], *, blinded: bool) -> Case | None:
    """Let the trainee choose a case; None when none was chosen. Raises ``SonocueError`` without a screen."""
    application = QCoreApplication.instance() or _new_application()
    screen = CaseScreen(cases, blinded=blinded)
    try:
        _show_until(screen)
        return screen.chosen
    finally:
        _discard(application, screen)


def _new_application() -> QApplication:
    application = new_application(None)
    _KEPT.append(application)
    return application


def _show_until(screen: CalibrationScreen | CaseScreen) -> None:
    loop = QEventLoop()
    screen.finished.connect(loop.quit)
    monitor = screen.screen()
    if monitor is not None:  # where no window manager makes it large
        screen.setGeometry(monitor.geometry())
    screen.showFullScreen()
    loop.exec()


def _discard(application: QCoreApplication, screen: QWidget) -> None:
    screen.hide()
    screen.deleteLater()
    application.sendPostedEvents(screen, QEvent.Type.DeferredDelete)
