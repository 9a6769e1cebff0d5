"""Tables of labelled still images: one of the user's own, or the public FETAL_PLANES_DB as it is downloaded.

A label is a set of admissible classes: of one class when it is known, of several when the table tells only that it is
one of them. Rows without a label are left out; they are not background, since nobody said that they show no standard
plane. Accepted columns and the mapping stand in docs/training-data-stills.md. Called by the command's only thread.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from assistant.class_list import ClassList
from assistant.errors import TrainingError

TABLE_NAME = "stills.csv"
PUBLIC_NAME = "FETAL_PLANES_DB_data.csv"
PARTS = ("train", "validation", "test")

_COLUMNS = ("file", "plane", "patient")
_PUBLIC_COLUMNS = ("Image_name", "Patient_num", "Plane", "Brain_plane", "Train")
_PUBLIC_SOURCE = "FETAL_PLANES_DB (Burgos-Artizzu et al. 2020, Sci Rep 10:10200, CC BY 4.0)"
_BRAIN = "Fetal brain"
_OF_PLANE: Mapping[str, tuple[str, ...]] = {
    "Fetal abdomen": ("abdomen", "kidneys"),
    "Fetal femur": ("femur",),
    "Fetal thorax": ("four-chamber view", "three-vessel view", "LVOT", "RVOT"),
    "Maternal cervix": ("maternal cervix",),
    "Other": (),
}
_OF_BRAIN: Mapping[str, tuple[str, ...]] = {
    "Trans-cerebellum": ("transcerebellar brain",),
    "Trans-thalamic": ("transthalamic brain",),
    "Trans-ventricular": ("transventricular brain",),
    "Other": (),
    "Not A Brain": (),  # contradicts its plane
    "": (),
}


@dataclass(frozen=True, slots=True)
class StillRow:
    """One labelled image.

    Attributes:
        file: where it lies.
        planes: admissible classes of the class list, at least one.
        subject: pseudonym of the patient.
        part: ``train``, ``validation``, ``test``, or empty when the table says nothing.
    """

    file: Path
    planes: tuple[str, ...]
    subject: str
    part: str


@dataclass(frozen=True, slots=True)
class StillTable:
    """A table as it was read.

    Attributes:
        path: the file.
        rows: the labelled images whose classes are in the class list.
        source: what a model card says.
        unlabelled: rows left out without a label.
        not_listed: images left out because the class list lacks one of their classes, counted by that class. Only of
            the public table: in one of the user's own such a name is an error.
    """

    path: Path
    rows: tuple[StillRow, ...]
    source: str
    unlabelled: int
    not_listed: Mapping[str, int]


def read_still_table(folder: Path, class_list: ClassList) -> StillTable:
    """The table of a folder: FETAL_PLANES_DB's, if it is there, else ``stills.csv``.

    Raises:
        TrainingError: there is no table, it lacks a column, names an unknown class, a missing image, an image twice, or
            a patient in two parts; or no image is labelled.
    """
    public, own = folder / PUBLIC_NAME, folder / TABLE_NAME
    if public.is_file():
        found, path, source = _public_rows(public), public, _PUBLIC_SOURCE
    elif own.is_file():
        found, path, source = _own_rows(own, class_list), own, f"labelled still images of '{folder.name}'"
    else:
        raise TrainingError(
            f"no table of still images in '{folder}': expected {TABLE_NAME} with the columns {', '.join(_COLUMNS)}, or "
            f"the public {PUBLIC_NAME} beside its folder Images"
        )
    everything = list(found)
    _check(everything, path)
    labelled = [row for row in everything if row.planes]
    not_listed = Counter(next((p for p in row.planes if p not in class_list.classes), "") for row in labelled)
    del not_listed[""]
    rows = tuple(row for row in labelled if set(row.planes) <= set(class_list.classes))
    if not rows:
        raise TrainingError(f"'{path}': no image has a label of class list '{class_list.name}': label some")
    return StillTable(path, rows, source, len(everything) - len(labelled), dict(not_listed))


def _own_rows(path: Path, class_list: ClassList) -> Iterator[StillRow]:
    for number, row in _lines(path, _COLUMNS):
        planes = tuple(name.strip() for name in row["plane"].split("|") if name.strip())
        if unknown := [name for name in planes if name not in class_list.classes]:
            raise TrainingError(
                f"'{path}', line {number}: class list '{class_list.name}' has no class called '{unknown[0]}': there "
                f"are {', '.join(class_list.classes)}"
            )
        part = row.get("split", "")
        if part not in ("", *PARTS):
            raise TrainingError(f"'{path}', line {number}: expected split {', '.join(PARTS)} or nothing, got '{part}'")
        yield StillRow(path.parent / row["file"], planes, row["patient"], part)


def _public_rows(path: Path) -> Iterator[StillRow]:
    for number, row in _lines(path, _PUBLIC_COLUMNS):
        plane, brain, part = row["Plane"], row["Brain_plane"], {"1": "train", "0": "test"}.get(row["Train"])
        planes = _OF_BRAIN.get(brain) if plane == _BRAIN else _OF_PLANE.get(plane)
        if planes is None:
            raise TrainingError(f"'{path}', line {number}: unknown class: Plane '{plane}', Brain_plane '{brain}'")
        if part is None:
            raise TrainingError(f"'{path}', line {number}: expected Train 1 or 0, got '{row['Train']}'")
        name = row["Image_name"]
        file = path.parent / "Images" / (name if name.lower().endswith(".png") else f"{name}.png")
        # A number alone could be the pseudonym of somebody else's recording.
        yield StillRow(file, planes, f"FETAL_PLANES_DB-{row['Patient_num']}" if row["Patient_num"] else "", part)


def _lines(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells, without the blanks around them; commas or semicolons, as the first line has it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise TrainingError(f"'{path}' cannot be read: {error}") from error
    head = text.split("\n", 1)[0]
    reader = csv.reader(text.splitlines(), delimiter=";" if ";" in head else ",")
    names = [name.strip() for name in next(reader, [])]
    if missing := [name for name in columns if name not in names]:
        raise TrainingError(f"'{path}': no column {', '.join(missing)}: expected {', '.join(columns)}")
    try:
        for cells in reader:
            row = dict.fromkeys(names, "") | {
                name: cell.strip() for name, cell in zip(names, cells, strict=False) if name
            }
            if any(row.values()):
                yield reader.line_num, row
    except csv.Error as error:
        raise TrainingError(f"'{path}', line {reader.line_num}: not CSV: {error}") from error


def _check(rows: list[StillRow], path: Path) -> None:
    """Every image is there once and has a patient; every patient is in one part."""
    part_of: dict[str, str] = {}
    seen: set[Path] = set()
    for row in rows:
        if not row.subject:
            raise TrainingError(f"'{path}': image '{row.file.name}' has no patient: splits are by patient")
        if row.file in seen:
            raise TrainingError(f"'{path}': image '{row.file.name}' stands twice in it")
        seen.add(row.file)
        if part_of.setdefault(row.subject, row.part) != row.part:
            both = " and ".join(f"'{part}'" for part in (part_of[row.subject], row.part))
            raise TrainingError(f"'{path}': patient '{row.subject}' is in {both}: every patient belongs to one part")
    try:
        missing = [row.file for row in rows if not row.file.is_file()]
    except OSError as error:  # a name that is too long for a file
        raise TrainingError(f"'{path}' names an image that cannot be: {error}") from error
    if missing:
        raise TrainingError(
            f"'{path}': {len(missing)} of {len(rows)} images are missing, first '{missing[0]}': add the files, or take "
            "their lines out"
        )
    parts = set(part_of.values())
    if "" in parts and parts != {""}:
        someone = next(subject for subject, part in part_of.items() if not part)
        raise TrainingError(f"'{path}': patient '{someone}' has no split and others have: give it to all or none")
