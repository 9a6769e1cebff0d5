"""Publishers of a run, each on a thread of its own: one that blocks or fails is disabled, is seen, and slows nothing.

The inference thread offers each image with its guidance and goes on at once; a publisher gets the newest that there is,
and skips what came meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from assistant.contracts import Clock, Frame, Guidance, Publisher, TimelineEvent
from assistant.errors import PluginError, SonocueError
from assistant.latest_slot import LatestSlot
from assistant.loops import Step
from assistant.plugin_loader import load_plugin
from assistant.state import RunState

BLOCKED_NS: Final = 2_000_000_000
"""A publisher that is busy with one item for so long is disabled."""

OPEN_TIMEOUT_S: Final = 5.0
CLOSE_TIMEOUT_S: Final = 2.0


class PublisherWorker:
    """One publisher and its thread. ``offer`` belongs to one thread, ``close`` to any."""

    def __init__(self, name: str, publisher: Publisher, state: RunState, clock: Clock) -> None:
        self._name = name
        self._publisher = publisher
        self._state = state
        self._clock = clock
        self._slot: LatestSlot[tuple[Frame, Guidance]] = LatestSlot()
        self._busy_since_ns: int | None = None
        self._disabled = threading.Event()
        self._opened = threading.Event()
        self._where = ""
        self._failure = ""
        self._thread: threading.Thread | None = None

    def open(self, session: str) -> str:
        """Begin to publish. Returns one line that says where to, for people.

        Raises:
            SonocueError: it cannot begin, or does not within ``OPEN_TIMEOUT_S``.
        """
        self._thread = threading.Thread(target=self._work, args=(session,), name=f"publish {self._name}", daemon=True)
        self._thread.start()
        if not self._opened.wait(OPEN_TIMEOUT_S):
            self.close()
            raise PluginError(f"publisher '{self._name}' did not open within {OPEN_TIMEOUT_S:.0f} s")
        if self._failure:
            raise PluginError(self._failure)
        return self._where

    def offer(self, frame: Frame, guidance: Guidance) -> None:
        """Hand over the newest; never waits."""
        if self._disabled.is_set():
            return
        busy_since_ns = self._busy_since_ns
        if busy_since_ns is not None and self._clock.now_ns() - busy_since_ns > BLOCKED_NS:
            self._disable(f"it took no more for {BLOCKED_NS / 1e9:.0f} s")
            return
        self._slot.put((frame, guidance))

    def close(self) -> None:
        """End it; a publisher that still blocks is left behind. Idempotent."""
        self._disabled.set()
        self._slot.close()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT_S)
        closing = threading.Thread(target=self._publisher.close, name=f"close {self._name}", daemon=True)
        closing.start()
        closing.join(CLOSE_TIMEOUT_S)

    def _work(self, session: str) -> None:
        try:
            self._where = self._publisher.open(session)
            self._opened.set()
            while (item := self._slot.take()) is not None:
                self._busy_since_ns = self._clock.now_ns()
                self._publisher.put(*item)
                self._busy_since_ns = None
        except SonocueError as error:
            self._give_up(str(error))
        except Exception as error:  # noqa: BLE001 - a worker's loop: a stranger's publisher may raise anything
            self._give_up(repr(error))

    def _give_up(self, reason: str) -> None:
        if not self._opened.is_set():
            self._failure = f"publisher '{self._name}' cannot begin: {reason}"
            self._opened.set()
        elif not self._disabled.is_set():
            self._disable(reason)

    def _disable(self, reason: str) -> None:
        self._disabled.set()
        self._slot.close()
        self._state.fault(f"publisher {self._name}", f"publisher '{self._name}' is disabled: {reason}")
        # What it waits for may end when it is closed; nobody here may wait for that.
        threading.Thread(target=self._publisher.close, name=f"close {self._name}", daemon=True).start()


class PublishingStep:
    """An inference step whose guidance goes to publishers too."""

    def __init__(self, step: Step, workers: Sequence[PublisherWorker]) -> None:
        self._step = step
        self._workers = workers

    @property
    def noticed(self) -> TimelineEvent | None:
        """See ``loops.Step``."""
        return self._step.noticed

    def __call__(self, frame: Frame, scene: int, available_ns: int) -> Guidance:
        """See ``InferenceStep``."""
        guidance = self._step(frame, scene, available_ns)
        for worker in self._workers:
            worker.offer(frame, guidance)
        return guidance


def create_publisher(spec: str) -> Publisher:
    """A publisher by its name in a config, ``name`` or ``name:argument``, not yet opened.

    Raises:
        PluginError: there is no such plugin.
        ConfigError: the argument cannot be used.
    """
    name, _, argument = spec.partition(":")
    publisher: Publisher = load_plugin("sonocue.publishers", name)(argument)
    return publisher
