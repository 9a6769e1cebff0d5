"""What the training images were like is measured through the shipped network, and not from a handful of frames."""

import numpy as np
import pytest

from assistant.in_distribution import distance, features
from assistant.model_contracts import ModelBundle
from trainer.familiarity import LEAST_FRAMES, measure_familiarity
from trainer.onnx_files import run_onnx


def drawn(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 120, (count, 32, 40)).astype(np.uint8)


def test_most_validation_frames_stay_under_the_threshold(tiny_bundle: ModelBundle) -> None:
    file, spec = tiny_bundle.onnx["float"], tiny_bundle.preprocessing
    known = measure_familiarity(drawn(400, 0), drawn(400, 1), spec, file, 1)
    assert known is not None

    def away(pixels: np.ndarray) -> list[float]:
        image = ((pixels.astype(np.float32) - spec.mean) / spec.std)[:, None]
        outputs = run_onnx(file, image, 1)
        return [
            distance(features(grey, outputs["logits"][i], outputs["gaze_logits"][i]), known)
            for i, grey in enumerate(pixels)
        ]

    assert np.mean([found <= known.above for found in away(drawn(400, 1))]) == pytest.approx(0.99, abs=0.005)
    assert min(away(np.zeros((2, 32, 40), np.uint8))) > known.above


def test_a_few_frames_say_nothing(tiny_bundle: ModelBundle) -> None:
    file, spec = tiny_bundle.onnx["float"], tiny_bundle.preprocessing
    assert measure_familiarity(drawn(LEAST_FRAMES - 1, 0), drawn(400, 1), spec, file, 1) is None
    assert measure_familiarity(drawn(400, 0), drawn(LEAST_FRAMES - 1, 1), spec, file, 1) is None
