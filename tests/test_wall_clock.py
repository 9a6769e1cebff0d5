"""Steps of the system's time have no effect: nothing but the anchors asks for it, and a live run does not notice."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assistant.model_contracts import ModelBundle
from assistant.session.reader import SessionReader
from tests.sonocue_command import run_sonocue

ROOT = Path(__file__).resolve().parents[1]
WALL_CALLS = {("time", name) for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "strftime")} | {
    (kind, name) for kind in ("datetime", "date") for name in ("now", "utcnow", "today", "fromtimestamp")
}
WALL_CLOCKS = {"CLOCK_REALTIME", "CLOCK_TAI"}
MAY_ASK = {
    "assistant/session/writer.py": "the session's one anchor, and its name",
    "assistant/run_privacy.py": "when everybody agreed",
    "ui/stills.py": "a file's name",
    "plugins/publishers/openigtlink.py": "OpenIGTLink's own anchor: its messages carry wall time",
}


def wall_time_in(source: str) -> list[str]:
    """Where a file asks for wall time, as ``line: call``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if (owner, node.attr) in WALL_CALLS or node.attr in WALL_CLOCKS:
                found.append(f"{node.lineno}: {owner}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"{node.lineno}: from time import {a.name}" for a in node.names if ("time", a.name) in WALL_CALLS]
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "from time import time_ns",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import date\ndate.today()",
        "import time\ntime.clock_gettime(time.CLOCK_REALTIME)",
    ],
)
def test_the_search_finds_wall_time(source: str) -> None:
    assert wall_time_in(source)
    assert not wall_time_in("import time\ntime.perf_counter_ns(), time.monotonic(), time.sleep(1)")


def test_nothing_but_the_anchors_asks_for_wall_time() -> None:
    asking = {
        str(file.relative_to(ROOT)): found
        for room in ("assistant", "plugins", "ui")
        for file in sorted((ROOT / room).rglob("*.py"))
        if (found := wall_time_in(file.read_text(encoding="utf-8")))
    }
    assert asking.keys() == MAY_ASK.keys(), asking


@pytest.fixture(scope="session")
def stepped_clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes a process's wall clock jump, to be preloaded."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        pytest.skip("stepping one process's wall clock needs Linux and gcc, which is not installed")
    library = tmp_path_factory.mktemp("clock") / "stepped.so"
    source = ROOT / "tests" / "stepped_wall_clock.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True, timeout=60)
    return library


def test_the_preloaded_clock_does_step(stepped_clock: Path) -> None:
    program = """
import time
wall, end = [], time.monotonic() + 1.2
while time.monotonic() < end:
    wall.append(time.time())
print(max(wall) - min(wall))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"LD_PRELOAD": str(stepped_clock)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) > 7000


def test_a_live_run_does_not_notice(
    stepped_clock: Path, data_dir: Path, tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    """The whole command, with the wall clock of its process jumping by two hours twice a second."""
    cine = data_dir / "us_video" / "clarius-ocular-short.mp4"
    status, out, err = run_sonocue(
        "live", "--source", f"file:{cine}", "--model", tiny_bundle.path, "--headless", "--json",
        folder=tmp_path, env={"LD_PRELOAD": str(stepped_clock)},
    )  # fmt: skip
    assert status == 0, err
    summary = json.loads(out)
    assert summary["captured"] == summary["recorded"] == 50
    assert summary["lost"] == 0
    assert summary["guided"] + summary["skipped"] == 50 and summary["guided"] > 0
    assert summary["faults"] == []
    reader = SessionReader(tmp_path / summary["session"])
    assert reader.complete
    steps_ms = np.diff(reader.frame_times_ns) / 1e6
    np.testing.assert_allclose(steps_ms, 40, atol=1.0)
    for event in reader.timeline("guidance"):
        assert 0 <= event.data["ready_ns"] - event.captured_ns < 10_000_000_000
