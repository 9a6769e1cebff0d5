"""``sonocue phantom``: the software scanner offline. Runs on the main thread; heavy imports happen only when used."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The software scanner: make data sets, look at its planes.", no_args_is_help=True)


@app.command()
def make(
    out: Annotated[Path, typer.Argument(help="Folder to make.", metavar="OUT")],
    subjects: Annotated[int, typer.Option(help="How many subjects; a session each.")] = 8,
    seed: Annotated[int, typer.Option(help="Which subjects; another seed shares none with this one.")] = 1,
    seconds: Annotated[float, typer.Option(help="Length of each scan.")] = 120.0,
    relevant: Annotated[float, typer.Option(help="Share of utterances that fit the image, 0 to 1.")] = 0.7,
    lossless: Annotated[bool, typer.Option("--lossless", help="Keep every pixel.")] = False,
) -> None:
    """Record scans of many subjects, with narration, gaze and their truth."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from plugins.phantom.dataset import make_dataset

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task("subjects scanned", total=subjects)
    with ExitStack() as shown:

        def advance(done: int) -> None:
            if done == 0:  # the parameters were found possible
                shown.enter_context(bar)
            bar.update(task, completed=done)

        make_dataset(
            out,
            subjects=subjects,
            seed=seed,
            seconds=seconds,
            relevant_share=relevant,
            lossless=lossless,
            on_progress=advance,
        )
    typer.echo(f"{out}: {subjects} sessions of {seconds:g} s")


@app.command()
def gallery(
    out: Annotated[Path, typer.Argument(help="PNG file to write.", metavar="OUT.png")],
    seed: Annotated[int, typer.Option(help="The first subject.")] = 1,
    subjects: Annotated[int, typer.Option(help="How many subjects.")] = 1,
) -> None:
    """Draw one picture of each standard plane."""
    from plugins.phantom.gallery import save_gallery

    save_gallery(out, seed=seed, subjects=subjects)
    typer.echo(str(out))
