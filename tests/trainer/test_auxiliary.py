"""What video alone teaches: the tasks can be solved by who sees the answer, and not by who sees nothing."""

import torch

from trainer.augment import draw_motion
from trainer.auxiliary import FrameOrder, Movement, frame_orders


def fit(module, inputs, steps=150):
    optimiser = torch.optim.Adam(module.parameters(), 1e-2)
    chance = torch.Generator().manual_seed(1)
    losses = []
    for _ in range(steps):
        loss = module(*inputs(chance))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return sum(losses[-20:]) / 20


def test_an_order_and_its_reverse_are_one():
    orders = frame_orders(4).tolist()
    assert len(orders) == 12
    assert all(order[::-1] not in orders for order in orders)


def test_the_order_of_frames_is_found_from_features_that_tell_it_only():
    torch.manual_seed(0)

    def moving(chance):
        start = torch.rand(64, 1, 1, generator=chance)
        return start + 0.3 * torch.arange(3)[None, :, None], chance

    def still(chance):
        return torch.rand(64, 1, 1, generator=chance).expand(64, 3, 1), chance

    assert fit(FrameOrder(1, 3), moving) < 0.3
    assert fit(FrameOrder(1, 3), still) > 1.0  # log 3 by chance


def test_the_movement_is_found_from_features_that_tell_it_only():
    torch.manual_seed(0)

    def told(chance):
        motion = draw_motion(64, chance)
        return torch.zeros(64, 6), motion.flatten(1), motion

    def untold(chance):
        return torch.zeros(64, 6), torch.zeros(64, 6), draw_motion(64, chance)

    assert fit(Movement(6), told) < 0.2
    assert 0.9 < fit(Movement(6), untold) < 1.1
