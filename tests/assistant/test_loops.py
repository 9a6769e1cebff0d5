"""The loops of a run, each with a scripted device: what is captured, skipped, recorded, and what a fault does."""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from assistant import recording
from assistant.clock import MonotonicClock
from assistant.contracts import Clock, Decision, DeviceInfo, Frame, Guidance, StreamItem, StreamKind
from assistant.errors import EndOfStream, SessionError, SourceError
from assistant.latest_slot import LatestSlot
from assistant.loops import SceneFrame, capture_video, infer_newest
from assistant.recording import BOUND_NS, Recorder
from assistant.run import Run
from assistant.session.reader import SessionReader
from assistant.session.writer import SessionHeader, SessionWriter
from assistant.state import RunState

MS = 1_000_000
DEADLINE_S = 20.0


def make_frames(count: int) -> list[Frame]:
    """Noise: one colour would be a grabber without a signal."""
    rng = np.random.default_rng(0)
    return [Frame(index, index * 33 * MS, rng.integers(0, 255, (16, 16), np.uint8)) for index in range(count)]


class ScriptedDevice:
    """Gives the items of a list, then ends or fails; ``before`` is called ahead of each."""

    needs_consent = False

    def __init__(
        self, items: Iterable[StreamItem], failure: Exception | None = None, before: Callable[[int], None] | None = None
    ) -> None:
        self._items = list(items)
        self._failure = failure or EndOfStream()
        self._before = before
        self._given = 0

    def open(self, clock: Clock) -> DeviceInfo:
        return DeviceInfo("scripted", frozenset({"video"}), width_px=16, height_px=16, fps=30)

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem:
        if self._before is not None:
            self._before(self._given)
        if self._given == len(self._items):
            raise self._failure
        self._given += 1
        return self._items[self._given - 1]

    def close(self) -> None:
        pass


def make_state() -> RunState:
    return RunState(MonotonicClock(), ("femur",), max_guidance_age_ns=150 * MS, dwell_ns=1000 * MS, live=True)


def guidance_for(frame: Frame, scene: int) -> Guidance:
    return Guidance(
        frame.index, frame.captured_ns, frame.stream, scene, frame.captured_ns, np.ones(2, dtype=np.float32) / 2,
        Decision("femur", "femur", 0.9), None, (0, 0, 16, 16), "test@0",
    )  # fmt: skip


class ScriptedStep:
    """Guides frames; ``before`` is called ahead of each."""

    def __init__(self, before: Callable[[Frame], None]) -> None:
        self._before = before

    def __call__(self, frame: Frame, scene: int, available_ns: int) -> Guidance:
        self._before(frame)
        return guidance_for(frame, scene)


def make_writer(folder: Path) -> SessionWriter:
    info = ScriptedDevice([]).open(MonotonicClock())
    header = SessionHeader(subject="s1", consent=False, origin="real", sources=(info,), config={}, model_id=None)
    return SessionWriter(folder, header, MonotonicClock(), lossless=True)


def start(state: RunState, leading: Callable[[], None], **others: Callable[[], None]) -> Run:
    run = Run(state, ("video", leading), others, threading.Event(), lambda complete, reason: None)
    run.start()
    assert run.wait(DEADLINE_S), "the run ends"
    return run


def test_a_slow_engine_skips_old_frames_and_guides_the_newest(tmp_path: Path) -> None:
    """Inference holds its first frame until the source has given all: of the rest only the last is guided."""
    state = make_state()
    slot: LatestSlot[SceneFrame] = LatestSlot()
    first_taken, all_given = threading.Event(), threading.Event()
    guided: list[int] = []

    def before_read(given: int) -> None:
        if given == 1:
            assert first_taken.wait(DEADLINE_S)
        if given == 10:
            all_given.set()

    def before_step(frame: Frame) -> None:
        guided.append(frame.index)
        first_taken.set()
        assert all_given.wait(DEADLINE_S)

    device = ScriptedDevice(make_frames(10), before=before_read)
    step = ScriptedStep(before_step)
    start(
        state,
        lambda: capture_video(device, MonotonicClock(), threading.Event(), state, None, slot, None),
        inference=lambda: infer_newest(slot, step, state, None, None),  # type: ignore[arg-type]
    )
    assert guided == [0, 9]
    counters = state.counters
    assert (counters.captured, counters.guided, counters.skipped, counters.lost) == (10, 2, 8, 0)


@pytest.mark.parametrize("failure", [SourceError("the cable is out"), ZeroDivisionError("a defect")])
def test_a_source_that_fails_ends_the_run_with_its_reason(failure: Exception) -> None:
    state = make_state()
    device = ScriptedDevice(make_frames(3), failure=failure)
    run = start(state, lambda: capture_video(device, MonotonicClock(), threading.Event(), state, None, None, None))
    assert run.failed
    assert str(failure) in run.summary()["faults"][0]
    assert run.snapshot().ended


def test_an_engine_that_fails_is_said_while_every_frame_is_still_recorded(tmp_path: Path) -> None:
    state = make_state()
    slot: LatestSlot[SceneFrame] = LatestSlot()
    recorder = Recorder(make_writer(tmp_path), state)

    def fail(frame: Frame) -> None:
        raise RuntimeError("accelerator gone")

    device = ScriptedDevice(make_frames(40))
    run = start(
        state,
        lambda: capture_video(device, MonotonicClock(), threading.Event(), state, recorder, slot, None),
        inference=lambda: infer_newest(slot, ScriptedStep(fail), state, recorder, None),  # type: ignore[arg-type]
    )
    session = recorder.close(complete=True)
    assert "accelerator gone" in run.summary()["faults"][0]
    assert run.snapshot().guidance is None
    assert SessionReader(session).frame_indices.tolist() == list(range(40))
    assert state.counters.recorded == 40


def test_recording_never_blocks_capture_and_counts_what_it_loses(tmp_path: Path) -> None:
    """The writer is held until all frames were put: those beyond the bound are lost, counted, and marked."""
    state = make_state()
    writer = make_writer(tmp_path)
    release = threading.Event()
    put = writer.put

    def slow_put(item: StreamItem | Guidance) -> None:
        assert release.wait(DEADLINE_S)
        put(item)

    writer.put = slow_put  # type: ignore[method-assign]
    recorder = Recorder(writer, state)
    frames = make_frames(2 * BOUND_NS // (33 * MS))
    for frame in frames:
        state.frame_captured(frame, 0)
        recorder.put(frame)
    assert state.counters.lost > 0
    assert "lost" in state.faults[0]
    release.set()
    session = recorder.close(complete=True)
    counters = state.counters
    assert counters.recorded + counters.lost == len(frames)
    reader = SessionReader(session)
    assert reader.frame_indices.tolist() == list(range(counters.recorded)), "what is recorded has no hole in it"
    marks = [event for event in reader.timeline("event") if event.data["event"] == "frame lost"]
    assert len(marks) == counters.lost


def test_a_frame_that_waits_alone_is_encoded_after_its_guidance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "COURTESY_S", DEADLINE_S)
    state = make_state()
    writer = make_writer(tmp_path)
    put, written = writer.put, threading.Semaphore(0)

    def tell(item: StreamItem | Guidance) -> None:
        put(item)
        if isinstance(item, Frame):
            written.release()

    writer.put = tell  # type: ignore[method-assign]
    recorder = Recorder(writer, state, guided=True)
    first, second, third = make_frames(3)
    recorder.put(first)
    assert not written.acquire(timeout=0.2), "encoded while inference has it"
    recorder.put(guidance_for(first, 0))
    assert written.acquire(timeout=DEADLINE_S)
    recorder.put(second)
    recorder.put(third)
    assert written.acquire(timeout=DEADLINE_S), "two wait: the recording comes first"
    session = recorder.close(complete=True)  # and nothing is waited for at the end
    assert SessionReader(session).frame_indices.tolist() == [0, 1, 2]


def test_a_disk_that_fails_is_said_and_does_not_end_the_view(tmp_path: Path) -> None:
    state = make_state()
    writer = make_writer(tmp_path)

    def no_space(item: StreamItem | Guidance) -> None:
        raise SessionError("no space left on the device")

    writer.put = no_space  # type: ignore[method-assign]
    recorder = Recorder(writer, state)
    for frame in make_frames(5):
        state.frame_captured(frame, 0)
        recorder.put(frame)
    recorder.close(complete=True)
    assert state.counters.captured == 5
    assert state.counters.lost == 5
    assert "no space left" in state.faults[0]


def test_seconds_end_a_run_even_when_nothing_arrives() -> None:
    class SilentDevice(ScriptedDevice):
        def read(self, stream: StreamKind, timeout_s: float) -> StreamItem:
            clock.time_ns += int(timeout_s * 1e9)
            return None  # type: ignore[return-value]

    class SteppedClock:
        time_ns = 0

        def now_ns(self) -> int:
            return self.time_ns

    clock = SteppedClock()
    capture_video(SilentDevice([]), clock, threading.Event(), make_state(), None, None, 3.0)
    assert clock.time_ns == pytest.approx(3e9, abs=0.2e9)
