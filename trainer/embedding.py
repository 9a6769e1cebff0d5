"""The pretrained encoders, and what they make of moments of a recording. Called by the command's only thread.

Notation used for array shapes:
    n: windows; D: dimensions of the embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from assistant.contracts import Float32Array
from assistant.errors import TrainingError
from trainer.config import TrainConfig
from trainer.data import Dataset, clips, speech_of
from trainer.encoders import VideoSpeech, channels_last, network_input
from trainer.pairs import Windows
from trainer.recordings import Recording
from trainer.run_folder import load_weights


def load_encoders(weights: Path, config: TrainConfig) -> VideoSpeech:
    """The pretrained encoders, in evaluation mode. Raises ``TrainingError``."""
    network = VideoSpeech(config.encoder)
    try:
        network.load_state_dict(load_weights(weights))
    except RuntimeError as error:
        raise TrainingError(f"weights '{weights}' are of another network than the config names") from error
    return channels_last(network.eval())


@torch.no_grad()
def embed_clips(
    network: VideoSpeech, recordings: Sequence[Recording], windows: Windows, dataset: Dataset, config: TrainConfig
) -> Float32Array:
    """Embeddings of the clips at these moments, ``(n, D)`` float32 unit vectors."""
    network.eval()
    found = []
    for i in range(0, len(windows), 32):
        number, centre_s = windows.recording[i : i + 32], windows.centre_s[i : i + 32]
        video = network_input(clips(recordings, number, centre_s, config.data), dataset.preprocessing)
        found.append(network.embed_video(video.to(network.log_scale.device)).cpu().numpy())
    return np.concatenate(found)


@torch.no_grad()
def embed_speech(
    network: VideoSpeech, recordings: Sequence[Recording], windows: Windows, config: TrainConfig
) -> Float32Array:
    """Embeddings of the speech at these moments, ``(n, D)`` float32 unit vectors."""
    network.eval()
    found = []
    for i in range(0, len(windows), 32):
        number, centre_s = windows.recording[i : i + 32], windows.centre_s[i : i + 32]
        log_mels = torch.from_numpy(speech_of(recordings, number, centre_s, config.data))
        found.append(network.embed_speech(log_mels.to(network.log_scale.device)).cpu().numpy())
    return np.concatenate(found)
