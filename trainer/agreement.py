"""How well the pairs that pretraining believes are those that truly belong together, where the truth is known.

The software scanner tells which utterances are about the image. Training never looks at it; these figures do. NumPy
only; called by the training loop's only thread.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from assistant.contracts import Float32Array

Float64Array = npt.NDArray[np.float64]

RELEVANT = 0.5
"""A pair is relevant when at least this share of its speech is about the image."""


def agreement(affinity: Float32Array, weights: Float32Array, relevance: Float64Array) -> dict[str, float]:
    """Figures of one epoch, by name; those that need a truth are left out without any.

    Args:
        affinity: ``(pairs,)`` cosines, NaN for pairs not met yet.
        weights: ``(pairs,)`` in [0, 1]: how much each pair counted in this epoch; above 0 it was admitted.
        relevance: ``(pairs,)`` share of the speech that is about the image, NaN where nothing is known.

    Returns:
        ``affinity``, its mean; ``relevant``, the share of the known pairs that are relevant, which is the precision
        of admitting at random; ``admission_precision`` and ``admission_recall`` of the admitted pairs; and
        ``relevance_auc``, the area under the ROC by which affinity tells relevant pairs from others (chance is 0.5).
    """
    from scipy.stats import rankdata

    figures = {"affinity": float(np.nanmean(affinity))}
    known = ~np.isnan(relevance)
    if not known.any():
        return figures
    relevant, admitted = relevance[known] >= RELEVANT, weights[known] > 0
    figures["relevant"] = float(relevant.mean())
    right = float((relevant & admitted).sum())
    if admitted.any():
        figures["admission_precision"] = right / float(admitted.sum())
    if relevant.any():
        figures["admission_recall"] = right / float(relevant.sum())
    met = known & ~np.isnan(affinity)
    relevant = relevance[met] >= RELEVANT
    if relevant.any() and not relevant.all():
        ranks, n = rankdata(affinity[met]), int(relevant.sum())
        figures["relevance_auc"] = float((ranks[relevant].sum() - n * (n + 1) / 2) / (n * (len(relevant) - n)))
    return figures
