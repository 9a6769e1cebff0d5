"""A source to choose on the start page, with what it shows now. On Qt's main thread."""

from __future__ import annotations

import cv2
import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QImage, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from assistant.contracts import Frame
from ui import theme
from ui.translation import translate

_SIDE_PX = 640


class SourceTile(QAbstractButton):
    """Picture, name, and a line below; one of several, of which one is chosen (arrow keys go from one to the next).

    Args:
        spec: what it stands for, ``name:argument``; empty: what is typed beside it.
        name: for people.
        note: the line below, until there is something better to say.
        parent: the page.
    """

    def __init__(self, spec: str, name: str, note: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec = spec
        self._note, self._problem = note, ""
        self._looked_at = False
        self._frame: Frame | None = None
        self._picture: QImage | None = None
        self.setText(name)
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._name()

    def show_look(self, frame: Frame | None, note: str, problem: str) -> None:
        """What the preview sees: an image, a line about it, or why there is none. Repaints what is new."""
        if frame is not self._frame or not self._looked_at:
            self._frame, self._looked_at = frame, True
            self._picture = None if frame is None else _reduced(frame)
            self.update()
        if (note or self._note, problem) != (self._note, self._problem):
            self._note, self._problem = note or self._note, problem
            self._name()
            self.update()

    def forget(self) -> None:
        """Show nothing, until there is something else to see."""
        self._frame, self._picture, self._problem, self._looked_at = None, None, "", False
        self._name()
        self.update()

    @property
    def shows_picture(self) -> bool:
        """An image stands in it."""
        return self._picture is not None

    def sizeHint(self) -> QSize:
        """A picture of four to three, two lines."""
        unit = theme.em(self)
        return QSize(16 * unit, 14 * unit)

    def minimumSizeHint(self) -> QSize:
        """Still to be told apart."""
        unit = theme.em(self)
        return QSize(11 * unit, 9 * unit)

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Picture above, words below; a line around it and a tick when chosen, dashes inside with the focus."""
        unit = theme.em(self)
        painter = theme.painter_of(self)
        area = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        theme.card(painter, area, 0.6 * unit, theme.RAISED if self.isChecked() else theme.SURFACE)
        room = area.adjusted(0.6 * unit, 0.6 * unit, -0.6 * unit, -3.6 * unit)
        painter.fillRect(room, theme.GROUND)
        if self._picture is not None:
            size = self._picture.size().scaled(room.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRectF(0, 0, size.width(), size.height())
            place.moveCenter(room.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(place, self._picture)
        else:
            theme.lettering(painter, 0.9 * unit)
            painter.setPen(theme.CAUTION if self._problem else theme.MUTED)
            waiting = translate("Start", "opening...") if self._looked_at else translate("Start", "no preview")
            words = self._problem or waiting
            wrapped = int(theme.CENTRE) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(room.adjusted(0.5 * unit, 0, -0.5 * unit, 0), wrapped, words)
        name = QRectF(area.left() + 0.8 * unit, room.bottom() + 0.4 * unit, area.width() - 3.2 * unit, 1.5 * unit)
        theme.write(painter, name, self.text(), theme.TEXT, 1.1 * unit, bold=True)
        line = QRectF(name.left(), name.bottom(), area.width() - 1.6 * unit, 1.3 * unit)
        theme.write(painter, line, self._note, theme.MUTED, 0.85 * unit)
        if self.isChecked():
            _border(painter, area, 0.6 * unit, QPen(theme.ACCENT, 0.2 * unit))
            _tick(painter, QPointF(area.right() - 1.3 * unit, name.center().y()), 0.7 * unit)
        if self.hasFocus():
            inside = area.adjusted(0.3 * unit, 0.3 * unit, -0.3 * unit, -0.3 * unit)
            _border(painter, inside, 0.4 * unit, QPen(theme.TEXT, 0.12 * unit, Qt.PenStyle.DashLine))

    def _name(self) -> None:
        self.setAccessibleName(self.text())
        self.setAccessibleDescription(self._problem or self._note)
        self.setToolTip(self._problem or self.spec)


def _reduced(frame: Frame) -> QImage:
    """An image of its own memory, no larger than a tile may be."""
    pixels = frame.pixels
    share = _SIDE_PX / max(pixels.shape[:2])
    if share < 1.0:
        pixels = cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    pixels = np.ascontiguousarray(pixels)
    layout = QImage.Format.Format_Grayscale8 if pixels.ndim == 2 else QImage.Format.Format_RGB888
    return QImage(pixels.tobytes(), pixels.shape[1], pixels.shape[0], pixels.strides[0], layout).copy()


def _border(painter: QPainter, area: QRectF, radius: float, pen: QPen) -> None:
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(area, radius, radius)


def _tick(painter: QPainter, centre: QPointF, radius: float) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.ACCENT)
    painter.drawEllipse(centre, radius, radius)
    painter.setPen(QPen(theme.GROUND, 0.34 * radius, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    corners = [(-0.45, 0.02), (-0.12, 0.36), (0.48, -0.34)]
    painter.drawPolyline(QPolygonF([centre + QPointF(x, y) * radius for x, y in corners]))
