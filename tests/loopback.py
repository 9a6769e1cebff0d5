"""Ports of this machine, for tests that stream over loopback."""

import socket
import subprocess
import time
from pathlib import Path

DEADLINE_S = 60.0
_LISTENING = "0A"  # the state in /proc/net/tcp


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_listener(port: int, table: str = "tcp", process: subprocess.Popen[str] | None = None) -> None:
    """Until somebody waits at the port; calling it to find out would take the place of the sender.

    Args:
        port: of 127.0.0.1.
        table: ``tcp`` or ``udp``.
        process: who shall wait there; when it ends before, its output is the failure's text.
    """
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        rows = [line.split() for line in Path("/proc/net", table).read_text().splitlines()[1:]]
        if any(row[1].endswith(f":{port:04X}") and (table == "udp" or row[3] == _LISTENING) for row in rows):
            return
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.01)  # the system opens the port: there is nothing else to wait on
    raise AssertionError(f"nobody waits at port {port}")
