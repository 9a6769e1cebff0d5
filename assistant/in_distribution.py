"""Whether an image is of the kind that the model was trained on: one number, from the image and the one pass.

A softmax is sure of itself on images that it knows nothing about, so confidence alone does not tell. The score is the
Mahalanobis distance (Lee et al. 2018, arXiv 1807.03888) of a short vector from the training images: statistics of the
network's input (brightness, contrast, texture at four scales, where the dark lies), the energy of the logits (Liu et
al. 2020, arXiv 2010.03759), and the entropy of the gaze map. Mean and inverse covariance stand in the model's metadata,
with the distance that 99 % of validation frames stay under. Runs on the inference thread; a tenth of a millisecond.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from assistant.contracts import Float32Array, UInt8Array
from assistant.decision import TemporalFilter
from assistant.model_contracts import Familiarity

Float64Array = npt.NDArray[np.float64]

SIDE_PX = 64
"""Statistics are taken at this size, whatever the network's."""

KEPT = 0.99
"""Share of the validation frames that stay under the threshold."""

_DARK, _BRIGHT = 0.06, 0.8
_CORNER_PX = 12
_RIDGE = 1e-3
_LEAST = 1e-4  # of an energy, before its logarithm: a flat image


def image_statistics(grey: UInt8Array) -> Float32Array:
    """What a network's input looks like, as ``(16,)`` float32.

    Args:
        grey: ``(H, W)`` uint8, cropped as the network sees it, not normalised.
    """
    image = cv2.resize(grey, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    bands: list[float] = []
    smooth: npt.NDArray[Any] = image
    for _ in range(4):
        below = cv2.pyrDown(smooth)
        detail = smooth - cv2.pyrUp(below, dstsize=(smooth.shape[1], smooth.shape[0]))
        bands.append(math.log(float(np.square(detail).mean()) + _LEAST))
        smooth = below
    across = float(np.abs(np.diff(image, axis=1)).mean()) + _LEAST
    along = float(np.abs(np.diff(image, axis=0)).mean()) + _LEAST
    c = _CORNER_PX
    middle = slice(SIDE_PX // 2 - c // 2, SIDE_PX // 2 + c // 2)
    places = (
        image[:c, :c], image[:c, -c:], image[-c:, :c], image[-c:, -c:], image[:c, middle], image[middle, middle],
        image[-c:, middle],
    )  # fmt: skip
    return np.array(
        [
            image.mean(), image.std(), (image < _DARK).mean(), (image > _BRIGHT).mean(), *bands,
            math.log(across / along), *(place.mean() for place in places),
        ],
        np.float32,
    )  # fmt: skip


def feature_count(*, has_gaze: bool) -> int:
    """How long the vector of ``features`` is."""
    return 18 if has_gaze else 17


def features(grey: UInt8Array, logits: Float32Array, gaze_logits: Float32Array | None) -> Float32Array:
    """The vector whose distance is taken: ``(17,)`` float32, or ``(18,)`` with a gaze map.

    Args:
        grey: ``(H, W)`` uint8, the network's input before normalisation.
        logits: ``(n_classes,)`` float32.
        gaze_logits: ``(h, w)`` float32, or None.
    """
    scores = [*image_statistics(grey), _log_sum_exp(logits)]
    if gaze_logits is not None:
        scores.append(_entropy(gaze_logits))
    return np.array(scores, np.float32)


def distance(vector: Float32Array, familiarity: Familiarity) -> float:
    """Mahalanobis distance over the square root of the number of features: about 1 for what is familiar.

    NaN where the vector is not finite.
    """
    off = vector.astype(np.float64) - np.asarray(familiarity.mean)
    precision = np.asarray(familiarity.precision).reshape(len(off), len(off))
    return math.sqrt(max(float(off @ precision @ off), 0.0) / len(off)) if np.isfinite(off).all() else math.nan


class FamiliarityWatch:
    """Says frame after frame whether the image is out of distribution.

    The distance is averaged over time as probabilities are (``decision.TemporalFilter``), so that a single odd frame
    does not break a dwell. A distance that is not a number is out of distribution.
    """

    def __init__(self, familiarity: Familiarity) -> None:
        self._familiarity = familiarity
        self._mean = TemporalFilter()

    def __call__(
        self, grey: UInt8Array, outputs: Mapping[str, Float32Array], captured_ns: int, scene: tuple[int, int]
    ) -> bool:
        """Whether this frame is unlike the training images.

        Args:
            grey: see ``features``.
            outputs: of the network for this frame.
            captured_ns: of this frame.
            scene: (stream, scene) of this frame.
        """
        gaze = outputs.get("gaze_logits")
        vector = features(grey, outputs["logits"][0], None if gaze is None else gaze[0])
        now = np.array([distance(vector, self._familiarity)], np.float32)
        return not float(self._mean(now, captured_ns, scene)[0]) <= self._familiarity.above


def fit(training: Float32Array, validation: Float32Array) -> Familiarity:
    """Mean and inverse covariance of the training frames, threshold from the validation frames.

    Args:
        training: ``(n, d)`` float32, n > d.
        validation: ``(m, d)`` float32.
    """
    data = training.astype(np.float64)
    spread = data.std(axis=0) + _RIDGE
    correlation = np.cov(((data - data.mean(axis=0)) / spread).T) + _RIDGE * np.eye(data.shape[1])
    precision = np.linalg.inv(correlation) / np.outer(spread, spread)
    rounded: Sequence[float] = [float(f"{value:.6g}") for value in precision.ravel()]
    known = Familiarity(tuple(float(f"{value:.6g}") for value in data.mean(axis=0)), tuple(rounded), math.inf)
    distances = [distance(vector, known) for vector in validation]
    above = float(np.quantile(distances, KEPT))
    return Familiarity(known.mean, known.precision, float(f"{above:.4g}"))


def _log_sum_exp(logits: Float32Array) -> float:
    peak = float(logits.max())
    return peak + math.log(float(np.exp(logits.astype(np.float64) - peak).sum())) if math.isfinite(peak) else math.nan


def _entropy(log_density: Float32Array) -> float:
    """Of a map, in nats."""
    if not np.isfinite(log_density).all():
        return math.nan
    density = np.exp((log_density - log_density.max()).astype(np.float64)).ravel()
    density /= density.sum()
    return float(-(density * np.log(density + 1e-30)).sum())
