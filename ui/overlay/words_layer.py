"""Plane, confidence, age or abstention over or beside another program's window. On Qt's main thread."""

from __future__ import annotations

from typing import Final

from PyQt6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PyQt6.QtGui import QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from assistant.snapshot import Snapshot
from ui import theme
from ui.engine_words import engine_says
from ui.overlay.heat_layer import lay_over
from ui.plane_card import PlaneCard
from ui.translation import translate
from ui.words import Statement, disclaimer, elapsed, statement

CORNERS: Final = ("top-right", "bottom-right", "bottom-left", "top-left")
WIDTH_EM: Final = 24
_AGE_PERIOD_NS: Final = 200_000_000


class WordsLayer(QWidget):
    """An opaque card that takes no input. Its size never changes, so that it never grows over something else.

    Args:
        em_px: the size of its letters.
    """

    def __init__(self, em_px: int) -> None:
        super().__init__()
        lay_over(self)
        theme.fill(self, theme.SURFACE)
        theme.set_em(self, em_px)
        self._card, self._state = PlaneCard(self), StateLines(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._card)
        column.addWidget(self._state)
        self.setFixedSize(WIDTH_EM * em_px, self._card.sizeHint().height() + self._state.sizeHint().height())
        self._said: Statement | None = None
        self._age_due_ns = 0

    def show_snapshot(self, snapshot: Snapshot, now_ns: int) -> None:
        """Words at once; numbers at a pace that can be read."""
        said = statement(snapshot)
        same_words = self._said is not None and _words(said) == _words(self._said)
        if not same_words or now_ns >= self._age_due_ns:
            self._said, self._age_due_ns = said, now_ns + _AGE_PERIOD_NS
            self._card.show_statement(said)
        self._state.show_snapshot(snapshot)

    def into_corner(self, area: QRect, corner: str) -> None:
        """Stand inside ``area`` (Qt's units), as far as it has room."""
        left, top = area.left(), area.top()
        if "right" in corner:
            left = max(left, area.right() + 1 - self.width())
        if "bottom" in corner:
            top = max(top, area.bottom() + 1 - self.height())
        self.move(QPoint(left, top))


def _words(said: Statement) -> tuple[object, ...]:
    return said.kind, said.kicker, said.headline, said.detail


class StateLines(QWidget):
    """What it may not be used for; whether it records; with ``remarks`` the worst fault, else the first remark."""

    def __init__(self, parent: QWidget | None = None, *, remarks: bool = True) -> None:
        super().__init__(parent)
        self._has_remarks = remarks
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._state, self._remark = "", ""
        self._records = self._wrong = False
        self.setAccessibleName(disclaimer())

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Repaints when a word or a second is new."""
        state = translate("Panels", "Recording") if snapshot.recording else translate("Panels", "Not recording")
        if snapshot.ended:
            state = translate("Words", "Ended")
        state = f"{state}  {elapsed(snapshot.elapsed_s)}"
        remarks = (snapshot.faults or snapshot.notices) if self._has_remarks else ()
        remark = engine_says(remarks[0]) if remarks else ""
        shown = (state, remark, snapshot.recording, bool(snapshot.faults))
        if shown != (self._state, self._remark, self._records, self._wrong):
            self._state, self._remark, self._records, self._wrong = shown
            self.setAccessibleDescription("; ".join(part for part in (state, remark) if part))
            self.update()

    def sizeHint(self) -> QSize:
        """A line each, and two for a remark."""
        unit = theme.em(self)
        return QSize(20 * unit, round((6.3 if self._has_remarks else 3.6) * unit))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """A full dot while recording, a ring otherwise; a remark with its own mark: no meaning by colour alone."""
        unit = theme.em(self)
        painter = theme.painter_of(self)
        inner = QRectF(self.rect()).adjusted(1.1 * unit, 0.2 * unit, -1.1 * unit, -0.4 * unit)
        line = QRectF(inner.left(), inner.top(), inner.width(), 1.5 * unit)
        theme.write(painter, line, disclaimer(), theme.CAUTION, 0.9 * unit, bold=True)
        line.translate(0, 1.5 * unit)
        ink = theme.FAULT if self._records else theme.MUTED
        painter.setPen(QPen(ink, 0.15 * unit))
        painter.setBrush(ink if self._records else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QPointF(line.left() + 0.55 * unit, line.center().y()), 0.4 * unit, 0.4 * unit)
        words = line.adjusted(1.6 * unit, 0, 0, 0)
        theme.write(painter, words, self._state, theme.TEXT if self._records else theme.MUTED, 0.95 * unit)
        if not self._remark:
            return
        ground, ink = (theme.FAULT, theme.FAULT_GROUND) if self._wrong else (theme.CAUTION, theme.CAUTION_GROUND)
        words = QRectF(words.left(), line.bottom() + 0.1 * unit, words.width(), inner.bottom() - line.bottom())
        mark = QRectF(inner.left(), words.top() + 0.1 * unit, 1.1 * unit, 1.1 * unit)
        theme.card(painter, mark, 0.2 * unit if self._wrong else 0.55 * unit, ground)
        theme.write(painter, mark, "!", ink, 0.9 * unit, bold=True, align=theme.CENTRE)
        theme.lettering(painter, 0.9 * unit, bold=self._wrong)
        painter.setPen(theme.TEXT)
        top_left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        painter.drawText(words, top_left | int(Qt.TextFlag.TextWordWrap), self._remark)
