"""A signal ends a run at whatever moment it comes: none leaves threads behind that keep the command from ending."""

import signal

import pytest

from assistant.cli import stopping_on_signals
from assistant.config import RunConfig
from assistant.pipeline import start_run
from assistant.run import Run

QUIET = RunConfig(source="phantom:1,size=320x240", model=None, record=None)


def test_a_signal_while_the_threads_start_ends_the_run(monkeypatch):
    start = Run.start

    def interrupted(run: Run) -> None:
        start(run)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Run, "start", interrupted)
    with stopping_on_signals() as opened:
        run = start_run(QUIET, on_opened=opened.append)
        assert opened == [run]
        assert run.wait(30)
    assert run.summary()["faults"] == []


def test_a_signal_before_the_run_is_open_ends_the_command():
    with stopping_on_signals(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
