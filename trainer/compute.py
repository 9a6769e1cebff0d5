"""Where the networks are trained: device, precision, and processes that share the work of one joint batch.

Each process runs the same loop and draws the same numbers; it computes on its own rows of a joint batch and gathers
what the losses look over. So the joint batch, its loss and its gradients are those of one process, whatever their
number. Called by the training loop's only thread, in each process.

Notation used for tensor shapes:
    N: rows of the joint batch; n: rows of this process.
"""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import TorchElasticEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn

from assistant.errors import TrainingError
from trainer.config import ComputeConfig


def all_processes(config: ComputeConfig) -> Fabric:
    """Of a run in as many processes as the config says, or as ``torchrun`` started; ``launch()`` it before use.

    Raises:
        TrainingError: this machine has no such devices.
    """
    devices, nodes = config.devices, config.nodes
    if TorchElasticEnvironment.detect():
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    return _fabric(config, devices, nodes)


def one_process(config: ComputeConfig) -> Fabric:
    """Of a run in this process alone. Raises ``TrainingError`` where there is no such device."""
    return _fabric(config, 1, 1)


def _fabric(config: ComputeConfig, devices: int, nodes: int) -> Fabric:
    # Which losses are switched on decides which parameters have a gradient.
    strategy = "ddp_find_unused_parameters_true" if devices * nodes > 1 else "auto"
    asked = f"compute.accelerator = '{config.accelerator}', devices = {devices}, precision = '{config.precision}'"
    try:
        return Fabric(
            accelerator=config.accelerator,
            devices=devices,
            num_nodes=nodes,
            precision=config.precision,
            strategy=strategy,
        )
    except (MisconfigurationException, RuntimeError, ValueError) as error:
        raise TrainingError(f"{asked}: not to be had on this machine: {error}") from error


def normalise_jointly(network: nn.Module, fabric: Fabric) -> None:
    """Make batch norm look over the joint batch.

    Raises:
        TrainingError: it cannot, as between processes on CPU.
    """
    if fabric.world_size == 1 or not any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        return
    if fabric.device.type != "cuda":
        raise TrainingError(
            f"{fabric.world_size} processes on CPU cannot share a batch norm: set encoder.norm = 'group', "
            "or compute.devices = 1"
        )
    nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]


def rows_of(size: int, fabric: Fabric) -> npt.NDArray[np.int64]:
    """This process's rows of a joint batch, ``(n,)``; where ``size`` is no multiple, some processes do rows again."""
    share = -(-size // fabric.world_size)
    rows: npt.NDArray[np.int64] = (np.arange(share) + share * fabric.global_rank) % size
    return rows


class Joint:
    """A joint batch and this process's part in it.

    Not a dataclass, since Fabric would take one apart and lower the precision of what it finds.

    Attributes:
        size: N.
        rows: ``(n,)`` this process's rows. Each process has as many: where N is no multiple, some do rows again that
            ``gather`` drops.
        generator: source of chance of what is drawn for the whole joint batch; in the same state in each process.
    """

    def __init__(self, size: int, fabric: Fabric, generator: torch.Generator) -> None:
        self.size = size
        self.generator = generator
        self._fabric = fabric
        self.rows = rows_of(size, fabric)

    def rand(self, count: int, *shape: int) -> Tensor:
        """``(count, *shape)`` uniform in [0, 1) for my rows, ``count / n`` for each: what one process draws; on CPU."""
        each = count // len(self.rows)
        drawn = torch.rand(self.size * each, *shape, generator=self.generator)
        if self._fabric.world_size == 1:
            return drawn
        return drawn.reshape(self.size, each, *shape)[self.rows].flatten(0, 1)

    def gather(self, mine: Tensor) -> Tensor:
        """What each process has of its rows, for the joint batch; gradients find their way back.

        Losses of the gathered are the same in each process, so the mean of their gradients, which is what the processes
        agree on, is the gradient of the joint loss.

        Args:
            mine: ``(n * k, ...)``, k entries for each row.

        Returns:
            ``(N * k, ...)``.
        """
        if self._fabric.world_size == 1:
            return mine
        found: Tensor = self._fabric.all_gather(mine, sync_grads=torch.is_grad_enabled() and mine.requires_grad)
        return found.flatten(0, 1)[: self.size * (len(mine) // len(self.rows))]
