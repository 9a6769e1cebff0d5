"""Finds what a machine or an operator drew over an image, and paints it out; or says why the image must go.

Calipers, dotted ellipses, typed words and coloured overlays give the plane away, so a network that sees them learns to
read instead of to look. What is drawn is sharper than any echo: its strokes are one to four pixels wide with an edge of
one pixel, where speckle and tissue are blurred by the beam. The same holds for the settings printed beside the sector
(a preset called "Cardiac" names the plane too). Pure functions, any thread.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from assistant.contracts import UInt8Array

BoolArray = npt.NDArray[np.bool_]

# Chosen on the software scanner and on HC18; scripts/bench_burned_in.py measures what they give.
_GROW = 45
"""Grey levels above the opening by 5x5 that a stroke has along its whole length."""
_SHARP, _SHARPEST = 60, 100
"""Grey levels above the opening by 3x3 that it has somewhere; from the second on, it may be as wide as it likes."""
_FINE = 0.5
"""Between the two, the mean contrast at 3x3 must be this share of that at 5x5: thin echoes are wider than dots."""
_COLOUR = 40
"""Difference of two channels, against the image's own tint, from which a pixel is coloured."""
_TINT_BINS = 16
_CLOSED_PX = 5
"""Gaps up to this are found too: the inside of a letter."""
_SOLID, _FLAT = 200, 4
"""A patch this bright whose levels differ by no more, and that touches a stroke, is the ground of a boxed word."""
_MARGIN_PX = 1
"""Around what is found: the soft edge of smoothed letters and of compressed video."""

_MAX_SHARE = 0.08
"""Largest share of the image that is painted out."""
_MAX_RADIUS_SHARE = 0.03
"""Radius of the largest disc that is made up, as a share of the image's shorter side."""
_SOLID_RADIUS_SHARE = 0.025
"""From a solid bright disc of this radius on, it is no echo: skulls stay under 0.015 (HC18)."""
_BLACK = 24
"""Up to this grey level, an image shows nothing."""
_MIN_SIDE_PX = 32


@dataclass(frozen=True, slots=True, eq=False)
class Cleaned:
    """An image without what was drawn over it.

    Attributes:
        image: of the same shape as the one given, uint8; where nothing was found, the same pixels.
        found: ``(H, W)`` bool, the pixels that were painted out.
    """

    image: UInt8Array
    found: BoolArray


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an image cannot be cleaned; for a list that people read.

    Attributes:
        kind: in a few words, the same for all images of the kind.
        reason: the same with this image's figures.
    """

    kind: str
    reason: str


def clean(image: UInt8Array) -> Cleaned | Rejection:
    """Paint out what is drawn over an image (Telea 2004), or refuse where too much would have to be made up.

    Args:
        image: ``(H, W)`` uint8 grey or ``(H, W, 3)`` uint8 RGB; the sector with or without its surroundings, at the
            resolution at which it was captured: a smaller copy has lost the edges that this looks for.
    """
    height_px, width_px = image.shape[:2]
    if min(height_px, width_px) < _MIN_SIDE_PX:
        return Rejection(
            "too small", f"the image has {width_px}x{height_px} pixels, expected at least {_MIN_SIDE_PX} each way"
        )
    grey = _grey(image)
    solid_px = float(cv2.distanceTransform(_solid(grey), cv2.DIST_L2, 3).max())
    if solid_px > _SOLID_RADIUS_SHARE * min(height_px, width_px):
        return Rejection(
            "a solid bright patch",
            f"a solid bright patch of {2 * solid_px:.0f} pixels across: colour Doppler in a grey copy, or a filled box",
        )
    found = find_drawn(image)
    if not found.any():
        return Cleaned(image, found)
    share = float(found.mean())
    if share > _MAX_SHARE:
        return Rejection(
            "much is drawn over",
            f"{share:.0%} of the image is drawn over or coloured, expected at most {_MAX_SHARE:.0%}",
        )
    painted = cv2.inpaint(np.ascontiguousarray(image), found.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    # Where black was painted (print beside the sector), nothing was made up.
    made_up = found & (painted.reshape(height_px, width_px, -1).max(axis=2) > _BLACK)
    radius_px = float(cv2.distanceTransform(made_up.astype(np.uint8), cv2.DIST_L2, 3).max())
    if radius_px > _MAX_RADIUS_SHARE * min(height_px, width_px):
        return Rejection(
            "a large drawn or coloured area",
            f"a drawn or coloured area of {2 * radius_px:.0f} pixels across is too large to be painted out",
        )
    return Cleaned(painted.astype(np.uint8, copy=False), found)


def find_drawn(image: UInt8Array) -> BoolArray:
    """``(H, W)`` bool: strokes and coloured pixels, with a margin around them.

    Args:
        image: as for ``clean``.
    """
    grey = _grey(image)
    found = find_strokes(grey)
    if image.ndim == 3:
        found |= find_coloured(image, grey)
    if not found.any():
        return found
    # Closed first: a letter's inside and the gaps of a boxed digit belong to it.
    closed = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((_CLOSED_PX, _CLOSED_PX), np.uint8))
    side = 2 * _MARGIN_PX + 1
    return cv2.dilate(closed, np.ones((side, side), np.uint8)) > 0


def find_strokes(grey: UInt8Array) -> BoolArray:
    """Connected bright strokes of ``(H, W)`` uint8 that are sharp, as ``(H, W)`` bool.

    The contrast of a stroke is what the opening of the image takes away (white top-hat, Meyer 1979): by 5x5 all strokes
    of up to four pixels, by 3x3 those of up to two. An echo keeps part of its brightness under both, since it fades out
    over several pixels.
    """
    fine, wide = (cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((side, side), np.uint8)) for side in (3, 5))
    count, labels = cv2.connectedComponents((wide >= _GROW).astype(np.uint8), connectivity=8)
    rows, columns = np.nonzero(labels)
    of = labels[rows, columns].astype(np.int64)
    fine_of, wide_of = (contrast[rows, columns].astype(np.int64) for contrast in (fine, wide))
    sharpest = np.zeros(count, np.int64)
    np.maximum.at(sharpest, of, fine_of)
    fineness = np.bincount(of, fine_of, count) / np.maximum(np.bincount(of, wide_of, count), 1.0)
    drawn = (sharpest >= _SHARPEST) | ((sharpest >= _SHARP) & (fineness > _FINE))
    drawn[0] = False  # the rest of the image
    return _with_solid(grey, np.asarray(drawn[labels]))


def _with_solid(grey: UInt8Array, strokes: BoolArray) -> BoolArray:
    """The strokes, and the solid bright patches that they touch."""
    solid = _solid(grey)
    if not solid.any() or not strokes.any():
        return strokes
    square = np.ones((3, 3), np.uint8)
    count, labels = cv2.connectedComponents(cv2.dilate(solid, square), connectivity=8)  # its border is not flat
    touched = np.zeros(count, np.bool_)
    touched[labels[cv2.dilate(strokes.astype(np.uint8), square) > 0]] = True
    touched[0] = False
    return np.asarray(strokes | touched[labels])


def _solid(grey: UInt8Array) -> UInt8Array:
    """1 inside bright patches of one level, else 0."""
    contrast = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return ((contrast <= _FLAT) & (grey >= _SOLID)).astype(np.uint8)


def _grey(image: UInt8Array) -> UInt8Array:
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)


def find_coloured(image: UInt8Array, grey: UInt8Array) -> BoolArray:
    """Pixels of another colour than the image's own tint, ``(H, W)`` bool.

    Many machines tint the grey scale; so red minus green and blue minus green are compared with their medians among
    pixels that are as bright.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        grey: ``(H, W)`` uint8, its luma.
    """
    green = image[:, :, 1].astype(np.int16)
    level = (grey.astype(np.int64) * _TINT_BINS) // 256
    coloured: BoolArray = np.zeros(grey.shape, np.bool_)
    for channel in (0, 2):
        difference = image[:, :, channel] - green
        tint = np.zeros(_TINT_BINS, np.int16)
        for number in range(_TINT_BINS):
            here = difference[::4, ::4][level[::4, ::4] == number]  # enough for a median
            tint[number] = np.median(here) if len(here) else 0
        coloured |= np.abs(difference - tint[level]) >= _COLOUR
    return coloured
