"""Plays a recording: which frame is shown, and what belongs to it. The window pulls; a thread of its own decodes.

What is shown is always one whole moment: a frame, and the guidance and gaze of that frame. When decoding cannot keep up
with the speed, frames are left out; nothing is shown beside a frame that it does not belong to.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from assistant.contracts import Clock, Frame, GazeSample, Guidance
from assistant.errors import SessionError
from assistant.replay.recording import Recording
from assistant.replay.sound_player import SoundPlayer
from assistant.replay.timeline_index import TimelineIndex
from assistant.session.frame_access import FrameAccess

SPEEDS = (0.25, 0.5, 1.0, 1.5, 2.0, 4.0, 8.0)
_LOOK_AGAIN_S = 0.2
"""While the timeline is still being read, what belongs to a frame may come later."""
_PACE_S = 0.004


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What one model said of the frame that is shown.

    Attributes:
        guidance: of the frame, or the one that was shown with it; None: none.
        age_ms: how much older the guided frame is; 0: it is about this frame.
    """

    guidance: Guidance | None = None
    age_ms: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """Everything about one frame.

    Attributes:
        number: goes up with each new moment.
        position: of the frame, counted from 0.
        time_s: since the session's first frame.
        frame: None when it cannot be read.
        recorded: what was said when it was recorded.
        other: what the other model says; without guidance when there is none.
        gaze: where the observer looked, or None.
        truth: the plane by the software scanner; "" unknown.
        words: what is being said, where the timeline tells it.
        problem: why the frame cannot be shown; or "".
    """

    number: int
    position: int
    time_s: float
    frame: Frame | None
    recorded: Said = Said()
    other: Said = Said()
    gaze: GazeSample | None = None
    truth: str = ""
    words: str = ""
    problem: str = ""


class Player:
    """Plays, pauses, seeks and steps. Orders return at once, from the window's thread. ``close`` ends its thread.

    Args:
        recording: what to play; it has frames.
        clock: keeps the time while playing.
        sound: plays the sound, or None.
    """

    def __init__(self, recording: Recording, clock: Clock, sound: SoundPlayer | None = None) -> None:
        self._recording = recording
        self._clock = clock
        self._sound = sound
        self._changed = threading.Condition()
        self._speed, self._muted, self._playing, self._closing = 1.0, False, False, False
        self._from_ns, self._since_ns = recording.start_ns, 0
        self._target, self._stale = 0, True
        self._other: TimelineIndex | None = None
        self._moment = Moment(0, 0, 0.0, None)
        self._frames = FrameAccess(recording.reader)
        self._thread = threading.Thread(target=self._work, name="replay frames", daemon=True)
        self._thread.start()

    # What the window asks -----------------------------------------------------------------------------------------

    @property
    def moment(self) -> Moment:
        """What is shown now: the last frame that was decoded."""
        return self._moment

    @property
    def playing(self) -> bool:
        return self._playing

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def muted(self) -> bool:
        return self._muted

    @property
    def target(self) -> int:
        """The position that was asked for, or is due while playing; ``moment`` follows it."""
        return self._due() if self._playing else self._target

    @property
    def sound_problem(self) -> str:
        """Why nothing can be heard, in plain words; or ""."""
        return "" if self._sound is None else self._sound.problem

    def where_ns(self) -> int:
        """The moment that is due now, on the session's clock."""
        with self._changed:
            if not self._playing:
                return int(self._recording.times_ns[self._target])
            return self._from_ns + round((self._clock.now_ns() - self._since_ns) * self._speed)

    # What the window orders ---------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Play, or pause; at the end, play from the beginning."""
        if self._playing:
            self.pause()
        else:
            self.play()

    def play(self) -> None:
        """Go on from the frame that is shown."""
        with self._changed:
            if self._target >= len(self._recording.times_ns) - 1:
                self._target = 0
            self._start_from(self._target)
            self._playing = True
            self._changed.notify()
        self._play_sound()

    def pause(self) -> None:
        """Stay at the frame that is shown."""
        with self._changed:
            if self._playing:
                self._target = self._moment.position
            self._playing = False
            self._changed.notify()
        self._play_sound()

    def seek(self, position: int) -> None:
        """Show the frame at ``position`` (the nearest there is); goes on playing from there if it plays."""
        with self._changed:
            self._target = min(max(position, 0), len(self._recording.times_ns) - 1)
            self._start_from(self._target)
            self._changed.notify()
        if self._playing:
            self._play_sound()

    def step(self, frames: int) -> None:
        """Pause, and show the frame so many frames on."""
        if self._playing:
            self.pause()
        self.seek(self._target + frames)

    def set_speed(self, speed: float) -> None:
        """One of ``SPEEDS``."""
        with self._changed:
            if self._playing:
                self._from_ns, self._since_ns = self._now_ns(), self._clock.now_ns()
            self._speed = speed
            self._changed.notify()
        self._play_sound()

    def set_muted(self, muted: bool) -> None:
        """Without sound, or with it."""
        self._muted = muted
        self._play_sound()

    def compare_with(self, other: TimelineIndex | None) -> None:
        """Show what another model says beside what was recorded."""
        with self._changed:
            self._other, self._stale = other, True
            self._changed.notify()

    def close(self) -> None:
        """End the threads. Idempotent."""
        with self._changed:
            self._closing, self._playing = True, False
            self._changed.notify()
        self._thread.join()
        if self._sound is not None:
            self._sound.close()

    # The thread ---------------------------------------------------------------------------------------------------

    def _start_from(self, position: int) -> None:
        self._from_ns, self._since_ns = int(self._recording.times_ns[position]), self._clock.now_ns()

    def _now_ns(self) -> int:
        return self._from_ns + round((self._clock.now_ns() - self._since_ns) * self._speed)

    def _due(self) -> int:
        return self._recording.position_at(self._now_ns())

    def _play_sound(self) -> None:
        if self._sound is not None:
            if self._playing and not self._muted:
                self._sound.play(self._speed, self.where_ns)
            else:
                self._sound.stop()

    def _work(self) -> None:
        shown = -1
        last = len(self._recording.times_ns) - 1
        while True:
            with self._changed:
                if not self._closing and not self._stale and not self._playing and self._target == shown:
                    self._changed.wait(None if self._recording.index.complete else _LOOK_AGAIN_S)
                elif self._playing and self._due() == shown:
                    self._changed.wait(_PACE_S)
                if self._closing:
                    break
                if self._playing:
                    self._target = self._due()
                wanted, self._stale = self._target, False
                ended = self._playing and wanted >= last
                if ended:
                    self._playing = False
            if ended:
                self._play_sound()
            # Looked up again also when the frame is the same: what belongs to it may have come meanwhile.
            if wanted != shown or not self._playing:
                self._moment = self._look(wanted)
                shown = wanted
        self._frames.close()

    def _look(self, position: int) -> Moment:
        recording, number = self._recording, self._moment.number + 1
        captured_ns = int(recording.times_ns[position])
        time_s = (captured_ns - recording.start_ns) / 1e9
        frame, problem = None, ""
        try:
            frame = self._frames.at(position)
        except SessionError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - the worker loop: the other frames can still be looked at
            problem = f"this frame cannot be shown, by a defect: {error!r}"
        index, other = recording.index, self._other
        return Moment(
            number=number,
            position=position,
            time_s=time_s,
            frame=frame,
            recorded=self._said(index, position),
            other=Said() if other is None else self._said(other, position),
            gaze=index.gaze_at(captured_ns),
            truth=index.name(int(index.truth[position])),
            words=index.words_at(captured_ns),
            problem=problem,
        )

    def _said(self, index: TimelineIndex, position: int) -> Said:
        about = index.shown_at(position)
        if about is None:
            return Said()
        times_ns = self._recording.times_ns
        return Said(index.guidance_at(about), int(times_ns[position] - times_ns[about]) / 1e6)
