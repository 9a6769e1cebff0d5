"""Finds plugins and commands by entry points: ours and a stranger's alike.

This is the only file of the project that imports by a computed name (a test keeps it so); import-linter cannot see
such imports.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from assistant.errors import PluginError

Group = Literal[
    "sonocue.sources",
    "sonocue.microphones",
    "sonocue.cameras",
    "sonocue.backends",
    "sonocue.gaze",
    "sonocue.publishers",
    "sonocue.speakers",
    "sonocue.views",
    "sonocue.benches",
    "sonocue.references",
    "sonocue.commands",
    "sonocue.encoders",
]

_OUR_ROOMS = {"assistant", "plugins", "trainer", "ui"}

# Which extra brings a package that a plugin of ours may lack: "top-level module": "extra".
_EXTRA_OF = {
    "onnx": "live",
    "onnxruntime": "live",
    "openvino": "live",
    "PyQt6": "live",
    "mss": "live",
    "pydicom": "live",
    "pyigtl": "live",
    "pylsl": "gaze",
    "pupil_labs": "pupil",
    "sounddevice": "live",
    "tensorrt": "tensorrt",
    "cuda": "tensorrt",
    "torch": "train",
    "monai": "train",
    "lightning": "train",
    "lightning_fabric": "train",
    "onnxscript": "train",
    "safetensors": "train",
    "matplotlib": "train",
    "tensorboardX": "train",
    "jinja2": "live",
    "pyarrow": "archive",
    "ray": "ray",
    "pyaudio": "pyaudio",
}


def plugin_names(group: Group) -> list[str]:
    """Names of all plugins of a group, sorted."""
    return sorted(point.name for point in entry_points(group=group))


def load_plugin(group: Group, name: str) -> Any:
    """The object that the entry point ``name`` of ``group`` names (a ``create`` function, or a Typer app).

    Raises:
        PluginError: no such plugin, its extra is not installed, or it fails at import.
    """
    found = [point for point in entry_points(group=group) if point.name == name]
    if not found:
        kind = group.removeprefix("sonocue.").removesuffix("s")
        raise PluginError(f"no {kind} is called '{name}': there are {', '.join(plugin_names(group)) or 'none'}")
    return load_entry_point(found[0])


def load_entry_point(point: EntryPoint) -> Any:
    """Import what an entry point names. Raises ``PluginError`` with the line that tells what to install."""
    try:
        return point.load()
    except ModuleNotFoundError as error:
        raise missing_package(error, f"'{point.name}'") from error
    except Exception as error:  # a stranger's plugin may raise anything at import
        raise PluginError(f"plugin '{point.name}' ({point.value}) failed at import: {error!r}") from error


def missing_package(error: ModuleNotFoundError, wanted_by: str) -> PluginError:
    """One line that says which extra brings the package that ``error`` misses."""
    package = (error.name or "").partition(".")[0]
    if package in _OUR_ROOMS:
        return PluginError(f"{wanted_by} cannot be used: {error}: install sonocue again")
    extra = _EXTRA_OF.get(package)
    remedy = f"pip install 'sonocue[{extra}]'" if extra else f"pip install {package}"
    return PluginError(f"{wanted_by} needs the package '{package}', which is not installed: {remedy}")
