"""Which subject trains, validates or tests: drawn from the seed, or as a data set publishes it in ``splits.csv``.

The file's columns are ``session`` (a folder's name, or a file's path), ``subject`` and ``split``: ``train``,
``validation``, ``test``, or any other name, whose sessions are kept apart from all training (``test_unseen`` of the
software scanner's data sets).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.errors import TrainingError
from trainer.config import DataConfig

SPLITS_NAME = "splits.csv"
_COLUMNS = {"session", "subject", "split"}
_PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Split:
    """Subjects for training, for choosing and calibrating, and for the final figures. No subject stands in two."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raises ``TrainingError`` when a subject stands in two."""
        for name in self.train:
            if name in self.validation or name in self.test:
                raise TrainingError(
                    f"subject '{name}' would train and be tested on: every subject belongs to one split"
                )
        if both := set(self.validation) & set(self.test):
            raise TrainingError(f"subject '{min(both)}' is in validation and test: every subject belongs to one split")


def evenly(subjects: Sequence[str], share: float) -> tuple[str, ...]:
    """A share of the subjects, at least one, evenly over their sorted names: the same whoever asks."""
    count = max(1, round(share * len(subjects)))
    return tuple(sorted(subjects)[i] for i in np.arange(count) * len(subjects) // count)


@dataclass(frozen=True, slots=True)
class PublishedSplit:
    """What a data set says about its splits.

    Attributes:
        of_subjects: the split of each subject.
        of_sessions: the subject of each session, as the file says.
        kept_apart: names of the sessions that neither train, validate nor test.
    """

    of_subjects: Mapping[str, str]
    of_sessions: Mapping[str, str]
    kept_apart: frozenset[str]


def published_split(sessions: Path) -> PublishedSplit | None:
    """The splits that a folder of sessions publishes; None without ``splits.csv``.

    Raises:
        TrainingError: the file cannot be read, lacks a column, or has a subject in two splits.
    """
    path = sessions / SPLITS_NAME
    if not path.exists():
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise TrainingError(f"'{path}' cannot be read: {error}") from error
    return parse_splits(lines, str(path))


def parse_splits(lines: Sequence[str], path: str) -> PublishedSplit:
    """The splits that a table's lines tell; ``path`` names it in messages. Raises ``TrainingError``."""
    try:
        rows = list(csv.DictReader(lines))
    except csv.Error as error:
        raise TrainingError(f"'{path}' cannot be read: {error}") from error
    if not rows or not set(rows[0]) >= _COLUMNS:
        raise TrainingError(f"'{path}': expected the columns session, subject, split and a line a session")
    of_subjects: dict[str, str] = {}
    for row in rows:
        if of_subjects.setdefault(row["subject"], row["split"]) != row["split"]:
            raise TrainingError(
                f"'{path}': subject '{row['subject']}' is in '{of_subjects[row['subject']]}' and in '{row['split']}': "
                "every subject belongs to one split"
            )
    of_sessions = {row["session"]: row["subject"] for row in rows}
    kept_apart = frozenset(row["session"] for row in rows if row["split"] not in _PARTS)
    return PublishedSplit(of_subjects, of_sessions, kept_apart)


def check_subjects(published: PublishedSplit, subjects: Mapping[str, str]) -> None:
    """Hold the splits against the recordings themselves: else one subject could stand in two of them.

    Args:
        published: what the file says.
        subjects: of each recording, as it says itself.

    Raises:
        TrainingError: a recording is of another subject than the file says.
    """
    for session, subject in subjects.items():
        told = published.of_sessions.get(session, subject)
        if told != subject:
            raise TrainingError(
                f"{SPLITS_NAME} says that '{session}' is of subject '{told}', the recording says '{subject}': "
                "correct the file, or one subject may stand in two splits"
            )


def splits_text(subjects: Mapping[str, str], split: Split) -> str:
    """``splits.csv`` of recordings: their subjects by name, and the split of these."""
    part = {name: part for part in _PARTS for name in getattr(split, part)}
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("session", "subject", "split"))
    writer.writerows((session, subject, part[subject]) for session, subject in sorted(subjects.items()))
    return table.getvalue()


def split_subjects(
    subjects: Sequence[str], config: DataConfig, seed: int, published: Mapping[str, str] | None = None
) -> Split:
    """Subjects for validation and test, the others train: as published, else drawn, at least one each.

    Raises:
        TrainingError: fewer than three subjects, or a published split that leaves one of them out or a part empty.
    """
    names = sorted(set(subjects))
    if len(names) < 3:
        raise TrainingError(
            f"expected sessions of at least 3 subjects (to train, to validate, to test), got {len(names)}: "
            f"{', '.join(names)}; record more people"
        )
    if published is not None:
        return _as_published(names, published)
    n_validation = max(1, round(config.validation * len(names)))
    n_test = max(1, round(config.test * len(names)))
    if n_validation + n_test >= len(names):
        raise TrainingError(
            f"no subject is left to train on: {n_validation} validate and {n_test} test of {len(names)}"
        )
    drawn = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    return Split(
        train=tuple(sorted(drawn[n_validation + n_test :])),
        validation=tuple(sorted(drawn[:n_validation])),
        test=tuple(sorted(drawn[n_validation : n_validation + n_test])),
    )


def _as_published(names: Sequence[str], published: Mapping[str, str]) -> Split:
    if unknown := [name for name in names if published.get(name) not in _PARTS]:
        raise TrainingError(f"{SPLITS_NAME} has no split for {', '.join(unknown)}: add them, or move the sessions away")
    parts = [tuple(name for name in names if published[name] == part) for part in _PARTS]
    if not all(parts):
        counts = ", ".join(f"{len(part)} {name}" for name, part in zip(_PARTS, parts, strict=True))
        raise TrainingError(f"{SPLITS_NAME} leaves a part without usable sessions: {counts}")
    return Split(*parts)
