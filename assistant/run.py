"""A run: its threads, how it stops, and what it says at the end. ``pipeline.py`` makes it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from assistant.errors import SonocueError
from assistant.loops import Loop
from assistant.run_privacy import RunPrivacy
from assistant.snapshot import MarkedState, Snapshot, StageLatency
from assistant.state import RunState
from assistant.steering import Steerable, SteerCommand
from assistant.teaching.observer import Observer

_GRACE_S = 1.0
"""How long a file's sound, gaze and events may outlast its images."""


class Run:
    """A live or lock-step run. Implements ``snapshot.SnapshotSource`` and ``steering.Steerable``.

    Args:
        state: what the loops report to.
        leading: name and loop of the one whose end is the run's end.
        accompanying: further loops that end by themselves when their stream ends.
        stopping: set when all loops shall end.
        finish: closes devices and recording, given whether the run was complete and why not; returns the session.
        steered: the source, when its probe can be moved.
        privacy: mutes and forgets.
        observer: what is known of whoever watches; None where nobody asks.
    """

    def __init__(
        self,
        state: RunState,
        leading: tuple[str, Loop],
        accompanying: Mapping[str, Loop],
        stopping: threading.Event,
        finish: Callable[[bool, str], Path | None],
        steered: Steerable | None = None,
        privacy: RunPrivacy | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._state = state
        self._leading = leading
        self._accompanying = accompanying
        self._stopping = stopping
        self._finish = finish
        self._steered = steered
        self._privacy = privacy
        self.observer = observer
        self._failures: list[str] = []
        self._session: Path | None = None
        self._ended = threading.Event()
        self._conductor = threading.Thread(target=self._conduct, name="run", daemon=True)

    def start(self) -> None:
        """Start all threads."""
        self._conductor.start()

    def snapshot(self) -> Snapshot:
        """The state now."""
        return self._state.snapshot()

    def stop(self) -> None:
        """Ask the run to end; returns at once."""
        self._stopping.set()

    @property
    def steerable(self) -> bool:
        """See ``steering.Steerable``."""
        return self._steered is not None

    def steer(self, command: SteerCommand) -> None:
        """See ``steering.Steerable``; of no effect on a source that plays by itself."""
        if self._steered is not None:
            self._steered.steer(command)

    def mark(self, item: str, state: MarkedState) -> None:
        """A person confirms an item of the checklist, says that it is not obtainable, or takes that back (``open``).

        On an item that is only suggested, ``open`` dismisses the suggestion. Recorded with its moment.

        Raises:
            ValueError: the checklist has no such item.
        """
        self._state.mark(item, state)

    def mute(self, muted: bool) -> None:
        """Silence the sound at once, or let it be heard again; muted sound is never written. Returns at once."""
        if self._privacy is not None:
            self._privacy.mute(muted)

    def forget(self, seconds: float, *, video: bool = False) -> bool:
        """Delete the sound (``video``: and the images) of the last seconds from the session; recording goes on.

        Returns at once; an event ``forgotten`` in the session says when it is done. False when nothing is recorded.
        """
        return self._privacy is not None and self._privacy.forget(seconds, video=video)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the session is closed; False when ``timeout_s`` passed before."""
        return self._ended.wait(timeout_s)

    @property
    def failed(self) -> bool:
        """A worker failed, so that the run ended or went on with less."""
        return bool(self._failures)

    def summary(self) -> dict[str, Any]:
        """What happened, as one JSON object (documented in ``docs/commands.md``)."""
        counters = self._state.counters
        total = self._state.latency.whole_run("total")
        snapshot = self._state.snapshot()
        return {
            "captured": counters.captured,
            "recorded": counters.recorded,
            "guided": counters.guided,
            "skipped": counters.skipped,
            "lost": counters.lost,
            "fps": self._state.captured_fps,
            "latency_ms": None if total is None else {"p50": total.p50, "p95": total.p95, "p99": total.p99},
            "planes": self._state.seconds_per_plane,
            "checklist": {item.name: item.state for item in snapshot.checklist},
            "session": None if self._session is None else str(self._session),
            "sound_drift_ppm": None if snapshot.sound_drift_ppm is None else round(snapshot.sound_drift_ppm, 1),
            "engine": snapshot.engine,
            "notices": list(snapshot.notices),
            "faults": list(self._state.faults),
        }

    def stages(self) -> dict[str, StageLatency]:
        """Latency of each stage over the whole run, in the order of the path."""
        return self._state.latency.whole_run_by_stage()

    def _conduct(self) -> None:
        name, loop = self._leading
        leader = self._thread(name, loop)
        others = [self._thread(other, body) for other, body in self._accompanying.items()]
        leader.join()
        for thread in others:
            if not self._stopping.is_set():
                thread.join(_GRACE_S)
        self._stopping.set()
        for thread in others:
            thread.join()
        try:
            self._session = self._finish(not self._failures, "; ".join(self._failures))
        except (SonocueError, OSError) as error:
            self._fail("session", f"the session could not be closed: {error}")
        finally:
            self._state.ended(self._session)
            self._ended.set()

    def _thread(self, name: str, loop: Loop) -> threading.Thread:
        thread = threading.Thread(target=self._guard, args=(name, loop), name=name, daemon=True)
        thread.start()
        return thread

    def _guard(self, name: str, loop: Loop) -> None:
        try:
            loop()
        except SonocueError as error:
            self._fail(name, f"{name} stopped: {error}")
        except Exception as error:  # noqa: BLE001 - the worker loop: nothing may end a thread unseen
            self._fail(name, f"{name} stopped by a defect: {error!r}")

    def _fail(self, name: str, message: str) -> None:
        self._failures.append(message)
        self._state.fault(name, message)
