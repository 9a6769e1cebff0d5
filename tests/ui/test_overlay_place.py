"""Where the overlay may lie: where the system keeps windows out of pictures of the screen, and where it cannot."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PyQt6.QtCore import QPoint, QRect, QSize

from assistant.errors import ConfigError
from assistant.screen_region import ScreenRegion, parse_region
from ui.overlay.exclusion import can_exclude
from ui.overlay.place import Place, ScreenPlace, decide_place, free_place, on_screen

FILMED = ScreenRegion(800, 600, 100, 50)
ELSEWHERE = ScreenRegion(400, 300, 900, 50)  # touches it, and has no pixel of it
SOURCE = f"screen:{FILMED},fps=20,display=:7"


@pytest.mark.parametrize(
    ("where", "source", "excludes", "place"),
    [
        ("400x300+900+50", "opencv:0", False, Place(ELSEWHERE, True, None, False)),
        ("800x600+100+50", "file:scan.mp4", True, Place(FILMED, True, None, False)),
        ("filmed", SOURCE, True, Place(FILMED, True, FILMED, True)),
        ("beside", SOURCE, False, Place(FILMED, False, FILMED, False)),
        ("beside", SOURCE, True, Place(FILMED, False, FILMED, True)),
        ("400x300+900+50", SOURCE, False, Place(ELSEWHERE, True, FILMED, False)),
        ("400x300+800+50", SOURCE, True, Place(ScreenRegion(400, 300, 800, 50), True, FILMED, True)),
    ],
)
def test_what_can_be_had(where, source, excludes, place):
    decided = decide_place(where, source, can_exclude=excludes)
    assert decided == place
    assert decided.forbidden == (place.filmed if not place.excluded else None)


@pytest.mark.parametrize(
    ("where", "source", "problem"),
    [
        ("filmed", SOURCE, "its own heatmap: expected '--overlay beside' .words beside 800x600.100.50. or a source"),
        ("400x300+899+50", SOURCE, "its own heatmap"),
        ("8000x6000+0+0", SOURCE, "its own heatmap"),
        ("filmed", "opencv:0", "'filmed' expects --source screen:..., got 'opencv:0'"),
        ("beside", "phantom:1", "'beside' expects --source screen"),
        ("filmed", "screen:", "to know what is filmed, got 'screen:'"),
        ("400x300+0+0", "screen", "to know what is filmed, got 'screen'"),
        ("beside", "screen:,fps=3", "to know what is filmed"),
        (
            "100,50,800,600",
            "opencv:0",
            "expected WIDTHxHEIGHT.LEFT.TOP in pixels of the screen, .* got '100,50,800,600'",
        ),
        ("", SOURCE, "got ''"),
        ("0x5+0+0", "opencv:0", "got '0x5"),
    ],
)
def test_what_cannot_be_had_is_one_line(where, source, problem):
    with pytest.raises(ConfigError, match=f"^overlay: .*{problem}") as error:
        decide_place(where, source, can_exclude=False)
    assert "\n" not in str(error.value)


regions = st.builds(ScreenRegion, *[st.integers(1, 12), st.integers(1, 12), st.integers(0, 12), st.integers(0, 12)])


@given(one=regions, other=regions)
def test_overlapping_is_having_a_pixel_in_common(one, other):
    pixels = [
        {(x, y) for x in range(each.left, each.left + each.width) for y in range(each.top, each.top + each.height)}
        for each in (one, other)
    ]
    assert one.overlaps(other) == bool(pixels[0] & pixels[1])
    assert parse_region(str(one)) == one


@given(
    size=st.builds(QSize, st.integers(1, 9), st.integers(1, 9)),
    areas=st.lists(
        st.builds(QRect, st.integers(0, 19), st.integers(0, 19), st.integers(1, 20), st.integers(1, 20)), max_size=3
    ),
)
def test_a_place_is_free_on_the_screen_and_found_where_there_is_one(size, areas):
    screens = [QRect(0, 0, 20, 20), QRect(20, 5, 8, 8)]

    def is_free(place):
        return any(screen.contains(place) for screen in screens) and not any(place.intersects(area) for area in areas)

    found = free_place(size, QRect(3, 3, 5, 5), areas, screens)
    all_places = [QRect(QPoint(x, y), size) for x in range(28) for y in range(20)]
    assert (found is not None) == any(is_free(place) for place in all_places)
    assert found is None or is_free(QRect(found, size))


def test_pixels_of_a_scaled_screen_are_covered():
    first, second = ScreenPlace(QRect(0, 0, 960, 540), 2.0), ScreenPlace(QRect(1920, 0, 1280, 720), 1.5)
    assert on_screen(ScreenRegion(800, 600, 100, 50), [first, second]) == QRect(50, 25, 400, 300)
    assert on_screen(ScreenRegion(1920, 1080, 1920, 0), [first, second]) == QRect(1920, 0, 1280, 720)
    odd = on_screen(ScreenRegion(101, 51, 1921, 1), [first, second])
    assert (odd.left(), odd.top(), odd.width(), odd.height()) == (1920, 0, 68, 35), "outwards: 1/1.5 to 102/1.5"
    with pytest.raises(
        ConfigError, match=r"expected a rectangle on one screen \(1920x1080\+0\+0, 1920x1080\+1920\+0\)"
    ):
        on_screen(ScreenRegion(100, 100, 1900, 0), [first, second])


@pytest.mark.skipif(sys.platform != "linux", reason="about Linux")
def test_linux_keeps_no_window_out_of_pictures():
    assert not can_exclude()
