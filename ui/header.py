"""The top line: what this is, what it may be used for, and whether it records. On Qt's main thread."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from assistant.snapshot import Snapshot
from ui import theme
from ui.words import DISCLAIMER, elapsed


@dataclass(frozen=True, slots=True)
class _Shown:
    source: str = ""
    recording: bool = False
    ended: bool = False
    clock: str = elapsed(0)

    @property
    def words(self) -> str:
        if self.ended:
            return "Ended"
        return "Recording" if self.recording else "Not recording"


class Header(QWidget):
    """Title and source on the left, the disclaimer, and the recording state on the right."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"{title}. {DISCLAIMER}")
        self._title = title
        self._shown = _Shown()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Repaints when the second, the source or the recording state has changed."""
        shown = _Shown(snapshot.source, snapshot.recording, snapshot.ended, elapsed(snapshot.elapsed_s))
        if shown != self._shown:
            self._shown = shown
            self.setAccessibleDescription(f"{shown.source}, {shown.words}, {shown.clock}")
            self.update()

    def sizeHint(self) -> QSize:
        """One line with room around it."""
        unit = theme.em(self)
        return QSize(40 * unit, round(3.3 * unit))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """From the outside in; the source takes what is left."""
        unit, shown = theme.em(self), self._shown
        painter = theme.painter_of(self)
        area = QRectF(self.rect()).adjusted(1.1 * unit, 0, -0.9 * unit, 0)

        _sector(painter, QPointF(area.left() + 0.85 * unit, area.center().y() - 0.8 * unit), 1.7 * unit)
        title = QRectF(area.left() + 2.5 * unit, area.top(), 0.4 * area.width(), area.height())
        title_width = theme.write(painter, title, self._title, theme.TEXT, 1.3 * unit, bold=True)

        state_width = self._paint_state(painter, area, unit)
        badge_width = theme.lettering(painter, 0.95 * unit, bold=True).horizontalAdvance(DISCLAIMER) + 2.0 * unit
        badge = QRectF(area.right() - state_width - 1.0 * unit - badge_width, area.top(), badge_width, area.height())
        outline = badge.adjusted(0, 0.7 * unit, 0, -0.7 * unit)
        painter.setPen(QPen(theme.CAUTION, 0.1 * unit))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(outline, 0.95 * unit, 0.95 * unit)
        theme.write(painter, badge, DISCLAIMER, theme.CAUTION, 0.95 * unit, bold=True, align=theme.CENTRE)

        source = QRectF(title)
        source.setLeft(title.left() + title_width + 1.2 * unit)
        source.setRight(badge.left() - 1.2 * unit)
        theme.write(painter, source, shown.source, theme.MUTED, 0.95 * unit)

    def _paint_state(self, painter: QPainter, area: QRectF, unit: int) -> float:
        """A full red dot while recording, an empty ring otherwise, with words and time. Returns its width."""
        shown = self._shown
        clock_width = theme.lettering(painter, 1.15 * unit, bold=True).horizontalAdvance("0:00:00") + 0.4 * unit
        words_width = theme.lettering(painter, 1.0 * unit, bold=True).horizontalAdvance(shown.words) + 1.0 * unit
        width = 2.1 * unit + words_width + clock_width + 0.6 * unit
        pill = QRectF(area.right() - width, area.top() + 0.5 * unit, width, area.height() - 1.0 * unit)
        live = shown.recording and not shown.ended
        theme.card(painter, pill, 0.5 * unit, theme.FAULT_GROUND if live else theme.SURFACE)
        painter.setBrush(theme.FAULT if live else Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.FAULT if live else theme.MUTED, 0.15 * unit))
        painter.drawEllipse(QPointF(pill.left() + 1.2 * unit, pill.center().y()), 0.42 * unit, 0.42 * unit)
        words = pill.adjusted(2.1 * unit, 0, 0, 0)
        theme.write(painter, words, shown.words, theme.TEXT if live else theme.MUTED, 1.0 * unit, bold=True)
        clock = pill.adjusted(0, 0, -0.7 * unit, 0)
        theme.write(painter, clock, shown.clock, theme.TEXT, 1.15 * unit, bold=True, align=theme.RIGHT)
        return width


def _sector(painter: QPainter, apex: QPointF, radius: float) -> None:
    """The mark of the program: the sector of a curved probe."""
    painter.setPen(Qt.PenStyle.NoPen)
    for share, colour in ((1.0, theme.ACCENT.darker(260)), (0.68, theme.ACCENT.darker(150)), (0.38, theme.ACCENT)):
        reach = radius * share
        fan = QPainterPath(apex)
        fan.arcTo(QRectF(apex.x() - reach, apex.y() - reach, 2 * reach, 2 * reach), 235, 70)
        fan.closeSubpath()
        painter.setBrush(colour)
        painter.drawPath(fan)
