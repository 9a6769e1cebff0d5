"""The command ``sonocue``: ``live``, ``record``, ``replay``, and what other files and rooms add by entry points.

Errors that a user can mend are one line on standard error and exit status 2 (``main``); a run that failed on its way
ends with exit status 1, after its session was closed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import entry_points
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from assistant.config import load_config
from assistant.errors import ConfigError, PluginError, SonocueError
from assistant.plugin_loader import load_entry_point, load_plugin, missing_package

if TYPE_CHECKING:
    from assistant.config import RunConfig
    from assistant.contracts import Guidance
    from assistant.run import Run

Source = Annotated[str | None, typer.Option(help="Video source, NAME:ARGUMENT: phantom:1, file:scan.mp4, stream:URL.")]
Microphone = Annotated[str | None, typer.Option(help="Microphone, NAME or NAME:DEVICE, e.g. sounddevice.")]
Consent = Annotated[bool, typer.Option("--consent", help="Everybody in the room agreed to be recorded.")]
Model = Annotated[str | None, typer.Option(help="Model folder, or 'default'.")]
Backend = Annotated[list[str] | None, typer.Option(help="Inference engine; repeat to name the next to try.")]
Smaller = Annotated[str | None, typer.Option(help="Model of the same planes to step down to where this is too slow.")]
Record = Annotated[Path | None, typer.Option(help="Folder for recorded sessions.  [default: recordings]")]
Subject = Annotated[str | None, typer.Option(help="Pseudonym of the subject; never a name.")]
Seconds = Annotated[float | None, typer.Option(help="End by itself after so many seconds.")]
Config = Annotated[Path | None, typer.Option(help="Settings from a TOML file; the command line wins.")]
Headless = Annotated[bool, typer.Option("--headless", help="No window.")]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON line.")]
Mask = Annotated[
    str | None, typer.Option(help="Black outside the image: auto, rect (mask_layouts), off.  [default: auto]")
]
Decisions = Annotated[Path | None, typer.Option(help="Write what was decided to FILE, one JSON line a frame.")]


def live(
    source: Source = None,
    microphone: Microphone = None,
    consent: Consent = False,
    model: Model = None,
    backend: Backend = None,
    record: Record = None,
    no_record: Annotated[bool, typer.Option("--no-record", help="Write no session.")] = False,
    subject: Subject = None,
    publish: Annotated[list[str] | None, typer.Option(help="Send guidance to NAME:ARGUMENT; repeatable.")] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="Record pixels without loss.")] = False,
    lockstep: Annotated[bool, typer.Option("--lockstep", help="Infer every frame, waiting where needed.")] = False,
    mask: Mask = None,
    seconds: Seconds = None,
    config: Config = None,
    headless: Headless = False,
    screenshot: Annotated[Path | None, typer.Option(help="Save a picture of the window before it closes.")] = None,
    decisions: Decisions = None,
    gaze: Annotated[str | None, typer.Option(help="Eye tracker, NAME:ARGUMENT: lsl:NAME, pupil:HOST, mouse.")] = None,
    as_json: Json = False,
    smaller: Smaller = None,
    checklist: Annotated[str | None, typer.Option(help="Checklist: fasp20, or a TOML file.")] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Make and record guidance, show nothing of it.")] = False,
    overlay: Annotated[
        str | None, typer.Option(help="Over another program: WIDTHxHEIGHT+LEFT+TOP of the screen; filmed; beside.")
    ] = None,
) -> None:
    """Guide a scan: show the detected plane and the predicted gaze, and record everything."""
    settings = _settings(
        config,
        source=source,
        microphone=microphone,
        consent=consent or None,
        model=model,
        backends=backend,
        record=record,
        subject=subject,
        publishers=publish,
        lossless=lossless or None,
        lockstep=lockstep or None,
        mask=mask,
        seconds=seconds,
        smaller_model=smaller,
        checklist=checklist,
        shadow=shadow or None,
        gaze=gaze,
    )
    if no_record:
        settings = settings.model_copy(update={"record": None})
    _run(settings, headless=headless, screenshot=screenshot, decisions=decisions, as_json=as_json, overlay=overlay)


def record(
    folder: Annotated[Path, typer.Argument(help="Folder for recorded sessions.")] = Path("recordings"),
    source: Source = None,
    microphone: Microphone = None,
    consent: Consent = False,
    subject: Subject = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="Record pixels without loss.")] = False,
    lockstep: Annotated[bool, typer.Option("--lockstep", help="As fast as the source can, not in real time.")] = False,
    mask: Mask = None,
    seconds: Seconds = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Record a session without guidance and without a window."""
    settings = _settings(
        config,
        source=source,
        microphone=microphone,
        consent=consent or None,
        record=folder,
        subject=subject,
        lossless=lossless or None,
        lockstep=lockstep or None,
        mask=mask,
        seconds=seconds,
    )
    _run(settings.model_copy(update={"model": None}), headless=True, as_json=as_json)


def replay(
    session: Annotated[Path, typer.Argument(help="A recorded session.")],
    model: Model = None,
    backend: Backend = None,
    seconds: Seconds = None,
    config: Config = None,
    headless: Headless = False,
    screenshot: Annotated[Path | None, typer.Option(help="Save a picture of the window before it closes.")] = None,
    decisions: Decisions = None,
    as_json: Json = False,
    labels: Annotated[Path | None, typer.Option(help="Label table.  [default: labels.csv beside the session]")] = None,
    classes: Annotated[str, typer.Option(help="Class list of the labels, or a TOML file.")] = "sononet13",
    as_recorded: Annotated[bool, typer.Option("--as-recorded", help="Only frames that the run inferred too.")] = False,
) -> None:
    """Look at a recorded session; --model shows another model beside it. --headless: guidance for every frame anew."""
    if not headless:
        if decisions is not None or as_json:
            raise ConfigError("--decisions and --json tell what a run over the session decided: add --headless")
        show = load_plugin("sonocue.views", "replay")
        settings = _settings(config, model=model, backends=backend)
        show(
            session, labels=labels, classes=classes, model=model, backends=settings.backends, seconds=seconds,
            screenshot=screenshot,
        )  # fmt: skip
        return
    settings = _settings(
        config,
        source=f"session:{session}",
        model=model,
        backends=backend,
        lockstep=True,
        seconds=seconds,
        as_recorded=as_recorded or None,
    )
    settings = settings.model_copy(update={"record": None, "microphone": None})
    _run(settings, headless=headless, screenshot=screenshot, decisions=decisions, as_json=as_json, replayed=session)


def main() -> None:
    """Entry point of the command ``sonocue``."""
    try:
        if not sys.argv[1:] and _has_screen():
            load_plugin("sonocue.views", "start")()
            return
        _application()()
    except SonocueError as error:
        _end(str(error), 2)
    except KeyboardInterrupt:
        _end("stopped before it began", 130)
    except ModuleNotFoundError as error:
        _end(str(missing_package(error, "this command")), 2)


def _has_screen() -> bool:
    """Without a command, whoever sits before a screen gets the start page, and everybody else the help."""
    return not sys.platform.startswith("linux") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    )


def _application() -> typer.Typer:
    """All commands: a function is a command, a Typer app a group of them."""
    application = typer.Typer(
        help="Sonocue: a real-time ultrasound scanning assistant. Research use only, not for diagnosis.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    asked = sys.argv[1:2]
    points = sorted(entry_points(group="sonocue.commands"), key=lambda point: point.name)
    # Only what was asked for is imported; an unknown name or a call for help gets the whole list.
    wanted = [point for point in points if [point.name] == asked]
    for point in wanted or points:
        try:
            command = load_entry_point(point)
        except PluginError as error:
            if wanted:
                raise
            application.command(name=point.name, help=f"Not available: {error}")(lambda: None)
            continue
        if isinstance(command, typer.Typer):
            application.add_typer(command, name=point.name)
        else:
            application.command(name=point.name)(command)
    application.callback()(lambda: None)  # keeps the command's name when only one was loaded
    return application


def _settings(file: Path | None, **overrides: Any) -> RunConfig:
    return load_config(file, overrides)


def _run(
    settings: RunConfig,
    *,
    headless: bool,
    as_json: bool,
    screenshot: Path | None = None,
    decisions: Path | None = None,
    replayed: Path | None = None,
    overlay: str | None = None,
) -> None:
    """Run until the end, a signal, or the window's closing; then print the summary."""
    from assistant.decision_log import DecisionLog
    from assistant.pipeline import start_run

    if headless and screenshot is not None:
        raise ConfigError("--screenshot needs the window: leave out --headless")
    show = None if headless else load_plugin("sonocue.views", "window")
    if overlay is not None:
        if headless or screenshot is not None:
            raise ConfigError("--overlay lies over another program's window: leave out --headless and --screenshot")
        show = load_plugin("sonocue.views", "overlay")(overlay, source=settings.source, language=settings.language)
    deciding = DecisionLog(decisions) if decisions is not None else nullcontext()
    agreement = None
    if replayed is not None and settings.model is not None:
        from assistant.session.agreement import ReplayAgreement
        from assistant.session.reader import SessionReader

        agreement = ReplayAgreement(SessionReader(replayed), settings.model_dump(mode="json"))
    with deciding as log, stopping_on_signals() as opened:
        run = start_run(
            settings, on_guidance=_each_of(log, agreement), in_real_time=show is not None, on_opened=opened.append
        )
        if show is None:
            watch(run)
        else:
            show(
                run,
                title="Sonocue",
                seconds=settings.seconds,
                screenshot=screenshot,
                heatmap=settings.heatmap,
                language=settings.language,
            )
        run.stop()
        run.wait()
    summary = run.summary()
    if replayed is not None:
        summary["agreement"] = None if agreement is None else agreement.result()
    if as_json:
        print(json.dumps(summary))  # noqa: T201 - the command's output
    else:
        _print_summary(summary)
    if run.failed:
        _end("; ".join(summary["faults"]), 1)


def _each_of(*told: Callable[[Guidance], None] | None) -> Callable[[Guidance], None]:
    """Tells each of them that there is."""

    def tell(guidance: Guidance) -> None:
        for each in told:
            if each is not None:
                each(guidance)

    return tell


def watch(run: Run) -> None:
    """Wait for the end; on a terminal, say how it goes."""
    console = Console(stderr=True)
    with console.status("starting") if console.is_terminal else nullcontext() as status:
        while not run.wait(0.5):
            if status is not None:
                now = run.snapshot()
                plane = "-" if now.guidance is None else now.guidance.decision.plane or "not sure"
                faults = f"  {'; '.join(now.faults)}" if now.faults else ""
                status.update(
                    f"{now.elapsed_s:.0f} s  {now.fps:.0f} fps  captured {now.counters.captured}  "
                    f"recorded {now.counters.recorded}  lost {now.counters.lost}  {plane}{faults}"
                )


@contextmanager
def stopping_on_signals() -> Iterator[list[Run]]:
    """SIGINT and SIGTERM end the run properly, and a second one changes nothing; before, they end the command.

    Yields the list that the run is put into when it is open (``start_run``'s ``on_opened``).
    """
    opened: list[Run] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        if not opened:
            raise KeyboardInterrupt
        opened[0].stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield opened
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print_summary(summary: dict[str, Any]) -> None:
    """For people: without the planes that were not seen and the items that nobody touched."""
    table = Table(show_header=False)
    for name, value in summary.items():
        if isinstance(value, dict):
            value = "  ".join(f"{key} {_told(one)}" for key, one in value.items() if one not in (0.0, "open"))
        elif isinstance(value, list):
            value = "\n".join(value)
        table.add_row(name, _told(value))
    Console().print(table)


def _told(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value in (None, "") else str(value)


def _end(message: str, status: int) -> None:
    """Say one line on standard error and end."""
    one_line = " ".join(message.split())
    print(f"sonocue: {one_line}", file=sys.stderr)  # noqa: T201 - the one line
    sys.exit(status)
