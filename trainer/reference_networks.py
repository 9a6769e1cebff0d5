"""Networks of known size for ``sonocue bench inference``, and how fast torch itself, which is no engine, runs them.

Their weights are random, with the statistics of batch normalisation taken from frames, so that values are as large as
in a trained network, and a plane head that tells some frames apart. They take as long as trained ones; what they say
means nothing.

Found by the entry-point group ``sonocue.references``. Runs on the main thread.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from assistant.bundle import SYMMETRIC, write_bundle
from assistant.contracts import Float32Array
from assistant.model_contracts import Preprocessing

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in training; torch's threads must not spin beside others

import torch
from torch import nn

from trainer.config import EncoderConfig
from trainer.encoders import GuidanceNetwork, channels_last
from trainer.onnx_files import run_onnx, to_onnx
from trainer.quantise import Quantiser

_CONFIGS = {
    "seresnext50": EncoderConfig(name="seresnext50"),
    "resnet18": EncoderConfig(widths=(64, 128, 256, 512)),
    "resnet": EncoderConfig(),
}
_PLANES_ONLY = "-planes"
_CLASSES = 14

NAMES = ("seresnext50", f"seresnext50{_PLANES_ONLY}", "resnet18", "resnet")
"""Both sizes with both heads, the large one without its gaze decoder, and the default widths."""


def make(name: str, out: Path, image: Float32Array) -> None:
    """Write a model folder: float, INT8 with everything quantised, and its symmetric twin.

    Args:
        name: one of ``NAMES``.
        out: the folder to make.
        image: ``(N, 1, H, W)`` frames; the last 14 become golden, the others set ranges.
    """
    network = _network(name, image)
    golden, seen = image[-_CLASSES:], image[:-_CLASSES]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        has_gaze = not name.endswith(_PLANES_ONLY)
        outputs = ("logits", "gaze_logits") if has_gaze else ("logits",)
        to_onnx(network, torch.from_numpy(image[:2]), folder / "float.onnx", "image", outputs)
        quantiser = Quantiser(folder / "float.onnx", folder, seen)
        quantiser.write(folder / "int8.onnx")
        quantiser.write(folder / "symmetric.onnx", symmetric=True)
        write_bundle(
            out,
            name=name,
            classes=[f"class {index}" for index in range(_CLASSES)],
            background="class 0",
            preprocessing=Preprocessing((0, 0, 1, 1), *image.shape[2:]),
            temperature=1.0,
            abstain_below=0.0,
            trained_on="phantom",
            training_data="nothing: random weights, for measuring time",
            onnx={"float": folder / "float.onnx", "int8": folder / "int8.onnx"},
            golden={"image": golden, **run_onnx(folder / "float.onnx", golden, torch.get_num_threads())},
            card=f"# {name}\n\nRandom weights, for measuring time. What it says means nothing.\n",
            extra_files={SYMMETRIC: folder / "symmetric.onnx"},
        )


def eager(name: str, threads: int, image: Float32Array) -> Callable[[Float32Array], None]:
    """What runs one frame through torch as it is, in the memory layout that suits it best.

    Args:
        name: one of ``NAMES``.
        threads: that torch may use.
        image: as for ``make``.
    """
    torch.set_num_threads(threads)
    network = channels_last(_network(name, image))

    def infer(batch: Float32Array) -> None:
        with torch.inference_mode():
            network(torch.from_numpy(batch).contiguous(memory_format=torch.channels_last))

    return infer


def _network(name: str, image: Float32Array) -> nn.Module:
    torch.manual_seed(0)
    network = GuidanceNetwork(_CONFIGS[name.removesuffix(_PLANES_ONLY)], _CLASSES)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the plain mean over all that is seen
    network.train()
    with torch.no_grad():
        for first in range(0, min(len(image), 16), 4):
            network(torch.from_numpy(image[first : first + 4]))
    network.eval()
    _tell_apart(network, torch.from_numpy(image[-_CLASSES:]))
    return _Planes(network) if name.endswith(_PLANES_ONLY) else network


@torch.no_grad()
def _tell_apart(network: GuidanceNetwork, golden: torch.Tensor) -> None:
    """Make each golden frame the example of a class, so that engines can be held to naming it."""
    features = torch.cat([network.image.features(golden[i : i + 1]) for i in range(_CLASSES)])
    mean = features.mean(dim=0)
    centred = features - mean
    weight = 8 * centred / centred.square().sum(dim=1, keepdim=True)
    network.planes.weight.copy_(weight)
    network.planes.bias.copy_(-(weight @ mean))


class _Planes(nn.Module):
    def __init__(self, network: GuidanceNetwork) -> None:
        super().__init__()
        self.image, self.planes = network.image, network.planes

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.planes(self.image.features(image))
        return logits
