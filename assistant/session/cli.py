"""``sonocue session``: look at recorded sessions. Runs on the main thread; heavy imports happen only when used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from assistant.session.reader import SessionReader

app = typer.Typer(help="Look at recorded sessions.", no_args_is_help=True)


@app.command()
def verify(paths: Annotated[list[Path], typer.Argument(help="Session folders.", metavar="PATH...")]) -> None:
    """Check that sessions are complete and unaltered; exit status 2 when one is not."""
    from assistant.session.verify import verify_session

    sound = True
    for path in paths:
        problems = verify_session(path)
        sound = sound and not problems
        for problem in problems:
            typer.echo(problem, err=True)
        if not problems:
            typer.echo(f"{path}: ok")
    if not sound:
        raise typer.Exit(2)


@app.command()
def recover(
    paths: Annotated[
        list[Path], typer.Argument(help="Folders that end in .partial, or folders of sessions.", metavar="PATH...")
    ],
) -> None:
    """Complete sessions whose recording was cut off (power, crash, a pulled disk); exit status 2 when one cannot be."""
    from assistant.errors import SessionError
    from assistant.session.manifest import MANIFEST_NAME, PARTIAL_SUFFIX
    from assistant.session.reader import SessionReader
    from assistant.session.recover import recover_session

    failed = False
    for path in paths:
        holds_sessions = path.is_dir() and not (path / MANIFEST_NAME).exists()
        found = sorted(path.glob(f"*{PARTIAL_SUFFIX}")) if holds_sessions else [path]
        if not found:
            typer.echo(f"{path}: no session in it was cut off")
        for session in found:
            try:
                recovered = recover_session(session)
            except SessionError as error:
                typer.echo(str(error), err=True)
                failed = True
            else:
                facts = dict(_facts(SessionReader(recovered)))
                typer.echo(f"{recovered}: video {facts['video']}; sound {facts['sound']}")
    if failed:
        raise typer.Exit(2)


@app.command()
def show(path: Annotated[Path, typer.Argument(help="A session folder.", metavar="PATH")]) -> None:
    """Say what a session holds."""
    from assistant.session.reader import SessionReader

    for name, value in _facts(SessionReader(path)):
        typer.echo(f"{name:<10} {value}")


@app.command()
def export(
    path: Annotated[Path, typer.Argument(help="A session folder.", metavar="SESSION")],
    out: Annotated[Path, typer.Argument(help="Folder for the files.", metavar="OUT")],
    video: Annotated[bool, typer.Option("--video", help="MP4 with guidance burned in.")] = False,
    stills: Annotated[bool, typer.Option("--stills", help="PNG of the surest frame of each plane.")] = False,
    table: Annotated[bool, typer.Option("--table", help="CSV of decisions, one line a frame.")] = False,
    start_s: Annotated[float, typer.Option("--from", help="Begin so many seconds after the first frame.")] = 0.0,
    end_s: Annotated[float | None, typer.Option("--to", help="End so many seconds after the first frame.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Label table.  [default: labels.csv beside the session]")] = None,
    classes: Annotated[str, typer.Option(help="Class list of the labels, or a TOML file.")] = "sononet13",
) -> None:
    """Export a session as video, stills and table (all three when none is named)."""
    from assistant.replay.cli_export import export_session

    if not (video or stills or table):
        video = stills = table = True
    for file in export_session(
        path, out, video=video, stills=stills, table=table, start_s=start_s, end_s=end_s, labels=labels, classes=classes
    ):
        typer.echo(str(file))


def _facts(reader: SessionReader) -> list[tuple[str, str]]:
    manifest, header = reader.manifest, reader.header
    times_ns = reader.frame_times_ns
    sizes = {f"{s.width_px}x{s.height_px} {'grey' if s.grey else 'RGB'}" for s in manifest.segments if s.video_codec}
    sound_s = reader.sound_samples / manifest.sample_rate_hz if manifest.sample_rate_hz else 0.0
    kinds: dict[str, int] = {}
    for event in reader.timeline():
        kinds[event.kind] = kinds.get(event.kind, 0) + 1
    video_s = (int(times_ns[-1]) - int(times_ns[0])) / 1e9 if len(times_ns) else 0.0
    return [
        ("session", reader.session_id),
        ("recorded", manifest.anchor.wall_utc),
        ("subject", f"{header.subject} ({'consent given' if header.consent else 'no consent for sound'})"),
        ("origin", header.origin),
        ("sources", "; ".join(source.name for source in header.sources)),
        ("video", f"{len(reader)} frames, {video_s:.2f} s, {', '.join(sorted(sizes)) or 'none'}"),
        ("sound", f"{sound_s:.2f} s at {manifest.sample_rate_hz} Hz" if sound_s else "none"),
        ("timeline", ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "empty"),
        ("model", header.model_id or "none"),
        ("complete", "yes" if reader.complete else f"no: {manifest.reason}"),
    ]
