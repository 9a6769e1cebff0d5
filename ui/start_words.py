"""What the start page says, in plain words: problems, sessions, how a run ended. Functions of what they are given."""

from __future__ import annotations

from typing import Any

from PyQt6.QtCore import QDateTime, QLocale

from assistant.errors import SonocueError
from ui.engine_words import engine_says
from ui.recent_sessions import RecentSession
from ui.start_choices import SCANNER, SCREEN, STEERED
from ui.translation import translate
from ui.words import grouped


def plain_problem(error: SonocueError) -> str:
    """An error as the page says it: what the command line names as an option is a tick here."""
    text = str(error)
    if "--consent" in text:
        return translate(
            "Start", "This source can be heard, or hears everybody in the room: tick below that all of them agreed."
        )
    if text.startswith("settings: subject"):
        return translate("Start", "The pseudonym may hold letters, digits, dots, hyphens and underscores only.")
    return engine_says(text)


def tile_words(spec: str) -> tuple[str, str]:
    """Name of a source's tile, and the line below it."""
    if spec == SCANNER:
        return translate("Start", "Software scanner"), translate("Start", "a made-up fetus, with narration")
    if spec == STEERED:
        return translate("Start", "Scanner, steered"), translate("Start", "you move the probe: mouse, keys")
    if spec == SCREEN:
        return translate("Start", "This screen"), translate("Start", "another program's images")
    if spec:
        return translate("Start", "Camera"), spec.partition(":")[2]
    return translate("Start", "File or stream"), translate("Start", "named below")


def session_line(session: RecentSession) -> str:
    """Date, subject, images, and whether something is missing."""
    began = session.folder.name
    if session.began is not None:
        moment = QDateTime.fromSecsSinceEpoch(int(session.began.timestamp()))
        began = QLocale().toString(moment, translate("Start", "d MMM yyyy, hh:mm"))
    images = translate("Start", "{count} images").format(count=grouped(session.frames))
    parts = [began, session.subject, images if session.frames else ""]
    if not session.complete:
        parts.append(translate("Start", "not complete"))
    return "   \N{MIDDLE DOT}   ".join(part for part in parts if part)


def how_it_ended(summary: dict[str, Any]) -> tuple[str, str]:
    """What to say after a run, and how grave it is: ``caution`` or ``info``."""
    faults = "; ".join(engine_says(fault) for fault in summary["faults"])
    if summary["session"] is None:
        said = translate("Start", "The run has ended; nothing was recorded.")
    else:
        said = translate("Start", "Recorded: {session}, {count} images, {lost} lost.").format(
            session=summary["session"], count=grouped(summary["recorded"]), lost=grouped(summary["lost"])
        )
    if faults:
        return translate("Start", "{said} What went wrong: {faults}").format(said=said, faults=faults), "caution"
    return said, "info"
