"""Takes UDP datagrams off the socket at once, and counts those that were lost: UDP itself tells nobody.

A thread of its own receives and waits for nothing but the network, since the system keeps only a socket's buffer for a
program that decodes meanwhile. ``DatagramReader.read`` runs on the receiving thread of a device.
"""

from __future__ import annotations

import platform
import socket
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Final

from assistant.network import LOOK_UP_S, Address

SOCKET_BUFFER_BYTES: Final = 8 << 20  # asked for; Linux grants `net.core.rmem_max` of it, to root all
QUEUE_BYTES: Final = 64 << 20  # half a minute at 16 Mbit/s: a reader that is later than this does not keep up at all

_LARGEST_DATAGRAM: Final = 1 << 16
_LINUX: Final[bool] = platform.system() == "Linux"
_SO_RCVBUFFORCE: Final = 33  # Linux's socket options that Python has no names for: <asm-generic/socket.h>
_SO_MEMINFO: Final = 55
_DROPS: Final = slice(8 * 4, 9 * 4)  # SK_MEMINFO_DROPS in <linux/sock_diag.h>


class DatagramReader:
    """``udp`` as a file that a demuxer reads: what the datagrams hold, one after another.

    Attributes:
        granted_bytes: of ``SOCKET_BUFFER_BYTES``, what the system keeps for this socket.
    """

    def __init__(self, address: Address, closed: threading.Event, timeout_s: float) -> None:
        """Wait at the address.

        Args:
            address: ``udp``.
            closed: ends every ``read`` once it is set.
            timeout_s: for the first datagram; later a pause is no failure.

        Raises:
            OSError: the address is not this machine's, or is taken.
        """
        self._closed = closed
        self._first_until_s: float | None = time.monotonic() + timeout_s
        self._arrived: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._rest = b""
        self._late = self._dropped = 0
        self._failure: OSError | None = None
        self._changed = threading.Condition()
        family, *_, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0]
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self.granted_bytes = _widen(self._socket)
            self._socket.bind(where)
        except OSError:
            self._socket.close()
            raise
        self._socket.settimeout(LOOK_UP_S)
        self._thread = threading.Thread(target=self._receive, name="receive datagrams", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """Datagrams that reached this machine and could not be kept. What the network loses before is not seen here.

        Linux alone tells what the socket dropped; elsewhere only our own queue is counted.
        """
        return self._late + self._dropped

    def read(self, size: int) -> bytes:
        """What has come, at most ``size`` bytes; nothing once the device was closed.

        Raises:
            TimeoutError: nothing came at all.
            OSError: the interface broke.
        """
        with self._changed:
            while not self._closed.is_set() and not self._rest and not self._arrived:
                if self._failure is not None:
                    raise self._failure
                if self._first_until_s is not None and time.monotonic() > self._first_until_s:
                    raise TimeoutError
                self._changed.wait(LOOK_UP_S)
            if self._closed.is_set():
                return b""
            self._first_until_s = None
            parts, length = [self._rest], len(self._rest)
            while self._arrived and length < size:
                parts.append(self._arrived.popleft())
                length += len(parts[-1])
                self._waiting_bytes -= len(parts[-1])
        content = b"".join(parts)
        self._rest = content[size:]
        return content[:size]

    def close(self) -> None:
        """Wait no more. Idempotent."""
        self._closed.set()
        self._thread.join(10 * LOOK_UP_S)
        self._socket.close()

    def _receive(self) -> None:
        while not self._closed.is_set():
            try:
                datagram = self._socket.recv(_LARGEST_DATAGRAM)
            except TimeoutError:
                datagram = b""
            except OSError as error:
                with self._changed:
                    self._failure = error
                    self._changed.notify()
                return
            dropped = _drops(self._socket)
            with self._changed:
                self._dropped = dropped
                if datagram:
                    self._arrived.append(datagram)
                    self._waiting_bytes += len(datagram)
                while self._waiting_bytes > QUEUE_BYTES:  # the oldest: what is late is of no use to a live view
                    self._waiting_bytes -= len(self._arrived.popleft())
                    self._late += 1
                self._changed.notify()


def _widen(own: socket.socket) -> int:
    """Ask for a large receive buffer; returns what was granted."""
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
    if _LINUX:
        with suppress(PermissionError):  # beyond the system's limit, where we may
            own.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, SOCKET_BUFFER_BYTES)
    granted = own.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return granted // 2 if _LINUX else granted  # Linux doubles it for its own bookkeeping


def _drops(own: socket.socket) -> int:
    """Datagrams that the system threw away because the socket's buffer was full."""
    if not _LINUX:
        return 0
    try:
        return int(struct.unpack("I", own.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 9 * 4)[_DROPS])[0])
    except (OSError, struct.error):  # a kernel before 4.12
        return 0
