"""What the window says about a snapshot, in words. Functions of the snapshot; the widgets paint what stands here.

A plane is named only while the model names it. When it abstains, its best guess is not shown: a name on the screen is
read as an answer, however small the number beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PyQt6.QtCore import QT_TRANSLATE_NOOP, QLocale

from assistant.contracts import Abstention
from assistant.snapshot import Snapshot
from ui.engine_words import engine_says
from ui.translation import translate

LOW_DISK_S = 900.0
"""Room for less recording than this is said across the window."""

BACKGROUND = "background"
"""The name of the class that means no standard plane, in the class lists that we ship."""

MAX_FAULTS = 3

_REASONS = {
    Abstention.LOW_CONFIDENCE: QT_TRANSLATE_NOOP("Words", "Confidence too low to name a plane"),
    Abstention.NOT_FINITE: QT_TRANSLATE_NOOP("Words", "The model gave no usable number"),
    Abstention.OUT_OF_DISTRIBUTION: QT_TRANSLATE_NOOP("Words", "Unlike the images the model learned from"),
    Abstention.FAST_MOTION: QT_TRANSLATE_NOOP("Words", "The image moves too fast"),
}

_NOT_B_MODE = {
    Abstention.TWO_IMAGES: QT_TRANSLATE_NOOP("Words", "Two images"),
    Abstention.COLOUR_DOPPLER: QT_TRANSLATE_NOOP("Words", "Colour Doppler"),
    Abstention.STRIP: QT_TRANSLATE_NOOP("Words", "PW or M-mode"),
    Abstention.VOLUME: QT_TRANSLATE_NOOP("Words", "3D/4D"),
    Abstention.STORED_IMAGE: QT_TRANSLATE_NOOP("Words", "Stored image"),
    Abstention.MENU: QT_TRANSLATE_NOOP("Words", "Menu"),
    Abstention.NO_IMAGE: QT_TRANSLATE_NOOP("Words", "No ultrasound image"),
}
"""What the screen shows instead of one B-mode image."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What the model says about the image, as the plane card shows it.

    Attributes:
        kind: picks the shape beside the words; no meaning rests on colour alone.
        kicker: short line above.
        headline: the large words.
        detail: one line below; may be empty.
        confidence: in percent, or None where there is none to show.
        age_ms: how much older the guided image is than the shown one; None without guidance.
    """

    kind: Literal["plane", "background", "abstains", "silent"]
    kicker: str
    headline: str
    detail: str = ""
    confidence: int | None = None
    age_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Banner:
    """A remark across the window."""

    severity: Literal["fault", "caution", "info"]
    word: str
    text: str


def disclaimer() -> str:
    """What it may not be used for."""
    return translate("Words", "Research use only - not for diagnosis")


def display_name(plane: str) -> str:
    """A class name as a heading, in the window's language: first letter large, abbreviations as they are."""
    name = translate("Planes", plane)
    return name[:1].upper() + name[1:]


def statement(snapshot: Snapshot) -> Statement:
    """What the model says now."""
    kicker = translate("Words", "Guidance")
    if snapshot.frame is None:
        waiting, why = translate("Words", "Waiting for video"), translate("Words", "No image has come yet")
        return Statement("silent", kicker, waiting, why)
    guidance = snapshot.guidance
    if guidance is None:
        quiet = translate("Words", "The model says nothing about this image yet")
        why = quiet if snapshot.planes else translate("Words", "No model is loaded")
        return Statement("silent", kicker, translate("Words", "No guidance"), why)
    decision = guidance.decision
    confidence = round(100 * decision.confidence)
    age_ms = None if snapshot.guidance_age_ms is None else round(snapshot.guidance_age_ms)
    if decision.plane is None:
        return _abstention(decision.abstention, confidence, age_ms)
    if decision.plane == BACKGROUND:
        return Statement("background", kicker, translate("Words", "No standard plane"), "", confidence, age_ms)
    name = display_name(decision.plane)
    if snapshot.planes and decision.plane not in {progress.plane for progress in snapshot.planes}:
        return Statement("background", translate("Words", "Not on the checklist"), name, "", confidence, age_ms)
    return Statement("plane", translate("Words", "Standard plane"), name, "", confidence, age_ms)


def _abstention(reason: Abstention | None, confidence: int, age_ms: int | None) -> Statement:
    kicker = translate("Words", "Model abstains")
    if reason in _NOT_B_MODE:
        why = translate("Words", "It knows single live B-mode images only")
        return Statement("abstains", kicker, translate("Words", _NOT_B_MODE[reason]), why, None, age_ms)
    if reason is None:
        why = translate("Words", "No reason given")
    else:
        why = translate("Words", _REASONS.get(reason, str(reason)))
    shown = confidence if reason is Abstention.LOW_CONFIDENCE else None
    return Statement("abstains", kicker, translate("Words", "Not sure"), why, shown, age_ms)


def banners(snapshot: Snapshot, *, stopping: bool) -> tuple[Banner, ...]:
    """Faults first, worst first; then what became of the run; then lasting remarks."""
    fault, note = translate("Words", "Fault"), translate("Words", "Note")
    said = [Banner("fault", fault, engine_says(text)) for text in snapshot.faults[:MAX_FAULTS]]
    unsaid = len(snapshot.faults) - MAX_FAULTS
    if unsaid > 0:
        said.append(Banner("fault", fault, translate("Words", "and {count} more").format(count=unsaid)))
    if snapshot.ended:
        wrong = translate("Words", "What went wrong stands above. The last image stays; Q closes the window.")
        usual = translate(
            "Words", "The source is at its end, or was stopped. The last image stays; Q closes the window."
        )
        said.append(Banner("info", translate("Words", "Ended"), wrong if snapshot.faults else usual))
    elif stopping:
        how = translate("Words", "Closing the recording properly. The window closes by itself.")
        said.append(Banner("info", translate("Words", "Stopping"), how))
    elif snapshot.disk_s_left is not None and snapshot.disk_s_left < LOW_DISK_S:
        full = translate("Words", "The disk is nearly full: {time} of recording still fit.")
        said.append(Banner("caution", note, full.format(time=room(snapshot.disk_s_left))))
    if snapshot.frozen and not snapshot.ended:
        still = translate("Words", "Image frozen: guidance is about this image; its time is not counted.")
        said.append(Banner("info", translate("Words", "Frozen"), still))
    said.extend(Banner("caution", note, engine_says(text)) for text in snapshot.notices)
    return tuple(said)


def elapsed(seconds: float) -> str:
    """``H:MM:SS``."""
    whole = max(int(seconds), 0)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def room(seconds: float) -> str:
    """How much recording fits: minutes, from two hours on hours, from four days on days."""
    minutes = int(max(seconds, 0.0) // 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 4 * 24 * 60:
        return f"{minutes // 60} h"
    return translate("Words", "{count} days").format(count=QLocale().toString(minutes // (24 * 60)))


def grouped(count: int) -> str:
    """A count with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\N{THIN SPACE}")
