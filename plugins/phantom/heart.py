"""The fetal heart in canonical millimetres: four chambers around the crux, and how it beats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from plugins.phantom.geometry import Float64Array
from plugins.phantom.painting import Canvas, Landmarks, axes_along, point
from plugins.phantom.physique import Physique
from plugins.phantom.tissue import Tissue
from plugins.phantom.vessels import paint_great_vessels

REACH_MM = 17.0
_LEVEL_MM = 25.0
"""Height of the four-chamber view."""


@dataclass(frozen=True, slots=True, eq=False)
class Heart:
    """Where the heart is and how it beats; the renderer moves its tissue.

    Attributes:
        centre_mm: ``(3,)`` the crux.
        apex: ``(3,)`` unit vector from the crux to the apex.
        reach_mm: beyond this distance from the centre nothing moves.
        rate_hz: beats a second.
    """

    centre_mm: Float64Array
    apex: Float64Array
    reach_mm: float
    rate_hz: float

    def scaled(self, scale: float) -> Heart:
        """The same heart in a body of another size."""
        return Heart(self.centre_mm * scale, self.apex, self.reach_mm * scale, self.rate_hz)


def paint_heart(canvas: Canvas, rng: np.random.Generator, physique: Physique) -> tuple[Heart, Landmarks]:
    """Muscle, chambers, septum, valves, great vessels; the foramen ovale is open, as it is before birth."""
    crux = point(0.5, 4.0, _LEVEL_MM) + rng.uniform(-0.7, 0.7, 3)
    turn = np.radians(physique.heart_turn_deg)  # the axis points to the left and front
    axes = axes_along((np.sin(turn), np.cos(turn), 0.0), (np.cos(turn), -np.sin(turn), 0.0))

    def at(along: float, left: float, up: float = 0.0) -> Float64Array:
        return np.asarray(crux + along * axes[0] + left * axes[1] + point(0, 0, up))

    canvas.ellipsoid(Tissue.FLUID, at(2.4, 0.0), (14.2, 11.2, 8.6), axes)
    canvas.ellipsoid(Tissue.MYOCARDIUM, at(2.2, 0.0), (13.6, 10.7, 8.2), axes)
    chambers = {
        "left ventricle": (at(6.0, 4.5), (7.4, 3.6, 5.2)),
        "right ventricle": (at(5.4, -4.8), (6.6, 3.9, 6.0)),
        "left atrium": (at(-5.0, 4.1), (4.2, 4.0, 4.6)),
        "right atrium": (at(-5.0, -4.6), (4.5, 4.4, 5.0)),
    }
    for name in ("left atrium", "right atrium"):  # the atria bulge out of the muscle
        centre, radii = chambers[name]
        canvas.ellipsoid(Tissue.MYOCARDIUM, centre, np.add(radii, 1.1), axes)
    for centre, radii in chambers.values():
        canvas.ellipsoid(Tissue.BLOOD, centre, radii, axes)
    for side in (-1.0, 1.0):  # lower pulmonary veins
        canvas.capsule(Tissue.BLOOD, at(-6.5, 4.0), at(-9.5, 5.0 + 3.5 * side, 0.6), 0.8)
    _paint_valves(canvas, at, axes)
    vessel_marks = paint_great_vessels(canvas, at, physique)
    marks = {name: centre for name, (centre, _) in chambers.items()} | vessel_marks
    marks |= {"crux": at(0.0, 0.0), "septum": at(5.0, -0.1), "moderator band": at(8.6, -3.6)}
    return Heart(crux, axes[0], REACH_MM, physique.heart_rate_hz), marks


def _paint_valves(canvas: Canvas, at: Callable[..., Float64Array], axes: Float64Array) -> None:
    """Septa and leaflets, two each, somewhat open; the tricuspid valve sits nearer to the apex than the mitral."""
    for along, left in ((0.6, -4.4), (-0.2, 4.2)):
        canvas.ellipsoid(Tissue.BLOOD, at(along - 0.4, left), (2.2, 2.5, 3.2), axes)
        for side in (-1.0, 1.0):
            hinge, tip = at(along - 0.2, left + 3.3 * side), at(along + 2.4, left + 0.9 * side)
            canvas.capsule(Tissue.MEMBRANE, hinge, tip, 0.45)
    for up in np.linspace(-4.0, 4.0, 9):  # a wall, not a rod
        canvas.capsule(Tissue.SEPTUM, at(0.0, -0.1, up), at(12.0, -0.2, up), 0.95 - 0.05 * abs(up))
        canvas.capsule(Tissue.SEPTUM, at(0.0, 0.0, up), at(-8.4, -0.4, up), 0.5)
    canvas.ellipsoid(Tissue.SEPTUM, at(0.0, 0.0), (1.5, 1.7, 3.4), axes)
    canvas.capsule(Tissue.BLOOD, at(-4.9, -1.0), at(-4.9, 0.8), 1.3)  # foramen ovale,
    canvas.capsule(Tissue.MEMBRANE, at(-3.6, 0.4), at(-5.4, 1.7), 0.4)  # whose flap opens into the left atrium
    canvas.capsule(Tissue.SEPTUM, at(7.4, -0.8), at(9.3, -6.2), 0.8)  # moderator band
