"""``sonocue bench inference``: every engine and precision that runs here, on the same frames, in turn.

Machines drift, so engines take turns frame by frame and are compared within each round; the ratios are medians over the
rounds. What this processor can do at most is measured in the same rounds. Runs on the main thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from assistant.admission import compare, create_backend
from assistant.bench_network import Ceiling, ceilings, gmac_of
from assistant.bundle import load_arrays, read_bundle
from assistant.cache_folder import VARIABLE, cache_folder
from assistant.clock import MonotonicClock
from assistant.contracts import Float32Array, Frame
from assistant.errors import EndOfStream, SonocueError
from assistant.model_contracts import ModelBundle, Preprocessing
from assistant.plugin_loader import load_plugin, plugin_names
from assistant.preprocess import Preprocessor
from assistant.processor import processor_identity

_FRAMES, _EVERY = 48, 30
_SIDE_PX = 224
_console = Console(stderr=True)


@dataclass(slots=True)
class Row:
    """One network on one engine.

    Attributes:
        network: name of the model, or of the ceiling.
        engine: ``torch eager``, or the engine's name.
        precision: of the network that it runs.
        description: one line about it.
        gmac: billions of multiply-and-adds a frame.
        run: infers one frame.
        rounds_ms: times of the frames of each round.
        facts: what was measured besides.
    """

    network: str
    engine: str
    precision: str
    description: str
    gmac: float
    run: Callable[[Float32Array], object]
    rounds_ms: list[list[float]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def bench_inference(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL...", help="Model folders, or names of reference networks; default: all of these."
        ),
    ] = None,
    backend: Annotated[list[str] | None, typer.Option(help="Engine, NAME or NAME:ARGUMENT; default: all.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads of each engine.")] = os.cpu_count() or 1,
    rounds: Annotated[int, typer.Option(min=1, help="How often each engine has its turn.")] = 20,
    frames: Annotated[int, typer.Option(min=1, help="Frames of each turn.")] = 5,
    starts: Annotated[bool, typer.Option(help="Also measure starting, in processes of their own.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Compare engines, precisions and torch on the same frames, and with what this processor can do at most."""
    with ExitStack() as cleanup, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows, refused = _rows(models, backend or plugin_names("sonocue.backends"), threads, folder, cleanup, starts)
        inputs = {row.network: _inputs(row) for row in rows}
        for number in range(rounds + 1):  # the first warms up
            for row in rows:
                times_ms = [_timed_ms(row.run, inputs[row.network][i % 16]) for i in range(frames)]
                if number:
                    row.rounds_ms.append(times_ms)
            _console.print(f"  round {number} of {rounds}", end="\r", highlight=False)
    found = _report(rows, refused, threads, rounds, frames)
    if as_json:
        typer.echo(json.dumps(found))
    else:
        _print_table(found)


def _rows(
    models: Sequence[str] | None,
    backends: Sequence[str],
    threads: int,
    folder: Path,
    cleanup: ExitStack,
    starts: bool,
) -> tuple[list[Row], list[str]]:
    """All that is measured, loaded; and one line for each engine that does not run here."""
    rows: list[Row] = []
    refused: list[str] = []
    networks: Any = None if models and all(Path(name).is_dir() for name in models) else references()
    bundles: dict[str, tuple[ModelBundle, bool]] = {}
    for name in models or networks.NAMES:
        is_reference = networks is not None and name in networks.NAMES and not Path(name).is_dir()
        folder_of = reference_folder(networks, name) if is_reference else Path(name)
        bundles[name] = read_bundle(folder_of), is_reference
    for ceiling in ceilings(folder):
        try:
            rows.append(_ceiling_row(ceiling, threads, cleanup))
        except SonocueError as error:
            refused.append(str(error))
    for name, (bundle, is_reference) in bundles.items():
        if is_reference:
            _console.print(f"  {name}: torch", highlight=False)
            run: Callable[[Float32Array], object] = networks.eager(name, threads, _phantom_frames())
            rows.append(Row(name, "torch eager", "float", "torch eager", gmac_of(bundle.onnx["float"]), run))
        for spec in backends:
            for precision in bundle.onnx:
                _console.print(f"  {name}: {spec} {precision}", highlight=False)
                try:
                    engine = create_backend(spec, threads)
                    cleanup.enter_context(closing(engine))
                    description = engine.load(bundle, precision)
                    row = Row(name, spec, precision, description, gmac_of(bundle.onnx[precision]), engine.infer)
                    row.facts["agreement"] = asdict(compare(engine, bundle))
                    row.facts["golden"] = str(bundle.golden)
                    if starts:
                        row.facts["start"] = _starts(bundle, spec, precision, threads)
                except SonocueError as error:
                    refused.append(f"{name}: {spec} ({precision}): {error}")
                else:
                    rows.append(row)
    return rows, refused


def references() -> Any:
    """The module of the trainer's reference networks. Raises ``PluginError`` where torch is not installed."""
    return load_plugin("sonocue.references", "torch")


def reference_folder(networks: Any, name: str) -> Path:
    """The reference's model folder; made when missing, which takes a minute for the large one."""
    place = cache_folder("references") or Path(tempfile.mkdtemp(prefix="sonocue-references-"))
    out = place / f"{name}-{_SIDE_PX}"
    if not (out / "SHA256SUMS").is_file():
        _console.print(f"  {name}: making it, once, in {out}", highlight=False)
        networks.make(name, out, _phantom_frames())
    return out


@cache
def _phantom_frames() -> Float32Array:
    """``(N, 1, 224, 224)`` network inputs from the software scanner, a second apart."""
    preprocess = Preprocessor(Preprocessing((0, 0, 1, 1), _SIDE_PX, _SIDE_PX))
    taken: list[Float32Array] = []
    with closing(load_plugin("sonocue.sources", "phantom")("1", paced=False)) as device:
        device.open(MonotonicClock())
        while len(taken) < _FRAMES:
            try:
                item = device.read("video", 1.0)
            except EndOfStream:
                break
            if isinstance(item, Frame) and item.index % _EVERY == 0:
                taken.append(preprocess(item.pixels))
    return np.concatenate(taken)


def _ceiling_row(ceiling: Ceiling, threads: int, cleanup: ExitStack) -> Row:
    engine = create_backend("openvino", threads)
    cleanup.enter_context(closing(engine))
    description = engine.load(ceiling.bundle, ceiling.precision)
    return Row(f"ceiling {ceiling.kind}", "openvino", ceiling.precision, description, ceiling.gmac, engine.infer)


def _inputs(row: Row) -> Float32Array:
    """16 frames for a row, as ``(16, 1, 1, H, W)``: the model's golden ones, or noise for a ceiling."""
    if "golden" not in row.facts and not row.network.startswith("ceiling"):
        return _phantom_frames()[-16:, None]
    if "golden" in row.facts:
        image = load_arrays(Path(row.facts["golden"]))["image"]
    else:
        image = np.random.default_rng(0).normal(size=(16, 1, _SIDE_PX, _SIDE_PX)).astype(np.float32)
    return np.ascontiguousarray(image[np.arange(16) % len(image)][:, None])


def _timed_ms(run: Callable[[Float32Array], object], batch: Float32Array) -> float:
    started_ns = time.perf_counter_ns()
    run(batch)
    return (time.perf_counter_ns() - started_ns) / 1e6


def _starts(bundle: ModelBundle, spec: str, precision: str, threads: int) -> dict[str, float] | None:
    """Seconds from the start of a process to its first guidance, cold and with a warm cache, and its memory."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as cache:
        for kind in ("cold", "warm"):
            started_s = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "assistant.bench_start", str(bundle.path), spec, precision, str(threads)],
                env={**os.environ, VARIABLE: cache},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                return None
            told = json.loads(done.stdout.splitlines()[-1])
            found[f"{kind}_to_first_s"] = time.perf_counter() - started_s
            found[f"{kind}_load_s"] = told["load_s"]
            found["memory_mb"] = told["memory_mb"]
    return found


def _report(rows: Sequence[Row], refused: Sequence[str], threads: int, rounds: int, frames: int) -> dict[str, Any]:
    """All figures as one JSON object."""
    best: dict[str, float] = {}
    for row in rows:
        if row.network.startswith("ceiling"):
            rate = row.gmac / float(np.median(row.rounds_ms)) * 1e3
            best[row.precision] = max(rate, best.get(row.precision, 0.0))
    return {
        "machine": processor_identity(),
        "threads": threads,
        "rounds": rounds,
        "frames_a_round": frames,
        "ceilings_gmac_a_second": {name: round(rate, 1) for name, rate in best.items()},
        "rows": [_figures(row, rows, best) for row in rows],
        "not_here": list(refused),
    }


def _figures(row: Row, rows: Sequence[Row], best: dict[str, float]) -> dict[str, Any]:
    times_ms = np.array(row.rounds_ms)
    median_ms = float(np.median(times_ms))
    rate = row.gmac / median_ms * 1e3
    found: dict[str, Any] = {
        "network": row.network,
        "engine": row.engine,
        "precision": row.precision,
        "description": row.description,
        "median_ms": round(median_ms, 3),
        "p95_ms": round(float(np.percentile(times_ms, 95)), 3),
        "p99_ms": round(float(np.percentile(times_ms, 99)), 3),
        "gmac": round(row.gmac, 3),
        "gmac_a_second": round(rate, 1),
        "share_of_ceiling": round(rate / best[row.precision], 3) if row.precision in best else None,
    }
    for name, engine in (("torch_eager", "torch eager"), ("onnxruntime_float", "onnxruntime")):
        other = [r for r in rows if (r.network, r.engine, r.precision) == (row.network, engine, "float")]
        found[f"times_{name}"] = round(_ratio(other[0], row), 2) if other else None
    return found | {key: value for key, value in row.facts.items() if key != "golden"}


def _ratio(slow: Row, fast: Row) -> float:
    """How many times ``fast`` is faster: the median over rounds of the ratio of their medians."""
    return float(np.median([np.median(a) / np.median(b) for a, b in zip(slow.rounds_ms, fast.rounds_ms, strict=True)]))


def _print_table(found: dict[str, Any]) -> None:
    table = Table(title=f"{found['machine']}, threads: {found['threads']}")
    for head in ("network", "engine", "", "ms", "p95", "p99", "GMAC/s", "of ceiling", "x torch", "x ORT", "same", "CC"):
        table.add_column(head, no_wrap=True)
    for row in found["rows"]:
        table.add_row(*_cells(row))
    console = Console()
    console.print(table)
    for line in found["not_here"]:
        console.print(f"not here: {line}", highlight=False)


def _cells(row: dict[str, Any]) -> Iterator[str]:
    yield from (row["network"], row["engine"], row["precision"])
    yield from (f"{row[name]:.1f}" for name in ("median_ms", "p95_ms", "p99_ms", "gmac_a_second"))
    share, agreement = row["share_of_ceiling"], row.get("agreement")
    yield "-" if share is None else f"{share:.0%}"
    yield from ("-" if row[f"times_{name}"] is None else f"{row[f'times_{name}']:.2f}" for name in _COMPARED)
    yield "-" if agreement is None else f"{agreement['same_plane']:.0%}"
    yield "-" if agreement is None or agreement["gaze_correlation"] is None else f"{agreement['gaze_correlation']:.3f}"


_COMPARED = ("torch_eager", "onnxruntime_float")
