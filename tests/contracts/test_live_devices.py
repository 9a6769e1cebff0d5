"""One suite over all devices that can only be live: what the contract says, each must do.

A new one joins by a line in ``MAKERS``: a context in which something real sends, and that gives the device's argument.
"""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from assistant.clock import MonotonicClock
from assistant.contracts import Device, Frame, StreamKind, TimelineEvent
from assistant.errors import EndOfStream, SonocueError, SourceError
from assistant.plugin_loader import load_plugin
from tests.helper_process import running
from tests.loopback import free_port
from tests.virtual_screen import start_x_server

TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Sending:
    """What a maker made.

    Attributes:
        argument: what stands after the colon in ``name:argument``.
        streams: what it must deliver.
        size_px: width and height.
        refused: arguments that cannot be, some at once, some at the opening.
    """

    argument: str
    streams: set[StreamKind]
    size_px: tuple[int, int]
    refused: tuple[str, ...]


@contextmanager
def make_screen() -> Iterator[Sending]:
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed (apt-get install xvfb)")
    pytest.importorskip("PyQt6", reason="the extra 'live' (PyQt6) is not installed")
    server, display = start_x_server("640x480x24")
    try:
        with running(
            TESTS / "screen_picture.py", 100, 50, 301, 201, env={"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        ):
            region, on = "301x201+100+50", f",display={display}"
            refused = ("301", "301x201", f"301x201+400+50{on}", "1x1+0+0,display=:9999", f"{region},fps=0", "9,x=1")
            yield Sending(f"{region},fps=40{on}", {"video"}, (301, 201), refused)
    finally:
        server.terminate()
        server.wait()


@contextmanager
def make_openigtlink() -> Iterator[Sending]:
    port = free_port()
    with running(TESTS / "igtl_peer.py", "serve", port):
        refused = ("", "127.0.0.1:", ":18944", "127.0.0.1:99999", f"127.0.0.1:{free_port()}", f"127.0.0.1:{port},x=1")
        yield Sending(f"127.0.0.1:{port},device=Image", {"video", "events"}, (64, 48), refused)


@contextmanager
def make_opencv() -> Iterator[Sending]:
    cameras = sorted(Path("/dev").glob("video*"))
    if not cameras:
        pytest.skip("no camera or capture card: no /dev/video* (tests/plugins/test_opencv_source.py does what it can)")
    from plugins.sources.opencv import connect, parse_wish

    capture = connect(parse_wish(str(cameras[0])))
    size_px = int(capture.get(3)), int(capture.get(4))
    capture.release()
    yield Sending(str(cameras[0]), {"video"}, size_px, ("/dev/video999", "front", "0,fps=fast"))


MAKERS: dict[str, Callable[[], AbstractContextManager[Sending]]] = {
    "opencv": make_opencv,
    "openigtlink": make_openigtlink,
    "screen": make_screen,
}


@pytest.fixture(params=MAKERS)
def source(request) -> Iterator[tuple[str, Sending]]:
    with MAKERS[request.param]() as sending:
        yield request.param, sending


@pytest.fixture
def device(source) -> Iterator[Device]:
    """The device under test, closed at the end, when none of its threads may be left."""
    before = set(threading.enumerate())
    made = load_plugin("sonocue.sources", source[0])(source[1].argument, paced=True)
    yield made
    made.close()
    assert not set(threading.enumerate()) - before


def test_gives_images_in_order_that_are_young(source, device):
    clock = MonotonicClock()
    assert isinstance(device, Device)
    assert not device.needs_consent
    opened_ns = clock.now_ns()
    info = device.open(clock)
    assert info.streams == source[1].streams
    assert info.paced
    assert (info.width_px, info.height_px) == source[1].size_px
    frames = [device.read("video", 5.0) for _ in range(20)]
    assert all(isinstance(frame, Frame) for frame in frames)
    assert [frame.index for frame in frames] == list(range(20))
    times_ns = [frame.captured_ns for frame in frames]
    assert all(earlier < later for earlier, later in itertools.pairwise(times_ns))
    assert opened_ns <= times_ns[0] and times_ns[-1] <= clock.now_ns()
    for frame in frames:
        assert (frame.width_px, frame.height_px) == source[1].size_px
        assert not frame.pixels.flags.writeable
        assert frame.stream == 0
    assert not np.array_equal(frames[0].pixels, frames[-1].pixels)
    if "events" in info.streams:
        event = device.read("events", 5.0)
        assert isinstance(event, TimelineEvent) and opened_ns <= event.captured_ns <= clock.now_ns()


def test_what_is_not_read_gives_way_to_what_is_newer(source, device, monkeypatch):
    monkeypatch.setattr("assistant.grabbing.QUEUED_FRAMES", 3)
    monkeypatch.setattr("plugins.sources.openigtlink.QUEUED_FRAMES", 3)
    slow = load_plugin("sonocue.sources", source[0])(source[1].argument, paced=True)
    try:
        clock = MonotonicClock()
        slow.open(clock)
        deadline_ns = clock.now_ns() + 20 * 10**9
        frame = slow.read("video", 5.0)
        while frame.index < 10 and clock.now_ns() < deadline_ns:
            time.sleep(0.3)  # a reader that is late: more come meanwhile than are kept
            earlier, frame = frame, slow.read("video", 5.0)
            assert frame.index > earlier.index
        assert frame.index > earlier.index + 1, "the gap tells what was not kept"
    finally:
        slow.close()


def test_close_ends_a_read_that_waits_and_can_be_repeated(source, device):
    info = device.open(MonotonicClock())
    ended = threading.Event()

    def read_on() -> None:
        try:
            while True:
                device.read("video", 60.0)
        except EndOfStream:
            ended.set()

    reader = threading.Thread(target=read_on)
    reader.start()
    device.close()
    reader.join(10)
    assert ended.is_set()
    for _ in range(2):
        device.close()
    for stream in (*info.streams, "gaze"):
        with pytest.raises(EndOfStream):
            device.read(stream, 0.1)


def test_close_without_open_does_nothing(source, device):
    device.close()
    device.close()
    with pytest.raises(EndOfStream):
        device.read("video", 0.1)


def test_it_only_runs_live(source):
    with pytest.raises(SourceError, match="only runs live"):
        load_plugin("sonocue.sources", source[0])(source[1].argument, paced=False)


def test_what_cannot_be_opened_is_one_clear_line(source):
    for argument in source[1].refused:
        with pytest.raises(SonocueError) as error:
            load_plugin("sonocue.sources", source[0])(argument, paced=True).open(MonotonicClock())
        assert "\n" not in str(error.value), argument
        assert source[0] in str(error.value) or "camera" in str(error.value), argument
