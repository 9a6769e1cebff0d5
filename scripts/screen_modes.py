"""How well what a screen shows is noticed (``assistant/screen_mode.py``), as a document.

    python scripts/screen_modes.py [--scans N] [--out docs/screen-modes.md] [--real FOLDER]

Real pictures and videos say how often B-mode is taken for something else. The software scanner's screens, with modes
drawn over them at known moments (``plugins/phantom/modes.py``), say how often a mode is missed and how soon it is
noticed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from assistant.clock import MonotonicClock
from assistant.contracts import Abstention, Frame, UInt8Array
from assistant.errors import EndOfStream
from assistant.plugin_loader import load_plugin
from assistant.scene import SceneCounter
from assistant.screen_layout import ScreenLayout, glance_at
from assistant.screen_mode import ScreenReading, ScreenWatch, shown_mode
from plugins.phantom.modes import MODES, Rect, ScreenMode, draw

FPS = 30
BEFORE, DURING, AFTER = 60, 60, 30
"""Frames of B-mode, of the mode, and of B-mode again."""

NAMES: dict[str, Abstention] = {
    "colour Doppler": Abstention.COLOUR_DOPPLER,
    "power Doppler": Abstention.COLOUR_DOPPLER,
    "PW": Abstention.STRIP,
    "M-mode": Abstention.STRIP,
    "two images": Abstention.TWO_IMAGES,
    "3D": Abstention.VOLUME,
    "3D and planes": Abstention.VOLUME,
    "menu": Abstention.MENU,
    "popup": Abstention.MENU,
    "still after a cut": Abstention.STORED_IMAGE,
    "cine review": Abstention.STORED_IMAGE,
}
"""What each made mode is to be called."""

STILL = 10
"""So many frames a cine review begins with an image that stands still: that is what was live, and no mode yet."""

DUE = round(0.3 * FPS)
"""A mode is due to be noticed at this frame after its beginning."""


def frames_of(source: str, argument: str) -> tuple[list[UInt8Array], tuple[float, float, float, float] | None]:
    """All images of a source, and where it says that the sector stands."""
    found = []
    with closing(load_plugin("sonocue.sources", source)(argument, paced=False)) as device:
        crop = device.open(MonotonicClock()).sector_crop
        while True:
            try:
                item = device.read("video", 1.0)
            except EndOfStream:
                return found, crop
            if isinstance(item, Frame):
                found.append(item.pixels)


def watched(pictures: Iterator[UInt8Array]) -> list[ScreenReading]:
    """What is read from a sequence at 30 frames a second."""
    watch, scenes, readings = ScreenWatch(), SceneCounter(), []
    for index, pixels in enumerate(pictures):
        frame = Frame(index, round(index * 1e9 / FPS), np.ascontiguousarray(pixels))
        readings.append(watch(frame, scenes(frame)))
    return readings


def made(kind: str, scan: list[UInt8Array], other: list[UInt8Array], image: Rect) -> Iterator[UInt8Array]:
    """B-mode, another mode, and B-mode again."""
    for index in range(BEFORE + DURING + AFTER):
        screen = scan[index]
        in_colour = np.asarray(cv2.cvtColor(screen, cv2.COLOR_GRAY2RGB), np.uint8)
        if not BEFORE <= index < BEFORE + DURING:
            yield in_colour
        elif kind == "still after a cut":
            yield np.asarray(cv2.cvtColor(other[0], cv2.COLOR_GRAY2RGB), np.uint8)
        elif kind == "cine review":  # the newest stands still, then back through what was live, at half the speed
            back = max(index - BEFORE - STILL, 0) // 2
            yield np.asarray(cv2.cvtColor(scan[BEFORE - 1 - back], cv2.COLOR_GRAY2RGB), np.uint8)
        else:
            mode: ScreenMode = next(each for each in MODES if each == kind)
            yield draw(mode, screen, image, index / FPS)


def tried_modes(scans: list[tuple[list[UInt8Array], Rect]]) -> dict[str, dict[str, object]]:
    """Misses and delays of each made mode."""
    table = {}
    for kind, name in NAMES.items():
        on, off, missed, misnamed, due = [], [], 0, 0, 0
        begins = BEFORE + (STILL if kind == "cine review" else 0)
        for number, (scan, image) in enumerate(scans):
            other = scans[(number + 1) % len(scans)][0]
            if other[0].shape != scan[0].shape:
                continue
            read = watched(made(kind, scan, other, image))
            modes = [reading.mode for reading in read]
            during = modes[begins : BEFORE + DURING]
            on.append(next((i for i, mode in enumerate(during) if mode is not None), None))
            off.append(next((i for i, mode in enumerate(modes[BEFORE + DURING :]) if mode is None), None))
            late = during[DUE:]
            due += len(late)
            missed += sum(mode is None for mode in late)
            misnamed += sum(mode not in (None, name) for mode in late)
        table[kind] = {
            "scans": len(on),
            "missed": missed / due,
            "misnamed": misnamed / due,
            "noticed_in_300_ms": sum(i is not None and i <= DUE for i in on) / len(on),
            "on_ms": _median_ms(on),
            "off_ms": _median_ms(off),
        }
        print(kind, table[kind], file=sys.stderr)
    return table


def tried_layout(seeds: range, size: str) -> dict[str, dict[str, object]]:
    """Steps of depth and zoom on the console: how often, and how soon, another field of view is noticed."""
    steps = {"depth less": {"depth_step_mm": -20}, "depth more": {"depth_step_mm": 25}, "zoom 1.5": {"zoom": 1.5}}
    table: dict[str, dict[str, object]] = {}
    unasked, watched_s = 0, 0.0
    for name, step in steps.items():
        delays: list[int | None] = []
        for seed in seeds:
            with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as script:
                script.write(json.dumps({"at_s": 3.0, **step}) + "\n")
                script.flush()
                frames, _ = frames_of("phantom", f"{seed},seconds=4.5,size={size},steer={script.name}")
            read = watched(iter(frames))
            layouts = [reading.layout for reading in read]
            at = 3 * FPS
            unasked += len({id(layout) for layout in layouts[FPS + 5 : at]}) - 1  # the first second it is gathered
            watched_s += 2.0 - 5 / FPS
            delays.append(next((i for i in range(DURING) if at + i < len(read) and _another(layouts, at, i)), None))
        table[name] = {
            "scans": len(delays),
            "noticed_in_300_ms": sum(i is not None and i <= DUE for i in delays) / len(delays),
            "noticed": sum(i is not None for i in delays) / len(delays),
            "on_ms": _median_ms(delays),
        }
        print(name, table[name], file=sys.stderr)
    table["none"] = {"scans": len(steps) * len(seeds), "a_minute": 60 * unasked / watched_s}
    return table


def _another(layouts: list[ScreenLayout | None], at: int, later: int) -> bool:
    return layouts[at + later] is not layouts[at - 1]


def real_pictures(folder: Path) -> dict[str, Counter[str]]:
    """What single real pictures, and every frame of real videos, are taken for."""
    found: dict[str, Counter[str]] = {}
    groups = {
        "SonoNet's screens (GE)": "sononet/example_images/*.png",
        "FETAL_PLANES_DB": "fetal_planes_db/Images/*.png",
        "HC18": "hc18/train/*_HC.png",
    }
    for name, pattern in groups.items():
        counted: Counter[str] = Counter()
        for file in sorted(folder.glob(pattern)):
            pixels = cv2.imread(str(file))
            if pixels is not None:
                mode = shown_mode(glance_at(np.ascontiguousarray(pixels[:, :, ::-1])))
                counted[str(mode or "B-mode")] += 1
        found[name] = counted
    for file in (*sorted(folder.glob("us_video/*.mp4")), *sorted(folder.glob("tal_tongue_speech/*.avi"))):
        frames, _ = frames_of("file", str(file))
        found[f"{file.parent.name}/{file.name}"] = Counter(str(r.mode or "B-mode") for r in watched(iter(frames)))
    found |= _pydicom_pictures()
    return {name: counted for name, counted in found.items() if counted}


def _pydicom_pictures() -> dict[str, Counter[str]]:
    """Ultrasound that comes with pydicom: a grey echocardiogram, and power Doppler."""
    try:
        from pydicom.data import get_testdata_file
        from pydicom.pixels import pixel_array
    except ModuleNotFoundError:
        return {}
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, what in (("examples_ybr_color", "B-mode cine"), ("examples_jpeg2k", "power Doppler, two images")):
            pixels = np.asarray(pixel_array(str(get_testdata_file(f"{name}.dcm"))), np.uint8)
            pictures = pixels if pixels.ndim == 4 else pixels[None]
            modes = (shown_mode(glance_at(np.ascontiguousarray(picture))) for picture in pictures)
            found[f"pydicom {name} ({what})"] = Counter(str(mode or "B-mode") for mode in modes)
    return found


def cost_ms(channels: Literal[1, 3]) -> dict[str, float]:
    """Processor time of one frame at 1280x1024."""
    frames, _ = frames_of("phantom", "3,seconds=4,size=1280x1024")
    frames = frames if channels == 1 else [np.asarray(cv2.cvtColor(f, cv2.COLOR_GRAY2RGB), np.uint8) for f in frames]
    watch, taken = ScreenWatch(), []
    for index, pixels in enumerate(frames):
        frame = Frame(index, round(index * 1e9 / FPS), pixels)
        began_ns = time.thread_time_ns()
        watch(frame, 0)
        taken.append((time.thread_time_ns() - began_ns) / 1e6)
    return {"median": float(np.median(taken)), "p95": float(np.percentile(taken, 95))}


def _median_ms(delays: list[int | None]) -> float | None:
    known = [each for each in delays if each is not None]
    return None if not known else float(np.median(known)) * 1000 / FPS


def main() -> None:
    """Measure, print one JSON line, and write the document."""
    parser = argparse.ArgumentParser(description="How well the modes of a screen are noticed, as a document.")
    parser.add_argument("--scans", type=int, default=8, help="scans of each population")
    parser.add_argument("--size", default="800x600")
    parser.add_argument("--real", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)  # as in a live run
    seconds = (BEFORE + DURING + AFTER) / FPS
    scans, false, frames_in_b = [], 0, 0
    for seed in range(1, arguments.scans + 1):
        for population in ("usual", "unseen"):
            options = f"{seed},seconds={seconds},size={arguments.size},population={population},annotations=decoy"
            frames, crop = frames_of("phantom", options)
            if crop is None:
                raise SystemExit("screen_modes: the software scanner does not say where its sector is")
            height, width = frames[0].shape[:2]
            image = (
                round(crop[0] * height), round(crop[1] * width), round(crop[2] * height), round(crop[3] * width)
            )  # fmt: skip
            scans.append((frames, image))
            read = watched(iter(frames))
            false += sum(reading.mode is not None for reading in read)
            frames_in_b += len(read)
    result = {
        "b_mode": {"frames": frames_in_b, "false": false / frames_in_b},
        "modes": tried_modes(scans),
        "layout": tried_layout(range(1, arguments.scans + 1), arguments.size),
        "real": real_pictures(arguments.real) if arguments.real.is_dir() else {},
        "cost_ms": {"grey": cost_ms(1), "colour": cost_ms(3)},
    }
    print(json.dumps(result))
    if arguments.out is not None:
        arguments.out.write_text(document(result, arguments), encoding="utf-8")


def document(result: dict[str, dict], arguments: argparse.Namespace) -> str:  # type: ignore[type-arg]
    """The result as Markdown."""
    b_mode, cost = result["b_mode"], result["cost_ms"]
    lines = [
        "# What a screen shows",
        "",
        f"`python scripts/screen_modes.py --scans {arguments.scans} --size {arguments.size} --out {arguments.out}`",
        "writes this page. How it is done: `assistant/screen_layout.py`, `assistant/screen_mode.py`; why so:",
        "[decision 0801](decisions/0801-the-screen-is-read-by-its-texture.md). The modes are drawn by",
        "`plugins/phantom/modes.py` and are no real machine's: only the power Doppler of pydicom below is real.",
        "",
        "## Single B-mode taken for something else",
        "",
        f"Software scanner, {2 * arguments.scans} scans, {b_mode['frames']} frames: {b_mode['false']:.2%} of them. ",
        "| real pictures and videos | frames | taken for |",
        "|---|---|---|",
    ]
    for name, counted in result["real"].items():
        taken = ", ".join(f"{mode} {count}" for mode, count in Counter(counted).most_common())
        lines.append(f"| {name} | {sum(counted.values())} | {taken} |")
    lines += [
        "",
        "One picture of FETAL_PLANES_DB is colour Doppler that was stored in grey: without colours it is not known.",
        "",
        "## Modes, from B-mode and back",
        "",
        "From 0.3 s after the beginning a frame is missed when B-mode is read, and misnamed when another mode is.",
        "",
        "| drawn | scans | missed | misnamed | noticed within 0.3 s | after (median) | B-mode again after |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {kind} | {row['scans']} | {row['missed']:.1%} | {row['misnamed']:.1%} | {row['noticed_in_300_ms']:.0%} "
        f"| {_ms(row['on_ms'])} | {_ms(row['off_ms'])} |"
        for kind, row in result["modes"].items()
    ]
    lines += [
        "",
        f"A cine review begins with {STILL} frames of an image that stands still; these do not count.",
        "",
        "## Field of view",
        "",
        "| step on the console | scans | noticed within 0.3 s | noticed at all | after (median) |",
        "|---|---|---|---|---|",
    ]
    steps = {name: row for name, row in result["layout"].items() if name != "none"}
    lines += [
        f"| {name} | {row['scans']} | {row['noticed_in_300_ms']:.0%} | {row['noticed']:.0%} | {_ms(row['on_ms'])} |"
        for name, row in steps.items()
    ]
    lines += [
        "",
        "A step shows in the frame of its moment; a delay of 0 means that very frame. Without a step another field of",
        f"view was believed {result['layout']['none']['a_minute']:.1f} times a minute.",
        "",
        "## Cost",
        "",
        "Processor time of a frame at 1280x1024, median and p95: "
        + "; ".join(f"{kind} {each['median']:.2f} and {each['p95']:.2f} ms" for kind, each in cost.items())
        + ". (As measured when this page was written, perhaps beside other programs.)",
        "",
    ]
    return "\n".join(lines)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


if __name__ == "__main__":
    main()
