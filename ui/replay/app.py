"""Opens the replay window and waits until it closes: the entry point ``replay`` of ``sonocue.views``.

Runs on the process's main thread, which Qt and Python's signals both want.
"""

from __future__ import annotations

import signal
from pathlib import Path

from PyQt6.QtCore import QCoreApplication, QEvent, QEventLoop, QTimer

from assistant.class_list import load_class_list
from assistant.session.reader import SessionReader
from ui.app import first_defect_ends, new_application
from ui.replay.window import ReplayWindow
from ui.stills import save_png


def run_replay(
    session: Path,
    *,
    labels: Path | None = None,
    classes: str = "sononet13",
    model: str | None = None,
    backends: tuple[str, ...] = (),
    seconds: float | None = None,
    screenshot: Path | None = None,
) -> None:
    """Show a recorded session until the window is closed, a signal comes, or the time is over.

    Args:
        session: its folder.
        labels: the label table; None: ``labels.csv`` beside the session.
        classes: class list of the labels.
        model: another model to show beside what was recorded.
        backends: inference engines for it.
        seconds: close by itself.
        screenshot: save a picture of the window before it closes (PNG).

    Raises:
        SonocueError: there is no screen, no such session or class list, or the screenshot cannot be written.
    """
    class_list = load_class_list(classes)
    SessionReader(session)  # what is wrong at once is said where it was typed
    application = QCoreApplication.instance()
    if application is None:
        application = new_application(None)
    window = ReplayWindow(session, class_list, labels=labels, model=model, backends=backends)
    loop = QEventLoop()
    window.finished.connect(loop.quit)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def end() -> None:
        if screenshot is not None and not window.isHidden():
            save_png(window.grab().toImage(), screenshot)
        window.close()

    for number in before:
        signal.signal(number, lambda _number, _frame: end())
    try:
        screen = window.screen()
        if screen is not None:  # where no window manager makes it large
            window.resize(screen.availableSize())
        with first_defect_ends(loop):
            window.showMaximized()
            if seconds is not None:
                QTimer.singleShot(round(1000 * seconds), end)
            loop.exec()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        window.close()
        window.deleteLater()
        application.sendPostedEvents(window, QEvent.Type.DeferredDelete)
