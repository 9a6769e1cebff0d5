"""How fast training is on this machine: does it wait for its data, and which settings of torch are the fastest?

The steps are those of ``pretrain`` and ``finetune``, on batches that are drawn as there. What is compared is measured
in turns, since a machine drifts. Called by the command's only thread; ``batches_ahead`` has one of its own.
"""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import nn

from assistant.errors import TrainingError
from trainer.augment import augment_images, draw_motion, move_maps
from trainer.batches import FrameBatch, PairBatch, frame_batches, pair_batches
from trainer.batches_ahead import DEPTH, batches_ahead
from trainer.bench_scans import make_scans
from trainer.collection import is_prepared
from trainer.compute import Joint, one_process
from trainer.config import TrainConfig
from trainer.data import Dataset, load_dataset, speech_windows
from trainer.encoders import AveragedCopy, GuidanceNetwork, VideoSpeech, channels_last
from trainer.labelled import labelled_of
from trainer.losses import admissible_nll, gaze_kl
from trainer.objective import Batch, Objective
from trainer.pairs import Relation
from trainer.prepare import prepare

B = TypeVar("B", PairBatch, FrameBatch)
Precision = Literal["float32", "bfloat16"]

_IN_MEMORY = 4
"""So many batches are kept for the step on data that is there already."""
_ROUNDS = 3
_WARM_UP = 1


@dataclass(slots=True)
class Timing:
    """Of some steps: how long they waited for a batch, how long they worked, on how many samples."""

    waited_s: float = 0.0
    worked_s: float = 0.0
    samples: int = 0

    @property
    def wait_share(self) -> float:
        """Share of the time that went by waiting."""
        return self.waited_s / (self.waited_s + self.worked_s)

    @property
    def samples_per_s(self) -> float:
        """Waiting included."""
        return self.samples / (self.waited_s + self.worked_s)

    def take(self, batches: Iterator[B], step: Callable[[B], int], steps: int) -> None:
        """Do so many steps, and add what they took."""
        for _ in range(steps):
            begin = time.perf_counter()
            batch = next(batches)
            there = time.perf_counter()
            self.samples += step(batch)
            self.worked_s += time.perf_counter() - there
            self.waited_s += there - begin


@dataclass(frozen=True, slots=True)
class Variant:
    """How torch computes. A sample is a clip with its speech."""

    name: str
    threads: int
    precision: Precision = "float32"
    channels_last: bool = True


@dataclass(slots=True)
class Measured:
    """What was measured; the fields are the keys of the JSON line.

    Attributes:
        machine: what it was measured on.
        scans: what it was measured with.
        decoded_times_real_time: seconds of recording prepared a second, by ``decoding_processes`` of them; None when
            the collection was prepared before.
        steps: of ``pretrain`` (samples: pairs) and ``finetune`` (samples: frames): share of the time that waits for
            data, and samples a second, as a plain loop, with the next batch made meanwhile, and on data in memory.
        variants: of the pretraining step in memory, or of fine-tuning without pretraining: samples a second.
        fastest: of the variants.
        peak_memory_mib: of the whole process.
    """

    machine: str
    scans: str
    decoded_times_real_time: float | None
    decoding_processes: int
    steps: dict[str, dict[str, float]] = field(default_factory=dict)
    variants: list[dict[str, Any]] = field(default_factory=list)
    fastest: str = ""
    peak_memory_mib: float = 0.0


def measure_training(
    config: TrainConfig, sessions: str | None, folder: Path, steps: int, progress: Callable[[str], None]
) -> Measured:
    """Measure all of it.

    Args:
        config: the training; ``threads`` is what its steps are measured with.
        sessions: a collection or a folder of recordings; None: scans are made.
        folder: an empty one, for what is made; may be removed afterwards.
        steps: of each kind a round; there are three rounds, in turns.
        progress: told a line when something begins.

    Raises:
        TrainingError: there is too little to train on.
    """
    processes = os.cpu_count() or 1
    scans = sessions or "made for this: 5 videos of 12 s, H.264, 640 x 480 at 30 Hz"
    measured = Measured(f"{processes} cores of {platform.machine()}, torch {torch.__version__}", scans, None, processes)
    if sessions is None:
        progress("making scans")
        make_scans(folder / "scans", config)
    url = sessions or str(folder / "scans")
    if not is_prepared(url):
        progress("decoding")
        begin = time.perf_counter()
        collection = prepare(Path(url), str(folder / "prepared"), config, lambda *_: None)
        took_s = time.perf_counter() - begin
        measured.decoded_times_real_time = sum(e.facts.seconds for e in collection.index.recordings) / took_s
        url = str(collection.place.url)
    dataset = load_dataset(url, config, folder, lambda _: None)
    if sessions is None:  # noise is no speech: all of it shall count, so that there are pairs
        heard = tuple(replace(r, speech=np.ones_like(r.speech)) for r in dataset.recordings)
        dataset = replace(dataset, recordings=heard)
    kinds: list[_Pretraining | _Finetuning] = []
    if config.pretrain.epochs:
        kinds.append(_Pretraining(dataset, config))
    if dataset.classes:
        kinds.append(_Finetuning(dataset, config))
    if not kinds:
        raise TrainingError("nothing to measure: pretrain.epochs is 0 and no frame is labelled")
    for kind in kinds:
        progress(f"{kind.name}: {_ROUNDS} rounds of {steps} steps each, drawn, made ahead, and in memory")
        measured.steps[kind.name] = _waiting(kind, config, steps)
    progress(f"settings of torch, {kinds[0].name}")
    measured.variants = _compare(kinds[0], config, steps)
    measured.fastest = max(measured.variants, key=lambda row: float(row["samples_per_s"]))["name"]
    measured.peak_memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return measured


# --------------------------------------------------------------------------------------------------------------------
# The two kinds of step
# --------------------------------------------------------------------------------------------------------------------


class _Pretraining:
    name = "pretrain"

    def __init__(self, dataset: Dataset, config: TrainConfig) -> None:
        self._dataset, self._config = dataset, config
        self._recordings = dataset.of(dataset.split.train)
        self._windows = speech_windows(self._recordings, config.data)
        if len(self._windows) < 2:
            raise TrainingError("no speech in the training sessions: name others, or set pretrain.epochs = 0")

    def batches(self) -> Iterator[PairBatch]:
        """Epoch after epoch, without an end."""
        chance = np.random.default_rng(self._config.seed)
        while True:
            yield from pair_batches(self._recordings, self._windows, self._dataset, self._config, chance)

    def step(self, variant: Variant) -> Callable[[PairBatch], int]:
        """A network of its own, and what learns a batch and says how many samples that was."""
        settings = self._config.pretrain
        torch.manual_seed(0)
        network = VideoSpeech(self._config.encoder)
        network = channels_last(network) if variant.channels_last else network
        fabric = one_process(self._config.compute)
        objective, averaged = Objective(network, self._config), AveragedCopy(network, settings.ema)
        optimiser = torch.optim.AdamW(objective.parameters(), settings.learning_rate)
        generator = torch.Generator().manual_seed(0)

        def learn(drawn: PairBatch) -> int:
            torch.set_num_threads(variant.threads)
            middle = drawn.speech[:, drawn.speech.shape[1] // 2]
            with _cast(variant.precision):
                with torch.no_grad():
                    affinity = averaged.network.embed_video(drawn.video) @ averaged.network.embed_speech(middle).T
                assert affinity.shape == drawn.relation.shape  # noqa: S101 - as training uses it
                negatives, apart = (
                    torch.from_numpy((relation >= Relation.HARD_NEGATIVE).astype(np.float32))
                    for relation in (drawn.relation, drawn.between_clips)
                )
                believed = torch.ones(len(drawn.pairs))
                batch = Batch(drawn.video, drawn.speech, believed, negatives, drawn.again, apart, alone=True)
                loss = objective(batch, Joint(len(drawn.pairs), fabric, generator))["loss"]
            _descend(optimiser, loss, averaged, network)
            return len(drawn.pairs)

        return learn


class _Finetuning:
    name = "finetune"

    def __init__(self, dataset: Dataset, config: TrainConfig) -> None:
        self._dataset, self._config = dataset, config
        self._frames = labelled_of(dataset.split.train, dataset, config)

    def batches(self) -> Iterator[FrameBatch]:
        """Epoch after epoch, without an end."""
        chance = np.random.default_rng(self._config.seed)
        known = np.arange(len(self._frames.labels))
        while True:
            yield from frame_batches(self._frames, known, self._dataset, self._config, chance)

    def step(self, variant: Variant) -> Callable[[FrameBatch], int]:
        """A network of its own, and what learns a batch and says how many samples that was."""
        settings = self._config.finetune
        torch.manual_seed(0)
        network = GuidanceNetwork(self._config.encoder, len(self._dataset.classes))
        network = channels_last(network) if variant.channels_last else network
        averaged = AveragedCopy(network, settings.ema)
        optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate)
        generator = torch.Generator().manual_seed(0)
        layout = torch.channels_last if variant.channels_last else torch.contiguous_format

        def learn(drawn: FrameBatch) -> int:
            torch.set_num_threads(variant.threads)
            with _cast(variant.precision):
                motion = draw_motion(len(drawn.image), generator)
                image = augment_images(drawn.image, motion, generator)
                density = move_maps(drawn.density, motion)
                logits, gaze_logits = network(image.contiguous(memory_format=layout))
                loss = admissible_nll(logits.float(), drawn.admissible)
                seen = density.sum(dim=(1, 2)) > 0.5
                if seen.any():
                    loss = loss + settings.gaze_weight * gaze_kl(gaze_logits[seen].float(), density[seen])
            _descend(optimiser, loss, averaged, network)
            return len(drawn.image)

        return learn


def _cast(precision: Precision) -> Any:
    return torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else nullcontext()


def _descend(
    optimiser: torch.optim.Optimizer, loss: torch.Tensor, averaged: AveragedCopy[Any], network: nn.Module
) -> None:
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    averaged.follow(network)


# --------------------------------------------------------------------------------------------------------------------
# What is compared
# --------------------------------------------------------------------------------------------------------------------


def _waiting(kind: Any, config: TrainConfig, steps: int) -> dict[str, float]:
    """One step on batches from the plain loop, from the thread, and on some that are there, in turns."""
    step = kind.step(Variant("as configured", config.threads))
    kept = list(islice(kind.batches(), _IN_MEMORY))
    plain, ahead, memory = Timing(), Timing(), Timing()
    drawn, there = kind.batches(), cycle(kept)
    Timing().take(there, step, _WARM_UP)
    for _ in range(_ROUNDS):
        plain.take(drawn, step, steps)
        memory.take(there, step, steps)
        with batches_ahead(kind.batches()) as made:
            Timing().take(made, step, DEPTH + 1)  # what the thread had ready before the first step began
            ahead.take(made, step, steps)
    return {
        "samples_per_s": plain.samples_per_s,
        "samples_per_s_ahead": ahead.samples_per_s,
        "samples_per_s_in_memory": memory.samples_per_s,
        "wait_share": plain.wait_share,
        "wait_share_ahead": ahead.wait_share,
    }


def variants(config: TrainConfig, cores: int) -> list[Variant]:
    """The config's own way, and one change at a time from it."""
    counts: Iterable[int] = sorted({1, 2, *(2**k for k in range(2, 8) if 2**k <= cores), cores} - {config.threads})
    return [
        Variant("as configured", config.threads),
        Variant("contiguous instead of channels-last", config.threads, channels_last=False),
        Variant("bfloat16 instead of float32", config.threads, precision="bfloat16"),
        *(Variant(f"{count} thread{'s' * (count > 1)}", count) for count in counts if count <= cores),
    ]


def _compare(kind: Any, config: TrainConfig, steps: int) -> list[dict[str, Any]]:
    asked = variants(config, os.cpu_count() or 1)
    there = cycle(list(islice(kind.batches(), _IN_MEMORY)))
    learning = [(variant, kind.step(variant), Timing()) for variant in asked]
    for _, step, _ in learning:
        Timing().take(there, step, _WARM_UP)
    for _ in range(_ROUNDS):
        for _, step, timing in learning:
            timing.take(there, step, steps)
    first = learning[0][2].samples_per_s
    rows = []
    for variant, _, timing in learning:
        row: Mapping[str, Any] = {
            "name": variant.name,
            "threads": variant.threads,
            "precision": variant.precision,
            "channels_last": variant.channels_last,
            "samples_per_s": timing.samples_per_s,
            "against_configured": timing.samples_per_s / first,
        }
        rows.append(dict(row))
    return rows
