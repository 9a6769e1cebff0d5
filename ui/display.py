"""Is there a screen? Qt ends the whole process when it cannot reach one, so this is asked before Qt is started.

On Qt's main thread.
"""

from __future__ import annotations

import ctypes
import os
import sys

from assistant.errors import ConfigError

_REMEDY = "start it on a desktop, under xvfb-run, or with --headless"


def require_display() -> None:
    """Returns when a window can be opened.

    Raises:
        ConfigError: on Linux, neither Wayland nor an X server can be reached.
    """
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if not sys.platform.startswith("linux") or platform not in ("", "xcb"):
        return
    if os.environ.get("WAYLAND_DISPLAY") and platform == "":
        return
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise ConfigError(f"window: expected a screen, but DISPLAY is not set: {_REMEDY}")
    if not x_server_answers():
        raise ConfigError(f"window: no X server answers at DISPLAY={display}: {_REMEDY}")


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
