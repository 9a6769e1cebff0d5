"""What an archive holds: the recordings under the names that a user gives, and their frames in order.

Each file is opened through the device of its kind (``session``, ``dicom``, ``file``), so that a frame is what it is
live. Runs on the threads that decode.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.error import FFmpegError

from assistant.clock import MonotonicClock
from assistant.contracts import Abstention, Float32Array, Frame
from assistant.errors import EndOfStream, SourceError
from assistant.model_contracts import Preprocessing
from assistant.plugin_loader import load_plugin
from assistant.preprocess import Preprocessor
from assistant.screen_layout import glance_at
from assistant.screen_mode import shown_mode

_VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv")
_IMAGES = (".bmp", ".dcm", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
MEDIA_SUFFIXES = frozenset(_VIDEOS + _IMAGES)
"""What is taken from a folder; a file that is named itself may be called anything."""

_SESSION = "session.json"
_DICOM_AT, _DICOM = 128, b"DICM"
_READ_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Frames of one file that go through the network together.

    Attributes:
        file: as ``recordings`` gave it.
        image: ``(n, 1, H, W)`` float32, preprocessed.
        frames: index of each in its file.
        times_s: of each since the file's first frame.
        modes: what each screen shows instead of one B-mode image, or None.
        rect_px: what the network sees of each: (top, left, bottom, right) in pixels of the image.
    """

    file: Path
    image: Float32Array
    frames: tuple[int, ...]
    times_s: tuple[float, ...]
    modes: tuple[Abstention | None, ...]
    rect_px: tuple[tuple[int, int, int, int], ...]


def recordings(named: Iterable[Path]) -> list[Path]:
    """Sessions and files under what was named, each once, in order; a folder is searched through.

    Raises:
        SourceError: a folder holds nothing that could be a recording.
    """
    found: dict[Path, None] = {}
    for path in named:
        below = list(_below(path)) if path.is_dir() else [path]
        if not below:
            raise SourceError(f"'{path}' holds no session and no file that could be a video, an image or DICOM")
        found.update(dict.fromkeys(below))
    return list(found)


def _below(folder: Path) -> Iterator[Path]:
    if (folder / _SESSION).is_file():
        yield folder
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _below(path)
        elif path.suffix.lower() in MEDIA_SUFFIXES:
            yield path


def kind_of(path: Path) -> Literal["session", "dicom", "file"]:
    """The device that reads it."""
    if path.is_dir():
        return "session"
    try:
        with path.open("rb") as stream:
            stream.seek(_DICOM_AT)
            return "dicom" if stream.read(len(_DICOM)) == _DICOM else "file"
    except OSError:
        return "file"  # which then says why it cannot be read


def length_s(path: Path) -> float:
    """How long a recording is, for a progress bar: 0 where that is not quickly known."""
    videos = sorted(path.glob("*.mkv")) if path.is_dir() else [path]
    seconds = 0.0
    for video in videos:
        try:
            with av.open(
                str(video.resolve()), options={"protocol_whitelist": "file"}, metadata_errors="replace"
            ) as container:
                seconds += max(container.duration or 0, 0) / av.time_base
        except (FFmpegError, OSError):
            continue
    return seconds


def frames(path: Path) -> Iterator[tuple[Frame, tuple[float, float, float, float] | None]]:
    """All frames of a recording, and the crop that the recording itself knows.

    Raises:
        SourceError: it cannot be read, or not to its end.
    """
    with closing(load_plugin("sonocue.sources", kind_of(path))(str(path), paced=False)) as device:
        info = device.open(MonotonicClock())
        if "video" not in info.streams:
            raise SourceError(f"'{path}' has no images: expected a recording with video")
        while True:
            try:
                item = device.read("video", _READ_S)
            except EndOfStream:
                return
            if isinstance(item, Frame):
                yield item, info.sector_crop


def batches(path: Path, spec: Preprocessing, size: int, *, watch_screen: bool) -> Iterator[Batch]:
    """A recording's frames, preprocessed, ``size`` at a time.

    Raises:
        SourceError: see ``frames``.
    """
    preprocess: Preprocessor | None = None
    start_ns = 0
    image: Float32Array = np.empty((0,), np.float32)
    indices: list[int] = []
    times_s: list[float] = []
    modes: list[Abstention | None] = []
    rects: list[tuple[int, int, int, int]] = []

    def full() -> Batch:
        batch = Batch(path, image[: len(indices)], tuple(indices), tuple(times_s), tuple(modes), tuple(rects))
        for each in (indices, times_s, modes, rects):
            each.clear()
        return batch

    for frame, crop in frames(path):
        if preprocess is None:
            preprocess = Preprocessor(spec if crop is None else replace(spec, crop=crop))
            start_ns = frame.captured_ns
        if not indices:
            image = np.empty((size, 1, spec.height_px, spec.width_px), np.float32)
        preprocess(frame.pixels, out=image[len(indices) : len(indices) + 1])
        indices.append(frame.index)
        times_s.append((frame.captured_ns - start_ns) / 1e9)
        modes.append(shown_mode(glance_at(frame.pixels)) if watch_screen else None)
        rects.append(preprocess.crop_rect_px(frame.height_px, frame.width_px))
        if len(indices) == size:
            yield full()
    if indices:
        yield full()
