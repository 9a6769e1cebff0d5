"""Frame rate, latency and counters of the run. On Qt's main thread."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QWidget

from assistant.snapshot import Snapshot
from ui import theme
from ui.translation import decimal, translate
from ui.words import grouped


@dataclass(frozen=True, slots=True)
class Fact:
    """A number with its name; ``alarming`` ones carry a triangle."""

    name: str
    value: str
    unit: str = ""
    alarming: bool = False


def facts(snapshot: Snapshot) -> tuple[Fact, ...]:
    """What is shown, in reading order."""
    total, count = snapshot.latency.get("total"), snapshot.counters
    latency = "-" if total is None else f"{total.p50:.0f} / {total.p95:.0f}"
    return (
        Fact(translate("Panels", "Video"), decimal(snapshot.fps, 1), translate("Panels", "fps")),
        Fact(translate("Words", "Guidance"), decimal(snapshot.guidance_fps, 1), translate("Panels", "fps")),
        Fact(translate("Panels", "Latency p50/p95"), latency, "" if total is None else "ms"),
        Fact(translate("Panels", "Captured"), grouped(count.captured)),
        Fact(translate("Panels", "Recorded"), grouped(count.recorded)),
        Fact(translate("Panels", "Lost"), grouped(count.lost), alarming=count.lost > 0),
    )


class RunFacts(QWidget):
    """Two rows of three numbers, and what model and engine are at work."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(translate("Panels", "State of the run"))
        self._facts: tuple[Fact, ...] = ()
        self._engine = ""

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Repaints when a shown digit has changed."""
        shown = (facts(snapshot), snapshot.engine)
        if shown != (self._facts, self._engine):
            self._facts, self._engine = shown
            self.setAccessibleDescription(", ".join(f"{fact.name} {fact.value} {fact.unit}" for fact in self._facts))
            self.setToolTip(snapshot.engine)
            self.update()

    def sizeHint(self) -> QSize:
        """Two rows of numbers, a line."""
        unit = theme.em(self)
        return QSize(20 * unit, round(7.3 * unit))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """A grid without lines: name above value."""
        unit = theme.em(self)
        painter = theme.painter_of(self)
        area = QRectF(self.rect())
        theme.card(painter, area, 0.6 * unit)
        inner = area.adjusted(1.1 * unit, 0.5 * unit, -1.1 * unit, -0.45 * unit)
        shares = (0.0, 0.3, 0.62, 1.0)
        for number, fact in enumerate(self._facts):
            row, column = divmod(number, 3)
            left, right = (inner.left() + share * inner.width() for share in shares[column : column + 2])
            place = QRectF(left, inner.top() + row * 2.55 * unit, right - left - 0.3 * unit, 2.5 * unit)
            _paint_fact(painter, place, fact, unit)
        line = QRectF(inner.left(), inner.bottom() - 1.0 * unit, inner.width(), 1.1 * unit)
        engine = self._engine or translate("Panels", "No model")
        theme.write(painter, line, engine, theme.MUTED, 0.78 * unit)


def _paint_fact(painter: QPainter, place: QRectF, fact: Fact, unit: int) -> None:
    name = QRectF(place.left(), place.top(), place.width(), 1.0 * unit)
    theme.write(painter, name, fact.name, theme.MUTED, 0.78 * unit)
    value = QRectF(place.left(), name.bottom(), place.width(), 1.6 * unit)
    if fact.alarming:
        corner = QPointF(value.left(), value.center().y() + 0.45 * unit)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.FAULT)
        rise = [QPointF(0, 0), QPointF(0.5, -0.95), QPointF(1.0, 0)]
        painter.drawPolygon(QPolygonF([corner + point * unit for point in rise]))
        value.adjust(1.3 * unit, 0, 0, 0)
    width = theme.write(painter, value, fact.value, theme.FAULT if fact.alarming else theme.TEXT, 1.2 * unit, bold=True)
    rest = value.adjusted(width + 0.3 * unit, 0.15 * unit, 0, 0)
    theme.write(painter, rest, fact.unit, theme.MUTED, 0.8 * unit)
