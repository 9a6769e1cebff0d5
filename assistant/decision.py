"""From logits to a decision: calibrated probabilities, a causal temporal filter, hysteresis, and abstention.

Runs on the inference thread; arithmetic on the frames' own time stamps, so that a replay decides the same.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from assistant.contracts import Abstention, Decision, Float32Array
from assistant.model_contracts import ModelBundle

TIME_CONSTANT_NS = 100_000_000
"""Of the temporal filter: a plane that appears is past half of its final probability after 0.07 s."""

KEEP_SHARE = 0.85
"""Hysteresis: a plane that is named stays named while its confidence is at least this share of what naming it asks.

Both were chosen on validation scans (``docs/decision-quality.md``).
"""


def probabilities(logits: Float32Array, temperature: float) -> Float32Array:
    """Softmax of ``logits / temperature`` over the last axis (Guo 2017, temperature scaling).

    Args:
        logits: ``(..., n_classes)`` float32.
        temperature: positive, from calibration on validation data.

    Returns:
        ``(..., n_classes)`` float32, sums to 1; NaN where a logit is not finite.
    """
    scaled = logits.astype(np.float64) / temperature
    with np.errstate(invalid="ignore"):
        exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probability: Float32Array = (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype(np.float32)
    return probability


def decide(probability: Float32Array, bundle: ModelBundle, held: str | None = None) -> Decision:
    """The most likely class, or an abstention when it is not likely enough.

    Args:
        probability: ``(n_classes,)`` float32, sums to 1.
        bundle: owns the class list and the threshold.
        held: the plane that is named already, for which less is enough.
    """
    if not np.isfinite(probability).all():
        return Decision(None, bundle.background, 0.0, Abstention.NOT_FINITE)
    best = int(probability.argmax())
    confidence = float(probability[best])
    top = bundle.classes[best]
    if confidence < bundle.abstain_below * (KEEP_SHARE if top == held else 1.0):
        return Decision(None, top, confidence, Abstention.LOW_CONFIDENCE)
    return Decision(top, top, confidence)


class TemporalFilter:
    """Exponential average of probabilities over capture time; forgets at each new scene or stream.

    A causal filter adds no waiting: the newest frame always counts, with weight ``1 - exp(-dt / TIME_CONSTANT_NS)``.
    """

    def __init__(self) -> None:
        self._mean: Float32Array | None = None
        self._captured_ns = 0
        self._scene = (-1, -1)

    def __call__(self, probability: Float32Array, captured_ns: int, scene: tuple[int, int]) -> Float32Array:
        """The filtered probabilities, ``(n_classes,)`` float32.

        Args:
            probability: ``(n_classes,)`` of this frame alone.
            captured_ns: of this frame.
            scene: (stream, scene) of this frame.
        """
        if not np.isfinite(probability).all():
            return probability
        if self._mean is None or scene != self._scene:
            self._mean = probability
        else:
            weight = -math.expm1(-max(captured_ns - self._captured_ns, 0) / TIME_CONSTANT_NS)
            self._mean = (self._mean + np.float32(weight) * (probability - self._mean)).astype(np.float32)
        self._captured_ns = captured_ns
        self._scene = scene
        return self._mean


class Decider:
    """Decides frame after frame: filters probabilities over time, and holds a plane that it has named.

    A plane is named once the filtered confidence reaches the model's threshold, and let go below ``KEEP_SHARE`` of it,
    when another class is likelier, and at a new scene. Background is not held.
    """

    def __init__(self, bundle: ModelBundle) -> None:
        self._bundle = bundle
        self.forget()

    def forget(self) -> None:
        """What comes next is no continuation of what was before."""
        self._filter = TemporalFilter()
        self._held: str | None = None
        self._scene = (-1, -1)

    def __call__(
        self,
        probability: Float32Array,
        captured_ns: int,
        scene: tuple[int, int],
        instead: Abstention | None = None,
    ) -> Decision:
        """What is said about the next frame.

        Args:
            probability: ``(n_classes,)`` of this frame alone.
            captured_ns: of this frame.
            scene: (stream, scene) of this frame.
            instead: why no plane may be named whatever the confidence; the filter goes on.
        """
        if scene != self._scene:
            self._held, self._scene = None, scene
        decision = decide(self._filter(probability, captured_ns, scene), self._bundle, self._held)
        if instead is not None and decision.abstention is not Abstention.NOT_FINITE:
            decision = replace(decision, plane=None, abstention=instead)
        self._held = None if decision.plane == self._bundle.background else decision.plane
        return decision
