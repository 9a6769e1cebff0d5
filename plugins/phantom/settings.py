"""What a scan follows from, as it stands after ``phantom:`` and on the command line. Pure; cheap to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Literal, get_args

from assistant.errors import ConfigError

Population = Literal["usual", "unseen"]
"""Where subjects, machines and voices are drawn from; ``unseen`` shares no range of any of them with ``usual``."""

Annotations = Literal["decoy", "measured", "none"]
"""What is drawn on frozen images: things that follow no plane, true measurements, or nothing."""

_WORDS: Mapping[str, tuple[str, ...]] = {"population": get_args(Population), "annotations": get_args(Annotations)}

LIVE = "live"
"""As a script's name: commands come while the scan runs."""

_SIDE_PX = (240, 4096)
_EXAMPLES = {
    "seconds": "60",
    "relevant": "0.7",
    "size": "800x600",
    "population": "unseen",
    "annotations": "none",
    "steer": "script.jsonl",
}
"""The options, each with a value to show."""


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """What a scan follows from.

    Attributes:
        seed: the subject and all else.
        seconds: length; None: without an end.
        relevant_share: share of utterances that fit the image, in [0, 1].
        width_px, height_px: of the screen.
        population: where subject, machine and voice are drawn from.
        annotations: what is drawn on frozen images.
        steer: file of the script that moves the probe; ``live``: commands while it runs; None: a planned path.
    """

    seed: int = 1
    seconds: float | None = None
    relevant_share: float = 0.7
    width_px: int = 800
    height_px: int = 600
    population: Population = "usual"
    annotations: Annotations = "decoy"
    steer: str | None = None


def parse_settings(argument: str) -> ScanSettings:
    """Settings from ``SEED[,seconds=S][,relevant=R][,size=WxH]...``; nothing at all means seed 1.

    Raises:
        ConfigError: a part cannot be used.
    """
    seed, *options = argument.split(",")
    try:
        settings = ScanSettings(int(seed) if seed.strip() else 1)
    except ValueError as error:
        raise ConfigError(f"phantom: expected a seed (a whole number), got '{seed}': say e.g. phantom:1") from error
    for option in options:
        name, _, value = (part.strip() for part in option.partition("="))
        if name not in _EXAMPLES:
            raise ConfigError(f"phantom: unknown option '{name}': there are {', '.join(_EXAMPLES)}")
        try:
            settings = replace(settings, **_read_option(name, value))
        except ValueError as error:
            example = _EXAMPLES[name]
            raise ConfigError(f"phantom: {name}={value} cannot be read: say e.g. {name}={example}") from error
    return checked(settings)


def _read_option(name: str, value: str) -> dict[str, Any]:
    """Fields of the settings from an option. Raises ``ValueError``."""
    if name == "seconds":
        return {"seconds": float(value)}
    if name == "relevant":
        return {"relevant_share": float(value)}
    if name == "size":
        width, height = (int(side) for side in value.split("x"))
        return {"width_px": width, "height_px": height}
    if not value:
        raise ValueError
    return {name: value}


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
    for name, words in _WORDS.items():
        if getattr(settings, name) not in words:
            raise ConfigError(f"phantom: {name} must be one of {', '.join(words)}, got '{getattr(settings, name)}'")
    return settings
