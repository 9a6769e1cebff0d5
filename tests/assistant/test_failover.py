"""A real engine that is made to fail, hang, or give nonsense during a run is replaced, and the gap is known."""

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from assistant.bundle import load_arrays
from assistant.clock import MonotonicClock
from assistant.config import RunConfig
from assistant.errors import BackendError
from assistant.failover import SupervisedEngine
from assistant.pipeline import start_run
from assistant.session.reader import SessionReader

pytest.importorskip("onnxruntime", reason="the extra 'live' (onnxruntime) is not installed")

# A stranger's engine: ONNX Runtime, until its nth frame (golden frames count too).
FRAIL = """
import threading
import numpy as np
from plugins.backends.onnxruntime import OnnxRuntimeBackend

let_go = threading.Event()
closed = threading.Event()


class Frail(OnnxRuntimeBackend):
    name = "frail"

    def __init__(self, threads, argument):
        super().__init__(threads)
        self._fault, _, at = argument.partition("@")
        self._left = int(at)

    def infer(self, batch):
        self._left -= 1
        outputs = super().infer(batch)
        if self._left > 0:
            return outputs
        if self._fault == "raise":
            raise ZeroDivisionError("the driver is gone")
        if self._fault == "nan":
            outputs["gaze_logits"] = outputs["gaze_logits"] * np.float32("nan")
        elif self._fault == "shape":
            outputs["logits"] = outputs["logits"][:, :2]
        elif self._fault == "missing":
            del outputs["gaze_logits"]
        elif self._fault == "none":
            return None
        elif self._fault == "list":
            return {name: array.tolist() for name, array in outputs.items()}
        elif self._fault == "text":
            outputs["logits"] = outputs["logits"].astype(str)
        elif self._fault == "infinite":
            outputs["logits"] = outputs["logits"] + np.float32("inf")
        elif self._fault == "hang":
            let_go.wait(60)
        return outputs

    def close(self):
        super().close()
        if self._left <= 0:
            closed.set()


def create(threads, argument):
    return Frail(threads, argument)
"""
WARM_UP_AND_GOLDEN = 1 + 8


@pytest.fixture
def frail(tmp_path, monkeypatch):
    """The engine ``frail:FAULT@FRAME``, installed as a package of its own."""
    folder = tmp_path / "package"
    metadata = folder / "frail-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: frail\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[sonocue.backends]\nfrail = frail_engine:create\n")
    (folder / "frail_engine.py").write_text(FRAIL)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(__import__("sys").modules, "frail_engine", raising=False)
    import frail_engine

    yield frail_engine
    frail_engine.let_go.set()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("raise", "failed: the driver is gone"),
        ("nan", "not finite"),
        ("infinite", "not finite"),
        ("shape", "logits (1, 2) float32, expected (1, 3)"),
        ("missing", "gaze_logits nothing, expected (1, 4, 5)"),
        ("none", "gave NoneType, expected outputs by name"),
        ("list", "logits list, expected (1, 3)"),
        ("text", "logits (1, 3) <U32, expected (1, 3)"),
        ("hang", "did not answer within 0.5 s"),
    ],
)
def test_an_engine_that_breaks_during_a_run_is_replaced(tiny_bundle, frail, fault, says):
    told = []
    spec = f"frail:{fault}@{WARM_UP_AND_GOLDEN + 3}"
    engine = SupervisedEngine(tiny_bundle, [spec, "onnxruntime"], 1, MonotonicClock(), hang_s=0.5)
    engine.on_replaced = told.append
    golden = load_arrays(tiny_bundle.golden)
    for index in range(6):
        outputs = engine.infer(golden["image"][index : index + 1])
        np.testing.assert_allclose(outputs["logits"], golden["logits"][index : index + 1], atol=1e-4)
        assert len(told) == (index >= 2), "it breaks on the third frame, which is answered all the same"
    (replacement,) = told
    assert says in replacement.reason
    assert engine.refusals == ()
    least_ms = 500 if fault == "hang" else 0
    assert least_ms < replacement.gap_ms < 15_000
    frail.let_go.set()
    assert frail.closed.wait(10), "an engine that was left behind is closed when it comes back"
    engine.close()
    engine.close()


def test_an_engine_that_breaks_at_its_golden_frames_is_passed_over(tiny_bundle, frail):
    engine = SupervisedEngine(tiny_bundle, ["frail:hang@3", "onnxruntime"], 1, MonotonicClock(), load_s=1.0)
    assert engine.refusals == ("frail:hang@3 (float): did not load within 1 s",)
    assert "ONNX Runtime" in engine.description
    engine.close()


def test_the_last_engine_that_fails_ends_inference_with_the_reason(tiny_bundle, frail):
    engine = SupervisedEngine(tiny_bundle, [f"frail:raise@{WARM_UP_AND_GOLDEN + 1}"], 1, MonotonicClock())
    with pytest.raises(BackendError, match=r"failed: the driver is gone, and no other engine is left"):
        engine.infer(load_arrays(tiny_bundle.golden)["image"][:1])
    engine.close()


def test_the_last_engine_may_give_what_is_not_finite(tiny_bundle, frail):
    """The decision abstains by name; to stop would take the reason away from whoever looks."""
    engine = SupervisedEngine(tiny_bundle, [f"frail:nan@{WARM_UP_AND_GOLDEN + 1}"], 1, MonotonicClock())
    assert np.isnan(engine.infer(load_arrays(tiny_bundle.golden)["image"][:1])["gaze_logits"]).all()
    engine.close()


def test_a_run_goes_on_and_its_session_holds_the_gap(tiny_bundle, frail, tmp_path, data_dir):
    cine = data_dir / "us_video" / "clarius-ocular-short.mp4"
    spec = f"frail:raise@{WARM_UP_AND_GOLDEN + 5}"
    config = RunConfig(
        source=f"file:{cine}", model=str(tiny_bundle.path), backends=(spec, "onnxruntime"), threads=1,
        record=tmp_path / "recordings", lockstep=True, seconds=1,
    )  # fmt: skip
    run = start_run(config)
    assert run.wait(60)
    summary = run.summary()
    assert not run.failed
    assert summary["guided"] == summary["captured"] >= 20
    assert "the driver is gone" in summary["faults"][0] and "took over after" in summary["faults"][0]
    assert summary["engine"].startswith(f"{tiny_bundle.model_id} on ONNX Runtime")
    reader = SessionReader(Path(summary["session"]))
    (event,) = [e for e in reader.timeline("event") if e.data["event"] == "engine replaced"]
    assert event.data["reason"] == "failed: the driver is gone"
    assert event.data["to_ns"] - event.data["from_ns"] == pytest.approx(event.data["gap_ms"] * 1e6, rel=1e-3)
    assert json.dumps(event.data)


def live_run_with(spec, others, tiny_bundle, tmp_path, data_dir):
    """A live run of some seconds, at which somebody looks all the time. Returns its summary, session and snapshots."""
    cine = data_dir / "us_video" / "butterfly-ocular-phantom.mp4"
    config = RunConfig(
        source=f"file:{cine}", model=str(tiny_bundle.path), backends=(spec, *others), threads=1,
        record=tmp_path / "recordings", seconds=4, watch_screen=False,
    )  # fmt: skip
    run = start_run(config)
    seen = []
    while not run.wait(0.01):
        seen.append(run.snapshot())
    return run, SessionReader(Path(run.summary()["session"])), seen


def newest_without_guidance(seen):
    """Longest time between frames, in ns, for which the newest image stood without guidance, after the first had it."""
    times = [(snapshot.frame.captured_ns, snapshot.guidance is not None) for snapshot in seen if snapshot.frame]
    first = next(n for n, (_, guided) in enumerate(times) if guided)
    longest_ns, since_ns = 0, times[first][0]
    for captured_ns, guided in times[first:]:
        since_ns = captured_ns if guided else since_ns
        longest_ns = max(longest_ns, captured_ns - since_ns)
    return longest_ns


@pytest.mark.parametrize("fault", ["raise", "hang", "shape", "none"])
def test_live_a_failing_engine_never_leaves_a_label_behind(fault, tiny_bundle, frail, tmp_path, data_dir, monkeypatch):
    monkeypatch.setattr("assistant.pipeline.HANG_S", 0.6)
    spec = f"frail:{fault}@{WARM_UP_AND_GOLDEN + 12}"
    run, session, seen = live_run_with(spec, ["onnxruntime"], tiny_bundle, tmp_path, data_dir)
    summary = run.summary()
    assert not run.failed
    assert summary["captured"] == summary["recorded"] == len(session.frame_indices) > 30
    assert "took over after" in summary["faults"][0]
    guided = [snapshot for snapshot in seen if snapshot.guidance is not None]
    assert all(0 <= snapshot.guidance_age_ms <= 150 for snapshot in guided)
    assert guided[-1].guidance.ready_ns > guided[0].guidance.ready_ns
    if fault == "hang":
        assert newest_without_guidance(seen) > 300e6, "while it hung, its last label was withdrawn"


def test_live_without_any_engine_left_the_label_goes_and_recording_goes_on(tiny_bundle, frail, tmp_path, data_dir):
    run, session, seen = live_run_with(f"frail:raise@{WARM_UP_AND_GOLDEN + 12}", [], tiny_bundle, tmp_path, data_dir)
    summary = run.summary()
    assert run.failed
    assert "no other engine is left" in summary["faults"][0]
    assert summary["captured"] == summary["recorded"] == len(session.frame_indices) > 30
    assert any(snapshot.guidance is not None for snapshot in seen)
    assert all(snapshot.guidance_age_ms <= 150 for snapshot in seen if snapshot.guidance is not None)
    assert all(snapshot.guidance is None for snapshot in seen[-20:])


def test_no_thread_stays_behind(tiny_bundle):
    before = set(threading.enumerate())
    engine = SupervisedEngine(tiny_bundle, ["onnxruntime"], 1, MonotonicClock())
    engine.close()
    deadline_s = time.monotonic() + 10
    while set(threading.enumerate()) - before and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert set(threading.enumerate()) - before == set()
