"""The facts of the data card (``docs/phantom.md``) that stand in the code: planes, and what subjects differ in.

``python scripts/phantom_card.py`` prints them as Markdown. Ranges are those seen in many draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import chain
from typing import Any, get_args

import numpy as np

from plugins.phantom.anatomy import Fetus, build_fetus
from plugins.phantom.layouts import Layout
from plugins.phantom.machines import choose_console
from plugins.phantom.narration import choose_voice
from plugins.phantom.physique import draw_physique
from plugins.phantom.settings import Population

_DRAWS = 400


def main() -> None:
    """Print the tables."""
    populations: tuple[Population, ...] = get_args(Population)
    print(_planes(build_fetus(np.random.default_rng(1))))
    print(f"| drawn for a subject | {' | '.join(populations)} |\n|---|{'---|' * len(populations)}")
    found = {population: _ranges(population) for population in populations}
    for name in found[populations[0]]:
        print(f"| {name} | {' | '.join(found[population][name] for population in populations)} |")


def _planes(fetus: Fetus) -> str:
    """What each plane is, by the attributes of ``StandardPlane``."""
    lines = ["| plane | largest tilt | largest distance | beam | defined by | structures, the most telling first |"]
    lines.append("|---|---|---|---|---|---|")
    for plane in fetus.planes:
        kind = "normal" if plane.axis is None else "axis"
        beam = "any" if plane.beam_deg >= 180.0 else f"within {plane.beam_deg:g}°"
        cells = (f"{plane.tilt_deg:g}°", f"{plane.distance_mm:g} mm", beam, kind, ", ".join(plane.structures))
        lines.append(f"| {plane.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _ranges(population: Population) -> dict[str, str]:
    """Ranges of each value that is drawn, by name."""
    seen: dict[str, list[Any]] = {}
    for number in range(_DRAWS):
        rng = np.random.default_rng([number, 9])
        body, console = draw_physique(rng, population), choose_console(number, population, 1.0)
        for name, value in chain(_values(body), _values(console), _values(choose_voice(rng, population), "voice ")):
            seen.setdefault(name, []).append(value)
    return {name: _range(values) for name, values in seen.items()}


def _values(drawn: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Numbers and words of a dataclass and of those in it."""
    for field in fields(drawn):
        value = getattr(drawn, field.name)
        if isinstance(value, Layout):
            yield "screen, by its mark", value.mark
        elif is_dataclass(value):
            yield from _values(value)
        elif isinstance(value, (str, int, float)):
            yield prefix + field.name, value


def _range(values: list[Any]) -> str:
    """Words or few numbers as they are; many numbers as ranges, apart where a tenth of the span is never drawn."""
    if isinstance(values[0], str):
        words = sorted(set(values))
        return ", ".join(words) if len(words) <= 8 else f"{len(words)} of them"
    drawn = np.unique(np.round(np.array(values, np.float64), 6))
    if len(drawn) <= 6:
        return ", ".join(f"{value:g}" for value in drawn)
    apart = np.flatnonzero(np.diff(drawn) > 0.1 * np.ptp(drawn)) + 1
    if len(apart) > 3:  # steps, not gaps
        return f"{drawn[0]:g} to {drawn[-1]:g} in {len(drawn)} steps"
    return ", ".join(f"{part[0]:.3g} to {part[-1]:.3g}" for part in np.split(drawn, apart))


if __name__ == "__main__":
    main()
