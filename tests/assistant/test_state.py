"""What may be shown: never a label that is old, of another stream, or from before a cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.contracts import Abstention, Decision, Frame, Guidance
from assistant.signal_watch import Signal
from assistant.state import NO_SIGNAL_NS, PASSING_NS, RunState

MS = 1_000_000
PIXELS = np.zeros((4, 4), dtype=np.uint8)


class Clock:
    def __init__(self) -> None:
        self.time_ns = 0

    def now_ns(self) -> int:
        return self.time_ns


def make_state(clock: Clock, *, live: bool = True) -> RunState:
    state = RunState(
        clock, ("abdomen", "femur"), max_guidance_age_ns=150 * MS, dwell_ns=1000 * MS, live=live
    )  # fmt: skip
    state.describe(source="test", engine="test", notices=(), session=None)
    return state


def make_guidance(
    index: int, captured_ns: int, plane: str | None = "femur", *, stream: int = 0, scene: int = 0
) -> Guidance:
    abstention = None if plane else Abstention.LOW_CONFIDENCE
    return Guidance(
        index, captured_ns, stream, scene, captured_ns + 10 * MS, np.array([0.2, 0.8], dtype=np.float32),
        Decision(plane, plane or "femur", 0.8, abstention), None, (0, 0, 4, 4), "test@0",
    )  # fmt: skip


def test_guidance_is_shown_up_to_the_allowed_age_and_not_beyond() -> None:
    clock = Clock()
    state = make_state(clock)
    state.frame_captured(Frame(0, 0, PIXELS), 0)
    state.guidance_ready(make_guidance(0, 0), None)
    for age_ns, shown in ((0, True), (150 * MS, True), (150 * MS + 1, False)):
        clock.time_ns = age_ns
        state.frame_captured(Frame(1, age_ns, PIXELS), 0)
        assert (state.snapshot().guidance is not None) is shown


def test_guidance_from_before_a_cut_or_of_another_stream_is_not_shown() -> None:
    state = make_state(Clock())
    state.guidance_ready(make_guidance(0, 0, scene=0), None)
    state.frame_captured(Frame(1, 33 * MS, PIXELS), 1)
    assert state.snapshot().guidance is None
    state.guidance_ready(make_guidance(1, 33 * MS, scene=1), None)
    assert state.snapshot().guidance is not None
    state.frame_captured(Frame(2, 66 * MS, PIXELS, stream=1), 1)
    assert state.snapshot().guidance is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["frame", "guidance", "cut", "reopen"]),
            st.integers(0, 200 * MS),  # time that passes before it
            st.integers(0, 12),  # how many frames back the guidance comes from
        ),
        max_size=60,
    )
)
@settings(max_examples=150, deadline=None)
def test_no_schedule_of_delays_cuts_and_restarts_shows_a_stale_label(steps: list[tuple[str, int, int]]) -> None:
    clock = Clock()
    state = make_state(clock)
    frames: list[tuple[Frame, int]] = []
    scene = stream = 0
    for kind, passed_ns, back in steps:
        clock.time_ns += passed_ns
        if kind == "cut":
            scene += 1
        elif kind == "reopen":
            stream += 1
        elif kind == "frame":
            frame = Frame(len(frames), clock.time_ns, PIXELS, stream)
            frames.append((frame, scene))
            state.frame_captured(frame, scene)
        elif frames:
            frame, of_scene = frames[max(len(frames) - 1 - back, 0)]
            guidance = make_guidance(frame.index, frame.captured_ns, stream=frame.stream, scene=of_scene)
            state.guidance_ready(guidance, None)
        shown = state.snapshot()
        if shown.guidance is not None:
            newest, newest_scene = frames[-1]
            assert shown.frame is newest
            assert newest.captured_ns - shown.guidance.captured_ns <= 150 * MS
            assert (shown.guidance.stream, shown.guidance.scene) == (newest.stream, newest_scene)
            assert clock.time_ns - newest.captured_ns <= NO_SIGNAL_NS


def test_a_source_that_goes_quiet_is_a_fault_and_its_guidance_is_withdrawn() -> None:
    clock = Clock()
    state = make_state(clock)
    state.frame_captured(Frame(0, 0, PIXELS), 0)
    state.guidance_ready(make_guidance(0, 0), None)
    before = state.snapshot()
    clock.time_ns = NO_SIGNAL_NS + 1
    after = state.snapshot()
    assert before.guidance is not None and not before.faults
    assert after.guidance is None
    assert after.faults == ("no signal from test",)
    assert after.number != before.number, "the window repaints"


def test_lockstep_waits_without_calling_it_a_fault() -> None:
    clock = Clock()
    state = make_state(clock, live=False)
    state.frame_captured(Frame(0, 0, PIXELS), 0)
    clock.time_ns = 10 * NO_SIGNAL_NS
    assert state.snapshot().faults == ()


def test_a_gap_in_the_index_is_a_loss() -> None:
    state = make_state(Clock())
    state.frame_captured(Frame(0, 0, PIXELS), 0)
    state.frame_captured(Frame(4, 33 * MS, PIXELS), 0)
    assert state.counters.lost == 3
    assert state.snapshot().faults


def test_a_fault_clears_and_what_went_wrong_stays_in_the_summary() -> None:
    clock = Clock()
    state = make_state(clock)
    for _ in range(2):
        state.frame_captured(Frame(0, clock.time_ns, PIXELS), 0)
        state.signal_seen(Signal("live", clock.time_ns))
        state.guidance_ready(make_guidance(0, clock.time_ns), None)
        before = state.snapshot()
        assert before.faults == () and before.guidance is not None
        state.signal_lost("it ended")
        lost = state.snapshot()
        assert lost.faults == ("no signal from test: it ended",)
        assert lost.guidance is None and lost.number != before.number
        clock.time_ns += 100 * MS
    state.nothing_captured(Signal("none", 0, "no images come"))
    assert state.snapshot().faults == ("no signal from test: it ended",), "the source itself said why"
    state.frame_captured(Frame(1, clock.time_ns, PIXELS, stream=1), 1)
    state.signal_seen(Signal("live", clock.time_ns))
    assert state.snapshot().faults == ()
    assert state.faults == ("no signal from test: it ended (2 times)",)
    state.sound_lost("no sound from it")
    assert state.snapshot().faults == ("no sound from it",) and state.snapshot().sound is None
    state.cleared("sound")
    assert state.snapshot().faults == ()


def test_a_loss_is_shown_for_some_seconds() -> None:
    clock = Clock()
    state = make_state(clock, live=False)
    state.fault("packets", "3 packets", passing=True)
    clock.time_ns = PASSING_NS - 1
    before = state.snapshot()
    clock.time_ns = PASSING_NS
    after = state.snapshot()
    assert (before.faults, after.faults, state.faults) == (("3 packets",), (), ("3 packets",))
    assert after.number != before.number, "the window repaints"


@pytest.mark.parametrize(
    ("signal", "shown", "faults", "frozen"),
    [
        (Signal("live", 0), True, 0, False),
        (Signal("frozen", 0), True, 0, True),
        (Signal("none", 0, "the image is black"), False, 1, False),
    ],
)
def test_what_the_image_says(signal: Signal, shown: bool, faults: int, frozen: bool) -> None:
    """Guidance stays bound to a frozen image, and no plane is dwelt on while it stands."""
    clock = Clock()
    state = make_state(clock)
    previous = None
    for index in range(20):
        clock.time_ns = index * 100 * MS
        state.frame_captured(Frame(index, clock.time_ns, PIXELS), 0)
        state.signal_seen(signal)
        guidance = make_guidance(index, clock.time_ns)
        state.guidance_ready(guidance, previous)
        previous = guidance
    snapshot = state.snapshot()
    assert (snapshot.guidance is not None, len(snapshot.faults), snapshot.frozen) == (shown, faults, frozen)
    assert (snapshot.planes[1].seen, snapshot.planes[1].seconds > 0) == (signal.kind == "live", signal.kind == "live")


def guide(state: RunState, planes: list[str | None], step_ns: int = 100 * MS) -> None:
    previous = None
    for index, plane in enumerate(planes):
        guidance = make_guidance(index, index * step_ns, plane)
        state.guidance_ready(guidance, previous)
        previous = guidance


def test_seconds_per_plane_add_up_over_time_that_both_ends_name() -> None:
    state = make_state(Clock())
    guide(state, ["femur", "femur", "femur", None, "femur", "abdomen", "abdomen"])
    assert state.seconds_per_plane == {"abdomen": 0.1, "femur": 0.2}


@pytest.mark.parametrize(("steps", "seen"), [(11, True), (10, False)])
def test_a_plane_is_seen_after_an_unbroken_dwell(steps: int, seen: bool) -> None:
    state = make_state(Clock())
    guide(state, ["abdomen"] * steps)
    assert state.snapshot().planes[0].seen is seen


def test_an_interrupted_dwell_does_not_count() -> None:
    state = make_state(Clock())
    guide(state, (["abdomen"] * 8 + [None]) * 3)
    progress = state.snapshot().planes[0]
    assert not progress.seen
    assert progress.seconds == pytest.approx(2.1)
