"""Where the overlay lies, and where it may not: what the screen source films holds nothing that we paint. Pure.

Rectangles that people write are in pixels of the screen; Qt's are in its own units, which a screen may scale.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from PyQt6.QtCore import QPoint, QRect, QSize

from assistant.errors import ConfigError
from assistant.screen_region import ScreenRegion, parse_region

FILMED: Final = "filmed"
BESIDE: Final = "beside"
_SCREEN: Final = "screen"
_FORM: Final = "WIDTHxHEIGHT+LEFT+TOP in pixels of the screen, such as 800x600+100+50"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the overlay lies.

    Attributes:
        area: what is looked at.
        over: heatmap and words lie over it; False: words alone, beside it.
        filmed: what the source films of this screen; None: it films no screen.
        excluded: the system keeps our windows out of what is filmed, so that they may lie over it.
    """

    area: ScreenRegion
    over: bool
    filmed: ScreenRegion | None
    excluded: bool

    @property
    def forbidden(self) -> ScreenRegion | None:
        """Where none of our windows may be."""
        return None if self.excluded else self.filmed


def decide_place(where: str, source: str, *, can_exclude: bool) -> Place:
    """What was asked for, if it can be had.

    Args:
        where: a rectangle, ``filmed`` or ``beside``.
        source: the run's, ``name:argument``. ``display=`` is not looked at: a screen may have several names.
        can_exclude: the system can keep windows out of pictures of the screen.

    Raises:
        ConfigError: it makes no sense, or the source would film what lies over it.
    """
    area = parse_region(where)
    if area is None and where not in (FILMED, BESIDE):
        raise ConfigError(
            f"overlay: expected {_FORM}, or '{FILMED}' or '{BESIDE}' with --source screen:..., got '{where}'"
        )
    filmed = _filmed(source)
    if filmed is None:
        if area is None:
            raise ConfigError(
                f"overlay: '{where}' expects --source screen:..., got '{source}': write where the image stands, {_FORM}"
            )
        return Place(area, over=True, filmed=None, excluded=False)
    area, over = area or filmed, where != BESIDE
    if over and area.overlaps(filmed) and not can_exclude:
        raise ConfigError(
            f"overlay: a picture of the screen holds what lies over it here, and the model would look at its own "
            f"heatmap: expected '--overlay {BESIDE}' (words beside {filmed}) or a source that does not film the screen "
            f"(a capture card: '--source opencv:0 --overlay {area}'), got '--overlay {where}'"
        )
    return Place(area, over, filmed, excluded=can_exclude)


def _filmed(source: str) -> ScreenRegion | None:
    """What a screen source films; the source itself says what is wrong with the rest of its argument."""
    name, _, argument = source.partition(":")
    if name != _SCREEN:
        return None
    region = parse_region(argument.partition(",")[0])
    if region is None:
        raise ConfigError(f"overlay: expected --source screen:{_FORM}, to know what is filmed, got '{source}'")
    return region


@dataclass(frozen=True, slots=True)
class ScreenPlace:
    """A screen as Qt knows it: ``geometry`` in Qt's units, of which one is ``ratio`` pixels."""

    geometry: QRect
    ratio: float

    def pixels(self) -> QRect:
        """The same in pixels: Qt keeps a screen's top left where it is."""
        size = QSize(round(self.geometry.width() * self.ratio), round(self.geometry.height() * self.ratio))
        return QRect(self.geometry.topLeft(), size)

    def in_qt_units(self, area: QRect) -> QRect:
        """Pixels to Qt's units, outwards."""
        origin = self.geometry.topLeft()
        left, top = (area.left() - origin.x()) / self.ratio, (area.top() - origin.y()) / self.ratio
        right, bottom = left + area.width() / self.ratio, top + area.height() / self.ratio
        x0, y0, x1, y1 = int(left), int(top), -int(-right // 1), -int(-bottom // 1)
        return QRect(origin.x() + x0, origin.y() + y0, x1 - x0, y1 - y0)


def on_screen(region: ScreenRegion, screens: Sequence[ScreenPlace]) -> QRect:
    """Where Qt puts a window that covers ``region``. Raises ``ConfigError`` when it is not all on one screen."""
    area = QRect(region.left, region.top, region.width, region.height)
    for screen in screens:
        if screen.pixels().contains(area):
            return screen.in_qt_units(area)
    there = ", ".join(
        str(ScreenRegion(each.width(), each.height(), each.left(), each.top()))
        for each in (screen.pixels() for screen in screens)
    )
    raise ConfigError(f"overlay: expected a rectangle on one screen ({there}), got {region}")


def free_place(size: QSize, near: QRect, avoiding: Iterable[QRect], screens: Iterable[QRect]) -> QPoint | None:
    """Where a window of ``size`` fits on a screen near to ``near`` and over none of ``avoiding``; None: nowhere."""
    avoided = list(avoiding)
    found: list[tuple[float, QPoint]] = []
    for screen in screens:
        lefts = {screen.left(), screen.right() + 1 - size.width(), near.left(), near.right() + 1 - size.width()}
        tops = {screen.top(), screen.bottom() + 1 - size.height(), near.top(), near.bottom() + 1 - size.height()}
        for area in avoided:
            lefts |= {area.left() - size.width(), area.right() + 1}
            tops |= {area.top() - size.height(), area.bottom() + 1}
        for left, top in product(sorted(lefts, reverse=True), sorted(tops)):  # of equals: right and high
            place = QRect(QPoint(left, top), size)
            if screen.contains(place) and not any(place.intersects(area) for area in avoided):
                apart = place.center() - near.center()
                found.append((abs(apart.x()) + abs(apart.y()), place.topLeft()))
    return min(found, key=lambda each: each[0])[1] if found else None
