"""Starts the child of ``child.py``, watches it, and goes on behind an input that it hangs or dies on."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SILENT_S = 60.0
"""A child that says nothing for so long hangs where Python cannot end it; the start may take long beside others."""

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Outcome:
    """What became of a row of inputs.

    Attributes:
        inputs, refused: how many were read, and how many of these refused.
        findings: what was wrong, by index.
        worst_s, worst_mib: the longest time of one input, and the largest memory of a process.
    """

    inputs: int = 0
    refused: int = 0
    findings: dict[int, str] = field(default_factory=dict)
    worst_s: float = 0.0
    worst_mib: int = 0

    def add(self, row: dict[str, Any]) -> None:
        """Count one input."""
        self.inputs += 1
        self.refused += row["refused"]
        self.worst_s = max(self.worst_s, row["took_s"])
        self.worst_mib = max(self.worst_mib, row["peak_mib"])
        if row["finding"]:
            self.findings[row["index"]] = row["finding"]


def run_batch(name: str, first: int, count: int, corpus: Path | None = None) -> Outcome:
    """Inputs ``first`` to ``first + count`` of a target."""
    outcome, at = Outcome(), first
    while at < first + count:
        at = _run_child(name, at, first + count - at, corpus, outcome)
    return outcome


def _run_child(name: str, first: int, count: int, corpus: Path | None, outcome: Outcome) -> int:
    """Returns the first input that is still to be done."""
    command = [sys.executable, "-m", "tests.fuzzing.child", name, str(first), str(count)]
    environ = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    begun, done = None, first
    with tempfile.TemporaryFile("w+", errors="replace") as complaints:
        child = subprocess.Popen(
            [*command, *([] if corpus is None else [str(corpus)])],
            cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, stderr=complaints, text=True,
        )  # fmt: skip
        lines: queue.Queue[str] = queue.Queue()
        assert child.stdout is not None
        reader = threading.Thread(target=_forward, args=(child.stdout, lines), daemon=True)
        reader.start()
        try:
            while True:
                try:
                    line = lines.get(timeout=SILENT_S)
                except queue.Empty:
                    line = "silent"
                    child.kill()
                    break
                if not line:
                    break
                row = json.loads(line) if line.startswith('{"') else {}
                if "begun" in row:
                    begun = int(row["begun"])
                elif "index" in row:
                    outcome.add(row)
                    done, begun = int(row["index"]) + 1, None
        finally:
            child.kill()
            status = child.wait()
            reader.join(10)
        if done == first + count:
            return done
        complaints.seek(0)
        said = complaints.read()[-3000:]
    if begun is None:
        raise RuntimeError(f"fuzz target '{name}' cannot begin at {done}: status {status}\n{said}")
    why = f"hang: no word for {SILENT_S:.0f} s" if line == "silent" else f"died with status {status}"
    outcome.add({"index": begun, "refused": False, "took_s": 0.0, "peak_mib": 0, "finding": f"{why}\n{said}"})
    return begun + 1


def _forward(stream: Any, lines: queue.Queue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")
