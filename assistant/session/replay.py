"""The device ``session:PATH``: plays a recorded session as if it happened now.

Streams: video, sound, gaze, and as events the truth, labels and marks of the timeline; recorded guidance is left out,
since a replay makes its own. Frame indices stay those of the recording, so that decisions, truth and labels of the same
frame meet. Threads: see ``assistant/playback.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from assistant.contracts import Clock, DeviceInfo, Frame, StreamItem, StreamKind, TimelineEvent
from assistant.errors import EndOfStream, SessionError, SourceError
from assistant.playback import MediaStream, Playback
from assistant.session.reader import SessionReader

_OBSERVERS = {"heatmap", "view", "calibration", "gaze lost", "gaze back"}
"""Events about whoever watched when it was recorded: who watches the replay is another."""


def create(argument: str, *, paced: bool) -> SessionReplay:
    """The device for ``session:PATH``. Touches no file yet."""
    return SessionReplay(Path(argument), paced=paced)


class SessionReplay:
    """A recorded session as a device."""

    needs_consent = False  # whoever is heard in it agreed when it was recorded

    def __init__(self, path: Path, *, paced: bool) -> None:
        self._path = path
        self._paced = paced
        self._playback: Playback | None = None

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``contracts.Device.open``."""
        try:
            reader = SessionReader(self._path)
        except SessionError as error:
            raise SourceError(str(error)) from error
        candidates: dict[StreamKind, MediaStream] = {
            "video": _as_source(lambda: reader.frames()),
            "sound": _as_source(reader.sound_blocks),
            "gaze": _as_source(reader.gaze),
            "events": _as_source(lambda: _events(reader)),
        }
        playback = Playback(candidates, clock, paced=self._paced)
        self._playback = playback
        streams = frozenset(stream for stream in candidates if playback.first(stream) is not None)
        first = playback.first("video")
        return DeviceInfo(
            name=f"session: {reader.session_id}",
            streams=streams,
            origin=reader.header.origin,
            width_px=first.width_px if isinstance(first, Frame) else 0,
            height_px=first.height_px if isinstance(first, Frame) else 0,
            fps=_fps(reader),
            sample_rate_hz=reader.manifest.sample_rate_hz if "sound" in streams else 0,
            paced=self._paced,
            sector_crop=reader.header.sector_crop,
            notes={"session_id": reader.session_id, "subject": reader.header.subject, "complete": reader.complete}
            | _masked(reader),
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


def _masked(reader: SessionReader) -> dict[str, str]:
    """How its images were masked when they were recorded, if they were: they are not masked again."""
    return next(
        ({"masked": source.notes["masked"]} for source in reader.header.sources if "masked" in source.notes), {}
    )


def _events(reader: SessionReader) -> list[TimelineEvent]:
    """What is known about the recording, in order of time: a label may have been given long after its frame."""
    known = (event for event in reader.timeline("truth", "label", "event") if event.data.get("event") not in _OBSERVERS)
    return sorted(known, key=lambda event: event.captured_ns)


def _fps(reader: SessionReader) -> float:
    """The median rate; 0 when there are fewer than two frames."""
    steps_ns = np.diff(reader.frame_times_ns)
    return round(1e9 / float(np.median(steps_ns)), 3) if len(steps_ns) and np.median(steps_ns) > 0 else 0.0


def _as_source(items: Callable[[], Iterable[StreamItem]]) -> MediaStream:
    """The items, with what is wrong with the session told as a source's error."""
    try:
        yield from items()
    except SessionError as error:
        raise SourceError(str(error)) from error
