"""A phone with Pupil Labs' Companion app, as far as its real-time API goes: real sockets on loopback.

HTTP for the status and the lens, TCP for Time Echo, RTSP with RTP and RTCP over UDP for gaze and the scene camera's
H.264. Its clock is ``AHEAD_S`` ahead of this machine's. The wearer turns the head to and fro before a monitor with
markers, once a second, and looks at one point of it. Written after the documents of the API, not after the device:
https://pupil-labs.github.io/realtime-network-api/ and the guide "Under the hood" of its Python client.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import math
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from aiohttp import web

from assistant.contracts import UInt8Array
from tests.loopback import free_port

AHEAD_S = 7.0
SCENE_FPS = 20
GAZE_HZ = 100
CLOCK_HZ = 90_000
NTP_AHEAD_S = 2_208_988_800  # from 1900 to 1970
MOST_BYTES = 1200  # in a packet


def phone_ns() -> int:
    """What the phone's clock says."""
    return time.time_ns() + round(AHEAD_S * 1e9)


@dataclass
class Wearer:
    """Who wears the glasses.

    Args:
        pictures: ``(h, w)`` of the scene camera, ``SCENE_FPS`` of them, from a whole second on, again each second.
        looks_at: where gaze lies in the scene at a time of the phone in seconds, in pixels, and whether it is worn.
        lens: ``calibration.bin``; None: the device knows none.
    """

    pictures: list[UInt8Array]
    looks_at: Callable[[float], tuple[float, float, bool]]
    lens: bytes | None = None


def encoded(pictures: list[UInt8Array]) -> list[list[bytes]]:
    """The units (NAL) of each picture in H.264; the first needs none before it."""
    height, width = pictures[0].shape
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, SCENE_FPS), Fraction(SCENE_FPS)
    encoder.bit_rate = 4_000_000
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(len(pictures)), "threads": "1"}
    packets = []
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")
        frame.pts = index
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    assert len(packets) == len(pictures)
    return [[unit.rstrip(b"\0") for unit in bytes(packet).split(b"\0\0\1") if unit.strip(b"\0")] for packet in packets]


class Companion:
    """Serves a wearer from a thread of its own until ``close``."""

    def __init__(self, wearer: Wearer) -> None:
        self.port = free_port()
        self.rtsp_port = self.echo_port = 0
        self.world_connected = True
        self.asked: list[str] = []
        self._wearer = wearer
        self._pictures = encoded(wearer.pictures)
        self._loop = asyncio.new_event_loop()
        self._closing = contextlib.AsyncExitStack()
        self._thread = threading.Thread(target=self._loop.run_forever, name="companion")
        self._thread.start()
        self.come_back()

    def come_back(self) -> None:
        """Serve; streams get another port each time, as after a restart of the app."""
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)

    def go_away(self) -> None:
        """Answer nothing more, and end all that is open."""
        asyncio.run_coroutine_threadsafe(self._closing.aclose(), self._loop).result(10)

    def close(self) -> None:
        self.go_away()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        self._closing = contextlib.AsyncExitStack()
        application = web.Application()
        application.router.add_get("/api/status", self._status)
        application.router.add_get("/calibration.bin", self._calibration)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        self._closing.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        for serve, name in ((self._rtsp, "rtsp_port"), (self._echo, "echo_port")):
            server = await asyncio.start_server(self._ended_with_us(serve), "127.0.0.1", 0)
            self._closing.callback(server.close)
            setattr(self, name, server.sockets[0].getsockname()[1])

    def _ended_with_us(self, serve):
        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._closing.callback(task.cancel)
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
                await serve(reader, writer)
            writer.transport.abort()

        return served

    # HTTP and time ----------------------------------------------------------------------------------------------------

    async def _status(self, _request: web.Request) -> web.Response:
        phone = {
            "battery_level": 80, "battery_state": "OK", "device_id": "d", "device_name": "test phone",
            "ip": "127.0.0.1", "memory": 1 << 34, "memory_state": "OK", "time_echo_port": self.echo_port,
        }  # fmt: skip
        sensors = [
            {
                "sensor": name, "conn_type": "DIRECT", "connected": name != "world" or self.world_connected,
                "ip": "127.0.0.1", "params": f"camera={name}", "port": self.rtsp_port, "protocol": "rtsp",
                "stream_error": False,
            }
            for name in ("gaze", "world")
        ]  # fmt: skip
        result = [{"model": "Phone", "data": phone}, {"model": "Hardware", "data": {"version": "2.0"}}]
        result += [{"model": "Sensor", "data": sensor} for sensor in sensors]
        return web.json_response({"message": "Success", "result": result})

    async def _calibration(self, _request: web.Request) -> web.Response:
        if self._wearer.lens is None:
            return web.Response(status=404)
        return web.Response(body=self._wearer.lens)

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked = await reader.readexactly(8)
            writer.write(asked + struct.pack("!Q", phone_ns() // 1_000_000))
            await writer.drain()

    # RTSP -------------------------------------------------------------------------------------------------------------

    async def _rtsp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, sensor, ports, sending = writer.get_extra_info("peername")[0], "", (0, 0), None
        try:
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, url, _ = lines[0].split(" ")
                headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:])}
                sensor = "gaze" if "gaze" in url else "world" if "world" in url else sensor
                self.asked.append(f"{method} {sensor}")
                extra, body = ["Session: 1;timeout=60"], ""
                if method == "OPTIONS":
                    extra = ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"]
                elif method == "DESCRIBE":
                    body = self._description(sensor)
                    extra = ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
                elif method == "SETUP":
                    ports = tuple(int(port) for port in headers["transport"].split("client_port=")[1].split("-"))
                    extra.append(f"Transport: RTP/AVP;unicast;client_port={ports[0]}-{ports[1]}")
                elif method == "PLAY":
                    sending = asyncio.ensure_future(_RtpSender(host, *ports).send(sensor, self._wearer, self._pictures))
                answer = "\r\n".join(["RTSP/1.0 200 OK", f"CSeq: {headers['cseq']}", *extra, "", body])
                writer.write(answer.encode())
                if method == "TEARDOWN":
                    return
        finally:
            if sending is not None:
                sending.cancel()

    def _description(self, sensor: str) -> str:
        if sensor == "gaze":
            media = ["m=application 0 RTP/AVP 101", f"a=rtpmap:101 com.pupillabs.gaze1/{CLOCK_HZ}"]
        else:
            sets = ",".join(base64.b64encode(unit).decode() for unit in self._pictures[0] if unit[0] & 31 in (7, 8))
            media = ["m=video 0 RTP/AVP 96", f"a=rtpmap:96 H264/{CLOCK_HZ}"]
            media += [f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets};"]
        return "\r\n".join(["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=Unnamed", "t=0 0", "a=recvonly", *media, ""])


class _RtpSender:
    """Sends one stream to two ports of a host."""

    def __init__(self, host: str, rtp_port: int, rtcp_port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtp, self._rtcp = (host, rtp_port), (host, rtcp_port)
        self._sequence = 0
        self._begin_ns = phone_ns()

    async def send(self, sensor: str, wearer: Wearer, pictures: list[list[bytes]]) -> None:
        period_ns = 1_000_000_000 // (GAZE_HZ if sensor == "gaze" else SCENE_FPS)
        reported_ns = 0
        due_ns = (phone_ns() // 1_000_000_000 + 1) * 1_000_000_000 if sensor == "world" else phone_ns()
        with self._socket:
            self._report(self._begin_ns)
            while True:
                await asyncio.sleep(max(due_ns - phone_ns(), 0) / 1e9)
                if due_ns - reported_ns > 1_000_000_000:
                    self._report(due_ns)
                    reported_ns = due_ns
                if sensor == "gaze":
                    x, y, worn = wearer.looks_at(due_ns / 1e9)
                    self._packet(struct.pack("!ffB", x, y, 255 if worn else 0), due_ns, 101, last=True)
                else:
                    units = pictures[round(due_ns / period_ns) % SCENE_FPS]
                    for unit in units:
                        self._unit(unit, due_ns, last=unit is units[-1])
                due_ns += period_ns

    def _ticks(self, time_ns: int) -> int:
        return round((time_ns - self._begin_ns) * CLOCK_HZ / 1e9) & 0xFFFFFFFF

    def _report(self, time_ns: int) -> None:
        """RTCP's sender report: which moment a timestamp is (RFC 3550, 6.4.1)."""
        whole, part = divmod(time_ns, 1_000_000_000)
        ntp = (whole + NTP_AHEAD_S, (part << 32) // 1_000_000_000)
        self._socket.sendto(struct.pack("!BBHIIIIII", 0x80, 200, 6, 1, *ntp, self._ticks(time_ns), 0, 0), self._rtcp)

    def _packet(self, payload: bytes, time_ns: int, kind: int, *, last: bool) -> None:
        head = struct.pack("!BBHII", 0x80, kind | (0x80 if last else 0), self._sequence, self._ticks(time_ns), 1)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._socket.sendto(head + payload, self._rtp)

    def _unit(self, unit: bytes, time_ns: int, *, last: bool) -> None:
        """One unit in one packet, or in fragments (RFC 6184, 5.8)."""
        if len(unit) <= MOST_BYTES:
            self._packet(unit, time_ns, 96, last=last)
            return
        parts = math.ceil((len(unit) - 1) / MOST_BYTES)
        for part in range(parts):
            flags = (0x80 if part == 0 else 0) | (0x40 if part == parts - 1 else 0) | (unit[0] & 31)
            head = bytes([unit[0] & 0xE0 | 28, flags])
            body = unit[1 + part * MOST_BYTES : 1 + (part + 1) * MOST_BYTES]
            self._packet(head + body, time_ns, 96, last=last and part == parts - 1)


def lens_file(matrix: np.ndarray, distortion: np.ndarray) -> bytes:
    """``calibration.bin`` of a Neon whose scene camera has this lens; the eye cameras are left out (zero)."""
    camera = struct.pack("<9d8d16d", *np.ravel(matrix), *np.ravel(distortion), *np.eye(4).ravel())
    return b"\1" + b"000000" + camera + bytes(2 * len(camera)) + bytes(4)
