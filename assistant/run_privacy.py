"""What a person may do about privacy while a run goes on: mute, forget; and the consent, noted when it begins.

Any thread may call; what is to be written goes through the recording queue.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from assistant.contracts import Clock, TimelineEvent
from assistant.guarded_device import MuteSwitch
from assistant.recording import Recorder
from assistant.session.forgetting import Forget
from assistant.state import RunState

MOST_FORGOTTEN_S = 3600.0
"""More than this is no slip of the tongue: delete the session."""


@runtime_checkable
class PrivateRun(Protocol):
    """A run whose sound can be muted and whose last minutes can be deleted (``Run``)."""

    def mute(self, muted: bool) -> None:
        """See ``Run.mute``."""
        ...

    def forget(self, seconds: float, *, video: bool = False) -> bool:
        """See ``Run.forget``."""
        ...


class RunPrivacy:
    """The privacy of one run."""

    def __init__(self, clock: Clock, state: RunState, recorder: Recorder | None, switch: MuteSwitch) -> None:
        self._clock = clock
        self._state = state
        self._recorder = recorder
        self._switch = switch

    def consented(self, words: str) -> None:
        """Note that everybody in the room agreed, to what, and when."""
        self._note(
            self._clock.now_ns(), {"event": "consent", "words": words, "wall_utc": datetime.now(UTC).isoformat()}
        )

    def mute(self, muted: bool) -> None:
        """From now on sound is silence, or is sound again; twice the same changes nothing."""
        at_ns = self._switch.turn(muted)
        if at_ns is None:
            return
        self._state.sound_muted(muted)
        self._note(at_ns, {"event": "muted" if muted else "unmuted"})

    def forget(self, seconds: float, *, video: bool) -> bool:
        """Take the last seconds out of the session; False when nothing is being recorded.

        Raises:
            ValueError: ``seconds`` is not between 0 and ``MOST_FORGOTTEN_S``.
        """
        if not 0 < seconds <= MOST_FORGOTTEN_S:
            raise ValueError(f"forget: expected more than 0 s and at most {MOST_FORGOTTEN_S:.0f} s, got {seconds}")
        if self._recorder is None:
            return False
        now_ns, newest = self._clock.now_ns(), self._state.snapshot().frame
        # A machine that does not keep up shows images late: the person means what they saw last.
        last_ns = now_ns if newest is None else min(newest.captured_ns, now_ns)
        return self._recorder.forget(Forget(last_ns - round(seconds * 1e9), now_ns, video))

    def _note(self, at_ns: int, facts: dict[str, object]) -> None:
        if self._recorder is not None:
            self._recorder.put(TimelineEvent(at_ns, "event", facts))
