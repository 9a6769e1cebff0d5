"""Markers for an eye tracker's scene camera: in the corners of a screen, or around the image. On Qt's main thread.

They are never painted over the image, and nothing is painted over them. Modules are whole device pixels, black on
white with white around them, so that they stay sharp at any scaling.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from PyQt6.QtCore import QPoint, QRect, Qt
from PyQt6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from assistant.teaching.scene_markers import QUIET_MODULES, TAG_MODULES, TAGS, Markers, tag_picture
from ui import theme
from ui.image_view import ImageView
from ui.translation import translate

SHARE_OF_SCREEN = 0.09
"""Side of a marker against the shorter side of the monitor: 27 mm at 24 inches, 5 scene pixels a module at 600 mm."""
LEAST_MODULE_PX = 5
_ALL_MODULES = TAG_MODULES + 2 * QUIET_MODULES


class MarkerSquare(QWidget):
    """One marker with the white around it."""

    def __init__(self, tag: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(translate("Training", "Marker for the eye tracker's camera"))
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.tag = tag
        bits = tag_picture(tag)
        self._picture = QImage(
            bits.tobytes(), TAG_MODULES, TAG_MODULES, TAG_MODULES, QImage.Format.Format_Grayscale8
        ).copy()
        self.fit()

    @property
    def module_px(self) -> int:
        """Device pixels of a module on the monitor that the marker stands on."""
        screen = self.screen()
        if screen is None:
            return LEAST_MODULE_PX
        size = screen.geometry().size() * self.devicePixelRatioF()
        return max(round(SHARE_OF_SCREEN * min(size.width(), size.height()) / TAG_MODULES), LEAST_MODULE_PX)

    def fit(self) -> None:
        """Take the size that the monitor asks for."""
        side = ceil(_ALL_MODULES * self.module_px / self.devicePixelRatioF())
        if self.width() != side:
            self.setFixedSize(side, side)

    def square_px(self) -> tuple[int, float, float, float] | None:
        """See ``Markers.squares_px``; None while it cannot be seen."""
        screen, window = self.screen(), self.window()
        if screen is None or window is None or window.isMinimized() or not self.isVisible():
            return None
        ratio = self.devicePixelRatioF()
        corner = (self.mapToGlobal(QPoint(0, 0)) - screen.geometry().topLeft()).toPointF() * ratio
        quiet = QUIET_MODULES * self.module_px
        return self.tag, corner.x() + quiet, corner.y() + quiet, float(TAG_MODULES * self.module_px)

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """The tag, in device pixels."""
        painter = theme.painter_of(self)
        painter.fillRect(self.rect(), QColor("#ffffff"))
        ratio, module = self.devicePixelRatioF(), self.module_px
        painter.scale(1 / ratio, 1 / ratio)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, on=False)
        quiet, side = QUIET_MODULES * module, TAG_MODULES * module
        painter.drawImage(QRect(quiet, quiet, side, side), self._picture)


class MarkerCorners:
    """A marker in each corner of a widget, over whatever else it holds: that leaves room for them.

    Args:
        widget: covers the monitor.
    """

    def __init__(self, widget: QWidget) -> None:
        self._widget = widget
        self._squares = [MarkerSquare(tag, widget) for tag in TAGS]
        self.place()

    def place(self) -> None:
        """Go to the corners; after each change of the widget's size."""
        area = self._widget.rect()
        for square in self._squares:
            square.fit()
        corners = (area.topLeft(), area.topRight(), area.bottomRight(), area.bottomLeft())
        for square, corner in zip(self._squares, corners, strict=True):
            x, y, side = corner.x(), corner.y(), square.width()
            square.move(max(min(x, area.right() + 1 - side), 0), max(min(y, area.bottom() + 1 - side), 0))
            square.raise_()

    def markers(self) -> Markers | None:
        """Where they stand now; None while they cannot be seen."""
        return _where(self._squares)


class MarkerFrame(QWidget):
    """The image between two columns of markers, in the place that the image had in its window.

    Args:
        window: holds the image.
        image_view: keeps its width but for the columns.
    """

    def __init__(self, window: QWidget, image_view: ImageView) -> None:
        super().__init__(window)
        layout = window.layout()
        if layout is None:
            raise ValueError("the image stands in no layout")
        had_focus = window.focusWidget() is image_view
        layout.replaceWidget(image_view, self)
        self._squares = [MarkerSquare(tag, self) for tag in TAGS]
        top_left, top_right, bottom_right, bottom_left = self._squares
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addLayout(_column(top_left, bottom_left))
        row.addWidget(image_view, 1)
        row.addLayout(_column(top_right, bottom_right))
        self.setSizePolicy(image_view.sizePolicy())
        if had_focus:
            image_view.setFocus()

    def markers(self) -> Markers | None:
        """Where they stand now; None while they cannot be seen."""
        for square in self._squares:
            square.fit()
        return _where(self._squares)


def _column(above: MarkerSquare, below: MarkerSquare) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(0)
    column.addWidget(above)
    column.addStretch(1)
    column.addWidget(below)
    return column


def _where(squares: Sequence[MarkerSquare]) -> Markers | None:
    found = tuple(place for square in squares if (place := square.square_px()) is not None)
    screen = squares[0].screen()
    if not found or screen is None:
        return None
    size = screen.geometry().size()
    ratio = squares[0].devicePixelRatioF()
    return Markers((size.width() * ratio, size.height() * ratio), found)
