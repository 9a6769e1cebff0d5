"""A prepared collection, on disk or in an object store: index, one file a recording, splits, and what was rejected.

::

    index.json        settings, and for each recording its file, what is in it, and where (``store.Entry``)
    recordings/       one .npz a recording (``store``)
    splits.csv        session, subject, split (``splits``); absent with fewer than three subjects
    rejects.json      what could not be used, and why

Any URL that fsspec opens will do (``s3://bucket/folder``, ``memory://name``); a path without a scheme is a folder on
disk. Called by the command's main thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from pydantic import BaseModel, ConfigDict, ValidationError

from assistant.class_list import ClassList
from assistant.errors import SonocueError, TrainingError
from trainer.config import DataConfig
from trainer.recordings import Recording
from trainer.splits import SPLITS_NAME, PublishedSplit, parse_splits
from trainer.store import Entry, fetched, head_bytes, mapped
from trainer.stored_array import fetch_ranges

INDEX_NAME, REJECTS_NAME, RECORDINGS_NAME = "index.json", "rejects.json", "recordings"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PreparedWith(_Record):
    """The settings that the arrays depend on."""

    height_px: int
    width_px: int
    frames_hz: float
    classes: tuple[str, ...]
    paint_out: bool = False  # as it was before there was this setting

    @classmethod
    def of(cls, config: DataConfig, class_list: ClassList) -> PreparedWith:
        """Those of a training run."""
        return cls(
            height_px=config.height_px,
            width_px=config.width_px,
            frames_hz=config.frames_hz,
            classes=class_list.classes,
            paint_out=config.paint_out,
        )

    def difference(self, other: PreparedWith) -> str:
        """What differs, for people; "" when nothing does."""
        mine, theirs = self.model_dump(), other.model_dump()
        told = [f"{name} is {mine[name]}, asked is {theirs[name]}" for name in mine if mine[name] != theirs[name]]
        return "; ".join(told)


class Index(_Record):
    """``index.json``; ``complete`` is False until the first preparation reached its end."""

    format: Literal["sonocue-prepared"] = "sonocue-prepared"
    version: Literal[1] = 1
    complete: bool
    prepared_with: PreparedWith
    recordings: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a collection lies.

    Attributes:
        url: as the user named it.
        fs: its file system (fsspec).
        root: its folder in that.
        local: that folder, when it is on this machine's disk.
    """

    url: str
    fs: Any
    root: str
    local: Path | None

    def path(self, name: str) -> str:
        """Of a file in it."""
        return f"{self.root}/{name}"

    def read(self, name: str) -> bytes | None:
        """A small file's bytes; None when there is none. Raises ``TrainingError``."""
        with one_line(self.path(name), "read"):
            try:
                return bytes(self.fs.cat_file(self.path(name)))
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Write a small file whole: under another name first, on disk. Raises ``TrainingError``."""
        with one_line(self.path(name), "written"):
            if self.local is None:
                self.fs.pipe_file(self.path(name), content)
                return
            self.local.mkdir(parents=True, exist_ok=True)
            temporary = self.local / f"{name}.tmp"
            temporary.write_bytes(content)
            temporary.replace(self.local / name)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there. Raises ``TrainingError``."""
        with one_line(self.path(name), "removed"):
            try:
                self.fs.rm_file(self.path(name))
            except FileNotFoundError:
                return

    def files(self, folder: str) -> dict[str, int]:
        """Names and sizes of the files in a folder of it. Raises ``TrainingError``."""
        with one_line(self.path(folder), "listed"):
            self.fs.invalidate_cache()
            try:
                found = self.fs.ls(self.path(folder), detail=True)
            except FileNotFoundError:
                return {}
            return {Path(item["name"]).name: int(item["size"] or 0) for item in found if item["type"] == "file"}


@contextmanager
def one_line(path: str, done: str) -> Iterator[None]:
    """Whatever a file system raises becomes one line: "cannot be ``done``". Each has errors of its own."""
    try:
        yield
    except SonocueError:
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise TrainingError(f"'{path}' cannot be {done}: {reason}") from error


def place_of(url: str) -> Place:
    """Where a path or URL leads. Raises ``TrainingError`` when its scheme is unknown or its package is missing."""
    try:
        fs, root = url_to_fs(url)
    except (ImportError, ValueError) as error:
        known = "a path, or a URL such as s3://bucket/folder (pip install s3fs) or memory://name"
        raise TrainingError(f"'{url}': expected {known}: {error}") from error
    local = Path(root) if isinstance(fs, LocalFileSystem) else None
    return Place(url, fs, root.rstrip("/"), local)


def read_index(place: Place) -> Index | None:
    """The index; None when there is none.

    Raises:
        TrainingError: it cannot be read, or is of another version.
    """
    text = place.read(INDEX_NAME)
    if text is None:
        return None
    try:
        return Index.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TrainingError(
            f"'{place.path(INDEX_NAME)}': {where}: {first['msg']}: prepare into a new folder"
        ) from error


@dataclass(frozen=True, slots=True)
class Collection:
    """A whole collection.

    Attributes:
        place: where it lies.
        index: what is in it.
        published: its splits; None with fewer than three subjects.
        rejected: names of what could not be used, and why.
    """

    place: Place
    index: Index
    published: PublishedSplit | None
    rejected: Mapping[str, str]

    def recordings(self) -> list[Recording]:
        """All recordings, in order of their names; frames and spectrograms stay where they are until they are drawn.

        Raises:
            TrainingError: a file is missing or not as long as it was.
        """
        entries = self.index.recordings
        if self.place.local is not None:
            return [mapped(self.place.local / entry.file, entry) for entry in entries]
        paths = [self.place.path(entry.file) for entry in entries]
        heads = fetch_ranges(self.place.fs, paths, [0] * len(paths), [head_bytes(entry) for entry in entries])
        return [
            fetched(self.place.fs, path, entry, head) for path, entry, head in zip(paths, entries, heads, strict=True)
        ]


def is_prepared(url: str) -> bool:
    """Whether a path or URL leads to a collection, finished or not."""
    return place_of(url).read(INDEX_NAME) is not None


def open_collection(url: str) -> Collection:
    """Open a collection that was prepared to its end.

    Raises:
        TrainingError: there is none, it is not finished, or it is damaged.
    """
    place = place_of(url)
    index = read_index(place)
    if index is None:
        raise TrainingError(f"'{url}' is no prepared collection: expected an {INDEX_NAME} in it")
    if not index.complete:
        raise TrainingError(f"'{url}' is not prepared to its end: run 'sonocue train prepare' again, it goes on")
    splits, rejects = place.read(SPLITS_NAME), place.read(REJECTS_NAME)
    try:
        published = None if splits is None else parse_splits(splits.decode().splitlines(), place.path(SPLITS_NAME))
        rejected = {row["file"]: row["reason"] for row in json.loads(rejects or b"[]")}
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"'{url}': {SPLITS_NAME} or {REJECTS_NAME} cannot be read: {error}") from error
    return Collection(place, index, published, rejected)
