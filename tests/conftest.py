"""Fixtures that every room's tests may ask for."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest


class ManualClock:
    """A clock that stands still until a test moves it. Safe to read from any thread.

    Code that waits for a due time must look at the clock again now and then, so moving it wakes the waiter soon.
    """

    def __init__(self, start_ns: int = 1_000_000_000) -> None:
        self._now_ns = start_ns
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        with self._lock:
            return self._now_ns

    def advance(self, seconds: float) -> int:
        """Move forward and return the new time in nanoseconds."""
        with self._lock:
            self._now_ns += round(seconds * 1e9)
            return self._now_ns


@pytest.fixture
def manual_clock() -> ManualClock:
    """A clock that the test moves by hand: ``manual_clock.advance(seconds)``; starts at one second."""
    return ManualClock()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real test data: ``SONOCUE_TEST_DATA``, or ``../shared/data`` beside the repository."""
    named = os.environ.get("SONOCUE_TEST_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real test data is missing: no folder {folder} (set SONOCUE_TEST_DATA)")
    return folder
