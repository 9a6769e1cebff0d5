"""One recorded session as arrays at the network's resolution, decoded once and kept in the run folder.

Decoding video is by far the dearest step of training on few cores, and each epoch needs the same frames, so they are
stored small and uncompressed, to be mapped into memory. Times become seconds since the recording's first frame. Called
by the command's only thread.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assistant.class_list import ClassList
from assistant.contracts import Float32Array, Preprocessing, UInt8Array
from assistant.errors import SessionError, TrainingError
from assistant.preprocess import Preprocessor
from assistant.session.reader import SessionReader
from assistant.speech import log_mel, speech_probabilities
from trainer.config import DataConfig

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

WHOLE_IMAGE = (0.0, 0.0, 1.0, 1.0)
UNLABELLED = -1

MEL_HOP_S = 0.01
_MEL_CENTRE_S = 0.0125
_CACHE_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A session as training sees it.

    Attributes:
        session_id: of the session.
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
    """

    session_id: str
    subject: str
    origin: str
    crop: tuple[float, float, float, float]
    frames: UInt8Array
    times_s: Float64Array
    labels: Int64Array
    gaze_s: Float64Array
    gaze_xy: Float64Array
    log_mel: Float32Array
    log_mel_s: float
    speech_s: Float64Array
    speech: Float32Array
    utterances: Float64Array


def find_sessions(folder: Path) -> list[Path]:
    """All session folders in ``folder`` (or ``folder`` itself), in order of their names.

    Raises:
        TrainingError: there is none.
    """
    found = sorted({path.parent for path in folder.rglob("session.json")}) if folder.is_dir() else []
    if not found:
        raise TrainingError(
            f"no sessions in '{folder}': expected folders with a session.json, as 'sonocue record' makes"
        )
    return found


def load_recordings(
    folder: Path, config: DataConfig, class_list: ClassList, cache: Path, kept_apart: Collection[str] = ()
) -> Iterator[Recording | tuple[Path, str]]:
    """Each session of ``folder`` as a recording; one that cannot be used as its path and the reason.

    Args:
        folder: holds the sessions.
        config: resolution and frame rate.
        class_list: numbers the labels.
        cache: folder for the arrays; what is there already is not decoded again.
        kept_apart: names of sessions that are left alone.

    Raises:
        TrainingError: there is no session.
    """
    for path in find_sessions(folder):
        if path.name in kept_apart:
            continue
        key = _cache_key(path, config, class_list)
        try:
            yield _read_cache(cache / key) or _write_cache(cache / key, read_recording(path, config, class_list))
        except SessionError as error:
            yield path, str(error)


def read_recording(path: Path, config: DataConfig, class_list: ClassList) -> Recording:
    """Decode a session.

    Raises:
        SessionError: it cannot be read, or holds no frames.
    """
    reader = SessionReader(path)
    times_ns = np.asarray(reader.frame_times_ns, np.int64)
    if len(times_ns) < 2:
        raise SessionError(f"session '{path}': expected video, got {len(times_ns)} frames")
    crop = reader.header.sector_crop or WHOLE_IMAGE
    kept = _nearest_to_grid(times_ns, config.frames_hz)
    # Mean 0 and standard deviation 1 leave grey levels as they are; the network's own normalisation comes in training.
    preprocess = Preprocessor(Preprocessing(crop, config.height_px, config.width_px, mean=0.0, std=1.0))
    frames: UInt8Array = np.empty((len(kept), config.height_px, config.width_px), np.uint8)
    height_px = width_px = 0
    wanted = iter(enumerate(kept))
    row, position = next(wanted)
    for at, frame in enumerate(reader.frames(grey=True)):
        if at == position:
            frames[row] = preprocess(frame.pixels)[0, 0].astype(np.uint8)
            height_px, width_px = frame.height_px, frame.width_px
            row, position = next(wanted, (0, -1))

    start_ns = int(times_ns[0])
    gaze_s, gaze_xy = _gaze(reader, start_ns, preprocess.crop_rect_px(height_px, width_px))
    sound = reader.sound()
    offset_s = 0.0 if sound is None else (sound.start_ns - start_ns) * 1e-9
    chunks_s, speech = (
        (np.empty(0), np.empty(0, np.float32))
        if sound is None
        else speech_probabilities(sound.samples, sound.sample_rate_hz)
    )
    labels, utterances = _truth(reader, start_ns, np.asarray(reader.frame_indices)[kept], class_list)
    return Recording(
        session_id=reader.session_id,
        subject=reader.header.subject,
        origin=reader.header.origin,
        crop=crop,
        frames=frames,
        times_s=np.asarray((times_ns[kept] - start_ns) * 1e-9, np.float64),
        labels=labels,
        gaze_s=gaze_s,
        gaze_xy=gaze_xy,
        log_mel=np.empty((0, 0), np.float32) if sound is None else log_mel(sound.samples, sound.sample_rate_hz),
        log_mel_s=offset_s + _MEL_CENTRE_S,
        speech_s=chunks_s + offset_s,
        speech=speech,
        utterances=utterances,
    )


def _nearest_to_grid(times_ns: Int64Array, frames_hz: float) -> Int64Array:
    """Positions of the frames nearest to an even grid; all frames when they come more slowly than that."""
    grid = np.arange(times_ns[0], times_ns[-1] + 1, 1e9 / frames_hz)
    after = np.clip(np.searchsorted(times_ns, grid), 1, len(times_ns) - 1)
    nearer_before = grid - times_ns[after - 1] <= times_ns[after] - grid
    return np.unique(after - nearer_before).astype(np.int64)


def _gaze(reader: SessionReader, start_ns: int, rect: tuple[int, int, int, int]) -> tuple[Float64Array, Float64Array]:
    """Valid samples inside the crop. Gaze elsewhere (another window, the keyboard) is no fixation on the image."""
    top, left, bottom, right = rect
    samples = [
        (
            (g.captured_ns - start_ns) * 1e-9,
            (g.x_px + 0.5 - left) / (right - left),
            (g.y_px + 0.5 - top) / (bottom - top),
        )
        for g in reader.gaze()
        if g.valid
    ]
    table = np.array(sorted(samples), np.float64).reshape(-1, 3)
    inside = ((table[:, 1:] >= 0) & (table[:, 1:] < 1)).all(axis=1)
    return table[inside, 0], table[inside, 1:]


def _truth(
    reader: SessionReader, start_ns: int, indices: Int64Array, class_list: ClassList
) -> tuple[Int64Array, Float64Array]:
    """Labels of the frames, and what is known about the utterances. A label given by a person outranks the truth."""
    number = {name: i for i, name in enumerate(class_list.classes)}
    by_kind: dict[str, dict[int, int]] = {"truth": {}, "label": {}}
    utterances = []
    for event in reader.timeline("truth", "label"):
        data = event.data
        if "frame_index" in data and data.get("plane") in number:
            by_kind[event.kind][int(data["frame_index"])] = number[data["plane"]]
        elif "utterance" in data and data.get("relevant") is not None:
            start_s, end_s = ((t - start_ns) * 1e-9 for t in (event.captured_ns, data["end_ns"]))
            utterances.append((start_s, end_s, float(data["relevant"])))
    known = by_kind["truth"] | by_kind["label"]
    labels = np.array([known.get(int(i), UNLABELLED) for i in indices], np.int64)
    return labels, np.array(utterances, np.float64).reshape(-1, 3)


# --------------------------------------------------------------------------------------------------------------------
# Cache
# --------------------------------------------------------------------------------------------------------------------


def _cache_key(path: Path, config: DataConfig, class_list: ClassList) -> str:
    """Folder name that changes with the session and with every setting that the arrays depend on."""
    try:
        session = (path / "session.json").read_bytes()
    except OSError as error:
        raise TrainingError(f"session '{path}': session.json cannot be read: {error.strerror}") from error
    settings = [_CACHE_VERSION, config.height_px, config.width_px, config.frames_hz, class_list.classes]
    return f"{path.name}-{hashlib.sha256(session + json.dumps(settings).encode()).hexdigest()[:12]}"


def _write_cache(folder: Path, recording: Recording) -> Recording:
    """Store a recording; its frames come back mapped, so that they need no memory of ours."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        np.save(partial / "frames.npy", recording.frames)
        rest = {f.name: np.asarray(getattr(recording, f.name)) for f in fields(recording) if f.name != "frames"}
        np.savez(partial / "arrays.npz", allow_pickle=False, **rest)
        partial.rename(folder)
    except OSError as error:
        raise TrainingError(f"cache '{folder.parent}' cannot be written: {error.strerror}: free some space") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return replace(recording, frames=np.load(folder / "frames.npy", mmap_mode="r"))


def _read_cache(folder: Path) -> Recording | None:
    if not folder.is_dir():
        return None
    with np.load(folder / "arrays.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    top, left, bottom, right = arrays.pop("crop").tolist()
    return Recording(
        frames=np.load(folder / "frames.npy", mmap_mode="r"),
        crop=(top, left, bottom, right),
        session_id=str(arrays.pop("session_id")),
        subject=str(arrays.pop("subject")),
        origin=str(arrays.pop("origin")),
        log_mel_s=float(arrays.pop("log_mel_s")),
        **arrays,
    )
