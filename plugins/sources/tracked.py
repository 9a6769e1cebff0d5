"""A tracked ultrasound sequence as a device (``tracked:FILE.igs.mha``), as PLUS and 3D Slicer record them.

One file holds the images, when each was taken, and where probe and tools were then. Sound and gaze are not in it; the
poses come as events ``tracked``. The format is MetaImage with a field ``Seq_FrameNNNN_...`` for each fact of a frame:
https://plustoolkit.github.io/. The reader is our own, see ``docs/decisions/0203``.

One thread reads each stream; images are unpacked one at a time on the thread that asks.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from assistant.contracts import Clock, DeviceInfo, Frame, StreamItem, StreamKind, TimelineEvent, UInt8Array
from assistant.errors import EndOfStream, SourceError
from assistant.playback import MediaStream, Playback

MOST_HEADER_BYTES: Final = 64 << 20  # ten thousand frames with ten poses each
MOST_PIXELS: Final = 1 << 26  # of one image
_CHUNK_BYTES: Final = 1 << 18
_FIELD: Final = re.compile(r"Seq_Frame(\d{1,7})_(\w+)")
_ORIENTATION: Final = re.compile(r"([MU])([FN])A?|([FN])([MU])A?")
"""Where the image's axes point: to the probe's marked (M) or unmarked (U) side, and far from (F) or near (N) it."""


def create(argument: str, *, paced: bool) -> TrackedSequence:
    """The device for ``tracked:PATH``. Touches no file yet."""
    return TrackedSequence(Path(argument), paced=paced)


@dataclass(frozen=True, slots=True)
class _Header:
    """What stands before the pixels.

    Attributes:
        width, height, channels: of the images as they are stored.
        count: how many there are.
        compressed: the pixels are one zlib stream.
        offset: of the first pixel in the file.
        orientation: see ``_ORIENTATION``.
        times_s: of each image; not decreasing.
        valid: False where the recorder says that there is no image.
        poses: of each frame, 16 numbers row by row by name of the transform; None where the tracker did not see it.
    """

    width: int
    height: int
    channels: int
    count: int
    compressed: bool
    offset: int
    orientation: str
    times_s: tuple[float, ...]
    valid: tuple[bool, ...]
    poses: tuple[dict[str, list[float] | None], ...]


class TrackedSequence:
    """See the module."""

    needs_consent = False

    def __init__(self, path: Path, *, paced: bool) -> None:
        self._path = path
        self._paced = paced
        self._playback: Playback | None = None

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``contracts.Device.open``."""
        header = self._read_header()
        streams: dict[StreamKind, MediaStream] = {"video": self._frames(header)}
        if any(header.poses):
            streams["events"] = self._events(header)
        playback = Playback(streams, clock, paced=self._paced)
        first = playback.first("video")
        if not isinstance(first, Frame):
            playback.close()
            raise SourceError(f"tracked '{self._path}' holds no image: every frame is marked as not valid")
        self._playback = playback
        passed_s = header.times_s[-1] - header.times_s[0]
        return DeviceInfo(
            name=f"tracked: {self._path.name}",
            streams=frozenset(streams),
            width_px=first.width_px,
            height_px=first.height_px,
            fps=round((header.count - 1) / passed_s, 3) if passed_s > 0 else 0.0,
            paced=self._paced,
            notes={
                "orientation": header.orientation,
                "frames": header.count,
                "transforms": sorted({name for poses in header.poses for name in poses}),
            },
        )

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``contracts.Device.read``."""
        if self._playback is None:
            raise EndOfStream
        return self._playback.read(stream, timeout_s)

    def close(self) -> None:
        """See ``contracts.Device.close``."""
        if self._playback is not None:
            self._playback.close()

    def _frames(self, header: _Header) -> MediaStream:
        with self._path.open("rb") as file:
            file.seek(header.offset)
            content = _Pixels(file, compressed=header.compressed)
            shape: tuple[int, ...] = (header.height, header.width)
            if header.channels == 3:
                shape = (*shape, 3)
            for index in range(header.count):
                try:
                    raw = content.take(int(np.prod(shape)))
                except zlib.error as error:
                    raise SourceError(f"tracked '{self._path}' is damaged in image {index}: {error}") from error
                if raw is None:
                    raise SourceError(f"tracked '{self._path}' is torn: expected {header.count} images, got {index}")
                if header.valid[index]:
                    pixels = _upright(np.frombuffer(raw, np.uint8).reshape(shape), header.orientation)
                    yield Frame(index, round(header.times_s[index] * 1e9), pixels)

    def _events(self, header: _Header) -> MediaStream:
        for index, (time_s, poses) in enumerate(zip(header.times_s, header.poses, strict=True)):
            facts = {"event": "tracked", "frame_index": index, "transforms": poses}
            yield TimelineEvent(round(time_s * 1e9), "event", facts)

    def _read_header(self) -> _Header:
        if self._path.is_dir():
            raise SourceError(f"tracked '{self._path}' is a folder: expected a sequence (.igs.mha)")
        try:
            with self._path.open("rb") as file:
                fields = dict(_lines(file, self._path))
                return self._parse(fields, file.tell())
        except OSError as error:
            raise SourceError(f"tracked '{self._path}' cannot be read: {error.strerror}") from error
        except ValueError as error:  # a number that is none
            raise SourceError(f"tracked '{self._path}': a field cannot be read: {error}") from error

    def _parse(self, fields: dict[str, str], offset: int) -> _Header:
        expected = {
            "NDims": "3", "ElementType": "MET_UCHAR", "BinaryData": "True", "ElementDataFile": "LOCAL",
        }  # fmt: skip
        for name, value in expected.items():
            if fields.get(name) != value:
                got = fields.get(name, "nothing")
                raise SourceError(f"tracked '{self._path}': {name}: expected {value}, got {got}: convert the file")
        sizes = [int(part) for part in fields.get("DimSize", "").split()]
        channels = int(fields.get("ElementNumberOfChannels", "1"))
        if len(sizes) != 3 or min(sizes) < 1 or sizes[0] * sizes[1] > MOST_PIXELS or channels not in (1, 3):
            raise SourceError(
                f"tracked '{self._path}': expected images of 1 or 3 channels, got DimSize '{fields.get('DimSize')}' "
                f"and {channels} channels"
            )
        orientation = fields.get("UltrasoundImageOrientation", "MF")
        if _ORIENTATION.fullmatch(orientation) is None:
            raise SourceError(
                f"tracked '{self._path}': orientation '{orientation}' is not handled: expected one such as MF or UN"
            )
        width, height, count = sizes
        by_frame: list[dict[str, str]] = [{} for _ in range(min(count, len(fields)))]
        for name, value in fields.items():
            match = _FIELD.fullmatch(name)
            if match is not None and int(match[1]) < len(by_frame):
                by_frame[int(match[1])][match[2]] = value
        if len(by_frame) < count or not all("Timestamp" in facts for facts in by_frame):
            raise SourceError(
                f"tracked '{self._path}': not every frame says when it was taken (Seq_FrameNNNN_Timestamp)"
            )
        times_s = tuple(float(facts["Timestamp"]) for facts in by_frame)
        if not np.isfinite(times_s).all() or min(np.diff(times_s), default=0) < 0:
            raise SourceError(f"tracked '{self._path}': its times go back: expected them in order")
        return _Header(
            width=width,
            height=height,
            channels=channels,
            count=count,
            compressed=fields.get("CompressedData", "False") == "True",
            offset=offset,
            orientation=orientation,
            times_s=times_s,
            valid=tuple(facts.get("ImageStatus", "OK") == "OK" for facts in by_frame),
            poses=tuple(_poses(facts) for facts in by_frame),
        )


class _Pixels:
    """The pixels of a file, unpacked no further than they are asked for."""

    def __init__(self, file: BinaryIO, *, compressed: bool) -> None:
        self._file = file
        self._unpack = zlib.decompressobj() if compressed else None
        self._packed = b""

    def take(self, size: int) -> bytes | None:
        """The next ``size`` bytes, or None when the file ends before."""
        if self._unpack is None:
            content = self._file.read(size)
            return content if len(content) == size else None
        parts: list[bytes] = []
        missing = size
        while missing:
            self._packed = self._packed or self._file.read(_CHUNK_BYTES)
            part = self._unpack.decompress(self._packed, missing)
            if not part and (self._unpack.eof or not self._packed):
                return None
            self._packed = self._unpack.unconsumed_tail
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


def _lines(file: BinaryIO, path: Path) -> Iterator[tuple[str, str]]:
    """Names and values, to the line that says where the pixels are; the file stands at the first pixel then."""
    while file.tell() < MOST_HEADER_BYTES:
        line = file.readline(1 << 16)
        name, equals, value = line.decode("latin-1").partition("=")
        if not equals or not line.endswith(b"\n"):
            break
        yield name.strip(), value.strip()
        if name.strip() == "ElementDataFile":
            return
    raise SourceError(f"tracked '{path}' is no sequence in MetaImage format (.igs.mha)")


def _poses(facts: dict[str, str]) -> dict[str, list[float] | None]:
    poses: dict[str, list[float] | None] = {}
    for name, value in facts.items():
        if name.endswith("Transform"):
            numbers = [float(number) for number in value.split()]
            if len(numbers) != 16:
                raise ValueError(f"{name}: expected 16 numbers, got {len(numbers)}")
            poses[name.removesuffix("Transform")] = numbers if facts.get(f"{name}Status", "OK") == "OK" else None
    return poses


def _upright(pixels: UInt8Array, orientation: str) -> UInt8Array:
    """With the probe's marked side on the left and the far end at the bottom."""
    if orientation[0] in "FN":
        pixels = pixels.swapaxes(0, 1)
        orientation = orientation[1] + orientation[0]
    if orientation[0] == "U":
        pixels = pixels[:, ::-1]
    if orientation[1] == "N":
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
