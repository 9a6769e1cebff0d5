"""The plots of a run: how training goes, epoch by epoch, and how far the sound of recordings is off.

Drawn without a screen and without matplotlib's global state; a file appears whole or not at all, so any viewer that
reloads may look on. Colours are those of Okabe and Ito 2008 (*Color Universal Design*), which the colour-blind tell
apart. Called by the command's only thread. matplotlib is imported when something is drawn, not before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from assistant.contracts import Float32Array
from trainer.agreement import RELEVANT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from trainer.run_folder import History

Float64Array = npt.NDArray[np.float64]

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
_LINES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK, YELLOW)
_MARKERS = "osD^vPX<"
"""Each line has a marker of its own too, for prints without colour."""
_DPI = 100


@dataclass(frozen=True, slots=True, eq=False)
class Believed:
    """What pretraining thinks of its pairs at the end of an epoch; all ``(pairs,)``, see ``agreement.agreement``.

    Attributes:
        affinity: float32 cosines, NaN for pairs not met yet.
        weights: float32 in [0, 1]; above 0 a pair was admitted.
        relevance: float64 in [0, 1], NaN where the truth is not known.
    """

    affinity: Float32Array
    weights: Float32Array
    relevance: Float64Array


@dataclass(frozen=True, slots=True)
class _Panel:
    """Figures of the history that share an axis.

    Attributes:
        title: above the panel.
        unit: label of the vertical axis.
        names: figures by their key, with the word in the legend.
        unit_range: the axis shows [0, 1], whatever the figures are.
        chance: drawn as a line when it is a constant.
    """

    title: str
    unit: str
    names: Mapping[str, str]
    unit_range: bool = False
    chance: float | None = None


_PANELS = (
    _Panel(
        "Losses",
        "loss (nats)",
        {
            "loss": "all, weighted",
            "contrastive": "contrastive",
            "correspondence": "correspondence",
            "order": "order of frames",
            "video contrast": "video contrast",
            "planes": "planes",
            "gaze": "gaze (KL)",
        },
    ),
    _Panel("Losses on the validation subjects", "loss (nats)", {
        "validation_loss": "all, weighted", "validation_gaze_kl": "gaze (KL)",
    }),
    _Panel("Telling how a clip was moved", "squared error / variance", {"transform": "transform"}),
    _Panel("Planes, validation subjects", "macro F1", {"validation_macro_f1": "macro F1"}, unit_range=True),
    _Panel(
        "Admission, and how it agrees with the truth",
        "share of the pairs",
        {
            "admitted": "admitted",
            "admission_precision": "precision: relevant of the admitted",
            "admission_recall": "recall: admitted of the relevant",
            "relevant": "relevant of all (precision by chance)",
        },
        unit_range=True,
    ),
    _Panel(
        "Does affinity tell relevant speech?",
        "area under the ROC",
        {"relevance_auc": "of the affinity"},
        unit_range=True,
        chance=0.5,
    ),
    _Panel("Affinity", "mean cosine", {"affinity": "mean affinity"}),
    _Panel(
        "Retrieval, validation subjects",
        "share found (R@k)",
        {"R@1": "R@1", "R@5": "R@5", "R@10": "R@10", "R@10 by chance": "R@10 by chance"},
    ),
)  # fmt: skip
_NOT_DRAWN = {"epoch", "R@1 by chance", "R@5 by chance"}


def plot_history(file: Path, history: History, believed: Believed | None = None) -> None:
    """Draw all figures of a history against the epoch, those of a kind in one panel.

    Args:
        file: PNG, replaced when it is there.
        history: at least one epoch; a figure may be missing from some.
        believed: draws a histogram of the affinity too.
    """
    there = {name for row in history for name in row} - _NOT_DRAWN
    panels = [panel for panel in _PANELS if there & panel.names.keys()]
    grouped = {name for panel in panels for name in panel.names}
    panels += [_Panel(name, name, {name: name}) for name in sorted(there - grouped)]
    with_histogram = believed is not None and not np.isnan(believed.affinity).all()
    count = len(panels) + with_histogram
    columns = min(3, count)
    figure, axes = new_figure(-(-count // columns), columns)
    for panel, axis in zip(panels, axes, strict=False):
        _draw(axis, panel, history)
    if believed is not None and with_histogram:
        _histogram(axes[len(panels)], believed)
    for axis in axes[count:]:
        axis.axis("off")
    _write(figure, file)


def plot_offsets(file: Path, curves: Sequence[tuple[Float64Array, Float64Array, float]], truth_s: float | None) -> None:
    """Draw the similarity of speech and images against the shift, a line a recording, and the offsets found.

    Args:
        file: PNG, replaced when it is there.
        curves: of each recording the shifts in seconds ``(k,)``, the same for all, the similarity ``(k,)``, NaN where
            there is none, and the offset found in seconds.
        truth_s: drawn when it is known.
    """
    figure, (curve_axis, offset_axis) = new_figure(2, 1, width=7.0)
    for shifts_s, similarity, offset_s in curves:
        curve_axis.plot(shifts_s, similarity, color=SKY, linewidth=0.9, alpha=0.8)
        known = ~np.isnan(similarity)
        at_peak = float(np.interp(offset_s, shifts_s[known], similarity[known]))
        curve_axis.plot(offset_s, at_peak, "o", color=VERMILION, markersize=4)
    shifts_s = curves[0][0]
    stacked = np.ma.masked_invalid([similarity for _, similarity, _ in curves])
    curve_axis.plot(shifts_s, stacked.mean(axis=0), color=BLUE, linewidth=2.2, label="mean over recordings")
    reach_s = float(np.abs(shifts_s).max())
    bins = (np.arange(-reach_s, reach_s + 1.0, 0.5) - 0.25).tolist()
    offset_axis.hist([offset_s for _, _, offset_s in curves], bins=bins, color=ORANGE, edgecolor=BLACK, linewidth=0.5)
    offset_axis.set_xlim(curve_axis.get_xlim())
    _whole_numbers(offset_axis.yaxis)
    label_axis(curve_axis, "Speech against images", "shift of the speech (s)", "similarity (correlation)")
    label_axis(offset_axis, "Offsets of the sound; above 0 it comes late", "offset found (s)", "recordings")
    if truth_s is not None:
        for axis in (curve_axis, offset_axis):
            axis.axvline(truth_s, color=BLACK, linestyle="--", linewidth=1.2, label=f"truth: {truth_s:g} s")
    curve_axis.legend(fontsize=6, framealpha=0.7)
    _write(figure, file)


def plot_by_share(file: Path, curves: Mapping[str, Sequence[tuple[float, float, float]]], what: str) -> None:
    """Draw a figure against the share of the labels, a line for each name.

    Args:
        file: PNG, replaced when it is there.
        curves: by name (share in (0, 1], mean, standard deviation) in order of the share.
        what: the figure, for the axis.
    """
    figure, (axis,) = new_figure(1, 1, width=7.0, height=4.5)
    for i, (name, points) in enumerate(curves.items()):
        shares, means, spreads = zip(*points, strict=True)
        colour, marker = _LINES[i % len(_LINES)], _MARKERS[i % len(_MARKERS)]
        axis.errorbar(
            [100 * share for share in shares], means, spreads, label=name, capsize=2, color=colour, marker=marker
        )
    ticks = sorted({100 * share for points in curves.values() for share, _, _ in points})
    axis.set_xscale("log")
    axis.set_xticks(ticks, [f"{tick:g} %" for tick in ticks])
    label_axis(axis, "", "share of the labels", what)
    axis.legend(fontsize=8, framealpha=0.7, loc="lower right")
    _write(figure, file)


def new_figure(rows: int, columns: int, width: float = 4.4, height: float = 3.0) -> tuple[Figure, list[Axes]]:
    """A figure of its own with so many panels; ``width`` and ``height`` in inches a panel."""
    from matplotlib.figure import Figure

    across, down = width * columns, height * rows
    figure = Figure(figsize=(across, down))
    # Margins in inches; matplotlib's own layout would double the time that a plot takes.
    figure.subplots_adjust(0.6 / across, 0.5 / down, 1 - 0.15 / across, 1 - 0.3 / down, wspace=0.2, hspace=0.36)
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def label_axis(axis: Axes, title: str, horizontal: str, vertical: str) -> None:
    """Title, both labels, small numbers and a light grid."""
    axis.set_title(title, fontsize=9)
    axis.set_xlabel(horizontal, fontsize=8)
    axis.set_ylabel(vertical, fontsize=8)
    axis.tick_params(labelsize=7)
    axis.grid(alpha=0.3)


def _whole_numbers(axis: Axis) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def _draw(axis: Axes, panel: _Panel, history: History) -> None:
    drawn = [name for name in panel.names if any(name in row for row in history)]
    for i, name in enumerate(drawn):
        by_chance = "by chance" in panel.names[name]
        points = [(row["epoch"], row[name]) for row in history if name in row]
        axis.plot(
            *zip(*points, strict=True),
            color=BLACK if by_chance else _LINES[i],
            linestyle="--" if by_chance else "-",
            marker="" if by_chance and len(points) > 1 else _MARKERS[i],
            markersize=3.5,
            linewidth=1.3,
            label=panel.names[name],
        )
    label_axis(axis, panel.title, "epoch", panel.unit)
    _whole_numbers(axis.xaxis)
    if panel.chance is not None:
        axis.axhline(panel.chance, color=BLACK, linestyle="--", linewidth=1.3, label="by chance")
    if panel.unit_range:
        axis.set_ylim(-0.03, 1.03)
    if len(drawn) > 1 or panel.chance is not None:
        axis.legend(fontsize=6, framealpha=0.7)


def _histogram(axis: Axes, believed: Believed) -> None:
    """Affinity of all pairs now, apart by what they truly are; the outline is that of the admitted."""
    affinity, met = believed.affinity, ~np.isnan(believed.affinity)
    with np.errstate(invalid="ignore"):
        kinds = {
            ("relevant speech", BLUE): believed.relevance >= RELEVANT,
            ("unrelated speech", ORANGE): believed.relevance < RELEVANT,
            ("truth not known", SKY): np.isnan(believed.relevance),
        }
    bins = np.linspace(float(affinity[met].min()) - 1e-3, float(affinity[met].max()) + 1e-3, 31).tolist()
    for (label, colour), members in kinds.items():
        if (members & met).any():
            axis.hist(affinity[members & met], bins=bins, color=colour, alpha=0.55, edgecolor=BLACK, linewidth=0.4,
                      label=label)  # fmt: skip
    admitted = met & (believed.weights > 0)
    axis.hist(affinity[admitted], bins=bins, histtype="step", color=BLACK, linewidth=1.3, label="admitted")
    label_axis(axis, "Affinity of all pairs, last epoch", "affinity (cosine)", "pairs")
    axis.legend(fontsize=6, framealpha=0.7)


def _write(figure: Figure, file: Path) -> None:
    """Under a temporary name, then renamed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp.png")
    figure.savefig(temporary, dpi=_DPI)
    temporary.replace(file)
