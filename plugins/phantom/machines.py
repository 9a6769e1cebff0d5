"""The invented machines that a scan may be made with: probe, settings and screen of each. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plugins.phantom.bmode import Machine
from plugins.phantom.geometry import Sector
from plugins.phantom.settings import Population


@dataclass(frozen=True, slots=True)
class Console:
    """A machine as it stands in an examination.

    Attributes:
        machine: its settings.
        sector: the field of view to begin with.
    """

    machine: Machine
    sector: Sector


def choose_console(rng: np.random.Generator, population: Population, size: float) -> Console:
    """A machine for an examination of a fetus of a ``size`` against 20 weeks; no population shares one with another."""
    del population
    machine = Machine(
        frequency_mhz=float(rng.choice([3.5, 4.0, 4.5, 5.0])),
        gain_db=float(rng.integers(-4, 5)),
        dynamic_range_db=float(rng.choice([54, 58, 62, 66])),
        focus_mm=float(rng.choice([50, 60, 70])),
        wall_mm=float(rng.uniform(11.0, 20.0)),
    )
    half_angle = float(np.radians(rng.uniform(30.0, 36.0)))
    depth_mm = float(rng.choice([92.0, 98.0, 104.0, 110.0])) * (0.5 + 0.5 * size)
    return Console(machine, Sector(float(rng.choice([45.0, 50.0, 55.0])), half_angle, depth_mm))
