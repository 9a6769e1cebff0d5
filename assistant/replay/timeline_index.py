"""What a timeline file says, by frame and by time: read once, line by line, without its gaze maps.

An hour of guidance with maps is some hundred megabytes, so a thread of its own reads them while the window is open
already; what was read so far can be asked for from any thread. The maps stay on disk: a line is read again when its
frame is shown. Also reads what another model said (``other_model.py``), which is written in the same lines.
"""

from __future__ import annotations

import json
import threading
import time
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.contracts import Abstention, GazeSample, Guidance, TimelineEvent
from assistant.session.reader import SessionReader
from assistant.session.timeline import decode_line, guidance_of

UNSAID, ABSTAINS = -2, -1
"""In ``decided``: no guidance was made for this frame; the model named nothing."""
GUIDANCE_HOLDS_NS = 150_000_000
"""Guidance is shown over later frames of its scene so long, as in the live window (``max_guidance_age_ms``)."""
GAZE_HOLDS_NS = 200_000_000

_LINES_AT_ONCE, _GIVE_WAY_S = 64, 0.0005
"""Whoever seeks meanwhile must not wait for Python's lock: after about a millisecond of reading it is let go."""

_MAP = b',"gaze_map":'


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said from ``start_ns`` to ``end_ns``, where the timeline tells it."""

    start_ns: int
    end_ns: int
    words: str


class TimelineIndex:
    """The lines of one timeline file.

    Args:
        path: the file.
        reader: the session whose frames they are about.

    Attributes:
        names: planes by number, as ``decided``, ``top``, ``truth`` and ``labels`` count them.
        decided: ``(n_frames,)`` int16: number of the plane that was named, ``ABSTAINS`` or ``UNSAID``.
        top, confidence, scene: ``(n_frames,)`` of the same guidance; -1, NaN and 0 where there is none.
        truth, labels: ``(n_frames,)`` int16: the plane by the software scanner, and by a person; -1 unknown.
        events: marks, in the order in which they were written.
        utterances: see there; in the order in which they were written.
        complete: everything was read, or reading ended at a fault.
        problem: what is wrong with the file, in plain words; or "".
    """

    def __init__(self, path: Path, reader: SessionReader) -> None:
        n = len(reader)
        self.path = path
        self.names: list[str] = []
        self.decided: npt.NDArray[np.int16] = np.full(n, UNSAID, np.int16)
        self.top: npt.NDArray[np.int16] = np.full(n, -1, np.int16)
        self.confidence: npt.NDArray[np.float32] = np.full(n, np.nan, np.float32)
        self.scene: npt.NDArray[np.int32] = np.zeros(n, np.int32)
        self.truth: npt.NDArray[np.int16] = np.full(n, -1, np.int16)
        self.labels: npt.NDArray[np.int16] = np.full(n, -1, np.int16)
        self.events: list[TimelineEvent] = []
        self.utterances: list[Utterance] = []
        self.abstentions: dict[int, Abstention] = {}
        self.complete = False
        self.problem = ""
        self.model_id = ""
        self._reader = reader
        self._numbers: dict[str, int] = {}
        self._position_of = {int(index): position for position, index in enumerate(reader.frame_indices)}
        self._offsets: npt.NDArray[np.int64] = np.full(n, -1, np.int64)
        self._gaze_ns: list[int] = []
        self._gaze_x, self._gaze_y = array("d"), array("d")
        self._bytes, self._read = 1, 0

    @property
    def progress(self) -> float:
        """Share of the file that was read, in [0, 1]."""
        return 1.0 if self.complete else min(self._read / self._bytes, 1.0)

    @property
    def has_guidance(self) -> bool:
        """Some frame has guidance, as far as the file was read."""
        return bool((self.decided != UNSAID).any())

    @property
    def gaze_times_ns(self) -> Sequence[int]:
        """When the observer's valid gaze samples were taken, as far as the file was read."""
        return self._gaze_ns

    def read(self, stopping: threading.Event) -> None:
        """Read the file to its end, or until ``stopping``. Called once, on one thread.

        What is damaged ends the reading with ``problem``; the torn last line of a killed session does not.
        """
        number = 0
        try:
            self._bytes = max(self.path.stat().st_size, 1)
            with self.path.open("rb") as lines:
                for line in lines:
                    number += 1
                    if stopping.is_set():
                        return
                    if not line.endswith(b"\n"):
                        break
                    self._take(line, self._read)
                    self._read += len(line)
                    if number % _LINES_AT_ONCE == 0:
                        time.sleep(_GIVE_WAY_S)
        except OSError as error:
            self.problem = f"'{self.path}' cannot be read: {error.strerror or error}"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.problem = f"'{self.path}' line {number}: {error}: what follows it is not shown"
        self.complete = True

    def guidance_at(self, position: int) -> Guidance | None:
        """The guidance about exactly this frame, its gaze map included; None without, or when its line is damaged."""
        offset = int(self._offsets[position])
        if offset < 0:
            return None
        try:
            with self.path.open("rb") as lines:
                lines.seek(offset)
                return guidance_of(decode_line(lines.readline().decode("utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def shown_at(self, position: int) -> int | None:
        """Position of the guidance that the live window showed with this frame; None: it showed none.

        That of the frame itself; where inference skipped the frame, the newest one of the same stream and scene that
        is at most ``GUIDANCE_HOLDS_NS`` older, unless the next one tells that a new scene has begun meanwhile.
        """
        if self.decided[position] != UNSAID:
            return position
        times_ns, stream = self._reader.frame_times_ns, self._reader.place_of(position)[2]
        for earlier in range(position - 1, -1, -1):
            if times_ns[position] - times_ns[earlier] > GUIDANCE_HOLDS_NS:
                return None
            if self._reader.place_of(earlier)[2] != stream:
                return None
            if self.decided[earlier] != UNSAID:
                later = np.flatnonzero(self.decided[position : position + 16] != UNSAID)
                same = len(later) == 0 or self.scene[position + int(later[0])] == self.scene[earlier]
                return earlier if same else None
        return None

    def gaze_at(self, captured_ns: int) -> GazeSample | None:
        """The observer's last valid gaze sample before ``captured_ns``, at most ``GAZE_HOLDS_NS`` old."""
        i = bisect_right(self._gaze_ns, captured_ns) - 1
        if i < 0 or captured_ns - self._gaze_ns[i] > GAZE_HOLDS_NS:
            return None
        return GazeSample(self._gaze_ns[i], self._gaze_x[i], self._gaze_y[i])

    def words_at(self, captured_ns: int) -> str:
        """What is being said at a moment, where the timeline tells it; else ""."""
        said = (u.words for u in self.utterances if u.start_ns <= captured_ns < u.end_ns)
        return next(said, "")

    def name(self, number: int) -> str:
        """A plane by its number; "" below 0."""
        return self.names[number] if number >= 0 else ""

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            self.names.append(name)
            self._numbers[name] = len(self.names) - 1
        return self._numbers[name]

    def _take(self, line: bytes, offset: int) -> None:
        head, cut, _ = line.partition(_MAP)
        data: dict[str, Any] = json.loads(head + b"}" if cut else line)
        kind = data["kind"]
        if kind == "gaze":
            if data["valid"] and data["x_px"] is not None and data["y_px"] is not None:
                self._gaze_x.append(data["x_px"])
                self._gaze_y.append(data["y_px"])
                self._gaze_ns.append(data["captured_ns"])  # last: who asks meanwhile finds the others there
        elif kind == "event":
            self.events.append(decode_line(line.decode("utf-8")))
        elif "utterance" in data:
            self.utterances.append(Utterance(data["captured_ns"], data["end_ns"], str(data["utterance"])))
        elif (position := self._position_of.get(data.get("frame_index", -1))) is not None:
            self._take_frame(kind, data, position, offset)

    def _take_frame(self, kind: str, data: dict[str, Any], position: int, offset: int) -> None:
        if kind == "guidance":
            plane = data["plane"]
            self.top[position] = self._number(data["top"])
            self.confidence[position] = np.nan if data["confidence"] is None else data["confidence"]
            self.scene[position] = data["scene"]
            if data["abstention"] is not None:
                self.abstentions[position] = Abstention(data["abstention"])
            self._offsets[position] = offset
            self.model_id = self.model_id or str(data["model_id"])
            self.decided[position] = ABSTAINS if plane is None else self._number(plane)
        elif kind == "truth" and "plane" in data:
            self.truth[position] = self._number(str(data["plane"]))
        elif kind == "label" and "plane" in data:
            self.labels[position] = self._number(str(data["plane"]))
