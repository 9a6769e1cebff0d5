# ruff: noqa: T201 - what it prints is read by the test
"""Opens live window and start page, maximised on the screen that ``DISPLAY`` names, in a process of its own.

Run as ``python -m tests.ui.scaled_windows LANGUAGE PICTURE.png``: Qt takes ``QT_SCALE_FACTOR`` once, at its start. It
prints one JSON line: for each window what overlaps or lies outside, and how high its letters are on the screen.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from PyQt6.QtGui import QFontMetricsF, QImage
from PyQt6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QListWidget, QWidget

from assistant.found_devices import Found, FoundDevice
from assistant.snapshot import ChecklistItem
from tests.ui.scripted_run import PLANES, ScriptedRun, frame_of, guidance_for, sector_image, snapshot_of
from ui import previews
from ui.app import new_application
from ui.banners import Banners
from ui.checklist import Checklist
from ui.gaze_legend import GazeLegend
from ui.header import Header
from ui.image_view import ImageView
from ui.plane_card import PlaneCard
from ui.remembered import Remembered
from ui.run_facts import RunFacts
from ui.sound_meter import SoundMeter
from ui.start_choices import Surroundings
from ui.start_page import StartPage
from ui.window import Window

PANELS = (Header, Banners, ImageView, PlaneCard, GazeLegend, Checklist, SoundMeter, RunFacts)
FAULT = "The microphone is silent: check its cable, or go on without sound."


class MarkedRun(ScriptedRun):
    def mark(self, item: str, state: str) -> None:
        pass


def wrong_places(window: QWidget, parts: list[QWidget]) -> list[str]:
    places = [
        (type(part).__name__, part.rect().translated(part.mapTo(window, part.rect().topLeft()))) for part in parts
    ]
    wrong = [f"{name} outside" for name, place in places if not window.rect().contains(place)]
    for number, (name, place) in enumerate(places):
        wrong += [f"{name} over {other}" for other, below in places[:number] if place.intersects(below)]
    return wrong


def stray_pixels(view: ImageView) -> int:
    """How many pixels around the image are not black."""
    picture = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(picture.constBits().asarray(picture.sizeInBytes()), np.uint8)
    pixels = pixels.reshape(picture.height(), picture.width(), 4)[..., :3].copy()
    area = view.image_rect()
    pixels[area.top() : area.bottom() + 1, area.left() : area.right() + 1] = 0
    ratio = view.devicePixelRatioF()  # the last row or column may belong to the widget by half
    return int(np.count_nonzero(pixels[: int(view.height() * ratio), : int(view.width() * ratio)].any(axis=2)))


def shown(window: QWidget, application: QApplication) -> None:
    screen = window.screen()
    assert screen is not None
    window.resize(screen.availableSize())
    window.show()
    for _ in range(5):
        application.processEvents()


def main() -> None:
    language, picture = sys.argv[1:]
    application = new_application(language)
    frame = frame_of(sector_image())
    items = tuple(ChecklistItem(name, name, "suggested", 2.0, 0.8, sector_image(60, 80)) for name in PLANES)
    snapshot = snapshot_of(frame, guidance_for(frame), checklist=items, faults=(FAULT,), disk_s_left=7200.0)
    window = Window(MarkedRun([snapshot]), title="Sonocue")
    shown(window, application)
    window.pull()
    window._footer.buttons["freeze"].click()
    application.processEvents()
    parts = [window.findChild(kind) for kind in PANELS]
    buttons = [button for button in window.findChildren(QAbstractButton) if button.parent() is window._footer]
    told = {
        "size": [window.width(), window.height(), window.devicePixelRatioF()],
        "live": wrong_places(window, parts) + wrong_places(window, buttons),
        "image_share": window.findChild(ImageView).width() / window.width(),
        "letter_px": QFontMetricsF(window.font()).capHeight() * window.devicePixelRatioF(),
    }
    told["stray"] = stray_pixels(window.findChild(ImageView))
    window.grab().save(picture)
    window.hide()
    previews.MOST = 0
    cameras = Found((FoundDevice("opencv:/dev/video0"),), ())
    page = StartPage(Remembered(), lambda _record: Surroundings(cameras, Found((), ()), (), ()))
    shown(page, application)
    while page._finding is not None:
        page.look()
        application.processEvents()
    page.say(FAULT)
    application.processEvents()
    kinds = (QAbstractButton, QComboBox, QLineEdit, QListWidget)
    controls = [control for kind in kinds for control in page.findChildren(kind) if control.isVisible()]
    told["start"] = wrong_places(page, controls)
    page.grab().save(picture.replace(".png", "-start.png"))
    page.hide()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
