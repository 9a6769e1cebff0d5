# ruff: noqa: T201 - what it prints is read by the test
"""A real window that shows pictures on the screen that ``DISPLAY`` names, in a process of its own.

Run as ``python tests/screen_picture.py LEFT TOP WIDTH HEIGHT``; it says "ready" and then counts, 20 pictures a second.
"""

from __future__ import annotations

import sys

import numpy as np
from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QImage, QPixmap
from PyQt6.QtWidgets import QApplication, QLabel


def picture(number: int, width: int, height: int) -> np.ndarray:
    """``(H, W, 3)`` RGB: red is the number, green rises to the right, blue downwards."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[..., 0] = number % 256
    pixels[..., 1] = np.arange(width) % 256
    pixels[..., 2] = (np.arange(height) % 256)[:, None]
    return pixels


def main() -> None:
    left, top, width, height = map(int, sys.argv[1:5])
    application = QApplication([])
    label = QLabel()
    label.setWindowFlags(Qt.WindowType.FramelessWindowHint | Qt.WindowType.BypassWindowManagerHint)
    label.setGeometry(left, top, width, height)
    number = 0

    def show() -> None:
        nonlocal number
        pixels = picture(number, width, height)
        label.setPixmap(QPixmap.fromImage(QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)))
        number += 1

    show()
    label.show()
    for _ in range(20):
        application.processEvents()
    print("ready", flush=True)
    timer = QTimer()
    timer.timeout.connect(show)
    timer.start(50)
    application.exec()


if __name__ == "__main__":
    main()
