"""Can the plane be told without looking at the anatomy? Among plane frames, from what surrounds the image.

``python scripts/phantom_shortcuts.py [--subjects 24] [--seconds 150] [--permutations 499] [--json OUT.json]``. Kernel
ridge classification, cross-validated with whole subjects left out, learns the plane from one kind of surroundings
alone; then the same with permuted labels (Ojala and Garriga, JMLR 11, 2010). Frames of one visit to a plane are not
independent, so visits exchange their labels, within their subject; the voice is one for a subject, so there subjects
exchange their voices. Surroundings pass when their balanced accuracy is at most the 95th percentile of the
permutations': one honest test in twenty fails by chance. Two controls, image and spoken words, show that the test
finds what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from assistant.contracts import TimelineEvent, UInt8Array
from assistant.speech import log_mel
from plugins.phantom.bmode import BModeRenderer
from plugins.phantom.geometry import N_BEAMS, N_SAMPLES
from plugins.phantom.moment import Caliper, Moment, TypedText
from plugins.phantom.narration import SAMPLE_RATE_HZ
from plugins.phantom.planes import BACKGROUND
from plugins.phantom.scan import Scan
from plugins.phantom.settings import Population, ScanSettings

Array = npt.NDArray[np.float64]
Names = npt.NDArray[np.str_]
Numbers = npt.NDArray[np.int64]
Exchange = Literal["visits", "subjects"]

STEP_S = 0.2
SAME_VISIT_S = 3.0
"""A plane that is lost for less and found again is still the same visit."""
FRAMES_A_VISIT = 3
SPEECH_S = 4.0
"""Sound about a frame, half of it before."""
SMALL_PX = (80, 60)
COMPONENTS = 30
FOLDS = 5
SURROUNDINGS: dict[str, Exchange] = {
    "screen outside the sector": "visits",
    "calipers and typed text, as drawn": "visits",
    "calipers and typed text, counted and read": "visits",
    "frozen or not": "visits",
    "loudness of speech": "visits",
    "the speaker's voice": "subjects",
}
CONTROLS: dict[str, Exchange] = {"control: the image": "visits", "control: the spoken words": "visits"}


@dataclass(frozen=True, slots=True, eq=False)
class PlaneFrames:
    """Frames that show a plane, of many subjects.

    Attributes:
        subjects, visits: ``(n,)`` int, whose and of which visit (numbered through all subjects) each frame is.
        labels: ``(n,)`` names.
        features: what surrounds each frame, ``(n, k)`` by name.
    """

    subjects: Numbers
    visits: Numbers
    labels: Names
    features: dict[str, Array]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a classifier reached, and what chance reaches: balanced accuracies."""

    observed: float
    chance_mean: float
    chance_95: float
    p_value: float

    @property
    def passed(self) -> bool:
        return self.observed <= self.chance_95


def main() -> None:
    """Judge and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=24)
    parser.add_argument("--seed", type=int, default=800_000, help="of the first subject")
    parser.add_argument("--seconds", type=float, default=150.0, help="of each scan")
    parser.add_argument("--population", choices=("usual", "unseen"), default="usual")
    parser.add_argument("--permutations", type=int, default=499)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    seeds = range(wanted.seed, wanted.seed + wanted.subjects)
    scanned = partial(plane_frames, seconds=wanted.seconds, population=wanted.population)
    with ProcessPoolExecutor(wanted.processes, mp_context=get_context("spawn")) as workers:
        frames = merged(list(workers.map(scanned, seeds)))
    made = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {platform.machine()}"
    print(f"Shortcuts: {wanted.subjects} subjects from seed {wanted.seed} ({wanted.population}), ", end="")
    print(f"{wanted.seconds:g} s each; {len(frames.labels)} frames of {len(set(frames.visits))} visits to ", end="")
    print(f"{len(set(frames.labels))} planes; {wanted.permutations} permutations. {made}.\n")
    print("| surroundings | balanced accuracy | chance: mean | chance: 95 % | p | |\n|---|---|---|---|---|---|")
    report: dict[str, dict[str, float] | None] = {}
    for name, exchange in (SURROUNDINGS | CONTROLS).items():
        if not np.ptp(frames.features[name], axis=0).any():
            report[name] = None
            print(f"| {name} | | | | | none in these scans |")
            continue
        verdict = judge(frames, name, exchange, wanted.permutations)
        report[name] = asdict(verdict) | {"passed": verdict.passed}
        word = "pass" if verdict.passed else "FAIL"
        if name in CONTROLS:
            word = "seen" if not verdict.passed else "NOT SEEN"
        print(f"| {name} | {verdict.observed:.3f} | {verdict.chance_mean:.3f} | {verdict.chance_95:.3f} ", end="")
        print(f"| {verdict.p_value:.3f} | {word} |", flush=True)
    if wanted.json:
        settings = {name: str(value) for name, value in vars(wanted).items()}
        wanted.json.write_text(json.dumps({"settings": settings, "verdicts": report}, indent=1) + "\n")


# --------------------------------------------------------------------------------------------------------------------
# Frames and their surroundings
# --------------------------------------------------------------------------------------------------------------------


def plane_frames(seed: int, seconds: float, population: Population = "usual") -> PlaneFrames:
    """Some frames of every visit of a scan, with their surroundings."""
    cv2.setNumThreads(1)
    scan = Scan(ScanSettings(seed, seconds, population=population))
    path, renderer = scan.path(), scan.renderer()
    sound = np.concatenate([block.samples for block in scan.sound()])
    utterances = [event for event in scan.events() if "utterance" in event.data]
    labels, visits, rows = [], [], []
    for number, (label, times_s) in enumerate(_visits(scan, seconds)):
        for share in (np.arange(FRAMES_A_VISIT) + 0.5) / FRAMES_A_VISIT:
            time_s = times_s[int(share * len(times_s))]
            rows.append(surroundings(scan, renderer, path.at(time_s)) | _heard(sound, utterances, time_s))
            labels.append(label)
            visits.append(number)
    features = {name: np.stack([row[name] for row in rows]) for name in rows[0]} if rows else {}
    features["the speaker's voice"] = np.tile(_voice(sound), (len(rows), 1))
    return PlaneFrames(np.full(len(rows), seed), np.array(visits, np.int64), np.array(labels, np.str_), features)


def _visits(scan: Scan, seconds: float) -> Iterator[tuple[str, list[float]]]:
    """Label and moments of each visit to a plane."""
    path = scan.path()
    seen = [(float(t), scan.label(path.at(float(t)))) for t in np.arange(0.0, seconds, STEP_S)]
    shown = [(time_s, label) for time_s, label in seen if label != BACKGROUND]
    number, last = 0, (-np.inf, "")
    numbered = []
    for time_s, label in shown:
        number += label != last[1] or time_s - last[0] > SAME_VISIT_S
        last = (time_s, label)
        numbered.append((number, label, time_s))
    for (_, label), visit in groupby(numbered, key=lambda one: one[:2]):
        yield label, [time_s for _, _, time_s in visit]


def surroundings(scan: Scan, renderer: BModeRenderer, moment: Moment) -> dict[str, Array]:
    """What can be seen of a frame but for its image, and as a control the image; by name, each ``(k,)``."""
    bare = replace(moment, annotations=(), frozen=False)
    dark, bright = (np.full((N_SAMPLES, N_BEAMS), grey, np.uint8) for grey in (0, 255))
    inside = scan.screen.show(dark, bare) != scan.screen.show(bright, bare)
    shown = scan.screen.show(dark, moment)
    unmarked = scan.screen.show(dark, replace(moment, annotations=()))
    image = scan.screen.show(renderer.grey(moment.pose, moment.view, moment.body_s), bare)
    return {
        "screen outside the sector": _small(np.where(inside, 0, unmarked)),
        "calipers and typed text, as drawn": _small(cv2.absdiff(shown, unmarked)),
        "calipers and typed text, counted and read": _annotated(moment),
        "frozen or not": np.array([float(moment.frozen)]),
        "control: the image": _small(np.where(inside, image, 0)),
    }


def _small(pixels: npt.NDArray[Any]) -> Array:
    grey: UInt8Array = pixels.astype(np.uint8)
    if grey.ndim == 3:
        grey = np.asarray(cv2.cvtColor(grey, cv2.COLOR_RGB2GRAY), np.uint8)
    return np.asarray(cv2.resize(grey, SMALL_PX, interpolation=cv2.INTER_AREA), np.float64).ravel()


def _annotated(moment: Moment) -> Array:
    """How many of which kind, how long, and the typed words (hashed: any word counts, no list of them is needed)."""
    calipers = [one for one in moment.annotations if isinstance(one, Caliper)]
    texts = [one.text for one in moment.annotations if isinstance(one, TypedText)]
    lengths = [float(np.hypot(*np.subtract(one.end, one.start))) for one in calipers]
    return np.concatenate([
        [sum(one.kind == kind for one in calipers) for kind in ("line", "ellipse")],
        [len(texts), max(lengths, default=0.0), max((one.width_mm for one in calipers), default=0.0)],
        _words(texts),
    ])  # fmt: skip


def _words(texts: Sequence[str]) -> Array:
    """How often each word occurs, ``(64,)``; hashed, so that no list of words is needed."""
    counts = HashingVectorizer(n_features=64, alternate_sign=False, norm=None).transform([" ".join(texts)])
    return np.asarray(counts.toarray()[0], np.float64)


def _heard(sound: npt.NDArray[np.float32], utterances: Sequence[TimelineEvent], time_s: float) -> dict[str, Array]:
    """The sound about a moment: how loud, without what is said; and as a control what is said."""
    length = round(SPEECH_S * SAMPLE_RATE_HZ)
    start = round(time_s * SAMPLE_RATE_HZ) - length // 2
    window = np.pad(sound, length)[start + length :][:length]
    pieces = window.reshape(-1, SAMPLE_RATE_HZ // 20)  # of 50 ms
    level_db = 10.0 * np.log10(np.mean(np.square(pieces, dtype=np.float64), axis=1) + 1e-9)
    stats = [level_db.mean(), level_db.std(), *np.percentile(level_db, (5, 25, 50, 75, 95)), level_db.max()]
    first_ns, last_ns = ((time_s + sign * SPEECH_S / 2) * 1e9 for sign in (-1, 1))
    said = [one.data for one in utterances if one.captured_ns < last_ns and int(str(one.data["end_ns"])) > first_ns]
    return {
        "loudness of speech": np.array(stats),
        "control: the spoken words": _words([str(one["utterance"]) for one in said]),
    }


def _voice(sound: npt.NDArray[np.float32]) -> Array:
    """Mean and spread of the log-mel spectrum of a whole scan's louder half, ``(128,)``: who speaks, not what."""
    mel = log_mel(sound, SAMPLE_RATE_HZ).astype(np.float64)
    loud = mel[:, mel.mean(axis=0) > np.median(mel.mean(axis=0))]
    return np.concatenate([loud.mean(axis=1), loud.std(axis=1)])


def merged(scans: Sequence[PlaneFrames]) -> PlaneFrames:
    """All subjects' frames in one table.

    Pictures are taken against the mean of their subject, since machines differ more than planes do, then condensed.
    """
    scans = [scan for scan in scans if len(scan.labels)]
    first = np.cumsum([0, *(scan.visits.max() + 1 for scan in scans)])
    features = {}
    for name in scans[0].features:
        rows = [scan.features[name] for scan in scans]
        if picture := rows[0].shape[1] == SMALL_PX[0] * SMALL_PX[1]:
            rows = [one - one.mean(axis=0) for one in rows]
        table = np.concatenate(rows)
        if picture and table.any():
            table = PCA(min(COMPONENTS, len(table)), random_state=0).fit_transform(table)
        features[name] = table
    return PlaneFrames(
        np.concatenate([scan.subjects for scan in scans]),
        np.concatenate([scan.visits + start for scan, start in zip(scans, first[:-1], strict=True)]),
        np.concatenate([scan.labels for scan in scans]),
        features,
    )


# --------------------------------------------------------------------------------------------------------------------
# The test
# --------------------------------------------------------------------------------------------------------------------


def judge(frames: PlaneFrames, name: str, exchange: Exchange, permutations: int) -> Verdict:
    """Whether the plane can be told from one kind of surroundings better than chance."""
    table, labels, subjects = frames.features[name], frames.labels, frames.subjects
    if exchange == "subjects":  # they can exchange only as many frames as each of them has
        counts = np.bincount(np.unique(subjects, return_inverse=True)[1])
        kept = np.concatenate([np.flatnonzero(subjects == one)[: counts.min()] for one in np.unique(subjects)])
        table, labels, subjects = table[kept], labels[kept], subjects[kept]
    given = [labels]
    for number in range(permutations):
        rng = np.random.default_rng([number, 5])
        if exchange == "visits":
            given.append(_exchanged_visits(labels, subjects, frames.visits, rng))
        else:
            given.append(_exchanged_subjects(labels, subjects, rng))
    observed, *chance = _accuracies(table, np.stack(given), subjects)
    better = sum(value >= observed for value in chance)
    limit = float(np.percentile(chance, 95))
    return Verdict(float(observed), float(np.mean(chance)), limit, (1 + better) / (1 + permutations))


def _accuracies(table: Array, labelings: Names, subjects: Numbers) -> Array:
    """Balanced accuracy for subjects that were not learned from, one for each row of labels, ``(m,)``.

    Ridge regression onto one column a class, weighted by how rare the class is: all labelings share one solution.
    """
    classes = np.unique(labelings[0])
    truth = np.stack([labelings == name for name in classes], axis=-1)  # (m, n, classes)
    said = np.zeros(truth.shape, np.float32)
    for learned, held in GroupKFold(min(FOLDS, len(np.unique(subjects)))).split(table, groups=subjects):
        scaler = StandardScaler().fit(table[learned])
        share = truth[:, learned].mean(axis=1, keepdims=True)
        target = (truth[:, learned] - share) / np.maximum(share, 1e-6)
        model = KernelRidge(kernel="rbf", alpha=1.0).fit(
            scaler.transform(table[learned]), target.transpose(1, 0, 2).reshape(len(learned), -1)
        )
        guess = model.predict(scaler.transform(table[held])).reshape(len(held), len(labelings), len(classes))
        said[:, held] = guess.transpose(1, 0, 2)
    right = np.take_along_axis(truth, said.argmax(axis=-1)[..., None], axis=-1)  # (m, n, 1)
    return np.asarray(((right & truth).sum(axis=1) / truth.sum(axis=1)).mean(axis=-1))


def _exchanged_visits(labels: Names, subjects: Numbers, visits: Numbers, rng: np.random.Generator) -> Names:
    """Labels when the visits of each subject have exchanged theirs."""
    exchanged = labels.copy()
    for subject in np.unique(subjects):
        own, first = np.unique(visits[subjects == subject], return_index=True)
        given = labels[subjects == subject][first]
        for visit, label in zip(own, rng.permutation(given), strict=True):
            exchanged[visits == visit] = label
    return exchanged


def _exchanged_subjects(labels: Names, subjects: Numbers, rng: np.random.Generator) -> Names:
    """Labels when subjects, in the order of their frames and with as many each, have exchanged all of theirs."""
    return np.asarray(rng.permutation(labels.reshape(len(np.unique(subjects)), -1)).ravel())


if __name__ == "__main__":
    main()
