"""The timeline: lanes over the whole session or a part of it, the frame that is shown, and marks. On Qt's main thread.

Lanes are painted once into a picture and again only when they have changed; the line at the frame lies over it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
from PyQt6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent, QWheelEvent
from PyQt6.QtWidgets import QLabel, QSizePolicy, QWidget

from assistant.replay.annotations import Annotations
from assistant.replay.lanes import Lanes, lanes
from assistant.replay.recording import Recording
from assistant.replay.thumbnails import Thumbnails
from assistant.replay.timeline_index import ABSTAINS, UNSAID, TimelineIndex
from ui import theme
from ui.replay.words import clock
from ui.words import display_name

_ROW_EM, _NAMES_EM, _RULER_EM = 1.55, 6.5, 1.5
_LEAST_SHOWN_NS = 2_000_000_000
_IDLE, _DOUBT = theme.LINE, theme.CAUTION.darker(190)


def plane_colour(number: int) -> QColor:
    """Neighbouring numbers get hues far apart; the name stands beside the colour wherever there is room."""
    hue = (0.55 + number * 0.381966) % 1.0
    return QColor.fromHsvF(hue, 0.48, 0.82)


def _slim(area: QRectF) -> QRectF:
    return area.adjusted(0, area.height() / 3, 0, -area.height() / 3)


class TimelineView(QWidget):
    """Lanes of planes, labels, speech, gaze and events; click and drag to seek, the wheel enlarges.

    Args:
        recording: what to show.
        notes: the labels and notes.
        background: the class that means no standard plane.
        parent: the window, over which the thumbnail is shown.
    """

    sought = pyqtSignal(int)
    """The user asks for the frame at this position."""

    def __init__(self, recording: Recording, notes: Annotations, background: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Timeline"))
        self._recording, self._notes, self._background = recording, notes, background
        self._thumbnails = Thumbnails(recording.reader)
        self._popup = QLabel(parent)
        self._popup.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._popup.hide()
        self._from_ns, self._to_ns = recording.start_ns, max(int(recording.times_ns[-1]), recording.start_ns + 1)
        self._position = 0
        self._range: tuple[int | None, int | None] = (None, None)
        self._hovered_x: float | None = None
        self._lanes: QPixmap | None = None
        self._other: TimelineIndex | None = None

    @property
    def shown_ns(self) -> tuple[int, int]:
        """From when to when it shows, on the session's clock."""
        return self._from_ns, self._to_ns

    @property
    def thumbnail_visible(self) -> bool:
        """The picture of the moment under the mouse is shown."""
        return self._popup.isVisible()

    def close_threads(self) -> None:
        """End the thread of the thumbnails."""
        self._thumbnails.close()

    def show_position(self, position: int) -> None:
        """Move the line to a frame; the shown part follows it."""
        if position == self._position:
            return
        self._position = position
        at_ns = int(self._recording.times_ns[position])
        span = self._to_ns - self._from_ns
        if not self._from_ns <= at_ns <= self._to_ns:
            self._show_from(at_ns - span // 10, span)
        self.update()

    def show_range(self, first: int | None, last: int | None) -> None:
        """Marks of a range; None: not set."""
        if (first, last) != self._range:
            self._range = (first, last)
            self.update()

    def changed(self) -> None:
        """Labels changed, or more of the session was read."""
        self._lanes = None
        self.update()

    def show_other(self, other: TimelineIndex | None) -> None:
        """A lane for what another model named, or none."""
        self._other = other
        self.updateGeometry()
        self.changed()

    def follow_mouse(self) -> None:
        """The picture under the mouse may be ready now."""
        if self._hovered_x is not None:
            self._show_thumbnail(self._hovered_x)

    def zoom(self, factor: float, around_ns: int | None = None) -> None:
        """Show a part ``factor`` times as long, with ``around_ns`` (the shown frame when None) where it is."""
        at = int(self._recording.times_ns[self._position]) if around_ns is None else around_ns
        span = self._to_ns - self._from_ns
        wanted = round(span * factor)
        share = min(max((at - self._from_ns) / span, 0.0), 1.0)
        self._show_from(at - round(share * wanted), wanted)

    def x_of(self, position: int) -> float:
        """Where the frame at ``position`` lies, in the widget's pixels."""
        return self._x_of_ns(int(self._recording.times_ns[position]))

    # Qt's calls ---------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """A ruler and a row a lane."""
        unit = theme.em(self)
        return QSize(40 * unit, round((_RULER_EM + (5 if self._other is None else 6) * _ROW_EM + 0.5) * unit))

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Other columns."""
        super().resizeEvent(a0)
        self._lanes = None

    def mousePressEvent(self, a0: QMouseEvent | None) -> None:
        """Seek."""
        if a0 is not None and a0.button() == Qt.MouseButton.LeftButton:
            self._seek(a0.position().x())

    def mouseMoveEvent(self, a0: QMouseEvent | None) -> None:
        """Seek while the button is held; else show the thumbnail."""
        if a0 is None:
            return
        self._hovered_x = a0.position().x()
        if a0.buttons() & Qt.MouseButton.LeftButton:
            self._seek(self._hovered_x)
        self._show_thumbnail(self._hovered_x)

    def leaveEvent(self, a0: QEvent | None) -> None:  # noqa: ARG002 - Qt's name
        """No thumbnail without a mouse."""
        self._hovered_x = None
        self._popup.hide()

    def wheelEvent(self, a0: QWheelEvent | None) -> None:
        """Enlarge or reduce around the mouse."""
        if a0 is not None and a0.angleDelta().y():
            self.zoom(0.8 if a0.angleDelta().y() > 0 else 1.25, self._ns_at(a0.position().x()))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """The lanes, the range, the line at the frame."""
        if self._lanes is None:
            self._lanes = self._paint_lanes()
        painter = theme.painter_of(self)
        painter.drawPixmap(0, 0, self._lanes)
        track = self._track()
        painter.setClipRect(track)
        first, last = self._range
        if first is not None or last is not None:
            left = track.left() if first is None else self.x_of(first)
            right = track.right() if last is None else self.x_of(last)
            painter.fillRect(QRectF(left, 0, max(right - left, 2), self.height()), QColor(92, 200, 255, 46))
            for x, is_set in ((left, first is not None), (right, last is not None)):
                if is_set:
                    painter.setPen(QPen(theme.ACCENT, 2))
                    painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
        x = self.x_of(self._position)
        painter.setPen(QPen(QColor(0, 0, 0, 160), 4))
        painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
        painter.setPen(QPen(theme.TEXT, 2))
        painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))

    # What they need -----------------------------------------------------------------------------------------------

    def _track(self) -> QRectF:
        unit = theme.em(self)
        return QRectF(_NAMES_EM * unit, 0, max(self.width() - (_NAMES_EM + 0.8) * unit, 1.0), self.height())

    def _x_of_ns(self, at_ns: int) -> float:
        track = self._track()
        return track.left() + track.width() * (at_ns - self._from_ns) / (self._to_ns - self._from_ns)

    def _ns_at(self, x: float) -> int:
        track = self._track()
        share = min(max((x - track.left()) / track.width(), 0.0), 1.0)
        return self._from_ns + round(share * (self._to_ns - self._from_ns))

    def _seek(self, x: float) -> None:
        self.sought.emit(self._recording.position_at(self._ns_at(x)))

    def _show_from(self, from_ns: int, span_ns: int) -> None:
        """Show ``span_ns`` from a moment on, within the session."""
        start = self._recording.start_ns
        whole = max(int(self._recording.times_ns[-1]) - start, 1)
        span = min(max(span_ns, min(_LEAST_SHOWN_NS, whole)), whole)
        self._from_ns = min(max(from_ns, start), start + whole - span)
        self._to_ns = self._from_ns + span
        self.changed()

    def _show_thumbnail(self, x: float) -> None:
        track = self._track()
        if not track.left() <= x <= track.right():
            self._popup.hide()
            return
        position = self._recording.position_at(self._ns_at(x))
        pixels = self._thumbnails.get(position)
        if pixels is None:
            return  # asked for; ``follow_mouse`` comes again
        self._popup.setPixmap(self._thumbnail(pixels, position))
        self._popup.adjustSize()
        parent = self._popup.parentWidget()
        corner = self.mapTo(parent, QPointF(x - self._popup.width() / 2, -self._popup.height() - 4).toPoint())
        rightmost = 0 if parent is None else parent.width() - self._popup.width()
        corner.setX(min(max(corner.x(), 0), max(rightmost, 0)))
        self._popup.move(corner)
        self._popup.raise_()
        self._popup.show()

    def _thumbnail(self, pixels: np.ndarray, position: int) -> QPixmap:
        """The picture with its time and what was said of that frame."""
        unit, index = theme.em(self), self._recording.index
        if pixels.ndim == 2:
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB))
        height, width = pixels.shape[:2]
        image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        made = QPixmap(width, height + round(2.8 * unit))
        made.fill(theme.RAISED)
        painter = QPainter(made)
        painter.setFont(self.font())
        painter.drawImage(0, 0, image)
        at_s = (int(self._recording.times_ns[position]) - self._recording.start_ns) / 1e9
        about = index.shown_at(position)
        decided = UNSAID if about is None else int(index.decided[about])
        said = self.tr("not sure") if decided == ABSTAINS else display_name(index.name(decided))
        for line, (text, colour) in enumerate(((clock(at_s), theme.TEXT), (said, theme.MUTED))):
            row = QRectF(0.5 * unit, height + (0.1 + 1.3 * line) * unit, width - unit, 1.3 * unit)
            theme.write(painter, row, text, colour, 0.9 * unit)
        painter.end()
        return made

    def _paint_lanes(self) -> QPixmap:
        unit, track = theme.em(self), self._track()
        ratio = self.devicePixelRatioF()
        made = QPixmap(self.size() * ratio)
        made.setDevicePixelRatio(ratio)
        made.fill(theme.SURFACE)
        painter = QPainter(made)
        painter.setFont(self.font())
        count = max(int(track.width()), 1)
        found, names = lanes(
            self._recording, self._notes, self._background, self._from_ns, self._to_ns, count, self._other
        )
        self._paint_ruler(painter, track, unit)
        rows: list[tuple[str, Callable[[QRectF], None]]] = [
            (self.tr("Planes"), lambda area: self._paint_planes(painter, area, found.planes, names, unit)),
            (self.tr("Labels"), lambda area: self._paint_labels(painter, area, found, names, unit)),
            (self.tr("Speech"), lambda area: self._paint_bars(painter, area, found.speech, theme.GOOD)),
            (self.tr("Gaze"), lambda area: self._paint_bars(painter, _slim(area), found.gaze, theme.MUTED)),
            (self.tr("Events"), lambda area: self._paint_marks(painter, area, found.events, theme.CAUTION, unit)),
        ]
        other = found.other
        if other is not None:
            rows.insert(1, (self.tr("Other"), lambda area: self._paint_planes(painter, area, other, names, unit)))
        for row, (title, paint) in enumerate(rows):
            area = QRectF(track.left(), (_RULER_EM + _ROW_EM * row) * unit, track.width(), (_ROW_EM - 0.3) * unit)
            name = QRectF(0.7 * unit, area.top(), track.left() - unit, area.height())
            theme.write(painter, name, title, theme.MUTED, 0.9 * unit)
            painter.fillRect(area, theme.GROUND)
            paint(area)
        painter.end()
        return made

    def _paint_labels(self, painter: QPainter, area: QRectF, found: Lanes, names: tuple[str, ...], unit: int) -> None:
        self._paint_planes(painter, area, found.labels, names, unit)
        self._paint_marks(painter, area, found.notes, theme.ACCENT, unit)

    def _paint_ruler(self, painter: QPainter, track: QRectF, unit: int) -> None:
        span_s = (self._to_ns - self._from_ns) / 1e9
        begins_s = (self._from_ns - self._recording.start_ns) / 1e9
        fits = max(track.width() / (7 * unit), 1.0)
        steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
        step = next((s for s in steps if span_s / s <= fits), steps[-1])
        at_s = -(-begins_s // step) * step
        while at_s <= begins_s + span_s:
            x = track.left() + track.width() * (at_s - begins_s) / span_s
            painter.setPen(QPen(theme.LINE, 1))
            painter.drawLine(QPointF(x, 0.2 * unit), QPointF(x, _RULER_EM * unit))
            words = QRectF(x + 0.3 * unit, 0, 6 * unit, _RULER_EM * unit)
            theme.write(painter, words, clock(at_s)[:-4], theme.MUTED, 0.8 * unit)
            at_s += step

    def _paint_planes(
        self, painter: QPainter, area: QRectF, values: np.ndarray, names: tuple[str, ...], unit: int
    ) -> None:
        """Runs of columns in the plane's colour with its name; background low, doubt as a line in the middle."""
        edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
        for first, last in pairwise(edges):
            value = int(values[first])
            box = QRectF(area.left() + first, area.top(), last - first, area.height())
            if value == UNSAID:
                continue
            if value == ABSTAINS:
                painter.fillRect(box.adjusted(0, 0.42 * box.height(), 0, -0.42 * box.height()), _DOUBT)
            elif names[value] == self._background:
                painter.fillRect(box.adjusted(0, 0.82 * box.height(), 0, 0), _IDLE)
            else:
                painter.fillRect(box, plane_colour(value))
                if box.width() > 3 * unit:
                    inner = box.adjusted(0.3 * unit, 0, -0.2 * unit, 0)
                    theme.write(painter, inner, display_name(names[value]), theme.GROUND, 0.8 * unit, bold=True)

    def _paint_bars(self, painter: QPainter, area: QRectF, present: np.ndarray, colour: QColor) -> None:
        padded = np.diff(np.concatenate([[0], present.astype(np.int8), [0]]))
        for first, last in zip(np.flatnonzero(padded == 1), np.flatnonzero(padded == -1), strict=True):
            painter.fillRect(QRectF(area.left() + int(first), area.top(), int(last - first), area.height()), colour)

    def _paint_marks(self, painter: QPainter, area: QRectF, present: np.ndarray, colour: QColor, unit: int) -> None:
        """A small flag at each."""
        for column in np.flatnonzero(present):
            x = area.left() + int(column)
            painter.fillRect(QRectF(x, area.top(), 0.15 * unit, area.height()), colour)
            painter.fillRect(QRectF(x, area.top(), 0.6 * unit, 0.4 * area.height()), colour)
