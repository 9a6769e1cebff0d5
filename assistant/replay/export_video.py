"""Writes an MP4 that any player shows: H.264 with the frames' own times, and the session's sound as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.video.stream import VideoStream

from assistant.contracts import Float32Array, UInt8Array
from assistant.errors import SessionError
from assistant.replay.recording import Recording
from assistant.session.sound_access import sound_from

_MILLISECONDS = Fraction(1, 1000)
_SOUND_HZ = 48_000
_AAC_SAMPLES = 1024


class VideoFile:
    """One MP4. The first picture gives the size; others are fitted into it. A context manager.

    Args:
        path: the file.
        recording: whose sound goes in.
        start: position of the first frame.
        stop: one past the last.
    """

    def __init__(self, path: Path, recording: Recording, start: int, stop: int) -> None:
        self._path = path
        self._start_ns, last_ns = (int(recording.times_ns[position]) for position in (start, stop - 1))
        self._last_ms = -1
        self._stream: VideoStream | None = None
        self._sound: AudioStream | None = None
        self._blocks: Iterator[Float32Array] = iter(())
        self._resampler = av.AudioResampler("fltp", "mono", _SOUND_HZ, _AAC_SAMPLES)
        self._rate_hz = recording.reader.manifest.sample_rate_hz
        self._heard, self._to_hear = 0, 0
        try:
            self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
            if recording.reader.sound_samples:
                self._sound = self._container.add_stream("aac", rate=_SOUND_HZ, layout="mono")
                self._blocks = sound_from(recording.reader, self._start_ns)
                self._to_hear = (last_ns - self._start_ns) * self._rate_hz // 1_000_000_000
        except (OSError, FFmpegError) as error:
            raise SessionError(f"video '{path}' cannot be written: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._container.close()

    def put(self, captured_ns: int, image: UInt8Array) -> None:
        """Add ``(H, W, 3)`` uint8 RGB, H and W even. Raises ``SessionError`` when it cannot be written."""
        height, width = image.shape[:2]
        try:
            if self._stream is None:
                self._stream = self._begin(width, height)
            if (width, height) != (self._stream.width, self._stream.height):
                image = _fitted(image, self._stream.width, self._stream.height)
            time_ms = max(round((captured_ns - self._start_ns) / 1e6), self._last_ms + 1)
            self._hear_until(captured_ns)
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base, self._last_ms = time_ms, _MILLISECONDS, time_ms
            self._container.mux(self._stream.encode(picture))
        except (OSError, FFmpegError) as error:
            raise SessionError(f"video '{self._path}' cannot be written: {error}") from error

    def finish(self) -> None:
        """Write what the coders hold back."""
        try:
            for stream in (self._stream, self._sound):
                if stream is not None:
                    self._container.mux(stream.encode(None))
        except (OSError, FFmpegError) as error:
            raise SessionError(f"video '{self._path}' cannot be written: {error}") from error

    def _begin(self, width: int, height: int) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=30, options={"preset": "veryfast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = stream.time_base = _MILLISECONDS
        stream.codec_context.thread_count = 1
        return stream

    def _hear_until(self, captured_ns: int) -> None:
        until = min((captured_ns - self._start_ns) * self._rate_hz // 1_000_000_000, self._to_hear)
        while self._sound is not None and self._heard < until:
            block = next(self._blocks, None)
            if block is None:
                return
            sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(block[np.newaxis]), "flt", "mono")
            sound.sample_rate, sound.pts = self._rate_hz, self._heard
            sound.time_base = Fraction(1, self._rate_hz)
            self._heard += len(block)
            for piece in self._resampler.resample(sound):
                self._container.mux(self._sound.encode(piece))


def _fitted(image: UInt8Array, width: int, height: int) -> UInt8Array:
    """As large as it fits, with black around it."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    whole = np.zeros((height, width, 3), np.uint8)
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    whole[top : top + small.shape[0], left : left + small.shape[1]] = small
    return whole
