"""Every action of the replay window: its keys, its name, its line in the help. On Qt's main thread."""

from __future__ import annotations

from PyQt6.QtCore import QCoreApplication, QRectF, QSize, Qt
from PyQt6.QtGui import QPaintEvent, QPen
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from ui import theme
from ui.keys import Action, KeyButton, keycap

translate = QCoreApplication.translate  # the name that pylupdate6 looks for

_ROW_EM = 1.85
_KEYS_EM = 7.8
_SHOWN = {
    "Left": "\u2190",
    "Right": "\u2192",
    "Ctrl+Up": "Ctrl \u2191",
    "Ctrl+Down": "Ctrl \u2193",
    "Shift+Left": "\u21e7\u2190",
    "Shift+Right": "\u21e7\u2192",
}

FOOTER = ("play", "heatmap", "overlays", "label", "note", "undo", "export", "model", "help", "close")
"""The actions that have a button; the others are keys and stand in the help."""


def actions() -> tuple[Action, ...]:
    """All actions, in the language that is installed now."""

    def of(name: str, keys: tuple[str, ...], label: str, says: str, switch: bool = False) -> Action:
        return Action(name, keys, label, says, switch)

    return (
        of("play", ("P", "Space"), translate("ReplayKeys", "Play"), translate("ReplayKeys", "Play, or pause")),
        of("frame_back", (",",), translate("ReplayKeys", "Frame back"), translate("ReplayKeys", "One frame back")),
        of("frame_on", (".",), translate("ReplayKeys", "Frame on"), translate("ReplayKeys", "One frame on")),
        of(
            "second_back", ("Left",), translate("ReplayKeys", "Second back"), translate("ReplayKeys", "One second back")
        ),
        of("second_on", ("Right",), translate("ReplayKeys", "Second on"), translate("ReplayKeys", "One second on")),
        of(
            "tens_back",
            ("Shift+Left",),
            translate("ReplayKeys", "10 s back"),
            translate("ReplayKeys", "Ten seconds back"),
        ),
        of("tens_on", ("Shift+Right",), translate("ReplayKeys", "10 s on"), translate("ReplayKeys", "Ten seconds on")),
        of("first", ("Home",), translate("ReplayKeys", "First"), translate("ReplayKeys", "To the first frame")),
        of("last", ("End",), translate("ReplayKeys", "Last"), translate("ReplayKeys", "To the last frame")),
        of(
            "plane_back",
            ("PgUp",),
            translate("ReplayKeys", "Plane before"),
            translate("ReplayKeys", "To the plane before"),
        ),
        of(
            "plane_on", ("PgDown",), translate("ReplayKeys", "Next plane"), translate("ReplayKeys", "To the next plane")
        ),
        of(
            "event_back",
            ("Ctrl+PgUp",),
            translate("ReplayKeys", "Event before"),
            translate("ReplayKeys", "To the event or note before"),
        ),
        of(
            "event_on",
            ("Ctrl+PgDown",),
            translate("ReplayKeys", "Next event"),
            translate("ReplayKeys", "To the next event or note"),
        ),
        of(
            "difference_back",
            ("Shift+D",),
            translate("ReplayKeys", "Difference before"),
            translate("ReplayKeys", "To the difference before"),
        ),
        of(
            "difference_on",
            ("D",),
            translate("ReplayKeys", "Next difference"),
            translate("ReplayKeys", "To the next difference of two models"),
        ),
        of("slower", ("-",), translate("ReplayKeys", "Slower"), translate("ReplayKeys", "Slower, down to a quarter")),
        of(
            "faster",
            ("+", "="),
            translate("ReplayKeys", "Faster"),
            translate("ReplayKeys", "Faster, up to eight times; pitch is kept"),
        ),
        of("mute", ("M",), translate("ReplayKeys", "Mute"), translate("ReplayKeys", "Without sound, or with it")),
        of(
            "zoom_in",
            ("Ctrl+Up",),
            translate("ReplayKeys", "Enlarge"),
            translate("ReplayKeys", "Enlarge the timeline (or turn the wheel)"),
        ),
        of(
            "zoom_out",
            ("Ctrl+Down",),
            translate("ReplayKeys", "Reduce"),
            translate("ReplayKeys", "Show more of the timeline"),
        ),
        of(
            "heatmap",
            ("H",),
            translate("ReplayKeys", "Heatmap"),
            translate("ReplayKeys", "Show or hide the gaze map"),
            True,
        ),
        of(
            "overlays",
            ("V",),
            translate("ReplayKeys", "Overlays"),
            translate("ReplayKeys", "Show or hide all that lies over the image"),
            True,
        ),
        of(
            "mark_in",
            ("I",),
            translate("ReplayKeys", "Mark in"),
            translate("ReplayKeys", "A range begins at this frame; again: no range"),
        ),
        of(
            "mark_out",
            ("O",),
            translate("ReplayKeys", "Mark out"),
            translate("ReplayKeys", "The range ends at this frame; again: no range"),
        ),
        of(
            "label",
            ("L",),
            translate("ReplayKeys", "Label"),
            translate("ReplayKeys", "Name the plane of this frame or range"),
        ),
        of(
            "erase",
            ("Del",),
            translate("ReplayKeys", "Erase"),
            translate("ReplayKeys", "Take label and note of this frame or range away"),
        ),
        of(
            "note",
            ("N",),
            translate("ReplayKeys", "Note"),
            translate("ReplayKeys", "Note something about this frame or range"),
        ),
        of(
            "undo",
            ("U", "Ctrl+Z"),
            translate("ReplayKeys", "Undo"),
            translate("ReplayKeys", "Take the last label or note back"),
        ),
        of(
            "save",
            ("Ctrl+S",),
            translate("ReplayKeys", "Save"),
            translate("ReplayKeys", "Try again to save labels that could not be saved"),
        ),
        of(
            "still",
            ("S",),
            translate("ReplayKeys", "Still"),
            translate("ReplayKeys", "Save this image, bare and annotated"),
        ),
        of(
            "export",
            ("X",),
            translate("ReplayKeys", "Export"),
            translate("ReplayKeys", "Write a video, stills or a table"),
        ),
        of(
            "model",
            ("R",),
            translate("ReplayKeys", "Other model"),
            translate("ReplayKeys", "Run another model over it; again: stop it"),
        ),
        of(
            "fullscreen",
            ("F",),
            translate("ReplayKeys", "Full screen"),
            translate("ReplayKeys", "Enter or leave full screen"),
        ),
        of("help", ("?", "F1"), translate("ReplayKeys", "Keys"), translate("ReplayKeys", "Show or hide this list")),
        of("close", ("Q", "Esc"), translate("ReplayKeys", "Close"), translate("ReplayKeys", "Close the window")),
    )


class ReplayFooter(QWidget):
    """The main keys as buttons, and on the right a message for a while."""

    def __init__(self, listed: tuple[Action, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Keys"))
        self.buttons = {action.name: KeyButton(action, self) for action in listed if action.name in FOOTER}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for name in FOOTER:
            row.addWidget(self.buttons[name])
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


class ReplayHelp(QWidget):
    """The list of all keys in two columns, over the image until it is asked away."""

    def __init__(self, listed: tuple[Action, ...], parent: QWidget) -> None:
        super().__init__(parent)
        self._rows = [(action.keys, action.explanation) for action in listed]
        self.setAccessibleName(self.tr("Keys"))
        self.setAccessibleDescription("; ".join(f"{', '.join(keys)}: {says}" for keys, says in self._rows))
        self.hide()

    def sizeHint(self) -> QSize:
        """A heading and half as many rows as there are actions."""
        unit = theme.em(self)
        return QSize(80 * unit, round((4.6 + _ROW_EM * ((len(self._rows) + 1) // 2)) * unit))

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Keys on the left of each column, sentences on the right."""
        unit = theme.em(self)
        painter = theme.painter_of(self)
        area = QRectF(self.rect())
        theme.card(painter, area, 0.8 * unit)
        painter.setPen(QPen(theme.LINE, 0.1 * unit))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), 0.8 * unit, 0.8 * unit)
        inner = area.adjusted(1.6 * unit, 1.2 * unit, -1.6 * unit, -1.2 * unit)
        heading = QRectF(inner.left(), inner.top(), inner.width(), 1.8 * unit)
        theme.write(painter, heading, self.tr("Keys"), theme.TEXT, 1.4 * unit, bold=True)
        per_column = (len(self._rows) + 1) // 2
        for number, (keys, explanation) in enumerate(self._rows):
            column, line = divmod(number, per_column)
            left = inner.left() + column * inner.width() / 2
            row = QRectF(left, heading.bottom() + (0.5 + _ROW_EM * line) * unit, inner.width() / 2, 1.7 * unit)
            for key in (_SHOWN.get(key, key) for key in keys):
                wide = (1.2 + 0.5 * len(key)) * unit
                keycap(painter, QRectF(left, row.top() + 0.1 * unit, wide, 1.5 * unit), key, unit)
                left += wide + 0.3 * unit
            theme.write(painter, row.adjusted(_KEYS_EM * unit, 0, -unit, 0), explanation, theme.TEXT, 0.95 * unit)
