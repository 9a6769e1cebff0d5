"""From recordings to what the training loops draw: splits by subject, windows with speech, clips, labelled frames.

Called by the command's only thread. Everything random takes its generator from the caller.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assistant.class_list import ClassList, load_class_list
from assistant.contracts import Float32Array, Origin, Preprocessing, UInt8Array
from assistant.errors import TrainingError
from assistant.metrics import fixation_density
from trainer.collection import PreparedWith, is_prepared, open_collection
from trainer.config import DataConfig, TrainConfig
from trainer.pairs import Windows
from trainer.pairs import speech_windows as speech_windows
from trainer.prepare import prepare
from trainer.recordings import MEL_HOP_S, UNLABELLED, Recording, pixel_sums
from trainer.splits import Split, split_subjects
from trainer.stored_array import gather

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

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
        rejected: what could not be used, with the reason.
    """

    recordings: tuple[Recording, ...]
    split: Split
    classes: tuple[str, ...]
    background: str
    preprocessing: Preprocessing
    origin: Origin
    rejected: tuple[tuple[str, str], ...]

    def of(self, subjects: Sequence[str]) -> tuple[Recording, ...]:
        """The recordings of these subjects."""
        return tuple(recording for recording in self.recordings if recording.subject in subjects)


def load_dataset(sessions: str | Path, config: TrainConfig, run: Path, progress: Callable[[str], None]) -> Dataset:
    """Open a prepared collection, or prepare a folder of recordings into ``run/prepared``, and split it.

    Recordings of other splits than the three that training knows (a harder test set, say) are not touched.

    Args:
        sessions: a collection (folder or URL), or a folder of recordings.
        config: settings.
        run: folder of the run.
        progress: told one line for each recording that is prepared.

    Raises:
        TrainingError: there is too little to train on, or the collection was prepared with other settings.
    """
    class_list = load_class_list(config.class_list)
    if "://" in str(sessions) or is_prepared(str(sessions)):
        collection = open_collection(str(sessions))
        if different := collection.index.prepared_with.difference(PreparedWith.of(config.data, class_list)):
            raise TrainingError(
                f"'{sessions}' was prepared with other settings ({different}): prepare it with --config"
            )
    else:
        collection = prepare(Path(sessions), str(run / PREPARED), config, lambda _, __, line: progress(line))
    published = collection.published
    return assemble(
        collection.recordings(),
        config,
        class_list,
        tuple(collection.rejected.items()),
        published.of_subjects if published else None,
    )


def assemble(
    recordings: Sequence[Recording],
    config: TrainConfig,
    class_list: ClassList,
    rejected: Sequence[tuple[str, str]] = (),
    published: Mapping[str, str] | None = None,
) -> Dataset:
    """Recordings to a dataset: split (drawn, unless one is published), classes, normalisation.

    Raises:
        TrainingError: too few subjects, a subject without a split, or a class without an example.
    """
    split = split_subjects([r.subject for r in recordings], config.data, config.seed, published)
    train = [recording for recording in recordings if recording.subject in split.train]
    count, total, squares = map(sum, zip(*(r.pixel_sums or pixel_sums(r.frames) for r in train), strict=True))
    mean = total / count
    preprocessing = Preprocessing(
        # For a source that does not know where its sector stands; each recording was cropped by its own.
        crop=Counter(recording.crop for recording in train).most_common(1)[0][0],
        height_px=config.data.height_px,
        width_px=config.data.width_px,
        mean=round(mean, 2),
        std=round(max(math.sqrt(squares / count - mean**2), 1.0), 2),
    )
    return Dataset(
        recordings=tuple(recordings),
        split=split,
        classes=_known_classes(train, config, class_list),
        background=class_list.background,
        preprocessing=preprocessing,
        origin="phantom" if any(r.origin == "phantom" for r in recordings) else "real",
        rejected=tuple(rejected),
    )


def _known_classes(train: Sequence[Recording], config: TrainConfig, class_list: ClassList) -> tuple[str, ...]:
    """Classes with examples to learn from; none without any label, which is enough for pretraining."""
    labels = np.concatenate([recording.labels for recording in train])
    if not (labels >= 0).any():
        return ()
    counts = dict(
        zip(class_list.classes, np.bincount(labels[labels >= 0], minlength=len(class_list.classes)), strict=True)
    )
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
        labels: ``(n,)`` int64 into the dataset's ``classes``, or ``UNLABELLED``.
        points: per frame ``(k, 2)`` (x, y) in pixels of the gaze map; k may be 0.
        density: ``(n, h, w)`` float32, each sums to 1; zeros without gaze.
        recording: ``(n,)`` which recording each is from.
        unknown: labelled frames left out, because the model does not know their class.
    """

    pixels: UInt8Array
    labels: Int64Array
    points: tuple[Float64Array, ...]
    density: Float32Array
    recording: Int64Array
    unknown: int

    @property
    def has_gaze(self) -> npt.NDArray[np.bool_]:
        """``(n,)`` True where there is at least one point."""
        return np.array([len(points) > 0 for points in self.points], bool)


def labelled_frames(
    recordings: Sequence[Recording], dataset: Dataset, config: TrainConfig, class_list: ClassList
) -> LabelledFrames:
    """All frames of these recordings that can teach or test one of the heads."""
    shape = (config.data.height_px // 4, config.data.width_px // 4)
    to_model = np.array([dataset.classes.index(c) if c in dataset.classes else -2 for c in class_list.classes] + [-1])
    pixels, labels, numbers, unknown = [], [], [], 0
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
    density = np.zeros((len(points), *shape), np.float32)
    for i, at in enumerate(points):
        if len(at):
            density[i] = fixation_density(at, shape, config.data.gaze_sigma * shape[1])
    return LabelledFrames(
        np.concatenate(pixels), np.concatenate(labels), tuple(points), density, np.concatenate(numbers), unknown
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
