"""The recording queue: recording never blocks capture, and every frame that could not be recorded is counted.

``put`` is called by the capture and inference threads; the queue's own thread owns the session writer.
"""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.contracts import Frame, Guidance, StreamItem, TimelineEvent
from assistant.disk_room import DiskRoom
from assistant.errors import SessionError, SonocueError
from assistant.session.forgetting import Forget

if TYPE_CHECKING:
    from assistant.session.attached import SessionFile
    from assistant.session.writer import SessionWriter
    from assistant.state import RunState

BOUND_NS = 3_000_000_000
"""How much video may wait to be written, in time; what comes on top is lost, counted and shown."""

MOST_WAITING = 10_000
"""How many items may wait, whatever they are: half a minute and more of sound, gaze and guidance."""

PATIENCE_S = 30.0
"""At the end, a disk that takes nothing at all for so long is given up; the session stays to be recovered."""


COURTESY_S = 0.02
"""For so long a frame that waits alone lets its guidance go first: encoding takes a processor for some milliseconds."""


class Recorder:
    """A bounded queue in front of a session writer, and the thread that empties it.

    Args:
        writer: of the session.
        state: what is told of recorded and lost frames.
        guided: guidance of most frames will come, live.
    """

    def __init__(self, writer: SessionWriter, state: RunState, *, guided: bool = False) -> None:
        self._writer = writer
        self._state = state
        self._items: deque[StreamItem | Guidance | SessionFile | Forget] = deque()
        self._waiting_frames_ns: deque[int] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._guided = guided
        self._guided_ns = -1  # capture of the newest frame whose guidance has come
        self._gave_up = False
        self._failed = ""
        self._room = DiskRoom(writer.path)
        self._thread = threading.Thread(target=self._work, name="record", daemon=True)
        self._thread.start()

    def put(self, item: StreamItem | Guidance | SessionFile) -> None:
        """Queue an item; a frame that finds the queue full, or the writer failed, is lost."""
        with self._changed:
            if isinstance(item, Frame):
                waiting_ns = item.captured_ns - self._waiting_frames_ns[0] if self._waiting_frames_ns else 0
                if self._failed or waiting_ns > BOUND_NS:
                    self._state.frame_lost(self._failed or "the disk or processor does not keep up with recording")
                    item = TimelineEvent(item.captured_ns, "event", _lost(item))
                else:
                    self._waiting_frames_ns.append(item.captured_ns)
            if self._failed:
                return
            if len(self._items) >= MOST_WAITING and not isinstance(item, Frame):
                self._state.fault("recording of sound", "recording lost sound or gaze: the disk takes nothing")
                return
            if isinstance(item, Guidance):
                self._guided_ns = item.captured_ns
            self._items.append(item)
            self._changed.notify()

    def forget(self, what: Forget) -> bool:
        """Ask that the last moments are taken out, after what waits was written; False when recording has failed."""
        with self._changed:
            if self._failed or self._closing:
                return False
            self._items.append(what)
            self._changed.notify()
        return True

    def wait_for_room(self) -> None:
        """Block until under a second of video waits: for lock-step, where the source can wait and nothing is lost."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting_frames_ns) < 30 or bool(self._failed))

    def close(self, *, complete: bool, reason: str = "") -> Path:
        """Write what waits, close the session and return its final folder. Idempotent: the first call's word stands.

        Raises:
            SessionError: the session cannot be closed; what was recorded stays in its ``.partial`` folder.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        waiting = len(self._items) if self._gave_up else -1
        while self._thread.is_alive() and len(self._items) != waiting:
            waiting = len(self._items)
            self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            self._gave_up = True
            raise SessionError(
                f"session '{self._writer.path}': the disk has taken nothing for {PATIENCE_S:.0f} s; "
                f"what it took can be read: sonocue session recover {self._writer.path}"
            )
        try:
            if self._failed:
                return self._writer.close(complete=False, reason=self._failed)
            return self._writer.close(complete=complete, reason=reason)
        except SessionError as error:
            if not self._writer.path.exists():
                raise
            raise SessionError(f"{error}: make room, then sonocue session recover {self._writer.path}") from error

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._items) or self._closing)
                if not self._items:
                    return
                item = self._items.popleft()
                if self._guided and isinstance(item, Frame):
                    self._changed.wait_for(partial(self._may_encode, item), COURTESY_S)
            try:
                if isinstance(item, Forget):
                    self._writer.forget(item)
                else:
                    self._writer.put(item)
            except (SonocueError, OSError) as error:
                self._give_up(f"recording stopped: {error}")
                return
            except Exception as error:  # noqa: BLE001 - the worker loop: a defect of ours must not end the live view
                self._give_up(f"recording stopped by a defect: {error!r}")
                return
            if isinstance(item, Frame):
                self._state.frame_recorded()
                self._state.disk_room(self._room.seconds_left(item.captured_ns))
                with self._changed:
                    self._waiting_frames_ns.popleft()
                    self._changed.notify()

    def _may_encode(self, frame: Frame) -> bool:
        return self._closing or len(self._waiting_frames_ns) > 1 or self._guided_ns >= frame.captured_ns

    def _give_up(self, reason: str) -> None:
        """What waits is lost; the live view goes on and says so."""
        with self._changed:
            self._failed = reason
            waiting = len(self._waiting_frames_ns)
            self._items.clear()
            self._waiting_frames_ns.clear()
            self._changed.notify()
        self._state.fault("recording", reason)
        for _ in range(waiting):
            self._state.frame_lost(reason)


def _lost(frame: Frame) -> dict[str, object]:
    return {"event": "frame lost", "frame_index": frame.index}
