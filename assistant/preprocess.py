"""From an image of any scanner to the network's input: one definition for training and live.

A ``Preprocessor`` keeps scratch buffers, so each thread makes its own (live: the inference thread). OpenCV's pool of
threads is process-wide and set where the run is wired, not here.
"""

from __future__ import annotations

import cv2
import numpy as np

from assistant.contracts import Float32Array, Preprocessing, UInt8Array


def crop_rect_px(spec: Preprocessing, height: int, width: int) -> tuple[int, int, int, int]:
    """The crop as (top, left, bottom, right) in pixels, half open, never empty.

    Args:
        spec: owns the fractions.
        height: of the image, in pixels.
        width: of the image, in pixels.
    """
    top, left, bottom, right = spec.crop
    top_px = min(round(top * height), height - 1)
    left_px = min(round(left * width), width - 1)
    return top_px, left_px, max(round(bottom * height), top_px + 1), max(round(right * width), left_px + 1)


class Preprocessor:
    """Grey, crop, area resize, normalise.

    Grey is OpenCV's luma (``0.299 R + 0.587 G + 0.114 B``, ITU-R BT.601); the aspect ratio of the crop is not kept:
    it is stretched to the network's input.
    """

    def __init__(self, spec: Preprocessing) -> None:
        self.spec = spec
        self._resized: UInt8Array = np.empty((spec.height_px, spec.width_px), np.uint8)

    def crop_rect_px(self, height: int, width: int) -> tuple[int, int, int, int]:
        """The part of an image that the network sees: (top, left, bottom, right) in pixels, half open."""
        return crop_rect_px(self.spec, height, width)

    def __call__(self, pixels: UInt8Array, out: Float32Array | None = None) -> Float32Array:
        """Make the network's input.

        Args:
            pixels: ``(H, W, 3)`` uint8 RGB or ``(H, W)`` uint8 grey.
            out: ``(1, 1, height_px, width_px)`` float32, C-contiguous, to be filled; a fresh array when None.

        Returns:
            ``out``, or the fresh array.
        """
        spec = self.spec
        if out is None:
            out = np.empty((1, 1, spec.height_px, spec.width_px), np.float32)
        top, left, bottom, right = self.crop_rect_px(pixels.shape[0], pixels.shape[1])
        image = pixels[top:bottom, left:right]
        if image.ndim == 3:  # grey of the crop is the crop of the grey, for less work
            image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
        cv2.resize(image, (spec.width_px, spec.height_px), dst=self._resized, interpolation=cv2.INTER_AREA)

        mean, std, scale = spec.mean, spec.std, 1.0
        if spec.normalisation == "image":
            mean, std = (float(moment[0, 0]) for moment in cv2.meanStdDev(self._resized))
            # A flat image (an unplugged cable) has no contrast to normalise: it becomes zero, not infinite.
            std, scale = (std, spec.scale) if std > 0 else (1.0, 0.0)
        plane = out[0, 0]
        np.subtract(self._resized, np.float32(mean), out=plane, dtype=np.float32)
        np.multiply(plane, np.float32(scale / std), out=plane)
        return out
