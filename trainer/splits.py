"""Which subject trains, validates or tests: drawn from the seed, or as a data set publishes it in ``splits.csv``.

The file's columns are ``session`` (a folder's name), ``subject`` and ``split``: ``train``, ``validation``, ``test``, or
any other name, whose sessions are kept apart from all training (``test_unseen`` of the software scanner's data sets).
"""

from __future__ import annotations

import csv
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


@dataclass(frozen=True, slots=True)
class PublishedSplit:
    """What a data set says about its splits.

    Attributes:
        of_subjects: the split of each subject.
        kept_apart: names of the sessions that neither train, validate nor test.
    """

    of_subjects: Mapping[str, str]
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
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeError, csv.Error) as error:
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
    return PublishedSplit(of_subjects, frozenset(row["session"] for row in rows if row["split"] not in _PARTS))


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
