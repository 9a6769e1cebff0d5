"""The image, as large as it fits, and what is drawn over it. On Qt's main thread.

Pixels are only enlarged or reduced, never altered; heatmap and gaze mark lie over them and can be hidden. A plain
raster widget: on machines without a graphics card it paints several times faster than OpenGL in software. Scaling is
done once a frame (OpenCV), so that painting is a copy, and a repaint for any other reason costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor

import cv2
import numpy as np
from PyQt6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen, QRegion, QResizeEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from assistant.contracts import Frame, GazeSample, Guidance, UInt8Array
from assistant.snapshot import Snapshot
from ui import theme
from ui.colormap import heat_picture
from ui.fitting import fitted, gaze_area
from ui.translation import translate

SURROUND = QColor("#000000")


class ImageView(QWidget):
    """Paints ``snapshot.frame`` with its gaze heatmap and the observer's gaze."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(translate("Panels", "Ultrasound image"))
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.on_painted: Callable[[Frame], None] = lambda _: None
        self._frame: Frame | None = None
        self._guidance: Guidance | None = None
        self._gaze: GazeSample | None = None
        self._heatmap_on = True
        self._overlays_on = True
        self._opacity = 1.0
        self._picture: QImage | None = None
        self._heat: QImage | None = None
        self._heat_colours: UInt8Array | None = None
        self._heat_tinted: UInt8Array | None = None
        self._heat_at_px = QPoint()
        # QImage borrows the memory of these arrays.
        self._picture_pixels: UInt8Array | None = None
        self._heat_pixels: UInt8Array | None = None

    @property
    def heat_visible(self) -> bool:
        """A heatmap is painted over the image now."""
        return self._heat is not None and self._heatmap_on and self._overlays_on

    def image_size_px(self) -> tuple[int, int] | None:
        """Width and height of the image itself; None before the first frame."""
        return None if self._frame is None else (self._frame.width_px, self._frame.height_px)

    def image_rect(self) -> QRect:
        """Where the image lies in the widget, in device pixels; empty before the first frame."""
        if self._frame is None:
            return QRect()
        ratio = self.devicePixelRatioF()
        room = QSize(round(self.width() * ratio), round(self.height() * ratio))
        return fitted(self._frame, room)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Take over frame, guidance and gaze; repaints what changed."""
        old_area = self.image_rect()
        if snapshot.guidance is not self._guidance:
            gaze_map = snapshot.guidance.gaze_map if snapshot.guidance else None
            self._heat_colours = None if gaze_map is None else heat_picture(gaze_map)
            self._tint()
        new_frame = snapshot.frame is not self._frame
        new_heat = snapshot.guidance is not self._guidance
        new_gaze = snapshot.gaze != self._gaze
        self._frame, self._guidance, self._gaze = snapshot.frame, snapshot.guidance, snapshot.gaze
        if new_frame:
            self._scale_picture()
        area = self.image_rect()
        if new_heat or area != old_area:
            self._scale_heat()
        if area != old_area:
            self.update()
        elif new_frame or new_heat or new_gaze:
            self.update(self._logical(area))

    def show_overlays(self, *, heatmap: bool, overlays: bool) -> None:
        """Show or hide the heatmap, and all that lies over the image."""
        self._heatmap_on, self._overlays_on = heatmap, overlays
        self.update()

    def set_opacity(self, share: float) -> None:
        """Paint the heatmap with this share of its strongest paint."""
        if share != self._opacity:
            self._opacity = share
            self._tint()
            self._scale_heat()
            self.update()

    def _tint(self) -> None:
        """Premultiplied colours fade evenly; done on the small map, where it costs nothing."""
        self._heat_tinted = self._heat_colours
        if self._heat_colours is not None and self._opacity < 1.0:
            self._heat_tinted = np.rint(self._heat_colours * np.float32(self._opacity)).astype(np.uint8)

    def _scale_picture(self) -> None:
        if self._frame is None:
            self._picture, self._picture_pixels = None, None
            return
        size = self.image_rect().size()
        pixels = self._frame.pixels
        if (self._frame.width_px, self._frame.height_px) != (size.width(), size.height()):
            # Bilinear aliases only below half the size; averaging over areas costs five times as much.
            small = 2 * size.width() < self._frame.width_px
            way = cv2.INTER_AREA if small else cv2.INTER_LINEAR
            pixels = cv2.resize(pixels, (size.width(), size.height()), interpolation=way).astype(np.uint8, copy=False)
        grey = pixels.ndim == 2
        self._picture_pixels = np.ascontiguousarray(pixels)
        layout = QImage.Format.Format_Grayscale8 if grey else QImage.Format.Format_RGB888
        self._picture = _borrowed(self._picture_pixels, layout, self.devicePixelRatioF())

    def _scale_heat(self) -> None:
        """Colours lie where ``gaze_area`` says."""
        self._heat = self._heat_pixels = None
        if self._guidance is None or self._frame is None or self._heat_tinted is None:
            return
        area = gaze_area(self._guidance, self._frame, self.image_rect())
        if area.isEmpty():
            return
        scaled = cv2.resize(self._heat_tinted, (area.width(), area.height()), interpolation=cv2.INTER_LINEAR)
        self._heat_pixels = scaled.astype(np.uint8, copy=False)
        layout = QImage.Format.Format_ARGB32_Premultiplied
        self._heat = _borrowed(self._heat_pixels, layout, self.devicePixelRatioF())
        self._heat_at_px = area.topLeft()

    def _logical(self, area: QRect) -> QRect:
        """Device pixels to the widget's own, rounded outwards."""
        ratio = self.devicePixelRatioF()
        return QRectF(area.x() / ratio, area.y() / ratio, area.width() / ratio, area.height() / ratio).toAlignedRect()

    def _wholly_inside(self, area: QRect) -> QRect:
        """Device pixels to the widget's own, rounded inwards: what the image is sure to cover at any scaling."""
        ratio = self.devicePixelRatioF()
        left, top = ceil(area.x() / ratio), ceil(area.y() / ratio)
        right, bottom = floor((area.x() + area.width()) / ratio), floor((area.y() + area.height()) / ratio)
        return QRect(left, top, right - left, bottom - top)

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Fit the image to the new room."""
        super().resizeEvent(a0)
        self._scale_picture()
        self._scale_heat()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """The surround where it is exposed, the image, then the overlays."""
        painter = theme.painter_of(self)
        if self._frame is None or self._picture is None:
            painter.fillRect(self.rect(), SURROUND)
            waiting = translate("Words", "Waiting for video")
            theme.write(painter, QRectF(self.rect()), waiting, theme.MUTED, 1.6 * theme.em(self), align=theme.CENTRE)
            return
        area = self.image_rect()
        ratio = self.devicePixelRatioF()
        exposed = a0.region() if a0 is not None else QRegion(self.rect())
        painter.setClipRegion(exposed.subtracted(QRegion(self._wholly_inside(area))))
        painter.fillRect(self.rect(), SURROUND)
        painter.setClipping(False)
        painter.drawImage(QPointF(area.topLeft()) / ratio, self._picture)
        if self._heat is not None and self.heat_visible:
            painter.drawImage(QPointF(self._heat_at_px) / ratio, self._heat)
        if self._overlays_on and self._gaze is not None and self._gaze.valid:
            self._paint_gaze(painter, area, self._gaze, self._frame)
        self.on_painted(self._frame)

    def _paint_gaze(self, painter: QPainter, area: QRect, gaze: GazeSample, frame: Frame) -> None:
        """A ring where the observer looks: white on dark, to be seen on any ground, and open in the middle."""
        ratio = self.devicePixelRatioF()
        x = area.x() + (gaze.x_px + 0.5) * area.width() / frame.width_px
        y = area.y() + (gaze.y_px + 0.5) * area.height() / frame.height_px
        unit = theme.em(self)
        painter.setClipRect(self._logical(area))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for width, colour in ((0.36, QColor(0, 0, 0, 170)), (0.14, theme.TEXT)):
            painter.setPen(QPen(colour, width * unit))
            painter.drawEllipse(QPointF(x, y) / ratio, unit, unit)


def _borrowed(pixels: UInt8Array, layout: QImage.Format, ratio: float) -> QImage:
    """A QImage on the array's own memory; the caller keeps the array alive."""
    height, width = pixels.shape[:2]
    # The stubs ask for bytes; Qt takes any buffer.
    image = QImage(pixels.data, width, height, pixels.strides[0], layout)  # type: ignore[call-overload]
    image.setDevicePixelRatio(ratio)
    return image  # type: ignore[no-any-return]
