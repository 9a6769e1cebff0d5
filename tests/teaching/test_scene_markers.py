"""Gaze from a scene camera to the monitor: rendered pictures of a screen, with the true place of every point known."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.teaching.scene_markers import (
    MARKERS_VALID_NS,
    TAGS,
    Markers,
    SceneTrack,
    ScreenFinder,
    Sight,
)
from tests.teaching.scene_camera import NEON, SCREEN_PX, SceneCamera, corner_markers, screen_picture

POSES = {
    "straight": (600.0, (0.0, 0.0, 0.0), (0.0, 0.0)),
    "aside and turned": (650.0, (8.0, -14.0, 4.0), (90.0, -40.0)),
    "far": (850.0, (-6.0, 10.0, -3.0), (-50.0, 30.0)),
}
GRID_PX = np.array([(x * SCREEN_PX[0], y * SCREEN_PX[1]) for x in (0.1, 0.3, 0.5, 0.7, 0.9) for y in (0.1, 0.5, 0.9)])


def errors_px(finder: ScreenFinder, camera: SceneCamera, pose_args, markers: Markers) -> np.ndarray:
    """How far beside its place each point of the grid is led to, in pixels of the monitor."""
    pose = camera.pose(*pose_args)
    sight = finder.look(0, camera.picture(pose), markers)
    assert sight.to_monitor is not None, f"{sight.seen} markers seen"
    led = [sight.lead(finder.straightened(*at)) for at in camera.scene_px(pose, GRID_PX)]
    return np.hypot(*(np.array(led) * SCREEN_PX - GRID_PX).T)


@pytest.fixture(scope="module")
def cameras() -> dict[tuple[int, ...], SceneCamera]:
    """By which markers are hidden; they share the rays of the lens, which take long to compute."""
    shared: dict = {}
    hidden = [(), TAGS[:1], (TAGS[0], TAGS[2]), (TAGS[2], TAGS[3]), (TAGS[1], TAGS[2]), TAGS[1:], TAGS]
    return {tags: SceneCamera(screen_picture(corner_markers(), hidden=tags), NEON, _rays=shared) for tags in hidden}


@pytest.mark.parametrize("pose", POSES)
def test_points_of_the_monitor_are_found_again(cameras, pose):
    off_px = errors_px(ScreenFinder(NEON), cameras[()], POSES[pose], corner_markers())
    assert off_px.max() < 2.0, "0.05 degrees at 600 mm"
    # Without the lens the same picture leads astray: the correction is needed, and it is made.
    crooked = errors_px(ScreenFinder(None), cameras[()], POSES[pose], corner_markers())
    assert crooked.max() > 10 > 3 * off_px.max()


@pytest.mark.parametrize(
    ("hidden", "most_px"),
    [(TAGS[:1], 12.0), ((TAGS[0], TAGS[2]), 25.0), ((TAGS[2], TAGS[3]), 35.0), ((TAGS[1], TAGS[2]), 57.0)],
    ids=["three", "two across", "two above", "two at the left"],
)
def test_partly_hidden_markers_still_lead(cameras, hidden, most_px):
    """The fewer, the worse at the other end of the monitor: at most the 1.5 degrees of the calibration check."""
    off_px = errors_px(ScreenFinder(NEON), cameras[hidden], POSES["aside and turned"], corner_markers())
    assert off_px.max() < most_px


@pytest.mark.parametrize("hidden", [TAGS[1:], TAGS], ids=["one", "none"])
def test_one_marker_or_none_leads_nowhere(cameras, hidden):
    camera = cameras[hidden]
    sight = ScreenFinder(NEON).look(0, camera.picture(camera.pose(*POSES["straight"])), corner_markers())
    assert sight.seen == len(TAGS) - len(hidden) and sight.to_monitor is None
    assert sight.lead(np.array([800.0, 600.0])) is None


def test_markers_that_are_not_shown_or_stand_elsewhere_lead_nowhere(cameras):
    camera, finder = cameras[()], ScreenFinder(NEON)
    picture = camera.picture(camera.pose(*POSES["straight"]))
    unshown = finder.look(0, picture, None)
    assert unshown.seen == 0 and unshown.to_monitor is None
    right = corner_markers()
    tag, left, top, side = right.squares_px[0]
    moved = Markers(right.monitor_px, ((tag, left + 2 * side, top, side), *right.squares_px[1:]))
    sight = finder.look(0, picture, moved)
    assert sight.seen == 4 and sight.to_monitor is None, "the corners do not fit one plane"


def shifted(captured_ns: int, left_px: float, seen: int = 4) -> Sight:
    """A camera before a monitor of 1000x1000, which stands ``left_px`` to the right in its picture."""
    return Sight(captured_ns, seen, np.array([[1, 0, -left_px], [0, 1, 0], [0, 0, 1.0]]), (1000.0, 1000.0))


def test_gaze_between_two_pictures_is_led_by_both():
    track, eye = SceneTrack(), np.array([500.0, 250.0])
    track.add(shifted(1_000_000_000, 0.0))
    assert track.lead(1_000_000_000, eye) == pytest.approx((0.5, 0.25)), "at the moment of a picture"
    assert track.lead(1_000_000_001, eye) is None, "heads turn: one picture leads no other moment"
    track.add(shifted(1_040_000_000, 40.0))
    assert track.reaches(1_040_000_000) and not track.reaches(1_040_000_001)
    assert track.lead(1_010_000_000, eye) == pytest.approx((0.49, 0.25)), "a quarter of the way"
    assert track.lead(999_999_999, eye) is None and track.lead(1_040_000_001, eye) is None
    track.add(Sight(1_080_000_000, 1))  # a blurred picture
    assert track.lead(1_060_000_000, eye) is None
    track.add(shifted(1_040_000_000 + MARKERS_VALID_NS, 60.0))
    assert track.lead(1_080_000_000, eye) == pytest.approx((0.452, 0.25)), "bridged"
    track.add(shifted(1_240_000_001, 60.0))
    assert track.lead(1_200_000_000, eye) is None, "too long without markers"
    track.clear()
    assert track.lead(1_040_000_000, eye) is None and not track.reaches(0)


def test_what_lies_behind_the_camera_is_no_point():
    away = Sight(0, 4, np.array([[1, 0, 0], [0, 1, 0], [0, -0.01, 1.0]]), (1000.0, 1000.0))
    assert away.lead(np.array([500.0, 50.0])) is not None
    assert away.lead(np.array([500.0, 100.0])) is None and away.lead(np.array([500.0, 150.0])) is None
