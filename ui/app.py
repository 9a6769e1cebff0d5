"""Opens the window over a run and waits until it closes: the entry point ``window`` of ``sonocue.views``.

Runs on the process's main thread, which Qt and Python's signals both want.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

from PyQt6.QtCore import QCoreApplication, QEvent, QEventLoop
from PyQt6.QtWidgets import QApplication

from assistant.contracts import Frame
from assistant.errors import SonocueError
from assistant.snapshot import SnapshotSource
from ui.display import require_display
from ui.heatmap_mode import HeatmapMode
from ui.translation import choose_language
from ui.window import STOP_DEADLINE_NS, Window


def run_window(
    run: SnapshotSource,
    *,
    title: str,
    seconds: float | None = None,
    screenshot: Path | None = None,
    heatmap: HeatmapMode = "always",
    language: str | None = None,
    on_painted: Callable[[Frame], None] | None = None,
) -> None:
    """Show ``run`` until the user closes the window, the time is over, or a signal asks to stop; then stop the run.

    When the run ends by itself the window says so and stays, unless ``seconds`` or ``screenshot`` is given.

    Args:
        run: what to look at, and to stop.
        title: of the window.
        seconds: stop the run so long after its first image.
        screenshot: save here the last picture of the window with live guidance (PNG).
        heatmap: when the predicted gaze lies over the image, until a key says otherwise.
        language: of the words; the system's when None. Where Qt's application runs already, its language stays.
        on_painted: called with each image once it is painted and handed to the screen; by measurements.

    Raises:
        SonocueError: there is no screen, the run did not end in time after it was asked to, or the screenshot cannot
            be written.
    """
    try:
        # Qt wants one application a process, alive as long as any widget.
        application = QCoreApplication.instance() or new_application(language)
        window = Window(
            run,
            title=title,
            seconds=seconds,
            closes_itself=seconds is not None or screenshot is not None,
            keeps_screenshot=screenshot is not None,
            heatmap=heatmap,
        )
        window.tell_when_painted(on_painted)
        try:
            _show_until_finished(window)
        finally:
            window.deleteLater()
            application.sendPostedEvents(window, QEvent.Type.DeferredDelete)
    finally:
        run.stop()
    overdue, keeper = window.overdue, window.keeper
    if overdue:
        limit_s = STOP_DEADLINE_NS // 1_000_000_000
        raise SonocueError(
            f"the run did not end within {limit_s} s of being stopped: check the session for missing data"
        )
    if screenshot is not None and keeper is not None:
        keeper.save(screenshot)


def new_application(language: str | None) -> QApplication:
    """Qt's application, in a language. Raises ``ConfigError`` when there is no screen."""
    require_display()
    application = QApplication(["sonocue"])
    choose_language(application, language)
    return application


def _show_until_finished(window: Window) -> None:
    loop = QEventLoop()
    window.finished.connect(loop.quit)
    screen = window.screen()
    if screen is not None:  # where no window manager makes it large
        window.resize(screen.availableSize())
    with signals_also_stop(window.stop), first_defect_ends(loop):
        window.showMaximized()
        window.start()
        loop.exec()


@contextmanager
def signals_also_stop(stop_window: Callable[[], object]) -> Iterator[None]:
    """SIGINT and SIGTERM close the window as the key does, after whoever handled them before.

    Python runs a handler only between its own instructions; a window's timer brings it there many times a second.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: FrameType | None) -> None:
        handler = before[signal.Signals(number)]
        if callable(handler) and handler is not signal.default_int_handler:
            handler(number, frame)
        stop_window()

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def first_defect_ends(loop: QEventLoop) -> Iterator[None]:
    """An exception in our own code that Qt called ends the loop and is raised here.

    By default PyQt aborts the process, which would cut the recording off; so the run is stopped properly instead.
    """
    defects: list[BaseException] = []
    before: Callable[[type[BaseException], BaseException, TracebackType | None], object] = sys.excepthook

    def keep(_kind: type[BaseException], defect: BaseException, _where: TracebackType | None) -> None:
        defects.append(defect)
        loop.quit()

    sys.excepthook = keep
    try:
        yield
    finally:
        sys.excepthook = before
    if defects:
        raise defects[0]
