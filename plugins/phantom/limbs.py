"""Arms and legs in canonical millimetres; the left thigh is the one that is measured."""

from __future__ import annotations

import numpy as np

from plugins.phantom.geometry import Float64Array
from plugins.phantom.painting import Canvas, Landmarks, point
from plugins.phantom.physique import Physique
from plugins.phantom.tissue import Tissue

_FEMUR_MM = 33.0
"""At 20 weeks."""


def paint_limbs(canvas: Canvas, rng: np.random.Generator, physique: Physique) -> Landmarks:
    """Arms bent before the chest, thighs drawn up, shanks crossed."""
    hip = point(12.0, 1.0, -42.0)
    lean = np.array([rng.uniform(2.0, 7.0), 0.0, physique.knee_lift_mm])
    lean[1] = np.sqrt(_FEMUR_MM**2 - lean @ lean)
    knee, other_knee = hip + lean, point(-16.0, 24.0, -18.0) + rng.uniform(-3, 3, 3)
    for side, thigh_end, foot in ((-1, other_knee, point(-8.0, 36.0, -44.0)), (1, knee, point(6.0, 20.0, -62.0))):
        _paint_limb(canvas, thigh_end, foot, flesh_mm=5.2, bones_mm=(1.1, 0.8))
        _paint_limb(canvas, hip * point(side, 1, 1), thigh_end, flesh_mm=8.0, bones_mm=(1.6,))
        elbow = point(25.0 * side, 14.0, 24.0) + rng.uniform(-2, 2, 3)
        hand = point(16.0 * side, 29.0, 46.0) + rng.uniform(-3, 3, 3)
        _paint_limb(canvas, elbow, hand, flesh_mm=4.0, bones_mm=(0.9, 0.8))
        _paint_limb(canvas, point(20.0 * side, -3.0, 44.0), elbow, flesh_mm=5.2, bones_mm=(1.3,))
    along = lean / _FEMUR_MM
    return {
        "femur shaft": 0.5 * (hip + knee),
        "femur proximal end": hip + 2.5 * along,
        "femur distal end": knee - 2.5 * along,
    }


def _paint_limb(
    canvas: Canvas, start: Float64Array, end: Float64Array, *, flesh_mm: float, bones_mm: tuple[float, ...]
) -> None:
    """A straight limb with one bone or two side by side, cartilage at its joints."""
    canvas.capsule(Tissue.SKIN, start, end, flesh_mm)
    canvas.capsule(Tissue.FAT, start, end, flesh_mm - 0.9)
    canvas.capsule(Tissue.MUSCLE, start, end, flesh_mm - 1.6)
    along = (end - start) / np.linalg.norm(end - start)
    across = np.cross(along, (0.0, 0.3, 1.0))
    across /= np.linalg.norm(across)
    for joint in (start, end):
        canvas.ellipsoid(Tissue.CARTILAGE, joint, (min(max(bones_mm) + 2.2, flesh_mm - 1.6),) * 3)
    for number, bone_mm in enumerate(bones_mm):
        aside = across * 3.2 * (number - 0.5 * (len(bones_mm) - 1))
        canvas.capsule(Tissue.BONE, start + aside + 2.0 * along, end + aside - 2.0 * along, bone_mm)
