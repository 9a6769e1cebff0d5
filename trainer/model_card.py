"""The model card that goes with each exported model: what it is for, what it learned from, what was measured.

Pure text from figures; called by the command's only thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING

from trainer.config import TrainConfig
from trainer.data import Dataset
from trainer.evaluate import Evaluation

if TYPE_CHECKING:
    from trainer.export import Int8Cost


def model_card(
    dataset: Dataset,
    config: TrainConfig,
    evaluation: Evaluation,
    int8: Int8Cost | None,
    has_gaze: bool,
    training_data: str,
    teacher: str | None,
) -> str:
    """Markdown with the figures of this very model."""
    phantom = dataset.origin == "phantom"
    warning = (
        "**Trained on synthetic images of a software scanner only.** On images of a real scanner its answers mean "
        "nothing; the window says so whenever the source is real.\n\n"
        if phantom
        else ""
    )
    start = "contrastive pretraining on video and speech" if _pretrained(config) else "random weights"
    how = f"begun from: {start}; then both heads together"
    if teacher is not None:
        how = f"distilled from the model {teacher}: its answers on these frames, no labels; begun from random weights"
    planes, calibration, split = evaluation.planes, evaluation.calibration, dataset.split
    parts = [
        f"# {config.export.name}\n",
        f"{warning}Names the standard plane in a fetal ultrasound image"
        + (" and predicts where a sonographer would look, in one pass" if has_gaze else "")
        + ". For research and for showing the program; not a medical device.\n",
        "## Training",
        f"- Learned from: {training_data}.",
        f"- Split by subject: {len(split.train)} to train, {len(split.validation)} to choose and calibrate, "
        f"{len(split.test)} for the figures below.",
        f"- {how[0].upper()}{how[1:]}. Seed {config.seed}.",
        f"- Network: {_network(config)}, input {config.data.height_px}x{config.data.width_px}, one channel.",
        f"- Temperature {evaluation.temperature}; abstains below a confidence of {evaluation.abstain_below}. Both were "
        "chosen on the validation subjects.\n",
        f"## Planes, on {planes['frames']:.0f} frames of subjects never seen before\n",
        f"Macro F1 **{planes['macro_f1']:.3f}** ({planes['macro_f1_planes']:.3f} without background), macro "
        f"precision {planes['macro_precision']:.3f}, macro recall {planes['macro_recall']:.3f}, accuracy "
        f"{planes['accuracy']:.3f}.",
        f"With abstention {calibration['coverage']:.1%} of the frames are named, {calibration['accuracy_named']:.1%} "
        f"of these rightly. Expected calibration error {calibration['ece']:.3f} ({calibration['ece_before']:.3f} "
        "before the temperature).\n",
        _table(("class", "precision", "recall", "F1", "frames"), _class_rows(evaluation.per_class)),
        *_what_labels_did_not_tell(evaluation),
    ]
    if evaluation.gaze:
        names = {
            "kl": "KL (nats, low is good)",
            "nss": "NSS",
            "auc_judd": "AUC-Judd",
            "auc_shuffled": "shuffled AUC",
            "cc": "CC",
            "sim": "SIM",
            "information_gain": "information gain (bits)",
        }
        rows = [
            (title, f"{evaluation.gaze[key]:.3f}", f"{evaluation.centre_bias[key]:.3f}") for key, title in names.items()
        ]
        stated = evaluation.stated
        height, width = stated["gaze_map_px"]
        parts += [
            f"## Gaze, on {evaluation.gaze['frames']:.0f} frames of the same subjects\n",
            _table(("", "model", "centre bias"), rows),
            f"Fixations: gaze samples within {stated['gaze_time_window_s']} s around the frame, on a map of "
            f"{width}x{height} pixels; density: blurred with sigma {stated['gaze_sigma_px']:.2f} pixels "
            f"({stated['gaze_sigma_share_of_width']:.0%} of the width); epsilon {stated['epsilon']:.1e}. Centre bias "
            "is the mean density of the training subjects.\n",
        ]
    parts.append("## Files\n")
    if int8 is not None:
        parts += [
            f"INT8 against float on frames of the test subjects: same plane on {int8.same_plane:.1%}"
            + (f", gaze CC {int8.gaze_cc:.4f}." if has_gaze else "."),
            f"Weights of {config.export.weight_bits} bits; {len(int8.left_in_float)} of {int8.layers} layers stay in "
            + (f"float: {', '.join(int8.left_in_float)}.\n" if int8.left_in_float else "float.\n"),
        ]
    twin = ", and an INT8 network for TensorRT" if int8 is not None and int8.symmetric else ""
    parts.append(
        f"Holds: {' and '.join(config.export.precisions)} network{twin}. The figures above are of the float network."
    )
    return "\n".join(parts) + "\n"


def _what_labels_did_not_tell(evaluation: Evaluation) -> list[str]:
    planes, stated = evaluation.planes, evaluation.stated
    lines = []
    if "top_in_set" in planes:
        lines.append(
            f"{planes['frames_with_a_set']:.0f} more frames may show one of several classes and have no part in "
            f"the table; on {planes['top_in_set']:.1%} of them the most probable class is one of these."
        )
    if groups := stated["classes_never_told_apart"]:
        listed = "; ".join(", ".join(group) for group in groups)
        lines.append(
            f"**No training image tells these apart, and the model does not either**: {listed}. It gives them equal "
            "probabilities."
        )
    if never := stated["classes_never_shown"]:
        lines.append(f"**Never shown, so never named**: {', '.join(never)}.")
    return [f"{line}\n" for line in lines]


def _pretrained(config: TrainConfig) -> bool:
    return config.finetune.from_pretraining and config.pretrain.epochs > 0


def _network(config: TrainConfig) -> str:
    return "SE-ResNeXt-50" if config.encoder.name == "seresnext50" else f"ResNet-18 with widths {config.encoder.widths}"


def _class_rows(per_class: Mapping[str, Mapping[str, float]]) -> list[tuple[str, ...]]:
    rows = []
    for name, scores in per_class.items():
        figures = tuple(_figure(scores[key]) for key in ("precision", "recall", "f1"))
        rows.append((name, *figures, f"{scores['frames']:.0f}"))
    return rows


def _figure(value: float | None) -> str:
    """A dash for what is not defined: NaN, or the null that it becomes in JSON."""
    return "-" if value is None or isnan(value) else f"{value:.3f}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows)]
    return "\n".join(lines) + "\n"
