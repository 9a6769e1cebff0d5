"""Rows of an array that lies in a store: fetched when they are drawn, many windows in one go.

On disk an array is mapped into memory and needs no class of ours. In an object store (S3 and whatever else fsspec
opens) each row has its place in a file, so a window is one range of bytes; the ranges of a batch are asked for
together, since each answer takes milliseconds. Called by the training loop's only thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.errors import TrainingError

Int64Array = npt.NDArray[np.int64]

_JOIN_BYTES = 65_536
"""Ranges closer than this are fetched as one: the bytes between cost less than a request."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredRows:
    """An array ``(n, ...)`` in a file of an object store; knows where it lies and holds nothing.

    Attributes:
        fs: the file system (fsspec).
        path: file in it.
        offset: byte at which row 0 begins.
        shape: of the whole array, C order.
        dtype: of its elements.
    """

    fs: Any
    path: str
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """How many elements."""
        return prod(self.shape)

    @property
    def T(self) -> StoredColumns:  # noqa: N802 - as NumPy's
        """The transposed array, of a matrix."""
        return StoredColumns(self)

    def __getitem__(self, rows: Any) -> npt.NDArray[Any]:
        """The rows that a slice, a number or numbers name, as NumPy would give them."""
        numbers = np.arange(len(self))[rows]
        once, where = np.unique(numbers, return_inverse=True)
        found: npt.NDArray[Any] = gather([self], [once])[0][where.reshape(np.shape(numbers))]
        return found

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self[:], dtype)


@dataclass(frozen=True, slots=True, eq=False)
class StoredColumns:
    """A matrix ``(rows, n)`` that is stored column by column; its transpose is read as ``StoredRows``."""

    T: StoredRows

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        n, rows = self.T.shape
        return rows, n

    @property
    def size(self) -> int:
        """How many elements."""
        return self.T.size

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self.T[:].T, dtype)


def gather(arrays: Sequence[npt.NDArray[Any] | StoredRows], rows: Sequence[Int64Array]) -> list[npt.NDArray[Any]]:
    """``arrays[i][rows[i]]`` for each i; all that lies in an object store comes by one joint request.

    Args:
        arrays: mapped, in memory, or stored; those that are stored lie in one file system.
        rows: ``(k,)`` each, numbers of rows in increasing order.

    Raises:
        TrainingError: the store does not answer, or its file ends early.
    """
    found: list[npt.NDArray[Any] | None] = [None] * len(arrays)
    spans: list[tuple[int, StoredRows, int, int]] = []  # which array, and its rows from ... to, half open
    for i, (array, wanted) in enumerate(zip(arrays, rows, strict=True)):
        if not isinstance(array, StoredRows):
            found[i] = np.asarray(array[wanted])
            continue
        found[i] = np.empty((len(wanted), *array.shape[1:]), array.dtype)
        step = max(_row_bytes(array), 1)
        parts = np.split(wanted, np.flatnonzero(np.diff(wanted) * step > _JOIN_BYTES + step) + 1)
        spans += [(i, array, int(part[0]), int(part[-1]) + 1) for part in parts if len(part)]
    for (i, array, first, last), data in zip(spans, _fetch(spans), strict=True):
        block = np.frombuffer(data, array.dtype).reshape(last - first, *array.shape[1:])
        here = (rows[i] >= first) & (rows[i] < last)
        target = found[i]
        assert target is not None  # noqa: S101 - made above
        target[here] = block[rows[i][here] - first]
    return [part for part in found if part is not None]


def _row_bytes(array: StoredRows) -> int:
    return prod(array.shape[1:]) * array.dtype.itemsize


def _fetch(spans: Sequence[tuple[int, StoredRows, int, int]]) -> list[bytes]:
    if not spans:
        return []
    starts = [array.offset + first * _row_bytes(array) for _, array, first, _ in spans]
    ends = [array.offset + last * _row_bytes(array) for _, array, _, last in spans]
    return fetch_ranges(spans[0][1].fs, [array.path for _, array, _, _ in spans], starts, ends)


def fetch_ranges(fs: Any, paths: Sequence[str], starts: Sequence[int], ends: Sequence[int]) -> list[bytes]:
    """Bytes from ``starts[i]`` up to ``ends[i]`` of each file, side by side where the file system can.

    Raises:
        TrainingError: the store does not answer, or a file ends early.
    """
    try:
        answers = fs.cat_ranges(list(paths), list(starts), list(ends), on_error="return")
    except Exception as error:  # each file system has errors of its own
        raise TrainingError(f"'{paths[0]}' cannot be read: {error or type(error).__name__}") from error
    for path, start, end, answer in zip(paths, starts, ends, answers, strict=True):
        if isinstance(answer, BaseException):
            raise TrainingError(f"'{path}' cannot be read: {answer or type(answer).__name__}") from answer
        if len(answer) != end - start:
            raise TrainingError(f"'{path}' ends early: expected bytes {start} to {end}, got {len(answer)} of them")
    return list(answers)
