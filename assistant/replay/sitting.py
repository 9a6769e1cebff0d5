"""Everything of one replay: the recording, who plays it, its labels, and another model. Used by one thread.

The window holds one of these and nothing else; a test does the same without a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assistant.class_list import ClassList
from assistant.contracts import Clock
from assistant.plugin_loader import load_plugin
from assistant.replay.annotations import Annotations
from assistant.replay.moments import differences, held
from assistant.replay.other_model import OtherModel
from assistant.replay.player import Player
from assistant.replay.recording import Recording
from assistant.replay.sound_player import SoundPlayer, Speaker
from assistant.replay.timeline_index import ABSTAINS, TimelineIndex

NOT_SURE = "not sure"


@dataclass(frozen=True, slots=True)
class Difference:
    """Positions from ``start`` up to ``stop`` at which two models decided differently, and what each said first."""

    start: int
    stop: int
    ours: str
    theirs: str


class Sitting:
    """Somebody looks at a session.

    Args:
        path: its folder.
        class_list: the planes that a label may name.
        clock: keeps the time while playing.
        labels: the label table; None: beside the session.
        with_sound: play its sound.

    Attributes:
        player: None when the session has no images.
        other: another model, running or done; or None.

    Raises:
        SessionError: there is no session, one of another version, or an altered one.
    """

    def __init__(
        self, path: Path, class_list: ClassList, clock: Clock, *, labels: Path | None = None, with_sound: bool = True
    ) -> None:
        self.recording = Recording(path)
        self.notes = Annotations(self.recording.reader, class_list, labels)
        self.other: OtherModel | None = None
        self.player: Player | None = None
        if len(self.recording.reader):
            audible = with_sound and self.recording.reader.sound_samples > 0
            sound = SoundPlayer(self.recording.reader, _speaker) if audible else None
            self.player = Player(self.recording, clock, sound)

    def run_model(self, model: str, backends: tuple[str, ...] = ()) -> None:
        """Let another model look at the session, in the background, instead of one that did before."""
        self.stop_model()
        self.other = OtherModel(self.recording, model, backends)

    def stop_model(self) -> None:
        """Without another model."""
        if self.player is not None:
            self.player.compare_with(None)
        if self.other is not None:
            self.other.close()
            self.other = None

    def differences(self) -> list[Difference]:
        """Where the other model, once it is done, decided otherwise; from then on it is shown beside the recorded."""
        if self.other is None or self.other.index is None or self.player is None:
            return []
        self.player.compare_with(self.other.index)
        ours, theirs = (self._decisions(index) for index in (self.recording.index, self.other.index))
        return [
            Difference(found.start, found.stop, ours[found.start], theirs[found.start])
            for found in differences(ours, theirs, self.recording.times_ns)
        ]

    def close(self) -> None:
        """End all threads. Idempotent."""
        if self.other is not None:
            self.other.close()
        if self.player is not None:
            self.player.close()
        self.recording.close()

    def _decisions(self, index: TimelineIndex) -> list[str]:
        """What was shown with each frame: a plane, ``NOT_SURE``, or "" for nothing."""
        words = dict(enumerate(index.names)) | {ABSTAINS: NOT_SURE}
        return [words.get(number, "") for number in held(index.decided, self.recording.times_ns).tolist()]


def _speaker() -> Speaker:
    speaker: Speaker = load_plugin("sonocue.speakers", "sounddevice")("")
    return speaker
