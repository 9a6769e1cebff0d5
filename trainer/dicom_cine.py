"""A DICOM cine as a recording to train from. Called by the processes of ``prepare``."""

from __future__ import annotations

from typing import Any

import numpy as np

from assistant import dicom_image
from assistant.errors import SourceError, TrainingError
from trainer.cine import Cine
from trainer.config import DataConfig
from trainer.kept_frames import WHOLE_IMAGE, KeptFrames
from trainer.recordings import Float64Array, nearest_to_grid
from trainer.sources import Source


def read_dicom(source: Source, config: DataConfig) -> Cine:
    """Decode a cine.

    Raises:
        TrainingError: it is no cine, does not say when its frames were taken, or is coded in a way that is not known.
    """
    try:
        header = dicom_image.read_header(source.path)
        times_s = dicom_image.frame_times_s(header, source.path)
        dicom_image.check_coding(header, source.path)
    except SourceError as error:
        raise TrainingError(str(error)) from error
    if len(times_s) < 2:
        raise TrainingError(f"'{source.path}': expected a cine, got one image")
    kept = nearest_to_grid(np.round(times_s * 1e9).astype(np.int64), config.frames_hz)
    return _cine(header, source, config, times_s[kept], dicom_image.images(header, kept.tolist()))


def _cine(header: Any, source: Source, config: DataConfig, times_s: Float64Array, images: Any) -> Cine:
    height_px, width_px = int(header.Rows), int(header.Columns)
    region, notes = dicom_image.sector(header)
    crop = source.crop or region or WHOLE_IMAGE
    make = KeptFrames(crop, config)
    made = [make(image) for image in images]
    if len(made) != len(times_s):
        raise TrainingError(f"'{source.path}': expected {len(times_s)} frames, got {len(made)}")
    frames = [frame for frame in made if frame is not None]
    if len(frames) < 2:
        raise TrainingError(f"'{source.path}': too few images can serve: {'; '.join(make.notes)}")
    times_s = times_s[[frame is not None for frame in made]]
    notes = (*(() if source.crop else notes), *make.notes)
    return Cine(np.stack(frames), times_s, height_px, width_px, crop, None, notes)
