"""The figures of a trained model: calibration on the validation subjects, then everything on the test subjects.

Called by the command's only thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar

from assistant import metrics
from assistant.contracts import Float32Array, UInt8Array
from assistant.decision import probabilities
from assistant.errors import TrainingError
from assistant.model_contracts import Preprocessing
from trainer.config import TrainConfig
from trainer.data import BoolArray, Dataset
from trainer.encoders import GuidanceNetwork, channels_last, network_input
from trainer.labelled import LabelledFrames, labelled_of, untold
from trainer.recordings import UNLABELLED
from trainer.run_folder import load_weights, write_json
from trainer.splits import evenly

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

_ABSTAIN_RANGE = (0.5, 0.95)
"""A class with less than half the probability is never named; more certainty than 0.95 is not asked for."""
_OTHER_POINTS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """All figures; the fields are the keys of ``evaluation.json``.

    Attributes:
        temperature, abstain_below: chosen on the validation subjects.
        subjects: names of the subjects by part of the split.
        planes: scores on the test subjects' frames with one label; of frames with a set of classes, if there are any,
            how many they are and on how many of them the most probable class is in the set.
        per_class: precision, recall, F1 and number of frames by class.
        confusion: rows are the truth, in the order of ``per_class``.
        calibration: negative log-likelihood and expected calibration error before and after, area under risk against
            coverage, coverage and accuracy with abstention.
        gaze: means over test frames with a gaze; empty without any.
        centre_bias: the same of the training subjects' mean density.
        stated: sigma, time window, epsilon and map size that the gaze figures depend on; classes that no training frame
            shows, and groups of classes that none tells apart.
    """

    temperature: float
    abstain_below: float
    subjects: Mapping[str, tuple[str, ...]]
    planes: Mapping[str, float]
    per_class: Mapping[str, Mapping[str, float]]
    confusion: list[list[int]]
    calibration: Mapping[str, float]
    gaze: Mapping[str, float]
    centre_bias: Mapping[str, float]
    stated: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the network says of each frame of the test subjects, beside the truth.

    Attributes:
        frames: those with a plane, a gaze, or both; n of them.
        logits: ``(n, n_classes)`` float32.
        gaze_logits: ``(n, h, w)`` float32 log-density, but for a constant.
    """

    frames: LabelledFrames
    logits: Float32Array
    gaze_logits: Float32Array


def load_network(weights: Path, dataset: Dataset, config: TrainConfig) -> GuidanceNetwork:
    """The fine-tuned network, in evaluation mode. Raises ``TrainingError``."""
    network = GuidanceNetwork(config.encoder, len(dataset.classes))
    try:
        network.load_state_dict(load_weights(weights))
    except RuntimeError as error:
        raise TrainingError(f"weights '{weights}' are of another network than the config names") from error
    network.eval()
    return channels_last(network)


@torch.no_grad()
def predict(network: GuidanceNetwork, pixels: UInt8Array, spec: Preprocessing) -> tuple[Float32Array, Float32Array]:
    """``(n, H, W)`` uint8 to logits ``(n, n_classes)`` and gaze logits ``(n, h, w)``."""
    network.eval()
    device = next(network.parameters()).device
    found = [network(network_input(pixels[i : i + 64, None], spec).to(device)) for i in range(0, len(pixels), 64)]
    logits, gaze = torch.cat([logits for logits, _ in found]), torch.cat([gaze for _, gaze in found])
    return logits.cpu().numpy(), gaze.cpu().numpy()


def evaluate(dataset: Dataset, config: TrainConfig, weights: Path, out: Path) -> Evaluation:
    """Calibrate, measure, and write ``out``. Raises ``TrainingError`` as ``measure`` does."""
    evaluation, _ = measure(dataset, config, weights)
    write_json(out, asdict(evaluation))
    return evaluation


def measure(dataset: Dataset, config: TrainConfig, weights: Path) -> tuple[Evaluation, Answers]:
    """Calibrate on the validation subjects, measure on the test subjects.

    Raises:
        TrainingError: the weights do not fit, or the held-out subjects have no labelled frame.
    """
    torch.set_num_threads(config.threads)
    network = load_network(weights, dataset, config)
    train, validation, test = (
        labelled_of(part, dataset, config)
        for part in (
            evenly(dataset.split.train, config.finetune.labelled_subjects),
            dataset.split.validation,
            dataset.split.test,
        )
    )
    logits, _ = predict(network, validation.pixels, dataset.preprocessing)
    held_out, truth = logits[validation.labels >= 0], validation.labels[validation.labels >= 0]
    if not len(truth) or not (test.labels >= 0).any():
        raise TrainingError("no labelled frame of a validation or a test subject: label some of each")
    temperature = calibrate_temperature(held_out, truth)
    abstain_below = choose_abstention(probabilities(held_out, temperature), truth, config.export.abstain_accuracy)

    test_logits, gaze_logits = predict(network, test.pixels, dataset.preprocessing)
    labelled = test.labels != UNLABELLED
    gaze, centre_bias = _gaze_figures(gaze_logits, test, train)
    planes, per_class, confusion = _plane_figures(test_logits[labelled], test.labels[labelled], dataset)
    return Evaluation(
        temperature=temperature,
        abstain_below=abstain_below,
        subjects=asdict(dataset.split),
        planes={
            **planes,
            "frames": int(labelled.sum()),
            "frames_of_unknown_classes": test.unknown,
            **_set_figures(test_logits, test.admissible),
        },
        per_class=per_class,
        confusion=confusion,
        calibration=_calibration_figures(test_logits[labelled], test.labels[labelled], temperature, abstain_below),
        gaze=gaze,
        centre_bias=centre_bias,
        stated={
            "gaze_sigma_share_of_width": config.data.gaze_sigma,
            "gaze_sigma_px": config.data.gaze_sigma * test.density.shape[2],
            "gaze_map_px": list(test.density.shape[1:]),
            "gaze_time_window_s": config.data.gaze_window_s,
            "epsilon": metrics.EPSILON,
            "kl_unit": "nats",
            "information_gain_unit": "bits per fixation, over centre bias",
            "classes_never_shown": [dataset.classes[k] for k in np.flatnonzero(~train.admissible.any(axis=0))],
            "classes_never_told_apart": [
                [dataset.classes[k] for k in group]
                for group in untold(train.admissible)
                if train.admissible[:, group].any()
            ],
        },
    ), Answers(test, test_logits, gaze_logits)


# --------------------------------------------------------------------------------------------------------------------
# Calibration
# --------------------------------------------------------------------------------------------------------------------


def negative_log_likelihood(logits: Float32Array, truth: Int64Array, temperature: float) -> float:
    """Mean of ``-log softmax(logits / temperature)[truth]`` in nats."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    log_p = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return float(-log_p[np.arange(len(truth)), truth].mean())


def calibrate_temperature(logits: Float32Array, truth: Int64Array) -> float:
    """The temperature in [0.5, 10] with the lowest negative log-likelihood (Guo 2017, arXiv 1706.04599).

    It may not go lower: where a small validation set holds no error at all, the likelihood asks for absolute certainty.
    """
    best = minimize_scalar(
        lambda log_t: negative_log_likelihood(logits, truth, float(np.exp(log_t))),
        bounds=(np.log(0.5), np.log(10.0)),
        method="bounded",
    )
    return round(float(np.exp(best.x)), 4)


def expected_calibration_error(probability: Float32Array, truth: Int64Array, n_bins: int = 15) -> float:
    """Mean distance of confidence and accuracy over bins of equal width, by their frames (Guo 2017)."""
    frames, confidence, right = reliability(probability, truth, n_bins)
    return float(np.abs(right - confidence).sum() / frames.sum())


def reliability(
    probability: Float32Array, truth: Int64Array, n_bins: int = 15
) -> tuple[Int64Array, Float64Array, Float64Array]:
    """Of the frames whose confidence falls into each bin of [0, 1]: their number, and sums of confidence and of right.

    Args:
        probability: ``(n, n_classes)``.
        truth: ``(n,)`` class numbers.
        n_bins: of equal width.

    Returns:
        ``(n_bins,)`` each.
    """
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == truth
    of_bin = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    frames = np.bincount(of_bin, minlength=n_bins).astype(np.int64)
    confidences, rights = (np.bincount(of_bin, each, n_bins).astype(np.float64) for each in (confidence, right))
    return frames, confidences, rights


def risk_by_coverage(probability: Float32Array, truth: Int64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """What naming only the surest frames costs (Geifman 2017, arXiv 1705.08500), at each confidence that occurs.

    Returns:
        From the surest on, ``(k,)`` each: the confidence; the share of frames that are at least as sure; the share of
        these that are named wrongly.
    """
    confidence, wrong = probability.max(axis=1), probability.argmax(axis=1) != truth
    order = np.argsort(-confidence, kind="stable")
    last_of_ties = np.append(np.diff(confidence[order]) != 0, True)
    count = np.arange(1, len(truth) + 1)
    risk = np.cumsum(wrong[order]) / count
    at = confidence[order][last_of_ties].astype(np.float64)
    return at, (count / len(truth))[last_of_ties], risk[last_of_ties]


def area_under_risk(coverage: Float64Array, risk: Float64Array) -> float:
    """AURC: the risk, averaged over coverage from 0 to 1 as a step function (Geifman 2019, arXiv 1805.08206)."""
    return float((np.diff(coverage, prepend=0.0) * risk).sum())


def choose_abstention(probability: Float32Array, truth: Int64Array, accuracy: float) -> float:
    """The lowest confidence from which on the named frames are right as often as asked, within [0.5, 0.95]."""
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == truth
    order = np.argsort(-confidence)
    named_accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(named_accuracy >= accuracy)
    if not len(enough):
        return _ABSTAIN_RANGE[1]
    # Between the last frame that is named and the first that is not; when all are named there is none.
    named, next_one = confidence[order][enough[-1]], np.append(confidence[order], 0.0)[enough[-1] + 1]
    threshold = float(named + next_one) / 2 if next_one else 0.0
    return round(float(np.clip(threshold, *_ABSTAIN_RANGE)), 3)


def _calibration_figures(
    logits: Float32Array, truth: Int64Array, temperature: float, abstain_below: float
) -> dict[str, float]:
    before, after = probabilities(logits, 1.0), probabilities(logits, temperature)
    named = after.max(axis=1) >= abstain_below
    right = after.argmax(axis=1) == truth
    return {
        "nll_before": negative_log_likelihood(logits, truth, 1.0),
        "nll": negative_log_likelihood(logits, truth, temperature),
        "ece_before": expected_calibration_error(before, truth),
        "ece": expected_calibration_error(after, truth),
        "aurc": area_under_risk(*risk_by_coverage(after, truth)[1:]),
        "coverage": float(named.mean()),
        "accuracy_named": float(right[named].mean()) if named.any() else float("nan"),
    }


# --------------------------------------------------------------------------------------------------------------------
# Figures of the test subjects
# --------------------------------------------------------------------------------------------------------------------


def _plane_figures(
    logits: Float32Array, truth: Int64Array, dataset: Dataset
) -> tuple[dict[str, float], dict[str, dict[str, float]], list[list[int]]]:
    confusion = metrics.confusion_matrix(truth, logits.argmax(axis=1), len(dataset.classes))
    scores = metrics.plane_scores(confusion, dataset.classes.index(dataset.background))
    overall = {
        name: getattr(scores, name)
        for name in ("macro_precision", "macro_recall", "macro_f1", "macro_f1_planes", "accuracy")
    }
    per_class = {
        name: {
            "precision": float(scores.precision[i]),
            "recall": float(scores.recall[i]),
            "f1": float(scores.f1[i]),
            "frames": int(confusion[i].sum()),
        }
        for i, name in enumerate(dataset.classes)
    }
    return overall, per_class, confusion.tolist()


def _set_figures(logits: Float32Array, admissible: BoolArray) -> dict[str, float]:
    """Of frames that may show one of several classes: their number, and the share whose top class is one of them."""
    several = admissible.sum(axis=1) > 1
    if not several.any():
        return {}
    right = admissible[several, logits[several].argmax(axis=1)]
    return {"frames_with_a_set": int(several.sum()), "top_in_set": float(right.mean())}


def _gaze_figures(
    gaze_logits: Float32Array, test: LabelledFrames, train: LabelledFrames
) -> tuple[dict[str, float], dict[str, float]]:
    """Means over the test frames with a gaze: of the model, and of centre bias as every model's least competitor."""
    looked_at = np.flatnonzero(test.has_gaze)
    if not len(looked_at) or not train.has_gaze.any():
        return {}, {}
    centre = metrics.as_density(train.density[train.has_gaze].sum(axis=0, dtype=np.float64))
    others = np.concatenate([points for points in train.points if len(points)])
    others = others[np.random.default_rng(0).permutation(len(others))[:_OTHER_POINTS]]
    model_rows, centre_rows = [], []
    for i in looked_at:
        scaled = np.exp(gaze_logits[i].astype(np.float64) - gaze_logits[i].max())
        model_rows.append(
            metrics.gaze_scores(test.points[i], test.density[i], metrics.as_density(scaled), centre, others)
        )
        centre_rows.append(metrics.gaze_scores(test.points[i], test.density[i], centre, centre, others))
    model, bias = (
        {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} for rows in (model_rows, centre_rows)
    )
    return {**model, "frames": len(looked_at)}, bias
