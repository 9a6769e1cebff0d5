"""A recording as arrays at the network's resolution; and how a recorded session becomes one.

Decoding video is by far the dearest step of training on few cores, and each epoch needs the same frames, so they are
kept small and uncompressed (``store``). Times become seconds since the recording's first frame. Video files and DICOM
cine become recordings in ``video_files`` and ``dicom_cine``. Called by the processes of ``prepare``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assistant.class_list import ClassList
from assistant.contracts import Float32Array, UInt8Array
from assistant.errors import SessionError, TrainingError
from assistant.session.manifest import PARTIAL_SUFFIX, file_sha256
from assistant.session.reader import SessionReader
from assistant.speech import log_mel, speech_probabilities
from trainer.config import DataConfig
from trainer.kept_frames import WHOLE_IMAGE, KeptFrames
from trainer.stored_array import StoredColumns, StoredRows

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

UNLABELLED = -1

MEL_HOP_S = 0.01
_MEL_CENTRE_S = 0.0125


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A session, a video file or a DICOM cine as training sees it.

    Attributes:
        session_id: name of the session, or of the file.
        subject: pseudonym of the person examined.
        origin: ``real`` or ``phantom``.
        crop: part of the image that the frames show (see ``Preprocessing``).
        frames: ``(n, H, W)`` uint8 grey, cropped and resized.
        times_s: ``(n,)`` float64, increasing.
        labels: ``(n,)`` int64 class number in the class list, or ``UNLABELLED``.
        gaze_s: ``(g,)`` float64, increasing.
        gaze_xy: ``(g, 2)`` float64 as shares of the crop's width and height, in [0, 1).
        log_mel: ``(n_mels, m)`` float32; ``m`` is 0 without sound.
        log_mel_s: centre of its first column; one column each ``MEL_HOP_S``.
        speech_s: ``(c,)`` float64 start of each chunk that voice activity judged.
        speech: ``(c,)`` float32 probability of speech.
        utterances: ``(u, 3)`` float64 start_s, end_s, relevant (1 or 0) where the truth is known; only to judge what
            training found out, never to train.
        words: what was said in each utterance, ``u`` of them; empty when it is not known.
        pixel_sums: see ``pixel_sums()``; None: not known yet.
    """

    session_id: str
    subject: str
    origin: str
    crop: tuple[float, float, float, float]
    frames: UInt8Array | StoredRows
    times_s: Float64Array
    labels: Int64Array
    gaze_s: Float64Array
    gaze_xy: Float64Array
    log_mel: Float32Array | StoredColumns
    log_mel_s: float
    speech_s: Float64Array
    speech: Float32Array
    utterances: Float64Array
    words: tuple[str, ...] = ()
    pixel_sums: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A whole sound track.

    Attributes:
        samples: ``(N,)`` float32 in [-1, 1].
        sample_rate_hz: samples a second.
        start_s: time of sample 0, in seconds since the first frame.
    """

    samples: Float32Array
    sample_rate_hz: int
    start_s: float


def read_session(
    path: Path,
    config: DataConfig,
    class_list: ClassList,
    crop: tuple[float, float, float, float] | None = None,
    intervals: Sequence[tuple[float, float, str]] = (),
) -> tuple[Recording, tuple[str, ...]]:
    """Decode a session. Also returns what was left out, each one line.

    Args:
        path: its folder.
        config: resolution and frame rate.
        class_list: numbers the labels.
        crop: instead of the one that the session knows.
        intervals: start and end in seconds and plane, which outrank the session's own labels.

    Raises:
        SessionError: it was not closed, cannot be read, holds no frames that can serve, or was altered since it was
            recorded.
        TrainingError: an interval names a plane that the class list has not.
    """
    if path.name.endswith(PARTIAL_SUFFIX):
        raise SessionError(
            f"session '{path}' was not closed: it is being recorded, or its writer was killed (then complete it by "
            "'sonocue session recover')"
        )
    reader = SessionReader(path)
    for name, expected in reader.manifest.sha256.items():
        try:
            found = file_sha256(path / name)
        except OSError as error:
            raise SessionError(f"session '{path}': {name} cannot be read: {error.strerror}") from error
        if found != expected:
            raise SessionError(f"session '{path}': {name} was altered since it was recorded: its hash differs")
    times_ns = np.asarray(reader.frame_times_ns, np.int64)
    if len(times_ns) < 2:
        raise SessionError(f"session '{path}': expected video, got {len(times_ns)} frames")
    crop = crop or reader.header.sector_crop or WHOLE_IMAGE
    kept = nearest_to_grid(times_ns, config.frames_hz)
    make = KeptFrames(crop, config)
    frames: list[UInt8Array] = []
    served: list[int] = []
    height_px = width_px = 0
    wanted = iter(kept)
    position = next(wanted)
    for at, frame in enumerate(reader.frames(grey=True)):
        if at == position:
            made = make(frame.pixels)
            if made is not None:
                frames.append(made)
                served.append(at)
            height_px, width_px = frame.height_px, frame.width_px
            position = next(wanted, -1)
    if len(frames) < 2:
        raise SessionError(f"session '{path}': too few images can serve: {'; '.join(make.notes)}")
    kept = np.array(served, np.int64)

    start_ns = int(times_ns[0])
    gaze = [((g.captured_ns - start_ns) * 1e-9, g.x_px, g.y_px) for g in reader.gaze() if g.valid]
    gaze_s, gaze_xy = gaze_in_crop(gaze, make.rect_px(height_px, width_px))
    recorded = reader.sound()
    sound = None
    if recorded is not None:
        sound = Sound(recorded.samples, recorded.sample_rate_hz, (recorded.start_ns - start_ns) * 1e-9)
    mel, mel_s, speech_s, speech = sound_features(sound)
    labels, utterances, words = _truth(reader, start_ns, np.asarray(reader.frame_indices)[kept], class_list)
    times_s = np.asarray((times_ns[kept] - start_ns) * 1e-9, np.float64)
    apply_intervals(labels, times_s, intervals, class_list)
    recording = Recording(
        session_id=reader.session_id,
        subject=reader.header.subject,
        origin=reader.header.origin,
        crop=crop,
        frames=np.stack(frames),
        times_s=times_s,
        labels=labels,
        gaze_s=gaze_s,
        gaze_xy=gaze_xy,
        log_mel=mel,
        log_mel_s=mel_s,
        speech_s=speech_s,
        speech=speech,
        utterances=utterances,
        words=words,
    )
    return recording, make.notes


def apply_intervals(
    labels: Int64Array, times_s: Float64Array, intervals: Sequence[tuple[float, float, str]], class_list: ClassList
) -> None:
    """Set the labels, in place, of the frames from ``start_s`` up to but not at ``end_s``.

    Raises:
        TrainingError: a plane is not in the class list, or two planes are said of one moment.
    """
    known_until_s = -np.inf
    for start_s, end_s, plane in sorted(intervals):
        if plane not in class_list.classes:
            raise TrainingError(
                f"label '{plane}' from {start_s} to {end_s} s: class list '{class_list.name}' knows "
                f"{', '.join(class_list.classes)}"
            )
        if start_s < known_until_s:
            raise TrainingError(f"two labels overlap at {start_s} s: a frame shows one plane")
        known_until_s = end_s
        labels[(times_s >= start_s) & (times_s < end_s)] = class_list.classes.index(plane)


def sound_features(sound: Sound | None) -> tuple[Float32Array, float, Float64Array, Float32Array]:
    """``log_mel``, ``log_mel_s``, ``speech_s`` and ``speech`` of a recording; empty without sound."""
    if sound is None:
        return np.empty((0, 0), np.float32), _MEL_CENTRE_S, np.empty(0), np.empty(0, np.float32)
    starts_s, speech = speech_probabilities(sound.samples, sound.sample_rate_hz)
    mel = log_mel(sound.samples, sound.sample_rate_hz)
    return mel, sound.start_s + _MEL_CENTRE_S, starts_s + sound.start_s, speech


def pixel_sums(frames: UInt8Array | StoredRows) -> tuple[int, int, int]:
    """Number, sum and sum of squares of the pixels of one in four frames, which is enough for two moments."""
    counts = np.bincount(np.asarray(frames[::4]).ravel(), minlength=256).astype(np.int64)
    levels = np.arange(256)
    return int(counts.sum()), int(counts @ levels), int(counts @ levels**2)


def gaze_in_crop(
    samples: Sequence[tuple[float, float, float]], rect: tuple[int, int, int, int]
) -> tuple[Float64Array, Float64Array]:
    """``gaze_s`` and ``gaze_xy`` of the samples (time in seconds, x and y in pixels) that lie inside the crop.

    Gaze elsewhere (another window, the keyboard) is no fixation on the image.
    """
    top, left, bottom, right = rect
    table = np.array(sorted(samples), np.float64).reshape(-1, 3)
    table[:, 1] = (table[:, 1] + 0.5 - left) / (right - left)
    table[:, 2] = (table[:, 2] + 0.5 - top) / (bottom - top)
    inside = ((table[:, 1:] >= 0) & (table[:, 1:] < 1)).all(axis=1)
    return table[inside, 0], table[inside, 1:]


def nearest_to_grid(times_ns: Int64Array, frames_hz: float) -> Int64Array:
    """Positions of the frames nearest to an even grid; all frames when they come more slowly than that."""
    grid = np.arange(times_ns[0], times_ns[-1] + 1, 1e9 / frames_hz)
    after = np.clip(np.searchsorted(times_ns, grid), 1, len(times_ns) - 1)
    nearer_before = grid - times_ns[after - 1] <= times_ns[after] - grid
    return np.unique(after - nearer_before).astype(np.int64)


def _truth(
    reader: SessionReader, start_ns: int, indices: Int64Array, class_list: ClassList
) -> tuple[Int64Array, Float64Array, tuple[str, ...]]:
    """Labels of the frames, what is known of the utterances, their words. A person's label outranks the truth."""
    number = {name: i for i, name in enumerate(class_list.classes)}
    by_kind: dict[str, dict[int, int]] = {"truth": {}, "label": {}}
    utterances, words = [], []
    for event in reader.timeline("truth", "label"):
        data = event.data
        if "frame_index" in data and data.get("plane") in number:
            by_kind[event.kind][int(data["frame_index"])] = number[data["plane"]]
        elif "utterance" in data and data.get("relevant") is not None:
            start_s, end_s = ((t - start_ns) * 1e-9 for t in (event.captured_ns, data["end_ns"]))
            utterances.append((start_s, end_s, float(data["relevant"])))
            words.append(str(data["utterance"]))
    known = by_kind["truth"] | by_kind["label"]
    labels = np.array([known.get(int(i), UNLABELLED) for i in indices], np.int64)
    return labels, np.array(utterances, np.float64).reshape(-1, 3), tuple(words)
