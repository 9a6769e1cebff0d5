"""The benchmark of decisions follows a scan as the program does, and counts what it should."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from assistant.model_contracts import ModelBundle


def load(name: str) -> ModuleType:
    """A script as a module; nobody imports ``scripts``."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


bench = load("bench_decisions")
STEP_NS = 33_333_333


def scan(truth: list[str], shown: list[str]) -> object:
    """The model is sure of ``shown``; the pose is off by half a tolerance, and by a tenth in the middle."""
    classes = ("abdomen", "femur", "background")
    count = len(truth)
    logits = np.array([[8.0 * (name == of) for name in classes] for of in shown], np.float32)
    error = np.full(count, 0.5)
    error[count // 2] = 0.1
    return bench.Scan(
        "drawn", "test", np.arange(count) * STEP_NS, np.zeros(count, np.int64), logits, np.zeros(count),
        np.zeros(count), np.array([""] * count), np.array(truth), error,
        np.array([name if name != "background" else "femur" for name in truth]),
    )  # fmt: skip


def scored(truth: list[str], shown: list[str], bundle: ModelBundle) -> dict[str, object]:
    one = scan(truth, shown)
    found: dict[str, object] = bench.score([one], [bench.follow(one, bundle, bench.Settings())], bundle.background)
    return found


def test_a_plane_that_is_seen_at_once_is_announced_after_the_dwell(tiny_bundle: ModelBundle) -> None:
    truth = ["background"] * 60 + ["femur"] * 90 + ["background"] * 60
    found = scored(truth, truth, tiny_bundle)
    assert (found["visits"], found["announced_share"], found["announced_false_a_minute"]) == (1, 1.0, 0.0)
    assert 1.0 <= found["announced_after_s_median"] < 1.3
    assert found["named_after_s_median"] < 0.3
    assert (found["best_frames"], found["best_of_wrong_plane"], found["true_best_error_median"]) == (1, 0, 0.1)


def test_a_plane_that_is_not_there_is_a_false_announcement(tiny_bundle: ModelBundle) -> None:
    found = scored(["background"] * 180, ["background"] * 60 + ["abdomen"] * 90 + ["background"] * 30, tiny_bundle)
    assert found["visits"] == 0
    assert found["announced_false_elsewhere_a_minute"] == found["announced_false_a_minute"] > 5
    assert (found["best_frames"], found["best_of_wrong_plane"]) == (1, 1)


def test_a_missed_visit_counts_and_a_short_one_does_not(tiny_bundle: ModelBundle) -> None:
    truth = ["femur"] * 90 + ["background"] * 60 + ["femur"] * 15
    found = scored(truth, ["background"] * len(truth), tiny_bundle)
    assert (found["visits"], found["announced_share"], found["named_share"]) == (1, 0.0, 0.0)
