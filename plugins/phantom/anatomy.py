"""A parametric second-trimester fetus in its mother: solids painted into voxels, and where its structures are.

Canonical sizes are those of about 20 weeks in millimetres (BPD 48, abdominal diameter 50, femur 33); a subject scales
them and moves its organs. The fetal frame is that of ``geometry.py``. Built once a subject, in about a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from plugins.phantom.geometry import Float64Array
from plugins.phantom.painting import Canvas, axes_along
from plugins.phantom.planes import StandardPlane
from plugins.phantom.tissue import Tissue, Volume, make_volume

VOXEL_MM = 0.6
_LOW_MM, _HIGH_MM = (-58.0, -53.0, -87.0), (58.0, 63.0, 137.0)
_CAVITY_CENTRE, _CAVITY_RADII = (0.0, 6.0, 25.0), (44.0, 44.0, 96.0)
_HEART_REACH = 17.0


@dataclass(frozen=True, slots=True, eq=False)
class Heart:
    """Where the heart is and how it beats; the renderer moves its tissue.

    Attributes:
        centre_mm: ``(3,)`` the crux.
        apex: ``(3,)`` unit vector from the crux to the apex.
        reach_mm: beyond this distance from the centre nothing moves.
        rate_hz: beats a second.
    """

    centre_mm: Float64Array
    apex: Float64Array
    reach_mm: float
    rate_hz: float


@dataclass(frozen=True, slots=True, eq=False)
class Fetus:
    """A subject's body.

    Attributes:
        volume: its tissue.
        landmarks_mm: structures by name, ``(3,)`` each.
        planes: the standard planes.
        heart: see there.
        scale: size against 20 weeks.
    """

    volume: Volume
    landmarks_mm: Mapping[str, Float64Array]
    planes: tuple[StandardPlane, ...]
    heart: Heart
    scale: float


def build_fetus(rng: np.random.Generator) -> Fetus:
    """One subject; all that makes it differ from the next comes from ``rng``."""
    scale = float(rng.uniform(0.9, 1.12))
    canvas = Canvas(_LOW_MM, _HIGH_MM, VOXEL_MM)
    _paint_uterus(canvas, rng)
    marks: dict[str, Float64Array] = {}
    marks |= _paint_trunk(canvas)
    marks |= _paint_abdomen(canvas, rng)
    heart, heart_marks = _paint_heart(canvas, rng)
    marks |= heart_marks
    marks |= _paint_spine(canvas)
    marks |= _paint_limbs(canvas, rng)
    marks |= _paint_head(canvas, rng)
    volume = make_volume(canvas.tissues, canvas.origin_mm * scale, VOXEL_MM * scale, rng)
    marks = {name: np.asarray(point, np.float64) * scale for name, point in marks.items()}
    beating = Heart(heart[0] * scale, heart[1], _HEART_REACH * scale, float(rng.uniform(2.2, 2.6)))
    return Fetus(volume, marks, _standard_planes(marks), beating, scale)


def _standard_planes(marks: Mapping[str, Float64Array]) -> tuple[StandardPlane, ...]:
    x, y, z = np.eye(3)
    cerebellar = marks["cavum"] - marks["cerebellum"]
    cerebellar /= np.linalg.norm(cerebellar)
    femur = marks["femur distal end"] - marks["femur proximal end"]
    femur /= np.linalg.norm(femur)
    brain_view = x
    return (
        StandardPlane(
            "transventricular brain", marks["midline"], z, brain_view, 25.0,
            ("lateral ventricle", "choroid plexus", "cavum", "midline"),
        ),
        StandardPlane(
            "transcerebellar brain", 0.5 * (marks["cavum"] + marks["cerebellum"]), np.cross(x, cerebellar), brain_view, 25.0,
            ("cerebellum", "cisterna magna", "cavum", "midline"),
        ),
        StandardPlane(
            "abdomen", marks["umbilical vein"], z, x, 75.0, ("stomach", "umbilical vein", "abdominal spine", "abdominal aorta")
        ),
        StandardPlane(
            "four-chamber view", marks["crux"], z, -y, 60.0,
            ("crux", "left ventricle", "right ventricle", "left atrium", "right atrium", "septum"), distance_mm=3.0,
        ),
        StandardPlane(
            "femur", marks["femur shaft"], np.cross(x, femur), axes_along(femur, -x)[1], 22.0,
            ("femur shaft", "femur proximal end", "femur distal end"), axis=femur,
        ),
        StandardPlane(
            "sagittal spine", marks["thoracic spine"], x, y, 15.0,
            ("thoracic spine", "lumbar spine", "sacrum", "back skin"), tilt_deg=9.0,
        ),
    )  # fmt: skip


def _spine_y(z: Float64Array | float) -> Float64Array:
    """The vertebral bodies' y: the fetus is bent, its back convex."""
    return np.asarray(-13.0 + 7.0 * np.square(np.asarray(z) / 55.0))


def _paint_uterus(canvas: Canvas, rng: np.random.Generator) -> None:
    view, x, y, z = canvas.box(_LOW_MM, _HIGH_MM)
    cx, cy, cz = _CAVITY_CENTRE
    rx, ry, rz = _CAVITY_RADII
    q = np.square((x - cx) / rx) + np.square((y - cy) / ry) + np.square((z - cz) / rz)
    view[q > 1.0] = Tissue.FASCIA
    view[q > 1.04] = Tissue.MYOMETRIUM
    view[q > 1.45] = Tissue.FASCIA
    view[q > 1.53] = Tissue.MATERNAL
    angle = rng.uniform(0, 2 * np.pi)
    side = np.cos(angle) * (x - cx) / rx + np.sin(angle) * (y - cy) / ry + 0.3 * rng.uniform(-1, 1) * (z - cz) / rz
    view[(q <= 1.0) & (q + 0.9 * side > 1.35)] = Tissue.PLACENTA


def _paint_trunk(canvas: Canvas) -> dict[str, Float64Array]:
    stations = np.array([-56, -50, -38, -22, -6, 8, 24, 38, 48, 56.0])
    view, x, y, z = canvas.box((-30, -30, -56), (30, 30, 56))
    height = z.ravel().astype(np.float64)
    half_x = np.interp(height, stations, [4, 12, 19, 24, 25.5, 25, 23, 21, 16, 8.0])
    half_y = np.interp(height, stations, [4, 10, 16, 21, 24, 23, 20, 17, 13, 8.0])
    middle = _spine_y(height) - 9.5 + half_y

    def within(shrink_mm: float) -> np.ndarray:
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
    for rib in np.arange(2.0, 47.0, 5.2):  # tilted forwards and down, open at the breast bone
        slope = np.abs(z - rib + 0.12 * (y + 10.0)) < 0.75
        view[within(3.1) & ~within(4.6) & slope & (y < 9.0)] = Tissue.BONE
    return {"back skin": np.array([0.0, float(_spine_y(8.0)) - 9.0, 8.0])}


def _paint_abdomen(canvas: Canvas, rng: np.random.Generator) -> dict[str, Float64Array]:
    jitter = rng.uniform(-1.2, 1.2, 3)
    stomach = np.array([11.0, 0.0, -4.0]) + jitter
    size = rng.uniform(0.8, 1.2)
    canvas.ellipsoid(Tissue.MEMBRANE, stomach, np.array([6.2, 5.0, 7.8]) * size)
    canvas.ellipsoid(Tissue.FLUID, stomach, np.array([5.5, 4.3, 7.0]) * size)
    vein = np.array(
        [[0, 24, -20], [-0.5, 17, -10], [-1, 12, -5], [-3.5, 7, -4], [-7.5, 4, -4.2], [-10.5, 5, -3.5]], float
    )
    canvas.tube(Tissue.MEMBRANE, vein, 2.3, within=(Tissue.LIVER, Tissue.BOWEL))
    canvas.tube(Tissue.BLOOD, vein, 1.6, within=(Tissue.LIVER, Tissue.BOWEL, Tissue.MEMBRANE))
    for side in (-1, 1):
        kidney = np.array([10.0 * side, -9.0, -25.0])
        canvas.ellipsoid(Tissue.MEMBRANE, kidney, (6.2, 5.6, 9.6))
        canvas.ellipsoid(Tissue.KIDNEY, kidney, (5.6, 5.0, 9.0))
        canvas.ellipsoid(Tissue.FLUID, kidney + (-1.5 * side, 1.0, 0), (1.5, 1.2, 3.5))
    canvas.ellipsoid(Tissue.FLUID, (0, 4, -41), (5, 4.5, 4.5))
    for _ in range(14):  # loops of bowel
        centre = rng.uniform((-13, -2, -38), (13, 13, -20))
        canvas.ellipsoid(Tissue.MEMBRANE, centre, rng.uniform(2.2, 4.0, 3), within=(Tissue.BOWEL,))
        canvas.ellipsoid(Tissue.BOWEL, centre, rng.uniform(1.2, 2.2, 3), within=(Tissue.MEMBRANE,))
    aorta = np.array([[2.5, float(_spine_y(z)) + 5.0, z] for z in (-34.0, -16.0, 2.0, 20.0, 34.0)])
    cava = np.array([[-4.5, float(_spine_y(z)) + 7.5, z] for z in (-34.0, -16.0, 2.0, 14.0)])
    for vessel, radius in ((aorta, 1.6), (cava, 1.5)):
        canvas.tube(Tissue.MEMBRANE, vessel, radius + 0.6)
        canvas.tube(Tissue.BLOOD, vessel, radius)
    return {
        "stomach": stomach,
        "umbilical vein": np.array([-3.5, 7.0, -4.0]),
        "abdominal aorta": np.array([2.5, float(_spine_y(-4.0)) + 5.0, -4.0]),
        "abdominal spine": np.array([0.0, float(_spine_y(-4.0)), -4.0]),
    }


def _paint_heart(
    canvas: Canvas, rng: np.random.Generator
) -> tuple[tuple[Float64Array, Float64Array], dict[str, Float64Array]]:
    crux = np.array([1.5, 3.0, 25.0]) + rng.uniform(-0.8, 0.8, 3)
    turn = np.radians(rng.uniform(38, 55))  # the heart's axis points to the left front
    axes = axes_along((np.sin(turn), np.cos(turn), 0.0), (np.cos(turn), -np.sin(turn), 0.0))

    def at(along: float, left: float, up: float = 0.0) -> Float64Array:
        return np.asarray(crux + along * axes[0] + left * axes[1] + up * axes[2])

    canvas.ellipsoid(Tissue.FLUID, at(1.5, 0), (14.6, 11.0, 10.5), axes)
    canvas.ellipsoid(Tissue.MYOCARDIUM, at(1.5, 0), (13.8, 10.3, 9.8), axes)
    chambers = {
        "left ventricle": (at(5.6, 4.1), (6.6, 2.9, 5.0)),
        "right ventricle": (at(5.0, -4.3), (6.0, 3.1, 5.0)),
        "left atrium": (at(-5.2, 4.0), (4.0, 3.5, 4.6)),
        "right atrium": (at(-5.2, -4.2), (4.2, 3.7, 4.8)),
    }
    for centre, radii in chambers.values():
        canvas.ellipsoid(Tissue.BLOOD, centre, radii, axes)
    for left in (-4.2, 4.1):  # valves: two thin leaflets, somewhat open
        canvas.ellipsoid(Tissue.BLOOD, at(-0.6, left), (1.6, 2.2, 3.0), axes)
        canvas.capsule(Tissue.MEMBRANE, at(-0.4, left - 2.9), at(0.8, left - 0.5), 0.45)
        canvas.capsule(Tissue.MEMBRANE, at(-0.4, left + 2.9), at(0.8, left + 0.5), 0.45)
    canvas.ellipsoid(Tissue.MEMBRANE, at(-0.3, 0), (1.5, 1.5, 4.0), axes)
    canvas.capsule(Tissue.BLOOD, at(-6.5, -0.8), at(-6.5, 0.8), 1.2)  # foramen ovale
    marks = {name: centre for name, (centre, _) in chambers.items()} | {"crux": at(0, 0), "septum": at(5.0, 0.0)}
    return (at(0, 0), axes[0]), marks


def _paint_spine(canvas: Canvas) -> dict[str, Float64Array]:
    heights = np.arange(-50.0, 55.0, 4.1)
    for z in heights:
        y = float(_spine_y(z))
        small = 0.75 + 0.25 * np.clip((z + 52.0) / 25.0, 0.0, 1.0)
        canvas.ellipsoid(Tissue.CARTILAGE, (0, y - 2.4, z), (5.6 * small, 6.6 * small, 2.4))
    line = np.array([[0.0, float(_spine_y(z)) - 3.6, z] for z in heights])
    canvas.tube(Tissue.THALAMUS, line, 1.7)
    for z in heights:
        y = float(_spine_y(z))
        small = 0.7 + 0.3 * np.clip((z + 52.0) / 25.0, 0.0, 1.0)
        canvas.ellipsoid(Tissue.BONE, (0, y, z), (2.9 * small, 1.8 * small, 1.35))
        canvas.ellipsoid(Tissue.BONE, (0, y - 6.6 * small, z - 0.6), (2.4 * small, 0.75, 1.15))
        for side in (-1, 1):
            axes = axes_along((side * 0.6, -0.8, 0), (0, 0, 1))
            canvas.ellipsoid(
                Tissue.BONE, (3.4 * side * small, y - 4.6 * small, z), (2.3 * small, 1.2, 0.9 * small), axes
            )
    return {
        name: np.array([0.0, float(_spine_y(z)) - 2.0, z])
        for name, z in (("cervical spine", 46.0), ("thoracic spine", 10.0), ("lumbar spine", -18.0), ("sacrum", -42.0))
    }


def _limb(canvas: Canvas, start: Float64Array, end: Float64Array, flesh_mm: float, bone_mm: float) -> None:
    canvas.capsule(Tissue.SKIN, start, end, flesh_mm)
    canvas.capsule(Tissue.MUSCLE, start, end, flesh_mm - 1.2)
    along = (end - start) / np.linalg.norm(end - start)
    for joint in (start, end):
        canvas.ellipsoid(Tissue.CARTILAGE, joint, (bone_mm + 2.2,) * 3)
    canvas.capsule(Tissue.BONE, start + 2.5 * along, end - 2.5 * along, bone_mm)


def _paint_limbs(canvas: Canvas, rng: np.random.Generator) -> dict[str, Float64Array]:
    hip, knee = np.array([12.0, 1.0, -42.0]), np.array([16.0, 34.5, -33.0]) + rng.uniform(-2, 2, 3)
    other_knee = np.array([-16.0, 24.0, -18.0]) + rng.uniform(-3, 3, 3)
    for side, thigh_end, foot in ((-1, other_knee, (-8.0, 36.0, -44.0)), (1, knee, (6.0, 20.0, -62.0))):
        thigh_start = hip * (side, 1, 1)
        _limb(canvas, thigh_end, np.array(foot), 5.2, 1.3)
        _limb(canvas, thigh_start, thigh_end, 8.0, 1.75)
        shoulder = np.array([20.0 * side, -3.0, 44.0])
        elbow = np.array([25.0 * side, 14.0, 24.0]) + rng.uniform(-2, 2, 3)
        hand = np.array([9.0 * side, 31.0, 40.0]) + rng.uniform(-3, 3, 3)
        _limb(canvas, elbow, hand, 4.0, 1.1)
        _limb(canvas, shoulder, elbow, 5.2, 1.4)
    along = (knee - hip) / np.linalg.norm(knee - hip)
    return {
        "femur shaft": 0.5 * (hip + knee),
        "femur proximal end": hip + 3.0 * along,
        "femur distal end": knee - 3.0 * along,
    }


def _paint_head(canvas: Canvas, rng: np.random.Generator) -> dict[str, Float64Array]:
    middle = np.array([0.0, 8.0, 80.0])
    long = rng.uniform(0.95, 1.05)  # cephalic index differs
    shape = np.array([24.0 / long, 31.0 * long, 26.0])
    canvas.capsule(Tissue.MUSCLE, (0, -5, 44), (0, 2, 66), 9.5)
    canvas.ellipsoid(Tissue.SKIN, middle + (0, 22, -18), (14, 11, 13))
    canvas.ellipsoid(Tissue.MUSCLE, middle + (0, 22, -18), (13, 10, 12))
    canvas.ellipsoid(Tissue.SKIN, middle, shape + 2.2)
    canvas.ellipsoid(Tissue.MUSCLE, middle, shape + 1.2)
    canvas.ellipsoid(Tissue.BONE, middle, shape)
    canvas.ellipsoid(Tissue.FLUID, middle, shape - 1.3)
    canvas.ellipsoid(Tissue.BRAIN, middle, shape - 2.2)
    _paint_face(canvas, middle)

    def at(x: float, y: float, z: float) -> Float64Array:
        return np.asarray(middle + np.array([x / long, y * long, z]))

    inside = (Tissue.BRAIN,)
    view, x, _, z = canvas.box(middle - shape, middle + shape)
    view[(view == Tissue.BRAIN) & (np.abs(x - middle[0]) < 0.65) & (z > middle[2] - 9.0)] = Tissue.MEMBRANE
    wide = rng.uniform(0.85, 1.25)
    for side in (-1, 1):
        canvas.ellipsoid(Tissue.THALAMUS, at(5.0 * side, -2.5, -5.0), (4.8, 7.0, 5.0))
        horn = axes_along((0.32 * side, -1.0, 0.0), (0, 0, 1))
        ventricle = at(10.0 * side, -10.0, 3.0)
        canvas.ellipsoid(Tissue.MEMBRANE, ventricle, (11.2, 4.2, 3.6 * wide + 0.6), horn, within=inside)
        canvas.ellipsoid(Tissue.FLUID, ventricle, (10.5, 3.6, 3.6 * wide), horn)
        canvas.ellipsoid(Tissue.CHOROID, ventricle + (-0.6 * side, 1.6, 0), (6.8, 2.6, 2.4), horn)
        front = axes_along((0.3 * side, 1.0, 0.0), (0, 0, 1))
        canvas.ellipsoid(Tissue.MEMBRANE, at(5.5 * side, 13.5, 3.0), (6.0, 3.2, 2.4), front, within=inside)
        canvas.ellipsoid(Tissue.FLUID, at(5.5 * side, 13.5, 3.0), (5.2, 2.6, 1.7), front)
        canvas.ellipsoid(Tissue.MEMBRANE, at(17.5 * side, 3.0, -1.0), (0.9, 7.0, 4.0), within=inside)
        lobe = at(6.6 * side, -18.0, -12.0)
        canvas.ellipsoid(Tissue.MEMBRANE, lobe, (7.4, 5.6, 5.6))
        canvas.ellipsoid(Tissue.CEREBELLUM, lobe, (6.5, 4.7, 4.8))
    canvas.ellipsoid(Tissue.MEMBRANE, at(0, -17.5, -12.0), (2.0, 4.0, 4.0))
    canvas.ellipsoid(Tissue.FLUID, at(0, -24.6, -14.0), (9.0, 2.8, 5.0), within=(Tissue.BRAIN, Tissue.MEMBRANE))
    canvas.ellipsoid(Tissue.MEMBRANE, at(0, 11.5, 1.5), (3.3, 5.8, 5.0))
    canvas.ellipsoid(Tissue.FLUID, at(0, 11.5, 1.5), (2.3, 5.0, 4.4))
    canvas.ellipsoid(Tissue.BONE, at(0, 6.0, -18.5), (17.0, 12.0, 2.0), within=inside)  # base of the skull
    return {
        "midline": at(0, 0, 3.0),
        "cavum": at(0, 11.5, 1.5),
        "lateral ventricle": at(11.5, -14.0, 3.0),
        "choroid plexus": at(9.5, -9.0, 3.0),
        "cerebellum": at(0, -18.0, -12.0),
        "cisterna magna": at(0, -24.6, -14.0),
    }


def _paint_face(canvas: Canvas, middle: Float64Array) -> None:
    for side in (-1, 1):
        canvas.ellipsoid(Tissue.BONE, middle + (8.5 * side, 24.0, -11.0), (6.0, 5.4, 5.8))
        canvas.ellipsoid(Tissue.FLUID, middle + (8.5 * side, 25.2, -11.0), (5.0, 5.2, 4.8))
        canvas.capsule(Tissue.BONE, middle + (10.0 * side, 14.0, -25.0), middle + (1.5, 29.0, -27.5), 1.2)
    canvas.ellipsoid(Tissue.MUSCLE, middle + (0, 33.0, -14.0), (4.0, 4.0, 3.5))
    canvas.capsule(Tissue.BONE, middle + (0, 30.0, -7.0), middle + (0, 33.0, -12.0), 0.9)
    canvas.ellipsoid(Tissue.BONE, middle + (0, 27.0, -19.0), (6.0, 4.0, 1.6))
