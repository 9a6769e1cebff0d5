"""Which sockets a run opens: none by itself, and what was asked to listen does so on loopback alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from assistant.config import RunConfig
from assistant.guarded_device import guard
from tests.loopback import free_port
from tests.sonocue_command import DEADLINE_S, SONOCUE, finish, start_sonocue, wait_for_frames

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc")

_TABLES = ("tcp", "tcp6", "udp", "udp6", "raw", "raw6")
_LOOPBACK = ("0100007F", "00000000000000000000000001000000")


def sockets_of(pid: int) -> list[tuple[str, str, int]]:
    """Table, local address as the kernel writes it, and port of each network socket of a process and its children."""
    inodes = set()
    for one in [pid, *children(pid)]:
        with suppress(FileNotFoundError):  # a child that has just ended
            for handle in Path(f"/proc/{one}/fd").iterdir():
                with suppress(FileNotFoundError):
                    if found := re.fullmatch(r"socket:\[(\d+)\]", str(handle.readlink())):
                        inodes.add(found[1])
    found = []
    for table in _TABLES:
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                address, port = fields[1].split(":")
                found.append((table, address, int(port, 16)))
    return found


def children(pid: int) -> list[int]:
    found = []
    with suppress(FileNotFoundError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *children(int(child))]
    return found


@contextmanager
def live(folder: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    run = start_sonocue("live", "--headless", "--model", "default", *arguments, folder=folder)
    try:
        yield run
    finally:
        run.terminate()
        finish(run)


def test_the_probe_sees_a_socket():
    import os
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        assert ("tcp", _LOOPBACK[0], server.getsockname()[1]) in sockets_of(os.getpid())


def test_a_default_run_opens_no_network_socket(tmp_path):
    with live(tmp_path, "--source", "phantom:1,size=320x240") as run:
        wait_for_frames(tmp_path / "recordings", at_least=10)
        assert sockets_of(run.pid) == []


@pytest.mark.parametrize(
    ("source", "kind"),
    [("stream:tcp://127.0.0.1:{}?listen=1", "tcp"), ("stream:udp://127.0.0.1:{}", "udp"),
     ("stream:rtsp://127.0.0.1:{}/scan?listen=1", "tcp")],
)  # fmt: skip
def test_what_waits_for_a_stream_waits_on_loopback_alone(tmp_path, source, kind):
    port = free_port()
    run = start_sonocue("live", "--headless", "--source", source.format(port), "--no-record", folder=tmp_path)
    try:
        found = wait_for_socket(run, port)
        assert {table for table, _, _ in found} == {kind}
        assert all(address in _LOOPBACK for _, address, _ in found), found
    finally:
        run.kill()
        run.communicate()


def test_the_publisher_waits_on_loopback_alone(tmp_path):
    port = free_port()
    with live(tmp_path, "--source", "phantom:1,size=320x240", "--no-record", "--publish", f"openigtlink:{port}") as run:
        found = wait_for_socket(run, port)
        assert found == [("tcp", _LOOPBACK[0], port)]


def wait_for_socket(run: subprocess.Popen[str], port: int) -> list[tuple[str, str, int]]:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        assert run.poll() is None, run.communicate()
        found = sockets_of(run.pid)
        if any(number == port for _, _, number in found):
            return found
        time.sleep(0.02)  # another process opens it: there is nothing else to wait on
    raise AssertionError(f"no socket at {port}")


def test_who_listens_where_is_said_on_screen():
    from assistant.clock import MonotonicClock
    from assistant.contracts import DeviceInfo
    from assistant.open_sources import OpenSources
    from plugins.sources.stream import create

    info = DeviceInfo("stream", frozenset({"video"}), notes={"listens": "127.0.0.1:5004"})
    device = create("udp://127.0.0.1:5004", paced=True)
    guarded = guard(OpenSources(device, info, None, None), RunConfig(source="stream:x"), MonotonicClock())
    assert guarded.notices == ("images from whoever calls 127.0.0.1:5004 are taken (network stream)",)
    off = guard(OpenSources(device, info, None, None), RunConfig(source="stream:x", mask="off"), MonotonicClock())
    assert any("Nothing is masked" in notice for notice in off.notices)
    seen = DeviceInfo("glasses", frozenset({"gaze"}), notes={"listens": "four UDP ports of every interface"})
    plain = DeviceInfo("file", frozenset({"video"}))
    watched = guard(OpenSources(device, plain, None, None, (device, seen)), RunConfig(source="x"), MonotonicClock())
    assert watched.notices == ("gaze from whoever sends to four UDP ports of every interface is taken (eye tracker)",)


def test_a_run_needs_no_network_at_all(tmp_path):
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rn", "true"], check=False).returncode:
        pytest.skip("no network namespace may be made here (unshare -rn)")
    done = subprocess.run(
        ["unshare", "-rn", str(SONOCUE), "live", "--source", "phantom:1,size=320x240", "--headless", "--seconds", "1",
         "--json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"faults": []' in done.stdout
