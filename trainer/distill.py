"""Distillation: a small network learns to answer as a trained one does, on recordings whose labels are not looked at.

Both see the same moved image, so that the student learns from the teacher's answer to what it sees itself (Beyer 2022,
arXiv 2106.05237). One thread; torch's own threads do the arithmetic. Killed anywhere, it goes on (``checkpoint``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody knows
from torch import Tensor, nn

from assistant.bundle import read_metadata
from assistant.bundle_metadata import SonocueBlock
from assistant.contracts import UInt8Array
from assistant.errors import TrainingError
from assistant.model_contracts import Preprocessing
from trainer.augment import augment_images, draw_motion
from trainer.checkpoint import Checkpoint, made_from
from trainer.compute import one_process
from trainer.config import TrainConfig, load_config
from trainer.data import Dataset, Int64Array
from trainer.encoders import AveragedCopy, GuidanceNetwork, channels_last, network_input
from trainer.finetune import Finetuned, Report
from trainer.losses import distillation_kl, gaze_kl
from trainer.recordings import Recording
from trainer.run_folder import TEACHER, WEIGHTS, load_weights, save_history, save_weights, write_json
from trainer.stored_array import gather

_VALIDATION_FRAMES = 512


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """A trained network and how its input is made.

    Attributes:
        name: of its model.
        weights: their file.
        network: in evaluation mode, without gradients.
        classes: in the order of its logits.
        preprocessing: of its input.
        has_gaze: its gaze decoder learned something.
    """

    name: str
    weights: Path
    network: GuidanceNetwork
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    has_gaze: bool


def load_teacher(run: Path) -> Teacher:
    """The network of a finished run, ``RUN/finetune`` and ``RUN/model``.

    Raises:
        TrainingError: the weights are missing, or of another network than the run's settings name.
        ModelError: the run has no model folder.
        ConfigError: it has no settings.
    """
    block: SonocueBlock = read_metadata(run / "model").sonocue
    network = GuidanceNetwork(load_config(run / "config.toml").encoder, len(block.classes))
    weights = run / "finetune" / WEIGHTS
    try:
        network.load_state_dict(load_weights(weights))
    except RuntimeError as error:
        raise TrainingError(f"weights '{weights}' are of another network than '{run}/config.toml' names") from error
    network.eval().requires_grad_(False)
    network = channels_last(network)
    return Teacher(block.name, weights, network, block.classes, block.preprocessing.to_contract(), block.has_gaze)


def distill(teacher: Teacher, dataset: Dataset, config: TrainConfig, folder: Path, report: Report) -> Finetuned:
    """Train a student on what the teacher says about frames of the training subjects.

    Args:
        teacher: whom to learn from.
        dataset: its recordings; no label, gaze or still image is looked at.
        config: all settings; ``encoder`` is the student's.
        folder: for weights, history and checkpoint; what is finished there is not done again.
        report: told each epoch's figures.

    Raises:
        TrainingError: teacher and settings do not fit, there is nothing to learn from, the loss is not finite, or the
            disk is full (the last good state is kept).
    """
    settings = config.distill
    _check(teacher, dataset, config)
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    chance, torch_chance = np.random.default_rng(config.seed), torch.Generator().manual_seed(config.seed)
    train, validation = (dataset.of(part) for part in (dataset.split.train, dataset.split.validation))
    held_out = _draw(validation, _VALIDATION_FRAMES, np.random.default_rng(0))

    fabric = one_process(config.compute)
    student = channels_last(GuidanceNetwork(config.encoder, len(teacher.classes)))
    widths = student.image.channels[-1], teacher.network.image.channels[-1]
    to_teacher = nn.Linear(*widths)  # features of another width are compared after this, which is thrown away
    parameters = [*student.parameters(), *to_teacher.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    steps = max(1, settings.frames_per_epoch // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=settings.epochs * steps
    )
    averaged = AveragedCopy(student, settings.ema)
    model, optimiser = fabric.setup(student, optimiser)
    model.mark_forward_method("answer")
    to_teacher.to(fabric.device)
    teacher.network.to(fabric.device)

    checkpoint = Checkpoint(
        folder, made_from(dataset, config, "distill", teacher.weights), fabric, config.compute.checkpoint_s,
        model=student, to_teacher=to_teacher, averaged=averaged, optimiser=optimiser, schedule=schedule, chance=chance,
        torch_chance=torch_chance,
    )  # fmt: skip
    at = checkpoint.restore()
    write_json(folder / TEACHER, {"teacher": teacher.name})  # for the model card
    for epoch in range(at.epoch, settings.epochs):
        model.train()
        for _ in range(at.step, steps):
            image = network_input(_draw(train, settings.batch, chance)[:, None], dataset.preprocessing)
            image = augment_images(image, draw_motion(len(image), torch_chance), torch_chance)
            image = fabric.to_device(image.contiguous(memory_format=torch.channels_last))
            with fabric.autocast():
                losses = _losses(model, teacher, to_teacher, image, dataset.preprocessing, config)
            loss = losses["planes"] + settings.gaze_weight * losses["gaze"]
            loss = loss + settings.feature_weight * losses["features"]
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"distillation: the loss is not finite in epoch {epoch}: the best state before is kept in "
                    f"'{folder}'; lower distill.learning_rate"
                )
            optimiser.zero_grad()
            fabric.backward(loss)
            optimiser.step()
            schedule.step()
            averaged.follow(student)
            at.end_step({"loss": loss, **losses}, steps)
            checkpoint.keep_now_and_then(at)
        figures = {"epoch": float(epoch), **at.sums, **_validate(averaged.network, teacher, held_out, dataset, config)}
        at.end_epoch(figures)
        if figures["validation_loss"] <= at.history[at.best]["validation_loss"]:
            at.best = epoch
            save_weights(folder / WEIGHTS, averaged.network.state_dict())
        save_history(folder, at.history)
        checkpoint.keep(at)
        report(figures)
    return Finetuned(folder / WEIGHTS, at.history, at.best)


def _check(teacher: Teacher, dataset: Dataset, config: TrainConfig) -> None:
    theirs = teacher.preprocessing.height_px, teacher.preprocessing.width_px
    mine = config.data.height_px, config.data.width_px
    if theirs != mine:
        raise TrainingError(f"the teacher sees {theirs[0]}x{theirs[1]} pixels: expected the same of data, got {mine}")
    if dataset.classes and dataset.classes != teacher.classes:
        raise TrainingError(
            f"the teacher names {', '.join(teacher.classes)}; these recordings {', '.join(dataset.classes)}: set "
            "'classes' to the teacher's planes"
        )
    if not all(dataset.of(part) for part in (dataset.split.train, dataset.split.validation)):
        raise TrainingError("no recording of a training or of a validation subject to learn from")


def _draw(recordings: Sequence[Recording], count: int, chance: np.random.Generator) -> UInt8Array:
    """Frames ``(count, H, W)``, each equally likely."""
    lengths = np.array([len(recording.frames) for recording in recordings])
    drawn: Int64Array = np.sort(chance.integers(0, lengths.sum(), count))
    first = np.concatenate([[0], np.cumsum(lengths)])
    rows = [np.unique(drawn[(drawn >= a) & (drawn < b)] - a) for a, b in pairwise(first)]
    pixels: UInt8Array = np.concatenate(gather([recording.frames for recording in recordings], rows))
    shuffled: UInt8Array = pixels[chance.permutation(np.arange(count) % len(pixels))]  # so many, even if one came twice
    return shuffled


def _as_teacher_sees(image: Tensor, mine: Preprocessing, theirs: Preprocessing) -> Tensor:
    """The same pixels, normalised as the teacher's are."""
    return (image * mine.std + (mine.mean - theirs.mean)) / theirs.std


def _losses(
    student: nn.Module,
    teacher: Teacher,
    to_teacher: nn.Module,
    image: Tensor,
    preprocessing: Preprocessing,
    config: TrainConfig,
) -> dict[str, Tensor]:
    """Of a batch, scalars; in 32 bits whatever the networks compute in."""
    with torch.no_grad():
        theirs = teacher.network.answer(_as_teacher_sees(image, preprocessing, teacher.preprocessing))
    mine: tuple[Tensor, Tensor, Tensor] = student.answer(image)  # type: ignore[operator]  # Fabric's wrapper
    cosine = F.cosine_similarity(to_teacher(mine[2]).float(), theirs[2].float(), dim=1)
    logits, gaze, their_logits, their_gaze = (x.float() for x in (*mine[:2], *theirs[:2]))
    return {
        "planes": distillation_kl(logits, their_logits, config.distill.temperature),
        "gaze": gaze_kl(gaze, _density(their_gaze)) if teacher.has_gaze else gaze.sum() * 0.0,
        "features": (1 - cosine).mean(),
    }


def _density(gaze_logits: Tensor) -> Tensor:
    return gaze_logits.flatten(1).softmax(dim=1).reshape(gaze_logits.shape)


@torch.no_grad()
def _validate(
    student: GuidanceNetwork, teacher: Teacher, pixels: UInt8Array, dataset: Dataset, config: TrainConfig
) -> dict[str, float]:
    """How far the student is from the teacher on frames of the validation subjects."""
    student.eval()
    losses, same = [], []
    for first in range(0, len(pixels), 64):
        image = network_input(pixels[first : first + 64, None], dataset.preprocessing)
        logits, gaze = student(image)
        their_logits, their_gaze = teacher.network(
            _as_teacher_sees(image, dataset.preprocessing, teacher.preprocessing)
        )
        planes = distillation_kl(logits, their_logits, config.distill.temperature)
        seen = gaze_kl(gaze, _density(their_gaze)) if teacher.has_gaze else torch.zeros(())
        losses.append(float(planes + config.distill.gaze_weight * seen) * len(image))
        same.append(float((logits.argmax(dim=1) == their_logits.argmax(dim=1)).sum()))
    return {"validation_loss": sum(losses) / len(pixels), "validation_same_plane": sum(same) / len(pixels)}
