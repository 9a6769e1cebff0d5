"""Videos as frame grabbers and old programs write them: colour order, matrix, stride, interlacing, size that changes.

Each file is written here by a real encoder, and read as a file and, where it matters, as a stream over loopback.
"""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import Colorspace

from assistant.clock import MonotonicClock
from assistant.contracts import Frame
from assistant.decoded import _first_field
from assistant.errors import EndOfStream
from assistant.session.merge import record_unpaced
from assistant.session.reader import SessionReader
from assistant.session.verify import verify_session
from assistant.session.writer import SessionHeader, SessionWriter
from plugins.sources import file, stream

PATCHES = [(200, 40, 40), (40, 180, 60), (50, 70, 210), (128, 128, 128), (230, 220, 30)]


def coloured(height: int, width: int) -> np.ndarray:
    """``(H, W, 3)`` RGB: five upright bars, and a white line at the top, so that a turned or mirrored image shows."""
    pixels = np.empty((height, width, 3), np.uint8)
    for number, colour in enumerate(PATCHES):
        pixels[:, number * width // 5 : (number + 1) * width // 5] = colour
    pixels[: height // 8] = 255
    return pixels


def write(path: Path, pictures: list[np.ndarray], codec: str, pixel_format: str, *, first: int = 0, **settings) -> Path:
    """``settings``: ``matrix`` and ``full_range`` of the colours, ``options`` of the encoder."""
    matrix = settings.get("matrix", Colorspace.ITU601)
    with av.open(str(path), "w") as container:
        encoder = container.add_stream(codec, rate=25, options=settings.get("options", {}))
        encoder.height, encoder.width = pictures[0].shape[:2]
        encoder.pix_fmt = pixel_format
        if "matrix" in settings:
            encoder.codec_context.colorspace = matrix
        if settings.get("full_range"):
            encoder.codec_context.color_range = 2
        for number, pixels in enumerate(pictures):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24" if pixels.ndim == 3 else "gray")
            picture = picture.reformat(
                format=pixel_format, dst_colorspace=matrix, dst_color_range=2 if settings.get("full_range") else 1
            )
            picture.pts = first + number
            container.mux(encoder.encode(picture))
        container.mux(encoder.encode(None))
    return path


def play(path: Path, clock) -> list[Frame]:
    device = file.create(str(path), paced=False)
    frames = []
    try:
        device.open(clock)
        while True:
            frames.append(device.read("video", 1.0))
    except EndOfStream:
        return frames
    finally:
        device.close()


@pytest.mark.parametrize(
    ("container", "pixel_format"),
    [(container, pixels) for container in ("avi", "nut") for pixels in ("bgr24", "bgra", "gray", "yuv420p", "uyvy422")]
    + [("nut", "rgb24"), ("nut", "yuyv422")],  # AVI has no names for these
)
def test_raw_pixels_of_any_order_and_stride(tmp_path, manual_clock, container, pixel_format):
    """In AVI, raw colours stand upside down and each line is padded to four bytes."""
    image = coloured(50, 70) if pixel_format != "gray" else coloured(50, 70)[..., 1].copy()
    path = write(tmp_path / f"raw.{container}", [image] * 2, "rawvideo", pixel_format)
    frame = play(path, manual_clock)[1]
    assert frame.pixels.shape == image.shape
    # Halved colours bleed into their neighbours where bars meet: the bars' middles are compared.
    middles = [number * 14 + 7 for number in range(5)]
    for row in (2, 25, 48):
        np.testing.assert_allclose(frame.pixels[row, middles].astype(int), image[row, middles].astype(int), atol=6)


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709], ids=["601", "709"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p"])
def test_the_matrix_and_range_that_the_file_names_are_used(tmp_path, manual_clock, matrix, full_range, pixel_format):
    """A grabber's high-definition stream is BT.709: read as BT.601, red would be 20 levels off."""
    image = coloured(80, 160)
    settings = {"matrix": matrix, "full_range": full_range, "options": {"qp": "0"}}
    path = write(tmp_path / "colour.mkv", [image] * 2, "libx264", pixel_format, **settings)
    pixels = play(path, manual_clock)[1].pixels.astype(int)
    for number, colour in enumerate(PATCHES):
        np.testing.assert_allclose(pixels[60, number * 32 + 16], colour, atol=5)
    np.testing.assert_allclose(pixels[4, 80], (255, 255, 255), atol=5)


def combed(height: int, width: int) -> np.ndarray:
    """Two moments in one picture, as a moving edge looks interlaced: even lines before, odd lines 16 pixels later."""
    pixels = np.full((height, width, 3), 20, np.uint8)
    pixels[0::2, width // 4 :] = 220
    pixels[1::2, width // 4 + 16 :] = 220
    return pixels


@pytest.mark.parametrize("codec", ["mpeg2video", "libx264"])
def test_interlaced_pictures_are_one_moment(tmp_path, manual_clock, codec):
    options = {"flags": "+ildct+ilme"} | ({"x264-params": "tff=1:qp=4"} if codec == "libx264" else {"qscale": "2"})
    path = write(tmp_path / "interlaced.mkv", [combed(96, 160)] * 4, codec, "yuv420p", options=options)
    frames = play(path, manual_clock)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    for frame in frames:
        grey = frame.pixels[..., 1].astype(int)
        assert grey.shape == (96, 160)
        assert np.abs(np.diff(grey, axis=0)).max() < 60, "no comb"
        assert grey[:, :36].max() < 60 and grey[:, 60:].min() > 180
        edges = (grey > 120).argmax(axis=1)
        assert edges.max() - edges.min() <= 2, "one edge: that of the even lines"
        assert abs(np.median(edges) - 40) <= 2


def test_a_progressive_picture_keeps_all_its_lines(tmp_path, manual_clock):
    path = write(tmp_path / "progressive.mkv", [combed(96, 160)] * 2, "libx264", "yuv444p", options={"qp": "0"})
    np.testing.assert_allclose(play(path, manual_clock)[1].pixels.astype(int), combed(96, 160), atol=4)


@pytest.fixture
def changing(tmp_path) -> Path:
    """A transport stream of which the encoder begins anew, twice, with another size."""
    path = tmp_path / "changing.ts"
    parts = []
    for number, (height, width) in enumerate([(96, 160), (120, 200), (96, 160)]):
        options = {"qp": "4", "tune": "zerolatency"}
        part = write(
            tmp_path / f"{number}.ts", [coloured(height, width)] * 10, "libx264", "yuv420p",
            first=100 + 10 * number, options=options,
        )  # fmt: skip
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))
    return path


def check_changes(frames: list[Frame]) -> None:
    sizes = [(frame.height_px, frame.width_px) for frame in frames]
    assert sizes == [(96, 160)] * 10 + [(120, 200)] * 10 + [(96, 160)] * 10
    assert [frame.stream for frame in frames] == [0] * 10 + [1] * 10 + [2] * 10
    assert [frame.index for frame in frames] == list(range(30))
    for frame in frames:
        bar = frame.width_px // 5
        for number, colour in enumerate(PATCHES):
            pixel = frame.pixels[frame.height_px // 2, number * bar + bar // 2].astype(int)
            np.testing.assert_allclose(pixel, colour, atol=10)


def test_a_size_that_changes_in_the_file_is_another_stream_and_is_recorded(changing, manual_clock, tmp_path):
    check_changes(play(changing, manual_clock))
    device = file.create(str(changing), paced=False)
    info = device.open(manual_clock)
    header = SessionHeader("phantom", True, info.origin, (info,), {}, None)
    with SessionWriter(tmp_path, header, manual_clock, session_id="s", lossless=True) as writer:
        record_unpaced(device, info, writer)
    device.close()
    assert verify_session(tmp_path / "s") == []
    check_changes(list(SessionReader(tmp_path / "s").frames()))


def test_a_size_that_changes_in_a_live_stream_is_another_stream(changing):
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        device = stream.create(f"tcp://127.0.0.1:{server.getsockname()[1]}", paced=True)
        opening = pool.submit(device.open, MonotonicClock())
        with server.accept()[0] as connection:
            connection.sendall(changing.read_bytes())
        opening.result()
        frames = [device.read("video", 10.0) for _ in range(30)]
        with pytest.raises(EndOfStream):
            device.read("video", 10.0)
        device.close()
    check_changes(frames)


@pytest.mark.parametrize("height", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_first_field_of_any_height(height, channels):
    shape = (height, 4) if channels == 1 else (height, 4, 3)
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    kept = _first_field(picture)
    for row in range(height):
        above, below = picture[row - 1].astype(float), picture[min(row + 1, height - 1)].astype(float)
        expected = picture[row] if row % 2 == 0 else above if row == height - 1 else (above + below) / 2
        np.testing.assert_allclose(kept[row], expected, atol=0.5)
