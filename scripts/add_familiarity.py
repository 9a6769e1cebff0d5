"""Write into a model folder what its training images were like, for a model that was exported without.

    python scripts/add_familiarity.py CONFIG RUN MODEL

CONFIG and RUN are those of its training, with RUN/prepared. The model gets another id: its metadata is part of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from assistant.bundle import read_bundle, set_familiarity
from trainer.config import load_config
from trainer.data import PREPARED, load_dataset
from trainer.familiarity import measure_familiarity
from trainer.labelled import labelled_of


def main() -> int:
    """Run the command."""
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    config_file, run, model = (Path(argument) for argument in sys.argv[1:])
    config = load_config(config_file)
    dataset = load_dataset(str(run / PREPARED), config, run, print, None)
    bundle = read_bundle(model)
    train, validation = (labelled_of(part, dataset, config) for part in (dataset.split.train, dataset.split.validation))
    file = bundle.onnx.get("int8") or bundle.onnx["float"]
    found = measure_familiarity(train.pixels, validation.pixels, bundle.preprocessing, file, config.threads)
    if found is None:
        raise SystemExit(f"'{run}' has too few frames to say what they are like")
    print(f"{bundle.model_id} -> {set_familiarity(model, found).model_id}, above {found.above}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
