"""The spine in canonical millimetres: each vertebra has three ossification centres, a body and two arches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from plugins.phantom.painting import Canvas, Landmarks, axes_along, point
from plugins.phantom.physique import Physique
from plugins.phantom.tissue import Tissue

_PITCH_MM = 4.33
ARCHES_BEHIND_MM = 4.4
"""From the middle of a vertebral body back to that of its arches."""


def paint_spine(canvas: Canvas, physique: Physique) -> Landmarks:
    """Cartilage, the canal with its cord, the three centres of each vertebra, which grow smaller to the sacrum."""
    heights = -4.0 + _PITCH_MM * np.arange(-11, 14)
    sizes = 0.68 + 0.32 * np.clip((heights + 52.0) / 25.0, 0.0, 1.0)
    places = [physique.spine_mm(z) for z in heights]
    for place, size in zip(places, sizes, strict=True):
        canvas.ellipsoid(Tissue.CARTILAGE, place - point(0, 2.4, 0), (6.0 * size, 6.6 * size, 2.4))
    canvas.tube(Tissue.FASCIA, np.array([place - point(0.0, 3.6, 0.0) for place in places]), 2.2)
    canvas.tube(Tissue.CORD, np.array([place - point(0.0, 3.6, 0.0) for place in places]), 1.7)
    for place, size in zip(places, sizes, strict=True):
        canvas.ellipsoid(Tissue.BONE, place, (2.8 * size, 1.8 * size, 1.6))
        for side in (-1, 1):
            axes = axes_along((side * 0.45, -0.9, 0), (0, 0, 1))
            arch = place + point(3.6 * side * size, -ARCHES_BEHIND_MM * size, 0.0)
            canvas.ellipsoid(Tissue.BONE, arch, (2.2 * size, 1.05, 1.0 * size), axes)
            lamina = place + point(1.3 * side * size, -7.0 * size, -0.6)
            canvas.ellipsoid(Tissue.RIB, lamina, (1.5 * size, 0.7, 1.0))
    parts = {"cervical spine": 46.0, "thoracic spine": 10.0, "lumbar spine": -18.0, "sacrum": -42.0}
    found = {name: physique.spine_mm(_nearest(heights, z)) for name, z in parts.items()}
    middle = physique.spine_mm(_nearest(heights, -4.0))
    for side, name in ((-1, "right arches"), (1, "left arches")):
        found[name] = middle + point(3.6 * side, -ARCHES_BEHIND_MM, 0.0)
    return found


def _nearest(heights: npt.NDArray[np.floating], z_mm: float) -> float:
    return float(heights[np.argmin(np.abs(heights - z_mm))])
