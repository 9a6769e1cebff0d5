"""Sends each guided image, its plane and its gaze map to 3D Slicer, by OpenIGTLink (``openigtlink:HOST:PORT``).

We wait to be called, at ``127.0.0.1:18944`` unless an interface is named; ``openigtlink:0.0.0.0:18944`` is every
network's. What a client says is not heard. Of one image all messages carry the same time, that of its capture:

- ``Sonocue``, IMAGE: the image, grey or RGB; one pixel is one millimetre, since what it is on the patient is not known.
- ``SonocuePlane``, STRING: JSON with ``plane`` (null: abstains), ``top``, ``confidence``, ``abstention``,
  ``frame_index``, ``stream``, ``model``.
- ``SonocueGaze``, IMAGE: the gaze map, float32, placed over the part of the image that it is about.

All of it runs on the publisher's thread. A client that takes nothing for ``SEND_TIMEOUT_S`` is an error: the run then
disables the publisher, and says so (``assistant/publishing.py``).
"""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pyigtl.messages import ImageMessage, StringMessage

from assistant.contracts import Frame, Guidance
from assistant.errors import ConfigError, PluginError, SourceError

HOST: Final = "127.0.0.1"
PORT: Final = 18944
MOST_CLIENTS: Final = 8
SEND_TIMEOUT_S: Final = 1.0


def create(argument: str) -> OpenIgtLinkPublisher:
    """The publisher for ``openigtlink:HOST:PORT``, each of which may be left out. Opens nothing yet.

    Raises:
        ConfigError: it is no address.
        PluginError: each message's checksum would take a second of Python, which would slow the whole run.
    """
    try:
        import crcmod._crcfunext  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise PluginError(
            "publisher openigtlink: the package 'crcmod' was installed without its compiled part: install a C "
            "compiler, then pip install --force-reinstall --no-cache-dir crcmod"
        ) from error
    host, colon, port = argument.rpartition(":")
    if not colon:
        host, port = ("", argument) if argument.isdecimal() else (argument, "")
    port = port or str(PORT)
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ConfigError(f"publisher openigtlink: expected HOST:PORT, such as {HOST}:{PORT}, got '{argument}'")
    return OpenIgtLinkPublisher(host or HOST, int(port))


class OpenIgtLinkPublisher:
    """See the module."""

    def __init__(self, host: str, port: int) -> None:
        self._where = (host, port)
        self._listener: socket.socket | None = None
        self._clients: list[socket.socket] = []
        self._wall_at_zero_s: float | None = None  # wall time when the run's clock was 0

    def open(self, session: str) -> str:
        """See ``contracts.Publisher.open``."""
        host, port = self._where
        try:
            self._listener = socket.create_server(self._where)
        except OSError as error:
            reason = error.strerror or error
            raise SourceError(f"openigtlink cannot wait at {host}:{port}: {reason}: name another port") from error
        self._listener.setblocking(False)
        return f"guidance of {session or 'this run'} goes to whoever calls {host}:{port} (OpenIGTLink)"

    def put(self, frame: Frame, guidance: Guidance) -> None:
        """See ``contracts.Publisher.put``."""
        self._look_for_clients()
        if not self._clients:
            return
        if self._wall_at_zero_s is None:
            self._wall_at_zero_s = time.time() - guidance.ready_ns / 1e9  # the guidance was made just now
        stamp_s = self._wall_at_zero_s + frame.captured_ns / 1e9
        content = b"".join(message.pack() for message in _messages(frame, guidance, stamp_s))
        for client in list(self._clients):
            try:
                client.sendall(content)
            except TimeoutError as error:
                self._hang_up(client)
                raise SourceError(f"a client took nothing for {SEND_TIMEOUT_S:.0f} s") from error
            except OSError:  # it has gone
                self._hang_up(client)

    def close(self) -> None:
        """See ``contracts.Publisher.close``."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        for client in list(self._clients):
            self._hang_up(client)

    def _look_for_clients(self) -> None:
        """Take in who calls, let go who left, and drop what they say."""
        while self._listener is not None and len(self._clients) < MOST_CLIENTS:
            try:
                client, _ = self._listener.accept()
            except OSError:  # nobody calls, or the publisher was closed
                break
            client.settimeout(SEND_TIMEOUT_S)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._clients.append(client)
        for client in list(self._clients):
            client.settimeout(0.0)
            try:
                if not client.recv(1 << 16):
                    self._hang_up(client)
            except BlockingIOError:
                pass
            except OSError:
                self._hang_up(client)
            with suppress(OSError):
                client.settimeout(SEND_TIMEOUT_S)

    def _hang_up(self, client: socket.socket) -> None:
        if client in self._clients:
            self._clients.remove(client)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)  # wakes a thread that sends
        client.close()


def _messages(frame: Frame, guidance: Guidance, stamp_s: float) -> list[Any]:
    """What is sent of one image."""
    decision = guidance.decision
    facts = {
        "plane": decision.plane,
        "top": decision.top,
        "confidence": round(decision.confidence, 4),
        "abstention": None if decision.abstention is None else str(decision.abstention),
        "frame_index": guidance.frame_index,
        "stream": guidance.stream,
        "model": guidance.model_id,
    }
    messages = [
        ImageMessage(frame.pixels[None], device_name="Sonocue", timestamp=stamp_s),
        StringMessage(json.dumps(facts), device_name="SonocuePlane", timestamp=stamp_s),
    ]
    if guidance.gaze_map is not None:
        place = map_to_image(guidance.gaze_map.shape, guidance.gaze_rect_px)
        messages.append(ImageMessage(guidance.gaze_map[None], place, device_name="SonocueGaze", timestamp=stamp_s))
    return messages


def map_to_image(shape: tuple[int, ...], rect_px: tuple[int, int, int, int]) -> npt.NDArray[np.float64]:
    """``(4, 4)``: from a map's cells (column, row, 0, 1) to the image's pixels, counted from the middle of the first.

    Args:
        shape: (h, w) of the map.
        rect_px: (top, left, bottom, right) of the map in the image, half open.
    """
    top, left, bottom, right = rect_px
    width, height = (right - left) / shape[1], (bottom - top) / shape[0]
    matrix = np.diag([width, height, 1.0, 1.0])
    matrix[:2, 3] = left + width / 2 - 0.5, top + height / 2 - 0.5
    return matrix
