"""Which clips and which speech form pairs, and what they are to each other.

Whether two windows belong together is judged by time alone (``relations``); how far to believe it is ``pacing``'s
business. Called by the training loop's only thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from trainer.config import DataConfig
from trainer.recordings import MEL_HOP_S, Recording

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

HARD_POSITIVE_S = 0.5
"""Narration leads or lags the image by about this much and still means the same moment."""
HARD_NEGATIVE_S = 5.0
"""From here on another moment of the same recording is taken to show something else."""
_SAME_MOMENT_S = 0.05
SPEECH = 0.5
"""Probability from which a chunk counts as speech."""


class Relation(IntEnum):
    """What a clip and a speech window are to each other."""

    IGNORED = 0
    POSITIVE = 1
    HARD_POSITIVE = 2
    HARD_NEGATIVE = 3
    EASY_NEGATIVE = 4


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Moments at which a clip with speech is found: the pairs of a training set.

    Attributes:
        recording: ``(n_pairs,)`` number of the recording.
        centre_s: ``(n_pairs,)`` seconds since the recording's first frame.
    """

    recording: Int64Array
    centre_s: Float64Array

    def __len__(self) -> int:
        return len(self.recording)


def speech_windows(recordings: Sequence[Recording], config: DataConfig) -> Windows:
    """All moments whose speech window holds enough speech, on an even grid over each recording."""
    numbers, centres = [], []
    reach_s = max(config.clip_s, config.speech_s) / 2
    for number, recording in enumerate(recordings):
        end_s = min(recording.times_s[-1], recording.log_mel_s + MEL_HOP_S * recording.log_mel.shape[1])
        grid = np.arange(max(0.0, recording.log_mel_s) + reach_s, end_s - reach_s, config.window_step_s)
        voiced = np.concatenate([[0], np.cumsum(recording.speech >= SPEECH)])
        first = np.searchsorted(recording.speech_s, grid - config.speech_s / 2)
        last = np.searchsorted(recording.speech_s, grid + config.speech_s / 2)
        share = (voiced[last] - voiced[first]) / np.maximum(last - first, 1)
        kept = grid[share >= max(config.min_speech, 1e-9)]
        numbers.append(np.full(len(kept), number, np.int64))
        centres.append(kept)
    return Windows(np.concatenate(numbers), np.concatenate(centres))


def relations(recording: Int64Array, clip_s: Float64Array, speech_s: Float64Array) -> npt.NDArray[np.int64]:
    """The relation of each clip to each speech window of a batch.

    Args:
        recording: ``(N,)`` number of the recording of pair i.
        clip_s: ``(N,)`` centre of clip i, in seconds of its recording.
        speech_s: ``(N,)`` centre of speech i, in seconds of its recording.

    Returns:
        ``(N, N)`` of ``Relation``, clips by speech.
    """
    apart_s = np.abs(clip_s[:, None] - speech_s[None, :])
    same_recording = recording[:, None] == recording[None, :]
    within = np.select(
        [apart_s <= _SAME_MOMENT_S, apart_s <= HARD_POSITIVE_S, apart_s < HARD_NEGATIVE_S],
        [Relation.POSITIVE, Relation.HARD_POSITIVE, Relation.IGNORED],
        Relation.HARD_NEGATIVE,
    )
    return np.where(same_recording, within, int(Relation.EASY_NEGATIVE)).astype(np.int64)


def batches(windows: Windows, n_recordings: int, n_windows: int, rng: np.random.Generator) -> Iterator[Int64Array]:
    """One epoch of batches: ``n_recordings`` recordings times ``n_windows`` windows of each.

    The windows of a recording are drawn at least ``HARD_NEGATIVE_S`` apart where it is long enough, so that every
    clip meets hard negatives in its own batch; no window stands twice in a batch. Recordings are drawn in proportion to
    their windows, so that a pair is met about once an epoch.

    Yields:
        ``(N,)`` numbers of pairs, N at most ``n_recordings * n_windows``.
    """
    of_recording = [np.flatnonzero(windows.recording == r) for r in np.unique(windows.recording)]
    chance = np.array([len(members) for members in of_recording], np.float64)
    chance /= chance.sum()
    n_recordings = min(n_recordings, len(of_recording))
    for _ in range(max(1, round(len(windows) / (n_recordings * n_windows)))):
        drawn = rng.choice(len(of_recording), n_recordings, replace=False, p=chance)
        yield np.concatenate([_far_apart(of_recording[r], windows.centre_s, n_windows, rng) for r in drawn])


def _far_apart(members: Int64Array, centre_s: Float64Array, count: int, rng: np.random.Generator) -> Int64Array:
    """Up to ``count`` of ``members`` at random, each at least ``HARD_NEGATIVE_S`` from the others where possible."""
    chosen: list[int] = []
    order = rng.permutation(members)
    for member in order:
        if len(chosen) < count and all(abs(centre_s[member] - centre_s[c]) >= HARD_NEGATIVE_S for c in chosen):
            chosen.append(int(member))
    rest = [int(member) for member in order if int(member) not in chosen]
    return np.array(chosen + rest[: count - len(chosen)], np.int64)
