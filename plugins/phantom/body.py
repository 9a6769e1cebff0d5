"""The fetus's trunk in canonical millimetres: its wall with ribs, lungs, diaphragm, the organs of the belly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from plugins.phantom.geometry import Float64Array
from plugins.phantom.painting import Canvas, Landmarks, axes_along, point
from plugins.phantom.physique import Physique
from plugins.phantom.tissue import Tissue

ABDOMEN_Z_MM = -4.0
"""Height of the abdominal circumference."""
KIDNEYS_Z_MM = -25.0
_BACK_MM = 9.5
"""From the middle of a vertebral body to the skin of the back."""
_RIB_PITCH_MM = 5.2


def paint_trunk(canvas: Canvas, physique: Physique) -> Landmarks:
    """Skin, fat, muscle, what fills chest and belly, the diaphragm between them, and ribs."""
    stations = np.array([-56, -50, -38, -22, -6, 8, 24, 38, 48, 56.0])
    view, x, y, z = canvas.box((-31, -32, -56), (31, 32, 56))
    height = z.ravel().astype(np.float64)
    half_x = np.interp(height, stations, [4, 12, 19, 24, 25.5, 25, 23, 21, 16, 8.0]) * physique.breadth
    half_y = np.interp(height, stations, [4, 10, 16, 21, 24, 23, 20.5, 18, 13, 8.0]) / min(physique.breadth, 1.0)
    middle = np.array([physique.spine_mm(h)[1] for h in height]) - _BACK_MM + half_y

    def within(shrink_mm: float) -> npt.NDArray[np.bool_]:
        rx, ry = (np.maximum(half - shrink_mm, 0.5).astype(np.float32)[:, None, None] for half in (half_x, half_y))
        return np.asarray(np.square(x / rx) + np.square((y - middle.astype(np.float32)[:, None, None]) / ry) <= 1.0)

    view[within(0.0)] = Tissue.SKIN
    view[within(0.9)] = Tissue.FAT
    view[within(1.5)] = Tissue.MUSCLE
    inner = within(3.6)
    above = z - np.float32(13.5) + np.float32(0.016) * (np.square(x) + np.square(y))  # the diaphragm is a dome
    view[inner] = Tissue.LIVER
    view[inner & (above > -0.6)] = Tissue.CARTILAGE
    view[inner & (above > 0.6)] = Tissue.LUNG
    view[inner & (z <= -14)] = Tissue.BOWEL
    view[inner & (z <= -46)] = Tissue.MUSCLE
    wall = within(2.6) & ~within(4.1) & (y < 12.0)  # ribs are open at the breast bone
    for rib in 25.6 + _RIB_PITCH_MM * np.arange(-6, 5):  # and run forwards and down
        view[wall & (np.abs(z - np.float32(rib) + np.float32(0.16) * (y + 2.0)) < 0.8)] = Tissue.RIB
    return {"back skin": physique.spine_mm(8.0) - point(0.0, _BACK_MM - 0.4, 0.0)}


def paint_abdomen(canvas: Canvas, rng: np.random.Generator, physique: Physique) -> Landmarks:
    """Stomach, umbilical vein and portal sinus, gallbladder, kidneys, bladder, bowel and the great vessels."""
    found = _paint_bowel_and_kidneys(canvas, rng, physique)
    height, size = ABDOMEN_Z_MM, physique.stomach_size
    stomach = point(11.5, -0.5, height) + rng.uniform(-1.2, 1.2, 3)
    lying = axes_along((1.0, -0.6, 0.0), (0, 0, 1))
    canvas.ellipsoid(Tissue.SEPTUM, stomach, np.array([6.4, 8.2, 4.7]) * size, lying)
    canvas.ellipsoid(Tissue.FLUID, stomach, np.array([5.8, 7.6, 4.1]) * size, lying)
    vein = np.array(
        [
            [0, 26, -22],
            [-0.5, 19, -12],
            [-0.5, 15, -6],
            [-1.8, 10.5, -4.2],
            [-5.0, 6, -4],
            [-9, 4.5, -4],
            [-13, 7, -3.5],
        ]
    )
    canvas.tube(Tissue.SEPTUM, vein, 2.5, within=(Tissue.LIVER, Tissue.BOWEL))
    canvas.tube(Tissue.BLOOD, vein, 1.8, within=(Tissue.LIVER, Tissue.BOWEL, Tissue.SEPTUM))
    for twig in ((-16, 11, -4), (-15, 0, -5), (-4, 10, 6)):  # portal and hepatic veins
        canvas.capsule(Tissue.BLOOD, (-8.5, 5.0, -4.0), twig, 0.7, within=(Tissue.LIVER,))
    gallbladder, slant = point(-9.5, 13.0, -11.5), axes_along((-0.3, 1.0, -0.3), (0, 0, 1))
    canvas.ellipsoid(Tissue.SEPTUM, gallbladder, (5.6, 2.5, 2.5), slant)
    canvas.ellipsoid(Tissue.FLUID, gallbladder, (5.0, 1.9, 1.9), slant)
    _paint_vessels(canvas, physique)
    return found | {
        "stomach": stomach,
        "umbilical vein": vein[4],
        "gallbladder": gallbladder,
        "abdominal aorta": _aorta(physique, height),
        "abdominal spine": physique.spine_mm(height),
    }


def _aorta(physique: Physique, z_mm: float) -> Float64Array:
    """``(3,)`` the descending aorta at a height: before the spine, a little to the left."""
    return physique.spine_mm(z_mm) + point(2.6, 4.6, 0.0)


def _paint_vessels(canvas: Canvas, physique: Physique) -> None:
    aorta = np.array([_aorta(physique, z) for z in np.linspace(-36.0, 37.0, 9)])
    cava = np.array([physique.spine_mm(z) + point(-4.5, 7.5, 0.0) for z in np.linspace(-34.0, 12.0, 6)])
    for vessel, radius in ((aorta, 1.6), (cava, 1.5)):
        canvas.tube(Tissue.SEPTUM, vessel, radius + 0.6)
        canvas.tube(Tissue.BLOOD, vessel, radius)


def _paint_bowel_and_kidneys(canvas: Canvas, rng: np.random.Generator, physique: Physique) -> Landmarks:
    for _ in range(20):  # loops of bowel
        centre = rng.uniform((-14, 0, -40), (14, 16, -17))
        canvas.ellipsoid(Tissue.MEMBRANE, centre, rng.uniform(2.0, 3.6, 3), within=(Tissue.BOWEL,))
        canvas.ellipsoid(Tissue.PYRAMID, centre, rng.uniform(1.0, 2.0, 3), within=(Tissue.MEMBRANE,))
    canvas.ellipsoid(Tissue.SEPTUM, (0, 5, -41), (5.2, 5.0, 4.8))
    canvas.ellipsoid(Tissue.FLUID, (0, 5, -41), (4.6, 4.4, 4.2))
    size, found = physique.kidney_size, {"bladder": point(0, 5, -41)}
    for side, name in ((-1, "right kidney"), (1, "left kidney")):
        kidney = physique.spine_mm(KIDNEYS_Z_MM) + point(11.4 * side, 2.8, rng.uniform(-1.0, 1.0))
        lean = axes_along((0.35 * side, 0.0, -1.0), (side, 0.0, 0.0))  # lower poles point outwards
        canvas.ellipsoid(Tissue.MEMBRANE, kidney, np.array([10.6, 6.8, 6.6]) * size, lean)
        canvas.ellipsoid(Tissue.KIDNEY, kidney, np.array([9.8, 5.9, 5.7]) * size, lean)
        for z, angle in ((z, a) for z in (-5.0, 0.0, 5.0) for a in (30, 110, 180, 250, 330)):
            turn = np.radians(angle + 12 * z)
            pyramid = kidney + point(3.5 * np.cos(turn), 3.5 * np.sin(turn), z) * size
            canvas.ellipsoid(Tissue.PYRAMID, pyramid, np.array([1.25, 1.25, 1.6]) * size, within=(Tissue.KIDNEY,))
        sinus = kidney - point(1.6 * side, 0.0, 0.0)
        deep = physique.pelvis_mm
        canvas.ellipsoid(Tissue.MEMBRANE, sinus, (3.2, deep + 0.6, 5.0), within=(Tissue.KIDNEY, Tissue.PYRAMID))
        canvas.ellipsoid(Tissue.FLUID, sinus, (2.6, deep, 4.2))
        found |= {name: kidney, f"{name.split()[0]} renal pelvis": sinus}
    return found
