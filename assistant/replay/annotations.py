"""A person's labels and notes about a recording: kept beside the session, never in it, so that its hashes hold.

Every change is on the disk before the call returns, and can be undone. Lines that do not fit the session are told and
stay in the file. Used by one thread (the window's).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from assistant.class_list import ClassList
from assistant.errors import SessionError
from assistant.replay.table_files import TableFile, read_table, write_table
from assistant.session.manifest import PARTIAL_SUFFIX
from assistant.session.reader import SessionReader

LABELS_NAME, NOTES_NAME = "labels.csv", "notes.csv"
MAX_NOTE = 500
"""Letters in a note."""
LABEL_COLUMNS = ("file", "start_s", "end_s", "plane")
NOTE_COLUMNS = ("file", "start_s", "end_s", "note")
_BEYOND_S = 1.0
"""How far a line may reach beyond the last frame: the trainer does not mind, and people round."""


@dataclass(frozen=True, slots=True, order=True)
class Remark:
    """Frames from position ``start`` up to, not at, ``stop``; ``text`` is a plane's name or the words of a note."""

    start: int
    stop: int
    text: str


Kind = Literal["label", "note"]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A line that names this session and cannot be used.

    Attributes:
        file: the table.
        line: its number there.
        why: ``plane``: not in the class list; ``range``: outside the recording; ``times``: no times with start < end;
            ``overlap``: another line tells another plane of the same moment.
        got: what stands there.
    """

    file: Path
    line: int
    why: Literal["plane", "range", "times", "overlap"]
    got: str


@dataclass(frozen=True, slots=True)
class _State:
    labels: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()


class Annotations:
    """The labels and notes of one session.

    Args:
        reader: the session.
        class_list: the planes that a label may name.
        labels: the label table; None: ``labels.csv`` in the session's parent folder. ``notes.csv`` lies beside it.

    Attributes:
        labels, notes: in order; labels do not overlap.
        misfits: lines of this session that were left where they are.
        others: how many lines are about other recordings.
        unreadable: why the tables could not be read, in plain words; then nothing can be saved. Else "".
        unsaved: the last change could not be written; it is in memory.
    """

    def __init__(self, reader: SessionReader, class_list: ClassList, labels: Path | None = None) -> None:
        folder = reader.path.resolve().parent
        self.class_list = class_list
        self.labels_file = folder / LABELS_NAME if labels is None else labels
        self.notes_file = self.labels_file.with_name(NOTES_NAME)
        self._names = _names_of(reader.path.resolve().name)
        times_ns = reader.frame_times_ns
        self._times_s = (times_ns - times_ns[0]) * 1e-9 if len(times_ns) else np.empty(0)
        self._step_s = float(np.median(np.diff(self._times_s))) if len(times_ns) > 1 else 0.04
        self._state = _State()
        self._undo: list[_State] = []
        self.misfits: tuple[Misfit, ...] = ()
        self.others = 0
        self.unreadable = ""
        self.unsaved = False
        self._load()

    @property
    def labels(self) -> tuple[Remark, ...]:
        return self._state.labels

    @property
    def notes(self) -> tuple[Remark, ...]:
        return self._state.notes

    @property
    def can_undo(self) -> bool:
        """There is a change of this sitting that can be taken back."""
        return bool(self._undo)

    def label_at(self, position: int) -> str:
        """The plane that a person gave to a frame; "" without."""
        return next((label.text for label in self.labels if label.start <= position < label.stop), "")

    def label(self, start: int, stop: int, plane: str) -> None:
        """Say that the frames from ``start`` up to ``stop`` show ``plane``; what was said of them before gives way.

        Raises:
            SessionError: the plane is not in the class list, or the table cannot be written (then ``unsaved``).
        """
        if plane not in self.class_list.classes:
            raise SessionError(f"label '{plane}': class list '{self.class_list.name}' has no such plane")
        self._change(lambda state: _State(_over(state.labels, start, stop, plane), state.notes))

    def erase(self, start: int, stop: int) -> None:
        """Take the labels and notes of these frames away. Raises ``SessionError`` as ``label`` does."""
        self._change(
            lambda state: _State(
                _over(state.labels, start, stop, ""),
                tuple(note for note in state.notes if note.stop <= start or note.start >= stop),
            )
        )

    def note(self, start: int, stop: int, words: str) -> None:
        """Note something about these frames. Raises ``SessionError`` when it cannot be written (then ``unsaved``)."""
        one_line = " ".join(words.split())
        if one_line:
            self._change(
                lambda state: _State(state.labels, tuple(sorted({*state.notes, Remark(start, stop, one_line)})))
            )

    def undo(self) -> bool:
        """Take the last change back; False when there is none. Raises ``SessionError`` as ``label`` does."""
        if not self._undo:
            return False
        self._state = self._undo.pop()
        self.save()
        return True

    def save(self) -> None:
        """Write both tables: every edit does it; call it again after it failed. Raises ``SessionError``."""
        self.unsaved = True
        self._save(self.labels_file, LABEL_COLUMNS, self.labels)
        self._save(self.notes_file, NOTE_COLUMNS, self.notes)
        self.unsaved = False

    def seconds(self, position: int) -> float:
        """The bound before the frame at ``position``, in seconds since the first: halfway from the one before.

        So that no rounding, here or in the trainer, moves a frame over it.
        """
        n = len(self._times_s)
        if position <= 0 or n == 0:
            return 0.0
        if position >= n:
            return float(self._times_s[-1]) + self._step_s / 2
        return float(self._times_s[position - 1] + self._times_s[position]) / 2

    def _change(self, change: Callable[[_State], _State]) -> None:
        if not self.unsaved:
            self._load()  # another program may have written meanwhile
        self._undo.append(self._state)
        self._state = change(self._state)
        self.save()

    def _load(self) -> None:
        try:
            labels = read_table(self.labels_file, LABEL_COLUMNS)
            notes = read_table(self.notes_file, NOTE_COLUMNS)
        except SessionError as error:
            self.unreadable = str(error)
            return
        self.unreadable = ""
        self.misfits, self.others = (), 0
        self._state = _State(
            self._fitting(self.labels_file, labels, "plane"), self._fitting(self.notes_file, notes, "note")
        )

    def _fitting(self, file: Path, table: TableFile, column: str) -> tuple[Remark, ...]:
        found: list[Remark] = []
        for line, row in table.rows:
            if row["file"].strip() not in self._names:
                self.others += 1
                continue
            read = self._read(row, column)
            if isinstance(read, Remark) and column == "plane" and _overlaps(read, found):
                read = ("overlap", f"{row['start_s']} to {row['end_s']} s, {row[column]}")
            if isinstance(read, Remark):
                found.append(read)
            else:
                self.misfits += (Misfit(file, line, *read),)
        return tuple(sorted(found))

    def _read(
        self, row: Mapping[str, str], column: str
    ) -> Remark | tuple[Literal["plane", "range", "times", "overlap"], str]:
        """What a line says of this session, or why it cannot be used."""
        text = row[column].strip()
        try:
            start_s, end_s = float(row["start_s"]), float(row["end_s"])
        except ValueError:
            start_s = end_s = math.nan
        if not (math.isfinite(start_s) and math.isfinite(end_s) and start_s < end_s):
            return "times", f"{row['start_s']} to {row['end_s']}"
        start, stop = (int(np.searchsorted(self._times_s, at)) for at in (start_s, end_s))
        last_s = float(self._times_s[-1]) if len(self._times_s) else 0.0
        if start >= stop or end_s > last_s + self._step_s + _BEYOND_S:
            return "range", f"{row['start_s']} to {row['end_s']} s of {last_s:.1f} s"
        if column == "plane" and text not in self.class_list.classes:
            return "plane", text
        return Remark(start, stop, text)

    def _save(self, file: Path, columns: tuple[str, ...], remarks: Sequence[Remark]) -> None:
        table = read_table(file, columns)
        if not remarks and not table.rows:
            return
        kept: list[Mapping[str, str]] = []
        left = set(remarks)
        overlapping: list[Remark] = []
        for _, row in table.rows:
            if row["file"].strip() in self._names:
                read = self._read(row, columns[-1])
                if isinstance(read, Remark) and not (columns[-1] == "plane" and _overlaps(read, overlapping)):
                    overlapping.append(read)
                    if read not in left:
                        continue  # changed or taken away
                    left.discard(read)
                    row = {**row, "file": self._names[0]}  # a killed session is renamed some day
            kept.append(row)
        kept += [
            {
                "file": self._names[0],
                "start_s": f"{self.seconds(remark.start):.6f}",
                "end_s": f"{self.seconds(remark.stop):.6f}",
                columns[-1]: remark.text,
            }
            for remark in sorted(left)
        ]
        write_table(file, table.columns, kept)


def _names_of(folder: str) -> tuple[str, ...]:
    """What a table may call a session: as its folder is named now, and as it is with or without ``.partial``."""
    bare = folder.removesuffix(PARTIAL_SUFFIX)
    return tuple(dict.fromkeys((folder, bare, bare + PARTIAL_SUFFIX)))


def _overlaps(remark: Remark, others: Sequence[Remark]) -> bool:
    return any(remark.start < other.stop and other.start < remark.stop for other in others)


def _over(labels: Sequence[Remark], start: int, stop: int, plane: str) -> tuple[Remark, ...]:
    """The labels with ``plane`` ("": none) laid over the frames from ``start`` up to ``stop``."""
    kept = [Remark(start, stop, plane)] if plane else []
    for label in labels:
        kept += [
            Remark(a, b, label.text)
            for a, b in ((label.start, min(label.stop, start)), (max(label.start, stop), label.stop))
            if a < b
        ]
    return tuple(sorted(kept))
