"""What the start page remembers: a small file in the user's configuration folder. No Qt; on the caller's thread.

Devices and settings only. A subject's pseudonym, a consent, a file's name (it may hold a patient's) and an address with
a password are never kept.
"""

from __future__ import annotations

import json
import os
import sys
import tomllib
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from urllib.parse import urlsplit

FILE_NAME = "start.toml"
_MAX_BYTES = 10_000
_DEVICES = ("opencv", "openigtlink", "phantom", "screen", "stream")
"""Sources whose argument names a device, an address or a seed, and no file."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The choices of last time.

    Attributes:
        source: ``name:argument``; empty: none yet.
        microphone: ``name:argument``; empty: none.
        model: a folder, ``default``, or empty: no model.
        checklist: a shipped checklist's name or a file; empty: one item a plane.
        heatmap: see ``config.RunConfig``.
        language: ``en``, ``de``, or empty: the system's.
        record: folder for sessions; empty: nothing is recorded.
    """

    source: str = ""
    microphone: str = ""
    model: str = "default"
    checklist: str = ""
    heatmap: str = "always"
    language: str = ""
    record: str = "recordings"


def config_folder() -> Path | None:
    """The user's configuration folder, by the custom of each system; None for a user without a home."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "sonocue"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming") / "sonocue"
    return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "sonocue"


def recall() -> Remembered:
    """The choices of last time; the defaults where there are none, or the file is not what was written."""
    folder = config_folder()
    if folder is None:
        return Remembered()
    try:
        with (folder / FILE_NAME).open("rb") as stream:
            data = tomllib.loads(stream.read(_MAX_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return Remembered()
    known = {field.name for field in fields(Remembered)}
    return Remembered(**{name: value for name, value in data.items() if name in known and isinstance(value, str)})


def remember(choices: Remembered) -> None:
    """Keep them, if it can be done; nothing depends on it."""
    folder = config_folder()
    if folder is None:
        return
    if not _may_be_kept(choices.source):
        choices = replace(choices, source="")
    # A string of JSON is a string of TOML, but for the one character that JSON leaves as it is.
    pairs = ((name, json.dumps(value, ensure_ascii=False)) for name, value in asdict(choices).items())
    text = "".join(f"{name} = {value}\n" for name, value in pairs).replace("\x7f", "")
    with suppress(OSError, UnicodeError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = folder / f".{FILE_NAME}.{os.getpid()}"
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(folder / FILE_NAME)


def _may_be_kept(source: str) -> bool:
    name, _, argument = source.partition(":")
    if name not in _DEVICES:
        return False
    try:
        return "@" not in urlsplit(argument).netloc
    except ValueError:
        return False
