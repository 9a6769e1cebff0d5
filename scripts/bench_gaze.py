"""Does the gaze head learn more than centre bias? Trained and tested on photographs with real fixations, in five folds.

``python scripts/bench_gaze.py [--data FOLDER] [--folds 5] [--epochs 50] [--seed 0] [--threads 1] [--json FILE]``. There
is no public ultrasound with gaze, so this stands in: real gaze of 12 observers on photographs of natural scenes
(``human_fixations_scene500``). Encoder, decoder, loss, augmentation and optimiser are those of ``trainer.finetune``;
the plane head has nothing to learn and no part in it. Images are split into folds, and each fold is held out once. The
number of epochs is what fits into some minutes on one core.

Prints a Markdown table. One thread and torch's own.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, stdev

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see trainer/steps.py; read when torch is loaded

import cv2
import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from assistant.metrics import EPSILON, as_density, fixation_density, gaze_scores
from trainer.augment import augment_images, draw_motion, move_maps
from trainer.config import EncoderConfig, FinetuneConfig
from trainer.encoders import AveragedCopy, GuidanceNetwork, channels_last
from trainer.losses import gaze_kl

DATA = Path(os.environ.get("SONOCUE_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
DATA_SET = "human_fixations_scene500"
ENCODER = EncoderConfig()
"""The default network: ``resnet`` with widths 32, 64, 96, 160 and a decoder of 48 channels."""
TUNING = FinetuneConfig(batch=16)
"""Learning rate, weight decay and averaging as by default; a smaller batch, for hundreds of images, not thousands."""
SIGMA = 0.05
"""Blur of the fixations as a share of the width, ``data.gaze_sigma`` of the trainer."""

METRICS = {
    "nss": "NSS",
    "kl": "KL (nats)",
    "cc": "CC",
    "sim": "SIM",
    "auc_judd": "AUC-Judd",
    "auc_shuffled": "shuffled AUC",
    "information_gain": "information gain (bits)",
}
LOW_IS_GOOD = {"kl"}


@dataclass(frozen=True, slots=True, eq=False)
class Photographs:
    """Images with all fixations of all observers on them.

    Attributes:
        names: of the files.
        pixels: ``(n, H, W)`` float32 grey in [0, 255].
        points: per image ``(k, 2)`` (x, y) in pixels of the gaze map.
        density: ``(n, H/4, W/4)`` float32, each sums to 1.
    """

    names: tuple[str, ...]
    pixels: npt.NDArray[np.float32]
    points: tuple[npt.NDArray[np.float64], ...]
    density: npt.NDArray[np.float32]


def load_photographs(folder: Path, size_px: int, limit: int | None = None) -> Photographs:
    """Read ``fixations.csv`` and ``stimuli/`` in the layout of ``human_fixations_scene500``.

    Raises:
        ValueError: there are no such files, or an image cannot be read.
    """
    table = folder / "fixations.csv"
    if not table.is_file():
        raise ValueError(f"expected fixations.csv and stimuli/ in '{folder}': name the folder with --data")
    of_image: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with table.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            of_image[row["image"]].append((float(row["x_px"]), float(row["y_px"])))
    names = tuple(sorted(of_image)[:limit])
    map_px = size_px // 4
    pixels, points = [], []
    for name in names:
        image = cv2.imread(str(folder / "stimuli" / name), cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise ValueError(f"image '{folder / 'stimuli' / name}' cannot be read")
        height, width = image.shape
        shares = np.array(of_image[name]) / (width, height)
        shares = shares[((shares >= 0) & (shares < 1)).all(axis=1)]
        points.append(shares * map_px - 0.5)  # (0, 0) is the centre of the map's first pixel
        pixels.append(cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA).astype(np.float32))
    density = [fixation_density(at, (map_px, map_px), SIGMA * map_px) for at in points]
    return Photographs(names, np.stack(pixels), tuple(points), np.stack(density).astype(np.float32))


def train(
    photographs: Photographs, chosen: npt.NDArray[np.int64], epochs: int, seed: int, step_done: Callable[[], None]
) -> GuidanceNetwork:
    """The averaged network after so many epochs on the chosen images, from random weights; as ``finetune`` does it."""
    torch.manual_seed(seed)
    chance, torch_chance = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    network = channels_last(GuidanceNetwork(ENCODER, 2))
    learnt = [*network.image.parameters(), *network.gaze.parameters()]
    optimiser = torch.optim.AdamW(learnt, TUNING.learning_rate, weight_decay=TUNING.weight_decay)
    steps = steps_of(len(chosen), epochs)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, TUNING.learning_rate, total_steps=steps)
    averaged = AveragedCopy(network, TUNING.ema)
    normalised, density = _normalised(photographs, chosen), torch.from_numpy(photographs.density)
    network.train()
    order = np.concatenate([chance.permutation(chosen) for _ in range(epochs)])
    for drawn in order[: steps * TUNING.batch].reshape(steps, -1):
        motion = draw_motion(len(drawn), torch_chance)
        image = augment_images(normalised[drawn], motion, torch_chance)
        _, gaze_logits = network(image.contiguous(memory_format=torch.channels_last))
        loss = gaze_kl(gaze_logits, move_maps(density[drawn], motion))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        averaged.follow(network)
        step_done()
    return averaged.network


def steps_of(n_images: int, epochs: int) -> int:
    """Steps of all epochs together; what does not fill a last batch is left out."""
    return max(1, n_images * epochs // TUNING.batch)


@torch.no_grad()
def judge(
    network: GuidanceNetwork,
    photographs: Photographs,
    trained: npt.NDArray[np.int64],
    held_out: npt.NDArray[np.int64],
) -> tuple[dict[str, float], dict[str, float]]:
    """Means over the held-out images: of the model, and of the trained images' mean density (centre bias)."""
    centre = as_density(photographs.density[trained].sum(axis=0, dtype=np.float64))
    others = np.concatenate([photographs.points[i] for i in trained])
    _, gaze_logits = network(_normalised(photographs, trained)[held_out])
    log_p = torch.log_softmax(gaze_logits.flatten(1).double(), dim=1).reshape(gaze_logits.shape)
    rows: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
    for i, predicted in zip(held_out, log_p.exp().numpy(), strict=True):
        for into, density in zip(rows, (predicted, centre), strict=True):
            into.append(gaze_scores(photographs.points[i], photographs.density[i], density, centre, others))
    model, bias = ({name: fmean(row[name] for row in part) for name in METRICS} for part in rows)
    return model, bias


def _normalised(photographs: Photographs, trained: npt.NDArray[np.int64]) -> torch.Tensor:
    """``(n, 1, H, W)``: mean 0 and standard deviation 1 over the images that are trained on."""
    seen = photographs.pixels[trained]
    return torch.from_numpy((photographs.pixels - seen.mean()) / seen.std()).unsqueeze(1)


def table(folds: Sequence[tuple[dict[str, float], dict[str, float]]]) -> str:
    """Markdown: each fold, mean and sd over folds, and in how many folds the model is better."""
    lines = ["| fold | | " + " | ".join(METRICS.values()) + " |", "|---" * (len(METRICS) + 2) + "|"]
    for number, pair in enumerate(folds, start=1):
        for who, row in zip(("model", "centre bias"), pair, strict=True):
            lines.append(f"| {number} | {who} | " + " | ".join(f"{row[name]:.3f}" for name in METRICS) + " |")
    for who, side in (("model", 0), ("centre bias", 1)):
        cells = [_spread([pair[side][name] for pair in folds]) for name in METRICS]
        lines.append(f"| mean ± sd | **{who}** | " + " | ".join(cells) + " |")
    wins = [f"{sum(better(name, *pair) for pair in folds)} of {len(folds)}" for name in METRICS]
    lines.append("| | model is better in | " + " | ".join(wins) + " |")
    return "\n".join(lines)


def better(name: str, model: dict[str, float], bias: dict[str, float]) -> bool:
    """Whether the model beats centre bias in this metric."""
    return model[name] < bias[name] if name in LOW_IS_GOOD else model[name] > bias[name]


def _spread(values: Sequence[float]) -> str:
    return f"{fmean(values):.3f} ± {stdev(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


def main() -> int:
    """Train and measure each fold, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA / DATA_SET, help="folder with fixations.csv and stimuli/")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--size", type=int, default=128, help="input in pixels; the map has a quarter of it")
    parser.add_argument("--images", type=int, default=None, help="only the first so many, to try it out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, default=None, metavar="FILE")
    wanted = parser.parse_args()
    if wanted.size < 32 or wanted.size % 32:
        parser.error(f"--size: expected a multiple of 32, got {wanted.size}")
    torch.set_num_threads(wanted.threads)
    cv2.setNumThreads(1)
    try:
        photographs = load_photographs(wanted.data, wanted.size, wanted.images)
    except (OSError, KeyError, ValueError) as error:
        parser.error(str(error))
    n = len(photographs.names)
    if not 2 <= wanted.folds <= n:
        parser.error(f"--folds: expected 2 to {n} (the images), got {wanted.folds}")

    began = time.perf_counter()
    parts = np.array_split(np.random.default_rng(wanted.seed).permutation(n), wanted.folds)
    folds = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        steps = sum(steps_of(n - len(part), wanted.epochs) for part in parts)
        task = progress.add_task("training", total=steps)
        for number, held_out in enumerate(parts, start=1):
            progress.update(task, description=f"fold {number} of {wanted.folds}")
            trained = np.sort(np.concatenate([part for part in parts if part is not held_out]))
            network = train(photographs, trained, wanted.epochs, wanted.seed, lambda: progress.advance(task))
            folds.append(judge(network, photographs, trained, held_out))
    took_s = time.perf_counter() - began

    map_px = wanted.size // 4
    stated = {
        "data": f"{wanted.data.name}: {n} images, {sum(map(len, photographs.points))} fixations, whole time of viewing",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores of {_processor()}, {wanted.threads} thread(s), torch {torch.__version__}",
        "minutes": round(took_s / 60, 1),
        "folds": wanted.folds,
        "epochs": wanted.epochs,
        "batch": TUNING.batch,
        "seed": wanted.seed,
        "input_px": [wanted.size, wanted.size],
        "gaze_map_px": [map_px, map_px],
        "gaze_sigma_share_of_width": SIGMA,
        "gaze_sigma_px": SIGMA * map_px,
        "epsilon": EPSILON,
    }
    print(
        f"{stated['date']}; {stated['machine']}; {stated['minutes']} minutes.\n{stated['data']}.\n"
        f"{wanted.folds} folds by image, {wanted.epochs} epochs in batches of {TUNING.batch}, seed {wanted.seed}; "
        f"input {wanted.size}x{wanted.size}, map {map_px}x{map_px}; density: sigma {SIGMA * map_px:.2f} pixels of the "
        f"map ({SIGMA:.0%} of the width); epsilon {EPSILON:.1e}. Centre bias: mean density of the images trained on; "
        "negatives of shuffled AUC: their fixations.\n"
    )
    print(table(folds))
    if wanted.json is not None:
        rows = [{"model": model, "centre_bias": bias} for model, bias in folds]
        wanted.json.write_text(json.dumps({"stated": stated, "folds": rows}, indent=2) + "\n", encoding="utf-8")
    return 0


def _processor() -> str:
    """The processor's name as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main())
