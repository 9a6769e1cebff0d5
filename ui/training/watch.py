"""Tells the observer of a run what only the window knows: where the image and markers stand, the mouse, what is shown.

On Qt's main thread, thirty times a second; nothing waits for it.
"""

from __future__ import annotations

from PyQt6.QtCore import QPoint, QTimer
from PyQt6.QtGui import QCursor
from PyQt6.QtWidgets import QWidget

from assistant.clock import MonotonicClock
from assistant.contracts import Clock
from assistant.teaching.gaze_mapping import ScreenView
from assistant.teaching.observer import Observer
from ui.gaze_legend import GazeLegend
from ui.image_view import ImageView
from ui.keys import KeyButton
from ui.training.markers import MarkerFrame

PERIOD_MS = 33
HIDDEN_AFTER_NS = 1_000_000_000
"""A heatmap that was seen is in the mind for a while: it counts as hidden only when nothing was painted for so long."""


class TrainingWatch(QTimer):
    """Looks at the window for an observer.

    Args:
        observer: whom to tell.
        window: it stands in.
        image_view: paints the image.
        clock: for tests.
    """

    def __init__(self, observer: Observer, window: QWidget, image_view: ImageView, clock: Clock | None = None) -> None:
        super().__init__(window)
        self._observer = observer
        self._image_view = image_view
        self._clock = clock or MonotonicClock()
        self._painted_ns: int | None = None
        self._frame = MarkerFrame(window, image_view) if observer.wants_markers else None
        if observer.hides_gaze:  # the run gives no map then; key and legend would promise one
            for legend in window.findChildren(GazeLegend):
                legend.hide()
            for button in window.findChildren(KeyButton):
                if button.action.name == "heatmap":
                    button.setEnabled(False)
                    button.hide()
        self.timeout.connect(self.look)
        self.start(PERIOD_MS)

    def look(self) -> None:
        """Look once."""
        view = screen_view(self._image_view)
        self._observer.look_through(view)
        if self._observer.wants_mouse:
            self._observer.point_at(self._mouse() if view is not None else None)
        if self._frame is not None:
            self._observer.look_for(self._frame.markers())
        self._note_heatmap()

    def _note_heatmap(self) -> None:
        now_ns = self._clock.now_ns()
        if self._image_view.heat_visible:
            self._painted_ns = now_ns
            self._observer.note_heatmap("shown")
        elif self._painted_ns is None or now_ns - self._painted_ns >= HIDDEN_AFTER_NS:
            self._observer.note_heatmap("hidden")

    def _mouse(self) -> tuple[float, float] | None:
        """The mouse on the monitor, in [0, 1]; None where it is not over the image's widget."""
        at = QCursor.pos()
        if not self._image_view.rect().contains(self._image_view.mapFromGlobal(at)):
            return None
        return on_monitor(self._image_view, at)


def screen_view(image_view: ImageView) -> ScreenView | None:
    """Where the image stands on its monitor; None while there is none to see."""
    area = image_view.image_rect()
    screen, picture = image_view.screen(), image_view.image_size_px()
    if area.isEmpty() or screen is None or picture is None or not image_view.isVisible():
        return None
    ratio = image_view.devicePixelRatioF()
    corner = image_view.mapToGlobal(QPoint(0, 0)) - screen.geometry().topLeft()
    monitor = screen.geometry().size()
    return ScreenView(
        monitor_px=(monitor.width() * ratio, monitor.height() * ratio),
        image_rect_px=(
            corner.x() * ratio + area.x(),
            corner.y() * ratio + area.y(),
            float(area.width()),
            float(area.height()),
        ),
        image_px=picture,
    )


def on_monitor(widget: QWidget, at: QPoint) -> tuple[float, float] | None:
    """A global point in [0, 1] of the monitor that the widget is on."""
    screen = widget.screen()
    if screen is None:
        return None
    place, size = at - screen.geometry().topLeft(), screen.geometry().size()
    return (place.x() + 0.5) / size.width(), (place.y() + 0.5) / size.height()
