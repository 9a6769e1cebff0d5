"""Never a stale or wrong-frame label: random schedules through the real loops and state, on a clock moved by hand.

The loops run on threads of their own, but one step at a time: each schedule gives the same snapshots again. Every rule
is then broken on purpose, and the same property finds it.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from assistant import loops
from assistant.contracts import Decision, DeviceInfo, Frame, Guidance, TimelineEvent, UInt8Array
from assistant.errors import EndOfStream
from assistant.latest_slot import LatestSlot
from assistant.loops import SceneFrame, capture_video, infer_newest
from assistant.scene import SceneCounter
from assistant.signal_watch import Signal
from assistant.state import NO_SIGNAL_NS, RunState

MS = 1_000_000
MAX_AGE_NS = 150 * MS
DEADLINE_S = 20.0

Action = tuple[str, int]
ACTIONS = st.lists(
    st.tuples(
        # Frames and answers are the rule, so that there is guidance to be wrong about.
        st.sampled_from(["frame"] * 6 + ["answer"] * 6 + ["cut", "restart", "lost", "drop", "black", "engine", "wait"]),
        st.sampled_from([1, 33, 33, 33, 60, 140, 160, 400, 600]),  # ms that pass before it
    ),
    min_size=10,
    max_size=60,
)


class Clock:
    time_ns = 1_000 * MS

    def now_ns(self) -> int:
        return self.time_ns


class Turns:
    """A place where one thread stops until it is told how to go on."""

    def __init__(self) -> None:
        self.arrived, self._go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.given: Any = None

    def stop_here(self) -> Any:
        self.arrived.release()
        assert self._go_on.acquire(timeout=DEADLINE_S)
        return self.given

    def go_on(self, given: Any = None) -> None:
        self.given = given
        self._go_on.release()

    def wait(self) -> None:
        assert self.arrived.acquire(timeout=DEADLINE_S)


class ScriptedDevice:
    """Gives the frame that it is told to; None: nothing came in time."""

    needs_consent = False

    def __init__(self) -> None:
        self.turns = Turns()

    def open(self, clock: object) -> DeviceInfo:
        raise NotImplementedError

    def read(self, stream: str, timeout_s: float) -> Frame | None:
        frame: Frame | str | None = self.turns.stop_here()
        if isinstance(frame, str):
            raise EndOfStream
        return frame

    def close(self) -> None:
        pass


class ScriptedStep:
    """An engine that answers when it is told to."""

    noticed: TimelineEvent | None = None

    def __init__(self, clock: Clock) -> None:
        self.turns = Turns()
        self._clock = clock

    def __call__(self, frame: Frame, scene: int, available_ns: int) -> Guidance:
        self.turns.stop_here()
        return Guidance(
            frame.index, frame.captured_ns, frame.stream, scene, self._clock.now_ns(), np.full(2, 0.5, np.float32),
            Decision("femur", "femur", 0.9), None, (0, 0, 32, 32), f"test@{frame.index}",
        )  # fmt: skip


class Schedule:
    """The real loops around a scripted device and a scripted engine, and the truth about every frame."""

    def __init__(self, state_class: type[RunState]) -> None:
        self.clock = Clock()
        self.state = state_class(self.clock, ("femur",), max_guidance_age_ns=MAX_AGE_NS, dwell_ns=10**9, live=True)
        self.frames: list[Frame] = []
        self.scenes: list[int] = []
        self.shown = 0
        self._device, self._step, self._slot = ScriptedDevice(), ScriptedStep(self.clock), LatestSlot[SceneFrame]()
        self._index = self._scene = self._stream = 0
        self._black_since_ns: int | None = None
        self._lost = False
        self._noise = np.random.default_rng(0)
        self._is_busy = self._is_waiting = False  # the engine; a frame in the slot
        self._done = threading.Semaphore(0)
        self._threads = [threading.Thread(target=self._capture), threading.Thread(target=self._infer)]
        for thread in self._threads:
            thread.start()
        self._device.turns.wait()

    def _capture(self) -> None:
        capture_video(self._device, self.clock, threading.Event(), self.state, None, self._slot, None)  # type: ignore[arg-type]

    def _infer(self) -> None:
        infer_newest(self._slot, self._step, self.state, None, lambda _: self._done.release())

    def do(self, action: str, passed_ms: int) -> None:
        self.clock.time_ns += passed_ms * MS
        match action:
            case "frame" | "cut" | "restart" | "black":
                self._scene += action in ("cut", "black") or (action == "frame" and self._black_since_ns is not None)
                self._stream += action == "restart"
                self._give(black=action == "black")
            case "drop":
                self._index += 2
            case "lost":
                self.state.signal_lost("it ended")
                self._lost = True
            case "answer" if self._is_busy:
                self._answer()
            case "engine":
                self.state.engine_replaced("another", "the first failed")
            case "wait":
                self._read(None)

    def check(self) -> None:
        snapshot = self.state.snapshot()
        guidance = snapshot.guidance
        if guidance is None:
            return
        self.shown += 1
        newest = self.frames[-1]
        (about,) = [frame for frame in self.frames if frame.index == guidance.frame_index]
        assert snapshot.frame is newest
        assert (guidance.captured_ns, guidance.stream) == (about.captured_ns, about.stream), "it is of its own frame"
        assert guidance.model_id == f"test@{about.index}", "it is of its own frame"
        assert 0 <= newest.captured_ns - about.captured_ns <= MAX_AGE_NS, "it is not old"
        assert about.stream == newest.stream, "it is of this stream"
        assert self.scenes[self.frames.index(about)] == self.scenes[-1], "it does not cross a cut"
        assert self.clock.time_ns - newest.captured_ns <= NO_SIGNAL_NS, "it does not outlast the images"
        assert not self._lost, "it does not outlast the source"
        black_ns = 0 if self._black_since_ns is None else newest.captured_ns - self._black_since_ns
        assert black_ns < 300 * MS, "it is not about a cable that is out"

    def end(self) -> None:
        self._device.turns.go_on("end")
        self._threads[0].join(DEADLINE_S)
        while self._is_busy:
            self._answer()
        self._threads[1].join(DEADLINE_S)
        assert not any(thread.is_alive() for thread in self._threads)

    def _give(self, *, black: bool) -> None:
        if not black:
            self._black_since_ns = None
        elif self._black_since_ns is None:
            self._black_since_ns = self.clock.time_ns
        frame = Frame(self._index, self.clock.time_ns, self._picture(black=black), self._stream)
        self._index += 1
        self.frames.append(frame)
        self.scenes.append(self._scene)
        self._lost = False
        self._read(frame)
        if self._is_busy:
            self._is_waiting = True
        else:
            self._step.turns.wait()
            self._is_busy = True

    def _picture(self, *, black: bool) -> UInt8Array:
        if black:
            return np.zeros((32, 32), np.uint8)
        picture = self._noise.integers(60, 90, (32, 32), np.uint8)
        side = slice(0, 16) if self._scene % 2 else slice(16, 32)
        picture[:, side] += 140
        return picture

    def _read(self, frame: Frame | None) -> None:
        self._device.turns.go_on(frame)
        self._device.turns.wait()

    def _answer(self) -> None:
        self._step.turns.go_on()
        assert self._done.acquire(timeout=DEADLINE_S)
        self._is_busy, self._is_waiting = self._is_waiting, False
        if self._is_busy:
            self._step.turns.wait()


def follow(actions: list[Action], state_class: type[RunState] = RunState) -> int:
    """Do everything, and look after each. Returns how often guidance was shown."""
    schedule = Schedule(state_class)
    try:
        for action, passed_ms in actions:
            schedule.do(action, passed_ms)
            schedule.check()
        return schedule.shown
    finally:
        schedule.end()


shown_in_all: list[int] = []


@given(ACTIONS)
@settings(max_examples=150)
def check_that_no_schedule_shows_a_stale_label(actions: list[Action]) -> None:
    shown_in_all.append(follow(actions))


def test_no_schedule_shows_a_stale_label() -> None:
    shown_in_all.clear()
    check_that_no_schedule_shows_a_stale_label()
    assert sum(shown_in_all) > 300, "the property is about guidance that is shown"


class BlindToStreams(SceneCounter):
    """Sees a restart only by its pixels, as if the rule about streams stood alone."""

    def __call__(self, frame: Frame) -> int:
        return super().__call__(Frame(frame.index, frame.captured_ns, frame.pixels.copy(), 0))


def test_the_rule_about_streams_stands_without_the_one_about_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "SceneCounter", BlindToStreams)
    check_that_no_schedule_shows_a_stale_label()


class WithoutAge(RunState):
    def _may_show(self, guidance: Guidance | None, frame: Frame | None) -> bool:
        there = guidance is not None and frame is not None
        return there and (guidance.stream, guidance.scene) == (frame.stream, self._scene)  # type: ignore[union-attr]


class WithoutStream(RunState):
    def _may_show(self, guidance: Guidance | None, frame: Frame | None) -> bool:
        young = guidance is not None and frame is not None and frame.captured_ns - guidance.captured_ns <= MAX_AGE_NS
        return young and guidance is not None and guidance.scene == self._scene


class WithoutScene(RunState):
    def _may_show(self, guidance: Guidance | None, frame: Frame | None) -> bool:
        young = guidance is not None and frame is not None and frame.captured_ns - guidance.captured_ns <= MAX_AGE_NS
        return young and guidance is not None and frame is not None and guidance.stream == frame.stream


class WithoutSilence(RunState):
    def _is_silent(self, now_ns: int) -> bool:
        return False

    def nothing_captured(self, signal: Signal) -> None:
        pass


class WithoutLoss(RunState):
    def signal_lost(self, reason: str) -> None:
        pass


class WithoutCards(RunState):
    def signal_seen(self, signal: Signal) -> None:
        super().signal_seen(Signal("live", signal.since_ns))


class OfTheNewestFrame(RunState):
    """A wrong frame: guidance is taken for that of the image that stands when it is ready."""

    def guidance_ready(
        self, guidance: Guidance, previous: Guidance | None, of: Frame | None = None, *, frozen: bool = False
    ) -> None:
        frame = self._frame
        assert frame is not None
        newest = Guidance(
            frame.index, frame.captured_ns, frame.stream, self._scene, guidance.ready_ns, guidance.probabilities,
            guidance.decision, None, guidance.gaze_rect_px, guidance.model_id,
        )  # fmt: skip
        super().guidance_ready(newest, previous, of, frozen=frozen)


@pytest.mark.parametrize(
    ("state_class", "says"),
    [
        (WithoutAge, "it is not old"),
        (WithoutStream, "it is of this stream"),
        (WithoutScene, "it does not cross a cut"),
        (WithoutSilence, "it does not outlast the images"),
        (WithoutLoss, "it does not outlast the source"),
        (OfTheNewestFrame, "it is of its own frame"),
        (WithoutCards, "it is not about a cable that is out"),
    ],
)
def test_each_rule_that_is_left_out_is_found(
    state_class: type[RunState], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if state_class is WithoutStream:
        monkeypatch.setattr(loops, "SceneCounter", BlindToStreams)

    @given(ACTIONS)
    @settings(max_examples=400, phases=(Phase.generate,), report_multiple_bugs=False)
    def broken(actions: list[Action]) -> None:
        try:
            follow(actions, state_class)
        except AssertionError as error:
            if says in str(error):  # another rule may tell of it too
                raise

    with pytest.raises(AssertionError, match=says):
        broken()
