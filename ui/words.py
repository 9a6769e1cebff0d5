"""What the window says about a snapshot, in words. Pure functions; the widgets paint what stands here.

A plane is named only while the model names it. When it abstains, its best guess is not shown: a name on the screen is
read as an answer, however small the number beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assistant.contracts import Abstention
from assistant.snapshot import Snapshot

DISCLAIMER = "Research use only - not for diagnosis"

BACKGROUND = "background"
"""The name of the class that means no standard plane, in the class lists that we ship."""

MAX_FAULTS = 3

_REASONS = {
    Abstention.LOW_CONFIDENCE: "Confidence too low to name a plane",
    Abstention.NOT_FINITE: "The model gave no usable number",
}

_NOT_B_MODE = {
    Abstention.TWO_IMAGES: "Two images",
    Abstention.COLOUR_DOPPLER: "Colour Doppler",
    Abstention.STRIP: "PW or M-mode",
    Abstention.VOLUME: "3D/4D",
    Abstention.STORED_IMAGE: "Stored image",
    Abstention.MENU: "Menu",
    Abstention.NO_IMAGE: "No ultrasound image",
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


def display_name(plane: str) -> str:
    """A class name as a heading: first letter large, abbreviations as they are."""
    return plane[:1].upper() + plane[1:]


def statement(snapshot: Snapshot) -> Statement:
    """What the model says now."""
    if snapshot.frame is None:
        return Statement("silent", "Guidance", "Waiting for video", "No image has come yet")
    guidance = snapshot.guidance
    if guidance is None:
        why = "The model says nothing about this image yet" if snapshot.planes else "No model is loaded"
        return Statement("silent", "Guidance", "No guidance", why)
    decision = guidance.decision
    confidence = round(100 * decision.confidence)
    age_ms = None if snapshot.guidance_age_ms is None else round(snapshot.guidance_age_ms)
    if decision.plane is None and decision.abstention in _NOT_B_MODE:
        shows = _NOT_B_MODE[decision.abstention]
        return Statement("abstains", "Model abstains", shows, "It knows single live B-mode images only", None, age_ms)
    if decision.plane is None:
        reason = (
            _REASONS.get(decision.abstention, str(decision.abstention)) if decision.abstention else "No reason given"
        )
        shown = None if decision.abstention is Abstention.NOT_FINITE else confidence
        return Statement("abstains", "Model abstains", "Not sure", reason, shown, age_ms)
    if decision.plane == BACKGROUND:
        return Statement("background", "Guidance", "No standard plane", "", confidence, age_ms)
    if snapshot.planes and decision.plane not in {progress.plane for progress in snapshot.planes}:
        return Statement("background", "Not on the checklist", display_name(decision.plane), "", confidence, age_ms)
    return Statement("plane", "Standard plane", display_name(decision.plane), "", confidence, age_ms)


def banners(snapshot: Snapshot, *, stopping: bool) -> tuple[Banner, ...]:
    """Faults first, worst first; then what became of the run; then lasting remarks."""
    said = [Banner("fault", "Fault", text) for text in snapshot.faults[:MAX_FAULTS]]
    unsaid = len(snapshot.faults) - MAX_FAULTS
    if unsaid > 0:
        said.append(Banner("fault", "Fault", f"and {unsaid} more"))
    if snapshot.ended:
        why = "What went wrong stands above." if snapshot.faults else "The source is at its end, or was stopped."
        said.append(Banner("info", "Ended", f"{why} The last image stays; Q closes the window."))
    elif stopping:
        said.append(Banner("info", "Stopping", "Closing the recording properly. The window closes by itself."))
    if snapshot.frozen and not snapshot.ended:
        said.append(Banner("info", "Frozen", "Image frozen: guidance is about this image; its time is not counted."))
    said.extend(Banner("caution", "Note", text) for text in snapshot.notices)
    return tuple(said)


def elapsed(seconds: float) -> str:
    """``H:MM:SS``."""
    whole = max(int(seconds), 0)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def grouped(count: int) -> str:
    """A count with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\N{THIN SPACE}")
