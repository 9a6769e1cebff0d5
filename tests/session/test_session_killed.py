"""A session whose process was really killed opens up to its last second."""

import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from assistant.clock import MonotonicClock
from assistant.errors import SessionError
from assistant.session import recover
from assistant.session.cli import app
from assistant.session.manifest import read_manifest, write_manifest
from assistant.session.reader import SessionReader
from assistant.session.recover import RECOVERED, recover_session
from assistant.session.verify import verify_session
from assistant.session.writer import SessionWriter

WRITE_UNTIL_KILLED = """
import importlib.util, itertools, resource, sys
from pathlib import Path
from assistant.clock import MonotonicClock
from assistant.contracts import TimelineEvent
from assistant.session.writer import SessionWriter
spec = importlib.util.spec_from_file_location("drawn", sys.argv[1])
drawn = importlib.util.module_from_spec(spec)
spec.loader.exec_module(drawn)
recording, lossless, streams = drawn.Recording, sys.argv[3] == "lossless", sys.argv[4:]
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))  # a writer that hoards fails here, not the machine
blocks = (recording.block(number) for number in itertools.count())
block = next(blocks)
writer = SessionWriter(Path(sys.argv[2]), recording.header("video", "sound"), MonotonicClock(),
                       session_id="s", lossless=lossless)
for index in itertools.count():
    frame = recording.frame(index, (240, 320))
    if "sound" in streams:
        while block.captured_ns <= frame.captured_ns:
            writer.put(block)
            block = next(blocks)
    if "video" in streams or index == 0:
        writer.put(frame)
    writer.put(TimelineEvent(frame.captured_ns, "truth", {"frame_index": index, "plane": "background"}))
    print(index, flush=True)
"""


def killed_after(index: int, folder: Path, *streams: str, media: str = "h264") -> SessionReader:
    """Let another process record until it says that it wrote frame ``index``, then SIGKILL it."""
    drawn = Path(__file__).with_name("conftest.py")
    command = [sys.executable, "-c", WRITE_UNTIL_KILLED, drawn, folder, media, *streams]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout:
                if int(line) >= index:
                    break
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    return SessionReader(folder / "s.partial")


def seconds_to_seek_to(file: Path) -> float:
    """The length that the file itself tells a player; a killed one tells none."""
    with av.open(str(file)) as container:
        return (container.duration or 0) / 1e6


@pytest.mark.parametrize("media", ["h264", "lossless"])
@pytest.mark.parametrize("index", [0, 7, 45, 160])
def test_a_killed_session_opens_up_to_the_last_second(tmp_path, recording, index, media):
    reader = killed_after(index, tmp_path, "video", "sound", media=media)
    assert not reader.complete
    read = list(reader.frames())
    assert len(read) == len(reader) >= index + 1 - 30
    assert [recording.number_in(frame.pixels) for frame in read] == list(range(len(read)))
    assert [frame.captured_ns for frame in read] == [recording.frame(n).captured_ns for n in range(len(read))]
    sound = reader.sound()
    recorded_s = 0.0 if sound is None else len(sound.samples) / sound.sample_rate_hz
    assert recorded_s >= index * recording.step_ns / 1e9 - 1
    assert len(list(reader.timeline("truth"))) >= index + 1  # each line was the system's before the next frame
    problems = verify_session(reader.path)
    assert len(problems) == 1
    assert f"was not closed; {len(read)} frames" in problems[0]

    recovered = recover_session(reader.path)
    assert recovered == tmp_path / "s"
    assert [file.name for file in tmp_path.iterdir()] == ["s"]
    again = SessionReader(recovered)
    assert again.manifest.reason == RECOVERED
    assert verify_session(recovered) == [f"session '{recovered}' is not complete: {RECOVERED}"]
    for now, before in zip(again.frames(), read, strict=True):
        assert (now.index, now.captured_ns, now.stream) == (before.index, before.captured_ns, before.stream)
        np.testing.assert_array_equal(now.pixels, before.pixels)
    if sound is not None:
        np.testing.assert_array_equal(again.sound().samples, sound.samples)
    assert len(list(again.timeline("truth"))) >= index + 1
    assert recover_session(recovered) == recovered
    if read:
        assert seconds_to_seek_to(recovered / again.manifest.segments[0].file) > 0.9 * (len(read) - 1) / 29.97


def test_a_sound_device_that_falls_silent_does_not_hold_the_video_back(tmp_path, recording):
    reader = killed_after(160, tmp_path, "video")
    assert len(reader) >= 161 - 30
    assert recording.number_in(next(reader.frames(start=len(reader) - 1)).pixels) == len(reader) - 1


def test_a_scanner_that_stalls_does_not_hold_the_sound_back(tmp_path, recording):
    sound = killed_after(160, tmp_path, "sound").sound()
    assert len(sound.samples) / sound.sample_rate_hz >= 160 * recording.step_ns / 1e9 - 1


def test_a_torn_last_line_is_left_out(tmp_path, recording):
    reader = killed_after(60, tmp_path, "video")
    for name in ("frames.csv", "timeline.jsonl"):
        with (reader.path / name).open("a") as stream:
            stream.write("17,5")
    again = SessionReader(reader.path)
    assert again.frame_indices.tolist() == reader.frame_indices.tolist()
    assert len(list(again.timeline())) == len(list(reader.timeline()))


# ------------------------------------------------------------------------------------------------ recovery


@pytest.mark.parametrize("step", ["_remux", "_copy_timeline", "file_sha256", "write_manifest", "_folder_to_disk"])
def test_interrupted_anywhere_nothing_is_lost_and_the_next_time_it_is_done(tmp_path, recording, monkeypatch, step):
    """The power goes at each step: no exception handler of ours runs."""
    reader = killed_after(45, tmp_path, "video", "sound")
    (reader.path / "best-femur.png").write_bytes(b"a best frame")
    frames = len(reader)

    def power_cut(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(recover, step, power_cut)
        with pytest.raises(KeyboardInterrupt):
            recover_session(reader.path)
    assert reader.path.exists() or SessionReader(tmp_path / "s").manifest.reason == RECOVERED
    recovered = recover_session(reader.path) if reader.path.exists() else recover_session(tmp_path / "s")
    assert len(list(SessionReader(recovered).frames())) == frames
    assert (recovered / "best-femur.png").read_bytes() == b"a best frame"
    assert len(verify_session(recovered)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["s"]


def test_a_full_disk_leaves_the_session_as_it_was(tmp_path, recording, monkeypatch):
    reader = killed_after(45, tmp_path, "video", "sound")
    before = {file.name: file.read_bytes() for file in reader.path.iterdir()}

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recover, "_write_table", full)
    with pytest.raises(SessionError, match=r"cannot be recovered, and stays as it was: .*No space left"):
        recover_session(reader.path)
    assert {file.name: file.read_bytes() for file in reader.path.iterdir()} == before
    assert [file.name for file in tmp_path.iterdir()] == ["s.partial"]


def test_a_session_that_is_being_recorded_is_left_alone(tmp_path, recording):
    with SessionWriter(tmp_path, recording.header("video"), MonotonicClock(), session_id="s") as writer:
        writer.put(recording.frame(0))
        with pytest.raises(SessionError, match="is being recorded: stop the recording"):
            recover_session(writer.path)
        writer.put(recording.frame(1))
    assert verify_session(tmp_path / "s") == []


def test_killed_between_the_last_hash_and_the_new_name_it_only_gets_its_name(tmp_path, recording):
    with SessionWriter(tmp_path, recording.header("video"), MonotonicClock(), session_id="s") as writer:
        writer.put(recording.frame(0))
    (tmp_path / "s").rename(tmp_path / "s.partial")
    assert recover_session(tmp_path / "s.partial") == tmp_path / "s"
    assert verify_session(tmp_path / "s") == []


def test_another_session_of_that_name_is_not_touched(tmp_path, recording):
    reader = killed_after(10, tmp_path, "video")
    with SessionWriter(tmp_path / "other", recording.header("video"), MonotonicClock(), session_id="s") as writer:
        writer.put(recording.frame(0))
    (tmp_path / "other" / "s").rename(tmp_path / "s")
    with pytest.raises(SessionError, match="exists already"):
        recover_session(reader.path)
    assert reader.path.exists() and verify_session(tmp_path / "s") == []


def test_the_command_takes_sessions_and_folders_of_them(tmp_path, recording):
    reader = killed_after(45, tmp_path, "video", "sound")
    (tmp_path / "none.partial").mkdir()
    done = CliRunner().invoke(app, ["recover", str(tmp_path)])
    assert done.exit_code == 2
    assert f"{tmp_path / 's'}: video {len(reader)} frames" in done.stdout
    assert "none.partial': expected a session.json in it, found none" in done.stderr
    (tmp_path / "none.partial").rmdir()
    again = CliRunner().invoke(app, ["recover", str(tmp_path), str(tmp_path / "s")])
    assert again.exit_code == 0
    assert "no session in it was cut off" in again.stdout


def test_verify_tells_a_frame_at_another_time_and_a_stranger_in_the_timeline(tmp_path, recording):
    with SessionWriter(tmp_path, recording.header("video"), MonotonicClock(), session_id="s") as writer:
        for index in range(4):
            writer.put(recording.frame(index))
    path = tmp_path / "s"
    frames = path / "frames.csv"
    lines = frames.read_text().splitlines()
    lines[2] = lines[2].rsplit(",", 1)[0] + ",35"
    frames.write_text("\n".join(lines) + "\n")
    with (path / "timeline.jsonl").open("a") as timeline:
        timeline.write('{"captured_ns":1,"kind":"label","frame_index":99,"plane":"femur"}\n')
    names = ("frames.csv", "timeline.jsonl")
    was = read_manifest(path)
    hashes = was.sha256 | {name: recover.file_sha256(path / name) for name in names}
    write_manifest(path, was.model_copy(update={"sha256": hashes, "timeline_lines": 1}))
    problems = verify_session(path)
    assert len(problems) == 2
    assert "1 frames stand at other times than frames.csv says, the first at 33 ms, expected 35 ms" in problems[0]
    assert "1 frames that were neither recorded nor lost, the first is 99" in problems[1]
