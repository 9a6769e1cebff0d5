"""A microphone through PortAudio (``sounddevice:NAME``), because it reaches every operating system's sound in one way.

``NAME`` is an input device's name or a part of it that only one has; without a name it is the default input.

What becomes of the sound stands in ``assistant/microphone.py``.
"""

from __future__ import annotations

from typing import Any

from assistant.errors import SourceError
from assistant.microphone import InputDevice, Microphone, OnSound, in_one_line
from assistant.plugin_loader import missing_package

_recording: set[int] = set()
"""Inputs that record now, for PortAudio is one for the whole process: while there are any, it must not begin anew."""


class _Recording:
    """See ``assistant.microphone.OpenInput``."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        _recording.add(id(self))

    @property
    def latency_s(self) -> float:
        return float(self._stream.latency)

    def is_active(self) -> bool:
        return bool(self._stream.active)

    def close(self) -> None:
        self._stream.close(ignore_errors=True)
        _recording.discard(id(self))


class SounddeviceLibrary:
    """See ``assistant.microphone.SoundLibrary``."""

    name = "sounddevice"

    def inputs(self) -> list[InputDevice]:
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

    def refuses(self, device: InputDevice, channels: int, sample_rate_hz: int) -> str:
        portaudio = _portaudio()
        try:
            portaudio.check_input_settings(device.index, channels=channels, dtype="float32", samplerate=sample_rate_hz)
        except portaudio.PortAudioError as error:
            return in_one_line(error)
        return ""

    def begin(
        self, device: InputDevice, channels: int, sample_rate_hz: int, block: int, on_sound: OnSound
    ) -> _Recording:
        portaudio = _portaudio()

        def callback(sound: Any, _n_samples: int, time: Any, status: Any) -> None:
            on_sound(sound[:, 0].copy(), time.currentTime - time.inputBufferAdcTime, bool(status.input_overflow))

        stream = None
        try:
            stream = portaudio.InputStream(
                device=device.index,
                channels=channels,
                samplerate=sample_rate_hz,
                blocksize=block,
                dtype="float32",
                callback=callback,
            )
            stream.start()
        except portaudio.PortAudioError as error:
            if stream is not None:
                stream.close(ignore_errors=True)
            said = in_one_line(error)
            raise SourceError(f"microphone '{device.name}' cannot be opened: {said}: is it in use?") from error
        return _Recording(stream)

    def look_again(self) -> bool:
        """PortAudio lists the devices when it begins: what was plugged in since is found only when it begins anew."""
        if _recording:
            return False
        portaudio = _portaudio()
        portaudio._terminate()
        portaudio._initialize()
        return True


def create(argument: str, *, paced: bool) -> Microphone:
    """The microphone called ``argument``; the default input when it is empty."""
    if not paced:
        raise SourceError("a microphone only runs live: it cannot be read in lock-step (leave out --lockstep)")
    return Microphone(SounddeviceLibrary(), argument.strip())


def list_devices() -> list[InputDevice]:
    """The inputs there are, the default first.

    Raises:
        SourceError: there is no PortAudio library.
        PluginError: the package ``sounddevice`` is not installed.
    """
    return SounddeviceLibrary().inputs()


def _portaudio() -> Any:
    """The module ``sounddevice``. It loads the library and looks for devices when it is first imported."""
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise missing_package(error, "'sounddevice'") from error
    except OSError as error:
        raise SourceError(
            f"the PortAudio library was not found ({in_one_line(error)}): apt-get install libportaudio2"
        ) from error
    return sounddevice
