"""A parametric second-trimester fetus in its mother: solids painted into voxels, where its structures are, its planes.

Canonical sizes are those of about 20 weeks in millimetres (BPD 48, abdominal diameter 50, femur 33); a subject scales
them and moves its organs. The fetal frame is that of ``geometry.py``. Built once a subject, in about a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plugins.phantom.body import paint_abdomen, paint_limbs, paint_spine, paint_trunk, paint_uterus
from plugins.phantom.head import paint_head
from plugins.phantom.heart import Heart, paint_heart
from plugins.phantom.painting import Canvas, Landmarks, axes_along
from plugins.phantom.planes import StandardPlane
from plugins.phantom.settings import Population
from plugins.phantom.tissue import Volume, make_volume

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
    del population
    scale = float(rng.uniform(0.9, 1.12))
    canvas = Canvas(_LOW_MM, _HIGH_MM, VOXEL_MM)
    paint_uterus(canvas, rng)
    found = paint_trunk(canvas)
    found |= paint_abdomen(canvas, rng)
    heart, heart_marks = paint_heart(canvas, rng)
    found |= heart_marks | paint_spine(canvas) | paint_limbs(canvas, rng) | paint_head(canvas, rng)
    volume = make_volume(canvas.tissues, canvas.origin_mm * scale, VOXEL_MM * scale, rng)
    marks = {name: place * scale for name, place in found.items()}
    return Fetus(volume, marks, standard_planes(marks), heart.scaled(scale), scale)


def standard_planes(marks: Landmarks) -> tuple[StandardPlane, ...]:
    """The planes that this fetus's landmarks define."""
    x, y, z = np.eye(3)
    cerebellar = marks["cavum"] - marks["cerebellum"]
    cerebellar = cerebellar / np.linalg.norm(cerebellar)
    femur = marks["femur distal end"] - marks["femur proximal end"]
    femur = femur / np.linalg.norm(femur)
    return (
        StandardPlane(
            name="transventricular brain",
            anchor_mm=marks["midline"],
            normal=z,
            view=x,
            view_spread_deg=25.0,
            structures=("lateral ventricle", "choroid plexus", "cavum", "midline"),
        ),
        StandardPlane(
            name="transcerebellar brain",
            anchor_mm=0.5 * (marks["cavum"] + marks["cerebellum"]),
            normal=np.cross(x, cerebellar),
            view=x,
            view_spread_deg=25.0,
            structures=("cerebellum", "cisterna magna", "cavum"),
        ),
        StandardPlane(
            name="abdomen",
            anchor_mm=marks["umbilical vein"],
            normal=z,
            view=x,
            view_spread_deg=75.0,
            structures=("stomach", "umbilical vein", "abdominal spine", "abdominal aorta"),
        ),
        StandardPlane(
            name="four-chamber view",
            anchor_mm=marks["crux"],
            normal=z,
            view=-y,
            view_spread_deg=60.0,
            structures=("crux", "left ventricle", "right ventricle", "left atrium", "right atrium", "septum"),
            distance_mm=3.0,
        ),
        StandardPlane(
            name="femur",
            anchor_mm=marks["femur shaft"],
            normal=np.cross(x, femur),
            view=axes_along(femur, -x)[1],
            view_spread_deg=22.0,
            structures=("femur shaft", "femur proximal end", "femur distal end"),
            axis=femur,
        ),
        StandardPlane(
            name="sagittal spine",
            anchor_mm=marks["thoracic spine"],
            normal=x,
            view=y,
            view_spread_deg=15.0,
            structures=("thoracic spine", "lumbar spine", "sacrum", "back skin"),
            tilt_deg=9.0,
        ),
    )
