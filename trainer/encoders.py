"""The networks: image encoder, speech encoder, projections, plane head, gaze decoder.

An image encoder is any network of MONAI's residual family with four stages. It sees single frames and a clip's features
are the mean over its frames, so live one frame costs one pass. Dense convolutions only in the small one: INT8 makes
these faster and depthwise ones slower. The speech encoder spots words: it looks over time alone, the bands being its
channels.

Notation used for tensor shapes:
    N: frames or windows; T: frames of a clip; H, W: network input; D: dimensions of the embedding.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Generic, TypeVar

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody knows
from monai.networks.nets import ResNet, SEResNext50
from torch import Tensor, nn

from assistant.contracts import UInt8Array
from assistant.model_contracts import Preprocessing
from assistant.preprocess import normalised
from assistant.speech import N_MELS
from trainer.config import EncoderConfig

M = TypeVar("M", bound=nn.Module)

_MEL_STD = 3.0
"""Of log-mel values of speech (natural logarithm of power) about the mean of their band."""


def as_it_is(features: Tensor) -> Tensor:
    """The joint batch of one process is its own."""
    return features


def _normed(norm: str, network: M) -> M:
    """With group norm in place of batch norm, about 16 channels a group (Wu 2018), if ``norm`` says so."""
    if norm == "group":
        for parent in [*network.modules()]:
            for name, child in parent.named_children():
                if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                    groups = math.gcd(child.num_features, max(1, child.num_features // 16))
                    setattr(parent, name, nn.GroupNorm(groups, child.num_features))
    return network


def channels_last(network: M) -> M:
    """The memory layout in which convolutions are fastest here (1.4 times)."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def network_input(pixels: UInt8Array, spec: Preprocessing) -> Tensor:
    """Kept frames, uint8 of any shape, as the network's float32 input: what ``Preprocessor`` makes of them live."""
    return torch.from_numpy(normalised(pixels, spec))


class ResidualEncoder(nn.Module):
    """Stem and four stages; gives the feature maps of the stages, at 1/4, 1/8, 1/16 and 1/32 of the input."""

    def __init__(self, stem: nn.Module, stages: Sequence[nn.Module], channels: Sequence[int]) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.channels = tuple(channels)

    def forward(self, x: Tensor) -> list[Tensor]:
        """``(N, 1, H, W)`` to four maps, finest first."""
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def features(self, x: Tensor) -> Tensor:
        """``(N, 1, H, W)`` to ``(N, channels[-1])``: the mean over the last map."""
        last: Tensor = self(x)[-1]
        return last.mean(dim=(2, 3))


def resnet_encoder(widths: Sequence[int]) -> ResidualEncoder:
    """A ResNet-18 with these widths."""
    net = ResNet(
        "basic",
        [2, 2, 2, 2],
        list(widths),
        spatial_dims=2,
        n_input_channels=1,
        conv1_t_size=7,
        conv1_t_stride=2,  # MONAI's default of 1 is four times the work
        feed_forward=False,
        bias_downsample=False,
    )
    stem = nn.Sequential(net.conv1, net.bn1, net.act, net.maxpool)
    return ResidualEncoder(stem, [net.layer1, net.layer2, net.layer3, net.layer4], widths)


def image_encoder(config: EncoderConfig) -> ResidualEncoder:
    """The image encoder that a config names."""
    if config.name == "resnet":
        return _normed(config.norm, resnet_encoder(config.widths))
    net = _normed(config.norm, SEResNext50(spatial_dims=2, in_channels=1, num_classes=2))
    return ResidualEncoder(net.layer0, [net.layer1, net.layer2, net.layer3, net.layer4], (256, 512, 1024, 2048))


class SpeechEncoder(nn.Module):
    """Finds words anywhere in a window: convolutions over time, then the maximum over the window.

    The mel bands are the channels of the first convolution (Choi 2019, *Temporal convolution for real-time keyword
    spotting on mobile devices*, arXiv 1904.03814). A feature sees 0.5 s, about a word, and its maximum says whether
    that word was spoken; the mean over the window, which is mostly silence and other words, hardly says it.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.channels = tuple(widths)
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv1d(i, o, 5, stride=2 if number % 2 else 1, padding=2, bias=False),
                    nn.BatchNorm1d(o),
                    nn.ReLU(inplace=True),
                )
                for number, (i, o) in enumerate(pairwise((N_MELS, *widths)))
            )
        )

    def features(self, bands: Tensor) -> Tensor:
        """``(N, n_mels, n_frames)``, 20 ms a frame, to ``(N, channels[-1])``."""
        found: Tensor = self.layers(bands).amax(dim=2)
        return found


def _projection(features: int, embedding: int) -> nn.Sequential:
    """Normalised over the batch: else what all inputs share keeps all cosines near 1 for long (Chen 2021, MoCo v3)."""
    return nn.Sequential(
        nn.Linear(features, features, bias=False),
        nn.BatchNorm1d(features),
        nn.ReLU(),
        nn.Linear(features, embedding, bias=False),
        nn.BatchNorm1d(embedding, affine=False),
    )


class VideoSpeech(nn.Module):
    """Both encoders with their projections and the correspondence head: what pretraining trains."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.image = image_encoder(config)
        self.speech = _normed(config.norm, SpeechEncoder(config.speech_widths))
        video, speech = self.image.channels[-1], self.speech.channels[-1]
        self.project_video = _projection(video, config.embedding)
        self.project_speech = _projection(speech, config.embedding)
        self.correspondence = nn.Sequential(nn.Linear(2 * config.embedding, 64), nn.ReLU(), nn.Linear(64, 1))
        # 1 / 0.07, the temperature that contrastive learning commonly begins with.
        self.log_scale = nn.Parameter(torch.tensor(2.66))

    def frame_features(self, clips: Tensor) -> Tensor:
        """``(N, T, H, W)`` to ``(N, T, features)``."""
        n, t = clips.shape[:2]
        return self.image.features(clips.flatten(0, 1).unsqueeze(1)).reshape(n, t, -1)

    def project_clip(self, frame_features: Tensor) -> Tensor:
        """``(N, T, features)`` to ``(N, D)`` unit vectors, of the mean over the frames."""
        return F.normalize(self.project_video(frame_features.mean(dim=1)).float(), dim=1)

    def embed_video(self, clips: Tensor, gather: Callable[[Tensor], Tensor] = as_it_is) -> Tensor:
        """``(N, T, H, W)`` to ``(N, D)`` unit vectors; ``gather`` as in ``embed_speech``."""
        return self.project_clip(gather(self.frame_features(clips)))

    def embed_speech(self, log_mels: Tensor, gather: Callable[[Tensor], Tensor] = as_it_is) -> Tensor:
        """``(N, n_mels, n_frames)`` to ``(N, D)`` unit vectors.

        With ``gather`` features are brought together from all processes (``compute.Joint``) before they are projected,
        so that the projection, too, is normalised over the joint batch.

        Each band is taken against its mean over the window, so that room, microphone, loudness and much of the voice's
        timbre drop out (cepstral mean normalisation; Atal 1974, J. Acoust. Soc. Am. 55, 1304).
        """
        standardised = (log_mels - log_mels.mean(dim=2, keepdim=True)) / _MEL_STD
        standardised = F.avg_pool1d(standardised, 2)  # 20 ms are fine enough for words, and half the work
        features = gather(self.speech.features(standardised))
        return F.normalize(self.project_speech(features).float(), dim=1)

    def compare(self, z_v: Tensor, z_s: Tensor) -> Tensor:
        """Logits ``(N, N)`` that clip i and speech j are of the same moment, from their embeddings.

        Product and difference let a small head compare the two; of the vectors side by side it would have to learn to.
        """
        # Numbers of a unit vector are as small as 1 / sqrt(D); a head wants them near 1.
        v, s = (z * z.shape[1] ** 0.5 for z in (z_v[:, None], z_s[None, :]))
        compared = torch.cat([v * s, (v - s).abs()], dim=2)
        logits: Tensor = self.correspondence(compared)
        return logits.squeeze(2)


class AveragedCopy(Generic[M]):
    """A copy of a network that follows it slowly (exponential moving average). It has no gradients.

    Attributes:
        network: the copy, in evaluation mode.
    """

    def __init__(self, network: M, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay
        self._steps = 0

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"network": self.network.state_dict(), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on from what ``state_dict`` gave."""
        self.network.load_state_dict(state["network"])
        self._steps = state["steps"]

    @torch.no_grad()
    def follow(self, network: M) -> None:
        """Move a step towards ``network``; faster at the beginning, when its start is worth forgetting."""
        self._steps += 1
        decay = min(self._decay, self._steps / (self._steps + 9))
        for mine, theirs in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(theirs.to(mine.dtype), 1 - decay)
            else:
                mine.copy_(theirs)


class GazeDecoder(nn.Module):
    """From the encoder's maps to a log-density at 1/4 of the input: a light feature pyramid (Lin 2017)."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.smooth = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps of the stages, finest first, to ``(N, H/4, W/4)``."""
        merged: Tensor | None = None
        for lateral, finer in zip(reversed(self.lateral), reversed(maps), strict=True):
            here = lateral(finer)
            merged = here if merged is None else here + F.interpolate(merged, scale_factor=2.0, mode="nearest")
        gaze: Tensor = self.head(self.smooth(merged))
        return gaze.squeeze(1)


class GuidanceNetwork(nn.Module):
    """The joint model that fine-tuning trains and export writes: one encoder, plane head, gaze decoder, one pass."""

    def __init__(self, config: EncoderConfig, n_classes: int) -> None:
        super().__init__()
        self.image = image_encoder(config)
        self.planes = nn.Linear(self.image.channels[-1], n_classes)
        self.gaze = _normed(config.norm, GazeDecoder(self.image.channels, config.decoder_channels))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """``(N, 1, H, W)`` to ``logits`` ``(N, n_classes)`` and ``gaze_logits`` ``(N, H/4, W/4)``."""
        logits, gaze_logits, _ = self.answer(image)
        return logits, gaze_logits

    def answer(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same with the features ``(N, channels[-1])`` that the classes are told by."""
        maps = self.image(image)
        features = maps[-1].mean(dim=(2, 3))
        return self.planes(features), self.gaze(maps), features
