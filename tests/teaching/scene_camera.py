"""A scene camera that looks at a monitor with markers: what it would picture, and where a point of the monitor lies.

Matrix and distortion are of the size that a Neon reports (1600x1200, about 100 degrees wide); the picture is sampled
through the inverse of the lens, softened and made noisy, as a camera's is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from assistant.contracts import UInt8Array
from assistant.teaching.scene_markers import (
    QUIET_MODULES,
    TAG_MODULES,
    TAGS,
    Float64Array,
    Lens,
    Markers,
    tag_picture,
)

SCREEN_PX = (1920, 1080)
SCREEN_MM = (531.0, 299.0)
MODULE_PX = 12
NEON = Lens(
    np.array([[890.0, 0, 800], [0, 890, 600], [0, 0, 1]]),
    np.array([-0.13, 0.11, 0.0, 0.0, 0.0, 0.17, 0.05, 0.02]),
)


def corner_markers(screen_px: tuple[int, int] = SCREEN_PX, module_px: int = MODULE_PX) -> Markers:
    """A marker in each corner of the screen."""
    side, quiet = float(TAG_MODULES * module_px), float(QUIET_MODULES * module_px)
    right, bottom = screen_px[0] - quiet - side, screen_px[1] - quiet - side
    places = ((quiet, quiet), (right, quiet), (right, bottom), (quiet, bottom))
    return Markers(screen_px, tuple((tag, *place, side) for tag, place in zip(TAGS, places, strict=True)))


def screen_picture(markers: Markers, *, hidden: tuple[int, ...] = ()) -> UInt8Array:
    """``(h, w)`` a dark screen with a bright fan of speckle in its middle, and the markers but the hidden ones."""
    width, height = (int(size) for size in markers.monitor_px)
    picture = np.full((height, width), 16, np.uint8)
    speckle = np.random.default_rng(3).rayleigh(40, (height // 2, width // 2)).clip(0, 255)
    picture[height // 4 : height // 4 + height // 2, width // 4 : width // 4 + width // 2] = speckle.astype(np.uint8)
    for tag, left, top, side in markers.squares_px:
        if tag in hidden:
            continue
        module = round(side) // TAG_MODULES
        quiet = QUIET_MODULES * module
        x, y, size = round(left), round(top), round(side)
        picture[max(y - quiet, 0) : y + size + quiet, max(x - quiet, 0) : x + size + quiet] = 235
        bits = np.kron(tag_picture(tag), np.ones((module, module), np.uint8))
        picture[y : y + size, x : x + size] = np.where(bits > 0, 235, 16)
    return picture


@dataclass
class SceneCamera:
    """Pictures of ``screen``, ``(h, w)``.

    Args:
        screen: what the monitor shows.
        lens: of the camera; None: one without distortion, which says nothing of itself.
        size_px: of the pictures.
        scale: of lens and picture against the full size.
    """

    screen: UInt8Array
    lens: Lens | None = None
    size_px: tuple[int, int] = (1600, 1200)
    noise: float = 3.0
    _rays: dict[str, Float64Array] = field(default_factory=dict)

    @property
    def real_lens(self) -> Lens:
        """The one that pictures are taken with."""
        share = self.size_px[0] / 1600
        matrix = np.diag([share, share, 1.0]) @ NEON.matrix
        return Lens(matrix, np.zeros(5) if self.lens is None else self.lens.distortion)

    def pose(self, distance_mm: float, turned_deg: tuple[float, float, float], aside_mm: tuple[float, float] = (0, 0)):
        """``(3, 3)`` from pixels of the screen to rays of the camera.

        Args:
            distance_mm: of the screen's middle.
            turned_deg: pitch, yaw and roll of the head.
            aside_mm: how far the head is beside the screen's middle.
        """
        per_px = SCREEN_MM[0] / self.screen.shape[1]
        height, width = self.screen.shape
        plane = np.array([[per_px, 0, -per_px * width / 2], [0, per_px, -per_px * height / 2], [0, 0, 1]])
        pitch, yaw, roll = np.radians(turned_deg)
        turn = cv2.Rodrigues(np.array([pitch, 0, 0.0]))[0] @ cv2.Rodrigues(np.array([0, yaw, 0.0]))[0]
        turn = cv2.Rodrigues(np.array([0, 0, roll]))[0] @ turn
        shift = np.array([aside_mm[0], aside_mm[1], distance_mm])
        return turn @ np.column_stack([np.eye(3)[:, 0], np.eye(3)[:, 1], shift]) @ plane

    def picture(self, pose: Float64Array) -> UInt8Array:
        """``(h, w)`` what the camera sees."""
        width, height = self.size_px
        if "all" not in self._rays:
            x, y = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
            lens = self.real_lens
            bent = np.stack([x, y], -1).reshape(-1, 1, 2)
            straight = cv2.undistortPoints(bent, lens.matrix, lens.distortion).reshape(-1, 2)
            self._rays["all"] = np.column_stack([straight, np.ones(len(straight))])
        led = self._rays["all"] @ np.linalg.inv(pose).T
        # Screens are counted from the edge of the first pixel, remap from its centre.
        at = (led[:, :2] / led[:, 2:] - 0.5).astype(np.float32).reshape(height, width, 2)
        # The screen is softened first, so that a camera with fewer pixels does not alias.
        share = SCREEN_MM[0] / self.screen.shape[1] * self.real_lens.matrix[0, 0] / 600
        soft = cv2.GaussianBlur(self.screen, (0, 0), max(0.5 / share, 0.3))
        seen = cv2.remap(soft, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderValue=90)
        noisy = seen + np.random.default_rng(1).normal(0, self.noise, seen.shape)
        return noisy.clip(0, 255).astype(np.uint8)

    def scene_px(self, pose: Float64Array, screen_px: Float64Array) -> Float64Array:
        """``(n, 2)`` where points of the screen, ``(n, 2)`` in its pixels, lie in the picture."""
        rays = np.column_stack([screen_px, np.ones(len(screen_px))]) @ pose.T
        lens = self.real_lens
        found, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), lens.matrix, lens.distortion)
        return found.reshape(-1, 2)
