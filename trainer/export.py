"""From fine-tuned weights to a model folder: float ONNX, INT8 ONNX, golden arrays, model card.

INT8 (``quantise``) is calibrated on frames of the training subjects; which layers stay in float is decided on the
validation subjects, and what is lost is measured on the test subjects. Called by the command's only thread.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from assistant import metrics
from assistant.admission import LEAST_GAZE_CORRELATION, LEAST_SAME_PLANE
from assistant.bundle import SPEECH_ENCODER, SYMMETRIC, VIDEO_ENCODER, write_bundle
from assistant.contracts import Float32Array
from assistant.decision import probabilities
from assistant.errors import TrainingError
from assistant.model_contracts import ModelBundle, Precision
from trainer.config import TrainConfig
from trainer.data import Dataset
from trainer.encoders import GuidanceNetwork, VideoSpeech, network_input
from trainer.evaluate import Evaluation, load_network
from trainer.familiarity import measure_familiarity
from trainer.labelled import LabelledFrames, draw_balanced, labelled_of
from trainer.model_card import model_card
from trainer.onnx_files import run_onnx, to_onnx
from trainer.quantise import Loss, Quantiser, relative_error, search
from trainer.recordings import MEL_HOP_S
from trainer.run_folder import TEACHER, load_weights

_GOLDEN_FRAMES = 16
_COMPARED_FRAMES = 400
_MIN_SAME_PLANE = 0.95
_CHOOSING_FRAMES = 64
_WANTED_SAME_PLANE, _WANTED_GAZE_CC = 0.98, 0.985
"""On the frames by which layers are chosen; a little more than admission asks for, since other frames will differ."""
_TIE = 1e-3
"""Logits nearer than this are a tie that either class may win: classes that no training frame tells apart are tied."""


@dataclass(frozen=True, slots=True)
class Int8Cost:
    """What quantisation cost.

    Attributes:
        same_plane: share of test frames on which INT8 and float name the same plane.
        gaze_cc: mean correlation of their gaze maps; 1 without a gaze head.
        left_in_float: layers that are not quantised.
        layers: all that might have been.
        symmetric: the folder holds the twin for TensorRT.
    """

    same_plane: float
    gaze_cc: float
    left_in_float: tuple[str, ...]
    layers: int
    symmetric: bool


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """A model folder, and what quantisation cost.

    Attributes:
        bundle: as it is read back.
        int8: what quantisation cost on the test frames; None without INT8.
    """

    bundle: ModelBundle
    int8: Int8Cost | None


def export(
    dataset: Dataset, config: TrainConfig, weights: Path, pretrained: Path | None, evaluation: Evaluation, out: Path
) -> Exported:
    """Write the model folder; it appears whole or not at all. Without gaze to learn from it has no gaze head.

    Args:
        dataset: gives the frames to calibrate and compare on.
        config: all settings.
        weights: of the fine-tuned ``GuidanceNetwork``.
        pretrained: of ``VideoSpeech``; None leaves the speech encoder out.
        evaluation: figures for the model and its card.
        out: the folder to make.

    Raises:
        TrainingError: INT8 and float do not agree.
        ModelError: ``out`` cannot be written.
    """
    torch.set_num_threads(config.threads)
    train, test = (labelled_of(part, dataset, config) for part in (dataset.split.train, dataset.split.test))
    guidance = load_network(weights, dataset, config)
    network: nn.Module = guidance if train.has_gaze.any() else _PlanesOnly(guidance)
    outputs = ("logits", "gaze_logits") if train.has_gaze.any() else ("logits",)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        float_file = folder / "model.onnx"
        to_onnx(network, _example(dataset), float_file, "image", outputs)
        compared = _frames(test, _COMPARED_FRAMES, dataset)
        by_float = run_onnx(float_file, compared, config.threads)
        golden = _clear_frames(by_float["logits"], evaluation.temperature)
        extra: dict[str, Path] = {}
        files: dict[Precision, Path] = {"float": float_file}
        cost = None
        if "int8" in config.export.precisions:
            files["int8"] = folder / "model_int8.onnx"
            cost = _quantise(train, dataset, config, folder, (compared, by_float, golden))
            if cost.symmetric:
                extra[SYMMETRIC] = folder / "symmetric.onnx"
        if config.export.speech_encoder and pretrained is not None:
            extra |= _export_encoders(pretrained, dataset, config, folder)
        training_data = _training_data(dataset)
        bundle = write_bundle(
            out,
            name=config.export.name,
            classes=dataset.classes,
            background=dataset.background,
            preprocessing=dataset.preprocessing,
            temperature=evaluation.temperature,
            abstain_below=evaluation.abstain_below,
            trained_on=dataset.origin,
            training_data=training_data,
            onnx={precision: files[precision] for precision in config.export.precisions},
            golden={"image": compared[golden], **{name: output[golden] for name, output in by_float.items()}},
            card=model_card(
                dataset, config, evaluation, cost, "gaze_logits" in outputs, training_data, _teacher(weights)
            ),
            extra_files=extra,
            familiarity=measure_familiarity(
                train.pixels,
                labelled_of(dataset.split.validation, dataset, config).pixels,
                dataset.preprocessing,
                files[config.export.precisions[-1]],
                config.threads,
            ),
        )
    return Exported(bundle, cost)


def _quantise(
    train: LabelledFrames,
    dataset: Dataset,
    config: TrainConfig,
    folder: Path,
    on_test: tuple[Float32Array, Mapping[str, Float32Array], list[int]],
) -> Int8Cost:
    """Write ``model_int8.onnx`` into ``folder``, and ``symmetric.onnx`` when it is wanted and agrees.

    Args:
        train: the frames that set the ranges.
        dataset: see ``export``.
        config: see ``export``.
        folder: holds ``model.onnx``.
        on_test: frames of the test subjects, what float says about them, and which of them are golden.

    Raises:
        TrainingError: INT8 and float do not agree on the test subjects.
    """
    settings = config.export
    choosing = _frames(labelled_of(dataset.split.validation, dataset, config), _CHOOSING_FRAMES, dataset)
    by_float = run_onnx(folder / "model.onnx", choosing, config.threads)

    def measure(file: Path) -> Loss:
        found = run_onnx(file, choosing, config.threads)
        error = max(relative_error(by_float[name], found[name]) for name in by_float)
        return Loss(*_agreement(by_float, found), error)

    quantiser = Quantiser(folder / "model.onnx", folder, _frames(train, settings.calibration_frames, dataset))
    chosen = search(quantiser, measure, folder, _WANTED_SAME_PLANE, _WANTED_GAZE_CC, settings.weight_bits)
    quantiser.write(folder / "model_int8.onnx", left_in_float=chosen.left_in_float, weight_bits=settings.weight_bits)
    image, expected, golden = on_test
    found = run_onnx(folder / "model_int8.onnx", image, config.threads)
    same_plane, gaze_cc = _agreement(expected, found)
    same_golden, _ = _agreement(*({k: v[golden] for k, v in each.items()} for each in (expected, found)))
    if min(same_plane / _MIN_SAME_PLANE, same_golden / LEAST_SAME_PLANE, gaze_cc / LEAST_GAZE_CORRELATION) < 1:
        raise TrainingError(
            f"INT8 strays from float, with {len(chosen.left_in_float)} of {len(quantiser.layers)} layers in float: "
            f"same plane on {same_plane:.1%} of frames (expected {_MIN_SAME_PLANE:.0%}), {same_golden:.1%} of the "
            f"clear ones ({LEAST_SAME_PLANE:.0%}), gaze CC {gaze_cc:.3f} ({LEAST_GAZE_CORRELATION}): raise "
            "export.calibration_frames, or export float only"
        )
    symmetric = False
    if settings.symmetric:
        quantiser.write(folder / "symmetric.onnx", left_in_float=chosen.left_in_float, symmetric=True)
        twin = run_onnx(folder / "symmetric.onnx", image[golden], config.threads)
        same_golden, twin_cc = _agreement({k: v[golden] for k, v in expected.items()}, twin)
        symmetric = same_golden >= LEAST_SAME_PLANE and twin_cc >= LEAST_GAZE_CORRELATION
    return Int8Cost(same_plane, gaze_cc, chosen.left_in_float, len(quantiser.layers), symmetric)


def _teacher(weights: Path) -> str | None:
    """Name of the model that these weights were distilled from, if they were."""
    file = weights.with_name(TEACHER)
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["teacher"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"'{file}' cannot be read: {error}") from error


def _training_data(dataset: Dataset) -> str:
    source = "the software scanner (phantom), no patient" if dataset.origin == "phantom" else "recorded examinations"
    train = dataset.of(dataset.split.train)
    frames = sum(len(recording.frames) for recording in train)
    subjects = {recording.subject for recording in train}
    parts = [f"{frames} frames of {len(train)} sessions of {len(subjects)} subjects from {source}"] if train else []
    if stills := dataset.stills:
        mine = stills.of(dataset.split.train)
        patients = {stills.subjects[i] for i in mine}
        parts.append(f"{len(mine)} still images of {len(patients)} patients from {stills.source}")
    return " and ".join(parts)


def _frames(frames: LabelledFrames, count: int, dataset: Dataset) -> Float32Array:
    """Network inputs ``(n, 1, H, W)``, of all classes alike, at most ``count``; the same ones each time."""
    drawn = np.unique(draw_balanced(frames.groups, count, 1.0, np.random.default_rng(0)))
    image: Float32Array = network_input(frames.pixels[drawn][:, None], dataset.preprocessing).numpy()
    return image


def _clear_frames(logits: Float32Array, temperature: float) -> list[int]:
    """Golden frames: of each class that is named, those of highest confidence in turn.

    Another engine or precision may fall to the other side of a near tie without being wrong; on a clear frame it is.
    A frame whose two best classes are tied is not clear.
    """
    probability = probabilities(logits, temperature)
    second, first = np.partition(logits, -2, axis=1)[:, -2:].T
    clear = first - second > 10 * _TIE
    if not clear.any():
        clear[:] = True
    top, confidence = np.where(clear, probability.argmax(axis=1), -1), probability.max(axis=1)
    by_class = [np.flatnonzero(top == c)[np.argsort(-confidence[top == c])] for c in np.unique(top[clear])]
    turns = [members[turn] for turn in range(_GOLDEN_FRAMES) for members in by_class if turn < len(members)]
    return [int(i) for i in turns[:_GOLDEN_FRAMES]]


def _example(dataset: Dataset) -> torch.Tensor:
    return torch.zeros(2, 1, dataset.preprocessing.height_px, dataset.preprocessing.width_px)


class _PlanesOnly(nn.Module):
    """The network without its gaze head, which never learned anything."""

    def __init__(self, network: GuidanceNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(image)[0]
        return logits


def _agreement(a: Mapping[str, Float32Array], b: Mapping[str, Float32Array]) -> tuple[float, float]:
    """Share of frames with the same plane, and mean correlation of the gaze maps (1 without any)."""
    named = np.take_along_axis(a["logits"], b["logits"].argmax(axis=1)[:, None], axis=1)[:, 0]
    same = float((named >= a["logits"].max(axis=1) - _TIE).mean())
    if "gaze_logits" not in a:
        return same, 1.0
    maps = (
        metrics.correlation(np.exp(p - p.max()), np.exp(q - q.max()))
        for p, q in zip(a["gaze_logits"], b["gaze_logits"], strict=True)
    )
    return same, float(np.mean(list(maps)))


# --------------------------------------------------------------------------------------------------------------------
# The two encoders of pretraining
# --------------------------------------------------------------------------------------------------------------------


class _SpeechEmbedding(nn.Module):
    def __init__(self, network: VideoSpeech) -> None:
        super().__init__()
        self.network = network

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        return self.network.embed_speech(log_mel)


class _VideoEmbedding(nn.Module):
    def __init__(self, network: VideoSpeech) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.network.embed_video(image)  # (N, 1, H, W): clips of one frame


def _export_encoders(pretrained: Path, dataset: Dataset, config: TrainConfig, folder: Path) -> dict[str, Path]:
    """Speech and video encoder with their projections, as pretraining left them: their cosine is the affinity."""
    network = VideoSpeech(config.encoder)
    network.load_state_dict(load_weights(pretrained))
    n_mels = next(len(r.log_mel) for r in dataset.recordings if r.log_mel.size)
    mel = torch.zeros(2, n_mels, round(config.data.speech_s / MEL_HOP_S))
    files = {name: folder / Path(name).name for name in (SPEECH_ENCODER, VIDEO_ENCODER)}
    speech, video = files.values()
    to_onnx(_SpeechEmbedding(network), mel, speech, "log_mel", ("embedding",))
    to_onnx(_VideoEmbedding(network), _example(dataset), video, "image", ("embedding",))
    return files
