"""The heatmap's colours, measured by formulas that the code does not use."""

import numpy as np
import pytest

from tests.ui.scripted_run import gaze_blob
from ui.colormap import heat_colours, heat_lookup, heat_picture

# Vienot, Brettel & Mollon 1999: what a dichromat sees, on linear RGB.
DICHROMATS = {
    "deuteranopia": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
    "protanopia": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
}


def linear(srgb):
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def cielab(linear_rgb):
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear_rgb @ to_xyz.T / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def test_steps_are_even_to_the_eye():
    to_lms = np.array(
        [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
         [0.0883024619, 0.2817188376, 0.6299787005]]
    )  # fmt: skip
    to_lab = np.array(
        [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
         [0.0259040371, 0.7827717662, -0.8086757660]]
    )  # fmt: skip
    oklab = np.cbrt(linear(heat_colours()) @ to_lms.T) @ to_lab.T
    steps = np.linalg.norm(np.diff(oklab, axis=0), axis=1)
    assert steps.std() / steps.mean() < 0.05


@pytest.mark.parametrize("vision", ["full", *DICHROMATS])
def test_lightness_rises_for_every_eye(vision):
    seen = linear(heat_colours())
    if vision in DICHROMATS:
        seen = (seen @ np.array(DICHROMATS[vision]).T).clip(0, 1)
    lightness = cielab(seen)[::8, 0]  # a quarter of a just noticeable difference apart at least
    assert (np.diff(lightness) > 0.5).all()
    assert lightness[-1] - lightness[0] > 45


def test_colour_is_premultiplied_and_low_density_is_clear():
    lookup = heat_lookup().astype(int)
    assert (lookup[:, :3] <= lookup[:, 3:]).all()
    assert (lookup[:25] == 0).all()
    assert 120 < lookup[-1, 3] < 200, "the image must show through"
    assert (np.diff(lookup[:, 3]) >= 0).all()


def test_a_peak_is_painted_where_it_is():
    picture = heat_picture(gaze_blob(56, 72, x=0.25, y=0.75))
    row, column = np.unravel_index(picture[..., 1:3].astype(int).sum(axis=2).argmax(), picture.shape[:2])
    assert (row / picture.shape[0], column / picture.shape[1]) == pytest.approx((0.75, 0.25), abs=0.03)
    assert not picture[0, -1].any()


def test_a_flat_map_stays_nearly_invisible():
    assert heat_picture(np.full((28, 36), 1 / (28 * 36), np.float32))[..., 3].max() <= 12


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_what_is_no_density_gives_no_picture(value):
    gaze_map = gaze_blob()
    gaze_map[...] = 0.0
    gaze_map[3, 3] = value
    assert heat_picture(gaze_map) is None
