"""``lsl`` or ``lsl:NAME``: an eye tracker that speaks the Lab Streaming Layer, through pylsl.

Options: ``x``, ``y`` and ``valid`` (numbers of channels), ``origin=bottom`` (y counts from below), ``scope=link`` (look
on the local network too; else on this machine alone). Without them the channels' labels decide. Coordinates are those
of the monitor, in [0, 1]. Time: liblsl gives each sample on this machine's steady clock, with the sender's clock
corrected; the distance to the run's clock is measured at opening. Read on the gaze thread.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

from assistant.contracts import Clock, DeviceInfo, GazeSample, StreamItem, StreamKind
from assistant.errors import ConfigError, EndOfStream, SourceError
from assistant.source_options import split_options

FIND_S = 5.0
"""How long the stream is looked for."""
VALID_FROM = 0.6
"""A channel of confidence says that the eye was seen from here on; below, and NaN, are invalid."""

_QUIET = "[log]\nlevel = -2\n"  # errors only
_ON_THIS_MACHINE = "[ports]\nIPv6 = disable\n[multicast]\nResolveScope = machine\n"
_ON_THE_NETWORK = "[multicast]\nResolveScope = link\n"
_OPTIONS = ("x", "y", "valid", "origin", "scope")
_LABEL_X = re.compile(r"(^|[^a-z])(x|posx|gazex|pos_x)([^a-z]|$)")
_LABEL_Y = re.compile(r"(^|[^a-z])(y|posy|gazey|pos_y)([^a-z]|$)")
_LABEL_VALID = re.compile(r"confidence|valid")


@dataclass(frozen=True, slots=True)
class Channels:
    """Which channels hold what; ``valid`` may be None."""

    x: int
    y: int
    valid: int | None


def create(argument: str, *, paced: bool) -> LslGaze:
    """The device ``lsl:NAME``; without a name, the one stream of type Gaze that there is."""
    name, options = split_options("gaze 'lsl'", argument, _OPTIONS)
    if not paced:
        raise SourceError("gaze 'lsl' can only be live: leave out --lockstep")
    for key, allowed in (("origin", ("top", "bottom")), ("scope", ("machine", "link"))):
        if options.get(key, allowed[0]) not in allowed:
            raise ConfigError(f"gaze 'lsl': {key}: expected {' or '.join(allowed)}, got '{options[key]}'")
    for key in ("x", "y", "valid"):
        if key in options and not re.fullmatch(r"\d{1,3}", options[key]):
            raise ConfigError(f"gaze 'lsl': {key}: expected the number of a channel from 0 on, got '{options[key]}'")
    return LslGaze(name, options)


def choose_channels(labels: list[str], options: dict[str, str]) -> Channels:
    """The channels of x, y and validity: as the options say, else by label, else the first two.

    Raises:
        ConfigError: there is no such channel.
    """

    def pick(key: str, pattern: re.Pattern[str], otherwise: int | None) -> int | None:
        if key in options:
            return int(options[key])
        hits = [number for number, label in enumerate(labels) if pattern.search(label.lower())]
        return hits[0] if hits else otherwise

    x, y, valid = pick("x", _LABEL_X, 0), pick("y", _LABEL_Y, 1), pick("valid", _LABEL_VALID, None)
    if max(x or 0, y or 0, valid or 0) >= len(labels):
        raise ConfigError(f"gaze 'lsl': the stream has {len(labels)} channels, 0 to {len(labels) - 1}: choose x and y")
    return Channels(x or 0, 1 if y is None else y, valid)


def as_sample(values: list[float], channels: Channels, captured_ns: int, *, from_below: bool) -> GazeSample:
    """A sample of the stream as gaze on the monitor."""
    x, y = float(values[channels.x]), float(values[channels.y])
    y = 1.0 - y if from_below else y
    seen = channels.valid is None or float(values[channels.valid]) >= VALID_FROM
    if not (seen and isfinite(x) and isfinite(y)):
        return GazeSample(captured_ns, nan, nan, valid=False)
    return GazeSample(captured_ns, nan, nan, device_x=x, device_y=y)


class LslGaze:
    """A gaze stream of the Lab Streaming Layer."""

    needs_consent = False

    def __init__(self, name: str, options: dict[str, str]) -> None:
        self._name = name
        self._options = options
        self._inlet: Any = None
        self._channels = Channels(0, 1, None)
        self._offset_ns = 0
        self._waiting: list[GazeSample] = []
        self._closed = threading.Event()
        self._lock = threading.Lock()

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``Device``. Raises ``SourceError`` when no such stream is found."""
        import pylsl

        on_network = self._options.get("scope") == "link"
        pylsl.set_config_content(_QUIET + (_ON_THE_NETWORK if on_network else _ON_THIS_MACHINE))
        wanted = ("name", self._name) if self._name else ("type", "Gaze")
        found = pylsl.resolve_byprop(*wanted, minimum=1, timeout=FIND_S)
        where = "on the local network" if on_network else "on this machine (scope=link looks on the network)"
        if not found:
            what = f"called '{self._name}'" if self._name else "of type Gaze"
            raise SourceError(f"gaze 'lsl': no stream {what} was found {where}: start the tracker's LSL program")
        if len(found) > 1:
            names = ", ".join(sorted(stream.name() for stream in found))
            raise SourceError(f"gaze 'lsl': several streams were found ({names}): say which, lsl:NAME")
        flags = pylsl.proc_clocksync | pylsl.proc_monotonize
        inlet = pylsl.StreamInlet(found[0], max_buflen=10, recover=True, processing_flags=flags)
        try:
            info = inlet.info(timeout=FIND_S)
            inlet.open_stream(timeout=FIND_S)
        except (TimeoutError, pylsl.util.LostError) as error:
            raise SourceError(f"gaze 'lsl': '{found[0].name()}' was found and does not answer: {error}") from error
        labels = info.get_channel_labels() or [""] * info.channel_count()
        self._channels = choose_channels([str(label or "") for label in labels], self._options)
        distances = [clock.now_ns() - round(pylsl.local_clock() * 1e9) for _ in range(5)]
        self._offset_ns = sorted(distances)[2]
        self._inlet = inlet
        notes = {
            "coordinates": "monitor",
            "channels": [self._channels.x, self._channels.y, self._channels.valid],
            "sender": info.hostname(),
        }
        return DeviceInfo(
            name=f"lsl: {info.name()}", streams=frozenset({"gaze"}), fps=float(info.nominal_srate()), notes=notes
        )

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``Device``. A sender that goes away gives nothing until it is back."""
        if self._inlet is None or stream != "gaze" or self._closed.is_set():
            raise EndOfStream
        if not self._waiting:
            self._pull(timeout_s)
        return self._waiting.pop(0) if self._waiting else None

    def close(self) -> None:
        """See ``Device``."""
        self._closed.set()
        with self._lock:  # liblsl must not be pulled from under the thread that pulls
            if self._inlet is not None:
                self._inlet.close_stream()
                self._inlet = None

    def _pull(self, timeout_s: float) -> None:
        import pylsl

        with self._lock:
            if self._closed.is_set() or self._inlet is None:
                raise EndOfStream
            try:
                rows, times_s = self._inlet.pull_chunk(timeout=timeout_s, max_samples=1)
                more, more_s = self._inlet.pull_chunk(timeout=0.0)
            except pylsl.util.LostError as error:
                raise SourceError(f"the stream '{self._name or 'Gaze'}' was lost") from error
        from_below = self._options.get("origin") == "bottom"
        for values, time_s in zip([*(rows or []), *(more or [])], [*(times_s or []), *(more_s or [])], strict=True):
            captured_ns = round(time_s * 1e9) + self._offset_ns
            self._waiting.append(as_sample(values, self._channels, captured_ns, from_below=from_below))
