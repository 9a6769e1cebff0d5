"""Runs a row of altered inputs through one target in a process of its own, with bounded memory and time.

``python -m tests.fuzzing.child TARGET FIRST COUNT [CORPUS]`` prints one JSON line before and one after each input; a
line that does not come tells the parent that the process hangs or died. Findings are kept in CORPUS/TARGET/INDEX.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from pathlib import Path

import numpy as np

from assistant.errors import SonocueError
from tests.fuzzing.target import check_line
from tests.fuzzing.targets import TARGETS

HANG_S = 10
MEMORY_BYTES = 3 << 30
"""Of address space, on top of what valid input took; libraries reserve more than they use."""
MOST_GROWTH_KB = 1 << 20
"""Of resident memory, through one input."""


class Hang(BaseException):
    """An input took longer than ``HANG_S``."""


def _hang(_number: int, _frame: object) -> None:
    raise Hang


def run(name: str, first: int, count: int, corpus: Path | None) -> None:
    """See the module."""
    target = TARGETS[name]
    signal.signal(signal.SIGALRM, _hang)
    os.environ["SONOCUE_CACHE"] = ""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        seed, altered = Path(scratch, "seed"), Path(scratch, "altered")
        seed.mkdir()
        target.seed(seed)
        if name in ("stream", "openigtlink"):
            shutil.copytree(seed, altered)
            for file in sorted(altered.iterdir())[1:]:
                file.unlink()
            target.read(altered)
            shutil.rmtree(altered)
        else:
            target.read(seed)  # valid input is read: a target whose seeds are refused would test nothing
        limit = _address_space() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for index in range(first, first + count):
            shutil.copytree(seed, altered)
            target.alter(altered, np.random.default_rng([zlib.crc32(name.encode()), index]))
            _tell({"begun": index})
            row = _one(target, altered)
            _tell({"index": index, **row})
            if row["finding"] and corpus is not None:
                keep = corpus / name / str(index)
                shutil.rmtree(keep, ignore_errors=True)
                shutil.copytree(altered, keep)
                (keep / "FINDING.txt").write_text(row["finding"])
            shutil.rmtree(altered)


def _one(target, folder: Path) -> dict[str, object]:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s, refused, finding = time.monotonic(), False, ""
    signal.setitimer(signal.ITIMER_REAL, HANG_S)
    try:
        try:
            target.read(folder)
        except SonocueError as error:
            refused = True
            check_line(str(error))
    except Hang:
        finding = f"hang: longer than {HANG_S} s: " + traceback.format_exc(limit=-6)
    except BaseException:  # noqa: BLE001 - whatever it is, it is a finding
        finding = traceback.format_exc(limit=-8)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    took_s = time.monotonic() - began_s
    after_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if not finding and after_kb - before_kb > MOST_GROWTH_KB:
        finding = f"memory: {(after_kb - before_kb) >> 10} MiB more"
    return {"refused": refused, "finding": finding, "took_s": round(took_s, 4), "peak_mib": after_kb >> 10}


def _tell(row: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    faulthandler.enable()
    run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]) if len(sys.argv) > 4 else None)
