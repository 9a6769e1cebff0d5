"""The command ``sonocue devices``: what this machine has, and what a source really gives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from assistant.admission import create_backend
from assistant.errors import SonocueError
from assistant.found_devices import find_cameras, find_microphones
from assistant.plugin_loader import load_plugin, plugin_names
from assistant.source_check import check_source


def devices(
    source: Annotated[
        list[str] | None, typer.Option(help="Also look at this source, NAME:ARGUMENT; repeatable.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long to look at each source.", min=0.1, max=600.0)] = 2.0,
    pictures: Annotated[Path | None, typer.Option(help="Save a picture of each source to FOLDER.")] = None,
    consent: Annotated[bool, typer.Option("--consent", help="Everybody in the room agreed to be heard.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line for each.")] = False,
) -> None:
    """List the sources, cameras, engines and microphones of this machine; look at each camera and named source."""
    rows: list[dict[str, Any]] = [*_plugins(), *_microphones()]
    failed = False
    for spec, asked_for in [*((camera, False) for camera in _cameras(rows)), *((spec, True) for spec in source or [])]:
        kind = "source" if asked_for else "camera"
        picture = None if pictures is None else pictures / f"{_file_name(spec)}.png"
        try:
            check = check_source(spec, seconds, consent=consent, picture=picture)
        except SonocueError as error:
            failed |= asked_for
            rows.append({"kind": kind, "name": spec, "note": str(error)})
        else:
            rows.append({"kind": kind, "name": spec, "note": check.as_text()} | ({"check": check.as_json()}))
    if as_json:
        for row in rows:
            print(json.dumps(row))  # noqa: T201 - the command's output
    else:
        table = Table("kind", "name", "note")
        for row in rows:
            table.add_row(row["kind"], row["name"], row["note"])
        Console().print(table)
    if failed:
        raise SonocueError("a source that was named could not be looked at: the list says why")


def _plugins() -> Iterator[dict[str, Any]]:
    for group in ("sonocue.sources", "sonocue.backends", "sonocue.publishers"):
        kind = group.removeprefix("sonocue.").removesuffix("s")
        for name in plugin_names(group):
            try:
                load_plugin(group, name)
                if group == "sonocue.backends":
                    create_backend(name, 1)
            except SonocueError as error:
                yield {"kind": kind, "name": name, "note": str(error)}
            else:
                yield {"kind": kind, "name": name, "note": "ready"}


def _microphones() -> Iterator[dict[str, Any]]:
    found = find_microphones()
    for microphone in found.devices:
        yield {"kind": "microphone", "name": microphone.spec, "note": microphone.note}
    for _, problem in found.problems:
        yield {"kind": "microphone", "name": "-", "note": problem}
    if not found.devices and not found.problems:
        yield {"kind": "microphone", "name": "-", "note": "no sound input was found"}


def _cameras(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Each camera as ``name:argument``; that there is none stands in ``rows``."""
    found = find_cameras()
    rows += [{"kind": "camera", "name": name, "note": problem} for name, problem in found.problems]
    if not found.devices:
        rows.append({"kind": "camera", "name": "-", "note": "no camera and no capture card was found"})
    yield from (camera.spec for camera in found.devices)


def _file_name(spec: str) -> str:
    return re.sub(r"[^\w.-]+", "_", spec).strip("_.")[:100]
