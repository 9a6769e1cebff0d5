"""Completes the ``.partial`` folder of a session whose recording was cut off: killed, or its disk taken away.

What can be read is copied, packet by packet and without encoding anew, into a folder beside it, which gets the
session's name in one step when it is whole and on the disk; only then the ``.partial`` folder goes. So nothing is lost
however often and wherever this is interrupted. Runs on the caller's thread.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from assistant.errors import SessionError
from assistant.session.being_written import is_being_written
from assistant.session.disk import in_plain_words
from assistant.session.manifest import (
    FRAMES_NAME,
    PARTIAL_SUFFIX,
    SOUND_NAME,
    TIMELINE_NAME,
    Manifest,
    Segment,
    file_sha256,
    read_manifest,
    write_manifest,
)
from assistant.session.reader import SessionReader
from assistant.session.segment_writer import MUXER
from assistant.session.verify import verify_session
from assistant.session.writer import FRAMES_COLUMNS, SOUND_COLUMNS, to_disk

RECOVERED = "recovered: the recording was cut off"
_RECOVERING_SUFFIX = ".recovering"


def recover_session(path: Path) -> Path:
    """Complete a session that was cut off, and return its folder, ``<id>`` instead of ``<id>.partial``.

    Args:
        path: the ``.partial`` folder; or the closed session that it became, which is left as it is.

    Raises:
        SessionError: there is no session, it is being recorded, nothing of it can be read, or the disk is full; the
            ``.partial`` folder stays as it was.
    """
    path = Path(path)
    if not path.name.endswith(PARTIAL_SUFFIX):
        if read_manifest(path).sha256:
            return path
        raise SessionError(f"session '{path}' was not closed: give its folder the ending {PARTIAL_SUFFIX} back first")
    final = path.with_name(path.name.removesuffix(PARTIAL_SUFFIX))
    if final.exists():
        return _finish_earlier(path, final)
    if is_being_written(path):
        raise SessionError(f"session '{path}' is being recorded: stop the recording, that closes it")
    reader = SessionReader(path)
    if reader.manifest.sha256 and not verify_session(path):  # all was done but the new name
        return path.rename(final)
    working = path.with_name(final.name + _RECOVERING_SUFFIX)
    try:
        shutil.rmtree(working, ignore_errors=True)
        working.mkdir()
        _copy(reader, working)
        working.rename(final)
        _folder_to_disk(final.parent)
    except (OSError, FFmpegError) as error:
        shutil.rmtree(working, ignore_errors=True)
        raise SessionError(
            f"session '{path}' cannot be recovered, and stays as it was: {in_plain_words(error)}"
        ) from error
    shutil.rmtree(path)
    return final


def _finish_earlier(path: Path, final: Path) -> Path:
    """Both folders are there: an earlier recovery was interrupted before its last step, or the name is taken."""
    if read_manifest(final).reason.startswith(RECOVERED) and read_manifest(path).session_id == final.name:
        shutil.rmtree(path)
        return final
    raise SessionError(f"'{final}' exists already, and is not what '{path}' would become: move one of them away")


def _copy(reader: SessionReader, out: Path) -> None:
    """Write a closed session of all that ``reader`` can read."""
    kept: list[Segment] = []
    number_of: dict[int, int] = {}
    for number, (segment, content) in enumerate(
        zip(reader.manifest.segments, reader.content_per_segment(), strict=True)
    ):
        if any(content):  # a file that was begun and holds nothing is no segment
            number_of[number] = len(kept)
            kept.append(segment)
            _remux(reader.path / segment.file, out / segment.file, *content, segment.sample_bytes)
    frames, sound = (_renumbered(table, number_of, column) for table, column in zip(reader.tables, (3, 4), strict=True))
    _write_table(out / FRAMES_NAME, FRAMES_COLUMNS, frames)
    _write_table(out / SOUND_NAME, SOUND_COLUMNS, sound)
    lines = _copy_timeline(reader.path / TIMELINE_NAME, out / TIMELINE_NAME)
    attached = sorted(file.name for file in reader.path.glob("*.png"))
    for name in attached:
        shutil.copyfile(reader.path / name, out / name)
    names = [FRAMES_NAME, SOUND_NAME, TIMELINE_NAME, *(segment.file for segment in kept), *attached]
    for name in names:
        to_disk(out / name)
    was = reader.manifest
    manifest: Manifest = was.model_copy(
        update={
            "complete": False,
            "reason": RECOVERED + ("" if was.reason in ("", "not closed") else f" ({was.reason})"),
            "frames": len(reader),
            "sound_samples": reader.sound_samples,
            "timeline_lines": lines,
            "segments": tuple(kept),
            "sha256": {name: file_sha256(out / name) for name in names},
        }
    )
    write_manifest(out, manifest)
    _folder_to_disk(out)


def _remux(source: Path, target: Path, frames: int, samples: int, sample_bytes: int) -> None:
    """Copy the first ``frames`` images and ``samples`` of sound into a file with an index and a length."""
    left = {"video": frames, "audio": samples * sample_bytes}
    with av.open(str(source)) as old, av.open(str(target), "w", format="matroska", options=MUXER) as new:
        streams = {stream: new.add_stream_from_template(stream, opaque=True) for stream in old.streams}
        try:
            for packet in old.demux():
                kind = packet.stream.type
                size = packet.size if kind == "audio" else 1
                if packet.size == 0 or size > left[kind]:
                    continue
                left[kind] -= size
                packet.stream = streams[packet.stream]
                new.mux(packet)
        except FFmpegError:
            if any(left.values()):  # the torn end lies behind all that counts
                raise
    if any(left.values()):
        raise OSError(f"'{source}' ends before what was counted in it")


def _renumbered(table: np.ndarray, number_of: dict[int, int], column: int) -> np.ndarray:
    table = table.copy()
    table[:, column] = [number_of[int(number)] for number in table[:, column]]
    return table


def _write_table(path: Path, columns: str, table: np.ndarray) -> None:
    lines = [columns, *(",".join(map(str, row)) for row in table.tolist())]
    path.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")


def _copy_timeline(source: Path, target: Path) -> int:
    """Copy all whole lines; returns how many."""
    content = source.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    target.write_bytes(whole)
    return whole.count(b"\n")


def _folder_to_disk(folder: Path) -> None:
    """Wait until the disk knows the names in a folder; where the system cannot (Windows), its own journal must do."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
