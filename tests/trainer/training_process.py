"""Pretraining, then fine-tuning, of drawn recordings: a process that a test can kill, or start more than once.

``python training_process.py FOLDER SETTINGS``: SETTINGS is JSON, changes to ``drawn.config``. It prints one line of
JSON with the history of both steps when it is through.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.trainer.conftest import bar_picture
from tests.trainer.drawn import CLASSES, config, recording
from trainer.compute import all_processes
from trainer.data import assemble
from trainer.finetune import finetune
from trainer.pretrain import pretrain

SETTINGS = {
    "data": {"clip_frames": 3},
    "pretrain": {"epochs": 2, "recordings": 2, "windows": 5, "order_weight": 0.5, "transform_weight": 0.5},
    "finetune": {"epochs": 2, "frames_per_epoch": 104, "batch": 13},
    "compute": {"checkpoint_s": 0},
}


def settings(changes):
    return {section: {**SETTINGS.get(section, {}), **changes.get(section, {})} for section in {*SETTINGS, *changes}}


def train(folder, changes, fabric=None):
    """Both steps; returns what each gave."""
    chosen = config(**settings(changes))
    dataset = assemble([recording(seed, 0.7, bar_picture) for seed in range(4)], chosen, CLASSES)
    pretrained = pretrain(dataset, chosen, folder / "pretrain", lambda figures: None, fabric)
    return pretrained, finetune(dataset, chosen, pretrained.weights, folder / "finetune", lambda figures: None, fabric)


if __name__ == "__main__":
    changes = json.loads(sys.argv[2])
    fabric = all_processes(config(**settings(changes)).compute)
    fabric.launch()
    found = train(Path(sys.argv[1]), changes, fabric)
    if fabric.is_global_zero:
        sys.stdout.write(json.dumps([step.history for step in found]) + "\n")
