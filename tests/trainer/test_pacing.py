"""Properties of the pacing: who is admitted, in which order, and who stops being a negative."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainer.pacing import AffinityMemory, admitted_share, negative_weights, self_paced_weights

# Multiples of 1/64: a difference that vanishes in 1 - a would be a tie.
sixty_fourths = arrays(np.float32, st.integers(5, 60), elements=st.integers(-60, 60), unique=True)
affinities = sixty_fourths.map(lambda a: a / np.float32(64))
kinds = st.sampled_from(["hard", "linear", "mixture"])


@given(affinities, kinds, st.floats(0.2, 0.9))
def test_high_affinity_is_admitted_first(a, kind, share):
    weights = self_paced_weights(a, share, kind)
    assert ((weights >= 0) & (weights <= 1)).all()
    assert (np.diff(weights[np.argsort(a)]) >= -1e-6).all()
    assert weights[a.argmax()] > 0
    assert np.count_nonzero(weights) <= np.ceil(share * len(a)) + 1


@given(affinities, kinds, st.floats(0.2, 0.5), st.floats(0.5, 0.9))
def test_a_greater_share_never_takes_weight_away(a, kind, less, more):
    assert (self_paced_weights(a, more, kind) >= self_paced_weights(a, less, kind) - 1e-5).all()


def test_hard_admits_the_share():
    a = np.random.default_rng(0).uniform(-1, 1, 1000).astype(np.float32)
    assert self_paced_weights(a, 0.3, "hard").sum() == pytest.approx(300, abs=1)


def test_formulas_on_known_numbers():
    """Difficulties 0.1 to 1.0 at share 0.6: the threshold u is their 0.6 quantile, u' their 0.3 quantile."""
    a = (1 - np.arange(1, 11) / 10).astype(np.float32)
    u, lower = 0.64, 0.37
    linear = [max(0, 1 - d / u) for d in np.arange(1, 11) / 10]
    mixture = [1 if d <= lower else max(0, (1 / d - 1 / u) / (1 / lower - 1 / u)) for d in np.arange(1, 11) / 10]
    np.testing.assert_allclose(self_paced_weights(a, 0.6, "linear"), linear, atol=1e-5)
    np.testing.assert_allclose(self_paced_weights(a, 0.6, "mixture"), mixture, atol=1e-5)


@pytest.mark.parametrize("kind", ["hard", "linear", "mixture"])
def test_pairs_not_met_yet_count_fully(kind):
    a = np.array([0.9, np.nan, 0.1, np.nan, 0.5], np.float32)
    assert (self_paced_weights(a, 0.4, kind)[[1, 3]] == 1).all()
    assert (self_paced_weights(np.full(4, np.nan, np.float32), 0.4, kind) == 1).all()


def test_schedule_grows_after_the_warm_up():
    shares = [admitted_share(e, 10, 0.3, 0.4, 0.8) for e in range(10)]
    assert shares[:3] == [1.0, 1.0, 1.0]
    assert shares[3] == pytest.approx(0.4)
    assert shares[-1] == pytest.approx(0.8)
    assert (np.diff(shares[3:]) > 0).all()


def test_memory_keeps_affinity_over_epochs():
    memory = AffinityMemory(4, momentum=0.5)
    memory.update(np.array([0, 2]), np.array([0.8, 0.2], np.float32))
    memory.update(np.array([2]), np.array([0.6], np.float32))
    np.testing.assert_allclose(memory.affinity, [0.8, np.nan, 0.4, np.nan])


def test_false_negatives_are_discounted():
    """Clips 0 and 1 show the same plane; 2 is another: the pairs (0, 1) and (1, 0) fit as well as true ones."""
    affinity = np.array([[0.8, 0.8, 0.0], [0.9, 0.7, -0.1], [0.1, 0.0, 0.9]], np.float32)
    negative = ~np.eye(3, dtype=bool)
    weights = negative_weights(affinity, negative, judge=True)
    assert weights[0, 1] == weights[1, 0] == 0.0
    assert weights[0, 2] == weights[1, 2] == weights[2, 1] == weights[2, 0] == 1.0
    assert (np.diag(weights) == 0).all()
    np.testing.assert_array_equal(negative_weights(affinity, negative, judge=False), negative)


def test_encoders_that_know_nothing_discount_nothing():
    affinity = np.full((4, 4), 0.3, np.float32)
    negative = ~np.eye(4, dtype=bool)
    np.testing.assert_array_equal(negative_weights(affinity, negative, judge=True), negative)
