"""B-mode: from a body of tissue and a probe's pose to an image along the beams.

A frame is one slice of the voxel volume in polar coordinates. Each sample holds the complex sum of its scatterers
(fully developed speckle; Wagner et al. 1983) and the echo of an interface where impedance changes along the beam; both
fade with the attenuation that lies before them, so bone casts a shadow and fluid lets through. What is no true echo is
added as clutter: side lobes beside bright interfaces, a haze of multiple echoes behind them, the mother's wall once
more below itself. The point spread is Gaussian along and across the beams, widening away from the focus. Then noise,
envelope, time gain compensation and log compression. The image has no elevation: the slice is thin.

Tissue is looked up at every second sample, scatterers twice a beam: finer than their lattice, so that none is skipped
when the probe moves sideways. Between these the echo is an array of ``2 * N_BEAMS`` columns, the real and the imaginary
part of each beam side by side, which OpenCV filters as an image of two channels.

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
_HAZE = 0.008
"""Multiple echoes behind an interface, of its own echo, dying away over ``_HAZE_MM``."""
_HAZE_MM = 7.0
_SIDE_LOBES = 0.015
"""Mean amplitude that an interface adds to the beams within ``_SIDE_LOBE_BEAMS`` beside it, of its own echo."""
_SIDE_LOBE_BEAMS = 15
_NOISE_DB = -44.0
_SCATTERER_SD = 32.0
_ROWS = N_SAMPLES // 2
"""Samples at which tissue is looked up."""
_LOOK_UPS = 4
"""Of scatterers for each sample, side by side within the beam: with fewer, speckle flickers under sideways motion."""
_SHIFTS_BEAMS = (np.arange(_LOOK_UPS) + 0.5) / _LOOK_UPS - 0.5
_BANDS = 16
_ONE = np.ones(1)
_LATTICE_CORNER_MM = np.full(3, -8.0 * N_SCATTERERS * SCATTERER_PITCH_MM)
"""A period of the lattice far enough below all places that their cells are above zero."""
_SYSTOLE = 0.4
"""Of the heart's cycle; for the rest of it the ventricles are at rest."""
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
        reverberation_db: echo of the wall that comes once more, against the first.
    """

    frequency_mhz: float = NOMINAL_MHZ
    gain_db: float = 0.0
    dynamic_range_db: float = 60.0
    focus_mm: float = 60.0
    wall_mm: float = 16.0
    reverberation_db: float = -24.0

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
        self._amplitudes = scatter_amplitudes()
        rng = np.random.default_rng([noise_seed, 77])
        sigma = 10.0 ** (_NOISE_DB / 20.0)
        self._noise = (sigma * rng.standard_normal((N_SAMPLES, 4 * N_BEAMS))).astype(np.float32)
        self._wall_phase = rng.uniform(0.0, 2 * np.pi, 8)
        self._tissue_cells = np.empty((3, _ROWS * N_BEAMS), np.float32)
        self._scatterer_cells = np.empty((3, _LOOK_UPS * N_SAMPLES * N_BEAMS), np.float32)
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
        gain, interface = self._tissue_echo(pose, sector, time_s, optics)
        echo = self._scatterers(pose, sector, time_s, optics)
        echo *= cv2.resize(gain, echo.shape[::-1], interpolation=cv2.INTER_NEAREST)
        echo[:, ::2] += cv2.resize(interface, (N_BEAMS, N_SAMPLES), interpolation=cv2.INTER_NEAREST)
        again = optics.wall_samples
        echo[again : 3 * again] += np.float32(10.0 ** (self._machine.reverberation_db / 20.0)) * echo[: 2 * again]
        echo = _point_spread(echo, optics)
        start = 2 * ((frame_index * 61) % N_BEAMS)  # another stretch of the same noise each frame
        echo += self._noise[:, start : start + 2 * N_BEAMS]
        echo *= echo
        power = echo[:, ::2] + echo[:, 1::2]
        np.maximum(power, np.float32(1e-9), out=power)
        level_db = np.asarray(cv2.log(power), np.float32)
        level_db *= np.float32(10.0 / np.log(10.0))
        level_db += optics.tgc_db
        return level_db

    def _tissue_echo(
        self, pose: Pose, sector: Sector, time_s: float, optics: _Optics
    ) -> tuple[Float32Array, Float32Array]:
        """How strongly the scatterers of each sample and the interfaces echo, ``(N_SAMPLES // 2, N_BEAMS)`` each."""
        tissue = self._look_up_tissue(pose, sector, time_s, optics)
        left = self._transmission(tissue[..., 2], sector)
        impedance = tissue[..., 1].astype(np.float32)
        interface = np.zeros_like(left)
        step = impedance[1:] - impedance[:-1]
        step *= np.where(step > 0, np.float32(_INTERFACE_GAIN), np.float32(-_LEAVING_SHARE * _INTERFACE_GAIN))
        np.multiply(step, left[1:], out=interface[1:])
        gain = self._amplitudes.take(tissue[..., 0], mode="clip")
        gain *= left
        gain += np.float32(_SIDE_LOBES) * cv2.blur(interface, (2 * _SIDE_LOBE_BEAMS + 1, 1))
        gain += np.cumsum(interface * optics.haze_rise, axis=0, dtype=np.float32) * optics.haze_fall
        gain *= optics.pair
        return gain, interface

    def _look_up_tissue(self, pose: Pose, sector: Sector, time_s: float, optics: _Optics) -> UInt8Array:
        """``(_ROWS, N_BEAMS, 4)`` uint8: stored backscatter, impedance, attenuation and tissue of each sample."""
        volume, cells = self._volume, self._tissue_cells
        corner_mm = volume.origin_mm - 0.5 * volume.voxel_mm
        _to_cells(pose, optics.plane_mm, corner_mm, volume.voxel_mm, cells)
        if self._heart is not None:
            _beat(cells.reshape(3, _ROWS, N_BEAMS), corner_mm, volume.voxel_mm, self._heart, pose, sector, time_s)
        nz, ny, nx = volume.packed.shape
        for axis, count in enumerate((nx, ny, nz)):
            np.clip(cells[axis], 0, count - 1, out=cells[axis])
        x, y, z = cells.astype(np.int32)
        z *= ny
        z += y
        z *= nx
        z += x
        packed = self._voxels.take(z, mode="clip").reshape(_ROWS, N_BEAMS)
        near = optics.wall.shape[0]
        np.copyto(packed[:near], optics.wall, where=optics.in_wall)
        return packed.view(np.uint8).reshape(_ROWS, N_BEAMS, 4)

    def _scatterers(self, pose: Pose, sector: Sector, time_s: float, optics: _Optics) -> Float32Array:
        """Complex echo of the scatterers alone, ``(N_SAMPLES, 2 * N_BEAMS)`` float32."""
        cells = self._scatterer_cells
        _to_cells(pose, optics.fine_plane_mm, _LATTICE_CORNER_MM, SCATTERER_PITCH_MM, cells)
        if self._heart is not None:
            for part in np.split(cells.reshape(3, _LOOK_UPS * N_SAMPLES, N_BEAMS), _LOOK_UPS, axis=1):
                _beat(part, _LATTICE_CORNER_MM, SCATTERER_PITCH_MM, self._heart, pose, sector, time_s)
        x, y, z = cells.astype(np.int32) & (N_SCATTERERS - 1)
        z *= N_SCATTERERS
        z += y
        z *= N_SCATTERERS
        z += x
        found = self._lattice.take(z, mode="clip").view(np.int8).reshape(_LOOK_UPS, N_SAMPLES, 2 * N_BEAMS)
        echo = cv2.add(found[0], found[1], dtype=cv2.CV_32F)
        for more in found[2:]:
            cv2.add(echo, more, dst=echo, dtype=cv2.CV_32F)
        return np.asarray(echo, np.float32)

    def _transmission(self, attenuation: UInt8Array, sector: Sector) -> Float32Array:
        """Amplitude that is left of a wave that went to each sample and back, ``(_ROWS, N_BEAMS)`` float32."""
        step_db = 4 * ATTENUATION_STEP_DB_PER_MM * sector.sample_mm * self._machine.frequency_mhz / NOMINAL_MHZ
        lost = np.cumsum(attenuation, axis=0, dtype=np.float32)
        lost *= np.float32(-step_db * np.log(10.0) / 20.0)
        return np.asarray(cv2.exp(lost), np.float32)

    def _make_optics(self, sector: Sector) -> _Optics:
        machine = self._machine
        coarse_mm = 2 * sector.sample_mm * (np.arange(_ROWS, dtype=np.float32) + np.float32(0.25))
        fine = [sector.plane_mm(sector.depths_mm(), shift_beams) for shift_beams in _SHIFTS_BEAMS]
        depth_mm = sector.depths_mm()
        tissues, in_wall = self._wall(coarse_mm, sector.grid_mm(coarse_mm)[0])
        beam_mm = (sector.radius_mm + coarse_mm) * np.float32(sector.beam_rad)
        apart = np.abs(_SHIFTS_BEAMS[:, None] - _SHIFTS_BEAMS[None, :]).ravel()
        shared = np.maximum(0.0, 1.0 - apart[:, None] * beam_mm / SCATTERER_PITCH_MM).sum(axis=0)  # by the look-ups
        fall = np.exp(-coarse_mm / _HAZE_MM)[:, None]
        return _Optics(
            plane_mm=sector.plane_mm(coarse_mm),
            fine_plane_mm=np.concatenate(fine, axis=1),
            wall=acoustic(tissues),
            in_wall=in_wall,
            wall_samples=min(round(machine.wall_mm / sector.sample_mm), N_SAMPLES // 3),
            pair=np.asarray(1.0 / _SCATTERER_SD / np.sqrt(shared), np.float32)[:, None],
            haze_rise=np.asarray(1.0 / fall, np.float32),
            haze_fall=np.asarray(_HAZE * fall, np.float32),
            tgc_db=(_TGC_DB_PER_MM * machine.frequency_mhz / NOMINAL_MHZ * depth_mm)[:, None],
            along=_taps(machine.pulse_sigma_mm / sector.sample_mm, sector.sample_mm),
            across=tuple(self._across(sector, float(band_mm.mean())) for band_mm in np.split(depth_mm, _BANDS)),
        )

    def _across(self, sector: Sector, depth_mm: float) -> Float64Array:
        """The point spread across the beams at a depth."""
        spacing_mm = (sector.radius_mm + depth_mm) * sector.beam_rad
        sigma_mm = float(self._machine.beam_sigma_mm(np.array(depth_mm, np.float32)))
        return _taps(sigma_mm / spacing_mm, spacing_mm)

    def _wall(self, depth_mm: Float32Array, lateral_mm: Float32Array) -> tuple[UInt8Array, npt.NDArray[np.bool_]]:
        """The mother's abdominal wall, pressed against the probe: its tissues, and where it reaches."""
        a, b, c, d = self._wall_phase[:4]
        bend = 1.0 + 0.07 * np.sin(lateral_mm / 9.0 + a) + 0.05 * np.sin(lateral_mm / 4.1 + b)
        relative = depth_mm[:, None] / (self._machine.wall_mm * bend)
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
    fine_plane_mm: Float32Array
    wall: npt.NDArray[np.uint32]
    in_wall: npt.NDArray[np.bool_]
    wall_samples: int
    pair: Float32Array
    haze_rise: Float32Array
    haze_fall: Float32Array
    tgc_db: Float32Array
    along: Float64Array
    across: tuple[Float64Array, ...]


def _to_cells(pose: Pose, plane_mm: Float32Array, corner_mm: Float64Array, cell_mm: float, out: Float32Array) -> None:
    """Where places in the image plane, ``(2, N)``, lie in a lattice, ``(3, N)``: x, y, z in cells from its corner."""
    turn, start = pose.rotation[:, :2] / cell_mm, (pose.face_mm - corner_mm) / cell_mm
    for axis in range(3):  # OpenCV's sum of two products and a number: one pass, on one thread
        cv2.addWeighted(plane_mm[:1], turn[axis, 0], plane_mm[1:], turn[axis, 1], start[axis], dst=out[axis : axis + 1])


def _point_spread(echo: Float32Array, optics: _Optics) -> Float32Array:
    """Blurs along the beams, then across them, by a width that differs from one band of depth to the next."""
    along = cv2.sepFilter2D(echo, -1, _ONE, optics.along).reshape(N_SAMPLES, N_BEAMS, 2)
    spread = np.empty_like(along)
    rows = N_SAMPLES // _BANDS
    for band, taps in enumerate(optics.across):
        part = slice(band * rows, (band + 1) * rows)
        cv2.sepFilter2D(along[part], -1, taps, _ONE, dst=spread[part])
    return np.asarray(spread.reshape(N_SAMPLES, 2 * N_BEAMS), np.float32)


def _taps(sigma: float, spacing_mm: float) -> Float64Array:
    """A Gaussian of ``sigma`` samples that keeps the scatterers' mean power.

    Samples nearer to each other than the lattice's pitch share scatterers: their correlation falls off linearly.
    """
    reach = max(1, int(np.ceil(2.5 * sigma)))
    place = np.arange(-reach, reach + 1)
    taps = np.exp(-0.5 * np.square(place / max(sigma, 1e-3)))
    apart_mm = np.abs(place[:, None] - place[None, :]) * spacing_mm
    shared = np.maximum(0.0, 1.0 - apart_mm / SCATTERER_PITCH_MM)
    return np.asarray(taps / np.sqrt(taps @ shared @ taps))


def _beat(
    cells: Float32Array,
    corner_mm: Float64Array,
    cell_mm: float,
    heart: Heart,
    pose: Pose,
    sector: Sector,
    time_s: float,
) -> None:
    """Moves the cells that are looked up, ``(3, rows, beams)``, so that ventricles contract while atria fill."""
    phase = (time_s * heart.rate_hz) % 1.0
    lateral_mm, axial_mm, off_mm = pose.to_probe_mm(heart.centre_mm)
    if phase >= _SYSTOLE or abs(float(off_mm)) >= heart.reach_mm:
        return
    _, n_rows, n_beams = cells.shape
    angle, depth_mm = sector.polar(float(lateral_mm), float(axial_mm))
    wide = heart.reach_mm / max(float(depth_mm) + sector.radius_mm - heart.reach_mm, heart.reach_mm)
    beams = _stretch((float(angle) + sector.half_angle_rad) / (2 * sector.half_angle_rad), wide, sector, n_beams)
    rows = slice(*(_clamped((float(depth_mm) + way * heart.reach_mm) / sector.depth_mm, n_rows) for way in (-1, 1)))
    near = cells[:, rows, beams]
    centre = ((heart.centre_mm - corner_mm) / cell_mm).astype(np.float32)
    relative = near - centre[:, None, None]
    reach = np.float32(heart.reach_mm / cell_mm)
    x, y, z = heart.apex.astype(np.float32)
    along = x * relative[0] + y * relative[1] + z * relative[2]
    fade = np.maximum(0.0, 1.0 - np.square(relative).sum(axis=0) / reach**2)
    side = np.clip(along / (np.float32(0.25) * reach), -0.5, 1.0)
    near += np.float32(0.55 * np.sin(np.pi * phase / _SYSTOLE) ** 2) * side * fade * relative


def _stretch(middle: float, reach_rad: float, sector: Sector, count: int) -> slice:
    reach = 1.3 * reach_rad / (2 * sector.half_angle_rad)
    return slice(_clamped(middle - reach, count), _clamped(middle + reach, count))


def _clamped(share: float, count: int) -> int:
    return int(np.clip(np.ceil(share * count), 0, count))
