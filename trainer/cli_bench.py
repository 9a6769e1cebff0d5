"""``sonocue bench train``: how fast training is on this machine. Runs on the main thread; torch is imported late."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from trainer.bench import Measured

_TARGET = 0.05


def train(
    config_file: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="Settings (TOML); else the defaults.")
    ] = None,
    sessions: Annotated[
        str | None,
        typer.Option(metavar="SESSIONS", help="Recordings or a prepared collection; else scans are made for it."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of each kind a round; there are three rounds.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line.")] = False,
) -> None:
    """Measure training: waiting for data, samples a second, decoding, memory, and which settings are the fastest."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as training has it
    from trainer.bench import measure_training
    from trainer.config import TrainConfig, load_config

    config = load_config(config_file) if config_file else TrainConfig()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="sonocue-bench-") as folder, console.status("begins") as status:
        found = measure_training(config, sessions, Path(folder), steps, lambda line: status.update(f"{line} ..."))
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        _show(found)


def _show(found: Measured) -> None:
    console = Console()
    console.print(f"{found.machine}; scans: {found.scans}", highlight=False)
    if found.decoded_times_real_time is not None:
        console.print(
            f"decoding: {found.decoded_times_real_time:.1f} times real time, {found.decoding_processes} processes"
        )
    table = Table("step", "data", "waits", "samples/s")
    for name, row in found.steps.items():
        for title, suffix in (("drawn in the loop", ""), ("made ahead by a thread", "_ahead")):
            share = row[f"wait_share{suffix}"]
            verdict = "" if share < _TARGET else f" (target: under {_TARGET:.0%})"
            table.add_row(name, title, f"{share:.1%}{verdict}", f"{row[f'samples_per_s{suffix}']:.1f}")
        table.add_row(name, "in memory", "", f"{row['samples_per_s_in_memory']:.1f}")
    console.print(table)
    table = Table("setting", "samples/s", "against configured")
    for variant in found.variants:
        table.add_row(variant["name"], f"{variant['samples_per_s']:.1f}", f"{variant['against_configured']:.2f}")
    console.print(table)
    console.print(f"fastest: {found.fastest}; peak memory {found.peak_memory_mib:.0f} MiB", highlight=False)
