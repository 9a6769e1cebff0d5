"""What the scanner shows at one moment: all that an image, its label, the gaze and the speech about it follow from.

Whoever moves the probe, a planned path or a person, answers ``at(time_s)`` with a moment; the rest of the software
scanner asks for nothing else. Values only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from plugins.phantom.geometry import Pose, Sector
from plugins.phantom.planes import StandardPlane

Place = tuple[float, float]
"""Lateral and axial millimetres in the image plane (``geometry.py``, probe frame)."""


@dataclass(frozen=True, slots=True)
class View:
    """What the operator has set at the console.

    Attributes:
        sector: the field of view; depth is part of it.
        gain_db: added to the machine's own gain.
        zoom: magnification about the sector's middle, at least 1.
    """

    sector: Sector
    gain_db: float = 0.0
    zoom: float = 1.0


@dataclass(frozen=True, slots=True)
class Caliper:
    """A measurement on screen.

    Attributes:
        kind: a line between two ends, or an ellipse whose long axis they are.
        start, end: the ends.
        width_mm: the ellipse's short axis; 0 for a line.
    """

    kind: Literal["line", "ellipse"]
    start: Place
    end: Place
    width_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class TypedText:
    """Words that the operator typed over the image, beginning at a place."""

    text: str
    place: Place


Annotation = Caliper | TypedText


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """The scanner at one moment.

    Attributes:
        pose: the probe's, in the fetal frame; fetal motion is part of it.
        view: the console's settings.
        body_s: the body's time in seconds, by which the heart beats; it stands still while the image is frozen.
        frozen: the image is held.
        sought: the plane that the operator looks for, when it is known.
        annotations: what is drawn over the image.
    """

    pose: Pose
    view: View
    body_s: float
    frozen: bool = False
    sought: StandardPlane | None = None
    annotations: tuple[Annotation, ...] = ()


class Operator(Protocol):
    """Whoever moves the probe and sets the console."""

    def at(self, time_s: float) -> Moment:
        """The moment at a time since the scan began."""
        ...
