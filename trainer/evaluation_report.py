"""The report of an evaluation for people: one HTML file that holds its pictures, fetches nothing and runs no code.

What it looks like is ``evaluation_report.html.jinja``; here stands what goes in. Called by the command's only thread.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from assistant import metrics
from assistant.contracts import Float32Array
from assistant.decision import probabilities
from assistant.errors import TrainingError
from trainer.config import TrainConfig
from trainer.data import Dataset, Float64Array
from trainer.embedding import load_encoders
from trainer.evaluate import Answers, Evaluation
from trainer.evaluation_plots import clip_png, confusion_png, gaze_png, reliability_png, risk_png
from trainer.recordings import UNLABELLED
from trainer.retrieval import RANKS
from trainer.retrieval_examples import retrieval_examples

NAME = "report.html"
_MISTAKES = 6
_PLANES = {
    "macro_f1": ("Macro F1", "mean over the classes, background included"),
    "macro_f1_planes": ("Macro F1 of the planes", "the same without background"),
    "macro_precision": ("Macro precision", "of the frames named so, how many are"),
    "macro_recall": ("Macro recall", "of the frames that are so, how many are named"),
    "accuracy": ("Accuracy", "share of the frames that are named rightly, without abstention"),
}
_GAZE = {
    "nss": ("NSS", "height of the predicted map where people looked; 0 by chance"),
    "kl": ("KL (nats)", "distance of the predicted density from the true one; 0 is best"),
    "cc": ("CC", "correlation with the true density; 1 is best"),
    "sim": ("SIM", "overlap with the true density; 1 is best"),
    "auc_judd": ("AUC-Judd", "how well the map tells looked-at pixels from others; 0.5 by chance"),
    "auc_shuffled": ("Shuffled AUC", "the same against where people look in other frames; 0.5 by chance"),
    "information_gain": ("Information gain (bits)", "over centre bias, a sample"),
}


def write_report(
    run: Path,
    dataset: Dataset,
    config: TrainConfig,
    evaluation: Evaluation,
    answers: Answers,
    encoders: Path | None,
) -> Path:
    """Write ``run/report.html``.

    Args:
        run: folder of the run; its ``config.toml`` and ``run.json`` are shown.
        dataset: see there.
        config: all settings.
        evaluation: its figures.
        answers: what the network said of each test frame.
        encoders: weights of a pretraining, for examples of retrieval; need not exist.

    Raises:
        TrainingError: it cannot be written, or the encoders are of another network.
    """
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    pages.filters["png"] = _data_url
    page = pages.get_template("evaluation_report.html.jinja")
    text = page.render(
        **_figures(dataset, config, evaluation),
        **_pictures(dataset, config, evaluation, answers),
        **_retrieval(dataset, config, encoders),
        settings=_text(run / "config.toml"),
        circumstances=_text(run / "run.json"),
    )
    file = run / NAME
    temporary = file.with_suffix(".tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(file)
    except OSError as error:
        raise TrainingError(f"'{file}' cannot be written: {error.strerror}: free some space") from error
    return file


def _figures(dataset: Dataset, config: TrainConfig, evaluation: Evaluation) -> dict[str, Any]:
    calibration = evaluation.calibration
    return {
        "name": config.export.name,
        "made": f"{datetime.now(UTC):%Y-%m-%d}",
        "version": version("sonocue"),
        "phantom": dataset.origin == "phantom",
        "parts": _parts(dataset),
        "plane_figures": [
            {"name": title, "value": _three(evaluation.planes[key]), "meaning": meaning}
            for key, (title, meaning) in _PLANES.items()
        ],
        "gaze_figures": [
            {"name": title, "model": _three(evaluation.gaze[key]), "bias": _three(evaluation.centre_bias[key]),
             "meaning": meaning}
            for key, (title, meaning) in _GAZE.items() if key in evaluation.gaze
        ],
        "gaze_frames": int(evaluation.gaze.get("frames", 0)),
        "per_class": [
            {"name": name, "frames": int(scores["frames"])}
            | {key: _three(scores[key]) for key in ("precision", "recall", "f1")}
            for name, scores in evaluation.per_class.items()
        ],
        "counts": evaluation.confusion,
        "stated": evaluation.stated,
        "temperature": evaluation.temperature,
        "abstain_below": evaluation.abstain_below,
        "coverage": f"{calibration['coverage']:.1%}",
        "accuracy_named": _percent(calibration["accuracy_named"]),
        **{key: _three(calibration[key]) for key in ("ece_before", "ece", "aurc")},
        "width_px": config.data.width_px,
        "height_px": config.data.height_px,
        "mean": dataset.preprocessing.mean,
        "std": dataset.preprocessing.std,
        "unknown": int(evaluation.planes["frames_of_unknown_classes"]),
        "rejected": dataset.rejected,
    }  # fmt: skip


def _parts(dataset: Dataset) -> dict[str, dict[str, Any]]:
    rows = {}
    for part in ("train", "validation", "test"):
        subjects = getattr(dataset.split, part)
        recordings = dataset.of(subjects)
        rows[part] = {
            "subjects": len(subjects),
            "recordings": len(recordings),
            "minutes": f"{sum(float(r.times_s[-1]) for r in recordings) / 60:.1f}",
            "stills": 0 if dataset.stills is None else len(dataset.stills.of(subjects)),
        }
    return rows


def _pictures(dataset: Dataset, config: TrainConfig, evaluation: Evaluation, answers: Answers) -> dict[str, Any]:
    labels = answers.frames.labels
    labelled = np.flatnonzero(labels != UNLABELLED)
    truth = labels[labelled]
    before = probabilities(answers.logits[labelled], 1.0)
    after = probabilities(answers.logits[labelled], evaluation.temperature)
    rng = np.random.default_rng(config.seed)
    drawn = [
        labelled[rng.choice(np.flatnonzero(truth == k))] for k in range(len(dataset.classes)) if (truth == k).any()
    ]
    return {
        "confusion": confusion_png(evaluation.confusion, tuple(evaluation.per_class)),
        "reliability": reliability_png(before, after, truth),
        "risk": risk_png(after, truth, evaluation.abstain_below),
        "drawn": [_example(int(i), dataset, evaluation, answers) for i in drawn],
        "mistaken": [
            _example(int(labelled[i]), dataset, evaluation, answers)
            for i in _surest_mistakes(after, truth, answers.frames.recording[labelled])
        ],
    }


def _surest_mistakes(probability: Float32Array, truth: Any, recording: Any) -> list[int]:
    """Frames beside each other are alike, so each recording and class has a say but once."""
    confidence, named = probability.max(axis=1), probability.argmax(axis=1)
    found: dict[tuple[int, int], int] = {}
    for i in np.argsort(-confidence, kind="stable").tolist():
        if named[i] != truth[i] and len(found) < _MISTAKES:
            found.setdefault((int(recording[i]), int(truth[i])), i)
    return list(found.values())


def _example(i: int, dataset: Dataset, evaluation: Evaluation, answers: Answers) -> dict[str, Any]:
    frames = answers.frames
    probability = probabilities(answers.logits[i : i + 1], evaluation.temperature)[0]
    named = int(probability.argmax())
    logits = answers.gaze_logits[i].astype(np.float64)
    density = metrics.as_density(np.exp(logits - logits.max()))
    points: Float64Array = frames.points[i]
    says = f"says {dataset.classes[named]} ({probability[named]:.2f})"
    abstains = "" if probability[named] >= evaluation.abstain_below else ", so it abstains"
    gaze = f"; NSS {metrics.nss(points, density):.2f}" if len(points) else "; gaze not known"
    recordings = dataset.of(dataset.split.test)
    number = int(frames.recording[i])
    where = "still image" if number < 0 else _moment(recordings[number].session_id, float(frames.times_s[i]))
    return {
        "picture": gaze_png(frames.pixels[i], density, frames.density[i] if len(points) else None, points),
        "truth": dataset.classes[int(frames.labels[i])],
        "says": f"{says}{abstains}{gaze}",
        "where": where,
    }


def _retrieval(dataset: Dataset, config: TrainConfig, encoders: Path | None) -> dict[str, Any]:
    recordings = dataset.of(dataset.split.test)
    nothing: dict[str, Any] = {"retrieval": None, "examples": []}
    if encoders is None or not encoders.exists() or not recordings or not config.pretrain.learns_speech:
        return nothing
    found = retrieval_examples(load_encoders(encoders, config), recordings, dataset, config)
    if found is None:
        return nothing
    figures, examples = found
    rows = {
        "clip finds its speech": figures.video_to_speech,
        "speech finds its clip": figures.speech_to_video,
        "by chance": figures.chance,
    }
    return {
        "retrieval": {
            "windows": figures.windows,
            "ranks": [f"R@{k}" for k in RANKS],
            "rows": [{"name": name, "shares": _shares(shares)} for name, shares in rows.items()],
        },
        "examples": [
            {
                "picture": clip_png(example.frames),
                "where": _moment(example.session_id, example.centre_s),
                "words": example.words,
                "rank": f"{example.rank} of {figures.windows}",
                "found": [
                    {"words": speech.words, "cosine": f"{speech.cosine:.2f}", "own": speech.own,
                     "where": _moment(speech.session_id, speech.centre_s)}
                    for speech in example.found
                ],
            }
            for example in examples
        ],
    }  # fmt: skip


def _shares(shares: Mapping[str, float]) -> Sequence[str]:
    return [_three(shares[f"R@{k}"]) for k in RANKS]


def _moment(session_id: str, at_s: float) -> str:
    return f"{session_id}, {at_s:.1f} s"


def _three(value: float | None) -> str:
    return "-" if value is None or not isfinite(value) else f"{value:.3f}"


def _percent(value: float) -> str:
    return f"{value:.1%}" if isfinite(value) else "none"


def _data_url(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else "(not there)"
