"""Images from an OpenIGTLink server (``openigtlink:HOST:PORT``): PLUS, 3D Slicer, research scanners.

We call the server, so nothing listens here. ``device=NAME`` takes the images of that name only, else those of the first
that comes; poses (TRANSFORM) come as events ``tracked``. Images are 8 bits, grey or RGB, and one slice thick.

The server writes when each image was made by its own clock; ``captured_ns`` is the arrival freed of the network's
jitter (``assistant/arrival.py``), or the arrival itself where the server writes no times. OpenIGTLink runs over TCP:
nothing is lost between the two; what is not read in time gives way to what is newer, and the gap in the index tells.

pyigtl knows the messages. Its own client is not used: it keeps only the newest message of each device, never notices
that the server is gone, and takes any length that a header names. One thread of the device receives.
"""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any, Final

import numpy as np
from pyigtl.messages import ImageMessage, MessageBase, TransformMessage

from assistant.arrival import Lane, MediaClock
from assistant.contracts import Clock, DeviceInfo, Frame, StreamItem, StreamKind, TimelineEvent, UInt8Array
from assistant.errors import ConfigError, EndOfStream, SourceError
from assistant.network import LOOK_UP_S
from assistant.source_options import split_options

PORT: Final = 18944
OPEN_TIMEOUT_S: Final = 8.0
MOST_BODY_BYTES: Final = 64 << 20  # 4096 x 4096 RGB; a header may name any number
QUEUED_FRAMES: Final = 64
QUEUED_EVENTS: Final = 1024
MIN_STEP_NS: Final = 1_000_000


def create(argument: str, *, paced: bool) -> OpenIgtLinkDevice:
    """The device for ``openigtlink:HOST:PORT``. Raises ``ConfigError`` or ``SourceError`` for what cannot be."""
    if not paced:
        raise SourceError("openigtlink only runs live: it cannot be read in lock-step; record it, then replay it")
    text, options = split_options("openigtlink", argument, ("device",))
    host, _, port = text.rpartition(":") if ":" in text else (text, "", str(PORT))
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ConfigError(f"openigtlink: expected HOST:PORT, such as 127.0.0.1:{PORT}, got '{text}'")
    return OpenIgtLinkDevice(host, int(port), options.get("device"))


class OpenIgtLinkDevice:
    """See the module."""

    needs_consent = False

    def __init__(self, host: str, port: int, device: str | None) -> None:
        self._where = (host, port)
        self._name = f"openigtlink '{host}:{port}'"
        self._device = device
        self._closed = threading.Event()
        self._frames: Lane[Frame] = Lane(QUEUED_FRAMES)
        self._events: Lane[TimelineEvent] = Lane(QUEUED_EVENTS)
        self._first: Frame | None = None
        self._failure = ""
        self._began = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, clock: Clock) -> DeviceInfo:
        """Call the server and wait for the first image. See ``contracts.Device.open``."""
        try:
            connection = socket.create_connection(self._where, timeout=OPEN_TIMEOUT_S)
        except TimeoutError as error:
            raise SourceError(f"{self._name}: nobody answered within {OPEN_TIMEOUT_S:.0f} s") from error
        except OSError as error:
            raise SourceError(f"{self._name} cannot be opened: {error.strerror or error}") from error
        connection.settimeout(LOOK_UP_S)
        self._thread = threading.Thread(
            target=self._receive, args=(connection, clock), name="receive openigtlink", daemon=True
        )
        self._thread.start()
        self._began.wait(OPEN_TIMEOUT_S)
        if self._first is None:
            self.close()
            wanted = f" called '{self._device}'" if self._device else ""
            raise SourceError(
                self._failure or f"{self._name}: no image{wanted} came within {OPEN_TIMEOUT_S:.0f} s: does it send any?"
            )
        return DeviceInfo(
            name=f"openigtlink: {self._where[0]}:{self._where[1]}",
            streams=frozenset({"video", "events"}),
            width_px=self._first.width_px,
            height_px=self._first.height_px,
            notes={"device": self._device or ""},
        )

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``contracts.Device.read``."""
        if self._thread is None or stream not in ("video", "events"):
            raise EndOfStream
        return self._frames.take(timeout_s) if stream == "video" else self._events.take(timeout_s)

    def close(self) -> None:
        """See ``contracts.Device.close``."""
        self._closed.set()
        self._frames.end(now=True)
        self._events.end(now=True)
        if self._thread is not None:
            self._thread.join(10 * LOOK_UP_S)

    def _receive(self, connection: socket.socket, clock: Clock) -> None:
        """The device's thread, from the first message to the last."""
        reception = _Reception(clock, self._frames, self._events)
        try:
            with connection:
                while (message := self._next_message(connection)) is not None:
                    if isinstance(message, TransformMessage):
                        reception.pose(message)
                    if not isinstance(message, ImageMessage) or self._device not in (None, message.device_name):
                        continue
                    self._device = message.device_name
                    reception.image(message, _pixels(message, self._name))
                    if self._first is None:
                        self._first = reception.newest
                        self._began.set()
        except SourceError as error:
            self._failure = str(error)
        except OSError as error:
            self._failure = f"{self._name} broke off: {error.strerror or error}"
        except Exception as error:  # noqa: BLE001 - a worker's loop: `read` tells what it met
            self._failure = f"{self._name} failed: {error!r}"
        finally:
            self._frames.end(self._failure)
            self._events.end()
            self._began.set()

    def _next_message(self, connection: socket.socket) -> Any:
        """The next message of a kind that we know; None when the server hung up or the device was closed."""
        while (head := self._exactly(connection, MessageBase.IGTL_HEADER_SIZE)) is not None:
            try:
                fields = MessageBase.parse_header(head)
            except UnicodeDecodeError as error:
                raise SourceError(f"{self._name}: expected OpenIGTLink messages, got something else") from error
            if not 1 <= fields["header_version"] <= 3 or fields["body_size"] > MOST_BODY_BYTES:
                raise SourceError(
                    f"{self._name}: expected OpenIGTLink messages of at most {MOST_BODY_BYTES >> 20} MB, got version "
                    f"{fields['header_version']} and {fields['body_size']} bytes"
                )
            body = self._exactly(connection, int(fields["body_size"]))
            if body is None:
                return None
            if fields["message_type"] not in ("IMAGE", "TRANSFORM"):
                continue
            message = MessageBase.create_message(fields["message_type"])
            try:
                message.unpack(fields, body)
            except (struct.error, ValueError, KeyError, IndexError, NotImplementedError, MemoryError) as error:
                raise SourceError(f"{self._name}: {fields['message_type']} cannot be read: {error}") from error
            return message
        return None

    def _exactly(self, connection: socket.socket, size: int) -> bytes | None:
        content = bytearray()
        while len(content) < size:
            if self._closed.is_set():
                return None
            try:
                part = connection.recv(min(size - len(content), 1 << 20))
            except TimeoutError:
                continue
            if not part:
                if content:
                    raise SourceError(f"{self._name} broke off in the middle of a message")
                return None
            content += part
        return bytes(content)


class _Reception:
    """Numbers and times what arrives. Used by the receiving thread."""

    def __init__(self, clock: Clock, frames: Lane[Frame], events: Lane[TimelineEvent]) -> None:
        self._clock = clock
        self._frames, self._events = frames, events
        self._media = MediaClock()
        self._last_ns = 0
        self.newest: Frame | None = None

    def image(self, message: Any, pixels: UInt8Array) -> None:
        """Queue an image."""
        captured_ns = max(self._captured_ns(message), self._last_ns + MIN_STEP_NS if self.newest else 0)
        index, generation = 0, 0
        if self.newest is not None:
            index = self.newest.index + 1
            generation = self.newest.stream + (self.newest.pixels.shape[:2] != pixels.shape[:2])
        self._last_ns = captured_ns
        self.newest = Frame(index, captured_ns, pixels, generation)
        self._frames.put(self.newest)

    def pose(self, message: Any) -> None:
        """Queue where something is."""
        pose = [float(number) for number in np.asarray(message.matrix).ravel()]
        facts = {"event": "tracked", "transforms": {message.device_name: pose}}
        self._events.put(TimelineEvent(self._captured_ns(message), "event", facts))

    def _captured_ns(self, message: Any) -> int:
        arrived_ns = self._clock.now_ns()
        if message.timestamp <= 0:  # the server writes no times
            return arrived_ns
        sent_ns = round(message.timestamp * 1e9)
        self._media.arrived(sent_ns, arrived_ns)
        return self._media.captured_ns(sent_ns)


def _pixels(message: Any, name: str) -> UInt8Array:
    """``(H, W)`` or ``(H, W, 3)`` RGB. Raises ``SourceError`` when it is no picture of 8 bits."""
    image = np.asarray(message.image)
    if image.dtype == np.uint8 and image.ndim in (3, 4) and image.shape[0] == 1 and min(image.shape) > 0:
        pixels = image[0]
        if pixels.ndim == 2 or pixels.shape[2] == 3:
            return np.ascontiguousarray(pixels)
    raise SourceError(
        f"{name}: image '{message.device_name}': expected one slice of 8 bits, grey or RGB, got shape {image.shape} "
        f"{image.dtype}: name another with device=NAME"
    )
