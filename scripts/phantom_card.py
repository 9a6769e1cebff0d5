"""The facts of the data card (``docs/phantom.md``) that stand in the code: planes, and what subjects differ in.

``python scripts/phantom_card.py [--subjects 12]`` prints them as Markdown. Ranges are those seen in many draws.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import chain
from typing import Any, get_args

import numpy as np

from plugins.phantom.anatomy import Fetus, build_fetus
from plugins.phantom.machines import choose_console
from plugins.phantom.narration import choose_voice
from plugins.phantom.settings import Population

_DRAWS = 400


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=12, help="fetuses to build of each population")
    wanted = parser.parse_args()
    populations: tuple[Population, ...] = get_args(Population)
    fetuses = {
        population: [build_fetus(np.random.default_rng([k, 1]), population) for k in range(wanted.subjects)]
        for population in populations
    }
    print(_planes(fetuses[populations[0]][0]))
    print(f"| drawn for a subject | {' | '.join(populations)} |\n|---|{'---|' * len(populations)}")
    found = {population: _ranges(population, fetuses[population]) for population in populations}
    for name in found[populations[0]]:
        print(f"| {name} | {' | '.join(found[population][name] for population in populations)} |")


def _planes(fetus: Fetus) -> str:
    """What each plane is; tolerances are those of ``StandardPlane``."""
    lines = ["| plane | largest tilt | largest distance | defined by | structures, the most telling first |"]
    lines.append("|---|---|---|---|---|")
    for plane in fetus.planes:
        kind = "normal" if plane.axis is None else "axis"
        cells = (plane.name, f"{plane.tilt_deg:g}°", f"{plane.distance_mm:g} mm", kind, ", ".join(plane.structures))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _ranges(population: Population, fetuses: list[Fetus]) -> dict[str, str]:
    """Range of each value that is drawn, by name."""
    rngs = [np.random.default_rng([k, 9]) for k in range(_DRAWS)]
    consoles = chain.from_iterable(_values(choose_console(rng, population, 1.0)) for rng in rngs)
    voices = chain.from_iterable(_values(choose_voice(rng, population), "voice ") for rng in rngs)
    scales = (("size against 20 weeks", fetus.scale) for fetus in fetuses)
    seen: dict[str, list[Any]] = {}
    for name, value in chain(scales, consoles, voices):
        seen.setdefault(name, []).append(value)
    return {name: _range(values) for name, values in seen.items()}


def _values(drawn: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Numbers and words of a dataclass and of those in it."""
    for field in fields(drawn):
        value = getattr(drawn, field.name)
        if is_dataclass(value):
            yield from _values(value)
        elif isinstance(value, (str, int, float)):
            yield prefix + field.name, value


def _range(values: list[Any]) -> str:
    if isinstance(values[0], str):
        words = sorted(set(values))
        return ", ".join(words) if len(words) <= 8 else f"{len(words)} of them"
    distinct = sorted({round(float(value), 6) for value in values})
    if len(distinct) <= 6:
        return ", ".join(f"{value:g}" for value in distinct)
    return f"{distinct[0]:.3g} to {distinct[-1]:.3g}"


if __name__ == "__main__":
    main()
