"""Each loss against a naive NumPy version written from its formula."""

import numpy as np
import pytest
import torch

from trainer.losses import admissible_nll, correspondence_bce, gaze_kl, info_nce, mil_nce, nt_xent


def unit_vectors(seed, n=7, d=5):
    z = np.random.default_rng(seed).normal(size=(n, d))
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def naive_info_nce(z_v, z_s, scale, w, d, margin):
    n = len(z_v)
    total = 0.0
    for i in range(n):
        positive = np.exp(scale * (z_v[i] @ z_s[i] - margin))
        video = positive + sum(d[i, j] * np.exp(scale * (z_v[i] @ z_s[j])) for j in range(n) if j != i)
        speech = positive + sum(d[j, i] * np.exp(scale * (z_v[j] @ z_s[i])) for j in range(n) if j != i)
        total += w[i] * (-np.log(positive / video) - np.log(positive / speech)) / 2
    return total / w.sum()


@pytest.mark.parametrize("margin", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_info_nce(seed, margin):
    rng = np.random.default_rng(seed)
    z_v, z_s = unit_vectors(seed), unit_vectors(seed + 10)
    w = rng.random(7) * (rng.random(7) < 0.7) + 1e-3
    d = rng.random((7, 7)) * (rng.random((7, 7)) < 0.6)
    loss = info_nce(
        torch.tensor(z_v),
        torch.tensor(z_s),
        torch.tensor(np.log(9.0)),
        weights=torch.tensor(w),
        negatives=torch.tensor(d),
        margin=margin,
    )
    assert float(loss) == pytest.approx(naive_info_nce(z_v, z_s, 9.0, w, d, margin), rel=1e-6)


def test_info_nce_plain_is_the_weighted_one_with_ones():
    z_v, z_s = torch.tensor(unit_vectors(0)), torch.tensor(unit_vectors(1))
    scale = torch.tensor(1.0, dtype=torch.float64)
    plain = info_nce(z_v, z_s, scale)
    ones = info_nce(z_v, z_s, scale, weights=torch.ones(7), negatives=torch.ones(7, 7))
    torch.testing.assert_close(plain, ones)


def test_info_nce_gradients_are_finite_when_nothing_is_admitted():
    """No positive admitted, and no negative left in some rows: 0 * inf must not appear."""
    z_v = torch.tensor(unit_vectors(0), requires_grad=True)
    z_s = torch.tensor(unit_vectors(1), requires_grad=True)
    loss = info_nce(z_v, z_s, torch.tensor(2.0), weights=torch.zeros(7), negatives=torch.zeros(7, 7))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.isfinite(z_v.grad).all()
    assert torch.isfinite(z_s.grad).all()


def test_a_pair_of_weight_zero_has_no_say_as_positive():
    z_v, z_s = unit_vectors(0), unit_vectors(1)
    weights = torch.ones(7, dtype=torch.float64)
    weights[3] = 0.0
    others = torch.ones(7, 7, dtype=torch.float64)
    others[3, :] = others[:, 3] = 0.0  # nor as a negative
    keep = [i for i in range(7) if i != 3]
    scale = torch.tensor(1.5, dtype=torch.float64)
    with_it = info_nce(torch.tensor(z_v), torch.tensor(z_s), scale, weights=weights, negatives=others)
    without = info_nce(torch.tensor(z_v[keep]), torch.tensor(z_s[keep]), scale)
    torch.testing.assert_close(with_it, without)


@pytest.mark.parametrize("seed", range(3))
def test_mil_nce(seed):
    rng = np.random.default_rng(seed)
    n, k, scale = 6, 3, 7.0
    z_v, z_s = unit_vectors(seed, n), unit_vectors(seed + 10, n * k).reshape(n, k, -1)
    d = rng.random((n, n)) * (rng.random((n, n)) < 0.7)
    total = 0.0
    for i in range(n):
        positive = sum(np.exp(scale * z_v[i] @ z_s[i, a]) for a in range(k))
        others = [j for j in range(n) if j != i]
        bags = sum(d[i, j] * np.exp(scale * z_v[i] @ z_s[j, a]) for j in others for a in range(k))
        clips = sum(d[j, i] * np.exp(scale * z_v[j] @ z_s[i, a]) for j in others for a in range(k))
        total += -np.log(positive / (positive + bags + clips)) / n
    loss = mil_nce(torch.tensor(z_v), torch.tensor(z_s), torch.tensor(np.log(scale)), negatives=torch.tensor(d))
    assert float(loss) == pytest.approx(total, rel=1e-6)


def test_mil_nce_needs_only_one_of_the_bag_to_fit():
    """Speech that lags: the right words stand at another place of each bag, and the loss does not mind."""
    z = torch.eye(5, dtype=torch.float64)
    strange = torch.nn.functional.normalize(torch.ones(5, 5, dtype=torch.float64), dim=1)
    bags = torch.stack([strange, strange, strange], dim=1)
    for i in range(5):
        bags[i, i % 3] = z[i]
    scale = torch.tensor(np.log(20.0))
    assert float(mil_nce(z, bags, scale)) < 0.01 < float(mil_nce(z, bags.roll(1, dims=0), scale))


@pytest.mark.parametrize("some_count", [False, True])
def test_nt_xent(some_count):
    z_a, z_b, scale = unit_vectors(0), unit_vectors(1), 5.0
    z = np.concatenate([z_a, z_b])
    n, half, total = len(z), len(z_a), 0.0
    d = np.random.default_rng(2).random((half, half)) if some_count else np.ones((half, half))
    d[0, 3] *= not some_count  # one that does not count at all
    for i in range(n):
        partner = (i + half) % n
        positive = np.exp(scale * z[i] @ z[partner])
        others = sum(d[i % half, j % half] * np.exp(scale * z[i] @ z[j]) for j in range(n) if j not in (i, partner))
        total += -np.log(positive / (positive + others)) / n
    negatives = torch.tensor(d) if some_count else None
    loss = nt_xent(torch.tensor(z_a), torch.tensor(z_b), torch.tensor(np.log(scale)), negatives=negatives)
    assert float(loss) == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_admissible_nll(seed):
    rng = np.random.default_rng(seed)
    logits, admissible = rng.normal(size=(8, 5)) * 4, rng.random((8, 5)) < 0.4
    admissible[0], admissible[1] = False, True  # nothing is known; anything may be
    losses = []
    for z, inside in zip(logits, admissible, strict=True):
        p = np.exp(z) / np.exp(z).sum()
        if inside.any():
            losses.append(-np.log(sum(p[k] for k in range(5) if inside[k])))
    loss = admissible_nll(torch.tensor(logits), torch.tensor(admissible))
    assert float(loss) == pytest.approx(np.mean(losses), rel=1e-9)


def test_admissible_nll_of_one_class_each_is_cross_entropy():
    logits, labels = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 3, 1, 1, 2, 0])
    loss = admissible_nll(logits, torch.nn.functional.one_hot(labels, 4).bool())
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(logits, labels))


def test_admissible_nll_without_any_label_has_no_gradient():
    logits = torch.randn(3, 4, requires_grad=True)
    admissible_nll(logits, torch.zeros(3, 4, dtype=torch.bool)).backward()
    assert not logits.grad.any()


def test_correspondence_bce():
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=9) * 3, rng.integers(0, 2, 9), rng.random(9)
    p = 1 / (1 + np.exp(-x))
    naive = np.sum(w * -(y * np.log(p) + (1 - y) * np.log(1 - p))) / w.sum()
    assert float(correspondence_bce(*map(torch.tensor, (x, y, w)))) == pytest.approx(naive, rel=1e-9)


def test_gaze_kl():
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(size=(4, 6, 5)), rng.random((4, 6, 5))
    truth[:, 0] = 0.0  # 0 log 0 = 0
    truth /= truth.sum(axis=(1, 2), keepdims=True)
    naive = 0.0
    for t, x in zip(truth, logits, strict=True):
        p = np.exp(x) / np.exp(x).sum()
        naive += sum(ti * np.log(ti / pi) for ti, pi in zip(t.ravel(), p.ravel(), strict=True) if ti > 0) / 4
    assert float(gaze_kl(torch.tensor(logits), torch.tensor(truth))) == pytest.approx(naive, rel=1e-9)
    assert float(gaze_kl(torch.log(torch.tensor(truth) + 1e-15), torch.tensor(truth))) == pytest.approx(0.0, abs=1e-12)
