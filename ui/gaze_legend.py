"""What the colours over the image mean, and whether they are shown. On Qt's main thread."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import QRectF, QSize
from PyQt6.QtGui import QColor, QLinearGradient, QPaintEvent
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from ui import theme
from ui.colormap import heat_colours
from ui.keys import HEAT_ACTIONS, KeyButton
from ui.translation import translate


class GazeLegend(QWidget):
    """The heatmap's scale from rare to often looked at, or a word why there is no heatmap."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._instead = ""
        self._opacity = 1.0
        self.buttons = {action.name: KeyButton(action, self) for action in HEAT_ACTIONS}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addStretch(1)
        for button in self.buttons.values():
            button.setText("")
            row.addWidget(button)
        stops = np.linspace(0, 1, 9)
        colours = heat_colours()[np.rint(stops * 255).astype(int)]
        self._stops = [(float(at), QColor.fromRgbF(*map(float, rgb))) for at, rgb in zip(stops, colours, strict=True)]
        self.show_state(translate("Panels", "hidden"))

    def show_state(self, instead: str) -> None:
        """Show the scale, or with ``instead`` those words in its place."""
        state = instead or translate("Panels", "shown over the image")
        self.setAccessibleName(translate("Panels", "Predicted gaze: {state}").format(state=state))
        if instead != self._instead:
            self._instead = instead
            self.update()

    def set_opacity(self, share: float) -> None:
        """The scale is as strong as the heatmap."""
        if share != self._opacity:
            self._opacity = share
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
        inner = area.adjusted(1.1 * unit, 0, -round(sum(button.width() for button in self.buttons.values())), 0)
        theme.write(painter, inner, translate("Panels", "Predicted gaze"), theme.MUTED, 0.95 * unit, bold=True)
        if self._instead:
            theme.write(painter, inner, self._instead, theme.MUTED, 0.85 * unit, align=theme.RIGHT)
            return
        width = 4.2 * unit
        left = inner.right() - width - 2.6 * unit
        bar = QRectF(left, inner.center().y() - 0.35 * unit, width, 0.7 * unit)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for at, colour in self._stops:
            gradient.setColorAt(at, colour)
        painter.setOpacity(0.25 + 0.75 * self._opacity)
        painter.setBrush(gradient)
        painter.drawRoundedRect(bar, 0.35 * unit, 0.35 * unit)
        painter.setOpacity(1.0)
        theme.write(
            painter,
            QRectF(bar.right() + 0.4 * unit, 0, 3 * unit, area.height()),
            translate("Panels", "high"),
            theme.MUTED,
            0.8 * unit,
        )
        low = QRectF(bar.left() - 3.3 * unit, 0, 3 * unit, area.height())
        theme.write(painter, low, translate("Panels", "low"), theme.MUTED, 0.8 * unit, align=theme.RIGHT)
