"""``sonocue model``: look at model folders, check them, run them over files, and import published weights.

Runs on the main thread, one frame after the other; frames are independent (no temporal filter), unlike live.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from assistant.config import load_config
from assistant.errors import BackendError, ConfigError, SourceError
from assistant.plugin_loader import load_plugin

if TYPE_CHECKING:
    from assistant.admission import AdmittedEngine
    from assistant.contracts import Frame
    from assistant.model_contracts import ModelBundle

app = typer.Typer(help="Look at models, check them, run them over files, import published ones.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Model folder, or 'default'.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Processor threads of the engine.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line an item, instead of a table.")]


class Isa(StrEnum):
    """Instruction sets of processors without INT8 sums of their own (VNNI)."""

    AVX2 = "avx2"
    AVX512 = "avx512"


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What the model says about one image or frame: one JSON line.

    Attributes:
        file: as it was named on the command line.
        frame: index within the file, 0 for an image.
        plane: None when the model abstains.
        top: the most likely class all the same.
        confidence: its probability, in [0, 1].
        latency_ms: from pixels to decision.
    """

    file: str
    frame: int
    plane: str | None
    top: str
    confidence: float
    latency_ms: float


@app.command("run")
def run_model(
    model: Model,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Images and videos; with --out also sessions, DICOM, folders."),
    ],
    backend: Annotated[list[str] | None, typer.Option(help="Engine; repeat to name the next to try.")] = None,
    threads: Threads = None,
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option(help="An archive: rows to FILE.parquet or FILE.jsonl, resumable.")] = None,
    ray: Annotated[str | None, typer.Option(help="With --out: on the Ray cluster at this address, or 'local'.")] = None,
    watch_screen: Annotated[
        bool, typer.Option(help="With --out: abstain where the screen shows no single B-mode image.")
    ] = True,
) -> None:
    """Name the plane in images and in each frame of videos."""
    from assistant.admission import load_engine
    from assistant.bundle import model_path, read_bundle

    bundle = read_bundle(model_path(model))
    settings = load_config(None, {"backends": backend or None, "threads": threads})
    if out is not None:
        from assistant.offline.command import run_archive
        from assistant.offline.run import Judge

        judge = Judge(bundle, settings.backends, watch_screen)
        run_archive(files, judge, out, processors=threads or os.cpu_count() or 1, ray=ray, as_json=as_json)
        return
    if ray is not None:
        raise ConfigError("--ray is for archives: give --out FILE.parquet or FILE.jsonl too")
    engine = load_engine(bundle, settings.backends, settings.threads)
    with closing(engine.backend):
        for refusal in engine.refusals:
            typer.echo(f"sonocue: {refusal}", err=True)
        results = (result for file in files for result in _results(file, bundle, engine))
        if as_json:
            for result in results:
                typer.echo(json.dumps(asdict(result)))
        else:
            _print_results(results, title=f"{bundle.model_id} on {engine.description}")


@app.command()
def show(model: Model, as_json: Json = False) -> None:
    """Say what a model is, after checking its files."""
    from assistant.bundle import model_path, read_bundle, read_metadata

    bundle = read_bundle(model_path(model))
    metadata = read_metadata(bundle.path)
    facts = {
        "model": bundle.model_id,
        "task": metadata.task,
        "classes": list(bundle.classes),
        "background": bundle.background,
        "gaze": bundle.has_gaze,
        "precisions": sorted(bundle.onnx),
        "input": [bundle.preprocessing.height_px, bundle.preprocessing.width_px],
        "temperature": bundle.temperature,
        "abstain_below": bundle.abstain_below,
        "trained_on": bundle.trained_on,
        "training_data": metadata.sonocue.training_data,
        "folder": str(bundle.path),
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    table = Table(show_header=False)
    for name, value in facts.items():
        table.add_row(name, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
    Console().print(table)


@app.command()
def verify(
    model: Model,
    backend: Annotated[str, typer.Option(help="Engine to check, NAME or NAME:ARGUMENT.")] = "openvino",
    threads: Threads = None,
    isa: Annotated[
        Isa | None, typer.Option(help="Let OpenVINO use no more than this, as on an older processor.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare an engine with all golden outputs of a model; exit status 2 when it would be refused."""
    if isa is not None:
        _cap_instructions(isa, backend)
    from assistant.admission import compare, create_backend
    from assistant.admission_record import remember
    from assistant.bundle import model_path, read_bundle
    from assistant.network_check import check_network

    bundle = read_bundle(model_path(model))
    settings = load_config(None, {"threads": threads})
    refused = []
    for precision in bundle.onnx:
        check_network(bundle.onnx[precision], bundle)
        with closing(create_backend(backend, settings.threads)) as engine:
            description = engine.load(bundle, precision)
            agreement = compare(engine, bundle)
        if agreement.admitted:
            remember(bundle, description, agreement)
        else:
            refused.append(precision)
        if as_json:
            facts = {"model": bundle.model_id, "backend": backend, "precision": precision, "engine": description}
            typer.echo(json.dumps(facts | {"admitted": agreement.admitted} | asdict(agreement)))
        else:
            typer.echo(f"{'admitted' if agreement.admitted else 'REFUSED'}: {description}: {agreement}")
    if refused:
        raise BackendError(f"{backend} does not agree with the model {bundle.model_id} in {', '.join(refused)}")


@app.command("import-sononet")
def import_sononet(
    file: Annotated[Path, typer.Argument(metavar="FILE.npz", help="Published weights.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Model folder to make.")],
) -> None:
    """Turn the published SonoNet weights into a model folder (planes only, no gaze)."""
    from assistant.sononet import import_sononet as import_weights

    bundle = import_weights(file, out)
    typer.echo(f"{bundle.model_id} in {bundle.path}")


def _cap_instructions(isa: Isa, backend: str) -> None:
    """Before OpenVINO is loaded: it looks only once."""
    from assistant.processor import ISA_CAP

    if backend.partition(":")[0] != "openvino":
        raise ConfigError(f"--isa is for OpenVINO, which can be told; {backend} cannot")
    os.environ[ISA_CAP] = {Isa.AVX2: "AVX2", Isa.AVX512: "AVX512_CORE"}[isa]


def _results(file: Path, bundle: ModelBundle, engine: AdmittedEngine) -> Iterator[FrameResult]:
    """What the model says about each frame of a file."""
    from assistant.decision import decide, probabilities
    from assistant.preprocess import Preprocessor

    preprocess = Preprocessor(bundle.preprocessing)
    for frame in _frames(file):
        started_ns = time.perf_counter_ns()
        logits = engine.backend.infer(preprocess(frame.pixels))["logits"]
        decision = decide(probabilities(logits, bundle.temperature)[0], bundle)
        latency_ms = (time.perf_counter_ns() - started_ns) / 1e6
        yield FrameResult(
            file=str(file),
            frame=frame.index,
            plane=decision.plane,
            top=decision.top,
            confidence=round(decision.confidence, 6),
            latency_ms=round(latency_ms, 3),
        )


def _frames(file: Path) -> Iterator[Frame]:
    """All frames of an image or a video, in order."""
    from assistant.clock import MonotonicClock
    from assistant.contracts import Frame
    from assistant.errors import EndOfStream

    with closing(load_plugin("sonocue.sources", "file")(str(file), paced=False)) as device:
        if "video" not in device.open(MonotonicClock()).streams:
            raise SourceError(f"'{file}' has no images: expected an image or a video")
        while True:
            try:
                item = device.read("video", 1.0)
            except EndOfStream:
                return
            if isinstance(item, Frame):
                yield item


def _print_results(results: Iterator[FrameResult], title: str) -> None:
    table = Table("file", "frame", "plane", "confidence", "ms", title=title)
    for result in results:
        plane = result.plane or f"[dim]not sure: {result.top}?[/dim]"
        name = Path(result.file).name
        table.add_row(name, str(result.frame), plane, f"{result.confidence:.2f}", f"{result.latency_ms:.1f}")
    Console().print(table)
