"""Is there a screen? Qt ends the whole process when it cannot reach one, so this is asked before Qt is started.

On Qt's main thread.
"""

from __future__ import annotations

import os
import sys

from assistant.errors import ConfigError
from assistant.virtual_screen import x_server_answers

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
