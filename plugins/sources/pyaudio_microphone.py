"""A microphone through PyAudio (``pyaudio:NAME``), PortAudio's other binding, for machines on which it is what works.

``NAME`` is an input device's name or a part of it that only one has (``sonocue devices`` names them under
``sounddevice``); without a name it is the default input. PyAudio is built from source where there is no wheel (Linux:
``portaudio19-dev``), so it is an extra of its own. It looks for devices each time it is opened. What becomes of the
sound stands in ``assistant/microphone.py``.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import numpy as np

from assistant.errors import SourceError
from assistant.microphone import InputDevice, Microphone, OnSound, in_one_line
from assistant.plugin_loader import missing_package


class _Recording:
    """See ``assistant.microphone.OpenInput``."""

    def __init__(self, portaudio: Any, stream: Any) -> None:
        self._portaudio = portaudio
        self._stream = stream

    @property
    def latency_s(self) -> float:
        return float(self._stream.get_input_latency())

    def is_active(self) -> bool:
        try:
            return bool(self._stream.is_active())
        except OSError:
            return False

    def close(self) -> None:
        with suppress(OSError):  # its device is gone already
            self._stream.close()
        self._portaudio.terminate()


class PyAudioLibrary:
    """See ``assistant.microphone.SoundLibrary``."""

    name = "pyaudio"

    def inputs(self) -> list[InputDevice]:
        portaudio = _begun(_pyaudio())
        try:
            try:
                default = portaudio.get_default_input_device_info()["index"]
            except OSError:  # there is none
                default = -1
            devices = [portaudio.get_device_info_by_index(index) for index in range(portaudio.get_device_count())]
            found = [
                InputDevice(
                    name=device["name"],
                    index=device["index"],
                    host_api=portaudio.get_host_api_info_by_index(device["hostApi"])["name"],
                    channels=device["maxInputChannels"],
                    sample_rate_hz=round(device["defaultSampleRate"]),
                    is_default=device["index"] == default,
                )
                for device in devices
                if device["maxInputChannels"] > 0
            ]
        finally:
            portaudio.terminate()
        return sorted(found, key=lambda device: not device.is_default)

    def refuses(self, device: InputDevice, channels: int, sample_rate_hz: int) -> str:
        pyaudio = _pyaudio()
        portaudio = _begun(pyaudio)
        try:
            portaudio.is_format_supported(
                sample_rate_hz,
                input_device=device.index,
                input_channels=channels,
                input_format=pyaudio.paFloat32,
            )
        except ValueError as error:
            return in_one_line(error)
        finally:
            portaudio.terminate()
        return ""

    def begin(
        self, device: InputDevice, channels: int, sample_rate_hz: int, block: int, on_sound: OnSound
    ) -> _Recording:
        pyaudio = _pyaudio()

        def callback(data: bytes, _n_samples: int, time: dict[str, float], status: int) -> tuple[None, int]:
            samples = np.frombuffer(data, np.float32)[::channels].copy()
            since_first_s = time["current_time"] - time["input_buffer_adc_time"]
            on_sound(samples, since_first_s, bool(status & pyaudio.paInputOverflow))
            return None, pyaudio.paContinue

        portaudio = _begun(pyaudio)
        try:
            stream = portaudio.open(
                sample_rate_hz,
                channels,
                pyaudio.paFloat32,
                input=True,
                input_device_index=device.index,
                frames_per_buffer=block,
                stream_callback=callback,
            )
        except OSError as error:
            portaudio.terminate()
            said = in_one_line(error)
            raise SourceError(f"microphone '{device.name}' cannot be opened: {said}: is it in use?") from error
        return _Recording(portaudio, stream)

    def look_again(self) -> bool:
        """It always does."""
        return False


def create(argument: str, *, paced: bool) -> Microphone:
    """The microphone called ``argument``; the default input when it is empty."""
    if not paced:
        raise SourceError("a microphone only runs live: it cannot be read in lock-step (leave out --lockstep)")
    return Microphone(PyAudioLibrary(), argument.strip())


def _pyaudio() -> Any:
    """The module ``pyaudio``."""
    try:
        import pyaudio
    except ModuleNotFoundError as error:
        raise missing_package(error, "'pyaudio'") from error
    except ImportError as error:  # built against a PortAudio that is gone
        raise SourceError(
            f"the PortAudio library was not found ({in_one_line(error)}): apt-get install libportaudio2"
        ) from error
    return pyaudio


def _begun(pyaudio: Any) -> Any:
    """PortAudio, which has looked for devices. What ALSA says then of each that is not there is for nobody."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        return pyaudio.PyAudio()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
