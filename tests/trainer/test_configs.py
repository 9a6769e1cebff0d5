"""The configs that are shipped: each is read, and its networks are built and give what the formats ask for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from trainer.compute import Joint, one_process
from trainer.config import ComputeConfig, load_config
from trainer.encoders import GuidanceNetwork, VideoSpeech
from trainer.objective import Batch, Objective
from trainer.table import ROWS, with_changes

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "trainer" / "configs").glob("*.toml"))


def named(name):
    return load_config(next(file for file in CONFIGS if file.stem == name))


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_each_config_is_read_and_its_rows_are_allowed(file):
    config = load_config(file)
    for row in config.table.rows or ROWS:
        with_changes(config, 1, ROWS[row] or {})


@pytest.fixture(scope="module")
def full():
    return named("full")


def test_the_real_size_is_the_one_that_is_said(full):
    assert (full.data.height_px, full.data.width_px) == (224, 224)
    assert full.encoder.name == "seresnext50"


def test_the_large_joint_network_gives_planes_and_gaze_in_one_pass(full):
    torch.manual_seed(0)
    network = GuidanceNetwork(full.encoder, 14).eval()
    with torch.no_grad():
        logits, gaze = network(torch.randn(1, 1, 224, 224))
    assert logits.shape == (1, 14)
    assert gaze.shape == (1, 56, 56)
    assert bool(torch.isfinite(logits).all()) and bool(torch.isfinite(gaze).all())
    encoder = sum(p.numel() for p in network.image.parameters())
    assert 25e6 < encoder < 27e6, "SE-ResNeXt-50 has 25.5 M weights"


def test_the_large_encoders_learn_from_a_batch_of_pairs(full):
    """One pass forward and back, with images a quarter as large: the weights are those of the real size."""
    torch.manual_seed(0)
    network = VideoSpeech(full.encoder)
    rng = np.random.default_rng(0)
    n, columns = 2, round(full.data.speech_s / 0.01)
    video, again = (torch.from_numpy(rng.normal(size=(n, 1, 64, 64)).astype(np.float32)) for _ in range(2))
    speech = torch.from_numpy(rng.normal(size=(n, 1, 64, columns)).astype(np.float32))
    apart = torch.ones(n, n) - torch.eye(n)
    terms = Objective(network, full)(
        Batch(video, speech, torch.ones(n), apart, again, apart, alone=True),
        Joint(n, one_process(ComputeConfig()), torch.Generator().manual_seed(0)),
    )
    terms["loss"].backward()
    assert bool(torch.isfinite(terms["loss"]))
    for side in (network.image, network.speech):
        first = next(iter(side.parameters()))
        assert first.grad is not None and float(first.grad.abs().sum()) > 0
