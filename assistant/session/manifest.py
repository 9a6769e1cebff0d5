"""``session.json``: what a session is about, what lies in its folder, and the hashes that tell a changed byte.

Pure data; written by the writer's thread, read by anybody. ``README.md`` beside this file is the format's description.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_serializer

from assistant.contracts import DeviceInfo, Origin
from assistant.errors import SessionError

FORMAT_VERSION = 1
MANIFEST_NAME = "session.json"
FRAMES_NAME = "frames.csv"
SOUND_NAME = "sound.csv"
TIMELINE_NAME = "timeline.jsonl"
PARTIAL_SUFFIX = ".partial"


@dataclass(frozen=True, slots=True)
class SessionHeader:
    """What is known about a session before its first item.

    Attributes:
        subject: pseudonym of the person examined; never a name.
        consent: everybody who may be heard or seen agreed.
        origin: where the images come from.
        sources: all devices; the sound track takes its rate from the last one that has sound.
        config: the settings of the run, JSON-serialisable.
        model_id: ``name@sha256`` of the model that gives guidance, or None.
    """

    subject: str
    consent: bool
    origin: Origin
    sources: tuple[DeviceInfo, ...]
    config: Mapping[str, Any]
    model_id: str | None

    @property
    def sector_crop(self) -> tuple[float, float, float, float] | None:
        """Where the B-mode image stands on the screen, when a source knew (see ``DeviceInfo``)."""
        return next((source.sector_crop for source in self.sources if source.sector_crop), None)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClockAnchor(_Record):
    """The same moment on the run's clock and on the wall's."""

    monotonic_ns: int
    wall_utc: str


class Segment(_Record):
    """One Matroska file: a stretch of the session with one image size, one kind of pixels and one sound rate.

    Attributes:
        file: its name in the folder.
        start_ns: the moment of the container's time 0, on the run's clock.
        width_px, height_px: true size of the images (the coded size may be one larger); 0 without video.
        grey: the images have one channel.
        video_codec: ``h264`` or ``ffv1``; None without video.
        sound_codec: ``pcm_s16le`` or ``pcm_f32le``; None without sound.
        sample_rate_hz: of the sound; 0 without sound.
    """

    file: str
    start_ns: int
    width_px: int
    height_px: int
    grey: bool
    video_codec: Literal["h264", "ffv1"] | None
    sound_codec: Literal["pcm_s16le", "pcm_f32le"] | None
    sample_rate_hz: int

    @property
    def sample_bytes(self) -> int:
        """Of one sound sample."""
        return 2 if self.sound_codec == "pcm_s16le" else 4


class Manifest(_Record):
    """The whole of ``session.json`` but its own checksum."""

    format: Literal["sonocue-session"] = "sonocue-session"
    version: int = FORMAT_VERSION
    session_id: str
    subject: str
    consent: bool
    origin: Origin
    model_id: str | None
    anchor: ClockAnchor
    lossless: bool
    complete: bool
    reason: str
    frames: int
    sound_samples: int
    timeline_lines: int
    segments: tuple[Segment, ...]
    sources: tuple[DeviceInfo, ...]
    config: dict[str, Any]
    sha256: dict[str, str]

    @field_serializer("sources")
    def _streams_in_order(self, sources: tuple[DeviceInfo, ...]) -> list[dict[str, Any]]:
        return [{**asdict(source), "streams": sorted(source.streams)} for source in sources]

    @property
    def header(self) -> SessionHeader:
        """What the session was begun with."""
        return SessionHeader(self.subject, self.consent, self.origin, self.sources, self.config, self.model_id)

    @property
    def sample_rate_hz(self) -> int:
        """Sound samples a second, one rate for the whole session; 0 without sound."""
        return max((segment.sample_rate_hz for segment in self.segments), default=0)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``session.json`` so that at any moment either the old one or the new one is there, whole."""
    document = manifest.model_dump(mode="json")
    text = _render({**document, "checksum": _checksum(document)})
    temporary = folder / f"{MANIFEST_NAME}.tmp"
    with temporary.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(folder / MANIFEST_NAME)


def read_manifest(folder: Path) -> Manifest:
    """Read ``session.json`` and hold it against its own checksum.

    Raises:
        SessionError: the folder holds no session, one of another version, or an altered one.
    """
    path = folder / MANIFEST_NAME
    if not folder.is_dir():
        raise SessionError(f"session '{folder}': no such folder")
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
    except FileNotFoundError as error:
        raise SessionError(f"session '{folder}': expected a {MANIFEST_NAME} in it, found none") from error
    except (OSError, ValueError, RecursionError) as error:
        raise SessionError(f"session '{folder}': {MANIFEST_NAME} cannot be read: {error}") from error
    if not isinstance(document, dict) or document.get("format") != "sonocue-session":
        raise SessionError(f"session '{folder}': {MANIFEST_NAME} does not describe a Sonocue session")
    if document.get("version") != FORMAT_VERSION:
        raise SessionError(
            f"session '{folder}': expected format version {FORMAT_VERSION}, got {document.get('version')}: "
            "use the Sonocue that recorded it"
        )
    checksum = document.pop("checksum", None)
    if checksum != _checksum(document) or text != _render({**document, "checksum": checksum}):
        raise SessionError(f"session '{folder}': {MANIFEST_NAME} was altered after it was written")
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SessionError(f"session '{folder}': {MANIFEST_NAME}: {where}: {first['msg']}") from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _checksum(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(_render(document).encode()).hexdigest()


def _render(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
