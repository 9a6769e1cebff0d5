"""From recordings and stills to what the training loops draw: splits by subject, speech windows, clips, labels.

Called by the command's only thread. Everything random takes its generator from the caller.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assistant.class_list import ClassList, load_class_list
from assistant.contracts import Float32Array, Origin, Preprocessing, UInt8Array
from assistant.errors import TrainingError
from assistant.metrics import fixation_density
from trainer.collection import PreparedWith, is_prepared, open_collection
from trainer.config import DataConfig, TrainConfig
from trainer.kept_frames import WHOLE_IMAGE
from trainer.pairs import Windows
from trainer.pairs import speech_windows as speech_windows
from trainer.prepare import prepare
from trainer.recordings import MEL_HOP_S, UNLABELLED, Recording, pixel_sums
from trainer.splits import Split, split_subjects
from trainer.still_tables import PARTS
from trainer.stills import Stills, load_stills, split_stills
from trainer.stored_array import gather

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

PREPARED = "prepared"
"""Folder of a run in which recordings are prepared when none were before."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """All recordings, split, with what they have in common.

    Attributes:
        recordings: in order of their names.
        split: by subject.
        classes: planes that the model will know and the background, in the order of the class list; empty when no
            frame is labelled.
        background: the class that means no standard plane.
        preprocessing: how the network's input is made; mean and standard deviation are those of the training frames.
        origin: ``phantom`` when any recording is.
        rejected: sessions and still images that could not be used, with the reason.
        stills: labelled still images, of the same split.
    """

    recordings: tuple[Recording, ...]
    split: Split
    classes: tuple[str, ...]
    background: str
    preprocessing: Preprocessing
    origin: Origin
    rejected: tuple[tuple[str, str], ...]
    stills: Stills | None = None

    def of(self, subjects: Sequence[str]) -> tuple[Recording, ...]:
        """The recordings of these subjects."""
        return tuple(recording for recording in self.recordings if recording.subject in subjects)


def load_dataset(
    sessions: str | Path | None,
    config: TrainConfig,
    run: Path,
    progress: Callable[[str], None],
    stills_folder: Path | None = None,
) -> Dataset:
    """Open a prepared collection, or prepare a folder of recordings into ``run/prepared``, and split it.

    Recordings of other splits than the three that training knows (a harder test set, say) are not touched. Labelled
    still images may stand beside recordings or alone.

    Args:
        sessions: a collection (folder or URL), or a folder of recordings; None: still images alone.
        config: settings.
        run: folder of the run.
        progress: told one line for each recording that is prepared.
        stills_folder: labelled still images; None: none.

    Raises:
        TrainingError: there is too little to train on, or the collection was prepared with other settings.
    """
    class_list = load_class_list(config.class_list)
    stills = load_stills(stills_folder, config, class_list, run / "cache", progress) if stills_folder else None
    rejected = list(stills.rejected) if stills else []
    if sessions is None:
        return assemble((), config, class_list, rejected, None, stills)
    if "://" in str(sessions) or is_prepared(str(sessions)):
        collection = open_collection(str(sessions))
        if different := collection.index.prepared_with.difference(PreparedWith.of(config.data, class_list)):
            raise TrainingError(
                f"'{sessions}' was prepared with other settings ({different}): prepare it with --config"
            )
    else:
        collection = prepare(Path(sessions), str(run / PREPARED), config, lambda _, __, line: progress(line))
    rejected += collection.rejected.items()
    published = collection.published
    of_subjects = published.of_subjects if published else None
    return assemble(collection.recordings(), config, class_list, rejected, of_subjects, stills)


def assemble(
    recordings: Sequence[Recording],
    config: TrainConfig,
    class_list: ClassList,
    rejected: Sequence[tuple[str, str]] = (),
    published: Mapping[str, str] | None = None,
    stills: Stills | None = None,
) -> Dataset:
    """Recordings and stills to a dataset: split (drawn, unless one is published), classes, normalisation.

    Raises:
        TrainingError: too few subjects, a subject without a split, or a class without an example.
    """
    if recordings or stills is None:
        split = split_subjects([r.subject for r in recordings], config.data, config.seed, published)
    else:
        split = Split((), (), ())
    if stills is not None:
        of_stills = split_stills(stills, config.data, config.seed, split)
        split = Split(*(tuple(sorted({*getattr(split, p), *getattr(of_stills, p)})) for p in PARTS))
    train = [recording for recording in recordings if recording.subject in split.train]
    sums = [recording.pixel_sums or pixel_sums(recording.frames) for recording in train]
    sums += [pixel_sums(stills.frames[stills.of(split.train)])] if stills else []
    count, total, squares = map(sum, zip(*sums, strict=True))
    mean = total / count
    preprocessing = Preprocessing(
        # For a source that does not know where its sector stands; each recording was cropped by its own.
        crop=Counter(recording.crop for recording in train).most_common(1)[0][0] if train else WHOLE_IMAGE,
        height_px=config.data.height_px,
        width_px=config.data.width_px,
        mean=round(mean, 2),
        std=round(max(math.sqrt(squares / count - mean**2), 1.0), 2),
    )
    return Dataset(
        recordings=tuple(recordings),
        split=split,
        classes=_known_classes(
            train, config, class_list, stills.admissible[stills.of(split.train)] if stills else None
        ),
        background=class_list.background,
        preprocessing=preprocessing,
        origin="phantom" if any(r.origin == "phantom" for r in recordings) else "real",
        rejected=tuple(rejected),
        stills=stills,
    )


def _known_classes(
    train: Sequence[Recording], config: TrainConfig, class_list: ClassList, of_stills: BoolArray | None
) -> tuple[str, ...]:
    """Classes with examples to learn from; none without any label, which is enough for pretraining.

    Stills need no background: there may be none, and what has no label is not it.
    """
    labels = np.concatenate([np.empty(0, np.int64), *(recording.labels for recording in train)])
    counted = np.bincount(labels[labels >= 0], minlength=len(class_list.classes))
    if of_stills is not None:
        counted = counted + of_stills.sum(axis=0)
        counted[class_list.classes.index(class_list.background)] += 1
    if not counted.any():
        return ()
    counts = dict(zip(class_list.classes, counted, strict=True))
    wanted = set(config.classes) | {class_list.background}
    strange = wanted - set(class_list.classes)
    if strange:
        raise TrainingError(f"class list '{class_list.name}' has no class called {', '.join(sorted(strange))}")
    empty = [name for name in class_list.classes if name in wanted and not counts[name]]
    if empty:
        raise TrainingError(f"no example among the training subjects of: {', '.join(empty)}; record or label some")
    known = tuple(name for name in class_list.classes if (name in wanted if config.classes else counts[name]))
    if len(known) < 2:
        raise TrainingError(f"no frame of a standard plane among the training subjects, only {known[0]}: label some")
    return known


# --------------------------------------------------------------------------------------------------------------------
# Video and speech
# --------------------------------------------------------------------------------------------------------------------


def clips(
    recordings: Sequence[Recording], number: Int64Array, centre_s: Float64Array, config: DataConfig
) -> UInt8Array:
    """Clips around these moments, ``(N, T, H, W)`` uint8: the nearest frames kept, evenly over ``clip_s``."""
    offsets = (np.arange(config.clip_frames) + 0.5) / config.clip_frames * config.clip_s - config.clip_s / 2
    chosen = [recordings[r] for r in number]
    rows = [_nearest(recording.times_s, centre + offsets) for recording, centre in zip(chosen, centre_s, strict=True)]
    return np.stack(gather([recording.frames for recording in chosen], rows))


def speech_of(
    recordings: Sequence[Recording], number: Int64Array, centre_s: Float64Array, config: DataConfig
) -> Float32Array:
    """Log-mel windows around these moments, ``(N, n_mels, speech_s / 10 ms)`` float32."""
    columns = round(config.speech_s / MEL_HOP_S)
    chosen = [recordings[r] for r in number]
    rows = []
    for recording, centre in zip(chosen, centre_s, strict=True):
        first = round((centre - config.speech_s / 2 - recording.log_mel_s) / MEL_HOP_S)
        rows.append(min(max(first, 0), recording.log_mel.shape[1] - columns) + np.arange(columns))
    return np.stack([found.T for found in gather([recording.log_mel.T for recording in chosen], rows)])


def true_relevance(recordings: Sequence[Recording], windows: Windows, config: DataConfig) -> Float64Array:
    """Share of each window's told speech that is about the image, ``(n_pairs,)``; NaN where nothing is known."""
    found = np.full(len(windows), np.nan)
    for i, (r, centre) in enumerate(zip(windows.recording, windows.centre_s, strict=True)):
        start_s, end_s, relevant = recordings[r].utterances.T
        overlap = np.minimum(end_s, centre + config.speech_s / 2) - np.maximum(start_s, centre - config.speech_s / 2)
        overlap = np.maximum(overlap, 0.0)
        if overlap.sum() > 0:
            found[i] = (overlap * relevant).sum() / overlap.sum()
    return found


# --------------------------------------------------------------------------------------------------------------------
# Labelled frames
# --------------------------------------------------------------------------------------------------------------------


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


def _nearest(times_s: Float64Array, wanted_s: Float64Array) -> Int64Array:
    after = np.clip(np.searchsorted(times_s, wanted_s), 1, len(times_s) - 1)
    before_is_nearer = wanted_s - times_s[after - 1] <= times_s[after] - wanted_s
    return (after - before_is_nearer).astype(np.int64)
