"""An image as it is kept for training: what was drawn over it painted out, cropped, resized; or left out.

What is drawn is found at the resolution of capture, so this comes while a recording is decoded. Called by the processes
of ``prepare``.
"""

from __future__ import annotations

from collections import Counter

from assistant.contracts import UInt8Array
from assistant.model_contracts import Preprocessing
from assistant.preprocess import Preprocessor, crop_rect_px
from trainer.burned_in import Rejection, clean
from trainer.config import DataConfig

WHOLE_IMAGE = (0.0, 0.0, 1.0, 1.0)


class KeptFrames:
    """Makes frames of one recording's images, and counts those that cannot serve.

    Args:
        crop: part of the image that is kept (see ``Preprocessing``).
        config: resolution, and whether drawn marks are painted out.
    """

    def __init__(self, crop: tuple[float, float, float, float], config: DataConfig) -> None:
        self._crop = Preprocessing(crop, config.height_px, config.width_px)
        # The network's own normalisation comes in training.
        self._preprocess = Preprocessor(Preprocessing(WHOLE_IMAGE, config.height_px, config.width_px))
        self._paint_out = config.paint_out
        self._left_out: Counter[str] = Counter()

    def rect_px(self, height: int, width: int) -> tuple[int, int, int, int]:
        """What is kept of such an image: (top, left, bottom, right) in pixels, half open."""
        return crop_rect_px(self._crop, height, width)

    def __call__(self, image: UInt8Array) -> UInt8Array | None:
        """The frame, ``(height_px, width_px)`` uint8 grey; None when too much of the image is drawn over.

        Args:
            image: ``(H, W)`` uint8 grey or ``(H, W, 3)`` uint8 RGB, as it was captured.
        """
        top, left, bottom, right = self.rect_px(image.shape[0], image.shape[1])
        sector = image[top:bottom, left:right]
        if self._paint_out:
            cleaned = clean(sector)
            if isinstance(cleaned, Rejection):
                self._left_out[cleaned.kind] += 1
                return None
            sector = cleaned.image
        return self._preprocess.resized(sector).copy()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, each one line."""
        return tuple(f"{count} frames left out: {kind}" for kind, count in self._left_out.most_common())
