"""Files as they come: real ultrasound videos, odd sizes, any pixel format, any pace."""

from fractions import Fraction

import av
import numpy as np
import pytest

from assistant.contracts import AudioBlock, Frame
from assistant.errors import SourceError
from assistant.session.merge import merged, record_unpaced
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from assistant.session.writer import SessionHeader, SessionWriter
from plugins.sources.file import create, to_pixels


def play(path, clock):
    device = create(str(path), paced=False)
    info = device.open(clock)
    frames, blocks = [], []
    for item in merged(device, info):
        (frames if isinstance(item, Frame) else blocks).append(item)
    device.close()
    return info, frames, blocks


def play_without_pixels(path, clock):
    """Real videos are too large to be held: of each frame (index, captured_ns, shape, standard deviation)."""
    device = create(str(path), paced=False)
    info = device.open(clock)
    frames, blocks = [], []
    for item in merged(device, info):
        if isinstance(item, Frame):
            frames.append((item.index, item.captured_ns, item.pixels.shape, item.pixels[::8, ::8].std()))
        else:
            blocks.append(item)
    device.close()
    return info, frames, blocks


def write_video(path, pictures, *, codec="ffv1", pixel_format="bgr0", times_ms=None):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixel_format
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, pixels in enumerate(pictures):
            picture = av.VideoFrame.from_ndarray(pixels, format="gray" if pixels.ndim == 2 else "rgb24")
            picture = picture.reformat(format=pixel_format)
            if times_ms is not None:
                picture.pts, picture.time_base = times_ms[index], Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


REAL = {
    "us_video/clarius-ocular-short.mp4": (1280, 960, 25.0, 50),
    "us_video/butterfly-ocular-phantom.mp4": (776, 1080, 12.69, 369),
    "tal_tongue_speech/70ms-003_cal_dark_theme.mp4": (720, 540, 60.0, 298),
    "tal_tongue_speech/day1_she_065.avi": (1222, 831, 81.53, 301),
    "tal_tongue_speech/day2_see_157.avi": (1479, 831, 81.52, 219),
}


@pytest.mark.parametrize("name", REAL)
def test_real_videos_come_whole_and_in_time(data_dir, manual_clock, name):
    if not (data_dir / name).is_file():
        pytest.skip(f"real test data is missing: {name}")
    width, height, fps, count = REAL[name]
    info, frames, blocks = play_without_pixels(data_dir / name, manual_clock)
    indices, times_ns, shapes, deviations = zip(*frames, strict=True)
    assert (info.width_px, info.height_px) == (width, height)
    assert info.fps == pytest.approx(fps, abs=0.01)
    assert indices == tuple(range(count))
    assert set(shapes) == {(height, width, 3)}
    assert min(deviations) > 10
    seconds = (times_ns[-1] - times_ns[0]) / 1e9
    assert seconds == pytest.approx((count - 1) / fps, rel=0.003)
    assert ("sound" in info.streams) == name.startswith("tal")
    if blocks:
        assert info.sample_rate_hz == 48_000
        heard_s = sum(len(block.samples) for block in blocks) / 48_000
        assert heard_s == pytest.approx(seconds, abs=0.05)
        assert abs(blocks[0].captured_ns - times_ns[0]) < 1e6
        assert np.concatenate([block.samples for block in blocks]).std() > 0.01  # somebody speaks


def test_a_real_video_with_speech_is_recorded_and_read_back(data_dir, tmp_path, manual_clock):
    path = data_dir / "tal_tongue_speech" / "day2_see_157.avi"
    if not path.is_file():
        pytest.skip(f"real test data is missing: {path.name}")
    device = create(str(path), paced=False)
    info = device.open(manual_clock)
    header = SessionHeader("speaker", True, info.origin, (info,), {}, None)
    samples, frame_200 = [], []

    def keep(item):
        if isinstance(item, AudioBlock):
            samples.append(item.samples)
        elif item.index == 200:
            frame_200.append(item.pixels)

    with SessionWriter(tmp_path, header, manual_clock, session_id="s") as writer:
        record_unpaced(device, info, writer, on_item=keep)
    device.close()
    assert verify_session(tmp_path / "s") == []
    reader = SessionReader(tmp_path / "s")
    assert len(reader) == 219
    again = next(reader.frames(start=200)).pixels.astype(int)
    assert again.shape == (831, 1479, 3)
    assert np.abs(again - frame_200[0]).mean() < 3
    np.testing.assert_allclose(reader.sound().samples, np.concatenate(samples), atol=1 / 65535)


@pytest.mark.parametrize("shape", [(48, 64), (47, 63), (48, 64, 3), (47, 63, 3)], ids=str)
def test_lossless_files_come_as_they_are(tmp_path, manual_clock, shape):
    rng = np.random.default_rng(6)
    pictures = [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(5)]
    path = write_video(tmp_path / "v.mkv", pictures, pixel_format="gray" if len(shape) == 2 else "bgr0")
    _, frames, _ = play(path, manual_clock)
    for expected, frame in zip(pictures, frames, strict=True):
        np.testing.assert_array_equal(frame.pixels, expected)


@pytest.mark.parametrize("size", [(48, 64), (47, 63), (48, 63), (47, 64), (1, 1)], ids=str)
def test_the_quick_conversion_agrees_with_ffmpegs(size):
    """Smooth colours: so the two ways of enlarging chroma agree, and what is compared is the matrix and the size."""
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([60 + 2 * columns, 200 - 2 * rows, 100 + columns + rows], axis=2).clip(0, 255).astype(np.uint8)
    picture = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
    expected = picture.to_ndarray(format="rgb24").astype(int)
    assert np.abs(to_pixels(picture) - expected).max() <= 6


@pytest.mark.parametrize(
    ("codec", "pixel_format"),
    [("libx264", "yuv422p"), ("libx264", "yuv444p"), ("mjpeg", "yuvj420p"), ("ffv1", "yuv420p10le")],
)
def test_other_pixel_formats_become_rgb(tmp_path, manual_clock, codec, pixel_format):
    rows, columns = np.mgrid[:48, :64]
    image = np.stack([60 + 2 * columns, 200 - 2 * rows, 100 + columns + rows], axis=2).astype(np.uint8)
    path = write_video(tmp_path / "v.mkv", [image] * 3, codec=codec, pixel_format=pixel_format)
    _, frames, _ = play(path, manual_clock)
    assert len(frames) == 3
    assert np.abs(frames[1].pixels.astype(int) - image).mean() < 6


def test_a_variable_frame_rate_keeps_its_times(tmp_path, manual_clock):
    times_ms = [0, 40, 50, 55, 300, 301, 900]
    pictures = [np.full((48, 64, 3), 30 * index, np.uint8) for index in range(len(times_ms))]
    path = write_video(tmp_path / "v.mkv", pictures, times_ms=times_ms)
    _, frames, _ = play(path, manual_clock)
    begun_ns = manual_clock.now_ns()
    assert [frame.captured_ns - begun_ns for frame in frames] == [time * 1_000_000 for time in times_ms]


def test_stereo_becomes_the_mean_and_a_gap_stays_a_gap(tmp_path, manual_clock):
    rate_hz = 8000
    with av.open(str(tmp_path / "v.mkv"), "w") as container:
        video = container.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "gray"
        sound = container.add_stream("pcm_s16le", rate=rate_hz, layout="stereo")
        container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64), np.uint8), format="gray")))
        for second in (0, 3):
            both = np.tile(np.array([8192, -4096], np.int16), rate_hz)[np.newaxis]
            block = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
            block.sample_rate, block.pts = rate_hz, second * rate_hz
            container.mux(sound.encode(block))
        container.mux(video.encode(None))
    _, _, blocks = play(tmp_path / "v.mkv", manual_clock)
    assert all((block.samples == 2048 / 32768).all() for block in blocks)
    assert sum(len(block.samples) for block in blocks) == 2 * rate_hz
    jumps = np.diff([block.first_sample for block in blocks]) - [len(block.samples) for block in blocks[:-1]]
    assert jumps.max() == 2 * rate_hz
    assert blocks[-1].first_sample + len(blocks[-1].samples) == 4 * rate_hz
    assert all(block.captured_ns == manual_clock.now_ns() + block.first_sample * 125_000 for block in blocks)


def test_a_photograph_is_a_video_of_one_frame(data_dir, manual_clock):
    picture = data_dir / "sononet" / "LIPS.png"
    found = sorted((data_dir / "sononet").rglob(picture.name))
    if not found:
        pytest.skip(f"real test data is missing: {picture}")
    _, frames, _ = play(found[0], manual_clock)
    assert [frame.pixels.shape for frame in frames] == [(735, 975, 3)]


def test_a_torn_video_ends_where_it_is_torn(data_dir, tmp_path, manual_clock):
    original = data_dir / "tal_tongue_speech" / "day1_she_065.avi"
    if not original.is_file():
        pytest.skip(f"real test data is missing: {original.name}")
    content = original.read_bytes()
    (tmp_path / "torn.avi").write_bytes(content[: len(content) // 2])
    _, frames, _ = play_without_pixels(tmp_path / "torn.avi", manual_clock)
    assert 100 < len(frames) < 200
    (tmp_path / "head.avi").write_bytes(content[:2000])
    with pytest.raises(SourceError, match=r"head\.avi"):
        play(tmp_path / "head.avi", manual_clock)
