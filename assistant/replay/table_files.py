"""The tables beside sessions that a person's labels and notes go to, so that other lines in them stay as they are.

``labels.csv`` (file, start_s, end_s, plane) is what the trainer reads (``docs/training-data.md``); ``notes.csv`` (file,
start_s, end_s, note) is for people. Both lie in the folder that holds the sessions, and hold lines of many sessions.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from assistant.errors import SessionError


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table as it stands on disk.

    Attributes:
        columns: names of the first line.
        rows: the lines with their numbers.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]


def read_table(path: Path, columns: Sequence[str]) -> TableFile:
    """Read a table; an absent one is empty.

    Raises:
        SessionError: it cannot be read, or lacks one of ``columns``.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True, restkey="", restval="")
            named = tuple(name.strip() for name in reader.fieldnames or ())
            reader.fieldnames = list(named)
            rows = tuple((reader.line_num, {name: str(row[name]) for name in named}) for row in reader)
    except FileNotFoundError:
        return TableFile(tuple(columns), ())
    except (OSError, UnicodeError, csv.Error) as error:
        raise SessionError(f"'{path}' cannot be read as a table: {error}") from error
    if missing := [name for name in columns if name not in named]:
        raise SessionError(
            f"'{path}': expected the columns {', '.join(columns)}, got {', '.join(named) or 'none'}: "
            f"{', '.join(missing)} is missing; it stays as it is"
        )
    return TableFile(named, rows)


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Write a table so that at any moment either the old one or the new one is there, whole.

    Raises:
        SessionError: it cannot be written.
    """
    text = StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    unfinished = path.with_name(f".{path.name}.partial")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as stream:
            stream.write(text.getvalue())
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise SessionError(f"'{path}' cannot be written: {error.strerror or error}") from error
