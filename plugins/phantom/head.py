"""The fetal head in canonical millimetres: skull, midline, cavum, ventricles, thalami, cerebellum; its axial planes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from plugins.phantom.face import paint_face
from plugins.phantom.geometry import Float64Array
from plugins.phantom.painting import Canvas, Landmarks, axes_along, point
from plugins.phantom.physique import Physique
from plugins.phantom.planes import StandardPlane
from plugins.phantom.tissue import Tissue

MIDDLE_MM = point(0.0, 8.0, 80.0)


def paint_head(canvas: Canvas, physique: Physique) -> Landmarks:
    """Neck, skull, face and brain."""
    long = physique.head_length  # the cephalic index differs
    shape = point(24.0 / long, 31.0 * long, 26.0)
    canvas.capsule(Tissue.MUSCLE, (0, -5, 44), (0, 2, 66), 9.5)
    canvas.ellipsoid(Tissue.SKIN, MIDDLE_MM, shape + 2.2)
    canvas.ellipsoid(Tissue.MUSCLE, MIDDLE_MM, shape + 1.2)
    found = paint_face(canvas, MIDDLE_MM, physique)
    canvas.ellipsoid(Tissue.SKULL, MIDDLE_MM, shape)
    canvas.ellipsoid(Tissue.FLUID, MIDDLE_MM, shape - 1.3)
    canvas.ellipsoid(Tissue.BRAIN, MIDDLE_MM, shape - 2.2)

    def at(x: float, y: float, z: float) -> Float64Array:
        return MIDDLE_MM + point(x / long, y * long, z)

    view, x, _, z = canvas.box(MIDDLE_MM - shape, MIDDLE_MM + shape)
    view[(view == Tissue.BRAIN) & (np.abs(x - MIDDLE_MM[0]) < 0.65) & (z > MIDDLE_MM[2] - 9.0)] = Tissue.FALX
    for side in (-1, 1):
        _paint_hemisphere(canvas, at, side, physique)
    canvas.ellipsoid(Tissue.MEMBRANE, at(0, -16.5, -12.0), (2.4, 4.6, 4.4))  # the vermis
    canvas.ellipsoid(Tissue.FLUID, at(0, -23.2, -13.6), (11.0, 3.6, 5.4), within=(Tissue.BRAIN, Tissue.MEMBRANE))
    canvas.ellipsoid(Tissue.MEMBRANE, at(0, 11.5, 1.5), (3.5, 6.0, 5.2))
    canvas.ellipsoid(Tissue.FLUID, at(0, 11.5, 1.5), (2.4, 5.0, 4.4))
    canvas.ellipsoid(Tissue.SKULL, at(0, 6.0, -18.5), (17.0, 12.0, 2.0), within=(Tissue.BRAIN,))  # base of the skull
    return found | {
        "midline": at(0, 0, 3.0),
        "cavum": at(0, 11.5, 1.5),
        "lateral ventricle": at(12.5, -17.8, 3.0),
        "choroid plexus": at(9.5, -9.0, 3.0),
        "cerebellum": at(0, -16.5, -12.0),
        "cisterna magna": at(0, -23.2, -13.6),
    }


def _paint_hemisphere(
    canvas: Canvas, at: Callable[[float, float, float], Float64Array], side: int, physique: Physique
) -> None:
    """One side of the brain; ``at`` places x, y, z of a head of normal shape in this one."""
    inside, wide, size = (Tissue.BRAIN,), physique.ventricle_width, physique.cerebellum_size
    canvas.ellipsoid(Tissue.THALAMUS, at(5.0 * side, -2.5, -5.0), (4.8, 7.0, 5.0))
    horn, ventricle = axes_along((0.32 * side, -1.0, 0.0), (0, 0, 1)), at(10.0 * side, -10.0, 3.0)
    canvas.ellipsoid(Tissue.MEMBRANE, ventricle, (11.2, 4.2, 3.6 * wide + 0.6), horn, within=inside)
    canvas.ellipsoid(Tissue.FLUID, ventricle, (10.5, 3.6, 3.6 * wide), horn)
    canvas.ellipsoid(Tissue.CHOROID, ventricle + point(-0.6 * side, 1.6, 0.0), (6.8, 2.6, 2.4), horn)
    front, frontal = axes_along((0.3 * side, 1.0, 0.0), (0, 0, 1)), at(5.5 * side, 13.5, 3.0)
    canvas.ellipsoid(Tissue.MEMBRANE, frontal, (6.0, 3.2, 2.4), front, within=inside)
    canvas.ellipsoid(Tissue.FLUID, frontal, (5.2, 2.6, 1.7), front)
    canvas.ellipsoid(Tissue.MEMBRANE, at(17.5 * side, 3.0, -1.0), (0.9, 7.0, 4.0), within=inside)  # insula
    lobe = at(5.6 * side, -16.5, -12.0)
    canvas.ellipsoid(Tissue.FLUID, lobe, np.array([8.4, 7.4, 7.0]) * size, within=inside)
    canvas.ellipsoid(Tissue.MEMBRANE, lobe, np.array([6.2, 5.6, 5.6]) * size)
    canvas.ellipsoid(Tissue.CEREBELLUM, lobe, np.array([5.1, 4.5, 4.6]) * size)


def brain_planes(marks: Landmarks) -> tuple[StandardPlane, ...]:
    """The two axial planes of the screening examination that are told apart here."""
    left, _, up = np.eye(3)
    cerebellar = marks["cavum"] - marks["cerebellum"]
    cerebellar = cerebellar / np.linalg.norm(cerebellar)
    return (
        StandardPlane(
            name="transventricular brain",
            anchor_mm=marks["midline"],
            normal=up,
            view=left,
            view_spread_deg=25.0,
            structures=("lateral ventricle", "choroid plexus", "cavum", "midline"),
        ),
        StandardPlane(
            name="transcerebellar brain",
            anchor_mm=0.5 * (marks["cavum"] + marks["cerebellum"]),
            normal=np.cross(left, cerebellar),
            view=left,
            view_spread_deg=25.0,
            structures=("cerebellum", "cisterna magna", "cavum"),
        ),
    )
