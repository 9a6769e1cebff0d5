"""Writes a session: everything that devices delivered and the model said, on one clock, safe against a kill.

One thread uses a writer: live, the recording queue's. Each item is on its way to the disk when ``put`` returns; memory
stays bounded however long the session is.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from av.error import FFmpegError

from assistant.contracts import AudioBlock, Clock, Frame, GazeSample, Guidance, StreamItem, TimelineEvent
from assistant.errors import SessionError
from assistant.session.attached import SessionFile
from assistant.session.being_written import mark_as_written
from assistant.session.disk import in_plain_words
from assistant.session.manifest import (
    FRAMES_NAME,
    MANIFEST_NAME,
    PARTIAL_SUFFIX,
    SOUND_NAME,
    TIMELINE_NAME,
    ClockAnchor,
    Manifest,
    Segment,
    SessionHeader,
    file_sha256,
    write_manifest,
)
from assistant.session.segment_writer import SegmentWriter
from assistant.session.sound_clock import SoundClock
from assistant.session.timeline import encode_line, gaze_event, guidance_event

__all__ = ["SessionHeader", "SessionWriter"]

SOUND_MAY_WAIT_S = 0.5
"""How much sound waits for the first image, so that both begin in one file."""

_LOOK_EVERY_NS = 500_000_000

FRAMES_COLUMNS = "index,captured_ns,stream,segment,container_ms"
SOUND_COLUMNS = "first_sample,captured_ns,count,overflowed,segment"


class SessionWriter:
    """A session that is being recorded. A context manager; an exception inside marks the session as incomplete.

    Attributes:
        session_id: also the folder's name.
        path: ``<id>.partial`` while writing, ``<id>`` once closed.
    """

    def __init__(
        self,
        folder: Path,
        header: SessionHeader,
        clock: Clock,
        *,
        session_id: str | None = None,
        lossless: bool = False,
        began: datetime | None = None,
    ) -> None:
        """Create the session's folder in ``folder``.

        Args:
            folder: where sessions lie; made when missing.
            header: what is known beforehand.
            clock: the clock of the items' ``captured_ns``.
            session_id: letters, digits, ``.``, ``_``, ``-``; the date, time and four random digits when None.
            lossless: keep every pixel and sample exactly (FFV1, float PCM) instead of H.264 and 16 bits.
            began: the wall's time to be noted, for a session that is rendered and no time of day has; now when None.

        Raises:
            SessionError: the id is taken or cannot be a name, or the folder cannot be written.
        """
        anchor = ClockAnchor(monotonic_ns=clock.now_ns(), wall_utc=(began or datetime.now(UTC)).isoformat())
        if session_id is None:
            session_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        self.session_id = session_id
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", self.session_id):
            raise SessionError(f"session id '{self.session_id}': expected letters, digits, '.', '_' and '-' only")
        self.path = folder / f"{self.session_id}{PARTIAL_SUFFIX}"
        self._final = folder / self.session_id
        self._lossless = lossless
        self._has_video = any("video" in source.streams for source in header.sources)
        self._fps = next((source.fps for source in header.sources if source.fps > 0), 0.0)
        rates = [source.sample_rate_hz for source in header.sources if "sound" in source.streams]
        self._sample_rate_hz = rates[-1] if rates else 0
        if rates and self._sample_rate_hz <= 0:
            raise SessionError(f"session '{self.path}': a source has sound, but its sample rate is {rates[-1]} Hz")
        self._sound_clock = SoundClock(max(self._sample_rate_hz, 1))
        self._sound_start_ns: int | None = None
        self._waiting_sound: list[AudioBlock] = []
        self._segment: SegmentWriter | None = None
        self._counts = {"frames": 0, "sound_samples": 0, "timeline_lines": 0}
        self._attached: set[str] = set()
        self._closed = False
        self._broken = ""
        self._look_again_ns = 0
        try:
            if self._final.exists():
                raise FileExistsError(f"'{self._final}' exists already")
            self.path.mkdir(parents=True)
            # Line buffered: a line is the system's before put returns, so that a kill cannot take it.
            self._frames = self._open(FRAMES_NAME, FRAMES_COLUMNS)
            self._sound = self._open(SOUND_NAME, SOUND_COLUMNS)
            self._timeline = self._open(TIMELINE_NAME)
            mark_as_written(self._timeline)
            self._manifest = Manifest(
                session_id=self.session_id,
                subject=header.subject,
                consent=header.consent,
                origin=header.origin,
                model_id=header.model_id,
                anchor=anchor,
                lossless=lossless,
                complete=False,
                reason="not closed",
                frames=0,
                sound_samples=0,
                timeline_lines=0,
                segments=(),
                sources=header.sources,
                config=dict(header.config),
                sha256={},
            )
            write_manifest(self.path, self._manifest)
        except OSError as error:
            raise SessionError(f"session '{self.path}' cannot be created: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.close(complete=False, reason=f"{kind.__name__}: {error}")

    def put(self, item: StreamItem | Guidance | SessionFile) -> None:
        """Write one item. Items of a stream come in order; streams may run ahead of each other.

        Raises:
            SessionError: the disk is full or gone, the sound's rate differs from the header's, timeline data cannot
                stand in JSON, or the session is closed already.
        """
        if self._closed:
            raise SessionError(f"session '{self.path}' is closed: nothing can be added")
        try:
            match item:
                case Frame():
                    self._put_frame(item)
                case AudioBlock():
                    self._put_sound(item)
                case GazeSample():
                    self._put_event(gaze_event(item))
                case Guidance():
                    self._put_event(guidance_event(item))
                case TimelineEvent():
                    self._put_event(item)
                case SessionFile():
                    self._put_file(item)
        except (OSError, FFmpegError, ValueError) as error:
            self._broken = in_plain_words(error)
            raise SessionError(f"session '{self.path}': {self._broken}") from error

    def close(self, *, complete: bool = True, reason: str = "") -> Path:
        """Finish all files, hash them, rename the folder and return it. Idempotent: the first call's word stands.

        Args:
            complete: the session holds all that was captured until the run ended as it should.
            reason: why not, for people.

        Raises:
            SessionError: the files cannot be finished; the ``.partial`` folder stays and can be read.
        """
        if self._closed:
            return self.path
        self._closed = True
        try:
            with ExitStack() as files:  # each is released, also when another cannot be finished
                for stream in (self._frames, self._sound, self._timeline):
                    files.callback(stream.close)
                if self._waiting_sound:
                    self._open_segment(None)
                if self._segment is not None:
                    self._segment.close()
            names = [FRAMES_NAME, SOUND_NAME, TIMELINE_NAME, *(segment.file for segment in self._manifest.segments)]
            names += sorted(self._attached)
            for name in names:
                to_disk(self.path / name)
            self._update_manifest(
                complete=complete and not self._broken,
                reason=reason if self._broken in reason else "; ".join(filter(None, (self._broken, reason))),
                sha256={name: file_sha256(self.path / name) for name in names},
            )
            self.path.rename(self._final)
        except (OSError, FFmpegError) as error:
            if not self.path.exists():
                raise SessionError(f"session '{self.path}' cannot be closed: {in_plain_words(error)}") from error
            raise SessionError(
                f"session '{self.path}' cannot be closed, but can be read: {in_plain_words(error)}"
            ) from error
        self.path = self._final
        return self.path

    def _put_frame(self, frame: Frame) -> None:
        if frame.captured_ns >= self._look_again_ns:
            # Into a folder that was removed, an open file is written without an error, and is nowhere.
            if not (self.path / MANIFEST_NAME).exists():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            self._look_again_ns = frame.captured_ns + _LOOK_EVERY_NS
        grey = frame.pixels.ndim == 2
        layout = frame.width_px, frame.height_px, grey
        current = self._segment
        if current is None or layout != (current.segment.width_px, current.segment.height_px, current.segment.grey):
            current = self._open_segment(frame)
        container_ms = current.add_frame(frame)
        segment_number = len(self._manifest.segments) - 1
        self._frames.write(f"{frame.index},{frame.captured_ns},{frame.stream},{segment_number},{container_ms}\n")
        self._counts["frames"] += 1

    def _put_sound(self, block: AudioBlock) -> None:
        if block.sample_rate_hz != self._sample_rate_hz:
            raise ValueError(
                f"sound: expected {self._sample_rate_hz} Hz as the session's source says, got {block.sample_rate_hz} Hz"
            )
        if len(block.samples) == 0:
            return
        if self._segment is not None:
            self._write_sound(self._segment, block)
            return
        self._waiting_sound.append(block)
        waiting_samples = sum(len(waiting.samples) for waiting in self._waiting_sound)
        if not self._has_video or waiting_samples > SOUND_MAY_WAIT_S * self._sample_rate_hz:
            self._open_segment(None)

    def _write_sound(self, segment: SegmentWriter, block: AudioBlock) -> None:
        if self._sound_start_ns is None:
            self._sound_start_ns = block.captured_ns
        count = len(block.samples)
        position, _ = self._sound_clock.place(block.first_sample, block.captured_ns, count)
        start_ns = self._sound_start_ns + round(position * 1e9 / block.sample_rate_hz)
        segment.add_sound(block.samples, start_ns)
        segment_number = len(self._manifest.segments) - 1
        overflowed = int(block.overflowed)
        self._sound.write(f"{block.first_sample},{block.captured_ns},{count},{overflowed},{segment_number}\n")
        self._counts["sound_samples"] += count

    def _put_event(self, event: TimelineEvent) -> None:
        self._timeline.write(encode_line(event) + "\n")
        self._counts["timeline_lines"] += 1

    def _put_file(self, file: SessionFile) -> None:
        """At any moment the old one is there or the new one, whole."""
        unfinished = self.path / f"{file.name}.new"
        unfinished.write_bytes(file.data)
        unfinished.replace(self.path / file.name)
        self._attached.add(file.name)

    def _open_segment(self, frame: Frame | None) -> SegmentWriter:
        """Begin the next Matroska file, for ``frame``'s size, or for sound alone; sound that waited goes in first."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        starts_ns = [item.captured_ns for item in (frame, *self._waiting_sound[:1]) if item is not None]
        number = len(self._manifest.segments)
        has_sound = self._sample_rate_hz > 0
        segment = Segment(
            file=f"video-{number:03d}.mkv" if frame is not None else f"sound-{number:03d}.mkv",
            start_ns=min(starts_ns),
            width_px=0 if frame is None else frame.width_px,
            height_px=0 if frame is None else frame.height_px,
            grey=frame is not None and frame.pixels.ndim == 2,
            video_codec=None if frame is None else "ffv1" if self._lossless else "h264",
            sound_codec=None if not has_sound else "pcm_f32le" if self._lossless else "pcm_s16le",
            sample_rate_hz=self._sample_rate_hz,
        )
        # The manifest names the file before the file is there: a reader of a killed session looks for no others.
        self._update_manifest(segments=(*self._manifest.segments, segment))
        self._segment = SegmentWriter(self.path, segment, self._fps)
        waiting, self._waiting_sound = self._waiting_sound, []
        for block in waiting:
            self._write_sound(self._segment, block)
        return self._segment

    def _update_manifest(self, **changes: object) -> None:
        self._manifest = self._manifest.model_copy(update={**self._counts, **changes})
        write_manifest(self.path, self._manifest)

    def _open(self, name: str, columns: str = "") -> TextIO:
        stream = (self.path / name).open("x", encoding="utf-8", newline="\n", buffering=1)
        if columns:
            stream.write(columns + "\n")
        return stream


def to_disk(path: Path) -> None:
    """Wait until the disk has the file, so that a power cut after the rename finds it whole."""
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())
