"""Which cameras and microphones this machine has, by the plugins that can tell; for ``sonocue devices`` and the window.

Runs on the caller's thread; cameras are opened for a moment to see that they answer, which takes a while.
"""

from __future__ import annotations

from dataclasses import dataclass

from assistant.errors import SonocueError
from assistant.plugin_loader import load_plugin, plugin_names


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A device that may be opened.

    Attributes:
        spec: ``name:argument``, as a setting names it.
        note: what else is known of it, for people; may be empty.
        is_default: the system's first choice.
    """

    spec: str
    note: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, and by plugin what went wrong in looking."""

    devices: tuple[FoundDevice, ...]
    problems: tuple[tuple[str, str], ...]


def find_cameras() -> Found:
    """Cameras and capture cards that open."""
    devices, problems = [], []
    for name in plugin_names("sonocue.cameras"):
        try:
            devices += [FoundDevice(f"{name}:{argument}") for argument in load_plugin("sonocue.cameras", name)()]
        except SonocueError as error:
            problems.append((name, str(error)))
    return Found(tuple(devices), tuple(problems))


def find_microphones() -> Found:
    """Sound inputs, the default first."""
    devices, problems = [], []
    for name in plugin_names("sonocue.microphones"):
        try:
            for found in load_plugin("sonocue.microphones", name)():
                note = f"{found.host_api}, {found.sample_rate_hz:.0f} Hz" + ", default" * found.is_default
                devices.append(FoundDevice(f"{name}:{found.name}", note, found.is_default))
        except SonocueError as error:
            problems.append((name, str(error)))
    return Found(tuple(devices), tuple(problems))
