"""The fetal heart: four chambers around the crux, in canonical millimetres, and how it beats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plugins.phantom.geometry import Float64Array
from plugins.phantom.painting import Canvas, Landmarks, axes_along, point
from plugins.phantom.tissue import Tissue

REACH_MM = 17.0


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


def paint_heart(canvas: Canvas, rng: np.random.Generator) -> tuple[Heart, Landmarks]:
    """Muscle, chambers, septum, valves; the foramen ovale is open, as it is before birth."""
    crux = point(1.5, 3.0, 25.0) + rng.uniform(-0.8, 0.8, 3)
    turn = np.radians(rng.uniform(38, 55))  # the axis points to the left and front
    axes = axes_along((np.sin(turn), np.cos(turn), 0.0), (np.cos(turn), -np.sin(turn), 0.0))

    def at(along: float, left: float) -> Float64Array:
        return np.asarray(crux + along * axes[0] + left * axes[1])

    canvas.ellipsoid(Tissue.FLUID, at(1.5, 0.0), (15.0, 11.6, 11.0), axes)
    canvas.ellipsoid(Tissue.MYOCARDIUM, at(1.5, 0.0), (14.2, 10.9, 10.3), axes)
    chambers = {
        "left ventricle": (at(5.9, 4.3), (7.0, 3.2, 5.2)),
        "right ventricle": (at(5.2, -4.6), (6.4, 3.5, 5.2)),
        "left atrium": (at(-5.6, 4.4), (4.4, 4.0, 4.8)),
        "right atrium": (at(-5.6, -4.6), (4.6, 4.1, 5.0)),
    }
    for centre, radii in chambers.values():
        canvas.ellipsoid(Tissue.BLOOD, centre, radii, axes)
    for left in (-4.5, 4.3):  # valves: two thin leaflets, somewhat open
        canvas.ellipsoid(Tissue.BLOOD, at(-0.6, left), (1.8, 2.5, 3.0), axes)
        canvas.capsule(Tissue.MEMBRANE, at(-0.4, left - 3.2), at(1.0, left - 0.5), 0.5)
        canvas.capsule(Tissue.MEMBRANE, at(-0.4, left + 3.2), at(1.0, left + 0.5), 0.5)
    canvas.capsule(Tissue.SEPTUM, at(0.0, 0.0), at(11.0, 0.0), 0.9)
    canvas.capsule(Tissue.SEPTUM, at(0.0, 0.0), at(-4.0, 0.0), 0.5)
    canvas.ellipsoid(Tissue.SEPTUM, at(-0.2, 0.0), (1.4, 1.6, 4.0), axes)
    canvas.capsule(Tissue.BLOOD, at(-6.6, -0.8), at(-6.6, 0.8), 1.2)
    marks = {name: centre for name, (centre, _) in chambers.items()} | {"crux": at(0.0, 0.0), "septum": at(5.0, 0.0)}
    return Heart(crux, axes[0], REACH_MM, float(rng.uniform(2.2, 2.6))), marks
