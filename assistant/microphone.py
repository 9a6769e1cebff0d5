"""A microphone as a device, whichever library reaches it: each library is a file in ``plugins/sources``.

The library's own thread runs the callback, which copies and puts, nothing else. One thread of the engine reads. A loss
shows twice: the next block is marked ``overflowed``, and ``first_sample`` jumps by what is missing.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Final, Protocol

import numpy as np

from assistant.contracts import AudioBlock, Clock, DeviceInfo, Float32Array, StreamKind
from assistant.errors import EndOfStream, SourceError

BLOCK_S: Final = 0.032  # one decision of the voice activity network
PREFERRED_RATE_HZ: Final = 16_000  # what speech needs; a device that cannot is taken at its own rate
QUEUE_S: Final = 10.0
SETTLE_S: Final = 5.0
"""Time constant of the capture times: long against the jitter of a callback, short against a sound card's drift."""

OnSound = Callable[[Float32Array, float, bool], None]
"""Takes samples ``(N,)`` in [-1, 1] that are the callee's own, the seconds since the first of them was captured, and
whether sound was lost before them. Runs on the library's thread, which must never wait."""


@dataclass(frozen=True, slots=True)
class InputDevice:
    """A device that records sound.

    Attributes:
        name: what ``sounddevice:NAME`` takes.
        index: the library's number for it, until it looks for devices again.
        host_api: the sound system it is reached through.
        channels: most channels it records.
        sample_rate_hz: its own rate.
        is_default: it is what ``sounddevice:`` without a name means.
    """

    name: str
    index: int
    host_api: str
    channels: int
    sample_rate_hz: int
    is_default: bool


class OpenInput(Protocol):
    """An input that records."""

    @property
    def latency_s(self) -> float:
        """What the library says of the input's own delay."""
        ...

    def is_active(self) -> bool:
        """It still records; False when it was unplugged, or its server ended."""
        ...

    def close(self) -> None:
        """Stop. Called once; does not raise."""
        ...


class SoundLibrary(Protocol):
    """A library that reaches microphones.

    Attributes:
        name: of the plugin.
    """

    name: str

    def inputs(self) -> list[InputDevice]:
        """The inputs there are, the default first. Raises ``SourceError`` or ``PluginError`` without the library."""
        ...

    def refuses(self, device: InputDevice, channels: int, sample_rate_hz: int) -> str:
        """Why the device does not take this format; empty when it does."""
        ...

    def begin(
        self, device: InputDevice, channels: int, sample_rate_hz: int, block: int, on_sound: OnSound
    ) -> OpenInput:
        """Record blocks of so many samples; of two channels the first. Raises ``SourceError``."""
        ...

    def look_again(self) -> bool:
        """Look for devices again, since libraries look once; False where that cannot be, or is always done."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """What the callback hands over.

    Attributes:
        first_sample: number of the first sample, counting what the library delivered.
        captured_ns: when the library says that it was captured, on the run's clock: jitters.
        samples: ``(N,)`` float32.
        overflowed: the system lost sound before it.
    """

    first_sample: int
    captured_ns: int
    samples: Float32Array
    overflowed: bool


class CaptureTimes:
    """Capture times that rise evenly with the samples and follow the sound card's clock.

    PortAudio's times jitter with the scheduling of its thread. What they say together, the moment of sample 0, changes
    only by the drift between two quartzes (under 0.1 ms a second), so it is averaged: over all that was heard at first,
    over about ``SETTLE_S`` later. The result never goes back.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._origin_ns = 0.0  # when sample 0 was captured
        self._heard_s = 0.0
        self._last_ns = -1

    def settle(self, first_sample: int, captured_ns: int, n_samples: int) -> int:
        """Capture time in ns of ``first_sample``, given what the device says about this block."""
        block_s = n_samples / self._rate_hz
        said_ns = captured_ns - first_sample * 1e9 / self._rate_hz
        self._heard_s = min(self._heard_s + block_s, SETTLE_S)
        self._origin_ns += (said_ns - self._origin_ns) * block_s / self._heard_s
        self._last_ns = max(self._last_ns + 1, round(self._origin_ns + first_sample * 1e9 / self._rate_hz))
        return self._last_ns

    def missing(self, first_sample: int, captured_ns: int) -> int:
        """How many samples were lost, when the block that counts as ``first_sample`` came at ``captured_ns``."""
        late_ns = captured_ns - self._origin_ns - first_sample * 1e9 / self._rate_hz
        return max(0, round(late_ns * self._rate_hz / 1e9))


class Microphone:
    """The device. ``lost_samples`` counts what could not be delivered."""

    needs_consent = True

    def __init__(self, library: SoundLibrary, name: str) -> None:
        self._library = library
        self._name = name
        self._input: OpenInput | None = None
        self._queue: queue.Queue[Captured | None] = queue.Queue(maxsize=round(QUEUE_S / BLOCK_S))
        self._closed = False
        self._delivered = 0
        self._rate_hz = 0
        self._times: CaptureTimes | None = None
        self._next_sample = 0
        self._lost_in_device = 0
        self.lost_samples = 0

    def open(self, clock: Clock) -> DeviceInfo:
        """Start recording. Raises ``SourceError`` with the names of the inputs when there is no such device."""
        try:
            return self._begin(clock)
        except SourceError:
            if not self._library.look_again():
                raise
        return self._begin(clock)

    def _begin(self, clock: Clock) -> DeviceInfo:
        device = find_input(self._library.inputs(), self._name)
        rate_hz, channels = self._format_of(device)
        self._rate_hz = rate_hz
        self._times = CaptureTimes(rate_hz)

        def on_sound(samples: Float32Array, since_first_s: float, overflowed: bool) -> None:
            now_ns = clock.now_ns()
            # Some systems give no times, or times in which the end of the block is still to come.
            since_first_ns = max(since_first_s * 1e9, len(samples) * 1e9 / rate_hz)
            first_sample, self._delivered = self._delivered, self._delivered + len(samples)
            self._put(Captured(first_sample, now_ns - round(since_first_ns), samples, overflowed))

        self._input = self._library.begin(device, channels, rate_hz, round(BLOCK_S * rate_hz), on_sound)
        return DeviceInfo(
            name=f"{self._library.name}: {device.name}",
            streams=frozenset({"sound"}),
            sample_rate_hz=rate_hz,
            notes={"host_api": device.host_api, "input_latency_ms": round(1000 * self._input.latency_s, 1)},
        )

    def _format_of(self, device: InputDevice) -> tuple[int, int]:
        """Rate and channels to open it with: mono at 16 kHz if it can. Of two channels the first is taken."""
        refused = ""
        for channels, rate_hz in product((1, 2), (PREFERRED_RATE_HZ, device.sample_rate_hz)):
            refused = self._library.refuses(device, channels, rate_hz)
            if not refused:
                return rate_hz, channels
        raise SourceError(f"microphone '{device.name}' takes neither 16 kHz nor {device.sample_rate_hz} Hz: {refused}")

    def _put(self, captured: Captured | None) -> None:
        """Runs on the library's thread, which must never wait: a full queue gives up its oldest block."""
        while True:
            try:
                return self._queue.put_nowait(captured)
            except queue.Full:
                try:
                    self._queue.get_nowait()
                except queue.Empty:
                    continue

    def read(self, stream: StreamKind, timeout_s: float) -> AudioBlock | None:
        """The next block of about 32 ms, or None when none came in time."""
        if stream != "sound":
            raise SourceError(f"a microphone has no stream '{stream}', only 'sound'")
        if self._closed or self._times is None:
            raise EndOfStream
        try:
            captured = self._queue.get(timeout=timeout_s)
        except queue.Empty:
            captured = None
        if self._closed:
            raise EndOfStream
        if captured is not None:
            return self._block(captured, self._times)
        if self._input is None or not self._input.is_active():
            raise SourceError(f"microphone '{self._name or 'default input'}' stopped: unplugged, or its server ended")
        return None

    def _block(self, captured: Captured, times: CaptureTimes) -> AudioBlock:
        first_sample = captured.first_sample + self._lost_in_device
        overflowed = captured.overflowed and captured.first_sample > 0  # nothing can be lost before the first
        if overflowed:
            missing = times.missing(first_sample, captured.captured_ns)
            self._lost_in_device += missing
            first_sample += missing
        gap = first_sample - self._next_sample
        self.lost_samples += gap
        self._next_sample = first_sample + len(captured.samples)
        return AudioBlock(
            first_sample=first_sample,
            captured_ns=times.settle(first_sample, captured.captured_ns, len(captured.samples)),
            sample_rate_hz=self._rate_hz,
            samples=np.clip(captured.samples, -1.0, 1.0),
            overflowed=overflowed or gap > 0,
        )

    def close(self) -> None:
        """Stop recording; a ``read`` that waits ends."""
        self._closed = True
        recording, self._input = self._input, None
        if recording is not None:
            recording.close()
        self._put(None)


def find_input(inputs: list[InputDevice], name: str) -> InputDevice:
    """The one of ``inputs`` that ``name`` means. Raises ``SourceError`` with the names there are."""
    if not inputs:
        raise SourceError("there is no microphone: no sound input was found; connect one, or run without sound")
    if not name:
        return inputs[0]
    exact = [device for device in inputs if name == device.name]
    partly = [device for device in inputs if name.lower() in f"{device.name}, {device.host_api}".lower()]
    matches = exact or partly
    if len(matches) == 1:
        return matches[0]
    problem = f"{len(matches)} microphones are called" if matches else "no microphone is called"
    names = "; ".join(f"{device.name}, {device.host_api}" for device in matches or inputs)
    raise SourceError(f"{problem} '{name}': expected one of: {names}")


def in_one_line(error: Exception) -> str:
    """What a library says, for an error's text."""
    return " ".join(str(error).split())
