"""Gaze against a reference, over time: NSS and CC (``assistant/metrics.py``) in windows of a second. Pure.

The reference is the gaze that the model predicted for each frame, or the gaze of whoever recorded the case, when the
trainee watched that recording: then frame and frame belong together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from assistant.metrics import as_density, correlation, fixation_density, nss
from assistant.teaching.recording import BoolArray, Float64Array, Guided, Int64Array, Recording

WINDOW_NS = 1_000_000_000
GUIDANCE_AGE_NS = 150_000_000
"""A sample is judged by guidance at most this much older: as the window would have shown it."""
EXPERT_AROUND_NS = 500_000_000
"""The reference gaze of a frame is the expert's within this time before and after it."""
MAP_SIDE_CELLS = 64
SIGMA_SHARE = 0.05
"""Blur of gaze where no calibration says what a degree is: this share of the map's width."""
MIN_SAMPLES = 5
"""In a window, for a density that means something."""

Reference = Literal["expert", "prediction"]


@dataclass(frozen=True, slots=True)
class GazeWindow:
    """One second: ``at_s`` since the first image (its middle), and what was scored in it."""

    at_s: float
    nss: float
    cc: float
    samples: int


@dataclass(frozen=True, slots=True)
class GazeScores:
    """How the trainee's gaze fits the reference.

    Attributes:
        reference: what it was held against.
        nss: mean over all scored samples; None when there was none.
        cc: mean over the windows; None likewise.
        windows: over time, empty ones left out.
        samples: how many were scored.
        valid_share: of all samples, those in which the tracker saw the eyes; None without samples.
        inside_share: of the valid samples in counted time, those within the reference's map; None without.
        sigma: of the blur, in words.
    """

    reference: Reference
    nss: float | None
    cc: float | None
    windows: tuple[GazeWindow, ...]
    samples: int
    valid_share: float | None
    inside_share: float | None
    sigma: str


def score_gaze(trainee: Recording, counted: BoolArray, expert: Recording | None) -> GazeScores:
    """Score the gaze of a session.

    Args:
        trainee: the session.
        counted: ``(n_guided,)`` whether each guided frame counts.
        expert: the recording that the trainee watched, with gaze; None: the prediction is the reference.
    """
    reference: Reference = "prediction" if expert is None else "expert"
    valid = ~np.isnan(trainee.gaze_px[:, 0])
    guided_ns = np.array([item.captured_ns for item in trainee.guided], np.int64)
    at = np.searchsorted(guided_ns, trainee.gaze_ns, side="right") - 1  # the newest guidance at each sample
    near = (at >= 0) & (trainee.gaze_ns - guided_ns[np.maximum(at, 0)] <= GUIDANCE_AGE_NS) if len(guided_ns) else at > 0
    usable = valid & near
    usable[usable] = counted[at[usable]]

    gathered: dict[int, list[tuple[float, Float64Array, Float64Array]]] = {}
    inside = 0
    sigma_note = ""
    maps: dict[int, Float64Array | None] = {}
    for sample in np.flatnonzero(usable):
        number = int(at[sample])
        if number not in maps:
            maps = {number: _reference_map(trainee, trainee.guided[number], expert)}  # time goes on: one is kept
        reference_map = maps[number]
        if reference_map is None:
            continue
        cell = _cell(trainee.gaze_px[sample], trainee.guided[number].gaze_rect_px, reference_map.shape)
        if cell is None:
            continue
        inside += 1
        window = int((trainee.gaze_ns[sample] - trainee.begin_ns) // WINDOW_NS)
        gathered.setdefault(window, []).append((nss(cell, reference_map), cell, reference_map))

    windows: list[GazeWindow] = []
    for window, samples in sorted(gathered.items()):
        if len(samples) < MIN_SAMPLES:
            continue
        mean_map = np.mean([as_density(item[2]) for item in samples], axis=0)
        sigma, sigma_note = _sigma(trainee, mean_map.shape)
        density = fixation_density(np.array([item[1] for item in samples]), mean_map.shape, sigma)
        mean_nss = float(np.mean([item[0] for item in samples]))
        windows.append(GazeWindow(window + 0.5, mean_nss, correlation(density, mean_map), len(samples)))
    every = [item[0] for window in gathered.values() for item in window]
    return GazeScores(
        reference=reference,
        nss=float(np.mean(every)) if every else None,
        cc=float(np.mean([window.cc for window in windows])) if windows else None,
        windows=tuple(windows),
        samples=len(every),
        valid_share=float(valid.mean()) if len(valid) else None,
        inside_share=inside / int(usable.sum()) if usable.any() else None,
        sigma=sigma_note or _sigma(trainee, (MAP_SIDE_CELLS, MAP_SIDE_CELLS))[1],
    )


def expert_gaze(expert: Recording, frame_index: int) -> Float64Array:
    """``(n, 2)`` the expert's valid gaze around a frame, in pixels of the image."""
    place = int(np.searchsorted(expert.frame_indices, frame_index))
    if place >= len(expert.frame_indices) or expert.frame_indices[place] != frame_index:
        return np.zeros((0, 2))
    time_ns = expert.frame_times_ns[place]
    first, last = np.searchsorted(expert.gaze_ns, [time_ns - EXPERT_AROUND_NS, time_ns + EXPERT_AROUND_NS])
    points = expert.gaze_px[first:last]
    found: Float64Array = points[~np.isnan(points[:, 0])]
    return found


def _reference_map(trainee: Recording, guided: Guided, expert: Recording | None) -> Float64Array | None:
    """The density that a frame's gaze is held against, over its ``gaze_rect_px``; None where there is none."""
    if expert is None:
        if guided.gaze_map is None:
            return None
        large = max(guided.gaze_map.shape) > MAP_SIDE_CELLS
        if not large:
            return np.asarray(guided.gaze_map, np.float64)
        shrink = MAP_SIDE_CELLS / max(guided.gaze_map.shape)
        smaller = cv2.resize(guided.gaze_map, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        return np.asarray(smaller, np.float64)
    top, left, bottom, right = guided.gaze_rect_px
    height = max(round(MAP_SIDE_CELLS * (bottom - top) / max(right - left, 1)), 8)
    shape = (height, MAP_SIDE_CELLS)
    cells = [_cell(point, guided.gaze_rect_px, shape) for point in expert_gaze(expert, guided.frame_index)]
    inside = [cell for cell in cells if cell is not None]
    if len(inside) < MIN_SAMPLES:
        return None
    return fixation_density(np.array(inside), shape, _sigma(trainee, shape)[0])


def _cell(point_px: Float64Array, rect_px: tuple[int, int, int, int], shape: tuple[int, ...]) -> Float64Array | None:
    """``(2,)`` x and y in cells of a map over ``rect_px``; None beside it."""
    top, left, bottom, right = rect_px
    x = (point_px[0] + 0.5 - left) / (right - left) * shape[1] - 0.5
    y = (point_px[1] + 0.5 - top) / (bottom - top) * shape[0] - 0.5
    if not (-0.5 <= x < shape[1] - 0.5 and -0.5 <= y < shape[0] - 0.5):
        return None
    return np.array((x, y))


def _sigma(trainee: Recording, shape: tuple[int, ...]) -> tuple[float, str]:
    """The blur in cells of a map, and in words: a degree where it is known."""
    if trainee.image_px_per_degree is None or not trainee.guided:
        return SIGMA_SHARE * shape[1], f"{100 * SIGMA_SHARE:.0f} % of the width of the map"
    _, left, _, right = trainee.guided[0].gaze_rect_px
    cells = trainee.image_px_per_degree * shape[1] / max(right - left, 1)
    return max(cells, 0.5), "1 degree of visual angle"


def guided_times_ns(recording: Recording) -> Int64Array:
    """``(n_guided,)`` when each guided frame was captured."""
    return np.array([item.captured_ns for item in recording.guided], np.int64)
