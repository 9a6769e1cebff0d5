"""``sonocue bench live`` as a user starts it, small and short: every figure is there and fits the others."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openvino", reason="the extra 'live' (openvino) is not installed")
pytest.importorskip("PyQt6", reason="the extra 'live' (PyQt6) is not installed")

SONOCUE = Path(sys.executable).with_name("sonocue")
SMALL = ("--source", "phantom:1,size=320x240", "--seconds", 3, "--runs", 1, "--threads", 1, "--backend", "openvino")


def bench(*arguments, **env):
    """Without the user's screen."""
    environ = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "QT_QPA_PLATFORM")}
    return subprocess.run(
        [SONOCUE, "bench", "live", *map(str, arguments)],
        capture_output=True, text=True, timeout=110, check=False, env=environ | {"COLUMNS": "200"} | env,
    )  # fmt: skip


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed (apt-get install xvfb)")
def test_a_whole_run_with_a_window_is_measured():
    done = bench(*SMALL, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (run,) = found["runs"]
    assert run["captured"] == pytest.approx(90, abs=2)
    assert run["recorded"] == run["captured"] and run["lost"] == 0
    assert run["guided"] + run["skipped"] == run["captured"]
    assert run["guided_share"] == pytest.approx(run["guided"] / run["captured"], abs=1e-3)
    assert 0 < run["painted"] <= run["captured"]
    for name in ("frame_to_guidance_ms", "frame_to_screen_ms"):
        figures = run[name]
        assert 0 < figures["p50"] <= figures["p95"] <= figures["p99"] <= figures["max"] < 3000
    assert list(run["stages_ms"]) == ["waiting", "screen", "preprocess", "inference", "decision", "total"]
    assert run["stages_ms"]["total"]["p50"] == pytest.approx(run["frame_to_guidance_ms"]["p50"], rel=0.03)
    assert run["times_bare"] == pytest.approx(run["frame_to_guidance_ms"]["p50"] / run["bare_ms"]["p50"], rel=0.01)
    assert {"MainThread", "record", "inference_0", "engine openvino", "phantom-reader", "sound"} <= set(
        run["core_share_of_threads"]
    )
    assert run["core_share_of_threads"]["record"] > 0
    assert run["core_share_of_processes"]["plugins.phantom.render_process"] > 0
    assert "Xvfb" in run["core_share_of_processes"]
    assert min(run["memory_mb"].values()) > 50
    assert found["median"]["frame_to_guidance_ms.p99"] == pytest.approx(run["frame_to_guidance_ms"]["p99"])
    assert found["targets"]["every_frame_recorded"] is True


def test_without_a_window_people_get_a_table():
    done = bench(*SMALL, "--no-window")
    assert done.returncode == 0, done.stderr
    assert "frame_to_guidance_ms.p50" in done.stdout
    assert "met: every_frame_recorded" in done.stdout
    assert "frame_to_screen_ms" not in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a screen")
def test_without_any_screen_it_says_how_to_measure_all_the_same(tmp_path):
    (tmp_path / "espeak-ng").symlink_to(shutil.which("espeak-ng") or pytest.skip("espeak-ng is not installed"))
    done = bench(*SMALL, PATH=str(tmp_path))
    assert done.returncode == 2
    assert "--no-window" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_what_is_no_model_is_one_line(tmp_path):
    done = bench(tmp_path / "nothing", *SMALL)
    assert done.returncode == 2
    assert "seresnext50" in done.stderr or "sonocue[train]" in done.stderr
