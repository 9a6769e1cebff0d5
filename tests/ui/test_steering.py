"""Steering from the window: keys and mouse become commands to the run; a source that plays by itself gets none."""

import os
import struct
from dataclasses import astuple

import pytest
from PyQt6 import sip
from PyQt6.QtCore import QObject, QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from assistant.steering import SteerCommand
from tests.ui.conftest import ARTEFACTS
from tests.ui.scripted_run import ScriptedRun, live
from ui.gamepad import BUTTONS, LEFT_X, LEFT_Y, RIGHT_TRIGGER, RIGHT_X, RIGHT_Y, A, Gamepad, commanded, open_gamepad
from ui.image_view import ImageView
from ui.keys import ACTIONS, KeyHelp
from ui.steering import STEERING_KEYS


class SteerableRun(ScriptedRun):
    steerable = True

    def __init__(self, snapshots):
        super().__init__(snapshots)
        self.commands: list[SteerCommand] = []

    def steer(self, command):
        self.commands.append(command)


@pytest.fixture
def steered(open_window, manual_clock):
    run = SteerableRun([live()])
    window = open_window(run, clock=manual_clock)
    window.run = run
    window.pull()
    window.activateWindow()
    return window


def test_every_steering_key_sends_its_command_and_stands_in_the_help(steered, qtbot):
    qtbot.waitUntil(steered.isActiveWindow, timeout=5000)
    taken = {key for action in ACTIONS for key in action.keys}
    helping = steered.findChild(KeyHelp)
    for group in STEERING_KEYS:
        assert group.explanation in helping.accessibleDescription()
        for key, command in zip(group.keys, group.commands, strict=True):
            assert key not in taken
            taken.add(key)
            steered.run.commands.clear()
            QTest.keySequence(steered, key)
            assert steered.run.commands == [command], key
    QTest.keyClick(steered, Qt.Key.Key_F1)
    ARTEFACTS.mkdir(exist_ok=True)
    assert steered.grab().save(str(ARTEFACTS / "steering_help.png"))
    assert steered.findChild(ImageView).geometry().height() >= helping.height()


def test_the_mouse_slides_turns_and_sweeps(steered):
    view = steered.findChild(ImageView)
    for button, field in ((Qt.MouseButton.LeftButton, "move_mm"), (Qt.MouseButton.RightButton, "turn_deg")):
        steered.run.commands.clear()
        QTest.mousePress(view, button, pos=QPoint(100, 100))
        QTest.mouseMove(view, QPoint(140, 90))
        QTest.mouseRelease(view, button, pos=QPoint(140, 90))
        QTest.mouseMove(view, QPoint(200, 200))
        (command,) = steered.run.commands
        across, down = getattr(command, field)[:2] if field == "move_mm" else getattr(command, field)[1::-1]
        assert across > 0 > down and across == pytest.approx(-4 * down)
    steered.run.commands.clear()
    at = QPointF(50, 50)
    plain = (Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False)
    QApplication.sendEvent(view, QWheelEvent(at, QPointF(view.mapToGlobal(at)), QPoint(), QPoint(0, 240), *plain))
    assert steered.run.commands == [SteerCommand(move_mm=(0.0, 0.0, 2.0))]


def test_a_source_that_plays_by_itself_is_not_steered(open_window, manual_clock, qtbot):
    run = SteerableRun([live()])
    run.steerable = False
    window = open_window(run, clock=manual_clock)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    QTest.keyClick(window, Qt.Key.Key_Left)
    QTest.mousePress(window.findChild(ImageView), Qt.MouseButton.LeftButton, pos=QPoint(10, 10))
    assert run.commands == []
    assert "Slide" not in window.findChild(KeyHelp).accessibleDescription()


def test_axes_of_a_gamepad_are_velocities_in_the_probes_own_frame():
    assert commanded({LEFT_X: 0.1, RIGHT_Y: -0.1, RIGHT_TRIGGER: -1.0}, 1.0) is None, "at rest, as good as a pad rests"
    assert commanded({LEFT_X: 0.5}, 0.1).move_mm == pytest.approx((1.5, 0.0, 0.0))
    forwards = commanded({LEFT_Y: -1.0, RIGHT_Y: -1.0, RIGHT_X: 1.0, RIGHT_TRIGGER: 1.0}, 0.1)
    assert forwards.move_mm == pytest.approx((0.0, 3.0, 3.0))
    assert forwards.turn_deg == pytest.approx((4.5, 4.5, 0.0))


def test_what_a_gamepads_file_says_is_sent_until_the_stick_is_let_go_or_unplugged(qtbot):
    """Through a pipe instead of the kernel's device, in the kernel's own format."""
    reading, writing = os.pipe()
    run, owner = SteerableRun([live()]), QObject()
    pad = Gamepad(run, reading, owner)

    def say(value, kind, number):
        os.write(writing, struct.pack("<IhBB", 0, value, kind, number))

    say(1, 0x81, A)  # the state at the beginning is not a press
    say(1, 0x01, A)
    qtbot.waitUntil(lambda: run.commands == [BUTTONS[A]])
    say(32767, 0x02, LEFT_X)
    qtbot.waitUntil(lambda: len(run.commands) >= 4)
    assert run.commands[-1] == commanded({LEFT_X: 1.0}, 0.033)
    say(0, 0x02, LEFT_X)
    qtbot.waitUntil(lambda: not pad._timer.isActive())
    say(-32767, 0x02, LEFT_Y)
    qtbot.waitUntil(pad._timer.isActive)
    os.close(writing)
    qtbot.waitUntil(lambda: not pad._timer.isActive())
    assert all(astuple(command)[2:] == astuple(SteerCommand())[2:] for command in run.commands[1:])
    sip.delete(owner)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)


def test_without_a_gamepad_there_is_none(tmp_path):
    assert open_gamepad(tmp_path) is None


def test_the_gamepad_of_this_machine_speaks():
    file = open_gamepad()
    if file is None:
        pytest.skip("no gamepad is plugged in (/dev/input/js*)")
    assert len(os.read(file, 8)) == 8, "the kernel says the state of each axis and button first"
    os.close(file)
