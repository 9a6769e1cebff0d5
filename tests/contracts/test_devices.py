"""One suite over all devices that play something: what the contract says, each must do.

A new one joins by a line in ``MAKERS``: a function that makes something playable in a folder and says what is in it.
"""

from __future__ import annotations

import itertools
import threading
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest

from assistant.clock import MonotonicClock
from assistant.contracts import AudioBlock, Device, DeviceInfo, Frame, GazeSample, StreamKind, TimelineEvent
from assistant.errors import EndOfStream, SourceError
from assistant.plugin_loader import load_plugin
from assistant.session.merge import merged
from assistant.session.writer import SessionHeader, SessionWriter
from tests.drawn_sequences import shades, write_dicom, write_tracked

ITEM_TYPE = {"video": Frame, "sound": AudioBlock, "gaze": GazeSample, "events": TimelineEvent}
N_FRAMES, FPS, RATE_HZ = 30, 25, 16_000
N_SAMPLES = N_FRAMES * RATE_HZ // FPS


@dataclass(frozen=True)
class Playable:
    """What a maker made.

    Attributes:
        argument: what stands after the colon in ``name:argument``.
        streams: what it must deliver.
        frames, samples: how much of it; None when the suite shall not count.
        bad: arguments that cannot be opened.
        size_px: width and height.
        fps: frames a second.
    """

    argument: str
    streams: set[StreamKind]
    frames: int | None = None
    samples: int | None = None
    bad: dict[str, str] = field(default_factory=dict)
    size_px: tuple[int, int] = (224, 120)
    fps: int = FPS


def make_file(folder: Path) -> Playable:
    path = folder / "scan.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=FPS)
        video.width, video.height, video.pix_fmt = 224, 120, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        for index in range(N_FRAMES):
            picture = av.VideoFrame.from_ndarray(np.full((120, 224, 3), 8 * index, np.uint8), format="rgb24")
            container.mux(video.encode(picture))
            size = RATE_HZ // FPS
            block = av.AudioFrame.from_ndarray(np.full((1, size), 300 * index, np.int16), format="s16", layout="mono")
            block.sample_rate, block.pts = RATE_HZ, index * size
            container.mux(sound.encode(block))
        container.mux(video.encode(None))
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("This is not a video.\n" * 100)
    (folder / "text.txt").write_text("Nor is this, although FFmpeg would draw it.\n" * 100)
    with wave.open(str(folder / "speech.wav"), "wb") as speech:
        speech.setnchannels(1)
        speech.setsampwidth(2)
        speech.setframerate(RATE_HZ)
        speech.writeframes(bytes(2 * RATE_HZ))
    bad = {
        "missing": "nowhere.mp4", "a folder": ".", "empty": "empty.mp4", "text named .mp4": "text.mp4",
        "text": "text.txt", "sound only": "speech.wav",
    }  # fmt: skip
    bad = {name: str(folder / path) for name, path in bad.items()}
    return Playable(str(path), {"video", "sound"}, N_FRAMES, N_SAMPLES, bad)


def make_session(folder: Path) -> Playable:
    info = DeviceInfo("drawn", frozenset({"video", "sound", "gaze", "events"}), fps=FPS, sample_rate_hz=RATE_HZ)
    header = SessionHeader("subject-1", True, "phantom", (info,), {}, None)
    with SessionWriter(folder, header, MonotonicClock(), session_id="scan") as writer:
        for index in range(N_FRAMES):
            now_ns = 10**12 + index * 10**9 // FPS
            writer.put(Frame(index, now_ns, np.full((120, 224), 8 * index, np.uint8)))
            size = RATE_HZ // FPS
            writer.put(AudioBlock(index * size, now_ns, RATE_HZ, np.full(size, index / 100, np.float32)))
            writer.put(GazeSample(now_ns, 3.0 * index, 50.0))
            writer.put(TimelineEvent(now_ns, "truth", {"frame_index": index, "plane": "background"}))
    (folder / "hollow").mkdir()
    bad = {"missing": str(folder / "nowhere"), "no session": str(folder / "hollow")}
    return Playable(str(folder / "scan"), {"video", "sound", "gaze", "events"}, N_FRAMES, N_SAMPLES, bad)


def make_phantom(folder: Path) -> Playable:
    streams: set[StreamKind] = {"video", "sound", "gaze", "events"}
    return Playable("1,seconds=1,size=320x240", streams, 30, RATE_HZ, size_px=(320, 240), fps=30)


def make_dicom(folder: Path) -> Playable:
    path = write_dicom(folder / "cine.dcm", shades(N_FRAMES, 120, 224))
    (folder / "text.dcm").write_text("This is no DICOM.")
    bad = {"missing": "nowhere.dcm", "a folder": ".", "text": "text.dcm"}
    return Playable(str(path), {"video"}, N_FRAMES, bad={name: str(folder / file) for name, file in bad.items()})


def make_tracked(folder: Path) -> Playable:
    path = write_tracked(folder / "sweep.igs.mha", shades(N_FRAMES, 120, 224))
    (folder / "text.mha").write_text("This is no sequence.\n")
    bad = {"missing": "nowhere.mha", "a folder": ".", "text": "text.mha"}
    bad = {name: str(folder / file) for name, file in bad.items()}
    return Playable(str(path), {"video", "events"}, N_FRAMES, bad=bad)


MAKERS: dict[str, Callable[[Path], Playable]] = {
    "dicom": make_dicom,
    "file": make_file,
    "phantom": make_phantom,
    "session": make_session,
    "tracked": make_tracked,
}


@pytest.fixture(scope="module", params=MAKERS)
def source(request, tmp_path_factory) -> tuple[str, Playable]:
    return request.param, MAKERS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture
def create(source):
    """Makes devices of the source under test, and closes them."""
    name, playable = source
    made = []

    def make(argument: str = playable.argument, *, paced: bool = False) -> Device:
        device = load_plugin("sonocue.sources", name)(argument, paced=paced)
        made.append(device)
        return device

    yield make
    for device in made:
        device.close()


def read_all(device: Device, stream: StreamKind) -> list:
    items = []
    while True:
        try:
            item = device.read(stream, 5.0)
        except EndOfStream:
            return items
        assert item is not None
        items.append(item)


def read_due(device: Device, stream: StreamKind) -> list:
    """What a paced device hands over now."""
    items = []
    while (item := device.read(stream, 0.05)) is not None:
        items.append(item)
    return items


def test_is_a_device_that_says_what_it_is(source, create, manual_clock):
    device = create()
    assert isinstance(device, Device)
    info = device.open(manual_clock)
    assert info.streams == source[1].streams
    assert not info.paced
    assert (info.width_px, info.height_px) == source[1].size_px
    assert info.fps == source[1].fps
    assert info.sample_rate_hz == (RATE_HZ if "sound" in info.streams else 0)


def test_unpaced_delivers_everything_in_order(source, create, manual_clock):
    device, playable = create(), source[1]
    opened_ns = manual_clock.now_ns()
    info = device.open(manual_clock)
    starts_ns = []
    for stream in info.streams:
        items = read_all(device, stream)
        assert items
        assert all(isinstance(item, ITEM_TYPE[stream]) for item in items)
        times_ns = [item.captured_ns for item in items]
        assert times_ns == sorted(times_ns)
        starts_ns.append(times_ns[0])
        if stream == "video":
            assert [frame.index for frame in items] == list(range(len(items)))
            assert playable.frames in (None, len(items))
            assert all(not frame.pixels.flags.writeable for frame in items)
            assert np.diff(times_ns) == pytest.approx(10**9 / playable.fps, abs=2e6)
        if stream == "sound":
            firsts = [0, *itertools.accumulate(len(block.samples) for block in items)]
            assert [block.first_sample for block in items] == firsts[:-1]
            assert playable.samples in (None, firsts[-1])
            assert all(not block.samples.flags.writeable for block in items)
            assert all(np.abs(block.samples).max() <= 1 for block in items)
            assert all(0.015 <= len(block.samples) / RATE_HZ <= 0.045 for block in items[:-1])
    assert min(starts_ns) == opened_ns


def test_the_end_repeats(source, create, manual_clock):
    device = create()
    for stream in device.open(manual_clock).streams:
        read_all(device, stream)
        for _ in range(3):
            with pytest.raises(EndOfStream):
                device.read(stream, 0.0)


def test_close_is_idempotent_and_ends_all_streams(source, create, manual_clock):
    device = create()
    info = device.open(manual_clock)
    device.read("video", 1.0)
    for _ in range(3):
        device.close()
    for stream in info.streams:
        with pytest.raises(EndOfStream):
            device.read(stream, 1.0)


def test_close_without_open_does_nothing(source, create):
    device = create()
    device.close()
    device.close()


def test_streams_can_be_read_by_threads_at_once(source, create, manual_clock):
    alone = create()
    expected = {stream: len(read_all(alone, stream)) for stream in sorted(alone.open(manual_clock).streams)}
    device = create()
    device.open(manual_clock)
    counted: dict[str, int] = {}
    threads = [
        threading.Thread(target=lambda stream=stream: counted.update({stream: len(read_all(device, stream))}))
        for stream in expected
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert counted == expected


def test_merged_streams_are_in_order_of_time(source, create, manual_clock):
    device = create()
    items = list(merged(device, device.open(manual_clock)))
    times_ns = [item.captured_ns for item in items]
    assert times_ns == sorted(times_ns)
    assert {type(item) for item in items} == {ITEM_TYPE[stream] for stream in source[1].streams}


def test_paced_hands_over_what_is_due_and_nothing_else(source, create, manual_clock):
    device = create(paced=True)
    assert device.open(manual_clock).paced
    begun_ns = manual_clock.now_ns()
    frames = read_due(device, "video")
    assert [frame.captured_ns for frame in frames] == [begun_ns]
    manual_clock.advance(0.5)
    frames += read_due(device, "video")
    assert len(frames) == 1 + source[1].fps // 2
    assert all(frame.captured_ns <= manual_clock.now_ns() for frame in frames)
    if "sound" in source[1].streams:
        blocks = read_due(device, "sound")
        end_ns = blocks[-1].captured_ns + blocks[-1].duration_ns
        assert 0 <= manual_clock.now_ns() - end_ns < 45_000_000  # a block is due when its last sample was heard
    manual_clock.advance(60)
    assert len(frames) + len(read_all(device, "video")) == source[1].frames  # overdue frames are late, never dropped


def test_close_from_another_thread_ends_a_read_that_waits(source, create, manual_clock):
    device = create(paced=True)
    device.open(manual_clock)
    read_due(device, "video")
    ended = threading.Event()

    def wait():
        with pytest.raises(EndOfStream):
            device.read("video", 60.0)
        ended.set()

    reader = threading.Thread(target=wait)
    reader.start()
    device.close()
    assert ended.wait(5)
    reader.join()


def test_what_cannot_be_opened_is_one_clear_line(source, create, manual_clock):
    for name, argument in source[1].bad.items():
        device = create(argument)
        with pytest.raises(SourceError) as error:
            device.open(manual_clock)
        assert "\n" not in str(error.value), name
        assert Path(argument).name in str(error.value), name
        device.close()
