"""Metrics against independent implementations: scikit-learn, and loops written from the definitions."""

import csv
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from assistant import metrics


@pytest.fixture(scope="module")
def real_fixations(data_dir):
    """Fixations of the first 20 real images, (n, 2) in a 64x64 map, by image."""
    path = data_dir / "human_fixations_scene500" / "fixations.csv"
    if not path.exists():
        pytest.skip(f"real fixations are not there: {path}")
    by_image = defaultdict(list)
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            x, y = float(row["x_px"]) / 4, float(row["y_px"]) / 4
            if 0 <= x < 63.5 and 0 <= y < 63.5:
                by_image[row["image"]].append((x, y))
    return [np.array(by_image[name]) for name in sorted(by_image)[:20]]


def a_map(seed, shape=(12, 17)):
    return np.random.default_rng(seed).random(shape) ** 3


def some_points(seed, n=25, shape=(12, 17)):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.integers(0, shape[1], n), rng.integers(0, shape[0], n)]).astype(float)


# ------------------------------------------------------------------------------------------------ planes


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_plane_scores_agree_with_scikit_learn(pairs):
    truth, predicted = np.array(pairs).T
    confusion = metrics.confusion_matrix(truth, predicted, 5)
    scores = metrics.plane_scores(confusion, background=4)
    present = np.union1d(truth, predicted)
    np.testing.assert_array_equal(confusion, sklearn_confusion(truth, predicted, labels=range(5)))
    p, r, f, _ = precision_recall_fscore_support(truth, predicted, labels=present, zero_division=0)
    np.testing.assert_allclose(scores.precision[present], p)
    np.testing.assert_allclose(scores.recall[present], r)
    np.testing.assert_allclose(scores.f1[present], f)
    np.testing.assert_allclose(
        [scores.macro_precision, scores.macro_recall, scores.macro_f1], [p.mean(), r.mean(), f.mean()]
    )
    planes = f[present != 4]
    np.testing.assert_allclose(scores.macro_f1_planes, planes.mean() if len(planes) else np.nan)
    assert scores.accuracy == pytest.approx(np.mean(truth == predicted))


def test_absent_class_is_left_out_of_the_means():
    scores = metrics.plane_scores(metrics.confusion_matrix([0, 1], [0, 1], 3), background=None)
    assert np.isnan(scores.f1[2])
    assert scores.macro_f1 == 1.0


@pytest.mark.parametrize(("truth", "predicted"), [([0, 3], [0, 1]), ([0], [-1]), ([0, 1], [0])])
def test_confusion_refuses_what_is_no_class(truth, predicted):
    with pytest.raises(ValueError, match=r"expected|class numbers"):
        metrics.confusion_matrix(truth, predicted, 3)


# ------------------------------------------------------------------------------------------------ gaze, by definition


def naive_kl(t, p):
    t, p = t / t.sum(), p / p.sum()
    total = 0.0
    for ti, pi in zip(t.ravel(), p.ravel(), strict=True):
        total += ti * np.log(metrics.EPSILON + ti / (metrics.EPSILON + pi))
    return total


def naive_judd_auc(points, saliency):
    fixated = {(int(y), int(x)) for x, y in points}
    truth = [(r, c) in fixated for r in range(saliency.shape[0]) for c in range(saliency.shape[1])]
    return roc_auc_score(truth, saliency.ravel())


@pytest.mark.parametrize("seed", range(4))
def test_density_metrics_against_loops(seed):
    t, p = a_map(seed), a_map(seed + 100)
    assert metrics.kl_divergence(t, p) == pytest.approx(naive_kl(t, p), rel=1e-12)
    assert metrics.correlation(t, p) == pytest.approx(np.corrcoef(t.ravel(), p.ravel())[0, 1])
    intersection = sum(min(a, b) for a, b in zip((t / t.sum()).ravel(), (p / p.sum()).ravel(), strict=True))
    assert metrics.similarity(t, p) == pytest.approx(intersection)


@pytest.mark.parametrize("seed", range(4))
def test_point_metrics_against_loops(seed):
    points, p, b = some_points(seed), a_map(seed), a_map(seed + 50)
    values = [(p[int(y), int(x)] - p.mean()) / p.std() for x, y in points]
    assert metrics.nss(points, p) == pytest.approx(np.mean(values))
    assert metrics.auc_judd(points, p) == pytest.approx(naive_judd_auc(points, p))
    others = some_points(seed + 9, n=40)
    positives, negatives = ([p[int(y), int(x)] for x, y in s] for s in (points, others))
    wins = np.mean([(a > b) + 0.5 * (a == b) for a in positives for b in negatives])
    assert metrics.auc_shuffled(points, others, p) == pytest.approx(wins)
    gain = [np.log2(p[int(y), int(x)] / p.sum()) - np.log2(b[int(y), int(x)] / b.sum()) for x, y in points]
    assert metrics.information_gain(points, p, b) == pytest.approx(np.mean(gain), abs=1e-6)


def test_perfect_and_chance():
    density = metrics.fixation_density([[4.0, 7.0]], (12, 17), sigma_px=1.5)
    flat = np.ones((12, 17))
    assert metrics.kl_divergence(density, density) == pytest.approx(0.0, abs=1e-9)
    assert metrics.correlation(density, density) == pytest.approx(1.0)
    assert metrics.similarity(density, density) == pytest.approx(1.0)
    assert metrics.auc_judd([[4, 7]], density) == 1.0
    assert metrics.auc_judd([[4, 7]], flat) == 0.5
    assert metrics.nss([[4, 7]], flat * 0.1) == 0.0
    assert metrics.correlation(density, flat * 0.1) == 0.0
    assert metrics.kl_divergence(density, np.zeros((12, 17))) == metrics.kl_divergence(density, flat)


def test_density_is_a_sum_of_gaussians():
    points = [[3.25, 1.5], [10.0, 8.0], [3.25, 1.5]]
    expected = np.zeros((12, 17))
    for row in range(12):
        for column in range(17):
            for x, y in points:
                expected[row, column] += np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * 2.0**2))
    np.testing.assert_allclose(metrics.fixation_density(points, (12, 17), 2.0), expected / expected.sum())


@pytest.mark.parametrize("points", [[], [[17.0, 2.0]], [[2.0, -0.6]]])
def test_points_outside_or_none_are_refused(points):
    with pytest.raises(ValueError, match="fixation"):
        metrics.nss(points, a_map(0))


# ------------------------------------------------------------------------------------------------ real gaze


def matlab_style_judd_auc(points, saliency):
    """The benchmark's own procedure: thresholds at the fixated values only, trapezoids between."""
    fixated = np.zeros(saliency.shape, bool)
    rows, columns = np.floor(points[:, 1] + 0.5).astype(int), np.floor(points[:, 0] + 0.5).astype(int)
    fixated[rows, columns] = True
    at, n = np.sort(saliency[fixated])[::-1], int(fixated.sum())
    tp, fp = [0.0], [0.0]
    for i, threshold in enumerate(at, start=1):
        tp.append(i / n)
        fp.append(((saliency >= threshold).sum() - i) / (saliency.size - n))
    return np.trapezoid([*tp, 1.0], [*fp, 1.0])


def test_on_real_fixations(real_fixations):
    """Other images' fixations predict an image's better than chance (centre bias); the image's own far better."""
    assert len(real_fixations) == 20
    rows = defaultdict(list)
    for i, points in enumerate(real_fixations):
        others = np.concatenate([p for j, p in enumerate(real_fixations) if j != i])
        centre_bias = metrics.fixation_density(others, (64, 64), 4.0)
        half_a, half_b = points[::2], points[1::2]
        own = metrics.fixation_density(half_a, (64, 64), 4.0)
        truth = metrics.fixation_density(half_b, (64, 64), 4.0)
        assert metrics.auc_judd(half_b, own) == pytest.approx(naive_judd_auc(np.floor(half_b + 0.5), own), abs=1e-12)
        assert metrics.auc_judd(half_b, own) == pytest.approx(matlab_style_judd_auc(half_b, own), abs=0.02)
        rows["nss centre"].append(metrics.nss(half_b, centre_bias))
        rows["nss own"].append(metrics.nss(half_b, own))
        rows["auc centre"].append(metrics.auc_judd(half_b, centre_bias))
        rows["sauc centre"].append(metrics.auc_shuffled(half_b, others, centre_bias))
        rows["sauc own"].append(metrics.auc_shuffled(half_b, others, own))
        rows["cc own"].append(metrics.correlation(truth, own))
        rows["cc centre"].append(metrics.correlation(truth, centre_bias))
    mean = {name: np.mean(values) for name, values in rows.items()}
    assert mean["nss own"] > mean["nss centre"] > 0.2
    assert mean["cc own"] > mean["cc centre"]
    assert mean["auc centre"] > 0.6
    assert mean["sauc centre"] < 0.55
    assert mean["sauc own"] > 0.6
