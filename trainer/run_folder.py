"""The folder of a training run: config, seeds, versions, weights, history and plots, each written whole or not at all.

::

    config.toml            a copy of the settings: the run can be made again from it
    run.json               seed, threads, versions of the libraries
    prepared/              the recordings as arrays (``collection``), when SESSIONS was not prepared
    cache/                 prepared still images
    pretrain/ finetune/    weights.safetensors, and history.json and history.png, new after each epoch; checkpoint.pt to
                           go on from; distillation writes into finetune/ too, with teacher.json
    tensorboard/           the figures of each epoch, for ``tensorboard --logdir``
    alignment/             alignment.json, offsets.png
    evaluation.json        all figures
    report.html            the same for people, with pictures
    model/                 the exported model folder

Called by the command's only thread.
"""

from __future__ import annotations

import json
import math
import platform
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import TrainingError
from trainer.config import TrainConfig, load_config
from trainer.plots import Believed, plot_history

if TYPE_CHECKING:
    from torch import Tensor

History = Sequence[Mapping[str, float]]
"""One mapping an epoch, of figures by name."""

WEIGHTS = "weights.safetensors"
TEACHER = "teacher.json"
_LIBRARIES = ("sonocue", "torch", "monai", "lightning-fabric", "numpy", "opencv-python-headless", "onnx", "onnxruntime")


def begin_run(config_file: Path, run: Path) -> TrainConfig:
    """Make the folder (or go on in it) and note what the run is made of.

    Raises:
        ConfigError: the settings are wrong.
        TrainingError: the folder holds a run with other settings (but ``[compute]``, since a run may go on elsewhere),
            or cannot be written.
    """
    config = load_config(config_file)
    kept = run / "config.toml"
    if kept.exists() and load_config(kept).model_copy(update={"compute": config.compute}) != config:
        raise TrainingError(f"'{run}' holds a run with other settings than '{config_file}': name another folder")
    try:
        run.mkdir(parents=True, exist_ok=True)
        if not kept.exists():
            shutil.copyfile(config_file, kept)
        write_json(run / "run.json", _circumstances(config))
    except OSError as error:
        raise TrainingError(f"run folder '{run}' cannot be written: {error.strerror}") from error
    return config


def _circumstances(config: TrainConfig) -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return {"seed": config.seed, "threads": config.threads, "machine": platform.machine(), "versions": versions}


def write_json(file: Path, content: object) -> None:
    """Write JSON under a temporary name, then rename. NaN becomes null: JSON has no word for it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(without_nan(content), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    temporary.replace(file)


def without_nan(content: object) -> object:
    """The same with null for what is not finite."""
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {str(key): without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_nan(value) for value in content]
    return content


def all_finite(state: object) -> bool:
    """Whether all tensors of a state dict are, however deep they stand in it."""
    if isinstance(state, Mapping):
        return all(all_finite(value) for value in state.values())
    isfinite = getattr(state, "isfinite", None)
    return isfinite is None or bool(isfinite().all())


def save_weights(file: Path, weights: Mapping[str, Tensor]) -> None:
    """Write a state dict under a temporary name, then rename.

    Raises:
        TrainingError: it cannot be written, or holds what is no number; the old file stays then.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    if not all_finite(weights):
        raise TrainingError(f"weights '{file}' are not finite: the last good ones are kept; lower the learning rate")
    temporary = file.with_suffix(".tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.detach().clone().contiguous() for name, tensor in weights.items()}, temporary)
        temporary.replace(file)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise TrainingError(f"weights '{file}' cannot be written: {error}: the last good ones are kept") from error


def load_weights(file: Path) -> dict[str, Tensor]:
    """Read a state dict; runs no code from the file. Raises ``TrainingError``."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"weights '{file}' cannot be read: {error}: run the step before this one first") from error


def save_history(folder: Path, history: History, believed: Believed | None = None) -> None:
    """Write the history as ``history.json`` and as the plot ``history.png``; a viewer never meets half a file.

    Args:
        folder: of the step.
        history: all epochs so far.
        believed: what pretraining thinks of its pairs now; None for other steps.

    Raises:
        TrainingError: they cannot be written; those of the epoch before are kept.
    """
    try:
        write_json(folder / "history.json", list(history))
        plot_history(folder / "history.png", history, believed)
    except OSError as error:
        raise TrainingError(f"history in '{folder}' cannot be written: {error.strerror}: free some space") from error
