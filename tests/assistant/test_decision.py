"""Decisions: calibrated, filtered over time, honest when unsure."""

from pathlib import Path

import numpy as np
import pytest

from assistant.contracts import Abstention
from assistant.decision import KEEP_SHARE, TIME_CONSTANT_NS, Decider, TemporalFilter, decide, probabilities
from assistant.model_contracts import ModelBundle, Preprocessing

BUNDLE = ModelBundle(
    path=Path("model"),
    model_id="test@0",
    classes=("abdomen", "femur", "background"),
    background="background",
    preprocessing=Preprocessing((0, 0, 1, 1), 8, 8),
    temperature=1.0,
    abstain_below=0.6,
    trained_on="real",
    onnx={},
    has_gaze=False,
    golden=Path("golden.npz"),
)


def test_probabilities_follow_the_softmax_formula() -> None:
    logits = np.array([[1.0, 2.0, -3.0], [1000.0, 0.0, 999.0]], dtype=np.float32)
    expected = np.exp(logits[0] / 2) / np.exp(logits[0] / 2).sum()
    found = probabilities(logits, 2.0)
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)
    np.testing.assert_allclose(found[1], [1 / (1 + np.exp(-0.5)), 0, 1 / (1 + np.exp(0.5))], atol=1e-6)
    assert found.dtype == np.float32


def test_names_the_likely_plane_and_abstains_below_the_threshold() -> None:
    sure = decide(np.array([0.1, 0.7, 0.2], dtype=np.float32), BUNDLE)
    assert (sure.plane, sure.top, sure.abstention) == ("femur", "femur", None)
    unsure = decide(np.array([0.3, 0.5, 0.2], dtype=np.float32), BUNDLE)
    assert (unsure.plane, unsure.top, unsure.abstention) == (None, "femur", Abstention.LOW_CONFIDENCE)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_model_that_gives_no_number_is_never_a_label(bad: float) -> None:
    logits = np.array([0.0, bad, 1.0], dtype=np.float32)
    decision = decide(probabilities(logits, 1.0), BUNDLE)
    assert decision.plane is None
    assert decision.abstention is Abstention.NOT_FINITE


def test_the_filter_forgets_with_its_time_constant() -> None:
    smooth = TemporalFilter()
    first = np.array([1.0, 0.0, 0.0], dtype=np.float32)
    then = np.array([0.0, 1.0, 0.0], dtype=np.float32)
    np.testing.assert_array_equal(smooth(first, 0, (0, 0)), first)
    after = smooth(then, TIME_CONSTANT_NS, (0, 0))
    np.testing.assert_allclose(after[0], np.exp(-1), rtol=1e-5)


def test_the_filter_never_carries_over_a_scene_cut_or_a_nan() -> None:
    smooth = TemporalFilter()
    first = np.array([1.0, 0.0, 0.0], dtype=np.float32)
    then = np.array([0.0, 1.0, 0.0], dtype=np.float32)
    smooth(first, 0, (0, 0))
    np.testing.assert_array_equal(smooth(then, 1, (0, 1)), then)
    broken = np.full(3, np.nan, dtype=np.float32)
    assert np.isnan(smooth(broken, 2, (0, 1))).all()
    assert np.isfinite(smooth(then, 3, (0, 1))).all()


def course(decide_next: Decider, confidences: list[float], scene: int = 0) -> list[str | None]:
    """The plane that is named while the femur's probability takes these values, a second apart (no memory left)."""
    found = []
    for step, confidence in enumerate(confidences):
        probability = np.array([1 - confidence, confidence, 0.0], np.float32)
        found.append(decide_next(probability, step * 10**9 + scene * 10**11, (0, scene)).plane)
    return found


def test_a_named_plane_is_held_a_little_below_what_naming_it_asks() -> None:
    held, lost = BUNDLE.abstain_below * (KEEP_SHARE + 0.02), BUNDLE.abstain_below * (KEEP_SHARE - 0.02)
    assert course(Decider(BUNDLE), [held]) == [None]
    assert course(Decider(BUNDLE), [0.9, held, held, lost, held]) == ["femur", "femur", "femur", None, None]


def test_nothing_is_held_over_a_cut_an_abstention_or_forgetting() -> None:
    held = BUNDLE.abstain_below * (KEEP_SHARE + 0.02)
    decider = Decider(BUNDLE)
    assert course(decider, [0.9]) == ["femur"]
    assert course(decider, [held], scene=1) == [None]
    probability = np.array([0.1, 0.9, 0.0], np.float32)
    decider(probability, 0, (0, 2))
    stopped = decider(probability, 10**9, (0, 2), Abstention.FAST_MOTION)
    assert (stopped.plane, stopped.top, stopped.abstention) == (None, "femur", Abstention.FAST_MOTION)
    assert decider(np.array([1 - held, held, 0], np.float32), 2 * 10**9, (0, 2)).plane is None
    decider(probability, 3 * 10**9, (0, 2))
    decider.forget()
    assert decider(np.array([1 - held, held, 0], np.float32), 4 * 10**9, (0, 2)).plane is None


def test_background_is_not_held() -> None:
    decider = Decider(BUNDLE)
    assert decider(np.array([0.0, 0.1, 0.9], np.float32), 0, (0, 0)).plane == "background"
    held = BUNDLE.abstain_below * (KEEP_SHARE + 0.02)
    assert decider(np.array([0.0, 1 - held, held], np.float32), 10**9, (0, 0)).plane is None
