"""What is forgotten is gone from every file of the session, which goes on and stays whole."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from assistant.contracts import AudioBlock, TimelineEvent
from assistant.session.forgetting import Forget
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from assistant.session.writer import SessionWriter

START_NS = 5_000_000_123
RATE_HZ = 16_000
BLOCK = 400  # samples


def noise(number: int, rng=np.random.default_rng(7), made={}) -> AudioBlock:  # noqa: B006, B008 - one row of noise
    if number not in made:
        made[number] = (rng.integers(-20_000, 20_000, BLOCK) / 32768).astype(np.float32)
    first = number * BLOCK
    return AudioBlock(first, START_NS + first * 1_000_000_000 // RATE_HZ, RATE_HZ, made[number].copy())


def stored(block: AudioBlock, *, lossless: bool) -> bytes:
    return block.samples.tobytes() if lossless else np.rint(block.samples * 32768).astype("<i2").tobytes()


def packets(folder: Path) -> dict[tuple[str, int], bytes]:
    """Every picture as it lies in the files, by file and time."""
    found = {}
    for file in sorted(folder.glob("video-*.mkv")):
        with av.open(str(file)) as container:
            for packet in container.demux(video=0):
                if packet.size:
                    found[file.name, packet.pts] = bytes(packet)
    return found


def put(writer, recording, seconds: range) -> None:
    for second in seconds:
        for frame in range(30 * second, 30 * second + 30):
            item = recording.frame(frame, start_ns=START_NS)
            writer.put(item)
            writer.put(TimelineEvent(item.captured_ns, "truth", {"frame_index": frame, "plane": "femur"}))
        for block in range(40 * second, 40 * second + 40):
            writer.put(noise(block))


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("video", [False, True])
def test_the_last_seconds_are_gone_from_all_files_and_recording_goes_on(
    tmp_path, recording, manual_clock, video, lossless
):
    writer = SessionWriter(tmp_path, recording.header("video", "sound"), manual_clock, lossless=lossless)
    put(writer, recording, range(4))
    words = {"utterance": "bad news", "end_ns": START_NS + 3_000_000_000, "relevant": False, "plane": None}
    writer.put(TimelineEvent(START_NS + 1_900_000_000, "truth", words))
    before = {} if lossless else packets(writer.path)
    what = Forget(START_NS + 2_000_000_000, START_NS + 4_000_000_000, video)
    writer.forget(what)
    assert not list(writer.path.glob("*.tmp"))
    content = b"".join(file.read_bytes() for file in sorted(writer.path.iterdir()))
    for number in range(160):
        there = stored(noise(number), lossless=lossless) in content
        assert there == (number < 80), number
    assert b"bad news" not in content
    assert len(SessionReader(writer.path)) == (60 if video else 120), "it opens while it is being recorded"

    writer.put(noise(159))  # captured before the key, and late
    put(writer, recording, range(4, 6))
    path = writer.close()
    assert verify_session(path) == []
    reader = SessionReader(path)
    left = [*range(60), *range(120, 180)] if video else [*range(180)]
    assert reader.frame_indices.tolist() == left
    assert [recording.number_in(frame.pixels) for frame in reader.frames()] == left
    assert [event.data["frame_index"] for event in reader.timeline("truth")] == left
    after = packets(path)
    for key, packet in before.items():
        gone = video and START_NS + key[1] * 1_000_000 >= what.from_ns
        assert (packet in after.values()) == (not gone), key
    sound = reader.sound()
    samples = np.concatenate([noise(number).samples for number in range(240)])
    samples[80 * BLOCK : 160 * BLOCK] = 0
    assert np.abs(sound.samples - samples).max() < (1e-9 if lossless else 1e-4)
    (event,) = reader.timeline("event")
    assert dict(event.data) == {
        "event": "forgotten", "from_ns": what.from_ns, "to_ns": what.to_ns, "video": video,
        "frames": 60 if video else 0, "sound_samples": 80 * BLOCK,
    }  # fmt: skip


def test_all_of_it_may_be_forgotten_and_more_than_once(tmp_path, recording, manual_clock):
    writer = SessionWriter(tmp_path, recording.header("video", "sound"), manual_clock)
    put(writer, recording, range(1))
    writer.forget(Forget(0, START_NS + 1_002_000_000, video=True))
    writer.forget(Forget(0, START_NS + 1_002_000_000, video=True))
    put(writer, recording, range(2, 4))
    writer.forget(Forget(START_NS + 3_000_000_000, START_NS + 5_000_000_000, video=False))
    path = writer.close()
    assert verify_session(path) == []
    reader = SessionReader(path)
    assert reader.frame_indices.tolist() == list(range(60, 120))
    assert sum(len(block.samples) for block in reader.sound_blocks()) == 40 * BLOCK


def test_sound_alone_and_images_alone(tmp_path, recording, manual_clock):
    sound = SessionWriter(tmp_path, recording.header("sound"), manual_clock)
    for number in range(120):
        sound.put(noise(number))
    sound.forget(Forget(START_NS + 2_000_000_000, START_NS + 3_000_000_000, video=False))
    for number in range(120, 200):
        sound.put(noise(number))
    images = SessionWriter(tmp_path, recording.header("video"), manual_clock, session_id="images")
    for index in range(90):
        images.put(recording.frame(index, start_ns=START_NS))
    images.forget(Forget(START_NS + 1_001_000_000, START_NS + 3_010_000_000, video=True))
    for path, frames, samples in ((sound.close(), 0, 160 * BLOCK), (images.close(), 30, 0)):
        assert verify_session(path) == []
        reader = SessionReader(path)
        assert (len(reader), reader.sound_samples) == (frames, samples)
