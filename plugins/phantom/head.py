"""The fetal head and face, in canonical millimetres: skull, midline, cavum, ventricles, thalami, cerebellum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from plugins.phantom.geometry import Float64Array
from plugins.phantom.painting import Canvas, Landmarks, axes_along, point
from plugins.phantom.tissue import Tissue

_MIDDLE = point(0.0, 8.0, 80.0)


def paint_head(canvas: Canvas, rng: np.random.Generator) -> Landmarks:
    """Neck, face, skull and brain."""
    long = rng.uniform(0.95, 1.05)  # the cephalic index differs
    shape = point(24.0 / long, 31.0 * long, 26.0)
    canvas.capsule(Tissue.MUSCLE, (0, -5, 44), (0, 2, 66), 9.5)
    face = _MIDDLE + point(0, 22, -18)
    canvas.ellipsoid(Tissue.SKIN, face, (14, 11, 13))
    canvas.ellipsoid(Tissue.MUSCLE, face, (13, 10, 12))
    canvas.ellipsoid(Tissue.SKIN, _MIDDLE, shape + 2.2)
    canvas.ellipsoid(Tissue.MUSCLE, _MIDDLE, shape + 1.2)
    canvas.ellipsoid(Tissue.SKULL, _MIDDLE, shape)
    canvas.ellipsoid(Tissue.FLUID, _MIDDLE, shape - 1.3)
    canvas.ellipsoid(Tissue.BRAIN, _MIDDLE, shape - 2.2)
    _paint_face(canvas)

    def at(x: float, y: float, z: float) -> Float64Array:
        return _MIDDLE + point(x / long, y * long, z)

    view, x, _, z = canvas.box(_MIDDLE - shape, _MIDDLE + shape)
    view[(view == Tissue.BRAIN) & (np.abs(x - _MIDDLE[0]) < 0.65) & (z > _MIDDLE[2] - 9.0)] = Tissue.MEMBRANE
    wide = rng.uniform(0.85, 1.25)
    for side in (-1, 1):
        _paint_hemisphere(canvas, at, side, wide)
    canvas.ellipsoid(Tissue.MEMBRANE, at(0, -16.5, -12.0), (1.8, 4.4, 4.0))
    canvas.ellipsoid(Tissue.FLUID, at(0, -23.2, -13.6), (9.5, 2.6, 5.0), within=(Tissue.BRAIN, Tissue.MEMBRANE))
    canvas.ellipsoid(Tissue.MEMBRANE, at(0, 11.5, 1.5), (3.5, 6.0, 5.2))
    canvas.ellipsoid(Tissue.FLUID, at(0, 11.5, 1.5), (2.4, 5.0, 4.4))
    canvas.ellipsoid(Tissue.SKULL, at(0, 6.0, -18.5), (17.0, 12.0, 2.0), within=(Tissue.BRAIN,))  # base of the skull
    return {
        "midline": at(0, 0, 3.0),
        "cavum": at(0, 11.5, 1.5),
        "lateral ventricle": at(11.5, -14.0, 3.0),
        "choroid plexus": at(9.5, -9.0, 3.0),
        "cerebellum": at(0, -16.5, -12.0),
        "cisterna magna": at(0, -23.2, -13.6),
    }


def _paint_hemisphere(
    canvas: Canvas, at: Callable[[float, float, float], Float64Array], side: int, wide: float
) -> None:
    """One side of the brain; ``at`` places x, y, z of a head of normal shape in this one."""
    inside = (Tissue.BRAIN,)
    canvas.ellipsoid(Tissue.THALAMUS, at(5.0 * side, -2.5, -5.0), (4.8, 7.0, 5.0))
    horn, ventricle = axes_along((0.32 * side, -1.0, 0.0), (0, 0, 1)), at(10.0 * side, -10.0, 3.0)
    canvas.ellipsoid(Tissue.MEMBRANE, ventricle, (11.2, 4.2, 3.6 * wide + 0.6), horn, within=inside)
    canvas.ellipsoid(Tissue.FLUID, ventricle, (10.5, 3.6, 3.6 * wide), horn)
    canvas.ellipsoid(Tissue.CHOROID, ventricle + point(-0.6 * side, 1.6, 0.0), (6.8, 2.6, 2.4), horn)
    front, frontal = axes_along((0.3 * side, 1.0, 0.0), (0, 0, 1)), at(5.5 * side, 13.5, 3.0)
    canvas.ellipsoid(Tissue.MEMBRANE, frontal, (6.0, 3.2, 2.4), front, within=inside)
    canvas.ellipsoid(Tissue.FLUID, frontal, (5.2, 2.6, 1.7), front)
    canvas.ellipsoid(Tissue.MEMBRANE, at(17.5 * side, 3.0, -1.0), (0.9, 7.0, 4.0), within=inside)  # insula
    lobe = at(6.2 * side, -16.5, -12.0)
    canvas.ellipsoid(Tissue.MEMBRANE, lobe, (6.6, 5.4, 5.6))
    canvas.ellipsoid(Tissue.CEREBELLUM, lobe, (5.7, 4.5, 4.8))


def _paint_face(canvas: Canvas) -> None:
    def at(x: float, y: float, z: float) -> Float64Array:
        return _MIDDLE + point(x, y, z)

    for side in (-1, 1):
        canvas.ellipsoid(Tissue.SKULL, at(8.5 * side, 24.0, -11.0), (6.0, 5.4, 5.8))
        canvas.ellipsoid(Tissue.FLUID, at(8.5 * side, 25.2, -11.0), (5.0, 5.2, 4.8))
        canvas.capsule(Tissue.BONE, at(10.0 * side, 14.0, -25.0), at(1.5 * side, 29.0, -27.5), 1.2)
    canvas.ellipsoid(Tissue.MUSCLE, at(0, 33.0, -14.0), (4.0, 4.0, 3.5))
    canvas.capsule(Tissue.BONE, at(0, 30.0, -7.0), at(0, 33.0, -12.0), 0.9)
    canvas.ellipsoid(Tissue.BONE, at(0, 27.0, -19.0), (6.0, 4.0, 1.6))
