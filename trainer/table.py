"""The comparison of ways to pretrain: every row with one budget, one split by subject, and several seeds.

A table's folder holds one folder for each pretraining (``pretrain/ROW-SEED``) and one file for each result
(``results/ROW-SEED-SHARE.json``). What is there already is not done again, so a table that was stopped goes on, in the
middle of a row too. Each row is made in one process, whatever ``[compute]`` says.

Called by the command's only thread.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from assistant.errors import TrainingError
from trainer.checkpoint import begin_again
from trainer.config import TableConfig, TrainConfig
from trainer.data import Dataset
from trainer.evaluate import evaluate
from trainer.finetune import finetune
from trainer.pretrain import pretrain
from trainer.probe import probe
from trainer.run_folder import WEIGHTS, write_json

FULL = "full method"
ROWS: Mapping[str, Mapping[str, Mapping[str, Any]] | None] = {
    "random init": None,
    "video only: order and transform": {
        "data": {"clip_frames": 3},  # there is no order in fewer
        "pretrain": {
            "contrastive": "none", "correspondence_weight": 0.0, "speech_contrast_weight": 0.0,
            "video_contrast_weight": 0.0, "order_weight": 1.0, "transform_weight": 1.0,
        },
    },
    "video only: SimCLR": {
        "pretrain": {
            "contrastive": "none", "correspondence_weight": 0.0, "speech_contrast_weight": 0.0,
            "video_contrast_weight": 1.0,
        },
    },
    "correspondence": {"pretrain": {"contrastive": "none", "correspondence_weight": 1.0, "pacing": "none"}},
    "correspondence and contrastive": {"pretrain": {"pacing": "none"}},
    "MIL-NCE": {"pretrain": {"contrastive": "mil_nce", "correspondence_weight": 0.0, "pacing": "none"}},
    FULL: {},
    "oracle pacing": {"pretrain": {"pacing": "oracle"}},
}  # fmt: skip
"""What each row changes, by section of the config; None: no pretraining. The full method is the config as it stands."""


@dataclass(frozen=True, slots=True)
class Result:
    """One row, one seed, one share of the labels.

    Attributes:
        method, seed, labels: which one.
        metrics: all figures by name, on the test subjects; with ``pretraining_`` before them the last ones of the
            pretraining, on the validation subjects.
        made_with: stands for the budget and the recordings (``fingerprint``).
    """

    method: str
    seed: int
    labels: float
    metrics: Mapping[str, float]
    made_with: str


def fingerprint(dataset: Dataset, config: TrainConfig) -> str:
    """12 hexadecimal digits that change with the budget and with the recordings, not with which rows are asked for."""
    settings = config.model_dump(mode="json", exclude={"table", "compute"})
    if not config.data.paint_out:
        del settings["data"]["paint_out"]  # so was every table before there was this setting
    recordings = [(recording.session_id, len(recording.frames)) for recording in dataset.recordings]
    return hashlib.sha256(json.dumps([settings, recordings], sort_keys=True).encode()).hexdigest()[:12]


def restore(known: Path, dataset: Dataset, config: TrainConfig, folder: Path) -> int:
    """Put results of earlier sittings, maybe on another machine, into ``folder``, so that they are not made again.

    Args:
        known: a file of results; need not exist. Those of another budget or other recordings are left aside.
        dataset: as for ``make_table``.
        config: as for ``make_table``.
        folder: of the table.

    Returns:
        How many were put there.

    Raises:
        TrainingError: the file is no list of results.
    """
    if not known.exists():
        return 0
    try:
        found = [Result(**row) for row in json.loads(known.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"'{known}' is no list of results: {error}: move it away, or name another --out") from error
    fitting = [result for result in found if result.made_with == fingerprint(dataset, config)]
    for result in fitting:
        write_json(_result_file(folder, result.method, result.seed, result.labels), asdict(result))
    return len(fitting)


def finished(dataset: Dataset, config: TrainConfig, folder: Path) -> list[Result]:
    """The results that are there, in the order of the rows."""
    files = [
        _result_file(folder, method, seed, share)
        for method, seed in _runs(config.table)
        for share in config.table.label_shares
    ]
    found = [Result(**json.loads(file.read_text(encoding="utf-8"))) for file in files if file.exists()]
    return [result for result in found if result.made_with == fingerprint(dataset, config)]


def make_table(dataset: Dataset, config: TrainConfig, folder: Path, progress: Callable[[str], None]) -> list[Result]:
    """All results, those that were there and those that were missing.

    Args:
        dataset: split once, by ``config.seed``; the seeds of the rows do not change it.
        config: the budget; ``config.table`` names rows, seeds and shares, and how many are made at a time. Each process
            computes with ``config.threads`` threads, so that more processes give the same figures.
        folder: see above.
        progress: told a line for each step that begins, or, with several processes, for each row that ends.

    Raises:
        TrainingError: a row is unknown or does not go with the config, or a step failed; what was finished before
            stays.
    """
    for method in config.table.rows or ROWS:
        _check(method, config)
    jobs = [(dataset, config, folder, method, seed) for method, seed in _runs(config.table)]
    if config.table.processes == 1:
        for job in jobs:
            _make_row(*job, progress)
    else:
        with ProcessPoolExecutor(config.table.processes, mp_context=get_context("spawn")) as pool:
            waiting = {pool.submit(_make_row, *job): f"{job[3]}, seed {job[4]}" for job in jobs}
            try:
                for ended in as_completed(waiting):
                    ended.result()
                    progress(f"{waiting[ended]}: done")
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return finished(dataset, config, folder)


def _make_row(
    dataset: Dataset,
    config: TrainConfig,
    folder: Path,
    method: str,
    seed: int,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """One way to pretrain with one seed, at all shares of the labels that are missing."""
    files = {share: _result_file(folder, method, seed, share) for share in config.table.label_shares}
    if all(file.exists() for file in files.values()):
        return
    changes = ROWS[method]
    here = with_changes(config, seed, changes or {})
    name = _name(method, seed)
    weights, learned = None, {}
    if changes is not None:
        weights = folder / "pretrain" / name / WEIGHTS
        done = weights.with_name("done.json")
        if not done.exists():
            progress(f"{method}, seed {seed}: pretraining")
            found = pretrain(dataset, here, weights.parent, lambda _: None)
            write_json(done, dict(found.history[-1]))
            begin_again(weights.parent)  # what is done needs no checkpoint, which is larger than all the rest
        learned = {f"pretraining_{name}": value for name, value in json.loads(done.read_text(encoding="utf-8")).items()}
    for share, file in files.items():
        if not file.exists():
            progress(f"{method}, seed {seed}: fine-tuning with {share:.0%} of the labels")
            metrics = _measure(dataset, here, weights, share, folder / "finetune" / f"{name}-{share:g}")
            made_with = fingerprint(dataset, config)
            write_json(file, asdict(Result(method, seed, share, {**metrics, **learned}, made_with)))
            begin_again(folder / "finetune" / f"{name}-{share:g}")


def _name(method: str, seed: int) -> str:
    return f"{method.replace(' ', '_').replace(':', '')}-{seed}"


def _result_file(folder: Path, method: str, seed: int, share: float) -> Path:
    return folder / "results" / f"{_name(method, seed)}-{share:g}.json"


def with_changes(config: TrainConfig, seed: int, changes: Mapping[str, Mapping[str, Any]]) -> TrainConfig:
    """The same budget with another seed and other keys in some sections."""
    settings = config.model_dump()
    settings["seed"] = seed
    for section, keys in changes.items():
        settings[section] |= keys
    return TrainConfig.model_validate(settings)


def _check(method: str, config: TrainConfig) -> None:
    """Before anything is trained. Raises ``TrainingError``."""
    if method not in ROWS:
        raise TrainingError(f"table.rows: no row is called '{method}': there are {', '.join(ROWS)}")
    try:
        with_changes(config, config.seed, ROWS[method] or {})
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise TrainingError(f"row '{method}': {reason}: change that, or name other table.rows") from error


def _runs(table: TableConfig) -> Iterable[tuple[str, int]]:
    """Seeds in the outer loop: a table that is cut short compares all rows on fewer seeds."""
    return ((method, seed) for seed in table.seeds for method in table.rows or ROWS)


def _measure(
    dataset: Dataset, config: TrainConfig, weights: Path | None, share: float, folder: Path
) -> dict[str, float]:
    tuning = config.finetune.model_copy(update={"label_share": share})
    here = config.model_copy(update={"finetune": tuning})
    tuned = finetune(dataset, here, weights, folder, lambda _: None)
    found = evaluate(dataset, here, tuned.weights, folder / "evaluation.json")
    planes = {name: float(found.planes[name]) for name in ("macro_f1", "macro_f1_planes", "accuracy")}
    gaze = {f"gaze_{name}": float(value) for name, value in found.gaze.items()}
    bias = {f"centre_bias_{name}": float(value) for name, value in found.centre_bias.items()}
    return {**planes, **gaze, **bias, **probe(dataset, here, weights, share)}
