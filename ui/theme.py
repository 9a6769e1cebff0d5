"""Colours and letters of the windows, in one place.

Every size is a multiple of the widget's own font size in pixels (``em``). The window sets that size once, by its own
size, and Qt hands it down: so everything grows together, on a laptop as on the screen across the room.
"""

from __future__ import annotations

from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPalette
from PyQt6.QtWidgets import QWidget

GROUND = QColor("#080B0F")
SURFACE = QColor("#121920")
RAISED = QColor("#1D2832")
LINE = QColor("#2C3946")
TEXT = QColor("#EEF3F7")
MUTED = QColor("#9AABBA")
ACCENT = QColor("#5CC8FF")
GOOD = QColor("#5FD8A4")
CAUTION = QColor("#FFB950")
FAULT = QColor("#FF6B6B")
FROZEN = QColor("#C9B6FF")
CAUTION_GROUND = QColor("#33270F")
FAULT_GROUND = QColor("#431619")
INFO_GROUND = QColor("#10293A")
FROZEN_GROUND = QColor("#2A2145")

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
CENTRE = Qt.AlignmentFlag.AlignCenter


def fill(widget: QWidget, ground: QColor) -> None:
    """A window of one colour, with words that can be read on it."""
    palette = widget.palette()
    palette.setColor(QPalette.ColorRole.Window, ground)
    palette.setColor(QPalette.ColorRole.WindowText, TEXT)
    widget.setPalette(palette)
    widget.setAutoFillBackground(True)


def set_em(widget: QWidget, em_px: int) -> None:
    """The size of its letters, which ``em`` then tells."""
    font = widget.font()
    font.setPixelSize(em_px)
    widget.setFont(font)


def em(widget: QWidget) -> int:
    """The widget's font size in pixels: the unit of all its lengths."""
    return widget.fontInfo().pixelSize()


def lettering(painter: QPainter, size_px: float, *, bold: bool = False) -> QFontMetricsF:
    """Set the painter's letters; returns their metrics."""
    font = QFont(painter.font())
    font.setPixelSize(max(round(size_px), 1))
    font.setWeight(QFont.Weight.Bold if bold else QFont.Weight.Normal)
    painter.setFont(font)
    return QFontMetricsF(font)


def write(
    painter: QPainter,
    area: QRectF,
    text: str,
    colour: QColor,
    size_px: float,
    *,
    bold: bool = False,
    align: Qt.AlignmentFlag = LEFT,
) -> float:
    """Write one line, shortened with an ellipsis where it does not fit. Returns its width in pixels."""
    metrics = lettering(painter, size_px, bold=bold)
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, area.width() + 0.5)
    painter.setPen(colour)
    painter.drawText(area, int(align) | int(Qt.TextFlag.TextSingleLine), shown)
    return metrics.horizontalAdvance(shown)


def card(painter: QPainter, area: QRectF, radius_px: float, fill: QColor = SURFACE) -> None:
    """A rounded ground for a group of things that belong together."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(fill)
    painter.drawRoundedRect(area, radius_px, radius_px)


def painter_of(widget: QWidget) -> QPainter:
    """A painter on ``widget`` with smooth edges and the widget's letters."""
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    return painter
