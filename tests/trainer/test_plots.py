"""How admission agrees with the truth, against scikit-learn; and the plots that show it while training goes on."""

import json

import cv2
import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from assistant.errors import TrainingError
from tests.trainer.drawn import CLASSES, config, recording
from trainer.agreement import agreement
from trainer.data import assemble
from trainer.finetune import finetune
from trainer.plots import Believed, plot_history, plot_offsets
from trainer.pretrain import pretrain
from trainer.run_folder import save_history


def pairs(seed=0, n=400):
    """Affinities that tell a little, some of which were never met; truths of which some are not known."""
    rng = np.random.default_rng(seed)
    relevance = rng.choice([0.0, 0.3, 0.5, 1.0, np.nan], n)
    affinity = (0.2 * (np.nan_to_num(relevance) >= 0.5) + rng.normal(0, 0.2, n)).astype(np.float32)
    weights = np.where(affinity > 0.1, rng.random(n), 0.0).astype(np.float32)
    affinity[rng.random(n) < 0.1] = np.nan
    return affinity, weights, relevance


@pytest.mark.parametrize("seed", range(3))
def test_agreement_is_that_of_scikit_learn(seed):
    affinity, weights, relevance = pairs(seed)
    found = agreement(affinity, weights, relevance)
    known = ~np.isnan(relevance)
    truth, admitted = relevance[known] >= 0.5, weights[known] > 0
    assert found["relevant"] == pytest.approx(truth.mean())
    assert found["admission_precision"] == pytest.approx(precision_score(truth, admitted))
    assert found["admission_recall"] == pytest.approx(recall_score(truth, admitted))
    met = known & ~np.isnan(affinity)
    assert found["relevance_auc"] == pytest.approx(roc_auc_score(relevance[met] >= 0.5, affinity[met]))
    assert found["affinity"] == pytest.approx(np.nanmean(affinity))


def test_without_truth_or_without_a_second_kind_there_is_no_figure():
    affinity, weights, relevance = pairs()
    assert agreement(affinity, weights, np.full_like(relevance, np.nan)).keys() == {"affinity"}
    assert "relevance_auc" not in agreement(affinity, weights, np.ones_like(relevance))
    assert "admission_precision" not in agreement(affinity, np.zeros_like(weights), relevance)
    assert "admission_recall" not in agreement(affinity, weights, np.zeros_like(relevance))


def has_colour(file, rgb):
    picture = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
    return bool((np.abs(picture.astype(int) - rgb).max(axis=2) <= 3).sum() > 20)


def test_each_epoch_of_pretraining_leaves_a_new_plot_and_all_rows(draw_bar, tmp_path):
    """The plot that is there when an epoch is reported shows that epoch: it differs from the one before."""
    mixed = assemble([recording(seed, 0.5, draw_bar) for seed in range(3)], config(), CLASSES)
    seen = []

    def look(figures):
        rows = json.loads((tmp_path / "history.json").read_text())
        assert rows[-1]["epoch"] == figures["epoch"] == len(rows) - 1
        seen.append((tmp_path / "history.png").read_bytes())

    found = pretrain(mixed, config(pretrain={"epochs": 3, "warm_up": 0.3}), tmp_path, look)
    assert len(set(seen)) == 3
    assert not list(tmp_path.glob("*.tmp*"))
    for row in found.history:
        assert {"relevant", "admission_precision", "admission_recall", "relevance_auc"} <= row.keys()
    assert found.history[0]["admission_recall"] == 1.0, "the warm-up admits all"
    assert found.history[0]["admission_precision"] == pytest.approx(found.history[0]["relevant"])
    assert found.history[-1]["admission_recall"] < 1.0
    for colour in ((0, 114, 178), (213, 94, 0), (0, 158, 115)):
        assert has_colour(tmp_path / "history.png", colour)


def test_finetuning_leaves_a_plot_each_epoch_too(draw_bar, tmp_path):
    dataset = assemble([recording(seed, 1.0, draw_bar) for seed in range(3)], config(), CLASSES)
    seen = []
    short = config(finetune={"epochs": 2, "frames_per_epoch": 64})
    finetune(dataset, short, None, tmp_path, lambda figures: seen.append((tmp_path / "history.png").read_bytes()))
    assert len(set(seen)) == 2


def test_a_figure_that_nobody_named_gets_a_panel_of_its_own(tmp_path):
    history = [{"epoch": float(e), "loss": 1.0 / (e + 1)} for e in range(3)]
    plot_history(tmp_path / "known.png", history)
    plot_history(tmp_path / "more.png", [{**row, "surprise": row["epoch"]} for row in history])
    known, more = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("known", "more"))
    assert more.shape[1] == 2 * known.shape[1]


def test_figures_may_be_missing_from_some_epochs_and_affinity_from_all(tmp_path):
    affinity, weights, relevance = pairs()
    history = [{"epoch": 0.0, "loss": 3.0}, {"epoch": 1.0, "loss": 2.0, "R@10": 0.2, "R@10 by chance": 0.1}]
    plot_history(tmp_path / "none.png", history, Believed(np.full_like(affinity, np.nan), weights, relevance))
    plot_history(tmp_path / "some.png", history, Believed(affinity, weights, relevance))
    none, some = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("none", "some"))
    assert some.shape[1] > none.shape[1], "the histogram"


def test_offsets_with_gaps_are_drawn(tmp_path):
    shifts_s = np.arange(-8, 9) * 0.25
    curve = np.exp(-((shifts_s - 0.5) ** 2))
    gap = np.where(np.abs(shifts_s) > 1.6, np.nan, curve)
    plot_offsets(tmp_path / "with.png", [(shifts_s, curve, 0.5), (shifts_s, gap, 0.5)], 0.5)
    plot_offsets(tmp_path / "without.png", [(shifts_s, curve, 0.5), (shifts_s, gap, 0.5)], None)
    assert has_colour(tmp_path / "with.png", (230, 159, 0)), "the histogram"
    assert (tmp_path / "with.png").read_bytes() != (tmp_path / "without.png").read_bytes()


def test_a_history_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "run").write_text("a file where a folder should be")
    with pytest.raises(TrainingError, match="cannot be written"):
        save_history(tmp_path / "run", [{"epoch": 0.0, "loss": 1.0}])
