"""How items go through the pipe from the process that renders: pickled, with arrays beside the pickle, uncopied."""

from __future__ import annotations

import os
import pickle
import struct
from typing import IO, Any

_HEAD = struct.Struct("<II")
"""Bytes of the pickle; how many arrays follow it, each with its length before it."""
_LENGTH = struct.Struct("<Q")


def send(pipe: int, message: object) -> None:
    """Write a message to a pipe's file descriptor. Raises ``BrokenPipeError`` when nobody reads any more."""
    arrays: list[memoryview] = []
    data = pickle.dumps(message, protocol=5, buffer_callback=lambda array: arrays.append(array.raw()))
    _write(pipe, _HEAD.pack(len(data), len(arrays)) + data)
    for array in arrays:
        _write(pipe, _LENGTH.pack(array.nbytes))
        _write(pipe, array)


def receive(pipe: IO[bytes]) -> Any:
    """The next message. Raises ``EOFError`` when the pipe ends before it does."""
    size, n_arrays = _HEAD.unpack(_read(pipe, _HEAD.size))
    data = _read(pipe, size)
    arrays = [_read(pipe, _LENGTH.unpack(_read(pipe, _LENGTH.size))[0]) for _ in range(n_arrays)]
    return pickle.loads(data, buffers=arrays)  # noqa: S301 - our own process wrote it


def _write(pipe: int, data: bytes | memoryview) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(pipe, left) :]


def _read(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data
