"""``pupil:HOST`` or ``pupil:HOST:PORT``: Pupil Labs' glasses (Neon, Invisible), through their real-time API.

The Companion app gives gaze in pixels of its scene camera, and that camera's pictures. Gaze is led to the monitor by
the markers that the window shows (``assistant/teaching/scene_markers.py``); a picture is looked through for them and
dropped. Gaze waits for the picture after it, at most ``HOLD_NS``, and keeps the time at which it was measured.
Without markers in sight, or without the glasses on the nose, a sample is invalid.

Only the named address is called, nothing is searched for. Time: the app's Time Echo protocol gives the distance of the
phone's clock to the run's, anew each minute. A thread of the device receives and decodes in an event loop, another
looks for markers; read on the gaze thread. An app that goes away gives nothing, and is called again each second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from assistant.contracts import Clock, DeviceInfo, GazeSample, StreamItem, StreamKind
from assistant.errors import ConfigError, EndOfStream, SourceError
from assistant.source_options import split_options
from assistant.teaching.scene_markers import Float64Array, Lens, Markers, SceneTrack, ScreenFinder

PORT = 8080
"""Where the Companion app answers, unless its settings say otherwise."""
ANSWER_S = 5.0
"""How long the app may take to answer."""
SILENT_S = 3.0
"""A stream that gives nothing for so long is called anew."""
AGAIN_S = 1.0
"""Between two calls of an app that does not answer."""
CLOCK_S = 60.0
"""Between two looks at the phone's clock."""
ECHOES = 20
HOLD_NS = 1_000_000_000
"""How long gaze waits for the picture after it, which is encoded, sent, decoded and looked through."""
CHANGE_NS = 100_000_000
"""Pictures taken so soon after the markers moved may still show them where they were."""

_QUIET = ("aiortsp.rtsp.reader", "pupil_labs.realtime_api")
"""Loggers that would write into the terminal what the window says in plain words."""


def create(argument: str, *, paced: bool) -> PupilGaze:
    """The device ``pupil:HOST:PORT``. Calls nobody yet."""
    if not paced:
        raise SourceError("gaze 'pupil' can only be live: leave out --lockstep")
    address, _ = split_options("gaze 'pupil'", argument, ())
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        host, port = None, PORT
    if not host or re.search(r"[/?#@\s]", address) or address.rpartition("]")[2].count(":") > 1:
        raise ConfigError(
            f"gaze 'pupil': expected pupil:HOST or pupil:HOST:PORT, as the app's menu Streaming says, got '{address}'"
        )
    return PupilGaze(host, port)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Gaze that waits for its picture; ``phone_ns`` on the phone's clock."""

    phone_ns: int
    arrived_ns: int
    straight_px: Float64Array | None


class PupilGaze:
    """Gaze from a scene camera; see ``assistant.teaching.scene_markers.SeesMarkers``."""

    needs_consent = False

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._clock: Clock | None = None
        self._offset_ns = 0
        self._finder = ScreenFinder(None)
        self._track = SceneTrack()
        self._waiting: deque[_Waiting] = deque(maxlen=2000)
        self._markers: Markers | None = None
        self._markers_ns = 0
        self._seen = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: asyncio.Task[None] | None = None
        self._picture: Any = None
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()
        self._changed = threading.Condition()

    def open(self, clock: Clock) -> DeviceInfo:
        """See ``Device``. Raises ``SourceError`` when the app does not answer, or misses a stream."""
        import pupil_labs.realtime_api  # noqa: F401 - missing: said here, not on the device's thread

        for name in _QUIET:
            logger = logging.getLogger(name)
            logger.addHandler(logging.NullHandler())
            logger.propagate = False
        self._clock = clock
        found = asyncio.run(self._call(clock))
        self._finder = ScreenFinder(found.lens)
        self._offset_ns = found.offset_ns
        self._threads = [
            threading.Thread(target=self._receive, args=(clock,), name="pupil", daemon=True),
            threading.Thread(target=self._look_for_markers, name="pupil markers", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        notes = {
            "coordinates": "monitor",
            "mapped_by": "markers",
            "listens": "four UDP ports of every interface",  # the library's RTP and RTCP
            "lens": "of the device" if found.lens is not None else "unknown: not corrected",
            "round_trip_ms": found.round_trip_ms,
        }
        return DeviceInfo(name=f"pupil: {found.name}", streams=frozenset({"gaze"}), notes=notes)

    def look_for(self, markers: Markers | None) -> None:
        """See ``SeesMarkers``."""
        with self._changed:
            if markers != self._markers and self._clock is not None:
                self._markers, self._markers_ns = markers, self._clock.now_ns()
                self._track.clear()
                self._seen = 0

    @property
    def markers_seen(self) -> int:
        """See ``SeesMarkers``."""
        return self._seen

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        """See ``Device``. An app that goes away gives nothing until it is back."""
        if not self._threads or self._clock is None or stream != "gaze":
            raise EndOfStream
        until_s = time.monotonic() + timeout_s
        with self._changed:
            while not self._closed.is_set():
                if self._waiting and self._is_ready(self._waiting[0], self._clock.now_ns()):
                    return self._led(self._waiting.popleft())
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    return None
                self._changed.wait(min(left_s, 0.05))
        raise EndOfStream

    def close(self) -> None:
        """See ``Device``."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
            loop, work = self._loop, self._work
        if loop is not None and work is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # it has ended by itself just now
                loop.call_soon_threadsafe(work.cancel)
        for thread in self._threads:
            thread.join(2 * ANSWER_S)

    # On the thread that reads -----------------------------------------------------------------------------------------

    def _is_ready(self, gaze: _Waiting, now_ns: int) -> bool:
        return gaze.straight_px is None or self._track.reaches(gaze.phone_ns) or now_ns - gaze.arrived_ns > HOLD_NS

    def _led(self, gaze: _Waiting) -> GazeSample:
        captured_ns = gaze.phone_ns + self._offset_ns
        place = None if gaze.straight_px is None else self._track.lead(gaze.phone_ns, gaze.straight_px)
        if place is None:
            return GazeSample(captured_ns, nan, nan, valid=False)
        return GazeSample(captured_ns, nan, nan, device_x=place[0], device_y=place[1])

    # On the device's own thread ---------------------------------------------------------------------------------------

    def _receive(self, clock: Clock) -> None:
        async def work() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda *_: None)  # the library drops tasks whose call has failed
            with self._changed:
                self._loop, self._work = loop, asyncio.current_task()
            if not self._closed.is_set():
                await asyncio.gather(
                    self._again_and_again(self._receive_gaze, clock),
                    self._again_and_again(self._receive_scene, clock),
                    self._again_and_again(self._follow_clock, clock),
                )

        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(work())

    async def _again_and_again(self, receive: Any, clock: Clock) -> None:
        while True:
            try:
                await receive(clock)
            except Exception:
                logging.getLogger(__name__).debug("called again", exc_info=True)
            await asyncio.sleep(AGAIN_S)

    async def _receive_gaze(self, clock: Clock) -> None:
        from pupil_labs.realtime_api import receive_gaze_data

        async for gaze in receive_gaze_data(await self._url("gaze"), timeout=SILENT_S):
            x, y = getattr(gaze, "x", nan), getattr(gaze, "y", nan)  # a gaze for each eye alone is none of both
            seen = gaze.worn and isfinite(x) and isfinite(y)
            straight_px = self._finder.straightened(x, y) if seen else None
            with self._changed:
                self._waiting.append(_Waiting(gaze.timestamp_unix_ns, clock.now_ns(), straight_px))
                self._changed.notify_all()

    async def _receive_scene(self, clock: Clock) -> None:  # noqa: ARG002 - as its two siblings
        from pupil_labs.realtime_api import receive_video_frames

        with self._changed:
            self._track.clear()
        async for picture in receive_video_frames(await self._url("world"), timeout=SILENT_S):
            with self._changed:
                self._picture = picture
                self._changed.notify_all()

    async def _follow_clock(self, clock: Clock) -> None:
        while True:
            await asyncio.sleep(CLOCK_S)
            self._offset_ns = (await self._call(clock)).offset_ns

    # On the thread that looks for markers -----------------------------------------------------------------------------

    def _look_for_markers(self) -> None:
        """At the newest picture, again and again; one that came while another was looked at gives way to a newer."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._picture is not None or self._closed.is_set())
                if self._closed.is_set():
                    return
                picture, self._picture = self._picture, None
                markers, since_ns = self._markers, self._markers_ns
            phone_ns = picture.timestamp_unix_ns
            if phone_ns + self._offset_ns < since_ns + CHANGE_NS:
                continue
            grey = np.ascontiguousarray(picture.to_ndarray(format="gray"), np.uint8)
            sight = self._finder.look(phone_ns, grey, markers)
            with self._changed:
                if markers == self._markers:
                    self._track.add(sight)
                    self._seen = sight.seen
                    self._changed.notify_all()

    # What the app is asked --------------------------------------------------------------------------------------------

    async def _url(self, sensor: str) -> str:
        """Where a stream is now: after a restart the app may give another port."""
        status, _ = await self._status(with_lens=False)
        return _stream_url(status, sensor)

    async def _call(self, clock: Clock) -> _Found:
        from pupil_labs.realtime_api.time_echo import TimeOffsetEstimator

        status, lens = await self._status(with_lens=True)
        for sensor in ("gaze", "world"):
            _stream_url(status, sensor)
        phone = status.phone
        if not phone.time_echo_port:
            raise SourceError(f"gaze 'pupil': the app on {phone.device_name} tells no time: update the Companion app")
        estimator = TimeOffsetEstimator(await self._address(), phone.time_echo_port)
        try:
            measured = await self._in_time(estimator.estimate(ECHOES, time_fn_ms=lambda: clock.now_ns() // 1_000_000))
        except OSError:
            measured = None
        if measured is None:
            raise SourceError(f"gaze 'pupil': the app on {phone.device_name} does not answer when asked for its time")
        offset_ns = round(measured.time_offset_ms.median * 1e6)
        return _Found(phone.device_name, lens, offset_ns, measured.roundtrip_duration_ms.median)

    async def _status(self, *, with_lens: bool) -> tuple[Any, Lens | None]:
        import aiohttp
        from pupil_labs.realtime_api import Device, DeviceError

        address = await self._address()
        try:
            async with Device(address, self._port, suppress_decoding_warnings=True) as device:
                status = await self._in_time(device.get_status())
                lens = await self._in_time(_lens_of(device)) if with_lens else None
        except (aiohttp.ClientError, DeviceError, OSError, ValueError, LookupError, TypeError) as error:
            raise SourceError(
                f"gaze 'pupil': nothing at {self._host}:{self._port} answers as the Companion app does ({error}): "
                "same network? address as in the app's menu Streaming?"
            ) from error
        return status, lens

    async def _address(self) -> str:
        """By the system, which also knows names in .local; the library's own resolver may not."""
        try:
            loop = asyncio.get_running_loop()
            found = await self._in_time(loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM))
        except OSError as error:
            raise SourceError(f"gaze 'pupil': '{self._host}' is no known address: {error}") from error
        address = str(found[0][4][0])
        return f"[{address}]" if ":" in address else address

    async def _in_time(self, asked: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await asyncio.wait_for(asked, ANSWER_S)
        except TimeoutError as error:
            raise SourceError(
                f"gaze 'pupil': {self._host}:{self._port} does not answer within {ANSWER_S:g} s: same network?"
            ) from error


@dataclass(frozen=True, slots=True)
class _Found:
    """What the app said; ``offset_ns`` is added to the phone's clock."""

    name: str
    lens: Lens | None
    offset_ns: int
    round_trip_ms: float


def _stream_url(status: Any, sensor: str) -> str:
    found = status.direct_gaze_sensor() if sensor == "gaze" else status.direct_world_sensor()
    if not found.connected or found.url is None:
        what = "gaze" if sensor == "gaze" else "pictures of the scene camera"
        raise SourceError(
            f"gaze 'pupil': the app on {status.phone.device_name} gives no {what}: "
            "are the glasses plugged in, and does the app show what they see?"
        )
    return str(found.url)


async def _lens_of(device: Any) -> Lens | None:
    """The scene camera's intrinsics; None of glasses that do not tell them (Pupil Invisible)."""
    from pupil_labs.realtime_api import DeviceError

    try:
        told = await device.get_calibration()
    except DeviceError:
        return None
    matrix = np.array(told.scene_camera_matrix, np.float64).reshape(3, 3)
    distortion = np.array(told.scene_distortion_coefficients, np.float64).reshape(-1)
    usable = np.isfinite(matrix).all() and np.isfinite(distortion).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0
    return Lens(matrix, distortion) if usable else None
