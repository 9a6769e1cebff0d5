"""How one subject differs from the next: size, posture, where organs lie, placenta, fluid, echogenicity.

The two populations share no range of what is drawn here, so that a model cannot have seen the anatomy that it is tested
on. Lengths are canonical (``anatomy.py``). Values only; drawn once a subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from plugins.phantom.geometry import Float64Array
from plugins.phantom.settings import Population
from plugins.phantom.tissue import Tissue

# What is drawn evenly: ranges, of which one is chosen, for each population.
_Ranges = tuple[tuple[float, float], ...]
_DRAWN: Mapping[str, Mapping[Population, _Ranges]] = {
    "scale": {"usual": ((0.90, 1.12),), "unseen": ((0.80, 0.88), (1.14, 1.22))},
    "flexion_mm": {"usual": ((4.5, 7.0),), "unseen": ((2.0, 4.0),)},
    "breadth": {"usual": ((0.97, 1.05),), "unseen": ((0.91, 0.95), (1.07, 1.10))},
    "head_length": {"usual": ((0.95, 1.05),), "unseen": ((0.90, 0.93), (1.07, 1.10))},
    "ventricle_width": {"usual": ((0.85, 1.25),), "unseen": ((0.72, 0.80), (1.32, 1.45))},
    "cerebellum_size": {"usual": ((0.95, 1.08),), "unseen": ((0.87, 0.92), (1.11, 1.16))},
    "nose_mm": {"usual": ((-0.7, 0.7),), "unseen": ((1.0, 1.7),)},
    "chin_mm": {"usual": ((-0.7, 0.7),), "unseen": ((-1.8, -1.0),)},
    "heart_turn_deg": {"usual": ((38.0, 52.0),), "unseen": ((29.0, 36.0), (54.0, 60.0))},
    "heart_rate_hz": {"usual": ((2.25, 2.55),), "unseen": ((2.05, 2.2), (2.6, 2.8))},
    "stomach_size": {"usual": ((0.90, 1.20),), "unseen": ((0.70, 0.85), (1.25, 1.40))},
    "kidney_size": {"usual": ((0.95, 1.10),), "unseen": ((0.85, 0.93), (1.12, 1.20))},
    "pelvis_mm": {"usual": ((1.5, 2.0),), "unseen": ((1.1, 1.3), (2.2, 2.6))},
    "knee_lift_mm": {"usual": ((5.0, 12.0),), "unseen": ((14.0, 19.0),)},
    "fluid": {"usual": ((0.96, 1.05),), "unseen": ((0.90, 0.94), (1.07, 1.12))},
    "placenta_deg": {"usual": ((30.0, 150.0), (210.0, 270.0)), "unseen": ((-60.0, 20.0), (160.0, 200.0))},
}
_ECHO_DB: Mapping[Population, tuple[float, float]] = {"usual": (0.0, 1.5), "unseen": (1.8, 3.0)}
"""By how much, either way, a subject's tissues differ from the textbook's."""
_UNCHANGED = (Tissue.FLUID, Tissue.BLOOD, Tissue.BONE, Tissue.SKULL, Tissue.RIB)
"""Fluid is anechoic and bone is bright in everyone."""


@dataclass(frozen=True, slots=True, eq=False)
class Physique:
    """One subject.

    Attributes:
        scale: size against 20 weeks.
        flexion_mm: how far the back bends forwards, 55 mm above and below its middle.
        breadth: of the trunk, against its depth.
        head_length: of the skull against its breadth; 1 has a cephalic index of 0.77.
        ventricle_width, cerebellum_size: against the usual.
        nose_mm, chin_mm: by how much they stand forwards.
        heart_turn_deg: between the heart's axis and the front.
        heart_rate_hz: beats a second.
        stomach_size, kidney_size: against the usual.
        pelvis_mm: half the depth of the renal pelvis.
        knee_lift_mm: how far the measured thigh's knee lies above its hip.
        fluid: width of the amniotic cavity against the usual.
        placenta_deg: its site around the uterus; 90 is in front of the fetus, 0 to its left.
        echo_db: what each tissue's backscatter adds to the textbook's.
    """

    scale: float
    flexion_mm: float
    breadth: float
    head_length: float
    ventricle_width: float
    cerebellum_size: float
    nose_mm: float
    chin_mm: float
    heart_turn_deg: float
    heart_rate_hz: float
    stomach_size: float
    kidney_size: float
    pelvis_mm: float
    knee_lift_mm: float
    fluid: float
    placenta_deg: float
    echo_db: Mapping[Tissue, float]

    def spine_mm(self, z_mm: float) -> Float64Array:
        """``(3,)`` the middle of the vertebral body at a height: the fetus is bent, its back convex."""
        return np.array([0.0, -13.0 + self.flexion_mm * (z_mm / 55.0) ** 2, z_mm])


def draw_physique(rng: np.random.Generator, population: Population) -> Physique:
    """One subject of a population."""
    drawn = {}
    for name, ranges in _DRAWN.items():
        choices = ranges[population]
        drawn[name] = float(rng.uniform(*choices[int(rng.integers(len(choices)))]))
    changed = [tissue for tissue in Tissue if tissue not in _UNCHANGED]
    sizes = rng.choice([-1.0, 1.0], len(changed)) * rng.uniform(*_ECHO_DB[population], len(changed))
    return Physique(**drawn, echo_db={tissue: float(db) for tissue, db in zip(changed, sizes, strict=True)})
