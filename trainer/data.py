"""From recordings and stills to what the training loops draw: splits by subject, speech windows, clips.

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
from assistant.contracts import Float32Array, Origin, UInt8Array
from assistant.errors import TrainingError
from assistant.model_contracts import Preprocessing
from trainer.collection import PreparedWith, is_prepared, open_collection
from trainer.config import DataConfig, TrainConfig
from trainer.kept_frames import WHOLE_IMAGE
from trainer.pairs import Windows
from trainer.pairs import speech_windows as speech_windows
from trainer.prepare import prepare
from trainer.recordings import MEL_HOP_S, Recording, pixel_sums
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


def _nearest(times_s: Float64Array, wanted_s: Float64Array) -> Int64Array:
    after = np.clip(np.searchsorted(times_s, wanted_s), 1, len(times_s) - 1)
    before_is_nearer = wanted_s - times_s[after - 1] <= times_s[after] - wanted_s
    return (after - before_is_nearer).astype(np.int64)
