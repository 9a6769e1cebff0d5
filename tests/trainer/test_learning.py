"""Real learning on arrays: the loss falls, speech finds its clip, unrelated speech is found out, planes are named."""

from dataclasses import replace

import numpy as np
import pytest

from assistant.class_list import load_class_list
from assistant.errors import TrainingError
from trainer.config import TrainConfig
from trainer.data import assemble
from trainer.evaluate import evaluate
from trainer.finetune import finetune
from trainer.pretrain import pretrain
from trainer.recordings import Recording

SECONDS, EPISODE_S, FRAMES_HZ = 96, 6, 2
CLASSES = load_class_list()
PLANES = ("abdomen", "femur", "profile", "background")


def config(**changes):
    settings = {
        "threads": 1,
        "data": {
            "height_px": 32,
            "width_px": 32,
            "frames_hz": FRAMES_HZ,
            "clip_frames": 2,
            "clip_s": 1.0,
            "window_step_s": 1.5,
        },
        "encoder": {
            "widths": [16, 16, 24, 32],
            "speech_widths": [8, 16, 24, 32],
            "embedding": 16,
            "decoder_channels": 16,
        },
        "pretrain": {"epochs": 6, "recordings": 4, "windows": 6, "learning_rate": 6e-3},
        "finetune": {"epochs": 4, "frames_per_epoch": 512, "batch": 32, "learning_rate": 1e-2},
    }
    for section, values in changes.items():
        settings[section] = {**settings.get(section, {}), **values} if isinstance(values, dict) else values
    return TrainConfig.model_validate(settings)


def recording(seed, relevant_share, draw_bar):
    """Episodes of a plane each. Its speech is a band of the spectrogram that names the plane, or another's band."""
    rng = np.random.default_rng(seed)
    episodes = [p for _ in range(SECONDS // EPISODE_S // 4) for p in rng.permutation(PLANES)]
    n = SECONDS * FRAMES_HZ
    times_s = np.arange(n) / FRAMES_HZ
    of_frame = [str(episodes[int(t) // EPISODE_S]) for t in times_s]
    drawn = [draw_bar(plane, rng, size=(32, 32)) for plane in of_frame]
    mel = rng.normal(-16, 1, (64, SECONDS * 100)).astype(np.float32)
    utterances = []
    for number, plane in enumerate(episodes):
        relevant = rng.random() < relevant_share
        said = PLANES.index(plane) if relevant else int(rng.integers(len(PLANES)))
        start_s, end_s = number * EPISODE_S, (number + 1) * EPISODE_S
        mel[said * 16 : said * 16 + 16, start_s * 100 : end_s * 100] += 9
        utterances.append((start_s, end_s, float(relevant)))
    return Recording(
        session_id=f"s{seed}",
        subject=f"p{seed}",
        origin="phantom",
        crop=(0.0, 0.0, 1.0, 1.0),
        frames=np.stack([image for image, _, _ in drawn]),
        times_s=times_s,
        labels=np.array([CLASSES.classes.index(plane) for plane in of_frame]),
        gaze_s=times_s,
        gaze_xy=np.clip([[(x + 0.5) / 32, (y + 0.5) / 32] for _, x, y in drawn], 0, 0.99),
        log_mel=mel,
        log_mel_s=0.0125,
        speech_s=np.arange(SECONDS * 31) * 0.032,
        speech=np.ones(SECONDS * 31, np.float32),
        utterances=np.array(utterances),
    )


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


ROWS = {
    "order and transform": {
        "contrastive": "none",
        "correspondence_weight": 0,
        "order_weight": 1,
        "transform_weight": 1,
    },
    "SimCLR": {"contrastive": "none", "correspondence_weight": 0, "video_contrast_weight": 1},
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
        config(pretrain={"contrastive": "none", "correspondence_weight": 0})
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
