"""``sonocue model run MODEL FILES... --out FILE``: progress, what could not be used, and the figures of the run."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from assistant.errors import SourceError
from assistant.offline.inputs import length_s, recordings
from assistant.offline.on_ray import judge_all_on_ray
from assistant.offline.run import Judge, Outcome, judge_all
from assistant.offline.store import ResultStore


def run_archive(
    named: Sequence[Path], judge: Judge, out: Path, *, processors: int, ray: str | None, as_json: bool
) -> None:
    """Judge what was not judged yet, write ``out``, and say how it went.

    Raises:
        SourceError: some recordings could not be used; all others are in ``out``.
        SonocueError: nothing could be done at all.
    """
    cv2.setNumThreads(1)  # the processors are shared out here
    files = recordings(named)
    store = ResultStore(out, judge.bundle.model_id)
    left = [file for file in files if not store.has(file)]
    failed: dict[Path, str] = {}
    frames, video_s = 0, 0.0
    began_s = time.monotonic()
    with Watching(left, already=len(files) - len(left)) as watching:

        def done(outcome: Outcome) -> None:
            nonlocal frames, video_s
            if outcome.failed:
                failed[outcome.file] = outcome.failed
            else:
                store.add(outcome.file, outcome.rows)
                frames += len(outcome.rows)
                video_s += _length_s(outcome)
            watching.done(outcome.file)

        if left:
            run = partial(judge_all_on_ray, address=ray) if ray else partial(judge_all, processors=processors)
            run(left, judge, done=done, progressed=watching.progressed)
    wall_s = time.monotonic() - began_s
    store.finish(files)
    summary = {
        "out": str(out),
        "model": judge.bundle.model_id,
        "recordings": len(files),
        "kept": len(files) - len(left),
        "judged": len(left) - len(failed),
        "failed": {str(file): why for file, why in failed.items()},
        "frames": frames,
        "video_s": round(video_s, 3),
        "wall_s": round(wall_s, 3),
        "fps": round(frames / wall_s, 1) if left else None,
        "times_real_time": round(video_s / wall_s, 2) if video_s and left else None,
    }
    typer.echo(json.dumps(summary) if as_json else _in_words(summary))
    for file, why in failed.items():
        typer.echo(f"sonocue: '{file}' was left out: {why}", err=True)
    if failed:
        raise SourceError(f"{len(failed)} of {len(files)} recordings could not be used; '{out}' holds all others")


class Watching:
    """A progress bar on a terminal's standard error, by seconds of video where their number is known, else by files."""

    def __init__(self, files: Sequence[Path], already: int) -> None:
        self._console = Console(stderr=True)
        self._length_s = {file: length_s(file) for file in files} if self._console.is_terminal else {}
        self._at_s = dict.fromkeys(self._length_s, 0.0)
        self._count, self._already, self._finished = len(files), already, 0
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("s of video, left"),
            TimeRemainingColumn(),
        )  # fmt: skip
        self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task = self._bar.add_task(self._words(), total=round(sum(self._length_s.values())) or 1)

    def progressed(self, file: Path, time_s: float) -> None:
        """A recording is done up to a time in it."""
        if file in self._at_s:
            self._at_s[file] = max(self._at_s[file], min(time_s, self._length_s[file]))
            self._bar.update(self._task, completed=round(sum(self._at_s.values())))

    def done(self, file: Path) -> None:
        """A recording is done, or failed."""
        self._finished += 1
        if file in self._at_s:
            self._at_s[file] = self._length_s[file]
        self._bar.update(self._task, completed=round(sum(self._at_s.values())), description=self._words())

    def _words(self) -> str:
        kept = f", {self._already} from before" if self._already else ""
        return f"{self._finished} of {self._count} recordings{kept}"

    def __enter__(self) -> Watching:
        self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()


def _length_s(outcome: Outcome) -> float:
    """Of a recording, from its first frame to the end of its last; 0 for an image."""
    if len(outcome.rows) < 2:
        return 0.0
    last_s = float(outcome.rows[-1]["time_s"])
    return last_s + last_s / (len(outcome.rows) - 1)


def _in_words(summary: dict[str, object]) -> str:
    real_time = summary["times_real_time"]
    return (
        f"{summary['judged']} recordings judged, {summary['kept']} kept from before, "
        f"{len(summary['failed'])} left out: "  # type: ignore[arg-type]
        f"{summary['frames']} frames in {summary['wall_s']} s"
        + (f", {real_time} times real time" if real_time else "")
        + f"; {summary['out']}"
    )
