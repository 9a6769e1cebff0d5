"""The pictures of an evaluation's report, as PNG in memory: confusion, reliability, risk against coverage, gaze, clips.

Colours are told apart by the colour-blind (``plots``); grey levels of images stay as they are. Called by the command's
only thread. matplotlib is imported when something is drawn, not before.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from assistant.contracts import Float32Array, UInt8Array
from trainer.evaluate import reliability, risk_by_coverage
from trainer.plots import BLACK, BLUE, ORANGE, SKY, VERMILION, label_axis, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

_DPI = 130
_SIDE_PX = 208
"""Shorter side of a picture of a frame."""
_GAP_PX = 4
_MOST_HEAT = 0.75
"""How much of the image a heatmap hides where it is highest."""
_DARK_CELL = 0.55
"""From this share of a row on, the number in a cell is white."""


def confusion_png(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> bytes:
    """Rows are the truth, shaded by their share of the row; each cell holds the number of frames."""
    counts = np.asarray(confusion, np.float64)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.2 + 0.42 * len(classes)
    figure, (axis,) = new_figure(1, 1, width=side + 1.2, height=side)
    figure.subplots_adjust(2.0 / (side + 1.2), 1.8 / side, 0.98, 1 - 0.15 / side)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(counts > 0):
        colour = "white" if share[row, column] > _DARK_CELL else BLACK
        axis.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", fontsize=7, color=colour)
    label_axis(axis, "", "named by the model", "truth")
    axis.grid(visible=False)
    axis.set_xticks(range(len(classes)), list(classes), rotation=60, ha="right", fontsize=7)
    axis.set_yticks(range(len(classes)), list(classes), fontsize=7)
    return _png(figure)


def reliability_png(before: Float32Array, after: Float32Array, truth: Int64Array) -> bytes:
    """Share of right answers against confidence, before and after the temperature, and how many frames each bin holds.

    Args:
        before: ``(n, n_classes)`` probabilities with temperature 1.
        after: ``(n, n_classes)`` those that the model gives.
        truth: ``(n,)`` class numbers.
    """
    figure, (curve, histogram) = new_figure(1, 2, width=3.9, height=3.4)
    curve.plot([0, 1], [0, 1], color=BLACK, linestyle="--", linewidth=1, label="perfect")
    for probability, name, colour, marker in (
        (before, "before the temperature", ORANGE, "s"),
        (after, "after", BLUE, "o"),
    ):
        frames, confidence, right = reliability(probability, truth)
        filled = frames > 0
        curve.plot(
            confidence[filled] / frames[filled], right[filled] / frames[filled],
            color=colour, marker=marker, markersize=4, linewidth=1.3, label=name,
        )  # fmt: skip
    frames, _, _ = reliability(after, truth)
    edges = np.linspace(0, 1, len(frames) + 1)
    histogram.bar(edges[:-1], frames, np.diff(edges), align="edge", color=SKY, edgecolor=BLACK, linewidth=0.5)
    label_axis(curve, "Reliability", "confidence", "share named rightly")
    label_axis(histogram, "Frames by confidence (after)", "confidence", "frames")
    for axis in (curve, histogram):
        axis.set_xlim(0, 1)
    curve.set_ylim(-0.02, 1.02)
    curve.legend(fontsize=7, framealpha=0.7, loc="upper left")
    return _png(figure)


def risk_png(probability: Float32Array, truth: Int64Array, abstain_below: float) -> bytes:
    """Share of wrong names among the named frames, against the share of frames that are named; and where the model is.

    Args:
        probability: ``(n, n_classes)``.
        truth: ``(n,)`` class numbers.
        abstain_below: the confidence from which on the model names a plane.
    """
    confidence, coverage, risk = risk_by_coverage(probability, truth)
    figure, (axis,) = new_figure(1, 1, width=5.0, height=3.4)
    axis.step(coverage, risk, where="pre", color=BLUE, linewidth=1.5, label="by confidence")
    axis.axhline(risk[-1], color=BLACK, linestyle="--", linewidth=1, label="naming at random, or all")
    if (named := confidence >= abstain_below).any():
        last = np.flatnonzero(named)[-1]
        axis.plot(
            coverage[last], risk[last], "D", color=VERMILION, markersize=7, label=f"abstains below {abstain_below:g}"
        )
    label_axis(axis, "Risk against coverage", "coverage: share of frames that are named", "risk: share named wrongly")
    axis.set_xlim(0, 1)
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=7, framealpha=0.7)
    return _png(figure)


def gaze_png(frame: UInt8Array, predicted: Float64Array, truth: Float32Array | None, points: Float64Array) -> bytes:
    """A frame, the same under the predicted gaze, and, where it is known, under the true one with its samples.

    Args:
        frame: ``(H, W)`` uint8.
        predicted: ``(h, w)`` density.
        truth: ``(h, w)`` density; None when nobody's gaze is known.
        points: ``(k, 2)`` (x, y) in pixels of the map.
    """
    large = _enlarged(frame)
    parts = [np.repeat(large[:, :, None], 3, axis=2), _heated(large, predicted)]
    if truth is not None:
        seen = _heated(large, truth)
        per_map_px = large.shape[0] / predicted.shape[0]
        for x, y in (points + 0.5) * per_map_px:
            cv2.circle(seen, (round(x), round(y)), 3, (255, 255, 255), -1, cv2.LINE_AA)
            cv2.circle(seen, (round(x), round(y)), 2, (0, 0, 0), -1, cv2.LINE_AA)
        parts.append(seen)
    return _beside(parts)


def clip_png(frames: UInt8Array) -> bytes:
    """The frames ``(T, H, W)`` of a clip side by side."""
    return _beside([np.repeat(_enlarged(frame)[:, :, None], 3, axis=2) for frame in frames])


def _enlarged(frame: UInt8Array) -> UInt8Array:
    scale = _SIDE_PX / min(frame.shape)
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    return cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)


def _heated(frame: UInt8Array, density: npt.NDArray[np.floating]) -> UInt8Array:
    """``(H, W, 3)``: the frame under a density, which hides the more the higher it is."""
    from matplotlib import colormaps

    heat = cv2.resize(density.astype(np.float32), frame.shape[::-1], interpolation=cv2.INTER_LINEAR)
    heat = np.clip(heat / max(float(heat.max()), 1e-12), 0, 1)
    colour = colormaps["plasma"](heat)[:, :, :3] * 255
    hidden = _MOST_HEAT * np.sqrt(heat)[:, :, None]
    blended: UInt8Array = (frame[:, :, None] * (1 - hidden) + colour * hidden).round().astype(np.uint8)
    return blended


def _beside(parts: Sequence[UInt8Array]) -> bytes:
    """RGB images of one height, with white between them, as PNG."""
    gap = np.full((parts[0].shape[0], _GAP_PX, 3), 255, np.uint8)
    row = [image for part in parts for image in (gap, part)][1:]
    done, data = cv2.imencode(".png", np.hstack(row)[:, :, ::-1])
    assert done  # noqa: S101 - there is no image of this kind that cannot be coded
    return data.tobytes()


def _png(figure: Figure) -> bytes:
    memory = io.BytesIO()
    figure.savefig(memory, dpi=_DPI)
    return memory.getvalue()
