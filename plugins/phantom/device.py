"""The software scanner as a device: ``phantom:SEED``, optionally ``phantom:SEED,seconds=60,relevant=0.7,size=800x600``.

Unpaced, frames are rendered where they are read. Paced, a process of its own renders ahead (``live.py``), and the scan
begins with the first ``read``. ``steer=FILE`` lets a script move the probe, ``steer=live`` whoever watches
(``steering.py``); a steered scan has neither sound nor gaze: who steers speaks and looks himself.
"""

from __future__ import annotations

from pathlib import Path

from assistant.contracts import Clock, Device, DeviceInfo, StreamItem, StreamKind
from assistant.errors import EndOfStream, SourceError
from assistant.playback import MediaStream, Playback
from assistant.steering import SteerCommand
from plugins.phantom.live import RenderedScan
from plugins.phantom.machines import choose_console
from plugins.phantom.narration import SAMPLE_RATE_HZ, require_espeak
from plugins.phantom.scan import FPS, STREAMS, Scan
from plugins.phantom.settings import LIVE, ScanSettings, parse_settings
from plugins.phantom.steering import read_script


def create(argument: str, *, paced: bool) -> Device:
    """The device that ``argument`` describes.

    Raises:
        ConfigError: the argument is not a seed with known options, or its script cannot be used.
        SourceError: a scan that is steered live shall not be paced.
    """
    settings = parse_settings(argument)
    if settings.steer == LIVE and not paced:
        raise SourceError("phantom: steer=live moves as somebody steers and cannot be lock-step: say steer=FILE")
    if settings.steer not in (None, LIVE):
        read_script(Path(settings.steer))  # what is wrong with it is said now
    return Phantom(settings, paced=paced)


class Phantom:
    """The software scanner. The same argument gives the same items, bit for bit, paced or not."""

    needs_consent = False

    def __init__(self, settings: ScanSettings, *, paced: bool) -> None:
        self._settings = settings
        self._paced = paced
        self._rendered: RenderedScan | None = None
        self._playback: Playback | None = None
        # Steered live, truth comes only with the image that was asked for: the image is first.
        self._streams: tuple[StreamKind, ...] = STREAMS if settings.steer is None else ("video", "events")

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``Device``. Raises ``SourceError`` when espeak-ng is missing or rendering fails."""
        if self._settings.steer is None:
            require_espeak()
        streams: dict[StreamKind, MediaStream]
        if self._paced:
            self._rendered = rendered = RenderedScan(self._settings)
            streams = {stream: rendered.items(stream) for stream in self._streams}
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

    @property
    def steerable(self) -> bool:
        """See ``Steerable``."""
        return self._settings.steer == LIVE

    def steer(self, command: SteerCommand) -> None:
        """See ``Steerable``."""
        if self._rendered is not None:
            self._rendered.steer(command)

    @property
    def renderer_pid(self) -> int | None:
        """The process that renders for a paced device that is open."""
        return self._rendered.pid if self._rendered else None

    def _describe(self) -> DeviceInfo:
        settings = self._settings
        return DeviceInfo(
            name=f"phantom: {settings.seed}",
            streams=frozenset(self._streams),
            origin="phantom",
            width_px=settings.width_px,
            height_px=settings.height_px,
            fps=FPS,
            sample_rate_hz=SAMPLE_RATE_HZ if "sound" in self._streams else 0,
            paced=self._paced,
            sector_crop=choose_console(settings.seed, settings.population, 1.0).layout.crop,
            notes={
                "seed": settings.seed,
                "relevant_share": settings.relevant_share,
                "population": settings.population,
                "annotations": settings.annotations,
            }
            | ({} if settings.steer is None else {"steer": settings.steer}),
        )
