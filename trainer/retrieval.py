"""Speech found by its clip and back, among windows of subjects that training never saw.

``pretrain`` asks after each epoch, ``align`` and the report at the end. Called by the command's only thread.

Notation used for array shapes:
    n: windows; D: dimensions of the embedding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assistant.contracts import Float32Array
from trainer.config import DataConfig, TrainConfig
from trainer.data import Dataset, speech_windows
from trainer.embedding import embed_clips, embed_speech
from trainer.encoders import VideoSpeech
from trainer.pairs import Windows
from trainer.recordings import Recording

RANKS = (1, 5, 10)
MIN_WINDOWS = 20
"""Among fewer windows a rank says nothing."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """How often the partner is among the first k, for k of ``RANKS``.

    Attributes:
        windows: among so many.
        video_to_speech, speech_to_video, chance: R@k in [0, 1] by its name.
    """

    windows: int
    video_to_speech: Mapping[str, float]
    speech_to_video: Mapping[str, float]
    chance: Mapping[str, float]

    @property
    def figures(self) -> dict[str, float]:
        """For the history of a training: the mean of both directions, and chance."""
        mean = {name: (self.video_to_speech[name] + self.speech_to_video[name]) / 2 for name in self.chance}
        return mean | {f"{name} by chance": value for name, value in self.chance.items()}


def retrieve(z_v: Float32Array, z_s: Float32Array) -> Retrieval:
    """R@k by the cosine of ``(n, D)`` unit vectors; window i of one side belongs to window i of the other.

    Among windows with the very same cosine the partner stands at a random place, so encoders that give one vector for
    everything reach chance and no more.
    """
    cosine = z_v @ z_s.T
    return Retrieval(
        windows=len(cosine),
        video_to_speech=_recall(cosine),
        speech_to_video=_recall(cosine.T),
        chance={f"R@{k}": min(1.0, k / len(cosine)) for k in RANKS},
    )


def _recall(cosine: Float32Array) -> dict[str, float]:
    """Of each row's own column among its columns."""
    own = np.diag(cosine)[:, None]
    before, same = (cosine > own).sum(axis=1), (cosine == own).sum(axis=1)
    return {f"R@{k}": float(np.clip((k - before) / same, 0.0, 1.0).mean()) for k in RANKS}


def retrieval(
    network: VideoSpeech, recordings: tuple[Recording, ...], dataset: Dataset, config: TrainConfig
) -> Retrieval | None:
    """Retrieval among windows whose speech does not overlap; None when there are fewer than 20."""
    windows = spaced_windows(recordings, config.data)
    if len(windows) < MIN_WINDOWS:
        return None
    return retrieve(
        embed_clips(network, recordings, windows, dataset, config), embed_speech(network, recordings, windows, config)
    )


def spaced_windows(recordings: Sequence[Recording], config: DataConfig) -> Windows:
    """Windows with speech, so far apart that their speech does not overlap."""
    windows = speech_windows(recordings, config)
    kept: list[int] = []
    for i, (r, centre) in enumerate(zip(windows.recording, windows.centre_s, strict=True)):
        if not kept or windows.recording[kept[-1]] != r or centre - windows.centre_s[kept[-1]] >= config.speech_s:
            kept.append(i)
    return Windows(windows.recording[kept], windows.centre_s[kept])
