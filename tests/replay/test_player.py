"""What is shown is the frame with that index, and what belongs to it."""

import time

import numpy as np
import pytest

from assistant.replay.player import Player
from assistant.replay.recording import Recording
from assistant.replay.stretch import stretched
from assistant.session.frame_access import FrameAccess
from assistant.session.reader import SessionReader
from assistant.session.sound_access import sound_from
from tests.replay.conftest import RATE_HZ, STEP_NS, number_in, plane_of, record


def until(condition, deadline_s=10.0):
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.002)


@pytest.fixture
def recording(scan):
    opened = Recording(scan)
    yield opened
    opened.close()


@pytest.fixture
def player(recording, manual_clock):
    assert recording.wait(30)
    playing = Player(recording, manual_clock)
    yield playing
    playing.close()


def test_every_frame_is_the_one_asked_for_in_any_order(scan):
    frames = FrameAccess(SessionReader(scan), kept_bytes=40 * 96 * 208)
    order = [0, 239, 120, 119, 118, 150, 151, 30, 29, *np.random.default_rng(0).integers(0, 240, 40).tolist()]
    for position in order:
        frame = frames.at(position)
        assert (frame.index, number_in(frame.pixels)) == (position, position)
    key = frames.keyframe_before(100)
    assert key.index <= 100
    assert 100 - key.index <= 31
    assert number_in(key.pixels) == key.index
    frames.close()


def test_a_step_back_finds_what_was_decoded_on_the_way(scan):
    frames = FrameAccess(SessionReader(scan))
    frames.at(100)
    frames.at(95)
    assert {93, 94, 95} <= set(frames._kept)
    frames.close()


def test_seek_shows_frame_guidance_and_gaze_of_one_moment(player, manual_clock):
    for position in (0, 33, 200, 95, 239):
        player.seek(position)
        until(lambda: player.moment.position == position and player.moment.frame is not None)  # noqa: B023
        moment = player.moment
        about = position - 1 if position % 3 == 1 else position
        assert number_in(moment.frame.pixels) == position
        assert moment.recorded.guidance.frame_index == about
        assert moment.recorded.guidance.decision.plane == plane_of(about)
        assert moment.recorded.guidance.gaze_map[about % 6, about % 13] == pytest.approx(1.0)
        assert moment.recorded.age_ms == pytest.approx((position - about) * STEP_NS / 1e6)
        assert moment.gaze.x_px == position % 208
        assert moment.truth == (plane_of(position) or "femur")
    player.seek(40)
    until(lambda: player.moment.position == 40)
    assert player.moment.words == "here is the abdomen"


def test_playing_follows_the_clock_at_any_speed_and_stops_at_the_end(player, manual_clock):
    player.seek(10)
    until(lambda: player.moment.position == 10)
    player.set_speed(8.0)
    player.play()
    manual_clock.advance(5 * STEP_NS / 1e9)
    until(lambda: player.moment.position == 50)
    player.set_speed(0.25)
    manual_clock.advance(8.1 * STEP_NS / 1e9)
    until(lambda: player.moment.position == 52)
    player.step(-1)
    until(lambda: player.moment.position == 51)
    assert not player.playing
    player.play()
    player.set_speed(8.0)
    manual_clock.advance(60)
    until(lambda: player.moment.position == 239 and not player.playing)
    player.play()
    until(lambda: player.moment.position == 0)


def test_speech_gaze_and_events_are_indexed(recording):
    assert recording.wait(30)
    assert recording.event_positions() == [50, 150]
    assert recording.lacks() == ()
    assert recording.index.gaze_at(int(recording.times_ns[20])).x_px == 20
    assert recording.index.gaze_at(int(recording.times_ns[0]) - 1) is None


def test_guidance_is_not_carried_over_a_scene_cut(recording):
    assert recording.wait(30)
    index = recording.index
    assert index.shown_at(61) == 60
    index.scene[62:] = 1
    assert index.shown_at(61) is None


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 8.0])
def test_speed_changes_the_length_and_keeps_the_pitch(speed):
    tone = np.sin(2 * np.pi * 440 * np.arange(4 * RATE_HZ) / RATE_HZ).astype(np.float32)
    sound = np.concatenate(list(stretched(np.array_split(tone, 97), RATE_HZ, speed)))
    assert len(sound) == pytest.approx(len(tone) / speed, rel=0.05)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert spectrum.argmax() * RATE_HZ / len(sound) == pytest.approx(440, abs=6)


def test_sound_begins_at_the_moment_asked_for(scan):
    reader = SessionReader(scan)
    whole = reader.sound()
    for at_s in (0.0, 1.234, 5.0):
        start_ns = whole.start_ns + round(at_s * 1e9)
        sound = np.concatenate(list(sound_from(reader, start_ns)))
        first = round(at_s * RATE_HZ)
        assert abs(len(sound) - (len(whole.samples) - first)) <= 32
        expected = whole.samples[first : first + 4000]
        fits = max(float(np.corrcoef(sound[k : k + 3900], expected[40:3940])[0, 1]) for k in range(8, 73))
        assert fits > 0.99


@pytest.mark.parametrize(
    ("made", "lacks"),
    [
        ({"sound": False}, ["sound"]),
        ({"guided": False}, ["guidance"]),
        ({"close": False}, ["closed"]),
        ({"frames": 0, "sound": False}, ["images", "sound", "guidance"]),
    ],
)
def test_what_a_session_has_not_is_known(tmp_path, made, lacks):
    opened = Recording(record(tmp_path, **{"frames": 60, **made}))
    assert opened.wait(30)
    assert [lack.what for lack in opened.lacks()] == lacks
    opened.close()


def test_a_damaged_timeline_ends_there_and_is_told(tmp_path):
    path = record(tmp_path, 60)
    timeline = path / "timeline.jsonl"
    lines = timeline.read_text().splitlines(keepends=True)
    timeline.write_text("".join([*lines[:100], "{not json}\n", *lines[100:]]))
    opened = Recording(path)
    assert opened.wait(30)
    assert [lack.what for lack in opened.lacks()] == ["timeline"]
    assert "line 101" in opened.index.problem
    assert opened.index.has_guidance
    opened.close()
