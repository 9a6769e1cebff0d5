"""Any frame of a session, exactly and soon: for whoever looks at a recording instead of playing it through.

A session has a keyframe every second, so a frame costs at most a seek and a second of decoding; what was decoded lately
is kept, so that a step back costs nothing. One thread uses an access; several accesses may read one session.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import av
from av.container import InputContainer
from av.error import FFmpegError

from assistant.contracts import Frame
from assistant.errors import SessionError
from assistant.session.reader import SessionReader
from assistant.session.segment_reader import pixels_of

KEPT_BYTES = 96 << 20
"""How much of what was decoded is kept: about 70 grey images of 1280x1024."""
ON_WITHOUT_SEEK_NS = 1_500_000_000
"""A frame so little ahead is reached by decoding on; one further ahead, or behind, by a seek to its keyframe."""


class FrameAccess:
    """Reads single frames of a session. Not thread-safe.

    Args:
        reader: the session.
        kept_bytes: bound on the decoded frames that are kept.
    """

    def __init__(self, reader: SessionReader, kept_bytes: int = KEPT_BYTES) -> None:
        self._reader = reader
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[int, Frame] = OrderedDict()
        self._bytes = 0
        self._segment = -1
        self._container: InputContainer | None = None
        self._pictures: Iterator[av.VideoFrame] = iter(())
        self._next = -1  # position of the picture that the decoder gives next; -1: unknown

    def at(self, position: int, *, keep_from: int | None = None) -> Frame:
        """The frame at ``position``.

        Args:
            position: counted from 0, not an index.
            keep_from: pictures on the way are kept too, from this position on; None: only the one asked for, or all
                on the way to a frame that lies behind, since whoever steps back will step further.

        Raises:
            SessionError: its file is missing or damaged there.
        """
        if not 0 <= position < len(self._reader):
            raise SessionError(
                f"session '{self._reader.path}': expected a frame of {len(self._reader)}, got {position}"
            )
        if position in self._kept:
            self._kept.move_to_end(position)
            return self._kept[position]
        segment, container_ms, _ = self._reader.place_of(position)
        times_ns = self._reader.frame_times_ns
        ahead = segment == self._segment and 0 <= self._next <= position
        if not ahead or times_ns[position] - times_ns[self._next] > ON_WITHOUT_SEEK_NS:
            back = segment == self._segment and position < self._next
            keep_from = max(0, position - 60) if back and keep_from is None else keep_from
            self._seek(segment, container_ms)
        problem = self._decode_to(segment, position, container_ms, keep_from)
        if problem:
            self._forget()
            raise SessionError(problem)
        return self._kept[position]

    def keyframe_before(self, position: int) -> Frame:
        """The nearest frame at or before ``position`` that can be decoded by itself: cheap, for thumbnails.

        Raises:
            SessionError: its file is missing or damaged there.
        """
        segment, container_ms, _ = self._reader.place_of(position)
        self._seek(segment, container_ms)
        name = self._reader.manifest.segments[segment].file
        try:
            picture = next(self._pictures, None)
        except FFmpegError as error:
            self._forget()
            raise SessionError(f"'{self._reader.path / name}' cannot be read: {error}") from error
        found = None if picture is None else self._reader.position_in(segment, round((picture.time or 0.0) * 1000))
        if picture is None or found is None:
            self._forget()
            raise SessionError(f"session '{self._reader.path}': {name} has no frame near {container_ms} ms")
        self._next = found + 1
        self._keep(found, picture)
        return self._kept[found]

    def close(self) -> None:
        """Release the file. Idempotent."""
        self._forget()
        self._kept.clear()
        self._bytes = 0

    def _seek(self, segment: int, container_ms: int) -> None:
        """Let the decoder begin at the keyframe at or before ``container_ms``."""
        path = self._reader.path / self._reader.manifest.segments[segment].file
        try:
            if self._container is None or segment != self._segment:
                self._forget()
                self._container = av.open(str(path))
                self._container.streams.video[0].codec_context.thread_count = 1  # the other processor paints
                self._segment = segment
            stream = self._container.streams.video[0]
            self._container.seek(container_ms * 1000)  # in microseconds
            self._pictures = self._container.decode(stream)
            self._next = -1
        except (OSError, FFmpegError, IndexError) as error:
            self._forget()
            raise SessionError(f"'{path}' cannot be read: {error}") from error

    def _decode_to(self, segment: int, position: int, container_ms: int, keep_from: int | None) -> str:
        """Decode on until ``position`` is kept; what is wrong with the file, or ""."""
        name = self._reader.manifest.segments[segment].file
        try:
            for picture in self._pictures:
                found_ms = round((picture.time or 0.0) * 1000)
                found = self._reader.position_in(segment, found_ms)
                if found is None or found > position:
                    place = f"has a frame at {found_ms} ms, expected one at {container_ms} ms"
                    return f"session '{self._reader.path}': {name} {place}"
                self._next = found + 1
                if found == position or (keep_from is not None and found >= keep_from):
                    self._keep(found, picture)
                if found == position:
                    return ""
        except FFmpegError as error:
            return f"'{self._reader.path / name}' cannot be read: {error}"
        return f"session '{self._reader.path}': {name} ends early"

    def _keep(self, position: int, picture: av.VideoFrame) -> None:
        segment, _, stream = self._reader.place_of(position)
        pixels = pixels_of(picture, self._reader.manifest.segments[segment], False)
        frame = Frame(
            int(self._reader.frame_indices[position]), int(self._reader.frame_times_ns[position]), pixels, stream
        )
        old = self._kept.pop(position, None)
        self._bytes += pixels.nbytes - (0 if old is None else old.pixels.nbytes)
        self._kept[position] = frame
        while self._bytes > self._kept_bytes and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].pixels.nbytes

    def _forget(self) -> None:
        if self._container is not None:
            self._container.close()
        self._container, self._segment, self._next, self._pictures = None, -1, -1, iter(())
