"""Silencing utterances: the share that was asked for, as much speech at each share, and nothing else changed."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.drawn import config, recording
from trainer.data import speech_windows
from trainer.recordings import MEL_HOP_S


@pytest.fixture(scope="module")
def sweep():
    spec = importlib.util.spec_from_file_location(
        "sweep_relevance", Path(__file__).parents[2] / "scripts" / "sweep_relevance.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def spoken():
    """Utterances of 2 s, one in three relevant, with a loud band and certain speech."""
    made = recording(0, 1.0, lambda plane, rng, size: (np.zeros(size, np.uint8), 0, 0))
    start_s = np.arange(0.5, 90, 4.0)
    relevant = (np.arange(len(start_s)) % 3 == 0).astype(float)
    utterances = np.stack([start_s, start_s + 2, relevant], axis=1)
    return replace(made, utterances=utterances, words=tuple(map(str, range(len(start_s)))))


@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
def test_so_much_of_what_is_left_is_relevant(sweep, spoken, share):
    left = sweep.with_share(spoken, share, np.random.default_rng(0))
    lengths_s = left.utterances[:, 1] - left.utterances[:, 0]
    assert (lengths_s * left.utterances[:, 2]).sum() / lengths_s.sum() == pytest.approx(share, abs=0.1)
    assert lengths_s.sum() == pytest.approx(16.0, abs=2.0), "all relevant speech lasts 16 s, the other 30 s"
    assert len(left.words) == len(left.utterances)
    assert left.frames is spoken.frames and left.labels is spoken.labels
    silenced = {tuple(row) for row in spoken.utterances} - {tuple(row) for row in left.utterances}
    mel_s = left.log_mel_s + MEL_HOP_S * np.arange(left.log_mel.shape[1])
    for start_s, end_s, _ in silenced:
        assert np.ptp(left.log_mel[:, (mel_s > start_s) & (mel_s < end_s)]) == 0
        assert not left.speech[(left.speech_s > start_s) & (left.speech_s < end_s)].any()
    for start_s, end_s, _ in left.utterances:
        here = (mel_s > start_s + 0.2) & (mel_s < end_s - 0.2)
        np.testing.assert_array_equal(left.log_mel[:, here], np.asarray(spoken.log_mel)[:, here])


def test_fewer_windows_form_pairs(sweep, spoken):
    settings = config().data
    assert len(speech_windows((sweep.with_share(spoken, 1.0, np.random.default_rng(0)),), settings)) < len(
        speech_windows((spoken,), settings)
    )
