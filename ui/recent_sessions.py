"""The last recorded sessions of a folder, as the start page lists them. No Qt; on the page's finding thread."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from assistant.errors import SonocueError
from assistant.session.manifest import read_manifest

MOST = 8


@dataclass(frozen=True, slots=True)
class RecentSession:
    """A session that can be replayed.

    Attributes:
        folder: where it lies.
        subject: pseudonym.
        began: local time; None where the session does not say.
        frames: recorded images.
        complete: it was closed, and nothing was lost.
    """

    folder: Path
    subject: str
    began: datetime | None
    frames: int
    complete: bool


def recent_sessions(folder: Path) -> tuple[RecentSession, ...]:
    """The newest sessions first, at most ``MOST``; what cannot be read is left out."""
    try:
        newest = sorted(
            (child for child in folder.iterdir() if child.is_dir() and not child.name.startswith(".")),
            key=lambda child: child.stat().st_mtime_ns,
            reverse=True,
        )
    except OSError:
        return ()
    found: list[RecentSession] = []
    for child in newest[: 4 * MOST]:
        try:
            manifest = read_manifest(child)
        except SonocueError:
            continue
        if manifest.frames == 0 and manifest.complete:
            continue
        found.append(
            RecentSession(child, manifest.subject, _local(manifest.anchor.wall_utc), manifest.frames, manifest.complete)
        )
        if len(found) == MOST:
            break
    return tuple(found)


def _local(wall_utc: str) -> datetime | None:
    try:
        return datetime.fromisoformat(wall_utc).astimezone()
    except ValueError:
        return None
