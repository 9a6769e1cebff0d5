"""A microphone through PortAudio (``sounddevice:NAME``), because it reaches every operating system's sound in one way.

``NAME`` is an input device's name or a part of it that only one has; without a name it is the default input.

PortAudio's own thread runs the callback, which copies and puts, nothing else. One thread of the engine reads. A loss
shows twice: the next block is marked ``overflowed``, and ``first_sample`` jumps by what is missing.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np

from assistant.contracts import AudioBlock, Clock, DeviceInfo, Float32Array, StreamKind
from assistant.errors import EndOfStream, SourceError
from assistant.plugin_loader import missing_package

BLOCK_S: Final = 0.032  # one decision of the voice activity network
PREFERRED_RATE_HZ: Final = 16_000  # what speech needs; a device that cannot is taken at its own rate
QUEUE_S: Final = 10.0
SETTLE_S: Final = 5.0
"""Time constant of the capture times: long against the jitter of a callback, short against a sound card's drift."""


@dataclass(frozen=True, slots=True)
class InputDevice:
    """A device that records sound.

    Attributes:
        name: what ``sounddevice:NAME`` takes.
        index: PortAudio's number for it, until PortAudio looks for devices again.
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


@dataclass(frozen=True, slots=True, eq=False)
class _Captured:
    """What the callback hands over.

    Attributes:
        first_sample: number of the first sample, counting what PortAudio delivered.
        captured_ns: when PortAudio says that it was captured, on the run's clock: jitters.
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

    def __init__(self, name: str) -> None:
        self._name = name
        self._stream: Any = None
        self._queue: queue.Queue[_Captured | None] = queue.Queue(maxsize=round(QUEUE_S / BLOCK_S))
        self._closed = False
        self._delivered = 0
        self._rate_hz = 0
        self._times: CaptureTimes | None = None
        self._next_sample = 0
        self._lost_in_device = 0
        self.lost_samples = 0

    def open(self, clock: Clock) -> DeviceInfo:
        """Start recording. Raises ``SourceError`` with the names of the inputs when there is no such device."""
        portaudio = _portaudio()
        device = find_input(self._name)
        rate_hz, channels = _format_of(device)
        self._rate_hz = rate_hz
        self._times = CaptureTimes(rate_hz)

        def on_sound(sound: Any, n_samples: int, time: Any, status: Any) -> None:
            now_ns = clock.now_ns()
            # Some systems give no times, or times in which the end of the block is still to come.
            since_first_ns = max((time.currentTime - time.inputBufferAdcTime) * 1e9, n_samples * 1e9 / rate_hz)
            first_sample, self._delivered = self._delivered, self._delivered + n_samples
            samples = sound[:, 0].copy()
            self._put(_Captured(first_sample, now_ns - round(since_first_ns), samples, bool(status.input_overflow)))

        try:
            self._stream = portaudio.InputStream(
                device=device.index,
                channels=channels,
                samplerate=rate_hz,
                blocksize=round(BLOCK_S * rate_hz),
                dtype="float32",
                callback=on_sound,
                finished_callback=lambda: self._put(None),
            )
            self._stream.start()
        except portaudio.PortAudioError as error:
            self.close()
            raise SourceError(f"microphone '{device.name}' cannot be opened: {_line(error)}: is it in use?") from error
        return DeviceInfo(
            name=f"sounddevice: {device.name}",
            streams=frozenset({"sound"}),
            sample_rate_hz=rate_hz,
            notes={"host_api": device.host_api, "input_latency_ms": round(1000 * self._stream.latency, 1)},
        )

    def _put(self, captured: _Captured | None) -> None:
        """Runs on PortAudio's thread, which must never wait: a full queue gives up its oldest block."""
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
            return None
        if self._closed:
            raise EndOfStream
        if captured is None:
            self._put(None)  # asked again, the same answer
            raise SourceError(f"microphone '{self._name or 'default input'}' stopped: unplugged, or its server ended")
        return self._block(captured, self._times)

    def _block(self, captured: _Captured, times: CaptureTimes) -> AudioBlock:
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
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close(ignore_errors=True)
        self._put(None)


def create(argument: str, *, paced: bool) -> Microphone:
    """The microphone called ``argument``; the default input when it is empty."""
    if not paced:
        raise SourceError("a microphone only runs live: it cannot be read in lock-step (leave out --lockstep)")
    return Microphone(argument.strip())


def list_devices() -> list[InputDevice]:
    """The inputs there are, the default first.

    Raises:
        SourceError: there is no PortAudio library.
        PluginError: the package ``sounddevice`` is not installed.
    """
    portaudio = _portaudio()
    default = portaudio.default.device[0]
    host_apis = portaudio.query_hostapis()
    found = [
        InputDevice(
            name=device["name"],
            index=device["index"],
            host_api=host_apis[device["hostapi"]]["name"],
            channels=device["max_input_channels"],
            sample_rate_hz=round(device["default_samplerate"]),
            is_default=device["index"] == default,
        )
        for device in portaudio.query_devices()
        if device["max_input_channels"] > 0
    ]
    return sorted(found, key=lambda device: not device.is_default)


def find_input(name: str) -> InputDevice:
    """The one input that ``name`` means. Raises ``SourceError`` with the names there are."""
    inputs = list_devices()
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


def _format_of(device: InputDevice) -> tuple[int, int]:
    """Rate and channels to open it with: mono at 16 kHz if it can. Of two channels the first is taken."""
    portaudio = _portaudio()
    for channels, rate_hz in product((1, 2), (PREFERRED_RATE_HZ, device.sample_rate_hz)):
        try:
            portaudio.check_input_settings(device.index, channels=channels, dtype="float32", samplerate=rate_hz)
        except portaudio.PortAudioError as error:
            refused = error
        else:
            return rate_hz, channels
    raise SourceError(
        f"microphone '{device.name}' takes neither 16 kHz nor {device.sample_rate_hz} Hz: {_line(refused)}"
    ) from refused


def _portaudio() -> Any:
    """The module ``sounddevice``. It loads the library and looks for devices when it is first imported."""
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise missing_package(error, "'sounddevice'") from error
    except OSError as error:
        raise SourceError(
            f"the PortAudio library was not found ({_line(error)}): apt-get install libportaudio2"
        ) from error
    return sounddevice


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
