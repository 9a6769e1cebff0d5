"""What the replay window says, in words that can be translated. Pure functions; on Qt's main thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QCoreApplication

from assistant.replay.annotations import Annotations, Misfit
from assistant.replay.player import Moment, Said
from assistant.replay.recording import Lack
from assistant.replay.sitting import Sitting
from assistant.snapshot import Counters, PlaneProgress, Snapshot
from ui import theme
from ui.words import Banner, Statement, statement

translate = QCoreApplication.translate  # the name that pylupdate6 looks for


def snapshot_of(moment: Moment, said: Said, planes: Sequence[str]) -> Snapshot:
    """A moment of a recording in the form that the image and the plane card know."""
    return Snapshot(
        number=moment.number,
        frame=moment.frame,
        guidance=said.guidance,
        guidance_age_ms=None if said.guidance is None or said.age_ms == 0 else said.age_ms,
        gaze=moment.gaze,
        sound=None,
        recording=False,
        session=None,
        elapsed_s=moment.time_s,
        fps=0.0,
        guidance_fps=0.0,
        counters=Counters(),
        latency={},
        planes=tuple(PlaneProgress(plane, 0.0, seen=False) for plane in planes),
        source="",
        engine="",
        notices=(),
        faults=(),
        ended=False,
    )


def said_of(moment: Moment, said: Said, planes: Sequence[str]) -> Statement:
    """What a model says of the frame that is shown."""
    if moment.frame is None:
        return Statement(
            "silent",
            translate("ReplayWords", "Guidance"),
            translate("ReplayWords", "No image"),
            translate("ReplayWords", "This frame cannot be read"),
        )
    if said.guidance is None:
        return Statement(
            "silent",
            translate("ReplayWords", "Guidance"),
            translate("ReplayWords", "No guidance"),
            translate("ReplayWords", "None was made for this frame"),
        )
    return statement(snapshot_of(moment, said, planes))


def clock(seconds: float) -> str:
    """``H:MM:SS.mmm``."""
    milliseconds = max(round(seconds * 1000), 0)
    whole = milliseconds // 1000
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}.{milliseconds % 1000:03d}"


def banner_of(lack: Lack) -> Banner:
    """What a session has not, and what that means for whoever looks at it."""
    why = f": {lack.why}" if lack.why else "."
    match lack.what:
        case "closed":
            text = translate(
                "ReplayWords", "This session was not closed; it is shown up to the last second that reached the disk."
            )
            return Banner("caution", translate("ReplayWords", "Note"), text)
        case "complete":
            return Banner(
                "caution",
                translate("ReplayWords", "Note"),
                translate("ReplayWords", "Something was lost while this session was recorded") + why,
            )
        case "images":
            return Banner(
                "fault",
                translate("ReplayWords", "No images"),
                translate("ReplayWords", "This session holds no images: there is nothing to show."),
            )
        case "timeline":
            return Banner(
                "fault",
                translate("ReplayWords", "Damaged"),
                translate("ReplayWords", "The timeline cannot be read to its end") + why,
            )
        case "sound":
            return Banner(
                "info",
                translate("ReplayWords", "No sound"),
                translate("ReplayWords", "This session was recorded without sound."),
            )
        case "hearing":
            return Banner(
                "caution",
                translate("ReplayWords", "Damaged"),
                translate("ReplayWords", "The sound cannot be read to its end") + why,
            )
        case "guidance":
            text = translate("ReplayWords", "No guidance was recorded with this session. R runs a model over it.")
            return Banner("info", translate("ReplayWords", "No guidance"), text)


def misfit_text(misfit: Misfit) -> str:
    """Why a line of a label table cannot be used."""
    reasons = {
        "plane": translate("ReplayWords", "the class list has no plane of this name"),
        "range": translate("ReplayWords", "it lies outside this recording"),
        "times": translate("ReplayWords", "the start must be a number before the end"),
        "overlap": translate("ReplayWords", "another line names a plane of the same moment"),
    }
    return translate("ReplayWords", "{file} line {line}: {reason} (got: {got})").format(
        file=misfit.file.name, line=misfit.line, reason=reasons[misfit.why], got=misfit.got
    )


def table_banners(notes: Annotations) -> list[Banner]:
    """What does not fit in the label table; nothing of it is lost."""
    if notes.unreadable:
        text = (
            translate("ReplayWords", "The label table cannot be used, and nothing can be saved to it")
            + f": {notes.unreadable}"
        )
        return [Banner("fault", translate("ReplayWords", "Labels"), text)]
    said = []
    if notes.unsaved:
        text = translate(
            "ReplayWords",
            "Your last change is not saved yet. Ctrl+S tries again; it is kept while this window is open.",
        )
        said.append(Banner("fault", translate("ReplayWords", "Not saved"), text))
    if notes.misfits:
        shown = "; ".join(misfit_text(misfit) for misfit in notes.misfits[:2])
        more = len(notes.misfits) - 2
        rest = "; " + translate("ReplayWords", "and {count} more").format(count=more) if more > 0 else ""
        kept = translate("ReplayWords", "They stay in the file as they are.")
        said.append(Banner("caution", translate("ReplayWords", "Labels"), f"{shown}{rest}. {kept}"))
    return said


def banners_of(sitting: Sitting) -> list[Banner]:
    """What a session lacks, what went wrong, and what is still being read."""
    said = [banner_of(lack) for lack in sitting.recording.lacks()] + table_banners(sitting.notes)
    if sitting.player is not None and sitting.player.sound_problem:
        said.append(Banner("caution", translate("ReplayWords", "No sound"), sitting.player.sound_problem))
    if sitting.other is not None and sitting.other.problem:
        said.append(Banner("fault", translate("ReplayWords", "Other model"), sitting.other.problem))
    if not sitting.recording.index.complete:
        share = round(100 * sitting.recording.index.progress)
        text = translate("ReplayWords", "{share} % of the timeline is read; the rest follows.").format(share=share)
        said.append(Banner("info", translate("ReplayWords", "Reading"), text))
    return said


def facts_of(moment: Moment, label: str) -> str:
    """Label, truth, words and trouble of a frame, a line each, as rich text."""
    rows = [
        (translate("ReplayWords", "Label"), label),
        (translate("ReplayWords", "Truth"), moment.truth),
        (translate("ReplayWords", "Said"), f"\u201c{moment.words}\u201d" if moment.words else ""),
        (translate("ReplayWords", "Image"), moment.problem),
    ]
    muted = theme.MUTED.name()
    return "<br>".join(f"<span style='color:{muted}'>{name}</span> {text}" for name, text in rows if text)


def cannot_open(path: Path, error: str) -> Banner:
    """The session cannot be opened at all."""
    return Banner("fault", translate("ReplayWords", "Cannot open"), f"'{path.name}': {error}")
