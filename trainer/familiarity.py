"""What the training images were like, for the model to know what is unlike them (``assistant/in_distribution.py``).

Runs at export, on the caller's thread, through the very file that is shipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assistant.contracts import Float32Array, UInt8Array
from assistant.in_distribution import features, fit
from assistant.model_contracts import Familiarity, Preprocessing
from trainer.encoders import network_input
from trainer.onnx_files import run_onnx

TRAINING_FRAMES, VALIDATION_FRAMES = 3000, 2000
"""So many are looked at, spread evenly over all."""

LEAST_FRAMES = 200
"""Of training and of validation frames; fewer say too little."""

_AT_ONCE = 256


def measure_familiarity(
    training: UInt8Array, validation: UInt8Array, spec: Preprocessing, file: Path, threads: int
) -> Familiarity | None:
    """Mean and covariance from training frames, threshold from validation frames; None when there are too few.

    Args:
        training: ``(n, H, W)`` uint8, as the network sees them, before normalisation.
        validation: ``(m, H, W)`` uint8 of other subjects.
        spec: normalises them.
        file: the ONNX file.
        threads: that ONNX Runtime may use.
    """
    if min(len(training), len(validation)) < LEAST_FRAMES:
        return None
    vectors = [
        _features(pixels[np.unique(np.linspace(0, len(pixels) - 1, count).astype(int))], spec, file, threads)
        for pixels, count in ((training, TRAINING_FRAMES), (validation, VALIDATION_FRAMES))
    ]
    return fit(*vectors)


def _features(pixels: UInt8Array, spec: Preprocessing, file: Path, threads: int) -> Float32Array:
    rows = []
    for start in range(0, len(pixels), _AT_ONCE):
        part = pixels[start : start + _AT_ONCE]
        outputs = run_onnx(file, network_input(part[:, None], spec).numpy(), threads)
        gaze = outputs.get("gaze_logits")
        rows += [features(grey, outputs["logits"][i], None if gaze is None else gaze[i]) for i, grey in enumerate(part)]
    return np.stack(rows)
