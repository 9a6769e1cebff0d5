"""The predicted gaze over another program's window. On Qt's main thread.

Where windows can be half transparent it is the heatmap of the live window. Where they cannot (X11 without a compositor)
it is a screen of dots, and the window has a hole everywhere else: the image shows between them, unaltered.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from PyQt6.QtCore import QPoint, QPointF, QRect, QSize, Qt
from PyQt6.QtGui import QCursor, QGuiApplication, QImage, QPainter, QPaintEvent, QRegion
from PyQt6.QtWidgets import QWidget

from assistant.contracts import Frame, Guidance, UInt8Array
from ui.colormap import MAX_ALPHA, heat_picture
from ui.fitting import fitted, gaze_area

DOT_PITCH_PX: Final = 10
DOT_SHARE: Final = 0.36
"""Of the image that dots hide at most, at full strength."""
_DOT_FROM_ALPHA: Final = 0.25 * MAX_ALPHA * 255


def lay_over(window: QWidget) -> None:
    """Make a window that lies over all others, lets mouse and keys through, and never takes the keyboard."""
    kind = Qt.WindowType
    flags = kind.Tool | kind.FramelessWindowHint | kind.WindowStaysOnTopHint
    flags |= kind.WindowTransparentForInput | kind.WindowDoesNotAcceptFocus
    if QGuiApplication.platformName() == "xcb":
        flags |= kind.BypassWindowManagerHint  # a window manager lays a viewer on the full screen over all it manages
    window.setWindowFlags(flags)
    window.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
    window.setAttribute(Qt.WidgetAttribute.WA_MacAlwaysShowToolWindow)


def send_now() -> None:
    """Let the X server know at once who is hidden and who is on top.

    Qt keeps such requests until something is painted (seen with Qt 6.11); a question that needs an answer sends them.
    """
    QCursor.pos()


class HeatLayer(QWidget):
    """Covers the rectangle in which another program shows the image; is not there while there is nothing to paint.

    Args:
        area: the rectangle, in Qt's units.
    """

    def __init__(self, area: QRect) -> None:
        super().__init__()
        lay_over(self)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setGeometry(area)
        self._guidance: Guidance | None = None
        self._size_px = (0, 0)
        self._opacity, self._clear = 1.0, True
        self._shown = True
        self._colours: UInt8Array | None = None
        self._image: QImage | None = None
        self._image_pixels: UInt8Array | None = None  # QImage borrows its memory
        self._at_px = QPoint()

    def show_guidance(self, guidance: Guidance | None, frame: Frame | None, *, shown: bool) -> None:
        """Paint the guidance's gaze map where ``frame`` is shown, or without ``shown`` nothing. Repaints if new."""
        size_px = (0, 0) if frame is None else (frame.width_px, frame.height_px)
        if guidance is not self._guidance or size_px != self._size_px or shown != self._shown:
            if guidance is not self._guidance:
                gaze_map = guidance.gaze_map if guidance is not None else None
                self._colours = None if gaze_map is None else heat_picture(gaze_map)
            self._guidance, self._size_px, self._shown = guidance, size_px, shown
            self._make(frame)

    def set_look(self, opacity: float, *, clear: bool, frame: Frame | None) -> None:
        """How strong it is, and whether windows can be half transparent now."""
        if (opacity, clear) != (self._opacity, self._clear):
            self._opacity, self._clear = opacity, clear
            self._make(frame)

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Nothing, and on it the picture."""
        painter = QPainter(self)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        painter.fillRect(self.rect(), Qt.GlobalColor.transparent)
        if self._image is not None:
            painter.drawImage(QPointF(self._at_px) / self._image.devicePixelRatio(), self._image)

    def _make(self, frame: Frame | None) -> None:
        """The picture and the window's shape; without a picture there is no window: an empty shape would be none."""
        self._image = self._image_pixels = None
        area = QRect()
        ratio = self.devicePixelRatioF() if self._clear else 1.0  # a shape is in Qt's units
        if self._shown and self._guidance is not None and frame is not None and self._colours is not None:
            room = QSize(round(self.width() * ratio), round(self.height() * ratio))
            area = gaze_area(self._guidance, frame, fitted(frame, room))
        holes = None
        if not area.isEmpty() and self._colours is not None:
            if self._clear:
                share = np.float32(self._opacity)
                small = np.rint(self._colours * share).astype(np.uint8)
                pixels = cv2.resize(small, (area.width(), area.height()), interpolation=cv2.INTER_LINEAR)
            else:
                pixels, holes = dots(self._colours, area, self._opacity)
            self._image_pixels = np.ascontiguousarray(pixels, np.uint8)
            height, width = self._image_pixels.shape[:2]
            layout = QImage.Format.Format_ARGB32_Premultiplied
            # The stubs ask for bytes; Qt takes any buffer.
            self._image = QImage(self._image_pixels.data, width, height, 4 * width, layout)  # type: ignore[call-overload]
            self._image.setDevicePixelRatio(ratio)
            self._at_px = area.topLeft()
        self._put(holes)

    def _put(self, holes: QRegion | None) -> None:
        if self._image is None or (holes is not None and holes.isEmpty()):
            self.hide()
            return
        if holes is None:
            self.clearMask()
        else:
            self.setMask(holes)
        self.show()
        self.repaint()


def dots(colours: UInt8Array, area: QRect, opacity: float) -> tuple[UInt8Array, QRegion]:
    """A heatmap for windows that cannot be half transparent.

    Args:
        colours: ``(h, w, 4)`` uint8 premultiplied BGRA, see ``heat_picture``.
        area: where it lies in the window, in Qt's units.
        opacity: in (0, 1]; the dots grow with it.

    Returns:
        ``(area.height, area.width, 4)`` uint8 opaque BGRA, and the dots in the window: outside them nothing is painted.
    """
    columns, rows = max(area.width() // DOT_PITCH_PX, 1), max(area.height() // DOT_PITCH_PX, 1)
    grid = cv2.resize(colours, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    alpha = grid[..., 3:]
    solid = np.concatenate([grid[..., :3] * 255 / np.maximum(alpha, 1), np.full_like(alpha, 255)], axis=2)
    solid = np.rint(solid.clip(0, 255)).astype(np.uint8)
    pixels = np.zeros((area.height(), area.width(), 4), np.uint8)
    pixels[..., 3] = 255
    blocks = solid.repeat(DOT_PITCH_PX, axis=0).repeat(DOT_PITCH_PX, axis=1)[: area.height(), : area.width()]
    pixels[: blocks.shape[0], : blocks.shape[1]] = blocks
    side = max(round(DOT_PITCH_PX * (DOT_SHARE * opacity) ** 0.5), 2)
    margin = (DOT_PITCH_PX - side) // 2
    places = np.argwhere(alpha[..., 0] >= _DOT_FROM_ALPHA) * DOT_PITCH_PX + margin
    region = QRegion()
    region.setRects([QRect(area.left() + int(x), area.top() + int(y), side, side) for y, x in places])
    return pixels, region
