"""Reads a session: one that was closed, or the ``.partial`` folder of one whose writer was killed.

Any thread may read; each iterator opens the files anew, so several threads may iterate over one reader.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assistant.contracts import AudioBlock, Float32Array, Frame, GazeSample, TimelineEvent, TimelineKind
from assistant.errors import SessionError
from assistant.session.manifest import (
    FRAMES_NAME,
    SOUND_NAME,
    TIMELINE_NAME,
    Manifest,
    SessionHeader,
    read_manifest,
)
from assistant.session.segment_reader import count_content, decode_frames, decode_sound
from assistant.session.sound_clock import SoundClock
from assistant.session.timeline import decode_line, gaze_sample

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RecordedSound:
    """The sound track of a session on the true clock.

    Attributes:
        samples: ``(N,)`` float32 in [-1, 1], without gaps: what was not recorded is silence.
        sample_rate_hz: samples a second.
        start_ns: capture time of sample 0, on the session's clock.
    """

    samples: Float32Array
    sample_rate_hz: int
    start_ns: int


class SessionReader:
    """A recorded session.

    Attributes:
        path: its folder.
        manifest: all of ``session.json``.
        header: what the session was begun with.
        session_id: its name.
        complete: it was closed, and nothing was lost; else ``manifest.reason`` says why.
        frame_indices: ``(n_frames,)`` int64.
        frame_times_ns: ``(n_frames,)`` int64, ``captured_ns`` of each frame.
    """

    def __init__(self, path: Path) -> None:
        """Open the session's folder; reads no pixels.

        Raises:
            SessionError: there is no session, one of another version, or an altered one.
        """
        self.path = Path(path)
        self.manifest: Manifest = read_manifest(self.path)
        self.header: SessionHeader = self.manifest.header
        self.session_id: str = self.manifest.session_id
        self.complete: bool = self.manifest.complete
        frames = _read_table(self.path / FRAMES_NAME, columns=5)
        sound = _read_table(self.path / SOUND_NAME, columns=5)
        if not self.manifest.sha256:  # killed: the tables may be ahead of the Matroska files
            frames, sound = self._readable(frames, sound)
        self.frame_indices: Int64Array = frames[:, 0]
        self.frame_times_ns: Int64Array = frames[:, 1]
        self._frame_streams, self._frame_segments, self._frame_container_ms = frames[:, 2], frames[:, 3], frames[:, 4]
        self._sound_table = sound

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self.frame_indices)

    def frames(self, *, grey: bool = False, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Yield the frames at positions ``start`` to ``stop`` (not indices), in order.

        Args:
            grey: one channel in any case; else as recorded.
            start: first position, counted from 0.
            stop: one past the last position; None for all.

        Raises:
            SessionError: a file is missing or damaged.
        """
        stop = len(self) if stop is None else min(stop, len(self))
        position = start
        while position < stop:
            number = int(self._frame_segments[position])
            end = min(int(np.searchsorted(self._frame_segments, number, side="right")), stop)
            from_ms = int(self._frame_container_ms[position])
            pictures = decode_frames(self.path, self.manifest.segments[number], grey=grey, from_ms=from_ms)
            for container_ms, pixels in pictures:
                if container_ms != self._frame_container_ms[position]:
                    raise SessionError(
                        f"session '{self.path}': {self.manifest.segments[number].file} has a frame at "
                        f"{container_ms} ms, expected one at {self._frame_container_ms[position]} ms"
                    )
                yield Frame(
                    int(self.frame_indices[position]),
                    int(self.frame_times_ns[position]),
                    pixels,
                    int(self._frame_streams[position]),
                )
                position += 1
                if position == end:
                    break
            if position < end:
                raise SessionError(f"session '{self.path}': {self.manifest.segments[number].file} ends early")

    def place_of(self, position: int) -> tuple[int, int, int]:
        """Segment, container time in milliseconds, and stream of the frame at ``position``."""
        return (
            int(self._frame_segments[position]),
            int(self._frame_container_ms[position]),
            int(self._frame_streams[position]),
        )

    def position_in(self, segment: int, container_ms: int) -> int | None:
        """Position of the frame that stands at ``container_ms`` in a segment; None when the table has none there."""
        first, last = np.searchsorted(self._frame_segments, [segment, segment + 1])
        position = int(first + np.searchsorted(self._frame_container_ms[first:last], container_ms))
        found = position < last and self._frame_container_ms[position] == container_ms
        return position if found else None

    def sound_blocks(self) -> Iterator[AudioBlock]:
        """Yield the sound block by block, as it was recorded. Raises ``SessionError`` as ``frames`` does."""
        for number, segment in enumerate(self.manifest.segments):
            rows = self._sound_table[self._sound_table[:, 4] == number]
            if len(rows) == 0:
                continue
            waiting = np.zeros(0, np.float32)
            packets = decode_sound(self.path, segment)
            for first_sample, captured_ns, count, overflowed, _ in rows.tolist():
                while len(waiting) < count:
                    try:
                        waiting = np.concatenate([waiting, next(packets)])
                    except StopIteration:
                        raise SessionError(f"session '{self.path}': {segment.file} ends early") from None
                samples, waiting = waiting[:count].copy(), waiting[count:]
                yield AudioBlock(first_sample, captured_ns, segment.sample_rate_hz, samples, bool(overflowed))

    def sound(self) -> RecordedSound | None:
        """The whole sound track on the true clock, or None when there is none."""
        if len(self._sound_table) == 0:
            return None
        rate_hz = self.manifest.sample_rate_hz
        clock = SoundClock(rate_hz)
        places = [clock.place(*row) for row in self._sound_table[:, :3].tolist()]
        samples = np.zeros(math.ceil(max(end for _, end in places)), np.float32)
        before: tuple[float, float, float] | None = None
        for (start, end), block in zip(places, self.sound_blocks(), strict=True):
            before = _lay(samples, block.samples, start, end, before)
        return RecordedSound(samples, rate_hz, int(self._sound_table[0, 1]))

    def gaze(self) -> Iterator[GazeSample]:
        """Yield the observer's gaze."""
        return map(gaze_sample, self.timeline("gaze"))

    def timeline(self, *kinds: TimelineKind) -> Iterator[TimelineEvent]:
        """Yield the timeline's events of ``kinds`` (all when none is named), in the order in which they were written.

        Raises:
            SessionError: a line is damaged. The torn last line of a killed session is left out.
        """
        path = self.path / TIMELINE_NAME
        number = 0
        try:
            with path.open(encoding="utf-8", newline="\n") as lines:
                for line in lines:
                    number += 1
                    if not line.endswith("\n"):
                        return
                    event = decode_line(line)
                    if not kinds or event.kind in kinds:
                        yield event
        except OSError as error:
            raise SessionError(f"'{path}' cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise SessionError(f"'{path}' line {number}: {error}") from error

    @property
    def sound_samples(self) -> int:
        """How many samples were recorded, gaps left out."""
        return int(self._sound_table[:, 2].sum())

    @property
    def tables(self) -> tuple[Int64Array, Int64Array]:
        """The rows of ``frames.csv`` and ``sound.csv`` that can be read, ``(n, 5)`` each."""
        columns = self.frame_indices, self.frame_times_ns, self._frame_streams, self._frame_segments
        return np.stack([*columns, self._frame_container_ms], axis=1), self._sound_table

    def content_per_segment(self) -> list[tuple[int, int]]:
        """Frames and sound samples of each Matroska file, as the tables say."""
        return [
            (int((self._frame_segments == n).sum()), int(self._sound_table[self._sound_table[:, 4] == n, 2].sum()))
            for n in range(len(self.manifest.segments))
        ]

    def _readable(self, frames: Int64Array, sound: Int64Array) -> tuple[Int64Array, Int64Array]:
        """The rows whose frames and samples reached the Matroska files."""
        kept_frames, kept_sound = [frames[:0]], [sound[:0]]
        for number, segment in enumerate(self.manifest.segments):
            n_frames, n_samples = count_content(self.path, segment)
            kept_frames.append(frames[frames[:, 3] == number][:n_frames])
            rows = sound[sound[:, 4] == number]
            kept_sound.append(rows[np.cumsum(rows[:, 2]) <= n_samples])
        return np.concatenate(kept_frames), np.concatenate(kept_sound)


def _lay(
    line: Float32Array, samples: Float32Array, start: float, end: float, before: tuple[float, float, float] | None
) -> tuple[float, float, float]:
    """Write a block into ``line`` between two positions, linearly between its samples; where it fits exactly, as it is.

    Args:
        line: to be written.
        samples: of the block.
        start: position of its first sample.
        end: position of the one after its last.
        before: what this returned for the block before: where it ended, and position and value of its last sample.
    """
    step = (end - start) / len(samples)
    at = start + step * np.arange(len(samples))
    first = math.ceil(start)
    if before is not None and before[0] == start:  # nothing is missing between: the line goes on from its last sample
        at, samples = np.concatenate([before[1:2], at]), np.concatenate([before[2:], samples])
        first = math.floor(before[1]) + 1
    wanted = np.arange(max(first, 0), math.floor(at[-1]) + 1)
    line[wanted] = np.interp(wanted, at, samples)
    return end, float(at[-1]), float(samples[-1])


def _read_table(path: Path, columns: int) -> Int64Array:
    """``(n_rows, columns)`` int64 of a table with one line of names; a torn last line is left out."""
    try:
        text = path.read_text(encoding="ascii")
        lines = text[: text.rfind("\n") + 1].splitlines()[1:]
        return np.loadtxt(lines, dtype=np.int64, delimiter=",", ndmin=2) if lines else np.zeros((0, columns), np.int64)
    except OSError as error:
        raise SessionError(f"'{path}' cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SessionError(f"'{path}' cannot be read: {error}") from error
