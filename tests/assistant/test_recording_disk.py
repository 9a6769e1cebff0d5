"""The disk is full, gone, slow or stuck: the view and the guidance go on, it is said, and what was recorded opens."""

import resource
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from assistant import recording
from assistant.clock import MonotonicClock
from assistant.config import RunConfig
from assistant.contracts import AudioBlock, DeviceInfo
from assistant.errors import SessionError
from assistant.model_contracts import ModelBundle
from assistant.pipeline import start_run
from assistant.recording import Recorder
from assistant.run import Run
from assistant.session.reader import SessionReader
from assistant.session.recover import RECOVERED, recover_session
from assistant.session.verify import verify_session
from assistant.session.writer import SessionHeader, SessionWriter
from assistant.snapshot import Snapshot
from assistant.state import RunState

pytest.importorskip("onnxruntime", reason="the extra 'live' (onnxruntime) is not installed")

DISK_KIB = 1536
DEADLINE_S = 60


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Half a minute of noise: without loss, each frame takes 20 kB of a disk."""
    file: Path = tmp_path_factory.mktemp("film") / "noise.avi"
    rng = np.random.default_rng(1)
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuvj420p"
        for _ in range(900):
            picture = av.VideoFrame.from_ndarray(rng.integers(0, 256, (120, 160), dtype=np.uint8), format="gray")
            container.mux(stream.encode(picture.reformat(format="yuvj420p")))
        container.mux(stream.encode(None))
    return file


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 1.5 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "tmpfs", folder]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted (needs root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def live(film: Path, tiny_bundle: ModelBundle) -> Iterator[Callable[[Path], Run]]:
    """Starts a run on the film that records into a folder; it is ended after the test."""
    runs = []

    def start(folder: Path) -> Run:
        config = RunConfig(
            source=f"file:{film}", model=str(tiny_bundle.path), backends=("onnxruntime",), threads=1, record=folder,
            lossless=True, watch_screen=False, mask="off",
        )  # fmt: skip
        runs.append(start_run(config))
        return runs[-1]

    yield start
    for run in runs:
        run.stop()
        run.wait(DEADLINE_S)


def until(run: Run, condition: Callable[[Snapshot], bool], what: str) -> Snapshot:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        now = run.snapshot()
        if condition(now):
            return now
        assert not now.ended, f"ended before {what}: {now.faults}"
        time.sleep(0.02)  # the run is a real one: there is nothing else to wait on
    raise AssertionError(f"{what}: not within {DEADLINE_S} s, {run.snapshot().faults}")


def goes_on(run: Run) -> Snapshot:
    """The view and the guidance are alive: thirty more images come, and are guided."""
    before = run.snapshot().counters
    return until(
        run,
        lambda now: now.counters.captured >= before.captured + 30 and now.counters.guided > before.guided + 5,
        "the live view goes on",
    )


def ended(run: Run) -> dict:
    run.stop()
    assert run.wait(DEADLINE_S)
    return run.summary()


def decoded(session: Path) -> int:
    """Frames of the session, each one decoded."""
    reader = SessionReader(session)
    frames = list(reader.frames())
    assert len(frames) == len(reader)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    return len(frames)


def test_a_full_disk(live, small_disk):
    run = live(small_disk)
    told = until(run, lambda now: any("the disk is full" in fault for fault in now.faults), "the fault is told")
    assert not told.recording
    now = goes_on(run)
    assert now.guidance is not None
    recorded = now.counters.recorded
    assert now.counters.lost > 0
    summary = ended(run)
    assert any("the disk is full" in fault for fault in summary["faults"])
    assert run.failed, "exit status 1"

    (session,) = small_disk.iterdir()
    assert session.name.endswith(".partial")
    assert str(session) in " ".join(summary["faults"]), "where it is, and what to do"
    assert decoded(session) >= recorded - 30 > 10

    with pytest.raises(SessionError, match="the disk is full"):  # no room for a copy either
        recover_session(session)
    assert [path.name for path in small_disk.iterdir()] == [session.name]
    frames = decoded(session)
    subprocess.run(["mount", "-o", f"remount,size={4 * DISK_KIB}k", small_disk], check=True)
    found = recover_session(session)
    assert len(SessionReader(found)) == frames
    assert verify_session(found) == [f"session '{found}' is not complete: {RECOVERED}"]


def test_a_limit_on_the_size_of_files(live, tmp_path):
    """What every user has without a disk of his own: the system refuses to write on (EFBIG)."""
    run = live(tmp_path / "sessions")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        until(run, lambda now: any("no larger file" in fault for fault in now.faults), "the fault is told")
        recorded = goes_on(run).counters.recorded
        ended(run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (session,) = (tmp_path / "sessions").iterdir()
    assert decoded(session) >= recorded - 30 > 10
    assert len(verify_session(recover_session(session))) == 1, "that it is not complete"


def test_a_folder_that_is_removed(live, tmp_path):
    run = live(tmp_path / "sessions")
    until(run, lambda now: now.counters.recorded > 20, "it records")
    shutil.rmtree(tmp_path / "sessions")
    told = until(run, lambda now: any("removed or moved" in fault for fault in now.faults), "the fault is told")
    assert not told.recording
    goes_on(run)
    summary = ended(run)
    assert summary["session"] is None
    assert any("removed or moved" in fault for fault in summary["faults"])
    assert not (tmp_path / "sessions").exists()


def test_a_folder_that_is_moved_keeps_what_was_recorded(live, tmp_path):
    run = live(tmp_path / "sessions")
    until(run, lambda now: now.counters.recorded > 60, "it records")
    (tmp_path / "sessions").rename(tmp_path / "elsewhere")
    until(run, lambda now: any("removed or moved" in fault for fault in now.faults), "the fault is told")
    recorded = goes_on(run).counters.recorded
    ended(run)
    (session,) = (tmp_path / "elsewhere").iterdir()
    assert decoded(session) >= recorded - 30 > 20
    assert len(verify_session(recover_session(session))) == 1


def test_a_slow_disk(live, tmp_path, monkeypatch):
    """A writer that takes a quarter of a second for each item, until frames are lost, and is quick again then."""
    put, quick = SessionWriter.put, threading.Event()

    def slow_put(self, item):
        quick.wait(0.25)
        put(self, item)

    monkeypatch.setattr(SessionWriter, "put", slow_put)
    run = live(tmp_path)
    told = until(run, lambda now: any("does not keep up" in fault for fault in now.faults), "the fault is told")
    assert "recording lost" in " ".join(told.faults)
    goes_on(run)
    quick.set()
    until(run, lambda now: now.counters.recorded > 60, "it records again")
    summary = ended(run)
    assert not run.failed
    session = Path(summary["session"])
    assert verify_session(session) == []
    reader = SessionReader(session)
    assert len(list(reader.frames())) == summary["recorded"] == summary["captured"] - summary["lost"]
    lost = [event.data["frame_index"] for event in reader.timeline("event") if event.data["event"] == "frame lost"]
    assert sorted([*lost, *reader.frame_indices.tolist()]) == list(range(summary["captured"]))


def test_a_disk_that_hangs_does_not_hold_the_end(live, tmp_path, monkeypatch):
    put, stuck, release = SessionWriter.put, threading.Event(), threading.Event()

    def stuck_put(self, item):
        if stuck.is_set():
            release.wait()
        put(self, item)

    monkeypatch.setattr(SessionWriter, "put", stuck_put)
    monkeypatch.setattr(recording, "PATIENCE_S", 0.5)
    run = live(tmp_path)
    until(run, lambda now: now.counters.recorded > 40, "it records")
    stuck.set()
    goes_on(run)
    try:
        summary = ended(run)
        assert run.failed
        assert any("taken nothing" in fault for fault in summary["faults"])
        (session,) = tmp_path.iterdir()
        assert decoded(session) > 10
    finally:
        release.set()


def test_sound_that_waits_for_a_stuck_disk_is_bounded(tmp_path, monkeypatch):
    state = RunState(MonotonicClock(), (), max_guidance_age_ns=1, dwell_ns=1, live=True)
    info = DeviceInfo("drawn", frozenset({"sound"}), sample_rate_hz=16_000)
    writer = SessionWriter(tmp_path, SessionHeader("s", True, "real", (info,), {}, None), MonotonicClock())
    put, release = writer.put, threading.Event()

    def stuck_put(item):
        release.wait()
        put(item)

    monkeypatch.setattr(writer, "put", stuck_put)
    monkeypatch.setattr(recording, "MOST_WAITING", 50)
    recorder = Recorder(writer, state)
    for number in range(200):
        recorder.put(AudioBlock(number * 320, number * 20_000_000, 16_000, np.zeros(320, np.float32)))
    assert "recording lost sound" in " ".join(state.faults)
    release.set()
    session = recorder.close(complete=True)
    assert verify_session(session) == []
    assert 50 <= len(SessionReader(session).tables[1]) <= 52
