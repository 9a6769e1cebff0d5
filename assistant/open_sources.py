"""Opens the devices of a run: the video source, and a microphone when one is asked for and everybody agreed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from assistant.config import RunConfig
from assistant.contracts import Clock, Device, DeviceInfo, StreamKind
from assistant.errors import ConfigError, SourceError
from assistant.plugin_loader import load_plugin
from assistant.reopening import ReopeningDevice, only_live
from assistant.teaching.open_gaze import open_tracker


@dataclass(frozen=True, slots=True)
class OpenSources:
    """The open devices of a run.

    Attributes:
        video: gives the images, and perhaps sound, gaze and events.
        video_info: what it turned out to be.
        microphone: gives the sound instead of ``video``, or None.
        microphone_info: what it turned out to be, or None.
        tracker: gives the gaze instead of ``video``, with what it turned out to be, or None.
        keeps_gaze: without a tracker, the gaze of ``video`` is the observer's; of a trainee it is not.
    """

    video: Device
    video_info: DeviceInfo
    microphone: Device | None
    microphone_info: DeviceInfo | None
    tracker: tuple[Device, DeviceInfo] | None = None
    keeps_gaze: bool = True

    @property
    def infos(self) -> tuple[DeviceInfo, ...]:
        """All devices; the one whose sound is used comes with it."""
        devices = (self.video_info,) if self.microphone_info is None else (self.video_info, self.microphone_info)
        return devices if self.tracker is None else (*devices, self.tracker[1])

    @property
    def by_stream(self) -> dict[StreamKind, Device]:
        """Which device each stream is read from."""
        streams: dict[StreamKind, Device] = dict.fromkeys(sorted(self.video_info.streams), self.video)
        if self.microphone is not None:
            streams["sound"] = self.microphone
        if self.tracker is not None:
            streams["gaze"] = self.tracker[0]
        elif not self.keeps_gaze:
            streams.pop("gaze", None)
        return streams


def create_device(spec: str, *, paced: bool, consent: bool) -> Device:
    """A device by its name in a config, not yet opened.

    Args:
        spec: ``name`` or ``name:argument``.
        paced: see ``contracts.Device``.
        consent: everybody who may be heard agreed to be recorded.

    Raises:
        PluginError: there is no such plugin.
        ConfigError: it would hear people who did not agree.
        SourceError: the argument cannot be used.
    """
    name, _, argument = spec.partition(":")
    device: Device = load_plugin("sonocue.sources", name)(argument, paced=paced)
    _check_consent(spec, device, consent)
    return device


def open_sources(config: RunConfig, clock: Clock, cleanup: ExitStack) -> OpenSources:
    """Create and open the devices of a run; ``cleanup`` closes them.

    Raises:
        SourceError: a device cannot be opened, or gives no images.
    """
    paced = not config.lockstep
    video = _reopening(config.source, create_device(config.source, paced=paced, consent=config.consent), config)
    microphone = None
    if config.microphone is not None:
        microphone = create_device(config.microphone, paced=paced, consent=config.consent)
        microphone = _reopening(config.microphone, microphone, config)
    cleanup.callback(video.close)
    video_info = video.open(clock)
    _check_consent(config.source, video, config.consent)
    if "video" not in video_info.streams:
        raise SourceError(f"source '{config.source}' gives no images: expected a video source")
    microphone_info = None
    if microphone is not None:
        cleanup.callback(microphone.close)
        microphone_info = microphone.open(clock)
        if "sound" not in microphone_info.streams:
            raise SourceError(f"microphone '{config.microphone}' gives no sound: see 'sonocue devices'")
    tracker = open_tracker(config, clock, cleanup)
    return OpenSources(video, video_info, microphone, microphone_info, tracker, keeps_gaze=config.trainee is None)


def _reopening(spec: str, device: Device, config: RunConfig) -> Device:
    """A device that comes back when it was lost, where it is one that can be."""
    make = partial(create_device, spec, consent=config.consent)
    if config.lockstep or not only_live(device, partial(make, paced=False)):
        return device
    allow = partial(_check_consent, spec, consent=config.consent)
    return ReopeningDevice(device, partial(make, paced=True), allow)


def _check_consent(spec: str, device: Device, consent: bool) -> None:
    if device.needs_consent and not consent:
        raise ConfigError(f"'{spec}' hears everybody in the room: add --consent when all of them agreed to be recorded")
