"""From an image of any scanner to the network's input: one definition for training and live.

Training keeps grey frames (``Preprocessor.resized``) and normalises them when they are used (``normalised``); live does
both at once (``Preprocessor.__call__``). A ``Preprocessor`` keeps its buffers, so each thread makes its own (live: the
inference thread), and with ``out`` it allocates nothing from frame to frame. OpenCV's pool of threads is process-wide
and set where the run is wired, not here.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from assistant.contracts import Float32Array, UInt8Array
from assistant.model_contracts import Preprocessing


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


def normalised(grey: UInt8Array, spec: Preprocessing, out: Float32Array | None = None) -> Float32Array:
    """Grey levels as the network wants them: ``(x - mean) * (scale / std)``.

    Args:
        grey: ``(..., H, W)`` uint8; with ``image`` normalisation one image ``(H, W)``.
        spec: says which mean, deviation and scale.
        out: of the same shape, float32, to be filled; a fresh array when None.

    Returns:
        ``out``, or the fresh array.

    Raises:
        ValueError: ``image`` normalisation of more than one image at once.
    """
    mean, std, scale = spec.mean, spec.std, 1.0
    if spec.normalisation == "image":
        if grey.ndim != 2:
            raise ValueError(f"normalisation 'image': expected one image (H, W), got {grey.shape}")
        mean, std = (float(moment[0, 0]) for moment in cv2.meanStdDev(grey))
        # A flat image (an unplugged cable) has no contrast to normalise: it becomes zero, not infinite.
        std, scale = (std, spec.scale) if std > 0 else (1.0, 0.0)
    if out is None:
        out = np.empty(grey.shape, np.float32)
    np.copyto(out, grey)  # first the type, then the numbers: a mixed subtraction would go through a buffer of NumPy's
    np.subtract(out, np.float32(mean), out=out)
    np.multiply(out, np.float32(scale / std), out=out)
    return out


class Preprocessor:
    """Grey, crop, area resize, normalise.

    Grey is OpenCV's luma (``0.299 R + 0.587 G + 0.114 B``, ITU-R BT.601); the aspect ratio of the crop is not kept:
    it is stretched to the network's input.
    """

    def __init__(self, spec: Preprocessing) -> None:
        self.spec = spec
        self._resized: UInt8Array = np.empty((spec.height_px, spec.width_px), np.uint8)
        self._grey: UInt8Array = np.empty((0, 0), np.uint8)

    def crop_rect_px(self, height: int, width: int) -> tuple[int, int, int, int]:
        """The part of an image that the network sees: (top, left, bottom, right) in pixels, half open."""
        return crop_rect_px(self.spec, height, width)

    @property
    def grey(self) -> UInt8Array:
        """What the last call of ``resized`` gave: the network's input before normalisation."""
        return self._resized

    def resized(self, pixels: UInt8Array) -> UInt8Array:
        """The image as a frame to keep: grey, cropped, resized, not yet normalised.

        Args:
            pixels: ``(H, W, 3)`` uint8 RGB or ``(H, W)`` uint8 grey.

        Returns:
            ``(height_px, width_px)`` uint8: **the preprocessor's own buffer**, which the next call writes over.
        """
        top, left, bottom, right = self.crop_rect_px(pixels.shape[0], pixels.shape[1])
        image: npt.NDArray[np.uint8] = pixels[top:bottom, left:right]
        if image.ndim == 3:  # grey of the crop is the crop of the grey, for less work
            if self._grey.shape != image.shape[:2]:
                self._grey = np.empty(image.shape[:2], np.uint8)
            cv2.cvtColor(image, cv2.COLOR_RGB2GRAY, dst=self._grey)
            image = self._grey
        size = (self.spec.width_px, self.spec.height_px)
        cv2.resize(image, size, dst=self._resized, interpolation=cv2.INTER_AREA)
        return self._resized

    def __call__(self, pixels: UInt8Array, out: Float32Array | None = None) -> Float32Array:
        """Make the network's input.

        Args:
            pixels: ``(H, W, 3)`` uint8 RGB or ``(H, W)`` uint8 grey.
            out: ``(1, 1, height_px, width_px)`` float32, C-contiguous, to be filled; a fresh array when None.

        Returns:
            ``out``, or the fresh array.
        """
        if out is None:
            out = np.empty((1, 1, self.spec.height_px, self.spec.width_px), np.float32)
        normalised(self.resized(pixels), self.spec, out[0, 0])
        return out
