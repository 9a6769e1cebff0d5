"""Pretraining: the two encoders learn which narration belongs to which images. Reads from top to bottom.

One thread; torch's own threads do the arithmetic. The best-known choices stand in ``config``; what a pair is in
``pairs``, what to believe of it in ``pacing``, what a batch teaches in ``objective``, the formulas in ``losses``.
Several processes run it side by side (``compute``); killed anywhere, it goes on (``checkpoint``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from assistant.contracts import Float32Array
from assistant.errors import TrainingError
from trainer.agreement import agreement
from trainer.batches import pair_batches
from trainer.checkpoint import Checkpoint, made_from
from trainer.compute import Joint, normalise_jointly, one_process, rows_of
from trainer.config import PretrainConfig, TrainConfig
from trainer.data import Dataset, Float64Array, speech_windows, true_relevance
from trainer.encoders import AveragedCopy, VideoSpeech, channels_last
from trainer.objective import Batch, Objective
from trainer.pacing import AffinityMemory, admitted_share, negative_weights, self_paced_weights
from trainer.pairs import Relation, batches
from trainer.plots import Believed
from trainer.retrieval import retrieval
from trainer.run_folder import WEIGHTS, History, save_history, save_weights

_MAX_LOG_SCALE = math.log(100.0)  # a temperature under 0.01 only makes gradients vanish (Radford 2021)

Report = Callable[[Mapping[str, float]], None]
"""Told the figures of each epoch when it ends."""


@dataclass(frozen=True, slots=True, eq=False)
class Pretrained:
    """What pretraining gave.

    Attributes:
        weights: file of ``VideoSpeech``'s state.
        history: one row an epoch.
        pairs: how many pairs of clip and speech there were.
        affinity: ``(pairs,)`` float32 the last affinity of each pair.
    """

    weights: Path
    history: History
    pairs: int
    affinity: Float32Array


def pretrain(
    dataset: Dataset, config: TrainConfig, folder: Path, report: Report, fabric: Fabric | None = None
) -> Pretrained:
    """Train both encoders on the training subjects' video and speech; labels are not looked at.

    Goes on from the checkpoint in ``folder``, if there is one; what is finished is not done again.

    Args:
        dataset: see there.
        config: all settings.
        folder: for weights, history and checkpoint.
        report: told each epoch's figures.
        fabric: launched; None: this process alone.

    Raises:
        TrainingError: there is no speech, a loss is not finite, or the disk is full (the last good state is kept).
    """
    settings = config.pretrain
    recordings = dataset.of(dataset.split.train)
    windows = speech_windows(recordings, config.data)
    if len(windows) < 2:
        raise TrainingError(
            f"no speech in the {len(recordings)} training sessions (expected {config.data.min_speech:.0%} of some "
            f"{config.data.speech_s} s): record with the microphone on, or set pretrain.epochs = 0"
        )
    relevance = true_relevance(recordings, windows, config.data)

    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    chance, torch_chance = np.random.default_rng(config.seed), torch.Generator().manual_seed(config.seed)
    fabric = fabric or one_process(config.compute)
    network = channels_last(VideoSpeech(config.encoder))
    normalise_jointly(network, fabric)
    objective = Objective(network, config)
    optimiser = torch.optim.AdamW(objective.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    steps = sum(1 for _ in batches(windows, settings.recordings, settings.windows, np.random.default_rng(0)))
    total = settings.epochs * steps
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, 10 * (step + 1) / total) * 0.5 * (1 + math.cos(math.pi * step / total))
    )
    model, optimiser = fabric.setup(objective, optimiser)
    averaged = AveragedCopy(network, settings.ema)
    mine_of = partial(rows_of, fabric=fabric)

    memory = AffinityMemory(len(windows))
    affinity_before = memory.affinity.copy()  # of all pairs, when the epoch began
    checkpoint = Checkpoint(
        folder, made_from(dataset, config, "pretrain"), fabric, config.compute.checkpoint_s,
        model=objective, averaged=averaged, optimiser=optimiser, schedule=schedule, chance=chance,
        torch_chance=torch_chance, affinity=memory.affinity, affinity_before=affinity_before,
    )  # fmt: skip
    at = checkpoint.restore()
    for epoch in range(at.epoch, settings.epochs):
        if at.step == 0:
            affinity_before[:] = fabric.broadcast(memory.affinity)
        weights, judge = _believed(affinity_before, relevance, epoch, settings)
        # Once the sides have begun to understand each other, each teaches the other more than it finds by itself.
        alone = not settings.learns_from_pairs or epoch < round(settings.warm_up * settings.epochs)
        model.train()
        epoch_batches = pair_batches(recordings, windows, dataset, config, chance, alone=alone, rows_of=mine_of)
        for drawn in islice(epoch_batches, steps - at.step):
            # 1. Clips, speech (for some shifted a little: hard positives), and what each is to each other. All is
            #    drawn for the joint batch; pixels and sound are taken for this process's rows of it.
            pairs, relation = drawn.pairs, drawn.relation
            joint = Joint(len(pairs), fabric, torch_chance)
            video, again, speech = fabric.to_device((drawn.video, drawn.again, drawn.speech))
            negative = relation >= Relation.HARD_NEGATIVE
            say = np.where(relation == Relation.EASY_NEGATIVE, settings.easy_negative_weight, 1.0).astype(np.float32)

            # 2. How well they fit, by the slowly moving encoders on unchanged input.
            affinity = np.zeros(negative.shape, np.float32)
            if settings.learns_speech:
                with torch.no_grad():
                    z_v = averaged.network.embed_video(video, joint.gather)
                    z_s = averaged.network.embed_speech(speech[:, speech.shape[1] // 2], joint.gather)
                    affinity = (z_v @ z_s.T).cpu().numpy()
                memory.update(pairs, np.diag(affinity))
            negatives = torch.from_numpy(say * negative_weights(affinity, negative, judge=judge))
            apart = torch.from_numpy(say * (drawn.between_clips >= Relation.HARD_NEGATIVE))

            # 3. Learn.
            believed, negatives, apart = fabric.to_device((torch.from_numpy(weights[pairs]), negatives, apart))
            terms = model(Batch(video, speech, believed, negatives, again, apart, alone=alone), joint)
            if not torch.isfinite(terms["loss"]):
                raise TrainingError(
                    f"pretraining: the loss is not finite in epoch {epoch}: the state after the epoch before "
                    f"is kept in '{folder}'; lower pretrain.learning_rate"
                )
            optimiser.zero_grad()
            fabric.backward(terms["loss"])
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                network.log_scale.clamp_(max=_MAX_LOG_SCALE)
            averaged.follow(network)
            at.end_step(terms, steps)
            checkpoint.keep_now_and_then(at)

        figures = {"epoch": float(epoch), **at.sums, "admitted": float(np.count_nonzero(weights)) / len(weights)}
        if settings.learns_speech:
            figures |= agreement(memory.affinity, weights, relevance)
            found = retrieval(averaged.network, dataset.of(dataset.split.validation), dataset, config)
            figures |= found.figures if found else {}
        at.end_epoch(figures)
        if fabric.is_global_zero:
            save_weights(folder / WEIGHTS, averaged.network.state_dict())
            save_history(folder, at.history, Believed(memory.affinity, weights, relevance))
        checkpoint.keep(at)
        report(figures)
    fabric.barrier()  # the next step reads what the first process wrote
    return Pretrained(folder / WEIGHTS, at.history, len(windows), memory.affinity)


def _believed(
    affinity: Float32Array, relevance: Float64Array, epoch: int, settings: PretrainConfig
) -> tuple[Float32Array, bool]:
    """How much each pair counts in an epoch, ``(pairs,)`` in [0, 1]; and whether false negatives are judged in it.

    Raises:
        TrainingError: the oracle is asked, and nothing is known about what was said.
    """
    share = 1.0
    if settings.pacing != "none":
        share = admitted_share(epoch, settings.epochs, settings.warm_up, settings.rho_0, settings.rho_1)
    if settings.pacing == "oracle":
        if np.isnan(relevance).all():
            raise TrainingError("pretrain.pacing = 'oracle' needs sessions of the software scanner: no truth was found")
        return (np.nan_to_num(relevance) >= 0.5).astype(np.float32), share < 1
    return self_paced_weights(affinity, share, settings.pacing), share < 1
