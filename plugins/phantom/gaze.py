"""Simulated gaze: fixations on the structures that matter for the plane under search, saccades between them, 90 Hz.

Fixations follow the tissue (pursuit). A saccade's duration grows with its amplitude as 2.2 ms a degree and 21 ms (main
sequence: Carpenter 1988). All from the seed; runs on the thread that asks for gaze.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from assistant.contracts import GazeSample
from plugins.phantom.geometry import Float64Array, Viewport
from plugins.phantom.moment import Caliper, Moment, Operator, View

RATE_HZ = 90
_VISIBLE_MM = 6.0
"""A structure at most this far off the image plane draws the eye."""
_CALIPER_SHARE = 0.6
"""Of fixations go to a caliper's end, while there is one."""
_LOSS_A_SAMPLE = 0.0006
_PURSUIT_LAG_S = 0.04
"""The eye follows moving tissue a little late."""
_PX_PER_DEGREE = 28.0
"""On a screen 600 pixels high that fills some 20 degrees; scaled with the screen."""


@dataclass(frozen=True, slots=True)
class Fixation:
    """The eye rests.

    Attributes:
        start_s, end_s: seconds since the scan began; the saccade to it ends at ``start_s``.
        structure: the landmark looked at, or None for a place without meaning.
        offset_mm: ``(2,)`` lateral and axial miss of the eye; for no structure, the place itself.
    """

    start_s: float
    end_s: float
    structure: str | None
    offset_mm: Float64Array


class SimulatedGaze:
    """The eye of one examination. Plans ahead as it is asked; not thread-safe."""

    def __init__(
        self,
        operator: Operator,
        landmarks_mm: Mapping[str, Float64Array],
        viewport: Callable[[View], Viewport],
        seed: int,
    ) -> None:
        self._operator = operator
        self._landmarks = landmarks_mm
        self._viewport = viewport
        self._seed = seed
        rng = np.random.default_rng([seed, 5])
        self._bias = rng.normal(0.0, 0.12, 2)  # calibration: an offset in degrees,
        self._stretch = rng.normal(1.0, 0.01, 2)  # and a scale about the screen's middle
        self._rng = rng

    def fixations(self) -> Iterator[Fixation]:
        """All fixations in order, without an end; the same at every call."""
        rng = np.random.default_rng([self._seed, 4])
        start_s, recent = 0.0, ""
        while True:
            end_s = start_s + float(rng.uniform(0.2, 0.6))
            structure, offset = self._attend(start_s, recent, rng)
            recent = structure or ""
            yield Fixation(start_s, end_s, structure, offset)
            start_s = end_s + float(rng.uniform(0.03, 0.06))

    def _attend(self, time_s: float, recent: str, rng: np.random.Generator) -> tuple[str | None, Float64Array]:
        moment = self._operator.at(time_s)
        ends = [place for item in moment.annotations if isinstance(item, Caliper) for place in (item.start, item.end)]
        if ends and rng.random() < _CALIPER_SHARE:
            return None, np.array(ends[int(rng.integers(len(ends)))]) + rng.normal(0.0, 1.0, 2)
        wanted = moment.sought.structures if moment.sought else ()
        seen = [name for name in wanted if self._visible(name, moment)]
        others = [name for name in seen if name != recent] or seen
        if others and rng.random() < 0.9:
            weights = 1.0 / np.arange(1, len(others) + 1)
            return str(rng.choice(others, p=weights / weights.sum())), rng.normal(0.0, 1.0, 2)
        depth_mm = moment.view.sector.depth_mm
        return None, np.array([rng.normal(0.0, 0.18 * depth_mm), rng.normal(0.52 * depth_mm, 0.15 * depth_mm)])

    def _visible(self, name: str, moment: Moment) -> bool:
        lateral_mm, axial_mm, off_mm = moment.pose.to_probe_mm(self._landmarks[name])
        view = moment.view
        shown = view.sector.covers(float(lateral_mm), float(axial_mm), margin=0.03, zoom=view.zoom)
        return shown and abs(float(off_mm)) < _VISIBLE_MM

    def samples(self) -> Iterator[GazeSample]:
        """All samples in order, without an end; ``captured_ns`` counts from the start of the scan."""
        rng = self._rng
        fixations = self.fixations()
        last, now = None, next(fixations)
        number, blink_until_s, next_blink_s = 0, -1.0, float(rng.uniform(2, 6))
        while True:
            time_s = number / RATE_HZ
            while time_s >= now.end_s:
                last, now = now, next(fixations)
            if time_s >= next_blink_s:
                blink_until_s = time_s + float(rng.uniform(0.1, 0.2))
                next_blink_s = blink_until_s + float(rng.exponential(4.0)) + 1.0
            seen = self._operator.at(max(0.0, time_s - _PURSUIT_LAG_S))
            view = self._viewport(seen.view)
            per_degree = _PX_PER_DEGREE * view.height_px / 528.0
            x_px, y_px = self._place(last, now, time_s, seen, per_degree)
            noise = rng.normal(0.0, 0.08, 2)
            if rng.random() < _LOSS_A_SAMPLE:  # the tracker loses the eye for a while
                blink_until_s = max(blink_until_s, time_s + float(rng.uniform(0.05, 0.5)))
            lost = time_s < blink_until_s or rng.random() < 0.004
            captured_ns = number * 1_000_000_000 // RATE_HZ
            x_px, y_px = self._tracked((x_px, y_px), view, per_degree) + noise * per_degree
            yield (
                GazeSample(captured_ns, float("nan"), float("nan"), False)
                if lost
                else GazeSample(captured_ns, x_px, y_px)
            )
            number += 1

    def _tracked(self, place_px: tuple[float, float], view: Viewport, per_degree: float) -> Float64Array:
        """Where a tracker with an imperfect calibration says that the eye looks, ``(2,)`` in pixels."""
        middle_px = np.array([view.left_px + 0.5 * view.width_px, view.top_px + 0.5 * view.height_px])
        offset_px = self._bias * per_degree
        return np.asarray(middle_px + self._stretch * (np.array(place_px) - middle_px) + offset_px, np.float64)

    def _place(
        self, last: Fixation | None, now: Fixation, time_s: float, seen: Moment, per_degree: float
    ) -> tuple[float, float]:
        target = self._project(now, seen)
        if last is None or time_s >= now.start_s:
            return target
        origin = self._project(last, seen)
        degrees = float(np.hypot(target[0] - origin[0], target[1] - origin[1])) / per_degree
        duration_s = min(0.0022 * degrees + 0.021, now.start_s - last.end_s)
        share = float(np.clip(1.0 - (now.start_s - time_s) / duration_s, 0.0, 1.0))
        share = share * share * (3.0 - 2.0 * share)
        return origin[0] + share * (target[0] - origin[0]), origin[1] + share * (target[1] - origin[1])

    def _project(self, fixation: Fixation, moment: Moment) -> tuple[float, float]:
        view = self._viewport(moment.view)
        lateral_mm, axial_mm = fixation.offset_mm
        if fixation.structure is not None:
            place = moment.pose.to_probe_mm(self._landmarks[fixation.structure])
            lateral_mm, axial_mm = lateral_mm + place[0], axial_mm + place[1]
        return view.to_px(float(lateral_mm), float(axial_mm))
