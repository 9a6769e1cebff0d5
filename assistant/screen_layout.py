"""Where the ultrasound image stands on a machine's screen: from one picture, by its texture alone.

Everything is looked at on a sparse copy of the screen (``Glance``), about 200 pixels high: each pixel of it is one of
the screen's own, never a mean, so that speckle stays speckle and a flat panel stays flat. Words and ticks are one pixel
thin there and fall away. Runs on the inference thread, for every frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from assistant.contracts import UInt8Array

Mask = npt.NDArray[np.uint8]
"""0 or 255 (or 0 or 1 where it says so) for each pixel of a glance."""

GLANCE_ROWS = 200
"""A glance has at least so many rows, and less than twice as many, where the screen has them."""

LIT_GREY = 12
"""Darker is nothing: background of a screen, or fluid."""

TEXTURE_GREY = 3
"""A neighbourhood of 3x3 pixels whose grey levels span no more is a drawn surface, not an echo."""

SOFT_GREY = 60
"""Black speckle varies by less than this from pixel to pixel; letters on black by more."""

_LEAST_SIDE = 0.10
"""Of the screen's height and width: what is smaller is a word, a thumbnail or a scale, not an image."""

_BROAD = 21
"""Pixels of a glance: what is narrower each way is no part of the field of view."""

_LEAST_LEAN_DEG, _MOST_LEAN_DEG = 8.0, 75.0
"""Of a sector's edge against the vertical."""

_EDGE_ROWS = 12
"""At least so many rows of a glance make an edge."""

Rect = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels, half open."""


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """A screen at a glance.

    Attributes:
        step_px: each ``step_px``-th row and column of the screen is in it.
        grey: ``(h, w)`` uint8.
        colour: ``(h, w, 3)`` uint8 luma and chroma (Y, Cr, Cb; 128 is no colour), or None for a grey screen.
        tissue: 255 where echoes are.
        flat: 255 where a surface is that is drawn and lit: a panel, a menu.
    """

    step_px: int
    grey: UInt8Array
    colour: UInt8Array | None
    tissue: Mask
    flat: Mask


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the screen that shows echoes, in pixels of the glance: its rectangle, and how many pixels it covers."""

    rect: Rect
    area: int

    @property
    def height(self) -> int:
        return self.rect[2] - self.rect[0]

    @property
    def width(self) -> int:
        return self.rect[3] - self.rect[1]


@dataclass(frozen=True, slots=True)
class ScreenLayout:
    """Where the image stands and what shape its field of view has.

    Attributes:
        screen_px: height and width of the screen.
        rect_px: the image's rectangle on the screen.
        outline: corners of the convex field of view, x and y in pixels of the screen, clockwise: the sector's mask.
        edges_deg: angles of its left and right edge against the vertical, outwards positive; None for an edge that
            does not show. About 0 both: a linear probe, or an image that is magnified until it fills its rectangle.
    """

    screen_px: tuple[int, int]
    rect_px: Rect
    outline: tuple[tuple[int, int], ...]
    edges_deg: tuple[float | None, float | None]

    @property
    def shape(self) -> str:
        """``sector`` when both edges (or the one that shows) lean outwards, else ``rectangle``."""
        shown = [edge for edge in self.edges_deg if edge is not None]
        return "sector" if shown and min(shown) > _LEAST_LEAN_DEG else "rectangle"

    def mask(self) -> Mask:
        """``(height, width)`` uint8: 1 inside the field of view."""
        mask = np.zeros(self.screen_px, np.uint8)
        cv2.fillConvexPoly(mask, np.array(self.outline, np.int32), (1,))
        return mask

    def overlap(self, other: ScreenLayout) -> float:
        """Intersection over union of the two fields of view, in [0, 1]; 0 for screens of different sizes."""
        if self.screen_px != other.screen_px:
            return 0.0
        step = max(1, self.screen_px[0] // GLANCE_ROWS)
        masks = []
        for layout in (self, other):
            mask = np.zeros((self.screen_px[0] // step + 1, self.screen_px[1] // step + 1), np.uint8)
            masks.append(cv2.fillConvexPoly(mask, np.array(layout.outline, np.int32) // step, (1,)))
        either = cv2.countNonZero(cv2.bitwise_or(*masks))
        return cv2.countNonZero(cv2.bitwise_and(*masks)) / max(either, 1)


def above(image: npt.NDArray[np.generic], level: float) -> Mask:
    """255 where a uint8 image is above a level."""
    return np.asarray(cv2.threshold(np.asarray(image, np.uint8), level, 255, cv2.THRESH_BINARY)[1], np.uint8)


def glance_at(pixels: UInt8Array) -> Glance:
    """Look at a screen, ``(H, W, 3)`` uint8 RGB or ``(H, W)`` uint8."""
    step_px = max(1, pixels.shape[0] // GLANCE_ROWS)
    sparse = np.ascontiguousarray(pixels[step_px // 2 :: step_px, step_px // 2 :: step_px])
    colour = None
    if sparse.ndim == 3:
        colour = np.asarray(cv2.cvtColor(sparse, cv2.COLOR_RGB2YCrCb), np.uint8)
        grey = np.ascontiguousarray(colour[:, :, 0])
    else:
        grey = sparse
    square = np.ones((3, 3), np.uint8)
    span = cv2.subtract(cv2.dilate(grey, square), cv2.erode(grey, square))
    lit, textured = above(grey, LIT_GREY), above(span, TEXTURE_GREY)
    # Most of a neighbourhood must be textured, and lit unless it varies softly: speckle is, words on black are not.
    echo = cv2.bitwise_and(textured, cv2.bitwise_or(lit, cv2.bitwise_not(above(span, SOFT_GREY))))
    dense = above(cv2.blur(echo, (7, 7)), 140)
    tissue = cv2.morphologyEx(dense, cv2.MORPH_OPEN, np.ones((13, 13), np.uint8))
    flat = cv2.bitwise_and(lit, cv2.bitwise_not(textured))
    return Glance(step_px, grey, colour, np.asarray(tissue, np.uint8), np.asarray(flat, np.uint8))


def regions(tissue: Mask) -> list[Region]:
    """Parts that show echoes and are large enough for an image, the largest first."""
    height, width = tissue.shape
    # Every second pixel is enough for what is at least 13 wide and high, and takes a quarter of the time.
    half = np.ascontiguousarray(tissue[::2, ::2])
    count, _, stats, _ = cv2.connectedComponentsWithStats(half, connectivity=4, ltype=cv2.CV_16U)
    found = []
    for left, top, wide, high, area in (stats[1:count] * (2, 2, 2, 2, 4)).tolist():
        high, wide = min(high, height - top), min(wide, width - left)
        if high >= _LEAST_SIDE * height and wide >= _LEAST_SIDE * width:
            found.append(Region((top, left, top + high, left + wide), area))
    return sorted(found, key=lambda region: -region.area)


def find_layout(glance: Glance, screen_px: tuple[int, int], tissue: Mask | None = None) -> ScreenLayout | None:
    """The layout of a screen that shows one image; None when there is no echo on it.

    Args:
        glance: at the screen.
        screen_px: height and width of the screen.
        tissue: where echoes were seen over some time; the glance's own when None.
    """
    seen = glance.tissue if tissue is None else tissue
    # Logos and lines of words that touch the image are no part of it.
    broad = np.asarray(cv2.morphologyEx(seen, cv2.MORPH_OPEN, np.ones((_BROAD, _BROAD), np.uint8)), np.uint8)
    parts = regions(broad)
    seen = broad if parts else seen
    parts = parts or regions(seen)
    if not parts:
        return None
    # Fluid may cut an image in two; what lies beside the largest part and is much smaller belongs to it all the same.
    top, left, bottom, right = parts[0].rect
    for part in parts[1:]:
        if part.area < 0.5 * parts[0].area:
            top, left = min(top, part.rect[0]), min(left, part.rect[1])
            bottom, right = max(bottom, part.rect[2]), max(right, part.rect[3])
    inside = seen[top:bottom, left:right]
    hull = _hull(inside)
    step = glance.step_px
    corners = tuple((int(x + left) * step + step // 2, int(y + top) * step + step // 2) for x, y in hull)
    rect_px = (top * step, left * step, min(bottom * step, screen_px[0]), min(right * step, screen_px[1]))
    return ScreenLayout(screen_px, rect_px, corners, _edges_deg(hull, inside.shape[1]))


def _hull(inside: Mask) -> npt.NDArray[np.int32]:
    """``(n, 2)`` corners of the convex hull of what is lit, x and y; the ends of each row are enough to know it."""
    lit = inside > 0
    rows = np.flatnonzero(lit.any(axis=1))
    ends = (lit.argmax(axis=1)[rows], inside.shape[1] - 1 - lit[:, ::-1].argmax(axis=1)[rows])
    points = np.concatenate([np.stack([end, rows], axis=1) for end in ends]).astype(np.int32)
    return np.asarray(cv2.convexHull(points), np.int32).reshape(-1, 2)


def _edges_deg(hull: npt.NDArray[np.int32], width: int) -> tuple[float | None, float | None]:
    """Angles of the left and right edge of a hull: its longest side there that leans, else the longest."""
    middle = 0.5 * width
    sides: tuple[list[tuple[bool, float, float]], ...] = ([], [])
    for one, two in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        (x0, y0), (x1, y1) = (one, two) if one[1] <= two[1] else (two, one)
        right = 0.5 * (x0 + x1) > middle
        angle = float(np.degrees(np.arctan2((x1 - x0) if right else (x0 - x1), y1 - y0)))
        if y1 - y0 >= _EDGE_ROWS:
            sides[int(right)].append((_LEAST_LEAN_DEG < angle < _MOST_LEAN_DEG, y1 - y0, round(angle, 1)))
    left_deg, right_deg = (max(side)[2] if side else None for side in sides)
    return left_deg, right_deg
