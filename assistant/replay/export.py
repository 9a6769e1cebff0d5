"""Exports of a recording: a video with what was said burned in, stills, and a table of decisions.

Each file gets its name when it is whole. Runs on whichever thread asks; the window uses one of its own.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from assistant.contracts import Frame, UInt8Array
from assistant.errors import SessionError
from assistant.replay.annotations import Annotations
from assistant.replay.burn_in import Heat, annotated
from assistant.replay.export_video import VideoFile
from assistant.replay.lanes import background_of
from assistant.replay.recording import Recording
from assistant.replay.timeline_index import ABSTAINS, UNSAID
from assistant.session.frame_access import FrameAccess

COLUMNS = (
    "frame_index", "time_s", "plane", "top", "confidence", "abstention", "guided_frame_index", "model", "label",
    "truth", "gaze_x_px", "gaze_y_px", "note",
)  # fmt: skip


class Cancelled(Exception):  # noqa: N818 - no error: somebody asked for it
    """The export was stopped; nothing half-written is left."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export, and of which frames: positions from ``start`` up to, not at, ``stop``."""

    video: bool
    stills: bool
    table: bool
    start: int
    stop: int


Progress = Callable[[float], bool]
"""Told the share that is done, in [0, 1]; answers whether to go on."""


def export(
    recording: Recording,
    notes: Annotations,
    folder: Path,
    wanted: Wanted,
    heat: Heat,
    background: str,
    progress: Progress,
) -> list[Path]:
    """Write what is wanted into ``folder``; the files that were made.

    Args:
        recording: the session, wholly read (``Recording.wait``).
        notes: its labels and notes.
        folder: made when missing; files of the same name are replaced.
        wanted: see there.
        heat: colours gaze maps.
        background: the class that means no standard plane.
        progress: see there.

    Raises:
        SessionError: nothing can be written there, or a frame cannot be read.
        Cancelled: ``progress`` said no.
    """
    if wanted.start >= wanted.stop:
        raise SessionError(f"session '{recording.reader.path}' has no frames to export")
    made: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if wanted.table:
            made.append(_table(recording, notes, folder / f"{recording.name}-decisions.csv", wanted))
        if wanted.stills:
            for position, plane in _best_frames(recording, background, wanted).items():
                made += save_stills(recording, notes, folder, position, heat, plane)
                _ask(progress, 0.0)
        if wanted.video:
            made.append(_video(recording, notes, folder / f"{recording.name}.mp4", wanted, heat, progress))
    except OSError as error:
        raise SessionError(f"export to '{folder}': {error.strerror or error}") from error
    progress(1.0)
    return made


def save_stills(
    recording: Recording, notes: Annotations, folder: Path, position: int, heat: Heat, plane: str = ""
) -> list[Path]:
    """The frame at ``position`` bare and with what was said of it, as PNG; the two files.

    Raises:
        SessionError: it cannot be read or written.
    """
    frames = FrameAccess(recording.reader)
    try:
        frame = frames.at(position)
    finally:
        frames.close()
    word = "-" + re.sub(r"[^A-Za-z0-9]+", "-", plane).strip("-") if plane else ""
    name = f"{recording.name}-frame{frame.index:06d}{word}"
    bare, drawn = folder / f"{name}.png", folder / f"{name}-annotated.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _png(bare, frame.pixels)
        _png(drawn, drawn_frame(recording, notes, frame, position, heat))
    except OSError as error:
        raise SessionError(f"still '{bare}' cannot be written: {error.strerror or error}") from error
    return [bare, drawn]


def drawn_frame(recording: Recording, notes: Annotations, frame: Frame, position: int, heat: Heat) -> UInt8Array:
    """The frame with what was said of it: ``(H', W', 3)`` uint8 RGB, both even."""
    index = recording.index
    about = index.shown_at(position)
    guidance = None if about is None else index.guidance_at(about)
    at_s = (frame.captured_ns - recording.start_ns) / 1e9
    facts = [recording.name, f"{at_s:.3f} s", f"frame {frame.index}"]
    facts += [] if guidance is None else [guidance.model_id]
    label = notes.label_at(position) or index.name(int(index.labels[position]))
    facts += [f"label: {label}"] if label else []
    return annotated(frame, guidance, index.gaze_at(frame.captured_ns), heat, ["  |  ".join(facts)])


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write under; the file gets its own when the block ends well, and vanishes when not."""
    unfinished = path.with_name(f".{path.name}.partial")
    try:
        yield unfinished
        os.replace(unfinished, path)  # noqa: PTH105 - as Path.replace, and raises what was raised inside first
    finally:
        unfinished.unlink(missing_ok=True)


def _png(path: Path, pixels: UInt8Array) -> None:
    coded, data = cv2.imencode(".png", pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, ::-1]))
    if not coded:
        raise OSError(f"'{path}': this image cannot be coded as PNG")
    with whole(path) as unfinished:
        unfinished.write_bytes(data.tobytes())


def _best_frames(recording: Recording, background: str, wanted: Wanted) -> dict[int, str]:
    """Of each standard plane the frame that was named most surely."""
    index, best = recording.index, {}
    idle = background_of(index, background)
    decided = index.decided[wanted.start : wanted.stop]
    confidence = np.nan_to_num(index.confidence[wanted.start : wanted.stop])
    for number, name in enumerate(index.names):
        found = np.flatnonzero(decided == number)
        if number != idle and len(found):
            best[wanted.start + int(found[confidence[found].argmax()])] = name
    return best


def _table(recording: Recording, notes: Annotations, path: Path, wanted: Wanted) -> Path:
    index, reader = recording.index, recording.reader
    with whole(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for position in range(wanted.start, wanted.stop):
            captured_ns = int(recording.times_ns[position])
            about = index.shown_at(position)
            decided = UNSAID if about is None else int(index.decided[about])
            gaze = index.gaze_at(captured_ns)
            reason = "" if about is None or decided != ABSTAINS else str(index.abstentions.get(about, ""))
            said = [note.text for note in notes.notes if note.start <= position < note.stop]
            writer.writerow([
                int(reader.frame_indices[position]),
                f"{(captured_ns - recording.start_ns) / 1e9:.6f}",
                index.name(decided),
                "" if about is None else index.name(int(index.top[about])),
                "" if about is None or np.isnan(index.confidence[about]) else f"{index.confidence[about]:.4f}",
                reason,
                "" if about is None else int(reader.frame_indices[about]),
                "" if about is None else index.model_id,
                notes.label_at(position) or index.name(int(index.labels[position])),
                index.name(int(index.truth[position])),
                "" if gaze is None else f"{gaze.x_px:.1f}",
                "" if gaze is None else f"{gaze.y_px:.1f}",
                "; ".join(said),
            ])  # fmt: skip
    return path


def _video(
    recording: Recording, notes: Annotations, path: Path, wanted: Wanted, heat: Heat, progress: Progress
) -> Path:
    with whole(path) as unfinished, VideoFile(unfinished, recording, wanted.start, wanted.stop) as video:
        for frame in recording.reader.frames(start=wanted.start, stop=wanted.stop):
            position = recording.position_at(frame.captured_ns)
            video.put(frame.captured_ns, drawn_frame(recording, notes, frame, position, heat))
            _ask(progress, (position - wanted.start) / (wanted.stop - wanted.start))
        video.finish()
    return path


def _ask(progress: Progress, share: float) -> None:
    if not progress(share):
        raise Cancelled
