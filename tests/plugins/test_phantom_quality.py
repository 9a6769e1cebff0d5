"""Plane quality: what is met on the plane itself, and what each fault of the hand or the console takes away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from plugins.phantom.anatomy import Fetus
from plugins.phantom.geometry import Pose, Sector
from plugins.phantom.moment import Moment, View
from plugins.phantom.planes import StandardPlane
from plugins.phantom.probe_path import turned
from plugins.phantom.quality import nearest_plane, plane_quality
from plugins.phantom.scan import Scan
from plugins.phantom.settings import ScanSettings

SECTOR = Sector(radius_mm=50.0, half_angle_rad=0.56, depth_mm=100.0)


@pytest.fixture(scope="module")
def fetus() -> Fetus:
    return Scan(ScanSettings(seed=1)).fetus


def plane_named(fetus: Fetus, name: str) -> StandardPlane:
    return next(plane for plane in fetus.planes if plane.name == name)


def on(plane: StandardPlane, zoom: float = 1.8) -> Moment:
    """The plane as it is defined, insonated from where it is seen best."""
    view = plane.view - (plane.view @ plane.normal) * plane.normal
    view = view / np.linalg.norm(view)
    rotation = np.stack([np.cross(view, plane.normal), view, plane.normal], axis=1)
    return Moment(Pose(plane.anchor_mm, rotation, 50.0), View(SECTOR, zoom=zoom), 0.0)


def not_met(fetus: Fetus, plane: StandardPlane, moment: Moment) -> set[str]:
    return {name for name, met in plane_quality(fetus, plane, moment).criteria.items() if not met}


def moved(moment: Moment, *, turn_deg: tuple[float, float, float] = (0, 0, 0), normal_mm: float = 0.0) -> Moment:
    pose = moment.pose
    rotation = pose.rotation @ turned(np.radians(turn_deg))
    return replace(moment, pose=Pose(pose.focus_mm + normal_mm * pose.normal, rotation, pose.standoff_mm))


def test_every_plane_can_be_shown_without_a_fault(fetus: Fetus) -> None:
    for plane in fetus.planes:
        zoom = 1.0 if plane.name == "sagittal spine" else 1.8
        moment = on(plane, zoom)
        assert not_met(fetus, plane, moment) == set(), plane.name
        assert plane_quality(fetus, plane, moment).score == 1.0
        assert nearest_plane(fetus.planes, moment) is plane


def test_each_fault_takes_its_own_criteria_away(fetus: Fetus) -> None:
    plane = plane_named(fetus, "abdomen")
    good = on(plane)
    assert not_met(fetus, plane, replace(good, view=View(SECTOR))) == {"magnification"}
    # the beam enters from the left: leaning about it swings front and back apart, about the lateral axis left and right
    assert not_met(fetus, plane, moved(good, turn_deg=(7.0, 0.0, 0.0))) == {"symmetry"}
    assert not_met(fetus, plane, moved(good, turn_deg=(0.0, 7.0, 0.0))) == set()
    assert not_met(fetus, plane, moved(good, normal_mm=4.5)) == {"level"}
    assert not_met(fetus, plane, moved(good, turn_deg=(0.0, 0.0, 180.0))) == {"beam"}


def test_a_plane_far_away_meets_little(fetus: Fetus) -> None:
    heart, head = plane_named(fetus, "four-chamber view"), plane_named(fetus, "transventricular brain")
    quality = plane_quality(fetus, head, on(heart))
    assert not any(met for name, met in quality.criteria.items() if name.startswith("sees"))
    assert "level" in not_met(fetus, head, on(heart))
    assert quality.score < 0.5


def test_what_zoom_cuts_off_is_not_seen(fetus: Fetus) -> None:
    plane = plane_named(fetus, "transventricular brain")
    assert "sees lateral ventricle" not in not_met(fetus, plane, on(plane, zoom=1.2))
    assert "sees lateral ventricle" in not_met(fetus, plane, on(plane, zoom=4.0))


def test_magnification_grows_with_the_fetus(fetus: Fetus) -> None:
    plane = plane_named(fetus, "femur")
    small = on(plane, zoom=1.5)
    grown = replace(fetus, scale=1.3 * fetus.scale)
    assert "magnification" in not_met(fetus, plane, small)
    assert "magnification" not in not_met(grown, plane, small)
