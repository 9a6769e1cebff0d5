"""Every action of the window: its keys, its button in the footer, its line in the help. On Qt's main thread.

One table for all three, so that no key goes unmentioned; the keys that steer (``steering.py``) stand in the help alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from ui import theme
from ui.gamepad import GAMEPAD_HELP
from ui.steering import MOUSE_HELP, STEERING_KEYS

_ROW_EM = 2.3
_ARROWS = {"Left": "\u2190", "Right": "\u2192", "Up": "\u2191", "Down": "\u2193", "Ctrl+Backspace": "Ctrl+\u232b"}


@dataclass(frozen=True, slots=True)
class Action:
    """Something that the user may do.

    Attributes:
        name: how the window knows it.
        keys: key sequences as Qt writes them.
        label: one or two words beside the key.
        explanation: one sentence for the help.
        switch: it turns something on and off.
    """

    name: str
    keys: tuple[str, ...]
    label: str
    explanation: str
    switch: bool = False


ACTIONS = (
    Action("heatmap", ("H",), "Heatmap", "Show or hide the predicted gaze over the image", switch=True),
    Action("overlays", ("O",), "Overlays", "Show or hide all that is drawn over the image", switch=True),
    Action("still", ("S",), "Save still", "Save the bare image and the window as PNG files"),
    Action("fullscreen", ("F",), "Full screen", "Enter or leave full screen"),
    Action("mute", ("M",), "Mute", "Silence the sound at once, so that it is not written", switch=True),
    Action("forget", ("Ctrl+Backspace",), "Forget", "Delete the last 2 minutes of the recording; asks first"),
    Action("help", ("?", "F1"), "Keys", "Show or hide this list"),
    Action("stop", ("Q", "Esc"), "Stop", "End the run properly and close the window"),
)


def keycap(painter: QPainter, area: QRectF, key: str, unit: int, *, lit: bool = False) -> None:
    """A key as it lies on the keyboard."""
    theme.card(painter, area, 0.3 * unit, theme.ACCENT if lit else theme.RAISED)
    ink: QColor = theme.GROUND if lit else theme.TEXT
    theme.write(painter, area, key, ink, 0.85 * unit, bold=True, align=theme.CENTRE)


class KeyButton(QAbstractButton):
    """A key and what it does; can be clicked, and reached with Tab."""

    def __init__(self, action: Action, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.action = action
        self.setCheckable(action.switch)
        self.setChecked(action.switch)
        self.setText(action.label)
        self.setToolTip(action.explanation)
        self.setAccessibleName(f"{action.label}, key {' or '.join(action.keys)}")
        self.setAccessibleDescription(action.explanation)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._cap = _ARROWS.get(action.keys[0], action.keys[0])
        self._wider_em = 0.6 * (len(self._cap) - 1)  # a chord
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """Key, words, and the word for on or off where it is a switch."""
        unit = theme.em(self)
        width = self.fontMetrics().horizontalAdvance(self._words("off"))
        return QSize(round((2.9 + self._wider_em) * unit + 0.95 * width), round(2.3 * unit))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Key and words, a line around them while it has the focus."""
        unit = theme.em(self)
        painter = theme.painter_of(self)
        area = QRectF(self.rect())
        if self.underMouse() or self.hasFocus():
            theme.card(painter, area.adjusted(1, 0.2 * unit, -1, -0.2 * unit), 0.4 * unit, theme.SURFACE)
        if self.hasFocus():
            painter.setPen(QPen(theme.ACCENT, 0.12 * unit))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area.adjusted(1, 0.25 * unit, -2, -0.25 * unit), 0.4 * unit, 0.4 * unit)
        cap = QRectF(0.5 * unit, area.center().y() - 0.7 * unit, (1.4 + self._wider_em) * unit, 1.4 * unit)
        keycap(painter, cap, self._cap, unit, lit=self.isChecked())
        words = area.adjusted((2.4 + self._wider_em) * unit, 0, 0, 0)
        theme.write(painter, words, self._words("on" if self.isChecked() else "off"), theme.MUTED, 0.9 * unit)

    def _words(self, state: str) -> str:
        return f"{self.text()} {state}" if self.action.switch else self.text()


class Footer(QWidget):
    """The keys, and on the right a message for a while."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Keys")
        self.buttons = {action.name: KeyButton(action, self) for action in ACTIONS}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for button in self.buttons.values():
            row.addWidget(button)
        row.addStretch(1)
        self._message = ""

    def say(self, message: str) -> None:
        """Show a message; an empty one takes it away."""
        if message != self._message:
            self._message = message
            self.setAccessibleDescription(message)
            self.update()

    def sizeHint(self) -> QSize:
        """One line."""
        unit = theme.em(self)
        return QSize(40 * unit, round(2.4 * unit))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """The message, right of the last button."""
        unit = theme.em(self)
        painter = theme.painter_of(self)
        left = max(button.geometry().right() for button in self.buttons.values()) + unit
        room = QRectF(left, 0, self.width() - left - unit, self.height())
        theme.write(painter, room, self._message, theme.TEXT, 0.9 * unit, align=theme.RIGHT)


class KeyHelp(QWidget):
    """The list of keys, over the image until it is asked away.

    Args:
        parent: the window.
        steering: the source can be steered: its keys stand in the list too.
        gamepad: and there is a gamepad.
    """

    def __init__(self, parent: QWidget, *, steering: bool = False, gamepad: bool = False) -> None:
        super().__init__(parent)
        self._rows = [(action.keys, action.explanation) for action in ACTIONS]
        if steering:
            self._rows += [(group.keys, group.explanation) for group in STEERING_KEYS]
            self._rows.append((("Mouse",), MOUSE_HELP))
        if gamepad:
            self._rows.append((("Gamepad",), GAMEPAD_HELP))
        self.setAccessibleName("Keys")
        self.setAccessibleDescription("; ".join(f"{' or '.join(keys)}: {says}" for keys, says in self._rows))
        self.hide()

    def sizeHint(self) -> QSize:
        """A heading and a row an action."""
        unit = theme.em(self)
        return QSize(36 * unit, round((5.2 + _ROW_EM * len(self._rows)) * unit))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Keys on the left, sentences on the right."""
        unit = theme.em(self)
        painter = theme.painter_of(self)
        area = QRectF(self.rect())
        theme.card(painter, area, 0.8 * unit)
        painter.setPen(QPen(theme.LINE, 0.1 * unit))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), 0.8 * unit, 0.8 * unit)
        inner = area.adjusted(1.8 * unit, 1.3 * unit, -1.8 * unit, -1.3 * unit)
        heading = QRectF(inner.left(), inner.top(), inner.width(), 1.8 * unit)
        theme.write(painter, heading, "Keys", theme.TEXT, 1.4 * unit, bold=True)
        for number, (keys, explanation) in enumerate(self._rows):
            row = QRectF(inner.left(), heading.bottom() + (0.7 + _ROW_EM * number) * unit, inner.width(), 2.0 * unit)
            left = row.left()
            for key in (_ARROWS.get(key, key) for key in keys):
                wide = (1.4 + 0.5 * len(key)) * unit
                cap = QRectF(left, row.top() + 0.15 * unit, wide, 1.7 * unit)
                keycap(painter, cap, key, unit)
                left += wide + 0.4 * unit
            theme.write(painter, row.adjusted(6.2 * unit, 0, 0, 0), explanation, theme.TEXT, unit)
