"""Lays guidance over another program's window: the entry point ``overlay`` of ``sonocue.views``.

Everything that can be refused is refused before the run begins. On the process's main thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PyQt6.QtCore import QCoreApplication, QEvent, QEventLoop, QRect
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QApplication

from assistant.contracts import Clock
from assistant.errors import ConfigError, SonocueError
from assistant.snapshot import Snapshot, SnapshotSource
from ui.app import first_defect_ends, new_application, signals_also_stop
from ui.heatmap_mode import HeatmapMode
from ui.overlay.control import Control
from ui.overlay.exclusion import can_exclude, exclude
from ui.overlay.heat_layer import HeatLayer
from ui.overlay.place import Place, ScreenPlace, decide_place, on_screen
from ui.overlay.words_layer import WordsLayer
from ui.window import DESIGN_EM_PX, DESIGN_HEIGHT_PX, DESIGN_WIDTH_PX, STOP_DEADLINE_NS

_LEAST_EM_PX: Final = 11
_MOST_EM_PX: Final = 18


def prepare_overlay(where: str, *, source: str, language: str | None = None) -> Callable[..., None]:
    """See where it may lie; gives the view over a run, called as ``ui.app.run_window`` is.

    Args:
        where: ``WIDTHxHEIGHT+LEFT+TOP`` of the screen, in pixels: there another program shows the whole image that the
            source gives; ``filmed``: over what ``screen:`` films; ``beside``: words alone, beside it.
        source: of the run, ``name:argument``.
        language: of the words; the system's when None.

    Raises:
        ConfigError: there is no screen, or it cannot be had: one line that says what can.
    """
    application = QApplication.instance() or new_application(language)  # alive as long as ``show``
    if QGuiApplication.platformName().startswith("wayland"):
        raise ConfigError(
            "overlay: under Wayland no program may place a window or keep it on top: log in to an X11 session, or set "
            "QT_QPA_PLATFORM=xcb where the other program is one of X11 too"
        )
    place = decide_place(where, source, can_exclude=can_exclude())
    screens = [ScreenPlace(screen.geometry(), screen.devicePixelRatio()) for screen in QGuiApplication.screens()]
    area = on_screen(place.area, screens)
    forbidden = None if place.forbidden is None else on_screen(place.forbidden, screens)

    _discard(open_overlay(_NoRun(), place, area, forbidden, title=""), application)  # is there room?

    def show(
        run: SnapshotSource,
        *,
        title: str,
        seconds: float | None = None,
        heatmap: HeatmapMode = "always",
        **_said_already: object,
    ) -> None:
        """See ``ui.app.run_window``. The language is chosen; a picture is not taken: it would hold another program."""
        try:
            control = open_overlay(run, place, area, forbidden, title=title, seconds=seconds, heatmap=heatmap)
            try:
                _show_until_finished(control)
            finally:
                _discard(control, application)
        finally:
            run.stop()
        if control.overdue:
            limit_s = STOP_DEADLINE_NS // 1_000_000_000
            raise SonocueError(
                f"the run did not end within {limit_s} s of being stopped: check the session for missing data"
            )

    return show


def open_overlay(
    run: SnapshotSource,
    place: Place,
    area: QRect,
    forbidden: QRect | None,
    *,
    title: str,
    seconds: float | None = None,
    heatmap: HeatmapMode = "always",
    clock: Clock | None = None,
) -> Control:
    """All windows, in their places and not shown yet.

    Args:
        run: what to look at, and to stop.
        place: what was decided.
        area: what is laid over, or filmed and left free; Qt's units.
        forbidden: where none of the windows may be; None: nowhere.
        title: of the window with the keys.
        seconds: see ``Control``.
        heatmap: see ``Control``.
        clock: the machine's when None.

    Raises:
        ConfigError: there is no room beside what is filmed.
        SonocueError: the system does not keep a window out of pictures of the screen, after all.
    """
    share = min(area.width() / DESIGN_WIDTH_PX, area.height() / DESIGN_HEIGHT_PX)
    words = WordsLayer(min(max(round(DESIGN_EM_PX * share), _LEAST_EM_PX), _MOST_EM_PX))
    heat = HeatLayer(area) if place.over else None
    control = Control(
        run,
        title=title,
        words=words,
        heat=heat,
        area=area,
        forbidden=forbidden,
        seconds=seconds,
        heatmap=heatmap,
        clock=clock,
    )
    if place.excluded and not all(exclude(window) for window in (words, heat, control) if window is not None):
        raise SonocueError("overlay: the system would film its windows: use '--overlay beside', or another source")
    if not control.place([screen.geometry() for screen in QGuiApplication.screens()]):
        raise ConfigError(
            f"overlay: expected room on the screen for {words.width()}x{words.height()} (words) and "
            f"{control.width()}x{control.height()} (keys) beside {place.area}, got none: film a smaller part, or "
            f"use a second screen"
        )
    return control


def _show_until_finished(control: Control) -> None:
    loop = QEventLoop()
    control.finished.connect(loop.quit)
    with signals_also_stop(control.stop), first_defect_ends(loop):
        control.show()
        control.start()
        loop.exec()


def _discard(control: Control, application: QCoreApplication) -> None:
    control.put_away()
    control.deleteLater()
    application.sendPostedEvents(control, QEvent.Type.DeferredDelete)


class _NoRun:
    """Stands where a run will be, while it is seen whether there is room for the windows."""

    def snapshot(self) -> Snapshot:
        raise NotImplementedError

    def stop(self) -> None:
        """Nothing runs."""
