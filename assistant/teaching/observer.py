"""What a run knows of whoever watches it: where the image stands on the screen, gaze mapped to it, what was shown.

The window reports on its own thread; gaze is read and mapped on the gaze thread. Nothing here waits for anything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from assistant.contracts import Clock, Device, DeviceInfo, GazeSample, StreamItem, StreamKind, TimelineEvent
from assistant.errors import EndOfStream, SourceError
from assistant.teaching.gaze_mapping import ScreenView, on_image
from assistant.teaching.scene_markers import Markers, SeesMarkers

SILENT_NS = 2_000_000_000
"""A tracker that gives no sample for so long has gone away; one that comes back is taken again."""

ON_IMAGE = "image"
"""``DeviceInfo.notes["coordinates"]`` of a tracker whose samples are in pixels of the image already."""


@runtime_checkable
class Pointed(Protocol):
    """What a gaze device is besides when the window tells it where the mouse is."""

    def point_at(self, place: tuple[float, float] | None) -> None:
        """The mouse is here, in [0, 1] of the monitor; None: it is not over the image. From any thread."""
        ...


@runtime_checkable
class Observed(Protocol):
    """What a run is besides when it wants to know about its observer; None: it does not."""

    @property
    def observer(self) -> Observer | None: ...


class Observer:
    """Collects what the window knows about who watches.

    Args:
        clock: the run's clock.
        note: takes what the timeline shall hold; None: nothing is recorded.
        warn: says in plain words, in the window, that something is wrong with the gaze.
        tracker: the gaze device, or None.
        hides_gaze: the teacher wants the predicted gaze hidden while somebody scans.
    """

    def __init__(
        self,
        clock: Clock,
        note: Callable[[TimelineEvent], None] | None,
        warn: Callable[[str], None],
        tracker: object = None,
        *,
        hides_gaze: bool = False,
    ) -> None:
        self.hides_gaze = hides_gaze
        self._clock = clock
        self._note = note
        self._warn = warn
        self._pointed: Pointed | None = tracker if isinstance(tracker, Pointed) else None
        self._sees_markers: SeesMarkers | None = tracker if isinstance(tracker, SeesMarkers) else None
        self._view: ScreenView | None = None
        self._heatmap: str | None = None
        self._lock = threading.Lock()

    @property
    def wants_mouse(self) -> bool:
        """The mouse stands in for a tracker."""
        return self._pointed is not None

    @property
    def wants_markers(self) -> bool:
        """The tracker's scene camera needs markers around the image."""
        return self._sees_markers is not None

    @property
    def view(self) -> ScreenView | None:
        """Where the image stands on the monitor now."""
        return self._view

    def look_through(self, view: ScreenView | None) -> None:
        """The image is painted there from now on; None: nowhere. Written to the timeline when it changed."""
        with self._lock:
            changed, self._view = view != self._view, view
        if changed and view is not None:
            rect = [round(edge, 1) for edge in view.image_rect_px]
            self.note({"event": "view", "monitor_px": list(view.monitor_px), "image_rect_px": rect})

    def point_at(self, place: tuple[float, float] | None) -> None:
        """See ``Pointed``; of no effect with a real tracker."""
        if self._pointed is not None:
            self._pointed.point_at(place)

    def look_for(self, markers: Markers | None) -> None:
        """See ``SeesMarkers``; of no effect with another tracker."""
        if self._sees_markers is not None:
            self._sees_markers.look_for(markers)

    def note_heatmap(self, mode: str) -> None:
        """The predicted gaze is ``shown`` or ``hidden`` from now on. Written to the timeline when it changed."""
        with self._lock:
            changed, self._heatmap = mode != self._heatmap, mode
        if changed:
            self.note({"event": "heatmap", "mode": mode})

    def note(self, facts: Mapping[str, Any]) -> None:
        """An event of this moment for the timeline."""
        if self._note is not None:
            self._note(TimelineEvent(self._clock.now_ns(), "event", facts))

    def warn(self, message: str) -> None:
        """Say it in the window."""
        self._warn(message)


class GazeOnImage:
    """A tracker as a device whose samples lie on the image. One that goes away is said, and ends nothing.

    Args:
        tracker: opened already.
        info: what it turned out to be.
        clock: the run's clock.
        observer: knows where the image stands, and whom to tell.
    """

    needs_consent = False

    def __init__(self, tracker: Device, info: DeviceInfo, clock: Clock, observer: Observer) -> None:
        self._tracker = tracker
        self._is_mapped = info.notes.get("coordinates") == ON_IMAGE
        self._clock = clock
        self._observer = observer
        self._last_ns = clock.now_ns()
        self._away = False

    def open(self, clock: Clock) -> DeviceInfo:  # noqa: ARG002 - the contract's
        """It is opened by whoever opened the tracker."""
        raise SourceError("the eye tracker is open already")

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``Device.read``; never raises ``SourceError``."""
        try:
            sample = self._tracker.read(stream, timeout_s)
        except SourceError as error:
            self._say_away(str(error))
            raise EndOfStream from error
        now_ns = self._clock.now_ns()
        if not isinstance(sample, GazeSample):
            if not self._away and now_ns - self._last_ns > SILENT_NS:
                self._away = True
                self._say_away(f"nothing came for {SILENT_NS / 1e9:.0f} s")
            return None
        if self._away:
            self._away = False
            away_s = (now_ns - self._last_ns) / 1e9
            self._observer.warn(f"the eye tracker was away for {away_s:.0f} s: this time is not scored")
            self._observer.note({"event": "gaze back", "away_s": round(away_s, 1)})
        self._last_ns = now_ns
        return sample if self._is_mapped else on_image(sample, self._observer.view)

    def close(self) -> None:
        """See ``Device.close``."""
        self._tracker.close()

    def _say_away(self, why: str) -> None:
        self._observer.warn(f"the eye tracker gives no gaze ({why}): the scan goes on, and is recorded without gaze")
        self._observer.note({"event": "gaze lost", "reason": why})
