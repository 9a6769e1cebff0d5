"""The scanner's screen: scan conversion of a sector, and around it what vendors print. All names on it are invented.

One layout for every size: the sector always stands in ``SECTOR_CROP``. Runs on the thread that renders.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from assistant.contracts import UInt8Array
from plugins.phantom.bmode import Machine
from plugins.phantom.geometry import Sector, Viewport
from plugins.phantom.moment import Moment, View

SECTOR_CROP = (0.10, 0.11, 0.98, 0.89)
"""Top, left, bottom, right of the sector's rectangle, as fractions of the screen's height and width."""

_DIM, _TEXT, _BRIGHT = 70, 150, 215


class Screen:
    """Draws images along the beams onto a screen of one size.

    Attributes:
        height_px, width_px: size of the screen.
    """

    def __init__(self, height_px: int, width_px: int, machine: Machine, exam: str) -> None:
        """``exam``: the invented patient line of this examination."""
        self.height_px, self.width_px = height_px, width_px
        self._machine = machine
        self._exam = exam
        self._prepared = lru_cache(maxsize=16)(self._prepare)

    def viewport(self, view: View) -> Viewport:
        """Where the sector stands."""
        top, left, bottom, right = SECTOR_CROP
        top_px, left_px = round(top * self.height_px), round(left * self.width_px)
        height_px, width_px = round(bottom * self.height_px) - top_px, round(right * self.width_px) - left_px
        return Viewport(top_px, left_px, height_px, width_px, view.sector)

    def show(self, grey: UInt8Array, moment: Moment) -> UInt8Array:
        """A whole screen, ``(height_px, width_px)`` uint8, from an image along the beams."""
        blank, maps = self._prepared(moment.view.sector)
        view = self.viewport(moment.view)
        screen = blank.copy()
        rows = slice(view.top_px, view.top_px + view.height_px)
        columns = slice(view.left_px, view.left_px + view.width_px)
        cv2.remap(
            grey, *maps, cv2.INTER_LINEAR, dst=screen[rows, columns], borderMode=cv2.BORDER_CONSTANT, borderValue=0
        )
        return screen

    def _prepare(self, sector: Sector) -> tuple[UInt8Array, tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
        """The screen without a sector, and the maps that place it, in OpenCV's fixed-point form."""
        beams, samples = self.viewport(View(sector)).beam_maps()
        fixed, fraction = cv2.convertMaps(beams, samples, cv2.CV_16SC2)
        return self._blank(sector), (fixed, fraction)

    def _blank(self, sector: Sector) -> UInt8Array:
        screen = np.full((self.height_px, self.width_px), 6, np.uint8)
        unit = self.height_px / 600.0
        view = self.viewport(View(sector))
        cv2.rectangle(screen, (0, 0), (self.width_px, round(44 * unit)), 26, -1)
        cv2.line(screen, (0, round(44 * unit)), (self.width_px, round(44 * unit)), _DIM, 1)

        def write(text: str, x: float, y: float, grey: int = _TEXT, size: float = 0.38) -> None:
            place = (round(x * self.width_px), round(y * unit))
            cv2.putText(screen, text, place, cv2.FONT_HERSHEY_SIMPLEX, size * unit, grey, 1, cv2.LINE_AA)

        machine = self._machine
        write("SOFTWARE SCANNER", 0.012, 18, _BRIGHT, 0.46)
        write("EXAMPLE HOSPITAL", 0.012, 36)
        write(self._exam, 0.30, 18, _BRIGHT)
        write("OB 2nd trimester   research use only", 0.30, 36)
        write(f"C5-2  {sector.depth_mm / 10:.1f} cm", 0.74, 18)
        write(f"{machine.frequency_mhz:.1f} MHz   MI 0.9  TIs 0.1", 0.74, 36)
        for row, text in enumerate(
            (f"Gn {machine.gain_db:+.0f}", f"DR {machine.dynamic_range_db:.0f}", "Har mid", "Pwr 90 %")
        ):
            write(text, 0.905, 80 + 17 * row, size=0.34)
        bar = np.linspace(255, 0, round(150 * unit)).astype(np.uint8)[:, None]
        top, left = round(70 * unit), round(0.02 * self.width_px)
        screen[top : top + len(bar), left : left + round(12 * unit)] = bar
        scale_x = round(0.098 * self.width_px)
        for centimetre in range(int(sector.depth_mm / 10) + 1):
            y_px = round(view.to_px(0.0, 10.0 * centimetre)[1])
            length = round((8 if centimetre % 5 == 0 else 4) * unit)
            cv2.line(screen, (scale_x - length, y_px), (scale_x, y_px), _TEXT, 1)
            if centimetre % 5 == 0:
                write(f"{centimetre}", 0.068, y_px / unit + 4, size=0.34)
        focus_px = round(view.to_px(0.0, machine.focus_mm)[1])
        tip = scale_x + round(4 * unit)
        arrow = np.array([[tip, focus_px], [tip + 6, focus_px - 4], [tip + 6, focus_px + 4]])
        cv2.fillPoly(screen, [arrow], _BRIGHT)
        return screen
