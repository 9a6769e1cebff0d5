"""``sonocue train``: prepare, pretrain, finetune, evaluate, export, or all of them. Runs on the main thread.

Each command but ``prepare`` takes the same three arguments: settings, recordings (prepared or not) or labelled still
images, and the folder of the run. What was prepared and the results of earlier steps are found in that folder, and a
step that was stopped goes on from there. Torch is imported when a command runs, not before.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from assistant.errors import TrainingError
from trainer.progress import CONSOLE, epoch_bar, say_where_plots_are
from trainer.steps import (
    begin,
    launch,
    prepare_with_progress,
    pretrained_weights,
    read_evaluation,
    run_evaluation,
    run_export,
    run_finetuning,
    run_pretraining,
)

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
    typer.echo(prepare_with_progress(sessions, out, config, processes))


@app.command("pretrain")
def pretrain_command(config_file: ConfigFile, sessions: Sessions, run: RunFolder, again: Again = False) -> None:
    """Learn from video and speech alone, without labels."""
    config, dataset, fabric = launch(config_file, sessions, run, None, ["pretrain"] if again else [])
    run_pretraining(dataset, config, run, fabric)


@app.command("finetune")
def finetune_command(
    config_file: ConfigFile, sessions: Sessions, run: RunFolder, stills: StillsFolder = None, again: Again = False
) -> None:
    """Train both heads (planes and gaze) on labelled frames."""
    config, dataset, fabric = launch(config_file, sessions, run, stills, ["finetune"] if again else [])
    run_finetuning(dataset, config, run, fabric)


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
    config, dataset = begin(config_file, sessions, run)
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
    config, dataset = begin(config_file, sessions, run, stills)
    run_evaluation(dataset, config, run)


@app.command("export")
def export_command(config_file: ConfigFile, sessions: Sessions, run: RunFolder, stills: StillsFolder = None) -> None:
    """Write the model folder RUN/model."""
    config, dataset = begin(config_file, sessions, run, stills)
    run_export(dataset, config, run, read_evaluation(run))


@app.command("all")
def all_command(
    config_file: ConfigFile, sessions: Sessions, run: RunFolder, stills: StillsFolder = None, again: Again = False
) -> None:
    """Pretrain, finetune, evaluate, export: from sessions to RUN/model. Goes on where it stopped."""
    config, dataset, fabric = launch(config_file, sessions, run, stills, ["pretrain", "finetune"] if again else [])
    if config.pretrain.epochs:
        run_pretraining(dataset, config, run, fabric)
    run_finetuning(dataset, config, run, fabric)
    if fabric.is_global_zero:
        run_export(dataset, config, run, run_evaluation(dataset, config, run))


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
    config, dataset = begin(config_file, sessions, run)
    from trainer.alignment import align, as_json
    from trainer.embedding import load_encoders
    from trainer.plots import plot_offsets
    from trainer.run_folder import without_nan, write_json

    network = load_encoders(pretrained_weights(run), config)
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
    config, dataset, fabric = launch(config_file, None, run, folder, ["finetune"] if again else [])
    run_finetuning(dataset, config, run, fabric)
    if fabric.is_global_zero:
        run_export(dataset, config, run, run_evaluation(dataset, config, run))


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
    config, dataset = begin(config_file, sessions, run)
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
