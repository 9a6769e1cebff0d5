"""From recordings of any origin to a prepared collection: each is decoded once, in parallel, into a file of its own.

Killed anywhere, it goes on: a file appears under its name only when it is whole, the name holds a hash of all that the
arrays depend on, and what is there already is not decoded again. What cannot be used is listed with its reason, and
nothing takes its place. The same input gives the same bytes, however many processes worked.

The command's main thread plans, publishes and reports; one process a core decodes. Sources are read from disk.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2

from assistant.child_process import end_with_parent
from assistant.class_list import ClassList, load_class_list
from assistant.errors import SonocueError, TrainingError
from assistant.session.reader import SessionReader
from assistant.speech import CHUNK_SAMPLES, SPEECH_RATE_HZ
from trainer.cine import as_recording
from trainer.collection import (
    INDEX_NAME,
    RECORDINGS_NAME,
    REJECTS_NAME,
    Collection,
    Index,
    Place,
    PreparedWith,
    one_line,
    open_collection,
    place_of,
    read_index,
)
from trainer.config import DataConfig, TrainConfig
from trainer.dicom_cine import read_dicom
from trainer.pairs import SPEECH
from trainer.recordings import Recording, pixel_sums, read_session
from trainer.sources import Source, find_sources, flat_name, store_name
from trainer.splits import SPLITS_NAME, PublishedSplit, check_subjects, published_split, split_subjects, splits_text
from trainer.store import Entry, Facts, describe, write_store
from trainer.video_files import read_video

_ARRAYS_VERSION = 2
"""Goes up when the same input would give other arrays."""
_FEWEST_SUBJECTS = 3
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Report = Callable[[int, int, str], None]
"""Told after each recording: how many are done, of how many, and one line about it."""


def prepare(sessions: Path, url: str, config: TrainConfig, report: Report, processes: int | None = None) -> Collection:
    """Prepare all that a folder holds, or what is missing of it.

    Args:
        sessions: folder of sessions, videos, DICOM cine and their tables.
        url: where the collection goes: a folder, or any URL that fsspec writes.
        config: resolution, frame rate, class list, and how splits are drawn when none are published.
        report: see ``Report``.
        processes: that decode; None: one a core.

    Raises:
        TrainingError: nothing can be used, a table is wrong, a subject would stand in two splits, ``url`` holds a
            collection with other settings, or cannot be written.
    """
    class_list = load_class_list(config.class_list)
    settings = PreparedWith.of(config.data, class_list)
    published = published_split(sessions)
    found = find_sources(sessions, published.kept_apart if published else ())
    place = place_of(url)
    _begin(place, settings)

    total = len(found.sources)
    if published and published.kept_apart:
        report(0, total, f"{len(published.kept_apart)} sessions are kept apart, as {SPLITS_NAME} says")
    for remark in found.remarks:
        report(0, total, remark)
    plan = _plan(found.sources, place, settings)
    entries, rejects = dict(plan.entries), dict(plan.rejects)
    if entries:
        report(len(entries), total, f"{len(entries)} of {total} are prepared already")
    for reason in rejects.values():
        report(len(entries) + len(rejects), total, f"left out: {reason}")
    for source, file, reason in _decode(plan, place, config.data, class_list, processes):
        if reason:
            rejects[source.id] = reason
        else:
            entries[source.id] = _publish(place, file, plan.names[source.id])
        report(len(entries) + len(rejects), total, _line(entries.get(source.id), reason))

    told = [{"file": name, "reason": reason} for name, reason in sorted(rejects.items())]
    place.write(REJECTS_NAME, _json(told, indent=2))
    if not entries:
        first = next(iter(rejects.values()))
        raise TrainingError(f"none of the {len(rejects)} sessions in '{sessions}' can be used: {first}")
    _write_splits(place, sessions, published, {name: e.facts.subject for name, e in entries.items()}, config)
    in_order = tuple(entries[name] for name in sorted(entries))
    index = Index(complete=True, prepared_with=settings, recordings=in_order)
    place.write(INDEX_NAME, _json(index.model_dump(mode="json")))
    _clean(place, index, plan.names)
    return open_collection(url)


def _begin(place: Place, settings: PreparedWith) -> None:
    index = read_index(place)
    if index is None:
        place.write(INDEX_NAME, _json(Index(complete=False, prepared_with=settings).model_dump(mode="json")))
    elif difference := index.prepared_with.difference(settings):
        raise TrainingError(f"'{place.url}' was prepared with other settings ({difference}): name another folder")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is there, what cannot be used, what is to be decoded, and the file that each source becomes."""

    entries: Mapping[str, Entry]
    rejects: Mapping[str, str]
    to_do: Sequence[Source]
    names: Mapping[str, str]


def _plan(sources: Sequence[Source], place: Place, settings: PreparedWith) -> _Plan:
    depends_on = json.dumps([_ARRAYS_VERSION, settings.model_dump(mode="json")])
    there = place.files(RECORDINGS_NAME)
    entries: dict[str, Entry] = {}
    rejects: dict[str, str] = {}
    names: dict[str, str] = {}
    to_do: list[Source] = []
    for source in sources:
        if source.problem:
            rejects[source.id] = source.problem
            continue
        try:
            names[source.id] = name = store_name(source, depends_on)
        except OSError as error:
            rejects[source.id] = f"'{source.path}' cannot be read: {error.strerror}"
            continue
        entry = _whole(place, name) if name in there else None
        if entry is None:
            to_do.append(source)
        else:
            entries[source.id] = entry
    return _Plan(entries, rejects, to_do, names)


def _whole(place: Place, name: str) -> Entry | None:
    """The index line of a file that is there; None when it is not whole (an upload that broke off)."""
    file = f"{RECORDINGS_NAME}/{name}"
    with one_line(place.path(file), "read"), place.fs.open(place.path(file), "rb") as stream:
        try:
            return describe(stream, file)
        except ValueError:
            return None


# --------------------------------------------------------------------------------------------------------------------
# Decoding, in processes
# --------------------------------------------------------------------------------------------------------------------


def _decode(
    plan: _Plan, place: Place, config: DataConfig, class_list: ClassList, processes: int | None
) -> Iterator[tuple[Source, Path, str]]:
    """Yield each source that was decoded, the file that it stands in, and why it cannot be used or ""."""
    with _staging(place) as folder:
        files = {source.id: folder / f"{plan.names[source.id]}.{os.getpid()}.partial" for source in plan.to_do}
        job = partial(_make, config=config, class_list=class_list)
        count = min(processes or os.cpu_count() or 1, len(plan.to_do))
        if count <= 1:
            for source in plan.to_do:
                yield source, files[source.id], job(source, files[source.id])
            return
        waiting = deque(plan.to_do)
        while waiting:
            suspects: list[Source] = []
            for source, reason in _in_pool(waiting, files, job, count, suspects):
                yield source, files[source.id], reason
            for source in suspects:  # one of them killed its process: which one shows when each has its own
                reason = "its decoder died (a defect of the file, or too little memory)"
                for _, found in _in_pool(deque([source]), files, job, 1, []):
                    reason = found
                yield source, files[source.id], reason


def _in_pool(
    waiting: deque[Source],
    files: Mapping[str, Path],
    job: Callable[[Source, Path], str],
    count: int,
    suspects: list[Source],
) -> Iterator[tuple[Source, str]]:
    """Yield sources as they are done; when a process dies, those that were in work become ``suspects``, and it ends."""
    running: dict[Future[str], Source] = {}
    with _one_thread_each(), _pool(count) as pool:
        try:
            pool.submit(os.getpid).result()
        except BrokenProcessPool as error:
            raise TrainingError("no process could be started to decode: try --processes 1") from error
        try:
            while waiting or running:
                while waiting and len(running) <= count:
                    running[pool.submit(job, waiting[0], files[waiting[0].id])] = waiting[0]
                    waiting.popleft()
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    reason = future.result()
                    yield running.pop(future), reason
        except BrokenProcessPool:
            suspects += running.values()


def _pool(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_begin_process)


def _begin_process() -> None:
    cv2.setNumThreads(1)
    end_with_parent()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that begin here use one thread each: libraries read these variables once, when they are loaded."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _make(source: Source, file: Path, config: DataConfig, class_list: ClassList) -> str:
    """Decode a source into a file. Returns why it cannot be used, or "".

    Raises:
        TrainingError: the file cannot be written.
    """
    try:
        recording, notes = _read(source, config, class_list)
    except SonocueError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever a broken file does to a decoder, the others go on
        return " ".join(f"'{source.path}' cannot be used: {type(error).__name__}: {error}".split())
    try:
        write_store(file, recording, _facts(recording, notes))
    except OSError as error:
        file.unlink(missing_ok=True)
        raise TrainingError(f"'{file}' cannot be written: {error.strerror}: free some space, then go on") from error
    return ""


def _read(source: Source, config: DataConfig, class_list: ClassList) -> tuple[Recording, tuple[str, ...]]:
    if source.kind == "session":
        recording, notes = read_session(source.path, config, class_list, source.crop, source.intervals)
        manifest = SessionReader(source.path).manifest
        broken = () if manifest.complete else (f"not complete: {manifest.reason or 'it was not closed'}",)
        return recording, (*broken, *notes)
    cine = read_video(source, config) if source.kind == "video" else read_dicom(source, config)
    return as_recording(source, cine, class_list)


def _facts(recording: Recording, notes: tuple[str, ...]) -> Facts:
    return Facts(
        id=recording.session_id,
        subject=recording.subject,
        origin="phantom" if recording.origin == "phantom" else "real",
        crop=recording.crop,
        log_mel_s=recording.log_mel_s,
        pixel_sums=pixel_sums(recording.frames),
        seconds=float(recording.times_s[-1]),
        frames=len(recording.frames),
        labelled=int((recording.labels >= 0).sum()),
        gaze_samples=len(recording.gaze_s),
        speech_s=round(int((recording.speech >= SPEECH).sum()) * CHUNK_SAMPLES / SPEECH_RATE_HZ, 3),
        notes=notes,
    )


# --------------------------------------------------------------------------------------------------------------------
# Publishing
# --------------------------------------------------------------------------------------------------------------------


@contextmanager
def _staging(place: Place) -> Iterator[Path]:
    """Where files are written before they get their name: on the collection's own disk, or beside an object store."""
    try:
        if place.local is not None:
            folder = place.local / RECORDINGS_NAME
            folder.mkdir(parents=True, exist_ok=True)
            yield folder
        else:
            with tempfile.TemporaryDirectory(prefix="sonocue-prepare-") as temporary:
                yield Path(temporary)
    except OSError as error:
        raise TrainingError(f"'{place.url}' cannot be written: {error.strerror or error}") from error


def _publish(place: Place, file: Path, name: str) -> Entry:
    """Give a whole file its name in the collection."""
    with file.open("rb") as stream:
        entry = describe(stream, f"{RECORDINGS_NAME}/{name}")
    if place.local is not None:
        file.replace(place.local / entry.file)
    else:
        with one_line(place.path(entry.file), "written"):
            place.fs.put_file(str(file), place.path(entry.file))
        file.unlink()
    return entry


def _clean(place: Place, index: Index, names: Mapping[str, str]) -> None:
    """Remove what the index replaces, and what a killed run left behind."""
    kept = {Path(entry.file).name for entry in index.recordings}
    ours = {f"{flat_name(entry.facts.id)}-" for entry in index.recordings}
    for name in place.files(RECORDINGS_NAME):
        stem = name.removesuffix(".npz")[:-12]
        if name.endswith(".partial") or (name not in kept and name not in names.values() and stem in ours):
            place.remove(f"{RECORDINGS_NAME}/{name}")


def _write_splits(
    place: Place, sessions: Path, published: PublishedSplit | None, subjects: Mapping[str, str], config: TrainConfig
) -> None:
    """The splits as they are published, else drawn from the seed; none with too few subjects (training says so)."""
    if published is not None:
        check_subjects(published, subjects)
        place.write(SPLITS_NAME, (sessions / SPLITS_NAME).read_bytes())
    elif len(set(subjects.values())) >= _FEWEST_SUBJECTS:
        split = split_subjects(list(subjects.values()), config.data, config.seed)
        place.write(SPLITS_NAME, splits_text(subjects, split).encode())
    else:
        place.remove(SPLITS_NAME)


def _line(entry: Entry | None, reason: str) -> str:
    if entry is None:
        return f"left out: {reason}"
    facts = entry.facts
    notes = f"; {'; '.join(facts.notes)}" if facts.notes else ""
    return f"{facts.id}: {facts.frames} frames of {facts.subject}, {facts.speech_s:.0f} s of speech{notes}"


def _json(content: object, indent: int | None = None) -> bytes:
    return (json.dumps(content, indent=indent, sort_keys=True) + "\n").encode()
