"""What a step of training draws: batches of pairs for pretraining, of labelled frames for fine-tuning, as tensors.

All chance is taken from the caller's generator, in the order of a plain loop. Made by the command's main thread, or by
the thread of ``batches_ahead``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainer.config import TrainConfig
from trainer.data import Dataset, Int64Array, clips, speech_of
from trainer.encoders import network_input
from trainer.labelled import LabelledFrames, draw_balanced
from trainer.pairs import HARD_POSITIVE_S, Windows, batches, relations
from trainer.recordings import Recording


@dataclass(frozen=True, slots=True, eq=False)
class PairBatch:
    """Pairs of clip and speech, and what each is to each other: N of the joint batch, n of them this process's.

    Attributes:
        pairs: ``(N,)`` their numbers among the windows.
        video: ``(n, T, H, W)`` normalised.
        again: ``(n, T, H, W)`` the clips a moment earlier or later; empty when they are not needed.
        speech: ``(n, K, n_mels, n_frames)`` K windows around each clip, the one that belongs to it in the middle.
        relation: ``(N, N)`` of ``Relation``, clips by speech.
        between_clips: ``(N, N)`` of ``Relation``, clips by clips.
    """

    pairs: Int64Array
    video: Tensor
    again: Tensor
    speech: Tensor
    relation: Int64Array
    between_clips: Int64Array


def pair_batches(
    recordings: Sequence[Recording],
    windows: Windows,
    dataset: Dataset,
    config: TrainConfig,
    chance: np.random.Generator,
    *,
    alone: bool = True,
    rows_of: Callable[[int], Int64Array] = np.arange,
) -> Iterator[PairBatch]:
    """One epoch of pretraining.

    Args:
        recordings: of the training subjects.
        windows: all pairs of these.
        dataset: see there.
        config: all settings.
        chance: draws the joint batch, the same in each process.
        alone: clips of a moment earlier or later are wanted too.
        rows_of: the rows of a joint batch of so many pairs whose pixels and sound are wanted.
    """
    settings, data = config.pretrain, config.data
    around_s = np.linspace(-settings.bag_reach_s, settings.bag_reach_s, settings.bag)
    bag_s = around_s if settings.contrastive == "mil_nce" else np.zeros(1)
    for pairs in batches(windows, settings.recordings, settings.windows, chance):
        number, clip_s = windows.recording[pairs], windows.centre_s[pairs]
        shift_s = chance.uniform(-HARD_POSITIVE_S, HARD_POSITIVE_S, len(pairs))
        speech_s = clip_s + shift_s * (chance.random(len(pairs)) < settings.hard_positive_share)
        mine = rows_of(len(pairs))
        video = network_input(clips(recordings, number[mine], clip_s[mine], data), dataset.preprocessing)
        again = video[:0]
        if settings.video_contrast_weight and alone:
            again_s = clip_s + chance.uniform(-HARD_POSITIVE_S, HARD_POSITIVE_S, len(pairs))
            again = network_input(clips(recordings, number[mine], again_s[mine], data), dataset.preprocessing)
        bag = [speech_of(recordings, number[mine], speech_s[mine] + offset_s, data) for offset_s in bag_s]
        yield PairBatch(
            pairs=pairs,
            video=video,
            again=again,
            speech=torch.from_numpy(np.stack(bag, axis=1)),
            relation=relations(number, clip_s, speech_s),
            between_clips=relations(number, clip_s, clip_s),
        )


@dataclass(frozen=True, slots=True, eq=False)
class FrameBatch:
    """Labelled frames.

    Attributes:
        image: ``(N, 1, H, W)`` normalised.
        density: ``(N, h, w)`` of the gaze; zeros where none is known.
        admissible: ``(N, n_classes)`` bool.
    """

    image: Tensor
    density: Tensor
    admissible: Tensor


def frame_batches(
    frames: LabelledFrames, known: Int64Array, dataset: Dataset, config: TrainConfig, chance: np.random.Generator
) -> Iterator[FrameBatch]:
    """One epoch of fine-tuning, of the ``known`` among the frames."""
    settings = config.finetune
    steps = max(1, settings.frames_per_epoch // settings.batch)
    order = draw_balanced(frames.groups[known], steps * settings.batch, settings.balance, chance)
    for drawn in known[order].reshape(steps, -1):
        yield FrameBatch(
            image=network_input(frames.pixels[drawn][:, None], dataset.preprocessing),
            density=torch.from_numpy(frames.density[drawn]),
            admissible=torch.from_numpy(frames.admissible[drawn]),
        )
