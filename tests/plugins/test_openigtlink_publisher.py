"""What pyigtl's own client receives, and clients that are slow, rude or gone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from assistant.contracts import Frame
from assistant.errors import PluginError, SourceError
from plugins.publishers.openigtlink import create, map_to_image
from tests.contracts.test_publishers import item
from tests.helper_process import TESTS
from tests.loopback import free_port, wait_for_listener
from tests.sonocue_command import finish, start_sonocue


def test_without_the_compiled_checksum_it_is_refused(monkeypatch):
    """It would take a second of Python for each image, and all other threads would wait for it."""
    monkeypatch.setitem(sys.modules, "crcmod._crcfunext", None)
    with pytest.raises(PluginError, match="'crcmod' was installed without its compiled part"):
        create("")


@contextmanager
def receiving(port: int, file: Path) -> Iterator[None]:
    """pyigtl's client, which writes a JSON line for each message that it sees."""
    command = [sys.executable, str(TESTS / "igtl_peer.py"), "receive", str(port), "100"]
    environ = os.environ | {"PYTHONPATH": str(TESTS.parent)}
    with file.open("w") as output:
        client = subprocess.Popen(command, env=environ, stdout=output, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            client.kill()
            client.wait()


def messages_in(file: Path) -> list[dict]:
    """What was written; the last line may be torn."""
    return [json.loads(line) for line in file.read_text().split("\n")[:-1]]


@pytest.mark.parametrize("colour", [False, True])
def test_a_real_client_receives_image_plane_and_gaze(tmp_path, colour):
    seen = tmp_path / "seen.jsonl"
    port = free_port()
    publisher = create(f"127.0.0.1:{port}")
    publisher.open("s")
    began_s, deadline, index = time.time(), time.monotonic() + 60, 0
    with receiving(port, seen):
        while seen.read_text().count("SonocueGaze") < 10 and time.monotonic() < deadline:
            publisher.put(*item(index % 250, gaze=index % 3 != 2, colour=colour))
            index += 1
            time.sleep(0.02)  # a scanner's pace: the client keeps the newest of each name
    messages = messages_in(seen)
    publisher.close()
    images = [message for message in messages if message["device"] == "Sonocue"]
    planes = [message for message in messages if message["device"] == "SonocuePlane"]
    gazes = [message for message in messages if message["device"] == "SonocueGaze"]
    assert min(len(images), len(planes), len(gazes)) > 3
    for image in images:
        assert image["type"] == "IMAGE"
        assert image["shape"] == ([1, 48, 64, 3] if colour else [1, 48, 64])
        assert image["dtype"] == "uint8"
        assert len(set(image["corner"])) == 1  # one shade
        assert np.allclose(image["matrix"], np.eye(4))
    named = {json.loads(plane["string"])["frame_index"]: plane for plane in planes}
    for image in images:
        if (plane := named.get(image["corner"][0])) is not None:
            facts = json.loads(plane["string"])
            assert facts["plane"] in ("femur", None)
            assert (facts["abstention"] is None) == (facts["plane"] == "femur")
            assert (facts["top"], facts["model"], facts["stream"]) == ("femur", "m@0", 0)
    for gaze in gazes:
        assert (gaze["type"], gaze["shape"], gaze["dtype"]) == ("IMAGE", [1, 3, 4], "float32")
        assert gaze["sum"] == pytest.approx(1)
        # Four cells over 32 pixels from 32 on, three over 24 from 24 on: the first cell's middle is at (35.5, 27.5).
        matrix = np.array(gaze["matrix"])
        np.testing.assert_allclose(matrix @ [0, 0, 0, 1], [35.5, 27.5, 0, 1])
        np.testing.assert_allclose(matrix @ [3, 2, 0, 1], [59.5, 43.5, 0, 1])
    assert {message["timestamp"] for message in planes} >= {message["timestamp"] for message in gazes[1:-1]}
    assert abs(images[0]["timestamp"] - began_s) < 60


def test_the_map_lies_on_the_part_of_the_image_that_it_is_about():
    corners = map_to_image((2, 2), (10, 20, 14, 28)) @ [[-0.5, 1.5], [-0.5, 1.5], [0, 0], [1, 1]]
    np.testing.assert_allclose(corners[:2], [[19.5, 27.5], [9.5, 13.5]])  # from edge to edge


def test_a_client_that_goes_is_let_go_and_another_comes():
    port = free_port()
    publisher = create(str(port))
    publisher.open("s")
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")  # nobody hears what a client says
            deadline = time.monotonic() + 10
            client.settimeout(0.2)
            received = b""
            while len(received) < 1000 and time.monotonic() < deadline:
                publisher.put(*item())
                received += client.recv(1 << 16)
            assert received[2:7] == b"IMAGE"
    for _ in range(5):
        publisher.put(*item())
    publisher.close()


def test_a_client_that_takes_nothing_is_an_error_and_not_a_wait_for_ever():
    port = free_port()
    publisher = create(str(port))
    publisher.open("s")

    def send_many() -> None:
        for index in range(100):
            publisher.put(Frame(index, 10**9 + index, np.zeros((1024, 1280, 3), np.uint8)), item(index)[1])

    with socket.create_connection(("127.0.0.1", port)):
        began_s = time.monotonic()
        with pytest.raises(SourceError, match="a client took nothing for 1 s"):
            send_many()
        assert time.monotonic() - began_s < 30
    publisher.close()


def test_it_waits_on_loopback_alone_unless_an_interface_is_named():
    every = "0.0.0.0"  # noqa: S104 - only when it is written
    for argument, where in (("", ("127.0.0.1", 18944)), ("18955", ("127.0.0.1", 18955)), (every, (every, 18944))):
        assert create(argument)._where == where
    port = free_port()
    publisher = create(str(port))
    publisher.open("s")
    with socket.socket() as other:
        other.bind(("127.0.0.2", port))  # "address in use" if it had taken all interfaces
    publisher.close()


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Five seconds of bright and dark halves, large enough that a client which takes nothing is soon full."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    pixels = np.zeros((1024, 1280, 3), np.uint8)
    pixels[:, :640] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=20)
        stream.width, stream.height, stream.pix_fmt = 1280, 1024, "yuvj420p"
        picture = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuvj420p")
        for number in range(100):
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def start_run(film: Path, port: int, model: Path, folder: Path) -> subprocess.Popen[str]:
    return start_sonocue(
        "live", "--source", f"file:{film}", "--model", model, "--headless", "--json", "--no-record", "--mask", "off",
        "--publish", f"openigtlink:{port}", "--decisions", folder / "decisions.jsonl", folder=folder,
    )  # fmt: skip


def test_what_a_live_run_publishes_is_what_it_decided(tmp_path, tiny_bundle, film):
    port = free_port()
    run = start_run(film, port, tiny_bundle.path, tmp_path)
    with receiving(port, tmp_path / "seen.jsonl"):
        status, out, err = finish(run)
    assert status == 0, err
    summary = json.loads(out)
    assert any(f"goes to whoever calls 127.0.0.1:{port}" in notice for notice in summary["notices"])
    assert summary["faults"] == []
    rows = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text().splitlines()]
    decided = {row["frame_index"]: row for row in rows}
    messages = [message for message in messages_in(tmp_path / "seen.jsonl") if message["type"] == "STRING"]
    assert len(messages) > 5
    for message in messages:
        told = json.loads(message["string"])
        for fact in ("plane", "top", "abstention"):
            assert told[fact] == decided[told["frame_index"]][fact]


def test_a_client_that_blocks_is_seen_and_costs_no_frame(tmp_path, tiny_bundle, film):
    port = free_port()
    run = start_run(film, port, tiny_bundle.path, tmp_path)
    wait_for_listener(port, process=run)
    with socket.create_connection(("127.0.0.1", port)):
        status, out, err = finish(run)
    assert status == 0, err
    summary = json.loads(out)
    assert summary["faults"] == [f"publisher 'openigtlink:{port}' is disabled: a client took nothing for 1 s"]
    assert (summary["captured"], summary["lost"]) == (100, 0)
    assert summary["guided"] + summary["skipped"] == 100
