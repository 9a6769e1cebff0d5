"""Paints simple solids into a voxel array; later paint covers earlier. Used once a subject, while it is built."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from assistant.contracts import Float32Array, UInt8Array
from plugins.phantom.geometry import Float64Array
from plugins.phantom.tissue import Tissue

Point = npt.ArrayLike
"""x, y, z in millimetres."""
Landmarks = dict[str, Float64Array]
"""Named places, ``(3,)`` each, in millimetres."""


def point(x: float, y: float, z: float) -> Float64Array:
    """A place, ``(3,)``."""
    return np.array([x, y, z], np.float64)


class Canvas:
    """Voxels that hold a kind of tissue each.

    Attributes:
        tissues: ``(nz, ny, nx)`` uint8.
        origin_mm: ``(3,)`` x, y, z of the centre of voxel ``[0, 0, 0]``.
        voxel_mm: edge of a voxel.
    """

    def __init__(self, low_mm: Point, high_mm: Point, voxel_mm: float) -> None:
        self.origin_mm: Float64Array = np.asarray(low_mm, np.float64)
        self.voxel_mm = voxel_mm
        size = np.ceil((np.asarray(high_mm) - self.origin_mm) / voxel_mm).astype(int)
        self.tissues: UInt8Array = np.zeros(tuple(size[::-1]), np.uint8)

    def box(self, low_mm: Point, high_mm: Point) -> tuple[UInt8Array, Float32Array, Float32Array, Float32Array]:
        """The voxels between two corners: a view of them, and their x, y, z, shaped so as to broadcast over it."""
        limit = np.array(self.tissues.shape[::-1])
        start = np.clip(np.floor((np.asarray(low_mm) - self.origin_mm) / self.voxel_mm), 0, limit).astype(int)
        stop = np.clip(np.ceil((np.asarray(high_mm) - self.origin_mm) / self.voxel_mm) + 1, 0, limit).astype(int)
        view = self.tissues[start[2] : stop[2], start[1] : stop[1], start[0] : stop[0]]
        x, y, z = (
            (self.origin_mm[axis] + self.voxel_mm * np.arange(start[axis], stop[axis])).astype(np.float32)
            for axis in range(3)
        )
        return view, x[None, None, :], y[None, :, None], z[:, None, None]

    def ellipsoid(
        self,
        tissue: Tissue,
        centre_mm: Point,
        radii_mm: Point,
        axes: Float64Array | None = None,
        *,
        within: tuple[Tissue, ...] = (),
    ) -> None:
        """An ellipsoid with its radii along the rows of ``axes``; only over tissues of ``within`` when it is given."""
        centre, radii = np.asarray(centre_mm, np.float64), np.asarray(radii_mm, np.float64)
        turned = np.eye(3) if axes is None else axes
        reach = np.sqrt(np.square(turned * radii[:, None]).sum(0))
        view, x, y, z = self.box(centre - reach, centre + reach)
        across = [(x - centre[0]), (y - centre[1]), (z - centre[2])]
        inside = sum(
            np.square((row[0] * across[0] + row[1] * across[1] + row[2] * across[2]) / radius)
            for row, radius in zip(turned.astype(np.float32), radii.astype(np.float32), strict=True)
        )
        self._paint(view, tissue, np.asarray(inside <= 1.0), within)

    def capsule(
        self, tissue: Tissue, start_mm: Point, end_mm: Point, radius_mm: float, *, within: tuple[Tissue, ...] = ()
    ) -> None:
        """All within ``radius_mm`` of a line."""
        start, end = np.asarray(start_mm, np.float64), np.asarray(end_mm, np.float64)
        view, x, y, z = self.box(np.minimum(start, end) - radius_mm, np.maximum(start, end) + radius_mm)
        along = end - start
        length2 = max(float(along @ along), 1e-9)
        dx, dy, dz = x - start[0], y - start[1], z - start[2]
        t = np.clip((dx * along[0] + dy * along[1] + dz * along[2]) / length2, 0.0, 1.0)
        distance2 = np.square(dx - t * along[0]) + np.square(dy - t * along[1]) + np.square(dz - t * along[2])
        self._paint(view, tissue, distance2 <= radius_mm**2, within)

    def tube(self, tissue: Tissue, path_mm: Float64Array, radius_mm: float, *, within: tuple[Tissue, ...] = ()) -> None:
        """All within ``radius_mm`` of a polyline ``(n, 3)``."""
        for start, end in pairwise(path_mm):
            self.capsule(tissue, start, end, radius_mm, within=within)

    @property
    def end_mm(self) -> Float64Array:
        """``(3,)`` the corner opposite to ``origin_mm``."""
        return self.origin_mm + self.voxel_mm * np.array(self.tissues.shape[::-1])

    @staticmethod
    def _paint(view: UInt8Array, tissue: Tissue, where: npt.NDArray[np.bool_], within: tuple[Tissue, ...]) -> None:
        if within:
            where = where & np.isin(view, within)
        view[where] = tissue


def axes_along(direction: Point, up: Point) -> Float64Array:
    """``(3, 3)`` orthonormal rows: along ``direction``, across it towards ``up``, and across both."""
    first = np.asarray(direction, np.float64)
    first = first / np.linalg.norm(first)
    second = np.asarray(up, np.float64)
    second = second - (second @ first) * first
    second = second / np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)])
