"""One training session from beginning to end: calibration check, scan, report, history. On the main thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.cli import stopping_on_signals, watch
from assistant.config import RunConfig
from assistant.errors import ConfigError, SessionError
from assistant.pipeline import start_run
from assistant.plugin_loader import load_plugin
from assistant.teaching.calibration import Calibration
from assistant.teaching.cases import Case, TraineesView, case_library, next_case
from assistant.teaching.history import History, entry_of
from assistant.teaching.open_gaze import create_tracker
from assistant.teaching.report import report_path, write_report
from assistant.teaching.scores import score_session


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What a training session is.

    Attributes:
        settings: of the run.
        distance_mm: from the eyes to the monitor.
        blinded_as: shown in place of names; empty: not blinded.
        headless: without a window, and so without a calibration check.
        screenshot: of the window, or None.
        expert: an expert's session of the same case, or None.
    """

    settings: RunConfig
    distance_mm: float
    blinded_as: str
    headless: bool
    screenshot: Path | None
    expert: Path | None


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What came of it."""

    session: Path
    report: Path
    summary: dict[str, Any]


def choose_case(
    folder: Path, seed: int, number: int | None, trainee: str, history: History, *, blinded: bool, headless: bool
) -> Case | None:
    """The case to work through: by number, by the trainee's choice on a screen, or the next; None: gave up.

    Raises:
        SessionError: the library cannot be used.
        ConfigError: it has no such case.
    """
    cases = case_library(folder, seed, {entry.case_name for entry in history.of(trainee)})
    if number is not None:
        if number > len(cases):
            raise ConfigError(f"--case: expected 1 to {len(cases)}, got {number}")
        return cases[number - 1]
    if headless:
        return next_case(cases)
    chosen: Case | None = load_plugin("sonocue.views", "cases")(cases, blinded=blinded)
    return chosen


def run_training(plan: TrainingPlan, history: History) -> TrainingOutcome | None:
    """Run it, write the report beside the session, keep the scores. None: the trainee gave up before it began.

    Raises:
        SonocueError: something cannot be opened, or the report cannot be written.
    """
    settings = plan.settings
    calibration: Calibration | None = None
    if settings.gaze is not None and not plan.headless:
        check = load_plugin("sonocue.views", "calibration")
        goes_on, calibration = check(create_tracker(settings.gaze), distance_mm=plan.distance_mm)
        if not goes_on:
            return None
    shows_gaze = settings.predicted_gaze == "shown"
    show = None if plan.headless else load_plugin("sonocue.views", "window")
    with stopping_on_signals() as opened:
        run = start_run(settings, on_opened=opened.append)
        if run.observer is not None:
            if calibration is not None:
                run.observer.note(calibration.facts())
            if plan.headless:  # nothing is painted
                run.observer.note_heatmap("hidden")
        if show is None:
            watch(run)
        else:
            view = TraineesView(run, shows_gaze=shows_gaze, blinded_as=plan.blinded_as)
            show(view, title="Sonocue training", seconds=settings.seconds, screenshot=plan.screenshot)
        run.stop()
        run.wait()
    summary = run.summary()
    if summary["session"] is None:
        raise SessionError(f"the session was not recorded: {'; '.join(summary['faults']) or 'no reason given'}")
    session = Path(summary["session"])
    scores = score_session(session, plan.expert)
    report = report_path(session)
    write_report(scores, report)
    entry = entry_of(scores)
    history.add(entry)
    summary |= {"report": str(report), "counted_s": entry.counted_s, "planes_seen": entry.planes_seen}
    summary |= {
        "planes_wanted": entry.planes_wanted,
        "nss": entry.nss,
        "cc": entry.cc,
        "gaze_reason": scores.gaze_reason or scores.recording.stand_in,
    }
    return TrainingOutcome(session, report, summary)
