"""Batches that a thread makes ahead are those of a plain loop, bit for bit; and the thread ends with the block."""

import threading
import time

import numpy as np
import pytest
import torch

from assistant.errors import TrainingError
from tests.trainer.drawn import CLASSES, config, recording
from trainer.batches import frame_batches, pair_batches
from trainer.batches_ahead import DEPTH, batches_ahead
from trainer.data import assemble, speech_windows
from trainer.encoders import network_input
from trainer.labelled import labelled_of
from trainer.pairs import batches


def makers():
    return [thread for thread in threading.enumerate() if thread.name == "batches-ahead"]


@pytest.fixture(scope="module")
def drawn(draw_bar):
    """``drawn(chance)``: an epoch of pairs, then one of frames, from one generator."""
    settings = config(finetune={"frames_per_epoch": 128})
    dataset = assemble([recording(seed, 1.0, draw_bar) for seed in range(3)], settings, CLASSES)
    recordings = dataset.recordings
    windows = speech_windows(recordings, settings.data)
    frames = labelled_of(dataset.split.train, dataset, settings)

    def epochs(chance):
        yield from pair_batches(recordings, windows, dataset, settings, chance)
        yield from frame_batches(frames, np.arange(len(frames.labels)), dataset, settings, chance)

    epochs.dataset, epochs.settings, epochs.windows = dataset, settings, windows
    return epochs


def tensors(batch):
    found = [getattr(batch, name) for name in batch.__slots__]
    return [value.numpy() if isinstance(value, torch.Tensor) else value for value in found]


def test_the_same_batches_in_the_same_order_and_chance_ends_the_same(drawn):
    plain_chance, chance = np.random.default_rng(3), np.random.default_rng(3)
    plain = list(drawn(plain_chance))
    with batches_ahead(drawn(chance)) as made:
        ahead = list(made)
    assert len(plain) == len(ahead) > 5
    for one, other in zip(plain, ahead, strict=True):
        for mine, theirs in zip(tensors(one), tensors(other), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert plain_chance.bit_generator.state == chance.bit_generator.state
    assert makers() == []


def test_a_batch_of_pairs_holds_the_clips_and_speech_of_its_windows(drawn):
    dataset, settings, windows = drawn.dataset, drawn.settings, drawn.windows
    first = next(iter(drawn(np.random.default_rng(5))))
    expected = next(batches(windows, settings.pretrain.recordings, settings.pretrain.windows, np.random.default_rng(5)))
    np.testing.assert_array_equal(first.pairs, expected)
    for i, pair in enumerate(first.pairs):
        one = dataset.recordings[windows.recording[pair]]
        around = [np.abs(one.times_s - (windows.centre_s[pair] + offset)).argmin() for offset in (-0.25, 0.25)]
        clip = network_input(one.frames[around], dataset.preprocessing).numpy()
        distance = np.abs(clip - first.video[i].numpy()).max()
        assert distance == 0 or windows.centre_s[pair] % 0.5  # two frames may be as near
    assert first.speech.shape[:3] == (len(first.pairs), 1, 64)
    assert (np.diag(first.relation) <= 2).all() and (np.diag(first.relation) >= 1).all()


def test_what_making_a_batch_raises_is_raised_where_it_is_asked_for():
    def broken():
        yield 1
        raise TrainingError("the store does not answer")

    got = []
    with pytest.raises(TrainingError, match="does not answer"), batches_ahead(broken()) as made:
        got.extend(made)
    assert makers() == []


def test_a_loop_that_breaks_off_ends_the_thread_which_made_no_more_than_it_may():
    made_so_far = []

    def endless():
        number = 0
        while True:
            made_so_far.append(number)
            yield number
            number += 1

    def breaks_off():
        with batches_ahead(endless()) as made:
            assert next(made) == 0
            deadline = time.monotonic() + 10
            while len(made_so_far) < DEPTH + 2 and time.monotonic() < deadline:
                time.sleep(0.001)
            raise TrainingError("the loss is not finite")

    with pytest.raises(TrainingError, match="not finite"):
        breaks_off()
    assert makers() == []
    assert len(made_so_far) == DEPTH + 2, "one given, so many waiting, one in hand"
