"""What this process takes of the machine: processor time by thread and by child process, memory, open handles.

Read from Linux's ``/proc``; elsewhere there is nothing to tell, and everything is empty or 0. Any thread.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_OF_A_LIBRARY = "libraries"


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """Processor time until one moment.

    Attributes:
        at_ns: the moment, on ``time.perf_counter_ns``.
        threads_s: seconds by name of the thread; ``libraries``: those that Python did not start.
        children_s: seconds by name of the program, of the processes that this one started and that still run.
    """

    at_ns: int
    threads_s: dict[str, float]
    children_s: dict[str, float]


def processor_time() -> ProcessorTime:
    """All processor time that the living threads and children have had so far."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    threads_s: dict[str, float] = {}
    for folder in _numbered(_PROC / "self" / "task"):
        _, seconds, _ = _read_stat(folder)
        name = names.get(int(folder.name), _OF_A_LIBRARY)
        threads_s[name] = threads_s.get(name, 0.0) + seconds
    children_s: dict[str, float] = {}
    for folder in _numbered(_PROC):
        name, seconds, parent = _read_stat(folder)
        if parent == os.getpid():
            name = _module_of(folder) or name
            children_s[name] = children_s.get(name, 0.0) + seconds
    return ProcessorTime(time.perf_counter_ns(), threads_s, children_s)


def shares_of_a_core(since: ProcessorTime, until: ProcessorTime) -> tuple[dict[str, float], dict[str, float]]:
    """How much of one core each thread and each child took between two moments: 1 is all of it, largest first."""
    passed_s = max((until.at_ns - since.at_ns) / 1e9, 1e-9)

    def shares(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
        taken = {name: (seconds - before.get(name, 0.0)) / passed_s for name, seconds in after.items()}
        return {name: round(share, 4) for name, share in sorted(taken.items(), key=lambda pair: -pair[1])}

    return shares(since.threads_s, until.threads_s), shares(since.children_s, until.children_s)


def memory_mb() -> float:
    """Resident memory of this process, in units of 2**20 bytes; 0 where Linux does not tell."""
    try:
        lines = (_PROC / "self" / "status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)


def open_handles() -> int:
    """Open files, pipes and sockets of this process; 0 where Linux does not tell."""
    try:
        return sum(1 for _ in (_PROC / "self" / "fd").iterdir()) - 1  # without the one that lists
    except OSError:
        return 0


def native_threads() -> int:
    """Threads of this process, those of libraries included; 0 where Linux does not tell."""
    return len(_numbered(_PROC / "self" / "task"))


def _numbered(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if entry.name.isdecimal()]
    except OSError:
        return []


def _module_of(folder: Path) -> str:
    """What ``python -m`` runs in a process; empty when it runs something else."""
    try:
        words = (folder / "cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return ""
    return words[2] if words[1:2] == ["-m"] else ""


def _read_stat(folder: Path) -> tuple[str, float, int]:
    """Name, seconds of processor time and parent of a thread or process; no time when it is gone (proc(5))."""
    try:
        text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", 0.0, 0
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    ticks = int(fields[11]) + int(fields[12])  # utime and stime
    return name, ticks / os.sysconf("SC_CLK_TCK"), int(fields[1])
