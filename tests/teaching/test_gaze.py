"""From tracker to image: mapping, calibration check, and a tracker that goes away."""

import math

import numpy as np
import pytest

from assistant.contracts import DeviceInfo, GazeSample
from assistant.errors import EndOfStream
from assistant.plugin_loader import load_plugin
from assistant.teaching.calibration import TARGETS, check_calibration
from assistant.teaching.gaze_mapping import ScreenView, on_image, px_per_degree
from assistant.teaching.observer import SILENT_NS, GazeOnImage, Observer

VIEW = ScreenView(monitor_px=(2000, 1000), image_rect_px=(200, 100, 800, 600), image_px=(400, 300))


@pytest.mark.parametrize(
    ("x", "y", "x_px", "y_px"),
    [
        (0.1, 0.1, -0.5, -0.5),  # the corner of the painted image is the corner of the first pixel
        (0.5, 0.7, 399.5, 299.5),
        (0.3, 0.4, 199.5, 149.5),
        (0.0, 0.1, -100.5, -0.5),  # beside the image: kept, and outside
    ],
)
def test_from_monitor_to_image(x, y, x_px, y_px):
    found = on_image(GazeSample(5, math.nan, math.nan, device_x=x, device_y=y), VIEW)
    assert (found.x_px, found.y_px) == pytest.approx((x_px, y_px))
    assert found.valid and (found.device_x, found.device_y, found.captured_ns) == (x, y, 5)


@pytest.mark.parametrize(
    ("sample", "view"),
    [
        (GazeSample(1, 3.0, 3.0, valid=False, device_x=0.3, device_y=0.3), VIEW),
        (GazeSample(1, math.nan, math.nan, device_x=0.3, device_y=0.3), None),
        (GazeSample(1, math.nan, math.nan, device_x=math.nan, device_y=0.3), VIEW),
        (GazeSample(1, 3.0, 3.0), VIEW),
    ],
)
def test_validity_is_kept(sample, view):
    found = on_image(sample, view)
    assert not found.valid and math.isnan(found.x_px)
    assert found.device_x is sample.device_x


def looked(off=(0.0, 0.0), noise=0.0, n=60, valid=True):
    rng = np.random.default_rng(0)
    return [
        [
            GazeSample(k, math.nan, math.nan, valid, *(np.array(at) + off + rng.normal(0, noise, 2)).tolist())
            for k in range(n)
        ]
        for at in TARGETS
    ]


def test_calibration_measures_accuracy_and_precision():
    per_degree = px_per_degree(2000 / 531.0, 600.0)
    assert per_degree == pytest.approx(2000 / 531.0 * 600 * math.tan(math.radians(1)), rel=1e-3)
    good = check_calibration(looked(off=(0.01, 0.0), noise=0.002), (2000, 1000), per_degree)
    assert good.passed and good.accuracy_px == pytest.approx(20, abs=2)
    assert good.accuracy_deg == pytest.approx(20 / per_degree, abs=0.1)
    # Successive samples of independent noise differ by sqrt(2) sigma in each direction.
    assert good.precision_px == pytest.approx(math.sqrt(2) * 0.002 * math.hypot(2000, 1000), rel=0.15)
    bad = check_calibration(looked(off=(0.05, 0.0)), (2000, 1000), per_degree)
    assert not bad.passed and "at most 1.5" in bad.reason
    blind = check_calibration(looked(valid=False), (2000, 1000), per_degree)
    assert not blind.passed and blind.accuracy_deg is None and "5 of 5" in blind.reason


def test_a_silent_tracker_is_said_once_and_taken_again(manual_clock):
    said, noted = [], []
    mouse = load_plugin("sonocue.gaze", "mouse")("", paced=True)
    info = mouse.open(manual_clock)
    observer = Observer(manual_clock, noted.append, said.append, mouse)
    observer.look_through(VIEW)
    gaze = GazeOnImage(mouse, info, manual_clock, observer)
    observer.point_at((0.3, 0.4))
    sample = gaze.read("gaze", 0.01)
    assert (sample.x_px, sample.y_px) == pytest.approx((199.5, 149.5))
    mouse._due_ns += 10 * SILENT_NS  # nothing comes for a while
    manual_clock.advance(SILENT_NS / 1e9 + 0.1)
    assert gaze.read("gaze", 0.01) is None and gaze.read("gaze", 0.01) is None
    assert len(said) == 1 and "the scan goes on" in said[0]
    mouse._due_ns = manual_clock.now_ns()
    assert gaze.read("gaze", 0.01).valid
    assert "was away" in said[1]
    assert [event.data["event"] for event in noted] == ["view", "gaze lost", "gaze back"]
    gaze.close()
    with pytest.raises(EndOfStream):
        gaze.read("gaze", 0.01)


def test_the_mouse_away_from_the_image_is_invalid(manual_clock):
    mouse = load_plugin("sonocue.gaze", "mouse")("", paced=True)
    info = mouse.open(manual_clock)
    assert isinstance(info, DeviceInfo) and "no gaze" in info.notes["stand_in"]
    assert not mouse.read("gaze", 0.01).valid
    mouse.close()


def test_recorded_gaze_comes_in_step_with_its_images(make_session, manual_clock):
    path = make_session(gaze_offset_s=0.25)
    device = load_plugin("sonocue.gaze", "session")(str(path), paced=False)
    begin_ns = manual_clock.now_ns()
    assert device.open(manual_clock).notes["coordinates"] == "image"
    first = device.read("gaze", 0.1)
    assert first.captured_ns - begin_ns == 250_000_000, "it keeps its distance from the first image"
    device.close()
