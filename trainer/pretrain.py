"""Pretraining: the two encoders learn which narration belongs to which images. Reads from top to bottom.

One thread; torch's own threads do the arithmetic. The best-known choices stand in ``config``; what a pair is in
``pairs``, what to believe of it in ``pacing``, what a batch teaches in ``objective``, the formulas in ``losses``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from assistant.contracts import Float32Array
from assistant.errors import TrainingError
from trainer.agreement import agreement
from trainer.alignment import retrieval
from trainer.config import PretrainConfig, TrainConfig
from trainer.data import Dataset, Float64Array, clips, speech_of, speech_windows, true_relevance
from trainer.encoders import AveragedCopy, VideoSpeech, channels_last, network_input
from trainer.objective import Batch, Objective
from trainer.pacing import AffinityMemory, admitted_share, negative_weights, self_paced_weights
from trainer.pairs import HARD_POSITIVE_S, Relation, batches, relations
from trainer.plots import Believed
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


def pretrain(dataset: Dataset, config: TrainConfig, folder: Path, report: Report) -> Pretrained:
    """Train both encoders on the training subjects' video and speech; labels are not looked at.

    Raises:
        TrainingError: there is no speech, or a loss is not finite (the last good state is kept).
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
    fabric = Fabric(accelerator="cpu", devices=1)
    network = channels_last(VideoSpeech(config.encoder))
    objective = Objective(network, config)
    averaged = AveragedCopy(network, settings.ema)
    optimiser = torch.optim.AdamW(objective.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    steps = sum(1 for _ in batches(windows, settings.recordings, settings.windows, np.random.default_rng(0)))
    total = settings.epochs * steps
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, 10 * (step + 1) / total) * 0.5 * (1 + math.cos(math.pi * step / total))
    )
    model, optimiser = fabric.setup(objective, optimiser)
    around_s = np.linspace(-settings.bag_reach_s, settings.bag_reach_s, settings.bag)
    bag_s = around_s if settings.contrastive == "mil_nce" else np.zeros(1)

    memory = AffinityMemory(len(windows))
    history: list[dict[str, float]] = []
    for epoch in range(settings.epochs):
        weights, judge = _believed(memory, relevance, epoch, settings)
        # Once the sides have begun to understand each other, each teaches the other more than it finds by itself.
        alone = not settings.learns_from_pairs or epoch < round(settings.warm_up * settings.epochs)
        sums: dict[str, float] = defaultdict(float)
        model.train()
        for pairs in batches(windows, settings.recordings, settings.windows, chance):
            # 1. Clips, speech (for some shifted a little: hard positives), and what each is to each other.
            number, clip_s = windows.recording[pairs], windows.centre_s[pairs]
            shift_s = chance.uniform(-HARD_POSITIVE_S, HARD_POSITIVE_S, len(pairs))
            speech_s = clip_s + shift_s * (chance.random(len(pairs)) < settings.hard_positive_share)
            video = network_input(clips(recordings, number, clip_s, config.data), dataset.preprocessing)
            again = video[:0]
            if settings.video_contrast_weight and alone:
                again_s = clip_s + chance.uniform(-HARD_POSITIVE_S, HARD_POSITIVE_S, len(pairs))
                again = network_input(clips(recordings, number, again_s, config.data), dataset.preprocessing)
            bag = [speech_of(recordings, number, speech_s + offset_s, config.data) for offset_s in bag_s]
            speech = torch.from_numpy(np.stack(bag, axis=1))
            relation = relations(number, clip_s, speech_s)
            negative = relation >= Relation.HARD_NEGATIVE
            say = np.where(relation == Relation.EASY_NEGATIVE, settings.easy_negative_weight, 1.0).astype(np.float32)

            # 2. How well they fit, by the slowly moving encoders on unchanged input.
            affinity = np.zeros(negative.shape, np.float32)
            if settings.learns_speech:
                with torch.no_grad():
                    middle = speech[:, len(bag) // 2]
                    affinity = (averaged.network.embed_video(video) @ averaged.network.embed_speech(middle).T).numpy()
                memory.update(pairs, np.diag(affinity))
            negatives = torch.from_numpy(say * negative_weights(affinity, negative, judge=judge))
            apart = torch.from_numpy(say * (relations(number, clip_s, clip_s) >= Relation.HARD_NEGATIVE))

            # 3. Learn.
            believed = torch.from_numpy(weights[pairs])
            terms = model(Batch(video, speech, believed, negatives, again, alone, apart), torch_chance)
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
            for name, value in terms.items():
                sums[name] += float(value.detach()) / steps

        figures = {"epoch": float(epoch), **sums, "admitted": float(np.count_nonzero(weights)) / len(weights)}
        if settings.learns_speech:
            figures |= agreement(memory.affinity, weights, relevance)
            found = retrieval(averaged.network, dataset.of(dataset.split.validation), dataset, config)
            figures |= found.figures if found else {}
        history.append(figures)
        save_weights(folder / WEIGHTS, averaged.network.state_dict())
        save_history(folder, history, Believed(memory.affinity, weights, relevance))
        report(figures)
    return Pretrained(folder / WEIGHTS, history, len(windows), memory.affinity)


def _believed(
    memory: AffinityMemory, relevance: Float64Array, epoch: int, settings: PretrainConfig
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
    return self_paced_weights(memory.affinity, share, settings.pacing), share < 1
