"""What tissue is to sound: the acoustic properties of each kind, and the voxel volume that holds them.

The values are chosen for the look of a B-mode image at about 4 MHz, in the order of the literature's (soft tissue
0.3-0.5 dB/cm/MHz, bone over ten times that; Szabo, *Diagnostic Ultrasound Imaging*, appendix B); they are no
measurement. Built once a subject; read by the renderer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
import numpy.typing as npt

from assistant.contracts import Float32Array, UInt8Array
from plugins.phantom.geometry import Float64Array

SCATTER_STEP_DB = 0.25
"""Backscatter is stored as uint8; one step is this much, and 255 is ``SCATTER_MAX_DB`` above liver."""
SCATTER_MAX_DB = 18.0
ATTENUATION_STEP_DB_PER_MM = 0.02
"""Attenuation, one way, is stored as uint8 in steps of this much."""
SCATTERER_PITCH_MM = 0.45
N_SCATTERERS = 128


class Tissue(IntEnum):
    """Kinds of tissue, in the order in which ``_PROPERTIES`` lists them."""

    FLUID = 0
    MATERNAL = 1
    MYOMETRIUM = 2
    PLACENTA = 3
    SKIN = 4
    MUSCLE = 5
    BONE = 6
    BRAIN = 7
    THALAMUS = 8
    MEMBRANE = 9
    CHOROID = 10
    CEREBELLUM = 11
    LUNG = 12
    LIVER = 13
    BOWEL = 14
    MYOCARDIUM = 15
    BLOOD = 16
    KIDNEY = 17
    CARTILAGE = 18
    FAT = 19
    FASCIA = 20
    SKULL = 21
    RIB = 22
    SEPTUM = 23
    CORD = 24
    PYRAMID = 25
    THYMUS = 26
    FALX = 27


# Backscatter (dB over liver), impedance (arbitrary, 0-255), attenuation (dB/mm, one way, at the nominal frequency).
_PROPERTIES: dict[Tissue, tuple[float, int, float]] = {
    Tissue.FLUID: (-40.0, 50, 0.03),
    Tissue.MATERNAL: (-7.0, 60, 0.16),
    Tissue.MYOMETRIUM: (-4.0, 60, 0.16),
    Tissue.PLACENTA: (2.0, 60, 0.14),
    Tissue.SKIN: (7.0, 66, 0.20),
    Tissue.MUSCLE: (-5.0, 60, 0.16),
    Tissue.BONE: (8.0, 190, 5.0),
    Tissue.BRAIN: (-11.0, 58, 0.10),
    Tissue.THALAMUS: (-17.0, 57, 0.10),
    Tissue.MEMBRANE: (10.0, 66, 0.20),
    Tissue.CHOROID: (7.0, 62, 0.16),
    Tissue.CEREBELLUM: (-12.0, 58, 0.10),
    Tissue.LUNG: (0.0, 60, 0.14),
    Tissue.LIVER: (0.0, 60, 0.14),
    Tissue.BOWEL: (1.0, 61, 0.16),
    Tissue.MYOCARDIUM: (-4.0, 60, 0.16),
    Tissue.BLOOD: (-30.0, 54, 0.05),
    Tissue.KIDNEY: (-8.0, 59, 0.14),
    Tissue.CARTILAGE: (-14.0, 60, 0.16),
    Tissue.FAT: (-8.0, 56, 0.14),
    Tissue.FASCIA: (12.0, 68, 0.20),
    Tissue.SKULL: (8.0, 180, 3.0),
    Tissue.RIB: (8.0, 160, 2.2),
    Tissue.SEPTUM: (6.0, 64, 0.16),
    Tissue.CORD: (-16.0, 57, 0.10),
    Tissue.PYRAMID: (-15.0, 58, 0.12),
    Tissue.THYMUS: (-9.0, 60, 0.14),
    Tissue.FALX: (-7.0, 70, 0.16),
}


def property_tables(echo_db: Mapping[Tissue, float] | None = None) -> tuple[UInt8Array, UInt8Array, UInt8Array]:
    """Stored backscatter, impedance and attenuation, each ``(256,)`` uint8, by tissue.

    Args:
        echo_db: what one subject's tissues add to the backscatter.
    """
    own = echo_db or {}
    tables = np.zeros((3, 256), np.uint8)
    for tissue, (scatter_db, impedance, attenuation) in _PROPERTIES.items():
        over_max_db = scatter_db + own.get(tissue, 0.0) - SCATTER_MAX_DB
        tables[0, tissue] = round(np.clip(255 + over_max_db / SCATTER_STEP_DB, 0, 255))
        tables[1, tissue] = impedance
        tables[2, tissue] = round(attenuation / ATTENUATION_STEP_DB_PER_MM)
    return tables[0], tables[1], tables[2]


def scatter_amplitudes() -> Float32Array:
    """``(256,)`` float32: amplitude of what the stored backscatter stands for, 1 for liver."""
    decibel = SCATTER_MAX_DB + SCATTER_STEP_DB * (np.arange(256) - 255)
    return np.asarray(np.power(10.0, decibel / 20.0), np.float32)


def acoustic(tissues: UInt8Array, echo_db: Mapping[Tissue, float] | None = None) -> npt.NDArray[np.uint32]:
    """Packs the properties of tissues, any shape, into uint32: backscatter, impedance, attenuation, tissue by byte."""
    flat = np.ascontiguousarray(tissues).reshape(1, -1)
    channels = [cv2.LUT(flat, table) for table in property_tables(echo_db)]
    packed: npt.NDArray[np.uint32] = cv2.merge([*channels, flat]).view(np.uint32).reshape(tissues.shape)
    return packed


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """A body as voxels, fixed once made.

    Attributes:
        packed: ``(nz, ny, nx)`` uint32, see ``acoustic``; the first three bytes are smoothed across borders.
        origin_mm: ``(3,)`` x, y, z of the centre of voxel ``[0, 0, 0]``. Beyond the volume its border goes on.
        voxel_mm: edge of a voxel.
        scatterers: ``(N_SCATTERERS,) * 3 + (2,)`` int8, complex strengths of the scatterers, standard deviation 32 for
            each part, repeated in space every ``N_SCATTERERS * SCATTERER_PITCH_MM``. They sit in the tissue, so speckle
            moves with it.
    """

    packed: npt.NDArray[np.uint32]
    origin_mm: Float64Array
    voxel_mm: float
    scatterers: npt.NDArray[np.int8]


def make_volume(
    tissues: UInt8Array,
    origin_mm: Float64Array,
    voxel_mm: float,
    rng: np.random.Generator,
    echo_db: Mapping[Tissue, float] | None = None,
) -> Volume:
    """A volume from the kind of tissue of each voxel, ``(nz, ny, nx)``, with scatterers from ``rng``."""
    packed = acoustic(tissues, echo_db)
    nz, ny, nx = tissues.shape
    channels = packed.view(np.uint8).reshape(nz, ny, nx, 4)
    smooth = cv2.GaussianBlur(channels.reshape(nz * ny, nx, 4), (3, 3), 0.6)
    smooth = cv2.GaussianBlur(smooth.reshape(nz, ny * nx, 4), (1, 3), 0.6).reshape(nz, ny, nx, 4)
    smooth[..., 3] = tissues
    return Volume(smooth.view(np.uint32)[..., 0], origin_mm, voxel_mm, _scatterers(rng))


def _scatterers(rng: np.random.Generator) -> npt.NDArray[np.int8]:
    """White complex noise, its strength swelling and fading over some millimetres, as real parenchyma does."""
    n = N_SCATTERERS
    swell = rng.standard_normal((n // 8, n // 8, n // 8), dtype=np.float32)
    for axis in range(3):  # periodic linear interpolation, so that the lattice repeats without a seam
        ahead = np.roll(swell, -1, axis)
        swell = np.stack([swell * (1 - k / 8) + ahead * (k / 8) for k in range(8)], axis + 1)
        swell = swell.reshape([n if a <= axis else n // 8 for a in range(3)])
    white = rng.standard_normal((n, n, n, 2), dtype=np.float32)
    strength = 32.0 * np.power(10.0, (2.5 / 20.0) * swell)[..., None]
    return np.asarray(np.clip(np.rint(white * strength), -127, 127), np.int8)
