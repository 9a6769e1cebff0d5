"""Examples of retrieval for people: a clip, what was said with it, and whose speech the encoders find nearest.

Only where the words are known (the software scanner tells them). Called by the command's only thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assistant.contracts import UInt8Array
from trainer.config import DataConfig, TrainConfig
from trainer.data import Dataset, clips
from trainer.embedding import embed_clips, embed_speech
from trainer.encoders import VideoSpeech
from trainer.recordings import Recording
from trainer.retrieval import MIN_WINDOWS, Retrieval, retrieve, spaced_windows

_LEAST_HEARD_S = 0.2
"""So much of an utterance lies in a window, or it is not told of it."""


@dataclass(frozen=True, slots=True)
class FoundSpeech:
    """A piece of speech that was found for a clip.

    Attributes:
        session_id, centre_s: where it was said.
        words: what was said.
        cosine: to the clip, in [-1, 1].
        own: it is the clip's own.
    """

    session_id: str
    centre_s: float
    words: str
    cosine: float
    own: bool


@dataclass(frozen=True, slots=True, eq=False)
class RetrievalExample:
    """A clip and the speech that was found for it.

    Attributes:
        session_id, centre_s: where the clip is.
        frames: ``(T, H, W)`` uint8.
        words: what was said with it.
        rank: place of its own speech among all, from 1.
        found: the nearest, nearest first.
    """

    session_id: str
    centre_s: float
    frames: UInt8Array
    words: str
    rank: int
    found: tuple[FoundSpeech, ...]


def said(recording: Recording, centre_s: float, config: DataConfig) -> str:
    """The words of all utterances within the speech window around a moment; "" when none are known."""
    if not recording.words:
        return ""
    start_s, end_s = centre_s - config.speech_s / 2, centre_s + config.speech_s / 2
    heard_s = np.minimum(recording.utterances[:, 1], end_s) - np.maximum(recording.utterances[:, 0], start_s)
    return " … ".join(recording.words[i] for i in np.flatnonzero(heard_s >= _LEAST_HEARD_S))


def retrieval_examples(
    network: VideoSpeech,
    recordings: Sequence[Recording],
    dataset: Dataset,
    config: TrainConfig,
    *,
    count: int = 6,
    nearest: int = 3,
) -> tuple[Retrieval, tuple[RetrievalExample, ...]] | None:
    """Retrieval among windows that do not overlap, with some clips drawn at random (not picked) as examples.

    Args:
        network: of a pretraining.
        recordings: of subjects that it never saw.
        dataset: see there.
        config: all settings; ``seed`` draws the examples.
        count: so many examples at most.
        nearest: so much speech is told of each.

    Returns:
        None with fewer than 20 windows; no examples when no words are known.
    """
    windows = spaced_windows(recordings, config.data)
    if len(windows) < MIN_WINDOWS:
        return None
    z_v = embed_clips(network, recordings, windows, dataset, config)
    z_s = embed_speech(network, recordings, windows, config)
    moments = list(zip(windows.recording.tolist(), windows.centre_s.tolist(), strict=True))
    words = [said(recordings[r], centre_s, config.data) for r, centre_s in moments]
    known = np.array([i for i, told in enumerate(words) if told], np.int64)
    drawn = np.sort(np.random.default_rng(config.seed).permutation(known)[:count])
    examples = []
    for i in drawn.tolist():
        clip = clips(recordings, windows.recording[[i]], windows.centre_s[[i]], config.data)[0]
        cosine = z_s @ z_v[i]
        order = np.argsort(-cosine, kind="stable")
        found = tuple(
            FoundSpeech(recordings[moments[j][0]].session_id, moments[j][1], words[j], float(cosine[j]), j == i)
            for j in order[:nearest].tolist()
        )
        rank = int(np.flatnonzero(order == i)[0]) + 1
        number, centre_s = moments[i]
        examples.append(RetrievalExample(recordings[number].session_id, centre_s, clip, words[i], rank, found))
    return retrieve(z_v, z_s), tuple(examples)
