"""``sonocue train``: prepare, pretrain, finetune, evaluate, export, or all of them. Runs on the main thread.

Each command but ``prepare`` takes the same three arguments: settings, recordings (prepared or not) or labelled still
images, and the folder of the run. What was prepared and the results of earlier steps are found in that folder, and a
step that was stopped goes on from there. Torch is imported when a command runs, not before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from assistant.errors import TrainingError
from trainer.progress import BAR, CONSOLE, epoch_bar, say_where_plots_are

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from trainer.config import TrainConfig
    from trainer.data import Dataset
    from trainer.evaluate import Evaluation

app = typer.Typer(help="Train a model from recorded sessions.", no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="Settings (TOML), e.g. trainer/configs/small.toml.")]
Sessions = Annotated[
    str,
    typer.Argument(
        metavar="SESSIONS", help="Folder with recordings, or a prepared collection (a folder or an fsspec URL)."
    ),
]
StillsFolder = Annotated[
    Path | None,
    typer.Option("--stills", metavar="FOLDER", help="Labelled still images to train the plane head with too."),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run; made when missing.")]
Again = Annotated[
    bool, typer.Option("--again", help="Begin from the start; else it goes on where it stopped, or is not done twice.")
]


@app.command("prepare")
def prepare_command(
    sessions: Annotated[
        Path, typer.Argument(metavar="SESSIONS", help="Folder with sessions, video files, DICOM cine and their tables.")
    ],
    out: Annotated[str, typer.Argument(metavar="OUT", help="The collection: a folder, or an fsspec URL (s3://...).")],
    config_file: Annotated[
        Path | None, typer.Option("--config", metavar="CONFIG", help="Settings (TOML); else the defaults.")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Processes that decode; default: one a core.")] = None,
) -> None:
    """Decode recordings of any origin once, into a collection to train from; goes on where it stopped."""
    from trainer.config import TrainConfig, load_config

    config = load_config(config_file) if config_file else TrainConfig()
    typer.echo(_prepare(sessions, out, config, processes))


@app.command("pretrain")
def pretrain_command(config_file: ConfigFile, sessions: Sessions, run: RunFolder, again: Again = False) -> None:
    """Learn from video and speech alone, without labels."""
    config, dataset, fabric = _launch(config_file, sessions, run, None, ["pretrain"] if again else [])
    _pretrain(dataset, config, run, fabric)


@app.command("finetune")
def finetune_command(
    config_file: ConfigFile, sessions: Sessions, run: RunFolder, stills: StillsFolder = None, again: Again = False
) -> None:
    """Train both heads (planes and gaze) on labelled frames."""
    config, dataset, fabric = _launch(config_file, sessions, run, stills, ["finetune"] if again else [])
    _finetune(dataset, config, run, fabric)


@app.command("distill")
def distill_command(
    config_file: ConfigFile,
    sessions: Sessions,
    run: RunFolder,
    teacher: Annotated[
        Path, typer.Option(metavar="RUN", help="Run of the network to learn from: its settings, weights and model.")
    ],
    again: Again = False,
) -> None:
    """Train a small network on what a trained one says, on recordings without labels; evaluate and export come next."""
    config, dataset = _begin(config_file, sessions, run)
    from trainer import checkpoint
    from trainer.distill import distill, load_teacher

    if again:
        checkpoint.begin_again(run / "finetune")
    say_where_plots_are(run / "finetune")
    with epoch_bar("distill", config.distill.epochs, run) as report:
        distill(load_teacher(teacher), dataset, config, run / "finetune", report)


@app.command("evaluate")
def evaluate_command(config_file: ConfigFile, sessions: Sessions, run: RunFolder, stills: StillsFolder = None) -> None:
    """Calibrate on the validation subjects, measure on the test subjects."""
    config, dataset = _begin(config_file, sessions, run, stills)
    _evaluate(dataset, config, run)


@app.command("export")
def export_command(config_file: ConfigFile, sessions: Sessions, run: RunFolder, stills: StillsFolder = None) -> None:
    """Write the model folder RUN/model."""
    config, dataset = _begin(config_file, sessions, run, stills)
    _export(dataset, config, run, _read_evaluation(run))


@app.command("all")
def all_command(
    config_file: ConfigFile, sessions: Sessions, run: RunFolder, stills: StillsFolder = None, again: Again = False
) -> None:
    """Pretrain, finetune, evaluate, export: from sessions to RUN/model. Goes on where it stopped."""
    config, dataset, fabric = _launch(config_file, sessions, run, stills, ["pretrain", "finetune"] if again else [])
    if config.pretrain.epochs:
        _pretrain(dataset, config, run, fabric)
    _finetune(dataset, config, run, fabric)
    if fabric.is_global_zero:
        _export(dataset, config, run, _evaluate(dataset, config, run))


@app.command("align")
def align_command(
    config_file: ConfigFile,
    sessions: Sessions,
    run: RunFolder,
    shift: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Move the sound so much later, as a test: the true offset is then SECONDS. Without, it is not known.",
        ),
    ] = None,
    reach: Annotated[
        float, typer.Option(metavar="SECONDS", min=1.0, help="Look for offsets up to so much either way.")
    ] = 10.0,
) -> None:
    """Find speech by its clip and back, and how far each recording's sound is off; on the test subjects."""
    if shift is not None and not abs(shift) < reach:
        raise TrainingError(f"--shift {shift:g} lies outside --reach {reach:g}: name a longer reach")
    config, dataset = _begin(config_file, sessions, run)
    from trainer.alignment import align, as_json
    from trainer.embedding import load_encoders
    from trainer.plots import plot_offsets
    from trainer.run_folder import without_nan, write_json

    network = load_encoders(_pretrained_weights(run), config)
    with CONSOLE.status("Shifting speech against images ..."):
        found = align(network, dataset, config, reach_s=reach, shift_s=shift)
    for offset in found.offsets:
        edge = "; at the edge of the reach, so it may be more" if offset.at_the_edge else ""
        CONSOLE.print(
            f"  {offset.session_id}: sound {offset.offset_s:+.2f} s late, similarity leads by {offset.lead:.3f}{edge}",
            highlight=False,
        )
    for name in found.left_out:
        CONSOLE.print(f"  left out: {name}: too little speech", highlight=False)
    folder = run / "alignment"
    write_json(folder / "alignment.json", as_json(found))
    curves = [(o.shifts_s, o.similarity, o.offset_s) for o in found.offsets]
    plot_offsets(folder / "offsets.png", curves, shift)
    CONSOLE.print(f"{folder / 'offsets.png'}", highlight=False, soft_wrap=True)
    typer.echo(json.dumps(without_nan(as_json(found, curves=False))))


@app.command("stills")
def stills_command(
    config_file: ConfigFile,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="FETAL_PLANES_DB, or images with a stills.csv.")],
    run: RunFolder,
    again: Again = False,
) -> None:
    """Finetune, evaluate, export from labelled still images alone: planes without gaze, to RUN/model.

    The encoder begins with RUN/pretrain, where CONFIG has pretraining ('sonocue train pretrain CONFIG SESSIONS RUN'
    makes it), else at random.
    """
    config, dataset, fabric = _launch(config_file, None, run, folder, ["finetune"] if again else [])
    _finetune(dataset, config, run, fabric)
    if fabric.is_global_zero:
        _export(dataset, config, run, _evaluate(dataset, config, run))


@app.command("table")
def table_command(
    config_file: ConfigFile,
    sessions: Sessions,
    run: RunFolder,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for results.md, .json and .png; results in it are kept.", show_default="RUN"),
    ] = None,
) -> None:
    """Compare all ways to pretrain with one budget, over seeds and shares of the labels; goes on where it stopped."""
    config, dataset = _begin(config_file, sessions, run)
    from trainer.run_folder import write_json
    from trainer.table import finished, make_table, restore
    from trainer.table_report import about, draw, report

    folder = out or run
    known = folder / "results.json"
    if kept := restore(known, dataset, config, run):
        CONSOLE.print(f"{kept} results of earlier sittings are kept", highlight=False)
    folder.mkdir(parents=True, exist_ok=True)

    def tell(line: str) -> None:
        CONSOLE.print(f"  {line}", highlight=False)
        write_json(known, [asdict(result) for result in finished(dataset, config, run)])

    results = make_table(dataset, config, run, tell)
    write_json(known, [asdict(result) for result in results])
    draw(results, folder / "results.png")
    written = report(results, about(dataset, config, f"sonocue train table {config_file} SESSIONS RUN"), "results.png")
    (folder / "results.md").write_text(written, encoding="utf-8")
    typer.echo(written, nl=False)


# --------------------------------------------------------------------------------------------------------------------
# The steps
# --------------------------------------------------------------------------------------------------------------------


def _launch(
    config_file: Path, sessions: str | None, run: Path, stills: Path | None, again: Sequence[str]
) -> tuple[TrainConfig, Dataset, Fabric]:
    """Begin in all processes that the config or ``torchrun`` asks for; the first prepares, and alone speaks and writes.

    Each of the others is this command once more, so bad input must be found before they are started.
    """
    _torch_waits_without_spinning()
    from trainer.checkpoint import begin_again
    from trainer.compute import all_processes
    from trainer.config import load_config

    fabric = all_processes(load_config(config_file).compute)
    if fabric.is_global_zero:
        config, dataset = _begin(config_file, sessions, run, stills)
        for step in again:
            begin_again(run / step)
        fabric.launch()
    else:
        CONSOLE.quiet = True
        fabric.launch()
        config, dataset = _begin(config_file, sessions, run, stills, first=False)
    return config, dataset, fabric


def _torch_waits_without_spinning() -> None:
    # Torch's threads wait for each other by spinning; beside other programs that costs them most of their speed (12
    # against 34 images a second on two busy cores). Read once, when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _begin(
    config_file: Path, sessions: str | None, run: Path, stills: Path | None = None, *, first: bool = True
) -> tuple[TrainConfig, Dataset]:
    _torch_waits_without_spinning()
    from trainer.collection import is_prepared
    from trainer.config import load_config
    from trainer.data import PREPARED, load_dataset
    from trainer.run_folder import begin_run

    config = begin_run(config_file, run) if first else load_config(config_file)
    if sessions is not None and "://" not in sessions and not is_prepared(sessions):
        if first:
            CONSOLE.print(_prepare(Path(sessions), str(run / PREPARED), config, None), highlight=False)
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


def _prepare(sessions: Path, out: str, config: TrainConfig, processes: int | None) -> str:
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


def _pretrain(dataset: Dataset, config: TrainConfig, run: Path, fabric: Fabric) -> None:
    from trainer.pretrain import pretrain

    if not config.pretrain.epochs:
        raise TrainingError("pretrain.epochs is 0: nothing to do")
    say_where_plots_are(run / "pretrain")
    with (
        _together(fabric),
        epoch_bar("pretrain", config.pretrain.epochs, run, first=fabric.is_global_zero) as report,
    ):
        pretrain(dataset, config, run / "pretrain", report, fabric)


def _finetune(dataset: Dataset, config: TrainConfig, run: Path, fabric: Fabric) -> None:
    from trainer.finetune import finetune

    start = _pretrained_weights(run) if config.finetune.from_pretraining and config.pretrain.epochs else None
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


def _evaluate(dataset: Dataset, config: TrainConfig, run: Path) -> Evaluation:
    from trainer.evaluate import measure
    from trainer.evaluation_report import write_report
    from trainer.run_folder import WEIGHTS, write_json

    found, answers = measure(dataset, config, run / "finetune" / WEIGHTS)
    write_json(run / "evaluation.json", asdict(found))
    encoders = _pretrained_weights(run) if config.pretrain.epochs else None
    report = write_report(run, dataset, config, found, answers, encoders)
    CONSOLE.print(f"report: {report}", highlight=False, soft_wrap=True)
    typer.echo(
        json.dumps({"planes": found.planes, "gaze": found.gaze, "centre_bias": found.centre_bias}, default=float)
    )
    return found


def _export(dataset: Dataset, config: TrainConfig, run: Path, evaluation: Evaluation) -> None:
    from trainer.export import export
    from trainer.run_folder import WEIGHTS

    encoders = _pretrained_weights(run) if config.pretrain.epochs and dataset.recordings else None
    exported = export(dataset, config, run / "finetune" / WEIGHTS, encoders, evaluation, run / "model")
    said = f"{exported.bundle.path}: {exported.bundle.model_id}"
    if cost := exported.int8:
        said += f"; INT8 names the same plane as float on {cost.same_plane:.1%}"
        said += f", gaze CC {cost.gaze_cc:.4f}" if exported.bundle.has_gaze else ""
        said += f", {len(cost.left_in_float)} of {cost.layers} layers in float"
    typer.echo(said)


def _pretrained_weights(run: Path) -> Path:
    from trainer.run_folder import WEIGHTS

    return run / "pretrain" / WEIGHTS


def _read_evaluation(run: Path) -> Evaluation:
    from trainer.evaluate import Evaluation

    file = run / "evaluation.json"
    try:
        return Evaluation(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"'{file}' cannot be read: run 'sonocue train evaluate' first ({error})") from error
