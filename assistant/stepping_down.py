"""A run that steps down to a smaller model when the machine cannot keep up with the full one, visibly and once.

The smaller model's engine is loaded before the run begins, on a thread of its own, so that stepping down costs no
loading: the gap is the smaller model's first answer. A run never steps up again by itself: what made the machine slow
may come back, and a model that changes to and fro is worse than either. Runs on the inference thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.bundle import read_bundle
from assistant.contracts import Clock, Frame, Guidance, TimelineEvent
from assistant.errors import ConfigError
from assistant.loops import Step
from assistant.model_contracts import ModelBundle

LEAST_GUIDED_SHARE = 0.5
"""Of the frames that came: with less than every second one guided, guidance stays behind the hand."""

PATIENCE_NS = 3_000_000_000
"""How long the machine must have been too slow: longer than a start, or an engine's replacement, takes."""

_LOOK_BACK_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Slowness:
    """What was measured when a machine did not keep up.

    Attributes:
        guided_share: of the frames of the last second, those that were guided.
        guidance_fps: guidance made a second, over the last second.
        took_ms: of the last guidance, from when inference took the frame. How late the source was is not in it.
        for_s: how long it had been too slow.
    """

    guided_share: float
    guidance_fps: float
    took_ms: float
    for_s: float


class KeepingUp:
    """Does inference keep up? Asked after each guidance; a single hang does not count, slow answers again and again do.

    Args:
        longest_ms: guidance that takes longer is too late to be shown over the images that came meanwhile.
    """

    def __init__(self, longest_ms: float) -> None:
        self._longest_ns = longest_ms * 1e6
        self._recent: deque[tuple[int, int]] = deque()
        self._slow_since_ns: int | None = None

    def __call__(self, guidance: Guidance, began_ns: int, skipped: int) -> Slowness | None:
        """None while it does.

        Args:
            guidance: that is ready now.
            began_ns: when inference took its frame, on the run's clock.
            skipped: frames that have not been inferred, since the run began.
        """
        now_ns = guidance.ready_ns
        self._recent.append((now_ns, skipped))
        # The last guidance before the stretch stays: what was skipped since then is counted from it.
        while len(self._recent) > 2 and now_ns - self._recent[1][0] >= _LOOK_BACK_NS:
            self._recent.popleft()
        (since_ns, skipped_before), guided = self._recent[0], len(self._recent) - 1
        if guided == 0:
            return None
        share = guided / (guided + skipped - skipped_before)
        took_ns = now_ns - began_ns
        if share >= LEAST_GUIDED_SHARE and took_ns <= self._longest_ns:
            self._slow_since_ns = None
            return None
        if self._slow_since_ns is None:
            self._slow_since_ns = now_ns
        slow_ns = now_ns - self._slow_since_ns
        if slow_ns < PATIENCE_NS:
            return None
        return Slowness(share, guided * 1e9 / max(now_ns - since_ns, 1), took_ns / 1e6, slow_ns / 1e9)


@dataclass(frozen=True, slots=True)
class SteppedDown:
    """A smaller model took over from the full one.

    Attributes:
        full, smaller: their ``model_id``.
        why: what was measured.
        from_ns: when the full model's last guidance was ready, on the run's clock.
        to_ns: when the smaller one's first was: the gap in guidance.
    """

    full: str
    smaller: str
    why: Slowness
    from_ns: int
    to_ns: int

    @property
    def gap_ms(self) -> float:
        """Length of the gap; live, it holds the wait for the next frame."""
        return (self.to_ns - self.from_ns) / 1e6

    @property
    def notice(self) -> str:
        """One line for people."""
        return (
            f"Stepped down from {self.full} to {self.smaller}: the machine guided {self.why.guided_share:.0%} of the "
            f"frames, each in {self.why.took_ms:.0f} ms. The full model comes back only with a new run."
        )

    @property
    def event(self) -> TimelineEvent:
        """For the timeline (documented in ``assistant/session/README.md``)."""
        facts: dict[str, Any] = {
            "event": "stepped down",
            "from": self.full,
            "to": self.smaller,
            "guided_share": round(self.why.guided_share, 4),
            "guidance_fps": round(self.why.guidance_fps, 2),
            "took_ms": round(self.why.took_ms, 3),
            "slow_for_s": round(self.why.for_s, 3),
            "gap_ms": round(self.gap_ms, 3),
        }
        return TimelineEvent(self.to_ns, "event", facts)


class SteppingDown:
    """A step (``loops.Step``) that is the full model's until the machine does not keep up, then the smaller one's.

    Args:
        full: the full model's step.
        smaller: the smaller model's, its engine loaded.
        clock: the run's clock.
        longest_ms: see ``KeepingUp``.
        skipped: asks how many frames have not been inferred since the run began.

    Attributes:
        on_stepped_down: called once, with the smaller model's first guidance ready.
    """

    def __init__(
        self,
        full: Step,
        smaller: Step,
        clock: Clock,
        longest_ms: float,
        skipped: Callable[[], int],
    ) -> None:
        self.on_stepped_down: Callable[[SteppedDown], None] = lambda _: None
        self._step = full
        self._smaller: Step | None = smaller
        self._keeps_up = KeepingUp(longest_ms)
        self._clock = clock
        self._skipped = skipped
        self._leaving: tuple[Guidance, Slowness] | None = None

    @property
    def noticed(self) -> TimelineEvent | None:
        """See ``loops.Step``."""
        return self._step.noticed

    def __call__(self, frame: Frame, scene: int, available_ns: int) -> Guidance:
        """Guidance for one frame, by the model whose turn it is. See ``InferenceStep``."""
        began_ns = self._clock.now_ns()
        guidance = self._step(frame, scene, available_ns)
        if self._leaving is not None:
            last, why = self._leaving
            self._leaving = None
            self.on_stepped_down(SteppedDown(last.model_id, guidance.model_id, why, last.ready_ns, guidance.ready_ns))
        elif self._smaller is not None:
            slowness = self._keeps_up(guidance, began_ns, self._skipped())
            if slowness is not None:
                self._step, self._smaller = self._smaller, None
                self._leaving = guidance, slowness
        return guidance


def read_smaller(full: ModelBundle, path: Path) -> ModelBundle:
    """The model to step down to.

    Args:
        full: the model that the run begins with.
        path: folder of the smaller one.

    Raises:
        ModelError: it cannot be read.
        ConfigError: it names other planes, so that nothing that was counted before would hold after.
    """
    smaller = read_bundle(path)
    if (smaller.classes, smaller.background) != (full.classes, full.background):
        raise ConfigError(
            f"smaller model '{path}': expected the classes of '{full.path}' in the same order "
            f"({_listed(full)}), got {_listed(smaller)}: export both from one class list"
        )
    return smaller


def _listed(bundle: ModelBundle) -> str:
    shown = ", ".join(bundle.classes[:3])
    return f"{len(bundle.classes)}: {shown}{', ...' if len(bundle.classes) > 3 else ''}"
