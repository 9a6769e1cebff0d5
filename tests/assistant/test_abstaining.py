"""What is unlike the training images, and what moves too fast, abstains by name."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from assistant.bundle import METADATA, default_model_path, read_bundle, set_familiarity
from assistant.clock import MonotonicClock
from assistant.contracts import Abstention, Frame, UInt8Array
from assistant.errors import ModelError
from assistant.failover import SupervisedEngine
from assistant.in_distribution import FamiliarityWatch, distance, feature_count, features, fit, image_statistics
from assistant.inference import InferenceStep
from assistant.latency import LatencyLog
from assistant.model_contracts import Familiarity, ModelBundle
from assistant.motion import APART_NS, FAST, MotionMeter

MS = 1_000_000
STEP_NS = APART_NS // 3


def vectors(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(18, 18))
    return (rng.normal(size=(count, 18)) @ mixing + 5).astype(np.float32)


def test_the_distance_is_mahalanobis_and_the_threshold_keeps_99_percent() -> None:
    training, validation = vectors(4000, 0), vectors(1000, 1)
    known = fit(training, validation)
    off = validation[0].astype(np.float64) - training.mean(axis=0)
    expected = np.sqrt(off @ np.linalg.inv(np.cov(training.T.astype(np.float64))) @ off / 18)
    assert distance(validation[0], known) == pytest.approx(expected, rel=0.02)
    assert np.mean([distance(vector, known) <= known.above for vector in validation]) == pytest.approx(0.99, abs=0.002)
    assert distance(validation[0] + 100, known) > 10 * known.above
    assert np.isnan(distance(np.full(18, np.nan, np.float32), known))


@pytest.mark.parametrize("grey", [0, 255])
def test_a_flat_image_has_statistics(grey: int) -> None:
    flat = image_statistics(np.full((40, 56), grey, np.uint8))
    assert np.isfinite(flat).all()
    assert len(flat) + 1 == feature_count(has_gaze=False)


def test_a_single_odd_frame_is_smoothed_away_and_a_stay_is_not() -> None:
    logits = {"logits": np.zeros((1, 3), np.float32)}
    rng = np.random.default_rng(0)
    usual = [rng.integers(60, 90, (64, 64), np.uint8) for _ in range(40)]
    known = fit(*[np.stack([features(each, logits["logits"][0], None) for each in usual])] * 2)
    watch = FamiliarityWatch(replace(known, above=3 * known.above))
    odd = usual[0] + np.uint8(30)
    assert distance(features(odd, logits["logits"][0], None), known) > 3 * known.above
    one_odd = [*usual[:10], odd, *usual[10:]]
    assert not any(watch(grey, logits, index * STEP_NS, (0, 0)) for index, grey in enumerate(one_odd) if index != 10)
    black = np.zeros((64, 64), np.uint8)
    assert watch(black, logits, 0, (0, 1)), "a new scene begins anew"
    nothing = {"logits": np.full((1, 3), np.nan, np.float32)}
    assert watch(usual[0], nothing, 10**9, (0, 1)), "no number is no assurance"


def test_what_is_like_the_training_images_stands_in_the_model(tiny_bundle: ModelBundle, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "tiny"
    shutil.copytree(tiny_bundle.path, folder)
    assert tiny_bundle.familiarity is None, "a model without still loads"
    known = fit(vectors(500, 0), vectors(500, 1))
    changed = set_familiarity(folder, known)
    assert changed.familiarity == known
    assert read_bundle(folder).model_id != tiny_bundle.model_id
    before = (folder / METADATA).read_bytes()
    with pytest.raises(ModelError, match="familiarity: expected 18"):
        set_familiarity(folder, Familiarity((0.0,), (1.0,), 1.0))
    with pytest.raises(ModelError, match="precision"):
        set_familiarity(folder, replace(known, precision=known.precision[1:]))
    assert (folder / METADATA).read_bytes() == before


def sector(shift_px: float, rng: np.random.Generator | None = None) -> UInt8Array:
    """A smooth textured picture that is moved sideways."""
    texture = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 256, (240, 900)).astype(np.float32), (0, 0), 9)
    texture = cv2.normalize(texture, None, 20, 230, cv2.NORM_MINMAX)
    moved = cv2.warpAffine(texture, np.float32([[1, 0, -shift_px], [0, 1, 0]]), (320, 240), borderMode=cv2.BORDER_WRAP)
    return moved.astype(np.uint8)


def test_motion_grows_with_speed_and_not_with_the_frame_rate() -> None:
    def measured(px_per_s: float, fps: float) -> float:
        meter = MotionMeter()
        times_s = np.arange(0, 0.5, 1 / fps)
        return [meter(Frame(i, round(t * 1e9), sector(px_per_s * t)), 0) for i, t in enumerate(times_s)][-1]

    still, slow, quick = (measured(speed, 30) for speed in (0, 30, 300))
    assert still == 0 < slow < FAST < quick
    assert measured(300, 60) == pytest.approx(quick, rel=0.15)
    assert measured(300, 10) == pytest.approx(quick, rel=0.15)


def test_motion_is_not_measured_over_a_cut_or_a_gap() -> None:
    meter = MotionMeter()
    meter(Frame(0, 0, sector(0)), 0)
    assert meter(Frame(1, 4 * STEP_NS, sector(200)), 1) == 0
    assert meter(Frame(2, 4 * STEP_NS + 10**9, sector(0)), 1) == 0
    assert meter(Frame(3, 8 * STEP_NS + 10**9, sector(200)), 1) > FAST


def step_of(bundle: ModelBundle) -> InferenceStep:
    clock = MonotonicClock()
    engine = SupervisedEngine(bundle, ("openvino", "onnxruntime"), 1, clock)
    return InferenceStep(bundle, engine.infer, clock, LatencyLog())


def test_fast_motion_abstains_by_name_and_a_still_image_does_not(tiny_bundle: ModelBundle) -> None:
    step = step_of(tiny_bundle)
    reasons = []
    for index in range(12):
        shift = 0 if index < 6 else 20 * (index - 5)
        reasons.append(step(Frame(index, index * 33 * MS, sector(shift)), 0, 0).decision.abstention)
    assert Abstention.FAST_MOTION not in reasons[:6]
    assert reasons[-1] is Abstention.FAST_MOTION


def test_the_default_model_abstains_on_what_it_was_not_trained_on(data_dir: Path) -> None:
    pytest.importorskip("openvino", reason="the extra 'live' (openvino) is not installed")
    bundle = read_bundle(default_model_path())
    assert bundle.familiarity is not None
    photographs = sorted((data_dir / "human_fixations_scene500" / "stimuli").glob("*.jpg"))[:20]
    pictures = [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in photographs]
    rng = np.random.default_rng(0)
    pictures += [rng.integers(0, 256, (480, 640), np.uint8), np.zeros((480, 640), np.uint8)]
    step = step_of(bundle)
    for scene, picture in enumerate(pictures):
        guidance = step(Frame(scene, scene * 10**9, picture.astype(np.uint8)), scene, 0)
        assert guidance.decision.abstention is Abstention.OUT_OF_DISTRIBUTION
        assert guidance.decision.plane is None and guidance.gaze_map is None
