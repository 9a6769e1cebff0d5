"""What is around the fetus, painted in canonical millimetres: fluid, placenta, cord, uterine wall, the mother."""

from __future__ import annotations

import numpy as np

from plugins.phantom.painting import Canvas
from plugins.phantom.physique import Physique
from plugins.phantom.tissue import Tissue


def paint_uterus(canvas: Canvas, rng: np.random.Generator, physique: Physique) -> None:
    """Fluid within a muscular wall, the placenta on one side, the mother beyond."""
    centre = rng.uniform((-4, 5, 22), (4, 11, 27)).astype(np.float32)
    radii = np.array([37.0, 42.0, 94.0]) * (physique.fluid, physique.fluid, 1.0)
    view, x, y, z = canvas.box(canvas.origin_mm, canvas.end_mm)
    u, v, w = ((along - c) / np.float32(r) for along, c, r in zip((x, y, z), centre, radii, strict=True))
    q = np.square(u) + np.square(v) + np.square(np.square(w))  # blunt ends: there is room for head and legs
    for above, tissue in ((1.0, Tissue.FASCIA), (1.05, Tissue.MYOMETRIUM), (1.55, Tissue.MATERNAL)):
        view[q > above] = tissue
    angle, lean = np.radians(physique.placenta_deg), np.float32(0.3 * rng.uniform(-1, 1))
    towards = np.float32(np.cos(angle)) * u + np.float32(np.sin(angle)) * v + lean * w
    bumps = np.float32(0.03) * np.sin(x / 3.1 + y / 4.7) * np.sin(z / 3.7)  # cotyledons
    depth = q + np.float32(0.9) * towards + bumps
    inside = q <= 1.0
    view[inside & (depth > 1.32)] = Tissue.SEPTUM  # the chorionic plate
    view[inside & (depth > 1.36)] = Tissue.PLACENTA
    _paint_cord(canvas, rng)


def _paint_cord(canvas: Canvas, rng: np.random.Generator) -> None:
    """Free loops in the fluid before the belly: a vein and two arteries that wind around it, in jelly."""
    turn = np.linspace(0.0, 1.0, 90)
    phase, drift = rng.uniform(0, 2 * np.pi), rng.uniform(8.0, 16.0)
    middle = np.stack(
        [
            drift * np.sin(2 * np.pi * 1.3 * turn + phase),
            33.0 + 5.0 * np.cos(2 * np.pi * 1.9 * turn + phase),
            -26.0 + 52.0 * turn + 4.0 * np.sin(2 * np.pi * 2.3 * turn),
        ],
        axis=1,
    )
    middle[:6] += np.linspace(1.0, 0.0, 6)[:, None] * (np.array([0.0, 24.0, -22.0]) - middle[0])  # from the navel
    canvas.tube(Tissue.MEMBRANE, middle, 3.4, within=(Tissue.FLUID,))
    canvas.tube(Tissue.MUSCLE, middle, 2.9, within=(Tissue.MEMBRANE,))
    wind = 2 * np.pi * 7.0 * turn
    around = np.stack([np.cos(wind), np.sin(wind), 0.0 * wind], axis=1)
    for path, radius in ((middle - 0.5 * around, 1.2), (middle + 1.6 * around, 0.75)):
        canvas.tube(Tissue.BLOOD, path, radius, within=(Tissue.MUSCLE,))
