"""B-mode: from a body of tissue and a probe's pose to an image along the beams.

A frame is one slice of the voxel volume in polar coordinates. Each sample holds the complex sum of its scatterers
(fully developed speckle; Wagner et al. 1983) and the echo of an interface where impedance changes along the beam; both
fade with the attenuation that lies before them, so bone casts a shadow and fluid lets through. The point spread is
Gaussian along and across the beams, widening away from the focus. Then noise, envelope, time gain compensation and log
compression. The image has no elevation: the slice is thin.

One renderer belongs to one thread: it keeps its buffers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from assistant.contracts import Float32Array, UInt8Array
from plugins.phantom.geometry import N_BEAMS, N_SAMPLES, Float64Array, Pose, Sector
from plugins.phantom.heart import Heart
from plugins.phantom.moment import View
from plugins.phantom.tissue import (
    ATTENUATION_STEP_DB_PER_MM,
    N_SCATTERERS,
    SCATTERER_PITCH_MM,
    Tissue,
    Volume,
    acoustic,
    scatter_amplitudes,
)

NOMINAL_MHZ = 4.0
_TGC_DB_PER_MM = 2 * 0.125
"""What the machine's depth gain assumes, round trip, at the nominal frequency: a little less than soft tissue has."""
_INTERFACE_GAIN = 0.16
_LEAVING_SHARE = 0.35
"""Echo where impedance falls, against where it rises: part of the wave has gone back before."""
_NOISE_DB = -44.0
_SCATTERER_SD = 32.0
_MID_GREY = 104.0
"""Grey of liver at 0 dB gain."""


@dataclass(frozen=True, slots=True)
class Machine:
    """How the scanner is set.

    Attributes:
        frequency_mhz: transmit frequency; attenuation and resolution follow it.
        gain_db: added to all.
        dynamic_range_db: of the whole grey scale.
        focus_mm: depth of the narrowest beam.
        wall_mm: thickness of the mother's abdominal wall under the probe.
    """

    frequency_mhz: float = NOMINAL_MHZ
    gain_db: float = 0.0
    dynamic_range_db: float = 60.0
    focus_mm: float = 60.0
    wall_mm: float = 16.0

    @property
    def pulse_sigma_mm(self) -> float:
        """Standard deviation of the Gaussian point spread along the beam, of amplitude."""
        return 0.28 * NOMINAL_MHZ / self.frequency_mhz

    def beam_sigma_mm(self, depth_mm: Float32Array) -> Float32Array:
        """The same across the beam, at depths of any shape: narrowest at the focus."""
        away = np.square((depth_mm - self.focus_mm) / 45.0)
        return np.asarray(0.55 * NOMINAL_MHZ / self.frequency_mhz * np.sqrt(1.0 + away))


class BModeRenderer:
    """Renders one body with one machine."""

    def __init__(self, volume: Volume, machine: Machine, *, heart: Heart | None = None, noise_seed: int = 0) -> None:
        self._volume = volume
        self._machine = machine
        self._heart = heart
        self._voxels = volume.packed.reshape(-1)
        self._lattice = np.ascontiguousarray(volume.scatterers).view(np.int16).reshape(-1)
        self._amplitudes = scatter_amplitudes() / np.float32(_SCATTERER_SD)
        rng = np.random.default_rng([noise_seed, 77])
        sigma = 10.0 ** (_NOISE_DB / 20.0)
        self._noise = (sigma * rng.standard_normal((2, N_SAMPLES, 2 * N_BEAMS))).astype(np.float32)
        self._wall_phase = rng.uniform(0.0, 2 * np.pi, 8)
        self._optics = lru_cache(maxsize=16)(self._make_optics)

    def grey(self, pose: Pose, view: View, time_s: float, frame_index: int = 0) -> UInt8Array:
        """The image along the beams, ``(N_SAMPLES, N_BEAMS)`` uint8: log compressed, speckle reduced."""
        level_db = self.level_db(pose, view.sector, time_s, frame_index)
        per_db = 255.0 / self._machine.dynamic_range_db
        level_db += np.float32(self._machine.gain_db + view.gain_db)
        np.maximum(level_db, np.float32(-_MID_GREY / per_db), out=level_db)
        grey = cv2.convertScaleAbs(level_db, alpha=per_db, beta=_MID_GREY)
        return np.asarray(cv2.GaussianBlur(grey, (3, 3), 0.8), np.uint8)  # the scanner's own speckle reduction

    def level_db(self, pose: Pose, sector: Sector, time_s: float, frame_index: int = 0) -> Float32Array:
        """Echo level after depth gain, ``(N_SAMPLES, N_BEAMS)`` float32, in dB over liver at the face."""
        optics = self._optics(sector)
        points = self._points_mm(pose, optics.plane_mm)
        if self._heart is not None:
            _beat(points, self._heart, pose, time_s)
        tissue = self._look_up_tissue(points, optics)
        echo = self._echo(points, tissue)
        echo *= self._transmission(tissue[..., 2], sector)
        echo = _point_spread(echo, optics)
        start = (frame_index * 61) % N_BEAMS  # another stretch of the same noise each frame
        echo += self._noise[:, :, start : start + N_BEAMS]
        echo *= echo
        power = echo[0] + echo[1]
        np.maximum(power, np.float32(1e-9), out=power)
        level_db = np.asarray(cv2.log(power), np.float32)
        level_db *= np.float32(10.0 / np.log(10.0))
        level_db += optics.tgc_db
        return level_db

    def _points_mm(self, pose: Pose, plane_mm: Float32Array) -> Float32Array:
        """``(3, N_SAMPLES * N_BEAMS)``: x, y, z of all samples in the fetal frame."""
        points = pose.rotation[:, :2].astype(np.float32) @ plane_mm
        points += pose.face_mm.astype(np.float32)[:, None]
        return points

    def _look_up_tissue(self, points: Float32Array, optics: _Optics) -> UInt8Array:
        """``(N_SAMPLES, N_BEAMS, 4)`` uint8: stored backscatter, impedance, attenuation and tissue of each sample."""
        nz, ny, nx = self._volume.packed.shape
        index = np.zeros(points.shape[1], np.int32)
        for axis, (count, stride) in enumerate(((nx, 1), (ny, nx), (nz, nx * ny))):
            cell = (points[axis] - np.float32(self._volume.origin_mm[axis])) * np.float32(1.0 / self._volume.voxel_mm)
            cell += np.float32(0.5)
            np.clip(cell, 0, count - 1, out=cell)
            index += cell.astype(np.int32) * np.int32(stride)
        packed = self._voxels.take(index, mode="clip").reshape(N_SAMPLES, N_BEAMS)
        near = optics.wall.shape[0]
        np.copyto(packed[:near], optics.wall, where=optics.in_wall)
        return packed.view(np.uint8).reshape(N_SAMPLES, N_BEAMS, 4)

    def _echo(self, points: Float32Array, tissue: UInt8Array) -> Float32Array:
        """Complex echo of each sample before attenuation and point spread, ``(2, N_SAMPLES, N_BEAMS)``."""
        index = np.zeros(points.shape[1], np.int32)
        for axis, stride in enumerate((1, N_SCATTERERS, N_SCATTERERS**2)):
            cell = points[axis] * np.float32(1.0 / SCATTERER_PITCH_MM)
            cell += np.float32(8 * N_SCATTERERS)  # above zero, so that truncation is floor
            index += (cell.astype(np.int32) & (N_SCATTERERS - 1)) * np.int32(stride)
        strengths = self._lattice.take(index, mode="clip").view(np.int8).reshape(N_SAMPLES, N_BEAMS, 2)
        echo = np.stack([strengths[..., 0], strengths[..., 1]]).astype(np.float32)
        echo *= self._amplitudes.take(tissue[..., 0], mode="clip")
        impedance = tissue[..., 1].astype(np.float32)
        step = impedance[2:] - impedance[:-2]
        step *= np.where(step > 0, np.float32(_INTERFACE_GAIN), np.float32(-_LEAVING_SHARE * _INTERFACE_GAIN))
        echo[0, 1:-1] += step
        return echo

    def _transmission(self, attenuation: UInt8Array, sector: Sector) -> Float32Array:
        """Amplitude that is left of a wave that went to each sample and back, ``(N_SAMPLES, N_BEAMS)`` float32."""
        step_db = 2 * ATTENUATION_STEP_DB_PER_MM * sector.sample_mm * self._machine.frequency_mhz / NOMINAL_MHZ
        lost = np.cumsum(attenuation, axis=0, dtype=np.float32)
        lost *= np.float32(-step_db * np.log(10.0) / 20.0)
        return np.asarray(cv2.exp(lost), np.float32)

    def _make_optics(self, sector: Sector) -> _Optics:
        lateral_mm, axial_mm = sector.grid_mm()
        depth_mm = sector.depths_mm()
        machine = self._machine
        width_beams = machine.beam_sigma_mm(depth_mm) / ((sector.radius_mm + depth_mm) * sector.beam_rad)
        narrow, wide = float(width_beams.min()), float(width_beams.max())
        share = (np.square(width_beams) - narrow**2) / max(wide**2 - narrow**2, 1e-6)
        tissues, in_wall = self._wall(sector, lateral_mm)
        return _Optics(
            plane_mm=np.stack([lateral_mm.ravel(), axial_mm.ravel()]),
            wall=acoustic(tissues),
            in_wall=in_wall,
            tgc_db=(_TGC_DB_PER_MM * machine.frequency_mhz / NOMINAL_MHZ * depth_mm)[:, None],
            axial_sigma=float(machine.pulse_sigma_mm / sector.sample_mm),
            narrow_sigma=narrow,
            wide_sigma=wide,
            wide_share=share.astype(np.float32)[:, None],
        )

    def _wall(self, sector: Sector, lateral_mm: Float32Array) -> tuple[UInt8Array, npt.NDArray[np.bool_]]:
        """The mother's abdominal wall, pressed against the probe: its tissues, and where it reaches."""
        a, b, c, d = self._wall_phase[:4]
        bend = 1.0 + 0.07 * np.sin(lateral_mm / 9.0 + a) + 0.05 * np.sin(lateral_mm / 4.1 + b)
        relative = sector.depths_mm()[:, None] / (self._machine.wall_mm * bend)
        rows = int(np.searchsorted(relative.min(axis=1), 1.0))
        relative, lateral_mm = relative[:rows], lateral_mm[:rows]
        bounds = np.array([0.09, 0.20, 0.22, 0.38, 0.41, 0.60, 0.645, 0.97])
        kinds = [
            Tissue.SKIN, Tissue.FAT, Tissue.FASCIA, Tissue.FAT, Tissue.FASCIA,
            Tissue.MUSCLE, Tissue.FASCIA, Tissue.MYOMETRIUM, Tissue.FASCIA,
        ]  # fmt: skip
        wavy = relative + 0.02 * np.sin(lateral_mm / 2.7 + c) * np.sin(relative * 17.0 + d)
        return np.array(kinds, np.uint8)[np.searchsorted(bounds, wavy)], relative < 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Optics:
    """All that depends on the sector and not on the pose."""

    plane_mm: Float32Array
    wall: npt.NDArray[np.uint32]
    in_wall: npt.NDArray[np.bool_]
    tgc_db: Float32Array
    axial_sigma: float
    narrow_sigma: float
    wide_sigma: float
    wide_share: Float32Array


def _point_spread(echo: Float32Array, optics: _Optics) -> Float32Array:
    """Blurs along the beam, and across the beams by a width that grows away from the focus. Energy is kept."""
    narrow = _blurred(echo, optics.narrow_sigma, optics.axial_sigma)
    wide = _blurred(echo, optics.wide_sigma, optics.axial_sigma)
    wide -= narrow
    wide *= optics.wide_share
    narrow += wide
    return narrow


def _blurred(echo: Float32Array, across: float, along: float) -> Float32Array:
    across_taps, along_taps = _unit_energy(across), _unit_energy(along)
    return np.stack([np.asarray(cv2.sepFilter2D(part, -1, across_taps, along_taps), np.float32) for part in echo])


def _unit_energy(sigma: float) -> Float64Array:
    """A Gaussian whose squares sum to 1: white noise keeps its variance."""
    reach = max(1, int(np.ceil(2.5 * sigma)))
    taps = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / max(sigma, 1e-3)))
    return np.asarray(taps / np.sqrt(np.square(taps).sum()))


def _beat(points: Float32Array, heart: Heart, pose: Pose, time_s: float) -> None:
    """Moves the places that are looked up, so that ventricles contract while atria fill."""
    off_plane = float(pose.normal @ (heart.centre_mm - pose.face_mm))
    if abs(off_plane) >= heart.reach_mm:
        return
    near = np.abs(points - heart.centre_mm.astype(np.float32)[:, None]).max(axis=0) < heart.reach_mm
    relative = points[:, near] - heart.centre_mm.astype(np.float32)[:, None]
    along = heart.apex.astype(np.float32) @ relative
    fade = np.maximum(0.0, 1.0 - np.square(relative).sum(axis=0) / np.float32(heart.reach_mm**2))
    phase = (time_s * heart.rate_hz) % 1.0
    systole = np.sin(np.pi * phase / 0.4) ** 2 if phase < 0.4 else 0.0
    side = np.clip(along / np.float32(0.25 * heart.reach_mm), -0.5, 1.0)
    stretch = np.float32(0.55 * systole) * side * fade
    points[:, near] += stretch * relative
