"""Options of a source: ``name:ARGUMENT,key=value,key=value``, in one form for all sources that have any."""

from __future__ import annotations

import re
from collections.abc import Collection

from assistant.errors import ConfigError

_OPTION = re.compile(r",([a-z]+)=([^,]*)$")
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")


def split_options(source: str, text: str, known: Collection[str]) -> tuple[str, dict[str, str]]:
    """What stands before the options, and the options.

    Args:
        source: the source's name, for the error's text.
        text: what stands after the colon; the argument itself may contain commas.
        known: names of the options that the source has.

    Raises:
        ConfigError: an option is unknown, empty or given twice.
    """
    found: dict[str, str] = {}
    rest = "," + text  # so that an option may stand alone
    while (match := _OPTION.search(rest)) is not None:
        key, value = match.groups()
        if key not in known:
            raise ConfigError(f"{source}: unknown option '{key}': expected {', '.join(sorted(known)) or 'none'}")
        if key in found:
            raise ConfigError(f"{source}: option '{key}' is given twice")
        if not value:
            raise ConfigError(f"{source}: option '{key}' is empty: expected {key}=VALUE")
        found[key] = value
        rest = rest[: match.start()]
    return rest.removeprefix(","), found


def positive_number(source: str, options: dict[str, str], key: str, default: float, most: float) -> float:
    """A number above 0 and at most ``most``. Raises ``ConfigError`` when it is something else."""
    text = options.get(key)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= most:
        raise ConfigError(f"{source}: {key}: expected a number above 0 and at most {most:g}, got '{text}'")
    return value


def size_px(source: str, options: dict[str, str], key: str = "size") -> tuple[int, int] | None:
    """Width and height from ``800x600``, or None without it. Raises ``ConfigError`` when it is something else."""
    text = options.get(key)
    if text is None:
        return None
    match = _SIZE.fullmatch(text)
    if match is None or "0" in match.groups():
        raise ConfigError(f"{source}: {key}: expected WIDTHxHEIGHT in pixels, got '{text}'")
    return int(match[1]), int(match[2])
