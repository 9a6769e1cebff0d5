"""The whole table as a user makes it, by the smoke config, on recorded sessions: all rows, in two processes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.config import load_config
from trainer.table import ROWS

SONOCUE = Path(sys.executable).with_name("sonocue")
SOME_MINUTES_S = 540
"""Under a minute on two idle cores; beside other programs it may take longer."""


@pytest.mark.timeout(SOME_MINUTES_S + 30)
def test_the_smoke_table_has_all_rows(bar_sessions, smoke_config_file, tmp_path):
    done = subprocess.run(
        [SONOCUE, "train", "table", smoke_config_file, bar_sessions, tmp_path / "run", "--out", tmp_path / "told"],
        capture_output=True, text=True, timeout=SOME_MINUTES_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    asked = load_config(smoke_config_file).table
    results = json.loads((tmp_path / "told" / "results.json").read_text())
    assert {(r["method"], r["seed"], r["labels"]) for r in results} == {
        (method, seed, share) for method in ROWS for seed in asked.seeds for share in asked.label_shares
    }
    for result in results:
        assert 0 <= result["metrics"]["macro_f1"] <= 1
        assert {"gaze_nss", "centre_bias_nss", "linear_probe_f1", "knn_f1"} <= result["metrics"].keys()
    learned = [r["metrics"]["macro_f1"] for r in results if r["labels"] == 1.0]
    assert max(learned) > 0.5, "four planes of drawn bars: by chance 0.25"
    document = (tmp_path / "told" / "results.md").read_text()
    assert document == done.stdout
    for method in ROWS:
        assert document.count(f"| {method} |") >= 2
    assert (tmp_path / "told" / "results.png").read_bytes().startswith(b"\x89PNG")
