"""Marks, labels and notes in the replay window: what the keys do to the tables. On Qt's main thread.

What cannot be written is said, and kept until it can (``assistant/replay/annotations.py``).
"""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import QWidget

from assistant.class_list import ClassList
from assistant.errors import SessionError
from assistant.replay.annotations import Annotations
from assistant.replay.player import Player
from ui.replay.dialogs import ask_note, ask_plane


class Annotating(QObject):
    """Labels and notes about the marked range, or the frame that is shown.

    Args:
        notes: both tables.
        player: tells the frame; is paused while somebody writes.
        class_list: the planes that a label may name.
        clock_of: a frame's time for people.
        window: over which questions are asked.
    """

    marked = pyqtSignal(object, object)
    """First and last frame of the range, each None where it is open."""
    edited = pyqtSignal()
    """A table was changed, or was tried to be."""
    said = pyqtSignal(str)
    """A line for a while."""

    def __init__(
        self,
        notes: Annotations,
        player: Player,
        class_list: ClassList,
        clock_of: Callable[[int], str],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._notes, self._player, self._class_list = notes, player, class_list
        self._clock_of, self._window = clock_of, window
        self._range: tuple[int | None, int | None] = (None, None)

    def reactions(self) -> dict[str, Callable[[], object]]:
        """By the name of the action."""
        return {
            "mark_in": lambda: self._mark(0),
            "mark_out": lambda: self._mark(1),
            "label": self._label,
            "erase": self._erase,
            "note": self._note,
            "undo": self._undo,
            "save": lambda: self._edit(self._notes.save),
        }

    def chosen_range(self) -> tuple[int, int]:
        """What a label or note is about: the marked range, from its start up to not at its stop, or the shown frame."""
        at = self._player.target
        first, last = self._range
        if first is None and last is None:
            return at, at + 1
        if first is None or last is None:
            first, last = sorted((first if first is not None else at, last if last is not None else at))
        return first, last + 1

    def to_export(self, count: int) -> tuple[int, int, str]:
        """The marked range, or all ``count`` frames where none is marked, and its words; pauses."""
        self._player.pause()
        start, stop = self.chosen_range() if self._range != (None, None) else (0, count)
        return start, stop, self._range_words(start, stop)

    def unmark(self) -> bool:
        """Take the marks away; False when there were none."""
        were_there = self._range != (None, None)
        if were_there:
            self._set_range(None, None)
        return were_there

    def _set_range(self, first: int | None, last: int | None) -> None:
        self._range = first, last
        self.marked.emit(first, last)

    def _mark(self, side: int) -> None:
        at = self._player.target
        first, last = self._range
        if self._range[side] == at:
            first = last = None
        elif side == 0:
            first, last = at, last if last is None or last >= at else None
        else:
            first, last = first if first is None or first <= at else None, at
        self._set_range(first, last)

    def _label(self) -> None:
        start, stop = self._paused_range()
        given = self._notes.label_at(start)
        plane = ask_plane(self._window, self._class_list, given, self._range_words(start, stop))
        if plane:
            self._edit(lambda: self._notes.label(start, stop, plane))

    def _note(self) -> None:
        start, stop = self._paused_range()
        words = ask_note(self._window, self._range_words(start, stop))
        if words:
            self._edit(lambda: self._notes.note(start, stop, words))

    def _erase(self) -> None:
        start, stop = self._paused_range()
        self._edit(lambda: self._notes.erase(start, stop))

    def _undo(self) -> None:
        if not self._notes.can_undo:
            self.said.emit(self.tr("There is nothing to undo."))
        self._edit(self._notes.undo)

    def _edit(self, change: Callable[[], object]) -> None:
        """Change the tables; what cannot be written is said, and kept."""
        try:
            change()
        except SessionError as error:
            self.said.emit(self.tr("Not saved: {why}").format(why=error))
        self.edited.emit()

    def _paused_range(self) -> tuple[int, int]:
        self._player.pause()
        return self.chosen_range()

    def _range_words(self, start: int, stop: int) -> str:
        if stop - start == 1:
            return self.tr("Frame at {time}").format(time=self._clock_of(start))
        return self.tr("{count} frames from {start} to {end}").format(
            count=stop - start, start=self._clock_of(start), end=self._clock_of(stop - 1)
        )
