"""Faults and remarks across the window, above the image and never over it. On Qt's main thread."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPolygonF, QResizeEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from ui import theme
from ui.translation import translate
from ui.words import Banner

_INK = {"fault": theme.FAULT, "caution": theme.CAUTION, "info": theme.ACCENT}
_GROUND = {"fault": theme.FAULT_GROUND, "caution": theme.CAUTION_GROUND, "info": theme.INFO_GROUND}
_WRAPPED = int(theme.LEFT) | int(Qt.TextFlag.TextWordWrap)
MAX_LINES = 3


class Banners(QWidget):
    """One row a remark, with a shape and a word for how grave it is; no height at all when there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(_spoken(()))
        self._banners: tuple[Banner, ...] = ()

    def show_banners(self, banners: tuple[Banner, ...]) -> None:
        """Repaints, and asks for room, when the words have changed."""
        if banners != self._banners:
            self._banners = banners
            self.setAccessibleName(_spoken(banners))
            self._fit_height()
            self.update()

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Wrapped text needs more rows where there is less width."""
        super().resizeEvent(a0)
        self._fit_height()

    def sizeHint(self) -> QSize:
        """As high as the wrapped words."""
        return QSize(20 * theme.em(self), round(sum(self._heights())))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Shape, word, text."""
        unit = theme.em(self)
        painter = theme.painter_of(self)
        top = 0.0
        for said, height in zip(self._banners, self._heights(), strict=True):
            row = QRectF(0, top, self.width(), height - 0.4 * unit)
            theme.card(painter, row, 0.4 * unit, _GROUND[said.severity])
            ink = _INK[said.severity]
            _shape(painter, said.severity, QPointF(1.5 * unit, row.center().y()), 0.75 * unit, ink)
            word = QRectF(2.9 * unit, row.top(), self._word_width() - 2.9 * unit, row.height())
            theme.write(painter, word, said.word, ink, 1.4 * unit, bold=True)
            theme.lettering(painter, 1.4 * unit)
            painter.setPen(theme.TEXT)
            painter.drawText(self._text_area(row), _WRAPPED, said.text)
            top += height

    def _fit_height(self) -> None:
        height = self.sizeHint().height()
        if height != self.minimumHeight():
            self.setFixedHeight(height)

    def _word_width(self) -> float:
        unit = theme.em(self)
        font = QFont(self.font())
        font.setPixelSize(max(round(1.4 * unit), 1))
        font.setBold(True)
        widest = max((QFontMetricsF(font).horizontalAdvance(said.word) for said in self._banners), default=0.0)
        return max(10.4 * unit, widest + 4.1 * unit)

    def _text_area(self, row: QRectF) -> QRectF:
        return row.adjusted(self._word_width(), 0, -1.2 * theme.em(self), 0)

    def _heights(self) -> list[float]:
        unit = theme.em(self)
        font = QFont(self.font())
        font.setPixelSize(max(round(1.4 * unit), 1))
        metrics = QFontMetricsF(font)
        room = self._text_area(QRectF(0, 0, max(self.width(), 30 * unit), MAX_LINES * metrics.lineSpacing()))
        heights = []
        for said in self._banners:
            needed = metrics.boundingRect(room, _WRAPPED, said.text).height()
            heights.append(min(needed, room.height()) + 1.4 * unit)
        return heights


def _spoken(banners: tuple[Banner, ...]) -> str:
    words = "; ".join(f"{said.word}: {said.text}" for said in banners)
    return translate("Panels", "Remarks: {words}").format(words=words or translate("Panels", "none"))


def _shape(painter: QPainter, severity: str, centre: QPointF, radius: float, ink: QColor) -> None:
    """A triangle for a fault, a diamond for a caution, a disc for an information."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink)
    mark, drop = "!", 0.0
    if severity == "fault":
        painter.drawPolygon(_polygon(centre, radius, [(0, -1), (1.05, 0.85), (-1.05, 0.85)]))
        drop = 0.22 * radius
    elif severity == "caution":
        painter.drawPolygon(_polygon(centre, radius, [(0, -1.1), (1.1, 0), (0, 1.1), (-1.1, 0)]))
    else:
        painter.drawEllipse(centre, 0.9 * radius, 0.9 * radius)
        mark = "i"
    around = QRectF(centre.x() - radius, centre.y() - radius + drop, 2 * radius, 2 * radius)
    theme.write(painter, around, mark, _GROUND[severity], 1.2 * radius, bold=True, align=theme.CENTRE)


def _polygon(centre: QPointF, radius: float, corners: list[tuple[float, float]]) -> QPolygonF:
    return QPolygonF([centre + QPointF(x, y) * radius for x, y in corners])
