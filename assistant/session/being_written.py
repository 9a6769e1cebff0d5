"""Tells whether a session's writer is alive: it holds a lock that the system takes from it when it dies.

Without this, completing a session that somebody is still recording would take its files away. Any thread.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

from assistant.session.manifest import TIMELINE_NAME

if os.name == "posix":
    import fcntl


def mark_as_written(timeline: TextIO) -> None:
    """Hold the lock on the open ``timeline.jsonl`` until it is closed, or the process dies.

    Where the file system knows no locks (some network shares), nothing is held.
    """
    if os.name == "posix":
        try:
            fcntl.flock(timeline.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return


def is_being_written(folder: Path) -> bool:
    """Whether a living process writes the session; on Windows always False: there its open files refuse to be moved."""
    if os.name != "posix":
        return False
    try:
        with (folder / TIMELINE_NAME).open("rb") as timeline:
            fcntl.flock(timeline.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
