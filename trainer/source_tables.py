"""The tables that may stand beside recordings: whose they are, which plane is seen when, where the image stands.

``subjects.csv`` (file, subject), ``labels.csv`` (file, start_s, end_s, plane) and ``crops.csv`` (file, top, left,
bottom, right) in the folder of the recordings; ``NAME.labels.csv`` (start_s, end_s, plane) and ``NAME.gaze.csv``
(time_s, x_px, y_px, valid) beside one. Times are seconds since the recording's first frame. Other columns are not read.
Called by the command's main thread and the processes of ``prepare``.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from assistant.errors import TrainingError

SUBJECTS_NAME, LABELS_NAME, CROPS_NAME = "subjects.csv", "labels.csv", "crops.csv"
EVERY_FILE = "*"
"""In ``crops.csv``: all files that have no line of their own."""

Interval = tuple[float, float, str]
"""Start and end in seconds, half open, and the plane that is seen."""
Crop = tuple[float, float, float, float]
"""Top, left, bottom, right as shares of the image's height and width."""


def read_subjects(folder: Path, names: Collection[str]) -> dict[str, str] | None:
    """The subject of each file that ``subjects.csv`` lists; None without the table.

    Raises:
        TrainingError: as ``read_rows``; or a file has two subjects or is not there.
    """
    file = folder / SUBJECTS_NAME
    if not file.exists():
        return None
    subjects: dict[str, str] = {}
    for line, row in read_rows(file, ("file", "subject")):
        name, subject = _known(row["file"], names, file, line), row["subject"]
        if not subject:
            raise TrainingError(f"'{file}' line {line}: expected a subject's pseudonym, got nothing")
        if subjects.setdefault(name, subject) != subject:
            raise TrainingError(f"'{file}' line {line}: '{name}' is of '{subjects[name]}' and of '{subject}'")
    return subjects


def read_labels(folder: Path, names: Collection[str]) -> Mapping[str, Sequence[Interval]]:
    """The labelled intervals of each file that ``labels.csv`` lists; empty without the table.

    Raises:
        TrainingError: as ``read_rows``; or a file is not there.
    """
    file = folder / LABELS_NAME
    found: dict[str, list[Interval]] = defaultdict(list)
    if file.exists():
        for line, row in read_rows(file, ("file", "start_s", "end_s", "plane")):
            found[_known(row["file"], names, file, line)].append(_interval(row, file, line))
    return found


def read_own_labels(file: Path) -> list[Interval]:
    """The intervals of one recording's own table. Raises ``TrainingError`` as ``read_rows``."""
    return [_interval(row, file, line) for line, row in read_rows(file, ("start_s", "end_s", "plane"))]


def read_crops(folder: Path, names: Collection[str]) -> dict[str, Crop]:
    """The image's part of the screen, of each file that ``crops.csv`` lists; empty without the table.

    Raises:
        TrainingError: as ``read_rows``; a file is not there; or a crop is not inside the image.
    """
    file = folder / CROPS_NAME
    found: dict[str, Crop] = {}
    if file.exists():
        for line, row in read_rows(file, ("file", "top", "left", "bottom", "right")):
            top, left, bottom, right = (_number(row, side, file, line) for side in ("top", "left", "bottom", "right"))
            if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
                raise TrainingError(
                    f"'{file}' line {line}: expected 0 <= top < bottom <= 1 and 0 <= left < right <= 1, got "
                    f"{top}, {left}, {bottom}, {right}"
                )
            name = row["file"] if row["file"] == EVERY_FILE else _known(row["file"], names, file, line)
            found[name] = (top, left, bottom, right)
    return found


def read_gaze(file: Path) -> list[tuple[float, float, float]]:
    """The valid samples of a gaze table: time in seconds, x and y in pixels of the image, (0, 0) its first pixel.

    Raises:
        TrainingError: as ``read_rows``; or a value is neither 0 nor 1 where validity is told.
    """
    samples = []
    for line, row in read_rows(file, ("time_s", "x_px", "y_px", "valid")):
        if row["valid"].lower() not in {"0", "1", "true", "false"}:
            raise TrainingError(f"'{file}' line {line}: valid: expected 1 or 0, got '{row['valid']}'")
        if row["valid"].lower() in {"1", "true"}:
            time_s, x_px, y_px = (_number(row, name, file, line) for name in ("time_s", "x_px", "y_px"))
            samples.append((time_s, x_px, y_px))
    return samples


def read_rows(file: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The lines of a table with their numbers, values without blanks around them.

    Raises:
        TrainingError: it cannot be read, lacks a column, or a line is too short.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            named = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = named
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeError, csv.Error) as error:
        raise TrainingError(f"'{file}' cannot be read as a table: {error}") from error
    if missing := [name for name in columns if name not in named]:
        raise TrainingError(
            f"'{file}': expected the columns {', '.join(columns)}, got {', '.join(named) or 'none'}: "
            f"{', '.join(missing)} is missing"
        )
    found = []
    for line, row in rows:
        if any(row[name] is None for name in columns):
            raise TrainingError(f"'{file}' line {line}: expected {len(named)} values")
        found.append((line, {name: row[name].strip() for name in columns}))
    return found


def _known(name: str, names: Collection[str], file: Path, line: int) -> str:
    if name not in names:
        raise TrainingError(
            f"'{file}' line {line}: there is no recording '{name}': expected a path from the table's folder on, "
            "with its ending"
        )
    return name


def _interval(row: Mapping[str, str], file: Path, line: int) -> Interval:
    start_s, end_s = _number(row, "start_s", file, line), _number(row, "end_s", file, line)
    if not start_s < end_s:
        raise TrainingError(f"'{file}' line {line}: expected start_s < end_s, got {start_s} and {end_s}")
    return start_s, end_s, row["plane"]


def _number(row: Mapping[str, str], name: str, file: Path, line: int) -> float:
    try:
        value = float(row[name])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise TrainingError(f"'{file}' line {line}: {name}: expected a number, got '{row[name]}'")
    return value
