"""Every action of the window: by real keys through the X server, by mouse, and by what a screen reader hears."""

import shutil
import subprocess

import cv2
import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage
from PyQt6.QtTest import QTest

from tests.ui.scripted_run import (
    ScriptedRun,
    frame_of,
    guidance_for,
    live,
    snapshot_of,
)
from ui.banners import Banners
from ui.checklist import Checklist
from ui.gaze_legend import GazeLegend
from ui.header import Header
from ui.image_view import ImageView
from ui.keys import ACTIONS, HEAT_ACTIONS, KeyButton, KeyHelp, key_name
from ui.plane_card import PlaneCard
from ui.run_facts import RunFacts
from ui.sound_meter import SoundMeter

# Keys and mouse -----------------------------------------------------------------------------------------------------


def press(window, key):
    """A key from outside, through the X server."""
    subprocess.run(["xdotool", "key", "--clearmodifiers", key], check=True, env=window.x_environment, timeout=10)


@pytest.fixture
def typed(open_window, display, qtbot, manual_clock):
    """A window that has the X server's keyboard, over a live run."""
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed (apt-get install xdotool)")
    run = ScriptedRun([live()])
    window = open_window(run, clock=manual_clock)
    window.x_environment = {"DISPLAY": display, "PATH": "/usr/bin:/bin"}
    window.run = run
    subprocess.run(
        ["xdotool", "windowfocus", str(int(window.winId()))], check=True, env=window.x_environment, timeout=10
    )
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    window.pull()
    return window


def heat_strength(view):
    """How far the colours over the grey image are from grey."""
    picture = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(picture.constBits().asarray(picture.sizeInBytes()), np.uint8)
    colours = pixels.reshape(picture.height(), picture.width(), 4)[..., :3].astype(int)
    return float((colours.max(axis=2) - colours.min(axis=2)).mean())


def test_real_keys_do_what_the_footer_says(typed, qtbot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    view, legend = typed.findChild(ImageView), typed.findChild(GazeLegend)
    helping = typed.findChild(KeyHelp)
    press(typed, "h")
    qtbot.waitUntil(lambda: not view.heat_visible)
    assert "only while frozen" in legend.accessibleName()
    press(typed, "space")
    qtbot.waitUntil(lambda: view.heat_visible)
    press(typed, "Next")  # a page-turner's pedal
    qtbot.waitUntil(lambda: not view.heat_visible)
    press(typed, "h")
    qtbot.waitUntil(lambda: "H shows it" in legend.accessibleName())
    press(typed, "h")
    qtbot.waitUntil(lambda: view.heat_visible)
    strong = heat_strength(view)
    press(typed, "bracketleft")
    qtbot.waitUntil(lambda: heat_strength(view) < 0.9 * strong)
    press(typed, "bracketright")
    qtbot.waitUntil(lambda: heat_strength(view) == strong)
    press(typed, "o")
    qtbot.waitUntil(lambda: not view.heat_visible)
    assert "O shows it" in legend.accessibleName()
    press(typed, "o")
    qtbot.waitUntil(lambda: view.heat_visible)
    for key in ("question", "F1"):
        press(typed, key)
        qtbot.waitUntil(helping.isVisible)
        press(typed, "Escape")
        qtbot.waitUntil(lambda: not helping.isVisible())
    assert typed.run.stops == 0, "Escape put the help away, and did not end the scan"
    press(typed, "f")
    qtbot.waitUntil(typed.isFullScreen)
    press(typed, "f")
    qtbot.waitUntil(lambda: not typed.isFullScreen())
    press(typed, "s")
    qtbot.waitUntil(lambda: len(list(tmp_path.glob("stills/*.png"))) == 2)


@pytest.mark.parametrize("key", ["q", "Escape"])
def test_real_stop_keys_end_the_run_and_then_the_window(typed, qtbot, key):
    press(typed, key)
    qtbot.waitUntil(lambda: typed.run.stops == 1)
    assert typed.isVisible(), "it waits until the session is closed"
    with qtbot.waitSignal(typed.finished):
        typed.pull()
    assert not typed.isVisible()


def test_every_action_can_be_clicked_reached_and_is_explained(open_window, manual_clock):
    window = open_window(ScriptedRun([live()]), clock=manual_clock)
    buttons = {button.action.name: button for button in window.findChildren(KeyButton) if button.isVisible()}
    actions = (*ACTIONS, *HEAT_ACTIONS)
    assert set(buttons) == {action.name for action in actions}, "without a checklist nothing can be marked"
    for action in actions:
        button = buttons[action.name]
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
        assert key_name(action.keys[0]) in button.accessibleName()
        assert action.explanation == button.accessibleDescription()
        assert action.explanation in window.findChild(KeyHelp).accessibleDescription()
    window.pull()
    QTest.mouseClick(buttons["heatmap"], Qt.MouseButton.LeftButton)
    assert not window.findChild(ImageView).heat_visible
    QTest.mouseClick(buttons["heatmap"], Qt.MouseButton.LeftButton)
    buttons["heatmap"].setFocus()
    QTest.keyClick(buttons["heatmap"], Qt.Key.Key_Space)
    assert window.findChild(ImageView).heat_visible, "it presses the button, and does not freeze"
    assert not buttons["freeze"].isChecked()


def test_each_panel_has_an_accessible_name(open_window, manual_clock):
    window = open_window(ScriptedRun([live()]), clock=manual_clock)
    window.pull()
    for kind in (Header, Banners, ImageView, PlaneCard, GazeLegend, Checklist, SoundMeter, RunFacts, KeyButton):
        assert window.findChild(kind).accessibleName()


# Stills -------------------------------------------------------------------------------------------------------------


def click(window, name):
    next(button for button in window.findChildren(KeyButton) if button.action.name == name).click()


def test_a_still_holds_the_bare_image_and_lies_beside_the_session(open_window, manual_clock, tmp_path):
    colours = np.random.default_rng(0).integers(0, 255, (50, 63, 3), np.uint8)
    frame, session = frame_of(colours, 41), tmp_path / "20260101-scan.partial"
    session.mkdir()
    window = open_window(ScriptedRun([snapshot_of(frame, guidance_for(frame), session=session)]), clock=manual_clock)
    window.pull()
    click(window, "still")
    bare, whole = sorted((tmp_path / "stills").iterdir(), key=lambda path: len(path.name))
    assert bare.name == "20260101-scan-frame000041.png"
    assert list(session.iterdir()) == [], "a session holds nothing but what was recorded"
    np.testing.assert_array_equal(cv2.imread(str(bare), cv2.IMREAD_UNCHANGED)[..., ::-1], colours)
    assert cv2.imread(str(whole)).shape == (800, 1280, 3)


def test_a_still_that_cannot_be_written_is_said_and_leaves_nothing(open_window, manual_clock, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stills").write_text("a file where the folder should be")
    window = open_window(ScriptedRun([live()]), clock=manual_clock)
    window.pull()
    click(window, "still")
    said = window.findChild(KeyButton).parentWidget().accessibleDescription()
    assert said.startswith("Not saved: picture")
    assert [path.name for path in tmp_path.iterdir()] == ["stills"]
    manual_clock.advance(6)
    window.pull()
    assert window.findChild(KeyButton).parentWidget().accessibleDescription() == ""


def test_a_still_before_the_first_image_is_refused(open_window, manual_clock, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    window = open_window(ScriptedRun([snapshot_of(None)]), clock=manual_clock)
    window.pull()
    click(window, "still")
    assert list(tmp_path.iterdir()) == []
