"""The check of a tracker's calibration: five points are looked at, and it is measured how far beside the gaze lies.

Accuracy is the distance from the target to the mean gaze, precision the root mean square of the distance between
successive samples, both in degrees (Holmqvist, Nystroem, Mulvey 2012, "Eye tracker data quality", ETRA). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from assistant.contracts import GazeSample

TARGETS = ((0.5, 0.5), (0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))
"""Where the points stand, in [0, 1] of the monitor's width and height, in the order in which they are shown."""
LIMIT_DEG = 1.5
"""Mean accuracy above which the check is not passed: then gaze is on another structure than it seems to be."""
LEAST_VALID = 0.5
"""Share of valid samples that every point needs."""
LEAST_SAMPLES = 10
"""Valid samples that every point needs."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the check found.

    Attributes:
        accuracy_deg: mean over the points; None when a point had too few samples.
        precision_deg: mean over the points; None likewise.
        accuracy_px, precision_px: the same in pixels of the monitor.
        px_per_degree: of the monitor, as it was taken to be.
        points: for each target: ``x`` and ``y`` in [0, 1], ``valid`` share, ``samples``, ``off_deg`` (or None).
        passed: gaze may be scored.
        reason: why not, in plain words; empty when passed.
        limit_deg: what accuracy was held against.
    """

    accuracy_deg: float | None
    precision_deg: float | None
    accuracy_px: float | None
    precision_px: float | None
    px_per_degree: float
    points: tuple[dict[str, Any], ...]
    passed: bool
    reason: str
    limit_deg: float = LIMIT_DEG

    def facts(self) -> dict[str, Any]:
        """As it stands in the session: the event ``calibration``."""
        return {"event": "calibration", **asdict(self)}


def check_calibration(
    looked: Sequence[Sequence[GazeSample]],
    monitor_px: tuple[float, float],
    px_per_degree: float,
    targets: Sequence[tuple[float, float]] = TARGETS,
) -> Calibration:
    """Judge what a tracker gave while the targets were looked at.

    Args:
        looked: for each target the samples, with ``device_x`` and ``device_y`` on the monitor in [0, 1].
        monitor_px: its width and height.
        px_per_degree: pixels of the monitor in one degree.
        targets: where the points stood.
    """
    size = np.array(monitor_px, np.float64)
    points: list[dict[str, Any]] = []
    off_px: list[float] = []
    step_px: list[float] = []
    for (x, y), samples in zip(targets, looked, strict=True):
        good = [(s.device_x, s.device_y) for s in samples if s.valid and s.device_x is not None]
        share = len(good) / len(samples) if samples else 0.0
        point: dict[str, Any] = {"x": x, "y": y, "valid": round(share, 3), "samples": len(samples), "off_deg": None}
        points.append(point)
        if len(good) < LEAST_SAMPLES or share < LEAST_VALID:
            continue
        at_px = np.array(good, np.float64) * size
        off_px.append(float(np.hypot(*(at_px.mean(axis=0) - np.array((x, y)) * size))))
        step_px.append(float(np.sqrt(np.mean(np.sum(np.diff(at_px, axis=0) ** 2, axis=1)))))
        point["off_deg"] = round(off_px[-1] / px_per_degree, 3)
    if len(off_px) < len(points):
        missing = len(points) - len(off_px)
        reason = f"the tracker hardly saw the eyes at {missing} of {len(points)} points: seat, light, glasses?"
        return Calibration(None, None, None, None, px_per_degree, tuple(points), passed=False, reason=reason)
    accuracy_px, precision_px = float(np.mean(off_px)), float(np.mean(step_px))
    accuracy_deg = accuracy_px / px_per_degree
    passed = accuracy_deg <= LIMIT_DEG
    reason = ""
    if not passed:
        reason = (
            f"gaze lies {accuracy_deg:.1f} degrees beside the points, at most {LIMIT_DEG:g} are allowed: "
            "calibrate with the tracker's own program, then check again"
        )
    return Calibration(
        accuracy_deg=round(accuracy_deg, 3),
        precision_deg=round(precision_px / px_per_degree, 3),
        accuracy_px=round(accuracy_px, 1),
        precision_px=round(precision_px, 1),
        px_per_degree=round(px_per_degree, 2),
        points=tuple(points),
        passed=passed,
        reason=reason,
    )
