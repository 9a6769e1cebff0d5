"""``session:PATH``: the gaze that a recorded session holds, in step with its images. For trials without a tracker."""

from __future__ import annotations

from pathlib import Path

from assistant.contracts import Clock, DeviceInfo, StreamItem, StreamKind, TimelineEvent
from assistant.errors import EndOfStream, SessionError, SourceError
from assistant.playback import MediaStream, Playback
from assistant.session.reader import SessionReader


def create(argument: str, *, paced: bool) -> RecordedGaze:
    """The device ``session:PATH``. Touches no file yet."""
    return RecordedGaze(Path(argument), paced=paced)


class RecordedGaze:
    """The gaze of a session as a device; its samples lie on the image already."""

    needs_consent = False

    def __init__(self, path: Path, *, paced: bool) -> None:
        self._path = path
        self._paced = paced
        self._playback: Playback | None = None

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``Device``. Raises ``SourceError`` when there is no such session, or no gaze in it."""
        try:
            reader = SessionReader(self._path)
        except SessionError as error:
            raise SourceError(str(error)) from error
        # Of the events only their beginning is looked at: so gaze keeps its distance from the first image.
        streams: dict[StreamKind, MediaStream] = {"gaze": _gaze(reader), "events": _beginning(reader)}
        playback = Playback(streams, clock, paced=self._paced)
        if playback.first("gaze") is None:
            playback.close()
            raise SourceError(f"session '{self._path}' holds no gaze: expected one that was recorded with a tracker")
        self._playback = playback
        stand_in = f"the gaze of the recorded session {reader.session_id} stands in for a tracker"
        notes = {"coordinates": "image", "session_id": reader.session_id, "stand_in": stand_in}
        return DeviceInfo(
            name=f"gaze of session: {reader.session_id}",
            streams=frozenset({"gaze"}),
            origin=reader.header.origin,
            paced=self._paced,
            notes=notes,
        )

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``Device``."""
        if self._playback is None or stream != "gaze":
            raise EndOfStream
        return self._playback.read(stream, timeout_s)

    def close(self) -> None:
        """See ``Device``."""
        if self._playback is not None:
            self._playback.close()


def _gaze(reader: SessionReader) -> MediaStream:
    try:
        yield from sorted(reader.gaze(), key=lambda sample: sample.captured_ns)
    except SessionError as error:
        raise SourceError(str(error)) from error


def _beginning(reader: SessionReader) -> MediaStream:
    for time_ns in reader.frame_times_ns[:1]:
        yield TimelineEvent(int(time_ns), "event", {})
