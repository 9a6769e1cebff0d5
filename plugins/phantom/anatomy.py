"""A parametric second-trimester fetus in its mother: solids painted into voxels, where its structures are, its planes.

Canonical sizes are those of about 20 weeks in millimetres (BPD 48, abdominal diameter 50, femur 33); a subject scales
them and moves its organs. The fetal frame is that of ``geometry.py``. Built once a subject, in about a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plugins.phantom.body import paint_abdomen, paint_trunk
from plugins.phantom.face import face_planes
from plugins.phantom.head import brain_planes, paint_head
from plugins.phantom.heart import Heart, paint_heart
from plugins.phantom.limbs import paint_limbs
from plugins.phantom.painting import Canvas, Landmarks
from plugins.phantom.physique import draw_physique
from plugins.phantom.planes import StandardPlane
from plugins.phantom.settings import Population
from plugins.phantom.spine import paint_spine
from plugins.phantom.tissue import Volume, make_volume
from plugins.phantom.trunk_planes import belly_planes, bone_planes, cardiac_planes
from plugins.phantom.uterus import paint_uterus

VOXEL_MM = 0.6
_LOW_MM, _HIGH_MM = (-58.0, -53.0, -87.0), (58.0, 63.0, 137.0)


@dataclass(frozen=True, slots=True, eq=False)
class Fetus:
    """A subject's body.

    Attributes:
        volume: its tissue.
        landmarks_mm: structures by name, ``(3,)`` each.
        planes: the standard planes.
        heart: where it is and how it beats.
        scale: size against 20 weeks.
    """

    volume: Volume
    landmarks_mm: Landmarks
    planes: tuple[StandardPlane, ...]
    heart: Heart
    scale: float


def build_fetus(rng: np.random.Generator, population: Population = "usual") -> Fetus:
    """One subject of a population; all that makes it differ from the next comes from ``rng``."""
    physique = draw_physique(rng, population)
    scale = physique.scale
    canvas = Canvas(_LOW_MM, _HIGH_MM, VOXEL_MM)
    paint_uterus(canvas, rng, physique)
    found = paint_trunk(canvas, physique)
    found |= paint_abdomen(canvas, rng, physique)
    heart, heart_marks = paint_heart(canvas, rng, physique)
    found |= heart_marks | paint_spine(canvas, physique) | paint_limbs(canvas, rng, physique)
    found |= paint_head(canvas, physique)
    volume = make_volume(canvas.tissues, canvas.origin_mm * scale, VOXEL_MM * scale, rng, physique.echo_db)
    marks = {name: place * scale for name, place in found.items()}
    return Fetus(volume, marks, standard_planes(marks), heart.scaled(scale), scale)


def standard_planes(marks: Landmarks) -> tuple[StandardPlane, ...]:
    """The planes that this fetus's landmarks define."""
    return (
        *brain_planes(marks),
        *face_planes(marks),
        *belly_planes(marks),
        *bone_planes(marks),
        *cardiac_planes(marks),
    )
