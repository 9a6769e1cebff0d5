"""Fine-tuning: one encoder, two heads (planes and gaze), trained together. Reads from top to bottom.

One thread; torch's own threads do the arithmetic. Several processes run it side by side (``compute``); killed anywhere,
it goes on (``checkpoint``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from assistant.errors import TrainingError
from assistant.metrics import confusion_matrix, plane_scores
from trainer.augment import augment_images, draw_motion, move_maps
from trainer.checkpoint import Checkpoint, made_from
from trainer.compute import Joint, normalise_jointly, one_process
from trainer.config import TrainConfig
from trainer.data import BoolArray, Dataset
from trainer.encoders import AveragedCopy, GuidanceNetwork, channels_last, network_input
from trainer.evaluate import predict
from trainer.labelled import LabelledFrames, draw_balanced, labelled_of, share_of, untold
from trainer.losses import admissible_nll, gaze_kl
from trainer.recordings import UNLABELLED
from trainer.run_folder import TEACHER, WEIGHTS, History, load_weights, save_history, save_weights
from trainer.splits import evenly

_LOOKED_AT = 1500
"""Validation frames after each epoch; more would add little, since neighbours in time look alike."""

Report = Callable[[Mapping[str, float]], None]
"""Told the figures of each epoch when it ends."""


@dataclass(frozen=True, slots=True, eq=False)
class Finetuned:
    """What fine-tuning gave.

    Attributes:
        weights: file of ``GuidanceNetwork``'s averaged state in the best epoch.
        history: one row an epoch.
        best_epoch: the one with the lowest loss on the validation subjects.
    """

    weights: Path
    history: History
    best_epoch: int


def finetune(
    dataset: Dataset,
    config: TrainConfig,
    pretrained: Path | None,
    folder: Path,
    report: Report,
    fabric: Fabric | None = None,
) -> Finetuned:
    """Train both heads and the encoder on the training subjects' labelled frames.

    Goes on from the checkpoint in ``folder``, if there is one; what is finished is not done again.

    Args:
        dataset: see there.
        config: all settings.
        pretrained: weights of ``VideoSpeech`` whose image encoder to begin with; None begins at random.
        folder: for weights, history and checkpoint.
        report: told each epoch's figures.
        fabric: launched; None: this process alone.

    Raises:
        TrainingError: no frame is labelled, a loss is not finite, or the disk is full (the last good state is kept).
    """
    settings = config.finetune
    if not dataset.classes:
        raise TrainingError("no frame of a training subject is labelled: label some; pretraining alone needs no labels")
    train = labelled_of(evenly(dataset.split.train, settings.labelled_subjects), dataset, config)
    validation = labelled_of(dataset.split.validation, dataset, config).every(_LOOKED_AT)

    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    chance, torch_chance = np.random.default_rng(config.seed), torch.Generator().manual_seed(config.seed)
    known = np.arange(len(train.labels))
    if settings.label_share < 1:
        known = share_of(train.groups, settings.label_share, chance)
    groups = train.groups[known]
    fabric = fabric or one_process(config.compute)
    network = channels_last(GuidanceNetwork(config.encoder, len(dataset.classes)))
    normalise_jointly(network, fabric)
    encoder_rate = settings.learning_rate
    tie_untold(network.planes, train.admissible[known])
    if pretrained is not None:
        _begin_from(pretrained, network)
        encoder_rate *= settings.encoder_rate
    heads = [*network.planes.parameters(), *network.gaze.parameters()]
    rates = [
        {"params": heads, "lr": settings.learning_rate},
        {"params": network.image.parameters(), "lr": encoder_rate},
    ]
    optimiser = torch.optim.AdamW(rates, weight_decay=settings.weight_decay)
    steps = max(1, settings.frames_per_epoch // settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [settings.learning_rate, encoder_rate], total_steps=settings.epochs * steps
    )
    (folder / TEACHER).unlink(missing_ok=True)
    model, optimiser = fabric.setup(network, optimiser)
    averaged = AveragedCopy(network, settings.ema)

    drawn = np.zeros((steps, settings.batch), np.int64)  # the frames of an epoch
    checkpoint = Checkpoint(
        folder, made_from(dataset, config, "finetune", pretrained), fabric, config.compute.checkpoint_s,
        model=network, averaged=averaged, optimiser=optimiser, schedule=schedule, chance=chance,
        torch_chance=torch_chance, drawn=drawn,
    )  # fmt: skip
    at = checkpoint.restore()
    for epoch in range(at.epoch, settings.epochs):
        model.train()
        if at.step == 0:
            order = draw_balanced(groups, steps * settings.batch, settings.balance, chance)
            drawn[:] = known[order].reshape(steps, -1)
        for frames in islice(drawn, at.step, None):
            # The joint batch is drawn; images are taken for this process's rows of it, losses again for all of it.
            joint = Joint(len(frames), fabric, torch_chance)
            mine = frames[joint.rows]
            image = network_input(train.pixels[mine][:, None], dataset.preprocessing)
            motion = draw_motion(len(mine), joint)
            image, density = fabric.to_device((image, torch.from_numpy(train.density[mine])))
            image, density = augment_images(image, motion, joint), move_maps(density, motion)
            logits, gaze_logits = model(image.contiguous(memory_format=torch.channels_last))
            admissible = fabric.to_device(torch.from_numpy(train.admissible[frames]))
            planes = admissible_nll(joint.gather(logits), admissible)
            gaze = _gaze_loss(joint.gather(gaze_logits), joint.gather(density))
            loss = planes + settings.gaze_weight * gaze
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"fine-tuning: the loss is not finite in epoch {epoch}: the best state before is kept in "
                    f"'{folder}'; lower finetune.learning_rate"
                )
            optimiser.zero_grad()
            fabric.backward(loss)
            optimiser.step()
            schedule.step()
            averaged.follow(network)
            at.end_step({"loss": loss, "planes": planes, "gaze": gaze}, steps)
            checkpoint.keep_now_and_then(at)

        figures = {"epoch": float(epoch), **at.sums, **_validate(averaged.network, validation, dataset, config)}
        at.end_epoch(figures)
        if figures["validation_loss"] <= at.history[at.best]["validation_loss"]:
            at.best = epoch
        if fabric.is_global_zero:
            if at.best == epoch:
                save_weights(folder / WEIGHTS, averaged.network.state_dict())
            save_history(folder, at.history)
        checkpoint.keep(at)
        report(figures)
    fabric.barrier()  # the next step reads what the first process wrote
    return Finetuned(folder / WEIGHTS, at.history, at.best)


@torch.no_grad()
def tie_untold(head: nn.Linear, admissible: BoolArray) -> None:
    """Let classes that no frame tells apart begin alike.

    Their gradients are the same from then on, so they stay alike: the network spreads its probability evenly over them,
    where otherwise chance would choose one, and say it with confidence.

    Args:
        head: gives the logits.
        admissible: ``(n, n_classes)`` of the training frames.
    """
    for first, *others in untold(admissible):
        head.weight[others] = head.weight[first].clone()
        head.bias[others] = head.bias[first].clone()


def _begin_from(pretrained: Path, network: GuidanceNetwork) -> None:
    state = load_weights(pretrained)
    try:
        network.image.load_state_dict({k[6:]: v for k, v in state.items() if k.startswith("image.")})
    except RuntimeError as error:
        raise TrainingError(f"weights '{pretrained}' are of another encoder than the config names") from error


def _gaze_loss(gaze_logits: Tensor, density: Tensor) -> Tensor:
    """KL over the frames of a batch that have a gaze; 0 when there are none."""
    looked_at = density.sum(dim=(1, 2)) > 0.5  # augmentation may have moved it off the image
    return gaze_kl(gaze_logits[looked_at], density[looked_at]) if looked_at.any() else gaze_logits.sum() * 0.0


def _validate(
    network: GuidanceNetwork, frames: LabelledFrames, dataset: Dataset, config: TrainConfig
) -> dict[str, float]:
    logits, gaze_logits = predict(network, frames.pixels, dataset.preprocessing)
    labelled = frames.labels != UNLABELLED
    planes = float(admissible_nll(torch.from_numpy(logits), torch.from_numpy(frames.admissible)))
    gaze = float(_gaze_loss(torch.from_numpy(gaze_logits), torch.from_numpy(frames.density)))
    confusion = confusion_matrix(frames.labels[labelled], logits[labelled].argmax(axis=1), len(dataset.classes))
    return {
        "validation_loss": planes + config.finetune.gaze_weight * gaze,
        "validation_gaze_kl": gaze,
        "validation_macro_f1": plane_scores(confusion, None).macro_f1,
    }
