"""Network streams from a real ffmpeg process over loopback, compared picture by picture with the file that it sends."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from assistant.arrival import Lane, MediaClock
from assistant.clock import MonotonicClock
from assistant.contracts import AudioBlock, Device, DeviceInfo, Frame, StreamItem, StreamKind, TimelineEvent
from assistant.decoded import to_mono, to_pixels
from assistant.errors import EndOfStream, SourceError
from assistant.speech import speech_segments
from plugins.sources.stream import create
from tests.loopback import free_port, wait_for_listener

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")

# How the file reaches us: our URL, and the last arguments of the sender's command.
TRANSPORTS = {
    "tcp": ("tcp://127.0.0.1:{port}?listen=1", ["-f", "mpegts", "tcp://127.0.0.1:{port}"]),
    "rtsp": (
        "rtsp://127.0.0.1:{port}/live?listen=1",
        ["-f", "rtsp", "-rtsp_transport", "tcp", "rtsp://127.0.0.1:{port}/live"],
    ),
    "udp": ("udp://127.0.0.1:{port}", ["-f", "mpegts", "udp://127.0.0.1:{port}?pkt_size=1316"]),
}
RELIABLE = ["tcp", "rtsp"]
ENCODED = ["-an", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25"]


@pytest.fixture(scope="module")
def video(data_dir) -> Path:
    return data_dir / "us_video" / "clarius-ocular-short.mp4"


@pytest.fixture(scope="module")
def pictures(video) -> list[np.ndarray[Any, Any]]:
    with av.open(video) as container:
        return [to_pixels(picture) for picture in container.decode(video=0)]


@pytest.fixture(params=["udp", *RELIABLE])
def transport(request) -> str:
    return str(request.param)


@contextmanager
def received(transport: str, file: Path, *sending: str) -> Iterator[tuple[Device, DeviceInfo, subprocess.Popen[bytes]]]:
    """The opened device, and the ffmpeg process that sends ``file`` in real time."""
    port = free_port()
    url, output = TRANSPORTS[transport]
    device = create(url.format(port=port), paced=True)
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re"]
    loops = ["-stream_loop", "10"] if "endless" in sending else []
    command += [*loops, "-i", str(file), *(word for word in sending if word != "endless")]
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(device.open, MonotonicClock())
        wait_for_listener(port, "udp" if transport == "udp" else "tcp")
        sender = subprocess.Popen([*command, *(word.format(port=port) for word in output)])
        try:
            yield device, opening.result(), sender
        finally:
            device.close()
            sender.kill()
            sender.wait()
    assert not [thread for thread in threading.enumerate() if thread.name in ("receive stream", "receive datagrams")]


def read_until_end(device: Device, stream: StreamKind = "video", *, silence_s: float = 10.0) -> list[StreamItem]:
    """All items until the stream ends, or nothing comes for ``silence_s``."""
    items: list[StreamItem] = []
    while True:
        try:
            item = device.read(stream, silence_s)
        except EndOfStream:
            return items
        if item is None:
            return items
        items.append(item)


def read_frames(device: Device, count: int) -> list[Frame]:
    frames = [device.read("video", 10.0) for _ in range(count)]
    assert all(isinstance(frame, Frame) for frame in frames)
    return frames  # type: ignore[return-value]


def test_every_picture_of_the_file_arrives_as_it_is(transport, video, pictures):
    with received(transport, video, "-c", "copy") as (device, info, _):
        # Four pictures are still in the receiver when the sender falls silent, two of them in MPEG-TS (see the module)
        # and two, in this file, for reordering; udp has no end that would let them out.
        expected = pictures[:-4] if transport == "udp" else pictures
        frames = read_until_end(device, silence_s=3.0)
        if transport == "udp":
            assert device.read("video", 0.05) is None
            assert device.read("events", 0.0) is None, "packets lost"
        else:
            for _ in range(2):
                with pytest.raises(EndOfStream):
                    device.read("video", 0.05)
    assert info.streams == ({"video", "events"} if transport == "udp" else {"video"})
    assert info.paced
    assert info.fps == pytest.approx(25, abs=0.1)
    assert (info.height_px, info.width_px) == pictures[0].shape[:2]
    assert len(frames) == len(expected)
    assert [frame.index for frame in frames] == list(range(len(expected)))
    for frame, picture in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(frame.pixels, picture)
    # Also the burst at the opening has the sender's pace, not that of its arrival: never more than it, and less only
    # while the receiver learns from a picture that was delayed less how late the others were (a busy machine).
    steps_ms = np.diff([frame.captured_ns for frame in frames]) / 1e6
    assert np.median(steps_ms) == pytest.approx(40, abs=0.5)
    assert steps_ms.max() < 45
    assert steps_ms.min() >= 1


@pytest.mark.parametrize("transport", RELIABLE, indirect=True)
def test_a_sender_that_is_killed_ends_the_stream(transport, video):
    with received(transport, video, "endless", *ENCODED) as (device, _, sender):
        frames = read_frames(device, 20)
        sender.kill()
        frames += read_until_end(device)
        with pytest.raises(EndOfStream):
            device.read("video", 0.05)
    assert [frame.index for frame in frames] == list(range(len(frames)))


@pytest.mark.parametrize("transport", RELIABLE, indirect=True)
def test_a_sender_that_pauses_loses_nothing(transport, video):
    with received(transport, video, *ENCODED) as (device, _, sender):
        frames = read_frames(device, 20)
        sender.send_signal(signal.SIGSTOP)
        while (frame := device.read("video", 0.7)) is not None:  # what was still on its way
            frames.append(frame)
        sender.send_signal(signal.SIGCONT)
        frames += read_until_end(device)
    assert [frame.index for frame in frames] == list(range(50))
    assert all(earlier.captured_ns < later.captured_ns for earlier, later in pairwise(frames))


def test_live_frames_are_young(video):
    with received("tcp", video, "endless", *ENCODED) as (device, _, _sender):
        read_frames(device, 40)  # the burst of the opening is over
        clock, ages_ms = MonotonicClock(), []
        for _ in range(25):
            frame = read_frames(device, 1)[0]
            ages_ms.append((clock.now_ns() - frame.captured_ns) / 1e6)
    assert min(ages_ms) >= 0
    assert np.median(ages_ms) < 100


def test_sound_track_has_the_words_at_the_right_times(data_dir):
    file = data_dir / "tal_tongue_speech" / "70ms-003_cal_dark_theme.mp4"
    with av.open(file) as container:
        rate_hz = container.streams.audio[0].rate
        samples = np.concatenate([to_mono(piece) for piece in container.decode(audio=0)])
    with received("tcp", file, "-c", "copy") as (device, info, _), ThreadPoolExecutor(1) as pool:
        hearing = pool.submit(read_until_end, device, "sound")
        frames = read_until_end(device)
        blocks = hearing.result()
    assert info.streams == {"video", "sound"}
    assert device.needs_consent, "somebody in the room may be heard"
    assert info.sample_rate_hz == rate_hz
    assert [frame.index for frame in frames] == list(range(298))
    assert all(isinstance(block, AudioBlock) and not block.overflowed for block in blocks)
    assert sum(len(block.samples) for block in blocks) == pytest.approx(len(samples), abs=2048)  # the codec's padding
    heard = np.concatenate([block.samples for block in blocks])
    lead_s = (blocks[0].captured_ns - frames[0].captured_ns) / 1e9  # sound and images keep their distance
    segments = [(start + lead_s, end + lead_s) for start, end in speech_segments(heard, rate_hz)]
    np.testing.assert_allclose(segments, speech_segments(samples, rate_hz), atol=0.1)


@pytest.fixture(scope="module")
def transport_stream(video, tmp_path_factory) -> Path:
    """The video as MPEG-TS, with a keyframe every ten pictures."""
    file = tmp_path_factory.mktemp("whole") / "whole.ts"
    encoded = [*ENCODED[:-1], "10"]
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", str(video), *encoded, "-f", "mpegts", str(file)]
    subprocess.run(command, check=True, timeout=60)
    return file


@pytest.mark.parametrize("lost_packets", [1, 40, 300])
def test_a_damaged_stream_tells_what_is_missing(lost_packets, transport_stream):
    """Some transport packets are cut out of a real stream, as a network loses them, and the rest is sent over tcp."""
    content = transport_stream.read_bytes()
    cut = len(content) // 188 * 6 // 10 * 188
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        device = create(f"tcp://127.0.0.1:{server.getsockname()[1]}", paced=True)
        opening = pool.submit(device.open, MonotonicClock())
        with server.accept()[0] as connection:
            connection.sendall(content[:cut] + content[cut + lost_packets * 188 :])
        opening.result()
        frames = read_until_end(device)
        device.close()
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))
    assert 1 <= 50 - len(frames) <= 1 + lost_packets // 20
    with av.open(transport_stream) as container:
        clean = [to_pixels(picture) for picture in container.decode(video=0)]
    compared = [frame for frame in frames if not 20 <= frame.index < 40]  # the next keyframe repairs the picture
    assert {frame.index for frame in compared} == {*range(20), *range(40, 50)}
    for frame in compared:
        np.testing.assert_array_equal(frame.pixels, clean[frame.index])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a socket dropped")
def test_packets_that_this_machine_drops_are_told(transport_stream, monkeypatch):
    """A third of a real stream comes as one burst, into the smallest buffer there is."""
    monkeypatch.setattr("assistant.datagrams.SOCKET_BUFFER_BYTES", 1)
    content = transport_stream.read_bytes()
    pieces = [content[start : start + 1316] for start in range(0, len(content), 1316)]
    port = free_port(socket.SOCK_DGRAM)
    device = create(f"udp://127.0.0.1:{port}", paced=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, ThreadPoolExecutor(1) as pool:
        opening = pool.submit(device.open, MonotonicClock())
        wait_for_listener(port, "udp")
        for number, piece in enumerate(pieces):
            sender.sendto(piece, ("127.0.0.1", port))
            if not len(pieces) // 3 < number < 2 * len(pieces) // 3:
                time.sleep(0.003)  # a sender that is in step
        info = opening.result()
        frames = read_until_end(device, silence_s=1.0)
        told = device.read("events", 1.0)
        device.close()
    assert info.notes["receive_buffer_bytes"] < 10_000
    assert "rmem_max" in info.notes["receive_buffer"]
    assert isinstance(told, TimelineEvent)
    assert told.data["event"] == "packets lost" and 0 < told.data["packets"] < len(pieces)
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))
    assert frames  # how many depends on the machine; that the index counts what is missing, the test before shows


def test_close_ends_a_read_that_waits_and_can_be_repeated(transport, video):
    ended: list[BaseException] = []
    with received(transport, video, "endless", *ENCODED) as (device, _, sender):
        sender.send_signal(signal.SIGSTOP)

        def read_on() -> None:
            try:
                while True:
                    device.read("video", 30.0)
            except EndOfStream as end:
                ended.append(end)

        reader = threading.Thread(target=read_on)
        reader.start()
        device.close()
        reader.join(5)
        assert not reader.is_alive()
        assert len(ended) == 1
        device.close()
        sender.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    "url", ["tcp://127.0.0.1:{port}?listen=1", "udp://127.0.0.1:{port}", "rtsp://127.0.0.1:{port}/x?listen=1"]
)
def test_without_a_sender_it_gives_up(url, monkeypatch):
    monkeypatch.setattr("plugins.sources.stream.OPEN_TIMEOUT_S", 1.0)
    device = create(url.format(port=free_port()), paced=True)
    with pytest.raises(SourceError, match=r"^stream '.*': nothing came within 1 s: is the sender running\?$"):
        device.open(MonotonicClock())
    device.close()


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:{port}", "rtsp://127.0.0.1:{port}/x"])
def test_a_sender_that_is_not_there_cannot_be_called(url):
    with pytest.raises(SourceError, match=r"^stream '.*' cannot be opened: Connection refused$"):
        create(url.format(port=free_port()), paced=True).open(MonotonicClock())


@pytest.mark.parametrize(
    "content", [b"hello, this is no video\n" * 1000, b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", b""]
)
def test_what_is_no_video_is_refused(content):
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        device = create(f"tcp://127.0.0.1:{server.getsockname()[1]}", paced=True)
        opening = pool.submit(device.open, MonotonicClock())
        with server.accept()[0] as connection:
            connection.sendall(content)
        with pytest.raises(SourceError, match="expected video in MPEG-TS, Matroska or NUT") as error:
            opening.result()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "expected an address that begins with one of tcp://"),
        ("scan.mp4", "expected an address that begins with one of tcp://"),
        ("http://127.0.0.1:80/x", "expected an address that begins with one of tcp://"),
        ("tcp://127.0.0.1", "names no port: expected tcp://127.0.0.1:PORT"),
        ("tcp://127.0.0.1:99999", "is no address: Port out of range"),
        ("tcp://:5000?listen=1", "names no host to wait at: 127.0.0.1 for this machine alone"),
        ("tcp://:5000", "names no host to call"),
        ("udp://:5000", "names no host to wait at"),
        ("udp://@:5000", "names no host to wait at"),
        ("rtsp://:8554/x?listen=1", "names no host to wait at"),
        ("srt://:9000?mode=listener", "names no host to wait at"),
        ("udp://239.0.0.1:5000", "multicast is not supported"),
    ],
)
def test_addresses_that_cannot_be_received_are_refused(url, problem):
    with pytest.raises(SourceError, match=problem.replace("?", r"\?")) as error:
        create(url, paced=True)
    assert "\n" not in str(error.value)


def test_udp_waits_at_the_named_interface_only():
    port = free_port(socket.SOCK_DGRAM)
    device = create(f"udp://127.0.0.1:{port}", paced=True)
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(device.open, MonotonicClock())
        wait_for_listener(port, "udp")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.2", port))  # "address in use" if the device had taken all interfaces
        device.close()
        with pytest.raises(SourceError):
            opening.result()


def test_a_password_is_not_shown():
    with pytest.raises(SourceError) as error:
        create(f"rtsp://nurse:secret@127.0.0.1:{free_port()}/x", paced=True).open(MonotonicClock())
    assert "secret" not in str(error.value)


def test_it_only_runs_live():
    with pytest.raises(SourceError, match="only runs live"):
        create("udp://127.0.0.1:5000", paced=False)


def test_media_clock_takes_out_jitter_and_follows_drift():
    rng = np.random.default_rng(0)
    media, drift = MediaClock(), 1 + 100e-6
    worst_ns = 0
    for number in range(10_000):  # 400 s of pictures, up to 80 ms late
        sent_ns = 5_000_000_000 + number * 40_000_000
        true_ns = 1_000_000_000 + number * 40_000_000 * drift
        arrived_ns = round(true_ns + min(rng.exponential(10e6), 80e6))
        media.arrived(sent_ns, arrived_ns)
        assert media.captured_ns(sent_ns) <= arrived_ns
        if number > 100:
            worst_ns = max(worst_ns, abs(media.captured_ns(sent_ns) - true_ns))
    assert worst_ns < 10e6
    media.arrived(0, arrived_ns + 40_000_000)  # the sender begins anew
    assert media.captured_ns(0) == arrived_ns + 40_000_000


def test_a_full_lane_drops_the_oldest_and_ends_after_the_last():
    lane: Lane[int] = Lane(3)
    for number in range(5):
        lane.put(number)
    lane.end("cable pulled")
    lane.put(9)
    assert [lane.take(0.0) for _ in range(3)] == [2, 3, 4]
    for _ in range(2):
        with pytest.raises(SourceError, match="cable pulled"):
            lane.take(0.0)


def test_a_sender_that_begins_anew_is_stamped_when_it_arrives():
    """Its clock is back at zero after a few seconds; a backlog, whose clock goes on, is stamped as it was sent."""
    media = MediaClock()
    media.arrived(5_000_000_000, 100_000_000_000)
    media.arrived(6_000_000_000, 104_000_000_000)  # three seconds late
    assert media.captured_ns(6_000_000_000) == pytest.approx(101_000_000_000, abs=5_000_000)
    media.arrived(1_400_000_000, 106_000_000_000)
    assert media.captured_ns(1_400_000_000) == 106_000_000_000
    media.arrived(1_500_000_000, 106_150_000_000)
    assert media.captured_ns(1_500_000_000) == pytest.approx(106_100_000_000, abs=5_000_000)
