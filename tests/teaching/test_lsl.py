"""A real Lab Streaming Layer outlet, on this machine alone."""

import math
import uuid

import pytest

from assistant.clock import MonotonicClock
from assistant.errors import ConfigError, SourceError
from assistant.plugin_loader import load_plugin
from plugins.gaze.lsl import choose_channels

try:
    import pylsl
except (ImportError, RuntimeError) as error:
    pytest.skip(f"the Lab Streaming Layer is missing: {error} (pip install pylsl)", allow_module_level=True)


def open_lsl(argument):
    return load_plugin("sonocue.gaze", "lsl")(argument, paced=True)


@pytest.fixture
def outlet():
    pylsl.set_config_content("[ports]\nIPv6 = disable\n[multicast]\nResolveScope = machine\n")
    name = f"tracker-{uuid.uuid4().hex[:8]}"
    info = pylsl.StreamInfo(name, "Gaze", 3, 100, "float32", name)
    info.set_channel_labels(["confidence", "norm_pos_x", "norm_pos_y"])
    return name, pylsl.StreamOutlet(info)


def test_samples_arrive_with_time_and_validity(outlet):
    name, sender = outlet
    clock = MonotonicClock()
    device = open_lsl(f"{name},origin=bottom")
    info = device.open(clock)
    try:
        assert info.fps == 100 and info.notes["channels"] == [1, 2, 0]
        assert sender.wait_for_consumers(5)
        before_ns = clock.now_ns()
        sender.push_sample([0.9, 0.25, 0.75])
        sender.push_sample([0.1, 0.25, 0.75])  # the eye was hardly seen
        sender.push_sample([0.9, math.nan, 0.75])
        found = []
        while len(found) < 3 and clock.now_ns() - before_ns < 10_000_000_000:
            if (sample := device.read("gaze", 0.2)) is not None:
                found.append(sample)
        assert [sample.valid for sample in found] == [True, False, False]
        assert (found[0].device_x, found[0].device_y) == pytest.approx((0.25, 0.25)), "y counts from below"
        assert abs(found[0].captured_ns - before_ns) < 50_000_000, "on the run's clock"
    finally:
        device.close()
        device.close()


def test_what_cannot_be_found_is_one_line():
    with pytest.raises(SourceError, match="no stream called 'nobody' was found on this machine"):
        open_lsl("nobody").open(MonotonicClock())
    with pytest.raises(ConfigError, match="origin"):
        open_lsl("name,origin=left")
    with pytest.raises(SourceError, match="only be live"):
        load_plugin("sonocue.gaze", "lsl")("", paced=False)


def test_channels_by_label_by_option_and_by_place():
    labels = ["left_gaze_x", "left_gaze_y", "validity"]
    assert choose_channels(labels, {}).valid == 2
    chosen = choose_channels(["a", "b"], {})
    assert (chosen.x, chosen.y, chosen.valid) == (0, 1, None)
    assert choose_channels(["a", "b", "c"], {"x": "2"}).x == 2
    with pytest.raises(ConfigError, match="2 channels"):
        choose_channels(["a", "b"], {"x": "7"})
