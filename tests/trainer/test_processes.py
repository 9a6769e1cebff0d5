"""Several processes learn what one does: the same loss and gradients of the same joint batch, and the same run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.errors import TrainingError
from tests.trainer import joint_batch, training_process
from tests.trainer.drawn import config
from tests.trainer.training_process import train
from trainer.compute import Joint, one_process
from trainer.config import ComputeConfig
from trainer.encoders import GuidanceNetwork, image_encoder

SONOCUE = Path(sys.executable).with_name("sonocue")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def run(*command):
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=280, env=environ)


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    file = tmp_path_factory.mktemp("two") / "found.pt"
    done = run(*TORCHRUN, joint_batch.__file__, file)
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(file, weights_only=True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", [*joint_batch.WAYS, "fine-tuning"])
def test_two_processes_give_the_loss_and_gradients_of_one(way, of_two):
    """GroupNorm, gloo, started by torchrun."""
    fabric = one_process(ComputeConfig())
    alone = joint_batch.tune(fabric) if way == "fine-tuning" else joint_batch.learn(way, fabric)
    assert of_two[way].keys() == alone.keys()
    assert len(alone) > 15
    largest = max(1.0, *(float(value.abs().max()) for value in alone.values()))
    for name, value in alone.items():
        off = float((of_two[way][name] - value).abs().max()) / largest
        assert off < 1e-5, name
    assert max(float(value.abs().max()) for name, value in alone.items() if name != "loss") > 1e-2


@pytest.mark.timeout(300)
def test_a_run_in_two_processes_is_the_run_of_one(of_two, tmp_path):
    """Both loops, by their losses. Slowly, since Adam's first steps at a high rate make much of a last digit."""
    for history, step in zip(of_two["run"], train(tmp_path, joint_batch.SLOWLY), strict=True):
        for found, expected in zip(history, step.history, strict=True):
            for name in {"loss", "contrastive", "affinity", "validation_loss"} & expected.keys():
                assert found[name] == pytest.approx(expected[name], rel=1e-5)


@pytest.mark.timeout(300)
def test_two_processes_on_cpu_cannot_share_a_batch_norm(of_two):
    assert "set encoder.norm = 'group', or compute.devices = 1" in of_two["refused"]


@pytest.mark.timeout(600)
def test_the_command_in_two_processes_and_once_more(three_sessions, smoke_config_file, tmp_path):
    """It speaks once, and what is finished is not done again, though now in one process."""
    text = smoke_config_file.read_text().replace("[encoder]", '[encoder]\nnorm = "group"')
    config_file = tmp_path / "two.toml"
    config_file.write_text(text.replace("epochs = 3", "epochs = 1") + "\n[compute]\ndevices = 2\n")
    command = [SONOCUE, "train", "pretrain", config_file, three_sessions, tmp_path / "run"]
    done = run(*command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.count("pretrain epoch 0") == 1
    kept = (tmp_path / "run" / "pretrain" / "weights.safetensors").stat()
    config_file.write_text(config_file.read_text().replace("devices = 2", "devices = 1"))
    done = run(*command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "pretrain epoch 0" not in done.stderr
    assert "goes on from" in done.stderr
    assert (tmp_path / "run" / "pretrain" / "weights.safetensors").stat().st_mtime_ns == kept.st_mtime_ns


def test_with_group_norm_an_image_is_alone():
    """Its features do not depend on what else is in the batch, in training either; also where a map is one pixel."""
    torch.manual_seed(0)
    network = image_encoder(config(encoder={"norm": "group"}).encoder).train()
    images = torch.randn(4, 1, 32, 32)
    torch.testing.assert_close(network.features(images)[:1], network.features(images[:1]), rtol=1e-4, atol=1e-5)
    assert float(network.features(images).detach().std(dim=0).max()) > 1e-2
    large = image_encoder(config(encoder={"name": "seresnext50", "norm": "group"}).encoder)
    for each in (large, GuidanceNetwork(config(encoder={"norm": "group"}).encoder, 3)):
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in each.modules())


def test_16_bits_learn_nearly_the_same_from_a_batch():
    """bf16 on CPU, by the real autocast: networks in 16 bits, but losses, weights and gradients in 32."""
    found = {}
    for precision in ("32-true", "bf16-mixed"):
        found[precision] = joint_batch.learn("all", one_process(ComputeConfig(precision=precision)))
    full, half = found.values()
    assert float(half["loss"]) == pytest.approx(float(full["loss"]), rel=0.05)
    assert float(half["loss"]) != float(full["loss"])
    assert all(value.dtype == torch.float32 for value in half.values())


def test_what_this_machine_does_not_have_is_one_line():
    if torch.cuda.is_available():
        pytest.skip("this machine has a graphics processor")
    with pytest.raises(
        TrainingError, match=r"compute.accelerator = 'gpu', devices = 1.* not to be had on this machine"
    ):
        one_process(ComputeConfig(accelerator="gpu"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics processor (CUDA): training on one was not run")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_graphics_processor_learns_as_the_cpu_does(precision, tmp_path):
    gpu = {"accelerator": "gpu", "precision": precision}
    on_gpu = joint_batch.learn("all", one_process(ComputeConfig(**gpu)))
    on_cpu = joint_batch.learn("all", one_process(ComputeConfig()))
    assert float(on_gpu["loss"]) == pytest.approx(float(on_cpu["loss"]), rel=1e-3 if precision == "32-true" else 0.05)
    pretrained, tuned = train(tmp_path, {"compute": gpu})
    assert np.isfinite([pretrained.history[-1]["loss"], tuned.history[-1]["loss"]]).all()


@pytest.mark.skipif(
    torch.cuda.device_count() < 2, reason="fewer than two graphics processors: SyncBatchNorm was not run"
)
def test_two_graphics_processors_share_a_batch_norm(tmp_path):
    two = {"compute": {"accelerator": "gpu", "devices": 2}}
    done = run(sys.executable, training_process.__file__, tmp_path / "two", json.dumps(two))
    assert done.returncode == 0, done.stderr[-3000:]
    alone = train(tmp_path / "one", {"compute": {"accelerator": "gpu"}})
    for history, step in zip(json.loads(done.stdout.splitlines()[-1]), alone, strict=True):
        assert history[0]["loss"] == pytest.approx(step.history[0]["loss"], rel=1e-2)


def test_rows_of_a_joint_batch():
    joint = Joint(5, one_process(ComputeConfig()), torch.Generator().manual_seed(0))
    assert joint.rows.tolist() == [0, 1, 2, 3, 4]
    expected = torch.rand(10, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(joint.rand(10, 2), expected, rtol=0, atol=0)
    assert joint.gather(expected) is expected
