"""What SonoNet16, trained on real scans and never on ours, sees in the planes of the software scanner.

``python scripts/phantom_sononet.py [--subjects 20] [--views 2] [--json OUT.json] [--figure OUT.png]``. For each subject
and plane the best frames of the first visits that show it (label of the pose; nothing typed or measured on it) and as
many background frames. The crop is the sector's rectangle, in the shape of the published crop: a real screen's sector
fills it too. The weights (arXiv 1612.05601) lie in ``SONOCUE_TEST_DATA``, or ``../shared/data`` beside the repository.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from assistant.class_list import load_class_list
from assistant.contracts import Float32Array, UInt8Array
from assistant.plugin_loader import load_plugin
from assistant.preprocess import Preprocessor
from assistant.sononet import PREPROCESSING, import_sononet
from plugins.phantom.geometry import Viewport
from plugins.phantom.planes import BACKGROUND, plane_error
from plugins.phantom.scan import Scan
from plugins.phantom.settings import Population, ScanSettings

_STEP_S = 0.2
_LONGEST_S = 900.0
"""A plane that a scan has not shown by then is reported as missing."""
_PUBLISHED_ASPECT = (874 - 81) / (734 - 115)
"""Width over height of the published crop, pixels."""
_REAL = {
    "3VV": "three-vessel view", "4CH": "four-chamber view", "ABDOMINAL": "abdomen", "BRAIN-CB": "transcerebellar brain",
    "BRAIN-TV": "transventricular brain", "FEMUR": "femur", "KIDNEYS": "kidneys", "LIPS": "lips", "LVOT": "LVOT",
    "PROFILE": "profile", "RVOT": "RVOT", "SPINE-CORONAL": "coronal spine", "SPINE-SAGITTAL": "sagittal spine",
}  # fmt: skip
"""Our names of the published example screens."""
Counts = npt.NDArray[np.int64]
"""Frames by true class (row) and named class (column)."""
Classify = Callable[[UInt8Array], Float32Array]
"""A crop, ``(H, W)`` uint8, to ``(14,)`` logits in the order of ``sononet13``."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A frame to judge: its true label, and the sector as SonoNet's screens are cropped."""

    subject: int
    truth: str
    crop: UInt8Array


def main() -> None:
    """Judge, print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=20)
    parser.add_argument("--seed", type=int, default=700_000, help="of the first subject")
    parser.add_argument("--views", type=int, default=2, help="frames of each plane and subject")
    parser.add_argument("--magnify", type=float, default=1.0, help="crop this much closer about the sector's middle")
    parser.add_argument("--population", choices=("usual", "unseen"), default="usual")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    data = Path(os.environ.get("SONOCUE_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "sononet"
    classes = load_class_list("sononet13").classes
    if not (data / "SonoNet16.npz").exists():
        parser.error(f"no SonoNet16.npz in {data}: fetch it from github.com/baumgach/SonoNet-weights")
    classify = sononet(data / "SonoNet16.npz")

    real = sorted((data / "example_images").glob("*.png"))
    right = sum(classes[int(classify(_real_crop(file)).argmax())] == _REAL[file.stem] for file in real)
    counts = np.zeros((len(classes), len(classes)), np.int64)
    third = np.zeros(len(classes), np.int64)
    for seed in range(wanted.seed, wanted.seed + wanted.subjects):
        for view in views(seed, wanted.views, wanted.population, wanted.magnify):
            logits, truth = classify(view.crop), classes.index(view.truth)
            counts[truth, int(logits.argmax())] += 1
            third[truth] += truth in np.argsort(logits)[-3:]

    planes = [name for name in classes if counts[classes.index(name)].any() and name != BACKGROUND]
    recall = {name: recall_of(counts, classes.index(name)) for name in planes}
    made = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {platform.machine()}"
    print(f"SonoNet16 on the software scanner. {made}.\n")
    print(f"{wanted.subjects} subjects from seed {wanted.seed} ({wanted.population}), {wanted.views} views a ", end="")
    print(f"plane, magnified {wanted.magnify:g} times. Real screens named rightly: {right} of {len(real)}.\n")
    print(markdown(counts, classes))
    missing = [name for name in classes if not counts[classes.index(name)].any()]
    print(f"\nMean recall over {len(planes)} planes: {np.mean(list(recall.values())):.2f} (chance 0.07); ", end="")
    print(f"right answer among the first three: {third.sum() / max(1, counts.sum()):.2f} of all frames.")
    if missing:
        print(f"\nNever shown: {', '.join(missing)}.")
    if wanted.json:
        report: dict[str, Any] = {"classes": classes, "counts": counts.tolist(), "recall": recall}
        report |= {
            "among_first_three": third.tolist(),
            "real_right": right,
            "real": len(real),
            "settings": {k: str(v) for k, v in vars(wanted).items()},
        }
        wanted.json.write_text(json.dumps(report, indent=1) + "\n")
    if wanted.figure:
        _draw(wanted.figure, counts, classes)


def views(seed: int, wanted: int, population: Population, magnify: float = 1.0) -> Iterator[View]:
    """The best frame of each of the first ``wanted`` visits to each plane, and as many of background."""
    scan = Scan(ScanSettings(seed, population=population))
    renderer, path, screen = scan.renderer(), scan.path(), scan.screen
    planes = {plane.name: plane for plane in scan.fetus.planes}
    needed = dict.fromkeys((*planes, BACKGROUND), wanted)
    times = np.arange(0.0, _LONGEST_S, _STEP_S)
    labelled = ((scan.label(moment := path.at(float(time_s))), moment) for time_s in times)
    for truth, run in groupby(labelled, key=lambda pair: pair[0]):
        moments = [moment for _, moment in run]
        if not needed[truth] or len(moments) < 3:  # a plane that is only passed is no view of it
            continue
        needed[truth] -= 1
        best = moments[len(moments) // 2]
        if truth != BACKGROUND:
            plane = planes[truth]
            best = min(moments, key=lambda m: _off(plane_error(plane, m.pose), plane.tilt_deg, plane.distance_mm))
        bare = replace(best, annotations=(), frozen=False)
        grey = renderer.grey(bare.pose, bare.view, bare.body_s)
        yield View(seed, truth, sector_crop(screen.show(grey, bare), screen.viewport(bare.view), magnify))
        if not any(needed.values()):
            return


def _off(error: tuple[float, float], tilt_deg: float, distance_mm: float) -> float:
    return float(np.hypot(error[0] / tilt_deg, error[1] / distance_mm))


def sector_crop(pixels: UInt8Array, view: Viewport, magnify: float = 1.0) -> UInt8Array:
    """The sector from top to bottom, as wide as the published shape has it; padded with black."""
    sector_px = (view.sector.depth_mm + view.sector.sag_mm) * view.px_per_mm
    shown_px = min(float(view.height_px), sector_px)
    height = shown_px / magnify
    width = height * _PUBLISHED_ASPECT
    middle_x, middle_y = view.left_px + view.width_px / 2, view.top_px + shown_px / 2
    size = (round(width), round(height))
    shift = np.array([[1.0, 0.0, width / 2 - middle_x], [0.0, 1.0, height / 2 - middle_y]])
    return np.asarray(cv2.warpAffine(pixels, shift, size, flags=cv2.INTER_LINEAR), np.uint8)


def _real_crop(file: Path) -> UInt8Array:
    pixels = np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.uint8)
    return pixels[115:734, 81:874]


def sononet(weights: Path) -> Classify:
    """The published network on an engine of ours, for images that are cropped already."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = import_sononet(weights, Path(folder) / "sononet16")
        engine = load_plugin("sonocue.backends", "onnxruntime")(threads=1)
        engine.load(bundle, "float")
    preprocess = Preprocessor(replace(PREPROCESSING, crop=(0.0, 0.0, 1.0, 1.0)))
    return lambda crop: np.asarray(engine.infer(preprocess(crop))["logits"][0], np.float32)


def recall_of(counts: Counts, row: int) -> float:
    """Share of a class's frames that were named rightly."""
    return float(counts[row, row] / max(1, counts[row].sum()))


def markdown(counts: Counts, classes: tuple[str, ...]) -> str:
    """The confusion matrix, one row a true plane; nought is left blank."""
    head = " | ".join(short(name) for name in classes)
    lines = [f"| phantom plane \\ SonoNet16 says | {head} | recall |", "|---" * (len(classes) + 2) + "|"]
    for row, name in enumerate(classes):
        if not counts[row].any():
            continue
        cells = " | ".join(f"**{n}**" if k == row and n else str(n or "") for k, n in enumerate(counts[row]))
        lines.append(f"| {name} | {cells} | {recall_of(counts, row):.2f} |")
    return "\n".join(lines)


def short(name: str) -> str:
    """A column's head."""
    return {
        "transcerebellar brain": "TCB", "transventricular brain": "TVB", "four-chamber view": "4CH", "profile": "prof",
        "three-vessel view": "3VV", "coronal spine": "cor sp", "sagittal spine": "sag sp", "background": "bg",
        "abdomen": "abdo", "kidneys": "kidn", "femur": "fem",
    }.get(name, name)  # fmt: skip


def _draw(out: Path, counts: Counts, classes: tuple[str, ...]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 6.4), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts / np.maximum(1, counts.sum(axis=1, keepdims=True)), cmap="Blues", vmin=0.0, vmax=1.0)
    for row, column in np.argwhere(counts):
        share = counts[row, column] / counts[row].sum()
        axes.text(column, row, counts[row, column], ha="center", va="center", color="white" if share > 0.5 else "black")
    ticks = range(len(classes))
    axes.set_xticks(ticks, [short(name) for name in classes], rotation=45, ha="right")
    axes.set_yticks(ticks, classes)
    axes.set_xlabel("SonoNet16 says")
    axes.set_ylabel("plane of the software scanner")
    figure.savefig(out)


if __name__ == "__main__":
    main()
