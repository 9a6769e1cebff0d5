"""``sonocue phantom``: the software scanner offline. Runs on the main thread; heavy imports happen only when used."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from assistant.errors import ConfigError

app = typer.Typer(help="The software scanner: make data sets, look at its planes.", no_args_is_help=True)

RealPictures = Annotated[
    Path | None, typer.Option(help="Folder with SonoNet's published examples, shown beside.", metavar="FOLDER")
]


@app.command()
def make(
    out: Annotated[Path, typer.Argument(help="Folder to make.", metavar="OUT")],
    subjects: Annotated[int, typer.Option(help="How many usual subjects; a session each.")] = 8,
    unseen: Annotated[
        int | None,
        typer.Option(help="How many subjects of the harder test set.", show_default="a fifth, at least 1"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which subjects; another seed shares none with this one.")] = 1,
    seconds: Annotated[float, typer.Option(help="Length of each scan.")] = 120.0,
    relevant: Annotated[float, typer.Option(help="Share of utterances that fit the image, 0 to 1.")] = 0.7,
    size: Annotated[str, typer.Option(help="Of the screen, in pixels.", metavar="WxH")] = "640x480",
    annotations: Annotated[
        str, typer.Option(help="On frozen images: decoy (follows no plane), measured or none.")
    ] = "decoy",
    lossless: Annotated[bool, typer.Option("--lossless", help="Keep every pixel.")] = False,
    real: RealPictures = None,
) -> None:
    """Record scans of many subjects, with narration, gaze and their truth, splits and checksums."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from plugins.phantom.dataset import Recipe, make_dataset
    from plugins.phantom.settings import parse_settings

    if "," in f"{size}{annotations}":
        raise ConfigError(
            f"phantom make: size '{size}' or annotations '{annotations}' cannot be read: say e.g. 640x480"
        )
    scan = parse_settings(f"0,seconds={seconds},relevant={relevant},size={size},annotations={annotations}")
    recipe = Recipe(subjects, seed, scan, unseen, lossless)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task("subjects scanned", total=None)
    begin = time.perf_counter()
    with ExitStack() as shown:

        def advance(done: int, total: int) -> None:
            if done == 0:  # the parameters were found possible
                shown.enter_context(bar)
            bar.update(task, completed=done, total=total)

        make_dataset(out, recipe, real=real, on_progress=advance)
    took_s = time.perf_counter() - begin
    recorded_s = len(recipe.scans()) * seconds
    size_mb = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 1e6
    typer.echo(f"{out}: {len(recipe.scans())} sessions, {recorded_s / 3600:.2f} hours, {size_mb:.0f} MB; ", nl=False)
    typer.echo(f"made in {took_s:.0f} s, {recorded_s / took_s:.1f} x real time")


@app.command()
def gallery(
    out: Annotated[Path, typer.Argument(help="PNG file to write.", metavar="OUT.png")],
    seed: Annotated[int, typer.Option(help="The first subject.")] = 1,
    subjects: Annotated[int, typer.Option(help="How many subjects.")] = 1,
    real: RealPictures = None,
) -> None:
    """Draw one picture of each standard plane."""
    from plugins.phantom.gallery import save_gallery

    save_gallery(out, seed=seed, subjects=subjects, real=real)
    typer.echo(str(out))
