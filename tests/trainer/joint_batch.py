"""Loss and gradients of one joint batch for each way to learn: a process of ``torchrun``, or a test alone.

``python joint_batch.py FILE``: the first process writes what ``learn`` gives, what a short run gives, and what is
refused. The batch has 7 pairs, which two processes cannot share evenly.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from assistant.errors import TrainingError
from tests.trainer.drawn import config
from tests.trainer.training_process import train
from trainer.compute import Joint, all_processes, normalise_jointly
from trainer.encoders import GuidanceNetwork, VideoSpeech
from trainer.losses import admissible_nll
from trainer.objective import Batch, Objective

PAIRS = 7
NONE = {"contrastive": "none", "correspondence_weight": 0, "speech_contrast_weight": 0, "video_contrast_weight": 0}
WAYS = {
    "info_nce": {**NONE, "contrastive": "info_nce", "margin": 0.1},
    "mil_nce": {**NONE, "contrastive": "mil_nce"},
    "correspondence": {**NONE, "correspondence_weight": 1},
    "speech contrast": {**NONE, "speech_contrast_weight": 1},
    "video contrast": {**NONE, "video_contrast_weight": 1},
    "order and transform": {**NONE, "order_weight": 1, "transform_weight": 1},
    "all": {"order_weight": 0.5, "transform_weight": 0.5},
}


SLOWLY = {
    "encoder": {"norm": "group"},
    "pretrain": {"epochs": 1, "learning_rate": 1e-6},
    "finetune": {"epochs": 1, "learning_rate": 1e-6},
}


def settings(way):
    return config(data={"clip_frames": 3}, encoder={"norm": "group"}, pretrain=WAYS[way], compute={"devices": 1})


def whole_batch():
    """What one process would see: drawn once, from a seed."""
    g = torch.Generator().manual_seed(1)
    video, again = torch.randn(2, PAIRS, 3, 32, 32, generator=g)
    speech = torch.randn(PAIRS, 3, 64, 100, generator=g)
    positives, (negatives, apart) = torch.rand(PAIRS, generator=g), torch.rand(2, PAIRS, PAIRS, generator=g)
    return video, speech, positives, negatives, again, apart


def learn(way, fabric):
    """``loss`` and all gradients by name, after a backward pass, as an optimiser would see them."""
    torch.manual_seed(0)
    network = VideoSpeech(settings(way).encoder)
    normalise_jointly(network, fabric)
    objective = Objective(network, settings(way))
    model = fabric.setup(objective)
    joint = Joint(PAIRS, fabric, torch.Generator().manual_seed(2))
    video, speech, positives, negatives, again, apart = fabric.to_device(whole_batch())
    batch = Batch(video[joint.rows], speech[joint.rows], positives, negatives, again[joint.rows], apart, alone=True)
    loss = model(batch, joint)["loss"]
    fabric.backward(loss)
    return {"loss": loss.detach(), **_gradients(objective)}


def tune(fabric):
    """The same of fine-tuning's loss; two of the seven images have no label."""
    torch.manual_seed(0)
    network = GuidanceNetwork(settings("all").encoder, 4)
    normalise_jointly(network, fabric)
    model = fabric.setup(network)
    joint = Joint(PAIRS, fabric, torch.Generator().manual_seed(2))
    images = fabric.to_device(torch.randn(PAIRS, 1, 32, 32, generator=torch.Generator().manual_seed(1)))
    admissible = fabric.to_device(torch.eye(4, dtype=torch.bool)[torch.arange(PAIRS) % 4])
    admissible[[1, 4]] = False
    logits, gaze = (joint.gather(found) for found in model(images[joint.rows]))
    loss = admissible_nll(logits, admissible) + gaze.logsumexp(dim=(1, 2)).mean()
    fabric.backward(loss)
    return {"loss": loss.detach(), **_gradients(network)}


def _gradients(module):
    return {name: p.grad.cpu().clone() for name, p in module.named_parameters() if p.grad is not None}


def everything(fabric):
    torch.set_num_threads(1)
    return {**{way: learn(way, fabric) for way in WAYS}, "fine-tuning": tune(fabric)}


if __name__ == "__main__":
    fabric = all_processes(settings("all").compute)
    fabric.launch()
    assert fabric.world_size == 2
    rows = Joint(PAIRS, fabric, torch.Generator()).rows.tolist()
    assert rows == [[0, 1, 2, 3], [4, 5, 6, 0]][fabric.global_rank]
    found = everything(fabric)
    folder = fabric.broadcast(tempfile.mkdtemp(dir=Path(sys.argv[1]).parent))
    found["run"] = [step.history for step in train(Path(folder), SLOWLY, fabric)]
    try:
        normalise_jointly(VideoSpeech(config().encoder), fabric)
    except TrainingError as error:
        found["refused"] = str(error)
    if fabric.is_global_zero:
        torch.save(found, sys.argv[1])
