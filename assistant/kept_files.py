"""Files that took long to make, in the user's cache folder: found by what they were made from, whole or not at all.

An engine that reads half a file may crash instead of raising, so each file carries its checksum. Any thread.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from assistant.cache_folder import cache_folder

MOST_BYTES = 2 << 30
"""Of one folder; what was not used for longest goes first."""

_CHECKSUM_BYTES = 32


def key_of(facts: Mapping[str, str | int]) -> str:
    """A name for what is made from these facts; any other fact gives another name."""
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()[:32]


def file_digest(file: Path) -> str:
    """SHA-256 of a file. Raises ``OSError``."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_kept(folder: str, key: str) -> bytes | None:
    """What was kept, or None when it was not, or is damaged.

    Args:
        folder: name within the cache.
        key: see ``key_of``.
    """
    place = cache_folder(folder)
    if place is None:
        return None
    file = place / key
    try:
        content = file.read_bytes()
        os.utime(file)
    except OSError:
        return None
    checksum, kept = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
    return kept if hashlib.sha256(kept).digest() == checksum else None


def keep(folder: str, key: str, content: bytes) -> None:
    """Keep it, if it can be; nothing depends on it."""
    place = cache_folder(folder)
    if place is None:
        return
    temporary = place / f".{key}.{os.getpid()}"
    try:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)
        temporary.replace(place / key)
        _make_room(place)
    except OSError:
        temporary.unlink(missing_ok=True)


def _make_room(place: Path) -> None:
    used = sorted((file.stat().st_mtime_ns, file.stat().st_size, file) for file in place.iterdir() if file.is_file())
    total = sum(size for _, size, _ in used)
    for _, size, file in used[:-1]:
        if total <= MOST_BYTES:
            return
        file.unlink(missing_ok=True)
        total -= size
