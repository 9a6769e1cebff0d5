"""A live device that is lost and comes back, by faults at the contract: what goes on, and what is never let in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest

from assistant import reopening
from assistant.clock import MonotonicClock
from assistant.config import RunConfig
from assistant.contracts import AudioBlock, Clock, DeviceInfo, Frame, StreamItem, StreamKind
from assistant.errors import ConfigError, EndOfStream, SourceError
from assistant.open_sources import create_device
from assistant.reopening import Loss, ReopeningDevice, only_live

DEADLINE_S = 20.0
RATE_HZ = 16_000


class Camera:
    """Gives so many frames and blocks of 10 ms, and then fails as it is told."""

    needs_consent = False

    def __init__(
        self,
        frames: int = 3,
        failure: Exception | None = None,
        refuses: Exception | None = None,
        rate_hz: int = RATE_HZ,
    ) -> None:
        self.frames, self.failure, self.refuses, self.rate_hz = frames, failure or EndOfStream(), refuses, rate_hz
        self.streams: frozenset[StreamKind] = frozenset({"video", "sound"})
        self.closed = threading.Event()
        self.given = {"video": 0, "sound": 0}
        self.clock: Clock = MonotonicClock()

    def open(self, clock: Clock) -> DeviceInfo:
        if self.refuses is not None:
            raise self.refuses
        self.clock = clock
        return DeviceInfo("camera", self.streams, width_px=8, height_px=8, fps=30, sample_rate_hz=self.rate_hz)

    def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
        number = self.given[stream]
        if self.closed.is_set() or number == self.frames:
            raise EndOfStream if self.closed.is_set() else self.failure
        self.given[stream] += 1
        if stream == "video":
            return Frame(number, self.clock.now_ns(), np.zeros((8, 8), np.uint8))
        return AudioBlock(number * 160, self.clock.now_ns(), self.rate_hz, np.zeros(160, np.float32))

    def close(self) -> None:
        self.closed.set()


def allow_all(_: object) -> None:
    pass


@pytest.fixture
def device_of() -> Iterator[Callable[..., ReopeningDevice]]:
    """Makes a device that opens one of ``devices`` after the other, and closes it at the end."""
    made: list[ReopeningDevice] = []

    def make(*devices: Camera, allow: Callable[[object], None] = allow_all) -> ReopeningDevice:
        first, *following = devices
        waiting = iter(following)
        made.append(ReopeningDevice(first, lambda: next(waiting, Camera(refuses=SourceError("gone"))), allow))
        return made[-1]

    yield make
    for device in made:
        device.close()
    deadline = time.monotonic() + DEADLINE_S
    while [thread for thread in threading.enumerate() if thread.name == "reopen"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [thread for thread in threading.enumerate() if thread.name == "reopen"]


def read(device: ReopeningDevice, stream: StreamKind, count: int) -> list[StreamItem]:
    items: list[StreamItem] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(items) < count:
        assert time.monotonic() < deadline, f"{len(items)} of {count} came"
        item = device.read(stream, 0.05)
        if item is not None:
            items.append(item)
    return items


@pytest.mark.parametrize("failure", [EndOfStream(), SourceError("the cable is out"), ZeroDivisionError("a driver")])
def test_frames_count_on_in_a_new_stream_and_the_gap_is_told(device_of, failure: Exception) -> None:
    told: list[tuple[str, Loss, int]] = []
    device = device_of(Camera(3, failure), Camera(refuses=SourceError("not yet")), Camera(2, failure), Camera(4))
    device.on_lost = lambda loss: told.append(("lost", loss, 0))
    device.on_back = lambda loss, at_ns: told.append(("back", loss, at_ns))
    device.open(MonotonicClock())
    frames = read(device, "video", 9)
    assert [frame.index for frame in frames] == list(range(9))
    assert [frame.stream for frame in frames] == [0] * 3 + [1] * 2 + [2] * 4
    assert all(earlier.captured_ns < later.captured_ns for earlier, later in pairwise(frames))
    assert [(what, loss.from_ns, at_ns) for what, loss, at_ns in told] == [
        ("lost", frames[2].captured_ns, 0),
        ("back", frames[2].captured_ns, frames[3].captured_ns),
        ("lost", frames[4].captured_ns, 0),
        ("back", frames[4].captured_ns, frames[5].captured_ns),
    ]
    assert all(loss.source == "camera" for _, loss, _ in told)
    assert (str(failure) or "it ended") in told[0][1].reason


def test_missing_sound_is_a_gap_of_its_length(device_of) -> None:
    device = device_of(Camera(5), Camera(5))
    device.open(MonotonicClock())
    before = read(device, "sound", 5)
    assert device.read("sound", 0.01) is None, "the sound's end alone does not end the device"
    read(device, "video", 6)  # three, and three of the next
    after = read(device, "sound", 5)
    blocks = [*before, *after]
    missing = after[0].first_sample - 5 * 160
    gap_ns = after[0].captured_ns - before[-1].captured_ns - before[-1].duration_ns
    assert missing == pytest.approx(gap_ns * RATE_HZ / 1e9, abs=1)
    assert missing > 0
    assert [block.overflowed for block in blocks] == [False] * 5 + [True] + [False] * 4
    assert [block.first_sample - after[0].first_sample for block in after] == [0, 160, 320, 480, 640]


def test_what_comes_back_unlike_it_was_is_not_taken(device_of) -> None:
    other_rate, silent = Camera(rate_hz=48_000), Camera()
    silent.streams = frozenset({"sound"})
    device = device_of(Camera(1), other_rate, silent, Camera(2))
    device.open(MonotonicClock())
    assert [frame.stream for frame in read(device, "video", 3)] == [0, 1, 1]
    assert other_rate.closed.is_set() and silent.closed.is_set()
    assert sum(other_rate.given.values()) == sum(silent.given.values()) == 0


def test_what_comes_back_with_ears_is_not_let_in_without_consent(device_of) -> None:
    listening = Camera()

    def allow(device: object) -> None:
        if device is listening:
            raise ConfigError("add --consent")

    device = device_of(Camera(1), listening, Camera(1), allow=allow)
    device.open(MonotonicClock())
    read(device, "video", 2)
    assert listening.closed.is_set()
    assert sum(listening.given.values()) == 0


def test_a_driver_that_raises_anything_while_it_is_away_is_tried_again(device_of) -> None:
    broken = [Camera(refuses=ZeroDivisionError("driver")), Camera(refuses=OSError("bus"))]
    device = device_of(Camera(1), *broken, Camera(1))
    device.open(MonotonicClock())
    assert [frame.stream for frame in read(device, "video", 2)] == [0, 1]


def test_a_microphone_that_falls_silent_is_opened_again(device_of, monkeypatch) -> None:
    monkeypatch.setattr(reopening, "SOUND_STALL_S", 0.2)

    class Stalling(Camera):
        def read(self, stream: StreamKind, timeout_s: float) -> StreamItem | None:
            if self.given["sound"] == self.frames:
                self.closed.wait(timeout_s)
                return None
            return super().read(stream, timeout_s)

    stalling, back = Stalling(2), Camera(2)
    stalling.streams = back.streams = frozenset({"sound"})
    device = device_of(stalling, back)
    told: list[Loss] = []
    device.on_lost = told.append
    device.open(MonotonicClock())
    assert len(read(device, "sound", 4)) == 4
    assert [loss.reason for loss in told] == ["nothing came for 0 s"]
    assert stalling.closed.is_set()


def test_it_tries_on_patiently_and_finds_what_returns(device_of, monkeypatch) -> None:
    """After a minute it tries each second: the pauses are counted, not waited for."""
    monkeypatch.setattr(reopening, "PATIENT_S", 0.0)
    tries: list[float] = []

    class Away(Camera):
        def open(self, clock: Clock) -> DeviceInfo:
            tries.append(time.monotonic())
            raise SourceError("away")

    told: list[Loss] = []
    device = device_of(Camera(1), Away(), Away(), Camera(1))
    device.on_lost = told.append
    device.open(MonotonicClock())
    read(device, "video", 2)
    assert tries[1] - tries[0] >= reopening.PATIENT_RETRY_S
    assert len(told) == 1, "it is said once"


def test_close_ends_a_wait_and_an_opening(device_of) -> None:
    opening = threading.Event()

    class Waiting(Camera):
        def open(self, clock: Clock) -> DeviceInfo:
            opening.set()
            assert self.closed.wait(DEADLINE_S)
            raise SourceError("closed")

    device = device_of(Camera(0), Waiting())
    device.open(MonotonicClock())
    ended = threading.Event()

    def read_on() -> None:
        try:
            while True:
                device.read("video", 30.0)
        except EndOfStream:
            ended.set()

    reader = threading.Thread(target=read_on)
    reader.start()
    assert opening.wait(DEADLINE_S)
    device.close()
    reader.join(DEADLINE_S)
    assert ended.is_set()
    device.close()


def test_one_that_was_never_there_is_an_error(device_of) -> None:
    with pytest.raises(SourceError, match="not there"):
        device_of(Camera(refuses=SourceError("not there"))).open(MonotonicClock())


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("stream:tcp://127.0.0.1:5004", True),
        ("opencv:0", True),
        ("screen:64x64+0+0", True),
        ("openigtlink:127.0.0.1:18944", True),
        ("sounddevice", True),
        ("phantom:1", False),
        ("phantom:1,steer=live", False),
        ("file:scan.mp4", False),
        ("session:somewhere", False),
    ],
)
def test_only_what_is_live_is_opened_again(spec: str, expected: bool) -> None:
    config = RunConfig(source=spec, consent=True)
    device = create_device(spec, paced=True, consent=True)
    assert only_live(device, lambda: create_device(spec, paced=False, consent=config.consent)) is expected
