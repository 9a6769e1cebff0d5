"""The loops of a run, each on a thread of its own; ``pipeline.py`` wires them.

Live: one loop a stream, and the inference loop that takes the newest frame. Lock-step: one loop for everything.
A loop ends when its stream ends or ``stopping`` is set; whatever it raises reaches the run's state (``run.py``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from assistant.contracts import (
    AudioBlock,
    Clock,
    Device,
    Frame,
    GazeSample,
    Guidance,
    StreamItem,
    StreamKind,
    TimelineEvent,
)
from assistant.errors import BackendError, EndOfStream
from assistant.latest_slot import LatestSlot
from assistant.narration import PERIOD_S, NarrationAgreement
from assistant.recording import Recorder
from assistant.scene import SceneCounter
from assistant.session.sound_clock import SoundClock
from assistant.signal_watch import SignalTeller
from assistant.speech import SpeechDetector
from assistant.state import RunState

POLL_S = 0.1
"""How long a read may wait before the loop looks whether it shall stop."""

Loop = Callable[[], None]
SceneFrame = tuple[Frame, int]
OnGuidance = Callable[[Guidance], None]


class Step(Protocol):
    """What makes guidance of a frame: see ``InferenceStep``."""

    @property
    def noticed(self) -> TimelineEvent | None:
        """What the last frame's screen told that the timeline should hold; None: nothing new."""

    def __call__(self, frame: Frame, scene: int, available_ns: int) -> Guidance: ...


def capture_video(
    device: Device,
    clock: Clock,
    stopping: threading.Event,
    state: RunState,
    recorder: Recorder | None,
    slot: LatestSlot[SceneFrame] | None,
    seconds: float | None,
) -> None:
    """Live: every frame goes to the recording, the newest one to inference.

    ``seconds`` count from the first frame, or from now while there is none.
    """
    scenes = SceneCounter()
    started_ns = clock.now_ns()
    signal = SignalTeller(started_ns, None if recorder is None else recorder.put)
    waiting = True
    try:
        while not stopping.is_set() and (seconds is None or clock.now_ns() - started_ns < seconds * 1e9):
            try:
                frame = device.read("video", POLL_S)
            except EndOfStream:
                return
            if not isinstance(frame, Frame):
                state.nothing_captured(signal.nothing(clock.now_ns()))
                continue
            scene = scenes(frame)
            if waiting:
                waiting, started_ns = False, frame.captured_ns
            state.frame_captured(frame, scene)
            if slot is not None and slot.put((frame, scene)):
                state.frame_skipped()
            if recorder is not None:
                recorder.put(frame)
            state.signal_seen(signal.frame(frame))  # last: inference has begun
    finally:
        if slot is not None:
            slot.close()


def capture_stream(
    device: Device,
    stream: StreamKind,
    stopping: threading.Event,
    state: RunState,
    recorder: Recorder | None,
    narration: NarrationAgreement | None = None,
) -> None:
    """Live: a stream other than video goes to the recording, and what a window shows of it to the state."""
    observe = SideStreams(state)
    while not stopping.is_set():
        try:
            item = device.read(stream, POLL_S)
        except EndOfStream:
            return
        if item is None:
            continue
        if recorder is not None:
            recorder.put(item)
        observe(item)
        if narration is not None and isinstance(item, AudioBlock):
            narration.hear(item)


def compare_narration(
    narration: NarrationAgreement, stopping: threading.Event, state: RunState, recorder: Recorder | None
) -> None:
    """Live: once a second, how well what is said fits what is shown. Without it the run goes on, and says so."""
    while not stopping.wait(PERIOD_S):
        frame = state.newest_frame
        if frame is None:
            continue
        try:
            agreement = narration.agreement(frame)
        except BackendError as error:
            state.fault("narration", f"narration and image are not compared any more: {error}")
            state.narration_agrees(None)
            return
        state.narration_agrees(agreement)
        if agreement is not None and recorder is not None:
            facts = {"event": "narration", "agreement": round(agreement, 3)}
            recorder.put(TimelineEvent(frame.captured_ns, "event", facts))


def infer_newest(
    slot: LatestSlot[SceneFrame],
    step: Step,
    state: RunState,
    recorder: Recorder | None,
    on_guidance: OnGuidance | None,
) -> None:
    """Live: guidance for the newest frame, again and again."""
    previous: Guidance | None = None
    while (taken := slot.take()) is not None:
        frame, scene = taken
        guidance = step(frame, scene, frame.captured_ns)
        state.guidance_ready(guidance, previous, frame)
        previous = guidance
        if recorder is not None:
            if step.noticed is not None:
                recorder.put(step.noticed)
            recorder.put(guidance)
        if on_guidance is not None:
            on_guidance(guidance)


def run_lockstep(
    items: Iterable[StreamItem],
    clock: Clock,
    stopping: threading.Event,
    state: RunState,
    recorder: Recorder | None,
    step: Step | None,
    on_guidance: OnGuidance | None,
    seconds: float | None,
    in_real_time: bool,
    only: frozenset[int] | None = None,
) -> None:
    """Lock-step: every item in order of time, guidance for every frame, nothing skipped and nothing lost.

    ``in_real_time`` waits until each frame is due, for somebody who watches; decisions are the same. ``only`` are the
    indices of the frames that get guidance; None: all.
    """
    scenes = SceneCounter()
    signal = SignalTeller(clock.now_ns(), None if recorder is None else recorder.put)
    observe = SideStreams(state)
    previous: Guidance | None = None
    first_ns: int | None = None
    offset_ns = 0
    for item in items:
        if stopping.is_set():
            return
        if first_ns is None:
            first_ns = item.captured_ns
            offset_ns = clock.now_ns() - first_ns
        if seconds is not None and item.captured_ns - first_ns >= seconds * 1e9:
            return
        if in_real_time and isinstance(item, Frame):
            stopping.wait(max(item.captured_ns + offset_ns - clock.now_ns(), 0) / 1e9)
        available_ns = clock.now_ns()
        if recorder is not None:
            recorder.wait_for_room()
            recorder.put(item)
        if not isinstance(item, Frame):
            observe(item)
            continue
        scene = scenes(item)
        state.frame_captured(item, scene)
        state.signal_seen(signal.frame(item))
        if step is None or (only is not None and item.index not in only):
            continue
        guidance = step(item, scene, available_ns)
        state.guidance_ready(guidance, previous, item)
        previous = guidance
        if recorder is not None:
            if step.noticed is not None:
                recorder.put(step.noticed)
            recorder.put(guidance)
        if on_guidance is not None:
            on_guidance(guidance)


class SideStreams:
    """Tells the state what a window shows of sound and gaze, and what a source says that it lost."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._speech = SpeechDetector()
        self._sound_clock: SoundClock | None = None
        self._lost_packets = 0

    def __call__(self, item: StreamItem) -> None:
        if isinstance(item, AudioBlock):
            self._speech.feed(item)
            self._state.sound_heard(self._speech.level())
            self._sound_clock = self._sound_clock or SoundClock(item.sample_rate_hz)
            self._sound_clock.place(item.first_sample, item.captured_ns, len(item.samples))
            self._state.sound_drifts(self._sound_clock.drift_ppm)
        elif isinstance(item, GazeSample):
            self._state.gaze_captured(item)
        elif isinstance(item, TimelineEvent) and item.data.get("event") == "packets lost":
            self._lost_packets += int(item.data["packets"])
            said = f"{self._lost_packets} packets of the stream came and were dropped"
            self._state.fault("packets", said, passing=True)
