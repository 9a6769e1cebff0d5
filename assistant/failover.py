"""An engine that is replaced when it fails, hangs, or gives what is no number: guidance goes on after a short gap.

Each engine lives on a thread of its own, since a call that hangs inside a library cannot be ended, only left behind.
The caller (the inference thread) waits for answers, but never longer than a limit.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from assistant.admission import AdmittedEngine, admit, candidates, no_engine, refusal
from assistant.contracts import Clock, Float32Array
from assistant.errors import BackendError, ModelError, PluginError
from assistant.model_contracts import ModelBundle

T = TypeVar("T")

HANG_S = 2.0
"""Live, an answer takes a hundredth of this; an engine that takes so long is not waited for."""

LOCKSTEP_HANG_S = 30.0
"""In lock-step nobody waits, and a replacement would change what two runs agree on."""

LOAD_S = 900.0
"""How long an engine may take to load and to be compared in full before a run: some compile for minutes, once."""

REPLACE_S = 20.0
"""The same during a run, when somebody waits for guidance."""

_CLOSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Replacement:
    """One engine took over from another.

    Attributes:
        failed: the engine that did, one line for people.
        reason: what it did.
        engine: the one that took over.
        from_ns: when the failing call began, on the run's clock.
        to_ns: when the new engine had answered it: the gap in guidance.
    """

    failed: str
    reason: str
    engine: str
    from_ns: int
    to_ns: int

    @property
    def gap_ms(self) -> float:
        """Length of the gap."""
        return (self.to_ns - self.from_ns) / 1e6


class SupervisedEngine:
    """The first engine of a list that is admitted; when it fails, the next one is.

    Not safe for several threads: one calls ``infer``.

    Args:
        bundle: the model.
        specs: engines in order of preference, ``name`` or ``name:argument``.
        threads: that an engine may use.
        clock: the run's clock.
        hang_s: an answer that takes longer is not waited for.
        load_s: nor an engine that takes longer to load at the beginning.
        replace_s: or during the run.

    Raises:
        BackendError: no engine is admitted; the line says why for each.
    """

    def __init__(
        self,
        bundle: ModelBundle,
        specs: Sequence[str],
        threads: int,
        clock: Clock,
        *,
        hang_s: float = HANG_S,
        load_s: float = LOAD_S,
        replace_s: float = REPLACE_S,
    ) -> None:
        self.on_replaced: Callable[[Replacement], None] = lambda _: None
        self._bundle = bundle
        self._threads = threads
        self._clock = clock
        self._hang_s, self._load_s, self._replace_s = hang_s, load_s, replace_s
        self._left = candidates(bundle, specs)
        self._missing: set[str] = set()
        self._refusals: list[str] = []
        self._thread: _EngineThread | None = None
        self._engine = self._next()

    @property
    def description(self) -> str:
        """The engine that works now, one line for people."""
        return self._engine.description

    @property
    def refusals(self) -> tuple[str, ...]:
        """One line for each engine that was tried and not taken."""
        return tuple(self._refusals)

    def infer(self, batch: Float32Array) -> Mapping[str, Float32Array]:
        """The network's answer to one frame, from whichever engine can give it.

        Where the last engine gives values that are not finite, they are returned: to abstain is better than to stop.

        Args:
            batch: ``(1, 1, H, W)`` float32.

        Raises:
            BackendError: the last engine failed too.
        """
        from_ns = self._clock.now_ns()
        failed = reasons = ""
        while True:
            outputs, reason = self._ask(batch)
            if not reason and outputs is not None:
                if failed:
                    self.on_replaced(Replacement(failed, reasons, self.description, from_ns, self._clock.now_ns()))
                return outputs
            try:
                following = self._next()
            except BackendError as error:
                if outputs is not None:
                    return outputs
                raise BackendError(f"{self.description} {reason}, and no other engine is left: {error}") from error
            failed = failed or self.description
            reasons = f"{reasons}, then {self.description} {reason}" if reasons else reason
            self._engine = following

    def close(self) -> None:
        """Release the engine; one that hangs is left behind. Idempotent."""
        if self._thread is not None:
            self._thread.leave(wait_s=_CLOSE_S)
            self._thread = None

    def _ask(self, batch: Float32Array) -> tuple[Mapping[str, Float32Array] | None, str]:
        """The answer, if it can be used at all, and what is wrong with it, if anything is."""
        if self._thread is None:
            raise BackendError("the engine was closed")
        try:
            outputs: object = self._thread.call(partial(self._engine.backend.infer, batch), self._hang_s)
        except _TookTooLongError:
            return None, f"did not answer within {self._hang_s:g} s"
        except Exception as error:  # noqa: BLE001 - the worker's: a stranger's engine may raise anything
            return None, f"failed: {error}"
        if not isinstance(outputs, Mapping):
            return None, f"gave {type(outputs).__name__}, expected outputs by name"
        for name, shape in self._engine.shapes.items():
            array = outputs.get(name)
            if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype.kind != "f":
                got = f"{array.shape} {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
                return None, f"gave {name} {'nothing' if array is None else got}, expected {shape} of floats"
        if not all(np.isfinite(outputs[name]).all() for name in self._engine.shapes):
            return outputs, "gave values that are not finite"
        return outputs, ""

    def _next(self) -> AdmittedEngine:
        """Load the next engine that is admitted; the one before stays as it is when there is none."""
        limit_s = self._load_s if self._thread is None else self._replace_s
        while self._left:
            spec, precision = self._left.pop(0)
            if spec in self._missing:
                continue
            thread = _EngineThread(f"engine {spec}")
            try:
                engine = thread.call(
                    partial(_admit_onto, thread, partial(admit, self._bundle, spec, precision, self._threads)),
                    limit_s,
                )
            except _TookTooLongError:
                reason: object = f"did not load within {limit_s:g} s"
            except PluginError as error:
                self._missing.add(spec)
                reason = error
            except (BackendError, ModelError) as error:
                reason = error
            except Exception as error:  # noqa: BLE001 - as above
                reason = f"failed by a defect: {error!r}"
            else:
                if self._thread is not None:
                    self._thread.leave()
                self._thread = thread
                return engine
            thread.leave()
            self._refusals.append(refusal(spec, precision, reason))
        raise no_engine(self._bundle, self._refusals)


class _TookTooLongError(Exception):
    """A call has not come back in time; its thread is of no more use."""


class _EngineThread:
    """A thread that makes one call after the other, and closes its engine when it is left. A daemon: it may hang."""

    def __init__(self, name: str) -> None:
        self.close_engine: Callable[[], None] = lambda: None
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], T], limit_s: float) -> T:
        """What ``function`` returns or raises, there. Raises ``_TookTooLongError``."""
        answers: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

        def make() -> None:
            try:
                answers.put((function(), None))
            except Exception as error:  # noqa: BLE001 - it is raised where the answer is waited for
                answers.put((None, error))

        self._calls.put(make)
        try:
            answer, error = answers.get(timeout=limit_s)
        except queue.Empty:
            raise _TookTooLongError from None
        if error is not None:
            raise error
        return answer  # type: ignore[return-value]  # no error, so it is what the function returned

    def leave(self, wait_s: float = 0.0) -> None:
        """Let it end as soon as it comes back from its call."""
        self._calls.put(None)
        if wait_s:
            self._thread.join(wait_s)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
        self.close_engine()


def _admit_onto(thread: _EngineThread, load: Callable[[], AdmittedEngine]) -> AdmittedEngine:
    """Load on the engine's thread, which will close what it loaded even if nobody waits for it any more."""
    engine = load()
    thread.close_engine = engine.backend.close
    return engine
