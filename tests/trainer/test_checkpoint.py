"""A step that was killed goes on and ends with the same weights; what cannot go on says so in one line."""

import resource
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from assistant.errors import TrainingError
from tests.trainer import training_process
from tests.trainer.drawn import CLASSES, config, recording
from tests.trainer.training_process import train
from trainer.checkpoint import CHECKPOINT, begin_again
from trainer.config import ComputeConfig
from trainer.data import assemble
from trainer.encoders import VideoSpeech
from trainer.finetune import finetune
from trainer.pretrain import Pretrained, pretrain
from trainer.run_folder import save_weights

SHORT = config(
    data={"window_step_s": 3.0},
    pretrain={"epochs": 2, "recordings": 1, "windows": 8},
    finetune={"epochs": 2, "frames_per_epoch": 96},
    compute={"checkpoint_s": 0},
)
STEPS = {
    "pretrain": lambda dataset, chosen, folder, report: pretrain(dataset, chosen, folder, report),
    "finetune": lambda dataset, chosen, folder, report: finetune(dataset, chosen, None, folder, report),
}


def quiet(figures):
    pass


def interrupt(figures):
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def dataset(draw_bar):
    return assemble([recording(seed, 1.0, draw_bar) for seed in range(3)], SHORT, CLASSES)


@pytest.fixture(scope="module", params=STEPS)
def finished(request, dataset, tmp_path_factory):
    """A step, its folder, and what it gave."""
    folder = tmp_path_factory.mktemp(request.param)
    return STEPS[request.param], folder, STEPS[request.param](dataset, SHORT, folder, quiet)


def run_until_killed(folder, gradient_step):
    command = [sys.executable, training_process.__file__, folder, "{}", str(gradient_step)]
    assert subprocess.run(command, timeout=250).returncode == -signal.SIGKILL


def progress(file):
    kept = torch.load(file, weights_only=True)["progress"]
    return kept["epoch"], kept["step"]


@pytest.mark.timeout(600)
def test_a_killed_run_ends_with_the_same_weights_bit_for_bit(tmp_path):
    """Killed in the second epoch of pretraining, when pacing has begun, and of fine-tuning; gone on twice."""
    folder = tmp_path / "killed"
    run_until_killed(folder, 7)
    assert progress(folder / "pretrain" / CHECKPOINT) == (1, 1)
    run_until_killed(folder, 11)
    assert progress(folder / "finetune" / CHECKPOINT) == (1, 2)
    told = [step.history for step in train(folder, {})]
    pretrained, tuned = train(tmp_path / "whole", {})
    assert told == [pretrained.history, tuned.history]
    assert pretrained.history[-1]["admitted"] < 1
    for step in ("pretrain", "finetune"):
        weights = [tmp_path / run / step / "weights.safetensors" for run in ("killed", "whole")]
        assert weights[0].read_bytes() == weights[1].read_bytes()
        last = [torch.load(file.with_name(CHECKPOINT), weights_only=True)["parts"] for file in weights]
        assert last[0].pop("chance") == last[1].pop("chance")
        torch.testing.assert_close(*[[part["model"], part["torch_chance"]] for part in last], rtol=0, atol=0)


def test_a_finished_step_is_not_done_again_unless_asked(finished, dataset, tmp_path):
    step, folder, first = finished
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    again = step(dataset, SHORT, tmp_path, pytest.fail)
    assert again.history == first.history
    if isinstance(first, Pretrained):
        np.testing.assert_array_equal(again.affinity, first.affinity)  # NaN where a pair was not met
    else:
        assert again.best_epoch == first.best_epoch
    begin_again(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        step(dataset, SHORT, tmp_path, interrupt)


def test_what_was_made_from_something_else_does_not_go_on(dataset, draw_bar, tmp_path):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    for seed, file in enumerate((first, second)):
        torch.manual_seed(seed)
        save_weights(file, VideoSpeech(SHORT.encoder).state_dict())
    finetune(dataset, SHORT, first, tmp_path, quiet)
    more = assemble([recording(seed, 1.0, draw_bar) for seed in range(4)], SHORT, CLASSES)
    for data, chosen, weights in (
        (dataset, SHORT.model_copy(update={"seed": 7}), first),
        (more, SHORT, first),
        (dataset, SHORT, second),
    ):
        with pytest.raises(TrainingError, match="was made from other recordings, settings or first weights"):
            finetune(data, chosen, weights, tmp_path, quiet)
    elsewhere = SHORT.model_copy(update={"threads": 2, "compute": ComputeConfig(checkpoint_s=9)})
    finetune(dataset, elsewhere, first, tmp_path, pytest.fail)


def test_a_broken_checkpoint_is_one_line(dataset, tmp_path):
    for content in (b"no checkpoint", b""):
        (tmp_path / CHECKPOINT).write_bytes(content)
        with pytest.raises(TrainingError, match="cannot be read: begin the step again"):
            pretrain(dataset, SHORT, tmp_path, quiet)


def test_a_checkpoint_runs_no_code(dataset, tmp_path):
    class Spy:
        def __reduce__(self):
            return Path.touch, (tmp_path / "it ran",)

    torch.save({"made_from": Spy(), "progress": {}, "parts": {}}, tmp_path / CHECKPOINT)
    with pytest.raises(TrainingError, match="cannot be read"):
        pretrain(dataset, SHORT, tmp_path, quiet)
    assert not (tmp_path / "it ran").exists()


def test_a_disk_that_is_full_is_one_line_and_training_goes_on_later(finished, dataset, tmp_path):
    """A file system of which all but some kilobytes are taken after the first epoch: ENOSPC, as on a real disk."""
    step, _, whole = finished
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16M", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("a file system of 16 MB cannot be mounted: not root")
    try:
        kept = {}

        def fill(figures):
            kept.update({file.name: file.read_bytes() for file in disk.iterdir()})
            with (disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
                while True:
                    ballast.write(bytes(4096))

        with pytest.raises(
            TrainingError, match=r"cannot be written: No space left on device: the last good one is kept"
        ):
            step(dataset, SHORT, disk, fill)
        (disk / "ballast").unlink()
        assert {file.name: file.read_bytes() for file in disk.iterdir()} == kept
        told = []
        gone_on = step(dataset, SHORT, disk, told.append)
        assert [row["epoch"] for row in told] == [1.0]
        assert gone_on.weights.read_bytes() == whole.weights.read_bytes()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_weights_that_cannot_be_written_leave_the_last_ones(dataset, tmp_path):
    """The checkpoint within an epoch is off; the weights at its end are too large for a limit."""
    seldom = SHORT.model_copy(update={"compute": SHORT.compute.model_copy(update={"checkpoint_s": 1e6})})
    kept = {}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(figures):
        kept.update({file.name: file.read_bytes() for file in tmp_path.iterdir()})
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))

    try:
        with pytest.raises(TrainingError, match="cannot be written"):
            pretrain(dataset, seldom, tmp_path, limit)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == kept


@pytest.mark.parametrize("step", STEPS)
def test_weights_that_are_no_numbers_are_never_kept(step, dataset, tmp_path):
    """A gradient is NaN after a good epoch: the loss of that step is finite yet, and only the weights tell."""
    kept, hooks = {}, []

    def spoil(optimiser, args, kwargs):
        optimiser.param_groups[0]["params"][0].grad.fill_(float("nan"))

    def begin_to_spoil(figures):
        kept.update({file.name: file.read_bytes() for file in tmp_path.iterdir()})
        hooks.append(register_optimizer_step_pre_hook(spoil))

    try:
        with pytest.raises(TrainingError, match="weights are not finite in epoch 1: the last good checkpoint"):
            STEPS[step](dataset, SHORT, tmp_path, begin_to_spoil)
    finally:
        for hook in hooks:
            hook.remove()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == kept
    assert CHECKPOINT in kept
