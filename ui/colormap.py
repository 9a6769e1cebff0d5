"""The colours of the gaze heatmap, and a gaze map as a picture with transparency. Pure arithmetic, on Qt's main thread.

The map runs from violet over red to yellow: no grey in it, so that it stands out from a B-mode image, and lightness
rises all the way, so that it reads the same with any colour vision. It is made even to the eye by construction: equal
steps of density are equal distances in OKLab (Ottosson 2020, "A perceptual color space for image processing").
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from assistant.contracts import Float32Array, UInt8Array

Float64Array = npt.NDArray[np.float64]

STEPS = 256
MAX_ALPHA = 0.62
"""The image shows through even where the density is highest."""
CLEAR_BELOW, FULL_FROM = 0.10, 0.55
"""Share of the highest density up to which the map is invisible, and from which it is painted with ``MAX_ALPHA``."""
PEAK_OVER_UNIFORM = 6.0
"""A map must be this many times denser than a flat one to reach the top colour: a flat map stays nearly invisible."""
SMOOTH_SIDE_CELLS = 160
"""The map is made this large before it is coloured, lest the few cells of a network's output show as facets."""

_OKLAB_TO_LMS = np.array(
    [[1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480]]
)
_LMS_TO_LINEAR_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


@cache
def heat_colours() -> Float64Array:
    """``(256, 3)`` sRGB in [0, 1], from the lowest density to the highest."""
    along = np.linspace(0.0, 1.0, 2048)
    lightness = np.interp(along, [0, 1], [0.36, 0.89])
    chroma = np.interp(along, [0, 0.35, 0.6, 1], [0.17, 0.24, 0.20, 0.19])
    hue = np.radians(np.interp(along, [0, 0.35, 0.6, 1], [295, 365, 405, 455]))
    low, high = np.zeros_like(chroma), chroma
    for _ in range(40):  # halving: the most chroma up to the wanted one that a screen can show
        linear, _ = _linear_rgb(lightness, chroma, hue)
        shown = ((linear >= 0.0) & (linear <= 1.0)).all(axis=1)
        low, high = np.where(shown, chroma, low), np.where(shown, high, chroma)
        chroma = (low + high) / 2
    linear, lab = _linear_rgb(lightness, low, hue)
    walked = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(lab, axis=0), axis=1))])
    even = np.linspace(0.0, walked[-1], STEPS)
    linear = np.stack([np.interp(even, walked, channel) for channel in linear.T], axis=1).clip(0.0, 1.0)
    srgb: Float64Array = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    srgb.flags.writeable = False  # one array for all who ask
    return srgb


def _linear_rgb(lightness: Float64Array, chroma: Float64Array, hue: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Linear RGB (out of [0, 1] where a screen cannot show it) and OKLab, each ``(n, 3)``."""
    lab: Float64Array = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    linear: Float64Array = (lab @ _OKLAB_TO_LMS.T) ** 3 @ _LMS_TO_LINEAR_RGB.T
    return linear, lab


@cache
def heat_lookup() -> UInt8Array:
    """``(256, 4)`` premultiplied BGRA (Qt's ``ARGB32_Premultiplied`` in memory): transparent at low density."""
    share = np.linspace(0.0, 1.0, STEPS)
    ramp = ((share - CLEAR_BELOW) / (FULL_FROM - CLEAR_BELOW)).clip(0.0, 1.0)
    alpha = MAX_ALPHA * ramp * ramp * (3.0 - 2.0 * ramp)
    bgra = np.concatenate([heat_colours()[:, ::-1] * alpha[:, None], alpha[:, None]], axis=1)
    lookup: UInt8Array = np.rint(bgra * 255.0).astype(np.uint8)
    lookup.flags.writeable = False
    return lookup


def heat_picture(gaze_map: Float32Array) -> UInt8Array | None:
    """The map in colour, at about ``SMOOTH_SIDE_CELLS``: small, to be scaled to where it is painted.

    Args:
        gaze_map: ``(h, w)`` float32 density, sums to 1.

    Returns:
        ``(h', w', 4)`` uint8 premultiplied BGRA, or None when the map holds no finite positive density.
    """
    peak = float(gaze_map.max(initial=0.0))
    if not np.isfinite(gaze_map).all() or peak <= 0.0:
        return None
    share = gaze_map / max(peak, PEAK_OVER_UNIFORM * float(gaze_map.mean()))
    enlarged = max(1.0, SMOOTH_SIDE_CELLS / max(share.shape))
    smooth = cv2.resize(share, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC)
    index = np.rint(smooth.clip(0.0, 1.0) * (STEPS - 1)).astype(np.uint8)
    colours: UInt8Array = heat_lookup()[index]
    return colours
