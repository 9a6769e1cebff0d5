"""Where the probe stands and what its sector covers: the one place that maps tissue to beams and beams to pixels.

Frames of reference
-------------------
- *Fetal frame*, millimetres: x to the fetus's left, y to its front, z to its head.
- *Probe frame*, millimetres: lateral (to the right on screen), axial (into the body, down on screen), normal (out of
  the image plane); the origin is the middle of the probe's face.
- *Screen*, pixels: as in ``assistant/contracts.py``.

Pure functions and values; used by whoever renders, labels or looks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.contracts import Float32Array

Float64Array = npt.NDArray[np.float64]

N_BEAMS = 160
N_SAMPLES = 384


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """The probe's position and orientation in the fetal frame.

    Attributes:
        focus_mm: ``(3,)`` the point under the middle of the probe that is looked at.
        rotation: ``(3, 3)`` orthonormal; its columns are the lateral, axial and normal directions.
        standoff_mm: depth of ``focus_mm`` below the probe's face.
    """

    focus_mm: Float64Array
    rotation: Float64Array
    standoff_mm: float

    @property
    def face_mm(self) -> Float64Array:
        """``(3,)`` the middle of the probe's face."""
        return self.focus_mm - self.standoff_mm * self.rotation[:, 1]

    @property
    def normal(self) -> Float64Array:
        """``(3,)`` unit normal of the image plane."""
        return self.rotation[:, 2]

    def to_probe_mm(self, point_mm: Float64Array) -> Float64Array:
        """``(3,)`` lateral, axial and out-of-plane coordinates of a point of the fetal frame."""
        return self.rotation.T @ (point_mm - self.face_mm)


@dataclass(frozen=True, slots=True)
class Sector:
    """The field of view of a convex probe.

    Attributes:
        radius_mm: radius of the probe's face.
        half_angle_rad: angle between the middle beam and the outermost.
        depth_mm: how deep the image reaches below the face.
    """

    radius_mm: float
    half_angle_rad: float
    depth_mm: float

    @property
    def half_angle_deg(self) -> float:
        """The same in degrees."""
        return float(np.degrees(self.half_angle_rad))

    @property
    def sag_mm(self) -> float:
        """How far the outermost beams begin above the middle of the face."""
        return float(self.radius_mm * (1.0 - np.cos(self.half_angle_rad)))

    @property
    def sample_mm(self) -> float:
        """Distance of two samples along a beam."""
        return self.depth_mm / (N_SAMPLES - 1)

    @property
    def beam_rad(self) -> float:
        """Angle between neighbouring beams."""
        return 2.0 * self.half_angle_rad / (N_BEAMS - 1)

    def depths_mm(self) -> Float32Array:
        """``(N_SAMPLES,)`` depth of each sample below the face."""
        return np.linspace(0.0, self.depth_mm, N_SAMPLES, dtype=np.float32)

    def grid_mm(
        self, depth_mm: Float32Array | None = None, shift_beams: float = 0.0
    ) -> tuple[Float32Array, Float32Array]:
        """Lateral and axial coordinates, each ``(len(depth_mm), N_BEAMS)``, of samples in the image plane.

        Args:
            depth_mm: depths of the samples; all of ``depths_mm`` when not given.
            shift_beams: by how much of their spacing the beams are turned to the right.
        """
        middle = np.linspace(-self.half_angle_rad, self.half_angle_rad, N_BEAMS, dtype=np.float32)
        angle = middle[None, :] + np.float32(shift_beams * self.beam_rad)
        range_mm = ((self.depths_mm() if depth_mm is None else depth_mm) + np.float32(self.radius_mm))[:, None]
        return range_mm * np.sin(angle), range_mm * np.cos(angle) - np.float32(self.radius_mm)

    def plane_mm(self, depth_mm: Float32Array, shift_beams: float = 0.0) -> Float32Array:
        """The same as ``(2, len(depth_mm) * N_BEAMS)``."""
        return np.stack([part.ravel() for part in self.grid_mm(depth_mm, shift_beams)])

    def polar(self, lateral_mm: npt.ArrayLike, axial_mm: npt.ArrayLike) -> tuple[Float64Array, Float64Array]:
        """Angle from the middle beam (rad) and depth below the face (mm) of points in the image plane."""
        from_apex_mm = np.asarray(axial_mm, np.float64) + self.radius_mm
        angle, range_mm = np.arctan2(lateral_mm, from_apex_mm), np.hypot(lateral_mm, from_apex_mm)
        return np.asarray(angle), np.asarray(range_mm - self.radius_mm)

    def covers(self, lateral_mm: float, axial_mm: float, *, margin: float = 0.0, zoom: float = 1.0) -> bool:
        """Whether a point of the image plane is shown, at least ``margin`` (a fraction) off the borders.

        Of a zoomed image the middle ``1 / zoom`` of angles and depths counts as shown.
        """
        angle, depth = self.polar(lateral_mm, axial_mm)
        reach = (1.0 - 2.0 * margin) / zoom
        inside = abs(float(angle)) * zoom <= (1.0 - margin) * self.half_angle_rad
        return inside and abs(2.0 * float(depth) / self.depth_mm - 1.0) <= reach


@dataclass(frozen=True, slots=True)
class Viewport:
    """The rectangle of the screen that shows a sector.

    Attributes:
        top_px, left_px, height_px, width_px: the rectangle.
        sector: what it shows, as large as fits, at the top and centred.
        zoom: magnification about the sector's middle; what then does not fit is cut off.
    """

    top_px: int
    left_px: int
    height_px: int
    width_px: int
    sector: Sector
    zoom: float = 1.0

    @property
    def px_per_mm(self) -> float:
        return self._fit_px_per_mm * self.zoom

    @property
    def _fit_px_per_mm(self) -> float:
        sector = self.sector
        high_mm = sector.depth_mm + sector.sag_mm
        wide_mm = 2.0 * (sector.radius_mm + sector.depth_mm) * np.sin(sector.half_angle_rad)
        return float(min((self.height_px - 1) / high_mm, (self.width_px - 1) / wide_mm))

    def to_px(self, lateral_mm: float, axial_mm: float) -> tuple[float, float]:
        """X and y on the screen of a point of the image plane."""
        x_px = self.left_px + 0.5 * (self.width_px - 1) + lateral_mm * self.px_per_mm
        middle_mm = 0.5 * self.sector.depth_mm
        middle_px = self.top_px + (middle_mm + self.sector.sag_mm) * self._fit_px_per_mm
        return x_px, middle_px + (axial_mm - middle_mm) * self.px_per_mm

    def beam_maps(self) -> tuple[Float32Array, Float32Array]:
        """Beam and sample of each pixel of the rectangle, ``(height_px, width_px)`` float32, for ``cv2.remap``."""
        zero_px = self.to_px(0.0, 0.0)
        columns = self.left_px + np.arange(self.width_px) - zero_px[0]
        rows = self.top_px + np.arange(self.height_px) - zero_px[1]
        lateral_mm, axial_mm = np.meshgrid(columns / self.px_per_mm, rows / self.px_per_mm)
        angle, depth_mm = self.sector.polar(lateral_mm, axial_mm)
        beams = (angle + self.sector.half_angle_rad) / self.sector.beam_rad
        return beams.astype(np.float32), (depth_mm / self.sector.sample_mm).astype(np.float32)
