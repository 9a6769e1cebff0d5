"""How well what is unlike the training images is told from them, and what abstaining is worth, as a document.

    python scripts/bench_abstention.py SESSIONS [--real FOLDER] [--scans N] [--out docs/abstention.md]

SESSIONS are scans of the software scanner with a ``splits.csv``, from which the default model was trained; only those
of its test splits are looked at. FOLDER is ``SONOCUE_TEST_DATA`` (default: ../shared/data beside the repository); a set
that is missing is left out by name.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from assistant.bundle import default_model_path, read_bundle
from assistant.clock import MonotonicClock
from assistant.contracts import Float32Array, UInt8Array
from assistant.decision import probabilities
from assistant.failover import LOCKSTEP_HANG_S, SupervisedEngine
from assistant.in_distribution import distance, features, fit
from assistant.model_contracts import ModelBundle
from assistant.preprocess import Preprocessor
from assistant.processor import processor_name
from assistant.screen_layout import glance_at
from assistant.screen_mode import shown_mode
from assistant.session.reader import SessionReader
from assistant.sononet import import_sononet

Array = npt.NDArray[Any]
EVERY = 90
"""Of a scan, one frame in so many is looked at; of a video, one in ``EVERY_OF_VIDEO``."""
EVERY_OF_VIDEO = 10
SCORES = ("distance", "confidence", "energy")


@dataclass(frozen=True, slots=True)
class Looked:
    """What a model says about the pictures of one set.

    Attributes:
        vectors: ``(n, d)`` features, see ``in_distribution.features``.
        logits: ``(n, n_classes)``.
        b_mode: ``(n,)`` bool: the screen is taken for one B-mode image.
        truth: ``(n,)`` names; empty where there is none.
    """

    vectors: Float32Array
    logits: Float32Array
    b_mode: Array
    truth: Array


def look(
    pictures: Iterator[tuple[UInt8Array, str]],
    bundle: ModelBundle,
    crop: tuple[float, float, float, float] | None = None,
) -> Looked:
    """Each picture through the engine."""
    engine = SupervisedEngine(bundle, ("openvino", "onnxruntime"), 1, MonotonicClock(), hang_s=LOCKSTEP_HANG_S)
    spec = bundle.preprocessing
    preprocess = Preprocessor(spec if crop is None else replace(spec, crop=crop))
    rows = []
    for pixels, truth in pictures:
        outputs = engine.infer(preprocess(pixels))
        gaze = outputs.get("gaze_logits")
        vector = features(preprocess.grey, outputs["logits"][0], None if gaze is None else gaze[0])
        rows.append((vector, outputs["logits"][0], shown_mode(glance_at(pixels)) is None, truth))
    engine.close()
    vectors, logits, b_mode, truths = zip(*rows, strict=True)
    return Looked(np.stack(vectors), np.stack(logits), np.array(b_mode), np.array(truths))


def together(parts: Sequence[Looked]) -> Looked:
    """One after the other."""
    return Looked(
        np.concatenate([part.vectors for part in parts]),
        np.concatenate([part.logits for part in parts]),
        np.concatenate([part.b_mode for part in parts]),
        np.concatenate([part.truth for part in parts]),
    )


# --------------------------------------------------------------------------------------------------------------------
# Pictures
# --------------------------------------------------------------------------------------------------------------------


def scans(sessions: Path, split: str, limit: int | None) -> Iterator[tuple[SessionReader, str]]:
    """The sessions of a split."""
    with (sessions / "splits.csv").open(encoding="utf-8") as table:
        names = [row["session"] for row in csv.DictReader(table) if row["split"] == split]
    for name in names[:limit]:
        yield SessionReader(sessions / name), name


def frames_of(reader: SessionReader) -> Iterator[tuple[UInt8Array, str]]:
    """One frame in ``EVERY`` of a scan, with its plane."""
    truth = {
        event.data["frame_index"]: event.data["plane"]
        for event in reader.timeline("truth")
        if "frame_index" in event.data
    }
    for position in range(EVERY // 2, len(reader), EVERY):
        (frame,) = reader.frames(start=position, stop=position + 1)
        yield frame.pixels, truth[frame.index]


def files(folder: Path, pattern: str) -> Iterator[tuple[UInt8Array, str]]:
    """Pictures, and frames of videos, in a folder."""
    for file in sorted(folder.glob(pattern)):
        if file.suffix in (".png", ".jpg"):
            picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
            yield cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8), ""
            continue
        video = cv2.VideoCapture(str(file))
        position = 0
        while (taken := video.read())[0]:
            if position % EVERY_OF_VIDEO == 0:
                yield cv2.cvtColor(taken[1], cv2.COLOR_BGR2RGB).astype(np.uint8), ""
            position += 1


def noise() -> Iterator[tuple[UInt8Array, str]]:
    """Uniform, and blurred, so that it has grains like speckle."""
    rng = np.random.default_rng(0)
    for blur_px in (0.0, 1.0, 2.0, 4.0):
        for _ in range(10):
            grains = rng.normal(0, 1, (480, 640))
            grains = cv2.GaussianBlur(grains, (0, 0), blur_px) if blur_px else grains
            yield np.clip(50 + 50 * grains / grains.std(), 0, 255).astype(np.uint8), ""


def flat() -> Iterator[tuple[UInt8Array, str]]:
    """Black to white."""
    for level in range(0, 256, 15):
        yield np.full((480, 640), level, np.uint8), ""


def test_pictures() -> Iterator[tuple[UInt8Array, str]]:
    """Colour bars, ramps, chequers, a grabber's blue."""
    bars = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)]
    rows, columns = np.indices((480, 640))
    yield np.repeat(np.repeat(np.array([bars], np.uint8) * 255, 480, axis=0), 80, axis=1), ""
    yield np.repeat(np.repeat(np.array([bars], np.uint8) * 191, 480, axis=0), 80, axis=1), ""
    yield (columns * 255 // 639).astype(np.uint8), ""
    yield (rows * 255 // 479).astype(np.uint8), ""
    for side_px in (8, 40, 120):
        yield ((rows // side_px + columns // side_px) % 2 * 255).astype(np.uint8), ""
    blue = np.zeros((480, 640, 3), np.uint8)
    blue[..., 2] = 255
    yield blue, ""


def strange(real: Path) -> dict[str, Callable[[], Iterator[tuple[UInt8Array, str]]]]:
    """What is no fetal ultrasound."""
    return {
        "photographs (scene500)": lambda: files(real / "human_fixations_scene500" / "stimuli", "*.jpg"),
        "noise": noise,
        "flat, black to white": flat,
        "test pictures": test_pictures,
        "eye (Clarius)": lambda: files(real / "us_video", "clarius-ocular-short.mp4"),
        "eye phantom (Butterfly)": lambda: files(real / "us_video", "butterfly-ocular-phantom.mp4"),
        "tongue": lambda: files(real / "tal_tongue_speech", "*.avi"),
    }


def fetal(real: Path) -> dict[str, Callable[[], Iterator[tuple[UInt8Array, str]]]]:
    """Real fetal ultrasound."""
    return {
        "SonoNet's screens": lambda: files(real / "sononet" / "example_images", "*.png"),
        "FETAL_PLANES_DB": lambda: files(real / "fetal_planes_db" / "Images", "*.png"),
        "HC18": lambda: files(real / "hc18" / "train", "*_HC.png"),
    }


# --------------------------------------------------------------------------------------------------------------------
# Figures
# --------------------------------------------------------------------------------------------------------------------


def oddness(looked: Looked, bundle: ModelBundle, distances: Array) -> dict[str, Array]:
    """By score: the higher, the stranger."""
    confidence = probabilities(looked.logits, bundle.temperature).max(axis=1)
    energy = np.log(np.exp(looked.logits.astype(np.float64)).sum(axis=1))
    return {"distance": distances, "confidence": -confidence, "energy": -energy}


def auroc(usual: Array, odd: Array) -> float:
    """Area under the ROC: how often a strange picture scores above a usual one; ties count half (Hanley 1982)."""
    below = np.searchsorted(np.sort(usual), odd, side="left") + np.searchsorted(np.sort(usual), odd, side="right")
    return float(below.mean() / 2 / len(usual))


def leave_one_out(vectors: Float32Array) -> Array:
    """The distance of each from all the others."""
    found = []
    for left in range(len(vectors)):
        others = np.delete(vectors, left, axis=0)
        found.append(distance(vectors[left], fit(others, others)))
    return np.array(found)


def risk_coverage(looked: Looked, bundle: ModelBundle) -> list[str]:
    """Lines of a table: of the frames that are named first, how many are wrong (El-Yaniv 2010)."""
    probability = probabilities(looked.logits, bundle.temperature)
    confidence = probability.max(axis=1)
    wrong = np.array(bundle.classes)[probability.argmax(axis=1)] != looked.truth
    order = np.argsort(-confidence, kind="stable")
    risk = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    lines = [
        f"| {share:.0%} | {confidence[order[last]]:.3f} | {risk[last]:.1%} |"
        for share in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
        for last in [max(round(share * len(order)) - 1, 0)]
    ]
    named = confidence >= bundle.abstain_below
    lines.append(f"| {named.mean():.0%} | {bundle.abstain_below:.3f}, the model's | {wrong[named].mean():.1%} |")
    return [*lines, "", f"Area under the curve (mean risk over coverage): {risk.mean():.3f}; {len(order)} frames."]


def default_model(asked: argparse.Namespace, real: Path) -> list[str]:
    """The section about the default model."""
    bundle = read_bundle(default_model_path())
    known = bundle.familiarity
    if known is None:
        raise SystemExit("the default model does not say what it was trained on: scripts/add_familiarity.py")

    def distances(looked: Looked) -> Array:
        return np.array([distance(vector, known) for vector in looked.vectors])

    splits = {}
    for split in ("test", "test_unseen"):
        parts = [look(frames_of(r), bundle, r.header.sector_crop) for r, _ in scans(asked.sessions, split, asked.scans)]
        splits[split] = together(parts)
    test, unseen = splits["test"], splits["test_unseen"]
    usual = oddness(test, bundle, distances(test))
    above = float((usual["distance"] > known.above).mean())
    lines = [
        f"## The default model ({bundle.model_id})",
        "",
        f"Usual: {len(test.truth)} frames of the test scans; {above:.1%} of them are above the threshold "
        f"({known.above}), which was set to 1 % on validation frames. Each frame by itself: live, the distance is "
        "averaged over time.",
        "",
        "| set | pictures | AUROC distance | confidence | energy | abstains by distance | named without it "
        "| taken for B-mode |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, pictures in {**strange(real), **fetal(real)}.items():
        lines.append(_row(name, pictures, bundle, usual, distances, known.above))
    odd = oddness(unseen, bundle, distances(unseen))
    lines += [
        _cells("unseen machines (test_unseen)", unseen, bundle, usual, odd, known.above),
        "",
        "*Named without it*: the model's confidence alone would have named a plane or background. Real fetal images "
        "are strange to a model that knows the software scanner only, and so they should be. HC18's are cut to the "
        "head.",
        "",
        "### What abstaining below a confidence is worth",
        "",
        "Test scans, each frame by itself, all 14 classes; the most confident first.",
        "",
        "| named | confidence at least | wrong among the named |",
        "|---|---|---|",
        *risk_coverage(test, bundle),
        "",
    ]
    strange_frames = odd["distance"] > known.above
    probability = probabilities(unseen.logits, bundle.temperature)
    named = probability.max(axis=1) >= bundle.abstain_below
    right = np.array(bundle.classes)[probability.argmax(axis=1)] == unseen.truth
    for what, which in (("familiar", ~strange_frames), ("strange", strange_frames)):
        if (which & named).any():
            lines.append(
                f"Unseen machines, {what} frames: {which.mean():.0%} of all; {(named & which).sum() / which.sum():.0%} "
                f"would be named, {right[named & which].mean():.0%} of these rightly."
            )
            lines.append("")
    return lines


def sononet(real: Path) -> list[str]:
    """The section about SonoNet16 on real images."""
    weights = real / "sononet" / "SonoNet16.npz"
    if not weights.is_file():
        return [f"SonoNet16 was left out: no '{weights}'.", ""]
    with tempfile.TemporaryDirectory() as folder:
        bundle = import_sononet(weights, Path(folder) / "sononet16")
        usual_set = together([look(pictures(), bundle) for pictures in fetal(real).values()])
        usual = oddness(usual_set, bundle, leave_one_out(usual_set.vectors))
        known = fit(usual_set.vectors, usual_set.vectors)
        above = float(np.quantile(usual["distance"], 0.95))
        lines = [
            "## SonoNet16 on real images",
            "",
            f"Usual: {len(usual_set.truth)} real fetal images (SonoNet's screens, FETAL_PLANES_DB, HC18). The "
            "published weights come without training images, so their own distance is taken leave-one-out, that of the "
            "rest from all of them: this says what the score can do, and no threshold is shipped (the column is at "
            "95 % of the usual).",
            "",
            "| set | pictures | AUROC distance | confidence | energy | abstains by distance | named without it "
            "| taken for B-mode |",
            "|---|---|---|---|---|---|---|---|",
        ]

        def distances(looked: Looked) -> Array:
            return np.array([distance(vector, known) for vector in looked.vectors])

        lines += [_row(name, pictures, bundle, usual, distances, above) for name, pictures in strange(real).items()]
    return [*lines, ""]


def _row(
    name: str,
    pictures: Callable[[], Iterator[tuple[UInt8Array, str]]],
    bundle: ModelBundle,
    usual: dict[str, Array],
    distances: Callable[[Looked], Array],
    above: float,
) -> str:
    if next(pictures(), None) is None:
        return f"| {name} | not at hand | | | | | | |"
    looked = look(pictures(), bundle)
    return _cells(name, looked, bundle, usual, oddness(looked, bundle, distances(looked)), above)


def _cells(
    name: str, looked: Looked, bundle: ModelBundle, usual: dict[str, Array], odd: dict[str, Array], above: float
) -> str:
    areas = " | ".join(f"{auroc(usual[score], odd[score]):.3f}" for score in SCORES)
    rejected = (odd["distance"] > above).mean()
    named = (-odd["confidence"] >= bundle.abstain_below).mean()
    return f"| {name} | {len(looked.truth)} | {areas} | {rejected:.0%} | {named:.0%} | {looked.b_mode.mean():.0%} |"


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sessions", type=Path)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--scans", type=int, help="at most so many of each split")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    named = os.environ.get("SONOCUE_TEST_DATA")
    real = asked.real or (Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data")
    machine = processor_name().split(" avx")[0].split(" amx")[0]
    lines = [
        "# When the model abstains: images unlike those it learned from",
        "",
        f"`python scripts/bench_abstention.py {' '.join(sys.argv[1:])}` writes this page; "
        f"{datetime.now(UTC):%d %B %Y}, {machine}. The score: `assistant/in_distribution.py`; why so: "
        "[decision 0901](decisions/0901-strange-images-by-distance.md). AUROC: how often a strange picture scores "
        "above a usual one (0.5 is chance); the same for the two scores that ask the logits alone.",
        "",
        *default_model(asked, real),
        *sononet(real),
    ]
    text = "\n".join(lines).rstrip() + "\n"
    if asked.out is not None:
        asked.out.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
