"""The software scanner as a device: ``phantom:SEED``, optionally ``phantom:SEED,seconds=60,relevant=0.7,size=800x600``.

Unpaced, frames are rendered where they are read. Paced, a process of its own renders ahead (``live.py``), and the scan
begins with the first ``read``.
"""

from __future__ import annotations

from math import isfinite

from assistant.contracts import Clock, Device, DeviceInfo, StreamItem, StreamKind
from assistant.errors import ConfigError, EndOfStream
from assistant.playback import MediaStream, Playback
from plugins.phantom.live import RenderedScan
from plugins.phantom.narration import SAMPLE_RATE_HZ, require_espeak
from plugins.phantom.scan import FPS, STREAMS, Scan, ScanSettings
from plugins.phantom.screen import SECTOR_CROP

_SIDE_PX = (240, 4096)


def create(argument: str, *, paced: bool) -> Device:
    """The device that ``argument`` describes.

    Raises:
        ConfigError: the argument is not a seed with known options.
    """
    return Phantom(parse_settings(argument), paced=paced)


def parse_settings(argument: str) -> ScanSettings:
    """Settings from ``SEED[,seconds=S][,relevant=R][,size=WxH]``; nothing at all means seed 1.

    Raises:
        ConfigError: a part cannot be used.
    """
    seed, *options = argument.split(",")
    try:
        found = {"seed": int(seed) if seed.strip() else 1}
    except ValueError as error:
        raise ConfigError(f"phantom: expected a seed (a whole number), got '{seed}': say e.g. phantom:1") from error
    seconds: float | None = None
    share, width, height = 0.7, 800, 600
    for option in options:
        name, _, value = option.strip().partition("=")
        try:
            if name == "seconds":
                seconds = float(value)
            elif name == "relevant":
                share = float(value)
            elif name == "size":
                width, height = (int(side) for side in value.split("x"))
            else:
                raise ConfigError(f"phantom: unknown option '{name}': there are seconds, relevant, size")
        except ValueError as error:
            example = {"seconds": "60", "relevant": "0.7", "size": "800x600"}[name]
            raise ConfigError(f"phantom: {name}={value} cannot be read: say e.g. {name}={example}") from error
    return checked(ScanSettings(found["seed"], seconds, share, width, height))


def checked(settings: ScanSettings) -> ScanSettings:
    """The same settings. Raises ``ConfigError`` when they are impossible."""
    low, high = _SIDE_PX
    if settings.seed < 0:
        raise ConfigError(f"phantom: seed must be 0 or more, got {settings.seed}")
    if settings.seconds is not None and not (isfinite(settings.seconds) and settings.seconds > 0):
        raise ConfigError(f"phantom: seconds must be above 0, got {settings.seconds:g}")
    if not 0.0 <= settings.relevant_share <= 1.0:
        raise ConfigError(f"phantom: relevant must lie between 0 and 1, got {settings.relevant_share:g}")
    if not (low <= settings.width_px <= high and low <= settings.height_px <= high):
        raise ConfigError(
            f"phantom: each side of size must lie between {low} and {high} pixels, "
            f"got {settings.width_px}x{settings.height_px}"
        )
    return settings


class Phantom:
    """The software scanner. The same argument gives the same items, bit for bit, paced or not."""

    needs_consent = False

    def __init__(self, settings: ScanSettings, *, paced: bool) -> None:
        self._settings = settings
        self._paced = paced
        self._rendered: RenderedScan | None = None
        self._playback: Playback | None = None

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``Device``. Raises ``SourceError`` when espeak-ng is missing or rendering fails."""
        require_espeak()
        streams: dict[StreamKind, MediaStream]
        if self._paced:
            self._rendered = rendered = RenderedScan(self._settings)
            streams = {stream: rendered.items(stream) for stream in STREAMS}
        else:
            streams = Scan(self._settings).streams()
        try:
            self._playback = Playback(streams, clock, paced=self._paced)
        except BaseException:
            self.close()
            raise
        return self._describe()

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``Device``."""
        if self._playback is None:
            raise EndOfStream(stream)
        return self._playback.read(stream, timeout_s)

    def close(self) -> None:
        """See ``Device``."""
        if self._rendered is not None:
            self._rendered.close()  # first: it wakes whoever waits for the next item
        if self._playback is not None:
            self._playback.close()

    def _describe(self) -> DeviceInfo:
        settings = self._settings
        return DeviceInfo(
            name=f"phantom: {settings.seed}",
            streams=frozenset(STREAMS),
            origin="phantom",
            width_px=settings.width_px,
            height_px=settings.height_px,
            fps=FPS,
            sample_rate_hz=SAMPLE_RATE_HZ,
            paced=self._paced,
            notes={
                "seed": settings.seed,
                "relevant_share": settings.relevant_share,
                "sector_crop": list(SECTOR_CROP),
            },
        )
