"""A publisher that blocks, raises or never opens: disabled, seen, and nothing waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from assistant.contracts import Frame, Guidance
from assistant.errors import PluginError, SourceError
from assistant.publishing import BLOCKED_NS, PublisherWorker, PublishingStep
from assistant.state import RunState
from tests.contracts.test_publishers import item

DEADLINE_S = 20.0


class Scripted:
    """A publisher whose steps are given."""

    def __init__(
        self, on_put: Callable[[Frame], None] = lambda _: None, on_open: Callable[[], None] = lambda: None
    ) -> None:
        self.on_put, self.on_open = on_put, on_open
        self.sent: list[int] = []
        self.session = ""
        self.closed = threading.Event()

    def open(self, session: str) -> str:
        self.on_open()
        self.session = session
        return "sends to nobody"

    def put(self, frame: Frame, guidance: Guidance) -> None:
        self.on_put(frame)
        self.sent.append(frame.index)

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def state(manual_clock) -> RunState:
    return RunState(manual_clock, (), max_guidance_age_ns=150_000_000, dwell_ns=10**9, live=True)


@pytest.fixture
def work(state, manual_clock) -> Iterator[Callable[[Scripted], PublisherWorker]]:
    made = []

    def make(publisher: Scripted) -> PublisherWorker:
        made.append(PublisherWorker("scripted", publisher, state, manual_clock))
        return made[-1]

    yield make
    for worker in made:
        worker.close()
    assert not [thread for thread in threading.enumerate() if "scripted" in thread.name]


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)  # another thread makes it true: there is nothing else to wait on
    assert true()


def test_what_is_offered_is_sent(work, state):
    publisher = Scripted()
    worker = work(publisher)
    assert worker.open("session-7") == "sends to nobody"
    assert publisher.session == "session-7"
    for index in range(5):
        worker.offer(*item(index))
        wait_until(lambda index=index: publisher.sent == list(range(index + 1)))
    worker.close()
    assert publisher.closed.is_set()
    assert state.faults == ()


def test_the_step_gives_what_it_gave_and_offers_it(work):
    publisher = Scripted()
    worker = work(publisher)
    worker.open("s")
    frame, guidance = item(3)
    assert PublishingStep(lambda *_: guidance, [worker])(frame, 0, 0) is guidance
    wait_until(lambda: publisher.sent == [3])


def test_a_slow_one_skips_to_the_newest(work, state):
    began, may_go_on = threading.Event(), threading.Event()

    def wait(_: Frame) -> None:
        began.set()
        assert may_go_on.wait(DEADLINE_S)

    publisher = Scripted(wait)
    worker = work(publisher)
    worker.open("s")
    worker.offer(*item(0))
    assert began.wait(DEADLINE_S)
    for index in range(1, 10):
        worker.offer(*item(index))
    may_go_on.set()
    wait_until(lambda: publisher.sent == [0, 9])
    assert state.faults == ()


def test_one_that_blocks_is_disabled_seen_and_closed(work, state, manual_clock):
    began = threading.Event()
    publisher = Scripted()

    def block(_: Frame) -> None:
        began.set()
        assert publisher.closed.wait(DEADLINE_S)

    publisher.on_put = block
    worker = work(publisher)
    worker.open("s")
    worker.offer(*item(0))
    assert began.wait(DEADLINE_S)
    manual_clock.advance(BLOCKED_NS / 1e9 - 0.1)
    worker.offer(*item(1))
    assert state.faults == ()
    manual_clock.advance(0.2)
    started_s = time.monotonic()
    worker.offer(*item(2))
    assert time.monotonic() - started_s < 1, "whoever offers does not wait"
    assert state.faults == ("publisher 'scripted' is disabled: it took no more for 2 s",)
    assert publisher.closed.wait(DEADLINE_S)
    for index in range(3, 10):
        worker.offer(*item(index))
    assert state.faults == ("publisher 'scripted' is disabled: it took no more for 2 s",)


@pytest.mark.parametrize("failure", [SourceError("the cable is out"), ZeroDivisionError("a defect")])
def test_one_that_fails_is_disabled_with_its_reason(work, state, failure):
    def fail(_: Frame) -> None:
        raise failure

    worker = work(Scripted(fail))
    worker.open("s")
    worker.offer(*item(0))
    wait_until(lambda: state.faults != ())
    assert str(failure) in state.faults[0] and "is disabled" in state.faults[0]
    worker.offer(*item(1))


def test_one_that_cannot_begin_is_said_before_the_run(work, state):
    def fail() -> None:
        raise SourceError("port 1 is taken")

    with pytest.raises(PluginError, match="publisher 'scripted' cannot begin: port 1 is taken"):
        work(Scripted(on_open=fail)).open("s")
    assert state.faults == ()


def test_one_that_never_opens_is_not_waited_for(work, monkeypatch):
    monkeypatch.setattr("assistant.publishing.OPEN_TIMEOUT_S", 0.2)
    monkeypatch.setattr("assistant.publishing.CLOSE_TIMEOUT_S", 0.2)
    publisher = Scripted()
    publisher.on_open = lambda: publisher.closed.wait(DEADLINE_S) and None
    with pytest.raises(PluginError, match="did not open within"):
        work(publisher).open("s")
    wait_until(lambda: not [thread for thread in threading.enumerate() if "scripted" in thread.name])
