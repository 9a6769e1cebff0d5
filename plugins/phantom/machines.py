"""The invented machines that a scan may be made with: probe, settings and screen of each. Pure.

The two populations share no screen and no range of frequency, gain, grey scale or of the mother's build, so that a
model cannot have seen the machine that it is tested on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from plugins.phantom.bmode import Machine
from plugins.phantom.geometry import Sector
from plugins.phantom.layouts import LAYOUTS, Layout
from plugins.phantom.settings import Population


@dataclass(frozen=True, slots=True)
class Console:
    """A machine as it stands in an examination.

    Attributes:
        machine: its settings.
        sector: the field of view to begin with.
        probe: its name on screen.
        layout: its screen.
    """

    machine: Machine
    sector: Sector
    probe: str
    layout: Layout


@dataclass(frozen=True, slots=True)
class _Range:
    """From what a population's machines are drawn: choices, or bounds of an even spread."""

    frequency_mhz: tuple[float, ...]
    gain_db: tuple[float, ...]
    dynamic_range_db: tuple[float, ...]
    focus_mm: tuple[float, ...]
    wall_mm: tuple[float, float]
    reverberation_db: tuple[float, float]
    convex_radius_mm: tuple[float, ...]
    convex_half_deg: tuple[float, float]
    phased_half_deg: tuple[float, float]


_RANGES: Mapping[Population, _Range] = {
    "usual": _Range(
        frequency_mhz=(3.5, 4.0, 4.5, 5.0),
        gain_db=(-4, -3, -2, -1, 0, 1, 2, 3, 4),
        dynamic_range_db=(54, 58, 62, 66),
        focus_mm=(50, 60, 70),
        wall_mm=(11.0, 20.0),
        reverberation_db=(-30.0, -23.0),
        convex_radius_mm=(45, 50, 55),
        convex_half_deg=(29.0, 35.0),
        phased_half_deg=(40.0, 44.0),
    ),
    "unseen": _Range(
        frequency_mhz=(3.0, 5.5),
        gain_db=(-11, -10, 10, 11),
        dynamic_range_db=(50, 72),
        focus_mm=(40, 80),
        wall_mm=(22.0, 28.0),
        reverberation_db=(-21.0, -18.0),
        convex_radius_mm=(40, 62),
        convex_half_deg=(36.0, 39.0),
        phased_half_deg=(45.0, 48.0),
    ),
}
_PHASED_SHARE = 0.2
_PHASED_RADIUS_MM = 9.0
"""A phased array is flat; its beams fan out from a point a little behind it."""


def choose_console(seed: int, population: Population, size: float) -> Console:
    """The machine of the examination with a seed, of a fetus of a ``size`` against 20 weeks, which sets its depth."""
    rng = np.random.default_rng([seed, 7])
    layouts, drawn = LAYOUTS[population], _RANGES[population]
    layout = layouts[int(rng.integers(len(layouts)))]
    machine = Machine(
        frequency_mhz=float(rng.choice(drawn.frequency_mhz)),
        gain_db=float(rng.choice(drawn.gain_db)),
        dynamic_range_db=float(rng.choice(drawn.dynamic_range_db)),
        focus_mm=float(rng.choice(drawn.focus_mm)),
        wall_mm=float(rng.uniform(*drawn.wall_mm)),
        reverberation_db=float(rng.uniform(*drawn.reverberation_db)),
    )
    depth_mm = float(rng.choice([92.0, 98.0, 104.0, 110.0])) * (0.5 + 0.5 * size)
    radius_mm, convex_deg = float(rng.choice(drawn.convex_radius_mm)), rng.uniform(*drawn.convex_half_deg)
    phased_deg = rng.uniform(*drawn.phased_half_deg)
    if rng.random() < _PHASED_SHARE:
        return Console(machine, Sector(_PHASED_RADIUS_MM, float(np.radians(phased_deg)), depth_mm), "S4-1", layout)
    return Console(machine, Sector(radius_mm, float(np.radians(convex_deg)), depth_mm), "C5-2", layout)
