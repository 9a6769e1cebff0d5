"""The great vessels of the fetal heart in canonical millimetres: both outflow tracts, arch, duct, caval vein, trachea.

The aorta leaves the left ventricle to the right and up; the pulmonary trunk leaves the right ventricle in front of it
and crosses over it, backwards and to the left. Above the heart trunk, aorta and superior caval vein stand in an oblique
row, each smaller than the last (Yagel et al. 2001, five short-axis views).
Calibres are those of 20 weeks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from plugins.phantom.geometry import Float64Array
from plugins.phantom.painting import Canvas, Landmarks, point
from plugins.phantom.physique import Physique
from plugins.phantom.tissue import Tissue

_WALL_MM = 0.75
THREE_VESSELS_UP_MM = 10.0
"""Height of the three-vessel view over the crux."""


def paint_great_vessels(canvas: Canvas, at: Callable[..., Float64Array], physique: Physique) -> Landmarks:
    """Paint them over heart and lungs; ``at`` places millimetres towards the apex, to the left and up from the crux."""
    top = THREE_VESSELS_UP_MM
    canvas.ellipsoid(Tissue.THYMUS, at(-0.5, -1.5, top + 1.0), (11.5, 10.5, 7.5))  # and what fills the mediastinum
    root, ascending = at(-0.4, -0.1, 3.1), at(-3.4, -2.2, top)
    aorta = [
        at(3.4, 2.5, 1.5),
        root,
        at(-2.4, -1.6, 4.3),
        at(-3.8, -2.5, 5.4),
        at(-4.0, -2.6, 7.6),
        ascending,
        at(-3.0, -1.6, top + 3.0),
    ]
    descending = [
        physique.spine_mm(aorta[0][2] + up) + point(2.6, 4.6, 0.0) for up in (top + 3.5, top + 0.5, 0.0, -10.0)
    ]
    aorta += [at(-3.4, 0.6, top + 5.6), 0.5 * (at(-3.4, 0.6, top + 6.4) + descending[0]), *descending]
    valve, bend = at(5.6, -1.6, 7.5), at(1.0, 1.5, 9.5)
    funnel = [at(5.2, -4.4, 2.5), at(6.6, -3.6, 6.2)]
    pulmonary = [at(6.4, -2.6, 6.8), valve, at(3.4, -0.1, 8.5), bend]
    duct = [bend, at(-1.4, 3.3, top), descending[1]]
    branch = [bend, at(-2.4, -0.6, 8.2), at(-8.5, -3.5, 8.0)]  # the right pulmonary artery, behind the aorta
    caval_top = at(-8.7, -3.2, top)
    caval = [at(-5.5, -5.0, 4.0), at(-8.2, -3.9, 7.0), caval_top, at(-8.9, -3.6, top + 8.0)]
    windpipe = np.array([physique.spine_mm(z) + point(-1.2, 6.4, 0.0) for z in np.linspace(34.0, 60.0, 6)])
    canvas.tube(Tissue.MEMBRANE, windpipe, 1.7)
    canvas.tube(Tissue.FLUID, windpipe, 1.0)
    _paint_vessel(canvas, caval, 1.6)
    _paint_vessel(canvas, branch, 0.9)
    _paint_vessel(canvas, aorta, 2.1)
    canvas.tube(Tissue.MYOCARDIUM, np.array(funnel), 4.3, within=(Tissue.LUNG, Tissue.FLUID, Tissue.THYMUS))
    _paint_vessel(canvas, pulmonary, 2.5)
    _paint_vessel(canvas, duct, 2.0)
    canvas.tube(
        Tissue.BLOOD, np.array([*funnel, valve]), 3.1, within=(Tissue.MYOCARDIUM, Tissue.SEPTUM, Tissue.MEMBRANE)
    )
    canvas.tube(Tissue.BLOOD, np.array(pulmonary), 2.5)
    canvas.capsule(Tissue.BLOOD, aorta[0], root, 2.1)
    for where, onward, radius in ((root, aorta[2], 1.5), (valve, pulmonary[2], 1.8)):  # cusps, nearly closed
        _paint_cusps(canvas, where, onward, radius)
    return {
        "left ventricular outflow": 0.5 * (aorta[0] + root),
        "aortic root": root + 0.9 * (aorta[2] - root),
        "ascending aorta": ascending,
        "pulmonary valve": valve,
        "pulmonary trunk": pulmonary[2],
        "arterial duct": duct[1],
        "superior caval vein": caval_top,
        "descending aorta": physique.spine_mm(aorta[0][2]) + point(2.6, 4.6, 0.0),
    }


def _paint_vessel(canvas: Canvas, path: list[Float64Array], radius_mm: float) -> None:
    """A wall, bright where sound meets it squarely, and blood in it."""
    soft = (Tissue.LUNG, Tissue.FLUID, Tissue.THYMUS, Tissue.MYOCARDIUM, Tissue.CARTILAGE, Tissue.MUSCLE)
    canvas.tube(Tissue.MEMBRANE, np.array(path), radius_mm + _WALL_MM, within=soft)
    canvas.tube(Tissue.BLOOD, np.array(path), radius_mm)


def _paint_cusps(canvas: Canvas, valve: Float64Array, onward: Float64Array, radius_mm: float) -> None:
    along = (onward - valve) / np.linalg.norm(onward - valve)
    across = np.cross(along, (0.0, 0.0, 1.0))
    across /= np.linalg.norm(across)
    for side in (-1.0, 1.0):
        hinge, tip = valve + side * radius_mm * across, valve + 1.2 * along + 0.35 * side * across
        canvas.capsule(Tissue.MEMBRANE, hinge, tip, 0.35)
