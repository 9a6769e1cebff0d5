"""Plane metrics and gaze metrics: one definition for training, evaluation and trainees.

Pure NumPy, any thread. Two families:

- **Planes**: confusion matrix, precision, recall and F1 per class, and their macro means with and without background.
- **Gaze**: how well a predicted saliency map fits where people looked. Maps are ``(h, w)``, non-negative; fixation
  points are ``(n, 2)`` as (x, y) in pixels of the map, ``(0, 0)`` the centre of its top left pixel.

Sources of the definitions:

- Bylinskii et al. 2018, *What do different evaluation metrics tell us about saliency models?*, IEEE TPAMI 41(3).
- Kuemmerer, Wallis, Bethge 2018, *Saliency benchmarking made easy: separating models, maps and metrics*, ECCV.
- Kuemmerer, Wallis, Bethge 2015, *Information-theoretic model comparison unifies saliency metrics*, PNAS 112(52).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

EPSILON = float(np.finfo(np.float64).eps)
"""Regularises KL and information gain where a density is zero: 2.2e-16. State it with every figure."""


# --------------------------------------------------------------------------------------------------------------------
# Planes
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class PlaneScores:
    """Scores of a classifier over standard planes.

    Attributes:
        confusion: ``(n_classes, n_classes)`` int64, rows are the truth, columns the prediction.
        precision, recall, f1: ``(n_classes,)`` float64 in [0, 1]; NaN for a class that neither occurs nor is predicted.
        macro_precision, macro_recall, macro_f1: means over all classes that occur or are predicted.
        macro_f1_planes: the same mean of F1 without the background class.
        accuracy: share of frames whose class is right.
    """

    confusion: Int64Array
    precision: Float64Array
    recall: Float64Array
    f1: Float64Array
    macro_precision: float
    macro_recall: float
    macro_f1: float
    macro_f1_planes: float
    accuracy: float


def confusion_matrix(truth: npt.ArrayLike, predicted: npt.ArrayLike, n_classes: int) -> Int64Array:
    """Counts of (truth, prediction), ``(n_classes, n_classes)`` int64, rows are the truth.

    Args:
        truth: ``(n,)`` class numbers in [0, n_classes).
        predicted: ``(n,)`` class numbers in [0, n_classes).
        n_classes: how many classes there are.

    Raises:
        ValueError: the shapes differ, or a class number is out of range.
    """
    truth, predicted = np.asarray(truth, np.int64), np.asarray(predicted, np.int64)
    if truth.shape != predicted.shape or truth.ndim != 1:
        raise ValueError(f"expected two (n,) arrays, got {truth.shape} and {predicted.shape}")
    both = np.concatenate([truth, predicted])
    if both.size and (both.min() < 0 or both.max() >= n_classes):
        raise ValueError(f"class numbers must be in [0, {n_classes}), got {both.min()} to {both.max()}")
    counts = np.bincount(truth * n_classes + predicted, minlength=n_classes * n_classes)
    return counts.reshape(n_classes, n_classes).astype(np.int64)


def plane_scores(confusion: Int64Array, background: int | None) -> PlaneScores:
    """Precision, recall and F1 from a confusion matrix.

    A class that occurs but is never predicted has precision 0, one that is predicted but never occurs has recall 0 (so
    both count in the macro means, as F1 = 0); a class that does neither is undefined (NaN) and left out of the means.

    Args:
        confusion: ``(n_classes, n_classes)`` counts, rows are the truth.
        background: number of the class that ``macro_f1_planes`` leaves out, or None.
    """
    hits = np.diag(confusion).astype(np.float64)
    occurs, named = confusion.sum(axis=1).astype(np.float64), confusion.sum(axis=0).astype(np.float64)
    defined = occurs + named > 0
    precision = np.where(defined, hits / np.maximum(named, 1), np.nan)
    recall = np.where(defined, hits / np.maximum(occurs, 1), np.nan)
    f1 = np.where(defined, 2 * hits / np.maximum(occurs + named, 1), np.nan)
    planes = defined.copy()
    if background is not None:
        planes[background] = False
    return PlaneScores(
        confusion=confusion,
        precision=precision,
        recall=recall,
        f1=f1,
        macro_precision=_mean(precision[defined]),
        macro_recall=_mean(recall[defined]),
        macro_f1=_mean(f1[defined]),
        macro_f1_planes=_mean(f1[planes]),
        accuracy=float(hits.sum() / max(confusion.sum(), 1)),
    )


# --------------------------------------------------------------------------------------------------------------------
# Gaze: from fixation points to a density
# --------------------------------------------------------------------------------------------------------------------


def fixation_density(points: npt.ArrayLike, shape: tuple[int, int], sigma_px: float) -> Float64Array:
    """Fixations blurred by an isotropic Gaussian, ``(h, w)``, sums to 1.

    The Gaussian is evaluated exactly (not cut off), and what falls outside the map is given back to the inside.

    Args:
        points: ``(n, 2)`` (x, y) in pixels of the map, n >= 1; need not be whole numbers.
        shape: (h, w) of the map.
        sigma_px: standard deviation, commonly about 1 degree of visual angle.

    Raises:
        ValueError: there is no point.
    """
    points = np.asarray(points, np.float64).reshape(-1, 2)
    if not len(points):
        raise ValueError("expected at least one fixation, got none")
    height, width = shape
    columns = np.exp(-0.5 * ((np.arange(width) - points[:, :1]) / sigma_px) ** 2)
    rows = np.exp(-0.5 * ((np.arange(height) - points[:, 1:]) / sigma_px) ** 2)
    return as_density(rows.T @ columns)


def as_density(saliency: npt.ArrayLike) -> Float64Array:
    """A non-negative map divided by its sum; a map of zeros becomes uniform."""
    saliency = np.asarray(saliency, np.float64)
    total = saliency.sum()
    return saliency / total if total > 0 else np.full(saliency.shape, 1.0 / saliency.size)


# --------------------------------------------------------------------------------------------------------------------
# Gaze: density against density
# --------------------------------------------------------------------------------------------------------------------


def kl_divergence(truth: npt.ArrayLike, prediction: npt.ArrayLike, epsilon: float = EPSILON) -> float:
    """KL(truth || prediction) in nats; 0 is best (Bylinskii 2018).

    ``sum_i t_i log(epsilon + t_i / (epsilon + p_i))`` over two maps that sum to 1.
    """
    t, p = as_density(truth), as_density(prediction)
    return float(np.sum(t * np.log(epsilon + t / (epsilon + p))))


def correlation(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """CC: Pearson's correlation of two maps, in [-1, 1] (Bylinskii 2018); 0 when one is constant."""
    t, p = _standardised(truth), _standardised(prediction)
    return float(np.mean(t * p))


def similarity(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """SIM: histogram intersection of two maps that sum to 1, in [0, 1] (Bylinskii 2018)."""
    return float(np.minimum(as_density(truth), as_density(prediction)).sum())


# --------------------------------------------------------------------------------------------------------------------
# Gaze: fixation points against density
# --------------------------------------------------------------------------------------------------------------------


def nss(points: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Normalised scanpath saliency: the mean at the fixations of the map with mean 0 and standard deviation 1.

    Bylinskii 2018. Chance is 0, which a constant map gets too. Repeated fixations count again.

    Raises:
        ValueError: there is no point, or a point lies outside the map.
    """
    standardised = _standardised(prediction)
    rows, columns = _pixels(points, standardised.shape)
    return float(standardised[rows, columns].mean())


def auc_judd(points: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """AUC-Judd: area under the ROC curve that tells fixated from all other pixels; chance is 0.5.

    Bylinskii 2018; a pixel that was fixated twice counts once. The area is exact (thresholds at every value of the map,
    ties count half); thresholds at the fixated values alone, as benchmarks sample them, favour frames with few.

    Raises:
        ValueError: there is no point, a point lies outside the map, or every pixel is fixated.
    """
    prediction = np.asarray(prediction, np.float64)
    fixated = np.zeros(prediction.shape, bool)
    fixated[_pixels(points, prediction.shape)] = True
    if fixated.all():
        raise ValueError("AUC-Judd needs a pixel that is not fixated, got a map that is fixated everywhere")
    return _auc(prediction[fixated], prediction[~fixated])


def auc_shuffled(points: npt.ArrayLike, other_points: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Shuffled AUC: tells fixations on this image from fixations on other images, so centre bias earns nothing.

    Bylinskii 2018, with all of ``other_points`` as negatives instead of random splits of them.

    Raises:
        ValueError: one of the sets is empty, or a point lies outside the map.
    """
    prediction = np.asarray(prediction, np.float64)
    return _auc(
        prediction[_pixels(points, prediction.shape)],
        prediction[_pixels(other_points, prediction.shape)],
    )


def information_gain(
    points: npt.ArrayLike, prediction: npt.ArrayLike, baseline: npt.ArrayLike, epsilon: float = EPSILON
) -> float:
    """Information gain over ``baseline`` (commonly centre bias), in bits a fixation; above 0 is better than it.

    Kuemmerer 2015; Bylinskii 2018: the mean at the fixations of log2(epsilon + p) - log2(epsilon + b).

    Raises:
        ValueError: there is no point, or a point lies outside the map.
    """
    p, b = as_density(prediction), as_density(baseline)
    at = _pixels(points, p.shape)
    return float(np.mean(np.log2(epsilon + p[at]) - np.log2(epsilon + b[at])))


def gaze_scores(
    points: npt.ArrayLike,
    truth: npt.ArrayLike,
    prediction: npt.ArrayLike,
    baseline: npt.ArrayLike,
    other_points: npt.ArrayLike,
) -> dict[str, float]:
    """All gaze metrics of one image by name: kl, nss, auc_judd, auc_shuffled, cc, sim, information_gain.

    Args:
        points: ``(n, 2)`` fixations on this image.
        truth: ``(h, w)`` density of them.
        prediction: ``(h, w)`` density to judge.
        baseline: ``(h, w)`` density that information gain is counted from, commonly centre bias.
        other_points: ``(m, 2)`` fixations on other images, for shuffled AUC.

    Raises:
        ValueError: one of the sets is empty, or a point lies outside the map.
    """
    return {
        "kl": kl_divergence(truth, prediction),
        "nss": nss(points, prediction),
        "auc_judd": auc_judd(points, prediction),
        "auc_shuffled": auc_shuffled(points, other_points, prediction),
        "cc": correlation(truth, prediction),
        "sim": similarity(truth, prediction),
        "information_gain": information_gain(points, prediction, baseline),
    }


# --------------------------------------------------------------------------------------------------------------------


def _mean(values: Float64Array) -> float:
    return float(values.mean()) if values.size else float("nan")


def _standardised(saliency: npt.ArrayLike) -> Float64Array:
    """Mean 0, standard deviation 1 (of the population); zeros for a constant map."""
    saliency = np.asarray(saliency, np.float64)
    deviation: Float64Array = saliency - saliency.mean()
    std = float(np.sqrt(np.mean(deviation**2)))
    # Below this the spread is rounding of a constant, and dividing by it would make noise out of nothing.
    if std <= 1e-12 * float(np.abs(saliency).max(initial=0.0)) or std == 0.0:
        return np.zeros_like(saliency)
    return deviation / std


def _pixels(points: npt.ArrayLike, shape: tuple[int, ...]) -> tuple[Int64Array, Int64Array]:
    """(rows, columns) of the pixels that the points lie in."""
    points = np.asarray(points, np.float64).reshape(-1, 2)
    if not len(points):
        raise ValueError("expected at least one fixation, got none")
    columns, rows = np.floor(points + 0.5).astype(np.int64).T
    if rows.min() < 0 or columns.min() < 0 or rows.max() >= shape[0] or columns.max() >= shape[1]:
        raise ValueError(f"a fixation lies outside the map of {shape[1]}x{shape[0]} pixels: drop such points first")
    return rows, columns


def _auc(positives: Float64Array, negatives: Float64Array) -> float:
    """P(positive > negative) + P(positive = negative) / 2 (Mann and Whitney), in n log n."""
    negatives = np.sort(negatives)
    below = np.searchsorted(negatives, positives, side="left")
    up_to = np.searchsorted(negatives, positives, side="right")
    return float((below + up_to).mean() / 2 / len(negatives))
