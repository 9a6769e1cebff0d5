"""What lies beside the sessions of a data set: its splits, its card, the checksums of its files."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from plugins.phantom.settings import ScanSettings

SPLITS_NAME = "splits.csv"
CHECKSUMS_NAME = "SHA256SUMS"
_ROUND = ("train", "train", "train", "validation", "test")
"""Split of the k-th usual subject, by the remainder of k: a larger data set keeps every subject in its split."""


def session_name(scan: ScanSettings) -> str:
    """Name of the session of a scan, and pseudonym of its subject."""
    return f"phantom-{scan.seed:07d}"


def split_of(number: int, scan: ScanSettings) -> str:
    """Split of the ``number``-th subject of a data set."""
    return "test_unseen" if scan.population == "unseen" else _ROUND[number % len(_ROUND)]


def write_splits(folder: Path, scans: Sequence[ScanSettings]) -> None:
    """``splits.csv``: ``session``, ``subject``, ``split`` of each scan."""
    with (folder / SPLITS_NAME).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("session", "subject", "split"))
        for number, scan in enumerate(scans):
            table.writerow((session_name(scan), session_name(scan), split_of(number, scan)))


def write_card(
    folder: Path, scan: ScanSettings, scans: Sequence[ScanSettings], seed: int, *, lossless: bool = False
) -> None:
    """``README.md``: what the data set is, how it was made and what to know before using it."""
    counts = Counter(split_of(number, one) for number, one in enumerate(scans))
    usual = sum(one.population == "usual" for one in scans)
    hours = len(scans) * (scan.seconds or 0.0) / 3600.0
    command = (
        f"sonocue phantom make OUT --subjects {usual} --unseen {len(scans) - usual} --seed {seed} "
        f"--seconds {scan.seconds:g} --relevant {scan.relevant_share:g} --size {scan.width_px}x{scan.height_px} "
        f"--annotations {scan.annotations}{' --lossless' if lossless else ''}"
    )
    splits = "\n".join(f"| {name} | {counts[name]} |" for name in dict.fromkeys((*_ROUND, "test_unseen")))
    text = f"""# Scans of the software scanner

{len(scans)} rendered second-trimester examinations, {hours:.2f} hours in all: screen video at 30 fps, narration at
16 kHz, gaze at 90 Hz, and the truth about every frame, utterance and fixation. Nobody was scanned, nobody speaks; all
names are invented. Research software; no medical product may rest on it.

Made by Sonocue {version("sonocue")}:

    {command}

The same command gives the same files. `sha256sum -c {CHECKSUMS_NAME}` tells a changed byte.

## Splits

By subject, fixed: of every five usual subjects, in order of their numbers, three train, one validates, one tests. The
subjects of `test_unseen` have machines, screens, gains, voices and ranges of anatomy that no other subject has.

| split | subjects |
| --- | --- |
{splits}

## Files

- `{SPLITS_NAME}`: `session` (a folder), `subject`, `split`.
- `phantom-*/`: a session each, in Sonocue's format: `session.json` (sources, settings, hashes), Matroska video with
  sound, `frames.csv` and `sound.csv` (times), `timeline.jsonl` (gaze, truth).
- In `timeline.jsonl`, `truth` says once what the subject's planes and landmarks are; for each frame the plane, the
  probe's pose, the field of view and how far the pose is off the plane under search; for each utterance its words, end,
  kind and whether it is relevant, to which plane and structure; for each fixation its structure and end.
- `gallery.png`: every plane of the first subject, from a good pose.

## Before you use it

Speech is by a synthesiser and fits the image in {scan.relevant_share:.0%} of utterances. Calipers and typed words on
frozen images: {scan.annotations} ("decoy" follows no plane). What is modelled, what is not, how real it looks to a
network that was trained on real scans, and which shortcuts were looked for: `docs/phantom.md` of the project.
"""
    (folder / "README.md").write_text(text, encoding="utf-8")


def write_checksums(folder: Path) -> None:
    """``SHA256SUMS`` of all files in a folder, as ``sha256sum -c`` reads it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = []
    for path in files:
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.relative_to(folder).as_posix()}\n")
    (folder / CHECKSUMS_NAME).write_text("".join(lines), encoding="utf-8")
