"""A machine that is really too slow for a model goes on with a smaller one, visibly, and never back by itself."""

import time
from pathlib import Path

import numpy as np
import pytest

from assistant.bundle import default_model_path, load_arrays, read_bundle, write_bundle
from assistant.config import load_config
from assistant.contracts import Decision, Guidance
from assistant.pipeline import start_run
from assistant.session.reader import SessionReader
from assistant.stepping_down import LEAST_GUIDED_SHARE, PATIENCE_NS, KeepingUp
from tests.sonocue_command import run_sonocue

pytest.importorskip("onnxruntime", reason="the extra 'live' (onnxruntime) is not installed")

MS = 1_000_000

# A stranger's engine: ONNX Runtime, which computes on for 110 ms with each frame of the model called "full".
LABOURING = """
import time
import numpy as np
from plugins.backends.onnxruntime import OnnxRuntimeBackend


class Labouring(OnnxRuntimeBackend):
    name = "labouring"

    def load(self, bundle, precision):
        self._is_full = bundle.model_id.startswith("full@")
        return super().load(bundle, precision)

    def infer(self, batch):
        outputs = super().infer(batch)
        until = time.perf_counter() + 0.11
        square = np.ones((200, 200), np.float32)
        while self._is_full and time.perf_counter() < until:
            square @ square
        return outputs


def create(threads):
    return Labouring(threads)
"""


@pytest.fixture
def labouring(tmp_path, monkeypatch):
    """The engine ``labouring``, installed as a package of its own."""
    folder = tmp_path / "package"
    metadata = folder / "labouring-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: labouring\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[sonocue.backends]\nlabouring = labouring_engine:create\n")
    (folder / "labouring_engine.py").write_text(LABOURING)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(__import__("sys").modules, "labouring_engine", raising=False)


@pytest.fixture
def full(tmp_path):
    """The default model under another name: the one that the engine labours with."""
    model = read_bundle(default_model_path())
    return write_bundle(
        tmp_path / "full",
        name="full",
        classes=model.classes,
        background=model.background,
        preprocessing=model.preprocessing,
        temperature=model.temperature,
        abstain_below=model.abstain_below,
        trained_on=model.trained_on,
        training_data="as the default model",
        onnx=model.onnx,
        golden=load_arrays(model.golden),
        card="# full\n",
    )


def test_a_run_that_is_too_slow_steps_down_once_and_says_so(labouring, full, tmp_path):
    small = read_bundle(default_model_path())
    models = []
    config = load_config(
        None,
        {
            "source": "phantom:1,size=320x240", "model": str(full.path), "smaller_model": "default",
            "backends": ("labouring",), "threads": 1, "record": tmp_path / "recordings", "seconds": 30,
        },
    )  # fmt: skip
    run = start_run(config, on_guidance=lambda guidance: models.append(guidance.model_id))
    deadline_s = time.monotonic() + 25
    while models.count(small.model_id) < 30 and time.monotonic() < deadline_s and not run.wait(0.05):
        pass
    shown = run.snapshot()
    run.stop()
    assert run.wait(20)
    assert not run.failed
    first_small = models.index(small.model_id)
    assert set(models[:first_small]) == {full.model_id}
    assert set(models[first_small:]) == {small.model_id}, "never back by itself"
    assert shown.engine.startswith(f"{small.model_id} on ")
    (notice,) = [line for line in shown.notices if "Stepped down" in line]
    assert full.model_id in notice and small.model_id in notice and "only with a new run" in notice

    summary = run.summary()
    assert summary["recorded"] == summary["captured"] and summary["lost"] == 0
    reader = SessionReader(Path(summary["session"]))
    (event,) = [e for e in reader.timeline("event") if e.data["event"] == "stepped down"]
    told = event.data
    assert (told["from"], told["to"]) == (full.model_id, small.model_id)
    assert told["guided_share"] < LEAST_GUIDED_SHARE
    assert told["took_ms"] > 110
    assert told["slow_for_s"] >= PATIENCE_NS / 1e9
    guided = list(reader.timeline("guidance"))
    assert [line.data["model_id"] for line in guided] == models
    ready_ns = [line.data["ready_ns"] for line in guided]
    assert told["gap_ms"] == pytest.approx((ready_ns[first_small] - ready_ns[first_small - 1]) / 1e6, abs=0.01)
    assert told["gap_ms"] < 1000, "it was loaded in advance"


def test_lockstep_waits_and_never_steps_down(labouring, full, tmp_path):
    """Nobody waits there, and two runs must agree: the smaller model is not even loaded."""
    models = []
    settings = {
        "source": "phantom:1,size=320x240", "model": str(full.path), "smaller_model": str(tmp_path / "none"),
        "backends": ("labouring",), "threads": 1, "lockstep": True, "seconds": 1,
    }  # fmt: skip
    config = load_config(None, settings).model_copy(update={"record": None})
    run = start_run(config, on_guidance=lambda guidance: models.append(guidance.model_id))
    assert run.wait(60)
    assert models == [full.model_id] * 30


def test_a_smaller_model_of_other_planes_is_refused_by_one_line(tiny_bundle, tmp_path):
    status, out, err = run_sonocue(
        "live", "--source", "phantom:1", "--model", "default", "--smaller", tiny_bundle.path, "--headless", "--json",
        folder=tmp_path,
    )  # fmt: skip
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "smaller model" in err and "abdomen" in err and "one class list" in err
    assert list(tmp_path.iterdir()) == []


def guidance_at(ready_ms: float) -> Guidance:
    """Of a source that is a second late: no matter."""
    ready_ns = round(ready_ms * MS)
    return Guidance(
        0, ready_ns - 1000 * MS, 0, 0, ready_ns, np.ones(2, np.float32) / 2,
        Decision("femur", "femur", 0.9), None, (0, 0, 1, 1), "full@0",
    )  # fmt: skip


def slow_after(gaps_ms: list[float], *, took_ms: float, frame_ms: float = 1000 / 30) -> float | None:
    """Seconds until slowness is told, of guidance with these gaps while frames come every ``frame_ms``."""
    keeps_up = KeepingUp(150.0)
    now_ms = skipped = 0.0
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        skipped += max(gap_ms / frame_ms - 1, 0)
        if keeps_up(guidance_at(now_ms), round((now_ms - took_ms) * MS), round(skipped)) is not None:
            return now_ms / 1000
    return None


def test_slow_answers_again_and_again_count_after_three_seconds():
    assert slow_after([100.0] * 100, took_ms=100) == pytest.approx(3.2, abs=0.2)
    assert slow_after([4000.0] * 10, took_ms=4000) == pytest.approx(12.0), "the third of answers that take so long"


def test_guidance_that_takes_too_long_to_be_shown_counts_however_many_frames_are_guided():
    assert slow_after([200.0] * 100, took_ms=190, frame_ms=200) == pytest.approx(3.4, abs=0.3)


@pytest.mark.parametrize(
    ("gaps_ms", "took_ms"),
    [
        pytest.param([1000 / 30] * 300, 20, id="every frame"),
        pytest.param([1000 / 15] * 300, 60, id="every second frame"),
        pytest.param([1000 / 30] * 60 + [2500] + [1000 / 30] * 300, 20, id="one hang"),
        pytest.param(([1000 / 30] * 30 + [100] * 20) * 6, 20, id="slow for two seconds now and then"),
    ],
)
def test_a_machine_that_keeps_up_stays(gaps_ms, took_ms):
    assert slow_after(gaps_ms, took_ms=took_ms) is None
