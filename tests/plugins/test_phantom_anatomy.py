"""Landmarks lie in what they name, planes cut what they claim and exclude one another, subjects differ."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import ConfigError
from plugins.phantom.anatomy import Fetus, build_fetus
from plugins.phantom.gallery import on_plane, save_gallery
from plugins.phantom.geometry import Float64Array, Pose, Sector
from plugins.phantom.physique import draw_physique
from plugins.phantom.planes import StandardPlane, shows
from plugins.phantom.settings import Population
from plugins.phantom.tissue import Tissue

SUBJECTS: tuple[tuple[int, Population], ...] = ((1, "usual"), (2, "usual"), (3, "unseen"), (4, "unseen"))
DRAWN_EVENLY = (
    "scale",
    "flexion_mm",
    "breadth",
    "head_length",
    "ventricle_width",
    "cerebellum_size",
    "nose_mm",
    "chin_mm",
)
DRAWN_EVENLY += ("heart_turn_deg", "stomach_size", "kidney_size", "knee_lift_mm")
LUMEN, BONE = {Tissue.BLOOD}, {Tissue.BONE}
MADE_OF = {
    "left ventricle": LUMEN,
    "right ventricle": LUMEN,
    "left atrium": LUMEN,
    "right atrium": LUMEN,
    "left ventricular outflow": LUMEN,
    "aortic root": LUMEN,
    "ascending aorta": LUMEN,
    "pulmonary trunk": LUMEN,
    "arterial duct": LUMEN,
    "superior caval vein": LUMEN,
    "descending aorta": LUMEN,
    "abdominal aorta": LUMEN,
    "umbilical vein": LUMEN,
    "midline": {Tissue.FALX, Tissue.BRAIN},
    "cavum": {Tissue.FLUID},
    "lateral ventricle": {Tissue.FLUID},
    "choroid plexus": {Tissue.CHOROID},
    "cerebellum": {Tissue.MEMBRANE},
    "cisterna magna": {Tissue.FLUID},
    "forehead": {Tissue.SKULL},
    "nasal bone": BONE,
    "nose tip": {Tissue.MUSCLE, Tissue.SKIN},
    "upper lip": {Tissue.MUSCLE},
    "lower lip": {Tissue.MUSCLE},
    "chin": {Tissue.MUSCLE, Tissue.SKIN},
    "crux": {Tissue.SEPTUM},
    "septum": {Tissue.SEPTUM},
    "moderator band": {Tissue.SEPTUM},
    "stomach": {Tissue.FLUID},
    "gallbladder": {Tissue.FLUID},
    "bladder": {Tissue.FLUID},
    "left renal pelvis": {Tissue.FLUID},
    "right renal pelvis": {Tissue.FLUID},
    "femur shaft": BONE,
    "femur proximal end": BONE,
    "femur distal end": BONE,
    "thoracic spine": BONE,
    "lumbar spine": BONE,
    "sacrum": BONE,
    "abdominal spine": BONE,
    "left arches": BONE,
    "right arches": BONE,
}


@pytest.fixture(scope="module")
def fetuses() -> list[Fetus]:
    return [build_fetus(np.random.default_rng([seed, 1]), population) for seed, population in SUBJECTS]


def tissue_at(fetus: Fetus, place_mm: Float64Array) -> Tissue:
    volume = fetus.volume
    x, y, z = np.rint((place_mm - volume.origin_mm) / volume.voxel_mm).astype(int)
    return Tissue(int(volume.packed[z, y, x]) >> 24)


def test_landmarks_lie_in_what_they_name(fetuses: list[Fetus]) -> None:
    for fetus, subject in zip(fetuses, SUBJECTS, strict=True):
        found = {name: tissue_at(fetus, fetus.landmarks_mm[name]) for name in MADE_OF}
        assert {name: tissue.name for name, tissue in found.items() if tissue not in MADE_OF[name]} == {}, subject


def test_a_planes_structures_lie_near_it(fetuses: list[Fetus]) -> None:
    for fetus in fetuses:
        for plane in fetus.planes:
            for structure in plane.structures:
                off_mm = abs(float(plane.normal @ (fetus.landmarks_mm[structure] - plane.anchor_mm)))
                assert off_mm < 5.0 * fetus.scale, (plane.name, structure)


def test_a_face_has_its_parts_in_order_with_the_mouth_between_the_lips(fetuses: list[Fetus]) -> None:
    for fetus in fetuses:
        marks = fetus.landmarks_mm
        down = [marks[name][2] for name in ("forehead", "nasal bone", "nose tip", "upper lip", "lower lip", "chin")]
        assert down == sorted(down, reverse=True)
        assert marks["nose tip"][1] == max(place[1] for name, place in marks.items() if name in MADE_OF)
        between_lips = np.linspace(marks["upper lip"], marks["lower lip"], 30)
        assert Tissue.FLUID in {tissue_at(fetus, place) for place in between_lips}
        before = marks["upper lip"] + (0.0, 5.0 * fetus.scale, 0.0)
        assert tissue_at(fetus, before) == Tissue.FLUID, "no scan shows a face that lies against the wall"


def test_the_hindbrain_plane_cuts_both_lobes_and_no_choroid_plexus(fetuses: list[Fetus]) -> None:
    for fetus in fetuses:
        plane = next(plane for plane in fetus.planes if plane.name == "transcerebellar brain")
        across, along = np.eye(3)[0], np.cross(plane.normal, np.eye(3)[0])
        cut = [
            (x, tissue_at(fetus, plane.anchor_mm + x * across + y * along))
            for x in np.arange(-20.0, 20.5, 0.5)
            for y in np.arange(-30.0, 30.5, 0.5)
        ]
        assert Tissue.CHOROID not in {tissue for _, tissue in cut}
        lobes = np.array([x for x, tissue in cut if tissue == Tissue.CEREBELLUM])
        assert (lobes > 2.0).sum() > 60 and (lobes < -2.0).sum() > 60


def test_the_vessels_stand_in_a_row_each_smaller_and_the_trunk_crosses_the_aorta(fetuses: list[Fetus]) -> None:
    for fetus in fetuses:
        marks = fetus.landmarks_mm
        level_mm = marks["ascending aorta"][2]
        row = [marks[name] for name in ("arterial duct", "ascending aorta", "superior caval vein")]
        assert row[0][0] > row[1][0] > row[2][0], "from left to right"
        assert max(abs(place[2] - level_mm) for place in row) < 1.5
        aorta = marks["ascending aorta"] - marks["aortic root"]
        trunk = marks["arterial duct"] - marks["pulmonary valve"]
        assert aorta[0] < 0 and trunk[1] < 0, "the aorta to the right, the trunk to the back"
        assert marks["pulmonary valve"][1] > marks["aortic root"][1], "the trunk begins in front"


def test_no_image_is_two_planes(fetuses: list[Fetus]) -> None:
    """Poses that lie between two planes, where both are least far off, and around them."""
    rng, sector = np.random.default_rng(5), Sector(50.0, np.radians(36.0), 110.0)
    shown = Counter[str]()
    for fetus in fetuses:
        for one, other in combinations(fetus.planes, 2):
            for _ in range(25):
                pose = between(one, other, rng)
                found = [plane.name for plane in fetus.planes if shows(plane, pose, sector)]
                assert len(found) <= 1, (found, one.name, other.name)
                shown.update(found)
    assert shown.keys() == {plane.name for plane in fetuses[0].planes}


def between(one: StandardPlane, other: StandardPlane, rng: np.random.Generator) -> Pose:
    share = rng.uniform(0.0, 1.0)
    first, second = normal_of(one, other), normal_of(other, one)
    second = second * (np.sign(first @ second) or 1.0)
    normal = (1 - share) * first + share * second + rng.normal(0.0, 0.03, 3)
    normal /= np.linalg.norm(normal)
    focus = one.anchor_mm + rng.uniform(0.0, 1.0) * (other.anchor_mm - one.anchor_mm) + rng.normal(0.0, 1.0) * normal
    beam = np.cross(normal, rng.normal(0.0, 1.0, 3))
    beam /= np.linalg.norm(beam)
    return Pose(focus, np.stack([np.cross(beam, normal), beam, normal], axis=1), 55.0)


def normal_of(plane: StandardPlane, towards: StandardPlane) -> Float64Array:
    """A plane's normal; of those across an axis, the one nearest to another plane's."""
    if plane.axis is None:
        return plane.normal
    normal = towards.normal - (towards.normal @ plane.axis) * plane.axis
    length = float(np.linalg.norm(normal))
    return np.asarray(normal / length) if length > 1e-6 else plane.normal


def test_a_spine_from_the_front_is_no_sagittal_spine(fetuses: list[Fetus]) -> None:
    """Profile and spine lie in one plane; the side that sound comes from tells them apart."""
    sector = Sector(50.0, np.radians(33.0), 100.0)
    spine = next(plane for plane in fetuses[0].planes if plane.name == "sagittal spine")
    back = on_plane(spine, sector)
    front = Pose(back.focus_mm, back.rotation * (-1.0, -1.0, 1.0), back.standoff_mm)
    assert shows(spine, back, sector)
    assert not shows(spine, front, sector)


def test_a_gallery_without_real_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no real picture in .*4CH\.png"):
        save_gallery(tmp_path / "gallery.png", seed=1, real=tmp_path)


def test_cardiac_planes_stand_apart_by_more_than_their_tolerances(fetuses: list[Fetus]) -> None:
    for fetus in fetuses:
        planes = {plane.name: plane for plane in fetus.planes}
        views = [planes[name] for name in ("four-chamber view", "LVOT", "RVOT", "three-vessel view")]
        for one, other in combinations(views, 2):
            apart_deg = np.degrees(np.arccos(min(1.0, abs(float(one.normal @ other.normal)))))
            steps_mm = abs(float(one.normal @ (other.anchor_mm - one.anchor_mm)))
            reach_mm = one.distance_mm + other.distance_mm
            reach_mm += float(np.linalg.norm(other.anchor_mm - one.anchor_mm)) * np.sin(np.radians(one.tilt_deg))
            assert apart_deg > one.tilt_deg + other.tilt_deg or steps_mm > reach_mm, (one.name, other.name)


def test_subjects_differ_and_populations_share_nothing() -> None:
    usual, unseen = (
        [draw_physique(np.random.default_rng(seed), population) for seed in range(60)]
        for population in ("usual", "unseen")
    )
    for name in DRAWN_EVENLY:
        own, others = ([getattr(physique, name) for physique in drawn] for drawn in (usual, unseen))
        assert len(set(own)) == len(own)
        assert not any(min(own) <= value <= max(own) for value in others), name
    assert usual[0].echo_db != usual[1].echo_db
    loudest = max(abs(db) for physique in usual for db in physique.echo_db.values())
    assert loudest < min(abs(db) for physique in unseen for db in physique.echo_db.values())
