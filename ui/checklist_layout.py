"""Where the rows of the checklist lie. Pure arithmetic.

All rows when they fit, as high as there is room for; else as many as can be read, around the chosen one.
"""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import QRectF

DENSE_EM, LOOSE_EM, CHOSEN_EM = 1.18, 2.3, 5.4
"""Height of a row at least and at most, and of the chosen one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of the rows that are shown, by number; how many are not; and whether the chosen one is large."""

    places: dict[int, QRectF]
    hidden: int
    chosen_is_large: bool


def lay_out(area: QRectF, count: int, chosen: int | None, unit: float) -> Layout:
    """Places for ``count`` rows in ``area``; ``unit`` is the size of letters, in the same pixels."""
    if count == 0:
        return Layout({}, 0, chosen_is_large=False)
    large = chosen is not None and area.height() >= (CHOSEN_EM + 3 * DENSE_EM) * unit
    extra = (CHOSEN_EM - DENSE_EM) * unit if large else 0.0
    fit = int((area.height() - extra) / (DENSE_EM * unit))
    shown = count
    if fit < count:
        shown = max(int((area.height() - extra - 1.1 * unit) / (DENSE_EM * unit)), 1)
    first = 0 if chosen is None else min(max(chosen - shown // 2, 0), count - shown)
    if large:
        height = min((area.height() - CHOSEN_EM * unit) / max(shown - 1, 1), LOOSE_EM * unit)
    else:
        height = min(area.height() / shown, LOOSE_EM * unit)
    if shown < count:
        height = DENSE_EM * unit
    places, top = {}, area.top()
    for number in range(first, first + shown):
        tall = CHOSEN_EM * unit if large and number == chosen else height
        places[number] = QRectF(area.left(), top, area.width(), tall)
        top += tall
    return Layout(places, count - shown, chosen_is_large=large)
