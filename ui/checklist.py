"""Which planes of the examination are done. On Qt's main thread."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QWidget

from assistant.snapshot import PlaneProgress
from ui import theme
from ui.words import display_name


class Checklist(QWidget):
    """One row a plane: a tick once it was seen long enough, and the seconds. The plane named now is marked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._planes: tuple[PlaneProgress, ...] = ()
        self._named: str | None = None
        self.show_planes((), None)

    def show_planes(self, planes: tuple[PlaneProgress, ...], named: str | None) -> None:
        """Repaints when a tick, a shown tenth of a second, or the plane named now has changed."""
        planes = tuple(PlaneProgress(item.plane, round(item.seconds, 1), item.seen) for item in planes)
        seen = [item.plane for item in planes if item.seen]
        self.setAccessibleName(f"Planes: {len(seen)} of {len(planes)} done")
        self.setAccessibleDescription(", ".join(seen))
        if (planes, named) != (self._planes, self._named):
            self._planes, self._named = planes, named
            self.update()

    def minimumSizeHint(self) -> QSize:
        """Heading, and as many rows as there are planes, dense."""
        unit = theme.em(self)
        return QSize(16 * unit, round((3.2 + 1.1 * len(self._planes)) * unit))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Heading, then rows."""
        unit = theme.em(self)
        painter = theme.painter_of(self)
        area = QRectF(self.rect())
        theme.card(painter, area, 0.6 * unit)
        inner = area.adjusted(1.1 * unit, 0.7 * unit, -1.1 * unit, -0.6 * unit)
        heading = QRectF(inner.left(), inner.top(), inner.width(), 1.4 * unit)
        theme.write(painter, heading, "Planes", theme.MUTED, 0.95 * unit, bold=True)
        if not self._planes:
            empty = QRectF(inner.left(), heading.bottom(), inner.width(), 2 * unit)
            theme.write(painter, empty, "No model, no checklist", theme.MUTED, 0.95 * unit)
            return
        done = sum(item.seen for item in self._planes)
        theme.write(
            painter,
            heading,
            f"{done} of {len(self._planes)} done",
            theme.TEXT,
            0.95 * unit,
            bold=True,
            align=theme.RIGHT,
        )
        rows = inner.adjusted(0, 1.75 * unit, 0, 0)
        height = min(rows.height() / len(self._planes), 2.3 * unit)
        for number, item in enumerate(self._planes):
            place = QRectF(rows.left(), rows.top() + number * height, rows.width(), height)
            self._paint_row(painter, place, item, unit)

    def _paint_row(self, painter: QPainter, place: QRectF, item: PlaneProgress, unit: int) -> None:
        letters = min(1.3 * unit, 0.72 * place.height())
        if item.plane == self._named:
            ground = place.adjusted(-0.6 * unit, 0.02 * unit, 0.6 * unit, -0.02 * unit)
            theme.card(painter, ground, 0.35 * unit, theme.RAISED)
        _tick_box(painter, QPointF(place.left() + 0.55 * letters, place.center().y()), 0.55 * letters, seen=item.seen)
        seconds = f"{item.seconds:.0f} s" if item.seconds >= 9.95 else f"{item.seconds:.1f} s"
        number = place.adjusted(place.width() - 3.2 * unit, 0, 0, 0)
        if item.seconds > 0:
            theme.write(painter, number, seconds, theme.MUTED, 0.9 * letters, align=theme.RIGHT)
        bright = item.seen or item.plane == self._named
        name = place.adjusted(1.7 * letters, 0, -3.3 * unit if item.seconds > 0 else 0, 0)
        theme.write(painter, name, display_name(item.plane), theme.TEXT if bright else theme.MUTED, letters)


def _tick_box(painter: QPainter, centre: QPointF, radius: float, *, seen: bool) -> None:
    """An empty ring, or a full disc with a tick."""
    painter.setPen(Qt.PenStyle.NoPen if seen else QPen(theme.LINE.lighter(150), 0.2 * radius))
    painter.setBrush(theme.GOOD if seen else Qt.BrushStyle.NoBrush)
    painter.drawEllipse(centre, radius, radius)
    if seen:
        painter.setPen(QPen(theme.SURFACE, 0.34 * radius, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        corners = [(-0.45, 0.02), (-0.12, 0.36), (0.48, -0.34)]
        painter.drawPolyline(QPolygonF([centre + QPointF(x, y) * radius for x, y in corners]))
