"""Takes the last moments out of a session that is being recorded: out of the tables, the timeline and the media.

Runs on the session writer's thread, between two items. The media are written anew without what is forgotten (packets
are copied, nothing is encoded again) and take the old files' places; only then the tables follow, so that a kill in the
middle leaves a session that opens. What a disk keeps of a file that was replaced is the disk's matter.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
from av.error import FFmpegError

from assistant.contracts import AudioBlock, Guidance, StreamItem, TimelineEvent
from assistant.errors import SessionError
from assistant.session.attached import SessionFile
from assistant.session.manifest import FRAMES_NAME, SOUND_NAME, TIMELINE_NAME, Segment
from assistant.session.segment_reader import count_content
from assistant.session.segment_writer import MUXER

_CHUNK_BYTES: Final = 1 << 20
_STAYS: Final = frozenset(("consent", "muted", "unmuted", "forgotten", "engine replaced", "packets lost", "frame lost"))
"""Events that tell nothing of what was seen or said."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Asks a writer to forget. ``video``: the images too, and what was said about them; else the sound alone.

    Attributes:
        from_ns, to_ns: what was captured in between, on the run's clock.
        video: see above.
    """

    from_ns: int
    to_ns: int
    video: bool

    def covers_image(self, captured_ns: int) -> bool:
        """Whether an image of that moment does."""
        return self.video and self.from_ns <= captured_ns <= self.to_ns

    def covers(self, item: StreamItem | Guidance | SessionFile) -> bool:
        """Whether an item that comes late belongs to what is forgotten."""
        if isinstance(item, AudioBlock):
            return item.captured_ns < self.to_ns and item.captured_ns + item.duration_ns > self.from_ns
        if isinstance(item, TimelineEvent):
            return self._covers_line(item.captured_ns, item.kind, dict(item.data))
        return self.covers_image(item.captured_ns)

    def covers_line(self, line: str) -> bool:
        """Whether a line of the timeline does."""
        data = json.loads(line)
        return self._covers_line(data["captured_ns"], data["kind"], data)

    def _covers_line(self, captured_ns: int, kind: str, data: dict[str, object]) -> bool:
        if "utterance" in data:
            end_ns = data.get("end_ns")
            return captured_ns <= self.to_ns and (end_ns if isinstance(end_ns, int) else captured_ns) >= self.from_ns
        if not self.video or not self.from_ns <= captured_ns <= self.to_ns:
            return False
        return not (kind == "event" and data.get("event") in _STAYS)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much it was: frames, sound samples, lines of the timeline."""

    frames: int
    sound_samples: int
    timeline_lines: int


def forget(folder: Path, segments: tuple[Segment, ...], what: Forget) -> Forgotten:
    """Take it out of closed files; the tables' last lines must be in them already.

    Args:
        folder: of the session.
        segments: all of it, closed.
        what: the moments.

    Raises:
        SessionError: a file cannot be written anew.
    """

    def frame_goes(line: str) -> bool:
        return what.video and what.from_ns <= int(line.split(",")[1]) <= what.to_ns

    rate_hz = max((segment.sample_rate_hz for segment in segments), default=0)

    def sound_goes(line: str) -> bool:
        _, captured_ns, count, *_ = map(int, line.split(","))
        return captured_ns < what.to_ns and captured_ns + count * 1_000_000_000 // max(rate_hz, 1) > what.from_ns

    try:
        frames, sound = (
            _Tail(folder / name, goes) for name, goes in ((FRAMES_NAME, frame_goes), (SOUND_NAME, sound_goes))
        )
        timeline = _Tail(folder / TIMELINE_NAME, what.covers_line)
        for number in sorted(
            {int(line.split(",")[column]) for tail, column in ((frames, 3), (sound, 4)) for line in tail.gone}
        ):
            gone_frames = sum(int(line.split(",")[3]) == number for line in frames.gone)
            gone_samples = sum(int(line.split(",")[2]) for line in sound.gone if int(line.split(",")[4]) == number)
            _write_anew(folder, segments[number], gone_frames, gone_samples)
        for tail in (frames, sound, timeline):
            tail.write()
    except (OSError, FFmpegError, ValueError) as error:
        raise SessionError(f"session '{folder}': the last moments cannot be taken out: {error}") from error
    samples = sum(int(line.split(",")[2]) for line in sound.gone)
    return Forgotten(len(frames.gone), samples, len(timeline.gone))


class _Tail:
    """The end of a file of lines, as far back as lines go that are to be taken out.

    Attributes:
        gone: the lines that go.
    """

    def __init__(self, path: Path, goes: Callable[[str], bool]) -> None:
        self._path = path
        self.gone: list[str] = []
        kept: list[str] = []
        with path.open("rb") as file:
            self._start = file.seek(0, os.SEEK_END)
            lines_from = self._start
            while self._start > 0:
                # Back to the beginning of a line; the first line of a table names its columns.
                begin = max(self._start - _CHUNK_BYTES, 0)
                while True:
                    file.seek(begin)
                    content = file.read(self._start - begin)
                    first = 0 if begin == 0 else content.find(b"\n") + 1
                    if begin == 0 or (0 < first < len(content)):
                        break
                    begin = max(begin - _CHUNK_BYTES, 0)
                lines = content[first:].decode("utf-8").splitlines(keepends=True)
                header = begin == 0 and path.suffix == ".csv"
                taken = [line for line in lines[header:] if goes(line)]
                if not taken and self._start != lines_from:
                    break
                self.gone = taken + self.gone
                kept = lines[:header] + [line for line in lines[header:] if not goes(line)] + kept
                self._start = begin + first
        self._kept = kept

    def write(self) -> None:
        """Leave out what goes."""
        if not self.gone:
            return
        with self._path.open("r+b") as file:
            file.seek(self._start)
            file.write("".join(self._kept).encode("utf-8"))
            file.truncate()
            file.flush()
            os.fsync(file.fileno())


def _write_anew(folder: Path, segment: Segment, gone_frames: int, gone_samples: int) -> None:
    """The file without its last frames and samples, in the old one's place."""
    path = folder / segment.file
    frames, samples = count_content(folder, segment)
    keep_frames, keep_bytes = frames - gone_frames, (samples - gone_samples) * segment.sample_bytes
    temporary = folder / f"{segment.file}.tmp"
    with (
        av.open(str(path), metadata_errors="replace") as old,
        av.open(str(temporary), "w", format="matroska", options=MUXER) as new,
    ):
        tracks = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        new.start_encoding()
        for packet in old.demux():
            if packet.size == 0:
                continue
            if packet.stream.type == "video":
                keep, keep_frames = keep_frames > 0, keep_frames - 1
            else:
                keep, keep_bytes = keep_bytes >= packet.size, keep_bytes - packet.size
            if keep:
                packet.stream = tracks[packet.stream.index]
                new.mux(packet)
    found = count_content(folder, segment.model_copy(update={"file": temporary.name}))
    if found != (frames - gone_frames, samples - gone_samples):
        raise ValueError(f"{segment.file}: expected {(frames - gone_frames, samples - gone_samples)}, got {found}")
    with temporary.open("r+b") as stream_:
        os.fsync(stream_.fileno())
    temporary.replace(path)
