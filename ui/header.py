"""The top line: what this is, what it may be used for, and whether it records. On Qt's main thread."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from assistant.snapshot import Snapshot
from ui import theme
from ui.translation import translate
from ui.words import LOW_DISK_S, disclaimer, elapsed, room


@dataclass(frozen=True, slots=True)
class _Shown:
    source: str = ""
    recording: bool = False
    ended: bool = False
    clock: str = elapsed(0)
    room: str = ""
    room_is_low: bool = False
    frozen: str = ""

    @property
    def words(self) -> str:
        if self.ended:
            return translate("Words", "Ended")
        return translate("Panels", "Recording") if self.recording else translate("Panels", "Not recording")


class Header(QWidget):
    """Title and source on the left; the disclaimer, whether the image is held, and the recording state on the right."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"{title}. {disclaimer()}")
        self._title = title
        self._shown = _Shown()

    def show_snapshot(self, snapshot: Snapshot, *, frozen_s: float | None = None) -> None:
        """Repaints when a shown second, the source or the recording state has changed.

        Args:
            snapshot: of the run.
            frozen_s: for how long the shown image is held; None: it is live.
        """
        left_s = snapshot.disk_s_left if snapshot.recording else None
        shown = _Shown(
            snapshot.source,
            snapshot.recording,
            snapshot.ended,
            elapsed(snapshot.elapsed_s),
            "" if left_s is None else translate("Panels", "room for {time}").format(time=room(left_s)),
            left_s is not None and left_s < LOW_DISK_S,
            "" if frozen_s is None else translate("Panels", "Frozen {time}").format(time=elapsed(frozen_s)[2:]),
        )
        if shown != self._shown:
            self._shown = shown
            spoken = (shown.source, shown.words, shown.clock, shown.room, shown.frozen)
            self.setAccessibleDescription(", ".join(part for part in spoken if part))
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
        right = area.right() - state_width - 1.0 * unit
        if shown.frozen:
            right -= _frozen_pill(
                painter, QRectF(area.left(), area.top(), right - area.left(), area.height()), shown.frozen, unit
            )
        badge_width = theme.lettering(painter, 0.95 * unit, bold=True).horizontalAdvance(disclaimer()) + 2.0 * unit
        badge = QRectF(right - badge_width, area.top(), badge_width, area.height())
        outline = badge.adjusted(0, 0.7 * unit, 0, -0.7 * unit)
        painter.setPen(QPen(theme.CAUTION, 0.1 * unit))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(outline, 0.95 * unit, 0.95 * unit)
        theme.write(painter, badge, disclaimer(), theme.CAUTION, 0.95 * unit, bold=True, align=theme.CENTRE)

        source = QRectF(title)
        source.setLeft(title.left() + title_width + 1.2 * unit)
        source.setRight(badge.left() - 1.2 * unit)
        theme.write(painter, source, shown.source, theme.MUTED, 0.95 * unit)

    def _paint_state(self, painter: QPainter, area: QRectF, unit: int) -> float:
        """A full red dot while recording, an empty ring otherwise, with words and time. Returns its width."""
        shown = self._shown
        clock_width = theme.lettering(painter, 1.15 * unit, bold=True).horizontalAdvance("0:00:00") + 0.4 * unit
        words_width = theme.lettering(painter, 1.15 * unit, bold=True).horizontalAdvance(shown.words) + 1.0 * unit
        room_width = (
            theme.lettering(painter, 0.9 * unit, bold=shown.room_is_low).horizontalAdvance(shown.room) + 1.0 * unit
            if shown.room
            else 0.0
        )
        width = 2.1 * unit + words_width + clock_width + 0.6 * unit + room_width
        pill = QRectF(area.right() - width, area.top() + 0.5 * unit, width, area.height() - 1.0 * unit)
        live = shown.recording and not shown.ended
        theme.card(painter, pill, 0.5 * unit, theme.FAULT_GROUND if live else theme.SURFACE)
        painter.setBrush(theme.FAULT if live else Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.FAULT if live else theme.MUTED, 0.15 * unit))
        painter.drawEllipse(QPointF(pill.left() + 1.2 * unit, pill.center().y()), 0.42 * unit, 0.42 * unit)
        words = pill.adjusted(2.1 * unit, 0, 0, 0)
        theme.write(painter, words, shown.words, theme.TEXT if live else theme.MUTED, 1.15 * unit, bold=True)
        ink = theme.CAUTION if shown.room_is_low else theme.MUTED
        left = pill.adjusted(0, 0, -0.7 * unit, 0)
        theme.write(painter, left, shown.room, ink, 0.9 * unit, bold=shown.room_is_low, align=theme.RIGHT)
        clock = pill.adjusted(0, 0, -0.7 * unit - room_width, 0)
        theme.write(painter, clock, shown.clock, theme.TEXT, 1.15 * unit, bold=True, align=theme.RIGHT)
        return width


def _frozen_pill(painter: QPainter, area: QRectF, words: str, unit: int) -> float:
    """Two bars, as on a player's pause key, and for how long, at the right end of ``area``. Returns its width."""
    width = theme.lettering(painter, 1.15 * unit, bold=True).horizontalAdvance(words) + 3.2 * unit
    pill = QRectF(area.right() - width, area.top() + 0.5 * unit, width, area.height() - 1.0 * unit)
    theme.card(painter, pill, 0.5 * unit, theme.FROZEN_GROUND)
    for step in (0.9, 1.5):
        bar = QRectF(pill.left() + step * unit, pill.center().y() - 0.55 * unit, 0.35 * unit, 1.1 * unit)
        theme.card(painter, bar, 0.08 * unit, theme.FROZEN)
    theme.write(painter, pill.adjusted(2.3 * unit, 0, 0, 0), words, theme.FROZEN, 1.15 * unit, bold=True)
    return width + 1.0 * unit


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
