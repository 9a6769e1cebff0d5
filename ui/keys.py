"""Every action of the window: its keys, its button in the footer, its line in the help. On Qt's main thread.

One table for all three, so that no key goes unmentioned; the keys that steer (``steering.py``) stand in the help alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PyQt6.QtCore import QT_TRANSLATE_NOOP, QEvent, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from ui import theme
from ui.gamepad import GAMEPAD_HELP
from ui.steering import MOUSE_HELP, STEERING_KEYS
from ui.translation import translate

_ROW_EM = 2.3
_COLUMN_EM = 33
_ONE_COLUMN = 12
_SYMBOLS = {
    "Left": "\u2190",
    "Right": "\u2192",
    "Up": "\u2191",
    "Down": "\u2193",
    "Shift+Up": "\u21e7\u2191",
    "Shift+Down": "\u21e7\u2193",
    "Shift+Left": "\u21e7\u2190",
    "Shift+Right": "\u21e7\u2192",
    "Ctrl+Up": "Ctrl \u2191",
    "Ctrl+Down": "Ctrl \u2193",
    "Return": "\u21b5",
    "Ctrl+Backspace": "Ctrl+\u232b",
}
_KEY_NAMES = {
    "Space": QT_TRANSLATE_NOOP("Keys", "Space"),
    "PgDown": QT_TRANSLATE_NOOP("Keys", "PgDown"),
    "Mouse": QT_TRANSLATE_NOOP("Keys", "Mouse"),
    "Gamepad": QT_TRANSLATE_NOOP("Keys", "Gamepad"),
}


def key_name(key: str) -> str:
    """What stands on the key."""
    return _SYMBOLS.get(key) or translate("Keys", _KEY_NAMES.get(key, key))


@dataclass(frozen=True, slots=True)
class Action:
    """Something that the user may do.

    Attributes:
        name: how the window knows it.
        keys: key sequences as Qt writes them.
        label: one or two words beside the key.
        explanation: one sentence for the help.
        switch: it turns something on and off.
        starts_on: where a switch stands at first.
    """

    name: str
    keys: tuple[str, ...]
    label: str
    explanation: str
    switch: bool = False
    starts_on: bool = True


ACTIONS = (
    Action(
        "freeze",
        ("Space", "PgDown"),
        QT_TRANSLATE_NOOP("Keys", "Freeze"),
        QT_TRANSLATE_NOOP("Keys", "Hold the image; recording goes on (foot pedal too)"),
        switch=True,
        starts_on=False,
    ),
    Action(
        "heatmap",
        ("H",),
        QT_TRANSLATE_NOOP("Keys", "Heatmap"),
        QT_TRANSLATE_NOOP("Keys", "Predicted gaze: always, only while frozen, off"),
    ),
    Action(
        "overlays",
        ("O",),
        QT_TRANSLATE_NOOP("Keys", "Overlays"),
        QT_TRANSLATE_NOOP("Keys", "Show or hide all that is drawn over the image"),
        switch=True,
    ),
    Action(
        "still",
        ("S",),
        QT_TRANSLATE_NOOP("Keys", "Save still"),
        QT_TRANSLATE_NOOP("Keys", "Save the bare image and the window as PNG"),
    ),
    Action(
        "fullscreen",
        ("F",),
        QT_TRANSLATE_NOOP("Keys", "Full screen"),
        QT_TRANSLATE_NOOP("Keys", "Enter or leave full screen"),
    ),
    Action(
        "mute",
        ("M",),
        QT_TRANSLATE_NOOP("Keys", "Mute"),
        QT_TRANSLATE_NOOP("Keys", "Silence the sound at once, so that it is not written"),
        switch=True,
        starts_on=False,
    ),
    Action(
        "forget",
        ("Ctrl+Backspace",),
        QT_TRANSLATE_NOOP("Keys", "Forget"),
        QT_TRANSLATE_NOOP("Keys", "Delete the last 2 minutes of the recording; asks first"),
    ),
    Action("help", ("?", "F1"), QT_TRANSLATE_NOOP("Keys", "Keys"), QT_TRANSLATE_NOOP("Keys", "Show or hide this list")),
    Action(
        "stop",
        ("Q", "Esc"),
        QT_TRANSLATE_NOOP("Keys", "Stop"),
        QT_TRANSLATE_NOOP("Keys", "End the run properly and close the window"),
    ),
)
"""In the footer."""

HEAT_ACTIONS = (
    Action("fainter", ("[",), QT_TRANSLATE_NOOP("Keys", "Fainter"), QT_TRANSLATE_NOOP("Keys", "Fainter heatmap")),
    Action("stronger", ("]",), QT_TRANSLATE_NOOP("Keys", "Stronger"), QT_TRANSLATE_NOOP("Keys", "Stronger heatmap")),
)
"""Beside the heatmap's scale."""

CHECKLIST_ACTIONS = (
    Action(
        "confirm",
        ("Return", "Enter"),
        QT_TRANSLATE_NOOP("Keys", "Confirm"),
        QT_TRANSLATE_NOOP("Keys", "Confirm the chosen item of the checklist"),
    ),
    Action(
        "not obtainable",
        ("N",),
        QT_TRANSLATE_NOOP("Keys", "Not obtainable"),
        QT_TRANSLATE_NOOP("Keys", "Mark the chosen item as not obtainable"),
    ),
    Action("undo", ("U",), QT_TRANSLATE_NOOP("Keys", "Undo"), QT_TRANSLATE_NOOP("Keys", "Take back the last mark")),
)
"""Below the checklist, where the run keeps one."""

CHOOSING_KEYS = ("Up", "Down")
CHOOSING_KEYS_WHILE_STEERING = ("Shift+Up", "Shift+Down")
CHOOSING_HELP = QT_TRANSLATE_NOOP("Keys", "Choose an item of the checklist")


def keycap(painter: QPainter, area: QRectF, key: str, unit: int, *, lit: bool = False) -> None:
    """A key as it lies on the keyboard."""
    theme.card(painter, area, 0.3 * unit, theme.ACCENT if lit else theme.RAISED)
    ink: QColor = theme.GROUND if lit else theme.TEXT
    theme.write(painter, area, key, ink, 0.85 * unit, bold=True, align=theme.CENTRE)


class KeyButton(QAbstractButton):
    """A key and what it does; can be clicked, and reached with Tab, where Space presses it."""

    def __init__(self, action: Action, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.action = action
        self._state = ""
        self.setCheckable(action.switch)
        self.setChecked(action.switch and action.starts_on)
        self.setText(translate("Keys", action.label))
        self.setToolTip(translate("Keys", action.explanation))
        self.setAccessibleDescription(translate("Keys", action.explanation))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.toggled.connect(self._name)
        self._name()

    def show_state(self, state: str) -> None:
        """Say in a word how things stand; for an action that has more states than on and off."""
        if state != self._state:
            self._state = state
            self._name()
            self.updateGeometry()
            self.update()

    def event(self, e: QEvent | None) -> bool:
        """The space bar belongs to the button that has the focus before it belongs to the window."""
        if isinstance(e, QKeyEvent) and e.type() == QEvent.Type.ShortcutOverride and e.key() == Qt.Key.Key_Space:
            e.accept()
            return True
        return super().event(e)

    def sizeHint(self) -> QSize:
        """Key, words, and the word for the state where there is one."""
        unit = theme.em(self)
        width = max(self.fontMetrics().horizontalAdvance(words) for words in self._all_words())
        return QSize(round(self._cap_width() + (1.2 if width else 0.6) * unit + 0.92 * width), round(2.3 * unit))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Key and words, a line around them while it has the focus."""
        unit = theme.em(self)
        painter = theme.painter_of(self)
        area = QRectF(self.rect())
        if self.underMouse() or self.hasFocus():
            theme.card(painter, area.adjusted(1, 0.2 * unit, -1, -0.2 * unit), 0.4 * unit, theme.RAISED)
        if self.hasFocus():
            painter.setPen(QPen(theme.ACCENT, 0.12 * unit))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area.adjusted(1, 0.25 * unit, -2, -0.25 * unit), 0.4 * unit, 0.4 * unit)
        cap = QRectF(0.3 * unit, area.center().y() - 0.7 * unit, self._cap_width(), 1.4 * unit)
        keycap(painter, cap, key_name(self.action.keys[0]), unit, lit=self.isChecked())
        words = area.adjusted(cap.right() + 0.4 * unit, 0, 0, 0)
        theme.write(painter, words, self._words(), theme.TEXT if self.hasFocus() else theme.MUTED, 0.9 * unit)

    def _cap_width(self) -> float:
        return (1.4 + 0.55 * (len(key_name(self.action.keys[0])) - 1)) * theme.em(self)

    def _on_off(self, on: bool) -> str:
        return translate("Keys", "on") if on else translate("Keys", "off")

    def _words(self) -> str:
        state = self._on_off(self.isChecked()) if self.action.switch else self._state
        return f"{self.text()} {state}" if state else self.text()

    def _all_words(self) -> list[str]:
        if self.action.switch:
            return [f"{self.text()} {self._on_off(on)}" for on in (False, True)]
        return [self._words()]

    def _name(self) -> None:
        names = " / ".join(key_name(key) for key in self.action.keys)
        self.setAccessibleName(translate("Keys", "{words}, key {keys}").format(words=self._words(), keys=names))


class Footer(QWidget):
    """The main keys as buttons, and on the right a message for a while.

    Args:
        parent: the window.
        actions: that have a button, in this order.
    """

    def __init__(self, parent: QWidget | None = None, actions: Iterable[Action] = ACTIONS) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(translate("Keys", "Keys"))
        self.buttons = {action.name: KeyButton(action, self) for action in actions}
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


def live_rows(*, marking: bool, steering: bool, gamepad: bool) -> list[tuple[tuple[str, ...], str]]:
    """Keys and what they do in the live window, for ``KeyHelp``.

    Args:
        marking: the run keeps a checklist: its keys stand in the list too.
        steering: the source can be steered: and so do its keys.
        gamepad: and there is a gamepad.
    """
    actions = (*ACTIONS, *HEAT_ACTIONS, *(CHECKLIST_ACTIONS if marking else ()))
    rows = [(action.keys, action.explanation) for action in actions]
    if marking:
        rows.append((CHOOSING_KEYS_WHILE_STEERING if steering else CHOOSING_KEYS, CHOOSING_HELP))
    if steering:
        rows += [(group.keys, group.explanation) for group in STEERING_KEYS]
        rows.append((("Mouse",), MOUSE_HELP))
    if gamepad:
        rows.append((("Gamepad",), GAMEPAD_HELP))
    return [(keys, translate("Keys", explanation)) for keys, explanation in rows]


class KeyHelp(QWidget):
    """The list of keys, over the image until it is asked away.

    Args:
        parent: the window.
        rows: keys, and what they do in the language of the window.
    """

    def __init__(self, parent: QWidget, rows: Sequence[tuple[tuple[str, ...], str]]) -> None:
        super().__init__(parent)
        self._rows = rows
        self._columns = 1 if len(self._rows) <= _ONE_COLUMN else 2
        self.setAccessibleName(translate("Keys", "Keys"))
        spoken = (f"{' / '.join(map(key_name, keys))}: {says}" for keys, says in self._rows)
        self.setAccessibleDescription("; ".join(spoken))
        self.hide()

    def sizeHint(self) -> QSize:
        """A heading and a row an action, in two columns when there are many."""
        unit = theme.em(self)
        return QSize(round(_COLUMN_EM * self._columns * unit), round((5.2 + _ROW_EM * self._rows_a_column()) * unit))

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
        theme.write(painter, heading, translate("Keys", "Keys"), theme.TEXT, 1.4 * unit, bold=True)
        width = inner.width() / self._columns
        for number, (keys, explanation) in enumerate(self._rows):
            column, line = divmod(number, self._rows_a_column())
            top = heading.bottom() + (0.7 + _ROW_EM * line) * unit
            row = QRectF(inner.left() + column * width, top, width - unit, 2.0 * unit)
            left = row.left()
            for key in map(key_name, (key for key in keys if key != "Enter")):
                wide = (1.2 + 0.5 * len(key)) * unit
                keycap(painter, QRectF(left, row.top() + 0.2 * unit, wide, 1.6 * unit), key, unit)
                left += wide + 0.3 * unit
            words = QRectF(row)
            words.setLeft(max(left + 0.3 * unit, row.left() + 7.8 * unit))
            _sentence(painter, words, explanation, unit)

    def _rows_a_column(self) -> int:
        return -(-len(self._rows) // self._columns)


def _sentence(painter: QPainter, area: QRectF, text: str, unit: int) -> None:
    """In one line, or smaller in two."""
    metrics = theme.lettering(painter, 0.92 * unit)
    if metrics.horizontalAdvance(text) > area.width():
        theme.lettering(painter, 0.8 * unit)
    painter.setPen(theme.TEXT)
    painter.drawText(area, int(theme.LEFT) | int(Qt.TextFlag.TextWordWrap), text)
