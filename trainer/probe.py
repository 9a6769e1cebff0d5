"""What an encoder knows before it is fine-tuned: a linear probe and k nearest neighbours on its frozen features.

Called by the command's only thread.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assistant.contracts import Float32Array, UInt8Array
from assistant.metrics import confusion_matrix, plane_scores
from assistant.model_contracts import Preprocessing
from trainer.config import TrainConfig
from trainer.data import Dataset
from trainer.encoders import ResidualEncoder, channels_last, image_encoder, network_input
from trainer.labelled import labelled_of, share_of
from trainer.run_folder import load_weights
from trainer.splits import evenly

_NEIGHBOURS = 20
_MAX_FRAMES = 6000
"""Of training; neighbours in time look alike, so more would add little."""


def probe(dataset: Dataset, config: TrainConfig, pretrained: Path | None, label_share: float = 1.0) -> dict[str, float]:
    """Macro F1 (background included) on the test subjects, of both probes.

    Args:
        dataset: see there.
        config: all settings.
        pretrained: weights of ``VideoSpeech``; None: an encoder as it begins, at random.
        label_share: share of the training subjects' labelled frames that may be used.

    Returns:
        ``linear_probe_f1`` and ``knn_f1`` (20 neighbours by cosine).
    """
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    encoder = channels_last(image_encoder(config.encoder)).eval()
    if pretrained is not None:
        state = load_weights(pretrained)
        encoder.load_state_dict({k[6:]: v for k, v in state.items() if k.startswith("image.")})
    train = labelled_of(evenly(dataset.split.train, config.finetune.labelled_subjects), dataset, config)
    test = labelled_of(dataset.split.test, dataset, config)
    rng = np.random.default_rng(config.seed)
    known = share_of(train.labels, label_share, rng)
    if len(known) > _MAX_FRAMES:
        known = rng.choice(known, _MAX_FRAMES, replace=False)
    held_out = np.flatnonzero(test.labels >= 0)
    x = _features(encoder, train.pixels[known], dataset.preprocessing)
    z = _features(encoder, test.pixels[held_out], dataset.preprocessing)
    y, truth = train.labels[known], test.labels[held_out]
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, class_weight="balanced"))
    nearest = KNeighborsClassifier(min(_NEIGHBOURS, len(y)), metric="cosine", weights="distance")
    return {
        name: plane_scores(confusion_matrix(truth, model.fit(x, y).predict(z), len(dataset.classes)), None).macro_f1
        for name, model in (("linear_probe_f1", linear), ("knn_f1", nearest))
    }


@torch.no_grad()
def _features(encoder: ResidualEncoder, pixels: UInt8Array, spec: Preprocessing) -> Float32Array:
    """``(n, H, W)`` uint8 to ``(n, channels)`` float32."""
    found = [encoder.features(network_input(pixels[i : i + 64, None], spec)) for i in range(0, len(pixels), 64)]
    return np.asarray(torch.cat(found).numpy())
