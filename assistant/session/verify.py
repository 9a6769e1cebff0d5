"""Tells whether a session is as it was when it was closed, or what is wrong with it. Runs on the caller's thread."""

from __future__ import annotations

from pathlib import Path

from assistant.errors import SessionError
from assistant.session.manifest import FRAMES_NAME, MANIFEST_NAME, Segment, file_sha256
from assistant.session.reader import SessionReader
from assistant.session.segment_reader import count_content, frame_times_ms


def verify_session(path: Path) -> list[str]:
    """Problems of a session, each one line for people; empty when all is well.

    Checks the hash of every file, that no file is missing or additional, that the Matroska files hold the frames and
    samples that the tables list, each frame at its time, and that the timeline can be read and speaks of frames that
    were captured. A session that was not closed, or not complete,
    is a problem too: the line says why and how far it opens.
    """
    path = Path(path)
    try:
        reader = SessionReader(path)
    except SessionError as error:
        return [str(error)]
    manifest = reader.manifest
    if not manifest.sha256:
        seconds = _duration_s(reader)
        return [f"session '{path}' was not closed; {len(reader)} frames, {seconds:.1f} s can be read"]
    problems = (
        [] if manifest.complete else [f"session '{path}' is not complete: {manifest.reason or 'no reason given'}"]
    )
    for name, expected in manifest.sha256.items():
        file = path / name
        if not file.is_file():
            problems.append(f"'{file}' is missing")
        elif file_sha256(file) != expected:
            problems.append(f"'{file}' was altered after the session was closed")
    listed = {MANIFEST_NAME, *manifest.sha256}
    problems += [
        f"'{file}' does not belong to the session" for file in sorted(path.iterdir()) if file.name not in listed
    ]
    if not problems:
        problems += _count_problems(reader)
    return problems


def _count_problems(reader: SessionReader) -> list[str]:
    """What the tables, the media and the manifest count differently."""
    problems = []
    expected = reader.content_per_segment()
    for number, (segment, counted) in enumerate(zip(reader.manifest.segments, expected, strict=True)):
        found = count_content(reader.path, segment)
        if found != counted:
            problems.append(
                f"'{reader.path / segment.file}': expected {counted[0]} frames and {counted[1]} sound samples, "
                f"got {found[0]} and {found[1]}"
            )
        elif segment.video_codec is not None:
            problems += _time_problems(reader, number, segment)
    known, lines = set(reader.frame_indices.tolist()), 0
    strangers: list[int] = []
    try:
        for event in reader.timeline():
            lines += 1
            index = event.data.get("frame_index")
            if event.data.get("event") == "frame lost":
                known.add(index)
            elif index is not None and index not in known and event.kind != "truth":  # which may be told ahead
                strangers.append(index)
    except SessionError as error:
        return [*problems, str(error)]
    strangers = [index for index in strangers if index not in known]  # its loss may be told later
    if strangers and len(reader):
        problems.append(
            f"session '{reader.path}': the timeline speaks of {len(set(strangers))} frames that were neither recorded "
            f"nor lost, the first is {strangers[0]}"
        )
    if lines != reader.manifest.timeline_lines:
        problems.append(
            f"session '{reader.path}': expected {reader.manifest.timeline_lines} timeline lines, got {lines}"
        )
    return problems


def _time_problems(reader: SessionReader, number: int, segment: Segment) -> list[str]:
    frames, _ = reader.tables
    listed = frames[frames[:, 3] == number, 4].tolist()
    found = frame_times_ms(reader.path, segment)
    wrong = [position for position, (a, b) in enumerate(zip(listed, found, strict=True)) if a != b]
    if not wrong:
        return []
    first = wrong[0]
    return [
        f"'{reader.path / segment.file}': {len(wrong)} frames stand at other times than {FRAMES_NAME} says, the first "
        f"at {found[first]} ms, expected {listed[first]} ms"
    ]


def _duration_s(reader: SessionReader) -> float:
    times_ns = reader.frame_times_ns
    return (int(times_ns[-1]) - int(times_ns[0])) / 1e9 if len(times_ns) else 0.0
