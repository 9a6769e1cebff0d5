"""One step from a frame to guidance."""

import numpy as np
import pytest

from assistant.admission import load_engine
from assistant.contracts import Frame
from assistant.inference import InferenceStep
from assistant.latency import LatencyLog


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
