"""The truth as it stands in a session's timeline, so that whoever has the session can check every label himself.

Lengths in millimetres, in the fetal frame of ``geometry.py``; numbers are rounded to keep the timeline small. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from plugins.phantom.anatomy import Fetus
from plugins.phantom.moment import Moment
from plugins.phantom.planes import SECTOR_MARGIN, plane_error
from plugins.phantom.quality import nearest_plane, plane_quality

_DECIMALS = 5


def subject_truth(fetus: Fetus) -> dict[str, Any]:
    """What the labels of a scan follow from: said once, at its beginning.

    ``planes`` by name: ``anchor_mm``, ``normal``, ``view`` and ``axis`` (or null), the tolerances ``tilt_deg``,
    ``distance_mm`` and ``beam_deg``, and ``structures``; ``landmarks_mm`` by name; ``sector_margin``.
    """
    planes = {
        plane.name: {
            "anchor_mm": _rounded(plane.anchor_mm),
            "normal": _rounded(plane.normal),
            "view": _rounded(plane.view),
            "axis": None if plane.axis is None else _rounded(plane.axis),
            "tilt_deg": plane.tilt_deg,
            "distance_mm": plane.distance_mm,
            "beam_deg": plane.beam_deg,
            "structures": list(plane.structures),
        }
        for plane in fetus.planes
    }
    marks = {name: _rounded(place) for name, place in fetus.landmarks_mm.items()}
    return {"subject": {"planes": planes, "landmarks_mm": marks, "sector_margin": SECTOR_MARGIN, "scale": fetus.scale}}


def frame_truth(moment: Moment) -> dict[str, Any]:
    """Of one frame: the probe's pose, the console, and how far it is off the plane that is sought.

    ``face_mm`` is the middle of the probe's face, ``lateral`` and ``axial`` the image's directions (right and down on
    screen); ``sector`` the radius of the face, half the opening angle in degrees, the depth; ``off`` the tilt in
    degrees and the distance in millimetres.
    """
    pose, sector = moment.pose, moment.view.sector
    truth: dict[str, Any] = {
        "face_mm": _rounded(pose.face_mm),
        "lateral": _rounded(pose.rotation[:, 0]),
        "axial": _rounded(pose.rotation[:, 1]),
        "sector": _rounded((sector.radius_mm, sector.half_angle_deg, sector.depth_mm)),
        "zoom": moment.view.zoom,
        "frozen": moment.frozen,
    }
    if moment.sought is not None:
        tilt_deg, distance_mm = plane_error(moment.sought, pose)
        truth |= {"sought": moment.sought.name, "off": [round(tilt_deg, 2), round(distance_mm, 2)]}
    return truth


def steered_truth(fetus: Fetus, moment: Moment) -> dict[str, Any]:
    """Of one frame of a steered scan: ``errors`` and ``quality``.

    ``errors`` by plane: the tilt in degrees and the distance of the anchor from the image in millimetres. ``quality``
    is about the nearest plane: its name as ``plane``, ``score`` in [0, 1], and ``criteria`` by name, met or not.
    """
    errors = {plane.name: [round(off, 2) for off in plane_error(plane, moment.pose)] for plane in fetus.planes}
    quality = plane_quality(fetus, nearest_plane(fetus.planes, moment), moment)
    judged = {"plane": quality.plane, "score": round(quality.score, 4), "criteria": dict(quality.criteria)}
    return {"errors": errors, "quality": judged}


def _rounded(numbers: Iterable[float]) -> list[float]:
    return [round(float(number), _DECIMALS) for number in numbers]
