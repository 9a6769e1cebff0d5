"""``sonocue bench ui`` as a user starts it: that it measures what it says. Its figures are no concern of a test."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SONOCUE = Path(sys.executable).with_name("sonocue")


def bench(*arguments, **environment):
    done = subprocess.run(
        [SONOCUE, "bench", "ui", *arguments], capture_output=True, text=True, timeout=110, check=False,
        env=os.environ | {"COLUMNS": "200"} | environment,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_repaint_is_counted_and_nothing_is_painted_without_news():
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed (apt-get install xvfb)")
    found = json.loads(bench("--repaints", "10", "--seconds", "1", "--no-starts", "--no-engine", "--json"))
    assert found["not_here"] == []
    rows = {(row["platform"], row["image"]): row for row in found["rows"]}
    assert set(rows) == {(platform, image) for platform in ("offscreen", "xvfb") for image in ("grey", "colour")}
    for row in rows.values():
        assert row["repaints"] == 10
        assert row["frame"] == row["window"] == [1920, 1080]
        assert 0.5 < row["cpu_ms_median"] < 500
        assert row["cpu_ms_median"] <= row["cpu_ms_p95"]
        assert 0 < row["core_share_at_30_fps"] < 2
        assert 1 < row["painted_fps"] < 40
        assert row["paints_without_news"] == 0


def test_without_a_virtual_screen_the_other_figures_are_there(tmp_path):
    """A folder with this Python alone stands for a machine without Xvfb."""
    (tmp_path / "python").symlink_to(sys.executable)
    told = bench("--repaints", "10", "--seconds", "1", "--no-starts", "--no-engine", PATH=str(tmp_path))
    assert "offscreen" in told
    assert "not here: xvfb: Xvfb is not installed" in told
