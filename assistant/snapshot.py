"""What a window or a test may know of a run: an immutable picture of one moment, pulled, never pushed.

The part of the contracts (``contracts.py``) that only the engine and those who look at it speak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from assistant.contracts import Frame, GazeSample, Guidance, UInt8Array


@dataclass(frozen=True, slots=True)
class StageLatency:
    """Latency of one stage over the last seconds, in milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class SoundLevel:
    """What the microphone hears now.

    Attributes:
        level_dbfs: RMS of the last 100 ms in dB of full scale, at least -90.
        speech: voice activity was found in the last half second.
        clipped: a sample reached full scale in the last second.
    """

    level_dbfs: float
    speech: bool
    clipped: bool


@dataclass(frozen=True, slots=True)
class Counters:
    """Frames since the run began.

    Attributes:
        captured: handed over by the source.
        recorded: written to the session (0 when nothing is recorded).
        guided: guidance was made for them.
        skipped: not inferred, because a newer frame had come.
        lost: gaps in the index, and frames that could not be recorded.
    """

    captured: int = 0
    recorded: int = 0
    guided: int = 0
    skipped: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class PlaneProgress:
    """How an examination stands for one plane: seconds of guidance that named it, and whether it dwelt long enough."""

    plane: str
    seconds: float
    seen: bool


ItemState = Literal["open", "suggested", "confirmed", "not obtainable"]
"""Of a checklist's item: the program suggests; only a person confirms, or says that it cannot be obtained."""

MarkedState = Literal["confirmed", "not obtainable", "open"]
"""What a person may say about an item; ``open`` takes the word back."""


@dataclass(frozen=True, slots=True, eq=False)
class ChecklistItem:
    """How an examination stands for one item of its checklist.

    Attributes:
        name: for people.
        plane: the class that suggests it; None: the model has no such class, a person ticks it by hand.
        state: see ``ItemState``.
        seconds: of guidance that named the plane.
        score: filtered confidence of the best frame, in [0, 1]; None before the first dwell.
        thumbnail: ``(h, w)`` or ``(h, w, 3)`` uint8 RGB of the best frame, read-only; None before the first dwell.
    """

    name: str
    plane: str | None
    state: ItemState
    seconds: float = 0.0
    score: float | None = None
    thumbnail: UInt8Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """All that a window or a test may know of a live run at one moment. Immutable; made on demand.

    Attributes:
        number: goes up with every change that asks for a repaint.
        frame: the newest image, or None before the first.
        guidance: guidance that may be drawn over ``frame``: of the same stream, same scene, at most the allowed age
            older than it. Else None.
        guidance_age_ms: how much older the guided frame is than ``frame``; None without guidance.
        gaze: the observer's last gaze sample within 200 ms, or None.
        sound: None when no microphone or sound track is open.
        recording: a session is being written.
        session: folder of the session, or None.
        elapsed_s: since the run began.
        fps: frames captured a second, over the last two seconds.
        guidance_fps: guidance made a second, over the last two seconds.
        counters: see there.
        latency: by stage name, in the order of the path (``waiting``, ``screen``, ``preprocess``, ``inference``,
            ``decision``, ``total``).
        planes: the examination's planes in the order of the class list, without background.
        source: name of the source.
        engine: one line about model and backend.
        notices: lasting remarks, e.g. that the model was trained on the software scanner.
        faults: what is wrong now, in plain words, worst first; empty when all is well.
        ended: the run is over (end of the source, stop, or fatal fault).
        sound_drift_ppm: how much faster than its nominal rate the sound card runs, which the recording corrects; None
            without sound, 0 in the first seconds.
        narration_agreement: how well what is said fits what is shown, in [0, 1], 0.5 by chance; None while nobody
            speaks, and with models that did not learn from speech.
        checklist: what the examination asks for, in order; without a checklist file, one item a plane.
        disk_s_left: seconds of recording for which the disk has room at the present rate; None while nothing is
            recorded, and before the rate is known.
        frozen: the source gives the same image again and again; guidance is about that image.
    """

    number: int
    frame: Frame | None
    guidance: Guidance | None
    guidance_age_ms: float | None
    gaze: GazeSample | None
    sound: SoundLevel | None
    recording: bool
    session: Path | None
    elapsed_s: float
    fps: float
    guidance_fps: float
    counters: Counters
    latency: Mapping[str, StageLatency]
    planes: tuple[PlaneProgress, ...]
    source: str
    engine: str
    notices: tuple[str, ...]
    faults: tuple[str, ...]
    ended: bool
    sound_drift_ppm: float | None = None
    narration_agreement: float | None = None
    checklist: tuple[ChecklistItem, ...] = ()
    disk_s_left: float | None = None
    frozen: bool = False


class SnapshotSource(Protocol):
    """What a window needs of a run: to look at it and to stop it."""

    def snapshot(self) -> Snapshot:
        """The state now. Cheap (under a millisecond), never blocks, from any thread."""
        ...

    def stop(self) -> None:
        """Ask the run to end. Returns at once; ``snapshot().ended`` turns True when the session is closed."""
        ...
