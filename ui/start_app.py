"""The program without a command: start page, live window, start page again, until it is closed.

The entry point ``start`` of ``sonocue.views``; on the process's main thread. A run is opened on a thread, for loading a
model takes seconds and the page stays alive meanwhile.
"""

from __future__ import annotations

import threading
from pathlib import Path

from PyQt6.QtCore import QEvent, QEventLoop, QTimer
from PyQt6.QtWidgets import QApplication

from assistant.config import RunConfig
from assistant.errors import SonocueError
from assistant.pipeline import start_run
from assistant.run import Run
from ui.app import first_defect_ends, new_application, run_window, signals_also_stop
from ui.remembered import recall, remember
from ui.replay.app import run_replay
from ui.start_page import StartPage
from ui.start_words import how_it_ended, plain_problem
from ui.translation import choose_language

_POLL_MS = 30


def run_start() -> None:
    """Show the start page and what is started from it, until the page is closed or a signal asks to stop.

    Raises:
        SonocueError: there is no screen.
    """
    chosen = recall()
    application = QApplication.instance()
    if isinstance(application, QApplication):
        choose_language(application, chosen.language or None)
    else:
        application = new_application(chosen.language or None)
    application.setQuitOnLastWindowClosed(False)
    page = StartPage(chosen)
    try:
        message: tuple[str, str] | None = None
        while True:
            if message is not None:
                page.say(*message)
            settings = _ask(page)
            if isinstance(settings, str):  # another language: the same page again, in other words
                chosen = page.remembered()
                remember(chosen)
                choose_language(application, settings or None)
                _discard(page)
                page, message = StartPage(chosen), None
                continue
            if settings is None:
                return
            remember(page.remembered())
            message = _run(page, settings)
    finally:
        application.setQuitOnLastWindowClosed(True)
        _discard(page)


def _ask(page: StartPage) -> RunConfig | str | None:
    """Show the page until something is chosen: a run, a language, or to leave (None). The page stays as it is."""
    loop = QEventLoop()
    answers: list[RunConfig | str | None] = []

    def take(answer: RunConfig | str | None) -> None:
        answers.append(answer)
        loop.quit()

    page.started.connect(take)
    page.language_chosen.connect(take)
    page.closed.connect(lambda: take(None))
    try:
        with signals_also_stop(page.close), first_defect_ends(loop):
            if not page.isVisible():
                screen = page.screen()
                if screen is not None:
                    page.resize(screen.availableSize())
                page.showMaximized()
            loop.exec()
    finally:
        page.started.disconnect()
        page.language_chosen.disconnect()
        page.closed.disconnect()
    return answers[0] if answers else None


def _run(page: StartPage, settings: RunConfig) -> tuple[str, str]:
    """Open the run, show it until it is closed; returns what the page shall say then."""
    page.set_busy(True)
    page.previews.close()
    name, _, session = settings.source.partition(":")
    if name == "session":
        return _replay(page, Path(session))
    try:
        run = _opened(page, settings)
    except SonocueError as error:
        page.set_busy(False)
        page.previews.follow(page.tiles)
        return plain_problem(error), "caution"
    page.hide()
    page.set_busy(False)
    page.form.forget_subject()
    try:
        run_window(run, title="Sonocue", heatmap=settings.heatmap)
    except SonocueError as error:
        return plain_problem(error), "caution"
    run.wait()
    return how_it_ended(run.summary())


def _replay(page: StartPage, session: Path) -> tuple[str, str]:
    """Show a recorded session until its window is closed."""
    page.hide()
    page.set_busy(False)
    try:
        run_replay(session)
    except SonocueError as error:
        return plain_problem(error), "caution"
    return "", "info"


def _opened(page: StartPage, settings: RunConfig) -> Run:
    """Start the run on a thread, while Qt goes on. Raises what it raised."""
    runs: list[Run] = []
    problems: list[BaseException] = []

    def open_run() -> None:
        page.previews.wait_closed()  # a device can be open only once
        try:
            runs.append(start_run(settings, in_real_time=True))
        except BaseException as error:  # noqa: BLE001 - raised again, on the thread that waits
            problems.append(error)

    thread = threading.Thread(target=open_run, name="opening", daemon=True)
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: None if thread.is_alive() else loop.quit())
    thread.start()
    timer.start(_POLL_MS)
    loop.exec()
    timer.stop()
    thread.join()
    if problems:
        raise problems[0]
    return runs[0]


def _discard(page: StartPage) -> None:
    page.hide()
    page.wait_left()
    page.deleteLater()
    QApplication.sendPostedEvents(page, QEvent.Type.DeferredDelete)
