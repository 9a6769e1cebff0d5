"""How far a recording's sound is off against its images, by encoders that know what is shown and what is said.

Asks the embeddings of subjects that training never saw. Called by the command's only thread.

Speech is shifted against the images, and for each shift its likeness to them is taken. Speech leads and lags, a plane
stays for seconds, and much of what is said is about other things, so the likeness in one recording is a broad hill with
false tops. A rig has one offset, so all its recordings together tell more than each.

Notation used for array shapes:
    n: windows; D: dimensions of the embedding; k: shifts that are tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.contracts import Float32Array
from assistant.errors import TrainingError
from trainer.config import TrainConfig
from trainer.data import Dataset, speech_windows
from trainer.embedding import embed_clips, embed_speech
from trainer.encoders import VideoSpeech
from trainer.pairs import HARD_NEGATIVE_S, Windows
from trainer.recordings import Recording
from trainer.retrieval import Retrieval, retrieval

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

STEP_S = 0.25
"""Distance of the shifts that are tried; between them lies a parabola."""
WITHIN_S = 0.5
"""An offset counts as found when it is off by no more than this."""
MIN_WINDOWS = 20
"""Fewer windows say nothing of an offset."""
GROUPS = (1, 4, 8, 16)
"""So many recordings together, in ``offset_errors``."""
_DRAWN = 500
"""Groups of recordings, or resamples of all, that are drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Offset:
    """How far a recording's sound is off against its images.

    Attributes:
        session_id, subject: of the recording.
        offset_s: the sound comes so much later than the images that it belongs to (below 0: earlier).
        shifts_s: ``(k,)`` float64 tried shifts.
        similarity: ``(k,)`` float64 in [-1, 1], see ``similarity_by_shift``; NaN where too few windows overlap.
        lead: how much higher the similarity is at the peak than at any shift 5 s or more away from it; near 0 the
            offset means little. NaN when no such shift was tried.
        at_the_edge: the peak is the last shift that was tried: the truth may lie beyond.
        windows: speech windows that had a say.
    """

    session_id: str
    subject: str
    offset_s: float
    shifts_s: Float64Array
    similarity: Float64Array
    lead: float
    at_the_edge: bool
    windows: int


def similarity_by_shift(
    z_v: Float32Array, video_at: Int64Array, z_s: Float32Array, speech_at: Int64Array, shifts: Int64Array
) -> Float64Array:
    """How well speech fits the images when it is taken so many steps later, ``(k,)`` in [-1, 1].

    For shift d, over all steps t with a clip at t and speech at t + d::

        r(d) = sum_t <v_t - mean v, s_(t+d) - mean s> / sqrt(sum_t |v_t - mean v|^2  sum_t |s_(t+d) - mean s|^2)

    which is Pearson's correlation of two series of vectors. The means are of the same windows, so what a recording's
    embeddings have in common (its voice, its machine) has no say, and neither has how many windows overlap.

    Args:
        z_v: ``(n, D)`` embeddings of clips.
        video_at: ``(n,)`` their steps, without a gap.
        z_s: ``(m, D)`` embeddings of speech.
        speech_at: ``(m,)`` their steps, in any number.
        shifts: ``(k,)`` steps.

    Returns:
        NaN for a shift at which fewer than 20 windows overlap.
    """
    found = np.full(len(shifts), np.nan)
    for i, shift in enumerate(shifts):
        row = speech_at - shift - video_at[0]
        there = (row >= 0) & (row < len(z_v))
        if there.sum() < MIN_WINDOWS:
            continue
        v, s = z_v[row[there]].astype(np.float64), z_s[there].astype(np.float64)
        v, s = v - v.mean(axis=0), s - s.mean(axis=0)
        found[i] = (v * s).sum() / max(float(np.sqrt((v**2).sum() * (s**2).sum())), 1e-12)
    return found


def peak(shifts_s: Float64Array, values: Float64Array) -> float:
    """Where the values are highest, by a parabola through the highest one and its two neighbours.

    Raises:
        ValueError: all values are NaN.
    """
    i = int(np.nanargmax(values))
    if i in (0, len(values) - 1):
        return float(shifts_s[i])
    before, here, after = values[i - 1 : i + 2]
    bend = before - 2 * here + after
    if not np.isfinite(bend) or bend == 0:
        return float(shifts_s[i])
    return float(shifts_s[i] + (before - after) / (2 * bend) * (shifts_s[i + 1] - shifts_s[i]))


def delayed(recording: Recording, delay_s: float) -> Recording:
    """The recording as if its sound had come so much later; below 0: earlier."""
    utterances = recording.utterances.copy()
    utterances[:, :2] += delay_s
    return replace(
        recording,
        log_mel_s=recording.log_mel_s + delay_s,
        speech_s=recording.speech_s + delay_s,
        utterances=utterances,
    )


def sound_offset(
    network: VideoSpeech, recording: Recording, dataset: Dataset, config: TrainConfig, reach_s: float
) -> Offset | None:
    """The offset of one recording, looked for within +- ``reach_s``; None with fewer than 20 windows of speech."""
    fine = config.data.model_copy(update={"window_step_s": STEP_S})
    heard = speech_windows((recording,), fine)
    if len(heard) < MIN_WINDOWS:
        return None
    # Clips stand on the grid of the speech windows, so that a shift is a number of steps.
    origin_s, reach = float(heard.centre_s[0]), round(reach_s / STEP_S)
    speech_at = np.round((heard.centre_s - origin_s) / STEP_S).astype(np.int64)
    half_s = config.data.clip_s / 2
    first = int(np.ceil((recording.times_s[0] + half_s - origin_s) / STEP_S))
    last = int(np.floor((recording.times_s[-1] - half_s - origin_s) / STEP_S))
    video_at = np.arange(max(first, int(speech_at[0]) - reach), min(last, int(speech_at[-1]) + reach) + 1)
    seen = Windows(np.zeros(len(video_at), np.int64), np.asarray(origin_s + STEP_S * video_at, np.float64))
    z_v = embed_clips(network, (recording,), seen, dataset, config)
    z_s = embed_speech(network, (recording,), heard, config)
    shifts = np.arange(-reach, reach + 1)
    shifts_s: Float64Array = np.asarray(shifts * STEP_S, np.float64)
    similarity = similarity_by_shift(z_v, video_at, z_s, speech_at, shifts)
    if np.isnan(similarity).all():
        return None
    best, tried = int(np.nanargmax(similarity)), np.flatnonzero(~np.isnan(similarity))
    elsewhere = similarity[tried][np.abs(shifts_s[tried] - shifts_s[best]) >= HARD_NEGATIVE_S]
    return Offset(
        session_id=recording.session_id,
        subject=recording.subject,
        offset_s=peak(shifts_s, similarity),
        shifts_s=shifts_s,
        similarity=similarity,
        lead=float(similarity[best] - elsewhere.max()) if len(elsewhere) else float("nan"),
        at_the_edge=best in (tried[0], tried[-1]),
        windows=len(heard),
    )


def offset_of_all(offsets: Sequence[Offset]) -> float:
    """One offset for recordings of one rig, in seconds: the peak of their mean similarity."""
    stacked = np.ma.masked_invalid([offset.similarity for offset in offsets])
    return peak(offsets[0].shifts_s, stacked.mean(axis=0).filled(np.nan))


def interval_of_all(offsets: Sequence[Offset]) -> tuple[float, float]:
    """The 95 % interval of ``offset_of_all`` over recordings, in seconds: percentiles of a bootstrap (Efron 1979)."""
    chance = np.random.default_rng(0)
    resampled = [
        offset_of_all([offsets[i] for i in chance.integers(0, len(offsets), len(offsets))]) for _ in range(_DRAWN)
    ]
    low, high = np.percentile(resampled, (2.5, 97.5))
    return float(low), float(high)


def offset_errors(offsets: Sequence[Offset], truth_s: float) -> dict[str, Any]:
    """How near the offsets are to the truth.

    ``median_absolute_error_s`` and ``share_within_0.5_s`` are of single recordings, ``all_together_s`` is the error of
    all as one, and ``share_of_groups_within_0.5_s`` tells by the size of a group how often so many recordings together,
    drawn at random, come within half a second.
    """
    errors_s = np.abs(np.array([offset.offset_s for offset in offsets]) - truth_s)
    chance = np.random.default_rng(0)
    of_groups = {}
    for size in (size for size in GROUPS if size < len(offsets)):
        groups = [chance.choice(len(offsets), size, replace=False) for _ in range(_DRAWN)]
        found_s = np.array([offset_of_all([offsets[i] for i in group]) for group in groups])
        of_groups[str(size)] = float((np.abs(found_s - truth_s) <= WITHIN_S).mean())
    return {
        "truth_s": truth_s,
        "recordings": len(errors_s),
        "median_absolute_error_s": float(np.median(errors_s)),
        "share_within_0.5_s": float((errors_s <= WITHIN_S).mean()),
        "all_together_s": abs(offset_of_all(offsets) - truth_s),
        "share_of_groups_within_0.5_s": of_groups,
    }


# --------------------------------------------------------------------------------------------------------------------
# Both
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """What is found on the test subjects.

    Attributes:
        retrieval: None with fewer than 20 windows.
        offsets: of the recordings with enough speech, in their order.
        offset_s, interval_s: of all of them together, if one rig recorded them, and its 95 % interval.
        left_out: ids of the others.
        errors: see ``offset_errors``; None when the truth is not known.
    """

    retrieval: Retrieval | None
    offsets: tuple[Offset, ...]
    offset_s: float
    interval_s: tuple[float, float]
    left_out: tuple[str, ...]
    errors: Mapping[str, Any] | None


def align(
    network: VideoSpeech, dataset: Dataset, config: TrainConfig, *, reach_s: float, shift_s: float | None
) -> Alignment:
    """Retrieval and offsets on the recordings of the test subjects.

    Args:
        network: of a pretraining.
        dataset: see there.
        config: all settings.
        reach_s: offsets are looked for within +- so many seconds.
        shift_s: the sound is taken to come so much later than it was recorded: an offset whose truth is known, if
            images and sound were recorded in step. None: as they were recorded, truth unknown.

    Raises:
        TrainingError: no recording of a test subject has enough speech.
    """
    recordings = dataset.of(dataset.split.test)
    found = {
        recording.session_id: sound_offset(network, delayed(recording, shift_s or 0.0), dataset, config, reach_s)
        for recording in recordings
    }
    offsets = tuple(offset for offset in found.values() if offset is not None)
    if not offsets:
        raise TrainingError(
            f"no recording of the {len(dataset.split.test)} test subjects holds enough speech (expected {MIN_WINDOWS} "
            f"windows at a distance of {STEP_S} s): record longer, with the microphone on"
        )
    return Alignment(
        retrieval=retrieval(network, recordings, dataset, config),
        offsets=offsets,
        offset_s=offset_of_all(offsets),
        interval_s=interval_of_all(offsets),
        left_out=tuple(name for name, offset in found.items() if offset is None),
        errors=None if shift_s is None else offset_errors(offsets, shift_s),
    )


def as_json(found: Alignment, *, curves: bool = True) -> dict[str, Any]:
    """For a file, or without the curves for a line; names and units as in ``Alignment``."""
    offsets = []
    for offset in found.offsets:
        row = asdict(offset) | {"shifts_s": offset.shifts_s.tolist(), "similarity": offset.similarity.tolist()}
        offsets.append(row if curves else {k: v for k, v in row.items() if k not in ("shifts_s", "similarity")})
    return {
        "retrieval": None if found.retrieval is None else asdict(found.retrieval),
        "offset_s": found.offset_s,
        "interval_s": list(found.interval_s),
        "errors": None if found.errors is None else dict(found.errors),
        "offsets": offsets,
        "left_out": list(found.left_out),
    }
