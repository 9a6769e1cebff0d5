"""The device ``file:PATH``: a video file (or a single image) with its sound track, through FFmpeg.

Each stream has a container and a decoder of its own, since different threads read them; both decode on one thread, as
live inference wants the other processors. Pace and time: see ``assistant/playback.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.error import FFmpegError, InvalidDataError
from av.video.stream import VideoStream

from assistant.contracts import AudioBlock, Clock, DeviceInfo, Float32Array, Frame, StreamItem, StreamKind
from assistant.decoded import to_mono, to_pixels
from assistant.errors import EndOfStream, SourceError
from assistant.playback import MediaStream, Playback

BLOCKS_PER_SECOND = 40  # 25 ms of sound each, whatever the codec's frames are
GAP_NS = 50_000_000
"""A step in the sound's timestamps above this is missing sound; below, it is rounding by the container."""

_LOCAL_ONLY = {"protocol_whitelist": "file"}  # a playlist must not make us fetch what it names


def create(argument: str, *, paced: bool) -> FileDevice:
    """The device for ``file:PATH``. Touches no file yet."""
    return FileDevice(Path(argument), paced=paced)


class FileDevice:
    """A video file as a device; delivers every frame and sample of it."""

    needs_consent = False

    def __init__(self, path: Path, *, paced: bool) -> None:
        self._path = path
        self._paced = paced
        self._playback: Playback | None = None

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``contracts.Device.open``."""
        self._check_path()
        try:
            with av.open(str(self._path.resolve()), options=_LOCAL_ONLY, metadata_errors="replace") as container:
                if container.format.name == "tty":  # FFmpeg would draw the text as a picture
                    raise SourceError(f"file '{self._path}': expected a video, got text")
                video, sound = _video_stream(container), next(iter(container.streams.audio), None)
                if video is None:
                    found = "only sound" if sound is not None else "neither images nor sound"
                    raise SourceError(f"file '{self._path}': expected a video, got {found}")
                if video.codec_context is None:
                    raise SourceError(f"file '{self._path}': its video is in a coding that FFmpeg does not know")
                fps = float(video.average_rate or video.guessed_rate or 0)
                rate_hz = 0 if sound is None else sound.rate
                notes = {"codec": video.codec_context.name, "pixel_format": video.codec_context.pix_fmt or "unknown"}
        except FFmpegError as error:
            raise SourceError(f"file '{self._path}' is not a video that FFmpeg can read: {error.strerror}") from error
        streams: dict[StreamKind, MediaStream] = {"video": self._frames()}
        if rate_hz:
            streams["sound"] = self._blocks()
        playback = Playback(streams, clock, paced=self._paced)
        first = playback.first("video")
        if not isinstance(first, Frame):
            playback.close()
            raise SourceError(f"file '{self._path}' holds no image that can be decoded")
        self._playback = playback
        has_sound = playback.first("sound") is not None
        return DeviceInfo(
            name=f"file: {self._path.name}",
            streams=frozenset({"video", "sound"} if has_sound else {"video"}),
            width_px=first.width_px,
            height_px=first.height_px,
            fps=fps,
            sample_rate_hz=rate_hz if has_sound else 0,
            paced=self._paced,
            notes=notes,
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

    def _check_path(self) -> None:
        if self._path.is_dir():
            raise SourceError(f"file '{self._path}' is a folder: expected a video file")
        if not self._path.is_file():
            raise SourceError(f"file '{self._path}' does not exist")
        if self._path.stat().st_size == 0:
            raise SourceError(f"file '{self._path}' is empty")

    def _frames(self) -> MediaStream:
        with av.open(str(self._path.resolve()), options=_LOCAL_ONLY, metadata_errors="replace") as container:
            video = _video_stream(container)
            if video is None:
                return
            video.thread_count = 1
            generation, size = 0, None
            captured_ns, step_ns = None, round(1e9 / float(video.average_rate or 30))
            for index, picture in enumerate(_decoded(container, video)):
                if isinstance(picture, av.VideoFrame):  # else damaged: the gap in the index tells the loss
                    pixels = to_pixels(picture)
                    generation += size is not None and size != pixels.shape[:2]
                    size = pixels.shape[:2]
                    expected_ns = 0 if captured_ns is None else captured_ns + step_ns
                    time_ns = _time_ns(picture, expected_ns)
                    captured_ns = time_ns if captured_ns is None else max(time_ns, captured_ns)
                    yield Frame(index, captured_ns, pixels, generation)

    def _blocks(self) -> MediaStream:
        with av.open(str(self._path.resolve()), options=_LOCAL_ONLY, metadata_errors="replace") as container:
            sound = container.streams.audio[0]
            rate_hz = sound.rate
            size = max(rate_hz // BLOCKS_PER_SECOND, 1)
            waiting: Float32Array = np.zeros(0, np.float32)
            start_ns: int | None = None
            position = 0  # of the first waiting sample

            def block(count: int) -> AudioBlock:
                nonlocal waiting, position
                samples, waiting = waiting[:count].copy(), waiting[count:]
                position += count
                first = position - count
                return AudioBlock(first, (start_ns or 0) + first * 1_000_000_000 // rate_hz, rate_hz, samples)

            for decoded in _decoded(container, sound):
                if not isinstance(decoded, av.AudioFrame):
                    continue  # damaged: the next timestamp tells how much is missing
                end_ns = (start_ns or 0) + (position + len(waiting)) * 1_000_000_000 // rate_hz
                time_ns = _time_ns(decoded, end_ns)
                if start_ns is None:
                    start_ns = time_ns
                elif time_ns - end_ns > GAP_NS:
                    if len(waiting):
                        yield block(len(waiting))
                    position = (time_ns - start_ns) * rate_hz // 1_000_000_000
                waiting = np.concatenate([waiting, to_mono(decoded)])
                while len(waiting) >= size:
                    yield block(size)
            if len(waiting):
                yield block(len(waiting))


def _video_stream(container: av.container.InputContainer) -> VideoStream | None:
    """The first stream of moving images; the cover picture of a sound file is none."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    return None


def _decoded(
    container: av.container.InputContainer, stream: VideoStream | AudioStream
) -> Iterator[av.VideoFrame | av.AudioFrame | None]:
    """Yield the stream's frames, and None for each damaged packet."""
    try:
        for packet in container.demux(stream):
            try:
                yield from stream.decode(packet)
            except InvalidDataError:
                yield None
    except FFmpegError as error:
        raise SourceError(f"file '{container.name}' cannot be read on: {error.strerror}") from error


def _time_ns(frame: av.VideoFrame | av.AudioFrame, otherwise_ns: int) -> int:
    stamp = frame.pts if frame.pts is not None else frame.dts
    if stamp is None or frame.time_base is None:
        return otherwise_ns
    return int(stamp * frame.time_base * 1_000_000_000)
