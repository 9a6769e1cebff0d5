"""The table goes on where it stopped, and says the same as if it had not."""

from dataclasses import asdict

import pytest

from assistant.errors import TrainingError
from tests.trainer.drawn import CLASSES, config, recording
from trainer.data import assemble
from trainer.labelled import share_of
from trainer.probe import probe
from trainer.run_folder import write_json
from trainer.table import FULL, ROWS, make_table, restore, with_changes
from trainer.table_report import about, draw, report


@pytest.fixture(scope="module")
def dataset(draw_bar):
    return assemble([recording(seed, 1.0, draw_bar) for seed in range(3)], config(), CLASSES)


SMALL = config(
    pretrain={"epochs": 1},
    finetune={"epochs": 1, "frames_per_epoch": 96},
    table={"rows": ["random init", FULL], "seeds": [3], "label_shares": [0.1, 1.0]},
)


def test_a_table_that_was_stopped_goes_on(dataset, tmp_path):
    begun = []

    def stop_at_the_fourth(line):
        begun.append(line)
        if len(begun) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_table(dataset, SMALL, tmp_path / "stopped", stop_at_the_fourth)
    again = []
    gone_on = make_table(dataset, SMALL, tmp_path / "stopped", again.append)
    assert begun[3] == again[0]
    assert not set(begun[:3]) & set(again)
    assert gone_on == make_table(dataset, SMALL, tmp_path / "stopped", pytest.fail)
    assert len(gone_on) == 4
    assert {(r.method, r.seed, r.labels) for r in gone_on} == {
        (method, seed, share) for method in ("random init", FULL) for seed in (3,) for share in (0.1, 1.0)
    }
    side_by_side = with_changes(SMALL, SMALL.seed, {}).model_copy(
        update={"table": SMALL.table.model_copy(update={"processes": 2})}
    )
    whole = make_table(dataset, side_by_side, tmp_path / "whole", lambda line: None)
    assert whole == gone_on, "not stopped, and two rows at a time"

    known = tmp_path / "results.json"
    write_json(known, [asdict(result) for result in whole[:3]])
    elsewhere = tmp_path / "elsewhere"
    assert restore(known, dataset, config(), elsewhere) == 0  # another budget
    assert restore(known, dataset, SMALL, elsewhere) == 3
    begun.clear()
    assert make_table(dataset, SMALL, elsewhere, begun.append) == whole
    assert [line for line in begun if line.startswith("random init")] == []
    known.write_text('{"method": 1}')
    with pytest.raises(TrainingError, match="no list of results"):
        restore(known, dataset, SMALL, elsewhere)

    written = report(whole, about(dataset, SMALL, "sonocue train table some.toml"), "results.png")
    for part in ("| method | 10% | 100% | linear probe | k-NN |", FULL, "centre bias", "relevance AUC", "some.toml"):
        assert part in written
    draw(whole, tmp_path / "results.png")
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")


def test_every_row_is_a_config_that_is_allowed():
    wide = config(data={"clip_frames": 3})
    for changes in ROWS.values():
        assert with_changes(wide, 1, changes or {}).seed == 1


def test_a_row_that_does_not_exist_is_one_line_before_anything_is_trained(dataset, tmp_path):
    with pytest.raises(TrainingError, match="no row is called 'full metod'"):
        make_table(dataset, config(table={"rows": ["random init", "full metod"]}), tmp_path / "table", pytest.fail)
    assert not (tmp_path / "table").exists()


def test_a_share_keeps_some_of_each_class():
    import numpy as np

    labels = np.array([0] * 100 + [1] * 40 + [2] * 3 + [-1] * 50)
    kept = labels[share_of(labels, 0.1, np.random.default_rng(0))]
    assert np.bincount(kept).tolist() == [10, 4, 1]


def test_probes_see_what_the_encoder_tells_apart(dataset):
    found = probe(dataset, config(), None)
    assert found.keys() == {"linear_probe_f1", "knn_f1"}
    assert found["linear_probe_f1"] > 0.4  # four classes of bars, even of random features
