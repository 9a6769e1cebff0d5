"""A session replayed is the session: also in real time, also when recorded again."""

import pytest

from assistant.clock import MonotonicClock
from assistant.contracts import DeviceInfo, Frame, TimelineEvent
from assistant.errors import SourceError
from assistant.session.merge import merged, record_unpaced
from assistant.session.reader import SessionReader
from assistant.session.replay import create
from assistant.session.verify import verify_session
from assistant.session.writer import SessionWriter


@pytest.fixture
def session(tmp_path, manual_clock, recording):
    with SessionWriter(tmp_path, recording.header("video", "sound"), manual_clock, session_id="s") as writer:
        for index in range(30):
            writer.put(recording.block(2 * index))
            if index not in (11, 12):  # lost when recording
                writer.put(recording.frame(index, stream=index // 20))
        utterance = {"utterance": "the stomach", "end_ns": recording.frame(9).captured_ns, "relevant": True}
        writer.put(TimelineEvent(recording.frame(6).captured_ns, "truth", utterance))
        writer.put(TimelineEvent(recording.frame(3).captured_ns, "label", {"frame_index": 3, "plane": "abdomen"}))
    return tmp_path / "s"


def test_indices_losses_and_generations_are_the_recordings(session, manual_clock, recording):
    device = create(str(session), paced=False)
    info = device.open(manual_clock)
    assert (info.origin, info.name) == ("phantom", "session: s")
    assert info.notes["subject"] == "subject-7"
    assert info.sector_crop == (0.1, 0.2, 0.9, 0.8)
    frames = [item for item in merged(device, info) if isinstance(item, Frame)]
    kept = [index for index in range(30) if index not in (11, 12)]
    assert [frame.index for frame in frames] == kept
    assert [recording.number_in(frame.pixels) for frame in frames] == kept
    assert [frame.stream for frame in frames] == [index // 20 for index in kept]
    device.close()


def test_all_times_move_together(session, manual_clock, recording):
    device = create(str(session), paced=False)
    items = list(merged(device, device.open(manual_clock)))
    offset_ns = manual_clock.now_ns() - recording.frame(0).captured_ns
    events = [item for item in items if isinstance(item, TimelineEvent)]
    assert [event.kind for event in events] == ["label", "truth"]  # in order of time, not of writing
    assert events[1].captured_ns == recording.frame(6).captured_ns + offset_ns
    assert events[1].data["end_ns"] == recording.frame(9).captured_ns + offset_ns
    assert events[0].data == {"frame_index": 3, "plane": "abdomen"}
    device.close()


def test_what_is_known_of_a_moment_comes_before_its_frame(session, manual_clock):
    device = create(str(session), paced=False)
    items = list(merged(device, device.open(manual_clock)))
    place = next(i for i, item in enumerate(items) if isinstance(item, Frame) and item.index == 3)
    assert isinstance(items[place - 1], TimelineEvent)
    device.close()


def test_recording_a_replay_gives_the_same_session(session, tmp_path, manual_clock, recording):
    device = create(str(session), paced=False)
    info = device.open(manual_clock)
    seen = []
    header = recording.header("video", "sound")
    with SessionWriter(tmp_path / "again", header, manual_clock, session_id="s", lossless=True) as writer:
        record_unpaced(device, info, writer, on_item=seen.append)
    device.close()
    assert verify_session(tmp_path / "again" / "s") == []
    before, after = SessionReader(session), SessionReader(tmp_path / "again" / "s")
    assert after.frame_indices.tolist() == before.frame_indices.tolist()
    assert len({int(t) for t in after.frame_times_ns - before.frame_times_ns}) == 1
    for first, second in zip(before.frames(), after.frames(), strict=True):
        assert (first.pixels == second.pixels).all()
    assert (before.sound().samples == after.sound().samples).all()
    assert len(seen) == 28 + 30 + 2


def test_paced_replay_keeps_real_time(session, recording):
    """On the real clock: nothing comes early, and the whole takes as long as the recording did."""
    clock = MonotonicClock()
    device = create(str(session), paced=True)
    device.open(clock)
    frames = []
    for _ in range(28):
        frames.append(device.read("video", 5.0))
        assert clock.now_ns() >= frames[-1].captured_ns
    span_ns = frames[-1].captured_ns - frames[0].captured_ns
    assert span_ns == recording.frame(29).captured_ns - recording.frame(0).captured_ns
    device.close()


def test_a_killed_session_replays_what_there_is(session, manual_clock):
    partial = session.rename(session.with_name("s.partial"))
    device = create(str(partial), paced=False)
    assert "video" in device.open(manual_clock).streams
    device.close()


def test_a_damaged_video_is_a_sources_error(session, manual_clock):
    video = session / "video-000.mkv"
    video.write_bytes(video.read_bytes()[: video.stat().st_size * 2 // 3])
    device = create(str(session), paced=False)

    def play() -> None:
        list(merged(device, device.open(manual_clock)))

    with pytest.raises(SourceError, match=r"video-000\.mkv"):
        play()
    device.close()


def test_a_damaged_manifest_is_a_sources_error(session, manual_clock):
    (session / "session.json").write_text("{")
    with pytest.raises(SourceError, match=r"session\.json"):
        create(str(session), paced=False).open(manual_clock)


def test_no_sound_or_gaze_means_no_such_stream(tmp_path, manual_clock, recording):
    with SessionWriter(tmp_path, recording.header("video"), manual_clock, session_id="s") as writer:
        writer.put(recording.frame(0))
    info: DeviceInfo = create(str(tmp_path / "s"), paced=False).open(manual_clock)
    assert info.streams == {"video"}
    assert (info.sample_rate_hz, info.fps) == (0, 0.0)
