"""A real X server without a monitor, for tests that show windows or look at a screen."""

import os
import subprocess

SCREEN = "1920x1080x24"


def start_x_server(screen: str = SCREEN) -> tuple[subprocess.Popen[bytes], str]:
    """Start Xvfb on a free display and wait until it answers; gives the process and the display's name."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as told:
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", screen, "-nolisten", "tcp", "-noreset"],
            pass_fds=[writing], stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(writing)
        number = told.readline().strip()  # comes when it is ready; empty when it died
    if not number:
        server.wait()
        raise RuntimeError("Xvfb ended at its start")
    return server, f":{number}"
