"""Screens of the invented machines, as data: where the sector stands, and what is written around it, where.

Places are fractions of the screen's width and height. No layout is a real vendor's; what they share with real ones is
that each puts the same facts elsewhere. Text templates name facts in braces; those that tell who the patient is are in
``PATIENT_FACTS``. The two populations share no layout. Values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import cv2

from plugins.phantom.settings import Population

PATIENT_FACTS = ("{patient}", "{number}", "{born}", "{examined}")


@dataclass(frozen=True, slots=True)
class Writing:
    """A line of text: where its baseline begins, and how bright and large it is (1: 10 pixels of 600 high)."""

    x: float
    y: float
    template: str
    grey: int = 150
    size: float = 1.0

    @property
    def tells_patient(self) -> bool:
        return any(fact in self.template for fact in PATIENT_FACTS)


@dataclass(frozen=True, slots=True)
class Panel:
    """A filled rectangle: top, left, bottom, right."""

    top: float
    left: float
    bottom: float
    right: float
    grey: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A screen.

    Attributes:
        crop: top, left, bottom, right of the sector's rectangle.
        background: grey of all else.
        panels: drawn first.
        writings: drawn over them.
        bar: top left corner of the grey scale.
        scale: on which side of the rectangle the depth scale stands.
        mark: letter beside the sector's top, on its left.
        held: what is written while the image is frozen, and where its corner is.
        font: OpenCV's number.
    """

    crop: tuple[float, float, float, float]
    background: int
    panels: tuple[Panel, ...]
    writings: tuple[Writing, ...]
    bar: tuple[float, float]
    scale: Literal["left", "right"]
    mark: str
    held: Writing
    font: int = cv2.FONT_HERSHEY_SIMPLEX


def _list(x: float, y: float, step: float, *templates: str, grey: int = 150, size: float = 0.9) -> tuple[Writing, ...]:
    """Lines one below another."""
    return tuple(Writing(x, y + step * row, text, grey, size) for row, text in enumerate(templates))


_SETTINGS = ("{mhz} MHz", "{depth} cm", "Gn {gain}", "DR {range}", "Zm {zoom}", "Pwr 90 %")

LAYOUTS: Mapping[Population, tuple[Layout, ...]] = {
    "usual": (
        Layout(  # a band above, settings on the right
            crop=(0.15, 0.11, 0.91, 0.89),
            background=6,
            panels=(Panel(0.0, 0.0, 0.074, 1.0, 26),),
            writings=(
                Writing(0.012, 0.030, "SOFTWARE SCANNER", 215, 1.2),
                Writing(0.012, 0.060, "{hospital}"),
                Writing(0.30, 0.030, "{patient}  {number}", 215),
                Writing(0.30, 0.060, "GA {weeks}w   OB 2nd trimester   research use only"),
                Writing(0.80, 0.030, "{examined}"),
                Writing(0.80, 0.060, "MI 0.9  TIs 0.1"),
                *_list(0.905, 0.14, 0.028, "{probe}", *_SETTINGS),
            ),
            bar=(0.02, 0.12),
            scale="left",
            mark="S",
            held=Writing(0.905, 0.96, "FREEZE", 215),
        ),
        Layout(  # all on the left, nothing above
            crop=(0.13, 0.21, 0.85, 0.95),
            background=0,
            panels=(),
            writings=(
                Writing(0.01, 0.05, "{patient}", 230, 1.1),
                *_list(0.01, 0.085, 0.03, "ID {number}", "* {born}", "{examined}", grey=180),
                Writing(0.01, 0.23, "{hospital}", 120, 0.8),
                *_list(0.01, 0.33, 0.035, "{probe} / OB", "MI 1.1 TIb 0.2", *_SETTINGS, grey=190),
                Writing(0.01, 0.93, "PHANTOM IMAGING", 120, 0.8),
                Writing(0.01, 0.96, "research use only", 120, 0.8),
            ),
            bar=(0.965, 0.55),
            scale="right",
            mark="P",
            held=Writing(0.01, 0.80, "|| held", 230, 1.3),
            font=cv2.FONT_HERSHEY_DUPLEX,
        ),
        Layout(  # clips on the right, a line below
            crop=(0.09, 0.04, 0.83, 0.80),
            background=14,
            panels=(
                Panel(0.93, 0.0, 1.0, 1.0, 44),
                *(Panel(0.12 + 0.19 * row, 0.85, 0.27 + 0.19 * row, 0.985, 30) for row in range(4)),
            ),
            writings=(
                Writing(0.04, 0.04, "{patient}   {born}", 200),
                Writing(0.45, 0.04, "{number}"),
                Writing(0.70, 0.04, "{examined}  {hospital}", 130, 0.8),
                Writing(0.02, 0.972, "{probe}  OB/2T  {mhz}MHz  R{depth}cm  G{gain}  DR{range}  Z{zoom}", 190),
                Writing(0.72, 0.972, "NO VENDOR  research use only", 120, 0.8),
            ),
            bar=(0.815, 0.12),
            scale="left",
            mark="N",
            held=Writing(0.70, 0.12, "FRZ", 255, 1.4),
            font=cv2.FONT_HERSHEY_PLAIN,
        ),
        Layout(  # grey surroundings, patient's name in the sector's dark corner
            crop=(0.15, 0.07, 0.89, 0.83),
            background=38,
            panels=(Panel(0.15, 0.07, 0.89, 0.83, 0), Panel(0.0, 0.0, 0.05, 1.0, 70)),
            writings=(
                Writing(0.08, 0.185, "{patient}", 220),
                Writing(0.08, 0.210, "{number}", 220, 0.8),
                Writing(0.66, 0.185, "{examined}", 180, 0.8),
                Writing(0.02, 0.034, "MADE-UP SYSTEMS   {hospital}", 200),
                Writing(0.02, 0.09, "GA {weeks}w  MI 0.8  TIs 0.2   research use only", 200),
                *_list(0.855, 0.30, 0.05, "{probe}", *_SETTINGS, grey=210, size=1.0),
            ),
            bar=(0.95, 0.62),
            scale="right",
            mark="M",
            held=Writing(0.855, 0.92, "STILL", 255, 1.2),
            font=cv2.FONT_HERSHEY_COMPLEX_SMALL,
        ),
    ),
    "unseen": (
        Layout(  # settings below, the image at the top
            crop=(0.05, 0.14, 0.81, 0.92),
            background=2,
            panels=(Panel(0.87, 0.0, 1.0, 1.0, 20),),
            writings=(
                *_list(0.012, 0.905, 0.032, "{patient}", "{number}  {born}", "{examined}", grey=220),
                *_list(0.38, 0.905, 0.032, "{probe}  {mhz} MHz  {depth} cm", "Gain {gain}  DR {range}", "Zoom {zoom}"),
                *_list(0.72, 0.905, 0.032, "{hospital}", "GA {weeks}w", "research use only", grey=120),
            ),
            bar=(0.03, 0.25),
            scale="left",
            mark="Q",
            held=Writing(0.02, 0.10, "FROZEN", 200, 1.1),
            font=cv2.FONT_HERSHEY_COMPLEX_SMALL,
        ),
        Layout(  # a pale head, the image at the right
            crop=(0.20, 0.26, 0.89, 0.97),
            background=10,
            panels=(Panel(0.0, 0.0, 0.11, 1.0, 130), Panel(0.11, 0.0, 1.0, 0.2, 24)),
            writings=(
                Writing(0.40, 0.045, "{hospital}", 10, 1.0),
                Writing(0.40, 0.090, "{patient} ({born})  No {number}", 0, 1.0),
                Writing(0.015, 0.07, "NOWHERE CO.", 0, 1.3),
                *_list(0.012, 0.18, 0.045, "{examined}", "GA {weeks}w", "{probe}", *_SETTINGS, grey=200),
                Writing(0.012, 0.97, "research use only", 160, 0.7),
            ),
            bar=(0.215, 0.30),
            scale="left",
            mark="V",
            held=Writing(0.88, 0.07, "PAUSE", 0, 1.2),
            font=cv2.FONT_HERSHEY_PLAIN,
        ),
    ),
}
