"""What is known about a run at this moment: workers report to it, windows and tests look at it.

Every method is called from several threads; each takes the lock for a few assignments only.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from pathlib import Path

from assistant.contracts import Clock, Frame, GazeSample, Guidance
from assistant.examination import Examination
from assistant.latency import LatencyLog
from assistant.signal_watch import SILENT_NS, Signal
from assistant.snapshot import Counters, MarkedState, PlaneProgress, Snapshot, SoundLevel

NO_SIGNAL_NS = SILENT_NS
"""A live source that gives no frame for so long has no signal; guidance is withdrawn."""

PASSING_NS = 10_000_000_000
"""How long a fault is shown that is over when it is known: something was lost."""

GAZE_VALID_NS = 200_000_000
"""How long a gaze sample is shown."""

_MOST_PAST_FAULTS = 100  # different ones that are remembered
_RATE_WINDOW_NS = 2_000_000_000


class RunState:
    """The counters, the newest items and the faults of one run.

    Args:
        clock: the run's clock.
        planes: the examination's planes, in the order of the class list.
        max_guidance_age_ns: guidance older than this against the newest image is not shown.
        dwell_ns: a plane counts as seen when it was named for so long without a break.
        live: frames are due in real time, so their absence is a fault.
        examination: keeps dwell, best frames and checklist; one of ``planes`` alone when None.
        shadow: nothing that the model says is in a snapshot.
    """

    def __init__(
        self,
        clock: Clock,
        planes: tuple[str, ...],
        *,
        max_guidance_age_ns: int,
        dwell_ns: int,
        live: bool,
        examination: Examination | None = None,
        shadow: bool = False,
    ) -> None:
        self.latency = LatencyLog()
        self._clock = clock
        self._max_guidance_age_ns = max_guidance_age_ns
        self._examination = examination or Examination(planes, dwell_ns)
        self._shadow = shadow
        self._live = live
        self._lock = threading.Lock()
        self._number = 0
        self._frame: Frame | None = None
        self._scene = 0
        self._guidance: Guidance | None = None
        self._gaze: GazeSample | None = None
        self._sound: SoundLevel | None = None
        self._sound_drift_ppm: float | None = None
        self._agreement: float | None = None
        self._faults: dict[str, str] = {}
        self._past_faults: Counter[str] = Counter()
        self._passing: dict[str, int] = {}
        self._signal: Signal | None = None
        self._captured = self._recorded = self._guided = self._skipped = self._lost = 0
        self._capture_times_ns: deque[int] = deque(maxlen=512)
        self._guidance_times_ns: deque[int] = deque(maxlen=512)
        self._started_ns = clock.now_ns()
        self._first_capture_ns: int | None = None
        self._ended_ns: int | None = None
        self._source = self._engine = ""
        self._notices: tuple[str, ...] = ()
        self._session: Path | None = None
        self._disk_s_left: float | None = None
        self._muted = False

    def describe(self, *, source: str, engine: str, notices: tuple[str, ...], session: Path | None) -> None:
        """Say once, at the start, what runs."""
        with self._lock:
            self._source, self._engine, self._notices, self._session = source, engine, notices, session
            self._started_ns = self._clock.now_ns()
            self._number += 1

    def frame_captured(self, frame: Frame, scene: int) -> None:
        """A frame came from the source; a gap in its index is a loss."""
        with self._lock:
            if self._frame is not None and frame.index > self._frame.index + 1:
                self._lost += frame.index - self._frame.index - 1
                self._faults["source"] = "the source lost frames"
                self._passing["source"] = self._clock.now_ns() + PASSING_NS
            self._frame, self._scene = frame, scene
            self._captured += 1
            self._capture_times_ns.append(self._clock.now_ns())
            if self._first_capture_ns is None:
                self._first_capture_ns = self._capture_times_ns[-1]
            self._number += 1

    def signal_seen(self, signal: Signal) -> None:
        """What the source shows with the frame that came last."""
        with self._lock:
            self._signal = signal
            if signal.kind == "none":
                self._no_signal(signal.reason)
            else:
                self._clear("signal")
            self._number += 1

    def nothing_captured(self, signal: Signal) -> None:
        """No frame came; only the next one says that there is a signal again."""
        with self._lock:
            if signal.kind == "none" and (self._signal is None or self._signal.kind != "none"):
                self._signal = signal
                if "signal" not in self._faults:  # else the source itself said why
                    self._no_signal(signal.reason)
                self._number += 1

    def signal_lost(self, reason: str) -> None:
        """The source of the images is gone; guidance is withdrawn until the next image comes."""
        with self._lock:
            self._no_signal(reason)
            self._number += 1

    def sound_lost(self, message: str) -> None:
        """The source of the sound is gone, as ``message`` says; ``cleared("sound")`` when it is back."""
        with self._lock:
            self._sound = None
            self._faults["sound"] = message
            self._number += 1

    def frame_recorded(self) -> None:
        """A frame was written to the session."""
        with self._lock:
            self._recorded += 1

    def disk_room(self, seconds_left: float | None) -> None:
        """The disk has room for so much more recording; None: not known."""
        with self._lock:
            self._disk_s_left = seconds_left

    def frame_skipped(self) -> None:
        """A newer frame came before this one was inferred."""
        with self._lock:
            self._skipped += 1

    def frame_lost(self, reason: str) -> None:
        """A captured frame could not be recorded."""
        with self._lock:
            self._lost += 1
            self._faults["recording"] = f"recording lost {self._lost} frames: {reason}"
            self._number += 1

    def guidance_ready(
        self, guidance: Guidance, previous: Guidance | None, frame: Frame | None = None, *, frozen: bool = False
    ) -> None:
        """Guidance was made of ``frame``; see ``Examination.guided``. Frozen too while the source says so."""
        with self._lock:
            frozen |= self._signal is not None and self._signal.kind != "live"
        self._examination.guided(guidance, previous, frame, frozen=frozen)
        with self._lock:
            self._guided += 1
            self._guidance_times_ns.append(self._clock.now_ns())
            self._guidance = guidance
            self._number += 1

    def mark(self, item: str, state: MarkedState) -> None:
        """See ``Examination.mark``; the moment is now, or in lock-step the newest image's."""
        with self._lock:
            at_ns = self._clock.now_ns() if self._live or self._frame is None else self._frame.captured_ns
        self._examination.mark(item, state, at_ns)
        with self._lock:
            self._number += 1

    def gaze_captured(self, sample: GazeSample) -> None:
        """The observer looked somewhere."""
        with self._lock:
            self._gaze = sample

    def sound_heard(self, level: SoundLevel) -> None:
        """The sound of the last moments."""
        with self._lock:
            self._sound = level
            self._number += 1

    def sound_drifts(self, ppm: float) -> None:
        """How much faster than its nominal rate the sound card runs, in parts per million."""
        with self._lock:
            self._sound_drift_ppm = ppm

    def narration_agrees(self, agreement: float | None) -> None:
        """How well narration and image agree, in [0, 1]; None while nobody speaks."""
        with self._lock:
            self._agreement = agreement
            self._number += 1

    @property
    def newest_frame(self) -> Frame | None:
        """The image that came last."""
        with self._lock:
            return self._frame

    def sound_muted(self, muted: bool) -> None:
        """The sound is silenced, or no more."""
        with self._lock:
            self._muted = muted
            self._number += 1

    def fault(self, part: str, message: str, *, passing: bool = False) -> None:
        """``part`` of the run is in trouble; ``message`` is shown until it is cleared, or the run ends.

        ``passing`` clears it by itself, when nobody said it again for ``PASSING_NS``.
        """
        with self._lock:
            self._faults[part] = message
            if passing:
                self._passing[part] = self._clock.now_ns() + PASSING_NS
            self._number += 1

    def cleared(self, part: str) -> None:
        """``part`` of the run is well again; what was wrong stays in ``faults``."""
        with self._lock:
            self._clear(part)
            self._number += 1

    def engine_replaced(self, engine: str, message: str) -> None:
        """Another inference engine took over: ``engine`` is the line about it; ``message`` says why, until the end."""
        with self._lock:
            self._engine = engine
            self._faults["inference"] = message
            self._number += 1

    def stepped_down(self, engine: str, notices: tuple[str, ...]) -> None:
        """A smaller model took over: ``engine`` is the line about it; ``notices`` are shown until the end."""
        with self._lock:
            self._engine = engine
            self._notices = tuple(dict.fromkeys(self._notices + notices))
            self._number += 1

    @property
    def faults(self) -> tuple[str, ...]:
        """What went wrong so far, whether or not it still is."""
        with self._lock:
            times = self._past_faults + Counter(self._faults.values())
        return tuple(said if count == 1 else f"{said} ({count} times)" for said, count in times.items())

    def ended(self, session: Path | None) -> None:
        """The run is over; ``session`` is the closed session's final folder."""
        with self._lock:
            self._ended_ns = self._clock.now_ns()
            self._session = session
            self._number += 1

    @property
    def counters(self) -> Counters:
        """Frames since the run began."""
        with self._lock:
            return self._counters()

    @property
    def captured_fps(self) -> float:
        """Frames a second between the first and the last frame of the run; 0 before the second."""
        with self._lock:
            if self._first_capture_ns is None or self._captured < 2:
                return 0.0
            passed_ns = self._capture_times_ns[-1] - self._first_capture_ns
            return round((self._captured - 1) * 1e9 / max(passed_ns, 1), 2)

    @property
    def seconds_per_plane(self) -> dict[str, float]:
        """Seconds of guidance that named each plane; empty in shadow mode."""
        return {} if self._shadow else {each.plane: round(each.seconds, 3) for each in self._examination.planes()}

    def snapshot(self) -> Snapshot:
        """The state now, as a window may show it."""
        latency = self.latency.recent()
        checklist = self._examination.checklist(hidden=self._shadow)
        planes = self._examination.planes()
        if self._shadow:
            planes = tuple(PlaneProgress(each.plane, 0.0, seen=False) for each in planes)
        with self._lock:
            now_ns = self._clock.now_ns() if self._ended_ns is None else self._ended_ns
            for part in [part for part, until_ns in self._passing.items() if now_ns >= until_ns]:
                self._clear(part)
                self._number += 1
            frame, guidance = self._frame, self._guidance
            no_signal = self._is_silent(now_ns)
            faults = tuple(message for part, message in self._faults.items() if part != "signal")
            if "signal" in self._faults or no_signal:
                faults = (self._faults.get("signal", f"no signal from {self._source}"), *faults)
            blank = "signal" in self._faults or (self._signal is not None and self._signal.kind == "none")
            if self._shadow or no_signal or blank or not self._may_show(guidance, frame):
                guidance = None
            gaze = self._gaze
            if gaze is not None and (not gaze.valid or now_ns - gaze.captured_ns > GAZE_VALID_NS) and self._live:
                gaze = None
            return Snapshot(
                number=2 * self._number + no_signal,
                frame=frame,
                guidance=guidance,
                guidance_age_ms=None
                if guidance is None or frame is None
                else (frame.captured_ns - guidance.captured_ns) / 1e6,
                gaze=gaze,
                sound=self._sound,
                recording=self._session is not None and self._ended_ns is None and "recording" not in self._faults,
                session=self._session,
                elapsed_s=(now_ns - self._started_ns) / 1e9,
                fps=_rate(self._capture_times_ns, now_ns),
                guidance_fps=_rate(self._guidance_times_ns, now_ns),
                counters=self._counters(),
                latency=latency,
                planes=planes,
                source=self._source,
                engine=self._engine,
                notices=self._notices,
                faults=faults,
                ended=self._ended_ns is not None,
                sound_drift_ppm=self._sound_drift_ppm,
                narration_agreement=self._agreement,
                disk_s_left=self._disk_s_left if self._ended_ns is None else None,
                checklist=checklist,
                frozen=self._signal is not None and self._signal.kind == "frozen" and not no_signal and not blank,
                muted=self._muted,
            )

    def _is_silent(self, now_ns: int) -> bool:
        """No image came for too long; this holds where nobody says so, since whoever captures hangs."""
        quiet_since_ns = self._frame.captured_ns if self._frame is not None else self._started_ns
        return self._live and self._ended_ns is None and now_ns - quiet_since_ns > NO_SIGNAL_NS

    def _may_show(self, guidance: Guidance | None, frame: Frame | None) -> bool:
        """Guidance is of the same stream and scene as the newest image, and not too old for it."""
        return (
            guidance is not None
            and frame is not None
            and (guidance.stream, guidance.scene) == (frame.stream, self._scene)
            and frame.captured_ns - guidance.captured_ns <= self._max_guidance_age_ns
        )

    def _no_signal(self, reason: str) -> None:
        """With the lock held. Out of real time nothing is awaited, so that its absence is no fault."""
        if self._live:
            self._faults["signal"] = f"no signal from {self._source}: {reason}"

    def _clear(self, part: str) -> None:
        """With the lock held."""
        self._passing.pop(part, None)
        message = self._faults.pop(part, None)
        if message is not None and (message in self._past_faults or len(self._past_faults) < _MOST_PAST_FAULTS):
            self._past_faults[message] += 1

    def _counters(self) -> Counters:
        return Counters(self._captured, self._recorded, self._guided, self._skipped, self._lost)


def _rate(times_ns: deque[int], now_ns: int) -> float:
    """Events a second over the last two seconds."""
    recent = [time_ns for time_ns in times_ns if now_ns - time_ns <= _RATE_WINDOW_NS]
    if len(recent) < 2:
        return 0.0
    return (len(recent) - 1) * 1e9 / max(recent[-1] - recent[0], 1)
