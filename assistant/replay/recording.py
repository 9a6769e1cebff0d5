"""A recorded session that is open for looking: frames at once, its timeline and speech as they are read meanwhile."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from assistant.errors import SessionError
from assistant.replay.moments import Int64Array
from assistant.replay.timeline_index import TimelineIndex
from assistant.session.manifest import PARTIAL_SUFFIX, TIMELINE_NAME
from assistant.session.reader import SessionReader
from assistant.speech import VoiceActivity, segments_of

_HEARD_AT_ONCE_S = 60.0
_GIVE_WAY_S = 0.001
"""Whoever seeks meanwhile must not wait for Python's lock."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that a session has not, and whoever looks at it should know.

    Attributes:
        what: ``images``, ``sound``, ``guidance``: there is none; ``closed``: its writer was killed; ``complete``: it
            was closed and misses something; ``timeline``, ``hearing``: they cannot be read, or not to their end.
        why: in plain words, where more is known; or "".
    """

    what: Literal["images", "sound", "guidance", "closed", "complete", "timeline", "hearing"]
    why: str = ""


class Recording:
    """A session, its timeline, and where people speak in it. A context manager: leaving it ends its thread.

    Args:
        path: the session's folder.
        listens: also look for speech.

    Attributes:
        reader: the session.
        index: its timeline, as far as it was read.
        speech_s: where speech was heard, ``(start, end)`` in seconds since the first frame, as far as was listened.

    Raises:
        SessionError: there is no session, one of another version, or an altered one.
    """

    def __init__(self, path: Path, *, listens: bool = True) -> None:
        self.reader = SessionReader(path)
        self.index = TimelineIndex(path / TIMELINE_NAME, self.reader)
        self.speech_s: list[tuple[float, float]] = []
        self._listens = listens
        self._hearing_problem = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name="replay timeline", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the reading. Idempotent."""
        self._stopping.set()
        self._thread.join()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until everything was read; False when ``timeout_s`` passed before."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def name(self) -> str:
        return self.reader.session_id

    @property
    def times_ns(self) -> Int64Array:
        return self.reader.frame_times_ns

    @property
    def start_ns(self) -> int:
        """The session's first frame; its first sound without one."""
        return int(self.times_ns[0]) if len(self.times_ns) else 0

    @property
    def duration_s(self) -> float:
        """From the first frame to the last."""
        return (int(self.times_ns[-1]) - self.start_ns) / 1e9 if len(self.times_ns) else 0.0

    def position_at(self, captured_ns: int) -> int:
        """The frame that shows at a moment: the last one captured by then, the first one before."""
        return max(int(np.searchsorted(self.times_ns, captured_ns, side="right")) - 1, 0)

    def nearest(self, captured_ns: int) -> int:
        """The frame that was captured nearest to a moment."""
        before = self.position_at(captured_ns)
        after = min(before + 1, len(self.times_ns) - 1)
        return after if abs(self.times_ns[after] - captured_ns) < abs(self.times_ns[before] - captured_ns) else before

    def event_positions(self) -> list[int]:
        """Where something happened: marks of the run, and gaps of a second or more in the images."""
        found = {self.position_at(event.captured_ns) for event in self.index.events}
        found.update((np.flatnonzero(np.diff(self.times_ns) >= 1_000_000_000) + 1).tolist())
        return sorted(found)

    def lacks(self) -> tuple[Lack, ...]:
        """What the session has not, worst first; guidance is missed only once the timeline was read."""
        reader, found = self.reader, []
        if reader.path.name.endswith(PARTIAL_SUFFIX) or not reader.manifest.sha256:
            found.append(Lack("closed"))
        elif not reader.complete:
            found.append(Lack("complete", reader.manifest.reason))
        if len(reader) == 0:
            found.append(Lack("images"))
        if self.index.problem:
            found.append(Lack("timeline", self.index.problem))
        if reader.sound_samples == 0:
            found.append(Lack("sound"))
        elif self._hearing_problem:
            found.append(Lack("hearing", self._hearing_problem))
        if self.index.complete and not self.index.has_guidance:
            found.append(Lack("guidance"))
        return tuple(found)

    def _read(self) -> None:
        self.index.read(self._stopping)
        try:
            self._listen()
        except SessionError as error:
            self._hearing_problem = str(error)
        except Exception as error:  # noqa: BLE001 - the worker loop: without the lane of speech the replay goes on
            self._hearing_problem = f"a defect: {error!r}"

    def _listen(self) -> None:
        """Find speech, some seconds of sound at a time: a conversation of an hour costs about half a minute."""
        rate_hz = self.reader.manifest.sample_rate_hz
        if self.reader.sound_samples == 0 or not self._listens:
            return
        voice = VoiceActivity(rate_hz)
        probabilities: list[np.float32] = []
        began_s, until_s, heard_s = 0.0, 0.0, 0.0

        def tell() -> None:
            self.speech_s += [(began_s + a, began_s + b) for a, b in segments_of(np.array(probabilities, np.float32))]
            probabilities.clear()

        for block in self.reader.sound_blocks():
            if self._stopping.is_set():
                return
            at_s = (block.captured_ns - self.start_ns) / 1e9
            if abs(at_s - until_s) > 0.2 or heard_s >= _HEARD_AT_ONCE_S:  # a gap, or time to show something
                tell()
                began_s, heard_s = at_s, 0.0
            for first in range(0, len(block.samples), rate_hz // 10):
                probabilities += list(voice.push(block.samples[first : first + rate_hz // 10]))
                time.sleep(_GIVE_WAY_S)
            until_s = at_s + block.duration_ns / 1e9
            heard_s += block.duration_ns / 1e9
        tell()
