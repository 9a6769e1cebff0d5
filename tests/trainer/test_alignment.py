"""Retrieval and the offset of the sound: on embeddings whose truth is known, and by encoders that learned it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from assistant.errors import TrainingError
from tests.trainer.drawn import CLASSES, config, recording
from trainer.alignment import align, as_json, delayed, offset_errors, peak, similarity_by_shift
from trainer.data import assemble
from trainer.embedding import load_encoders
from trainer.plots import plot_offsets
from trainer.pretrain import pretrain
from trainer.retrieval import retrieve


def unit(z):
    return (z / np.linalg.norm(z, axis=1, keepdims=True)).astype(np.float32)


# ------------------------------------------------------------------------------------------------ retrieval


def test_retrieval_against_sorting():
    rng = np.random.default_rng(0)
    z_v = unit(rng.normal(size=(40, 8)))
    z_s = unit(z_v + 0.6 * rng.normal(size=(40, 8)))
    found = retrieve(z_v, z_s)
    for k in (1, 5, 10):
        forth = np.mean([i in np.argsort(-(z_s @ z_v[i]))[:k] for i in range(40)])
        back = np.mean([i in np.argsort(-(z_v @ z_s[i]))[:k] for i in range(40)])
        assert found.video_to_speech[f"R@{k}"] == pytest.approx(forth)
        assert found.speech_to_video[f"R@{k}"] == pytest.approx(back)
        assert found.chance[f"R@{k}"] == k / 40
        assert found.figures[f"R@{k}"] == pytest.approx((forth + back) / 2)
    assert found.video_to_speech != found.speech_to_video


def test_encoders_that_say_the_same_of_everything_reach_chance():
    collapsed = np.full((25, 4), 0.5, np.float32)
    found = retrieve(collapsed, collapsed)
    assert found.video_to_speech == pytest.approx(found.chance)
    assert found.speech_to_video == pytest.approx(found.chance)
    assert retrieve(unit(np.eye(25)), unit(np.eye(25))).video_to_speech["R@1"] == 1.0


# ------------------------------------------------------------------------------------------------ offsets


def smooth_walk(rng, n, width):
    """``(n, 16)`` vectors that change slowly, as what a scan shows does."""
    weights = np.exp(-0.5 * (np.arange(-40, 41) / width) ** 2)
    noise = rng.normal(size=(n + 80, 16))
    return np.stack([np.convolve(noise[:, d], weights, mode="valid") for d in range(16)], axis=1)


@pytest.mark.parametrize("late", [-7, 0, 3, 12])
def test_the_similarity_is_highest_at_the_true_shift(late):
    """Speech at step t + late says what is seen at t; half of its windows are missing, and it has a bias of its own."""
    rng = np.random.default_rng(1)
    shown = smooth_walk(rng, 200, 4)
    speech_at = np.sort(rng.choice(np.arange(20, 180), 80, replace=False))
    said = shown[speech_at - late] + rng.normal(size=(80, 16))
    shifts = np.arange(-20, 21)
    found = similarity_by_shift(unit(shown + 9), np.arange(200), unit(said - 7), speech_at, shifts)
    assert shifts[np.argmax(found)] == late
    # The formula once more, by NumPy's own correlation of all numbers in a row after taking the means away.
    there = (speech_at - 2 >= 0) & (speech_at - 2 < 200)
    v, s = unit(shown + 9)[speech_at[there] - 2], unit(said - 7)[there]
    expected = np.corrcoef((v - v.mean(axis=0)).ravel(), (s - s.mean(axis=0)).ravel())[0, 1]
    assert found[22] == pytest.approx(expected, abs=1e-5)


def test_too_few_windows_that_overlap_are_no_answer():
    z = unit(np.random.default_rng(0).normal(size=(30, 4)))
    found = similarity_by_shift(z, np.arange(30), z, np.arange(30), np.array([-11, -10, 0, 10, 11]))
    np.testing.assert_array_equal(np.isnan(found), [True, False, False, False, True])
    assert found[2] == pytest.approx(1.0)


def test_the_peak_lies_between_steps():
    shifts_s = np.arange(-8, 9) * 0.25
    for truth_s in (-1.31, 0.0, 0.6):
        assert peak(shifts_s, 0.4 - 0.1 * (shifts_s - truth_s) ** 2) == pytest.approx(truth_s)
        bell = np.exp(-0.5 * ((shifts_s - truth_s) / 0.8) ** 2)
        assert peak(shifts_s, bell) == pytest.approx(truth_s, abs=0.02)
    assert peak(shifts_s, shifts_s) == 2.0, "at the edge there is no parabola"
    gaps = np.where(shifts_s == 0.25, np.nan, -np.abs(shifts_s))
    assert peak(shifts_s, gaps) == 0.0


@pytest.fixture(scope="module")
def dataset(draw_bar):
    return assemble([recording(seed, 1.0, draw_bar) for seed in range(6)], config(data={"test": 0.34}), CLASSES)


@pytest.fixture(scope="module")
def network(dataset, tmp_path_factory):
    longer = config(pretrain={"epochs": 20})
    pretrained = pretrain(dataset, longer, tmp_path_factory.mktemp("pretrain"), lambda figures: None)
    return load_encoders(pretrained.weights, config())


@pytest.mark.parametrize("shift_s", [0.0, 1.37, -3.1, 8.0])
def test_trained_encoders_find_a_known_shift_on_new_subjects(network, dataset, shift_s):
    found = align(network, dataset, config(), reach_s=10.0, shift_s=shift_s)
    assert len(found.offsets) == len(dataset.split.test) == 2
    assert found.errors["median_absolute_error_s"] <= 0.5
    assert found.errors["share_within_0.5_s"] == 1.0
    assert found.errors["all_together_s"] <= 0.5 and found.interval_s[0] <= found.offset_s <= found.interval_s[1]
    assert all(offset.lead > 0.05 and not offset.at_the_edge for offset in found.offsets)


def test_what_was_never_trained_finds_nothing(dataset, tmp_path):
    """The metric can say no: encoders at random, over a few shifts."""
    from trainer.encoders import VideoSpeech
    from trainer.run_folder import save_weights

    save_weights(tmp_path / "weights.safetensors", VideoSpeech(config().encoder).state_dict())
    random = load_encoders(tmp_path / "weights.safetensors", config())
    errors_s = [
        align(random, dataset, config(), reach_s=10.0, shift_s=s).errors["median_absolute_error_s"] for s in (-4.0, 5.0)
    ]
    assert max(errors_s) > 1.0


def test_alignment_as_json_and_plot(network, dataset, tmp_path):
    found = align(network, dataset, config(), reach_s=6.0, shift_s=None)
    assert found.errors is None
    told = as_json(found)
    json.dumps(told, allow_nan=False)
    assert set(told["retrieval"]) == {"windows", "video_to_speech", "speech_to_video", "chance"}
    for side in ("video_to_speech", "speech_to_video"):
        assert told["retrieval"][side]["R@10"] > 1.5 * told["retrieval"]["chance"]["R@10"]
    assert len(told["offsets"][0]["similarity"]) == len(told["offsets"][0]["shifts_s"]) == 49
    assert "similarity" not in as_json(found, curves=False)["offsets"][0]
    plot_offsets(tmp_path / "offsets.png", [(o.shifts_s, o.similarity, o.offset_s) for o in found.offsets], None)
    assert (tmp_path / "offsets.png").read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["offsets.png"]


def test_delayed_moves_all_that_is_heard_and_nothing_seen(draw_bar):
    was = recording(0, 1.0, draw_bar)
    late = delayed(was, 2.0)
    assert late.log_mel_s == was.log_mel_s + 2
    np.testing.assert_array_equal(late.speech_s, was.speech_s + 2)
    np.testing.assert_array_equal(late.utterances[:, :2], was.utterances[:, :2] + 2)
    np.testing.assert_array_equal(late.utterances[:, 2], was.utterances[:, 2])
    assert late.times_s is was.times_s


def test_silence_is_left_out_and_silence_alone_is_one_line(network, dataset):
    silent = [
        replace(r, speech=np.zeros_like(r.speech)) if r.subject in dataset.split.test else r for r in dataset.recordings
    ]
    with pytest.raises(TrainingError, match="enough speech"):
        align(network, replace(dataset, recordings=tuple(silent)), config(), reach_s=5.0, shift_s=None)
    first = next(i for i, r in enumerate(silent) if r.subject in dataset.split.test)
    silent[first] = dataset.recordings[first]
    found = align(network, replace(dataset, recordings=tuple(silent)), config(), reach_s=5.0, shift_s=None)
    assert len(found.offsets) == len(found.left_out) == 1


def test_errors_of_offsets(network, dataset):
    found = align(network, dataset, config(), reach_s=5.0, shift_s=None).offsets[0]
    offsets = [replace(found, offset_s=value) for value in (1.0, 1.4, -3.0, 1.6)]
    hill = np.exp(-0.5 * ((found.shifts_s - 1) / 2) ** 2)
    bumps = [np.where(found.shifts_s == at_s, 0.5, 0.0) for at_s in (-4.0, -2.0, 2.5, 4.0)]
    noisy = [replace(offset, similarity=hill + bump) for offset, bump in zip(offsets, bumps, strict=True)]
    assert offset_errors(noisy, 1.0) == {
        "truth_s": 1.0,
        "recordings": 4,
        "median_absolute_error_s": pytest.approx(0.5),
        "share_within_0.5_s": 0.5,
        "all_together_s": pytest.approx(0.0, abs=0.02),
        "share_of_groups_within_0.5_s": {"1": pytest.approx(0.75, abs=0.1)},
    }


def test_weights_of_another_network_are_one_line(network, tmp_path):
    from trainer.run_folder import save_weights

    save_weights(tmp_path / "weights.safetensors", network.state_dict())
    with pytest.raises(TrainingError, match="another network"):
        load_encoders(tmp_path / "weights.safetensors", config(encoder={"embedding": 8}))
