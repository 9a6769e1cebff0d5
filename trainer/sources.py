"""What a folder holds that can be trained on: recorded sessions, video files, DICOM cine, and the tables beside them.

Found before anything is decoded, so that a wrong table is told at once. Each source has a key, a hash of all that its
arrays depend on: a store that bears it needs not be made again. Called by the command's main thread.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from assistant.errors import SessionError, TrainingError
from assistant.session.manifest import FRAMES_NAME, MANIFEST_NAME, TIMELINE_NAME, read_manifest
from trainer.source_tables import (
    EVERY_FILE,
    SUBJECTS_NAME,
    Crop,
    Interval,
    read_crops,
    read_labels,
    read_subjects,
)

VIDEO_SUFFIXES = frozenset(
    {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"}
)
DICOM_SUFFIXES = frozenset({".dcm", ".dicom"})
_MAGIC_AT, _MAGIC = 128, b"DICM"
_END_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """Something to be decoded.

    Attributes:
        id: name of the session, or path of the file from the folder on.
        path: of the session's folder or the file.
        kind: what it is.
        subject: pseudonym; of a session, "" (it knows its own).
        crop: from ``crops.csv``; None: the recording's own, or the whole image.
        intervals: of ``labels.csv``.
        own_labels, own_gaze: tables beside the file, or None.
        problem: why it cannot be used, known before it is opened; or "".
    """

    id: str
    path: Path
    kind: Literal["session", "video", "dicom"]
    subject: str = ""
    crop: Crop | None = None
    intervals: tuple[Interval, ...] = ()
    own_labels: Path | None = None
    own_gaze: Path | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The sources of a folder, in order of their ids, and what people should know about them, each one line."""

    sources: tuple[Source, ...]
    remarks: tuple[str, ...] = field(default=())


def find_sources(folder: Path, kept_apart: Collection[str] = ()) -> Found:
    """All that can be trained on in ``folder`` and the folders in it.

    Args:
        folder: holds the recordings and their tables; or a session itself.
        kept_apart: ids of those that are left alone.

    Raises:
        TrainingError: there is nothing, two have the same id, or a table of the folder is wrong.
    """
    sessions, files = _walk(folder)
    found = [Source(path.name, path, "session") for path in sessions]
    found += [
        Source(path.relative_to(folder).as_posix(), path, "video" if path.suffix.lower() in VIDEO_SUFFIXES else "dicom")
        for path in files
    ]
    if not found:
        raise TrainingError(
            f"no sessions in '{folder}': expected folders with a session.json, as 'sonocue record' makes, or video "
            "or DICOM files"
        )
    counts = Counter(source.id for source in found)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise TrainingError(f"two recordings in '{folder}' are called '{twice[0]}': rename one")
    names = set(counts)
    labels, crops, subjects = read_labels(folder, names), read_crops(folder, names), read_subjects(folder, names)
    found = [
        replace(source, intervals=tuple(labels.get(source.id, ())), crop=crops.get(source.id, crops.get(EVERY_FILE)))
        for source in sorted(found, key=lambda source: source.id)
        if source.id not in kept_apart
    ]
    found, remarks = _with_subjects(found, subjects)
    return Found(tuple(_with_own_tables(found)), tuple(remarks))


def _walk(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders of sessions (also broken ones: their absence would never be noticed), and files that may be media."""
    sessions, files = [], []
    for place, subfolders, names in os.walk(folder):
        subfolders.sort()
        here = Path(place)
        if {MANIFEST_NAME, TIMELINE_NAME, FRAMES_NAME} & set(names):
            sessions.append(here)
            subfolders.clear()
            continue
        files += [
            here / name
            for name in sorted(names)
            if not name.startswith(".") and (Path(name).suffix.lower() in VIDEO_SUFFIXES or is_dicom(here / name))
        ]
    return sessions, files


def _with_subjects(found: Sequence[Source], subjects: dict[str, str] | None) -> tuple[list[Source], list[str]]:
    """Each file with its subject: of the table; else its patient, named by that one's first file; else its own."""
    given: list[Source] = []
    first_of_patient: dict[str, str] = {}
    alone = together = 0
    for source in found:
        if source.kind == "session":
            given.append(_agreeing(source, subjects))
        elif subjects is not None:
            problem = "" if source.id in subjects else f"'{source.path}': {SUBJECTS_NAME} does not say whose it is"
            given.append(replace(source, subject=subjects.get(source.id, ""), problem=problem))
        else:
            patient = patient_of(source.path) if source.kind == "dicom" else ""
            subject = first_of_patient.setdefault(patient, source.id) if patient else source.id
            together, alone = together + bool(patient), alone + (not patient)
            given.append(replace(source, subject=subject))
    remarks = []
    if alone:
        remarks.append(f"no {SUBJECTS_NAME}: each of {alone} files is taken for a subject of its own")
    if together:
        remarks.append(
            f"no {SUBJECTS_NAME}: {together} DICOM files are of {len(first_of_patient)} patients by their ID"
        )
    return given, remarks


def _agreeing(source: Source, subjects: dict[str, str] | None) -> Source:
    if not subjects or source.id not in subjects:
        return source
    try:
        own = read_manifest(source.path).subject
    except SessionError as error:
        return replace(source, problem=str(error))
    if own != subjects[source.id]:
        return replace(
            source,
            problem=f"session '{source.path}' is of subject '{own}', {SUBJECTS_NAME} says '{subjects[source.id]}'",
        )
    return source


def _with_own_tables(found: Sequence[Source]) -> list[Source]:
    stems = Counter(source.path.with_suffix("") for source in found if source.kind != "session")
    given = []
    for source in found:
        if source.kind != "session":
            stem = source.path.with_suffix("")
            labels, gaze = (stem.with_name(f"{stem.name}.{what}.csv") for what in ("labels", "gaze"))
            own_labels, own_gaze = labels if labels.exists() else None, gaze if gaze.exists() else None
            problem = source.problem
            if (own_labels or own_gaze) and stems[stem] > 1:
                problem = f"'{own_labels or own_gaze}' may belong to any of {stems[stem]} files: rename them"
            elif own_labels and source.intervals:
                problem = f"'{source.path}' has labels in labels.csv and in '{own_labels.name}': keep one of them"
            source = replace(source, own_labels=own_labels, own_gaze=own_gaze, problem=problem)
        given.append(source)
    return given


def is_dicom(path: Path) -> bool:
    """Whether a file is named as DICOM, or has no ending and begins as DICOM does."""
    if path.suffix.lower() in DICOM_SUFFIXES:
        return True
    if path.suffix and not path.suffix[1:].isdigit():  # names made of UIDs end in numbers
        return False
    try:
        with path.open("rb") as stream:
            stream.seek(_MAGIC_AT)
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def patient_of(path: Path) -> str:
    """The patient's ID, only to tell which files belong together; "" when there is none or it cannot be read."""
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["PatientID"])
        except (pydicom.errors.InvalidDicomError, EOFError, OSError, ValueError):
            return ""  # told when it is decoded
    patient = str(header.get("PatientID") or "").strip()
    return patient if any(c.isalnum() for c in patient) else ""


def store_name(source: Source, settings: str) -> str:
    """Name of the file that holds the source's arrays: the id, and a hash of all that the arrays depend on.

    Of a session that is ``session.json``, which holds the hashes of the rest, and the length of each file; of other
    files their length, first and last MiB and the tables beside them.

    Args:
        source: one without a problem.
        settings: of the preparation, as text.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256(settings.encode())
    told = (source.id, source.kind, source.subject, source.crop, source.intervals)
    digest.update(json.dumps(told).encode())
    files = [file for file in (source.own_labels, source.own_gaze) if file]
    if source.kind == "session":
        files += source.path.glob(MANIFEST_NAME)  # without it, it is a reject with its reader's words
        sizes = [(path.name, path.stat().st_size) for path in sorted(source.path.iterdir())]
        digest.update(json.dumps(sizes).encode())
    else:
        with source.path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            digest.update(str(size).encode())
            for begin in sorted({0, max(0, size - _END_BYTES)}):
                stream.seek(begin)
                digest.update(stream.read(_END_BYTES))
    for file in files:
        digest.update(file.read_bytes())
    return f"{flat_name(source.id)}-{digest.hexdigest()[:12]}.npz"


def flat_name(source_id: str) -> str:
    """The id as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", source_id)[-80:]
