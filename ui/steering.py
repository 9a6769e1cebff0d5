"""Moving the probe of a source that can be steered: keys, and the mouse over the image. On Qt's main thread.

Each key and each way of the mouse is one command to the run; nothing is remembered here of where the probe is.
"""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import QT_TRANSLATE_NOOP, QEvent, QObject, QPointF, Qt
from PyQt6.QtGui import QKeySequence, QMouseEvent, QShortcut, QWheelEvent
from PyQt6.QtWidgets import QWidget

from assistant.steering import Steerable, SteerCommand

_SLIDE_MM, _TURN_DEG = 1.0, 2.0
"""Of one key press; held, a key repeats some 25 times a second."""
_DRAG_MM_A_PX, _DRAG_DEG_A_PX = 0.15, 0.2
_NOTCH = 120.0
"""What Qt counts for one notch of a wheel."""


@dataclass(frozen=True, slots=True)
class SteeringKeys:
    """Keys that do the same in opposite ways.

    Attributes:
        keys: key sequences as Qt writes them.
        explanation: one sentence for the help.
        commands: what each key does.
    """

    keys: tuple[str, ...]
    explanation: str
    commands: tuple[SteerCommand, ...]


STEERING_KEYS = (
    SteeringKeys(
        ("Left", "Right"),
        QT_TRANSLATE_NOOP("Keys", "Slide the probe to the left or right"),
        (SteerCommand(move_mm=(-_SLIDE_MM, 0.0, 0.0)), SteerCommand(move_mm=(_SLIDE_MM, 0.0, 0.0))),
    ),
    SteeringKeys(
        ("Up", "Down"),
        QT_TRANSLATE_NOOP("Keys", "Pull the probe back or press it in"),
        (SteerCommand(move_mm=(0.0, -_SLIDE_MM, 0.0)), SteerCommand(move_mm=(0.0, _SLIDE_MM, 0.0))),
    ),
    SteeringKeys(
        ("R", "V"),
        QT_TRANSLATE_NOOP("Keys", "Sweep forwards or back through the image plane"),
        (SteerCommand(move_mm=(0.0, 0.0, _SLIDE_MM)), SteerCommand(move_mm=(0.0, 0.0, -_SLIDE_MM))),
    ),
    SteeringKeys(
        ("A", "D"),
        QT_TRANSLATE_NOOP("Keys", "Rotate the probe about its beam"),
        (SteerCommand(turn_deg=(0.0, -_TURN_DEG, 0.0)), SteerCommand(turn_deg=(0.0, _TURN_DEG, 0.0))),
    ),
    SteeringKeys(
        ("W", "X"),
        QT_TRANSLATE_NOOP("Keys", "Tilt the image plane forwards or back"),
        (SteerCommand(turn_deg=(_TURN_DEG, 0.0, 0.0)), SteerCommand(turn_deg=(-_TURN_DEG, 0.0, 0.0))),
    ),
    SteeringKeys(
        ("Z", "C"),
        QT_TRANSLATE_NOOP("Keys", "Rock the probe within the image plane"),
        (SteerCommand(turn_deg=(0.0, 0.0, _TURN_DEG)), SteerCommand(turn_deg=(0.0, 0.0, -_TURN_DEG))),
    ),
    SteeringKeys(
        ("J", "K"),
        QT_TRANSLATE_NOOP("Keys", "Less or more depth"),
        (SteerCommand(depth_step_mm=-10.0), SteerCommand(depth_step_mm=10.0)),
    ),
    SteeringKeys(
        (",", "."),
        QT_TRANSLATE_NOOP("Keys", "Less or more gain"),
        (SteerCommand(gain_step_db=-1.0), SteerCommand(gain_step_db=1.0)),
    ),
    SteeringKeys(
        ("-", "="),
        QT_TRANSLATE_NOOP("Keys", "Less or more zoom"),
        (SteerCommand(zoom_step=-0.25), SteerCommand(zoom_step=0.25)),
    ),
    SteeringKeys(
        ("P", "G"),
        QT_TRANSLATE_NOOP("Keys", "Freeze the scanner's image, let it go on"),
        (SteerCommand(freeze=True), SteerCommand(freeze=False)),
    ),
)
MOUSE_HELP = QT_TRANSLATE_NOOP("Keys", "Drag slides, right drag turns, wheel sweeps")


def dragged(across_px: float, down_px: float, *, turning: bool) -> SteerCommand:
    """The command of a drag by so many pixels, to the right and downwards."""
    if turning:
        return SteerCommand(turn_deg=(_DRAG_DEG_A_PX * down_px, _DRAG_DEG_A_PX * across_px, 0.0))
    return SteerCommand(move_mm=(_DRAG_MM_A_PX * across_px, _DRAG_MM_A_PX * down_px, 0.0))


def wheeled(angle: float) -> SteerCommand:
    """The command of a wheel that turned away from the user by Qt's ``angle``."""
    return SteerCommand(move_mm=(0.0, 0.0, _SLIDE_MM * angle / _NOTCH))


class Steering(QObject):
    """Sends what keys and mouse say.

    Args:
        run: what is steered.
        window: whose keys count.
        image_view: over which the mouse counts.
    """

    def __init__(self, run: Steerable, window: QWidget, image_view: QWidget) -> None:
        super().__init__(window)
        self._run = run
        self._drag_at: QPointF | None = None
        for group in STEERING_KEYS:
            for key, command in zip(group.keys, group.commands, strict=True):
                shortcut = QShortcut(QKeySequence(key), window)
                shortcut.activated.connect(lambda command=command: run.steer(command))
        image_view.setCursor(Qt.CursorShape.CrossCursor)
        image_view.installEventFilter(self)

    def eventFilter(self, a0: QObject | None, a1: QEvent | None) -> bool:
        """The mouse over the image; everything else goes its way."""
        if isinstance(a1, QWheelEvent):
            self._run.steer(wheeled(a1.angleDelta().y()))
            return True
        if not isinstance(a1, QMouseEvent):
            return super().eventFilter(a0, a1)
        if a1.type() == QEvent.Type.MouseMove and self._drag_at is not None:
            way = a1.position() - self._drag_at
            turning = bool(a1.buttons() & Qt.MouseButton.RightButton)
            self._run.steer(dragged(way.x(), way.y(), turning=turning))
        self._drag_at = a1.position() if a1.buttons() else None
        return True
