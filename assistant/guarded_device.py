"""A device behind the guards of privacy: images masked, sound muted, before anything of the run sees them.

The one place where both happen: everything downstream (recording, inference, publishers, window, stills) reads from
here, so none of it can hold what was masked or muted. Runs on the threads that read; ``MuteSwitch`` may be turned by
any.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from assistant.config import RunConfig
from assistant.contracts import AudioBlock, Clock, Device, DeviceInfo, Frame, StreamItem, StreamKind
from assistant.errors import ConfigError
from assistant.mask_layouts import MaskLayouts
from assistant.open_sources import OpenSources
from assistant.privacy_mask import PrivacyMask
from assistant.steering import Steerable, SteerCommand

MASKED_NOTE: Final = "masked"
"""In ``DeviceInfo.notes``: how the images were masked (``auto`` or ``rect``); a replayed session says it too."""


class MuteSwitch:
    """Whether sound may be kept. Muting holds from the moment of the key on, for what is not yet handed on too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._muted = False
        self._until_ns: int | None = None  # sound captured before this was captured while muted

    @property
    def muted(self) -> bool:
        """Sound is silenced now."""
        with self._lock:
            return self._muted

    def turn(self, muted: bool) -> int | None:
        """Mute or unmute. Returns the moment of the change, None when nothing changed."""
        with self._lock:
            if muted == self._muted:
                return None
            self._muted = muted
            now_ns = self._clock.now_ns()
            if not muted:
                self._until_ns = now_ns
            return now_ns

    def __call__(self, block: AudioBlock) -> AudioBlock:
        """The block, or silence of its length."""
        with self._lock:
            silent = self._muted or (self._until_ns is not None and block.captured_ns < self._until_ns)
        return replace(block, samples=np.zeros_like(block.samples)) if silent else block


class GuardedDevice:
    """A device whose images are masked and whose sound can be muted.

    Args:
        device: opened already.
        mask: for its images; None leaves them.
        switch: for its sound.
    """

    def __init__(self, device: Device, mask: PrivacyMask | None, switch: MuteSwitch) -> None:
        self._device = device
        self._mask = mask
        self._switch = switch

    @property
    def needs_consent(self) -> bool:
        """See ``contracts.Device``."""
        return self._device.needs_consent

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``contracts.Device.open``."""
        return self._device.open(clock)

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``contracts.Device.read``."""
        item = self._device.read(stream, timeout_s)
        if isinstance(item, Frame) and self._mask is not None:
            return self._mask(item)
        return self._switch(item) if isinstance(item, AudioBlock) else item

    def close(self) -> None:
        """See ``contracts.Device.close``."""
        self._device.close()

    @property
    def steerable(self) -> bool:
        """See ``steering.Steerable``."""
        return isinstance(self._device, Steerable) and self._device.steerable

    def steer(self, command: SteerCommand) -> None:
        """See ``steering.Steerable``."""
        if isinstance(self._device, Steerable):
            self._device.steer(command)


@dataclass(frozen=True, slots=True)
class Guarded:
    """The sources of a run behind the guards.

    Attributes:
        sources: to be read instead of the plain ones.
        switch: mutes their sound.
        notices: what whoever looks must know: what is masked, who listens where.
    """

    sources: OpenSources
    switch: MuteSwitch
    notices: tuple[str, ...]


def guard(sources: OpenSources, config: RunConfig, clock: Clock) -> Guarded:
    """Put the guards in front of open devices.

    Raises:
        ConfigError: ``mask`` asks for a file of screens that there is not, or that cannot be used.
    """
    mask, notice = _mask(sources.video_info, config)
    switch = MuteSwitch(clock)
    info = sources.video_info
    if mask is not None:
        info = replace(info, notes={**info.notes, MASKED_NOTE: config.mask})
    microphone = None if sources.microphone is None else GuardedDevice(sources.microphone, None, switch)
    guarded = replace(sources, video=GuardedDevice(sources.video, mask, switch), video_info=info, microphone=microphone)
    notices: tuple[str, ...] = (notice,) if notice else ()
    if listens := info.notes.get("listens"):
        notices += (f"images from whoever calls {listens} are taken (network stream)",)
    if sources.tracker is not None and (listens := sources.tracker[1].notes.get("listens")):
        notices += (f"gaze from whoever sends to {listens} is taken (eye tracker)",)
    return Guarded(guarded, switch, notices)


def create_mask(mask: str, layouts: Path | None) -> PrivacyMask | None:
    """The mask that two settings ask for. Raises ``ConfigError`` when they do not go together."""
    if (mask == "rect") != (layouts is not None):
        raise ConfigError(
            "mask: 'rect' and mask_layouts (a TOML file of screens) go together: expected both or neither"
        )
    if mask == "off":
        return None
    return PrivacyMask(None if layouts is None else MaskLayouts(layouts))


def _mask(info: DeviceInfo, config: RunConfig) -> tuple[PrivacyMask | None, str]:
    """The mask of a source, and what is said about it."""
    mask = create_mask(config.mask, config.mask_layouts)
    if info.origin == "phantom" or info.notes.get(MASKED_NOTE):  # nobody's name, or none any more
        return None, ""
    if mask is None:
        return None, "Nothing is masked: names on the machine's screen are recorded, shown and sent."
    return mask, ""
