"""What a command shows of long work: a bar with the time left, and a line for each epoch. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

CONSOLE = Console(stderr=True)
BAR = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TimeRemainingColumn(),
)


@contextmanager
def epoch_bar(
    step: str, count: int, run: Path, *, first: bool = True
) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """A progress bar, moved by each epoch's figures; these are printed too, and kept for TensorBoard by the first."""
    from trainer.tensorboard_log import FOLDER, tensorboard_log

    with Progress(*BAR, console=CONSOLE) as progress, tensorboard_log(run / FOLDER / step) as write:
        task = progress.add_task(step, total=count)

        def report(figures: Mapping[str, float]) -> None:
            shown = "  ".join(f"{name} {value:.3f}" for name, value in figures.items() if name != "epoch")
            progress.console.print(f"  {step} epoch {figures['epoch']:.0f}: {shown}", highlight=False)
            if first:
                write(figures)
            progress.update(task, completed=int(figures["epoch"]) + 1)

        yield report


def say_where_plots_are(folder: Path) -> None:
    """Before a step begins: where to look meanwhile, and that it goes on, if it does."""
    from trainer.checkpoint import CHECKPOINT

    if (folder / CHECKPOINT).exists():
        CONSOLE.print(f"goes on from {folder / CHECKPOINT} (--again: begins again)", highlight=False, soft_wrap=True)
    CONSOLE.print(f"plots, new after each epoch: {folder / 'history.png'}", highlight=False, soft_wrap=True)
