"""Which items of the examination are done, and what a person says of them. On Qt's main thread.

Where the run keeps a checklist, an item is chosen by arrow keys or mouse and then marked; the chosen one is shown
large, with its best frame. Without one, the planes of the model and how long each was named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from PyQt6.QtCore import QT_TRANSLATE_NOOP, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QWidget

from assistant.contracts import UInt8Array
from assistant.snapshot import ChecklistItem, PlaneProgress
from ui import theme
from ui.checklist_layout import Layout, lay_out
from ui.translation import decimal, translate
from ui.words import display_name

Mark = Literal["confirmed", "not obtainable", "open"]
State = Literal["open", "seen", "suggested", "confirmed", "not obtainable"]

_STATE_WORDS: dict[State, str] = {
    "open": QT_TRANSLATE_NOOP("Checklist", "open"),
    "seen": QT_TRANSLATE_NOOP("Checklist", "seen"),
    "suggested": QT_TRANSLATE_NOOP("Checklist", "suggested"),
    "confirmed": QT_TRANSLATE_NOOP("Checklist", "confirmed"),
    "not obtainable": QT_TRANSLATE_NOOP("Checklist", "not obtainable"),
}
_DONE = ("seen", "confirmed", "not obtainable")


@runtime_checkable
class Markable(Protocol):
    """A run whose checklist takes a person's marks."""

    def mark(self, item: str, state: Mark) -> None:
        """Confirm an item, say that it cannot be obtained, or open it again. Returns at once."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One line of the list."""

    name: str
    plane: str | None
    state: State
    seconds: float
    score: float | None = None
    thumbnail: UInt8Array | None = None

    @property
    def shown(self) -> tuple[object, ...]:
        """What asks for a repaint when it changes."""
        return self.name, self.state, round(self.seconds, 1), self.score, id(self.thumbnail)


def rows_of(checklist: tuple[ChecklistItem, ...], planes: tuple[PlaneProgress, ...]) -> tuple[Row, ...]:
    """The checklist's items; without a checklist the model's planes."""
    if checklist:
        return tuple(
            Row(item.name, item.plane, item.state, item.seconds, item.score, item.thumbnail) for item in checklist
        )
    return tuple(Row(item.plane, item.plane, "seen" if item.seen else "open", item.seconds) for item in planes)


class Checklist(QWidget):
    """One row an item; the plane named now is marked, the chosen item is large."""

    chosen_by_mouse = pyqtSignal(int)
    """The number of the row that was clicked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._rows: tuple[Row, ...] = ()
        self._named: str | None = None
        self._chosen: int | None = None
        self._thumbnails: dict[int, tuple[UInt8Array, QImage]] = {}
        self.show_rows((), None, None)

    def show_rows(self, rows: tuple[Row, ...], named: str | None, chosen: int | None) -> None:
        """Repaints when what is shown has changed.

        Args:
            rows: see ``rows_of``.
            named: the plane that is named now.
            chosen: number of the row that the keys speak about; None where nothing can be marked.
        """
        new = (tuple(row.shown for row in rows), named, chosen)
        old = (tuple(row.shown for row in self._rows), self._named, self._chosen)
        self._rows, self._named, self._chosen = rows, named, chosen
        kept = {id(row.thumbnail) for row in rows}
        self._thumbnails = {key: value for key, value in self._thumbnails.items() if key in kept}
        if new != old or not rows:
            done = [display_name(row.name) for row in rows if row.state in _DONE]
            self.setAccessibleName(translate("Checklist", "Planes: {done}").format(done=self._count()))
            spoken = "" if chosen is None else f"{display_name(rows[chosen].name)}: {_state_word(rows[chosen])}. "
            self.setAccessibleDescription(spoken + ", ".join(done))
            self.update()

    def minimumSizeHint(self) -> QSize:
        """Heading, and a few rows; the others are scrolled to."""
        unit = theme.em(self)
        return QSize(16 * unit, round((3.2 + 1.1 * min(len(self._rows), 8)) * unit))

    def sizeHint(self) -> QSize:
        """As many rows as there are items."""
        unit = theme.em(self)
        return QSize(16 * unit, round((3.2 + 1.35 * len(self._rows)) * unit))

    def mousePressEvent(self, a0: QMouseEvent | None) -> None:
        """Choose the row under the mouse."""
        if a0 is None or self._chosen is None:
            return
        for number, place in self._layout().places.items():
            if place.contains(a0.position()):
                self.chosen_by_mouse.emit(number)

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Heading, then rows."""
        unit = theme.em(self)
        painter = theme.painter_of(self)
        theme.card(painter, QRectF(self.rect()), 0.6 * unit)
        inner = self._inner()
        heading = QRectF(inner.left(), inner.top(), inner.width(), 1.4 * unit)
        theme.write(painter, heading, translate("Checklist", "Planes"), theme.MUTED, 0.95 * unit, bold=True)
        if not self._rows:
            empty = QRectF(inner.left(), heading.bottom(), inner.width(), 2 * unit)
            theme.write(painter, empty, translate("Checklist", "No model, no checklist"), theme.MUTED, 0.95 * unit)
            return
        theme.write(painter, heading, self._count(), theme.TEXT, 0.95 * unit, bold=True, align=theme.RIGHT)
        layout = self._layout()
        for number, place in layout.places.items():
            if number == self._chosen and layout.chosen_is_large:
                self._paint_chosen(painter, place, self._rows[number], unit)
            else:
                self._paint_row(painter, place, self._rows[number], unit, chosen=number == self._chosen)
        if layout.hidden:
            more = translate("Checklist", "{count} more").format(count=layout.hidden)
            end = QRectF(inner.left(), inner.bottom() - 1.0 * unit, inner.width(), 1.1 * unit)
            theme.write(painter, end, f"\N{UP DOWN ARROW} {more}", theme.MUTED, 0.8 * unit, align=theme.CENTRE)

    def _count(self) -> str:
        """Never that an examination is complete: that is for a person to say."""
        if any(row.state not in ("open", "seen") for row in self._rows) or self._chosen is not None:
            done, words = "confirmed", translate("Checklist", "{count} of {total} confirmed")
        else:
            done, words = "seen", translate("Checklist", "{count} of {total} seen")
        return words.format(count=sum(row.state == done for row in self._rows), total=len(self._rows))

    def _inner(self) -> QRectF:
        unit = theme.em(self)
        return QRectF(self.rect()).adjusted(1.1 * unit, 0.7 * unit, -1.1 * unit, -0.6 * unit)

    def _layout(self) -> Layout:
        unit = theme.em(self)
        return lay_out(self._inner().adjusted(0, 1.75 * unit, 0, 0), len(self._rows), self._chosen, unit)

    def _paint_row(self, painter: QPainter, place: QRectF, row: Row, unit: int, *, chosen: bool) -> None:
        letters = min(1.3 * unit, 0.72 * place.height())
        now = row.plane is not None and row.plane == self._named
        ground = place.adjusted(-0.6 * unit, 0.02 * unit, 0.6 * unit, -0.02 * unit)
        if now:
            theme.card(painter, ground, 0.35 * unit, theme.RAISED)
        if chosen:
            _outline(painter, ground, unit)
        _state_shape(painter, QPointF(place.left() + 0.55 * letters, place.center().y()), 0.55 * letters, row.state)
        right = place.right()
        if row.thumbnail is not None:
            width = 1.3 * place.height()
            self._paint_thumbnail(painter, QRectF(right - width, place.top() + 1, width, place.height() - 2), row)
            right -= width + 0.4 * unit
        if row.seconds > 0:
            number = QRectF(right - 3.4 * unit, place.top(), 3.4 * unit, place.height())
            theme.write(painter, number, _seconds(row), theme.MUTED, 0.9 * letters, align=theme.RIGHT)
            right -= 3.5 * unit
        name = QRectF(place.left() + 1.7 * letters, place.top(), right - place.left() - 1.7 * letters, place.height())
        bright = now or row.state in _DONE
        theme.write(painter, name, display_name(row.name), theme.TEXT if bright else theme.MUTED, letters)

    def _paint_chosen(self, painter: QPainter, place: QRectF, row: Row, unit: int) -> None:
        ground = place.adjusted(-0.6 * unit, 0.1 * unit, 0.6 * unit, -0.1 * unit)
        theme.card(painter, ground, 0.4 * unit, theme.RAISED)
        _outline(painter, ground, unit)
        inner = place.adjusted(0, 0.5 * unit, 0, -0.5 * unit)
        if row.thumbnail is not None:
            picture = QRectF(inner.right() - 1.33 * inner.height(), inner.top(), 1.33 * inner.height(), inner.height())
            self._paint_thumbnail(painter, picture, row)
            inner.setRight(picture.left() - 0.5 * unit)
        half = QRectF(inner.left(), inner.top(), inner.width(), inner.height() / 2)
        name, letters = display_name(row.name), 1.15 * unit
        while (
            theme.lettering(painter, letters, bold=True).horizontalAdvance(name) > half.width() and letters > 0.8 * unit
        ):
            letters -= 0.05 * unit
        theme.write(painter, half, name, theme.TEXT, letters, bold=True)
        half.translate(0, inner.height() / 2)
        _state_shape(painter, QPointF(half.left() + 0.6 * unit, half.center().y()), 0.6 * unit, row.state)
        facts = [_state_word(row)] + ([_seconds(row)] if row.seconds > 0 else [])
        facts += [] if row.score is None else [f"{round(100 * row.score)} %"]
        words = half.adjusted(1.7 * unit, 0, 0, 0)
        theme.write(painter, words, " \N{MIDDLE DOT} ".join(facts), theme.TEXT, 0.95 * unit)

    def _paint_thumbnail(self, painter: QPainter, area: QRectF, row: Row) -> None:
        if row.thumbnail is None:
            return
        pixels, image = self._thumbnails.setdefault(id(row.thumbnail), _as_image(row.thumbnail))
        size = QSize(pixels.shape[1], pixels.shape[0]).scaled(area.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRectF(0, 0, size.width(), size.height())
        place.moveCenter(area.center())
        place.moveRight(area.right())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, image)


def _state_word(row: Row) -> str:
    return translate("Checklist", _STATE_WORDS[row.state])


def _seconds(row: Row) -> str:
    return f"{decimal(row.seconds, 0 if row.seconds >= 9.95 else 1)} s"


def _as_image(thumbnail: UInt8Array) -> tuple[UInt8Array, QImage]:
    """The picture for Qt, and the memory that it stands on."""
    pixels = np.ascontiguousarray(thumbnail)
    layout = QImage.Format.Format_Grayscale8 if pixels.ndim == 2 else QImage.Format.Format_RGB888
    # The stubs ask for bytes; Qt takes any buffer.
    image = QImage(pixels.data, pixels.shape[1], pixels.shape[0], pixels.strides[0], layout)  # type: ignore[call-overload]
    return pixels, image


def _outline(painter: QPainter, area: QRectF, unit: int) -> None:
    painter.setPen(QPen(theme.ACCENT, 0.13 * unit))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(area, 0.4 * unit, 0.4 * unit)


def _state_shape(painter: QPainter, centre: QPointF, radius: float, state: State) -> None:
    """A ring; suggested with a dot; seen or confirmed a disc with a tick; not obtainable crossed."""
    full = state in ("seen", "confirmed")
    ink: QColor = {"suggested": theme.ACCENT, "not obtainable": theme.CAUTION}.get(state, theme.LINE.lighter(170))
    painter.setPen(Qt.PenStyle.NoPen if full else QPen(ink, 0.22 * radius))
    painter.setBrush(theme.GOOD if full else Qt.BrushStyle.NoBrush)
    painter.drawEllipse(centre, radius, radius)
    if full:
        painter.setPen(QPen(theme.SURFACE, 0.34 * radius, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        corners = [(-0.45, 0.02), (-0.12, 0.36), (0.48, -0.34)]
        painter.drawPolyline(QPolygonF([centre + QPointF(x, y) * radius for x, y in corners]))
    elif state == "suggested":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        painter.drawEllipse(centre, 0.45 * radius, 0.45 * radius)
    elif state == "not obtainable":
        across = QPointF(0.66, -0.66) * radius
        painter.drawLine(centre - across, centre + across)
