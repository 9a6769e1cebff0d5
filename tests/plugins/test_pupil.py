"""``pupil:HOST:PORT`` over real sockets, through the real library, from an app of our own (tests/companion.py)."""

from __future__ import annotations

import contextlib
import math
import socket
import sys
import threading
import time

import numpy as np
import pytest

from assistant.clock import MonotonicClock
from assistant.contracts import GazeSample
from assistant.errors import ConfigError, EndOfStream, SourceError
from assistant.plugin_loader import load_plugin, missing_package
from assistant.teaching.gaze_mapping import ScreenView
from assistant.teaching.observer import GazeOnImage, Observer
from tests.loopback import free_port
from tests.teaching.scene_camera import NEON, SCREEN_PX, SceneCamera, corner_markers, screen_picture

try:
    import pupil_labs.realtime_api  # noqa: F401 - only whether it is there
except ImportError as error:
    pytest.skip(f"Pupil's library is missing: {error} (pip install 'sonocue[pupil]')", allow_module_level=True)

from tests.companion import SCENE_FPS, Companion, Wearer, lens_file, phone_ns

TARGET = (0.7, 0.4)
"""Where the wearer looks, in [0, 1] of the monitor."""
TURN_DEG = 3.0
"""The head turns so far to both sides, once a second."""
DEADLINE_S = 60.0


def head(camera: SceneCamera, phone_s: float) -> np.ndarray:
    return camera.pose(600.0, (2.0, TURN_DEG * math.sin(2 * math.pi * phone_s), 1.0))


@pytest.fixture(scope="module")
def companion():
    camera = SceneCamera(screen_picture(corner_markers()), NEON)

    def looks_at(phone_s: float) -> tuple[float, float, bool]:
        at = camera.scene_px(head(camera, phone_s), np.array([TARGET]) * SCREEN_PX)[0]
        return float(at[0]), float(at[1]), phone_s % 2 < 1.9  # the glasses slip for a tenth of a second

    pictures = [camera.picture(head(camera, index / SCENE_FPS)) for index in range(SCENE_FPS)]
    app = Companion(Wearer(pictures, looks_at, lens_file(NEON.matrix, NEON.distortion)))
    yield app
    app.close()


def open_pupil(port: int):
    return load_plugin("sonocue.gaze", "pupil")(f"127.0.0.1:{port}", paced=True)


def read_for(device, seconds: float) -> list[GazeSample]:
    until_s, found = time.monotonic() + seconds, []
    while time.monotonic() < until_s:
        if (sample := device.read("gaze", 0.1)) is not None:
            found.append(sample)
    return found


def read_until(device, wanted, what: str) -> GazeSample:
    until_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < until_s:
        sample = device.read("gaze", 0.1)
        if sample is not None and wanted(sample):
            return sample
    raise AssertionError(f"never came: {what}")


def test_gaze_goes_from_the_scene_to_the_monitor_while_the_head_turns(companion):
    clock, device = MonotonicClock(), open_pupil(companion.port)
    info = device.open(clock)
    try:
        assert info.name == "pupil: test phone" and info.notes["lens"] == "of the device"
        assert "every interface" in info.notes["listens"], "said in the window"
        unmapped = read_until(device, lambda _: True, "gaze")
        assert not unmapped.valid and device.markers_seen == 0, "no markers are shown yet: nothing is guessed"
        device.look_for(corner_markers())
        read_until(device, lambda sample: sample.valid, "gaze on the monitor")
        samples = read_for(device, 4.0)
        assert device.markers_seen == 4
        good = [sample for sample in samples if sample.valid]
        assert len(good) > 0.3 * len(samples) > 30
        off_px = np.hypot(*(np.array([(s.device_x, s.device_y) for s in good]) - TARGET).T * np.array([SCREEN_PX]).T)
        # The head turns at up to 19 degrees a second; 37 pixels are a degree. A tenth of a second amiss were 70.
        assert np.median(off_px) < 8 and np.percentile(off_px, 95) < 25
        # Time is the run's: the phone's clock is 7 s ahead, and is not believed.
        slipped = [s for s in samples if not s.valid]
        worn = {round((clock.now_ns() - s.captured_ns) / 1e9) for s in good}
        assert max(worn) < 10 and min(worn) >= 0
        ahead_ns = phone_ns() - clock.now_ns()
        assert all(math.isnan(s.x_px) and s.device_x is None for s in slipped)
        assert not any((s.captured_ns + ahead_ns) / 1e9 % 2 > 1.92 for s in good), "the glasses were not worn"
        device.look_for(None)
        assert not read_until(device, lambda sample: not sample.valid, "markers taken away").valid
    finally:
        device.close()
        device.close()
    with pytest.raises(EndOfStream):
        device.read("gaze", 0.1)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("pupil")]


def test_an_app_that_goes_away_is_said_and_taken_again(companion):
    clock, device = MonotonicClock(), open_pupil(companion.port)
    said, noted = [], []
    info = device.open(clock)
    observer = Observer(clock, noted.append, said.append, device)
    assert observer.wants_markers and not observer.wants_mouse
    observer.look_through(ScreenView(SCREEN_PX, (480, 270, 960, 540), (480, 270)))
    observer.look_for(corner_markers())
    gaze = GazeOnImage(device, info, clock, observer)
    try:
        sample = read_until(gaze, lambda sample: sample.valid, "gaze on the image")
        # 0.7 of 1920 is 864 px right of the image's left edge, which is painted at twice its size.
        assert (sample.x_px, sample.y_px) == pytest.approx((431.5, 80.5), abs=15)
        streams = companion.rtsp_port
        companion.go_away()
        until_s = time.monotonic() + DEADLINE_S
        while not said and time.monotonic() < until_s:
            gaze.read("gaze", 0.1)
        assert "the scan goes on" in said[0]
        companion.come_back()
        assert companion.rtsp_port != streams
        assert read_until(gaze, lambda sample: sample.valid, "gaze after the app came back").valid
        assert "was away" in said[1] and len(said) == 2
        assert [e.data["event"] for e in noted] == ["view", "gaze lost", "gaze back"]
    finally:
        gaze.close()


def test_what_cannot_be_opened_is_one_line(companion):
    with pytest.raises(SourceError, match="answers as the Companion app does"):
        open_pupil(free_port()).open(MonotonicClock())
    with pytest.raises(SourceError, match="no known address"):
        load_plugin("sonocue.gaze", "pupil")("nobody.invalid", paced=True).open(MonotonicClock())
    companion.world_connected = False
    try:
        with pytest.raises(SourceError, match=r"no pictures of the scene camera.*plugged in"):
            open_pupil(companion.port).open(MonotonicClock())
    finally:
        companion.world_connected = True


def test_another_program_at_the_address_is_one_line():
    def hang_up() -> None:
        with contextlib.suppress(OSError):
            while True:
                server.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, daemon=True).start()
        with pytest.raises(SourceError, match="answers as the Companion app does"):
            open_pupil(server.getsockname()[1]).open(MonotonicClock())


@pytest.mark.parametrize("argument", ["", ":8080", "host:port", "host/path", "a:b:c", "u@host", "host:8080:1"])
def test_an_address_must_be_named(argument):
    with pytest.raises(ConfigError, match="expected pupil:HOST"):
        load_plugin("sonocue.gaze", "pupil")(argument, paced=True)


def test_options_and_lock_step_are_refused():
    with pytest.raises(ConfigError, match="unknown option 'search'"):
        load_plugin("sonocue.gaze", "pupil")("host,search=1", paced=True)
    with pytest.raises(SourceError, match="only be live"):
        load_plugin("sonocue.gaze", "pupil")("host", paced=False)


def test_without_the_library_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pupil_labs.realtime_api", None)
    device = load_plugin("sonocue.gaze", "pupil")("127.0.0.1", paced=True)
    with pytest.raises(ModuleNotFoundError) as missing:  # the command line makes the line of it, as for any package
        device.open(MonotonicClock())
    assert "pip install 'sonocue[pupil]'" in str(missing_package(missing.value, "this command"))
