"""Pretraining, then fine-tuning, of drawn recordings: a process that is killed in the middle, and one of several.

``python training_process.py FOLDER SETTINGS [N]``: SETTINGS is JSON, changes to ``drawn.config``. The process kills
itself (SIGKILL) within its N-th gradient step; else it prints the history of both steps as JSON.
"""

import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from torch.optim.optimizer import register_optimizer_step_post_hook

from tests.trainer.conftest import bar_picture
from tests.trainer.drawn import CLASSES, config, recording
from trainer.compute import all_processes
from trainer.data import assemble
from trainer.finetune import finetune
from trainer.pretrain import pretrain

SETTINGS = {
    "data": {"clip_frames": 3, "window_step_s": 3.0},
    "pretrain": {"epochs": 2, "recordings": 1, "windows": 7, "order_weight": 0.5, "transform_weight": 0.5},
    "finetune": {"epochs": 2, "frames_per_epoch": 52, "batch": 13},
    "compute": {"checkpoint_s": 0},
}


def settings(changes):
    return {section: {**SETTINGS.get(section, {}), **changes.get(section, {})} for section in {*SETTINGS, *changes}}


def train(folder, changes, fabric=None):
    """Both steps; returns what each gave."""
    chosen = config(**settings(changes))
    dataset = assemble([recording(seed, 0.7, bar_picture) for seed in range(3)], chosen, CLASSES)
    pretrained = pretrain(dataset, chosen, folder / "pretrain", lambda figures: None, fabric)
    return pretrained, finetune(dataset, chosen, pretrained.weights, folder / "finetune", lambda figures: None, fabric)


def kill_within_step(number):
    """When the weights have moved, but neither the averaged copy nor the checkpoint."""
    taken = []

    def count(optimiser, args, kwargs):
        taken.append(optimiser)
        if len(taken) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    register_optimizer_step_post_hook(count)


if __name__ == "__main__":
    if sys.argv[3:]:
        kill_within_step(int(sys.argv[3]))
    changes = json.loads(sys.argv[2])
    fabric = all_processes(config(**settings(changes)).compute)
    fabric.launch()
    found = train(Path(sys.argv[1]), changes, fabric)
    if fabric.is_global_zero:
        sys.stdout.write(json.dumps([step.history for step in found]) + "\n")
