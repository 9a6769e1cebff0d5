"""What the model says about the image: the largest words in the window. On Qt's main thread."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from ui import theme
from ui.translation import translate
from ui.words import Statement

_COLOURS = {"plane": theme.ACCENT, "background": theme.MUTED, "abstains": theme.CAUTION, "silent": theme.MUTED}
_WORDS_IN_TWO_LINES = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextWordWrap)


class PlaneCard(QWidget):
    """Plane with confidence, or abstention with its reason; and how old that is.

    Each kind of statement has a shape of its own: a full disc for a plane, a ring for none, a dotted ring with a
    question mark (and a dashed border) for an abstention.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._said = Statement("silent", translate("Words", "Guidance"), translate("Words", "Waiting for video"))
        self._frozen = False
        self.show_statement(self._said)

    def show_statement(self, said: Statement, *, frozen: bool = False) -> None:
        """Repaints when it differs from what stands there; ``frozen``: it is about an image that is held."""
        spoken = f"{said.kicker}: {said.headline}"
        if said.confidence is not None:
            spoken += translate("Panels", ", confidence {percent} percent").format(percent=said.confidence)
        self.setAccessibleName(spoken)
        held = translate("Panels", "About the frozen image") if frozen else ""
        self.setAccessibleDescription(" ".join(part for part in (said.detail, held) if part))
        if (said, frozen) != (self._said, self._frozen):
            self._said, self._frozen = said, frozen
            self.update()

    def sizeHint(self) -> QSize:
        """As high as its largest statement, so that nothing moves when it changes."""
        unit = theme.em(self)
        return QSize(20 * unit, round(11.6 * unit))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Kicker and age; headline; confidence or reason."""
        said, unit = self._said, theme.em(self)
        colour = _COLOURS[said.kind]
        painter = theme.painter_of(self)
        area = QRectF(self.rect())
        theme.card(painter, area, 0.6 * unit)
        if said.kind == "abstains":
            _dashed_border(painter, area, 0.6 * unit, 0.13 * unit)
        inner = area.adjusted(1.1 * unit, 0.8 * unit, -1.1 * unit, -0.9 * unit)

        _shape(painter, said.kind, QPointF(inner.left() + 0.55 * unit, inner.top() + 0.7 * unit), 0.5 * unit)
        kicker = QRectF(inner.left() + 1.6 * unit, inner.top(), inner.width() - 1.6 * unit, 1.4 * unit)
        theme.write(painter, kicker, said.kicker, colour, 0.95 * unit, bold=True)
        if self._frozen:
            theme.write(
                painter, kicker, translate("Panels", "frozen image"), theme.FROZEN, 0.9 * unit, align=theme.RIGHT
            )
        elif said.age_ms is not None:
            age = translate("Panels", "{age} ms old").format(age=said.age_ms)
            theme.write(painter, kicker, age, theme.MUTED, 0.85 * unit, align=theme.RIGHT)

        # The headline has the room of two lines whether it needs them or not.
        top = inner.top() + 1.7 * unit
        headline = QRectF(inner.left(), top, inner.width(), 5.6 * unit)
        _largest_fitting(painter, headline, said.headline, unit)
        painter.setPen(theme.TEXT if said.kind in ("plane", "abstains") else theme.MUTED)
        painter.drawText(headline, _WORDS_IN_TWO_LINES, said.headline)

        below = QRectF(inner.left(), headline.bottom() + 0.2 * unit, inner.width(), inner.bottom() - headline.bottom())
        if said.kind == "abstains" or said.confidence is None:
            number = "" if said.confidence is None else f" ({said.confidence} %)"
            painter.setPen(theme.CAUTION if said.kind == "abstains" else theme.MUTED)
            theme.lettering(painter, 0.95 * unit)
            painter.drawText(below, _WORDS_IN_TWO_LINES, said.detail + number)
        else:
            _confidence(painter, below, said.confidence, colour, unit)


def _largest_fitting(painter: QPainter, area: QRectF, text: str, unit: int) -> QFontMetricsF:
    """Set the largest letters with which the words fit, never breaking a word."""
    size = 2.9 * unit
    while True:
        metrics = theme.lettering(painter, size, bold=True)
        needed = metrics.boundingRect(area, _WORDS_IN_TWO_LINES, text)
        if (needed.width() <= area.width() and needed.height() <= area.height()) or size < 1.2 * unit:
            return metrics
        size -= 0.1 * unit


def _confidence(painter: QPainter, area: QRectF, percent: int, colour: QColor, unit: int) -> None:
    words = QRectF(area.left(), area.top(), area.width(), 1.9 * unit)
    theme.write(painter, words, translate("Panels", "Confidence"), theme.MUTED, 0.95 * unit)
    theme.write(painter, words, f"{percent} %", theme.TEXT, 1.55 * unit, bold=True, align=theme.RIGHT)
    bar = QRectF(area.left(), words.bottom() + 0.1 * unit, area.width(), 0.5 * unit)
    theme.card(painter, bar, bar.height() / 2, theme.RAISED)
    filled = max(bar.width() * percent / 100, bar.height())
    theme.card(painter, QRectF(bar.left(), bar.top(), filled, bar.height()), bar.height() / 2, colour)


def _dashed_border(painter: QPainter, area: QRectF, radius: float, width: float) -> None:
    painter.setPen(QPen(theme.CAUTION, width, Qt.PenStyle.DashLine))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(area.adjusted(width, width, -width, -width), radius, radius)


def _shape(painter: QPainter, kind: str, centre: QPointF, radius: float) -> None:
    colour = _COLOURS[kind]
    painter.setBrush(colour if kind == "plane" else Qt.BrushStyle.NoBrush)
    style = Qt.PenStyle.DotLine if kind == "abstains" else Qt.PenStyle.SolidLine
    painter.setPen(QPen(colour, 0.3 * radius, style))
    painter.drawEllipse(centre, radius, radius)
    if kind == "abstains":
        around = QRectF(centre.x() - radius, centre.y() - radius, 2 * radius, 2 * radius)
        theme.write(painter, around, "?", colour, 1.4 * radius, bold=True, align=theme.CENTRE)
