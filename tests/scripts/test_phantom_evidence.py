"""The evidence about the software scanner can come out against it: each script is shown a fault that it must find."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from plugins.phantom.geometry import N_BEAMS, N_SAMPLES, Sector, Viewport

SCRIPTS = Path(__file__).parents[2] / "scripts"


def load(name: str) -> ModuleType:
    """A script as a module; nobody imports ``scripts``."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclasses look there for their types
    spec.loader.exec_module(module)
    return module


speckle, sononet, shortcuts = load("phantom_speckle"), load("phantom_sononet"), load("phantom_shortcuts")


def ran(script: ModuleType, monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> dict[str, Any]:
    """What a script's command writes."""
    out = folder / "report.json"
    monkeypatch.setattr(sys, "argv", ["script", *arguments, "--json", str(out)])
    script.main()
    return json.loads(out.read_text())


def test_speckle_of_even_scatterers_is_rayleigh_and_a_coherent_echo_is_not() -> None:
    shown = speckle.images(speckle.block(1, even=True), 1, 12)
    fit = speckle.rayleigh_fit(shown, 1)
    assert fit.accepted
    assert fit.snr == pytest.approx(speckle.RAYLEIGH_SNR, abs=0.08)
    coherent = speckle.rayleigh_fit(np.hypot(shown, 1.5), 1)  # a strong echo everywhere beside the scatterers'
    assert not coherent.accepted


def test_expected_correlation_falls_from_one_to_none() -> None:
    pose = speckle.random_pose(np.random.default_rng(1))
    for column in range(3):
        shifts_mm = np.array([0.0, 0.3, 4.0])
        curve = [speckle.field_correlation(pose, shift * pose.rotation[:, column], 60.0) for shift in shifts_mm]
        assert curve[0] == pytest.approx(1.0) and 0.0 < curve[1] < 1.0 and curve[2] == pytest.approx(0.0, abs=1e-3)
    assert speckle.envelope_correlation(np.array([0.0, 1.0])) == pytest.approx([0.0, 1.0])


def test_envelope_correlation_is_that_of_correlated_fields() -> None:
    rng = np.random.default_rng(2)
    one, other = (rng.standard_normal((2, 200_000)) for _ in range(2))
    mixed = 0.7 * one + np.sqrt(1 - 0.7**2) * other
    measured = np.corrcoef(np.hypot(*one), np.hypot(*mixed))[0, 1]
    assert speckle.envelope_correlation(np.array([0.7]))[0] == pytest.approx(measured, abs=0.01)


def test_speckle_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    report = ran(speckle, monkeypatch, tmp_path, "--seeds", "2", "--frames", "3")
    widths = report["width_mm"]
    assert np.mean(widths["axial, measured"]) == pytest.approx(np.mean(widths["axial, expected"]), rel=0.12)
    moved = np.mean(report["motion"]["elevational, measured"], axis=1)
    assert moved[0] > 0.99 and abs(moved[-1]) < 0.2
    assert "| lateral, expected |" in capsys.readouterr().out


def test_the_crop_is_the_sectors_rectangle_in_the_published_shape() -> None:
    screen = np.zeros((300, 500), np.uint8)
    view = Viewport(20, 80, 240, 340, Sector(50.0, 0.5, 100.0))
    screen[view.top_px : view.top_px + view.height_px, view.left_px : view.left_px + view.width_px // 2] = 255
    crop = sononet.sector_crop(screen, view)
    assert crop.shape == (239, round(239 * 793 / 619))
    narrow = sononet.sector_crop(screen, Viewport(20, 170, 240, 160, view.sector))  # the sector is less high there
    assert narrow.shape[0] == pytest.approx(159 * 106.12 / 143.83, abs=1)
    for image in (crop, narrow):  # its left half is white
        assert np.flatnonzero(image[60] > 128).max() == pytest.approx((image.shape[1] - 1) / 2, abs=2)


def test_sononet_script(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (data_dir / "sononet" / "SonoNet16.npz").exists():
        pytest.skip(f"real test data is missing: no SonoNet16.npz in {data_dir / 'sononet'}")
    report = ran(sononet, monkeypatch, tmp_path, "--subjects", "1", "--views", "1")
    assert report["real_right"] == report["real"] > 0, "the network and its crop are as published"
    counts = np.array(report["counts"])
    assert set(counts.sum(axis=1)) <= {0, 1} and counts.sum() > 6, "one view of each plane, and of background"
    assert "| abdomen |" in capsys.readouterr().out


def table(planted: float) -> object:
    """Frames of 12 subjects with 8 visits; in a share of the visits the feature tells the plane."""
    rng = np.random.default_rng(3)
    subjects = np.repeat(np.arange(12), 24)
    visits = np.repeat(np.arange(96), 3)
    planes = np.concatenate([rng.permutation(8) for _ in range(12)])
    told = np.where(rng.random(96) < planted, planes, rng.integers(0, 8, 96))
    feature = np.eye(8)[told][visits] + 0.1 * rng.standard_normal((288, 8))
    labels = np.array([f"plane {k}" for k in planes])[visits]
    return shortcuts.PlaneFrames(subjects, visits, labels, {"feature": feature})


@pytest.mark.parametrize(("planted", "passes"), [(0.0, True), (0.5, False)])
def test_a_planted_shortcut_is_found_and_nothing_else_is(planted: float, passes: bool) -> None:
    assert shortcuts.judge(table(planted), "feature", "visits", 99).passed is passes


def test_a_voice_that_goes_with_planes_is_found() -> None:
    frames = table(0.0)
    bound = np.where(frames.subjects % 2 == 0, "plane 0", "plane 1")
    voice = (frames.subjects % 2)[:, None] + 0.0
    assert not shortcuts.judge(replace(frames, labels=bound, features={"v": voice}), "v", "subjects", 99).passed


def test_surroundings_hold_nothing_of_the_image_and_all_that_is_drawn_on_it() -> None:
    from plugins.phantom.moment import Caliper
    from plugins.phantom.scan import Scan
    from plugins.phantom.settings import ScanSettings

    scan = Scan(ScanSettings(5))
    moment = scan.path().at(1.0)

    class Renderer:
        def __init__(self, grey: int) -> None:
            self.image = np.full((N_SAMPLES, N_BEAMS), grey, np.uint8)

        def grey(self, *_: object) -> np.ndarray:
            return self.image

    measured = replace(moment, annotations=(Caliper("line", (-10.0, 40.0), (12.0, 50.0)),))
    dark = shortcuts.surroundings(scan, Renderer(0), moment)
    bright = shortcuts.surroundings(scan, Renderer(200), measured)
    assert bright["control: the image"].mean() > 20 > dark["control: the image"].mean()
    assert (bright["screen outside the sector"] == dark["screen outside the sector"]).all()
    counted = "calipers and typed text, counted and read"
    assert bright[counted][0] == 1 and not dark[counted].any()


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is missing: apt-get install espeak-ng")
def test_frames_of_a_visit_share_their_label_and_differ_in_what_is_heard() -> None:
    frames = shortcuts.plane_frames(5, 20.0)
    assert len(frames.labels) == shortcuts.FRAMES_A_VISIT * len(set(frames.visits)) > 0
    for visit in set(frames.visits):
        assert len(set(frames.labels[frames.visits == visit])) == 1
    assert "background" not in frames.labels
    assert set(frames.features) == set(shortcuts.SURROUNDINGS | shortcuts.CONTROLS)
    assert frames.features["loudness of speech"].std(axis=0).max() > 0
