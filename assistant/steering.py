"""How a device is steered: the command, and what a device that obeys it does besides ``contracts.Device``.

Values only; a window sends commands to the run, the run to its video source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class SteerCommand:
    """One thing that whoever scans does with the probe or at the console.

    Directions are the probe's own: lateral (to the right on screen), axial (into the body, down on screen), normal
    (their cross product: away from the viewer).

    Attributes:
        move_mm: the probe's way along lateral, axial, normal.
        turn_deg: its turn about them, around the middle of its face, as a rotation vector.
        over_s: how long moving and turning take; 0: at once. The next motion ends one that is under way where it is.
        freeze: hold the image, or let it go on; None: as it is.
        depth_mm, gain_db, zoom: set to this; None: as it is.
        depth_step_mm, gain_step_db, zoom_step: then added.
    """

    move_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    over_s: float = 0.0
    freeze: bool | None = None
    depth_mm: float | None = None
    gain_db: float | None = None
    zoom: float | None = None
    depth_step_mm: float = 0.0
    gain_step_db: float = 0.0
    zoom_step: float = 0.0


@runtime_checkable
class Steerable(Protocol):
    """What a device, and a run of it, is besides when its probe can be moved by whoever watches.

    Attributes:
        steerable: it can be moved in this run; else it plays by itself.
    """

    @property
    def steerable(self) -> bool: ...

    def steer(self, command: SteerCommand) -> None:
        """Do it from the next frame on that is made; what goes beyond the device's bounds is held at them.

        Never blocks; from any thread.
        """
        ...
