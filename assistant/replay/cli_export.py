"""``sonocue session export``: an export without a window, with a bar on a terminal. On the main thread."""

from __future__ import annotations

import signal
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from assistant.class_list import load_class_list
from assistant.errors import SessionError
from assistant.plugin_loader import load_plugin
from assistant.replay.annotations import Annotations
from assistant.replay.export import Cancelled, Wanted, export
from assistant.replay.recording import Recording
from assistant.session.manifest import read_manifest


def export_session(
    path: Path,
    out: Path,
    *,
    video: bool,
    stills: bool,
    table: bool,
    start_s: float = 0.0,
    end_s: float | None = None,
    labels: Path | None = None,
    classes: str = "sononet13",
) -> list[Path]:
    """Write the files into ``out`` and give their names; the first SIGINT or SIGTERM stops it and leaves nothing half.

    Raises:
        SonocueError: the session or its label table cannot be read, nothing can be written, or it was stopped.
    """
    class_list = load_class_list(classes)
    read_manifest(path)
    stopped = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopped
        stopped = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    recording = Recording(path, listens=False)
    console = Console(stderr=True)
    try:
        while not recording.wait(0.1):
            if stopped:
                raise SessionError(f"the export of '{path}' was stopped; nothing half-written is left")
        if recording.index.problem:
            raise SessionError(recording.index.problem)
        notes = Annotations(recording.reader, class_list, labels)
        if notes.unreadable:
            raise SessionError(notes.unreadable)
        start, stop_at = _range(recording, start_s, end_s)
        wanted = Wanted(video, stills, table, start, stop_at)
        heat = load_plugin("sonocue.views", "heat")
        with Progress(console=console, transient=True) if console.is_terminal else nullcontext() as bar:
            task = None if bar is None else bar.add_task("export", total=1.0)

            def on(share: float) -> bool:
                if bar is not None and task is not None:
                    bar.update(task, completed=share)
                return not stopped

            return export(recording, notes, out, wanted, heat, class_list.background, on)
    except Cancelled:
        raise SessionError(f"the export of '{path}' was stopped; nothing half-written is left") from None
    finally:
        recording.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def _range(recording: Recording, start_s: float, end_s: float | None) -> tuple[int, int]:
    """Positions of the frames from ``start_s`` up to, not at, ``end_s``."""
    times_s = (recording.times_ns - recording.start_ns) * 1e-9
    start = int(np.searchsorted(times_s, start_s - 1e-6))
    stop = len(times_s) if end_s is None else int(np.searchsorted(times_s, end_s - 1e-6))
    if start >= stop:
        raise SessionError(
            f"session '{recording.reader.path}': expected a range with frames in its {recording.duration_s:.1f} s, got "
            f"{start_s} to {'its end' if end_s is None else end_s}"
        )
    return start, stop
