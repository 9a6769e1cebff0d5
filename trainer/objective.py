"""Everything that pretraining learns from one batch, as one module with one forward pass and named losses.

Called by the training loop's only thread.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.augment import augment_images, augment_speech, draw_motion
from trainer.auxiliary import FrameOrder, Movement
from trainer.compute import Joint
from trainer.config import TrainConfig
from trainer.encoders import VideoSpeech
from trainer.losses import correspondence_bce, info_nce, mil_nce, nt_xent


class Batch:
    """Pairs of clip and speech: pixels and sound of this process's n pairs, what is known of all N of the joint batch.

    Not a dataclass, since Fabric would take one apart and lower the precision of its weights.

    Attributes:
        video: ``(n, T, H, W)`` normalised.
        speech: ``(n, K, n_mels, n_frames)`` K windows around each clip, the one that belongs to it in the middle.
        positives: ``(N,)`` in [0, 1], how much each pair counts.
        negatives: ``(N, N)`` in [0, 1], how much clip i and speech j count as a pair that does not belong together.
        video_again: ``(n, T, H, W)`` the clips a moment earlier or later; empty when ``alone`` is not asked.
        apart: ``(N, N)`` in [0, 1], how much the moments of pairs i and j count as different.
        alone: each side also learns by itself.
    """

    def __init__(
        self,
        video: Tensor,
        speech: Tensor,
        positives: Tensor,
        negatives: Tensor,
        video_again: Tensor,
        apart: Tensor,
        *,
        alone: bool,
    ) -> None:
        self.video, self.speech, self.video_again = video, speech, video_again
        self.positives, self.negatives, self.apart = positives, negatives, apart
        self.alone = alone


class Objective(nn.Module):
    """The encoders with the losses that a config switches on."""

    def __init__(self, network: VideoSpeech, config: TrainConfig) -> None:
        super().__init__()
        self.network = network
        self._settings = settings = config.pretrain
        features = network.image.channels[-1]
        self.order = FrameOrder(features, config.data.clip_frames) if settings.order_weight else None
        self.movement = Movement(features) if settings.transform_weight else None

    def forward(self, batch: Batch, joint: Joint) -> dict[str, Tensor]:
        """Each loss by its name, and ``loss``, their weighted sum; scalars, of the joint batch."""
        settings, network = self._settings, self.network
        motion = draw_motion(len(batch.video), joint)
        frames = joint.gather(network.frame_features(augment_images(batch.video, motion, joint)))
        z_v = network.project_clip(frames)
        terms: dict[str, Tensor] = {}
        weighted: list[Tensor] = []
        if settings.learns_speech:
            k = batch.speech.shape[1]
            heard = augment_speech(batch.speech.flatten(0, 1), joint)
            z_bag = network.embed_speech(heard, joint.gather).reshape(joint.size, k, -1)
            z_s = z_bag[:, k // 2]
            if settings.contrastive == "info_nce":
                terms["contrastive"] = info_nce(
                    z_v, z_s, network.log_scale,
                    weights=batch.positives, negatives=batch.negatives, margin=settings.margin,
                )  # fmt: skip
                weighted.append(terms["contrastive"])
            elif settings.contrastive == "mil_nce":
                terms["contrastive"] = mil_nce(z_v, z_bag, network.log_scale, negatives=batch.negatives)
                weighted.append(terms["contrastive"])
            if settings.correspondence_weight:
                terms["correspondence"] = _correspondence(network.compare(z_v, z_s), batch)
                weighted.append(settings.correspondence_weight * terms["correspondence"])
            if settings.speech_contrast_weight and batch.alone:
                z_again = network.embed_speech(augment_speech(batch.speech[:, k // 2], joint), joint.gather)
                terms["speech contrast"] = nt_xent(z_s, z_again, network.log_scale, negatives=batch.apart)
                weighted.append(settings.speech_contrast_weight * terms["speech contrast"])
        if self.order is not None:
            terms["order"] = self.order(frames, joint.generator)
            weighted.append(settings.order_weight * terms["order"])
        if self.movement is not None:
            still = joint.gather(network.frame_features(batch.video).mean(dim=1))
            terms["transform"] = self.movement(still, frames.mean(dim=1), joint.gather(motion))
            weighted.append(settings.transform_weight * terms["transform"])
        if settings.video_contrast_weight and batch.alone:
            again = augment_images(batch.video_again, draw_motion(len(batch.video), joint), joint)
            z_again = network.embed_video(again, joint.gather)
            terms["video contrast"] = nt_xent(z_v, z_again, network.log_scale, negatives=batch.apart)
            weighted.append(settings.video_contrast_weight * terms["video contrast"])
        return {"loss": torch.stack(weighted).sum(), **terms}


def _correspondence(logits: Tensor, batch: Batch) -> Tensor:
    """All pairs of a batch; positives and negatives have the same say in sum, or the many would drown the few."""
    eye = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    say = batch.positives.sum() / batch.negatives.sum().clamp_min(1e-6)
    weights = batch.negatives * say + torch.diag(batch.positives)
    return correspondence_bce(logits.flatten(), eye.flatten(), weights.flatten())
