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

from assistant.errors import SonocueError
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
            except SonocueError as error:
                yield {"kind": kind, "name": name, "note": str(error)}
            else:
                yield {"kind": kind, "name": name, "note": "ready"}


def _microphones() -> Iterator[dict[str, Any]]:
    found = False
    for name in plugin_names("sonocue.microphones"):
        try:
            for microphone in load_plugin("sonocue.microphones", name)():
                found = True
                note = (
                    f"{microphone.host_api}, {microphone.sample_rate_hz:.0f} Hz" + ", default" * microphone.is_default
                )
                yield {"kind": "microphone", "name": f"{name}:{microphone.name}", "note": note}
        except SonocueError as error:
            found = True
            yield {"kind": "microphone", "name": "-", "note": str(error)}
    if not found:
        yield {"kind": "microphone", "name": "-", "note": "no sound input was found"}


def _cameras(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Each camera as ``name:argument``; that there is none stands in ``rows``."""
    found = False
    for name in plugin_names("sonocue.cameras"):
        try:
            for argument in load_plugin("sonocue.cameras", name)():
                found = True
                yield f"{name}:{argument}"
        except SonocueError as error:
            rows.append({"kind": "camera", "name": name, "note": str(error)})
    if not found:
        rows.append({"kind": "camera", "name": "-", "note": "no camera and no capture card was found"})


def _file_name(spec: str) -> str:
    return re.sub(r"[^\w.-]+", "_", spec).strip("_.")[:100]
