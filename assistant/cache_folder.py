"""Where things are kept that can be made again: compiled networks, and which engines were admitted. Any thread.

Nothing else of this program is written outside the folders that a user names.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "SONOCUE_CACHE"
"""Environment variable that names another folder; empty: keep nothing."""


def cache_folder(name: str) -> Path | None:
    """A folder of the user's cache, made when missing, for this user alone; None when nothing can be kept.

    Args:
        name: what is kept there.
    """
    place = _place()
    if place is None:
        return None
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = place / name
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def _place() -> Path | None:
    """By the custom of each system (XDG Base Directory, Apple's and Microsoft's guidelines)."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named) if named else None
    try:
        home = Path.home()
    except RuntimeError:  # a user without a home
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "sonocue"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "sonocue" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "sonocue"
