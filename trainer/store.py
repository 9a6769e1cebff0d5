"""One file a recording: an uncompressed ``.npz``, whose arrays are mapped from disk or fetched by ranges of bytes.

NumPy alone reads it (``numpy.load``). Since nothing is compressed, frame i lies at a known byte: locally the file is
mapped into memory, in an object store a window is one request. The names and places of the arrays are the zip file's
own index, at its end, so a file that was not written to its end does not open. Small arrays come first, so that one
request fetches them all. The same recording gives the same bytes. Called by the processes of ``prepare`` (writing) and
by the command's main thread.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from assistant.contracts import Origin
from assistant.errors import TrainingError
from trainer.recordings import Recording
from trainer.stored_array import StoredRows

_SMALL = ("times_s", "labels", "gaze_s", "gaze_xy", "speech_s", "speech", "utterances")
_LARGE = ("log_mel_columns", "frames")
_WORDS = "words"
"""Small too; absent from files of before there were any."""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # no time of writing: equal content is equal bytes
_LOCAL_HEADER = struct.Struct("<26xHH")  # of a zip member: lengths of its name and of its extra field


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Facts(_Record):
    """What a recording is besides its arrays; stored in it as JSON.

    Attributes:
        id, subject, origin, crop, log_mel_s: see ``Recording``.
        pixel_sums: see ``recordings.pixel_sums``.
        seconds: from its first frame to its last.
        frames, labelled, gaze_samples: how many there are.
        speech_s: seconds of speech, by voice activity.
        notes: what was left out of it and why, each one line.
    """

    id: str
    subject: str
    origin: Origin
    crop: tuple[float, float, float, float]
    log_mel_s: float
    pixel_sums: tuple[int, int, int]
    seconds: float
    frames: int
    labelled: int
    gaze_samples: int
    speech_s: float
    notes: tuple[str, ...] = ()


class Place(_Record):
    """Where an array lies in its file: first byte, shape, and NumPy's name of the type."""

    offset: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def end(self) -> int:
        """One past its last byte."""
        return self.offset + int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


class Entry(_Record):
    """A line of the collection's index: a file, what is in it, and where."""

    file: str
    bytes: int
    facts: Facts
    arrays: Mapping[str, Place]


def write_store(file: Path, recording: Recording, facts: Facts) -> None:
    """Write a recording to disk, through to the medium.

    Raises:
        OSError: there is no space, or no permission.
    """
    # The spectrogram is stored column by column, so that a window of time is one piece.
    arrays = {name: np.asarray(getattr(recording, name)) for name in _SMALL}
    arrays |= {_WORDS: np.array(recording.words, np.str_)}
    arrays |= {"log_mel_columns": np.asarray(recording.log_mel).T, "frames": np.asarray(recording.frames)}
    with file.open("wb") as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name, array in {"facts": np.array(facts.model_dump_json()), **arrays}.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy", _EPOCH), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array, order="C"), (1, 0), allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())


def describe(stream: BinaryIO, file: str) -> Entry:
    """The index line of a store, from the store itself.

    Args:
        stream: the whole file, to be read from anywhere in it.
        file: its name in the collection.

    Raises:
        ValueError: it was not written to its end, or is none of ours.
    """
    places, facts = {}, None
    try:
        with zipfile.ZipFile(stream) as archive:
            for member in archive.infolist():
                stream.seek(member.header_offset)
                name_length, extra_length = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
                begins = member.header_offset + _LOCAL_HEADER.size + name_length + extra_length
                stream.seek(begins)
                np.lib.format.read_magic(stream)
                shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
                place = Place(offset=stream.tell(), shape=shape, dtype=dtype.str)
                if place.end != begins + member.file_size:
                    raise ValueError(f"'{file}': {member.filename} ends early")
                places[member.filename.removesuffix(".npy")] = place
            with archive.open("facts.npy") as text:
                facts = Facts.model_validate_json(str(np.lib.format.read_array(text, allow_pickle=False)))
    except (zipfile.BadZipFile, KeyError, EOFError, struct.error, ValidationError, json.JSONDecodeError) as error:
        raise ValueError(f"'{file}' is not a whole recording: {error}") from error
    size = stream.seek(0, os.SEEK_END)
    names = (*_SMALL, *(name for name in (_WORDS,) if name in places), *_LARGE)
    return Entry(file=file, bytes=size, facts=facts, arrays={name: places[name] for name in names})


def mapped(path: Path, entry: Entry) -> Recording:
    """A recording on disk; its frames and spectrogram are mapped and need no memory of ours.

    Raises:
        TrainingError: the file is missing, or not as long as the index says.
    """
    try:
        if path.stat().st_size != entry.bytes:
            raise TrainingError(f"'{path}': expected {entry.bytes} bytes, got {path.stat().st_size}: prepare again")
        whole = np.memmap(path, np.uint8, "r")
    except OSError as error:
        raise TrainingError(f"'{path}' cannot be read: {error.strerror}: prepare again") from error
    arrays = {name: _view(whole, place) for name, place in entry.arrays.items()}
    small = {name: arrays[name].copy() for name in _small(entry)}
    return _recording(entry.facts, small, frames=arrays["frames"], log_mel=arrays["log_mel_columns"].T)


def head_bytes(entry: Entry) -> int:
    """Up to this byte lie the small arrays."""
    return max(entry.arrays[name].end for name in _small(entry))


def fetched(fs: Any, path: str, entry: Entry, head: bytes) -> Recording:
    """A recording in an object store, of whose file the first ``head_bytes`` are here already."""
    start = np.frombuffer(head, np.uint8)
    small = {name: _view(start, entry.arrays[name]).copy() for name in _small(entry)}
    columns, frames = (
        StoredRows(fs, path, place.offset, place.shape, np.dtype(place.dtype))
        for place in (entry.arrays[name] for name in _LARGE)
    )
    return _recording(entry.facts, small, frames=frames, log_mel=columns.T)


def _small(entry: Entry) -> list[str]:
    return [name for name in entry.arrays if name not in _LARGE]


def _view(data: npt.NDArray[np.uint8], place: Place) -> npt.NDArray[Any]:
    return np.ndarray(place.shape, place.dtype, data, place.offset)


def _recording(facts: Facts, small: Mapping[str, npt.NDArray[Any]], **large: Any) -> Recording:
    words = tuple(small[_WORDS].tolist()) if _WORDS in small else ()
    return Recording(
        session_id=facts.id,
        subject=facts.subject,
        origin=facts.origin,
        crop=facts.crop,
        log_mel_s=facts.log_mel_s,
        pixel_sums=facts.pixel_sums,
        words=words,
        **{name: array for name, array in small.items() if name != _WORDS},
        **large,
    )
