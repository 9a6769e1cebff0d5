"""Addresses of network streams, and a socket that can be closed while it waits.

``SocketReader.read`` runs on the receiving thread of a device.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from assistant.errors import SourceError

SCHEMES: Final = ("tcp", "udp", "rtsp", "srt")
RTSP_PORT: Final = 554
LOOK_UP_S: Final = 0.2  # how often a wait looks whether it shall end


@dataclass(frozen=True, slots=True)
class Address:
    """Where a stream comes from.

    Attributes:
        scheme: one of ``SCHEMES``.
        host, port: whom to call, or the interface to wait at.
        waits: the sender calls us.
        url: for FFmpeg; may hold a password.
        name: for people; holds none.
    """

    scheme: str
    host: str
    port: int
    waits: bool
    url: str
    name: str


def parse_address(url: str) -> Address:
    """Check a URL. Raises ``SourceError`` for an unknown scheme, a missing port, or waiting at no named interface."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SourceError(f"stream '{url}' is no address: {error}") from error
    host = parts.hostname or ""
    name = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    if parts.scheme not in SCHEMES:
        expected = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise SourceError(f"stream '{name}': expected an address that begins with one of {expected}")
    query = dict(parse_qsl(parts.query))
    listens = query.pop("listen", "0") == "1" or query.get("mode") == "listener"
    waits = listens or parts.scheme == "udp"
    if not host:
        purpose = "to wait at: 127.0.0.1 for this machine alone, 0.0.0.0 for every network" if waits else "to call"
        raise SourceError(f"stream '{name}' names no host {purpose}")
    if port is None and parts.scheme != "rtsp":
        raise SourceError(f"stream '{name}' names no port: expected {parts.scheme}://{host}:PORT")
    if parts.scheme == "udp" and _is_multicast(host):
        raise SourceError(f"stream '{name}': multicast is not supported, expected the address of an interface")
    plain_url = urlunsplit(parts._replace(query=urlencode(query)))
    return Address(parts.scheme, host, port or RTSP_PORT, waits, plain_url, name)


def _is_multicast(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_multicast
    except ValueError:  # a name
        return False


class SocketReader:
    """``tcp`` as a file that a demuxer reads (``udp``: see ``assistant/datagrams.py``).

    Our own sockets, since a wait in FFmpeg's cannot be ended without the risk of losing what has come, and its ``udp``
    receives at every interface, whichever the URL names.
    """

    def __init__(self, address: Address, closed: threading.Event, timeout_s: float) -> None:
        """Call, or wait to be called.

        Args:
            address: ``tcp``.
            closed: ends every ``read`` once it is set.
            timeout_s: for the call, and then for the first byte; later a pause is no failure.

        Raises:
            OSError: nobody is there (``TimeoutError`` when they did not come in time).
        """
        self._closed = closed
        self._first_until_s: float | None = time.monotonic() + timeout_s
        if address.waits:
            family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
            with socket.create_server((address.host, address.port), family=family) as server:
                self._socket = self._called(server)
        else:
            self._socket = socket.create_connection((address.host, address.port), timeout=timeout_s)
        self._socket.settimeout(LOOK_UP_S)
        _notice_a_dead_peer(self._socket)

    def _called(self, server: socket.socket) -> socket.socket:
        """Who calls; ``TimeoutError`` when nobody does in time, or the device is closed."""
        server.settimeout(LOOK_UP_S)
        while True:
            try:
                return server.accept()[0]
            except TimeoutError:
                if self._closed.is_set() or time.monotonic() > (self._first_until_s or 0.0):
                    raise

    def read(self, size: int) -> bytes:
        """What has come, at most ``size`` bytes; nothing at the end, or when the device was closed.

        Raises:
            TimeoutError: nothing came at all.
            OSError: the connection broke.
        """
        while not self._closed.is_set():
            try:
                data = self._socket.recv(size)
            except TimeoutError:
                if self._first_until_s is not None and time.monotonic() > self._first_until_s:
                    raise
                continue
            self._first_until_s = None
            return data
        return b""

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def _notice_a_dead_peer(connection: socket.socket) -> None:
    """Tell a sender that pauses from one whose cable or power is out: the system asks, and hears nothing for 5 s."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 2), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):  # each system has its own names for them
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
