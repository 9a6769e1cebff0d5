"""From a scene camera's pixels to the monitor, by markers that the window shows around the image.

Four AprilTags of the family 36h11 (Olson 2011, "AprilTag: A robust and flexible visual fiducial system"). From the
corners of those that a picture shows, at least two, a homography leads from the scene to the monitor (Hartley and
Zisserman 2004, 4.1), in pixels freed of the lens's distortion where the device says what that is. Where nothing leads
there is no point: nothing is guessed. Pure; any thread, one ``ScreenFinder`` by one thread at a time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
import numpy.typing as npt

from assistant.contracts import UInt8Array

Float64Array = npt.NDArray[np.float64]

TAGS = (100, 101, 102, 103)
"""Top left, top right, bottom right, bottom left; of the family's 587, none that a kit's printed sheets begin with."""
TAG_MODULES = 8
"""Black border included."""
QUIET_MODULES = 1
"""White around the tag on each side."""
LEAST_MARKERS = 2
"""One marker alone leads astray at the other end of the monitor."""
MOST_RESIDUAL = 0.08
"""Root mean square of how far the corners lie beside their place, in sides of a marker; above, something is wrong."""
MARKERS_VALID_NS = 100_000_000
"""Gaze is led by the pictures before and after it when they are at most so far apart: heads turn."""

_FAMILY = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)


@dataclass(frozen=True, slots=True)
class Markers:
    """Where the markers stand on the monitor, all in the monitor's own (device) pixels.

    Attributes:
        monitor_px: width and height of the monitor.
        squares_px: tag, left, top and side of each black square, without the white around it.
    """

    monitor_px: tuple[float, float]
    squares_px: tuple[tuple[int, float, float, float], ...]


@runtime_checkable
class SeesMarkers(Protocol):
    """What a gaze device is besides when its scene camera needs markers on the monitor."""

    @property
    def markers_seen(self) -> int:
        """How many of them the newest picture shows; 0 before the first. From any thread."""
        ...

    def look_for(self, markers: Markers | None) -> None:
        """They stand there from now on; None: none are shown. From any thread."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Lens:
    """The scene camera's intrinsics, as OpenCV defines them.

    Attributes:
        matrix: ``(3, 3)``, in pixels.
        distortion: ``(n,)`` coefficients, n one of 4, 5, 8, 12, 14.
    """

    matrix: Float64Array
    distortion: Float64Array

    def straightened(self, points_px: Float64Array) -> Float64Array:
        """``(n, 2)`` where the points would lie in a camera with this matrix and no distortion."""
        until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-9)
        bent = np.ascontiguousarray(points_px, np.float64).reshape(-1, 1, 2)
        found = cv2.undistortPointsIter(bent, self.matrix, self.distortion, np.eye(3), self.matrix, until)
        return np.asarray(found, np.float64).reshape(-1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What one picture of the scene camera shows.

    Attributes:
        captured_ns: when it was taken, on the clock of the gaze.
        seen: how many of the markers.
        to_monitor: ``(3, 3)`` from straightened pixels to pixels of the monitor; None when it cannot be told.
        monitor_px: width and height of the monitor.
    """

    captured_ns: int
    seen: int
    to_monitor: Float64Array | None = None
    monitor_px: tuple[float, float] = (1.0, 1.0)

    def lead(self, straight_px: Float64Array) -> Float64Array | None:
        """``(2,)`` in [0, 1] of the monitor; None where no point of its plane is seen."""
        if self.to_monitor is None:
            return None
        x, y, depth = self.to_monitor @ np.array([straight_px[0], straight_px[1], 1.0])
        return None if depth <= 0 else np.array([x, y]) / depth / np.array(self.monitor_px)


def tag_picture(tag: int) -> UInt8Array:
    """``(TAG_MODULES, TAG_MODULES)`` 0 or 255, one pixel a module, black border included."""
    return np.asarray(cv2.aruco.generateImageMarker(_FAMILY, tag, TAG_MODULES), np.uint8)


class ScreenFinder:
    """Finds the monitor in pictures of a scene camera."""

    def __init__(self, lens: Lens | None) -> None:
        self._lens = lens
        settings = cv2.aruco.DetectorParameters()
        settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        # One threshold in place of three takes 7 ms in place of 18 (1600x1200), and finds what they find.
        settings.adaptiveThreshWinSizeMin = settings.adaptiveThreshWinSizeMax = 23
        # By default the white square around a tag counts as the same one, and is tried in its place.
        settings.minMarkerDistanceRate = 0.05
        self._detector = cv2.aruco.ArucoDetector(_FAMILY, settings)

    def look(self, captured_ns: int, grey: UInt8Array, markers: Markers | None) -> Sight:
        """What ``grey``, ``(h, w)``, shows of the markers."""
        if markers is None:
            return Sight(captured_ns, 0)
        corners, tags, _ = self._detector.detectMarkers(grey)
        seen = {} if tags is None else dict(zip(np.ravel(tags).tolist(), corners, strict=True))
        places = {tag: (left, top, side) for tag, left, top, side in markers.squares_px if tag in seen}
        if len(places) < LEAST_MARKERS:
            return Sight(captured_ns, len(places))
        in_scene = np.concatenate([np.reshape(seen[tag], (4, 2)) for tag in places]).astype(np.float64)
        on_monitor = np.concatenate([_corners(*place) for place in places.values()])
        if self._lens is not None:
            in_scene = self._lens.straightened(in_scene)
        side = float(np.mean([place[2] for place in places.values()]))
        to_monitor = _homography(in_scene, on_monitor, MOST_RESIDUAL * side)
        return Sight(captured_ns, len(places), to_monitor, markers.monitor_px)

    def straightened(self, x_px: float, y_px: float) -> Float64Array:
        """``(2,)`` a point of the scene without the lens's distortion."""
        point = np.array([[x_px, y_px]], np.float64)
        return np.asarray((point if self._lens is None else self._lens.straightened(point))[0], np.float64)


class SceneTrack:
    """Where the monitor stood in the last pictures, so that gaze between two of them is led by both.

    Times are on any one clock, pictures in their order. One thread at a time.
    """

    def __init__(self) -> None:
        self._sights: deque[Sight] = deque(maxlen=64)

    def add(self, sight: Sight) -> None:
        """The newest picture's."""
        self._sights.append(sight)

    def clear(self) -> None:
        """Forget all pictures."""
        self._sights.clear()

    def reaches(self, captured_ns: int) -> bool:
        """There is a picture of this moment, or after it."""
        return bool(self._sights) and self._sights[-1].captured_ns >= captured_ns

    def lead(self, captured_ns: int, straight_px: Float64Array) -> tuple[float, float] | None:
        """A point of the scene at a moment, in [0, 1] of the monitor.

        None unless the moment is that of a picture that leads there, or lies between two that do and are near enough.
        """
        leading = [sight for sight in self._sights if sight.to_monitor is not None]
        before = next((sight for sight in reversed(leading) if sight.captured_ns <= captured_ns), None)
        after = next((sight for sight in leading if sight.captured_ns >= captured_ns), None)
        if before is None or after is None or after.captured_ns - before.captured_ns > MARKERS_VALID_NS:
            return None
        first, second = before.lead(straight_px), after.lead(straight_px)
        if first is None or second is None:
            return None
        share = (captured_ns - before.captured_ns) / max(after.captured_ns - before.captured_ns, 1)
        x, y = first + share * (second - first)
        return float(x), float(y)


def _corners(left: float, top: float, side: float) -> Float64Array:
    """``(4, 2)`` in the detector's order: from the tag's own top left corner on, clockwise."""
    return np.array([(left, top), (left + side, top), (left + side, top + side), (left, top + side)], np.float64)


def _homography(in_scene: Float64Array, on_monitor: Float64Array, most_off_px: float) -> Float64Array | None:
    """``(3, 3)``, positive depth where the markers are; None when the corners do not fit one plane."""
    found, _ = cv2.findHomography(in_scene, on_monitor, 0)
    if found is None or not np.isfinite(found).all():
        return None
    led = np.column_stack([in_scene, np.ones(len(in_scene))]) @ np.asarray(found, np.float64).T
    depth = led[:, 2]
    if not ((depth > 0).all() or (depth < 0).all()):
        return None
    off_px = np.sqrt(np.mean(np.sum((led[:, :2] / depth[:, None] - on_monitor) ** 2, axis=1)))
    if off_px > most_off_px:
        return None
    return np.asarray(found * np.sign(depth[0]), np.float64)
