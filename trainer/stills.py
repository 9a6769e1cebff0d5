"""Labelled still images as arrays at the network's resolution: cleaned of what was drawn over them, resized, kept.

Cleaning wants the image as it was captured, so it comes before resizing. Done once and kept in the run folder. Called
by the command's only thread; images are read by as many threads as the config allows.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from assistant.class_list import ClassList
from assistant.contracts import UInt8Array
from assistant.errors import TrainingError
from assistant.model_contracts import Preprocessing
from assistant.preprocess import Preprocessor
from trainer.burned_in import Rejection, clean
from trainer.config import DataConfig, TrainConfig
from trainer.kept_frames import WHOLE_IMAGE
from trainer.splits import Split, split_subjects
from trainer.still_tables import PARTS, StillRow, StillTable, read_still_table

_CACHE_VERSION = 1
_PROGRESS_EACH = 500


@dataclass(frozen=True, slots=True, eq=False)
class Stills:
    """All labelled still images of a folder.

    Attributes:
        frames: ``(n, H, W)`` uint8 grey, without what was drawn over them, resized whole.
        admissible: ``(n, n_classes)`` bool over the class list; at least one a row.
        subjects: ``(n,)`` pseudonym of each image's patient.
        parts: part of each patient, as the table says; empty when it says nothing.
        source: what a model card says.
        rejected: images that could not be used, with the reason.
    """

    frames: UInt8Array
    admissible: npt.NDArray[np.bool_]
    subjects: tuple[str, ...]
    parts: Mapping[str, str]
    source: str
    rejected: tuple[tuple[str, str], ...]

    def of(self, subjects: tuple[str, ...]) -> npt.NDArray[np.int64]:
        """Numbers of the images of these subjects."""
        wanted = set(subjects)
        return np.array([i for i, subject in enumerate(self.subjects) if subject in wanted], np.int64)


def load_stills(
    folder: Path, config: TrainConfig, class_list: ClassList, cache: Path, progress: Callable[[str], None]
) -> Stills:
    """Read, clean and resize all labelled images of a folder, or find them done.

    Raises:
        TrainingError: table (see ``read_still_table``) or images cannot be used, or the cache cannot be written.
    """
    table = read_still_table(folder, class_list)
    if table.unlabelled:
        progress(f"{table.unlabelled} still images have no label and are left out")
    for name, count in table.not_listed.items():
        progress(f"{count} still images are left out: class list '{class_list.name}' has no {name}")
    kept = cache / _cache_key(table, config.data, class_list)
    if not kept.is_dir():
        _prepare(table, config, class_list, kept, progress)
    with np.load(kept / "arrays.npz", allow_pickle=False) as arrays:
        admissible, subjects = arrays["admissible"], tuple(arrays["subjects"].tolist())
    rejected = json.loads((kept / "rejected.json").read_text(encoding="utf-8"))
    if not len(subjects):
        name, reason = next(iter(rejected.items()))
        raise TrainingError(f"none of the {len(rejected)} still images in '{folder}' can be used: {name}: {reason}")
    if rejected:
        progress(f"{len(rejected)} still images are rejected, see {kept / 'rejected.json'}")
    used = set(subjects)
    parts = {row.subject: row.part for row in table.rows if row.part and row.subject in used}
    frames = np.load(kept / "frames.npy", mmap_mode="r")
    return Stills(frames, admissible, subjects, parts, table.source, tuple(rejected.items()))


def split_stills(stills: Stills, config: DataConfig, seed: int, recorded: Split) -> Split:
    """Patients by part: as the table says, and where it knows no validation, that is drawn from its train part.

    Args:
        stills: the images.
        config: shares to draw.
        seed: of what is drawn.
        recorded: subjects of the recordings; who is among them stays in that part.

    Raises:
        TrainingError: too few patients, a part without any, or table and recordings contradict each other.
    """
    names = sorted(set(stills.subjects))
    fixed = {name: part for part in PARTS for name in getattr(recorded, part)}
    parts = dict(stills.parts)
    if not parts:
        drawn = split_subjects(names, config, seed)
        parts = {name: part for part in PARTS for name in getattr(drawn, part)}
        parts |= {name: fixed[name] for name in names if name in fixed}
    elif "validation" not in parts.values():
        train = [name for name in names if parts[name] == "train" and name not in fixed]
        count = max(1, round(config.validation * len(train))) if len(train) > 1 else 0
        order = np.random.default_rng(seed).permutation(len(train))
        parts |= {train[i]: "validation" for i in order[:count]}
    if torn := [name for name in names if name in fixed and fixed[name] != parts[name]]:
        raise TrainingError(
            f"'{torn[0]}' is a patient of the still images in '{parts[torn[0]]}' and a subject of the recordings in "
            f"'{fixed[torn[0]]}': give both the same split"
        )
    by_part = [tuple(name for name in names if parts[name] == part) for part in PARTS]
    if not all(by_part):
        counts = ", ".join(f"{len(part)} {name}" for name, part in zip(PARTS, by_part, strict=True))
        raise TrainingError(f"still images: a part of the split has no patient with a usable image: {counts}")
    return Split(*by_part)


def read_still(file: Path, config: DataConfig) -> UInt8Array | str:
    """One image as ``(H, W)`` uint8 for the network, or the reason why it is rejected."""
    image = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if image is None:
        return "cannot be read as an image"
    grey = bool((image[:, :, 0] == image[:, :, 1]).all() and (image[:, :, 0] == image[:, :, 2]).all())
    pixels = image[:, :, 0] if grey else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    cleaned = clean(np.ascontiguousarray(pixels, np.uint8))
    if isinstance(cleaned, Rejection):
        return cleaned.reason
    whole = Preprocessing(WHOLE_IMAGE, config.height_px, config.width_px)
    return Preprocessor(whole).resized(cleaned.image)


def _prepare(
    table: StillTable, config: TrainConfig, class_list: ClassList, out: Path, progress: Callable[[str], None]
) -> None:
    """Read all images into ``out``, which appears whole or not at all."""
    number = {name: i for i, name in enumerate(class_list.classes)}
    frames: UInt8Array = np.empty((len(table.rows), config.data.height_px, config.data.width_px), np.uint8)
    used: list[StillRow] = []
    rejected: dict[str, str] = {}
    with ThreadPoolExecutor(config.threads) as pool:
        images = pool.map(lambda row: read_still(row.file, config.data), table.rows)
        for done, (row, image) in enumerate(zip(table.rows, images, strict=True), start=1):
            if isinstance(image, str):
                rejected[_named(row, table)] = image
            else:
                frames[len(used)] = image
                used.append(row)
            if done % _PROGRESS_EACH == 0:
                progress(f"{done} of {len(table.rows)} still images")
    admissible = np.zeros((len(used), len(number)), np.bool_)
    for i, row in enumerate(used):
        admissible[i, [number[name] for name in row.planes]] = True
    partial = out.with_name(f"{out.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        np.save(partial / "frames.npy", frames[: len(used)])
        subjects = np.array([row.subject for row in used], np.str_)
        np.savez(partial / "arrays.npz", allow_pickle=False, admissible=admissible, subjects=subjects)
        (partial / "rejected.json").write_text(json.dumps(rejected, indent=2) + "\n", encoding="utf-8")
        partial.rename(out)
    except OSError as error:
        raise TrainingError(f"cache '{out.parent}' cannot be written: {error.strerror}: free some space") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _named(row: StillRow, table: StillTable) -> str:
    """The image as its folder names it."""
    return os.path.relpath(row.file, table.path.parent)


def _cache_key(table: StillTable, config: DataConfig, class_list: ClassList) -> str:
    """Folder name that changes with the table, the images' sizes and times, and the settings that arrays depend on."""
    files = [
        (_named(row, table), row.planes, row.subject, (stat := row.file.stat()).st_size, stat.st_mtime_ns)
        for row in table.rows
    ]
    settings = [_CACHE_VERSION, config.height_px, config.width_px, class_list.classes, files]
    return f"stills-{hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:12]}"
