"""Where the replay goes: steps, seconds, jumps and speed. On Qt's main thread."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QObject, pyqtSignal

from assistant.replay.annotations import Annotations
from assistant.replay.lanes import plane_starts
from assistant.replay.moments import neighbour
from assistant.replay.player import SPEEDS, Player
from assistant.replay.recording import Recording

_LAST = 1 << 60


class Navigating(QObject):
    """The keys that move through a recording.

    Args:
        recording: what is played.
        notes: count as events.
        player: is moved.
        background: the class that is no plane to jump to.
        parent: Qt's.

    Attributes:
        differences: frames at which two models begin to differ.
    """

    said = pyqtSignal(str)
    """A line for a while."""
    changed = pyqtSignal()
    """Something is to be shown again although the frame stays."""

    def __init__(
        self, recording: Recording, notes: Annotations, player: Player, background: str, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._recording, self._notes, self._player, self._background = recording, notes, player, background
        self.differences: list[int] = []

    def reactions(self) -> dict[str, Callable[[], object]]:
        """By the name of the action."""
        player = self._player

        def step(frames: int) -> Callable[[], object]:
            return lambda: player.step(frames)

        def seconds(by: float) -> Callable[[], object]:
            return lambda: self._seek_by(by)

        def jump(what: str, direction: int) -> Callable[[], object]:
            return lambda: self._jump(what, direction)

        return {
            "play": player.toggle,
            "frame_back": step(-1), "frame_on": step(1),
            "second_back": seconds(-1), "second_on": seconds(1),
            "tens_back": seconds(-10), "tens_on": seconds(10),
            "first": lambda: player.seek(0), "last": lambda: player.seek(_LAST),
            "plane_back": jump("plane", -1), "plane_on": jump("plane", 1),
            "event_back": jump("event", -1), "event_on": jump("event", 1),
            "difference_back": jump("difference", -1), "difference_on": jump("difference", 1),
            "slower": lambda: self._change_speed(-1), "faster": lambda: self._change_speed(1),
            "mute": lambda: player.set_muted(not player.muted),
        }  # fmt: skip

    def _seek_by(self, seconds: float) -> None:
        at_ns = int(self._recording.times_ns[self._player.target]) + round(seconds * 1e9)
        self._player.seek(self._recording.nearest(at_ns))

    def _jump(self, what: str, direction: int) -> None:
        marks = {
            "plane": lambda: plane_starts(self._recording.index, self._recording, self._background),
            "event": lambda: sorted({*self._recording.event_positions(), *(note.start for note in self._notes.notes)}),
            "difference": lambda: self.differences,
        }[what]()
        found = neighbour(marks, self._player.target, direction)
        if found is None:
            self.said.emit(self.tr("There is none further on.") if direction > 0 else self.tr("There is none before."))
        else:
            self._player.seek(found)

    def _change_speed(self, step: int) -> None:
        number = SPEEDS.index(self._player.speed) + step
        self._player.set_speed(SPEEDS[min(max(number, 0), len(SPEEDS) - 1)])
        self.changed.emit()
