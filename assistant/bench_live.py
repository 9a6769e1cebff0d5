"""``sonocue bench live``: a whole live run against bare inference on the same frames, several times.

Source in a process of its own, sound, recording and a painted window at once. Each run is a process of its own
(``bench_live_run.py``), so that none inherits threads, memory or a window. Runs on the main thread.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from assistant.admission import create_backend
from assistant.bench_inference import reference_folder, references
from assistant.bundle import default_model_path, load_arrays, read_bundle, write_bundle
from assistant.config import load_config
from assistant.errors import ConfigError
from assistant.model_contracts import ModelBundle
from assistant.processor import processor_identity

_MOST_TIMES_BARE, _MOST_P99_MS, _LEAST_GUIDED = 1.5, 66.0, 0.95
_DEFAULTS = load_config(None, {})
_console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class LiveBench:
    """What one run is.

    Attributes:
        source: ``name:argument``; it must be able to give the same frames unpaced.
        model: a model folder.
        smaller_model: to step down to, or None.
        backends: inference engines in order of preference.
        threads: of the engine.
        seconds: length of the run.
        window: with a painted window.
    """

    source: str
    model: str
    smaller_model: str | None
    backends: tuple[str, ...]
    threads: int
    seconds: float
    window: bool


def bench_live(
    model: Annotated[
        str, typer.Argument(help="Model folder, 'default', or a reference network, e.g. seresnext50.")
    ] = "default",
    smaller: Annotated[str | None, typer.Option(help="Model to step down to; as MODEL.")] = None,
    source: Annotated[
        str, typer.Option(help="Source that can also be read unpaced, for bare inference.")
    ] = "phantom:1,size=1280x1024",
    backend: Annotated[list[str] | None, typer.Option(help="Inference engine; repeat to name the next to try.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads of the engine.")] = _DEFAULTS.threads,
    seconds: Annotated[float, typer.Option(min=2, help="Length of each run.")] = 20.0,
    runs: Annotated[int, typer.Option(min=1, help="How many.")] = 5,
    window: Annotated[bool, typer.Option(help="With a painted window, on a virtual screen if there is none.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Measure whole live runs: latency, losses, processor time, memory, against bare inference on the same frames."""
    with tempfile.TemporaryDirectory(prefix="sonocue-bench-") as temporary:
        settings = LiveBench(
            source=source,
            model=str(_model_folder(model, Path(temporary) / "model", threads)),
            smaller_model=None
            if smaller is None
            else str(_model_folder(smaller, Path(temporary) / "smaller", threads)),
            backends=tuple(backend or _DEFAULTS.backends),
            threads=threads,
            seconds=seconds,
            window=window,
        )
        found = []
        for number in range(1, runs + 1):
            _console.print(f"  run {number} of {runs}", highlight=False)
            found.append(_run(settings))
    report = _report(settings, model, smaller, found)
    if as_json:
        typer.echo(json.dumps(report))
    else:
        _print_table(report)


def _model_folder(name: str, out: Path, threads: int) -> Path:
    """The folder of a model; a reference network is made fit for a run, in ``out``."""
    if name == "default":
        return default_model_path()
    if Path(name).is_dir():
        return Path(name)
    networks = references()
    if name not in networks.NAMES:
        raise ConfigError(
            f"'{name}' is no model: expected a model folder, 'default', or one of {', '.join(networks.NAMES)}"
        )
    return _fit_for_a_run(read_bundle(reference_folder(networks, name)), name, out, threads)


def _fit_for_a_run(bundle: ModelBundle, name: str, out: Path, threads: int) -> Path:
    """A reference network in INT8 with golden outputs of its own, and the planes of the default model.

    Its weights are random and bear quantisation worse than trained ones, so that no engine would be admitted in INT8 by
    what the float network says. What it costs is the same.
    """
    planes = read_bundle(default_model_path())
    image = load_arrays(bundle.golden)["image"]
    engine = create_backend("openvino", threads)
    try:
        engine.load(bundle, "int8")
        answers = [engine.infer(image[index : index + 1]) for index in range(len(image))]
    finally:
        engine.close()
    if len(bundle.classes) != len(planes.classes):
        raise ConfigError(f"reference {name} has {len(bundle.classes)} classes, expected {len(planes.classes)}")
    made = write_bundle(
        out,
        name=name,
        classes=planes.classes,
        background=planes.background,
        preprocessing=bundle.preprocessing,
        temperature=bundle.temperature,
        abstain_below=bundle.abstain_below,
        trained_on=bundle.trained_on,
        training_data="nothing: random weights, to measure what it costs",
        onnx={"int8": bundle.onnx["int8"]},
        golden={"image": image} | {key: np.concatenate([each[key] for each in answers]) for key in answers[0]},
        card=f"# {name}\n\nRandom weights, for measuring only.\n",
    )
    return made.path


def _run(settings: LiveBench) -> dict[str, Any]:
    """One run in a process of its own. Raises ``ConfigError`` with what it said when it could not."""
    done = subprocess.run(
        [sys.executable, "-m", "assistant.bench_live_run", json.dumps(asdict(settings))],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        said = done.stderr.strip().splitlines()
        raise ConfigError(said[-1] if said else f"the measured run ended with status {done.returncode}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _report(settings: LiveBench, model: str, smaller: str | None, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All figures as one JSON object."""
    names = sorted({name for run in runs for name in _flat(run)})
    values = {name: [flat[name] for flat in map(_flat, runs) if name in flat] for name in names}
    median = {name: round(float(np.median(each)), 3) for name, each in values.items()}
    return {
        "machine": processor_identity(),
        "model": model,
        "smaller": smaller,
        "source": settings.source,
        "threads": settings.threads,
        "seconds": settings.seconds,
        "window": settings.window,
        "median": median,
        "lowest": {name: round(min(each), 3) for name, each in values.items()},
        "highest": {name: round(max(each), 3) for name, each in values.items()},
        "targets": {
            "times_bare_at_most_1.5": median.get("times_bare", np.inf) <= _MOST_TIMES_BARE,
            "p99_ms_at_most_66": median.get("frame_to_guidance_ms.p99", np.inf) <= _MOST_P99_MS,
            "guided_share_at_least_0.95": median["guided_share"] >= _LEAST_GUIDED,
            "every_frame_recorded": all(run["recorded"] == run["captured"] and not run["lost"] for run in runs),
        },
        "runs": list(runs),
    }


def _flat(run: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The numbers of a run by their path, e.g. ``frame_to_guidance_ms.p99``."""
    found: dict[str, float] = {}
    for name, value in run.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, int | float):
            found[prefix + name] = float(value)
    return found


def _print_table(report: Mapping[str, Any]) -> None:
    table = Table(title=f"{report['model']}: median of {len(report['runs'])} runs of {report['seconds']:g} s")
    for head in ("figure", "median", "lowest", "highest"):
        table.add_column(head, no_wrap=True)
    for name in report["median"]:
        table.add_row(name, *(f"{report[kind][name]:g}" for kind in ("median", "lowest", "highest")))
    console = Console()
    console.print(table)
    for name, met in report["targets"].items():
        console.print(f"{'met' if met else 'MISSED'}: {name}", highlight=False)
    for line in dict.fromkeys(line for run in report["runs"] for line in (*run["faults"], *run["notices"])):
        console.print(line, highlight=False)
