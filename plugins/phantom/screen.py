"""The scanner's screen: scan conversion of a sector, and around it what vendors print. All names on it are invented.

Where things stand is the layout's (``layouts.py``). Runs on the thread that renders.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from assistant.contracts import UInt8Array
from plugins.phantom.geometry import N_BEAMS, N_SAMPLES, Viewport
from plugins.phantom.layouts import Writing
from plugins.phantom.machines import Console
from plugins.phantom.moment import Annotation, Caliper, Moment, Place, View

_FONT_SCALE = 0.38
"""Of OpenCV's fonts, for writing of size 1 on a screen 600 pixels high."""
_BAR_HEIGHT, _BAR_WIDTH = 0.25, 0.015
_MARK_GREY, _TICK_GREY, _CALIPER_GREY = 215, 150, 235
_BANDS = 12
_SURNAMES = ("DOE", "ROE", "MUSTERMANN", "ROSSI", "DUPONT", "BLOGGS", "NOVAK", "TANAKA", "SILVA", "JANSEN")
_FIRST_NAMES = ("JANE", "MARY", "ERIKA", "ANNA", "MARIE", "JO", "EVA", "YUKI", "ANA", "SANNE")
_HOSPITALS = ("EXAMPLE HOSPITAL", "ST NOWHERE", "GENERIC CLINIC", "UTOPIA MEDICAL CENTRE")


_Part = tuple[slice, slice, tuple[Any, Any], UInt8Array]
"""Rows and columns of the screen, OpenCV's maps to them, and a buffer."""


@dataclass(frozen=True, slots=True)
class Patient:
    """Who is scanned, as it stands on the screen. Nobody."""

    name: str
    number: str
    born: date
    examined: date
    weeks: int
    hospital: str


def invent_patient(seed: int, size: float) -> Patient:
    """A patient for the examination with a seed, whose fetus has a ``size`` against 20 weeks."""
    rng = np.random.default_rng([seed, 10])
    examined = date(2020, 1, 1) + timedelta(days=int(rng.integers(0, 1500)))
    return Patient(
        name=f"{rng.choice(_SURNAMES)}, {rng.choice(_FIRST_NAMES)}",
        number=f"{rng.integers(10**6, 10**7):07d}",
        born=examined - timedelta(days=int(rng.integers(19 * 365, 42 * 365))),
        examined=examined,
        weeks=round(20 * size),
        hospital=str(rng.choice(_HOSPITALS)),
    )


class Screen:
    """Draws images along the beams onto a screen of one size.

    Attributes:
        height_px, width_px: size of the screen.
        sector_crop: top, left, bottom, right of the sector's rectangle, as fractions of height and width.
    """

    def __init__(self, height_px: int, width_px: int, console: Console, patient: Patient) -> None:
        self.height_px, self.width_px = height_px, width_px
        self._console = console
        self._layout = console.layout
        self.sector_crop = console.layout.crop
        self._patient = patient
        self._unit = height_px / 600.0
        self._prepared = lru_cache(maxsize=16)(self._prepare)

    def viewport(self, view: View) -> Viewport:
        """Where the sector stands."""
        top, left, bottom, right = self.sector_crop
        top_px, left_px = round(top * self.height_px), round(left * self.width_px)
        height_px, width_px = round(bottom * self.height_px) - top_px, round(right * self.width_px) - left_px
        return Viewport(top_px, left_px, height_px, width_px, view.sector, view.zoom)

    def show(self, grey: UInt8Array, moment: Moment) -> UInt8Array:
        """A whole screen, ``(height_px, width_px)`` uint8, from an image along the beams."""
        blank, parts = self._prepared(moment.view)
        screen = blank.copy()
        for rows, columns, maps, shown in parts:
            cv2.remap(grey, *maps, cv2.INTER_LINEAR, dst=shown, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
            cv2.max(screen[rows, columns], shown, dst=screen[rows, columns])
        if moment.frozen:
            self._write(screen, self._layout.held)
        for item in moment.annotations:
            self._annotate(screen, item, self.viewport(moment.view))
        self._print_measurements(screen, moment.annotations)
        return screen

    def patient_boxes(self) -> list[tuple[int, int, int, int]]:
        """Where it stands who the patient is: top, left, bottom, right in pixels; bottom and right are past the end."""
        boxes = []
        for writing in self._layout.writings:
            if writing.tells_patient:
                scale, place = self._type(writing)
                text = self._fill(writing.template, None)
                (wide, high), below = cv2.getTextSize(text, self._layout.font, scale, 1)
                left, base = place
                boxes.append((base - high - 2, left - 1, base + below + 1, left + wide + 2))
        return boxes

    def _prepare(self, view: View) -> tuple[UInt8Array, list[_Part]]:
        """The screen without a sector, and the sector in bands of rows, each no wider than the sector is there."""
        port = self.viewport(view)
        beams, samples = port.beam_maps()
        covered = (beams > -1) & (beams < N_BEAMS) & (samples > -1) & (samples < N_SAMPLES)
        parts = []
        for band in np.array_split(np.arange(port.height_px), _BANDS):
            inside = np.flatnonzero(covered[band].any(axis=0))
            if len(inside):
                part = np.s_[band[0] : band[-1] + 1, inside[0] : inside[-1] + 1]
                maps = cv2.convertMaps(beams[part], samples[part], cv2.CV_16SC2)
                rows = slice(port.top_px + part[0].start, port.top_px + part[0].stop)
                columns = slice(port.left_px + part[1].start, port.left_px + part[1].stop)
                parts.append((rows, columns, maps, np.zeros(beams[part].shape, np.uint8)))
        return self._blank(view), parts

    def _blank(self, view: View) -> UInt8Array:
        screen = np.full((self.height_px, self.width_px), self._layout.background, np.uint8)
        for panel in self._layout.panels:
            corner, other = self._px(panel.left, panel.top), self._px(panel.right, panel.bottom)
            cv2.rectangle(screen, corner, other, panel.grey, -1)
        port = self.viewport(view)
        screen[port.top_px : port.top_px + port.height_px, port.left_px : port.left_px + port.width_px] = 0
        for writing in self._layout.writings:
            self._write(screen, writing, view)
        bar = np.linspace(255, 0, round(_BAR_HEIGHT * self.height_px)).astype(np.uint8)[:, None]
        left, top = self._px(*self._layout.bar)
        screen[top : top + len(bar), left : left + round(_BAR_WIDTH * self.width_px)] = bar
        self._draw_depth_scale(screen, port)
        return screen

    def _draw_depth_scale(self, screen: UInt8Array, port: Viewport) -> None:
        """Centimetres and the focus, beside the sector's rectangle; a letter at the probe's marked end."""
        out = -1 if self._layout.scale == "left" else 1
        x_px = port.left_px - round(4 * self._unit) if out < 0 else port.left_px + port.width_px + round(4 * self._unit)
        for centimetre in range(int(port.sector.depth_mm / 10) + 1):
            y_px = round(port.to_px(0.0, 10.0 * centimetre)[1])
            if port.top_px <= y_px < port.top_px + port.height_px:
                length = round((8 if centimetre % 5 == 0 else 4) * self._unit)
                cv2.line(screen, (x_px, y_px), (x_px + out * length, y_px), _TICK_GREY, 1)
        focus_px = round(port.to_px(0.0, self._console.machine.focus_mm)[1])
        tip, size = x_px + out * round(9 * self._unit), round(4 * self._unit)
        arrow = np.array([[tip, focus_px], [tip + out * size, focus_px - size], [tip + out * size, focus_px + size]])
        cv2.fillPoly(screen, [arrow], _MARK_GREY)
        face_mm = port.sector.radius_mm * np.sin(port.sector.half_angle_rad)
        edge_px, top_px = port.to_px(-face_mm - 8.0, 0.0)
        place = (round(max(edge_px, port.left_px + 2)), round(max(top_px, port.top_px)) + round(12 * self._unit))
        cv2.putText(screen, self._layout.mark, place, self._layout.font, 0.5 * self._unit, _MARK_GREY, 1, cv2.LINE_AA)

    def _annotate(self, screen: UInt8Array, item: Annotation, port: Viewport) -> None:
        def to_px(place: Place) -> tuple[int, int]:
            x_px, y_px = port.to_px(*place)
            return round(x_px), round(y_px)

        if not isinstance(item, Caliper):
            size = _FONT_SCALE * 1.3 * self._unit
            cv2.putText(screen, item.text, to_px(item.place), self._layout.font, size, _CALIPER_GREY, 1, cv2.LINE_AA)
            return
        start, end = to_px(item.start), to_px(item.end)
        arm = max(3, round(5 * self._unit))
        for x, y in (start, end):
            cv2.line(screen, (x - arm, y), (x + arm, y), _CALIPER_GREY, 1)
            cv2.line(screen, (x, y - arm), (x, y + arm), _CALIPER_GREY, 1)
        count = max(2, round(np.hypot(end[0] - start[0], end[1] - start[1]) / (6 * self._unit)))
        if item.kind == "line":
            dots = np.linspace(start, end, count)
        else:
            turn = np.linspace(0.0, 2 * np.pi, 3 * count, endpoint=False)
            middle, long = 0.5 * np.add(start, end), 0.5 * np.subtract(end, start)
            short = 0.5 * item.width_mm * port.px_per_mm * np.array([-long[1], long[0]]) / max(np.hypot(*long), 1e-6)
            dots = middle + np.cos(turn)[:, None] * long + np.sin(turn)[:, None] * short
        for x, y in np.rint(dots).astype(int):
            if 0 <= x < self.width_px and 0 <= y < self.height_px:
                screen[y, x] = _CALIPER_GREY

    def _print_measurements(self, screen: UInt8Array, annotations: tuple[Annotation, ...]) -> None:
        """What the calipers measure, in the lower left corner of the sector's rectangle."""
        calipers = [item for item in annotations if isinstance(item, Caliper)]
        _, left, bottom, _ = self.sector_crop
        for row, item in enumerate(calipers):
            long_mm = float(np.hypot(item.end[0] - item.start[0], item.end[1] - item.start[1]))
            if item.kind == "ellipse":  # its circumference (Ramanujan 1914, first approximation)
                a, b = 0.5 * long_mm, 0.5 * item.width_mm
                long_mm = float(np.pi * (3 * (a + b) - np.sqrt((3 * a + b) * (a + 3 * b))))
            text = f"{'C' if item.kind == 'ellipse' else 'D'}{row + 1} {long_mm:.1f} mm"
            self._write(screen, Writing(left + 0.01, bottom - 0.02 - 0.03 * row, text, _CALIPER_GREY))

    def _write(self, screen: UInt8Array, writing: Writing, view: View | None = None) -> None:
        scale, place = self._type(writing)
        text = self._fill(writing.template, view)
        cv2.putText(screen, text, place, self._layout.font, scale, writing.grey, 1, cv2.LINE_AA)

    def _type(self, writing: Writing) -> tuple[float, tuple[int, int]]:
        """OpenCV's font scale and the beginning of the baseline."""
        plain = 1.9 if self._layout.font == cv2.FONT_HERSHEY_PLAIN else 1.0  # that font is smaller than the others
        return _FONT_SCALE * plain * writing.size * self._unit, self._px(writing.x, writing.y)

    def _fill(self, template: str, view: View | None) -> str:
        patient, machine = self._patient, self._console.machine
        shown = view or View(self._console.sector)
        return template.format(
            patient=patient.name,
            number=patient.number,
            born=f"{patient.born:%d.%m.%Y}",
            examined=f"{patient.examined:%d.%m.%Y}",
            weeks=patient.weeks,
            hospital=patient.hospital,
            probe=self._console.probe,
            mhz=f"{machine.frequency_mhz:.1f}",
            gain=f"{machine.gain_db + shown.gain_db:+.0f}",
            range=f"{machine.dynamic_range_db:.0f}",
            depth=f"{shown.sector.depth_mm / 10:.1f}",
            zoom=f"{shown.zoom:.2f}",
        )

    def _px(self, x: float, y: float) -> tuple[int, int]:
        return round(x * self.width_px), round(y * self.height_px)
