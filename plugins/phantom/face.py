"""The fetal face in canonical millimetres: orbits, nose, lips, jaws, chin; and the two planes that show it.

Places are given against the head's middle. Painted after the skull, which it leaves as it is behind the brow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from plugins.phantom.geometry import Float64Array
from plugins.phantom.painting import Canvas, Landmarks, point
from plugins.phantom.physique import Physique
from plugins.phantom.planes import StandardPlane
from plugins.phantom.tissue import Tissue

Place = Callable[[float, float, float], Float64Array]


def paint_face(canvas: Canvas, middle_mm: Float64Array, physique: Physique) -> Landmarks:
    """Soft tissue first, then what lies in it. Before the face is fluid, or no scan could show it."""
    nose, chin = physique.nose_mm, physique.chin_mm
    forwards_mm = 27.0 * (physique.head_length - 1.0)

    def at(x: float, y: float, z: float) -> Float64Array:
        return middle_mm + point(x, y + forwards_mm, z)

    canvas.ellipsoid(Tissue.FLUID, at(0, 30, -18), (19, 17, 20), within=(Tissue.PLACENTA, Tissue.SEPTUM))
    canvas.ellipsoid(Tissue.SKIN, at(0, 21.5, -17), (15.5, 11.5, 13.5))
    canvas.ellipsoid(Tissue.SKIN, at(0, 27.0 + chin, -29.2), (8.0, 6.0, 4.4))
    canvas.ellipsoid(Tissue.MUSCLE, at(0, 21.5, -17), (14.8, 10.8, 12.8))
    canvas.ellipsoid(Tissue.MUSCLE, at(0, 27.0 + chin, -29.2), (7.4, 5.4, 3.8))
    for side in (-1, 1):
        eye = at(9.0 * side, 23.0, -10.0)
        canvas.ellipsoid(Tissue.SKULL, eye, (6.2, 5.8, 6.2), within=(Tissue.MUSCLE, Tissue.SKIN, Tissue.SKULL))
        canvas.ellipsoid(Tissue.FLUID, eye + point(0, 1.0, 0), (5.1, 5.6, 5.1))
        canvas.ellipsoid(Tissue.MEMBRANE, eye + point(0, 3.6, 0), (1.7, 1.3, 1.7))
        canvas.ellipsoid(Tissue.FLUID, eye + point(0, 3.6, 0), (1.1, 0.7, 1.1))
    _paint_nose_and_lips(canvas, at, nose)
    _paint_jaws(canvas, at, chin)
    return {
        "forehead": middle_mm + point(0, 31.0 * physique.head_length - 0.7, 1.0),
        "nasal bone": at(0, 31.4, -10.0),
        "nose tip": at(0, 36.2 + nose, -15.3),
        "upper lip": at(0, 32.6, -19.8),
        "lower lip": at(0, 31.6, -25.8),
        "chin": at(0, 29.8 + chin, -29.0),
    }


def _paint_nose_and_lips(canvas: Canvas, at: Place, nose_mm: float) -> None:
    tip = at(0, 36.2 + nose_mm, -15.3)
    for tissue, thinner_mm in ((Tissue.SKIN, 0.0), (Tissue.MUSCLE, 0.6)):
        canvas.capsule(tissue, at(0, 29.5, -6.0), tip, 2.3 - thinner_mm)
        for side in (-1, 1):
            canvas.ellipsoid(tissue, at(3.9 * side, 32.6, -15.2), np.array([3.7, 3.2, 3.0]) - thinner_mm)  # wing
            canvas.ellipsoid(tissue, at(10.5 * side, 27.6, -18.5), np.array([6.2, 6.2, 6.6]) - thinner_mm)  # cheek
        canvas.ellipsoid(tissue, at(0, 31.0, -20.0), np.array([9.6, 4.0, 2.6]) - thinner_mm)
        canvas.ellipsoid(tissue, at(0, 30.2, -25.6), np.array([8.2, 3.7, 2.6]) - thinner_mm)
    canvas.capsule(Tissue.BONE, at(0, 30.0, -7.0), at(0, 32.6, -12.6), 0.8)
    for side in (-1, 1):
        canvas.ellipsoid(Tissue.FLUID, at(3.5 * side, 32.8, -16.1), (1.9, 3.4, 1.7))
    canvas.ellipsoid(Tissue.FLUID, at(0, 30.6, -22.8), (8.0, 5.0, 1.2))


def _paint_jaws(canvas: Canvas, at: Place, chin_mm: float) -> None:
    """Palate and tooth ridges, tongue between them, lower jaw."""
    canvas.ellipsoid(Tissue.FLUID, at(0, 21.5, -21.5), (6.5, 7.5, 2.6))
    canvas.ellipsoid(Tissue.CEREBELLUM, at(0, 20.5, -22.0), (5.2, 6.8, 2.4))
    canvas.ellipsoid(Tissue.BONE, at(0, 21.0, -18.0), (7.0, 8.0, 0.9))
    front, front_below = at(0, 28.2, -18.6), at(0, 28.2 + chin_mm, -28.0)
    for side in (-1, 1):
        canvas.capsule(Tissue.BONE, at(7.0 * side, 21.0, -18.4), front, 1.1)
        canvas.capsule(Tissue.BONE, at(11.0 * side, 11.0, -22.0), at(4.0 * side, 26.5 + chin_mm, -27.6), 1.2)
        canvas.capsule(Tissue.BONE, at(4.0 * side, 26.5 + chin_mm, -27.6), front_below, 1.2)


def face_planes(marks: Landmarks) -> tuple[StandardPlane, ...]:
    """The lips from the front, cut along the face's surface; the profile, in the middle, seen from the front."""
    left, front, _ = np.eye(3)
    along = marks["upper lip"] - marks["lower lip"]
    normal = np.cross(left, along) / np.linalg.norm(along)
    return (
        StandardPlane(
            name="lips",
            anchor_mm=0.5 * (marks["upper lip"] + marks["lower lip"]),
            normal=normal,
            view=-along / np.linalg.norm(along),
            view_spread_deg=40.0,
            structures=("upper lip", "lower lip", "nose tip"),
            tilt_deg=10.0,
            distance_mm=1.5,
        ),
        StandardPlane(
            name="profile",
            anchor_mm=marks["upper lip"],
            normal=left,
            view=-front,
            view_spread_deg=30.0,
            structures=("nasal bone", "nose tip", "upper lip", "chin", "forehead"),
            tilt_deg=8.0,
            distance_mm=2.0,
            beam_deg=60.0,
        ),
    )
