"""Frames with a plane, a gaze or both, and which of them an epoch draws.

Pure functions over a dataset, called by the command's only thread. Everything random takes its generator from the
caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from assistant.class_list import ClassList, load_class_list
from assistant.contracts import Float32Array, UInt8Array
from assistant.metrics import fixation_density
from trainer.config import TrainConfig
from trainer.data import BoolArray, Dataset, Float64Array, Int64Array
from trainer.recordings import UNLABELLED, Recording
from trainer.stills import Stills


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFrames:
    """Frames with a plane, a gaze, or both.

    Attributes:
        pixels: ``(n, H, W)`` uint8.
        labels: ``(n,)`` int64 into the dataset's ``classes``, or ``UNLABELLED``, as a frame with a set of classes is.
        admissible: ``(n, n_classes)`` bool: the classes that a frame may show; none without any label.
        points: per frame ``(k, 2)`` (x, y) in pixels of the gaze map; k may be 0.
        density: ``(n, h, w)`` float32, each sums to 1; zeros without gaze.
        recording: ``(n,)`` which recording each is from; -1 for a still image.
        times_s: ``(n,)`` since that recording's first frame; NaN for a still image.
        unknown: labelled frames left out, because the model does not know their class.
    """

    pixels: UInt8Array
    labels: Int64Array
    admissible: BoolArray
    points: tuple[Float64Array, ...]
    density: Float32Array
    recording: Int64Array
    times_s: Float64Array
    unknown: int

    @property
    def has_gaze(self) -> npt.NDArray[np.bool_]:
        """``(n,)`` True where there is at least one point."""
        return np.array([len(points) > 0 for points in self.points], bool)

    def every(self, count: int) -> LabelledFrames:
        """About ``count`` of them, evenly over all; all when they are not more."""
        step = max(1, len(self.labels) // count)
        return replace(
            self,
            pixels=self.pixels[::step],
            labels=self.labels[::step],
            admissible=self.admissible[::step],
            points=self.points[::step],
            density=self.density[::step],
            recording=self.recording[::step],
        )

    @property
    def groups(self) -> Int64Array:
        """``(n,)`` by what is known: the label, a number above all classes for each set of several, ``UNLABELLED``."""
        several = self.admissible.sum(axis=1) > 1
        groups = self.labels.copy()
        if several.any():
            groups[several] = self.admissible.shape[1] + _number_rows(self.admissible[several])
        return groups


def labelled_of(subjects: tuple[str, ...], dataset: Dataset, config: TrainConfig) -> LabelledFrames:
    """All frames and still images of these subjects that can teach or test one of the heads."""
    class_list = load_class_list(config.class_list)
    parts = [labelled_frames(recordings, dataset, config, class_list)] if (recordings := dataset.of(subjects)) else []
    if dataset.stills is not None:
        parts.append(_labelled_stills(dataset.stills, subjects, dataset, config, class_list))
    return LabelledFrames(
        pixels=np.concatenate([part.pixels for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        admissible=np.concatenate([part.admissible for part in parts]),
        points=tuple(points for part in parts for points in part.points),
        density=np.concatenate([part.density for part in parts]),
        recording=np.concatenate([part.recording for part in parts]),
        times_s=np.concatenate([part.times_s for part in parts]),
        unknown=sum(part.unknown for part in parts),
    )


def _labelled_stills(
    stills: Stills, subjects: tuple[str, ...], dataset: Dataset, config: TrainConfig, class_list: ClassList
) -> LabelledFrames:
    mine = stills.of(subjects)
    known = np.array([name in dataset.classes for name in class_list.classes])
    # Of a set with one class that the model does not know, nobody can say that the frame shows one of the others.
    used = mine[~(stills.admissible[mine] & ~known).any(axis=1)]
    columns = [class_list.classes.index(name) for name in dataset.classes]
    admissible = stills.admissible[used][:, columns]
    labels = np.where(admissible.sum(axis=1) == 1, admissible.argmax(axis=1), UNLABELLED).astype(np.int64)
    return LabelledFrames(
        pixels=stills.frames[used],
        labels=labels,
        admissible=admissible,
        points=tuple(np.empty((0, 2)) for _ in used),
        density=np.zeros((len(used), config.data.height_px // 4, config.data.width_px // 4), np.float32),
        recording=np.full(len(used), -1, np.int64),
        times_s=np.full(len(used), np.nan),
        unknown=len(mine) - len(used),
    )


def untold(admissible: BoolArray) -> list[list[int]]:
    """Groups of classes that no frame tells apart: each frame admits all of a group or none.

    Args:
        admissible: ``(n, n_classes)``.
    """
    patterns = np.unique(admissible, axis=1, return_inverse=True)[1].reshape(-1)
    groups = [np.flatnonzero(patterns == pattern).tolist() for pattern in np.unique(patterns)]
    return [group for group in groups if len(group) > 1]


def _number_rows(table: BoolArray) -> Int64Array:
    """``(n,)`` the same number for the same row, from 0."""
    return np.unique(table, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def labelled_frames(
    recordings: Sequence[Recording], dataset: Dataset, config: TrainConfig, class_list: ClassList
) -> LabelledFrames:
    """All frames of these recordings that can teach or test one of the heads."""
    shape = (config.data.height_px // 4, config.data.width_px // 4)
    to_model = np.array([dataset.classes.index(c) if c in dataset.classes else -2 for c in class_list.classes] + [-1])
    pixels, labels, numbers, times_s, unknown = [], [], [], [], 0
    points: list[Float64Array] = []
    for number, recording in enumerate(recordings):
        mapped = to_model[recording.labels]  # UNLABELLED is -1, the last entry
        fixations = _points(recording, shape, config.data.gaze_window_s)
        useful = [i for i in range(len(mapped)) if mapped[i] >= 0 or (mapped[i] == UNLABELLED and len(fixations[i]))]
        unknown += int((mapped == -2).sum())
        pixels.append(recording.frames[useful])
        labels.append(mapped[useful])
        points.extend(fixations[i] for i in useful)
        numbers.append(np.full(len(useful), number, np.int64))
        times_s.append(recording.times_s[useful])
    density = np.zeros((len(points), *shape), np.float32)
    for i, at in enumerate(points):
        if len(at):
            density[i] = fixation_density(at, shape, config.data.gaze_sigma * shape[1])
    label = np.concatenate(labels)
    admissible = label[:, None] == np.arange(len(dataset.classes))
    return LabelledFrames(
        pixels=np.concatenate(pixels),
        labels=label,
        admissible=admissible,
        points=tuple(points),
        density=density,
        recording=np.concatenate(numbers),
        times_s=np.concatenate(times_s),
        unknown=unknown,
    )


def _points(recording: Recording, shape: tuple[int, int], window_s: float) -> list[Float64Array]:
    """Fixation points of each frame in pixels of the map, where (0, 0) is the centre of the first."""
    first = np.searchsorted(recording.gaze_s, recording.times_s - window_s / 2)
    last = np.searchsorted(recording.gaze_s, recording.times_s + window_s / 2)
    on_map = recording.gaze_xy * (shape[1], shape[0]) - 0.5
    return [on_map[a:b] for a, b in zip(first, last, strict=True)]


def share_of(labels: Int64Array, share: float, rng: np.random.Generator) -> Int64Array:
    """Numbers of the labelled frames that remain when only a share of each class's is known, at least one of each."""
    kept = []
    for label in np.unique(labels[labels != UNLABELLED]):
        members = np.flatnonzero(labels == label)
        kept.append(rng.choice(members, max(1, round(share * len(members))), replace=False))
    return np.sort(np.concatenate(kept)) if kept else np.empty(0, np.int64)


def draw_balanced(labels: Int64Array, count: int, balance: float, rng: np.random.Generator) -> Int64Array:
    """Draw frames with replacement; classes in proportion to their count to the power ``1 - balance``.

    Unlabelled frames (with gaze) are drawn as one class of their own.
    """
    values, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weight = (counts.astype(np.float64) ** -balance)[inverse]
    if len(values) == 0:
        return np.empty(0, np.int64)
    return rng.choice(len(labels), count, p=weight / weight.sum())
