"""A screen without a monitor, for measuring and for pictures of the windows: Xvfb, for as long as it is needed.

Knows no window. On the thread that asks.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from assistant.errors import SonocueError

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
        # noreset: without it the server begins anew when its last client leaves, and the next one may find it away.
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", _SCREEN, "-nolisten", "tcp", "-noreset"]
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


@contextmanager
def any_screen() -> Iterator[None]:
    """The user's screen, or a virtual one for as long as this lasts. Raises ``SonocueError`` as ``virtual_screen``."""
    if os.environ.get("DISPLAY") or os.environ.get("QT_QPA_PLATFORM") or sys.platform != "linux":
        yield
        return
    with virtual_screen() as name:
        os.environ["DISPLAY"] = name
        try:
            yield
        finally:
            del os.environ["DISPLAY"]


def x_server_answers(name: str | None = None) -> bool:
    """Whether an X server can be reached: the one called ``name`` (``:1``), or the one that ``DISPLAY`` names."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True  # Qt itself then says which library is missing
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None if name is None else name.encode(), None)
    answers = xcb.xcb_connection_has_error(connection) == 0
    xcb.xcb_disconnect(connection)
    return bool(answers)
