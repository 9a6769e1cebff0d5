"""Every gaze metric on real fixations, against other people's programs and against loops written from the definitions.

The maps judged are of the kinds that models give: smooth, with ties, with zeros, and a photograph's own brightness.
"""

import csv
from collections import defaultdict

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import entropy, pearsonr, zscore
from sklearn.metrics import roc_auc_score

from assistant import metrics

SIZE = 64
SIGMA_PX = 3.2
N_IMAGES = 12


@pytest.fixture(scope="module")
def images(data_dir):
    """Fixations ``(n, 2)`` of the first images in a map of 64x64, and their photographs at that size, by name."""
    folder = data_dir / "human_fixations_scene500"
    if not (folder / "fixations.csv").exists():
        pytest.skip(f"real fixations are not there: {folder / 'fixations.csv'}")
    points = defaultdict(list)
    with (folder / "fixations.csv").open(newline="") as lines:
        for row in csv.DictReader(lines):
            points[row["image"]].append((float(row["x_px"]) / 4 - 0.5, float(row["y_px"]) / 4 - 0.5))
    found = {}
    for name in sorted(points)[:N_IMAGES]:
        picture = cv2.imread(str(folder / "stimuli" / name), cv2.IMREAD_GRAYSCALE)
        found[name] = np.array(points[name]), cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return found


@pytest.fixture(scope="module")
def cases(images):
    """(kind, fixations, truth, prediction, centre bias, fixations elsewhere) of every image with every kind of map."""
    found = []
    for name, (points, picture) in images.items():
        others = np.concatenate([p for other, (p, _) in images.items() if other != name])
        centre = metrics.fixation_density(others, (SIZE, SIZE), 2 * SIGMA_PX)
        truth = metrics.fixation_density(points, (SIZE, SIZE), SIGMA_PX)
        half = metrics.fixation_density(points[::2], (SIZE, SIZE), SIGMA_PX)
        maps = {
            "centre bias": centre,
            "half of the fixations": half,
            "with ties": np.round(half / half.max(), 1),
            "with zeros": np.where(half > np.median(half), half, 0.0),
            "brightness": picture.astype(np.float64),
        }
        found += [(kind, points, truth, prediction, centre, others) for kind, prediction in maps.items()]
    assert len(found) == 5 * N_IMAGES
    return found


def pixel(point):
    """(row, column) of the pixel that a point lies in, the centre of the first at (0, 0)."""
    return int(np.floor(point[1] + 0.5)), int(np.floor(point[0] + 0.5))


def at(points, values):
    return np.array([values[pixel(point)] for point in points])


def test_nss_is_the_mean_z_score_at_the_fixations(cases):
    """Bylinskii 2018, with SciPy's z-score (of the population)."""
    for _, points, _, prediction, _, _ in cases:
        assert metrics.nss(points, prediction) == pytest.approx(at(points, zscore(prediction, axis=None)).mean())


def test_auc_judd_is_scikit_learns_roc_of_fixated_pixels_against_all_others(cases):
    for _, points, _, prediction, _, _ in cases:
        fixated = np.zeros((SIZE, SIZE), bool)
        for point in points:
            fixated[pixel(point)] = True
        expected = roc_auc_score(fixated.ravel(), prediction.ravel())
        assert metrics.auc_judd(points, prediction) == pytest.approx(expected, abs=1e-12)


def test_shuffled_auc_is_scikit_learns_roc_of_fixations_here_against_elsewhere(cases):
    for _, points, _, prediction, _, others in cases:
        truth = np.r_[np.ones(len(points)), np.zeros(len(others))]
        expected = roc_auc_score(truth, np.r_[at(points, prediction), at(others, prediction)])
        assert metrics.auc_shuffled(points, others, prediction) == pytest.approx(expected, abs=1e-12)


def test_kl_is_scipys_relative_entropy_of_truth_from_prediction(cases):
    """Where no density is zero; ``scipy.stats.entropy(t, p)`` is KL(t || p) in nats, of maps divided by their sums."""
    for kind, _, truth, prediction, _, _ in cases:
        if kind in ("centre bias", "half of the fixations"):
            expected = entropy(truth.ravel(), prediction.ravel())
            # What epsilon adds: at most log(1 + epsilon / p) a pixel, weighed by t.
            assert metrics.kl_divergence(truth, prediction) == pytest.approx(expected, abs=1e-6)
            assert metrics.kl_divergence(prediction, truth) != pytest.approx(expected, rel=1e-3), "not symmetric"


def test_kl_with_epsilon_is_the_benchmarks_formula(cases):
    """Bylinskii 2018: ``sum_i t_i log(epsilon + t_i / (epsilon + p_i))``, zeros included."""
    for kind, _, truth, prediction, _, _ in cases:
        p, total = prediction / prediction.sum(), 0.0
        for row in range(SIZE):
            for column in range(SIZE):
                total += truth[row, column] * np.log(
                    metrics.EPSILON + truth[row, column] / (metrics.EPSILON + p[row, column])
                )
        assert metrics.kl_divergence(truth, prediction) == pytest.approx(total, rel=1e-9), kind


def test_cc_is_scipys_pearson(cases):
    for _, _, truth, prediction, _, _ in cases:
        expected = pearsonr(truth.ravel(), prediction.ravel()).statistic
        assert metrics.correlation(truth, prediction) == pytest.approx(expected)


def test_sim_is_the_shared_mass(cases):
    """Histogram intersection is 1 minus half the L1 distance of two densities."""
    for _, _, truth, prediction, _, _ in cases:
        expected = 1 - np.abs(truth - prediction / prediction.sum()).sum() / 2
        assert metrics.similarity(truth, prediction) == pytest.approx(expected)


def test_information_gain_is_the_mean_log_likelihood_over_the_baselines(cases):
    """Kuemmerer 2015, in bits a fixation."""
    for kind, points, _, prediction, centre, _ in cases:
        p, b, gained = prediction / prediction.sum(), centre / centre.sum(), []
        for point in points:
            gained.append(np.log2(p[pixel(point)] + metrics.EPSILON) - np.log2(b[pixel(point)] + metrics.EPSILON))
        assert metrics.information_gain(points, prediction, centre) == pytest.approx(np.mean(gained)), kind


def test_density_is_scipys_gaussian_blur_of_the_fixation_map(images):
    """At whole pixels, where a blurred histogram is the same; far enough from being cut off."""
    for points, _ in images.values():
        counts = np.zeros((SIZE, SIZE))
        for point in points:
            counts[pixel(point)] += 1
        blurred = gaussian_filter(counts, SIGMA_PX, mode="constant", truncate=12.0)
        whole = np.array([pixel(point)[::-1] for point in points], float)
        found = metrics.fixation_density(whole, (SIZE, SIZE), SIGMA_PX)
        np.testing.assert_allclose(found, blurred / blurred.sum(), rtol=1e-9, atol=1e-18)
        # A fixation between pixels moves the density by less than that pixel.
        between = metrics.fixation_density(points, (SIZE, SIZE), SIGMA_PX)
        assert 0 < np.abs(between - found).sum() < 2 * 0.71 / SIGMA_PX


def test_all_scores_of_an_image_are_the_single_metrics(cases):
    _, points, truth, prediction, centre, others = cases[1]
    assert metrics.gaze_scores(points, truth, prediction, centre, others) == {
        "kl": metrics.kl_divergence(truth, prediction),
        "nss": metrics.nss(points, prediction),
        "auc_judd": metrics.auc_judd(points, prediction),
        "auc_shuffled": metrics.auc_shuffled(points, others, prediction),
        "cc": metrics.correlation(truth, prediction),
        "sim": metrics.similarity(truth, prediction),
        "information_gain": metrics.information_gain(points, prediction, centre),
    }


# ------------------------------------------------------------------------------------------------ pysaliency


@pytest.fixture(scope="module")
def pysaliency():
    return pytest.importorskip("pysaliency", reason="pysaliency is not installed (docs/gaze.md says how)")


def test_density_metrics_are_pysaliencys(cases, pysaliency):
    from pysaliency.metrics import CC, SIM, MIT_KLDiv

    for _, _, truth, prediction, _, _ in cases:
        # Its epsilon is written out as 2.2204e-16; KL(truth || prediction) takes the prediction first there.
        assert metrics.kl_divergence(truth, prediction) == pytest.approx(MIT_KLDiv(prediction, truth), rel=1e-5)
        assert metrics.correlation(truth, prediction) == pytest.approx(CC(prediction, truth))
        assert metrics.similarity(truth, prediction) == pytest.approx(SIM(prediction, truth))


def test_point_metrics_are_pysaliencys(cases, pysaliency):
    """Its ``AUC`` needs ``numpy.trapz``, which NumPy 2.4 no longer has; what it sums, one fixation at a time, works."""
    from pysaliency.metrics import NSS
    from pysaliency.roc import general_rocs_per_positive

    for _, points, _, prediction, _, others in cases:
        rows, columns = np.array([pixel(point) for point in points]).T
        assert metrics.nss(points, prediction) == pytest.approx(NSS(prediction, columns, rows).mean())
        fixated = np.zeros((SIZE, SIZE), bool)
        fixated[rows, columns] = True
        judd = general_rocs_per_positive(prediction[fixated], prediction[~fixated]).mean()
        assert metrics.auc_judd(points, prediction) == pytest.approx(judd)
        shuffled = general_rocs_per_positive(at(points, prediction), at(others, prediction)).mean()
        assert metrics.auc_shuffled(points, others, prediction) == pytest.approx(shuffled)


def test_information_gain_is_pysaliencys(images, cases, pysaliency):
    class Fixed(pysaliency.Model):
        def __init__(self, density):
            super().__init__()
            self.density = density

        def _log_density(self, stimulus):
            return np.log(self.density)

    smooth = [case for case in cases if case[0] == "half of the fixations"]
    for (_, points, _, prediction, centre, _), (_, picture) in zip(smooth, images.values(), strict=True):
        stimuli = pysaliency.Stimuli([picture])
        rows, columns = np.array([pixel(point) for point in points]).T
        fixations = pysaliency.Fixations.create_without_history(columns, rows, np.zeros(len(rows), int))
        expected = Fixed(prediction).information_gain(stimuli, fixations, baseline_model=Fixed(centre))
        assert metrics.information_gain(points, prediction, centre) == pytest.approx(expected, rel=1e-6)
