"""The live software scanner: in time, the same scan as offline, and nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from assistant.clock import MonotonicClock
from assistant.contracts import AudioBlock, Device, Frame, StreamKind
from assistant.errors import ConfigError, EndOfStream, SourceError
from plugins.phantom.device import Phantom, create
from plugins.phantom.settings import ScanSettings, parse_settings

ARGUMENT = "3,size=320x240"
DEADLINE_S = 60.0


@pytest.fixture
def live() -> Iterator[Phantom]:
    device = create(ARGUMENT, paced=True)
    assert isinstance(device, Phantom)
    device.open(MonotonicClock())
    yield device
    device.close()


def take(device: Device, stream: StreamKind, count: int) -> list[object]:
    items: list[object] = []
    give_up = time.monotonic() + DEADLINE_S
    while len(items) < count and time.monotonic() < give_up:
        item = device.read(stream, 1.0)
        if item is not None:
            items.append(item)
    return items


def wait_for(condition: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > give_up:
            return False
        threading.Event().wait(0.02)
    return True


def is_gone(pid: int) -> bool:
    """The process has ended (Linux); whoever adopted it may not have asked for its status yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_live_is_the_same_scan_in_real_time(live: Phantom) -> None:
    offline = Phantom(parse_settings(ARGUMENT), paced=False)
    offline.open(MonotonicClock())
    got: dict[StreamKind, list[object]] = {}
    threads = [
        threading.Thread(target=lambda stream=stream, n=n: got.update({stream: take(live, stream, n)}))
        for stream, n in (("video", 60), ("sound", 100))
    ]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert time.perf_counter() - begin > 1.9
    frames = [item for item in got["video"] if isinstance(item, Frame)]
    blocks = [item for item in got["sound"] if isinstance(item, AudioBlock)]
    assert [frame.index for frame in frames] == list(range(60))
    expected = [offline.read("video", 0.0) for _ in range(60)]
    start_ns = frames[0].captured_ns
    for frame, same in zip(frames, expected, strict=True):
        assert isinstance(same, Frame)
        np.testing.assert_array_equal(frame.pixels, same.pixels)
        assert frame.captured_ns - start_ns == same.index * 1_000_000_000 // 30
    for block in blocks:
        same_block = offline.read("sound", 0.0)
        assert isinstance(same_block, AudioBlock)
        np.testing.assert_array_equal(block.samples, same_block.samples)
    assert blocks[0].captured_ns == start_ns
    offline.close()


def test_one_stream_alone_does_not_wait_for_the_others(live: Phantom) -> None:
    blocks = take(live, "sound", 150)  # three seconds: more than the frames that may wait
    assert [block.first_sample for block in blocks if isinstance(block, AudioBlock)] == list(range(0, 150 * 320, 320))


def test_close_ends_the_process_its_thread_and_whoever_waits(live: Phantom) -> None:
    pid = live.renderer_pid
    assert pid is not None and not is_gone(pid)
    take(live, "video", 2)
    ended = threading.Event()

    def wait_for_the_end() -> None:
        try:
            while True:
                live.read("video", 30.0)
        except EndOfStream:
            ended.set()

    waiter = threading.Thread(target=wait_for_the_end)
    waiter.start()
    live.close()
    live.close()
    assert ended.wait(DEADLINE_S)
    waiter.join(DEADLINE_S)
    assert is_gone(pid)
    assert not [thread for thread in threading.enumerate() if thread.name == "phantom-reader"]
    with pytest.raises(EndOfStream):
        live.read("video", 0.0)


def test_the_process_ends_when_its_parent_is_killed() -> None:
    program = (
        "import sys, time\n"
        "from assistant.clock import MonotonicClock\n"
        "from plugins.phantom.device import create\n"
        f"device = create({ARGUMENT!r}, paced=True)\n"
        "device.open(MonotonicClock())\n"
        "print(device.renderer_pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert wait_for(lambda: is_gone(pid))


def test_a_renderer_that_dies_is_one_clear_line(live: Phantom) -> None:
    take(live, "video", 2)
    assert live.renderer_pid is not None
    os.kill(live.renderer_pid, signal.SIGKILL)
    with pytest.raises(SourceError, match=r"status -9.*start it again"):
        take(live, "video", 1000)


def test_a_scan_with_an_end_ends() -> None:
    device = create(f"{ARGUMENT},seconds=0.5", paced=True)
    device.open(MonotonicClock())
    assert len(take(device, "video", 15)) == 15
    with pytest.raises(EndOfStream):
        take(device, "video", 1)
    device.close()


def test_unpaced_needs_no_process() -> None:
    device = Phantom(ScanSettings(3, seconds=0.2, width_px=320, height_px=240), paced=False)
    with pytest.raises(EndOfStream):
        device.read("video", 0.0)
    info = device.open(MonotonicClock())
    assert device.renderer_pid is None
    assert info.origin == "phantom"
    assert len(list(islice(iter(lambda: device.read("gaze", 0.0), None), 18))) == 18
    device.close()


def test_settings_from_an_argument() -> None:
    assert parse_settings("") == ScanSettings()
    assert parse_settings("7, seconds=2.5,relevant=0.2,size=640x480") == ScanSettings(7, 2.5, 0.2, 640, 480)
    unseen = ScanSettings(7, population="unseen", annotations="none", steer="a file.jsonl")
    assert parse_settings("7,population=unseen,annotations=none,steer=a file.jsonl") == unseen


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("one", "expected a seed"),
        ("-1", "seed must be 0 or more"),
        ("1,secs=3", "unknown option 'secs'"),
        ("1,seconds=long", "seconds=long cannot be read"),
        ("1,seconds=0", "seconds must be above 0"),
        ("1,seconds=nan", "seconds must be above 0"),
        ("1,relevant=2", "relevant must lie between 0 and 1"),
        ("1,size=800", "size=800 cannot be read"),
        ("1,size=80x60", "each side of size"),
        ("1,population=rare", "population must be one of usual, unseen, got 'rare'"),
        ("1,annotations=1", "annotations must be one of decoy, measured, none"),
        ("1,steer", "steer= cannot be read: say e.g. steer=script.jsonl"),
    ],
)
def test_an_argument_that_cannot_be_used_is_one_line(argument: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as raised:
        create(argument, paced=False)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("paced", [True, False])
def test_without_espeak_it_says_what_to_install(paced: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="apt-get install espeak-ng"):
        create("1", paced=paced).open(MonotonicClock())
