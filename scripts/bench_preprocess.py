"""What a frame costs before the network sees it, and its share of the whole, as one JSON line.

    python scripts/bench_preprocess.py [--model MODEL] [--frames N] [--backend NAME]

For screens of several sizes, grey and in colour: reading what the screen shows, preprocessing, and inference, each in
milliseconds (median and 95th percentile) of the same frames, measured in turns on one thread.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from contextlib import closing

import cv2
import numpy as np

from assistant.admission import load_engine
from assistant.bundle import model_path, read_bundle
from assistant.contracts import Frame, UInt8Array
from assistant.preprocess import Preprocessor
from assistant.screen_mode import ScreenWatch

SIZES_PX = ((480, 640), (600, 800), (1024, 1280), (1080, 1920))
WARM_UP = 10


def screens(height: int, width: int, *, colour: bool) -> list[UInt8Array]:
    """Speckle in a rectangle on a dark screen, another in each of eight frames."""
    made = []
    for seed in range(8):
        screen = np.zeros((height, width), np.uint8)
        part = screen[height // 8 : -height // 8, width // 6 : -width // 6]
        noise = np.random.default_rng(seed).rayleigh(40, part.shape)
        part[:] = np.clip(cv2.GaussianBlur(noise, (0, 0), 1.5), 0, 255).astype(np.uint8)
        made.append(np.asarray(cv2.cvtColor(screen, cv2.COLOR_GRAY2RGB), np.uint8) if colour else screen)
    return made


def timed_ms(taken: list[float], work: Callable[[], object]) -> None:
    """Do it, and note how long it took."""
    began_ns = time.perf_counter_ns()
    work()
    taken.append((time.perf_counter_ns() - began_ns) / 1e6)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time of a frame before the network, and its share, as one JSON line.")
    parser.add_argument("--model", default="default")
    parser.add_argument("--backend", default="openvino")
    parser.add_argument("--frames", type=int, default=150)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)  # as in a live run
    bundle = read_bundle(model_path(arguments.model))
    engine = load_engine(bundle, [arguments.backend], threads=1)
    spec = bundle.preprocessing
    out = np.empty((1, 1, spec.height_px, spec.width_px), np.float32)
    rows = []
    with closing(engine.backend):
        for height, width in SIZES_PX:
            for colour in (False, True):
                images = screens(height, width, colour=colour)
                preprocess, watch = Preprocessor(spec), ScreenWatch()
                taken: dict[str, list[float]] = {"screen": [], "preprocess": [], "inference": []}
                for index in range(WARM_UP + arguments.frames):
                    frame = Frame(index, index * 33_333_333, images[index % len(images)])
                    timed_ms(taken["screen"], lambda: watch(frame, 0))  # noqa: B023 - called at once
                    timed_ms(taken["preprocess"], lambda: preprocess(frame.pixels, out=out))  # noqa: B023
                    timed_ms(taken["inference"], lambda: engine.backend.infer(out))
                median = {stage: float(np.median(times[WARM_UP:])) for stage, times in taken.items()}
                row: dict[str, object] = {"screen_px": [width, height], "colour": colour}
                for stage, times in taken.items():
                    row[f"{stage}_ms"] = round(median[stage], 3)
                    row[f"{stage}_p95_ms"] = round(float(np.percentile(times[WARM_UP:], 95)), 3)
                row["preprocess_share"] = round(median["preprocess"] / sum(median.values()), 3)
                row["screen_share"] = round(median["screen"] / sum(median.values()), 3)
                rows.append(row)
    print(
        json.dumps({"model": bundle.model_id, "engine": engine.description, "frames": arguments.frames, "rows": rows})
    )


if __name__ == "__main__":
    main()
