"""The probe's path: search, wrong turns, approach, dwell, freeze, leave for the next plane, as a sonographer would.

The path is planned a visit at a time, without an end, from the seed alone; any moment of what is planned may be asked
for, in any order. It knows where it wants to go, but says nothing about labels: those follow from the pose. What the
operator does with the console (depth, gain, zoom, freeze, calipers) follows no plane, so that none of it gives one
away; true measurements are an option (``annotating.py``).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from plugins.phantom.anatomy import Fetus
from plugins.phantom.annotating import Annotator
from plugins.phantom.fetal_motion import FetalMotion
from plugins.phantom.geometry import Float64Array, Pose, Sector
from plugins.phantom.moment import Annotation, Moment, View
from plugins.phantom.planes import StandardPlane
from plugins.phantom.settings import Annotations

_RETURN_SHARE = 0.2
"""How often the probe comes back to a plane in the same round."""
_WRONG_TURN_SHARE = 0.25
_FREEZE_SHARE = 0.6
_DEPTHS = (0.74, 0.86, 1.0)
"""Of the machine's depth for the whole fetus; which one follows no plane."""
_ZOOMS = (1.0, 1.0, 1.0, 1.25, 1.5)


@dataclass(frozen=True, slots=True)
class Visit:
    """One plane's search, dwell and leave-taking.

    Attributes:
        plane: the plane that is sought.
        start_s, dwell_start_s, dwell_end_s, end_s: seconds since the scan began.
        view: the console's settings during the visit.
        freeze_start_s, freeze_end_s: the image is held between; both ``dwell_end_s`` when it is not.
        annotations: drawn while it is held, after a moment.
    """

    plane: StandardPlane
    start_s: float
    dwell_start_s: float
    dwell_end_s: float
    end_s: float
    view: View
    freeze_start_s: float
    freeze_end_s: float
    annotations: tuple[Annotation, ...]


class ProbePath:
    """Where the probe is at any time. Not thread-safe: it plans ahead as it is asked."""

    def __init__(self, fetus: Fetus, base_sector: Sector, seed: int, annotations: Annotations = "decoy") -> None:
        self._fetus = fetus
        self._base_sector = base_sector
        self._rng = np.random.default_rng([seed, 2])
        self._visits: list[Visit] = []
        self._round: list[StandardPlane] = []
        self._times_s = [0.0]  # the probe is still for a moment at each of these times,
        self._stops = [self._wander(fetus.planes[0], base_sector.depth_mm)]  # in these poses
        self._rates_hz = self._rng.uniform(0.15, 0.9, (6, 3))
        self._phases = self._rng.uniform(0, 2 * np.pi, (6, 3))
        shake_deg, shake_mm = self._rng.uniform(0.8, 2.0), self._rng.uniform(0.3, 0.9)
        self._shake = np.array([np.radians(shake_deg)] * 3 + [shake_mm] * 3) / np.sqrt(3.0)
        self._motion = FetalMotion(seed)
        self._annotator = Annotator(fetus.landmarks_mm, annotations, seed)

    def visit(self, number: int) -> Visit:
        """The ``number``-th visit since the beginning."""
        while len(self._visits) <= number:
            self._plan_visit()
        return self._visits[number]

    def visit_number(self, time_s: float) -> int:
        """Which visit is under way at a time."""
        while not self._visits or self._visits[-1].end_s <= time_s:
            self._plan_visit()
        return max(0, bisect_right(self._visits, time_s, key=lambda visit: visit.start_s) - 1)

    def visit_at(self, time_s: float) -> Visit:
        """The visit that is under way at a time."""
        return self._visits[self.visit_number(time_s)]

    def at(self, time_s: float) -> Moment:
        """See ``Operator``."""
        visit = self.visit_at(time_s)
        if visit.freeze_start_s <= time_s < visit.freeze_end_s:
            held_s = visit.freeze_start_s
            drawn = visit.annotations if time_s - held_s > 0.15 * (visit.freeze_end_s - held_s) else ()
            return Moment(self._pose(held_s), visit.view, held_s, True, visit.plane, drawn)
        return Moment(self._pose(time_s), visit.view, time_s, sought=visit.plane)

    def _pose(self, time_s: float) -> Pose:
        """The probe's pose at a time, the hand's wobble and the fetus's motion included."""
        at = min(max(bisect_right(self._times_s, time_s), 1), len(self._stops) - 1)
        before, after = self._stops[at - 1], self._stops[at]
        share = (time_s - self._times_s[at - 1]) / (self._times_s[at] - self._times_s[at - 1])
        share = share * share * (3.0 - 2.0 * share)
        turn = cv2.Rodrigues(before.rotation.T @ after.rotation)[0].ravel()
        shake = self._shake * np.sin(2 * np.pi * self._rates_hz * time_s + self._phases).sum(axis=1)
        rotation = before.rotation @ turned(share * turn) @ turned(shake[:3])
        focus_mm = (1 - share) * before.focus_mm + share * after.focus_mm + shake[3:]
        standoff_mm = (1 - share) * before.standoff_mm + share * after.standoff_mm
        moved, shift_mm = self._motion.at(time_s)
        return Pose(moved @ (focus_mm + shift_mm), moved @ rotation, standoff_mm)

    def _plan_visit(self) -> None:
        rng = self._rng
        plane = self._next_plane()
        start_s = self._times_s[-1]
        view = self._choose_view()
        depth_mm = view.sector.depth_mm
        time_s = start_s
        for _ in range(rng.integers(1, 4)):  # search
            time_s += rng.uniform(0.8, 1.7)
            self._stop(time_s, self._wander(plane, depth_mm))
        if rng.random() < _WRONG_TURN_SHARE:
            other = self._fetus.planes[int(rng.integers(len(self._fetus.planes)))]
            time_s += rng.uniform(0.9, 1.6)
            self._stop(time_s, self._near_miss(other, self._on_plane(other, depth_mm)))
        goal = self._on_plane(plane, depth_mm)
        time_s += rng.uniform(0.7, 1.2)
        self._stop(time_s, self._near_miss(plane, goal))
        time_s += rng.uniform(0.6, 1.2)
        self._stop(time_s, goal)
        dwell_start_s = time_s
        time_s += rng.uniform(2.0, 4.5)
        freeze_start_s = time_s
        if rng.random() < _FREEZE_SHARE:
            time_s += rng.uniform(1.2, 2.8)
        freeze_end_s = time_s
        time_s += rng.uniform(0.3, 0.8)
        self._stop(time_s, goal)
        dwell_end_s = time_s
        time_s += rng.uniform(0.5, 1.2)
        self._stop(time_s, self._near_miss(plane, goal))
        visit = Visit(
            plane, start_s, dwell_start_s, dwell_end_s, time_s, view, freeze_start_s, freeze_end_s, annotations=()
        )
        if freeze_end_s > freeze_start_s:
            visit = replace(visit, annotations=self._annotator.draw(plane, self._pose(freeze_start_s), view))
        else:
            visit = replace(visit, freeze_start_s=dwell_end_s, freeze_end_s=dwell_end_s)
        self._visits.append(visit)

    def _choose_view(self) -> View:
        rng, base = self._rng, self._base_sector
        sector = replace(base, depth_mm=base.depth_mm * float(rng.choice(_DEPTHS)))
        return View(sector, gain_db=float(rng.integers(-3, 4)), zoom=float(rng.choice(_ZOOMS)))

    def _next_plane(self) -> StandardPlane:
        if not self._round:
            planes = list(self._fetus.planes)
            last = self._visits[-1].plane if self._visits else None
            self._round = [planes[k] for k in self._rng.permutation(len(planes))]
            if self._round[0] is last:
                self._round.reverse()
        plane = self._round.pop(0)
        if self._rng.random() < _RETURN_SHARE and self._round:
            self._round.insert(int(self._rng.integers(1, len(self._round) + 1)), plane)
        return plane

    def _stop(self, time_s: float, pose: Pose) -> None:
        self._times_s.append(time_s)
        self._stops.append(pose)

    def _on_plane(self, plane: StandardPlane, depth_mm: float) -> Pose:
        """A pose that shows the plane, as good as a hand gets it: a third of the tolerance off at most."""
        rng = self._rng
        normal = plane.normal
        if plane.axis is not None:  # any plane through the axis will do
            normal = turned(np.radians(rng.uniform(-35, 35)) * plane.axis) @ normal
        normal = normal * rng.choice([-1.0, 1.0])
        view = plane.view - (plane.view @ normal) * normal
        view /= np.linalg.norm(view)
        view = turned(np.radians(rng.uniform(-1, 1) * plane.view_spread_deg) * normal) @ view
        rotation = np.stack([np.cross(view, normal), view, normal], axis=1)
        tilt = np.radians(rng.uniform(-1, 1, 2) * plane.tilt_deg / 4)
        rotation = rotation @ turned([tilt[0], tilt[1], 0.0])
        off = np.array([rng.uniform(-8, 8), rng.uniform(-4, 4), rng.uniform(-1, 1) * plane.distance_mm / 3])
        return Pose(plane.anchor_mm + rotation @ off, rotation, float(rng.uniform(0.46, 0.58) * depth_mm))

    def _near_miss(self, plane: StandardPlane, goal: Pose) -> Pose:
        """A pose not far off, yet outside the tolerance: shifted, or tilted, or both."""
        rng, focus_mm, rotation = self._rng, goal.focus_mm, goal.rotation
        shift = rng.choice([-1.0, 1.0]) * rng.uniform(1.6, 3.5) * plane.distance_mm
        tilt = rng.choice([-1.0, 1.0]) * np.radians(rng.uniform(1.6, 3.5) * plane.tilt_deg)
        kind = rng.integers(3)
        about = rng.uniform(0, 2 * np.pi)
        if kind != 0:
            rotation = rotation @ turned([tilt * np.cos(about), tilt * np.sin(about), 0.0])
        if kind != 1:
            focus_mm = focus_mm + shift * rotation[:, 2]
        return Pose(focus_mm, rotation, goal.standoff_mm)

    def _wander(self, plane: StandardPlane, depth_mm: float) -> Pose:
        """A pose somewhere between the sought plane and another place in the body, at some angle."""
        rng = self._rng
        places = list(self._fetus.landmarks_mm.values())
        place = places[int(rng.integers(len(places)))]
        goal = self._on_plane(plane, depth_mm)
        away = rng.uniform(0.2, 0.9)
        turn = turned(np.radians(rng.uniform(20, 60)) * _direction(rng))
        focus_mm = (1 - away) * goal.focus_mm + away * place + rng.normal(0.0, 5.0, 3)
        return Pose(focus_mm, goal.rotation @ turn, goal.standoff_mm)


def turned(rotation_vector: npt.ArrayLike) -> Float64Array:
    """``(3, 3)`` rotation about a vector by its length in radians (Rodrigues)."""
    return np.asarray(cv2.Rodrigues(np.asarray(rotation_vector, np.float64))[0], np.float64)


def _direction(rng: np.random.Generator) -> Float64Array:
    """A unit vector, evenly spread over all directions."""
    direction = rng.standard_normal(3)
    return np.asarray(direction / np.linalg.norm(direction))
