"""From an eye tracker's coordinates to pixels of the image: the one place where that is done.

A tracker gives points on the monitor, x and y in [0, 1] from its top left corner (points beside it lie outside). The
window says where it has painted the image on that monitor (``ScreenView``). Pure; any thread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import atan2, degrees, isfinite, nan

from assistant.contracts import GazeSample


@dataclass(frozen=True, slots=True)
class ScreenView:
    """Where the image is painted on the monitor, all in the monitor's own (device) pixels.

    Attributes:
        monitor_px: width and height of the monitor.
        image_rect_px: left, top, width, height of the painted image on it; may reach beyond the monitor.
        image_px: width and height of the image itself.
    """

    monitor_px: tuple[float, float]
    image_rect_px: tuple[float, float, float, float]
    image_px: tuple[int, int]

    def __post_init__(self) -> None:
        if min(*self.monitor_px, *self.image_rect_px[2:], *self.image_px) <= 0:
            raise ValueError(f"a screen view needs a monitor and an image with an area, got {self}")

    def to_image(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of the image of a point on the monitor, ``(0, 0)`` the centre of the image's top left pixel."""
        left, top, width, height = self.image_rect_px
        across = (x * self.monitor_px[0] - left) / width
        down = (y * self.monitor_px[1] - top) / height
        return across * self.image_px[0] - 0.5, down * self.image_px[1] - 0.5


def on_image(sample: GazeSample, view: ScreenView | None) -> GazeSample:
    """The sample with the pixels of the image that ``device_x`` and ``device_y`` point at.

    Validity is kept: an invalid sample stays invalid, and a valid one is invalid while nobody knows where the image is
    painted, or when its coordinates are no numbers. What lies beside the image stays valid, and outside of it.
    """
    x, y = sample.device_x, sample.device_y
    if not sample.valid or view is None or x is None or y is None or not (isfinite(x) and isfinite(y)):
        return replace(sample, x_px=nan, y_px=nan, valid=False)
    x_px, y_px = view.to_image(x, y)
    return replace(sample, x_px=x_px, y_px=y_px)


def px_per_degree(px_per_mm: float, distance_mm: float) -> float:
    """Pixels of the monitor in one degree of visual angle around the point straight ahead."""
    return px_per_mm / degrees(atan2(1.0, distance_mm))
