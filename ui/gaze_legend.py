"""What the colours over the image mean, and whether they are shown. On Qt's main thread."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import QRectF, QSize
from PyQt6.QtGui import QColor, QLinearGradient, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from ui import theme
from ui.colormap import heat_colours


class GazeLegend(QWidget):
    """The heatmap's scale from rare to often looked at, or a word why there is no heatmap."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._instead = ""
        stops = np.linspace(0, 1, 9)
        colours = heat_colours()[np.rint(stops * 255).astype(int)]
        self._stops = [(float(at), QColor.fromRgbF(*map(float, rgb))) for at, rgb in zip(stops, colours, strict=True)]
        self.show_state("hidden")

    def show_state(self, instead: str) -> None:
        """Show the scale, or with ``instead`` those words in its place."""
        self.setAccessibleName(f"Predicted gaze: {instead or 'shown over the image'}")
        if instead != self._instead:
            self._instead = instead
            self.update()

    def sizeHint(self) -> QSize:
        """One line."""
        unit = theme.em(self)
        return QSize(20 * unit, round(2.5 * unit))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Name on the left, scale on the right."""
        unit = theme.em(self)
        painter = theme.painter_of(self)
        area = QRectF(self.rect())
        theme.card(painter, area, 0.6 * unit)
        inner = area.adjusted(1.1 * unit, 0, -1.1 * unit, 0)
        theme.write(painter, inner, "Predicted gaze", theme.MUTED, 0.95 * unit, bold=True)
        if self._instead:
            theme.write(painter, inner, self._instead, theme.MUTED, 0.85 * unit, align=theme.RIGHT)
            return
        width = 7.5 * unit
        left = inner.right() - width - 2.4 * unit
        bar = QRectF(left, inner.center().y() - 0.35 * unit, width, 0.7 * unit)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for at, colour in self._stops:
            gradient.setColorAt(at, colour)
        painter.setBrush(gradient)
        painter.drawRoundedRect(bar, 0.35 * unit, 0.35 * unit)
        theme.write(
            painter, QRectF(bar.right() + 0.4 * unit, 0, 3 * unit, area.height()), "high", theme.MUTED, 0.8 * unit
        )
        low = QRectF(bar.left() - 3.4 * unit, 0, 3 * unit, area.height())
        theme.write(painter, low, "low", theme.MUTED, 0.8 * unit, align=theme.RIGHT)
