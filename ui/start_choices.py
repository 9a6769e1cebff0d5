"""What can be chosen on the start page, and the run's settings that follow. No widget; any thread."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from assistant.config import RunConfig, load_config
from assistant.errors import SonocueError
from assistant.found_devices import Found, find_cameras, find_microphones
from assistant.plugin_loader import plugin_names
from ui.recent_sessions import RecentSession, recent_sessions
from ui.translation import translate

SCANNER, STEERED, SCREEN = "phantom:1", "phantom:1,steer=live", "screen:"
_PREVIEWS = {SCANNER: "phantom:1,size=480x360", STEERED: "phantom:1,size=480x360", SCREEN: "screen:fps=5"}
"""Smaller and slower where the preview need not be what is recorded."""
_KIND_OF_FILE = {".dcm": "dicom", ".dicom": "dicom", ".mha": "tracked", ".mhd": "tracked"}
_NO_PREVIEW = ("stream", "openigtlink")
"""They wait for a sender, on a port that nobody asked to be open yet."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the page found.

    Attributes:
        cameras, microphones: see ``found_devices``.
        models: model folders near the current one.
        sessions: the last ones.
    """

    cameras: Found
    microphones: Found
    models: tuple[Path, ...]
    sessions: tuple[RecentSession, ...]


def look_around(record: Path) -> Surroundings:
    """Look at everything once; takes up to some seconds, since cameras are opened."""
    return Surroundings(find_cameras(), find_microphones(), near_models(), recent_sessions(record))


def near_models() -> tuple[Path, ...]:
    """Model folders where the README's commands put them: ``models/NAME`` and ``runs/NAME/model``."""
    found = [*Path("models").glob("*/SHA256SUMS"), *Path("runs").glob("*/model/SHA256SUMS")]
    return tuple(sorted(file.parent for file in found))


def shipped_checklists() -> tuple[tuple[str, str], ...]:
    """Name and title of each checklist in ``assistant/protocols``."""
    found = []
    for file in sorted(Path(str(files("assistant") / "protocols")).glob("*.toml")):
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        if "item" in data:
            found.append((file.stem, str(data.get("title", file.stem))))
    return tuple(found)


def spec_of(typed: str) -> str:
    """What somebody typed or chose as a source: ``name:argument``, an address, a file, or a session's folder.

    Raises:
        SonocueError: nothing was typed, or there is no such file.
    """
    typed = typed.strip()
    name, colon, _ = typed.partition(":")
    if colon and name in plugin_names("sonocue.sources"):
        return typed
    if "://" in typed:
        return f"stream:{typed}"
    if not typed:
        raise SonocueError(translate("Start", "Name a file, a session's folder or an address below the pictures."))
    path = Path(typed).expanduser()
    if path.is_dir():
        return f"session:{path}"
    if not path.is_file():
        raise SonocueError(translate("Start", "There is no file '{name}'.").format(name=typed))
    return f"{_KIND_OF_FILE.get(path.suffix.lower(), 'file')}:{path}"


def preview_of(spec: str) -> str | None:
    """The source to look at before ``spec`` is started; None where that would open a port."""
    name = spec.partition(":")[0]
    return None if name in _NO_PREVIEW else _PREVIEWS.get(spec, spec)


def run_settings(
    *,
    source: str,
    model: str,
    checklist: str,
    microphone: str,
    consent: bool,
    subject: str,
    record: str,
    heatmap: str,
    language: str,
) -> RunConfig:
    """The settings of a run. An empty word is nothing: no model, no checklist, no microphone, no recording.

    Raises:
        ConfigError: a setting cannot be used.
    """
    given: dict[str, Any] = {
        "source": source,
        "consent": consent,
        "subject": subject or "unnamed",
        "heatmap": heatmap,
        "microphone": microphone or None,
        "language": language or None,
        "checklist": checklist or None,
    }
    settings = load_config(None, given)
    return settings.model_copy(update={"model": model or None, "record": Path(record) if record else None})


def replay_settings(session: Path, *, model: str, heatmap: str, language: str) -> RunConfig:
    """The settings of a replay: guidance for every frame, nothing new recorded."""
    settings = load_config(
        None,
        {
            "source": f"session:{session}",
            "lockstep": True,
            "model": model or "default",
            "heatmap": heatmap,
            "language": language or None,
        },
    )
    return settings.model_copy(update={"record": None, "microphone": None})
