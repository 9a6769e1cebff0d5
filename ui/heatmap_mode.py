"""When the predicted gaze is painted over the image. Pure functions."""

from __future__ import annotations

from typing import Literal

HeatmapMode = Literal["always", "frozen", "off"]

MODES: tuple[HeatmapMode, ...] = ("always", "frozen", "off")
OPACITIES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Shares of the strongest paint, which itself lets the image through."""


def next_mode(mode: HeatmapMode) -> HeatmapMode:
    """The mode that the key leads to."""
    return MODES[(MODES.index(mode) + 1) % len(MODES)]


def is_shown(mode: HeatmapMode, *, frozen: bool) -> bool:
    """Whether the mode asks for the heatmap now."""
    return mode == "always" or (mode == "frozen" and frozen)


def stepped(opacity: float, step: int) -> float:
    """The next opacity up or down; it stops at the ends."""
    nearest = min(range(len(OPACITIES)), key=lambda index: abs(OPACITIES[index] - opacity))
    return OPACITIES[min(max(nearest + step, 0), len(OPACITIES) - 1)]
