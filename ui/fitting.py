"""Where an image lies in the room it is given, and its gaze map in the image: for all that paint over images. Pure."""

from __future__ import annotations

import numpy as np
from PyQt6.QtCore import QPoint, QRect, QSize, Qt

from assistant.contracts import Frame, Guidance


def fitted(frame: Frame, room: QSize) -> QRect:
    """The image as large as it fits, in the middle of ``room``; same unit as ``room``."""
    size = QSize(frame.width_px, frame.height_px)
    size.scale(room, Qt.AspectRatioMode.KeepAspectRatio)
    size = size.expandedTo(QSize(1, 1))
    return QRect(QPoint((room.width() - size.width()) // 2, (room.height() - size.height()) // 2), size)


def gaze_area(guidance: Guidance, frame: Frame, image: QRect) -> QRect:
    """What lies wholly inside ``gaze_rect_px`` where the frame is shown in ``image``; may be empty."""
    across, down = image.width() / frame.width_px, image.height() / frame.height_px
    top, left, bottom, right = guidance.gaze_rect_px
    x0, y0 = np.ceil([max(left, 0) * across, max(top, 0) * down]).astype(int)
    x1, y1 = np.floor([min(right, frame.width_px) * across, min(bottom, frame.height_px) * down]).astype(int)
    return QRect(image.left() + int(x0), image.top() + int(y0), max(int(x1 - x0), 0), max(int(y1 - y0), 0))
