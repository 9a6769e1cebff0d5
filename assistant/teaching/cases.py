"""A case library: a folder of recorded sessions that a trainee works through, in an order drawn from a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.errors import SessionError
from assistant.run_privacy import PrivateRun
from assistant.session.reader import SessionReader
from assistant.snapshot import Snapshot, SnapshotSource
from assistant.steering import Steerable, SteerCommand
from assistant.teaching.observer import Observed, Observer


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a library.

    Attributes:
        number: its place in the trainee's order, from 1 on.
        session_id: of the recording.
        path: its folder.
        seconds: its length.
        has_gaze: an expert's gaze was recorded with it.
        done: the trainee has worked through it before.
    """

    number: int
    session_id: str
    path: Path
    seconds: float
    has_gaze: bool
    done: bool


def case_library(folder: Path, seed: int, done: Collection[str] = ()) -> tuple[Case, ...]:
    """The cases of a folder in the order that ``seed`` draws.

    Args:
        folder: with recorded sessions; a trainee's own sessions in it are no cases.
        seed: the same folder and seed give the same order.
        done: session ids of cases that the trainee has worked through.

    Raises:
        SessionError: there is no such folder, or no session in it.
    """
    if not folder.is_dir():
        raise SessionError(f"case library '{folder}': expected a folder of recorded sessions, there is none")
    readers: list[SessionReader] = []
    for path in sorted(folder.iterdir()):
        if not (path / "session.json").is_file():
            continue
        reader = SessionReader(path)
        if len(reader) and not reader.header.config.get("trainee"):
            readers.append(reader)
    if not readers:
        raise SessionError(f"case library '{folder}' holds no recorded session: record some with 'sonocue record'")
    random.Random(seed).shuffle(readers)  # noqa: S311 - an order, not a secret
    return tuple(
        Case(
            number=number,
            session_id=reader.session_id,
            path=reader.path,
            seconds=float(reader.frame_times_ns[-1] - reader.frame_times_ns[0]) / 1e9,
            has_gaze=next(iter(reader.gaze()), None) is not None,
            done=reader.session_id in done,
        )
        for number, reader in enumerate(readers, 1)
    )


def next_case(cases: tuple[Case, ...]) -> Case:
    """The first that is not done; when all are, the first."""
    return next((case for case in cases if not case.done), cases[0])


class TraineesView:
    """A run as a trainee may see it: without predicted gaze where the teacher hides it, blinded where he wishes.

    His own gaze is not painted either: who sees it looks at it.

    Implements ``SnapshotSource``, ``Steerable``, ``PrivateRun`` and ``Observed``.

    Args:
        run: the run itself.
        shows_gaze: the predicted gaze is painted.
        blinded_as: what stands in place of names, and then no plane is named; empty: not blinded.
    """

    def __init__(self, run: SnapshotSource, *, shows_gaze: bool, blinded_as: str = "") -> None:
        self._run = run
        self._shows_gaze = shows_gaze
        self._blinded_as = blinded_as

    def snapshot(self) -> Snapshot:
        """See ``SnapshotSource``."""
        whole = replace(self._run.snapshot(), gaze=None)
        guidance = whole.guidance
        if self._blinded_as:
            unnamed = tuple(replace(item, seconds=0.0, seen=False) for item in whole.planes)
            return replace(whole, guidance=None, guidance_age_ms=None, planes=unnamed, source=self._blinded_as)
        if guidance is None or self._shows_gaze or guidance.gaze_map is None:
            return whole
        return replace(whole, guidance=replace(guidance, gaze_map=None))

    def stop(self) -> None:
        """See ``SnapshotSource``."""
        self._run.stop()

    @property
    def steerable(self) -> bool:
        """See ``Steerable``."""
        return isinstance(self._run, Steerable) and self._run.steerable

    def steer(self, command: SteerCommand) -> None:
        """See ``Steerable``."""
        if isinstance(self._run, Steerable):
            self._run.steer(command)

    def mute(self, muted: bool) -> None:
        """See ``PrivateRun``."""
        if isinstance(self._run, PrivateRun):
            self._run.mute(muted)

    def forget(self, seconds: float, *, video: bool = False) -> bool:
        """See ``PrivateRun``."""
        return isinstance(self._run, PrivateRun) and self._run.forget(seconds, video=video)

    @property
    def observer(self) -> Observer | None:
        """See ``Observed``."""
        return self._run.observer if isinstance(self._run, Observed) else None
