"""``sonocue teach``: run a training session, score it, look at the history. Runs on the main thread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

app = typer.Typer(help="Training sessions: run one, its report, the history of trainees.", no_args_is_help=True)

HistoryFile = Annotated[
    Path | None, typer.Option("--history", metavar="FILE", help="The history.  [default: recordings/teaching.sqlite]")
]
Trainee = Annotated[str, typer.Argument(metavar="TRAINEE", help="A trainee's pseudonym.")]
Page = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write an HTML page with plots besides.")]
_RECORDINGS = Path("recordings")


@app.command("run")
def run_command(
    trainee: Annotated[str, typer.Option(help="Pseudonym of whoever is trained; never a name.")],
    source: Annotated[
        str | None, typer.Option(help="What is scanned, NAME:ARGUMENT; phantom:1,steer=live is steered by hand.")
    ] = None,
    cases: Annotated[Path | None, typer.Option(metavar="FOLDER", help="A case library: recorded sessions.")] = None,
    case: Annotated[int | None, typer.Option(min=1, help="Which case of the order, without asking.")] = None,
    seed: Annotated[int, typer.Option(help="Draws the order of the cases.")] = 0,
    blinded: Annotated[bool, typer.Option("--blinded", help="Show no names, and name no plane.")] = False,
    predicted_gaze: Annotated[
        Literal["shown", "hidden", "afterwards"],
        typer.Option(help="The predicted gaze: while scanning (then nothing counts), never, or in the report."),
    ] = "afterwards",
    gaze: Annotated[str | None, typer.Option(help="Eye tracker: lsl:NAME, pupil:HOST, mouse, session:PATH.")] = None,
    distance_mm: Annotated[float, typer.Option(min=200, max=2000, help="From the eyes to the monitor.")] = 600.0,
    microphone: Annotated[str | None, typer.Option(help="Microphone, NAME or NAME:DEVICE, e.g. sounddevice.")] = None,
    consent: Annotated[bool, typer.Option("--consent", help="Everybody in the room agreed to be recorded.")] = False,
    model: Annotated[str | None, typer.Option(help="Model folder, or 'default'.")] = None,
    expert: Annotated[Path | None, typer.Option(help="An expert's session of the same case.")] = None,
    record: Annotated[Path | None, typer.Option(help="Folder for recorded sessions.  [default: recordings]")] = None,
    seconds: Annotated[float | None, typer.Option(help="End by itself after so many seconds.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings from a TOML file; the command line wins.")] = None,
    history: HistoryFile = None,
    headless: Annotated[bool, typer.Option("--headless", help="No window.")] = False,
    screenshot: Annotated[Path | None, typer.Option(help="Save a picture of the window before it closes.")] = None,
    opens: Annotated[bool, typer.Option("--open/--no-open", help="Open the report at the end.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON line.")] = False,
) -> None:
    """Let a trainee scan, then write the report and keep the scores in the history."""
    from assistant.config import load_config
    from assistant.errors import ConfigError
    from assistant.teaching.history import FILE_NAME, History
    from assistant.teaching.training_run import TrainingPlan, choose_case, run_training

    if cases is not None and source is not None:
        raise ConfigError("--cases and --source exclude each other: a case is the source")
    if case is not None and cases is None:
        raise ConfigError("--case needs --cases FOLDER")
    overrides = {
        "source": source, "trainee": trainee, "predicted_gaze": predicted_gaze, "gaze": gaze, "microphone": microphone,
        "consent": consent or None, "model": model, "record": record, "seconds": seconds,
    }  # fmt: skip
    settings = load_config(config, overrides)
    if settings.record is None or settings.trainee is None:
        raise ConfigError("a training session is recorded, under a pseudonym: expected record and trainee")
    book = History(history or settings.record / FILE_NAME)
    blinded_as = "Blinded" if blinded else ""
    if cases is not None:
        chosen = choose_case(cases, seed, case, settings.trainee, book, blinded=blinded, headless=headless)
        if chosen is None:
            return
        settings = settings.model_copy(update={"source": f"session:{chosen.path}", "case": chosen.session_id})
        blinded_as = f"Case {chosen.number}" if blinded else ""
    plan = TrainingPlan(settings, distance_mm, blinded_as, headless, screenshot, expert)
    outcome = run_training(plan, book)
    if outcome is None:
        return
    if as_json:
        typer.echo(json.dumps(outcome.summary))
    else:
        Console().print(f"session: {outcome.session}\nreport:  {outcome.report}", highlight=False, soft_wrap=True)
    if opens and not headless and screenshot is None:
        import webbrowser

        webbrowser.open(outcome.report.resolve().as_uri())


@app.command()
def report(
    session: Annotated[Path, typer.Argument(metavar="SESSION", help="A recorded session.")],
    expert: Annotated[Path | None, typer.Option(help="An expert's session of the same case.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The HTML file.  [default: beside SESSION]")] = None,
    history: Annotated[
        Path | None, typer.Option("--history", metavar="FILE", help="Keep the scores in this history too.")
    ] = None,
) -> None:
    """Score a recorded session and write the report."""
    from assistant.teaching.history import History, entry_of
    from assistant.teaching.report import report_path, write_report
    from assistant.teaching.scores import score_session

    scores = score_session(session, expert)
    out = out or report_path(scores.recording.path.resolve())
    write_report(scores, out)
    if history is not None:
        History(history).add(entry_of(scores))
    typer.echo(str(out))


@app.command("history")
def history_command(trainee: Trainee, history: HistoryFile = None, out: Page = None) -> None:
    """A trainee's sessions, oldest first."""
    from assistant.errors import SessionError
    from assistant.teaching.history import History
    from assistant.teaching.pages import history_page, history_table
    from assistant.teaching.report import write_page

    file = _history_file(history)
    entries = History(file).of(trainee)
    if not entries:
        raise SessionError(f"history '{file}' knows no trainee '{trainee}': see 'sonocue teach cohort'")
    _console().print(history_table(entries))
    if out is not None:
        write_page(out, history_page(trainee, entries))
        typer.echo(str(out))


@app.command()
def cohort(history: HistoryFile = None, out: Page = None) -> None:
    """All trainees, one a row, in order of name."""
    from assistant.errors import SessionError
    from assistant.teaching.history import History
    from assistant.teaching.pages import cohort_page, cohort_table
    from assistant.teaching.report import write_page

    file = _history_file(history)
    entries = History(file).all()
    if not entries:
        raise SessionError(f"history '{file}' holds no session: 'teach run' writes one, --history names another")
    _console().print(cohort_table(entries))
    if out is not None:
        write_page(out, cohort_page(entries))
        typer.echo(str(out))


@app.command()
def forget(trainee: Trainee, history: HistoryFile = None) -> None:
    """Remove a trainee from the history; says which recorded sessions are left for you to delete."""
    from assistant.teaching.history import History

    gone = History(_history_file(history)).forget(trainee)
    typer.echo(f"{trainee}: {len(gone)} sessions removed from the history")
    for entry in gone:
        if Path(entry.folder).exists():
            typer.echo(f"the recording and its report are still there, delete them yourself: {entry.folder}")


def _history_file(file: Path | None) -> Path:
    from assistant.teaching.history import FILE_NAME

    return file or _RECORDINGS / FILE_NAME


def _console() -> Console:
    """Wide enough for the tables where nobody's terminal says how wide it is."""
    return Console() if Console().is_terminal else Console(width=160)
