"""``sonocue bench ui``: what the window costs, each figure in a process of its own. On the main thread.

On Qt's ``offscreen`` platform and on a real X server without a monitor (Xvfb). Processor time is the process's own over
all threads; the X server's is not in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from assistant.cache_folder import VARIABLE
from assistant.errors import SonocueError
from assistant.processor import processor_identity
from assistant.virtual_screen import virtual_screen

_CHILD_S = 300.0


def bench_ui(
    repaints: Annotated[int, typer.Option(min=10, help="New snapshots that are painted one after the other.")] = 300,
    seconds: Annotated[float, typer.Option(min=1.0, help="How long the window runs at 30 images a second.")] = 10.0,
    starts: Annotated[bool, typer.Option(help="Also measure starting.")] = True,
    engine: Annotated[bool, typer.Option(help="Also measure the engine's latency with and without the window.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Measure the window: a repaint, 30 images a second, starting, and what the engine feels of it."""
    found: dict[str, Any] = {"machine": processor_identity(), "rows": [], "not_here": []}
    for platform in ("offscreen", "xvfb"):
        try:
            with _screen(platform) as environment:
                for image in ("grey", "colour"):
                    row = _child(environment, "paint", image, str(repaints), str(seconds))
                    found["rows"].append({"platform": platform, "image": image} | row)
        except SonocueError as error:
            found["not_here"].append(str(error))
    platform = "offscreen" if found["not_here"] else "xvfb"
    with _screen(platform) as environment, tempfile.TemporaryDirectory() as cache:
        environment[VARIABLE] = cache
        if starts:
            found["starts"] = {"platform": platform} | _starts(environment)
        if engine:
            found["engine"] = {"platform": platform} | _engine(environment, seconds)
    if as_json:
        print(json.dumps(found))  # noqa: T201 - the command's output
    else:
        _print(found)


def _starts(environment: dict[str, str]) -> dict[str, Any]:
    """Seconds from the start of a process to the first picture, with a cold and a warm cache of compiled networks."""
    first = _started(environment, "first-image")
    return {
        "start_page_s": _started(environment, "start-page"),
        "first_image_cold_s": first,
        "first_image_s": _started(environment, "first-image"),
    }


def _started(environment: dict[str, str], what: str) -> float:
    before_ns = time.perf_counter_ns()  # one clock for all processes of a machine
    painted_ns: int = _child(environment, what)["painted_ns"]
    return round((painted_ns - before_ns) / 1e9, 3)


def _engine(environment: dict[str, str], seconds: float) -> dict[str, Any]:
    """The engine's latency on the software scanner, without and with the window, in turns; the ratio of medians."""
    without, beside = [], []
    for _ in range(2):
        without.append(_child(environment, "engine", "headless", str(seconds))["p50_ms"])
        beside.append(_child(environment, "engine", "window", str(seconds))["p50_ms"])
    return {
        "p50_ms_without": without,
        "p50_ms_with": beside,
        "ratio": round((sum(beside) / len(beside)) / (sum(without) / len(without)), 3),
    }


def _child(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "ui.bench_child", *arguments],
        env=environment, capture_output=True, text=True, timeout=_CHILD_S, check=False,
    )  # fmt: skip
    if ended.returncode != 0:
        said = (ended.stderr.strip().splitlines() or ["nothing"])[-1]
        raise SonocueError(f"bench ui: '{' '.join(arguments)}' ended with {ended.returncode}: {said}")
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


@contextmanager
def _screen(platform: str) -> Iterator[dict[str, str]]:
    """The environment of a child that shows windows. Raises ``SonocueError`` where there is no such screen."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), environment.get("PYTHONPATH", "")])
    if platform == "offscreen":
        yield environment
        return
    with virtual_screen() as name:
        environment |= {"QT_QPA_PLATFORM": "xcb", "DISPLAY": name}
        environment.pop("WAYLAND_DISPLAY", None)
        yield environment


def _print(found: dict[str, Any]) -> None:
    table = Table(title=f"{found['machine']}: window and image of 1920x1080, heatmap, all panels")
    heads = ("platform", "image", "ms", "p95", "of a core at 30 fps", "painted", "paints without news")
    for head in heads:
        table.add_column(head, no_wrap=True)
    for row in found["rows"]:
        table.add_row(
            row["platform"], row["image"], f"{row['cpu_ms_median']:.1f}", f"{row['cpu_ms_p95']:.1f}",
            f"{row['core_share_at_30_fps']:.0%}", f"{row['painted_fps']:.1f} fps", str(row["paints_without_news"]),
        )  # fmt: skip
    console = Console()
    console.print(table)
    for part in ("starts", "engine"):
        for name, value in found.get(part, {}).items():
            console.print(f"{part}: {name} {value}", highlight=False)
    for line in found["not_here"]:
        console.print(f"not here: {line}", highlight=False)
