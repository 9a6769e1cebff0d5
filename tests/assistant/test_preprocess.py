"""Preprocessing against the definition written out in NumPy."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.model_contracts import Preprocessing
from assistant.preprocess import Preprocessor, normalised

WHOLE = (0.0, 0.0, 1.0, 1.0)


def image(height, width, channels=3, seed=0):
    shape = (height, width, 3) if channels == 3 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def naive(pixels, rect, height, width):
    """Grey, crop, and the mean of each block of pixels: area resize by a whole ratio."""
    grey = np.rint(pixels @ [0.299, 0.587, 0.114]) if pixels.ndim == 3 else pixels.astype(float)
    top, left, bottom, right = rect
    crop = grey[top:bottom, left:right]
    return crop.reshape(height, crop.shape[0] // height, width, crop.shape[1] // width).mean(axis=(1, 3))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ratio", [1, 2, 5])
def test_equals_the_definition_for_whole_ratios(channels, ratio):
    pixels = image(16 * ratio * 2, 24 * ratio * 2, channels)
    spec = Preprocessing((0.25, 0.25, 0.75, 0.75), 16, 24, "fixed", mean=100.0, std=40.0)
    rect = (8 * ratio, 12 * ratio, 24 * ratio, 36 * ratio)
    preprocess = Preprocessor(spec)
    assert preprocess.crop_rect_px(*pixels.shape[:2]) == rect
    found = preprocess(pixels)
    assert found.shape == (1, 1, 16, 24)
    assert found.dtype == np.float32
    # Grey is rounded once and the mean of a block once: at most one grey level in all.
    np.testing.assert_allclose(found[0, 0] * 40 + 100, naive(pixels, rect, 16, 24), atol=1.01)
    assert abs(float(found.mean()) * 40 + 100 - naive(pixels, rect, 16, 24).mean()) < 0.2


def test_colour_order_is_rgb():
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    found = Preprocessor(Preprocessing(WHOLE, 8, 8, mean=0.0, std=1.0))(red)
    assert found[0, 0, 0, 0] == round(0.299 * 200)


def test_image_normalisation_has_mean_zero_and_the_scale_as_deviation():
    found = Preprocessor(Preprocessing(WHOLE, 32, 40, "image", scale=255.0))(image(64, 80))
    assert abs(found.mean()) < 0.01
    assert found.std() == pytest.approx(255.0, rel=1e-4)


@pytest.mark.parametrize("level", [0, 255])
def test_flat_image_becomes_zero_not_infinite(level):
    found = Preprocessor(Preprocessing(WHOLE, 32, 40, "image", scale=255.0))(np.full((64, 80), level, np.uint8))
    assert (found == 0).all()


def test_out_is_filled_and_fresh_arrays_are_the_callers_own():
    preprocess = Preprocessor(Preprocessing(WHOLE, 8, 8))
    out = np.full((1, 1, 8, 8), np.nan, np.float32)
    assert preprocess(image(20, 30), out=out) is out
    kept = out.copy()
    fresh = preprocess(image(20, 30, seed=1))
    np.testing.assert_array_equal(out, kept)
    assert not np.array_equal(fresh, kept)
    np.testing.assert_array_equal(preprocess(image(20, 30)), kept)


def test_does_not_write_to_the_image():
    pixels = image(20, 30)
    pixels.flags.writeable = False
    Preprocessor(Preprocessing((0.1, 0.1, 0.8, 0.8), 8, 8))(pixels)


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    crop=st.tuples(*[st.floats(0, 1)] * 4).filter(lambda c: c[0] < c[2] and c[1] < c[3]),
)
def test_crop_stays_inside_and_is_never_empty(height, width, crop):
    preprocess = Preprocessor(Preprocessing(crop, 8, 8))
    top, left, bottom, right = preprocess.crop_rect_px(height, width)
    assert 0 <= top < bottom <= height
    assert 0 <= left < right <= width
    assert np.isfinite(preprocess(np.zeros((height, width), np.uint8))).all()


def test_frames_that_training_keeps_become_what_live_gives():
    """Resize now and normalise later, many at once, is bit for bit what a live frame goes through."""
    spec = Preprocessing((0.1, 0.2, 0.9, 0.7), 24, 32, mean=93.7, std=41.3)
    preprocess = Preprocessor(spec)
    images = [image(90, 130, seed=seed) for seed in range(4)]
    kept = np.stack([preprocess.resized(each).copy() for each in images])
    live = np.concatenate([preprocess(each) for each in images])
    np.testing.assert_array_equal(normalised(kept[:, None], spec), live)


def test_image_normalisation_of_several_at_once_is_refused():
    with pytest.raises(ValueError, match="one image"):
        normalised(np.zeros((2, 8, 8), np.uint8), Preprocessing(WHOLE, 8, 8, "image"))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("normalisation", ["fixed", "image"])
def test_nothing_is_allocated_from_frame_to_frame(channels, normalisation):
    """The frame has 1.3 million pixels; what is left are Python's own small objects."""
    preprocess = Preprocessor(Preprocessing((0.1, 0.1, 0.9, 0.9), 224, 288, normalisation, scale=2.0))
    out = np.empty((1, 1, 224, 288), np.float32)
    pixels = image(1024, 1280, channels)
    preprocess(pixels, out=out)
    buffer = preprocess.resized(pixels)
    tracemalloc.start()
    try:
        for _ in range(5):
            preprocess(pixels, out=out)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4096
    assert preprocess.resized(pixels) is buffer
    assert out[0, 0].std() > 0


def test_another_size_of_image_needs_no_new_preprocessor():
    preprocess = Preprocessor(Preprocessing(WHOLE, 8, 8))
    for height, width in ((40, 60), (20, 30), (40, 60)):
        fresh = Preprocessor(Preprocessing(WHOLE, 8, 8))(image(height, width))
        np.testing.assert_array_equal(preprocess(image(height, width)), fresh)
