"""What screen, OpenIGTLink and cameras each must do besides the contract: pixels as they were sent, refusals, ends."""

from __future__ import annotations

import shutil
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from assistant.clock import MonotonicClock
from assistant.contracts import Device, Frame
from assistant.errors import ConfigError, EndOfStream, SourceError
from plugins.sources import opencv, openigtlink, screen
from tests.helper_process import TESTS, running
from tests.igtl_peer import FPS, picture
from tests.loopback import free_port
from tests.virtual_screen import start_x_server


def read_to_end(device: Device, frames: list[Frame] | None = None) -> None:
    """Read until the device says why no more come; ``frames`` takes what it gave before."""
    while (frame := device.read("video", 10.0)) is not None:
        if frames is not None:
            frames.append(frame)


# --- screen ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def x_server():
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed (apt-get install xvfb)")
    server, display = start_x_server("640x480x24")
    yield server, display
    server.terminate()
    server.wait()


def test_the_screens_pixels_are_those_of_the_window_on_it(x_server):
    pytest.importorskip("PyQt6", reason="the extra 'live' (PyQt6) is not installed")
    from tests.screen_picture import picture as shown

    display = x_server[1]
    with running(TESTS / "screen_picture.py", 100, 50, 301, 201, env={"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}):
        device = screen.create(f"301x201+100+50,display={display}", paced=True)
        device.open(MonotonicClock())
        frames = [device.read("video", 5.0) for _ in range(10)]
        device.close()
    for frame in frames:
        np.testing.assert_array_equal(frame.pixels, shown(int(frame.pixels[0, 0, 0]), 301, 201))


def test_a_screen_that_goes_away_is_an_error_not_silence(x_server):
    server, display = x_server
    device = screen.create(f",display={display}", paced=True)
    info = device.open(MonotonicClock())
    assert (info.width_px, info.height_px) == (640, 480)
    server.terminate()
    server.wait()
    with pytest.raises(SourceError, match="screen"):
        read_to_end(device)
    device.close()


def test_without_a_display_it_says_so(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(SourceError, match="DISPLAY is not set; name one with display=:0"):
        screen.create("", paced=True).open(MonotonicClock())


# --- OpenIGTLink ----------------------------------------------------------------------------------------------------


def opened(kind: str, port: int, options: str = ""):
    device = openigtlink.create(f"127.0.0.1:{port}{options}", paced=True)
    return device, device.open(MonotonicClock())


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_every_image_of_a_real_server_comes_as_it_was_sent(kind):
    port = free_port()
    with running(TESTS / "igtl_peer.py", "serve", port, kind):
        device, info = opened(kind, port, ",device=Image")
        frames = [device.read("video", 5.0) for _ in range(30)]
        events = [device.read("events", 5.0) for _ in range(30)]
        device.close()
    assert info.notes["device"] == "Image"
    for number, (frame, event) in enumerate(zip(frames, events, strict=True)):
        np.testing.assert_array_equal(frame.pixels, picture(number, 3 if kind == "colour" else 1))
        assert event.data["transforms"]["Probe"][3] == number
        assert abs(event.captured_ns - frame.captured_ns) < 60_000_000  # the two carry the same time of the sender
    steps_ms = np.diff([frame.captured_ns for frame in frames]) / 1e6
    assert np.median(steps_ms) == pytest.approx(1000 / FPS, abs=1)


def test_without_a_name_the_first_device_is_taken_alone():
    port = free_port()
    with running(TESTS / "igtl_peer.py", "serve", port):
        device, info = opened("grey", port)
        shapes = {device.read("video", 5.0).pixels.shape for _ in range(10)}
        device.close()
    assert info.notes["device"] == "Other"
    assert shapes == {(24, 64)}


def test_another_size_is_another_stream():
    port = free_port()
    with running(TESTS / "igtl_peer.py", "serve", port, "resized"):
        device, _ = opened("resized", port, ",device=Image")
        frames = [device.read("video", 5.0) for _ in range(15)]
        device.close()
    assert [frame.stream for frame in frames] == [0] * 10 + [1] * 5
    assert frames[12].pixels.shape == (31, 41)


@pytest.mark.parametrize(("kind", "got"), [("deep", "uint16"), ("volume", r"\(3, 48, 64\)")])
def test_images_that_are_no_pictures_are_refused(kind, got):
    port = free_port()
    with running(TESTS / "igtl_peer.py", "serve", port, kind), pytest.raises(SourceError, match=got) as error:
        opened(kind, port, ",device=Image")
    assert "expected one slice of 8 bits" in str(error.value)


def test_a_server_that_ends_ends_the_stream():
    port = free_port()
    with running(TESTS / "igtl_peer.py", "serve", port, "ends"):
        device, _ = opened("ends", port, ",device=Image")
        with pytest.raises(EndOfStream):
            read_to_end(device)
        device.close()


HEADER = struct.Struct(">H12s20sIIQQ")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4, "expected OpenIGTLink messages"),
        (HEADER.pack(1, b"IMAGE", b"Image", 0, 0, 1 << 60, 0), "1152921504606846976 bytes"),
        (HEADER.pack(1, b"IMAGE", b"Image", 0, 0, 10, 0) + bytes(10), "IMAGE cannot be read"),
        (HEADER.pack(1, b"IMAGE", b"Image", 0, 0, 500, 0) + bytes(10), "broke off in the middle"),
        (HEADER.pack(2, b"TRANSFORM", b"Probe", 0, 0, 3, 0) + bytes(3), "TRANSFORM cannot be read"),
        (HEADER.pack(1, b"IMAGE", b"\xff\xfe", 0, 0, 10, 0), "expected OpenIGTLink messages"),
        (b"", "no image came"),
    ],
)
def test_what_is_no_openigtlink_is_refused(content, problem, monkeypatch):
    monkeypatch.setattr(openigtlink, "OPEN_TIMEOUT_S", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        opening = pool.submit(opened, "", server.getsockname()[1])
        with server.accept()[0] as connection:
            connection.sendall(content)
        with pytest.raises(SourceError, match=problem) as error:
            opening.result()
    assert "\n" not in str(error.value)


# --- cameras: no capture card is here; OpenCV's reader of files takes its place behind the same class ----------------


def written(path: Path, sizes: list[tuple[int, int]]) -> Path:
    """A film of red pictures, each with a green corner at the top left."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height = sizes[0]
        stream.pix_fmt = "bgr0"
        for width, height in sizes:
            pixels = np.zeros((height, width, 3), np.uint8)
            pixels[..., 0] = 200
            pixels[:5, :5] = (0, 255, 0)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("size", [(64, 48), (301, 201), (17, 5)])
def test_a_cameras_images_are_rgb_of_any_size_and_its_end_an_error(tmp_path, size):
    film = written(tmp_path / "film.mkv", [size] * 6)
    wish = opencv.parse_wish("0,size=1920x1080,fps=60,fourcc=YUYV")
    camera = opencv.Camera(wish, lambda _: cv2.VideoCapture(str(film), cv2.CAP_FFMPEG))
    info = camera.open(MonotonicClock())
    frames: list[Frame] = []
    with pytest.raises(SourceError, match="gives no images any more: unplugged"):
        read_to_end(camera, frames)
    camera.close()
    assert (info.width_px, info.height_px, info.fps) == (*size, 25.0)
    assert "size than 1920x1080, rate than 60 fps, format than YUYV" in info.notes["refused"]
    assert [frame.index for frame in frames] == list(range(6))
    for frame in frames:
        assert frame.pixels.shape == (size[1], size[0], 3)
        assert frame.pixels[0, 0].tolist() == [0, 255, 0]
        assert frame.pixels[-1, -1].tolist() == [200, 0, 0]


def test_what_opencv_gives_besides_colour():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(opencv.to_rgb(grey), grey)
    np.testing.assert_array_equal(opencv.to_rgb(grey[..., None]), grey)
    for pixels in (None, np.zeros((3, 4, 2), np.uint8), np.zeros((1, 999), np.uint8), grey.astype(np.uint16)):
        with pytest.raises(SourceError, match="expected images of one or three 8-bit channels"):
            opencv.to_rgb(pixels)


@pytest.mark.skipif(any(Path("/dev").glob("video*")), reason="there is a camera here")
def test_no_camera_is_one_line_that_names_those_there_are():
    with pytest.raises(SourceError, match=r"^camera '0' cannot be opened through v4l2: there are none: is it plugged"):
        opencv.create("0", paced=True).open(MonotonicClock())


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ("front", "expected a number or a path such as /dev/video0"),
        ("/etc/passwd", "expected a number or a path"),
        ("/dev/video0,system=dshow", "expected a number or a path"),
        ("0,system=qt", "system: expected one of v4l2, dshow, msmf, avfoundation"),
        ("0,size=big", "size: expected WIDTHxHEIGHT in pixels, got 'big'"),
        ("0,size=0x5", "size: expected WIDTHxHEIGHT"),
        ("0,fps=-1", "fps: expected a number above 0"),
        ("0,fps=nan", "fps: expected a number above 0"),
        ("0,fourcc=H264X", "fourcc: expected four letters"),
        ("0,colour=1", "unknown option 'colour': expected fourcc, fps, size, system"),
        ("0,fps=1,fps=2", "'fps' is given twice"),
        ("0,fps=", "'fps' is empty"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(argument, problem):
    with pytest.raises(ConfigError, match=problem):
        opencv.create(argument, paced=True)


@pytest.mark.parametrize("system", opencv.SYSTEMS)
def test_a_system_that_this_opencv_has_not_is_said(system):
    wish = opencv.parse_wish(f"99,system={system},size=1280x720,fps=30,fourcc=MJPG")
    assert wish == opencv.Wish(99, system, (1280, 720), 30.0, "MJPG")
    has_it = opencv.SYSTEMS[system] in cv2.videoio_registry.getCameraBackends()
    problem = "cannot be opened through" if has_it else "this machine's OpenCV was built without"
    with pytest.raises(SourceError, match=f"^camera '99'.* {problem} {system}"):
        opencv.connect(wish)
