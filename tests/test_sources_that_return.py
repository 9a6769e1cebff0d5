"""Real sources that go away and come back during a run: a sender that is killed, a sound server that is stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from assistant.config import RunConfig
from assistant.model_contracts import ModelBundle
from assistant.pipeline import start_run
from assistant.run import Run
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from assistant.snapshot import Snapshot
from tests.loopback import free_port, wait_for_listener
from tests.sonocue_command import finish, start_sonocue, wait_for_event, wait_for_frames

DEADLINE_S = 30.0
RETURN_S = 2.0
SOUND_SERVER = Path(__file__).resolve().parents[1] / "scripts" / "sound_server.sh"
OUTPUTS = {
    "tcp": ("tcp://127.0.0.1:{port}?listen=1", ["-f", "mpegts", "tcp://127.0.0.1:{port}"]),
    "rtsp": (
        "rtsp://127.0.0.1:{port}/live?listen=1",
        ["-f", "rtsp", "-rtsp_transport", "tcp", "rtsp://127.0.0.1:{port}/live"],
    ),
    "udp": ("udp://127.0.0.1:{port}", ["-f", "mpegts", "udp://127.0.0.1:{port}?pkt_size=1316"]),
}


def snapshot_when(run: Run, true: Callable[[Snapshot], bool], what: str) -> Snapshot:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        snapshot = run.snapshot()
        if true(snapshot):
            return snapshot
        time.sleep(0.005)  # the run's own threads make it true: there is nothing else to wait on
    now = run.snapshot()
    raise AssertionError(f"{what}: {now.counters}, faults {now.faults}, frame {now.frame and now.frame.index}")


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("transport", OUTPUTS)
def test_a_sender_that_is_killed_and_started_again_is_received_again(
    transport: str, data_dir: Path, tiny_bundle: ModelBundle, tmp_path: Path
) -> None:
    port = free_port()
    url, output = OUTPUTS[transport]
    film = data_dir / "us_video" / "clarius-ocular-short.mp4"
    command = ["ffmpeg", "-nostdin", "-loglevel", "quiet", "-re", "-stream_loop", "50", "-i", str(film), "-an",
               "-vf", "scale=160:120", "-r", "15", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
               "-g", "10", "-threads", "1",
               *(word.format(port=port) for word in output)]  # fmt: skip
    config = RunConfig(
        source=f"stream:{url.format(port=port)}", model=str(tiny_bundle.path), backends=("onnxruntime",), threads=1,
        record=tmp_path, max_guidance_age_ms=150,
    )  # fmt: skip
    table = "udp" if transport == "udp" else "tcp"
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(start_run, config)
        wait_for_listener(port, table)
        senders = [subprocess.Popen(command)]
        try:
            run = starting.result(DEADLINE_S)
            snapshot_when(run, lambda now: now.guidance is not None and now.counters.captured > 30, "guidance comes")
            senders[0].send_signal(signal.SIGKILL)
            senders[0].wait()
            lost = snapshot_when(
                run, lambda now: not has_signal(now) and "no signal" in str(run.summary()["faults"]), "the loss is said"
            )
            assert lost.faults[0].startswith("no signal from stream: ")
            assert lost.guidance is None
            wait_for_listener(port, table)
            before = run.snapshot().counters.captured
            senders.append(subprocess.Popen(command))
            if transport != "udp":  # without connections, its return is its start
                wait_until_connected(port)
            returned_s = time.monotonic()
            snapshot_when(run, lambda now: now.counters.captured > before and has_signal(now), "images come again")
            took_s = time.monotonic() - returned_s
            guided = snapshot_when(run, lambda now: now.guidance is not None, "guidance comes again")
            assert guided.frame is not None
            assert guided.guidance.stream == guided.frame.stream
            run.stop()
            assert run.wait(DEADLINE_S)
        finally:
            for sender in senders:
                sender.kill()
                sender.wait()
    assert not run.failed
    assert took_s < RETURN_S or transport == "udp"
    summary = run.summary()
    assert any("no signal" in fault for fault in summary["faults"]), "what went wrong stays in the summary"
    session = Path(summary["session"])
    assert verify_session(session) == []
    reader = SessionReader(session)
    assert reader.complete
    assert reader.frame_indices.tolist() == list(range(summary["captured"]))
    events = {event.data["event"]: event for event in reader.timeline("event")}
    if transport == "udp":  # it has no end: only the images stay away
        gap = events["signal back"]
    else:
        gap = events["source back"]
        assert "ended" in gap.data["reason"] or "broke off" in gap.data["reason"]
        streams = [int(row.split(",")[2]) for row in (session / "frames.csv").read_text().splitlines()[1:]]
        assert sorted(set(streams)) == [0, 1] and streams == sorted(streams)
    times_ns = reader.frame_times_ns
    steps_ns = times_ns[1:] - times_ns[:-1]
    assert gap.data["to_ns"] - gap.data["from_ns"] == pytest.approx(steps_ns.max(), abs=250e6)


@pytest.mark.skipif(shutil.which("pulseaudio") is None, reason="no sound server: pulseaudio is not installed")
@pytest.mark.parametrize("microphone", ["sounddevice", "pyaudio"])
def test_a_sound_server_that_is_stopped_and_started_again_is_heard_again(
    microphone: str, data_dir: Path, tmp_path: Path
) -> None:
    pytest.importorskip(microphone, reason=f"the package {microphone} is not installed", exc_type=ImportError)
    film = data_dir / "us_video" / "butterfly-ocular-phantom.mp4"
    with tempfile.TemporaryDirectory(prefix="sound-") as folder:

        def server(action: str) -> str:
            done = subprocess.run(
                [SOUND_SERVER, action, folder], check=True, capture_output=True, text=True, timeout=30
            )
            return done.stdout.replace("'", "")

        environ = dict(word.split("=", 1) for word in server("start").split() if "=" in word)
        live = start_sonocue(
            "record", tmp_path / "recordings", "--source", f"file:{film}", "--microphone", microphone, "--consent",
            "--json", folder=tmp_path, env=os.environ | environ,
        )  # fmt: skip
        try:
            wait_for_frames(tmp_path / "recordings", at_least=30)
            server("stop")
            wait_for_event(tmp_path / "recordings", "source lost")
            server("start")
            returned_s = time.monotonic()
            wait_for_event(tmp_path / "recordings", "source back")
            took_s = time.monotonic() - returned_s
            live.send_signal(signal.SIGINT)
            status, out, err = finish(live)
        finally:
            live.kill()
            server("stop")
    assert status == 0, err
    assert took_s < RETURN_S
    summary = json.loads(out)
    assert summary["lost"] == 0 and summary["captured"] == summary["recorded"]
    assert any(fault.startswith("no sound from ") for fault in summary["faults"])
    session = tmp_path / summary["session"]
    assert verify_session(session) == []
    reader = SessionReader(session)
    (gap,) = [event.data for event in reader.timeline("event") if event.data["event"] == "source back"]
    assert gap["stream"] == "sound" and gap["to_ns"] > gap["from_ns"]
    sound = reader.sound()
    assert sound is not None
    rows = [list(map(int, row.split(","))) for row in (session / "sound.csv").read_text().splitlines()[1:]]
    missing = [later[0] - row[0] - row[2] for row, later in pairwise(rows)]
    assert max(missing) / sound.sample_rate_hz == pytest.approx((gap["to_ns"] - gap["from_ns"]) / 1e9, abs=0.06)
    last_ns = rows[-1][1] + rows[-1][2] * 1_000_000_000 // sound.sample_rate_hz
    assert sound.start_ns + len(sound.samples) * 1e9 / sound.sample_rate_hz == pytest.approx(last_ns, abs=60e6), (
        "the sound after the gap stands where it was heard"
    )


def has_signal(snapshot: Snapshot) -> bool:
    return not any(fault.startswith("no signal") for fault in snapshot.faults)


def wait_until_connected(port: int) -> None:
    """Until somebody has called the port of 127.0.0.1."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        if any(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows):
            return
        time.sleep(0.005)  # the system makes the connection: there is nothing else to wait on
    raise AssertionError(f"nobody called port {port}")
