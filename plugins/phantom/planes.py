"""What a standard plane is: a fact of geometry, so that a frame's label follows from the probe's pose alone.

A plane has a defining pose, an anchor and a normal (or, for a long bone, an axis that must lie in the image). The image
shows the plane when it passes the anchor within a distance, is tilted against it by less than an angle, has the anchor
well inside the sector and, where that tells two planes apart (profile and spine lie in one), is insonated from its
side. All else is background, near misses included.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from plugins.phantom.geometry import Float64Array, Pose, Sector

BACKGROUND = "background"
SECTOR_MARGIN = 0.12
"""The anchor must lie at least this fraction of the sector away from the borders of what is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class StandardPlane:
    """A standard plane of one fetus.

    Attributes:
        name: as in ``assistant/protocols/sononet13.toml``.
        anchor_mm: ``(3,)`` the point that the plane goes through.
        normal: ``(3,)`` unit normal; either side may face the viewer.
        view: ``(3,)`` unit vector in the plane: from where it is best insonated, as the direction of the beam.
        view_spread_deg: how far the beam may turn away from ``view`` within the plane and still give a good image.
        structures: landmarks that matter in it, the most telling first.
        axis: ``(3,)`` unit vector, for a plane that an axis within it defines; it may turn about it.
        tilt_deg: largest tilt.
        distance_mm: largest distance of the anchor from the image plane.
        beam_deg: largest angle of the middle beam against ``view``; 180 when it may come from anywhere.
    """

    name: str
    anchor_mm: Float64Array
    normal: Float64Array
    view: Float64Array
    view_spread_deg: float
    structures: tuple[str, ...]
    axis: Float64Array | None = None
    tilt_deg: float = 10.0
    distance_mm: float = 3.5
    beam_deg: float = 180.0


def plane_error(plane: StandardPlane, pose: Pose) -> tuple[float, float]:
    """How far a pose is off a plane: tilt in degrees, and distance of the anchor from the image in millimetres."""
    if plane.axis is not None:
        tilt = np.arcsin(min(1.0, abs(float(plane.axis @ pose.normal))))
    else:
        tilt = np.arccos(min(1.0, abs(float(plane.normal @ pose.normal))))
    return float(np.degrees(tilt)), abs(float(pose.to_probe_mm(plane.anchor_mm)[2]))


def shows(plane: StandardPlane, pose: Pose, sector: Sector, zoom: float = 1.0) -> bool:
    """Whether an image from this pose is that standard plane."""
    tilt_deg, distance_mm = plane_error(plane, pose)
    if tilt_deg > plane.tilt_deg or distance_mm > plane.distance_mm:
        return False
    if float(plane.view @ pose.rotation[:, 1]) < np.cos(np.radians(plane.beam_deg)):
        return False
    lateral_mm, axial_mm, _ = pose.to_probe_mm(plane.anchor_mm)
    return sector.covers(lateral_mm, axial_mm, margin=SECTOR_MARGIN, zoom=zoom)


def label(planes: Iterable[StandardPlane], pose: Pose, sector: Sector, zoom: float = 1.0) -> str:
    """The name of the plane that the image shows, or ``BACKGROUND``. At most one does: they stand apart by more."""
    return next((plane.name for plane in planes if shows(plane, pose, sector, zoom)), BACKGROUND)
