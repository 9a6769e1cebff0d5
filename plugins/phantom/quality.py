"""How good an image of a standard plane is: criteria that are met or not, as facts of the pose and of the console.

In the manner of Salomon et al., Ultrasound Obstet Gynecol 2006;27:34-40, who give an image of head, abdomen or femur a
point for each criterion met: the structures that must be seen, symmetry, angle, magnification, where calipers lie.
Ours differ. An expert judges pixels there; here landmarks are held against the image plane, so a structure in a shadow
or without contrast still counts as visible. Calipers have no criterion. Theirs are three biometry planes; the same
rules are applied here to thirteen, with tolerances of our own. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from plugins.phantom.anatomy import Fetus
from plugins.phantom.moment import Moment
from plugins.phantom.planes import StandardPlane, plane_error

_HALF_SLICE_MM = 2.5
"""Half of a real probe's slice, at its thickest (2 to 5 mm): what lies in it is seen, though the centre passes by."""
_EDGE = 0.03
"""A structure this near to the border of what is shown, as a fraction of the sector, is cut off."""
_FILLS = 0.5
"""Salomon et al.: the measured part of the body occupies more than half of the image."""
_HEAD_MM, _TRUNK_MM, _CHEST_MM, _FACE_MM, _MOUTH_MM, _FEMUR_MM, _SPINE_MM = 60.0, 50.0, 45.0, 40.0, 30.0, 33.0, 60.0
_OUTLINE_MM = {
    "transventricular brain": _HEAD_MM,
    "transcerebellar brain": _HEAD_MM,
    "lips": _MOUTH_MM,
    "profile": _FACE_MM,
    "abdomen": _TRUNK_MM,
    "kidneys": _TRUNK_MM,
    "femur": _FEMUR_MM,
    "coronal spine": _SPINE_MM,
    "sagittal spine": _SPINE_MM,
    "four-chamber view": _CHEST_MM,
    "LVOT": _CHEST_MM,
    "RVOT": _CHEST_MM,
    "three-vessel view": _CHEST_MM,
}
"""Across the part of the body that the plane is about, at 20 weeks (``anatomy.py``); the subject's scale multiplies."""
_LEFT_MIXED = 0.05
"""A plane holds the left-right axis when its normal leans towards it by less than this (3 degrees)."""


@dataclass(frozen=True, slots=True)
class Quality:
    """An image judged as one of a plane.

    Attributes:
        plane: the plane's name.
        criteria: whether each is met, by its name: ``sees STRUCTURE``, ``angle``, ``level``, ``beam``,
            ``magnification``, and ``symmetry`` where the plane cuts left and right alike.
    """

    plane: str
    criteria: Mapping[str, bool]

    @property
    def score(self) -> float:
        """Share of the criteria that are met, in [0, 1]."""
        return sum(self.criteria.values()) / len(self.criteria)


def plane_quality(fetus: Fetus, plane: StandardPlane, moment: Moment) -> Quality:
    """Judge the image of a moment as one of ``plane``.

    A structure is seen when it lies in the slice and within what sector and zoom show; the plane's own tolerances
    bound ``angle`` (tilt) and ``level`` (distance); ``beam`` asks for insonation from where the plane is seen best.
    """
    pose, view = moment.pose, moment.view
    tilt_deg, distance_mm = plane_error(plane, pose)
    criteria = {f"sees {name}": _sees(fetus, plane, name, moment) for name in plane.structures}
    criteria |= {"angle": tilt_deg <= plane.tilt_deg, "level": distance_mm <= plane.distance_mm}
    turned_deg = np.degrees(np.arccos(np.clip(plane.view @ pose.rotation[:, 1], -1.0, 1.0)))
    criteria["beam"] = bool(turned_deg <= plane.view_spread_deg + plane.tilt_deg)
    shown_mm = view.sector.depth_mm / view.zoom
    criteria["magnification"] = _OUTLINE_MM[plane.name] * fetus.scale >= _FILLS * shown_mm
    if plane.axis is None and abs(plane.normal[0]) < _LEFT_MIXED:
        # Left and right are cut at one height when the image holds the left-right axis (x of the fetal frame).
        lean_deg = np.degrees(np.arcsin(min(1.0, abs(pose.normal[0]))))
        criteria["symmetry"] = bool(lean_deg <= 0.5 * plane.tilt_deg)
    return Quality(plane.name, criteria)


def nearest_plane(planes: Iterable[StandardPlane], moment: Moment) -> StandardPlane:
    """The plane that an image is least off.

    Tilt and distance count in the plane's own tolerance, the anchor's way from the middle of the image in half depths:
    profile and spine lie in one plane, and only that tells them apart.
    """
    middle_mm = 0.5 * moment.view.sector.depth_mm

    def off(plane: StandardPlane) -> float:
        tilt_deg, distance_mm = plane_error(plane, moment.pose)
        lateral_mm, axial_mm, _ = moment.pose.to_probe_mm(plane.anchor_mm)
        aside_mm = float(np.hypot(lateral_mm, axial_mm - middle_mm))
        return tilt_deg / plane.tilt_deg + distance_mm / plane.distance_mm + aside_mm / middle_mm

    return min(planes, key=off)


def _sees(fetus: Fetus, plane: StandardPlane, name: str, moment: Moment) -> bool:
    lateral_mm, axial_mm, off_mm = moment.pose.to_probe_mm(fetus.landmarks_mm[name])
    if abs(off_mm) > plane.distance_mm + _HALF_SLICE_MM:
        return False
    view = moment.view
    return view.sector.covers(float(lateral_mm), float(axial_mm), margin=_EDGE, zoom=view.zoom)
