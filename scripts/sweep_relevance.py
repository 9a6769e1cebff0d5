"""What pacing is worth when more or less of the speech is about the image: a sweep from 20 to 100 %.

``python scripts/sweep_relevance.py CONFIG SESSIONS RUN [--shares 0.2 0.6 1] [--rows ...] [--epochs 36] [--out docs]``.
The recordings stay the same; of their utterances so many are silenced that a given share of what is left speaks about
the image. As much speech is left at each share, namely what a recording has of both kinds for every share from 20 to
100 %: what changes is what is said, not how much. Rows, budget, split and seeds are those of the table; it goes on
where it stopped.

Only recordings whose truth says which utterance is relevant can serve: those of the software scanner.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import numpy.typing as npt
from rich.console import Console

from assistant.speech import POWER_FLOOR
from trainer.config import TrainConfig, load_config
from trainer.data import Dataset, load_dataset
from trainer.recordings import MEL_HOP_S, Recording
from trainer.run_folder import write_json
from trainer.table import Result, make_table
from trainer.table_report import about

ROWS = ("correspondence and contrastive", "full method", "oracle pacing")
_LOWEST = 0.2
CONSOLE = Console(stderr=True)


def with_share(recording: Recording, share: float, chance: np.random.Generator) -> Recording:
    """The recording with so many utterances silenced that ``share`` of the speaking time left is relevant.

    What is left lasts as long at any share from 20 to 100 %; utterances are drawn at random.

    Args:
        recording: with the truth of its utterances.
        share: in (0, 1].
        chance: draws.
    """
    start_s, end_s, relevant = recording.utterances.T
    relevant_s, other_s = (float((end_s - start_s)[(relevant > 0) == is_it].sum()) for is_it in (True, False))
    budget_s = min(relevant_s, other_s / (1 - _LOWEST))
    kept = np.zeros(len(relevant), np.bool_)
    for is_relevant, part in ((True, share), (False, 1 - share)):
        left_s = part * budget_s
        for i in chance.permutation(np.flatnonzero((relevant > 0) == is_relevant)):
            length_s = float(end_s[i] - start_s[i])
            if left_s >= length_s / 2:
                kept[i] = True
                left_s -= length_s
    mel, speech = np.array(recording.log_mel), np.array(recording.speech)
    mel_s = recording.log_mel_s + MEL_HOP_S * np.arange(mel.shape[1])
    for silenced in np.flatnonzero(~kept):
        mel[:, _within(mel_s, start_s[silenced], end_s[silenced])] = np.log(POWER_FLOOR)
        speech[_within(recording.speech_s, start_s[silenced], end_s[silenced])] = 0.0
    words = tuple(word for word, stays in zip(recording.words, kept, strict=True) if stays) if recording.words else ()
    return replace(recording, log_mel=mel, speech=speech, utterances=recording.utterances[kept], words=words)


def _within(times_s: npt.NDArray[np.float64], start_s: float, end_s: float) -> npt.NDArray[np.bool_]:
    return (times_s >= start_s - 0.1) & (times_s <= end_s + 0.1)


def share_of(dataset: Dataset) -> float:
    """The share of the speaking time of the training subjects that is relevant."""
    spoken = np.concatenate([recording.utterances for recording in dataset.of(dataset.split.train)])
    lengths_s = spoken[:, 1] - spoken[:, 0]
    return float((lengths_s * spoken[:, 2]).sum() / lengths_s.sum())


def document(results: Sequence[tuple[float, float, Result]], made: str, out: Path) -> None:
    """``relevance-sweep.md`` and ``.json`` in ``out``; of each result: share asked for, share found."""
    write_json(
        out / "relevance-sweep.json",
        [{"relevant_share": share, "found_share": found, **asdict(result)} for share, found, result in results],
    )
    shares = sorted({share for share, _, _ in results})
    methods = list(dict.fromkeys(result.method for _, _, result in results))
    lines = [
        "# How much of the speech is about the image",
        "",
        made,
        "`scripts/sweep_relevance.py`: the same recordings with utterances silenced; as much speech at each share.",
        "Macro F1 on the test subjects with 10 % of the labels, and how well affinity tells relevant speech (area",
        "under the ROC; 0.5 by chance).",
        "",
        "| method | " + " | ".join(f"{share:.0%}: F1, AUC" for share in shares) + " |",
        "|---" * (len(shares) + 1) + "|",
    ]
    for method in methods:
        cells = []
        for share in shares:
            mine = [result.metrics for at, _, result in results if at == share and result.method == method]
            f1 = [metrics["macro_f1"] for metrics in mine]
            auc = [value for metrics in mine if (value := metrics.get("pretraining_relevance_auc")) is not None]
            cells.append(f"{_spread(f1)}, {_spread(auc)}")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    seeds = len({result.seed for _, _, result in results})
    lines += ["", f"{seeds} seed(s) of weights and drawing; one split."]
    (out / "relevance-sweep.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    return f"{fmean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("sessions")
    parser.add_argument("run", type=Path)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.2, 0.6, 1.0])
    parser.add_argument("--rows", nargs="+", default=list(ROWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=36)
    parser.add_argument("--out", type=Path, default=None)
    asked = parser.parse_args()
    config = load_config(asked.config)
    table = config.table.model_copy(
        update={"rows": tuple(asked.rows), "seeds": tuple(asked.seeds), "label_shares": (0.1,), "processes": 1}
    )
    pretrain = config.pretrain.model_copy(update={"epochs": asked.epochs})
    config = TrainConfig.model_validate(config.model_copy(update={"table": table, "pretrain": pretrain}).model_dump())
    dataset = load_dataset(asked.sessions, config, asked.run, lambda line: CONSOLE.print(line, highlight=False))
    command = f"python scripts/sweep_relevance.py {asked.config} SESSIONS RUN --epochs {asked.epochs}"
    results = []
    for share in asked.shares:
        chance = np.random.default_rng(0)
        changed = tuple(with_share(recording, share, chance) for recording in dataset.recordings)
        here = replace(dataset, recordings=changed)
        found = share_of(here)
        CONSOLE.print(f"share {share:.0%}: {found:.0%} found", highlight=False)
        folder = asked.run / f"share-{share:g}"
        # Pacing may admit no more than is relevant: rho_1 is at most that share (docs/method.md).
        rho_1 = min(config.pretrain.rho_1, max(share, 0.2))
        paced = config.pretrain.model_copy(update={"rho_1": rho_1, "rho_0": min(config.pretrain.rho_0, rho_1)})
        settings = config.model_copy(update={"pretrain": paced})
        rows = make_table(here, settings, folder, lambda line: CONSOLE.print(f"  {line}", highlight=False))
        results += [(share, found, result) for result in rows]
        document(results, about(here, settings, command), asked.out or asked.run)
    print(json.dumps([{"share": s, "method": r.method, "macro_f1": r.metrics["macro_f1"]} for s, _, r in results]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
