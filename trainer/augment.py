"""Random changes to images and speech that must not change what they mean. Called by the training loop's only thread.

No mirroring: left and right are part of a standard plane (situs), and the probe's marker stands for them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody knows
from torch import Tensor

from trainer.compute import Joint

Chance = torch.Generator | Joint
"""Where random numbers come from: for all that is at hand, or for this process's rows of a joint batch."""

_ROTATION_RAD = 0.25
_SHIFT = 0.08
_ZOOM = 0.12
_TEMPO, _TRACT = 0.15, 0.12
_EARLIER, _PITCH = 0.07, 0.03
"""Shares of the window's length and of the mel scale."""
_GAIN_NATS = 1.4  # +-6 dB of power: loudness says nothing about what is said


def draw_motion(n: int, generator: Chance) -> Tensor:
    """``(n, 2, 3)`` affine maps that rotate, zoom and shift a little."""
    angle, zoom = _uniform(n, _ROTATION_RAD, generator), 1 + _uniform(n, _ZOOM, generator)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = angle.cos() * zoom
    theta[:, 0, 1], theta[:, 1, 0] = -angle.sin() * zoom, angle.sin() * zoom
    # The grid spans [-1, 1], twice the width.
    theta[:, 0, 2], theta[:, 1, 2] = _uniform(n, 2 * _SHIFT, generator), _uniform(n, 2 * _SHIFT, generator)
    return theta


def augment_images(images: Tensor, motion: Tensor, generator: Chance) -> Tensor:
    """Move, and change contrast and brightness; one draw per item.

    Args:
        images: ``(N, C, H, W)`` normalised; the C images of an item (frames of a clip) are changed alike.
        motion: ``(N, 2, 3)`` of ``draw_motion``.
        generator: source of chance.
    """
    n = len(images)
    grid = F.affine_grid(motion.to(images.device), [n, 1, *images.shape[2:]], align_corners=False)
    # Outside the crop lies what is at its border, commonly the black around the sector.
    moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    contrast = (1 + _uniform(n, 0.25, generator)).to(images.device)
    brightness = _uniform(n, 0.2, generator).to(images.device)
    return moved * contrast[:, None, None, None] + brightness[:, None, None, None]


def move_maps(maps: Tensor, motion: Tensor) -> Tensor:
    """Move ``(N, h, w)`` densities as their images; each sums to 1 again, or to 0 when it left the image."""
    grid = F.affine_grid(motion.to(maps.device), [len(maps), 1, *maps.shape[1:]], align_corners=False)
    moved = F.grid_sample(maps.unsqueeze(1), grid, align_corners=False).squeeze(1)
    return moved / moved.sum(dim=(1, 2), keepdim=True).clamp_min(1e-6)


def augment_speech(log_mels: Tensor, generator: Chance) -> Tensor:
    """Change the speaker, the loudness, and hide a band of frequencies and a stretch of time.

    Another speaker has a longer or shorter vocal tract, which moves the formants together (Jaitly 2013, *Vocal tract
    length perturbation improves speech recognition*), and speaks faster or more slowly (Ko 2015, *Audio augmentation
    for speech recognition*). The hiding is that of SpecAugment (Park 2019, arXiv 1904.08779).

    Args:
        log_mels: ``(N, n_mels, n_frames)``.
        generator: source of chance.
    """
    n, n_mels, n_frames = log_mels.shape
    warp = torch.zeros(n, 2, 3)
    warp[:, 0, 0], warp[:, 0, 2] = 1 + _uniform(n, _TEMPO, generator), _uniform(n, 2 * _EARLIER, generator)
    warp[:, 1, 1], warp[:, 1, 2] = 1 + _uniform(n, _TRACT, generator), _uniform(n, 2 * _PITCH, generator)
    grid = F.affine_grid(warp.to(log_mels.device), [n, 1, n_mels, n_frames], align_corners=False)
    log_mels = F.grid_sample(log_mels.unsqueeze(1), grid, padding_mode="border", align_corners=False).squeeze(1)
    gain = _uniform(n, _GAIN_NATS, generator)[:, None, None]
    hidden = (
        _stretch(n, n_mels, n_mels // 6, generator)[:, :, None]
        | _stretch(n, n_frames, n_frames // 6, generator)[:, None]
    )
    quiet = log_mels.amin(dim=(1, 2), keepdim=True)
    return torch.where(hidden.to(log_mels.device), quiet, log_mels) + gain.to(log_mels.device)


def _uniform(n: int, extent: float, generator: Chance) -> Tensor:
    return (2 * _rand(generator, n) - 1) * extent


def _rand(generator: Chance, n: int, *shape: int) -> Tensor:
    """Uniform in [0, 1), on CPU: the same numbers for every device."""
    if isinstance(generator, Joint):
        return generator.rand(n, *shape)
    return torch.rand(n, *shape, generator=generator)


def _stretch(n: int, length: int, longest: int, generator: Chance) -> Tensor:
    """``(n, length)`` bool: one stretch of up to ``longest`` a row."""
    extent = _rand(generator, n, 1) * longest
    start = _rand(generator, n, 1) * (length - extent)
    at = torch.arange(length)[None]
    return (at >= start) & (at < start + extent)
