"""A real X server for the window, and the watch that no thread, timer or window outlives its test."""

from __future__ import annotations

import gc
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PyQt6 import sip
from PyQt6.QtCore import QEvent, QTimer
from PyQt6.QtWidgets import QApplication, QWidget

from tests.ui.scripted_run import ScriptedRun
from tests.virtual_screen import start_x_server
from ui.window import Window

ARTEFACTS = Path(__file__).resolve().parents[1] / "artefacts"


@pytest.fixture(scope="session", autouse=True)
def display() -> Iterator[str]:
    """A virtual screen of 1920x1080 with Qt's application on it; gives its name."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed (apt-get install xvfb)")
    server, name = start_x_server()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DISPLAY", name)
        environment.setenv("QT_QPA_PLATFORM", "xcb")
        environment.delenv("WAYLAND_DISPLAY", raising=False)
        application = QApplication.instance() or QApplication(["sonocue-tests"])
    assert application.platformName() == "xcb", "another test has made a QApplication without a screen"
    gc.collect()
    gc.freeze()  # what lives until here is no test's: a collection after each need not walk through all of torch
    yield name
    sip.delete(application)  # before its X server goes
    server.terminate()
    server.wait()


@pytest.fixture(autouse=True)
def nothing_outlives_the_test(display: str) -> Iterator[None]:
    """Fails a test that leaves a thread, a running timer or a window behind."""
    threads_before = set(threading.enumerate())
    yield
    gc.collect()
    left = [thread.name for thread in threading.enumerate() if thread not in threads_before]
    left += [repr(widget) for widget in QApplication.topLevelWidgets() if widget.isVisible()]
    timers = [item for item in gc.get_objects() if isinstance(item, QTimer)]
    left += [f"timer of {timer.parent()!r}" for timer in timers if not sip.isdeleted(timer) and timer.isActive()]
    assert not left, f"left alive: {left}"


OpenWindow = Callable[..., Window]


@pytest.fixture
def open_window(qtbot) -> Iterator[OpenWindow]:
    """Opens a window over a run, 1280x800 and exposed; its timer is not started: the test itself calls ``pull``."""
    opened: list[Window] = []

    def open_over(run: ScriptedRun, *, size: tuple[int, int] = (1280, 800), **settings: object) -> Window:
        window = Window(run, title="Sonocue", **settings)
        opened.append(window)
        window.resize(*size)
        window.show()
        qtbot.waitExposed(window)
        QApplication.processEvents()
        return window

    yield open_over
    for window in opened:
        discard(window)


def discard(widget: QWidget) -> None:
    """Delete a widget now."""
    if not sip.isdeleted(widget):
        widget.hide()
        widget.deleteLater()
        QApplication.sendPostedEvents(widget, QEvent.Type.DeferredDelete)


@pytest.fixture
def own_folders(tmp_path, monkeypatch):
    """Nothing of the user's is read or written."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
