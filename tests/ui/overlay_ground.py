# ruff: noqa: T201, N802 - what it prints is read by the test; Qt names its own methods
"""Another program: a window of one colour on the screen that ``DISPLAY`` names, which says where it was clicked.

Run as ``python tests/ui/overlay_ground.py LEFT TOP WIDTH HEIGHT``; it says "ready", then a line for each click and key.
"""

from __future__ import annotations

import sys

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QKeyEvent, QMouseEvent, QPalette
from PyQt6.QtWidgets import QApplication, QWidget

GROUND = (40, 90, 60)


class Ground(QWidget):
    def mousePressEvent(self, a0: QMouseEvent | None) -> None:
        if a0 is not None:
            print(f"click {a0.position().x():.0f} {a0.position().y():.0f}", flush=True)

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        if a0 is not None:
            print(f"key {a0.text()}", flush=True)
            if a0.text() == "r":
                self.raise_()


def main() -> None:
    left, top, width, height = map(int, sys.argv[1:5])
    application = QApplication([])
    window = Ground()
    window.setWindowTitle("another program")
    window.setWindowFlags(Qt.WindowType.FramelessWindowHint)
    palette = window.palette()
    palette.setColor(QPalette.ColorRole.Window, QColor(*GROUND))
    window.setPalette(palette)
    window.setGeometry(left, top, width, height)
    window.show()
    for _ in range(20):
        application.processEvents()
    print("ready", flush=True)
    application.exec()


if __name__ == "__main__":
    main()
