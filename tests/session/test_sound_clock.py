"""Sound on the true clock: a card that runs fast or slow, jitter, losses, and an hour through the real files."""

import av
import numpy as np
import pytest

from assistant.contracts import AudioBlock, Frame
from assistant.session.reader import SessionReader
from assistant.session.sound_clock import SoundClock
from assistant.session.verify import verify_session
from assistant.session.writer import SessionWriter

RATE_HZ, COUNT = 16_000, 400
BLOCK_NS = COUNT * 1_000_000_000 // RATE_HZ


def blocks(seconds, ppm, jitter_ms, seed=0, start_ns=10**9):
    """First sample, true time and stamp (late, never early) of each block of a card that runs ``ppm`` fast."""
    rng = np.random.default_rng(seed)
    number = np.arange(round(seconds * RATE_HZ / COUNT))
    true_ns = start_ns + number * BLOCK_NS / (1 + ppm * 1e-6)
    return number * COUNT, true_ns, (true_ns + rng.uniform(0, jitter_ms * 1e6, len(number))).astype(np.int64)


@pytest.mark.parametrize("ppm", [-300, -50, 0, 20, 200])
@pytest.mark.parametrize("jitter_ms", [0, 10])
def test_any_drift_is_followed_and_told(ppm, jitter_ms):
    clock = SoundClock(RATE_HZ)
    first, true_ns, stamps = blocks(1200, ppm, jitter_ms)
    placed = np.array([clock.place(int(f), int(t), COUNT) for f, t in zip(first, stamps, strict=True)])
    error_ms = placed[:, 0] * 1000 / RATE_HZ - (true_ns - stamps[0]) / 1e6
    assert np.abs(error_ms).max() < 10 + jitter_ms / 2
    assert clock.drift_ppm == pytest.approx(ppm, abs=1 if jitter_ms == 0 else 60)
    np.testing.assert_array_equal(placed[1:, 0], placed[:-1, 1])  # nothing is torn
    lengths = np.diff(placed, axis=1) / COUNT
    assert np.abs(lengths - 1).max() < 0.01


def test_a_clock_that_is_right_is_left_exact():
    clock = SoundClock(RATE_HZ)
    first, _, stamps = blocks(600, 0, 5)
    assert [clock.place(int(f), int(t), COUNT)[0] for f, t in zip(first, stamps, strict=True)] == first.tolist()


def test_a_jump_of_the_times_is_a_jump_and_lost_samples_are_a_gap():
    clock = SoundClock(RATE_HZ)
    assert clock.place(0, 10**9, COUNT) == (0, 400)
    assert clock.place(800, 10**9 + 2 * BLOCK_NS, COUNT) == (800, 1200)
    assert clock.place(1200, 10**9 + 3 * BLOCK_NS + 5 * 10**9, COUNT) == (81_200, 81_600)
    assert clock.place(1600, 10**9 + 4 * BLOCK_NS + 5 * 10**9, COUNT) == (81_600, 82_000)


def test_the_first_seconds_tell_no_drift():
    clock = SoundClock(RATE_HZ)
    for f, _, t in zip(*blocks(3, 0, 10), strict=True):
        clock.place(int(f), int(t), COUNT)
        assert clock.drift_ppm == 0


def test_an_hour_with_a_card_that_is_off_stays_within_20_ms_at_every_point_of_the_file(
    tmp_path, manual_clock, recording
):
    """A flash and a click each ten seconds; the card runs 200 ppm fast, which is 720 ms in an hour; stamps jitter."""
    seconds, fps = 3600, 4
    first, true_ns, stamps = blocks(seconds, 200, 8)
    rng = np.random.default_rng(1)
    dark, light = np.zeros((32, 48), np.uint8), np.full((32, 48), 200, np.uint8)
    sample_ns = true_ns[0] + np.arange(len(first) * COUNT) * 1e9 / RATE_HZ / (1 + 200e-6)
    click_ns = true_ns[0] + np.arange(5, seconds - 5, 10) * 1e9
    sound = np.zeros(len(sample_ns), np.float32)
    sound[np.searchsorted(sample_ns, click_ns)] = 0.9
    flashes = {round((click - true_ns[0]) * fps / 1e9) for click in click_ns}
    with SessionWriter(tmp_path, recording.header("video", "sound"), manual_clock, session_id="s") as writer:
        index = 0
        for number, stamp in enumerate(stamps):
            while index / fps * 1e9 + true_ns[0] <= true_ns[number]:
                captured_ns = round(true_ns[0] + index / fps * 1e9 + rng.uniform(0, 8e6))
                writer.put(Frame(index, captured_ns, light if index in flashes else dark))
                index += 1
            samples = sound[number * COUNT : (number + 1) * COUNT].copy()
            writer.put(AudioBlock(int(first[number]), int(stamp), RATE_HZ, samples))
    path = tmp_path / "s"
    assert verify_session(path) == []
    reader = SessionReader(path)

    heard = reader.sound()
    clicks_s = heard.start_ns / 1e9 + peaks(heard.samples) / RATE_HZ
    bright = np.array([frame.captured_ns for frame in reader.frames() if frame.pixels.mean() > 100]) / 1e9
    assert len(clicks_s) == len(bright) == len(click_ns)
    assert np.abs(clicks_s - bright).max() < 0.020

    # The same as any player sees it: by the time stamps that stand in the Matroska file.
    seen, played = [], []
    for segment in reader.manifest.segments:
        with av.open(str(path / segment.file)) as container:
            pictures = (p.time for p in container.decode(video=0) if p.to_ndarray(format="gray").mean() > 100)
            seen += [segment.start_ns / 1e9 + time_s for time_s in pictures]
        with av.open(str(path / segment.file)) as container:
            for block in container.decode(audio=0):
                at = peaks(block.to_ndarray().reshape(-1) / np.float32(32768))
                played += (segment.start_ns / 1e9 + block.time + at / RATE_HZ).tolist()
    assert len(seen) == len(played) == len(click_ns)
    assert np.abs(np.array(seen) - np.array(played)).max() < 0.020


def peaks(samples):
    """Where each click stands; between two samples of the line it may have become two smaller ones."""
    loud = np.flatnonzero(np.abs(samples) > 0.2)
    return loud[np.diff(loud, prepend=-10) > 1] if len(loud) else loud
