"""What a screen shows: real screens, and the software scanner's in modes that begin at known moments."""

import warnings
from contextlib import closing

import cv2
import numpy as np
import pytest

from assistant.clock import MonotonicClock
from assistant.contracts import Abstention, Frame
from assistant.errors import EndOfStream
from assistant.plugin_loader import load_plugin
from assistant.scene import SceneCounter
from assistant.screen_layout import find_layout, glance_at
from assistant.screen_mode import ScreenWatch, shown_mode
from plugins.phantom.modes import draw

FPS = 30
DUE_MS = 300


def scan(argument):
    """Images of the software scanner, and the sector's rectangle in pixels."""
    images = []
    with closing(load_plugin("sonocue.sources", "phantom")(argument, paced=False)) as device:
        top, left, bottom, right = device.open(MonotonicClock()).sector_crop
        while True:
            try:
                item = device.read("video", 1.0)
            except EndOfStream:
                break
            if isinstance(item, Frame):
                images.append(item.pixels)
    height, width = images[0].shape
    return images, (round(top * height), round(left * width), round(bottom * height), round(right * width))


@pytest.fixture(scope="module")
def one():
    return scan("3,seconds=2,size=640x480")


@pytest.fixture(scope="module")
def other():
    return scan("2,seconds=0.2,size=640x480,population=unseen")


def watched(pictures, watch=None, first=0):
    watch, scenes = watch or ScreenWatch(), SceneCounter()
    frames = [Frame(k, round((first + k) * 1e9 / FPS), np.ascontiguousarray(p)) for k, p in enumerate(pictures)]
    return [watch(frame, scenes(frame)) for frame in frames]


def modes(pictures):
    return [reading.mode for reading in watched(pictures)]


def test_b_mode_is_never_taken_for_something_else(one, other):
    assert set(modes(one[0])) == {None}
    assert set(modes(other[0])) == {None}


@pytest.mark.parametrize(
    ("drawn", "name"),
    [
        ("colour Doppler", Abstention.COLOUR_DOPPLER),
        ("power Doppler", Abstention.COLOUR_DOPPLER),
        ("PW", Abstention.STRIP),
        ("two images", Abstention.TWO_IMAGES),
        ("3D", Abstention.VOLUME),
        ("3D and planes", Abstention.VOLUME),
        ("menu", Abstention.MENU),
        ("popup", Abstention.MENU),
    ],
)
def test_a_mode_is_noticed_in_time_by_its_name_and_so_is_its_end(one, drawn, name):
    images, sector = one
    begin, end = 15, 45
    shown = [draw(drawn, p, sector, k / FPS) if begin <= k < end else p for k, p in enumerate(images)]
    read = modes(shown)
    due = round(DUE_MS * FPS / 1000)
    assert set(read[:begin]) == {None}
    assert set(read[begin + due : end]) == {name}
    assert set(read[end + due :]) == {None}


def test_a_still_that_came_by_a_cut_is_stored_and_an_image_that_was_live_is_not(one, other):
    live, stored = one[0][:15], other[0][:1]
    frozen = modes(live + live[-1:] * 15)
    assert set(frozen) == {None}
    read = modes(live + stored * 15 + one[0][15:30])
    assert set(read[15 + 9 : 30]) == {Abstention.STORED_IMAGE}
    assert set(read[30 + 9 :]) == {None}


def test_a_cine_that_shows_the_last_seconds_again_is_stored(one):
    live = one[0][:40]
    read = modes([*live, *live[20::-1], *one[0][40:]])
    assert set(read[:40]) == {None}
    assert set(read[40 + 9 : 61]) == {Abstention.STORED_IMAGE}
    assert read[-1] is None


def test_a_repeated_frame_of_a_slow_source_is_no_cine(one):
    assert set(modes([image for image in one[0][::2] for _ in range(2)])) == {None}


def test_black_is_no_image_and_an_unknown_stream_begins_anew(one):
    watch = ScreenWatch()
    assert watch(Frame(0, 0, np.zeros((480, 640), np.uint8), 0), 0).mode is Abstention.NO_IMAGE
    first = watch(Frame(1, 10_000_000, one[0][0], 1), 1)
    assert (first.mode, first.changed) == (None, True)
    assert first.layout is not None


def test_the_layout_is_the_sectors_and_stays_while_the_scan_goes_on(one):
    images, (top, left, bottom, right) = one
    read = watched(images)
    layout = read[-1].layout
    assert layout.shape == "sector"
    # The sector hangs from the top of its rectangle, and is as wide; it need not reach its bottom.
    assert abs(layout.rect_px[0] - top) < 25
    assert abs(layout.rect_px[1] - left) < 25
    assert abs(layout.rect_px[3] - right) < 25
    assert 0.6 * (bottom - top) < layout.rect_px[2] - top < bottom - top + 10
    assert sum(reading.changed for reading in read) <= 2  # found at once, and better after a second
    mask = layout.mask()
    lit = images[-1] > 40
    lit[:top], lit[bottom:], lit[:, :left], lit[:, right:] = 0, 0, 0, 0
    assert mask[lit].mean() > 0.97


def test_another_zoom_is_another_layout_in_time(one):
    images, (top, left, bottom, right) = one
    height, width = (bottom - top) // 3, (right - left) // 3

    def zoomed(image):
        image = image.copy()
        middle = image[top + height // 2 : bottom - height // 2, left + width // 2 : right - width // 2]
        image[top:bottom, left:right] = cv2.resize(middle, (right - left, bottom - top))
        return image

    # Three seconds, the second and third of them the first again: the watch for repeated cines is not asked here.
    shown = [*images[:45], *map(zoomed, images[45:])]
    read = watched(shown)
    before = read[44].layout
    assert read[45 + 9].layout is not before
    assert read[-1].layout.overlap(before) < 0.9


@pytest.mark.parametrize(("screen", "edge_deg"), [("ABDOMINAL", 20), ("FEMUR", 25), ("LIPS", 35)])
def test_three_sectors_of_real_screens_are_b_mode_with_their_layout(data_dir, screen, edge_deg):
    file = data_dir / "sononet" / "example_images" / f"{screen}.png"
    if not file.is_file():
        pytest.skip(f"real test data is missing: {file}")
    pixels = np.ascontiguousarray(cv2.imread(str(file))[:, :, ::-1])
    glance = glance_at(pixels)
    assert shown_mode(glance) is None
    layout = find_layout(glance, pixels.shape[:2])
    assert layout.shape == "sector"
    np.testing.assert_allclose(layout.edges_deg, edge_deg, atol=4)
    mask = layout.mask()
    assert mask[120:700][pixels[120:700].max(axis=2) > 60].mean() > 0.97
    assert mask[:, :40].mean() < 0.5  # the logo and the grey scale are left out


def test_most_other_real_images_are_b_mode(data_dir):
    files = [*data_dir.glob("fetal_planes_db/Images/*.png"), *data_dir.glob("hc18/train/*_HC.png")]
    if not files:
        pytest.skip(f"real test data is missing: no images in {data_dir}/fetal_planes_db or hc18")
    read = [shown_mode(glance_at(np.ascontiguousarray(cv2.imread(str(file))[:, :, ::-1]))) for file in files]
    assert sum(mode is not None for mode in read) <= 0.01 * len(files)


def test_real_power_doppler_is_colour_and_a_real_grey_cine_is_not():
    pydicom = pytest.importorskip("pydicom", reason="the extra 'train' (pydicom) is not installed")
    from pydicom.pixels import pixel_array

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        doppler = pixel_array(str(pydicom.data.get_testdata_file("examples_jpeg2k.dcm")))
        cine = pixel_array(str(pydicom.data.get_testdata_file("examples_ybr_color.dcm")))
    assert shown_mode(glance_at(np.ascontiguousarray(doppler))) is Abstention.COLOUR_DOPPLER
    assert {shown_mode(glance_at(np.ascontiguousarray(picture))) for picture in cine[::5]} == {None}


def test_a_tint_of_grey_is_no_doppler(one):
    grey = one[0][0].astype(np.float32)
    for tint in ((1.0, 0.92, 0.75), (0.8, 0.9, 1.0)):
        assert shown_mode(glance_at(np.stack([grey * share for share in tint], axis=-1).astype(np.uint8))) is None
