"""Is the software scanner's speckle that of fully developed speckle, and does it move with the probe as it should?

``python scripts/phantom_speckle.py [--seeds 6] [--json OUT.json] [--figure OUT.png]``. A homogeneous block of liver is
imaged by the scanner's own renderer at random angles. Compared are the envelope's distribution (Rayleigh: mean over
standard deviation 1.91; Wagner et al., IEEE Trans. Sonics Ultrason. 30, 1983), the widths of its autocorrelation, and
its correlation over probe motion, with what follows from point spread and scatterers. A real phantom's cine
(``SONOCUE_TEST_DATA`` or ``../shared/data``, ``us_video``) stands beside it when it is there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.special import hyp2f1
from scipy.stats import kstest, rayleigh, skew

from plugins.phantom.bmode import BModeRenderer, Machine
from plugins.phantom.geometry import N_BEAMS, Pose, Sector
from plugins.phantom.moment import View
from plugins.phantom.tissue import SCATTERER_PITCH_MM, Tissue, Volume, make_volume

Array = npt.NDArray[np.float64]
Report = dict[str, dict[str, Any]]
"""Figures by group and name."""

SECTOR = Sector(50.0, float(np.radians(30.0)), 100.0)
MACHINE = Machine(wall_mm=1.0)
NEAR_MM, FAR_MM = 40.0, 78.0
"""The depths that are looked at: about the focus, and less than the 57.6 mm after which scatterers repeat."""
BEAMS = slice(N_BEAMS // 2 - 40, N_BEAMS // 2 + 40)
DEPTHS_MM = (45.0, 60.0, 75.0)
"""Where widths are measured: before, in and behind the focus."""
BAND_MM = 4.0
SHIFTS_MM = np.array([0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.5, 2.0])
DIRECTIONS = ("lateral", "axial", "elevational")
RAYLEIGH_SNR = float(np.sqrt(np.pi / (4.0 - np.pi)))
LOG_RAYLEIGH_SKEW = -1.1395
"""Of the logarithm of a Rayleigh variable, whatever its scale: survives any linear grey scale over decibels."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How near an envelope is to Rayleigh.

    Attributes:
        snr: mean over standard deviation; 1.91 for Rayleigh.
        distance: Kolmogorov-Smirnov distance of independent samples to the Rayleigh distribution fitted to them.
        limit: the distance that 95 % of as many true Rayleigh samples stay below when they are fitted likewise.
        samples: how many.
    """

    snr: float
    distance: float
    limit: float
    samples: int

    @property
    def accepted(self) -> bool:
        return self.distance < self.limit


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--frames", type=int, default=12, help="images of each seed")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    report = measure(range(1, wanted.seeds + 1), wanted.frames)
    made = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {platform.machine()}"
    print(f"Speckle in a homogeneous block, seeds 1 to {wanted.seeds}, {wanted.frames} images each. {made}.\n")
    print(_distribution_table(report))
    print(_width_table(report))
    print(_motion_table(report))
    video = Path(os.environ.get("SONOCUE_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    video = video / "us_video" / "butterfly-ocular-phantom.mp4"
    report["screen"] = {"software scanner": screen_speckle(_phantom_patch())}
    if video.exists():
        report["screen"]["real phantom"] = screen_speckle(_real_patch(video))
    print(_screen_table(report["screen"]))
    if wanted.json:
        wanted.json.write_text(json.dumps(report, indent=1, default=lambda array: np.asarray(array).tolist()) + "\n")
    if wanted.figure:
        _draw(wanted.figure, report)


# --------------------------------------------------------------------------------------------------------------------
# What is measured
# --------------------------------------------------------------------------------------------------------------------


def measure(seeds: range, frames: int) -> Report:
    """All figures by name; the last axis of each is the seed."""
    report: Report = {"even": {}, "parenchyma": {}, "width_mm": {}, "motion": {}}
    for kind in ("even", "parenchyma"):
        fits = [rayleigh_fit(images(block(seed, even=kind == "even"), seed, frames), seed) for seed in seeds]
        for name in ("snr", "distance", "limit", "samples", "accepted"):
            report[kind][name] = [getattr(fit, name) for fit in fits]
    for seed in seeds:
        volume, rng = block(seed, even=True), np.random.default_rng([seed, 2])
        poses = [random_pose(rng) for _ in range(frames)]
        for name, values in widths_mm(volume, poses).items():
            report["width_mm"].setdefault(name, []).append(values)
        for name, values in motion(volume, poses[: max(2, frames // 3)]).items():
            report["motion"].setdefault(name, []).append(values)
    for group in ("width_mm", "motion"):
        report[group] = {name: np.stack(values, axis=-1) for name, values in report[group].items()}
    return report


def block(seed: int, *, even: bool) -> Volume:
    """A cube of liver, 180 mm. Its scatterers are those of every subject, or ``even``: of one strength everywhere."""
    side, voxel_mm = 18, 10.0  # tissue is the same everywhere; scatterers have a lattice of their own
    rng = np.random.default_rng([seed, 1])
    tissues = np.full((side,) * 3, Tissue.LIVER, np.uint8)
    volume = make_volume(tissues, np.full(3, -0.5 * side * voxel_mm), voxel_mm, rng)
    if not even:
        return volume
    strengths = np.rint(32.0 * rng.standard_normal(volume.scatterers.shape)).clip(-127, 127)
    return replace(volume, scatterers=strengths.astype(np.int8))


def random_pose(rng: np.random.Generator) -> Pose:
    """Any direction, near the middle."""
    rotation, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    rotation[:, 2] *= np.sign(np.linalg.det(rotation))
    return Pose(rng.uniform(-10.0, 10.0, 3), rotation, 55.0)


def moved(pose: Pose, shift_mm: Array) -> Pose:
    """The probe shifted by lateral, axial and elevational millimetres."""
    return replace(pose, focus_mm=pose.focus_mm + pose.rotation @ shift_mm)


def envelope(renderer: BModeRenderer, pose: Pose, frame_index: int = 0) -> Array:
    """``(samples, beams)`` of the part looked at, without the smooth change of level with depth."""
    depths = SECTOR.depths_mm()
    rows = (depths >= NEAR_MM - 6.0) & (depths <= FAR_MM + 6.0)
    level_db = renderer.level_db(pose, SECTOR, 0.0, frame_index)[rows, BEAMS].astype(np.float64)
    power = np.power(10.0, level_db / 10.0)
    trend = np.polynomial.Polynomial.fit(depths[rows], 10.0 * np.log10(power.mean(axis=1)), 3)
    return np.asarray(np.sqrt(power / np.power(10.0, trend(depths[rows]) / 10.0)[:, None]))


def images(volume: Volume, seed: int, frames: int) -> Array:
    """``(frames, samples, beams)`` envelopes at random poses."""
    renderer, rng = BModeRenderer(volume, MACHINE, noise_seed=seed), np.random.default_rng([seed, 2])
    return np.stack([envelope(renderer, random_pose(rng), frame) for frame in range(frames)])


def rayleigh_fit(envelopes: Array, seed: int) -> Fit:
    """Rayleigh by maximum likelihood, on samples so far apart (over two speckles) that they are independent."""
    far = envelopes[:, :: round(2.2 / SECTOR.sample_mm), :: round(4.5 / (SECTOR.beam_rad * (SECTOR.radius_mm + 45.0)))]
    samples = far.ravel()
    rng = np.random.default_rng([seed, 4])
    null = [_distance(rng.rayleigh(size=samples.size)) for _ in range(300)]
    snr = float(envelopes.mean() / envelopes.std())
    return Fit(snr, _distance(samples), float(np.percentile(null, 95)), samples.size)


def _distance(samples: Array) -> float:
    scale = np.sqrt(np.mean(np.square(samples)) / 2.0)
    return float(kstest(samples, rayleigh(scale=scale).cdf, method="asymp").statistic)


def widths_mm(volume: Volume, poses: list[Pose]) -> dict[str, Array]:
    """Full width at half maximum of the envelope's autocorrelation, measured and expected, at ``DEPTHS_MM``."""
    renderer = BModeRenderer(volume, MACHINE)
    found: dict[str, list[float]] = {}
    depths = SECTOR.depths_mm()
    depths = depths[(depths >= NEAR_MM - 6.0) & (depths <= FAR_MM + 6.0)]
    shown = [envelope(renderer, pose, k) for k, pose in enumerate(poses)]
    lags_mm = np.arange(0.0, 1.601, 0.1)
    for depth_mm in DEPTHS_MM:
        band = np.abs(depths - depth_mm) <= BAND_MM
        beam_mm = SECTOR.beam_rad * (SECTOR.radius_mm + depth_mm)
        for name, step_mm, axis, column in (("axial", SECTOR.sample_mm, 0, 1), ("lateral", beam_mm, 1, 0)):
            curve = np.mean([_autocorrelation(image[band], axis) for image in shown], axis=0)
            found.setdefault(f"{name}, measured", []).append(_full_width(step_mm * np.arange(curve.size), curve))
            expected = [_expected(pose, pose.rotation[:, column], lags_mm, depth_mm) for pose in poses]
            found.setdefault(f"{name}, expected", []).append(_full_width(lags_mm, np.mean(expected, axis=0)))
    return {name: np.array(values) for name, values in found.items()}


def motion(volume: Volume, poses: list[Pose]) -> dict[str, Array]:
    """Correlation of the image with that of a shifted probe, measured and expected, at ``SHIFTS_MM``."""
    renderer = BModeRenderer(volume, MACHINE)
    found: dict[str, Array] = {}
    middle = slice(round(10.0 / SECTOR.sample_mm), round(35.0 / SECTOR.sample_mm))
    beams = slice(20, 60)  # beams diverge: only near the middle is a lateral shift one across the beams
    for column, direction in enumerate(DIRECTIONS):
        measured, expected = [], []
        for pose in poses:
            still = envelope(renderer, pose, 0)[middle, beams]
            shifts = [shift * np.eye(3)[column] for shift in SHIFTS_MM]
            others = [envelope(renderer, moved(pose, shift), 7)[middle, beams] for shift in shifts]
            measured.append([float(np.corrcoef(still.ravel(), other.ravel())[0, 1]) for other in others])
            expected.append(_expected(pose, pose.rotation[:, column], SHIFTS_MM, 60.0))
        found[f"{direction}, measured"] = np.mean(measured, axis=0)
        found[f"{direction}, expected"] = np.mean(expected, axis=0)
    return found


# --------------------------------------------------------------------------------------------------------------------
# What is expected
# --------------------------------------------------------------------------------------------------------------------


def _expected(pose: Pose, direction: Array, shifts_mm: Array, depth_mm: float) -> Array:
    """Correlation of the envelope over shifts along a direction, ``(n,)``."""
    field = [field_correlation(pose, shift * direction, depth_mm) for shift in shifts_mm]
    return envelope_correlation(np.array(field))


def field_correlation(pose: Pose, shift_mm: Array, depth_mm: float) -> float:
    """Correlation of the complex echo at a place with that at the same place after a shift in tissue.

    The echo is white scatterers, constant in cells of ``SCATTERER_PITCH_MM`` (autocorrelation: a product of three
    triangles along the lattice), seen through a Gaussian point spread of amplitude sigma s (autocorrelation: Gaussian
    of sigma s sqrt 2) in the image plane; the slice itself is thin. So it is the one convolved with the other, which
    here is summed over a grid.
    """
    across = MACHINE.beam_sigma_mm(np.array([depth_mm], np.float32))[0] * np.sqrt(2.0)
    along = MACHINE.pulse_sigma_mm * np.sqrt(2.0)
    a, b = np.meshgrid(*(np.linspace(-4.0, 4.0, 41) for _ in range(2)))
    weight = np.exp(-0.5 * (a * a + b * b))
    offsets = (across * a)[..., None] * pose.rotation[:, 0] + (along * b)[..., None] * pose.rotation[:, 1]

    def cells(at_mm: Array) -> float:
        return float((weight * np.maximum(0.0, 1.0 - np.abs(at_mm) / SCATTERER_PITCH_MM).prod(axis=-1)).sum())

    return cells(offsets + shift_mm) / cells(offsets)


def envelope_correlation(field: Array) -> Array:
    """Correlation coefficient of two Rayleigh variables whose complex parents correlate by ``field``.

    (2F1(-1/2, -1/2; 1; field^2) - 1) / (4 / pi - 1); Goodman, *Speckle Phenomena in Optics*, 2007, section 4.3.
    """
    return np.asarray((hyp2f1(-0.5, -0.5, 1.0, np.square(field)) - 1.0) / (4.0 / np.pi - 1.0))


def _autocorrelation(image: Array, axis: int) -> Array:
    """``(lags,)`` correlation of an image with itself shifted by samples along an axis, up to a third of its length."""
    image = np.moveaxis(image, axis, 0) - image.mean()
    variance = np.mean(np.square(image))
    return np.array([1.0] + [np.mean(image[n:] * image[:-n]) / variance for n in range(1, len(image) // 3)])


def _full_width(lags_mm: Array, curve: Array) -> float:
    """Twice the lag at which a curve falls to one half, between lags along a straight line; nan if it never does."""
    below = int(np.argmax(curve < 0.5))
    if below == 0:
        return float("nan")
    share = (curve[below - 1] - 0.5) / (curve[below - 1] - curve[below])
    return float(2.0 * (lags_mm[below - 1] + share * (lags_mm[below] - lags_mm[below - 1])))


# --------------------------------------------------------------------------------------------------------------------
# On the screen, beside a real phantom
# --------------------------------------------------------------------------------------------------------------------


def screen_speckle(patch: tuple[Array, float]) -> dict[str, float]:
    """Of grey values of a homogeneous patch and its millimetres a pixel: log compressed, so shape and width compare."""
    grey, mm_per_px = patch
    flat = np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 12.0), np.float64)
    widths = [_full_width(np.arange(99) * mm_per_px, _padded(_autocorrelation(flat, axis))) for axis in (0, 1)]
    return {"skewness": float(skew(flat.ravel())), "axial_mm": widths[0], "lateral_mm": widths[1]}


def _padded(curve: Array) -> Array:
    return np.pad(curve, (0, 99))[:99]


def _phantom_patch() -> tuple[Array, float]:
    pose, view = random_pose(np.random.default_rng([1, 2])), View(SECTOR)
    renderer = BModeRenderer(block(1, even=False), MACHINE)
    grey = renderer.grey(pose, view, 0.0)
    rows = (SECTOR.depths_mm() >= 50.0) & (SECTOR.depths_mm() <= 70.0)
    beam_mm = SECTOR.beam_rad * (SECTOR.radius_mm + 60.0)
    patch = grey[rows, BEAMS].astype(np.float64)
    size = (round(patch.shape[1] * beam_mm / SECTOR.sample_mm), patch.shape[0])
    return np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_LINEAR)), SECTOR.sample_mm


def _real_patch(video: Path) -> tuple[Array, float]:
    """The first image of the cine behind the eye's globe; its ruler has 173 pixels a centimetre."""
    reader = cv2.VideoCapture(str(video))
    image = reader.read()[1]
    reader.release()
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[635:745, 265:620].astype(np.float64), 10.0 / 173.0


# --------------------------------------------------------------------------------------------------------------------
# Tables and figure
# --------------------------------------------------------------------------------------------------------------------


def _spread(values: Any, digits: int = 2) -> str:
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def _distribution_table(report: Report) -> str:
    lines = ["| envelope | SNR (Rayleigh 1.91) | KS distance | limit (95 %) | accepted |", "|---|---|---|---|---|"]
    names = {"even": "scatterers of one strength", "parenchyma": "scatterers as in every subject"}
    for kind, name in names.items():
        found = report[kind]
        taken = f"{sum(found['accepted'])} of {len(found['accepted'])}"
        limit = f"{np.mean(found['limit']):.3f} ({found['samples'][0]} samples)"
        lines.append(f"| {name} | {_spread(found['snr'])} | {_spread(found['distance'], 3)} | {limit} | {taken} |")
    return "\n".join(lines) + "\n"


def _width_table(report: Report) -> str:
    widths = report["width_mm"]
    lines = ["| autocorrelation, FWHM in mm | " + " | ".join(f"depth {depth:g} mm" for depth in DEPTHS_MM) + " |"]
    lines.append("|---" * (1 + len(DEPTHS_MM)) + "|")
    for name in ("axial", "lateral"):
        for kind in ("measured", "expected"):
            cells = " | ".join(_spread(row) for row in widths[f"{name}, {kind}"])
            lines.append(f"| {name}, {kind} | {cells} |")
    return "\n".join(lines) + "\n"


def _motion_table(report: Report) -> str:
    lines = ["| correlation after a shift of (mm) | " + " | ".join(f"{shift:g}" for shift in SHIFTS_MM) + " |"]
    lines.append("|---" * (1 + len(SHIFTS_MM)) + "|")
    for name, values in report["motion"].items():
        lines.append(f"| {name} | " + " | ".join(f"{row.mean():.2f}" for row in values) + " |")
    worst = max(np.std(values, axis=1, ddof=1).max() for values in report["motion"].values())
    return "\n".join(lines) + f"\n\nStandard deviation over seeds: {worst:.2f} at most.\n"


def _screen_table(found: dict[str, dict[str, float]]) -> str:
    lines = ["| on the screen | skewness of grey (log-Rayleigh -1.14) | axial FWHM, mm | lateral FWHM, mm |"]
    lines.append("|---|---|---|---|")
    for name, values in found.items():
        lines.append(f"| {name} | " + " | ".join(f"{value:.2f}" for value in values.values()) + " |")
    return "\n".join(lines) + "\n"


def _draw(out: Path, report: Report) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 3.2), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2)
    for kind, label in (("even", "scatterers of one strength"), ("parenchyma", "as in every subject")):
        samples = np.concatenate([images(block(seed, even=kind == "even"), seed, 4).ravel() for seed in (1, 2)])
        left.hist(
            samples / np.sqrt(np.mean(samples**2) / 2), 80, range=(0, 5), density=True, histtype="step", label=label
        )
    x = np.linspace(0, 5, 200)
    left.plot(x, rayleigh.pdf(x), "k:", label="Rayleigh")
    left.set_xlabel("envelope over its Rayleigh scale")
    left.set_ylabel("density")
    left.legend(frameon=False)
    for direction, color in zip(DIRECTIONS, ("C0", "C1", "C2"), strict=True):
        measured, expected = (report["motion"][f"{direction}, {kind}"] for kind in ("measured", "expected"))
        sd = measured.std(axis=1, ddof=1)
        right.errorbar(SHIFTS_MM, measured.mean(axis=1), sd, fmt="o", ms=3, color=color, label=direction)
        right.plot(SHIFTS_MM, expected.mean(axis=1), color=color)
    right.set_xlabel("shift of the probe, mm")
    right.set_ylabel("correlation (line: expected)")
    right.legend(frameon=False)
    figure.savefig(out)


if __name__ == "__main__":
    main()
