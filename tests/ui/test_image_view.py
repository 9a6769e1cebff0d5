"""The image and its overlays, pixel by pixel."""

from dataclasses import replace

import numpy as np
import pytest
from PyQt6.QtGui import QImage

from assistant.contracts import GazeSample
from tests.ui.conftest import discard
from tests.ui.scripted_run import frame_of, gaze_blob, guidance_for, sector_image, snapshot_of, video_images
from ui.image_view import ImageView


def painted(view):
    """``(H, W, 3)`` uint8 RGB: what the widget paints."""
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    assert bits is not None
    rows = np.frombuffer(bits.asarray(image.sizeInBytes()), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


@pytest.fixture
def view(qtbot):
    widget = ImageView()
    yield widget
    discard(widget)


def show(view, pixels, *, size=None, guidance=True, **changes):
    """Show an image in a view of ``size`` (its own when None); gives frame and snapshot."""
    height, width = pixels.shape[:2]
    view.resize(*(size or (width, height)))
    frame = frame_of(pixels)
    snapshot = snapshot_of(frame, guidance_for(frame) if guidance else None, **changes)
    view.show_snapshot(snapshot)
    return frame, snapshot


def rgb_of(pixels):
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def colour_image(height=120, width=161):
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("pixels", [sector_image(240, 321), colour_image()], ids=["grey", "colour"])
def test_without_overlays_each_pixel_is_the_sources(view, pixels):
    show(view, pixels, guidance=False)
    np.testing.assert_array_equal(painted(view), rgb_of(pixels))


def test_a_view_into_a_larger_array_is_painted_right(view):
    pixels = colour_image(200, 300)[10:110, 20:141]
    show(view, pixels, guidance=False)
    np.testing.assert_array_equal(painted(view), pixels)


def test_the_heatmap_stays_inside_its_rectangle(view):
    pixels = sector_image(240, 320)
    frame = frame_of(pixels)
    # Dense right up to the edge, so that a pixel too far would show.
    flat_top = gaze_blob()
    flat_top[:] = 0
    flat_top[:, :8] = flat_top[:8] = flat_top[:, -8:] = flat_top[-8:] = 1.0
    rect = (50, 61, 190, 233)
    view.resize(320, 240)
    view.show_snapshot(snapshot_of(frame, replace(guidance_for(frame), gaze_map=flat_top / 40_000, gaze_rect_px=rect)))
    difference = (painted(view).astype(int) - rgb_of(pixels)).any(axis=2)
    top, left, bottom, right = rect
    assert difference[top, left : right - 1].all(), "the whole rectangle is used"
    assert difference[bottom - 1, left + 1 : right - 1].all()
    difference[top:bottom, left:right] = False
    assert not difference.any(), "pixels outside the rectangle were altered"


@pytest.mark.parametrize("size", [(833, 611), (200, 500), (97, 61)])
def test_scaled_the_heatmap_still_stays_inside(view, size):
    pixels = sector_image(240, 320)
    frame, _ = show(view, pixels, size=size, guidance=False)
    bare = painted(view)
    guidance = guidance_for(frame)
    view.show_snapshot(snapshot_of(frame, guidance, number=2))
    changed = (painted(view) != bare).any(axis=2)
    assert changed.any()
    area = view.image_rect()
    top, left, bottom, right = guidance.gaze_rect_px
    rows, columns = np.nonzero(changed)
    assert rows.min() >= area.y() + top * area.height() / 240
    assert rows.max() + 1 <= area.y() + bottom * area.height() / 240
    assert columns.min() >= area.x() + left * area.width() / 320
    assert columns.max() + 1 <= area.x() + right * area.width() / 320


def test_a_rectangle_beyond_the_image_is_cut(view):
    pixels = sector_image(120, 160)
    frame = frame_of(pixels)
    view.resize(400, 400)
    beyond = replace(guidance_for(frame), gaze_rect_px=(-50, -50, 500, 500))
    view.show_snapshot(snapshot_of(frame, beyond))
    area = view.image_rect()
    surround = painted(view)
    surround[area.top() : area.bottom() + 1, area.left() : area.right() + 1] = 0
    assert not surround.any()
    nowhere = replace(guidance_for(frame), gaze_rect_px=(300, 300, 400, 400))
    view.show_snapshot(snapshot_of(frame, nowhere, number=2))
    assert not view.heat_visible


def test_no_guidance_no_heatmap(view):
    pixels = sector_image(120, 160)
    show(view, pixels)
    assert view.heat_visible
    view.show_snapshot(snapshot_of(frame_of(pixels, 1), None, number=2))
    assert not view.heat_visible
    np.testing.assert_array_equal(painted(view), rgb_of(pixels))


def test_a_map_that_is_not_finite_is_not_painted(view):
    pixels = sector_image(120, 160)
    frame = frame_of(pixels)
    broken = replace(guidance_for(frame), gaze_map=np.full((8, 8), np.nan, np.float32))
    view.resize(160, 120)
    view.show_snapshot(snapshot_of(frame, broken))
    np.testing.assert_array_equal(painted(view), rgb_of(pixels))


@pytest.mark.parametrize(("heatmap", "overlays"), [(False, True), (True, False)])
def test_hidden_overlays_leave_the_image_as_it_is(view, heatmap, overlays):
    pixels = sector_image(240, 320)
    gaze = GazeSample(0, 100.0, 100.0, valid=not overlays)
    show(view, pixels, gaze=gaze)
    assert (painted(view) != rgb_of(pixels)).any()
    view.show_overlays(heatmap=heatmap, overlays=overlays)
    np.testing.assert_array_equal(painted(view), rgb_of(pixels))
    assert not view.heat_visible


def test_the_observers_gaze_is_marked_where_it_is_and_only_when_valid(view):
    pixels = np.zeros((200, 300), np.uint8)
    frame, _ = show(view, pixels, size=(600, 400), guidance=False, gaze=GazeSample(0, 99.5, 49.5))
    rows, columns = np.nonzero(painted(view).any(axis=2))
    assert (rows.mean(), columns.mean()) == pytest.approx((100 - 0.5, 200 - 0.5), abs=0.6)
    view.show_snapshot(snapshot_of(frame, None, number=2, gaze=GazeSample(0, 99.5, 49.5, valid=False)))
    assert not painted(view).any()


@pytest.mark.parametrize("shape", [(1080, 776), (3, 5), (1, 1), (40, 2000)])
@pytest.mark.parametrize("size", [(900, 700), (300, 900)])
def test_any_shape_is_shown_whole_and_in_proportion(view, shape, size):
    show(view, np.full(shape, 200, np.uint8), size=size, guidance=False)
    rows, columns = np.nonzero(painted(view).any(axis=2))
    height, width = rows.max() - rows.min() + 1, columns.max() - columns.min() + 1
    assert width == size[0] or height == size[1], "as large as it fits"
    assert width / height == pytest.approx(shape[1] / shape[0], rel=0.05) or min(width, height) < 20
    assert abs(rows.min() - (size[1] - 1 - rows.max())) <= 1
    assert abs(columns.min() - (size[0] - 1 - columns.max())) <= 1


def test_a_change_of_size_in_the_stream_is_followed(view):
    show(view, np.full((100, 200), 200, np.uint8), size=(400, 400), guidance=False)
    show(view, np.full((200, 100), 100, np.uint8), size=(400, 400), guidance=False)
    image = painted(view)
    assert (image[:, 100:300] == 100).all()
    assert not image[:, :100].any()


def test_real_video_is_shown_as_decoded(view, data_dir):
    for pixels in video_images(data_dir / "us_video" / "butterfly-ocular-phantom.mp4", 3):
        show(view, pixels, guidance=False)
        np.testing.assert_array_equal(painted(view), pixels)
