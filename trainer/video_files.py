"""A video file, with its sound track if it has one, decoded once from its beginning to its end.

A file that is damaged or ends before its own header says is refused, not repaired: training would never know what it
missed. Called by the processes of ``prepare``; FFmpeg decodes on one thread, since each processor has a process.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import av
import numpy as np
from av.error import FFmpegError, InvalidDataError

from assistant.contracts import Float32Array, UInt8Array
from assistant.decoded import to_mono, to_pixels
from assistant.errors import TrainingError
from trainer.cine import Cine
from trainer.config import DataConfig
from trainer.kept_frames import WHOLE_IMAGE, KeptFrames
from trainer.recordings import Sound
from trainer.sources import Source

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

_LOCAL_ONLY = {"protocol_whitelist": "file"}  # a playlist must not make us fetch what it names
_GAP_S = 0.05
"""A step in the sound's time stamps above this is missing sound; below, it is rounding by the container."""
_LONGEST_GAP_S = 3600.0
_SHORT_S, _SHORT_SHARE = 1.0, 0.05
"""A file may end this much before its header says (rounding, the last frame's length); the larger of the two counts."""


def read_video(source: Source, config: DataConfig) -> Cine:
    """Decode a file.

    Raises:
        TrainingError: it is no video, is damaged, ends early, or its image changes size.
    """
    try:
        with av.open(str(source.path.resolve()), options=_LOCAL_ONLY, metadata_errors="replace") as container:
            video = _moving_images(container)
            if video is None:
                raise TrainingError(f"'{source.path}': expected a video, got no moving image")
            cine, start_s, end_s = _frames(container, video, source, config)
            whole_s = (container.duration or 0) / 1e6 if video.duration is None else 0.0
        with av.open(str(source.path.resolve()), options=_LOCAL_ONLY, metadata_errors="replace") as container:
            sound = _sound(container, container.streams.audio[0], start_s) if container.streams.audio else None
    except (FFmpegError, OSError) as error:
        raise TrainingError(f"'{source.path}' cannot be read as a video: {error.strerror}") from error
    # Matroska tells the length of the whole file only, and sound may last longer than the images.
    ends_s = [end_s - start_s, sound.start_s + len(sound.samples) / sound.sample_rate_hz if sound else 0.0]
    _check_length(source, whole_s, max(ends_s))
    return replace(cine, sound=sound)


def _check_length(source: Source, promised_s: float, lasts_s: float) -> None:
    if promised_s - lasts_s > max(_SHORT_S, _SHORT_SHARE * promised_s):
        raise TrainingError(f"'{source.path}' ends early: expected {promised_s:.1f} s, got {lasts_s:.1f} s")


def _frames(
    container: InputContainer, video: VideoStream, source: Source, config: DataConfig
) -> tuple[Cine, float, float]:
    """The frames nearest to an even grid, and the times of the first and last image of the file.

    As ``recordings.nearest_to_grid``, whose input is not known ahead here.
    """
    video.thread_count = 1
    crop = source.crop or WHOLE_IMAGE
    make = KeptFrames(crop, config)
    step_s = 1.0 / float(video.average_rate or video.guessed_rate or 25)
    frames: list[UInt8Array] = []
    times_s: list[float] = []
    before: tuple[float, av.VideoFrame] | None = None
    start_s = last_s = 0.0
    taken_s = -math.inf
    size = (0, 0)
    grid = 0
    for picture in _decoded(container, video):
        assert isinstance(picture, av.VideoFrame)  # noqa: S101 - of a video stream
        now_s = picture.time if picture.time is not None else last_s + step_s
        if before is None:
            start_s, size = now_s, (picture.height, picture.width)
        elif now_s <= last_s:  # two frames of one time: the first counts
            continue
        if (picture.height, picture.width) != size:
            raise TrainingError(
                f"'{source.path}': the image changes from {size[1]} x {size[0]} to {picture.width} x {picture.height}: "
                "cut the file there"
            )
        while (due_s := start_s + grid / config.frames_hz) <= now_s:
            earlier = before is not None and due_s - before[0] <= now_s - due_s
            at_s, nearest = before if before is not None and earlier else (now_s, picture)
            if at_s > taken_s:
                taken_s = at_s
                frame = make(to_pixels(nearest))
                if frame is not None:
                    times_s.append(at_s)
                    frames.append(frame)
            grid += 1
        before, last_s = (now_s, picture), now_s
    if before is None or len(frames) < 2:
        left_out = "".join(f"; {note}" for note in make.notes)
        raise TrainingError(f"'{source.path}': expected moving images, got {len(frames)} frame(s){left_out}")
    if video.duration is not None and video.time_base is not None:
        _check_length(source, float(video.duration * video.time_base), last_s - start_s + step_s)
    height_px, width_px = to_pixels(before[1]).shape[:2]  # upright
    cine = Cine(np.stack(frames), np.array(times_s) - start_s, height_px, width_px, crop, notes=make.notes)
    return cine, start_s, last_s


def _sound(container: InputContainer, track: AudioStream, start_s: float) -> Sound | None:
    """The sound track on the images' time; what is missing in it is silence."""
    track.codec_context.thread_count = 1
    rate_hz = track.rate
    pieces: list[Float32Array] = []
    begins_s: float | None = None
    length = 0
    for block in _decoded(container, track):
        assert isinstance(block, av.AudioFrame)  # noqa: S101 - of an audio stream
        if begins_s is None:
            begins_s = block.time or 0.0
        missing = round(((block.time or 0.0) - begins_s) * rate_hz) - length if block.time is not None else 0
        if missing > _LONGEST_GAP_S * rate_hz:
            raise TrainingError(f"'{container.name}' is damaged: its sound jumps by {missing / rate_hz:.0f} s")
        samples = to_mono(block)
        if missing > _GAP_S * rate_hz:
            pieces.append(np.zeros(missing, np.float32))
            length += missing
        pieces.append(samples)
        length += len(samples)
    if begins_s is None:
        return None
    return Sound(np.concatenate(pieces), rate_hz, begins_s - start_s)


def _moving_images(container: InputContainer) -> VideoStream | None:
    """The first stream of moving images; the cover picture of a sound file is none."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    return None


def _decoded(container: InputContainer, stream: VideoStream | AudioStream) -> Iterator[av.VideoFrame | av.AudioFrame]:
    """Yield the stream's frames.

    Raises:
        TrainingError: one of them is damaged.
    """
    count = 0
    for packet in container.demux(stream):
        try:
            frames = stream.decode(packet)
        except InvalidDataError:
            frames = None
        if frames is None or packet.is_corrupt or any(frame.is_corrupt for frame in frames):
            raise TrainingError(
                f"'{container.name}' is damaged: the {stream.type} after frame {count} cannot be decoded"
            )
        count += len(frames)
        yield from frames
