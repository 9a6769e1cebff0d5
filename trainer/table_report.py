"""The comparison of ways to pretrain as a document: tables of mean and standard deviation over seeds, and a plot.

Called by the command's only thread, when all results are there.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import fmean, stdev

from assistant.metrics import EPSILON
from trainer.config import TrainConfig
from trainer.data import Dataset
from trainer.plots import plot_by_share
from trainer.splits import evenly
from trainer.table import Result

GAZE = {"nss": "NSS", "kl": "KL", "cc": "CC", "sim": "SIM", "auc_judd": "AUC-Judd"}
"""Figures of gaze, with their titles; KL is better when it is lower."""


def about(dataset: Dataset, config: TrainConfig, command: str) -> str:
    """What was run (``command``), on what, with what budget: a paragraph for the document."""
    minutes = {
        part: sum(float(recording.times_s[-1]) for recording in dataset.of(getattr(dataset.split, part))) / 60.0
        for part in ("train", "validation", "test")
    }
    subjects = ", ".join(
        f"{len(getattr(dataset.split, part))} {word} ({minutes[part]:.0f} min)"
        for part, word in (("train", "train"), ("validation", "validate"), ("test", "test"))
    )
    data, pretrain = config.data, config.pretrain
    labelled = len(evenly(dataset.split.train, config.finetune.labelled_subjects))
    return (
        f"Made by `{command}` on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} "
        f"cores of {platform.machine()}, torch {version('torch')}, {config.threads} thread(s) a row.\n\n"
        f"Data: {len(dataset.recordings)} sessions ({dataset.origin}); subjects: {subjects}. Images of "
        f"{data.width_px}x{data.height_px}, {data.frames_hz:g} a second; encoder {config.encoder.name}, widths "
        f"{', '.join(map(str, config.encoder.widths))}. Pretraining: {pretrain.epochs} epochs, batches of "
        f"{pretrain.recordings} recordings x {pretrain.windows} windows. Fine-tuning: {config.finetune.epochs} epochs "
        f"of {config.finetune.frames_per_epoch} frames, labels of {labelled} training subjects. Gaze: "
        f"sigma {data.gaze_sigma:g} of the width, samples within {data.gaze_window_s:g} s, epsilon {EPSILON:g}.\n"
    )


def report(results: Sequence[Result], about: str, plot_name: str) -> str:
    """The document, in Markdown.

    Args:
        results: all of them.
        about: what was run: command, data, machine, date.
        plot_name: where the plot lies, against the document.
    """
    seeds = len({result.seed for result in results})
    parts = [
        "# Results: what pretraining is worth\n",
        about,
        f"Each figure is mean ± standard deviation over seeds of weights and drawing, here {seeds}; the split by "
        "subject is one and fixed. All rows have the same budget.\n",
        "## Standard planes\n",
        "Macro F1 (background included) on the test subjects, by the share of the labelled subjects' frames. "
        "Linear probe and k-NN look at the frozen encoder, with all labels.\n",
        _planes(results),
        f"![Macro F1 by share of the labels]({plot_name})\n",
        "## Gaze\n",
        "On the test subjects, fine-tuned with all labels. KL in nats, lower is better; all else higher.\n",
        _gaze(results),
        "## What the two encoders learned\n",
        "At the end of pretraining, on the validation subjects (retrieval) and the training pairs (how well affinity "
        "tells relevant speech, area under the ROC; 0.5 by chance).\n",
        _pretraining(results),
    ]
    return "\n".join(parts)


def _planes(results: Sequence[Result]) -> str:
    shares = sorted({result.labels for result in results})
    head = ["method", *(f"{share:.0%}" for share in shares), "linear probe", "k-NN"]
    rows = []
    for method, mine in _by_method(results).items():
        cells = [_spread([r.metrics["macro_f1"] for r in mine if r.labels == share]) for share in shares]
        full = [r for r in mine if r.labels == shares[-1]]
        cells += [_spread([r.metrics[name] for r in full]) for name in ("linear_probe_f1", "knn_f1")]
        rows.append([method, *cells])
    return _markdown(head, rows)


def _gaze(results: Sequence[Result]) -> str:
    most = max(result.labels for result in results)
    full = [result for result in results if result.labels == most]
    rows = [
        [method, *(_spread([r.metrics[f"gaze_{name}"] for r in mine if f"gaze_{name}" in r.metrics]) for name in GAZE)]
        for method, mine in _by_method(full).items()
    ]
    bias = [
        _spread([r.metrics[f"centre_bias_{name}"] for r in full[:1] if f"centre_bias_{name}" in r.metrics])
        for name in GAZE
    ]
    return _markdown(["method", *GAZE.values()], [["centre bias", *bias], *rows])


def _pretraining(results: Sequence[Result]) -> str:
    most = max(result.labels for result in results)
    full = [result for result in results if result.labels == most]
    names = [
        "relevance_auc",
        *sorted({n[12:] for r in full for n in r.metrics if n.startswith("pretraining_R@")}, key=_at),
    ]
    rows = []
    for method, mine in _by_method(full).items():
        cells = [
            _spread([r.metrics[f"pretraining_{n}"] for r in mine if f"pretraining_{n}" in r.metrics]) for n in names
        ]
        if any(cell != "-" for cell in cells):
            rows.append([method, *cells])
    return _markdown(["method", "relevance AUC", *names[1:]], rows) if rows else "No row learned from speech.\n"


def _at(name: str) -> tuple[int, str]:
    digits = "".join(character for character in name if character.isdigit())
    return int(digits), name


def _by_method(results: Sequence[Result]) -> Mapping[str, list[Result]]:
    return {m: [r for r in results if r.method == m] for m in dict.fromkeys(result.method for result in results)}


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    return f"{fmean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def draw(results: Sequence[Result], out: Path) -> None:
    """Macro F1 against the share of the labels, a line for each row, as a PNG."""
    curves = {}
    for method, mine in _by_method(results).items():
        by_share = {
            share: [r.metrics["macro_f1"] for r in mine if r.labels == share] for share in {r.labels for r in mine}
        }
        curves[method] = [
            (share, fmean(found), stdev(found) if len(found) > 1 else 0.0) for share, found in sorted(by_share.items())
        ]
    plot_by_share(out, curves, "macro F1, test subjects")
