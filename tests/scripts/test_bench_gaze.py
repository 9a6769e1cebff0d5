"""The gaze benchmark on few images for a few steps; it can come out for the model and against it."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest


def load(name: str) -> ModuleType:
    """A script as a module; nobody imports ``scripts``."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


bench = load("bench_gaze")


def ran(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> dict[str, Any]:
    out = folder / "report.json"
    monkeypatch.setattr(sys, "argv", ["bench_gaze.py", *arguments, "--json", str(out)])
    assert bench.main() == 0
    report: dict[str, Any] = json.loads(out.read_text())
    return report


@pytest.fixture
def spots(tmp_path: Path) -> Path:
    """Twenty images of one bright spot on grey noise, anywhere, and fixations on it; in the layout of the real set."""
    rng = np.random.default_rng(0)
    (tmp_path / "stimuli").mkdir()
    with (tmp_path / "fixations.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "observer", "y_px", "x_px", "onset_s", "duration_s"])
        for number in range(20):
            image = rng.normal(70, 12, (64, 96))
            x, y = rng.uniform(12, 84), rng.uniform(8, 56)
            columns, rows = np.meshgrid(np.arange(96) - x, np.arange(64) - y)
            image[(columns / 6) ** 2 + (rows / 4) ** 2 < 1] = 240
            cv2.imwrite(str(tmp_path / "stimuli" / f"{number}.png"), np.clip(image, 0, 255).astype(np.uint8))
            for _ in range(10):
                at = (y + rng.normal(0, 2), x + rng.normal(0, 3))
                table.writerow([f"{number}.png", 0, *at, 0.5, 0.2])
            table.writerow([f"{number}.png", 0, -3.0, 20.0, 0.9, 0.2])  # beside the screen
    return tmp_path


def test_where_there_is_something_to_learn_the_model_beats_centre_bias(
    spots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = ran(
        monkeypatch, tmp_path, "--data", str(spots), "--folds", "2", "--epochs", "60", "--size", "64", "--images", "20"
    )
    for fold in report["folds"]:
        assert fold["model"]["nss"] > fold["centre_bias"]["nss"] + 0.5
        assert fold["model"]["kl"] < fold["centre_bias"]["kl"]
        assert fold["model"]["information_gain"] > 0
        assert fold["centre_bias"]["information_gain"] == 0
    assert report["stated"]["gaze_map_px"] == [16, 16]
    printed = capsys.readouterr().out
    assert "| | model is better in | 2 of 2 |" in printed
    assert "200 fixations" in printed, "those beside the screen are left out"


def test_untrained_it_does_not(spots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = ran(monkeypatch, tmp_path, "--data", str(spots), "--folds", "2", "--epochs", "1", "--size", "64")
    assert all(fold["model"]["nss"] < fold["centre_bias"]["nss"] for fold in report["folds"])


def test_on_real_photographs_the_same_seed_gives_the_same_figures(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = data_dir / "human_fixations_scene500"
    if not folder.is_dir():
        pytest.skip(f"real fixations are not there: {folder}")
    arguments = ("--data", str(folder), "--folds", "3", "--epochs", "2", "--images", "12", "--size", "64")
    first, again = (ran(monkeypatch, tmp_path, *arguments) for _ in range(2))
    assert first["folds"] == again["folds"]
    for fold in first["folds"]:
        assert set(fold["model"]) == set(bench.METRICS)
        assert all(np.isfinite(list(row.values())).all() for row in fold.values())
        assert fold["centre_bias"]["nss"] > 0.5, "people look at the middle"


def test_bad_input_is_one_line_and_status_2(
    spots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, told in (
        (["--data", str(tmp_path / "nowhere")], "fixations.csv"),
        (["--data", str(spots), "--folds", "21"], "expected 2 to 20"),
        (["--data", str(spots), "--size", "50"], "multiple of 32"),
    ):
        monkeypatch.setattr(sys, "argv", ["bench_gaze.py", *arguments])
        with pytest.raises(SystemExit) as stopped:
            bench.main()
        assert stopped.value.code == 2
        assert told in capsys.readouterr().err
