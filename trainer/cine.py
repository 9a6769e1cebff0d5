"""A moving image from a file (video or DICOM), shrunk while it is decoded, and how it becomes a recording.

Called by the processes of ``prepare``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assistant.class_list import ClassList
from assistant.contracts import UInt8Array
from assistant.errors import TrainingError
from trainer.config import DataConfig
from trainer.kept_frames import KeptFrames
from trainer.recordings import (
    UNLABELLED,
    Float64Array,
    Recording,
    Sound,
    apply_intervals,
    gaze_in_crop,
    sound_features,
)
from trainer.source_tables import Crop, read_gaze, read_own_labels
from trainer.sources import Source


@dataclass(frozen=True, slots=True, eq=False)
class Cine:
    """Frames near an even grid of time.

    Attributes:
        frames: ``(n, H, W)`` uint8 grey, cropped and resized.
        times_s: ``(n,)`` float64 since the first frame, increasing.
        height_px, width_px: of the images before that.
        crop: what was kept of them.
        sound: the sound track, if there is one.
        notes: what was left out, each one line.
    """

    frames: UInt8Array
    times_s: Float64Array
    height_px: int
    width_px: int
    crop: Crop
    sound: Sound | None = None
    notes: tuple[str, ...] = ()


def as_recording(source: Source, cine: Cine, class_list: ClassList) -> tuple[Recording, tuple[str, ...]]:
    """A file's cine with its sound, labels and gaze, and what was left out of it.

    Raises:
        TrainingError: its tables are wrong, or its gaze is all outside the image.
    """
    mel, mel_s, speech_s, speech = sound_features(cine.sound)
    labels = np.full(len(cine.times_s), UNLABELLED, np.int64)
    intervals = read_own_labels(source.own_labels) if source.own_labels else source.intervals
    apply_intervals(labels, cine.times_s, intervals, class_list)
    gaze_s, gaze_xy, notes = _gaze(source, cine)
    recording = Recording(
        session_id=source.id,
        subject=source.subject,
        origin="real",
        crop=cine.crop,
        frames=cine.frames,
        times_s=cine.times_s,
        labels=labels,
        gaze_s=gaze_s,
        gaze_xy=gaze_xy,
        log_mel=mel,
        log_mel_s=mel_s,
        speech_s=speech_s,
        speech=speech,
        utterances=np.empty((0, 3)),
    )
    return recording, (*cine.notes, *notes)


def _gaze(source: Source, cine: Cine) -> tuple[Float64Array, Float64Array, tuple[str, ...]]:
    if source.own_gaze is None:
        return np.empty(0), np.empty((0, 2)), ()
    samples = read_gaze(source.own_gaze)
    rect_px = KeptFrames(cine.crop, DataConfig()).rect_px(cine.height_px, cine.width_px)
    gaze_s, gaze_xy = gaze_in_crop(samples, rect_px)
    outside = len(samples) - len(gaze_s)
    if samples and not len(gaze_s):
        raise TrainingError(
            f"'{source.own_gaze}': none of {len(samples)} valid samples lies in the image: expected pixels of the "
            f"video, which is {cine.width_px} x {cine.height_px}"
        )
    note = f"{source.own_gaze.name}: {outside} of {len(samples)} valid samples lie outside the image and are left out"
    return gaze_s, gaze_xy, (note,) if outside else ()
