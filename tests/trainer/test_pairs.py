"""Pairs by time: their relation, and batches in which every clip meets hard negatives."""

import numpy as np
import pytest

from trainer.pairs import HARD_NEGATIVE_S, Relation, Windows, batches, relations


@pytest.mark.parametrize(
    ("apart_s", "expected"),
    [
        (0.0, Relation.POSITIVE),
        (0.3, Relation.HARD_POSITIVE),
        (-0.5, Relation.HARD_POSITIVE),
        (0.6, Relation.IGNORED),
        (-4.9, Relation.IGNORED),
        (5.0, Relation.HARD_NEGATIVE),
        (-60.0, Relation.HARD_NEGATIVE),
    ],
)
def test_relation_within_a_recording(apart_s, expected):
    found = relations(np.array([3]), np.array([100.0]), np.array([100.0 + apart_s]))
    assert found[0, 0] == expected


def test_another_recording_is_an_easy_negative_at_any_time():
    found = relations(np.array([0, 1]), np.array([10.0, 10.0]), np.array([10.0, 10.4]))
    assert found.tolist() == [
        [Relation.POSITIVE, Relation.EASY_NEGATIVE],
        [Relation.EASY_NEGATIVE, Relation.HARD_POSITIVE],
    ]


@pytest.fixture
def windows():
    """Six recordings of 60 to 110 seconds with a window every half second."""
    lengths = [60, 70, 80, 90, 100, 110]
    return Windows(
        np.concatenate([np.full(2 * n, r) for r, n in enumerate(lengths)]),
        np.concatenate([np.arange(2 * n) * 0.5 for n in lengths]),
    )


def test_batches_hold_m_recordings_times_k_windows_far_apart(windows):
    rng = np.random.default_rng(0)
    for pairs in batches(windows, 4, 5, rng):
        assert len(pairs) == 20
        assert len(set(pairs.tolist())) == 20
        recordings, counts = np.unique(windows.recording[pairs], return_counts=True)
        assert len(recordings) == 4
        assert (counts == 5).all()
        relation = relations(windows.recording[pairs], windows.centre_s[pairs], windows.centre_s[pairs])
        assert (np.diag(relation) == Relation.POSITIVE).all()
        assert ((relation == Relation.HARD_NEGATIVE).sum(axis=1) == 4).all()
        assert ((relation == Relation.EASY_NEGATIVE).sum(axis=1) == 15).all()


def test_an_epoch_meets_about_every_pair_once(windows):
    rng = np.random.default_rng(1)
    met = np.concatenate([pairs for _ in range(20) for pairs in batches(windows, 4, 5, rng)])
    times = np.bincount(met, minlength=len(windows))
    assert len(met) == pytest.approx(20 * len(windows), rel=0.05)
    assert (times > 0).all()


def test_short_recordings_still_fill_a_batch():
    windows = Windows(np.zeros(6, np.int64), np.arange(6) * 0.5)
    (pairs,) = batches(windows, 8, 6, np.random.default_rng(0))
    assert sorted(pairs.tolist()) == list(range(6))
    assert HARD_NEGATIVE_S > 2.5


def test_same_seed_same_batches(windows):
    first, second = ([p.tolist() for p in batches(windows, 3, 4, np.random.default_rng(7))] for _ in range(2))
    assert first == second
