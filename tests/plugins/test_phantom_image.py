"""The image follows from physics: speckle sits in tissue, sound fades with depth and behind bone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pytest

from plugins.phantom.bmode import _TGC_DB_PER_MM, BModeRenderer, Machine
from plugins.phantom.geometry import N_BEAMS, N_SAMPLES, Pose, Sector
from plugins.phantom.heart import Heart
from plugins.phantom.layouts import LAYOUTS, Layout
from plugins.phantom.machines import Console, choose_console
from plugins.phantom.moment import Caliper, Moment, TypedText, View
from plugins.phantom.screen import Patient, Screen
from plugins.phantom.tissue import Tissue, Volume, make_volume

SECTOR = Sector(50.0, np.radians(30.0), 100.0)
MACHINE = Machine(wall_mm=1.0)
VOXEL_MM = 1.0
SIDE = 120


def block(tissues: npt.NDArray[np.uint8] | None = None) -> Volume:
    """A cube of 120 mm around the origin, of liver when nothing else is said; [z, y, x]. Its scatterers are even."""
    if tissues is None:
        tissues = np.full((SIDE,) * 3, Tissue.LIVER, np.uint8)
    rng = np.random.default_rng(3)
    volume = make_volume(tissues, np.full(3, -0.5 * SIDE * VOXEL_MM), VOXEL_MM, rng)
    even = np.rint(32.0 * rng.standard_normal(volume.scatterers.shape)).clip(-127, 127).astype(np.int8)
    return replace(volume, scatterers=even)


def looking_down(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Pose:
    """The face at y = -50 mm, beams along y, the image in the x-y plane."""
    rotation = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    return Pose(np.array([x, y, z]), rotation, 50.0)


MOMENT = Moment(looking_down(), View(SECTOR), 0.0)


def envelope(volume: Volume, pose: Pose) -> npt.NDArray[np.float32]:
    level_db = BModeRenderer(volume, MACHINE).level_db(pose, SECTOR, 0.0)
    return np.asarray(10.0 ** ((level_db - _TGC_DB_PER_MM * SECTOR.depths_mm()[:, None]) / 20.0), np.float32)


def speckle(volume: Volume, pose: Pose) -> npt.NDArray[np.float32]:
    """The envelope without what depth does to it."""
    level = envelope(volume, pose)
    return np.asarray(level / level.mean(axis=1, keepdims=True), np.float32)


def correlation(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_speckle_moves_with_tissue() -> None:
    volume, rows = block(), 12
    before = speckle(volume, looking_down())
    after = speckle(volume, looking_down(y=rows * SECTOR.sample_mm))
    middle = slice(N_BEAMS // 2 - 4, N_BEAMS // 2 + 4)  # there beams run along the shift
    assert correlation(before[80 + rows : 220 + rows, middle], after[80:220, middle]) > 0.8
    assert correlation(before[80:220, middle], after[80:220, middle]) < 0.3


def test_speckle_is_lost_out_of_plane() -> None:
    volume = block()
    here, same, away = (speckle(volume, looking_down(z=z))[100:300] for z in (0.0, 0.05, 4.0))
    assert correlation(here, same) > 0.8
    assert abs(correlation(here, away)) < 0.15


def test_speckle_is_fully_developed() -> None:
    """The envelope of many scatterers is Rayleigh: mean over standard deviation 1.91 (Wagner 1983)."""
    local = speckle(block(), looking_down())[150:300]
    assert local.mean() / local.std() == pytest.approx(1.91, abs=0.08)


@pytest.mark.parametrize("frequency_mhz", [3.0, 5.0])
def test_sound_fades_with_depth_as_the_tissue_says(frequency_mhz: float) -> None:
    renderer = BModeRenderer(block(), Machine(frequency_mhz=frequency_mhz, wall_mm=1.0))
    depth_mm = SECTOR.depths_mm()
    level_db = renderer.level_db(looking_down(), SECTOR, 0.0) - (
        _TGC_DB_PER_MM * frequency_mhz / 4.0 * depth_mm[:, None]
    )
    power_db = 10.0 * np.log10(np.mean(10.0 ** (level_db / 10.0), axis=1))
    near = (depth_mm > 10.0) & (depth_mm < 60.0)  # deeper, the machine's own noise is in it
    slope = np.polyfit(depth_mm[near], power_db[near], 1)[0]
    assert slope == pytest.approx(-2 * 0.14 * frequency_mhz / 4.0, rel=0.2)


@pytest.mark.parametrize(("tissue", "least_db", "most_db"), [(Tissue.BONE, -60.0, -12.0), (Tissue.FLUID, 1.0, 8.0)])
def test_bone_shadows_and_fluid_enhances(tissue: Tissue, least_db: float, most_db: float) -> None:
    tissues = np.full((SIDE,) * 3, Tissue.LIVER, np.uint8)
    tissues[:, 30:40, 55:65] = tissue  # 10 mm thick, 20 mm below the face, around the middle beam
    level = envelope(block(tissues), looking_down())
    rows = slice(int(40 / SECTOR.sample_mm), int(60 / SECTOR.sample_mm))
    behind = level[rows, N_BEAMS // 2 - 4 : N_BEAMS // 2 + 4]
    beside = level[rows, 20:40]
    difference_db = 20.0 * np.log10(behind.mean() / beside.mean())
    assert least_db < difference_db < most_db


def test_an_interface_across_the_beam_is_bright() -> None:
    tissues = np.full((SIDE,) * 3, Tissue.LIVER, np.uint8)
    tissues[:, 40:43, :] = Tissue.BONE
    profile = envelope(block(tissues), looking_down())[:, N_BEAMS // 2]
    depth_mm = SECTOR.depths_mm()[int(np.argmax(profile[50:])) + 50]
    assert depth_mm == pytest.approx(30.0, abs=1.0)


def test_only_the_heart_beats() -> None:
    heart = Heart(np.zeros(3), np.array([1.0, 0, 0]), 15.0, 2.0)
    renderer = BModeRenderer(block(), MACHINE, heart=heart)
    rest, systole = (renderer.level_db(looking_down(), SECTOR, t) for t in (0.0, 0.1))
    lateral_mm, axial_mm = SECTOR.grid_mm()
    from_heart_mm = np.hypot(lateral_mm, axial_mm - 50.0)
    moved = np.abs(systole - rest)
    assert moved[from_heart_mm < 8.0].mean() > 1.0
    assert moved[from_heart_mm > 20.0].max() < 1e-3


LAYOUTS_OF_ALL = [layout for layouts in LAYOUTS.values() for layout in layouts]
PATIENT = Patient("DOE, JANE", "1234567", date(1990, 2, 3), date(2020, 4, 5), 20, "EXAMPLE HOSPITAL")


def screen_of(layout: Layout, height_px: int = 600, width_px: int = 800, patient: Patient = PATIENT) -> Screen:
    return Screen(height_px, width_px, Console(MACHINE, SECTOR, "C5-2", layout), patient)


@pytest.mark.parametrize("layout", LAYOUTS_OF_ALL)
@pytest.mark.parametrize(("height_px", "width_px"), [(600, 800), (480, 640), (1024, 1280)])
def test_the_sector_stands_in_its_crop_and_points_land_where_they_are_seen(
    layout: Layout, height_px: int, width_px: int
) -> None:
    screen = screen_of(layout, height_px, width_px)
    sample, beam = 260, 110
    lateral_mm, axial_mm = SECTOR.grid_mm()
    for moment in (MOMENT, replace(MOMENT, view=View(SECTOR, zoom=1.5))):
        grey = np.zeros((N_SAMPLES, N_BEAMS), np.uint8)
        dark = screen.show(grey, moment).astype(int)
        grey[sample - 2 : sample + 3, beam - 1 : beam + 2] = 255
        rows, columns = np.nonzero(screen.show(grey, moment).astype(int) - dark > 60)
        place = float(lateral_mm[sample, beam]), float(axial_mm[sample, beam])
        x_px, y_px = screen.viewport(moment.view).to_px(*place)
        assert (columns.mean(), rows.mean()) == pytest.approx((x_px, y_px), abs=1.0)
        grey[:] = 255
        rows, columns = np.nonzero(screen.show(grey, moment).astype(int) != dark)
        top, left, bottom, right = screen.sector_crop
        assert rows.min() >= top * height_px - 1 and rows.max() <= bottom * height_px
        assert columns.min() >= left * width_px - 1 and columns.max() <= right * width_px
        assert np.ptp(rows) > 0.9 * (bottom - top) * height_px or np.ptp(columns) > 0.9 * (right - left) * width_px


@pytest.mark.parametrize("layout", LAYOUTS_OF_ALL)
def test_who_the_patient_is_stands_in_the_boxes_and_nowhere_else(layout: Layout) -> None:
    grey = np.zeros((N_SAMPLES, N_BEAMS), np.uint8)
    other = Patient("ROE, ERIKA MARIE", "7654321", date(1985, 11, 12), date(2021, 10, 28), 20, "EXAMPLE HOSPITAL")
    one, another = (screen_of(layout, patient=patient) for patient in (PATIENT, other))
    differs = one.show(grey, MOMENT) != another.show(grey, MOMENT)
    assert differs.sum() > 100
    for screen in (one, another):
        for top, left, bottom, right in screen.patient_boxes():
            assert 0 <= top < bottom <= 600 and 0 <= left < right <= 800
            differs[top:bottom, left:right] = False
    assert not differs.any()


def test_calipers_and_words_are_drawn_where_they_lie() -> None:
    grey = np.zeros((N_SAMPLES, N_BEAMS), np.uint8)
    screen = screen_of(LAYOUTS_OF_ALL[0])
    ends = (-15.0, 40.0), (12.0, 60.0)
    drawn = replace(MOMENT, frozen=True, annotations=(Caliper("line", *ends), TypedText("LT", (0.0, 20.0))))
    rows, columns = np.nonzero(screen.show(grey, drawn) != screen.show(grey, MOMENT))
    for end in (*ends, (0.0, 20.0)):
        x_px, y_px = screen.viewport(MOMENT.view).to_px(*end)
        assert np.hypot(columns - x_px, rows - y_px).min() < 4.0


def test_no_machine_belongs_to_both_populations() -> None:
    usual, unseen = ([choose_console(seed, name, 1.0) for seed in range(300)] for name in ("usual", "unseen"))
    facts: list[Callable[[Console], float]] = [
        lambda console: console.machine.frequency_mhz,
        lambda console: console.machine.gain_db,
        lambda console: console.machine.dynamic_range_db,
        lambda console: console.machine.focus_mm,
        lambda console: LAYOUTS_OF_ALL.index(console.layout),
    ]
    for fact in facts:
        assert not {fact(console) for console in usual} & {fact(console) for console in unseen}
    assert max(c.machine.wall_mm for c in usual) < min(c.machine.wall_mm for c in unseen)
    assert {c.layout.mark for c in usual} == {layout.mark for layout in LAYOUTS["usual"]}
    for consoles in (usual, unseen):  # curved arrays and phased ones
        assert {c.probe for c in consoles} == {"C5-2", "S4-1"}
