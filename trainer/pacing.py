"""Affinity-aware self-paced learning: which pairs of clip and speech to believe, and when.

Much of what is said during a scan is not about the image, so a pair of the same moment is only a candidate. Slowly
moving (EMA) copies of the encoders measure its affinity, the cosine of its two embeddings. Classical self-paced
learning (Kumar 2010; Jiang 2014) admits samples of low loss first; here ``1 - affinity`` takes the place of the loss,
so high affinity is easy. The affinities of a batch also show false negatives: pairs of different moments that fit as
well as true ones do.

NumPy only; called by the training loop's only thread.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from assistant.contracts import Float32Array

Pacing = Literal["none", "hard", "linear", "mixture"]

_MIN_GAP = 0.05
"""Of positives over negatives, in cosine: with less the encoders cannot tell the two apart, and may not judge."""


class AffinityMemory:
    """The affinity ``a_i`` of every pair, kept over the epochs.

    Attributes:
        affinity: ``(n_pairs,)`` float32, cosines; NaN for pairs not met yet.
    """

    def __init__(self, n_pairs: int, momentum: float = 0.5) -> None:
        self.affinity: Float32Array = np.full(n_pairs, np.nan, np.float32)
        self._momentum = momentum

    def update(self, pairs: npt.NDArray[np.int64], affinity: Float32Array) -> None:
        """Blend in what a batch found. The first value of a pair is taken as it is.

        Args:
            pairs: ``(N,)`` numbers of the pairs; each at most once.
            affinity: ``(N,)`` their cosines now.
        """
        old = self.affinity[pairs]
        blended = self._momentum * old + (1 - self._momentum) * affinity
        self.affinity[pairs] = np.where(np.isnan(old), affinity, blended)


def admitted_share(epoch: int, epochs: int, warm_up: float, rho_0: float, rho_1: float) -> float:
    """Share of the pairs that count in an epoch.

    All during the warm-up (the encoders must know something before their judgement is worth anything); then
    ``rho_0``, growing linearly to ``rho_1`` in the last epoch.
    """
    first = round(warm_up * epochs)
    if epoch < first:
        return 1.0
    progress = (epoch - first) / max(epochs - 1 - first, 1)
    return rho_0 + (rho_1 - rho_0) * min(progress, 1.0)


def self_paced_weights(affinity: Float32Array, share: float, kind: Pacing) -> Float32Array:
    """Weights of the positive pairs from their affinities.

    With the difficulty ``l = 1 - a`` and the threshold ``u``, its quantile at ``share``::

        hard     1 if l <= u else 0                                            (Kumar 2010)
        linear   max(0, 1 - l / u)                                             (Jiang 2014)
        mixture  1 if l <= u', 0 if l >= u, else (1/l - 1/u) / (1/u' - 1/u)    (Jiang 2014; u' = quantile at share / 2)

    Args:
        affinity: ``(n_pairs,)`` cosines; NaN (never met) has weight 1.
        share: admitted share in (0, 1]; 1 admits all, with weight 1.
        kind: see above; ``none`` is 1 for all.

    Returns:
        ``(n_pairs,)`` float32 in [0, 1].
    """
    known = ~np.isnan(affinity)
    weights = np.ones(len(affinity), np.float32)
    if kind == "none" or share >= 1 or not known.any():
        return weights
    # A cosine of 1 would be a difficulty of 0, which mixture divides by.
    difficulty = np.maximum(1.0 - affinity[known].astype(np.float64), 1e-6)
    upper = float(np.quantile(difficulty, share))
    if kind == "hard":
        found = (difficulty <= upper).astype(np.float64)
    elif kind == "linear":
        found = np.maximum(0.0, 1.0 - difficulty / upper)
    else:
        lower = float(np.quantile(difficulty, share / 2))
        if lower < upper:
            found = np.clip((1 / difficulty - 1 / upper) / (1 / lower - 1 / upper), 0.0, 1.0)
        else:
            found = (difficulty <= upper).astype(np.float64)
    weights[known] = found
    return weights


def negative_weights(affinity: Float32Array, negative: npt.NDArray[np.bool_], *, judge: bool) -> Float32Array:
    """How much each pair of a batch counts as a negative.

    A negative whose affinity is as high as that of the typical positive shows the same anatomy or says the same; it
    counts 0. One at the mean of the negatives or below counts 1; linear between.

    Args:
        affinity: ``(N, N)`` cosines of the batch, clips by speech; the diagonal are the positives.
        negative: ``(N, N)`` True where the pair may be a negative at all (``pairs.relations``).
        judge: False during the warm-up: all negatives count 1.

    Returns:
        ``(N, N)`` float32 in [0, 1], 0 where not ``negative``.
    """
    weights = negative.astype(np.float32)
    if not judge or not negative.any():
        return weights
    typical = float(np.median(np.diag(affinity)))
    mean = float(affinity[negative].mean())
    if typical - mean < _MIN_GAP:
        return weights
    weights *= np.clip((typical - affinity) / (typical - mean), 0.0, 1.0)
    return weights
