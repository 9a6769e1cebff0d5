"""The probe's path: search, approach, dwell on a standard plane, leave for the next, as a sonographer's hand would.

The path is planned a visit at a time, without an end, from the seed alone; any moment of what is planned may be asked
for, in any order. It knows where it wants to go, but says nothing about labels: those follow from the pose.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from plugins.phantom.anatomy import Fetus
from plugins.phantom.geometry import Float64Array, Pose, Sector
from plugins.phantom.moment import Moment, View
from plugins.phantom.planes import StandardPlane

_RETURN_SHARE = 0.2
"""How often the probe comes back to a plane in the same round."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One plane's search, dwell and leave-taking.

    Attributes:
        plane: the plane that is sought.
        start_s, dwell_start_s, dwell_end_s, end_s: seconds since the scan began.
        sector: field of view during the visit.
    """

    plane: StandardPlane
    start_s: float
    dwell_start_s: float
    dwell_end_s: float
    end_s: float
    sector: Sector


class ProbePath:
    """Where the probe is at any time. Not thread-safe: it plans ahead as it is asked."""

    def __init__(self, fetus: Fetus, base_sector: Sector, seed: int) -> None:
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

    def visit(self, number: int) -> Visit:
        """The ``number``-th visit since the beginning."""
        while len(self._visits) <= number:
            self._plan_visit()
        return self._visits[number]

    def visit_at(self, time_s: float) -> Visit:
        """The visit that is under way at a time."""
        while not self._visits or self._visits[-1].end_s <= time_s:
            self._plan_visit()
        return self._visits[max(0, bisect_right(self._visits, time_s, key=lambda visit: visit.start_s) - 1)]

    def at(self, time_s: float) -> Moment:
        """See ``Operator``."""
        visit = self.visit_at(time_s)
        return Moment(self.pose(time_s), View(visit.sector), time_s, sought=visit.plane)

    def pose(self, time_s: float) -> Pose:
        """The probe's pose at a time, the hand's wobble included."""
        self.visit_at(time_s)
        at = min(max(bisect_right(self._times_s, time_s), 1), len(self._stops) - 1)
        before, after = self._stops[at - 1], self._stops[at]
        share = (time_s - self._times_s[at - 1]) / (self._times_s[at] - self._times_s[at - 1])
        share = share * share * (3.0 - 2.0 * share)
        turn = cv2.Rodrigues(before.rotation.T @ after.rotation)[0].ravel()
        shake = self._shake * np.sin(2 * np.pi * self._rates_hz * time_s + self._phases).sum(axis=1)
        rotation = before.rotation @ _turned(share * turn) @ _turned(shake[:3])
        focus_mm = (1 - share) * before.focus_mm + share * after.focus_mm + shake[3:]
        standoff_mm = (1 - share) * before.standoff_mm + share * after.standoff_mm
        return Pose(focus_mm, rotation, standoff_mm)

    def _plan_visit(self) -> None:
        rng = self._rng
        plane = self._next_plane()
        start_s = self._times_s[-1]
        depth_mm = self._base_sector.depth_mm + float(rng.choice([-8.0, 0.0, 8.0]))
        sector = Sector(self._base_sector.radius_mm, self._base_sector.half_angle_rad, depth_mm)
        time_s = start_s
        for _ in range(rng.integers(1, 4)):  # search
            time_s += rng.uniform(0.8, 1.7)
            self._stop(time_s, self._wander(plane, depth_mm))
        goal = self._on_plane(plane, depth_mm)
        time_s += rng.uniform(0.7, 1.2)
        self._stop(time_s, self._near_miss(plane, goal))
        time_s += rng.uniform(0.6, 1.2)
        self._stop(time_s, goal)
        dwell_start_s = time_s
        time_s += rng.uniform(3.0, 6.0)
        self._stop(time_s, goal)
        dwell_end_s = time_s
        time_s += rng.uniform(0.5, 1.2)
        self._stop(time_s, self._near_miss(plane, goal))
        self._visits.append(Visit(plane, start_s, dwell_start_s, dwell_end_s, time_s, sector))

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
            normal = _turned(np.radians(rng.uniform(-35, 35)) * plane.axis) @ normal
        normal = normal * rng.choice([-1.0, 1.0])
        view = plane.view - (plane.view @ normal) * normal
        view /= np.linalg.norm(view)
        view = _turned(np.radians(rng.uniform(-1, 1) * plane.view_spread_deg) * normal) @ view
        rotation = np.stack([np.cross(view, normal), view, normal], axis=1)
        tilt = np.radians(rng.uniform(-1, 1, 2) * plane.tilt_deg / 4)
        rotation = rotation @ _turned([tilt[0], tilt[1], 0.0])
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
            rotation = rotation @ _turned([tilt * np.cos(about), tilt * np.sin(about), 0.0])
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
        turn = _turned(np.radians(rng.uniform(20, 60)) * _direction(rng))
        focus_mm = (1 - away) * goal.focus_mm + away * place + rng.normal(0.0, 5.0, 3)
        return Pose(focus_mm, goal.rotation @ turn, goal.standoff_mm)


def _turned(rotation_vector: npt.ArrayLike) -> Float64Array:
    """``(3, 3)`` rotation about a vector by its length in radians (Rodrigues)."""
    return np.asarray(cv2.Rodrigues(np.asarray(rotation_vector, np.float64))[0], np.float64)


def _direction(rng: np.random.Generator) -> Float64Array:
    """A unit vector, evenly spread over all directions."""
    direction = rng.standard_normal(3)
    return np.asarray(direction / np.linalg.norm(direction))
