"""What is put into a session comes out of it: pixels, sound, times, order, timeline."""

import json
import math
import subprocess

import numpy as np
import pytest

from assistant.contracts import Abstention, AudioBlock, Decision, Frame, GazeSample, Guidance, TimelineEvent
from assistant.errors import SessionError
from assistant.session.reader import SessionReader
from assistant.session.timeline import guidance_of
from assistant.session.verify import verify_session
from assistant.session.writer import SessionWriter


def guidance(index, gaze_map):
    return Guidance(
        frame_index=index,
        captured_ns=5_000_000_123,
        stream=2,
        scene=3,
        ready_ns=5_020_000_000,
        probabilities=np.array([0.1, 0.7000001, 0.2], np.float32),
        decision=Decision(None, "abdomen", 0.7, Abstention.LOW_CONFIDENCE),
        gaze_map=gaze_map,
        gaze_rect_px=(1, 2, 30, 40),
        model_id="tiny@0123456789ab",
    )


@pytest.mark.parametrize("shape", [(120, 224), (121, 225), (120, 224, 3), (121, 225, 3)], ids=str)
def test_frames_keep_order_index_time_and_look(tmp_path, manual_clock, recording, shape):
    frames = [recording.frame(index, shape) for index in range(100)]
    with SessionWriter(tmp_path, recording.header("video"), manual_clock, session_id="s") as writer:
        for frame in frames:
            writer.put(frame)
    reader = SessionReader(tmp_path / "s")
    assert reader.complete
    assert reader.frame_indices.tolist() == list(range(100))
    assert reader.frame_times_ns.tolist() == [frame.captured_ns for frame in frames]
    read = list(reader.frames())
    assert [recording.number_in(frame.pixels) for frame in read] == list(range(100))
    for before, after in zip(frames, read, strict=True):
        assert after.pixels.shape == shape
        assert (after.index, after.captured_ns, after.stream) == (before.index, before.captured_ns, before.stream)
        assert np.abs(after.pixels.astype(int) - before.pixels).mean() < (1.5 if len(shape) == 2 else 4)


@pytest.mark.parametrize("shape", [(120, 224), (121, 225), (120, 224, 3), (121, 225, 3), (33, 17, 3)], ids=str)
def test_lossless_is_bit_exact(tmp_path, manual_clock, recording, rng, shape):
    noise = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(5)]
    sound = rng.uniform(-1, 1, 1000).astype(np.float32)
    header = recording.header("video", "sound")
    with SessionWriter(tmp_path, header, manual_clock, session_id="s", lossless=True) as writer:
        writer.put(AudioBlock(0, 0, recording.rate_hz, sound.copy()))
        for index, pixels in enumerate(noise):
            writer.put(Frame(index, index * recording.step_ns, pixels.copy()))
    reader = SessionReader(tmp_path / "s")
    for before, after in zip(noise, reader.frames(), strict=True):
        np.testing.assert_array_equal(after.pixels, before)
    np.testing.assert_array_equal(reader.sound().samples, sound)


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def test_any_stretch_can_be_read_and_as_grey(tmp_path, manual_clock, recording):
    with SessionWriter(tmp_path, recording.header("video"), manual_clock, session_id="s") as writer:
        for index in range(100):
            writer.put(recording.frame(index, (120, 224, 3)))
    reader = SessionReader(tmp_path / "s")
    everything = [frame.pixels for frame in reader.frames(grey=True)]
    for start, stop in ((0, 1), (29, 31), (30, 30), (57, 93), (99, None), (95, 400)):
        stretch = list(reader.frames(grey=True, start=start, stop=stop))
        expected = list(range(100))[start:stop]
        assert [frame.index for frame in stretch] == expected
        for frame in stretch:
            np.testing.assert_array_equal(frame.pixels, everything[frame.index])
    colour = next(reader.frames(start=50)).pixels
    luma = colour @ np.array([0.299, 0.587, 0.114])
    assert np.abs(everything[50] - luma).mean() < 1.5


def test_a_change_of_size_or_colour_opens_a_segment(tmp_path, manual_clock, recording):
    shapes = [(120, 224)] * 10 + [(96, 208)] * 10 + [(96, 208, 3)] * 10 + [(120, 224)] * 10
    with SessionWriter(tmp_path, recording.header("video", "sound"), manual_clock, session_id="s") as writer:
        for index, shape in enumerate(shapes):
            writer.put(recording.block(index))
            writer.put(recording.frame(index, shape, stream=index // 10))
    assert verify_session(tmp_path / "s") == []
    reader = SessionReader(tmp_path / "s")
    assert [segment.file for segment in reader.manifest.segments] == [f"video-{n:03d}.mkv" for n in range(4)]
    read = list(reader.frames())
    assert [frame.pixels.shape for frame in read] == shapes
    assert [recording.number_in(frame.pixels) for frame in read] == list(range(40))
    assert [frame.stream for frame in read] == [index // 10 for index in range(40)]
    assert [frame.index for frame in reader.frames(start=8, stop=22)] == list(range(8, 22))
    sound = reader.sound()
    expected = np.concatenate([recording.block(number).samples for number in range(40)])
    np.testing.assert_array_equal(sound.samples, expected)


def test_sound_lies_on_the_true_clock(tmp_path, manual_clock, recording):
    """Lost sound becomes silence, jitter of the capture times does not tear it, and the whole is exact."""
    kept = [*range(20), *range(30, 50)]
    with SessionWriter(tmp_path, recording.header("video", "sound"), manual_clock, session_id="s") as writer:
        writer.put(recording.frame(0))
        for number in kept:
            block = recording.block(number)
            jitter_ns = (number % 3) * 4_000_000
            writer.put(
                AudioBlock(block.first_sample, block.captured_ns + jitter_ns, block.sample_rate_hz, block.samples)
            )
    sound = SessionReader(tmp_path / "s").sound()
    assert sound.sample_rate_hz == recording.rate_hz
    assert sound.start_ns == recording.block(0).captured_ns
    expected = np.concatenate([recording.block(number).samples for number in range(50)])
    expected[20 * 400 : 30 * 400] = 0
    np.testing.assert_array_equal(sound.samples, expected)


def test_a_sound_card_that_runs_fast_or_slow_stays_in_step(tmp_path, manual_clock, recording):
    """0.5 % off over 40 s are 200 ms; the track must not drift by more than the tolerance."""
    for factor in (0.995, 1.005):
        name = f"s{factor}"
        with SessionWriter(tmp_path, recording.header("sound"), manual_clock, session_id=name) as writer:
            for number in range(1600):
                samples = np.zeros(400, np.float32)
                samples[0] = 0.5  # a click at each block's start
                writer.put(AudioBlock(number * 400, round(number * 25_000_000 * factor), recording.rate_hz, samples))
        samples = SessionReader(tmp_path / name).sound().samples
        last_click_s = np.flatnonzero(samples)[-1] / recording.rate_hz
        assert last_click_s == pytest.approx(1599 * 0.025 * factor, abs=0.045)


def test_sound_that_comes_before_the_first_frame_shares_its_file(tmp_path, manual_clock, recording):
    with SessionWriter(tmp_path, recording.header("video", "sound"), manual_clock, session_id="s") as writer:
        for number in range(8):
            writer.put(recording.block(number))
        writer.put(recording.frame(0, start_ns=recording.block(8).captured_ns))
    reader = SessionReader(tmp_path / "s")
    assert [segment.file for segment in reader.manifest.segments] == ["video-000.mkv"]
    assert len(reader.sound().samples) == 8 * 400
    assert reader.manifest.segments[0].start_ns == recording.block(0).captured_ns


def test_sound_that_waits_too_long_for_a_frame_is_written_without(tmp_path, manual_clock, recording):
    with SessionWriter(tmp_path, recording.header("video", "sound"), manual_clock, session_id="s") as writer:
        for number in range(60):
            writer.put(recording.block(number))
        writer.put(recording.frame(0, start_ns=recording.block(60).captured_ns))
        writer.put(recording.block(60))
    reader = SessionReader(tmp_path / "s")
    assert [segment.file for segment in reader.manifest.segments] == ["sound-000.mkv", "video-001.mkv"]
    assert len(reader.sound().samples) == 61 * 400
    assert [recording.number_in(frame.pixels) for frame in reader.frames()] == [0]
    assert verify_session(tmp_path / "s") == []


@pytest.mark.parametrize("streams", [("video",), ("sound",), ("gaze",), ("video", "sound", "gaze", "events")], ids=str)
def test_sessions_with_only_some_streams(tmp_path, manual_clock, recording, streams):
    gaze = [GazeSample(10, 1.5, -2.25, True, 0.5, 0.25), GazeSample(20, math.nan, math.nan, False)]
    truth = TimelineEvent(12, "truth", {"frame_index": 0, "plane": "abdomen"})
    with SessionWriter(tmp_path, recording.header(*streams), manual_clock, session_id="s") as writer:
        if "video" in streams:
            writer.put(recording.frame(0))
        if "sound" in streams:
            writer.put(recording.block(0))
        if "gaze" in streams:
            for sample in gaze:
                writer.put(sample)
        if "events" in streams:
            writer.put(truth)
    reader = SessionReader(tmp_path / "s")
    assert verify_session(tmp_path / "s") == []
    assert len(list(reader.frames())) == ("video" in streams)
    assert (reader.sound() is not None) == ("sound" in streams)
    read = list(reader.gaze())
    if "gaze" in streams:
        assert read[0] == gaze[0]
        assert not read[1].valid and math.isnan(read[1].x_px)
    assert list(reader.timeline("truth")) == ([truth] if "events" in streams else [])


def test_guidance_survives(tmp_path, manual_clock, recording):
    gaze_map = np.random.default_rng(3).random((28, 28)).astype(np.float32)
    gaze_map /= gaze_map.sum()
    with SessionWriter(tmp_path, recording.header("video"), manual_clock, session_id="s") as writer:
        writer.put(guidance(0, gaze_map))
        writer.put(guidance(1, None))
    first, second = map(guidance_of, SessionReader(tmp_path / "s").timeline("guidance"))
    before = guidance(0, gaze_map)
    assert (first.decision, first.ready_ns, first.scene, first.stream) == (before.decision, 5_020_000_000, 3, 2)
    assert (first.frame_index, first.captured_ns, first.gaze_rect_px) == (0, 5_000_000_123, (1, 2, 30, 40))
    np.testing.assert_array_equal(first.probabilities, before.probabilities)
    np.testing.assert_allclose(first.gaze_map, gaze_map, atol=gaze_map.max() / 509)
    assert second.gaze_map is None


def test_header_and_clock_anchor_survive(tmp_path, manual_clock, recording):
    header = recording.header("video", "sound")
    with SessionWriter(tmp_path, header, manual_clock, session_id="s") as writer:
        writer.put(recording.frame(0))
    reader = SessionReader(tmp_path / "s")
    assert reader.header == header
    assert reader.manifest.anchor.monotonic_ns == manual_clock.now_ns()


def test_identical_input_gives_identical_media(tmp_path, manual_clock, recording):
    def record(folder):
        header = recording.header("video", "sound")
        with SessionWriter(tmp_path / folder, header, manual_clock, session_id="s") as writer:
            for index in range(40):
                writer.put(recording.frame(index))
                writer.put(recording.block(index))
        return {file.name: file.read_bytes() for file in (tmp_path / folder / "s").iterdir()}

    first, second = record("a"), record("b")
    assert first.keys() == second.keys()
    for name in first.keys() - {"session.json"}:
        assert first[name] == second[name], name


def test_the_video_plays_elsewhere(tmp_path, manual_clock, recording):
    """ffprobe, another build of FFmpeg, finds both streams, their lengths, and a keyframe every second."""
    with SessionWriter(tmp_path, recording.header("video", "sound"), manual_clock, session_id="s") as writer:
        for index in range(120):
            writer.put(recording.frame(index))
            if index * recording.step_ns < 3_900_000_000:
                writer.put(recording.block(2 * index))
                writer.put(recording.block(2 * index + 1))
    command = ["ffprobe", "-v", "error", "-show_packets", "-show_format", "-show_streams", "-of", "json"]
    try:
        told = subprocess.run([*command, tmp_path / "s/video-000.mkv"], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("ffprobe is not installed")
    found = json.loads(told.stdout)
    assert [stream["codec_name"] for stream in found["streams"]] == ["h264", "pcm_s16le"]
    keyframes = [
        float(packet["pts_time"])
        for packet in found["packets"]
        if packet["codec_type"] == "video" and "K" in packet["flags"]
    ]
    assert np.diff([*keyframes, 4.0]).max() <= 1.05
    times = [float(packet["pts_time"]) for packet in found["packets"] if packet["codec_type"] == "video"]
    np.testing.assert_allclose(times, np.arange(120) * recording.step_ns / 1e9, atol=0.001)


def test_frames_at_the_same_moment_are_all_kept(tmp_path, manual_clock, recording):
    with SessionWriter(tmp_path, recording.header("video"), manual_clock, session_id="s") as writer:
        for index in range(20):
            writer.put(Frame(index, 7_000_000_000 + index // 4, recording.numbered_pixels(index, (120, 224))))
    assert [recording.number_in(frame.pixels) for frame in SessionReader(tmp_path / "s").frames()] == list(range(20))


def test_an_exception_marks_the_session(tmp_path, manual_clock, recording):
    def record():
        with SessionWriter(tmp_path, recording.header("video"), manual_clock, session_id="s") as writer:
            writer.put(recording.frame(0))
            raise RuntimeError("the probe fell down")

    with pytest.raises(RuntimeError):
        record()
    reader = SessionReader(tmp_path / "s")
    assert not reader.complete
    assert "the probe fell down" in reader.manifest.reason
    assert any("the probe fell down" in problem for problem in verify_session(tmp_path / "s"))


def test_close_is_idempotent_and_ends_writing(tmp_path, manual_clock, recording):
    writer = SessionWriter(tmp_path, recording.header("video"), manual_clock, session_id="s")
    writer.put(recording.frame(0))
    assert writer.path == tmp_path / "s.partial"
    assert writer.close() == writer.close(complete=False) == writer.path == tmp_path / "s"
    assert SessionReader(tmp_path / "s").complete
    with pytest.raises(SessionError, match="closed"):
        writer.put(recording.frame(1))


@pytest.mark.parametrize("name", ["../s", "", "a b", ".s"])
def test_bad_ids_are_refused(tmp_path, manual_clock, recording, name):
    with pytest.raises(SessionError, match="session id"):
        SessionWriter(tmp_path / "x", recording.header("video"), manual_clock, session_id=name)


def test_an_id_is_never_used_twice(tmp_path, manual_clock, recording):
    SessionWriter(tmp_path, recording.header("video"), manual_clock, session_id="s").close()
    with pytest.raises(SessionError, match="exists"):
        SessionWriter(tmp_path, recording.header("video"), manual_clock, session_id="s")
    assert verify_session(tmp_path / "s") == []
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_sound_of_another_rate_is_refused_in_one_line(tmp_path, manual_clock, recording):
    writer = SessionWriter(tmp_path, recording.header("sound"), manual_clock, session_id="s")
    with pytest.raises(SessionError, match=r"expected 16000 Hz.*got 8000 Hz"):
        writer.put(AudioBlock(0, 0, 8000, np.zeros(100, np.float32)))
    writer.close()
    assert not SessionReader(tmp_path / "s").complete
