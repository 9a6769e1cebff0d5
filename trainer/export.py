"""From fine-tuned weights to a model folder: float ONNX, INT8 ONNX, golden arrays, model card.

INT8 is explicit (Q/DQ nodes; activations U8, weights S8 per channel): one file that OpenVINO and ONNX Runtime both run
fast. Its ranges are calibrated on frames of the training subjects, its loss is measured on the test subjects. Called by
the command's only thread.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from assistant import metrics
from assistant.admission import LEAST_GAZE_CORRELATION, LEAST_SAME_PLANE
from assistant.bundle import write_bundle
from assistant.contracts import Float32Array, ModelBundle, Precision
from assistant.decision import probabilities
from assistant.errors import TrainingError
from trainer.config import TrainConfig
from trainer.data import Dataset, LabelledFrames, draw_balanced, labelled_of
from trainer.encoders import GuidanceNetwork, VideoSpeech, network_input
from trainer.evaluate import Evaluation, load_network
from trainer.model_card import model_card
from trainer.recordings import MEL_HOP_S
from trainer.run_folder import load_weights

_OPSET = 18
_GOLDEN_FRAMES = 16
_COMPARED_FRAMES = 400
_MIN_SAME_PLANE = 0.95
_TIE = 1e-3
"""Logits nearer than this are a tie that either class may win: classes that no training frame tells apart are tied."""


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """A model folder, and what quantisation cost.

    Attributes:
        bundle: as it is read back.
        same_plane: share of test frames on which INT8 and float name the same plane; 1 without INT8.
        gaze_cc: mean correlation of their gaze maps; 1 without INT8 or without a gaze head.
    """

    bundle: ModelBundle
    same_plane: float
    gaze_cc: float


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
    with tempfile.TemporaryDirectory() as folder:
        float_file, int8_file = Path(folder) / "model.onnx", Path(folder) / "model_int8.onnx"
        _to_onnx(network, _example(dataset), float_file, "image", outputs)
        compared = _frames(test, _COMPARED_FRAMES, dataset)
        by_float = _run(float_file, compared, config.threads)
        golden = _clear_frames(by_float["logits"], evaluation.temperature)
        same_plane, gaze_cc = 1.0, 1.0
        if "int8" in config.export.precisions:
            _quantise(float_file, int8_file, _frames(train, config.export.calibration_frames, dataset))
            by_int8 = _run(int8_file, compared, config.threads)
            same_plane, gaze_cc = _agreement(by_float, by_int8)
            same_golden, _ = _agreement(*({k: v[golden] for k, v in each.items()} for each in (by_float, by_int8)))
            if min(same_plane / _MIN_SAME_PLANE, same_golden / LEAST_SAME_PLANE, gaze_cc / LEAST_GAZE_CORRELATION) < 1:
                raise TrainingError(
                    f"INT8 strays from float: same plane on {same_plane:.1%} of frames (expected "
                    f"{_MIN_SAME_PLANE:.0%}), {same_golden:.1%} of the clear ones ({LEAST_SAME_PLANE:.0%}), gaze CC "
                    f"{gaze_cc:.3f} ({LEAST_GAZE_CORRELATION}): raise export.calibration_frames, or export float only"
                )
        extra = {}
        if config.export.speech_encoder and pretrained is not None:
            extra = _export_encoders(pretrained, dataset, config, Path(folder))
        training_data = _training_data(dataset)
        files: Mapping[Precision, Path] = {"float": float_file, "int8": int8_file}
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
                dataset, config, evaluation, same_plane, gaze_cc if "gaze_logits" in outputs else None, training_data
            ),
            extra_files=extra,
        )
    return Exported(bundle, same_plane, gaze_cc)


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


# --------------------------------------------------------------------------------------------------------------------
# ONNX
# --------------------------------------------------------------------------------------------------------------------


def _to_onnx(network: nn.Module, example: torch.Tensor, file: Path, name: str, outputs: tuple[str, ...]) -> None:
    """Write a network with a dynamic batch as one file."""
    network.eval()
    # The exporter tells of its progress and of packages that it could use; none of it is for the user.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(
            network.to(memory_format=torch.contiguous_format),  # type: ignore[call-overload]
            (example,),
            file,
            input_names=[name],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("N")},),
            opset_version=_OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    _forget_where_it_was_made(file)
    onnx.checker.check_model(str(file), full_check=True)


def _forget_where_it_was_made(file: Path) -> None:
    """The exporter writes the lines of code that each node comes from into it, with this machine's paths."""
    model = onnx.load(str(file))
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, model.graph):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(model, str(file))


class _PlanesOnly(nn.Module):
    """The network without its gaze head, which never learned anything."""

    def __init__(self, network: GuidanceNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(image)[0]
        return logits


class _CalibrationFrames(CalibrationDataReader):  # type: ignore[misc]
    """Hands frames to the quantiser in batches of 16."""

    def __init__(self, image: Float32Array) -> None:
        self._batches = iter([image[i : i + 16] for i in range(0, len(image), 16)])

    def get_next(self) -> dict[str, Float32Array] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}


def _quantise(float_file: Path, int8_file: Path, image: Float32Array) -> None:
    prepared = int8_file.with_name("prepared.onnx")
    quant_pre_process(float_file, prepared, skip_symbolic_shape=True)  # folds batch normalisation into convolutions
    quantize_static(
        prepared,
        int8_file,
        _CalibrationFrames(image),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        calibrate_method=CalibrationMethod.MinMax,
    )


def _run(file: Path, image: Float32Array, threads: int) -> dict[str, Float32Array]:
    """The outputs of an ONNX file by name."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    rows = [session.run(names, {session.get_inputs()[0].name: image[i : i + 1]}) for i in range(len(image))]
    return {name: np.concatenate([row[k] for row in rows]) for k, name in enumerate(names)}


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
    files = {f"models/{name}": folder / name for name in ("speech_encoder.onnx", "video_encoder.onnx")}
    speech, video = files.values()
    _to_onnx(_SpeechEmbedding(network), mel, speech, "log_mel", ("embedding",))
    _to_onnx(_VideoEmbedding(network), _example(dataset), video, "image", ("embedding",))
    return files
