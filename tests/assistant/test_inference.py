"""One step from a frame to guidance."""

import numpy as np
import pytest

from assistant.admission import load_engine
from assistant.contracts import Abstention, Frame
from assistant.inference import InferenceStep
from assistant.latency import LatencyLog
from assistant.screen_mode import ScreenWatch
from assistant.session.timeline import decode_line, encode_line, guidance_event, guidance_of


@pytest.fixture
def engine(tiny_bundle):
    engine = load_engine(tiny_bundle, ("openvino", "onnxruntime"), 1)
    yield engine
    engine.backend.close()


def test_a_source_that_knows_its_sector_is_cropped_there(tiny_bundle, engine, manual_clock):
    """Wherever a machine's screen shows the sector, the same sector gives the same guidance."""
    sector = np.random.default_rng(1).integers(0, 255, (60, 80), np.uint8)
    guided = []
    for top, left in ((0, 0), (40, 60)):
        screen = np.zeros((100, 200), np.uint8)
        screen[top : top + 60, left : left + 80] = sector
        crop = (top / 100, left / 200, (top + 60) / 100, (left + 80) / 200)
        step = InferenceStep(tiny_bundle, engine.backend.infer, manual_clock, LatencyLog(), crop)
        guidance = step(Frame(0, 0, screen), 0, 0)
        assert guidance.gaze_rect_px == (top, left, top + 60, left + 80)
        guided.append(guidance)
    np.testing.assert_array_equal(guided[0].probabilities, guided[1].probabilities)
    elsewhere = InferenceStep(tiny_bundle, engine.backend.infer, manual_clock, LatencyLog())(Frame(0, 0, screen), 0, 0)
    assert elsewhere.gaze_rect_px != guided[1].gaze_rect_px


def test_while_the_screen_shows_no_b_mode_it_abstains_by_name_and_the_timeline_says_since_when(
    tiny_bundle, engine, manual_clock
):
    """Bright speckle on the left is the abdomen, until a part of it is coloured."""
    grey = np.random.default_rng(2).integers(60, 100, (240, 320), np.uint8)
    grey[:, :160] += 140
    b_mode = np.repeat(grey[:, :, None], 3, axis=2)
    doppler = b_mode.copy()
    doppler[100:150, 100:180] = (230, 30, 20)
    step = InferenceStep(tiny_bundle, engine.backend.infer, manual_clock, LatencyLog(), screen=ScreenWatch())
    guided, noticed = [], []
    for index, picture in enumerate([b_mode] * 10 + [doppler] * 10 + [b_mode] * 10):
        guided.append(step(Frame(index, round(index * 1e9 / 30), picture.copy()), 0, 0))
        if step.noticed is not None:
            noticed.append(step.noticed)

    assert {guidance.decision.plane for guidance in guided[:10]} == {"abdomen"}
    for guidance in guided[15:20]:
        assert (guidance.decision.plane, guidance.decision.abstention) == (None, Abstention.COLOUR_DOPPLER)
        assert guidance.decision.top == "abdomen"
        assert guidance.gaze_map is None
        assert np.isfinite(guidance.probabilities).all()
    assert {guidance.decision.plane for guidance in guided[25:]} == {"abdomen"}

    modes = [event.data["mode"] for event in noticed]
    assert modes[0] == "B-mode"
    assert modes.count("colour Doppler") == 1
    assert modes[-1] == "B-mode"
    since = next(event for event in noticed if event.data["mode"] == "colour Doppler")
    assert 10 <= since.data["frame_index"] < 15
    assert decode_line(encode_line(since)) == since
    assert guidance_of(guidance_event(guided[15])).decision == guided[15].decision


def test_nobody_looks_at_the_screen_when_not_asked_to(tiny_bundle, engine, manual_clock):
    menu = np.full((240, 320), 90, np.uint8)
    assert InferenceStep(tiny_bundle, engine.backend.infer, manual_clock, LatencyLog())(
        Frame(0, 0, menu), 0, 0
    ).decision.plane
    watched = InferenceStep(tiny_bundle, engine.backend.infer, manual_clock, LatencyLog(), screen=ScreenWatch())
    assert watched(Frame(0, 0, menu), 0, 0).decision.abstention is Abstention.MENU
