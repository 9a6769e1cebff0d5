"""Everything that a training step needs to go on where it was stopped, in one file that is whole or not there.

A step that was killed and started again ends with the same weights, bit for bit on CPU, as one that was not: beside
networks and optimiser the file holds every source of chance. Reading it runs no code from it. Called by the training
loop's only thread; with several processes, all read and the first writes, since all are in the same state.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor

from assistant.errors import TrainingError
from trainer.config import TrainConfig
from trainer.data import Dataset
from trainer.run_folder import all_finite

CHECKPOINT = "checkpoint.pt"


class Stateful(Protocol):
    """What torch gives and takes back as a dictionary."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any: ...


Part = Stateful | np.random.Generator | torch.Generator | npt.NDArray[Any]
"""A part of the state; an array is restored in place."""


@dataclass(slots=True)
class Progress:
    """How far a step has come.

    Attributes:
        epoch: that is being trained, from 0; the number of epochs when the step is finished.
        step: gradient steps done in it.
        sums: figures of its steps so far, each divided by the number of steps an epoch has.
        history: one row for each epoch that has ended.
        best: the epoch whose weights are kept, where not simply the last one's are.
    """

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    best: int = 0

    def end_step(self, figures: Mapping[str, Tensor], steps: int) -> None:
        """Add a gradient step's figures, scalars, to the means over the ``steps`` of an epoch."""
        self.step += 1
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value.detach()) / steps

    def end_epoch(self, figures: dict[str, float]) -> None:
        """Put the epoch's figures into the history, and begin the next one."""
        self.history.append({name: float(value) for name, value in figures.items()})
        self.epoch, self.step, self.sums = self.epoch + 1, 0, {}


def made_from(dataset: Dataset, config: TrainConfig, step: str, start: Path | None = None) -> str:
    """16 hexadecimal digits that stand for what a step is made from: its settings, its recordings, its first weights.

    Neither device nor number of processes nor threads are among them: a run may go on elsewhere.

    Args:
        dataset: see there; the mean over all training pixels stands for what is on the images.
        config: all settings.
        step: the section of the config that belongs to the step.
        start: weights to begin with, if any.
    """
    settings = config.model_dump(mode="json", include={"seed", "data", "encoder", "classes", "class_list", step})
    recordings = [(recording.session_id, len(recording.frames)) for recording in dataset.recordings]
    stills = len(dataset.stills.subjects) if dataset.stills else 0
    told = [settings, recordings, stills, dataset.classes, asdict(dataset.split), asdict(dataset.preprocessing)]
    first = start.read_bytes() if start is not None and start.exists() else b""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode() + first).hexdigest()[:16]


class Checkpoint:
    """The file of one step.

    Args:
        folder: of the step; the file is ``checkpoint.pt`` in it.
        made_from: what the step is made from (``made_from``).
        fabric: of the run.
        every_s: so often it is written within an epoch; 0: after each gradient step.
        parts: all that changes while training goes on, but ``Progress``.
    """

    def __init__(self, folder: Path, made_from: str, fabric: Fabric, every_s: float, **parts: Part) -> None:
        self._file = folder / CHECKPOINT
        self._made_from = made_from
        self._writes = fabric.is_global_zero
        self._every_s = every_s
        # Networks may draw too (dropout does), from torch's own generators; a scaler of gradients is the precision's.
        own: dict[str, Part] = {"precision": fabric.strategy.precision, "torch": torch.default_generator}
        if fabric.device.type == "cuda":
            own["cuda"] = torch.cuda.default_generators[fabric.device.index]
        self._parts: dict[str, Part] = own | parts
        self._written_s = time.monotonic()

    def restore(self) -> Progress:
        """Put all parts back to where they were. Without a file nothing changes, and training begins.

        Raises:
            TrainingError: the file is broken, or was made from something else.
        """
        if not self._file.exists():
            return Progress()
        try:
            kept = torch.load(self._file, map_location="cpu", weights_only=True)
            made_from, progress, parts = kept["made_from"], kept["progress"], kept["parts"]
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
            raise TrainingError(f"checkpoint '{self._file}' cannot be read: begin the step again (--again)") from error
        if made_from != self._made_from:
            raise TrainingError(
                f"checkpoint '{self._file}' was made from other recordings, settings or first weights than these: "
                "begin the step again (--again), or name another run folder"
            )
        for name, part in self._parts.items():
            # Of another kind of device there may be none.
            if name in parts:
                _put_back(part, parts[name])
        return Progress(**progress)

    def keep_now_and_then(self, progress: Progress) -> None:
        """Write the file within an epoch, when the last one is old enough. Raises as ``keep``."""
        if time.monotonic() - self._written_s >= self._every_s:
            self.keep(progress)

    def keep(self, progress: Progress) -> None:
        """Write the file.

        Raises:
            TrainingError: it cannot be written, or the state is broken; the one before is kept.
        """
        if not self._writes:
            return
        state = {name: _state(part) for name, part in self._parts.items()}
        # Arrays may hold NaN: the affinity of pairs not met yet.
        if not all(all_finite(state[name]) for name, part in self._parts.items() if not isinstance(part, np.ndarray)):
            raise TrainingError(
                f"the weights are not finite in epoch {progress.epoch}: the last good checkpoint '{self._file}' is "
                "kept; lower the learning rate"
            )
        content = io.BytesIO()
        torch.save({"made_from": self._made_from, "progress": asdict(progress), "parts": state}, content)
        temporary = self._file.with_suffix(".tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as out:
                out.write(content.getbuffer())
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(self._file)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise TrainingError(
                f"checkpoint '{self._file}' cannot be written: {error.strerror}: the last good one is kept; free some "
                "space and start again, it goes on from there"
            ) from error
        self._written_s = time.monotonic()


def begin_again(folder: Path) -> None:
    """Forget how far a step has come; its last weights stay until new ones are made."""
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _state(part: Part) -> Any:
    if isinstance(part, np.ndarray):
        return torch.from_numpy(part.copy())
    if isinstance(part, np.random.Generator):
        return part.bit_generator.state
    if isinstance(part, torch.Generator):
        return part.get_state()
    return part.state_dict()


def _put_back(part: Part, state: Any) -> None:
    if isinstance(part, np.ndarray):
        part[:] = state.numpy()
    elif isinstance(part, np.random.Generator):
        part.bit_generator.state = state
    elif isinstance(part, torch.Generator):
        part.set_state(state)
    else:
        part.load_state_dict(state)
