"""Runs the command ``sonocue`` as a user does: a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SONOCUE = Path(sys.executable).with_name("sonocue")
DEADLINE_S = 90


def start_sonocue(*arguments: object, folder: Path, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start ``sonocue ARGUMENTS`` in ``folder`` with ``env`` on top of this process's environment."""
    return subprocess.Popen(
        [SONOCUE, *map(str, arguments)],
        cwd=folder, env=os.environ | (env or {}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end: exit status, standard output, standard error. Nothing is left running."""
    try:
        out, err = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"still running after {DEADLINE_S} s\n{out}\n{err}") from None
    return process.returncode, out, err


def run_sonocue(*arguments: object, folder: Path, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Run to the end: exit status, standard output, standard error."""
    return finish(start_sonocue(*arguments, folder=folder, env=env))


def summary_of(*arguments: object, folder: Path, env: dict[str, str] | None = None) -> dict[str, Any]:
    """Run to a good end and read the one JSON line."""
    status, out, err = run_sonocue(*arguments, "--json", folder=folder, env=env)
    assert status == 0, f"{out}\n{err}"
    lines = out.splitlines()
    assert len(lines) == 1, out
    summary: dict[str, Any] = json.loads(lines[0])
    return summary


def wait_for_frames(recordings: Path, at_least: int) -> None:
    """Until a session that is being recorded by another process holds some frames."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        for times in recordings.glob("*.partial/frames.csv"):
            if len(times.read_text().splitlines()) > at_least:
                return
        time.sleep(0.02)  # the other process writes a file: there is nothing else to wait on
    raise AssertionError(f"no session with {at_least} frames appeared in {recordings}")


def wait_for_event(recordings: Path, event: str) -> None:
    """Until the timeline of a session that is being recorded by another process tells of an event."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if any(f'"{event}"' in timeline.read_text() for timeline in recordings.glob("*.partial/timeline.jsonl")):
            return
        time.sleep(0.01)  # the other process writes a file: there is nothing else to wait on
    raise AssertionError(f"no event '{event}' in {recordings}")
