"""A rectangle of this machine's screen as people write it, ``800x600+100+50``: what is filmed, what is laid over.

Pure; any thread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_WRITTEN: Final = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})\+(\d{1,5})\+(\d{1,5})")


@dataclass(frozen=True, slots=True)
class ScreenRegion:
    """Pixels of the whole desktop, from its top left."""

    width: int
    height: int
    left: int
    top: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}+{self.left}+{self.top}"

    def overlaps(self, other: ScreenRegion) -> bool:
        """They have a pixel in common."""
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )


def parse_region(text: str) -> ScreenRegion | None:
    """``WIDTHxHEIGHT+LEFT+TOP`` in pixels; None where it is something else."""
    match = _WRITTEN.fullmatch(text)
    return None if match is None else ScreenRegion(*(int(number) for number in match.groups()))
