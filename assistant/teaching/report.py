"""The report of a training session: one HTML file with plots and stills, without any script, that opens anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from assistant.errors import SessionError
from assistant.teaching import svg
from assistant.teaching.gaze_scores import guided_times_ns
from assistant.teaching.scores import BACKGROUND, Scores, counted_frames, named_planes
from assistant.teaching.stills import still

_TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **facts: Any) -> str:
    """A template of ``templates/`` with its facts. Everything is escaped but what the template marks as safe."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"number": number, "percent": percent, "seconds": seconds}
    return environment.get_template(template).render(**facts)


def write_report(scores: Scores, out: Path) -> None:
    """Write the report of a session's scores to ``out``.

    Raises:
        SessionError: an image cannot be read, or the file cannot be written.
    """
    recording = scores.recording
    may_see = recording.config.get("predicted_gaze", "shown") != "hidden"
    stills = [
        (item, still(recording, item.best_frame_index, with_prediction=may_see))
        for item in scores.planes
        if item.best_frame_index is not None
    ]
    gaze_plots: list[str] = []
    if scores.gaze is not None and scores.gaze.windows:
        points = [(window.at_s, window.nss) for window in scores.gaze.windows]
        highest = max(3.0, float(np.ceil(max(value for _, value in points))))
        words = "seconds since the first image"
        gaze_plots.append(svg.curve(points, scores.length_s, (-1.0, highest), (words, "NSS"), "NSS over time"))
        points = [(window.at_s, window.cc) for window in scores.gaze.windows]
        plot = svg.curve(points, scores.length_s, (-1.0, 1.0), (words, "CC"), "CC over time", square=True)
        gaze_plots.append(plot)
    page = render(
        "report.html",
        scores=scores,
        recording=recording,
        stills=stills,
        shows_prediction=may_see,
        lanes=_lanes(scores),
        gaze_plots=gaze_plots,
    )
    write_page(out, page)


def write_page(out: Path, page: str) -> None:
    """Write a page. Raises ``SessionError`` when it cannot be written."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SessionError(f"report '{out}' cannot be written: {error.strerror}: name another place") from error


def _lanes(scores: Scores) -> str:
    """When each plane was on screen; hollow where the time does not count."""
    recording = scores.recording
    named, _ = named_planes(recording)
    counted, _ = counted_frames(recording)
    at_s = (guided_times_ns(recording) - recording.begin_ns) / 1e9
    ends_s = np.append(at_s[1:], scores.length_s)
    wanted = [item.plane for item in scores.planes]
    rows: dict[str, list[svg.Bar]] = {plane: [] for plane in wanted}
    for begin, end, plane, counts in zip(at_s.tolist(), ends_s.tolist(), named, counted.tolist(), strict=True):
        if plane == BACKGROUND or plane not in rows:
            continue
        bars, end = rows[plane], min(end, begin + 0.5)
        if bars and bars[-1].faint != counts and begin - bars[-1].end < 1e-6:
            bars[-1] = svg.Bar(bars[-1].begin, end, faint=not counts)
        else:
            bars.append(svg.Bar(begin, end, faint=not counts))
    return svg.lanes(list(rows.items()), scores.length_s, "seconds since the first image", "Planes over time")


def number(value: float | None, digits: int = 2) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def percent(share: float | None) -> str:
    """A share in percent, or a dash."""
    return "-" if share is None else f"{100 * share:.0f} %"


def seconds(value: float | None) -> str:
    """Seconds, or a dash."""
    return "-" if value is None else f"{value:.1f} s"


def report_path(session: Path) -> Path:
    """Where a session's report goes unless somebody says otherwise: beside its folder."""
    if not session.name:
        raise SessionError(f"'{session}' is no session")
    return session.parent / f"{session.name}.report.html"
