"""``sonocue bench``: what each room measures of itself, found by the entry points ``sonocue.benches``. Main thread."""

from __future__ import annotations

import typer

from assistant.errors import PluginError
from assistant.plugin_loader import load_plugin, plugin_names

app = typer.Typer(help="Measure how fast this machine is.", no_args_is_help=True)


def _collect() -> None:
    """Each entry point names a function that is a command; one that cannot be loaded says why in the list."""
    for name in plugin_names("sonocue.benches"):
        try:
            app.command(name=name)(load_plugin("sonocue.benches", name))
        except PluginError as error:
            app.command(name=name, help=f"Not available: {error}")(lambda: None)


_collect()
