"""Freezing the image, and what of the window goes on meanwhile."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from PyQt6.QtWidgets import QApplication

from tests.ui.scripted_run import ScriptedRun, frame_of, guidance_for, live, snapshot_of
from ui.banners import Banners
from ui.header import Header
from ui.heatmap_mode import MODES, OPACITIES, is_shown, next_mode, stepped
from ui.image_view import ImageView
from ui.keys import KeyButton
from ui.plane_card import PlaneCard
from ui.run_facts import RunFacts


def click(window, name):
    next(button for button in window.findChildren(KeyButton) if button.action.name == name).click()


def words_of(window, kind):
    widget = window.findChild(kind)
    return f"{widget.accessibleName()} {widget.accessibleDescription()}"


def grey_of(window):
    view = window.findChild(ImageView)
    return view.grab().toImage().pixelColor(view.image_rect().topLeft()).red()


def moment(number, plane, **changes):
    """A moment whose image is as bright as its number says."""
    frame = frame_of(np.full((60, 80), 10 * number, np.uint8), number)
    return snapshot_of(frame, guidance_for(frame, plane), number=number, **changes)


def test_the_image_is_held_with_its_guidance_while_the_run_goes_on(open_window, manual_clock):
    fault = ("The disk is full.",)
    run = ScriptedRun([moment(1, "abdomen"), moment(2, "femur", faults=fault, fps=12.5), moment(3, None)])
    window = open_window(run, clock=manual_clock)
    window.pull()
    click(window, "freeze")
    manual_clock.advance(3.0)
    window.pull()
    assert grey_of(window) == 10
    assert words_of(window, PlaneCard).startswith("Standard plane: Abdomen"), (
        "never the newest plane over an older image"
    )
    assert "About the frozen image" in words_of(window, PlaneCard)
    assert "Frozen 00:03" in words_of(window, Header)
    assert "Recording" in words_of(window, Header)
    assert "The disk is full." in words_of(window, Banners)
    assert "Video 12.5" in words_of(window, RunFacts)
    assert run.stops == 0
    click(window, "freeze")
    assert grey_of(window) == 20, "at once, not with the next image"
    assert "Femur" in words_of(window, PlaneCard)
    assert "Frozen" not in words_of(window, Header)
    window.pull()
    assert "Model abstains" in words_of(window, PlaneCard)


def test_what_comes_meanwhile_repaints_no_image(open_window, manual_clock):
    run = ScriptedRun([moment(number, "abdomen") for number in range(1, 8)])
    window = open_window(run, clock=manual_clock)
    window.pull()
    click(window, "freeze")
    QApplication.processEvents()
    before = window.findChild(ImageView).grab().toImage()
    for _ in range(5):
        window.pull()
    assert run.snapshot().number > 5
    assert window.findChild(ImageView).grab().toImage() == before


def test_a_still_of_a_held_image_is_that_image(open_window, manual_clock, tmp_path):
    session = tmp_path / "scan.partial"
    run = ScriptedRun([moment(1, "abdomen", session=session), moment(2, "abdomen", session=session)])
    window = open_window(run, clock=manual_clock)
    window.pull()
    click(window, "freeze")
    window.pull()
    click(window, "still")
    assert cv2.imread(str(tmp_path / "stills" / "scan-frame000001.png"))[0, 0].tolist() == [10, 10, 10]


def test_before_the_first_image_there_is_nothing_to_hold(open_window, manual_clock):
    window = open_window(ScriptedRun([snapshot_of(None), live(number=2)]), clock=manual_clock)
    window.pull()
    click(window, "freeze")
    assert not next(button for button in window.findChildren(KeyButton) if button.action.name == "freeze").isChecked()
    window.pull()
    assert window.findChild(ImageView).heat_visible


def test_a_held_image_stays_when_the_run_ends(open_window, manual_clock):
    run = ScriptedRun([moment(1, "abdomen"), replace(moment(2, "femur"), ended=True)])
    window = open_window(run, clock=manual_clock)
    window.pull()
    click(window, "freeze")
    window.pull()
    assert grey_of(window) == 10
    assert "Ended" in words_of(window, Banners)


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_of_the_heatmap_from_the_beginning(open_window, manual_clock, mode):
    window = open_window(ScriptedRun([live()]), clock=manual_clock, heatmap=mode)
    window.pull()
    assert window.findChild(ImageView).heat_visible == (mode == "always")
    click(window, "freeze")
    assert window.findChild(ImageView).heat_visible == (mode != "off")
    click(window, "overlays")
    assert not window.findChild(ImageView).heat_visible


def test_the_key_leads_through_all_modes_and_opacities_stop_at_their_ends():
    mode, seen = MODES[0], []
    for _ in MODES:
        seen.append(mode)
        mode = next_mode(mode)
    assert (tuple(seen), mode) == (MODES, MODES[0])
    assert [is_shown(mode, frozen=frozen) for mode in MODES for frozen in (False, True)] == [1, 1, 0, 1, 0, 0]
    assert stepped(OPACITIES[0], -1) == OPACITIES[0] > 0, "off is another key"
    assert stepped(OPACITIES[-1], 1) == OPACITIES[-1]
    assert stepped(stepped(0.6, 1), -1) == 0.6


def test_little_room_on_the_disk_is_said(open_window, manual_clock):
    run = ScriptedRun(
        [live(disk_s_left=7.4 * 3600), live(number=2, disk_s_left=600.0), live(number=3, recording=False)]
    )
    window = open_window(run, clock=manual_clock)
    window.pull()
    assert "room for 7 h" in words_of(window, Header)
    assert "nearly full" not in words_of(window, Banners)
    window.pull()
    assert "room for 10 min" in words_of(window, Header)
    assert "nearly full: 10 min" in words_of(window, Banners)
    window.pull()
    assert "room" not in words_of(window, Header)
