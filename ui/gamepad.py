"""A gamepad that steers the probe, where Linux has one (``/dev/input/js*``). On Qt's main thread.

Sticks and triggers are velocities: while one is off its rest, a command goes out thirty times a second. Axes and
buttons are numbered as the kernel's driver for the usual pads does (``xpad``); another pad may have them elsewhere.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path

from PyQt6.QtCore import QT_TRANSLATE_NOOP, QObject, QSocketNotifier, QTimer

from assistant.steering import Steerable, SteerCommand

DEVICES = Path("/dev/input")
LEFT_X, LEFT_Y, LEFT_TRIGGER, RIGHT_X, RIGHT_Y, RIGHT_TRIGGER = range(6)
A, B, X, Y, LEFT_BUMPER, RIGHT_BUMPER = range(6)
BUTTONS: Mapping[int, SteerCommand] = {
    A: SteerCommand(freeze=True),
    B: SteerCommand(freeze=False),
    X: SteerCommand(zoom_step=-0.25),
    Y: SteerCommand(zoom_step=0.25),
    LEFT_BUMPER: SteerCommand(depth_step_mm=-10.0),
    RIGHT_BUMPER: SteerCommand(depth_step_mm=10.0),
}
GAMEPAD_HELP = QT_TRANSLATE_NOOP("Keys", "Sticks slide, sweep, tilt, turn; triggers press")

_PERIOD_MS = 33
_DEAD = 0.15
"""Of an axis's way: a stick that nobody touches does not come to rest more exactly."""
_MM_A_S, _DEG_A_S = 30.0, 45.0
_EVENT = struct.Struct("<IhBB")
"""``struct js_event`` of linux/joystick.h: time in ms, value, kind, number."""
_BUTTON, _AXIS, _INITIAL = 0x01, 0x02, 0x80
_FULL = 32767.0


def commanded(axes: Mapping[int, float], seconds: float) -> SteerCommand | None:
    """What axes, each in [-1, 1], ask for in so much time; None at rest.

    Left stick: to the side slides, forwards sweeps. Right stick: to the side rotates, forwards tilts. A trigger rests
    at -1; the left one pulls the probe back, the right one presses it in.
    """

    def stick(axis: int) -> float:
        value = axes.get(axis, 0.0)
        return 0.0 if abs(value) < _DEAD else value

    def trigger(axis: int) -> float:
        value = 0.5 * (1.0 + axes.get(axis, -1.0))
        return 0.0 if value < _DEAD else value

    press = trigger(RIGHT_TRIGGER) - trigger(LEFT_TRIGGER)
    way_mm, turn_deg = _MM_A_S * seconds, _DEG_A_S * seconds
    move = (way_mm * stick(LEFT_X), way_mm * press, -way_mm * stick(LEFT_Y))  # forwards is negative on a pad
    turn = (-turn_deg * stick(RIGHT_Y), turn_deg * stick(RIGHT_X), 0.0)
    return SteerCommand(move_mm=move, turn_deg=turn) if any(move) or any(turn) else None


def open_gamepad(devices: Path = DEVICES) -> int | None:
    """The first gamepad's file, opened; None when there is none that this user may read."""
    for path in sorted(devices.glob("js*")):
        try:
            return os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
    return None


class Gamepad(QObject):
    """Sends what a gamepad says.

    Args:
        run: what is steered.
        file: from ``open_gamepad``; closed with this object.
        parent: owns this object.
    """

    def __init__(self, run: Steerable, file: int, parent: QObject) -> None:
        super().__init__(parent)
        self._run = run
        self._axes: dict[int, float] = {}
        # The stubs ask for a pointer; Qt takes a file's number.
        self._notifier = QSocketNotifier(file, QSocketNotifier.Type.Read, self)  # type: ignore[call-overload]
        self._notifier.activated.connect(lambda: self._take(file))
        self._timer = QTimer(self)
        self._timer.setInterval(_PERIOD_MS)
        self._timer.timeout.connect(self._move)
        self.destroyed.connect(lambda: os.close(file))

    def _take(self, file: int) -> None:
        try:
            data = os.read(file, 64 * _EVENT.size)
        except OSError:  # unplugged
            data = b""
        if not data:
            self._notifier.setEnabled(False)
            self._axes.clear()
        for _, value, kind, number in _EVENT.iter_unpack(data):
            if kind & ~_INITIAL == _AXIS:
                self._axes[number] = value / _FULL
            elif kind == _BUTTON and value and number in BUTTONS:
                self._run.steer(BUTTONS[number])
        if self._axes and not self._timer.isActive():
            self._move()
            self._timer.start()

    def _move(self) -> None:
        command = commanded(self._axes, _PERIOD_MS / 1000.0)
        if command is None:
            self._timer.stop()
        else:
            self._run.steer(command)
