"""What video alone can teach: in which order frames came, and how an image was moved. Each is a head with its loss.

After the authors' earlier work on video alone (Jiao 2020, ISBI), in our own form. Called by the training loop's only
thread.

Notation used for tensor shapes:
    N: clips; T: frames of a clip; F: features of a frame; P: orders that can be told apart.
"""

from __future__ import annotations

from itertools import permutations

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody knows
from torch import Tensor, nn

from trainer.augment import draw_motion

_HIDDEN = 64


def frame_orders(n_frames: int) -> Tensor:
    """``(P, T)`` all orders of the frames; of an order and its reverse only one, since a probe moves both ways."""
    orders = [order for order in permutations(range(n_frames)) if order[0] < order[-1]]
    return torch.tensor(orders, dtype=torch.int64)


class FrameOrder(nn.Module):
    """Tells the order of a shuffled clip's frames from their features before these are averaged."""

    def __init__(self, features: int, n_frames: int) -> None:
        super().__init__()
        self.register_buffer("orders", frame_orders(n_frames), persistent=False)
        self.head = nn.Sequential(
            nn.Linear(n_frames * features, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, len(frame_orders(n_frames)))
        )

    def forward(self, frame_features: Tensor, generator: torch.Generator) -> Tensor:
        """Shuffle, ask, and compare: the cross-entropy, a scalar.

        The features are shuffled instead of the frames: each frame is encoded by itself, so it is the same.

        Args:
            frame_features: ``(N, T, F)`` in their true order.
            generator: source of chance.
        """
        n = len(frame_features)
        orders: Tensor = self.get_buffer("orders")
        drawn = torch.randint(len(orders), (n,), generator=generator).to(orders.device)
        backwards = (torch.rand(n, generator=generator) < 0.5).to(orders.device)
        chosen = orders[drawn]
        chosen = torch.where(backwards[:, None], chosen.flip(1), chosen)
        shuffled = torch.gather(frame_features, 1, chosen[:, :, None].expand_as(frame_features))
        return F.cross_entropy(self.head(shuffled.flatten(1)), drawn)


class Movement(nn.Module):
    """Tells by which affine map an image was moved, from the features of the image before and after.

    The loss is the mean squared error of the map's six numbers, each divided by its standard deviation over many draws
    of ``augment.draw_motion``, so that 1 is what somebody who knows nothing reaches.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        draws = draw_motion(4096, torch.Generator().manual_seed(0))
        self.register_buffer("mean", draws.mean(dim=0), persistent=False)
        self.register_buffer("spread", draws.std(dim=0), persistent=False)
        self.head = nn.Sequential(nn.Linear(2 * features, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 6))

    def forward(self, before: Tensor, after: Tensor, motion: Tensor) -> Tensor:
        """Scalar.

        Args:
            before: ``(N, F)`` features of the clips as they are.
            after: ``(N, F)`` features of the moved clips.
            motion: ``(N, 2, 3)`` the map by which it was moved.
        """
        told = self.head(torch.cat([before, after], dim=1))
        motion = motion.to(told.device)
        return F.mse_loss(told, ((motion - self.get_buffer("mean")) / self.get_buffer("spread")).flatten(1))
