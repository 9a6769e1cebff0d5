"""The checklist: choosing, marking, undoing, by keys and mouse; and that its rows can be read at any size."""

import shutil
import subprocess
from itertools import pairwise

import cv2
import numpy as np
import pytest
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QShortcut
from PyQt6.QtTest import QTest

from assistant.snapshot import ChecklistItem, PlaneProgress
from assistant.steering import SteerCommand
from tests.ui.scripted_run import PLANES, ScriptedRun, frame_of, guidance_for, sector_image, snapshot_of
from ui.checklist import Checklist
from ui.checklist_layout import CHOSEN_EM, DENSE_EM, LOOSE_EM, lay_out
from ui.keys import KeyButton, KeyHelp

IMAGE = sector_image(96, 128)


class MarkedRun(ScriptedRun):
    """A run that keeps a checklist and obeys marks with its next snapshot."""

    def __init__(self, states):
        self.states = dict(states)
        self.marks = []
        super().__init__([self._moment(1)])

    def mark(self, item, state):
        self.marks.append((item, state))
        self.states[item] = state
        self._now = self._moment(self._now.number + 1)

    def _moment(self, number):
        frame = frame_of(sector_image(245, 325))
        items = tuple(
            ChecklistItem(
                name, None if name == "placenta" else name, state, 0.0 if state == "open" else 2.5,
                None if state == "open" else 0.83, None if state == "open" else IMAGE,
            )
            for name, state in self.states.items()
        )  # fmt: skip
        return snapshot_of(frame, guidance_for(frame, "abdomen"), number=number, checklist=items)


class SteeredRun(MarkedRun):
    """And whose probe can be moved."""

    steerable = True

    def steer(self, command: SteerCommand) -> None:
        self.marks.append("steered")


STATES = {"lips": "open", "abdomen": "suggested", "placenta": "open", "femur": "confirmed"}


def listed(window):
    widget = window.findChild(Checklist)
    return f"{widget.accessibleName()} | {widget.accessibleDescription()}"


@pytest.fixture
def typed(open_window, display, qtbot, manual_clock):
    """A window with the X server's keyboard; ``typed(run)`` gives the function that presses a key."""
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed (apt-get install xdotool)")
    environment = {"DISPLAY": display, "PATH": "/usr/bin:/bin"}

    def over(run):
        window = open_window(run, clock=manual_clock)
        focus = ["xdotool", "windowfocus", str(int(window.winId()))]
        subprocess.run(focus, check=True, env=environment, timeout=10)
        qtbot.waitUntil(window.isActiveWindow, timeout=5000)
        window.pull()

        def press(*keys):
            subprocess.run(["xdotool", "key", "--delay", "30", *keys], check=True, env=environment, timeout=10)

        return window, press

    return over


def test_keys_choose_mark_and_take_back(typed, qtbot, manual_clock):
    run = MarkedRun(STATES)
    window, press = typed(run)
    assert "1 of 4 confirmed" in listed(window)
    assert "Lips: open" in listed(window)
    press("Down")
    qtbot.waitUntil(lambda: "Abdomen: suggested" in listed(window))
    press("Return")
    qtbot.waitUntil(lambda: run.marks == [("abdomen", "confirmed")])
    manual_clock.advance(1)
    window.pull()
    assert "Abdomen: confirmed" in listed(window)
    assert "2 of 4 confirmed" in listed(window)
    press("Down", "n")
    qtbot.waitUntil(lambda: run.marks[1:] == [("placenta", "not obtainable")])
    press("Up", "u")
    qtbot.waitUntil(lambda: run.marks[2:] == [("placenta", "open")])
    assert "Placenta" in listed(window), "what was taken back is chosen"
    press("u")
    qtbot.waitUntil(lambda: run.marks[3:] == [("abdomen", "open")])
    press("u", "u")
    qtbot.waitUntil(lambda: "Nothing to take back" in said(window))
    assert len(run.marks) == 4


def test_keys_that_steer_are_no_keys_of_the_checklist(typed, qtbot):
    run = SteeredRun(STATES)
    window, press = typed(run)
    press("Down")
    qtbot.waitUntil(lambda: run.marks == ["steered"])
    assert "Lips: open" in listed(window)
    press("shift+Down")
    qtbot.waitUntil(lambda: "Abdomen: suggested" in listed(window))
    assert run.marks == ["steered"]


@pytest.mark.parametrize("kind", [MarkedRun, SteeredRun])
def test_no_key_is_taken_twice(open_window, manual_clock, kind):
    window = open_window(kind(STATES), clock=manual_clock)
    window.pull()
    keys = [shortcut.key().toString() for shortcut in window.findChildren(QShortcut)]
    assert len(keys) > 15
    assert len(set(keys)) == len(keys), sorted(keys)
    assert {"M", "Ctrl+Backspace"} <= set(keys), "mute, and forget the last minutes"


def said(window):
    return window.findChild(KeyButton).parentWidget().accessibleDescription() + window._footer.accessibleDescription()


def test_the_mouse_chooses_and_presses(open_window, manual_clock):
    run = MarkedRun(STATES)
    window = open_window(run, clock=manual_clock)
    window.pull()
    widget = window.findChild(Checklist)
    place = widget._layout().places[3]
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place.center().toPoint())
    assert "Femur: confirmed" in listed(window)
    buttons = {button.action.name: button for button in window.findChildren(KeyButton) if button.isVisible()}
    QTest.mouseClick(buttons["not obtainable"], Qt.MouseButton.LeftButton)
    assert run.marks == [("femur", "not obtainable")]
    manual_clock.advance(1)
    window.pull()
    QTest.mouseClick(buttons["undo"], Qt.MouseButton.LeftButton)
    assert run.marks[-1] == ("femur", "confirmed"), "it is as it was before"
    assert "Take back the last mark" in window.findChild(KeyHelp).accessibleDescription()


def test_the_same_mark_again_is_nothing(open_window, manual_clock):
    run = MarkedRun({"femur": "confirmed"})
    window = open_window(run, clock=manual_clock)
    window.pull()
    next(button for button in window.findChildren(KeyButton) if button.action.name == "confirm").click()
    assert run.marks == []


def test_a_run_without_a_checklist_shows_planes_and_takes_no_marks(open_window, manual_clock):
    run = MarkedRun({})
    window = open_window(run, clock=manual_clock)
    window.pull()
    window._checklist.step(1)
    for name in ("confirm", "undo"):
        next(button for button in window.findChildren(KeyButton) if button.action.name == name).click()
    assert run.marks == []
    assert "3 of 13 seen" in listed(window)


def test_the_best_frames_are_painted(open_window, manual_clock):
    bright = np.full((30, 40, 3), (0, 255, 0), np.uint8)
    frame = frame_of(sector_image(245, 325))
    items = (
        ChecklistItem("lips", "lips", "open", 0.0, None, None),
        ChecklistItem("femur", "femur", "suggested", 2.0, 0.9, bright),
    )
    window = open_window(ScriptedRun([snapshot_of(frame, checklist=items)]), clock=manual_clock)
    window.pull()
    widget = window.findChild(Checklist)
    picture = widget.grab().toImage()
    place = widget._layout().places[1]
    colour = picture.pixelColor(int(place.right() - 6), int(place.center().y()))
    assert (colour.red(), colour.green(), colour.blue()) == (0, 255, 0)


def test_each_state_has_a_shape_of_its_own(open_window, manual_clock):
    """In grey, so that no difference rests on colour."""
    shapes = []
    for state in ("open", "suggested", "confirmed", "not obtainable"):
        frame = frame_of(sector_image(245, 325))
        items = (ChecklistItem("lips", "lips", state, 0.0, None, None),)
        window = open_window(ScriptedRun([snapshot_of(frame, checklist=items)]), clock=manual_clock)
        window.pull()
        widget = window.findChild(Checklist)
        place = widget._layout().places[0]
        mark = (
            widget.grab().toImage().copy(int(place.left()), int(place.top()), int(place.height()), int(place.height()))
        )
        bits = mark.convertToFormat(mark.Format.Format_Grayscale8)
        grey = np.frombuffer(bits.constBits().asarray(bits.sizeInBytes()), np.uint8).reshape(bits.height(), -1)
        shapes.append(cv2.threshold(grey, 60, 1, cv2.THRESH_BINARY)[1])
        window.hide()
    for index, shape in enumerate(shapes):
        for other in shapes[:index]:
            assert (shape != other).mean() > 0.02


@pytest.mark.parametrize("count", [1, 5, 13, 40])
@pytest.mark.parametrize("height_em", [5, 12, 20, 60])
@pytest.mark.parametrize("chosen", [None, 0, "last"])
def test_rows_lie_in_order_inside_and_the_chosen_one_is_there(count, height_em, chosen):
    unit = 14.0
    area = QRectF(10, 20, 300, height_em * unit)
    number = count - 1 if chosen == "last" else chosen
    layout = lay_out(area, count, number, unit)
    places = list(layout.places.items())
    assert [item[0] for item in places] == list(range(places[0][0], places[0][0] + len(places)))
    assert layout.hidden == count - len(places)
    assert number is None or number in layout.places
    for (_, above), (_, below) in pairwise(places):
        assert below.top() == pytest.approx(above.bottom())
    assert places[-1][1].bottom() <= area.bottom() + 0.01
    heights = {place.height() / unit for _, place in places}
    assert min(heights) >= min(DENSE_EM, height_em) - 0.01
    assert max(heights) <= max(LOOSE_EM, CHOSEN_EM) + 0.01


def test_without_a_checklist_planes_are_rows(open_window, manual_clock):
    frame = frame_of(sector_image(245, 325))
    planes = tuple(PlaneProgress(name, 1.0, seen=name == "lips") for name in PLANES)
    window = open_window(ScriptedRun([snapshot_of(frame, planes=planes)]), clock=manual_clock)
    window.pull()
    assert "1 of 13 seen" in listed(window)
