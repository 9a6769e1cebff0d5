"""Plots as SVG text, to stand in one HTML file. Colours of Okabe and Ito (2008), told apart by any colour vision.

No meaning rests on colour alone: series differ in their marks, lanes in their place. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

BLUE, ORANGE, GREEN, INK, LINE = "#0072B2", "#D55E00", "#009E73", "#1B2530", "#C9D1D9"
WIDTH = 760
_LEFT, _RIGHT, _TOP, _BOTTOM = 150, 16, 10, 34


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a lane, from and to in the unit of the axis; ``faint`` where it does not count."""

    begin: float
    end: float
    faint: bool = False


def lanes(rows: Sequence[tuple[str, Sequence[Bar]]], length: float, label: str, title: str) -> str:
    """Stretches over time, one lane a row."""
    step = 22
    height = _TOP + step * max(len(rows), 1) + _BOTTOM
    parts = [_axis(length, height, label)]
    for number, (name, bars) in enumerate(rows):
        y = _TOP + step * number
        parts.append(_text(_LEFT - 8, y + 15, name, anchor="end"))
        parts.append(_line(_LEFT, y + step, WIDTH - _RIGHT, y + step))
        for bar in bars:
            x0, x1 = _x(bar.begin, length), _x(bar.end, length)
            look = f'fill="none" stroke="{BLUE}" stroke-dasharray="3 2"' if bar.faint else f'fill="{BLUE}"'
            parts.append(f'<rect x="{x0:.1f}" y="{y + 4}" width="{max(x1 - x0, 1.5):.1f}" height="{step - 8}" {look}/>')
    return _whole(parts, height, title)


def curve(
    points: Sequence[tuple[float, float]],
    length: float,
    span: tuple[float, float],
    labels: tuple[str, str],
    title: str,
    *,
    square: bool = False,
    whole_numbers: bool = False,
) -> str:
    """Values over time as marks joined by lines where they follow each other within 1.5 units; a line at zero.

    Args:
        points: (time, value), in order of time.
        length: of the axis.
        span: lowest and highest value of the other axis; values beyond are drawn at its ends.
        labels: of the axis of time, of the values.
        title: for people who cannot see it.
        square: marks are squares and orange, else circles and blue.
        whole_numbers: the axis of time counts (sessions): every number is marked, and all points are joined.
    """
    height = 150
    low, high = span
    colour = ORANGE if square else BLUE

    def y_of(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return height - _BOTTOM - share * (height - _TOP - _BOTTOM)

    parts = [_axis(length, height, labels[0], whole=whole_numbers), _text(_LEFT - 40, 24, labels[1], anchor="end")]
    for value in (low, high, 0.0) if low < 0.0 < high else (low, high):
        if value == low and 0.0 < y_of(low) - y_of(0.0) < 14:  # the two numbers would lie over each other
            continue
        parts.append(_line(_LEFT, y_of(value), WIDTH - _RIGHT, y_of(value)))
        parts.append(_text(_LEFT - 8, y_of(value) + 4, f"{value:g}", anchor="end"))
    for (x0, v0), (x1, v1) in pairwise(points):
        if whole_numbers or x1 - x0 <= 1.5:
            ends = f'x1="{_x(x0, length):.1f}" y1="{y_of(v0):.1f}" x2="{_x(x1, length):.1f}" y2="{y_of(v1):.1f}"'
            parts.append(f'<line {ends} stroke="{colour}" stroke-width="1.5"/>')
    for x, value in points:
        at_x, at_y = _x(x, length), y_of(value)
        if square:
            parts.append(f'<rect x="{at_x - 3:.1f}" y="{at_y - 3:.1f}" width="6" height="6" fill="{colour}"/>')
        else:
            parts.append(f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="3" fill="{colour}"/>')
    return _whole(parts, height, title)


def _x(value: float, length: float) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * min(max(value / max(length, 1e-9), 0.0), 1.0)


def _axis(length: float, height: int, label: str, *, whole: bool = False) -> str:
    step: float = next((s for s in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600) if length / s <= 12), 7200)
    if not whole and length < 4:
        step = max(length / 4, 0.1)
    ticks: list[str] = []
    number = 0
    while number * step <= length + 1e-9:
        x = _x(number * step, length)
        ticks.append(_line(x, height - _BOTTOM, x, height - _BOTTOM + 4))
        ticks.append(_text(x, height - _BOTTOM + 16, f"{number * step:g}", anchor="middle"))
        number += 1
    ticks.append(_text(WIDTH - _RIGHT, height - 3, label, anchor="end"))
    return "".join(ticks)


def _line(x0: float, y0: float, x1: float, y1: float) -> str:
    return f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{LINE}"/>'


def _text(x: float, y: float, words: str, *, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _whole(parts: Sequence[str], height: int, title: str) -> str:
    letters = f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}"'
    opening = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" {letters} xmlns="http://www.w3.org/2000/svg">'
    return f"{opening}<title>{escape(title)}</title>{''.join(parts)}</svg>"
