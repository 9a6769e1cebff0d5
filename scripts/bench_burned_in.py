"""How well drawn-over marks are found and painted out: on the software scanner, whose truth is known, and real images.

``python scripts/bench_burned_in.py [--scans 12] [--seed 700] [--data ../shared/data] [--pictures FOLDER]`` prints a
table in Markdown. Truth: the same screen without annotations and print; a pixel that differs by more than 40 grey
levels is drawn over. Real images have no truth: there, only how much was found, and the pictures to look at.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from assistant.contracts import UInt8Array
from plugins.phantom.machines import choose_console
from plugins.phantom.moment import Caliper, Moment
from plugins.phantom.scan import FPS, Scan
from plugins.phantom.screen import Screen, invent_patient
from plugins.phantom.settings import Annotations, Population, ScanSettings
from trainer.burned_in import BoolArray, Cleaned, clean

_DRAWN = 40
"""Grey levels by which a drawn-over pixel differs."""
_NEAR_PX = 3
"""A found pixel this near to a drawn one is no false alarm: smoothed edges and the margin are meant to be found."""
_SIZES = ((640, 480), (1024, 768))
_REAL = {
    "FETAL_PLANES_DB": "fetal_planes_db/Images/*.png",
    "HC18": "hc18/train/*_HC.png",
    "SonoNet's screens": "sononet/example_images/*.png",
}


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """The sector's rectangle of one screen, ``(H, W)`` uint8, without what is drawn over it, and where that is."""

    shown: UInt8Array
    bare: UInt8Array
    calipers: BoolArray
    words: BoolArray
    print_: BoolArray
    annotated: bool

    @property
    def drawn(self) -> BoolArray:
        """``(H, W)`` all of it."""
        return self.calipers | self.words | self.print_


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=12)
    parser.add_argument("--seed", type=int, default=700)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SONOCUE_TEST_DATA", "../shared/data")))
    parser.add_argument("--pictures", type=Path)
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {platform.machine()}, ", end="")
    print(f"seeds {wanted.seed} to {wanted.seed + wanted.scans - 1}, sizes {_SIZES}\n")
    _on_the_scanner([case for n in range(wanted.scans) for case in _cases(wanted.seed + n)])
    _on_real_images(wanted.data, wanted.pictures)


def _cases(seed: int) -> Iterator[Case]:
    """Frozen screens with annotations and moving ones without, of one subject."""
    population: Population = "unseen" if seed % 4 == 0 else "usual"
    kind: Annotations = "measured" if seed % 2 else "decoy"
    for width_px, height_px in _SIZES:
        scan = Scan(ScanSettings(seed, width_px=width_px, height_px=height_px, population=population, annotations=kind))
        console = choose_console(seed, population, scan.fetus.scale)
        layout = console.layout
        silent = replace(layout, writings=(), mark="", held=replace(layout.held, template=""))
        patient = invent_patient(seed, scan.fetus.scale)
        bare_screen = Screen(height_px, width_px, replace(console, layout=silent), patient)
        top, left, bottom, right = layout.crop
        rows = slice(round(top * height_px), round(bottom * height_px))
        columns = slice(round(left * width_px), round(right * width_px))
        renderer = scan.renderer()
        for moment in _moments(scan):
            grey = renderer.grey(moment.pose, moment.view, moment.body_s, round(moment.body_s * FPS))
            calipers = tuple(a for a in moment.annotations if isinstance(a, Caliper))
            words = tuple(a for a in moment.annotations if not isinstance(a, Caliper))
            full, bare, with_calipers, with_words = (
                screen.show(grey, shown)[rows, columns]
                for screen, shown in (
                    (scan.screen, moment),
                    (bare_screen, replace(moment, annotations=())),
                    (bare_screen, replace(moment, annotations=calipers)),
                    (bare_screen, replace(moment, annotations=words)),
                )
            )
            of_calipers, of_words, of_all = (_differs(image, bare) for image in (with_calipers, with_words, full))
            printed = of_all & ~of_calipers & ~of_words
            yield Case(full, bare, of_calipers & of_all, of_words & of_all, printed, bool(moment.annotations))


def _moments(scan: Scan, each: int = 4) -> Iterator[Moment]:
    operator = scan.operator()
    seen, clean_ones, last_s = set(), 0, -10.0
    for quarter in range(4 * 240):
        moment = operator.at(quarter / 4)
        if moment.annotations and moment.annotations not in seen and len(seen) < each:
            seen.add(moment.annotations)
            yield moment
        elif not moment.frozen and clean_ones < each and quarter / 4 - last_s >= 8:
            clean_ones, last_s = clean_ones + 1, quarter / 4
            yield moment


def _differs(image: UInt8Array, bare: UInt8Array) -> BoolArray:
    return np.asarray(cv2.absdiff(image, bare) > _DRAWN)


def _on_the_scanner(cases: list[Case]) -> None:
    hits, drawn = dict.fromkeys(("calipers", "words", "print_"), 0), dict.fromkeys(("calipers", "words", "print_"), 0)
    near_hits, found_px, rejected = 0, 0, 0
    alarms, milliseconds, before, after = [], [], [], []
    square = np.ones((2 * _NEAR_PX + 1, 2 * _NEAR_PX + 1), np.uint8)
    for case in cases:
        begin = time.perf_counter()
        result = clean(case.shown)
        milliseconds.append((time.perf_counter() - begin) * 1e3)
        if not isinstance(result, Cleaned):
            rejected += 1
            continue
        near = cv2.dilate((cv2.absdiff(case.shown, case.bare) > 0).astype(np.uint8), square) > 0
        for name in hits:
            truth = getattr(case, name)
            hits[name] += int((truth & result.found).sum())
            drawn[name] += int(truth.sum())
        near_hits, found_px = near_hits + int((near & result.found).sum()), found_px + int(result.found.sum())
        if case.drawn.any():
            before.append(cv2.absdiff(case.shown, case.bare)[case.drawn])
            after.append(cv2.absdiff(result.image, case.bare)[case.drawn])
        if not case.annotated:
            alarms.append(float((result.found & ~near).mean()))
    annotated = sum(case.annotated for case in cases)
    print("| software scanner | |\n|---|---|")
    print(f"| images, annotated / without annotations | {annotated} / {len(cases) - annotated} |")
    titles = {"calipers": "calipers with their readings", "words": "typed words", "print_": "other print in the crop"}
    for name, title in titles.items():
        print(f"| recall, {title} | {hits[name] / max(drawn[name], 1):.3f} of {drawn[name]} pixels |")
    print(f"| precision, within {_NEAR_PX} pixels | {near_hits / max(found_px, 1):.3f} of {found_px} pixels |")
    p90, most = np.percentile(alarms, (90, 100))
    print(f"| false alarms without annotations, share of the image | median {np.median(alarms):.4%}, ", end="")
    print(f"90th percentile {p90:.4%}, most {most:.4%} |")
    print(
        f"| error against the truth on drawn pixels | {np.concatenate(before).mean():.0f} grey levels before, ", end=""
    )
    print(f"{np.concatenate(after).mean():.0f} after |")
    print(f"| rejected | {rejected} |")
    print(f"| time an image, median | {np.median(milliseconds):.0f} ms |\n")


def _on_real_images(data: Path, pictures: Path | None) -> None:
    print("| real images | images | rejected | found, share of the image | time, median |\n|---|---|---|---|---|")
    refused: list[str] = []
    for name, pattern in _REAL.items():
        shares, milliseconds, reasons = [], [], []
        files = sorted(data.glob(pattern))
        if not files:
            print(f"| {name} | none in '{data}' | | | |")
            continue
        for file in files:
            image = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
            if image is None:
                raise SystemExit(f"'{file}' cannot be read as an image")
            image = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            begin = time.perf_counter()
            result = clean(image)
            milliseconds.append((time.perf_counter() - begin) * 1e3)
            if isinstance(result, Cleaned):
                shares.append(float(result.found.mean()))
                if pictures:
                    _save(pictures / f"{file.stem}.png", image, result)
            else:
                reasons.append(f"{file.name}: {result.reason}")
        print(
            f"| {name} | {len(files)} | {len(reasons)} | median {np.median(shares):.2%}, most {max(shares):.2%} | ",
            end="",
        )
        print(f"{np.median(milliseconds):.0f} ms |")
        refused += reasons
    if refused:
        print("\nRejected:\n" + "\n".join(f"- {reason}" for reason in refused))


def _save(file: Path, image: UInt8Array, result: Cleaned) -> None:
    """Before and after, side by side."""
    file.parent.mkdir(parents=True, exist_ok=True)
    both = np.hstack([image, result.image])
    cv2.imwrite(str(file), both if both.ndim == 2 else cv2.cvtColor(both, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
