"""What the engine says of itself, in the window's language.

The engine knows no window and speaks English, in sentences that mostly hold a name or a number. The usual ones are
known here by their form; one that is not is shown as it came.
"""

from __future__ import annotations

import re

from PyQt6.QtCore import QT_TRANSLATE_NOOP

from ui.translation import translate

_FORMS = (
    QT_TRANSLATE_NOOP("Engine", "no signal from {source}"),
    QT_TRANSLATE_NOOP("Engine", "the source lost frames"),
    QT_TRANSLATE_NOOP("Engine", "recording lost {count} frames: {reason}"),
    QT_TRANSLATE_NOOP("Engine", "the disk or processor does not keep up with recording"),
    QT_TRANSLATE_NOOP("Engine", "recording stopped: {reason}"),
    QT_TRANSLATE_NOOP("Engine", "video stopped: {reason}"),
    QT_TRANSLATE_NOOP("Engine", "sound stopped: {reason}"),
    QT_TRANSLATE_NOOP("Engine", "the session could not be closed: {reason}"),
    QT_TRANSLATE_NOOP("Engine", "{count} packets of the stream came and were dropped"),
    QT_TRANSLATE_NOOP(
        "Engine", "This model was trained on the software scanner: on real images its guidance means nothing."
    ),
    QT_TRANSLATE_NOOP("Engine", "{failed} {reason}: {engine} took over after {gap} ms without guidance"),
)
"""English, as the engine writes them, with names for what changes."""


def engine_says(text: str) -> str:
    """A remark of the engine in the window's language, as far as its form is known."""
    for form in _FORMS:
        pattern = "".join(
            f"(?P<{part[1:-1]}>.+?)" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{\w+\})", form)
        )
        found = re.fullmatch(pattern, text)
        if found is not None:
            inner = {name: engine_says(value) for name, value in found.groupdict().items()}
            return translate("Engine", form).format(**inner)
    return text
