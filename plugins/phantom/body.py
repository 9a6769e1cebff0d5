"""The fetus's trunk and limbs and the uterus around it, painted in canonical millimetres (``anatomy.py``)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from plugins.phantom.geometry import Float64Array
from plugins.phantom.painting import Canvas, Landmarks, axes_along, point
from plugins.phantom.tissue import Tissue

_FOUR_CHAMBER_Z = 25.0
_ABDOMEN_Z = -4.0


def spine_y(z: float) -> float:
    """The vertebral bodies' y at a height: the fetus is bent, its back convex."""
    return -13.0 + 7.0 * (z / 55.0) ** 2


def paint_uterus(canvas: Canvas, rng: np.random.Generator) -> None:
    """Fluid within a muscular wall, the placenta on one side, the mother beyond."""
    centre, radii = rng.uniform((-4, 5, 22), (4, 11, 27)), (37.0, 42.0, 94.0)
    view, x, y, z = canvas.box(canvas.origin_mm, canvas.end_mm)
    u, v, w = ((along - c) / r for along, c, r in zip((x, y, z), centre.astype(np.float32), radii, strict=True))
    q = np.square(u) + np.square(v) + np.square(w)
    for above, tissue in (
        (1.0, Tissue.FASCIA),
        (1.05, Tissue.MYOMETRIUM),
        (1.55, Tissue.MATERNAL),
    ):
        view[q > above] = tissue
    angle, lean = rng.uniform(0, 2 * np.pi), np.float32(0.3 * rng.uniform(-1, 1))
    towards = np.float32(np.cos(angle)) * u + np.float32(np.sin(angle)) * v + lean * w
    view[(q <= 1.0) & (q + 0.9 * towards > 1.35)] = Tissue.PLACENTA


def paint_trunk(canvas: Canvas) -> Landmarks:
    """Skin, fat, muscle, what fills chest and belly, and ribs."""
    stations = np.array([-56, -50, -38, -22, -6, 8, 24, 38, 48, 56.0])
    view, x, y, z = canvas.box((-30, -30, -56), (30, 30, 56))
    height = z.ravel().astype(np.float64)
    half_x = np.interp(height, stations, [4, 12, 19, 24, 25.5, 25, 23, 21, 16, 8.0])
    half_y = np.interp(height, stations, [4, 10, 16, 21, 24, 23, 20, 17, 13, 8.0])
    middle = np.array([spine_y(h) for h in height]) - 9.5 + half_y

    def within(shrink_mm: float) -> npt.NDArray[np.bool_]:
        rx, ry = (np.maximum(half - shrink_mm, 0.5).astype(np.float32)[:, None, None] for half in (half_x, half_y))
        return np.asarray(np.square(x / rx) + np.square((y - middle.astype(np.float32)[:, None, None]) / ry) <= 1.0)

    view[within(0.0)] = Tissue.SKIN
    view[within(1.3)] = Tissue.FAT
    view[within(2.0)] = Tissue.MUSCLE
    inner, high = within(3.6), np.broadcast_to(z, view.shape)
    view[inner & (high > 10)] = Tissue.LUNG
    view[inner & (high <= 10)] = Tissue.LIVER
    view[inner & (high <= -14)] = Tissue.BOWEL
    view[inner & (high <= -46)] = Tissue.MUSCLE
    wall = within(2.8) & ~within(4.5) & (y < 12.0)  # ribs are open at the breast bone
    for rib in _FOUR_CHAMBER_Z + 0.6 + 5.2 * np.arange(-4, 5):  # and run forwards and down
        view[wall & (np.abs(z - rib + 0.12 * (y + 2.0)) < 0.8)] = Tissue.RIB
    return {"back skin": point(0.0, spine_y(8.0) - 9.0, 8.0)}


def paint_abdomen(canvas: Canvas, rng: np.random.Generator) -> Landmarks:
    """Stomach, umbilical vein, kidneys, bladder, bowel and the great vessels."""
    height = _ABDOMEN_Z
    stomach = point(11.0, 0.0, height) + rng.uniform(-1.2, 1.2, 3)
    size = rng.uniform(0.85, 1.25)
    canvas.ellipsoid(Tissue.MEMBRANE, stomach, np.array([6.2, 5.0, 7.8]) * size)
    canvas.ellipsoid(Tissue.FLUID, stomach, np.array([5.5, 4.3, 7.0]) * size)
    vein = np.array(
        [[0, 26, -22], [-0.5, 19, -12], [-0.5, 14, -6], [-2.5, 9, -4], [-6.0, 5, -4.2], [-9.5, 4.5, -4], [-13, 7, -3.5]]
    )
    canvas.tube(Tissue.FASCIA, vein, 2.6, within=(Tissue.LIVER, Tissue.BOWEL))
    canvas.tube(Tissue.BLOOD, vein, 1.9, within=(Tissue.LIVER, Tissue.BOWEL, Tissue.FASCIA))
    for side in (-1, 1):
        kidney = point(10.0 * side, -9.0, -25.0)
        canvas.ellipsoid(Tissue.MEMBRANE, kidney, (6.2, 5.6, 9.6))
        canvas.ellipsoid(Tissue.KIDNEY, kidney, (5.6, 5.0, 9.0))
        canvas.ellipsoid(Tissue.FLUID, kidney + point(-1.5 * side, 1.0, 0.0), (1.5, 1.2, 3.5))
    canvas.ellipsoid(Tissue.FLUID, (0, 4, -41), (5, 4.5, 4.5))
    for _ in range(14):  # loops of bowel
        centre = rng.uniform((-13, -2, -38), (13, 13, -20))
        canvas.ellipsoid(Tissue.MEMBRANE, centre, rng.uniform(2.2, 4.0, 3), within=(Tissue.BOWEL,))
        canvas.ellipsoid(Tissue.BOWEL, centre, rng.uniform(1.2, 2.2, 3), within=(Tissue.MEMBRANE,))
    aorta = np.array([point(2.8, spine_y(z) + 5.0, z) for z in (-34.0, -16.0, 2.0, 20.0, 34.0)])
    cava = np.array([point(-4.5, spine_y(z) + 7.5, z) for z in (-34.0, -16.0, 2.0, 14.0)])
    for vessel, radius in ((aorta, 1.7), (cava, 1.5)):
        canvas.tube(Tissue.MEMBRANE, vessel, radius + 0.6)
        canvas.tube(Tissue.BLOOD, vessel, radius)
    return {
        "stomach": stomach,
        "umbilical vein": point(-2.5, 8.0, height),
        "abdominal aorta": point(2.8, spine_y(height) + 5.0, height),
        "abdominal spine": point(0.0, spine_y(height), height),
    }


def paint_spine(canvas: Canvas) -> Landmarks:
    """Vertebrae with their three ossification centres, discs, the canal."""
    heights = np.arange(-50.0, 55.0, 4.1)
    sizes = 0.72 + 0.28 * np.clip((heights + 52.0) / 25.0, 0.0, 1.0)
    for z, size in zip(heights, sizes, strict=True):
        canvas.ellipsoid(Tissue.CARTILAGE, (0, spine_y(z) - 2.4, z), (5.6 * size, 6.6 * size, 2.4))
    canvas.tube(Tissue.CORD, np.array([point(0.0, spine_y(z) - 3.6, z) for z in heights]), 1.7)
    for z, size in zip(heights, sizes, strict=True):
        y = spine_y(z)
        canvas.ellipsoid(Tissue.BONE, (0, y, z), (2.9 * size, 1.8 * size, 1.35))
        canvas.ellipsoid(Tissue.BONE, (0, y - 6.6 * size, z - 0.6), (2.4 * size, 0.75, 1.15))
        for side in (-1, 1):
            axes = axes_along((side * 0.6, -0.8, 0), (0, 0, 1))
            canvas.ellipsoid(Tissue.BONE, (3.4 * side * size, y - 4.6 * size, z), (2.3 * size, 1.2, 0.9 * size), axes)
    parts = {"cervical spine": 46.0, "thoracic spine": 10.0, "lumbar spine": -18.0, "sacrum": -42.0}
    return {name: point(0.0, spine_y(z) - 2.0, z) for name, z in parts.items()}


def paint_limbs(canvas: Canvas, rng: np.random.Generator) -> Landmarks:
    """Arms and legs; the left thigh is the one that is measured."""
    hip = point(12.0, 1.0, -42.0)
    knee = point(16.0, 34.5, -33.0) + rng.uniform(-2, 2, 3)
    other_knee = point(-16.0, 24.0, -18.0) + rng.uniform(-3, 3, 3)
    for side, thigh_end, foot in ((-1, other_knee, point(-8.0, 36.0, -44.0)), (1, knee, point(6.0, 20.0, -62.0))):
        _limb(canvas, thigh_end, foot, flesh_mm=5.2, bone_mm=1.3)
        _limb(canvas, hip * point(side, 1, 1), thigh_end, flesh_mm=8.0, bone_mm=1.75)
        elbow = point(25.0 * side, 14.0, 24.0) + rng.uniform(-2, 2, 3)
        hand = point(9.0 * side, 31.0, 40.0) + rng.uniform(-3, 3, 3)
        _limb(canvas, elbow, hand, flesh_mm=4.0, bone_mm=1.1)
        _limb(canvas, point(20.0 * side, -3.0, 44.0), elbow, flesh_mm=5.2, bone_mm=1.4)
    along = (knee - hip) / np.linalg.norm(knee - hip)
    return {
        "femur shaft": 0.5 * (hip + knee),
        "femur proximal end": hip + 3.0 * along,
        "femur distal end": knee - 3.0 * along,
    }


def _limb(canvas: Canvas, start: Float64Array, end: Float64Array, *, flesh_mm: float, bone_mm: float) -> None:
    canvas.capsule(Tissue.SKIN, start, end, flesh_mm)
    canvas.capsule(Tissue.MUSCLE, start, end, flesh_mm - 1.2)
    along = (end - start) / np.linalg.norm(end - start)
    for joint in (start, end):
        canvas.ellipsoid(Tissue.CARTILAGE, joint, (bone_mm + 2.2,) * 3)
    canvas.capsule(Tissue.BONE, start + 2.5 * along, end - 2.5 * along, bone_mm)
