"""Real learning on arrays: the loss falls, speech finds its clip, unrelated speech is found out, planes are named."""

from dataclasses import replace

import numpy as np
import pytest

from assistant.errors import TrainingError
from tests.trainer.drawn import CLASSES, config, recording
from trainer.data import assemble
from trainer.evaluate import evaluate
from trainer.finetune import finetune
from trainer.pretrain import pretrain


@pytest.fixture(scope="module")
def dataset(draw_bar):
    return assemble([recording(seed, 1.0, draw_bar) for seed in range(6)], config(), CLASSES)


@pytest.fixture(scope="module")
def pretrained(dataset, tmp_path_factory):
    return pretrain(dataset, config(), tmp_path_factory.mktemp("pretrain"), lambda figures: None)


def test_pretraining_learns_which_speech_belongs_to_which_image(pretrained):
    first, last = pretrained.history[0], pretrained.history[-1]
    assert last["loss"] < 0.9 * first["loss"]
    # Four things to see and to say, each met many times: the best possible R@10 is about four times chance.
    assert last["R@10"] > 2 * last["R@10 by chance"]
    assert last["admitted"] < 1.0
    assert pretrained.weights.is_file()


def test_same_seed_gives_the_same_weights_bit_for_bit(dataset, tmp_path):
    short = config(pretrain={"epochs": 1})
    first, second = (pretrain(dataset, short, tmp_path / str(i), lambda figures: None) for i in range(2))
    assert first.weights.read_bytes() == second.weights.read_bytes()
    assert first.history == second.history


def test_affinity_finds_out_unrelated_speech(draw_bar, tmp_path):
    """Half of what is said is about something else; the truth about it is never shown to training."""
    mixed = assemble([recording(seed, 0.5, draw_bar) for seed in range(7)], config(), CLASSES)
    found = pretrain(mixed, config(pretrain={"rho_1": 0.6}), tmp_path, lambda figures: None)
    assert found.history[-1]["relevance_auc"] > 0.7


SILENT = {"contrastive": "none", "correspondence_weight": 0, "speech_contrast_weight": 0}
ROWS = {
    "order and transform": {**SILENT, "video_contrast_weight": 0, "order_weight": 1, "transform_weight": 1},
    "SimCLR": {**SILENT, "video_contrast_weight": 1},
    "correspondence": {"contrastive": "none", "correspondence_weight": 1},
    "MIL-NCE": {"contrastive": "mil_nce", "correspondence_weight": 0, "pacing": "none"},
    "oracle": {"pacing": "oracle"},
}


@pytest.mark.parametrize("row", ROWS)
def test_each_way_to_pretrain_learns(row, draw_bar, tmp_path):
    mixed = assemble([recording(seed, 0.5, draw_bar) for seed in range(4)], config(), CLASSES)
    changed = config(data={"clip_frames": 3}, pretrain={**ROWS[row], "epochs": 3})
    first, *_, last = pretrain(mixed, changed, tmp_path, lambda figures: None).history
    assert last["loss"] < 0.985 * first["loss"]
    assert ("R@10" in last) == changed.pretrain.learns_speech
    if row == "oracle":
        assert last["admitted"] == pytest.approx(0.5, abs=0.15)


def test_the_oracle_needs_to_know(draw_bar, tmp_path):
    unknown = [replace(recording(seed, 1.0, draw_bar), utterances=np.zeros((0, 3))) for seed in range(3)]
    with pytest.raises(TrainingError, match="needs sessions of the software scanner"):
        pretrain(assemble(unknown, config(), CLASSES), config(pretrain=ROWS["oracle"]), tmp_path, lambda figures: None)


def test_a_config_that_leaves_nothing_to_learn_is_refused():
    with pytest.raises(ValueError, match="nothing is left to learn"):
        config(pretrain={**SILENT, "video_contrast_weight": 0})
    with pytest.raises(ValueError, match="clip_frames of at least 3"):
        config(pretrain={"order_weight": 1})


def test_finetuning_names_planes_and_finds_where_to_look(dataset, pretrained, tmp_path):
    tuned = finetune(dataset, config(), pretrained.weights, tmp_path, lambda figures: None)
    assert tuned.history[-1]["loss"] < 0.5 * tuned.history[0]["loss"]
    found = evaluate(dataset, config(), tuned.weights, tmp_path / "evaluation.json")
    assert found.planes["macro_f1"] > 0.8
    assert found.gaze["nss"] > found.centre_bias["nss"]
    assert 0.5 <= found.abstain_below <= 0.95
    assert found.calibration["nll"] <= found.calibration["nll_before"] + 0.02
    assert found.stated["gaze_time_window_s"] == 0.5


def test_a_loss_that_is_not_finite_is_one_line_and_the_last_good_state_stays(dataset, tmp_path):
    wild = config(finetune={"learning_rate": 1e30, "epochs": 2})
    with pytest.raises(TrainingError, match="not finite"):
        finetune(dataset, wild, None, tmp_path, lambda figures: None)


def test_the_state_before_a_broken_epoch_is_kept(dataset, tmp_path):
    """An epoch trains well; then the images turn to NaN."""
    states = []

    def break_it(figures):
        states.append((tmp_path / "weights.safetensors").read_bytes())
        object.__setattr__(dataset.preprocessing, "std", float("nan"))

    std = dataset.preprocessing.std
    try:
        with pytest.raises(TrainingError, match="not finite in epoch 1"):
            pretrain(dataset, config(pretrain={"epochs": 3}), tmp_path, break_it)
    finally:
        object.__setattr__(dataset.preprocessing, "std", std)
    assert (tmp_path / "weights.safetensors").read_bytes() == states[-1]
    assert len(states) == 1
