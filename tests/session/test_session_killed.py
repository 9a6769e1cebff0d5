"""A session whose process was really killed opens up to its last second."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session

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
