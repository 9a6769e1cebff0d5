"""How soon a plane is announced, how often falsely, and how good the frame that is kept of it, on recorded scans.

    python scripts/bench_decisions.py SESSIONS [--splits test test_unseen] [--scans N] [--model default] [--sweep]
        [--cache runs/decisions] [--json OUT.json]

SESSIONS are scans of the software scanner with their truth and a ``splits.csv`` (``sonocue phantom make``). Each scan
is read once through the engine (what it says stands in the cache), then decided by the program's own ``Decider``,
``FamiliarityWatch``, ``MotionMeter``, ``ScreenWatch`` and ``Examination``. ``--sweep`` tries their settings on the
validation scans instead, by which they were chosen.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from assistant import decision
from assistant.bundle import model_path, read_bundle
from assistant.clock import MonotonicClock
from assistant.config import RunConfig
from assistant.contracts import Abstention, Decision, Frame, Guidance
from assistant.decision import Decider, decide, probabilities
from assistant.examination import BestFrame, Examination
from assistant.failover import LOCKSTEP_HANG_S, SupervisedEngine
from assistant.in_distribution import distance, features
from assistant.model_contracts import ModelBundle
from assistant.motion import FAST, MotionMeter
from assistant.preprocess import Preprocessor
from assistant.processor import processor_name
from assistant.scene import SceneCounter
from assistant.screen_mode import ScreenWatch
from assistant.session.reader import SessionReader

Array = npt.NDArray[Any]
SECONDS = 1e9
SPLITS = ("validation", "test", "test_unseen")
LEAST_VISIT_S = 1.0
"""A shorter visit to a plane need not be announced."""
SAME_VISIT_S = 0.3
"""A plane that is lost for less is not left."""
NEAR = 2.0
"""A frame whose pose is off the plane by less than this many tolerances is near it, though not of it."""

TRIED = ((100, 200, 400), (0.5, 0.7, 0.85, 1.0), (0.5, 1.0), (0.12, 0.15, 9.0))
"""By ``--sweep``: time constant in ms, share that keeps a plane, dwell in s, motion that is fast (9: none is)."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What the engine and the image say about each frame of one scan, and the truth about it.

    Attributes:
        name, split: of the session.
        times_ns, scenes: ``(n,)`` int64.
        logits: ``(n, n_classes)`` float32.
        distances, motion: ``(n,)`` float64; see ``in_distribution.distance`` and ``MotionMeter``.
        modes: ``(n,)`` what the screen shows instead of one B-mode image, or empty.
        truth: ``(n,)`` names.
        error: ``(n,)`` how far the pose is off the sought plane, in its tolerances; 1 and less is on it, if nothing
            else forbids (``plugins.phantom.planes.shows``).
        sought: ``(n,)`` names.
    """

    name: str
    split: str
    times_ns: Array
    scenes: Array
    logits: Array
    distances: Array
    motion: Array
    modes: Array
    truth: Array
    error: Array
    sought: Array

    @property
    def minutes(self) -> float:
        return float(self.times_ns[-1] - self.times_ns[0]) / SECONDS / 60


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides besides the model."""

    time_constant_ms: float = decision.TIME_CONSTANT_NS / 1e6
    keep_share: float = decision.KEEP_SHARE
    dwell_s: float = RunConfig().dwell_s
    fast: float = FAST
    strange: bool = True


# --------------------------------------------------------------------------------------------------------------------
# Reading
# --------------------------------------------------------------------------------------------------------------------


def scans_of(
    sessions: Path, bundle: ModelBundle, splits: Sequence[str], limit: int | None, cache: Path
) -> Iterator[Scan]:
    """The scans of these splits, read through the engine or from the cache."""
    with (sessions / "splits.csv").open(encoding="utf-8") as table:
        rows = [(row["session"], row["split"]) for row in csv.DictReader(table)]
    cv2.setNumThreads(1)
    engine: SupervisedEngine | None = None
    for split in splits:
        for name in [session for session, of in rows if of == split][:limit]:
            file = cache / bundle.digest[:12] / f"{name}.npz"
            if not file.is_file():
                if engine is None:
                    engine = SupervisedEngine(bundle, RunConfig().backends, 1, MonotonicClock(), hang_s=LOCKSTEP_HANG_S)
                file.parent.mkdir(parents=True, exist_ok=True)
                np.savez_compressed(file, allow_pickle=False, **read_scan(sessions / name, bundle, engine))
            with np.load(file, allow_pickle=False) as arrays:
                yield Scan(name, split, **{key: arrays[key] for key in arrays.files})


def read_scan(session: Path, bundle: ModelBundle, engine: SupervisedEngine) -> dict[str, Array]:
    """Each frame of a session through the engine, once; what ``Scan`` holds of it."""
    reader = SessionReader(session)
    tolerances: dict[str, tuple[float, float]] = {}
    truths = {}
    for event in reader.timeline("truth"):
        if "subject" in event.data:
            planes = event.data["subject"]["planes"]
            tolerances = {name: (plane["tilt_deg"], plane["distance_mm"]) for name, plane in planes.items()}
        elif "frame_index" in event.data:
            truths[event.data["frame_index"]] = event.data
    spec = bundle.preprocessing
    crop = reader.header.sector_crop
    preprocess = Preprocessor(spec if crop is None else replace(spec, crop=crop))
    scenes, screen, motion = SceneCounter(), ScreenWatch(), MotionMeter()
    columns: dict[str, list[Any]] = {
        name: [] for name in Scan.__dataclass_fields__ if name not in ("name", "split")
    }  # fmt: skip
    for frame in reader.frames():
        scene = scenes(frame)
        reading = screen(frame, scene)
        outputs = engine.infer(preprocess(frame.pixels))
        gaze = outputs.get("gaze_logits")
        vector = features(preprocess.grey, outputs["logits"][0], None if gaze is None else gaze[0])
        truth = truths[frame.index]
        tilt_deg, distance_mm = truth.get("off", (np.inf, np.inf))
        sought = truth.get("sought", "")
        allowed_deg, allowed_mm = tolerances.get(sought, (1.0, 1.0))
        for name, value in (
            ("times_ns", frame.captured_ns),
            ("scenes", scene),
            ("logits", outputs["logits"][0]),
            ("distances", 0.0 if bundle.familiarity is None else distance(vector, bundle.familiarity)),
            ("motion", motion(frame, scene)),
            ("modes", "" if reading.mode is None else str(reading.mode)),
            ("truth", truth["plane"]),
            ("error", max(tilt_deg / allowed_deg, distance_mm / allowed_mm)),
            ("sought", sought),
        ):
            columns[name].append(value)
    return {name: np.array(values) for name, values in columns.items()}


# --------------------------------------------------------------------------------------------------------------------
# Deciding, by the program's own parts
# --------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Course:
    """What was said during one scan.

    Attributes:
        named: ``(n,)`` the plane on screen, or empty.
        reasons: ``(n,)`` of the abstention, or empty.
        announced: (frame, plane) at each dwell that was reached.
        kept: the best frame of each plane, by position.
    """

    named: Array
    reasons: Array
    announced: list[tuple[int, str]]
    kept: dict[str, int]


class _EveryDwell:
    """An examination's suggestions, each taken back at once, so that the next dwell on the plane is announced too."""

    def __init__(self, examination: Examination) -> None:
        self.position = 0
        self.found: list[tuple[int, str]] = []
        self._examination = examination

    def __call__(self, event: Any) -> None:
        if event.data["by"] == "program":
            self.found.append((self.position, event.data["plane"]))
            self._examination.mark(event.data["item"], "open", event.captured_ns)


def follow(scan: Scan, bundle: ModelBundle, settings: Settings) -> Course:
    """Decide every frame of a scan."""
    decision.TIME_CONSTANT_NS, decision.KEEP_SHARE = round(settings.time_constant_ms * 1e6), settings.keep_share
    planes = [name for name in bundle.classes if name != bundle.background]
    examination = Examination(planes, round(settings.dwell_s * SECONDS))
    announced = _EveryDwell(examination)
    kept: dict[str, int] = {}

    def keep(best: BestFrame) -> None:
        kept[best.plane] = best.frame.index

    examination.on_event, examination.on_best = announced, keep
    decider, strangeness = Decider(bundle), decision.TemporalFilter()
    above = np.inf if bundle.familiarity is None or not settings.strange else bundle.familiarity.above
    pixels = np.zeros((8, 8), np.uint8)
    probability = probabilities(scan.logits, bundle.temperature)
    named, reasons = [], []
    previous: Guidance | None = None
    for position, time_ns in enumerate(scan.times_ns.tolist()):
        shown = (0, int(scan.scenes[position]))
        odd = float(strangeness(np.array([scan.distances[position]], np.float32), time_ns, shown)[0])
        if scan.modes[position]:
            mode = Abstention(scan.modes[position])
            said = Decision(None, decide(probability[position], bundle).top, 0.0, mode)
            decider.forget()
        else:
            fast = scan.motion[position] > settings.fast
            instead = Abstention.OUT_OF_DISTRIBUTION if odd > above else Abstention.FAST_MOTION if fast else None
            said = decider(probability[position], time_ns, shown, instead)
        guidance = Guidance(
            position, time_ns, 0, shown[1], time_ns, probability[position], said, None, (0, 0, 8, 8), bundle.model_id
        )
        announced.position = position
        examination.guided(guidance, previous, Frame(position, time_ns, pixels))
        previous = guidance
        named.append(said.plane or "")
        reasons.append(said.abstention or "")
    examination.close()
    return Course(np.array(named), np.array(reasons), announced.found, kept)


# --------------------------------------------------------------------------------------------------------------------
# Scoring
# --------------------------------------------------------------------------------------------------------------------


def visits(scan: Scan, background: str) -> list[tuple[int, int, str]]:
    """(first, last, plane): stretches of frames on a plane, short losses bridged, of ``LEAST_VISIT_S`` and more."""
    found: list[tuple[int, int, str]] = []
    for position in np.flatnonzero(scan.truth != background).tolist():
        plane = str(scan.truth[position])
        if found and found[-1][2] == plane:
            first, last, _ = found[-1]
            if scan.times_ns[position] - scan.times_ns[last] <= SAME_VISIT_S * SECONDS:
                found[-1] = (first, position, plane)
                continue
        found.append((position, position, plane))
    return [visit for visit in found if scan.times_ns[visit[1]] - scan.times_ns[visit[0]] >= LEAST_VISIT_S * SECONDS]


def onsets(named: Array, background: str) -> list[tuple[int, str]]:
    """(frame, plane) where a plane begins to be named."""
    before = np.concatenate([[""], named[:-1]])
    return [(int(i), str(named[i])) for i in np.flatnonzero(named != before) if named[i] not in ("", background)]


def score(scans: Sequence[Scan], courses: Sequence[Course], background: str) -> dict[str, Any]:
    """The figures of one split; see ``docs/decision-quality.md`` for what they mean."""
    until: dict[str, list[float]] = {"named": [], "announced": []}
    false: dict[str, list[str]] = {"named": [], "announced": []}
    count = {"named": 0, "announced": 0}
    errors, best_errors, ranks, wrong = [], [], [], 0
    n_visits = 0
    for scan, course in zip(scans, courses, strict=True):
        real = visits(scan, background)
        n_visits += len(real)
        for kind, events in (("named", onsets(course.named, background)), ("announced", course.announced)):
            count[kind] += len(events)
            for first, last, plane in real:
                heard = [at for at, of in events if of == plane and first <= at <= last]
                # A plane that was named shortly before the arrival and still is, was announced at the arrival.
                already = kind == "named" and course.named[first] == plane
                if heard or already:
                    at = first if already else heard[0]
                    until[kind].append(float(scan.times_ns[at] - scan.times_ns[first]) / SECONDS)
            false[kind] += [how for at, of in events if (how := _falsely(scan, at, of))]
        for plane, position in course.kept.items():
            on_plane = (scan.truth == plane) & (scan.sought == plane)
            if scan.truth[position] != plane:
                wrong += 1
            elif on_plane.any():
                errors.append(float(scan.error[position]))
                best_errors.append(float(scan.error[on_plane].min()))
                ranks.append(float((scan.error[on_plane] < scan.error[position]).mean()))
    minutes = sum(scan.minutes for scan in scans)
    frames = sum(len(scan.truth) for scan in scans)
    truth, named = (np.concatenate(each) for each in ([s.truth for s in scans], [c.named for c in courses]))
    reasons = np.concatenate([course.reasons for course in courses])
    spoken = named != ""
    return {
        "scans": len(scans),
        "minutes": round(minutes, 1),
        "visits": n_visits,
        **{
            f"{kind}_{name}": value
            for kind in until
            for name, value in (
                ("share", round(len(until[kind]) / max(n_visits, 1), 3)),
                ("after_s_median", _quantile(until[kind], 0.5)),
                ("after_s_p90", _quantile(until[kind], 0.9)),
                ("a_minute", round(count[kind] / minutes, 2)),
                ("false_a_minute", round(len(false[kind]) / minutes, 2)),
                ("false_elsewhere_a_minute", round(false[kind].count("elsewhere") / minutes, 2)),
            )
        },
        "best_frames": len(ranks) + wrong,
        "best_of_wrong_plane": wrong,
        "best_error_median": _quantile(errors, 0.5),
        "true_best_error_median": _quantile(best_errors, 0.5),
        "best_rank_median": _quantile(ranks, 0.5),
        "coverage": round(float(spoken.mean()), 3),
        "accuracy_of_named": round(float((truth == named)[spoken].mean()), 3) if spoken.any() else None,
        "abstained": {
            str(why): round(float((reasons == why).sum()) / frames, 4) for why in sorted(set(reasons) - {""})
        },
    }


def _falsely(scan: Scan, at: int, plane: str) -> str:
    """``near`` or ``elsewhere`` when the frame does not show the plane nor did within ``SAME_VISIT_S``; else empty."""
    around = np.abs(scan.times_ns - scan.times_ns[at]) <= SAME_VISIT_S * SECONDS
    if (scan.truth[around] == plane).any():
        return ""
    return "near" if scan.sought[at] == plane and scan.error[at] <= NEAR else "elsewhere"


def _quantile(values: Sequence[float], share: float) -> float | None:
    return round(float(np.quantile(values, share)), 3) if values else None


# --------------------------------------------------------------------------------------------------------------------
# The command
# --------------------------------------------------------------------------------------------------------------------


def sweep(scans: Sequence[Scan], bundle: ModelBundle) -> list[dict[str, Any]]:
    """The figures for each setting, on the scans that settings are chosen by."""
    found = []
    for constant, keep, dwell, fast in product(*TRIED):
        settings = Settings(constant, keep, dwell, fast)
        courses = [follow(scan, bundle, settings) for scan in scans]
        row = {"time_constant_ms": constant, "keep_share": keep, "dwell_s": dwell, "fast": float(fast)}
        found.append(row | score(scans, courses, bundle.background))
        shown = {key: value for key, value in found[-1].items() if key not in ("scans", "minutes", "visits")}
        print(json.dumps(shown), flush=True)
    return found


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sessions", type=Path)
    parser.add_argument("--splits", nargs="+", default=["test", "test_unseen"], choices=SPLITS)
    parser.add_argument("--scans", type=int, help="at most so many of each split")
    parser.add_argument("--model", default="default")
    parser.add_argument("--cache", type=Path, default=Path("runs/decisions"))
    parser.add_argument("--sweep", action="store_true", help="try settings on the validation scans")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    bundle = read_bundle(model_path(asked.model))
    splits = ["validation"] if asked.sweep else asked.splits
    scans = list(scans_of(asked.sessions, bundle, splits, asked.scans, asked.cache))
    if asked.sweep:
        rows = sweep(scans, bundle)
    else:
        rows = []
        for split in splits:
            own = [scan for scan in scans if scan.split == split]
            for strange in (True, False) if bundle.familiarity is not None else (True,):
                settings = Settings(strange=strange)
                courses = [follow(scan, bundle, settings) for scan in own]
                rows.append({"split": split, "out_of_distribution": strange} | score(own, courses, bundle.background))
    report = {
        "model": bundle.model_id, "machine": processor_name().split(" avx")[0], "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "rows": rows,
    }  # fmt: skip
    if asked.json is not None:
        asked.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=None if asked.sweep else 1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
