"""Writes one Matroska file of a session: playable anywhere, and readable up to the last half second when killed.

Runs on the session writer's thread. Encoding takes one thread, this one: x264 would gain little from a second one at
these sizes, and live inference wants the other processor.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.video.frame import PictureType
from av.video.stream import VideoStream

from assistant.contracts import Float32Array, Frame, UInt8Array
from assistant.session.manifest import Segment

MILLISECONDS = Fraction(1, 1000)  # the finest time that Matroska keeps by default
KEYFRAME_EVERY_MS = 1000

# A cluster is written every fifth of a second, and at once. bitexact: no random ids, no date, no library version.
# max_interleave_delta (in microseconds): a sound device that falls silent must not hold the video back in memory.
MUXER = {
    "cluster_time_limit": "200",
    "flush_packets": "1",
    "fflags": "+bitexact",
    "max_interleave_delta": "200000",
}
# zerolatency: a frame goes in, its packet comes out. crf 20: speckle survives (see docs/decisions/0101).
_X264 = {"preset": "ultrafast", "tune": "zerolatency", "crf": "20", "forced-idr": "1"}
_FFV1 = {"level": "3", "slices": "4", "slicecrc": "1", "g": "1"}

_FULL_RANGE, _LIMITED_RANGE, _BT601 = 2, 1, 6
_NEUTRAL_CHROMA = 128


class SegmentWriter:
    """One open Matroska file. Not thread-safe: one thread writes it."""

    def __init__(self, folder: Path, segment: Segment, fps: float) -> None:
        """Create the file.

        Args:
            folder: the session's folder.
            segment: what to write; the frames given later must fit it.
            fps: nominal frames a second, only a hint for players.
        """
        self.segment = segment
        self._container = av.open(str(folder / segment.file), "w", format="matroska", options=MUXER)
        self._video: VideoStream | None = None
        self._sound: AudioStream | None = None
        self._last_video_ms = -1
        self._keyframe_due_ms = 0
        self._last_sound_pts = -1
        if segment.video_codec is not None:
            self._video = self._add_video(segment, fps)
        if segment.sound_codec is not None:
            self._sound = self._container.add_stream(segment.sound_codec, rate=segment.sample_rate_hz, layout="mono")

    def add_frame(self, frame: Frame) -> int:
        """Encode one frame; returns its time in the container, in milliseconds since the segment's start."""
        if self._video is None:
            raise ValueError(f"{self.segment.file} was begun without video")
        time_ms = max(round((frame.captured_ns - self.segment.start_ns) / 1e6), self._last_video_ms + 1)
        picture = self._picture(frame.pixels)
        picture.pts = time_ms
        picture.time_base = MILLISECONDS
        if time_ms >= self._keyframe_due_ms:
            picture.pict_type = PictureType.I
            self._keyframe_due_ms = time_ms + KEYFRAME_EVERY_MS
        self._last_video_ms = time_ms
        self._container.mux(self._video.encode(picture))
        return time_ms

    def add_sound(self, samples: Float32Array, start_ns: int) -> None:
        """Write a block of sound whose first sample belongs at ``start_ns`` on the run's clock."""
        if self._sound is None:
            raise ValueError(f"{self.segment.file} was begun without sound")
        if self.segment.sound_codec == "pcm_s16le":
            encoded = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
            block = av.AudioFrame.from_ndarray(encoded[np.newaxis], format="s16", layout="mono")
        else:
            block = av.AudioFrame.from_ndarray(samples[np.newaxis], format="flt", layout="mono")
        rate_hz = self.segment.sample_rate_hz
        pts = round((start_ns - self.segment.start_ns) * rate_hz / 1e9)
        block.sample_rate = rate_hz
        block.time_base = Fraction(1, rate_hz)
        block.pts = self._last_sound_pts = max(pts, self._last_sound_pts + 1)
        self._container.mux(self._sound.encode(block))

    def close(self) -> None:
        """Finish the file: index, duration, last cluster."""
        for stream in (self._video, self._sound):
            if stream is not None and stream.codec_context.is_open:
                self._container.mux(stream.encode(None))
        self._container.close()

    def _add_video(self, segment: Segment, fps: float) -> VideoStream:
        rate = Fraction(fps).limit_denominator(1000) if fps > 0 else Fraction(30)
        height, width = segment.height_px, segment.width_px
        if segment.video_codec == "h264":
            stream = self._container.add_stream("libx264", rate=rate, options=_X264)
            stream.pix_fmt = "yuv420p"
            height, width = height + height % 2, width + width % 2
            stream.codec_context.gop_size = 100_000  # keyframes go by time, not by count: add_frame asks for them
            stream.codec_context.color_range = _FULL_RANGE if segment.grey else _LIMITED_RANGE
            stream.codec_context.colorspace = _BT601
            self._planes: UInt8Array = np.empty((height * 3 // 2, width), np.uint8)
            # Grey fills the luma of one picture again and again (decision 0904); its chroma is set here, once.
            self._grey_picture = av.VideoFrame(width, height, "yuv420p")
            for plane in self._grey_picture.planes[1:]:
                np.frombuffer(memoryview(plane), np.uint8)[:] = _NEUTRAL_CHROMA
        else:
            stream = self._container.add_stream("ffv1", rate=rate, options=_FFV1)
            stream.pix_fmt = "gray" if segment.grey else "bgr0"
        stream.width, stream.height = width, height
        stream.codec_context.time_base = stream.time_base = MILLISECONDS
        stream.codec_context.thread_count = 1
        return stream

    def _picture(self, pixels: UInt8Array) -> av.VideoFrame:
        height, width = pixels.shape[:2]
        if self.segment.video_codec == "ffv1":
            if self.segment.grey:
                return av.VideoFrame.from_ndarray(pixels, format="gray")
            picture = av.VideoFrame(width, height, "bgr0")
            plane = picture.planes[0]
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
            rows[:, : 4 * width] = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGRA).reshape(height, 4 * width)
            return picture
        # 4:2:0 wants even sizes: the last row and column are repeated, and the reader cuts them off again.
        if self.segment.grey:
            plane = self._grey_picture.planes[0]
            luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:, : width + width % 2]
            luma[:height, :width] = pixels
            luma[:height, width:] = pixels[:, -1:]
            luma[height : height + height % 2] = luma[height - 1]
            self._grey_picture.pict_type = PictureType.NONE  # what the frame before asked for does not hold
            return self._grey_picture
        if height % 2 or width % 2:
            pixels = cv2.copyMakeBorder(pixels, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
        cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420, dst=self._planes)
        return av.VideoFrame.from_ndarray(self._planes, format="yuv420p")
