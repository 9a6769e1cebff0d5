"""The receiver of UDP over loopback: it takes all that comes while nobody reads, and what is lost is counted."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from assistant import datagrams
from assistant.datagrams import DatagramReader
from assistant.network import parse_address
from tests.loopback import free_port

SIZE = 1316  # seven transport packets, as all senders of MPEG-TS make them
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a socket dropped")


@pytest.fixture
def opened() -> Iterator[Callable[..., tuple[DatagramReader, int]]]:
    """Makes a reader that waits for ``timeout_s``, and says its port."""
    readers = []

    def make(timeout_s: float = 20.0) -> tuple[DatagramReader, int]:
        port = free_port(socket.SOCK_DGRAM)
        reader = DatagramReader(parse_address(f"udp://127.0.0.1:{port}"), threading.Event(), timeout_s)
        readers.append(reader)
        return reader, port

    yield make
    for reader in readers:
        reader.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "receive datagrams"]


def send(port: int, count: int, pause_s: float = 0.0) -> None:
    """Numbered datagrams, from a process of its own: the two share nothing but the network."""
    program = (
        "import socket, struct, time\n"
        "out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        f"for n in range({count}):\n"
        f"    out.sendto(struct.pack('>I', n) + bytes({SIZE - 4}), ('127.0.0.1', {port}))\n"
        f"    if {pause_s}: time.sleep({pause_s})\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def numbers_in(content: bytes) -> list[int]:
    assert len(content) % SIZE == 0
    return [struct.unpack_from(">I", content, start)[0] for start in range(0, len(content), SIZE)]


def read_bytes(reader: DatagramReader, count: int, size: int = 1 << 16) -> bytes:
    """So many bytes, read in pieces of at most ``size``."""
    content = b""
    while len(content) < count:
        content += reader.read(min(size, count - len(content)))
    return content


def test_a_small_socket_buffer_is_no_loss_while_nobody_reads(opened, monkeypatch):
    """The system keeps some 30 of these datagrams; the other 970 are ours to keep."""
    monkeypatch.setattr(datagrams, "SOCKET_BUFFER_BYTES", 64 << 10)
    reader, port = opened()
    assert reader.granted_bytes == 64 << 10
    send(port, 1000, pause_s=0.001)
    assert numbers_in(read_bytes(reader, 1000 * SIZE)) == list(range(1000))
    assert reader.lost == 0


@LINUX
def test_what_the_system_drops_is_counted(opened, monkeypatch):
    """Bursts into the smallest buffer there is: every datagram that was sent was read or is counted as lost."""
    monkeypatch.setattr(datagrams, "SOCKET_BUFFER_BYTES", 1)
    reader, port = opened()
    assert 0 < reader.granted_bytes < 4 * SIZE
    got: list[int] = []

    def read_on() -> None:
        while content := reader.read(SIZE):
            got.extend(numbers_in(content))

    collector = threading.Thread(target=read_on)
    collector.start()
    sent, deadline = 0, time.monotonic() + 60
    while reader.lost == 0 and time.monotonic() < deadline:  # the receiving thread is quick: one may be too little
        send(port, 2000)
        sent += 2000
        while len(got) + reader.lost < sent and time.monotonic() < deadline:
            time.sleep(0.01)  # two threads take them: there is nothing else to wait on
    reader.close()
    collector.join(10)
    assert reader.lost > 0
    assert len(got) + reader.lost == sent


def test_a_reader_that_never_reads_loses_the_oldest_and_counts_it(opened, monkeypatch):
    monkeypatch.setattr(datagrams, "QUEUE_BYTES", 100 * SIZE)
    reader, port = opened()
    send(port, 500, pause_s=0.001)
    deadline = time.monotonic() + 10
    while reader.lost < 400 and time.monotonic() < deadline:
        time.sleep(0.01)  # its thread takes them: there is nothing else to wait on
    assert numbers_in(read_bytes(reader, 100 * SIZE)) == list(range(400, 500))
    assert reader.lost == 400


def test_pieces_of_any_size_are_the_same_bytes(opened):
    reader, port = opened()
    send(port, 20)
    assert numbers_in(read_bytes(reader, 20 * SIZE, size=1000)) == list(range(20))


def test_nothing_within_the_time_is_said_so(opened):
    reader, _ = opened(timeout_s=0.3)
    with pytest.raises(TimeoutError):
        reader.read(1000)
