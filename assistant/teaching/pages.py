"""History and cohort as tables on a terminal and as HTML pages with plots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.table import Table

from assistant.teaching import svg
from assistant.teaching.history import Entry
from assistant.teaching.report import number, percent, render


def history_table(entries: Sequence[Entry]) -> Table:
    """A trainee's sessions, one a row."""
    table = Table("when", "case", "counted", "planes", "quality", "NSS", "CC", "against", "narration", "missed")
    for item in entries:
        table.add_row(
            item.recorded_utc[:16].replace("T", " "),
            item.case_name,
            f"{item.counted_s:.0f} s",
            f"{item.planes_seen} of {item.planes_wanted}",
            percent(item.quality),
            number(item.nss),
            number(item.cc),
            item.gaze_reference or "-",
            percent(item.narration),
            item.missed or "-",
        )
    return table


def cohort_rows(entries: Iterable[Entry]) -> list[dict[str, str]]:
    """One row a trainee: how many sessions, the means, and the planes that were missed most."""
    rows: list[dict[str, str]] = []
    for trainee, of_trainee in groupby(entries, key=lambda item: item.trainee):
        sessions = list(of_trainee)
        missed = [name for item in sessions for name in item.missed.split("; ") if name]
        often = sorted(set(missed), key=lambda name: (-missed.count(name), name))[:3]
        rows.append(
            {
                "trainee": trainee,
                "sessions": str(len(sessions)),
                "last": sessions[-1].recorded_utc[:10],
                "planes": percent(_mean(item.planes_share for item in sessions)),
                "quality": percent(_mean(item.quality for item in sessions)),
                "nss": number(_mean(item.nss for item in sessions)),
                "cc": number(_mean(item.cc for item in sessions)),
                "narration": percent(_mean(item.narration for item in sessions)),
                "missed": ", ".join(f"{name} ({missed.count(name)})" for name in often) or "-",
            }
        )
    return rows


def cohort_table(entries: Iterable[Entry]) -> Table:
    """The cohort, one trainee a row; in order of name, so that it is no ranking."""
    table = Table("trainee", "sessions", "last", "planes held", "quality", "NSS", "CC", "narration", "missed most")
    for row in cohort_rows(entries):
        table.add_row(*row.values())
    return table


def history_page(trainee: str, entries: Sequence[Entry]) -> str:
    """A trainee's sessions as an HTML page with a plot of each figure over the sessions."""
    figures = (
        (
            "planes held",
            (0.0, 1.0),
            [item.planes_share for item in entries],
        ),
        ("quality", (0.0, 1.0), [item.quality for item in entries]),
        ("gaze NSS", (-1.0, 4.0), [item.nss for item in entries]),
        ("gaze CC", (-1.0, 1.0), [item.cc for item in entries]),
        ("narration", (0.0, 1.0), [item.narration for item in entries]),
    )
    plots: list[str] = []
    for place, (name, span, values) in enumerate(figures):
        points = [(float(at), value) for at, value in enumerate(values, 1) if value is not None]
        if points:
            plot = svg.curve(
                points, len(entries), span, ("session", name), f"{name} over sessions",
                square=bool(place % 2), whole_numbers=True,
            )  # fmt: skip
            plots.append(plot)
    return render("history.html", trainee=trainee, entries=entries, plots=plots)


def cohort_page(entries: Sequence[Entry]) -> str:
    """The cohort as an HTML page."""
    plots = {
        trainee: svg.lanes(
            [
                (name, [svg.Bar(0.0, value)] if value is not None else [])
                for name, value in (
                    ("planes held", _mean(i.planes_share for i in sessions)),
                    ("quality", _mean(i.quality for i in sessions)),
                    ("narration", _mean(i.narration for i in sessions)),
                )
            ],
            1.0,
            "share, mean over the sessions",
            f"{trainee}: planes held, quality and narration",
        )
        for trainee, sessions in ((key, list(group)) for key, group in groupby(entries, key=lambda item: item.trainee))
    }
    return render("cohort.html", rows=cohort_rows(entries), plots=plots)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
