"""Kills a recording at random moments, again and again, and sees what is left: does it open, how much is lost?

``python scripts/bench_killed.py [--kills 100] [--seed 0] [--longest 8] [--json FILE]``. Each time, ``sonocue record``
records the software scanner with sound and gaze at 640x480 in a process of its own, and is killed (SIGKILL) at a moment
drawn evenly between its first recorded frame and ``--longest`` seconds later. What is lost is counted from the moment
of the kill to the last frame, and the last sound sample, that opens (killed within the first fifth of a second, a
recording has no frame yet, and opens empty); then ``sonocue session recover`` completes it, and
it is verified.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import track

from assistant.session.manifest import FRAMES_NAME
from assistant.session.reader import SessionReader
from assistant.session.recover import RECOVERED, recover_session
from assistant.session.verify import verify_session

SONOCUE = Path(sys.executable).with_name("sonocue")
_STARTS_S = 60


def kill_one(folder: Path, seed: int, after_s: float) -> dict[str, Any]:
    """Record, kill ``after_s`` seconds after the first frame, and tell what is left."""
    command = [SONOCUE, "record", folder, "--source", f"phantom:{seed},size=640x480", "--json"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for_a_frame(folder, process)
            time.sleep(after_s)
        finally:
            process.kill()
            killed_ns = time.perf_counter_ns()  # the recording's clock is this one, for the whole machine
    if process.returncode != -signal.SIGKILL:
        raise RuntimeError(f"the recording ended by itself: {process.returncode}")
    (partial,) = folder.glob("*.partial")
    found: dict[str, Any] = {"after_s": round(after_s, 3), "opens": False, "no_frame_yet": False, "recovered": False}
    reader = SessionReader(partial)
    frames = sum(1 for _ in reader.frames(grey=True))
    sound = reader.sound()
    found["opens"] = frames == len(reader)
    found["no_frame_yet"] = frames == 0
    found["lost_video_s"] = (killed_ns - int(reader.frame_times_ns[-1])) / 1e9 if frames else None
    if sound is not None:
        found["lost_sound_s"] = (killed_ns - sound.start_ns) / 1e9 - len(sound.samples) / sound.sample_rate_hz
    recovered = recover_session(partial)
    problems = verify_session(recovered)
    found["recovered"] = len(problems) == 1 and RECOVERED in problems[0]
    found["same_after"] = len(SessionReader(recovered)) == frames
    return found


def _wait_for_a_frame(folder: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _STARTS_S
    while time.monotonic() < until and process.poll() is None:
        if any(table.read_bytes().count(b"\n") > 1 for table in folder.glob(f"*.partial/{FRAMES_NAME}")):
            return
        time.sleep(0.01)
    raise RuntimeError(f"no frame was recorded within {_STARTS_S} s")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=8.0, metavar="SECONDS")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE")
    asked = parser.parse_args()
    chance = random.Random(asked.seed)  # noqa: S311 - no secret
    rows = []
    for number in track(range(asked.kills), "killing", console=Console(stderr=True)):
        with tempfile.TemporaryDirectory(prefix="sonocue-killed-") as folder:
            rows.append(kill_one(Path(folder), asked.seed + number, chance.uniform(0, asked.longest)))
    lost = {
        kind: sorted(row[f"lost_{kind}_s"] for row in rows if row.get(f"lost_{kind}_s") is not None)
        for kind in ("video", "sound")
    }
    told = {
        "machine": f"{os.cpu_count()} cores of {platform.machine()}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "seed": asked.seed,
        "kills": len(rows),
        **{name: sum(row[name] for row in rows) for name in ("opens", "no_frame_yet", "recovered", "same_after")},
        **{
            f"lost_{kind}_s": {"median": round(median(found), 3), "most": round(found[-1], 3)}
            for kind, found in lost.items()
            if found
        },
    }
    print(json.dumps(told))
    if asked.json:
        asked.json.write_text(json.dumps({**told, "rows": rows}, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
