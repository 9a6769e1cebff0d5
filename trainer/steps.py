"""What the commands of ``sonocue train`` do one after the other: begin, prepare, pretrain, fine-tune, evaluate, export.

Each step reads what the one before left in the run's folder, says how it goes, and imports torch when it runs, not
before. Runs on the main thread, in every process of a run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.progress import Progress

from assistant.errors import TrainingError
from trainer.progress import BAR, CONSOLE, epoch_bar, say_where_plots_are

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from trainer.config import TrainConfig
    from trainer.data import Dataset
    from trainer.evaluate import Evaluation


def launch(
    config_file: Path, sessions: str | None, run: Path, stills: Path | None, again: Sequence[str]
) -> tuple[TrainConfig, Dataset, Fabric]:
    """Begin in all processes that the config or ``torchrun`` asks for; the first prepares, and alone speaks and writes.

    Each of the others is this command once more, so bad input must be found before they are started.
    """
    torch_waits_without_spinning()
    from trainer.checkpoint import begin_again
    from trainer.compute import all_processes
    from trainer.config import load_config

    fabric = all_processes(load_config(config_file).compute)
    if fabric.is_global_zero:
        config, dataset = begin(config_file, sessions, run, stills)
        for step in again:
            begin_again(run / step)
        fabric.launch()
    else:
        CONSOLE.quiet = True
        fabric.launch()
        config, dataset = begin(config_file, sessions, run, stills, first=False)
    return config, dataset, fabric


def torch_waits_without_spinning() -> None:
    """Call it before torch is loaded, which reads the setting once.

    Torch's threads wait for each other by spinning; beside other programs that costs them most of their speed (12
    against 34 images a second on two busy cores).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def begin(
    config_file: Path, sessions: str | None, run: Path, stills: Path | None = None, *, first: bool = True
) -> tuple[TrainConfig, Dataset]:
    """The run's folder, its config, and the data, prepared if they were not; ``first`` alone writes."""
    torch_waits_without_spinning()
    from trainer.collection import is_prepared
    from trainer.config import load_config
    from trainer.data import PREPARED, load_dataset
    from trainer.run_folder import begin_run

    config = begin_run(config_file, run) if first else load_config(config_file)
    if sessions is not None and "://" not in sessions and not is_prepared(sessions):
        if first:
            CONSOLE.print(prepare_with_progress(Path(sessions), str(run / PREPARED), config, None), highlight=False)
        sessions = str(run / PREPARED)
    dataset = load_dataset(sessions, config, run, lambda line: CONSOLE.print(f"  {line}", highlight=False), stills)
    split = dataset.split
    counted = [f"{len(dataset.recordings)} sessions"] if sessions else []
    counted += [f"{len(dataset.stills.subjects)} still images"] if dataset.stills else []
    CONSOLE.print(
        f"{', '.join(counted)}; subjects: {len(split.train)} train, {len(split.validation)} validate, "
        f"{len(split.test)} test; classes: {', '.join(dataset.classes) or 'no labels'}"
    )
    return config, dataset


def prepare_with_progress(sessions: Path, out: str, config: TrainConfig, processes: int | None) -> str:
    """Prepare with a progress bar. Returns one line that sums it up."""
    from trainer.pairs import speech_windows
    from trainer.prepare import prepare

    with Progress(*BAR, console=CONSOLE) as progress:
        task = progress.add_task("prepare", total=None)

        def report(done: int, total: int, line: str) -> None:
            progress.console.print(f"  {line}", highlight=False, markup=False)
            progress.update(task, completed=done, total=total)

        collection = prepare(sessions, out, config, report, processes)
    recordings = collection.recordings()
    rejected = f"{len(collection.rejected)} rejected"
    if collection.rejected:
        rejected += f" (reasons in {collection.place.url}/rejects.json)"
    return (
        f"{collection.place.url}: {len(recordings)} recordings of {len({r.subject for r in recordings})} subjects, "
        f"{sum(float(r.times_s[-1]) for r in recordings) / 60:.1f} min, {len(speech_windows(recordings, config.data))} "
        f"windows with speech; {rejected}"
    )


def run_pretraining(dataset: Dataset, config: TrainConfig, run: Path, fabric: Fabric) -> None:
    """Pretrain with a progress bar. Raises ``TrainingError`` when the config asks for no epochs."""
    from trainer.pretrain import pretrain

    if not config.pretrain.epochs:
        raise TrainingError("pretrain.epochs is 0: nothing to do")
    say_where_plots_are(run / "pretrain")
    with (
        _together(fabric),
        epoch_bar("pretrain", config.pretrain.epochs, run, first=fabric.is_global_zero) as report,
    ):
        pretrain(dataset, config, run / "pretrain", report, fabric)


def run_finetuning(dataset: Dataset, config: TrainConfig, run: Path, fabric: Fabric) -> None:
    """Fine-tune with a progress bar, from the pretrained weights where the config asks for it."""
    from trainer.finetune import finetune

    start = pretrained_weights(run) if config.finetune.from_pretraining and config.pretrain.epochs else None
    say_where_plots_are(run / "finetune")
    with (
        _together(fabric),
        epoch_bar("finetune", config.finetune.epochs, run, first=fabric.is_global_zero) as report,
    ):
        finetune(dataset, config, start, run / "finetune", report, fabric)


@contextmanager
def _together(fabric: Fabric) -> Iterator[None]:
    """What goes wrong is said once: all meet a loss that is not finite, and each notices when another process ends."""
    try:
        yield
    except TrainingError:
        if fabric.is_global_zero:
            raise
        raise typer.Exit(2) from None
    except RuntimeError as error:
        if fabric.world_size == 1 or "Connection" not in str(error):
            raise
        if fabric.is_global_zero:
            raise TrainingError(
                "another process of this run has ended: see what it said; started again, the run goes on"
            ) from error
        raise typer.Exit(2) from None


def run_evaluation(dataset: Dataset, config: TrainConfig, run: Path) -> Evaluation:
    """Measure on the test subjects; ``evaluation.json`` and ``report.html`` go to the run's folder."""
    from trainer.evaluate import measure
    from trainer.evaluation_report import write_report
    from trainer.run_folder import WEIGHTS, write_json

    found, answers = measure(dataset, config, run / "finetune" / WEIGHTS)
    write_json(run / "evaluation.json", asdict(found))
    encoders = pretrained_weights(run) if config.pretrain.epochs else None
    report = write_report(run, dataset, config, found, answers, encoders)
    CONSOLE.print(f"report: {report}", highlight=False, soft_wrap=True)
    typer.echo(
        json.dumps({"planes": found.planes, "gaze": found.gaze, "centre_bias": found.centre_bias}, default=float)
    )
    return found


def run_export(dataset: Dataset, config: TrainConfig, run: Path, evaluation: Evaluation) -> None:
    """Write the model folder ``RUN/model`` and say what INT8 costs."""
    from trainer.export import export
    from trainer.run_folder import WEIGHTS

    encoders = pretrained_weights(run) if config.pretrain.epochs and dataset.recordings else None
    exported = export(dataset, config, run / "finetune" / WEIGHTS, encoders, evaluation, run / "model")
    said = f"{exported.bundle.path}: {exported.bundle.model_id}"
    if cost := exported.int8:
        said += f"; INT8 names the same plane as float on {cost.same_plane:.1%}"
        said += f", gaze CC {cost.gaze_cc:.4f}" if exported.bundle.has_gaze else ""
        said += f", {len(cost.left_in_float)} of {cost.layers} layers in float"
    typer.echo(said)


def pretrained_weights(run: Path) -> Path:
    """Where pretraining leaves its weights."""
    from trainer.run_folder import WEIGHTS

    return run / "pretrain" / WEIGHTS


def read_evaluation(run: Path) -> Evaluation:
    """What ``run_evaluation`` left. Raises ``TrainingError`` when that cannot be read."""
    from trainer.evaluate import Evaluation

    file = run / "evaluation.json"
    try:
        return Evaluation(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"'{file}' cannot be read: run 'sonocue train evaluate' first ({error})") from error
