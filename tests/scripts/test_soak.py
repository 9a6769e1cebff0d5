"""The soak in small: after a run nothing is left open. Memory wants more frames than a test has time for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openvino", reason="the extra 'live' (openvino) is not installed")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import soak

SCRIPT = Path(soak.__file__)


@pytest.mark.skipif(sys.platform != "linux", reason="handles and memory are read from Linux's /proc")
def test_a_run_leaves_no_handle_and_no_thread() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--frames", "300", "--every", "50", "--source", "phantom:1,size=320x240"],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    found = json.loads(done.stdout)
    assert found["before"]["handles"] > 0
    assert found["left"].keys() == {"handles", "threads", "native_threads"}
    assert max(found["left"].values()) <= 0
    assert [number for number, _ in found["memory_mb"]] == [50, 100, 150, 200, 250, 300]
    assert all(memory > 50 for _, memory in found["memory_mb"])


def test_a_handle_that_stays_open_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "SETTLED_WITHIN_S", 0.2)
    before = soak.counted()
    with (tmp_path / "left").open("w"):
        assert soak.settled(before)["handles"] == before["handles"] + 1
    assert soak.settled(before)["handles"] == before["handles"]


def test_growth_is_the_slope_of_the_second_half() -> None:
    filling = [(10_000 * step, 300.0 + 20 * step) for step in range(1, 5)]
    growing = [(10_000 * step, 400.0 + 2.5 * step) for step in range(5, 9)]
    assert soak.growth_mb([*filling, *growing]) == pytest.approx(2.5)
    assert soak.growth_mb(filling) is None
