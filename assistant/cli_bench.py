"""``sonocue bench``: measures this machine. Each room brings its measurements by entry points; on the main thread."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer

from assistant.errors import PluginError
from assistant.plugin_loader import load_entry_point

app = typer.Typer(help="Measure this machine.", no_args_is_help=True)

for _point in sorted(entry_points(group="sonocue.benches"), key=lambda point: point.name):
    try:
        app.command(name=_point.name)(load_entry_point(_point))
    except PluginError as _error:
        if _point.name in sys.argv[2:3]:
            raise
        app.command(name=_point.name, help=f"Not available: {_error}")(lambda: None)
