"""Plays a recording's sound in step with its images, at any speed, on a thread of its own.

The images keep the time; the sound begins where they are when the first sample will be heard, and begins anew when the
two have drifted apart by more than ``APART_NS``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from assistant.errors import SonocueError
from assistant.replay.stretch import stretched
from assistant.session.reader import SessionReader
from assistant.session.sound_access import sound_from

APART_NS = 80_000_000
"""Later or earlier than this, a voice no longer seems to belong to what is seen (ITU-R BT.1359 asks for about this)."""
_PIECE_S, _SETTLED_S = 0.02, 0.5


class Speaker(Protocol):
    """A device that plays sound. Entry-point group ``sonocue.speakers``: a function ``create(argument) -> Speaker``.

    All calls come from one thread.
    """

    def open(self, sample_rate_hz: int) -> float:
        """Open for mono sound; returns how long a sample takes from ``write`` to the ear, in seconds.

        Raises:
            SonocueError: there is no such device, or it refuses.
        """
        ...

    def write(self, samples: object) -> None:
        """Play ``(n,)`` float32 after what was written before; waits until there is room."""
        ...

    def drop(self) -> None:
        """Fall silent now; what was written and not heard is forgotten."""
        ...

    def close(self) -> None:
        """Release the device. Idempotent."""
        ...


class SoundPlayer:
    """The sound of one recording.

    Args:
        reader: the session.
        create: makes the speaker, on the player's thread.

    Attributes:
        problem: why nothing can be heard, in plain words; or "".
    """

    def __init__(self, reader: SessionReader, create: Callable[[], Speaker]) -> None:
        self.problem = ""
        self._reader = reader
        self._create = create
        self._changed = threading.Condition()
        self._order = 0
        self._speed = 0.0
        self._where: Callable[[], int] = lambda: 0
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="replay sound", daemon=True)
        self._thread.start()

    def play(self, speed: float, where: Callable[[], int]) -> None:
        """Begin, or begin anew: ``where`` tells the moment that is shown now, on the session's clock."""
        self._give(speed, where)

    def stop(self) -> None:
        """Fall silent."""
        self._give(0.0, self._where)

    def close(self) -> None:
        """End the thread. Idempotent."""
        with self._changed:
            self._closing = True
            self._order += 1
            self._changed.notify()
        self._thread.join()

    def _give(self, speed: float, where: Callable[[], int]) -> None:
        with self._changed:
            self._order += 1
            self._speed, self._where = speed, where
            self._changed.notify()

    def _work(self) -> None:
        speaker: Speaker | None = None
        done = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._order != done or self._closing)  # noqa: B023 - called at once
                if self._closing:
                    break
                done, speed, where = self._order, self._speed, self._where
            if speed <= 0:
                continue
            try:
                if speaker is None:
                    speaker = self._create()
                    latency_s = speaker.open(self._reader.manifest.sample_rate_hz)
                    self.problem = ""
                while self._order == done and self._play(speaker, done, speed, where, latency_s):
                    pass
                speaker.drop()
            except SonocueError as error:
                self.problem = str(error)
                if speaker is not None:
                    speaker.close()
                speaker = None
            except Exception as error:  # noqa: BLE001 - the worker loop: without sound the replay goes on, and says so
                self.problem = f"sound stopped by a defect: {error!r}"
                speaker = None
        if speaker is not None:
            speaker.close()

    def _play(self, speaker: Speaker, order: int, speed: float, where: Callable[[], int], latency_s: float) -> bool:
        """Play until another order comes or the end; True: sound and images are apart, begin anew."""
        rate_hz = self._reader.manifest.sample_rate_hz
        began_ns = where() + round(latency_s * speed * 1e9)
        piece, written = round(_PIECE_S * rate_hz), 0
        ahead_ns: int | None = None
        for block in stretched(sound_from(self._reader, began_ns), rate_hz, speed):
            for first in range(0, len(block), piece):
                if self._order != order:
                    return False
                samples = block[first : first + piece]
                speaker.write(samples)
                written += len(samples)
                now_ahead_ns = began_ns + round(written / rate_hz * speed * 1e9) - where()
                if written < _SETTLED_S * rate_hz:
                    continue  # the device's buffer is filled: it runs ahead until then, how far only the device knows
                if ahead_ns is None:
                    ahead_ns = now_ahead_ns
                elif abs(now_ahead_ns - ahead_ns) > APART_NS * max(speed, 1.0):
                    speaker.drop()
                    return True
        return False
