"""A loudspeaker through PortAudio (``sounddevice:NAME``): the default output, or the one whose name is given.

Called by the replay's sound thread alone; ``write`` waits for PortAudio, which lets go of Python's lock meanwhile.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assistant.errors import SourceError
from assistant.plugin_loader import missing_package


class Loudspeaker:
    """See ``assistant.replay.sound_player.Speaker``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stream: Any = None

    def open(self, sample_rate_hz: int) -> float:
        """Open for mono sound; the latency in seconds. Raises ``SourceError`` when there is no such output."""
        try:
            import sounddevice
        except ModuleNotFoundError as error:
            raise missing_package(error, "the loudspeaker") from error
        except OSError as error:
            raise SourceError(f"loudspeaker: PortAudio is missing: {error}: install libportaudio2") from error
        try:
            self._stream = sounddevice.OutputStream(
                samplerate=sample_rate_hz, channels=1, dtype="float32", device=self._name or None, latency=0.1
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise SourceError(f"loudspeaker '{self._name or 'default'}' cannot be opened: {error}") from error
        return float(self._stream.latency)

    def write(self, samples: object) -> None:
        """See there."""
        if self._stream.stopped:
            self._stream.start()
        self._stream.write(np.ascontiguousarray(samples, np.float32))

    def drop(self) -> None:
        """See there."""
        if self._stream is not None:
            self._stream.abort()

    def close(self) -> None:
        """See there."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def create(argument: str) -> Loudspeaker:
    """The speaker ``sounddevice:NAME``; opens nothing."""
    return Loudspeaker(argument)
