"""A screen without a monitor, for measuring and for pictures of the windows: Xvfb, for as long as it is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from assistant.errors import SonocueError
from ui.display import x_server_answers

_SCREEN = "1920x1080x24"
_TRIALS = 3
"""Servers that are started at the same time may take each other's number."""


@contextmanager
def virtual_screen() -> Iterator[str]:
    """A screen of Xvfb and its name. Raises ``SonocueError`` where there is none to be had."""
    if shutil.which("Xvfb") is None:
        raise SonocueError("xvfb: Xvfb is not installed (apt-get install xvfb)")
    for _ in range(_TRIALS):
        reading, writing = os.pipe()
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", _SCREEN, "-nolisten", "tcp"]
        server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
        os.close(writing)
        try:
            with os.fdopen(reading) as told:
                name = f":{told.readline().strip()}"  # comes when it is ready; empty when it died
            if name != ":" and x_server_answers(name):
                yield name
                return
        finally:
            server.terminate()
            server.wait()
    raise SonocueError("xvfb: Xvfb does not answer")
